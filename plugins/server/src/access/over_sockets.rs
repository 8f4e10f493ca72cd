//! Access as it looks from outside: a server with an app, asked over real sockets. Requests are written by hand, so that
//! nothing of the client's can be mistaken for the server's, as in its log.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::{Arc, Mutex, OnceLock},
    thread,
    time::{Duration, Instant},
};

use bevy::prelude::*;
use tokio::{runtime::Runtime, sync::mpsc};
use visage_schedule::{SchedulePlugin, SignalSocket, ViewerDoor};

use super::*;
use crate::ServerPlugin;

/// Long enough for a loaded machine; nothing is measured with it.
const PATIENCE: Duration = Duration::from_secs(20);

struct Bench {
    address: SocketAddr,
    token: Token,
    app: App,
    _door: mpsc::Receiver<SignalSocket>,
    _runtime: Runtime,
}

impl Bench {
    fn with(change: impl FnOnce(&mut ServerPlugin)) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let listener = ServerPlugin::bind(([127, 0, 0, 1], 0).into()).expect("a free port");
        let address = listener.address();
        let token = Token::generate().expect("random");
        let mut plugin = ServerPlugin::new(runtime.handle().clone(), listener);
        plugin.access.token = Some(token.clone());
        change(&mut plugin);
        let (door, guests) = mpsc::channel(4);
        let mut app = App::new();
        app.add_plugins((MinimalPlugins, SchedulePlugin, plugin)).insert_resource(ViewerDoor(door));
        app.finish();
        app.cleanup();
        Self { address, token, app, _door: guests, _runtime: runtime }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("set");
        stream
    }

    /// Sends a request and gives status, head (in lower case, but for values) and body.
    fn ask(&self, method: &str, path: &str, headers: &[&str], body: &str) -> Answer {
        let mut stream = self.connect();
        let mut text = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", self.address);
        for header in headers {
            text += &format!("{header}\r\n");
        }
        text += &format!("Content-Length: {}\r\n\r\n{body}", body.len());
        stream.write_all(text.as_bytes()).expect("sent");
        Answer::read(&mut stream)
    }

    fn get(&self, path: &str, headers: &[&str]) -> Answer {
        self.ask("GET", path, headers, "")
    }

    fn log_in(&self, token: &str, headers: &[&str]) -> Answer {
        let headers = [&["Content-Type: application/json"], headers].concat();
        self.ask("POST", "/api/session", &headers, &format!(r#"{{"token":"{token}"}}"#))
    }

    fn bearer(&self) -> String {
        format!("Authorization: Bearer {}", self.token.reveal())
    }

    /// Asks for the signalling WebSocket and gives the answer's status and head.
    fn dial(&self, headers: &[&str]) -> Answer {
        let mut stream = self.connect();
        let mut text = format!("GET /api/signal HTTP/1.1\r\nHost: {}\r\n", self.address);
        text += "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";
        // The key of the example in RFC 6455, section 1.3.
        text += "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
        for header in headers {
            text += &format!("{header}\r\n");
        }
        stream.write_all(format!("{text}\r\n").as_bytes()).expect("sent");
        Answer::read_head(&mut stream)
    }
}

#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn read(stream: &mut TcpStream) -> Self {
        let mut text = Vec::new();
        stream.read_to_end(&mut text).expect("an answer");
        let text = String::from_utf8_lossy(&text);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        Self::new(head, body)
    }

    fn read_head(stream: &mut TcpStream) -> Self {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).expect("an answer");
            head.push(byte[0]);
        }
        Self::new(String::from_utf8_lossy(&head).trim_end(), "")
    }

    fn new(head: &str, body: &str) -> Self {
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
        Self { status, head: head.to_owned(), body: body.to_owned() }
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    /// Status and, of a refusal, its code.
    fn verdict(&self) -> (u16, String) {
        let body: serde_json::Value = serde_json::from_str(&self.body).unwrap_or_default();
        (self.status, body["code"].as_str().unwrap_or_default().to_owned())
    }
}

