//! The server as its clients see it: every endpoint, over real sockets, with an app that is stepped by hand.

use std::{net::TcpStream, time::Duration};

use bevy::{
    ecs::schedule::{LogLevel, ScheduleBuildSettings},
    prelude::*,
    time::TimeUpdateStrategy,
};
use serde_json::{Value, json};
use tokio::{runtime::Runtime, sync::mpsc};
use tokio_tungstenite::tungstenite::{self, Message, WebSocket, client::IntoClientRequest, stream::MaybeTlsStream};
use visage_core::{Emotion, Language, TICK_SECONDS};
use visage_schedule::{
    Activate, CancelTurn, CharacterList, CharacterSummary, Latencies, Say, SchedulePlugin, SetEmotion, SignalSocket,
    StopSpeaking, UserText, ViewerDoor, VisageSystems,
};
use visage_server::ServerPlugin;

/// Long enough for a loaded machine; nothing is measured with it.
const PATIENCE: Duration = Duration::from_secs(20);

/// What reached the tick.
#[derive(Resource, Default)]
struct Seen(Vec<String>);

fn see(
    mut seen: ResMut<Seen>,
    mut say: MessageReader<Say>,
    mut chat: MessageReader<UserText>,
    mut emotion: MessageReader<SetEmotion>,
    mut activate: MessageReader<Activate>,
    mut stop: MessageReader<StopSpeaking>,
    mut cancel: MessageReader<CancelTurn>,
) {
    seen.0
        .extend(say.read().map(|say| format!("say {} {:?} {:?} {:?}", say.text, say.language, say.emotion, say.queue)));
    seen.0.extend(chat.read().map(|chat| format!("chat {}", chat.text)));
    seen.0.extend(emotion.read().map(|set| format!("emotion {} {}", set.emotion, set.strength)));
    seen.0.extend(activate.read().map(|activate| format!("activate {}", activate.id)));
    seen.0.extend(stop.read().map(|_| "stop".to_owned()));
    seen.0.extend(cancel.read().map(|CancelTurn(turn)| format!("cancel {}", turn.0)));
}

/// Status, headers and text.
type Answer = (u16, ureq::http::HeaderMap, String);
/// Method, path, headers, body, and the status and code of the refusal.
type Wrong<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], &'a str, u16, &'a str);

struct Bench {
    app: App,
    runtime: Runtime,
    host: String,
    agent: ureq::Agent,
    door: mpsc::Receiver<SignalSocket>,
}

impl Bench {
    fn new() -> Self {
        Self::with(|_| ())
    }

    fn with(change: impl FnOnce(&mut ServerPlugin)) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let listener = ServerPlugin::bind("127.0.0.1:0".parse().expect("an address")).expect("a free port");
        let host = listener.address().to_string();
        let mut plugin = ServerPlugin::new(runtime.handle().clone(), listener);
        change(&mut plugin);
        let (door_in, door) = mpsc::channel(4);
        let mut app = App::new();
        app.add_plugins((MinimalPlugins, SchedulePlugin, plugin))
            .insert_resource(TimeUpdateStrategy::ManualDuration(Duration::from_secs_f32(TICK_SECONDS)))
            .insert_resource(ViewerDoor(door_in))
            .insert_resource(CharacterList(vec![CharacterSummary {
                id: "mira".into(),
                name: "Mira".into(),
                languages: vec![Language::English, Language::German],
                revision: "1".into(),
            }]))
            .init_resource::<Seen>()
            .add_systems(FixedUpdate, see.in_set(VisageSystems::Decide));
        app.finish();
        app.cleanup();
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(PATIENCE))
            .build()
            .new_agent();
        let mut bench = Self { app, runtime, host, agent, door };
        bench.step();
        bench
    }

    /// One tick. (The first update only starts Bevy's clock, so there are two.)
    fn step(&mut self) {
        self.app.update();
        self.app.update();
    }

    fn seen(&mut self) -> Vec<String> {
        self.step();
        std::mem::take(&mut self.app.world_mut().resource_mut::<Seen>().0)
    }

    /// Status, headers and text of an answer.
    fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut request = ureq::http::Request::builder().method(method).uri(format!("http://{}{path}", self.host));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut answer = self.agent.run(request.body(body).expect("a request")).expect("an answer");
        let text = answer.body_mut().read_to_string().expect("text");
        (answer.status().as_u16(), answer.headers().clone(), text)
    }

    fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], b"")
    }

    fn post(&self, path: &str, body: &str) -> Answer {
        self.ask("POST", path, &[("content-type", "application/json")], body.as_bytes())
    }

    /// Opens the signalling WebSocket as a page at `origin` would.
    fn dial(&self, origin: &str) -> Result<WebSocket<MaybeTlsStream<TcpStream>>, tungstenite::Error> {
        let mut request = format!("ws://{}/api/signal", self.host).into_client_request().expect("a request");
        request.headers_mut().insert("origin", origin.parse().expect("a header"));
        tungstenite::connect(request).map(|(socket, _)| socket)
    }

    fn guest(&mut self) -> SignalSocket {
        let door = &mut self.door;
        self.runtime
            .block_on(async { tokio::time::timeout(PATIENCE, door.recv()).await })
            .expect("in time")
            .expect("a viewer")
    }
}

