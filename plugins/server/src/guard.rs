//! What every request passes first, and the headers that every answer carries.
//!
//! A browser sends `Origin` with every WebSocket and every POST; a page of another site must not steer the avatar, unless
//! a person allows it. And a foreign name that points at this machine (DNS rebinding) must not make such a page look like
//! ours: a server that listens on this machine only answers only to this machine's names.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header, uri::Authority},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::{
    access::{self, Access, Caller, Gate, Origin, Refusal, wire::Arrival},
    problem::{Code, Problem},
};

/// What needs no token although a route matches it.
const OPEN: [&str; 2] = ["/health", "/api/session"];

/// Which host names the server answers to, and which sites' pages.
#[derive(Clone, Debug)]
pub(crate) struct Hosts {
    /// Names that a person allowed, lower case.
    allowed: Vec<String>,
    /// Whether every name is answered: the server is open to a network and nobody listed names.
    any: bool,
    /// Pages of other sites that a person allowed.
    origins: Vec<Origin>,
    /// Whether our own page is served over TLS, so that one that came over plain HTTP is somebody else's.
    is_tls: bool,
}

/// Who asks, as far as a browser says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Asker {
    /// Our page, or no page at all.
    Own,
    /// A page of another site that is allowed; its origin.
    Foreign(HeaderValue),
}

impl Hosts {
    pub(crate) fn new(address: SocketAddr, access: &Access, is_tls: bool) -> Self {
        let allowed: Vec<_> = access.hosts.iter().map(|name| name.to_ascii_lowercase()).collect();
        let is_local = address.ip().to_canonical().is_loopback();
        Self { any: !is_local && allowed.is_empty(), allowed, origins: access.origins.clone(), is_tls }
    }

    /// Refuses requests for another host and from pages of another site that nobody allowed.
    pub(crate) fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<Asker, Problem> {
        let host = self.host(uri, headers)?;
        let foreign = || Err(Problem::new(Code::ForeignOrigin, "Pages of other sites may not use this server."));
        let Some(origin) = headers.get(header::ORIGIN) else {
            // A browser names no origin where a page shows a picture or frames a page of ours.
            return if is_part_of_another_page(headers) { foreign() } else { Ok(Asker::Own) };
        };
        let is_downgraded = |origin: &str| self.is_tls && !origin.starts_with("https://");
        if origin.to_str().is_ok_and(|origin| is_same(origin, &host) && !is_downgraded(origin)) {
            return Ok(Asker::Own);
        }
        if self.origins.iter().any(|allowed| allowed.is(origin)) {
            return Ok(Asker::Foreign(origin.clone()));
        }
        foreign()
    }

    /// The host that a request is for, if it is one of ours.
    fn host(&self, uri: &Uri, headers: &HeaderMap) -> Result<Authority, Problem> {
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
        Ok(host)
    }

    fn knows(&self, name: &str) -> bool {
        let name = name.to_ascii_lowercase();
        let bare = name.trim_start_matches('[').trim_end_matches(']');
        let is_address = bare.parse::<IpAddr>().is_ok();
        // An address cannot be rebound: who asks for it by number means this machine.
        self.any || is_address || name == "localhost" || name.ends_with(".localhost") || self.allowed.contains(&name)
    }
}

/// Whether a browser says that another site's page wants this inside itself (Fetch Metadata, W3C). Programs and old browsers
/// say nothing; a link that a person follows is no part of the page that it is on.
fn is_part_of_another_page(headers: &HeaderMap) -> bool {
    let says = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_followed = says("sec-fetch-mode") == "navigate" && says("sec-fetch-dest") == "document";
    matches!(says("sec-fetch-site"), "cross-site" | "same-site") && !is_followed
}

/// Whether a page at `origin` was served by `host`. The scheme may differ (something in front of us may speak TLS).
fn is_same(origin: &str, host: &Authority) -> bool {
    let Ok(origin) = origin.parse::<Uri>() else { return false };
    let (Some(scheme), Some(authority)) = (origin.scheme_str(), origin.authority()) else { return false };
    let usual = if scheme == "https" { 443 } else { 80 };
    authority.host().eq_ignore_ascii_case(host.host())
        && authority.port_u16().unwrap_or(usual) == host.port_u16().unwrap_or(usual)
}

/// Lets a request pass or refuses it. Belongs outside of everything else.
pub(crate) async fn guard(State(gate): State<Arc<Gate>>, request: Request, next: Next) -> Response {
    let asker = gate.hosts.check(request.uri(), request.headers());
    let asks_subprotocol = access::names_subprotocol(request.headers());
    let (mut response, origin) = match asker {
        Err(problem) => (problem.into_response(), None),
        Ok(asker) => {
            let response = pass(&gate, &asker, request, next).await.unwrap_or_else(IntoResponse::into_response);
            match asker {
                Asker::Own => (response, None),
                Asker::Foreign(origin) => (response, Some(origin)),
            }
        }
    };
    let status = response.status();
    let headers = response.headers_mut();
    if let Some(origin) = origin {
        access::allow(origin, headers);
    }
    headers.append(header::VARY, HeaderValue::from_static("origin"));
    if status == StatusCode::SWITCHING_PROTOCOLS && asks_subprotocol {
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(access::SUBPROTOCOL));
    }
    harden(headers);
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

