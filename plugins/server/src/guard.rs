//! Who may ask: pure rules about the `Host` and `Origin` headers, and the headers that every answer carries.
//!
//! A browser sends `Origin` with every WebSocket and every POST; a page of another site must not steer the avatar. And a
//! foreign name that points at this machine (DNS rebinding) must not make such a page look like ours: a server that
//! listens on this machine only answers only to this machine's names.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, HeaderValue, Uri, header, uri::Authority};

use crate::problem::{Code, Problem};

/// Which host names the server answers to.
#[derive(Clone, Debug)]
pub(crate) struct Hosts {
    /// Names that a person allowed, lower case.
    pub(crate) allowed: Vec<String>,
    /// Whether every name is answered: the server is open to a network and nobody listed names.
    pub(crate) any: bool,
}

impl Hosts {
    pub(crate) fn new(address: SocketAddr, allowed: &[String]) -> Self {
        let allowed: Vec<_> = allowed.iter().map(|name| name.to_ascii_lowercase()).collect();
        Self { any: !address.ip().is_loopback() && allowed.is_empty(), allowed }
    }

    /// Refuses requests for another host and from pages of another site.
    pub(crate) fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
        let host = uri
            .authority()
            .cloned()
            .or_else(|| headers.get(header::HOST).and_then(|host| host.to_str().ok()?.parse::<Authority>().ok()))
            .ok_or_else(|| Problem::new(Code::UnknownHost, "The request names no host."))?;
        if !self.knows(host.host()) {
            let detail =
                format!("This server does not answer to \"{}\". Use the address that it printed.", host.host());
            return Err(Problem::new(Code::UnknownHost, detail));
        }
        match headers.get(header::ORIGIN) {
            Some(origin) if !origin.to_str().is_ok_and(|origin| is_same(origin, &host)) => {
                Err(Problem::new(Code::ForeignOrigin, "Pages of other sites may not use this server."))
            }
            _ => Ok(()),
        }
    }

    fn knows(&self, name: &str) -> bool {
        let name = name.to_ascii_lowercase();
        let bare = name.trim_start_matches('[').trim_end_matches(']');
        let is_address = bare.parse::<IpAddr>().is_ok();
        // An address cannot be rebound: who asks for it by number means this machine.
        self.any || is_address || name == "localhost" || name.ends_with(".localhost") || self.allowed.contains(&name)
    }
}

/// Whether a page at `origin` was served by `host`. The scheme may differ (something in front of us may speak TLS).
fn is_same(origin: &str, host: &Authority) -> bool {
    let Ok(origin) = origin.parse::<Uri>() else { return false };
    let (Some(scheme), Some(authority)) = (origin.scheme_str(), origin.authority()) else { return false };
    let usual = if scheme == "https" { 443 } else { 80 };
    authority.host().eq_ignore_ascii_case(host.host())
        && authority.port_u16().unwrap_or(usual) == host.port_u16().unwrap_or(usual)
}

/// What every answer carries: the page runs only what we serve, nobody frames it, nothing is guessed.
pub(crate) fn harden(headers: &mut HeaderMap) {
    const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; \
        connect-src 'self'; media-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    const FIXED: [(header::HeaderName, &str); 5] = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::HeaderName::from_static("permissions-policy"), "microphone=(self), camera=(), geolocation=()"),
        (header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ];
    for (name, value) in FIXED {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machines_pages_may_ask() {
        let local = "127.0.0.1:8080";
        let open = "0.0.0.0:8080";
        let ok = None;
        let cases = [
            // listening on, allowed names, Host, Origin, refusal
            (local, "", "127.0.0.1:8080", "", ok),
            (local, "", "localhost:8080", "http://localhost:8080", ok),
            (local, "", "LocalHost", "http://localhost:80", ok),
            (local, "", "[::1]:8080", "http://[::1]:8080", ok),
            (local, "", "evil.example:8080", "http://evil.example:8080", Some(Code::UnknownHost)),
            (local, "", "", "", Some(Code::UnknownHost)),
            (local, "", "127.0.0.1:8080", "http://evil.example", Some(Code::ForeignOrigin)),
            (local, "", "127.0.0.1:8080", "http://127.0.0.1:9090", Some(Code::ForeignOrigin)),
            (local, "", "127.0.0.1:8080", "http://localhost:8080", Some(Code::ForeignOrigin)),
            (local, "", "127.0.0.1:8080", "null", Some(Code::ForeignOrigin)),
            (local, "", "127.0.0.1:8080", "127.0.0.1:8080", Some(Code::ForeignOrigin)),
            (local, "avatar.example", "Avatar.example", "https://avatar.example", ok),
            (local, "avatar.example", "avatar.example", "https://avatar.example:444", Some(Code::ForeignOrigin)),
            (open, "", "kiosk.lan:8080", "http://kiosk.lan:8080", ok),
            (open, "avatar.example", "kiosk.lan:8080", "", Some(Code::UnknownHost)),
            (open, "avatar.example", "192.168.1.5:8080", "", ok),
        ];
        for (listening, allowed, host, origin, refusal) in cases {
            let names: Vec<String> = (!allowed.is_empty()).then(|| allowed.to_owned()).into_iter().collect();
            let hosts = Hosts::new(listening.parse().expect("an address"), &names);
            let mut headers = HeaderMap::new();
            for (name, value) in [(header::HOST, host), (header::ORIGIN, origin)] {
                if !value.is_empty() {
                    headers.insert(name, HeaderValue::from_static(value));
                }
            }
            let said = hosts.check(&Uri::from_static("/api/signal"), &headers).err().map(|problem| problem.code);
            assert_eq!(said, refusal, "{listening} {allowed} {host} {origin}");
        }
    }
}
