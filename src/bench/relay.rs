//! A network between server and viewer that delays and loses packets: a UDP relay on loopback. What is lost is chosen by
//! a seed, so that each run loses the same share.

use std::{
    io::ErrorKind,
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, Sender, bounded};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Packets under way: at 40 ms and 1.5 Mbit/s there are a dozen. When full, the newest is lost, as in a router.
const UNDER_WAY: usize = 1_024;
/// The longest packet of UDP.
const LONGEST_PACKET: usize = 65_535;
/// How often the receiving thread looks whether it is to end.
const LOOK: Duration = Duration::from_millis(100);

/// How the network behaves.
#[derive(Clone, Copy, Debug)]
pub struct Network {
    /// Delay one way.
    pub delay: Duration,
    /// Share of packets that are lost, 0..=1.
    pub loss: f64,
    /// Where the chance begins.
    pub seed: u64,
}

/// What the relay has done.
#[derive(Debug, Default)]
struct Counts {
    passed: AtomicU64,
    lost: AtomicU64,
}

/// See the file's head. Ends when it is dropped.
pub struct Relay {
    address: SocketAddr,
    /// The server's port on loopback; 0 while it is not known. What comes before is lost.
    server: Arc<AtomicU16>,
    stop: Arc<AtomicBool>,
    counts: Arc<Counts>,
}

/// Leads a relay to the server.
pub struct Leading(Arc<AtomicU16>);

impl Leading {
    /// The server receives at this port.
    pub fn to(&self, port: u16) {
        self.0.store(port, Ordering::Relaxed);
    }
}

/// A packet, where it goes, and when.
type UnderWay = (Instant, SocketAddr, Vec<u8>);

impl Relay {
    /// Opens a relay on a free port.
    ///
    /// # Errors
    /// There is no free port, or no thread.
    pub fn open(network: Network) -> std::io::Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.set_read_timeout(Some(LOOK))?;
        let relay = Self {
            address: socket.local_addr()?,
            server: Arc::default(),
            stop: Arc::default(),
            counts: Arc::default(),
        };
        let (sender, under_way) = bounded(UNDER_WAY);
        let outgoing = socket.try_clone()?;
        let (server, stop, counts) = (relay.server.clone(), relay.stop.clone(), relay.counts.clone());
        let receive = move || receive(&socket, &sender, network, &server, &stop, &counts);
        thread::Builder::new().name("relay in".into()).spawn(receive)?;
        thread::Builder::new().name("relay out".into()).spawn(move || pass_on(&outgoing, &under_way))?;
        Ok(relay)
    }

    /// Its port on loopback, for viewer and server alike.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Tells the relay where the server receives, from any thread.
    pub fn leading(&self) -> Leading {
        Leading(self.server.clone())
    }

    /// Packets that were passed on, and that were lost.
    pub fn counts(&self) -> (u64, u64) {
        (self.counts.passed.load(Ordering::Relaxed), self.counts.lost.load(Ordering::Relaxed))
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn receive(
    socket: &UdpSocket,
    under_way: &Sender<UnderWay>,
    network: Network,
    server: &AtomicU16,
    stop: &AtomicBool,
    counts: &Counts,
) {
    let mut chance = ChaCha8Rng::seed_from_u64(network.seed);
    let mut packet = vec![0; LONGEST_PACKET];
    let mut viewer = None;
    while !stop.load(Ordering::Relaxed) {
        let (length, from) = match socket.recv_from(&mut packet) {
            Ok(received) => received,
            // Nothing came, or a port that a packet went to is closed.
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => continue,
            Err(error) => {
                tracing::debug!("relay: {error}");
                continue;
            }
        };
        let port = server.load(Ordering::Relaxed);
        let to = if from.port() == port {
            viewer
        } else {
            viewer = Some(from);
            (port != 0).then(|| SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
        };
        let Some(to) = to else { continue };
        let packet = (Instant::now() + network.delay, to, packet[..length].to_vec());
        let count = if chance.random_bool(network.loss) || under_way.try_send(packet).is_err() {
            &counts.lost
        } else {
            &counts.passed
        };
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// All packets take the same time, so they leave in the order in which they came.
fn pass_on(socket: &UdpSocket, under_way: &Receiver<UnderWay>) {
    for (due, to, packet) in under_way {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        if let Err(error) = socket.send_to(&packet, to) {
            tracing::debug!("relay: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open() -> UdpSocket {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        socket.set_read_timeout(Some(Duration::from_secs(10))).expect("it can be set");
        socket
    }

    #[test]
    fn packets_go_both_ways_in_order() {
        let relay = Relay::open(Network { delay: Duration::from_millis(1), loss: 0.0, seed: 7 }).expect("a free port");
        let (server, viewer) = (open(), open());
        relay.leading().to(server.local_addr().expect("it is bound").port());
        let mut packet = [0; 16];
        for number in 0..20_u8 {
            viewer.send_to(&[number], (Ipv4Addr::LOCALHOST, relay.port())).expect("it can be sent");
        }
        for number in 0..20_u8 {
            let (length, from) = server.recv_from(&mut packet).expect("a packet comes");
            assert_eq!((&packet[..length], from.port()), (&[number][..], relay.port()));
        }
        server.send_to(b"back", (Ipv4Addr::LOCALHOST, relay.port())).expect("it can be sent");
        let (length, _) = viewer.recv_from(&mut packet).expect("the answer comes, too");
        assert_eq!((&packet[..length], relay.counts()), (&b"back"[..], (21, 0)));
    }

    #[test]
    fn the_asked_share_is_lost() {
        let relay = Relay::open(Network { delay: Duration::ZERO, loss: 0.1, seed: 7 }).expect("a free port");
        let (server, viewer) = (open(), open());
        relay.leading().to(server.local_addr().expect("it is bound").port());
        // Few at a time: a socket holds some hundreds.
        for count in (50..=1_000).step_by(50) {
            for _ in 0..50 {
                viewer.send_to(&[0], (Ipv4Addr::LOCALHOST, relay.port())).expect("it can be sent");
            }
            let patience = Instant::now() + Duration::from_secs(10);
            while relay.counts().0 + relay.counts().1 < count {
                assert!(Instant::now() < patience, "{:?} of {count}", relay.counts());
                thread::yield_now();
            }
        }
        let (_, lost) = relay.counts();
        assert!((70..130).contains(&lost), "{lost} of 1,000");
    }
}
