//! The socket that the server listens on, opened before the app runs, so that a port in use is told at the start.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener},
    sync::Arc,
};

/// Where the server listens unless told otherwise: this machine only.
pub const DEFAULT_ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

/// The server cannot listen. Each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// Choose another port, or end the other program.
    #[error("port {} on {} is already in use; end the program that uses it, or choose another port (0 picks a free one)",
        .0.port(), .0.ip())]
    PortInUse(SocketAddr),
    /// Choose a port from 1024 up.
    #[error("this user may not listen on port {} on {}; choose a port from 1024 up", .0.port(), .0.ip())]
    NotAllowed(SocketAddr),
    /// Choose an address of this machine.
    #[error(
        "{0} is not an address of this machine; use 127.0.0.1 for this machine only, or 0.0.0.0 for all its networks"
    )]
    NotMine(IpAddr),
    /// Anything else that the system says.
    #[error("cannot listen on {address}: {cause}")]
    Socket {
        /// Where.
        address: SocketAddr,
        /// What the system says.
        cause: io::Error,
    },
}

/// An open socket. Connections wait in its backlog until the app runs.
#[derive(Clone, Debug)]
pub struct Listener {
    socket: Arc<TcpListener>,
    address: SocketAddr,
}

impl Listener {
    /// Where it listens; the port is the real one even if 0 was asked for.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn open(address: SocketAddr) -> Result<Self, ServerError> {
        let open = || {
            let socket = TcpListener::bind(address)?;
            socket.set_nonblocking(true)?;
            let address = socket.local_addr()?;
            Ok(Self { socket: Arc::new(socket), address })
        };
        open().map_err(|cause: io::Error| match cause.kind() {
            io::ErrorKind::AddrInUse => ServerError::PortInUse(address),
            io::ErrorKind::PermissionDenied => ServerError::NotAllowed(address),
            io::ErrorKind::AddrNotAvailable => ServerError::NotMine(address.ip()),
            _ => ServerError::Socket { address, cause },
        })
    }

    /// The same socket, to serve on.
    pub(crate) fn socket(&self) -> io::Result<TcpListener> {
        self.socket.try_clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_in_use_is_told_in_words() {
        let first = Listener::open("127.0.0.1:0".parse().expect("an address")).expect("a free port");
        assert_ne!(first.address().port(), 0);
        let error = Listener::open(first.address()).expect_err("the port is taken").to_string();
        assert!(
            error.starts_with(&format!("port {} on 127.0.0.1 is already in use", first.address().port())),
            "{error}"
        );
    }

    #[test]
    fn an_address_of_another_machine_is_told_in_words() {
        // 192.0.2.0/24 is for documentation (RFC 5737); no machine has it.
        let error = Listener::open("192.0.2.1:0".parse().expect("an address")).expect_err("not this machine");
        assert!(matches!(error, ServerError::NotMine(_)), "{error}");
    }
}