fn verdict(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

#[test]
fn without_the_token_there_is_the_page_and_nothing_else() {
    let bench = Bench::with(|_| ());
    let bearer = bench.bearer();
    for (method, path, open) in [
        ("GET", "/", true),
        ("GET", "/app.js", true),
        ("GET", "/nothing", true),
        ("GET", "/health", true),
        ("GET", "/api/session", true),
        ("DELETE", "/api/session", true),
        ("GET", "/metrics", false),
        ("GET", "/api/state", false),
        ("HEAD", "/api/state", false),
        ("OPTIONS", "/api/say", false),
        ("POST", "/api/stop", false),
        ("POST", "/api/say", false),
        ("GET", "/api/characters", false),
        ("GET", "/api/openapi.json", false),
        ("GET", "/api/nothing", false),
        ("POST", "/api/session/", false),
        ("GET", "/api/signal", false),
    ] {
        let answer = bench.ask(method, path, &[], "");
        assert_eq!(answer.status != 401, open, "{method} {path}: {}", answer.head);
        assert_eq!(answer.header("www-authenticate").is_none(), open, "{method} {path}");
        let answer = bench.ask(method, path, &[&bearer], "");
        assert_ne!(answer.status, 401, "{method} {path} with the token");
    }
    assert_eq!(bench.get("/api/state", &[]).verdict(), verdict(401, "token_required"));
    assert_eq!(bench.get("/api/state", &["Authorization: Bearer x"]).verdict(), verdict(401, "token_wrong"));
    assert_eq!(bench.get("/api/state", &[&bearer]).status, 200);
}

#[test]
fn a_page_gets_a_session_for_the_token() {
    let mut bench = Bench::with(|_| ());
    let state = |answer: Answer| (answer.status, answer.body);
    let said = |authorised| (200, format!(r#"{{"token_required":true,"authorised":{authorised}}}"#));
    assert_eq!(state(bench.get("/api/session", &[])), said(false));
    assert_eq!(bench.log_in("wrong", &[]).verdict(), verdict(401, "token_wrong"));
    let opened = bench.log_in(bench.token.reveal(), &[&format!("Origin: http://{}", bench.address)]);
    assert_eq!(opened.status, 204);
    let cookie = opened.header("set-cookie").expect("a cookie");
    let (pair, rest) = cookie.split_once(';').expect("attributes");
    assert_eq!(rest, " Path=/; Max-Age=2592000; HttpOnly; SameSite=Strict");
    let cookie = format!("Cookie: other=1; {pair}");
    assert_eq!(state(bench.get("/api/session", &[&cookie])), said(true));
    assert_eq!(bench.get("/api/state", &[&cookie]).status, 200);
    assert_eq!(bench.dial(&[&cookie]).status, 101);
    assert_eq!(bench.dial(&[]).status, 401);
    let forged = format!("Cookie: {}", pair.replace('.', "0."));
    assert_eq!(bench.get("/api/state", &[&forged]).verdict(), verdict(401, "token_wrong"));
    let closed = bench.ask("DELETE", "/api/session", &[&cookie], "");
    assert!(closed.header("set-cookie").is_some_and(|cookie| cookie.contains("=; Path=/; Max-Age=0;")), "{closed:?}");

    for (body, kind, expected) in [
        ("{}", "application/json", verdict(400, "malformed_body")),
        (r#"{"token":"a","more":1}"#, "application/json", verdict(400, "malformed_body")),
        (r#"{"token":"a"}"#, "text/plain", verdict(415, "wrong_content_type")),
        (&format!(r#"{{"token":"{}"}}"#, "a".repeat(2_000)), "application/json", verdict(413, "body_too_large")),
    ] {
        let answer = bench.ask("POST", "/api/session", &[&format!("Content-Type: {kind}")], body);
        assert_eq!(answer.verdict(), expected, "{body:.60} {kind}");
    }
    bench.app.update();
    bench.app.update();
    let metrics = bench.get("/metrics", &[&cookie]).body;
    assert!(metrics.lines().any(|line| line == "visage_token_failures_total 1"), "{metrics}");

    let open = Bench::with(|plugin| plugin.access.token = None);
    assert_eq!(open.get("/api/session", &[]).body, r#"{"token_required":false,"authorised":true}"#);
    let answer = open.log_in("anything", &[]);
    assert_eq!((answer.status, answer.header("set-cookie")), (204, None));
}

#[test]
fn who_guesses_is_slowed_down() {
    let bench = Bench::with(|_| ());
    let mut verdicts: Vec<_> = (0..6).map(|number| bench.log_in(&format!("guess-{number}"), &[])).collect();
    let last = verdicts.pop().expect("six");
    assert!(verdicts.iter().all(|answer| answer.verdict() == verdict(401, "token_wrong")), "{verdicts:?}");
    assert_eq!(last.verdict(), verdict(429, "too_many_attempts"));
    assert_eq!(last.header("retry-after"), Some("1"));
    // A session that was opened before is no guess, and requests without a token are not either.
    assert_eq!(bench.get("/api/state", &[]).verdict(), verdict(401, "token_required"));
}

#[test]
fn other_sites_are_let_in_by_name_only() {
    let bench = Bench::with(|plugin| plugin.access.origins = vec!["https://friend.example".parse().expect("one")]);
    let bearer = bench.bearer();
    let asks = ["Access-Control-Request-Method: PUT", "Access-Control-Request-Headers: authorization"];
    let (friend, stranger) = ("Origin: https://friend.example", "Origin: https://stranger.example");

    let answer = bench.ask("OPTIONS", "/api/say", &[friend, asks[0], asks[1]], "");
    assert_eq!(answer.status, 204);
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://friend.example"));
    assert!(answer.header("access-control-allow-methods").is_some_and(|methods| methods.contains("PUT")));
    assert!(answer.header("access-control-allow-headers").is_some_and(|headers| headers.contains("authorization")));
    assert!(answer.header("vary").is_some_and(|vary| vary.contains("origin")));
    assert_eq!(answer.header("access-control-allow-credentials"), None);

    for (headers, expected) in [
        (&[friend, &bearer][..], (200, Some("https://friend.example"))),
        (&[friend], (401, Some("https://friend.example"))),
        (&[stranger, &bearer], (403, None)),
        (&[&bearer], (200, None)),
    ] {
        let answer = bench.get("/api/state", headers);
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), expected, "{headers:?}");
    }
    let answer = bench.ask("OPTIONS", "/api/say", &[stranger, asks[0]], "");
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (403, None));

    // Our page's cookie is not for them, and they get none.
    let session = bench.log_in(bench.token.reveal(), &[]);
    let cookie = session.header("set-cookie").and_then(|cookie| cookie.split(';').next()).expect("a cookie");
    assert_eq!(bench.get("/api/state", &[friend, &format!("Cookie: {cookie}")]).status, 401);
    assert_eq!(bench.log_in(bench.token.reveal(), &[friend]).verdict(), verdict(403, "foreign_origin"));

    // A browser lets them name the token as a subprotocol, and wants one of those named back.
    let protocols = format!("Sec-WebSocket-Protocol: visage, visage.token.{}", bench.token.reveal());
    let answer = bench.dial(&[friend, &protocols]);
    assert_eq!((answer.status, answer.header("sec-websocket-protocol")), (101, Some("visage")));
    assert_eq!(bench.dial(&[friend, "Sec-WebSocket-Protocol: visage, visage.token.x"]).status, 401);
    assert_eq!(bench.dial(&[stranger, &protocols]).status, 403);
}

#[test]
fn who_asks_too_often_is_told_when_to_come_back() {
    let limits = Limits { requests_per_second: 1, burst: 2, ..Limits::default() };
    let bench = Bench::with(|plugin| plugin.limits = limits);
    let refused =
        (0..100).map(|_| bench.get("/health", &[])).find(|answer| answer.status == 429).expect("it is enough");
    assert_eq!(refused.verdict(), verdict(429, "too_many_requests"));
    assert_eq!(refused.header("retry-after"), Some("1"));
}

/// Writes a byte now and then until the server has had enough, and gives what it says.
fn dribble(mut stream: TcpStream) -> String {
    stream.set_read_timeout(Some(Duration::from_millis(10))).expect("set");
    let began = Instant::now();
    let mut said = Vec::new();
    while began.elapsed() < PATIENCE {
        let written = stream.write_all(b"a");
        let mut piece = [0; 1_024];
        match stream.read(&mut piece) {
            Ok(0) => return String::from_utf8_lossy(&said).into(),
            Ok(length) => said.extend_from_slice(&piece[..length]),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
            Err(_) => return String::from_utf8_lossy(&said).into(),
        }
        if written.is_err() {
            return String::from_utf8_lossy(&said).into();
        }
    }
    panic!("the server never had enough; it said {:?}", String::from_utf8_lossy(&said));
}

#[test]
fn who_dawdles_is_sent_away_and_holds_up_nobody() {
    let short = Duration::from_millis(300);
    let limits = Limits { head_patience: short, body_patience: short, ..Limits::default() };
    let bench = Bench::with(|plugin| plugin.limits = limits);
    let bearer = bench.bearer();
    let start = |text: String| {
        let mut stream = bench.connect();
        stream.write_all(text.as_bytes()).expect("sent");
        stream
    };
    let host = bench.address;
    let head = format!("POST /api/say HTTP/1.1\r\nHost: {host}\r\n{bearer}\r\nContent-Type: application/json\r\n");
    let heads: Vec<_> = (0..20).map(|_| start(format!("GET / HTTP/1.1\r\nHost: {host}\r\nX: "))).collect();
    let silent: Vec<_> = (0..20).map(|_| start(String::new())).collect();
    let body = start(format!("{head}Content-Length: 60000\r\n\r\n"));
    assert_eq!(bench.get("/health", &[]).status, 503, "no tick has run, but somebody answers");

    let said = thread::scope(|scope| {
        let heads: Vec<_> = heads.into_iter().map(|stream| scope.spawn(|| dribble(stream))).collect();
        let body = scope.spawn(|| dribble(body));
        heads.into_iter().for_each(|head| assert_eq!(head.join().expect("it ended").find("200 OK"), None));
        body.join().expect("it ended")
    });
    let (head, body) = said.split_once("\r\n\r\n").unwrap_or_default();
    assert_eq!(Answer::new(head, body).verdict(), verdict(408, "request_too_slow"), "{said}");
    for mut stream in silent {
        assert_eq!(stream.read(&mut [0]).unwrap_or_default(), 0, "closed without a word");
    }
}

#[test]
fn connections_have_an_end() {
    let limits = Limits { connections: 10, connections_per_address: 4, ..Limits::default() };
    let bench = Bench::with(|plugin| plugin.limits = limits);
    // Each has had an answer, so each has a place.
    let text = format!("GET /health HTTP/1.1\r\nHost: {}\r\n\r\n", bench.address);
    let served = |mut stream: TcpStream| {
        stream.write_all(text.as_bytes()).ok()?;
        let mut byte = [0];
        (stream.read(&mut byte).ok()? == 1).then_some(stream)
    };
    let held: Vec<_> = (0..8).filter_map(|_| served(bench.connect())).collect();
    assert_eq!(held.len(), 4);
    drop(held);
    let began = Instant::now();
    while served(bench.connect()).is_none() {
        assert!(began.elapsed() < PATIENCE, "the places are never given back");
    }
}

#[test]
fn tls_is_spoken_and_plain_http_is_told_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let tls = Tls::open(TlsSource::SelfSigned { keyring: Keyring::at(folder.path()), names }).expect("made");
    let bench = Bench::with(|plugin| plugin.tls = Some(tls));

    let trusting = ureq::tls::TlsConfig::builder().disable_verification(true).build();
    let agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(PATIENCE))
        .tls_config(trusting)
        .build()
        .new_agent();
    let url = |path: &str| format!("https://{}{path}", bench.address);
    let mut page = agent.get(url("/")).call().expect("an answer");
    assert!(page.body_mut().read_to_string().expect("text").contains("<html"));
    let body = format!(r#"{{"token":"{}"}}"#, bench.token.reveal());
    let opened = agent.post(url("/api/session")).content_type("application/json").send(body).expect("an answer");
    let cookie = opened.headers()["set-cookie"].to_str().expect("text");
    assert!(opened.status() == 204 && cookie.ends_with("; Secure"), "{cookie}");

    let answer = bench.get("/page?x=1", &[]);
    let there = format!("https://{}/page?x=1", bench.address);
    assert_eq!((answer.status, answer.header("location")), (307, Some(there.as_str())));
    let bearer = bench.bearer();
    assert_eq!(bench.ask("POST", "/api/stop", &[&bearer], "").verdict(), verdict(400, "tls_required"));
    let mut stream = bench.connect();
    stream.write_all(b"GET /x HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n").expect("sent");
    // Nobody is sent to a host that is not ours. (Without names and beyond this machine, every name is.)
    assert_eq!(Answer::read(&mut stream).verdict(), verdict(421, "unknown_host"));
    let mut stream = bench.connect();
    stream.write_all(b"\x16\x03\x01\x00\x04nope").expect("sent");
    let mut rest = Vec::new();
    // An alert, then the end.
    let _ = stream.read_to_end(&mut rest);
    assert!(rest.len() < 64, "{rest:?}");
}

/// Everything that is logged in this process, at every level.
fn log() -> &'static Arc<Mutex<Vec<u8>>> {
    #[derive(Clone)]
    struct Writer(Arc<Mutex<Vec<u8>>>);
    impl Write for Writer {
        fn write(&mut self, text: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("not poisoned").extend_from_slice(text);
            Ok(text.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    static LOG: OnceLock<Arc<Mutex<Vec<u8>>>> = OnceLock::new();
    LOG.get_or_init(|| {
        let log = Arc::new(Mutex::new(Vec::new()));
        let writer = Writer(log.clone());
        tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .init();
        log
    })
}

#[test]
fn no_secret_reaches_the_log() {
    let log = log();
    let folder = tempfile::tempdir().expect("a folder");
    let keyring = Keyring::at(folder.path());
    let stored = keyring.token().expect("made");
    let tls = Tls::open(TlsSource::SelfSigned { keyring: keyring.clone(), names: vec!["localhost".into()] });
    let key = keyring.read("self-signed.pem").expect("read").expect("there");
    let key_line = key.lines().rev().nth(1).expect("the last line of the key").to_owned();
    tracing::info!(plugin = ?tls.expect("made"), token = ?stored, "what is shown of them");
    let bench = Bench::with(|plugin| plugin.access.token = Some(stored.token.clone()));
    let token = stored.token.reveal();
    tracing::info!("{:?}", Access { token: Some(stored.token.clone()), ..Access::default() });
    let opened = bench.log_in(token, &[]);
    let cookie = opened.header("set-cookie").and_then(|cookie| cookie.split(';').next()).expect("a cookie");
    let (_, session) = cookie.split_once('=').expect("a value");
    let bearer = format!("Authorization: Bearer {token}");
    let cut = format!("{}x", &token[1..]);
    assert_eq!(bench.get("/api/state", &[&bearer]).status, 200);
    assert_eq!(bench.get("/api/state", &[&format!("Authorization: Bearer {cut}")]).status, 401);
    assert_eq!(bench.get("/api/state", &[&format!("Cookie: {cookie}")]).status, 200);
    let protocols = format!("Sec-WebSocket-Protocol: visage, visage.token.{token}");
    assert_eq!(bench.dial(&[&protocols]).status, 101);
    assert_eq!(bench.dial(&[&format!("Cookie: {cookie}")]).status, 101);
    assert_eq!(bench.ask("POST", "/api/session", &[&bearer], &format!("{{\"token\": {token}")).status, 415);
    let json = "Content-Type: application/json";
    assert_eq!(bench.ask("POST", "/api/session", &[json], &format!("{{\"token\": {token}")).status, 400);
    drop(bench);

    let text = String::from_utf8_lossy(&log.lock().expect("not poisoned")).into_owned();
    assert!(text.contains("a wrong access token came from 127.0.0.1"), "the log is captured");
    assert!(text.contains("TRACE"), "at every level");
    for secret in [token, cut.as_str(), session, key_line.as_str()] {
        let found = text.lines().find(|line| line.contains(secret));
        assert_eq!(found, None, "a secret is in the log");
    }
}
