//! Who may use the server: the token, the sessions of pages, other sites, TLS, and limits. docs/avatar/access.md says how
//! it is used.
//!
//! The rule: a server that only this machine can reach needs no token; every other one does. [`Access::check`] is that
//! rule, and a server that breaks it does not start.

mod attempts;
mod body;
mod client;
mod gate;
mod keyring;
mod limits;
mod origins;
#[cfg(test)]
mod over_sockets;
pub(crate) mod session;
mod tls;
mod token;
pub(crate) mod wire;

use std::{
    io,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

pub(crate) use body::watched;
pub(crate) use client::client;
pub(crate) use gate::{Caller, Gate, GateMeters, Refusal, SUBPROTOCOL, names_subprotocol};
pub use keyring::{Keyring, StoredToken, token_in_file};
pub use limits::Limits;
pub(crate) use limits::Places;
pub use origins::Origin;
pub(crate) use origins::{allow, is_preflight, preflight};
pub use tls::{Tls, TlsSource, address_for_others, names_of_this_machine};
pub use token::Token;

/// Who may use a server.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// What one must know; `None` only if nobody but this machine can reach the server.
    pub token: Option<Token>,
    /// Host names by which it may be reached, besides addresses and `localhost`. If it listens beyond this machine and
    /// the list is empty, every name is answered.
    pub hosts: Vec<String>,
    /// Pages of other sites that may use it, too.
    pub origins: Vec<Origin>,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub proxies: Vec<IpAddr>,
}

impl Access {
    /// Whether a server at `address` may be open to whoever reaches it: nobody but this machine can. A name or a proxy
    /// says that others are meant to.
    pub fn needs_token(&self, address: SocketAddr) -> bool {
        !client::is_loopback(address.ip()) || !self.hosts.is_empty() || !self.proxies.is_empty()
    }

    /// The rule.
    ///
    /// # Errors
    /// A token is needed and there is none.
    pub fn check(&self, address: SocketAddr) -> Result<(), AccessError> {
        if self.token.is_none() && self.needs_token(address) {
            return Err(AccessError::TokenNeeded(address));
        }
        Ok(())
    }
}

/// Access cannot be arranged as asked. Each message says what to do; none holds a secret.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// Give a token.
    #[error("a server at {0} can be reached by others, so it needs an access token; none is set")]
    TokenNeeded(SocketAddr),
    /// The system is at fault.
    #[error("the system gives no random numbers, so no token can be made")]
    NoRandomness,
    /// Choose a longer or shorter one.
    #[error("an access token has 16 to 512 characters; a good one is made by `openssl rand -base64 32`")]
    TokenLength,
    /// Choose others.
    #[error("an access token is made of letters (a-z), digits and - . _ ~ + / = only")]
    TokenCharacters,
    /// Put the file right, or remove it.
    #[error("{}: {why}", .file.display())]
    TokenFile {
        /// Which.
        file: PathBuf,
        /// What is wrong with what it holds.
        why: String,
    },
    /// Name a folder.
    #[error(
        "there is no home folder to keep the access token in; name a folder with --config-folder, or give a token with --token-file"
    )]
    NoHome,
    /// Write it as browsers do.
    #[error(
        "\"{0}\" is not the origin of a page; write scheme and host, with the port if it is unusual: https://example.org"
    )]
    Origin(String),
    /// Look at the file.
    #[error("{}: {cause}", .file.display())]
    File {
        /// Which.
        file: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// Look at the certificate and the key.
    #[error("{}: {why}", .file.display())]
    Certificate {
        /// Which file.
        file: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// A certificate of our own cannot be made.
    #[error("no certificate can be made: {0}")]
    Making(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_others_can_reach_needs_a_token() {
        let token = || Some(Token::parse("0123456789abcdef").expect("a token"));
        for (address, hosts, proxies, needed) in [
            ("127.0.0.1:8080", "", "", false),
            ("127.1.2.3:8080", "", "", false),
            ("[::1]:8080", "", "", false),
            ("[::ffff:127.0.0.1]:8080", "", "", false),
            ("0.0.0.0:8080", "", "", true),
            ("[::]:8080", "", "", true),
            ("192.168.1.5:8080", "", "", true),
            ("127.0.0.1:8080", "avatar.example", "", true),
            ("127.0.0.1:8080", "", "127.0.0.1", true),
        ] {
            let open = Access {
                hosts: hosts.split_whitespace().map(str::to_owned).collect(),
                proxies: proxies.split_whitespace().map(|one| one.parse().expect(one)).collect(),
                ..Access::default()
            };
            let address = address.parse().expect(address);
            assert_eq!(open.check(address).is_err(), needed, "{address} {hosts} {proxies}");
            assert!(Access { token: token(), ..open }.check(address).is_ok());
        }
    }
}