async fn pass(gate: &Gate, asker: &Asker, mut request: Request, next: Next) -> Result<Response, Refusal> {
    let arrival = request.extensions().get::<Arrival>().copied().unwrap_or(Arrival::NOWHERE);
    if gate.is_tls && !arrival.is_encrypted {
        return to_https(&request).map_err(Refusal::from);
    }
    let origin = request.headers().get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
    let caller = Caller {
        address: access::client(arrival.peer, request.headers(), &gate.proxies),
        is_foreign: matches!(asker, Asker::Foreign(_)),
        is_https: gate.is_tls || origin.is_some_and(|origin| origin.starts_with("https://")),
    };
    gate.count(caller)?;
    if access::is_preflight(request.method(), request.headers()) {
        return Ok(access::preflight());
    }
    if needs_token(&request) {
        gate.admit(caller, request.headers())?;
    }
    request.extensions_mut().insert(caller);
    let (parts, body) = request.into_parts();
    let (body, slow) = access::watched(body, &gate.limits);
    let response = next.run(Request::from_parts(parts, body)).await;
    if slow.happened() {
        let problem = Problem::new(Code::RequestTooSlow, "The body came too slowly and was given up. Send it again.");
        let mut response = problem.into_response();
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        return Ok(response);
    }
    Ok(response)
}

/// Whatever a route matches, unless it is open; the rest is the page's files and what is not there.
fn needs_token(request: &Request) -> bool {
    let path = request.uri().path();
    let is_matched = request.extensions().get::<MatchedPath>().is_some();
    (is_matched || path.starts_with("/api/") || path.starts_with("/metrics")) && !OPEN.contains(&path)
}

/// A browser that came without TLS is sent to the page with it. Anything else may already have told a secret to the whole
/// network, which must not go unnoticed.
fn to_https(request: &Request) -> Result<Response, Problem> {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    if let (Some(host), &Method::GET | &Method::HEAD) = (host, request.method()) {
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        if let Ok(address) = HeaderValue::try_from(format!("https://{host}{path}")) {
            return Ok((StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, address)]).into_response());
        }
    }
    Err(Problem::new(Code::TlsRequired, "This server speaks TLS on this port. Use https:// (or wss://)."))
}

/// What every answer carries: the page runs only what we serve, nobody frames it, nothing is guessed. A handler that sets
/// one of these itself knows better.
pub(crate) fn harden(headers: &mut HeaderMap) {
    const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; font-src 'self'; \
        connect-src 'self'; media-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    const FIXED: [(header::HeaderName, &str); 6] = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::HeaderName::from_static("permissions-policy"), "microphone=(self), camera=(), geolocation=()"),
        (header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (header::HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    for (name, value) in FIXED {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
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
        let friend: Origin = "https://friend.example".parse().expect("an origin");
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
            (local, "", "127.0.0.1:8080", "https://friend.example", ok),
            (local, "", "127.0.0.1:8080", "http://friend.example", Some(Code::ForeignOrigin)),
            (local, "", "127.0.0.1:8080", "https://friend.example.evil.example", Some(Code::ForeignOrigin)),
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
            let access = Access { hosts: names, origins: vec![friend.clone()], ..Access::default() };
            let hosts = Hosts::new(listening.parse().expect("an address"), &access, false);
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

    /// Over TLS a page that came without it is somebody else's, on whichever port.
    #[test]
    fn a_page_without_tls_is_not_ours_with_it() {
        let access = Access { hosts: vec!["avatar.example".into()], ..Access::default() };
        let hosts = Hosts::new(([0, 0, 0, 0], 443).into(), &access, true);
        for (host, origin, is_ours) in [
            ("avatar.example", "https://avatar.example", true),
            ("avatar.example", "http://avatar.example", false),
            ("avatar.example:8443", "https://avatar.example:8443", true),
            ("avatar.example:8443", "http://avatar.example:8443", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static(host));
            headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
            assert_eq!(hosts.check(&Uri::from_static("/"), &headers).is_ok(), is_ours, "{host} {origin}");
        }
    }

    /// Pictures of ours inside another site's page are refused; what a person opens, a program or our page asks for is not.
    #[test]
    fn other_pages_get_no_part_of_us() {
        let hosts = Hosts::new(([127, 0, 0, 1], 8080).into(), &Access::default(), false);
        for (site, mode, dest, may) in [
            ("", "", "", true),
            ("same-origin", "no-cors", "image", true),
            ("none", "navigate", "document", true),
            ("cross-site", "navigate", "document", true),
            ("cross-site", "navigate", "iframe", false),
            ("cross-site", "no-cors", "image", false),
            ("same-site", "no-cors", "image", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static("127.0.0.1:8080"));
            for (name, value) in [("sec-fetch-site", site), ("sec-fetch-mode", mode), ("sec-fetch-dest", dest)] {
                if !value.is_empty() {
                    headers.insert(name, HeaderValue::from_static(value));
                }
            }
            assert_eq!(hosts.check(&Uri::from_static("/"), &headers).is_ok(), may, "{site} {mode} {dest}");
        }
    }

    #[test]
    fn an_allowed_page_is_known_as_what_it_is() {
        let origins = vec!["https://friend.example".parse().expect("an origin")];
        let hosts = Hosts::new(([127, 0, 0, 1], 8080).into(), &Access { origins, ..Access::default() }, false);
        let asker = |origin: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static("127.0.0.1:8080"));
            headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
            hosts.check(&Uri::from_static("/"), &headers).ok()
        };
        assert_eq!(asker("http://127.0.0.1:8080"), Some(Asker::Own));
        let friend = "https://friend.example";
        assert_eq!(asker(friend), Some(Asker::Foreign(HeaderValue::from_static(friend))));
    }
}