/// The JSON of a problem; checks that it is one.
fn problem((status, headers, text): Answer) -> (u16, String) {
    assert_eq!(headers["content-type"], "application/problem+json", "{text}");
    let body: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!((&body["type"], &body["status"]), (&json!("about:blank"), &json!(status)));
    assert!(body["detail"].as_str().is_some_and(|detail| detail.ends_with('.')), "{text}");
    (status, body["code"].as_str().expect("a code").to_owned())
}

#[test]
fn orders_reach_the_tick() {
    let mut bench = Bench::new();
    let cases = [
        ("/api/say", r#"{"text":"Hello."}"#, "say Hello. None None Replace"),
        (
            "/api/say",
            r#"{"text":"Hallo.","language":"de","emotion":"happy","queue":"append"}"#,
            "say Hallo. Some(German) Some(Happy) Append",
        ),
        ("/api/chat", r#"{"text":"Who are you?"}"#, "chat Who are you?"),
        ("/api/emotion", r#"{"emotion":"sad","strength":0.5}"#, "emotion sad 0.5"),
    ];
    for (path, body, expected) in cases {
        let (status, _, text) = bench.post(path, body);
        assert_eq!((status, text.as_str()), (202, ""), "{path} {body}");
        assert_eq!(bench.seen().join(", "), expected);
    }
    assert_eq!(bench.ask("POST", "/api/stop", &[], b"").0, 202);
    assert_eq!(bench.seen(), ["stop"]);
    assert_eq!(bench.ask("POST", "/api/stop?turn=7", &[], b"").0, 202);
    assert_eq!(bench.seen(), ["cancel 7"]);
}

#[test]
fn wrong_requests_are_refused_in_words() {
    let mut bench = Bench::new();
    const JSON: &[(&str, &str)] = &[("content-type", "application/json; charset=utf-8")];
    let huge = format!(r#"{{"text":"{}"}}"#, "a".repeat(100_000));
    let cases: &[Wrong] = &[
        ("POST", "/api/say", JSON, "", 400, "malformed_body"),
        ("POST", "/api/say", JSON, r#"{"text":"#, 400, "malformed_body"),
        ("POST", "/api/say", JSON, r#"{"text":" "}"#, 422, "text_empty"),
        ("POST", "/api/say", JSON, r#"{"text":"Hi","emotion":"glad"}"#, 422, "unknown_emotion"),
        ("POST", "/api/say", JSON, r#"{"text":"Hi","language":"fr"}"#, 422, "unknown_language"),
        ("POST", "/api/say", JSON, &huge, 413, "body_too_large"),
        ("POST", "/api/say", &[("content-type", "text/plain")], r#"{"text":"Hi"}"#, 415, "wrong_content_type"),
        ("POST", "/api/say", &[], r#"{"text":"Hi"}"#, 415, "wrong_content_type"),
        ("POST", "/api/emotion", JSON, r#"{"emotion":"sad","strength":2}"#, 422, "strength_out_of_range"),
        ("POST", "/api/characters/nobody/activate", &[], "", 404, "unknown_character"),
        ("POST", "/api/stop?turn=last", &[], "", 400, "malformed_query"),
        ("POST", "/api/stop?turn=-1", &[], "", 400, "malformed_query"),
        ("POST", "/api/stop", &[("origin", "http://evil.example")], "", 403, "foreign_origin"),
        ("POST", "/api/stop", &[("origin", "null")], "", 403, "foreign_origin"),
        ("GET", "/api/state", &[("host", "evil.example")], "", 421, "unknown_host"),
        ("GET", "/api/say", &[], "", 405, "method_not_allowed"),
        ("DELETE", "/health", &[], "", 405, "method_not_allowed"),
        ("GET", "/api/nothing", &[], "", 404, "not_found"),
        ("GET", "/../Cargo.toml", &[], "", 404, "not_found"),
        ("GET", "/%2e%2e/Cargo.toml", &[], "", 404, "not_found"),
        ("POST", "/", &[], "", 404, "not_found"),
        ("GET", "/api/signal", &[], "", 426, "web_socket_expected"),
    ];
    for &(method, path, headers, body, status, code) in cases {
        let said = problem(bench.ask(method, path, headers, body.as_bytes()));
        assert_eq!(said, (status, code.to_owned()), "{method} {path} {}", &body[..body.len().min(60)]);
    }
    let (_, headers, _) = bench.get("/api/say");
    assert_eq!(headers["allow"], "POST");
    assert!(bench.seen().is_empty(), "nothing of this reached the tick");
}

#[test]
fn a_full_queue_asks_to_try_again() {
    let mut bench = Bench::new();
    let statuses: Vec<_> = (0..70).map(|_| bench.post("/api/say", r#"{"text":"Hi."}"#)).collect();
    let taken = statuses.iter().filter(|(status, ..)| *status == 202).count();
    assert_eq!(taken, 64);
    let (status, headers, _) = &statuses[69];
    assert_eq!((*status, &headers["retry-after"]), (503, &"1".parse().expect("a header")));
    assert_eq!(bench.seen().len(), 64);
    assert_eq!(bench.post("/api/say", r#"{"text":"Hi."}"#).0, 202);
    bench.step();
    let (_, _, metrics) = bench.get("/metrics");
    assert!(metrics.contains("visage_orders_refused_total 6\n"), "{metrics}");
    assert!(metrics.contains("visage_orders_total{type=\"say\"} 65\n"), "{metrics}");
}

#[test]
fn the_state_is_the_last_ticks() {
    let mut bench = Bench::new();
    bench.app.world_mut().resource_mut::<Latencies>().first_sound = Some(0.25);
    bench.app.world_mut().resource_mut::<visage_schedule::Mood>().target = Emotion::Happy;
    bench.app.world_mut().write_message(visage_schedule::Hearing { on: true });
    bench.step();
    let (status, headers, text) = bench.get("/api/state");
    let state: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!((status, &headers["cache-control"]), (200, &"no-store".parse().expect("a header")));
    let tick = bench.app.world().resource::<visage_schedule::MediaClock>().tick.0;
    assert_eq!(state["tick"], json!(tick));
    assert_eq!(
        [&state["conversation"], &state["emotion"], &state["character"], &state["listening"]],
        [&json!("idle"), &json!("happy"), &Value::Null, &json!(true)]
    );
    assert_eq!(
        state["characters"],
        json!([{"id": "mira", "name": "Mira", "languages": ["en", "de"], "revision": "1"}])
    );
    assert_eq!(state["latencies"], json!({"first_sound": 0.25, "synthesis_factor": null, "transcription": null}));
}

#[test]
fn health_and_metrics_follow_the_ticks() {
    let mut bench = Bench::new();
    let (status, _, text) = bench.get("/health");
    assert_eq!(status, 200, "{text}");
    assert_eq!(serde_json::from_str::<Value>(&text).expect("JSON")["status"], "ok");

    for tick in 0..40 {
        if tick % 2 == 0 {
            bench.app.world_mut().write_message(StopSpeaking);
        }
        bench.app.update();
    }
    let (status, headers, text) = bench.get("/metrics");
    assert_eq!(
        (status, headers["content-type"].to_str().expect("text")),
        (200, "text/plain; version=0.0.4; charset=utf-8")
    );
    let ran = bench.app.world().resource::<visage_schedule::TickStats>().ran;
    for line in [
        format!("visage_ticks_total {ran}"),
        "visage_ticks_late_total 0".into(),
        "visage_viewers 0".into(),
        "visage_stops_total 20".into(),
        "# TYPE visage_stage_seconds gauge".into(),
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
    }
    assert!(text.contains(r#"visage_stage_seconds{stage="tick",quantile="0.95"} "#), "{text}");
}

#[test]
fn before_the_first_tick_health_says_so() {
    let runtime = Runtime::new().expect("a runtime");
    let listener = ServerPlugin::bind("127.0.0.1:0".parse().expect("an address")).expect("a free port");
    let url = format!("http://{}/health", listener.address());
    let mut app = App::new();
    app.add_plugins((MinimalPlugins, SchedulePlugin, ServerPlugin::new(runtime.handle().clone(), listener)));
    app.finish();
    let agent = ureq::Agent::config_builder().http_status_as_error(false).build().new_agent();
    let mut answer = agent.get(url).call().expect("an answer");
    assert_eq!(answer.status().as_u16(), 503);
    assert!(answer.body_mut().read_to_string().expect("text").contains(r#""status":"starting""#));
}

#[test]
fn the_page_is_served_with_types_and_caching() {
    let bench = Bench::new();
    for (path, kind) in [
        ("/", "text/html; charset=utf-8"),
        ("/app.js", "text/javascript; charset=utf-8"),
        ("/modules/session.js", "text/javascript; charset=utf-8"),
        ("/style.css", "text/css; charset=utf-8"),
        ("/icon.svg", "image/svg+xml"),
        ("/fonts/newsreader.woff2", "font/woff2"),
    ] {
        let mut answer = bench.agent.get(format!("http://{}{path}", bench.host)).call().expect("an answer");
        let headers = answer.headers().clone();
        assert_eq!((answer.status().as_u16(), headers["content-type"].to_str().expect("text")), (200, kind), "{path}");
        assert!(!answer.body_mut().read_to_vec().expect("bytes").is_empty());
        let policy = headers["content-security-policy"].to_str().expect("text");
        assert!(policy.contains("script-src 'self';") && !policy.contains("unsafe"), "{policy}");
        let etag = headers["etag"].to_str().expect("text");
        let (status, _, body) = bench.ask("GET", path, &[("if-none-match", etag)], b"");
        assert_eq!((status, body.as_str()), (304, ""), "{path}");
        let changed =
            bench.agent.get(format!("http://{}{path}", bench.host)).header("if-none-match", "\"other\"").call();
        assert_eq!(changed.expect("an answer").status().as_u16(), 200, "{path}");
    }
}

#[test]
fn a_folder_replaces_what_is_built_in() {
    let folder = std::env::temp_dir().join(format!("visage-web-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("index.html"), "<p>Mine").expect("a file");
    let bench = Bench::with(|plugin| plugin.web_folder = Some(folder.clone()));
    let (status, headers, text) = bench.get("/");
    assert_eq!(
        (status, text.as_str(), &headers["cache-control"]),
        (200, "<p>Mine", &"no-store".parse().expect("a header"))
    );
    assert_eq!(bench.get("/app.js").0, 404);
    std::fs::remove_dir_all(&folder).expect("removed");
}

#[test]
fn a_viewer_is_handed_in_and_heard_both_ways() {
    let mut bench = Bench::new();
    let origin = format!("http://{}", bench.host);
    let mut page = bench.dial(&origin).expect("a connection");
    let mut guest = bench.guest();
    page.send(Message::text(r#"{"type":"offer"}"#)).expect("sent");
    assert_eq!(guest.from_viewer.blocking_recv().as_deref(), Some(r#"{"type":"offer"}"#));
    guest.to_viewer.blocking_send("answer".into()).expect("sent");
    assert_eq!(next(&mut page), Message::text("answer"));
    bench.step();
    assert!(bench.get("/metrics").2.contains("visage_signal_connections 1\n"));

    // The page leaves.
    page.close(None).expect("closed");
    assert_eq!(guest.from_viewer.blocking_recv(), None);

    // The other side ends the connection: a normal close.
    let mut page = bench.dial(&origin).expect("a connection");
    drop(bench.guest());
    assert_eq!(close_code(&mut page), 1000);
}

#[test]
fn a_viewer_that_breaks_the_rules_is_shown_the_door() {
    let mut bench = Bench::new();
    let origin = format!("http://{}", bench.host);
    for foreign in ["http://evil.example", "null", &format!("{origin}0")] {
        let error = bench.dial(foreign).expect_err("a foreign page");
        assert!(matches!(&error, tungstenite::Error::Http(answer) if answer.status() == 403), "{error}");
    }
    let cases = [
        (1, Message::binary(vec![1]), 1003),
        (1, Message::text("x".repeat(65_537)), 1009),
        (400, Message::text("{}"), 1008),
    ];
    for (times, message, code) in cases {
        let mut page = bench.dial(&origin).expect("a connection");
        let mut guest = bench.guest();
        let reader = std::thread::spawn(move || std::iter::from_fn(|| guest.from_viewer.blocking_recv()).count());
        for _ in 0..times {
            // The server closes in between; what it said is read below.
            if page.send(message.clone()).is_err() {
                break;
            }
        }
        assert_eq!(close_code(&mut page), code);
        let heard = reader.join().expect("read");
        assert!(heard < 300, "{heard} texts passed");
    }
}

#[test]
fn more_viewers_than_seats_are_refused() {
    let mut bench = Bench::new();
    let origin = format!("http://{}", bench.host);
    let mut seated = Vec::new();
    for _ in 0..32 {
        let page = bench.dial(&origin).expect("a seat");
        seated.push((page, bench.guest()));
    }
    let error = bench.dial(&origin).expect_err("no seat is left");
    assert!(matches!(&error, tungstenite::Error::Http(answer) if answer.status() == 503), "{error}");
}

#[test]
fn closing_the_app_tells_the_viewers_and_frees_the_port() {
    let mut bench = Bench::new();
    let address = bench.host.parse().expect("an address");
    let mut page = bench.dial(&format!("http://{}", bench.host)).expect("a connection");
    let guest = bench.guest();
    let Bench { app, runtime, .. } = bench;
    drop(app);
    assert_eq!(close_code(&mut page), 1001);
    drop(guest);
    runtime.shutdown_timeout(PATIENCE);
    ServerPlugin::bind(address).expect("the port is free again");
}

#[test]
fn nothing_is_left_to_chance() {
    let mut bench = Bench::new();
    bench.app.edit_schedule(FixedUpdate, |schedule| {
        schedule.set_build_settings(ScheduleBuildSettings { ambiguity_detection: LogLevel::Error, ..default() });
    });
    bench.step();
}

/// The next message that carries something.
fn next(page: &mut WebSocket<MaybeTlsStream<TcpStream>>) -> Message {
    loop {
        match page.read().expect("a message") {
            Message::Ping(_) | Message::Pong(_) => {}
            message => return message,
        }
    }
}

/// The code that the server closes with.
fn close_code(page: &mut WebSocket<MaybeTlsStream<TcpStream>>) -> u16 {
    loop {
        match page.read() {
            Ok(Message::Close(Some(frame))) => return frame.code.into(),
            Ok(_) => {}
            Err(error) => panic!("no closing frame: {error}"),
        }
    }
}
