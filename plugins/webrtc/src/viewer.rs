//! From a signalling connection to a viewer: the task that steps the signalling and does what it says.

use std::{
    future::pending,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::mpsc;
use visage_schedule::SignalSocket;

use crate::{
    hub::{Hub, Seat},
    peer::{Peer, PeerEvent, PeerSettings},
    signal::{Action, IceServer, Input, Refusal, Signalling, ToViewer},
};

/// Making a peer takes milliseconds; a machine that needs longer than this cannot serve one.
const ANSWER_PATIENCE: Duration = Duration::from_secs(10);
/// A viewer that does not read its texts for so long has gone.
const SEND_PATIENCE: Duration = Duration::from_secs(5);

/// Lets viewers in until the door is closed. Each is served by a task of its own.
pub(crate) async fn open_door(mut door: mpsc::Receiver<SignalSocket>, hub: Arc<Hub>, settings: Arc<PeerSettings>) {
    while let Some(socket) = door.recv().await {
        match hub.sit() {
            Some(seat) => {
                tokio::spawn(Viewer { socket, hub: hub.clone(), settings: settings.clone(), seat, peer: None }.serve());
            }
            None => {
                tokio::spawn(send(socket.to_viewer, ToViewer::full(hub.seats())));
            }
        }
    }
}

async fn send(to_viewer: mpsc::Sender<String>, text: ToViewer) -> bool {
    tokio::time::timeout(SEND_PATIENCE, to_viewer.send(text.json())).await.is_ok_and(|sent| sent.is_ok())
}

struct Viewer {
    socket: SignalSocket,
    hub: Arc<Hub>,
    settings: Arc<PeerSettings>,
    seat: Seat,
    peer: Option<Peer>,
}

/// What came.
enum Come {
    Text(Option<String>),
    Peer(PeerEvent),
    Deadline,
}

impl Viewer {
    async fn serve(mut self) {
        let viewer = self.seat.viewer;
        tracing::info!("viewer {viewer} comes");
        let began = Instant::now();
        let servers = self.settings.stun_servers.clone();
        let servers = if servers.is_empty() { Vec::new() } else { vec![IceServer { urls: servers }] };
        let (mut signalling, welcome) = Signalling::begin(servers);
        let mut stays = send(self.socket.to_viewer.clone(), welcome).await;
        while stays {
            let deadline = signalling.deadline().map(|deadline| began + deadline);
            let actions = match self.next(deadline).await {
                Come::Text(None) => break,
                Come::Text(Some(text)) => signalling.step(Input::Text(&text), began.elapsed()),
                Come::Deadline => signalling.step(Input::Deadline, began.elapsed()),
                Come::Peer(event) => match self.peer.as_mut().and_then(|peer| peer.serve(event)) {
                    Some(PeerEvent::OwnCandidate(candidate)) => {
                        signalling.step(Input::OwnCandidate(candidate), began.elapsed())
                    }
                    Some(PeerEvent::Link(link)) => {
                        tracing::debug!("viewer {viewer}: {link:?}");
                        signalling.step(Input::Link(link), began.elapsed())
                    }
                    Some(PeerEvent::Channel(_) | PeerEvent::Track(_)) | None => Vec::new(),
                },
            };
            stays = self.act(actions, &mut signalling, began).await;
        }
        if let Some(peer) = self.peer.take() {
            peer.close().await;
        }
        tracing::info!("viewer {viewer} leaves");
    }

    async fn next(&mut self, deadline: Option<Instant>) -> Come {
        let peer = &mut self.peer;
        let event = async {
            match peer {
                Some(peer) => match peer.next_event().await {
                    Some(event) => event,
                    None => pending().await,
                },
                None => pending().await,
            }
        };
        let time = async {
            match deadline {
                Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
                None => pending().await,
            }
        };
        tokio::select! {
            text = self.socket.from_viewer.recv() => Come::Text(text),
            event = event => Come::Peer(event),
            () = time => Come::Deadline,
        }
    }

    /// Does what the signalling says; false when the viewer is to go.
    async fn act(&mut self, actions: Vec<Action>, signalling: &mut Signalling, began: Instant) -> bool {
        for action in actions {
            let result = match action {
                Action::Send(text) => {
                    if !send(self.socket.to_viewer.clone(), text).await {
                        return false;
                    }
                    continue;
                }
                Action::End => return false,
                Action::Open(offer) => Input::Answered(self.open(offer).await),
                Action::AddCandidate(candidate) => {
                    let Some(peer) = &self.peer else { continue };
                    match peer.add_candidate(candidate).await {
                        Ok(()) => continue,
                        Err(why) => Input::CandidateRefused(why),
                    }
                }
            };
            let next = signalling.step(result, began.elapsed());
            if !Box::pin(self.act(next, signalling, began)).await {
                return false;
            }
        }
        true
    }

    async fn open(&mut self, offer: String) -> Result<String, Refusal> {
        if let Some(old) = self.peer.take() {
            old.close().await;
        }
        let answer = Peer::answer(&self.settings, &self.hub, self.seat.viewer, offer);
        let late = |_| Refusal::Ourselves("it took too long".into());
        let (peer, answer) = tokio::time::timeout(ANSWER_PATIENCE, answer).await.map_err(late)??;
        self.peer = Some(peer);
        Ok(answer)
    }
}
