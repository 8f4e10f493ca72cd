//! The gate of one server: decides for each request whether it may pass.

use std::{
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use axum::{
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
};
use metrics::Counter;

use super::{
    Access, Limits,
    attempts::Attempts,
    limits::Rate,
    token::{SESSION, Sessions},
};
use crate::{
    guard::Hosts,
    problem::{Code, Problem},
};

/// The WebSocket subprotocol that a page of another site names next to its token (browsers let it set no header).
pub(crate) const SUBPROTOCOL: &str = "visage";
/// What stands before the token there.
const TOKEN_PROTOCOL: &str = "visage.token.";

/// Counted at the gate, for the metrics.
#[derive(Clone)]
pub(crate) struct GateMeters {
    /// Wrong tokens, and tokens that were not looked at because too many were wrong before.
    pub(crate) failures: Counter,
    /// Requests beyond the rate.
    pub(crate) limited: Counter,
    /// Connections that found no place.
    pub(crate) crowded: Counter,
}

/// Whose request it is. Put into the request by the guard.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caller {
    /// The address that limits count.
    pub(crate) address: IpAddr,
    /// Whether a page of another site asks.
    pub(crate) is_foreign: bool,
    /// Whether the browser sees https: here, or at a proxy before us.
    pub(crate) is_https: bool,
}

/// A request that does not pass.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) problem: Problem,
    /// When to try again.
    pub(crate) after: Option<Duration>,
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self { problem, after: None }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = self.problem.into_response();
        if let Some(after) = self.after {
            let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        response
    }
}

/// Decides who passes.
pub(crate) struct Gate {
    pub(crate) hosts: Hosts,
    pub(crate) proxies: Vec<IpAddr>,
    pub(crate) limits: Limits,
    /// Whether TLS is spoken here.
    pub(crate) is_tls: bool,
    access: Access,
    sessions: Option<Sessions>,
    /// Cookies do not know ports, so that two servers of one machine need two names.
    cookie: String,
    attempts: Mutex<Attempts>,
    rate: Rate,
    pub(crate) meters: GateMeters,
}

/// What a request brings to show that it may pass.
enum Offer<'a> {
    Token(&'a str),
    Session(&'a str),
    Nothing,
}

impl Gate {
    /// `address` is where the server listens.
    pub(crate) fn new(
        access: Access,
        limits: Limits,
        is_tls: bool,
        address: std::net::SocketAddr,
        meters: GateMeters,
    ) -> Self {
        Self {
            hosts: Hosts::new(address, &access, is_tls),
            proxies: access.proxies.iter().map(IpAddr::to_canonical).collect(),
            is_tls,
            sessions: access.token.as_ref().map(|token| token.sessions()),
            cookie: format!("visage_{}", address.port()),
            attempts: Mutex::default(),
            rate: Rate::new(&limits),
            limits,
            access,
            meters,
        }
    }

    /// A gate that lets everybody on this machine pass.
    #[cfg(test)]
    pub(crate) fn open_for_tests() -> Self {
        let none = GateMeters { failures: Counter::noop(), limited: Counter::noop(), crowded: Counter::noop() };
        let address = std::net::SocketAddr::from(([127, 0, 0, 1], 8080));
        Self::new(Access::default(), Limits::default(), false, address, none)
    }

    /// Whether a token is needed at all.
    pub(crate) const fn needs_token(&self) -> bool {
        self.sessions.is_some()
    }

    /// Counts a request against the rate of its address.
    pub(crate) fn count(&self, caller: Caller) -> Result<(), Refusal> {
        self.rate.take(caller.address).map_err(|wait| {
            self.meters.limited.increment(1);
            let detail = "You ask more often than this server answers. Wait as long as Retry-After says.";
            Refusal { problem: Problem::new(Code::TooManyRequests, detail), after: Some(wait) }
        })
    }

    /// Whether a request may have what only who knows the token may have.
    pub(crate) fn admit(&self, caller: Caller, headers: &HeaderMap) -> Result<(), Refusal> {
        let Some(sessions) = &self.sessions else { return Ok(()) };
        match self.offer(caller, headers) {
            Offer::Token(token) => self.judge(caller.address, token),
            Offer::Session(session) if sessions.holds(session, unix_now()) => Ok(()),
            Offer::Session(_) => {
                Err(Problem::new(Code::TokenWrong, "The session has ended. Give the access token again.").into())
            }
            Offer::Nothing => {
                let detail = "This needs the access token. Programs send it as \"Authorization: Bearer TOKEN\"; \
                    the page asks for it.";
                Err(Problem::new(Code::TokenRequired, detail).into())
            }
        }
    }

    /// Whether a request would be admitted; nothing is counted.
    pub(crate) fn knows(&self, caller: Caller, headers: &HeaderMap) -> bool {
        let Some(sessions) = &self.sessions else { return true };
        matches!(self.offer(caller, headers), Offer::Session(session) if sessions.holds(session, unix_now()))
    }

    /// Makes a session for who knows the token: the value of `Set-Cookie`, or `None` where no token is needed.
    pub(crate) fn open_session(&self, caller: Caller, token: &str) -> Result<Option<HeaderValue>, Refusal> {
        let Some(sessions) = &self.sessions else { return Ok(None) };
        self.judge(caller.address, token)?;
        let value = sessions.make(unix_now());
        Ok(Some(self.set_cookie(&value, SESSION.as_secs(), caller)))
    }

    /// The value of `Set-Cookie` that ends a session in the browser.
    pub(crate) fn close_session(&self, caller: Caller) -> HeaderValue {
        self.set_cookie("", 0, caller)
    }

    fn set_cookie(&self, value: &str, seconds: u64, caller: Caller) -> HeaderValue {
        let secure = if caller.is_https { "; Secure" } else { "" };
        let cookie = format!("{}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}", self.cookie);
        let mut header = HeaderValue::try_from(cookie).expect("letters, digits and signs, which a header may have");
        header.set_sensitive(true);
        header
    }

    /// Looks at a token, unless its address has been wrong too often.
    fn judge(&self, address: IpAddr, offered: &str) -> Result<(), Refusal> {
        let Some(token) = &self.access.token else { return Ok(()) };
        let now = Instant::now();
        let wait = self.attempts().wait(address, now);
        if let Some(wait) = wait {
            self.meters.failures.increment(1);
            let detail = "Too many wrong access tokens came from your address. Wait as long as Retry-After says.";
            return Err(Refusal { problem: Problem::new(Code::TooManyAttempts, detail), after: Some(wait) });
        }
        if token.is(offered) {
            self.attempts().succeeded(address);
            return Ok(());
        }
        self.attempts().failed(address, now);
        self.meters.failures.increment(1);
        tracing::warn!("a wrong access token came from {address}");
        Err(Problem::new(Code::TokenWrong, "This is not the access token.").into())
    }

    fn attempts(&self) -> MutexGuard<'_, Attempts> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn offer<'a>(&self, caller: Caller, headers: &'a HeaderMap) -> Offer<'a> {
        let authorization = headers.get(header::AUTHORIZATION);
        if let Some(token) = authorization.and_then(|value| value.to_str().ok()).and_then(bearer) {
            return Offer::Token(token);
        }
        if let Some(token) = protocols(headers).find_map(|protocol| protocol.strip_prefix(TOKEN_PROTOCOL)) {
            return Offer::Token(token);
        }
        // Pages of other sites have no share in our page's session.
        let session = if caller.is_foreign { None } else { cookies(headers).find(|(name, _)| *name == self.cookie) };
        // Another scheme (a proxy's own password) says nothing to us; with nothing else it is a wrong token.
        let nothing = if authorization.is_some() { Offer::Token("") } else { Offer::Nothing };
        session.map_or(nothing, |(_, session)| Offer::Session(session))
    }
}

/// Whether a WebSocket is asked for with our subprotocol, which must then be named in the answer.
pub(crate) fn names_subprotocol(headers: &HeaderMap) -> bool {
    protocols(headers).any(|protocol| protocol == SUBPROTOCOL)
}

fn protocols(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let lists = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|list| list.to_str().ok());
    lists.flat_map(|list| list.split(',')).map(str::trim)
}

/// The token in `Bearer TOKEN`; the scheme in any case (RFC 9110, section 11.1).
fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn cookies(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    let lists = headers.get_all(header::COOKIE).iter().filter_map(|list| list.to_str().ok());
    lists.flat_map(|list| list.split(';')).filter_map(|cookie| cookie.trim().split_once('='))
}

fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Token;

    const TOKEN: &str = "0123456789abcdef";

    fn gate() -> Gate {
        let mut access = Access { token: Some(Token::parse(TOKEN).expect("a token")), ..Access::default() };
        access.origins.push("https://example.org".parse().expect("an origin"));
        let none = Gate::open_for_tests().meters.clone();
        Gate::new(access, Limits::default(), false, ([10, 0, 0, 1], 8080).into(), none)
    }

    fn caller(is_foreign: bool) -> Caller {
        Caller { address: [10, 0, 0, 2].into(), is_foreign, is_https: false }
    }

    fn session(gate: &Gate) -> String {
        let cookie = gate.open_session(caller(false), TOKEN).expect("right").expect("a cookie");
        let text = cookie.to_str().expect("text").to_owned();
        assert!(cookie.is_sensitive() && text.contains("; HttpOnly; SameSite=Strict"), "{text}");
        text.split(';').next().expect("the cookie").to_owned()
    }

    #[test]
    fn only_who_knows_the_token_passes() {
        let session = session(&gate());
        let (right, wrong) = (Ok(()), |code| Err(code));
        let ended = format!("{}x", &session[..session.len() - 1]);
        let other_port = session.replace("visage_8080", "visage_8081");
        let among = format!("a=b; {session}; c=d");
        let in_protocol = format!("visage, {TOKEN_PROTOCOL}{TOKEN}");
        let wrong_protocol = format!("visage, {TOKEN_PROTOCOL}x");
        for (header, value, is_foreign, expected) in [
            ("authorization", "Bearer 0123456789abcdef", false, right),
            ("authorization", "bearer  0123456789abcdef", true, right),
            ("authorization", "Bearer 0123456789abcdeg", false, wrong(Code::TokenWrong)),
            ("authorization", "Bearer", false, wrong(Code::TokenWrong)),
            ("authorization", "Basic 0123456789abcdef", false, wrong(Code::TokenWrong)),
            ("authorization", "Bearer é", false, wrong(Code::TokenWrong)),
            ("sec-websocket-protocol", &in_protocol, true, right),
            ("sec-websocket-protocol", &wrong_protocol, true, wrong(Code::TokenWrong)),
            ("sec-websocket-protocol", "visage", false, wrong(Code::TokenRequired)),
            ("cookie", &session, false, right),
            ("cookie", &among, false, right),
            ("cookie", &session, true, wrong(Code::TokenRequired)),
            ("cookie", &ended, false, wrong(Code::TokenWrong)),
            ("cookie", &other_port, false, wrong(Code::TokenRequired)),
            ("accept", "*/*", false, wrong(Code::TokenRequired)),
        ] {
            let mut headers = HeaderMap::new();
            let name = header::HeaderName::from_static(header);
            headers.insert(name, HeaderValue::from_bytes(value.as_bytes()).expect("a header"));
            let said = gate().admit(caller(is_foreign), &headers).map_err(|refusal| refusal.problem.code);
            assert_eq!(said, expected, "{header}: {value}, foreign: {is_foreign}");
            assert!(Gate::open_for_tests().admit(caller(is_foreign), &headers).is_ok());
        }
    }

    #[test]
    fn who_guesses_has_to_wait_even_with_the_right_token() {
        let gate = gate();
        let codes: Vec<_> =
            (0..6).map(|_| gate.open_session(caller(false), "wrong").expect_err("wrong").problem.code).collect();
        assert_eq!(codes[..5], [Code::TokenWrong; 5]);
        assert_eq!(codes[5], Code::TooManyAttempts);
        let refusal = gate.open_session(caller(false), TOKEN).expect_err("it has to wait");
        assert_eq!(refusal.into_response().headers()[header::RETRY_AFTER], "1");
        let elsewhere = Caller { address: [10, 0, 0, 3].into(), ..caller(false) };
        assert!(gate.open_session(elsewhere, TOKEN).is_ok(), "others are not held up");
    }

    #[test]
    fn a_session_outlives_the_program_but_not_its_token() {
        let session = session(&gate());
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, session.parse().expect("a header"));
        assert!(gate().knows(caller(false), &headers));
        assert!(!gate().knows(caller(true), &headers));
        let mut other = gate();
        other.access.token = Some(Token::parse("abcdef0123456789").expect("a token"));
        other.sessions = other.access.token.as_ref().map(Token::sessions);
        assert!(!other.knows(caller(false), &headers));
    }

    #[test]
    fn cookies_are_secure_where_the_page_is() {
        let gate = gate();
        for is_https in [false, true] {
            let caller = Caller { is_https, ..caller(false) };
            let cookie = gate.open_session(caller, TOKEN).expect("right").expect("a cookie");
            assert_eq!(cookie.to_str().expect("text").ends_with("; Secure"), is_https);
            assert!(gate.close_session(caller).to_str().expect("text").starts_with("visage_8080=; Path=/; Max-Age=0;"));
        }
    }
}
