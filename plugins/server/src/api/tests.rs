//! The endpoints as a client sees them: the router with a library in memory, and with doors behind which a few lines
//! stand in for `portrait` and `stage`.

use std::{
    io::Cursor,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Request, StatusCode, header},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use crossbeam_channel::{Receiver, bounded};
use futures_util::StreamExt;
use image::{ImageFormat, Rgb, RgbImage};
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tower_service::Service;
use visage_core::{Blendshape, Iris, LANDMARKS, Language, MouthColours, Raster, Rig, decode_sound, encode_wav};
use visage_library::{CharacterFile, Library};
use visage_schedule::{
    CloneJob, CloneOrder, CloneRefusal, CloneState, CloneVoices, CloningDoor, RemoteCommand, RigDoor, RigError,
    RigRequest, SpeechDoor, SpeechError, SpeechPiece, SpeechRequest, StillDoor, StillRequest,
};
use visage_stream::AudioDecoder;
use visage_testkit::voices_of_a_machine;

use crate::{
    access::Gate,
    assets::Assets,
    meters::Meters,
    routes::{Context, router},
    snapshot::Snapshot,
};

/// A picture in which the stand-in for `portrait` finds a face, and one in which it finds none.
const FACE: Rgb<u8> = Rgb([200, 150, 120]);
const NO_FACE: Rgb<u8> = Rgb([0, 0, 0]);

fn picture(colour: Rgb<u8>) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    RgbImage::from_pixel(64, 64, colour).write_to(&mut bytes, ImageFormat::Png).expect("memory can be written");
    bytes.into_inner()
}

fn voice(seconds: f32) -> Vec<u8> {
    let samples: Vec<f32> = (0..(seconds * 16_000.0) as usize).map(|n| (n as f32 * 0.05).sin() * 0.5).collect();
    encode_wav(&samples, 16_000)
}

fn form(parts: &[(&str, &[u8])]) -> (&'static str, Vec<u8>) {
    let mut body = Vec::new();
    for (name, value) in parts {
        let head = format!("--X\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"../../{name}\"\r\n\r\n");
        body.extend([head.as_bytes(), value, b"\r\n"].concat());
    }
    body.extend(b"--X--\r\n");
    ("multipart/form-data; boundary=X", body)
}

/// Behind the door of `portrait`: a picture that is black has no face.
async fn find_faces(mut requests: mpsc::Receiver<RigRequest>, found: Arc<AtomicUsize>) {
    while let Some(RigRequest { source, answer }) = requests.recv().await {
        let answered = match image::load_from_memory(source.picture()) {
            Ok(picture) if *picture.to_rgb8().get_pixel(0, 0) != NO_FACE => {
                found.fetch_add(1, Ordering::Relaxed);
                let raster = Raster { width: 1, height: 1, rgba: Arc::from([1, 2, 3, 255]) };
                Ok(Arc::new(Rig {
                    portrait: raster.clone(),
                    background: raster,
                    matte: Arc::from([255]),
                    landmarks: Arc::new([[0.0; 3]; LANDMARKS]),
                    irises: [Iris::default(); 2],
                    roll: 0.0,
                    colours: MouthColours { lips: [0; 3], skin: [0; 3], lids: [0; 3], white: [0; 3] },
                }))
            }
            Ok(_) => Err(RigError::Picture("there is no face in the picture".into())),
            Err(error) => Err(RigError::Picture(format!("the picture is damaged: {error}"))),
        };
        // Nobody waits any more if the client has gone.
        let _ = answer.send(answered);
    }
}

/// Behind the door of `stage`: a picture whose red is how far the jaw is open and whose green is how far the head is turned.
async fn draw(mut requests: mpsc::Receiver<StillRequest>) {
    while let Some(StillRequest { pose, size, answer, .. }) = requests.recv().await {
        let pixel = [(pose[Blendshape::JawOpen] * 255.0) as u8, (pose.head.yaw * 100.0) as u8, 0, 255];
        let rgba = pixel.repeat((size * size) as usize).into();
        let _ = answer.send(Ok(Raster { width: size, height: size, rgba }));
    }
}

/// Samples of a piece of speech, a tenth of a second.
const PIECE: usize = 4_800;

/// A piece that begins and ends in silence.
fn piece(last: bool) -> SpeechPiece {
    let at = |index: usize| index as f32 / PIECE as f32;
    let samples = (0..PIECE).map(|n| 0.5 * (n as f32 * 0.05).sin() * (at(n) * std::f32::consts::PI).sin()).collect();
    SpeechPiece { samples, notices: Vec::new(), last }
}

/// The door of `voice` with the voices of a machine that has Kokoro, and the end at which its requests come out.
fn speech_door(room: usize) -> (SpeechDoor, Receiver<SpeechRequest>) {
    let (requests, asked) = bounded(room);
    (SpeechDoor { requests, voices: Arc::new(|| voices_of_a_machine(true)) }, asked)
}

/// Behind the door of `voice`: a piece for each word. "Nothing" cannot be said, at "Fault" no engine is there, and at "End"
/// the thread is.
fn speak(requests: Receiver<SpeechRequest>) {
    while let Ok(SpeechRequest { text, pieces, .. }) = requests.recv() {
        let words: Vec<_> = text.split_whitespace().collect();
        for (index, word) in words.iter().enumerate() {
            let spoken = match *word {
                "Nothing" => Err(SpeechError::Text("there is nothing to say in this text".into())),
                "Fault" => Err(SpeechError::Unavailable("speech needs the program espeak-ng".into())),
                // In this order: whoever asks next finds nobody.
                "End" => return drop((requests, pieces)),
                "Wrong" => Ok(SpeechPiece { notices: vec!["the mark-up is wröng".into()], ..piece(true) }),
                _ => Ok(piece(index + 1 == words.len())),
            };
            // Whoever asked may have gone.
            if pieces.blocking_send(spoken).is_err() {
                break;
            }
        }
    }
}

/// Status, headers and body.
struct Answer(StatusCode, HeaderMap, Bytes);

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.2).unwrap_or_else(|_| panic!("no JSON: {:?}", self.2))
    }

    fn header(&self, name: header::HeaderName) -> &str {
        self.1.get(name).map_or("", |value| value.to_str().expect("text"))
    }

    fn etag(&self) -> String {
        self.header(header::ETAG).to_owned()
    }

    /// Status and code of a refusal; checks that it is one.
    fn refusal(&self) -> (u16, String) {
        assert_eq!(self.header(header::CONTENT_TYPE), "application/problem+json", "{:?}", self.2);
        let body = self.json();
        assert_eq!(body["status"], json!(self.0.as_u16()));
        assert!(body["detail"].as_str().is_some_and(|detail| detail.ends_with(['.', '!', '?'])), "{body}");
        (self.0.as_u16(), body["code"].as_str().expect("a code").to_owned())
    }

    /// Status, member and code of a refusal in the form of OpenAI's API; checks that it is one.
    fn openai_refusal(&self) -> (u16, Option<String>, String) {
        assert_eq!(self.header(header::CONTENT_TYPE), "application/json", "{:?}", self.2);
        let error = &self.json()["error"];
        assert!(error["message"].as_str().is_some_and(|words| words.ends_with(['.', '!', '?'])), "{error}");
        assert!(["invalid_request_error", "server_error"].contains(&error["type"].as_str().expect("a type")));
        let param = error["param"].as_str().map(str::to_owned);
        (self.0.as_u16(), param, error["code"].as_str().expect("a code").to_owned())
    }

    /// Samples at 48 kHz that are decoded of Ogg Opus, as a player does it.
    fn opus(&self) -> Vec<f32> {
        let mut packets = ogg::PacketReader::new(Cursor::new(self.2.clone()));
        let mut next = || packets.read_packet().expect("the pages are whole");
        let head = next().expect("a head").data;
        assert!(head.starts_with(b"OpusHead") && next().is_some_and(|tags| tags.data.starts_with(b"OpusTags")));
        let mut decoder = AudioDecoder::new().expect("libopus decodes");
        let (mut samples, mut end, mut ended) = (Vec::new(), 0, false);
        while let Some(packet) = next() {
            samples.extend_from_slice(decoder.decode(&packet.data).expect("a packet"));
            (end, ended) = (packet.absgp_page() as usize, packet.last_in_stream());
        }
        assert!(ended, "the stream has an end");
        samples[u16::from_le_bytes([head[10], head[11]]).into()..end].to_vec()
    }

    fn pixel(&self) -> [u8; 4] {
        image::load_from_memory(&self.2).expect("a picture").to_rgba8().get_pixel(0, 0).0
    }
}

struct Server {
    router: Router,
    library: Library,
    orders: Receiver<RemoteCommand>,
    /// How many faces were found.
    found: Arc<AtomicUsize>,
    _snapshot: watch::Sender<Snapshot>,
}

impl Server {
    fn new() -> Self {
        Self::with(|_| ())
    }

    fn with(change: impl FnOnce(&mut Context)) -> Self {
        let (orders, taken) = bounded(4);
        let (publisher, snapshot) = watch::channel(Snapshot { conversation: "idle", ..Snapshot::default() });
        let (_, closing) = watch::channel(false);
        let (_, meters) = Meters::new(Arc::default());
        let (rigs, pictures) = mpsc::channel(2);
        let (stills, faces) = mpsc::channel(2);
        let (library, found) = (Library::in_memory(), Arc::<AtomicUsize>::default());
        tokio::spawn(find_faces(pictures, found.clone()));
        tokio::spawn(draw(faces));
        let (speech, texts) = speech_door(4);
        std::thread::spawn(|| speak(texts));
        let mut context = Context {
            orders,
            snapshot,
            door: None,
            library: library.clone(),
            rigs: Some(RigDoor(rigs)),
            stills: Some(StillDoor(stills)),
            speech: Some(speech),
            cloning: None,
            places: Arc::default(),
            meters,
            connections: Arc::default(),
            gate: Arc::new(Gate::open_for_tests()),
            assets: Arc::new(Assets::default()),
            closing,
        };
        change(&mut context);
        Self { router: router(context), library, orders: taken, found, _snapshot: publisher }
    }

    async fn ask(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
        let mut request = Request::builder().method(method).uri(path).header(header::HOST, "127.0.0.1:8080");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.router.call(request.body(body.into()).expect("a request")).await.expect("it never fails");
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.expect("a body");
        Answer(parts.status, parts.headers, body)
    }

    async fn get(&mut self, path: &str) -> Answer {
        self.ask("GET", path, &[], Body::empty()).await
    }

    async fn send(&mut self, method: &str, path: &str, kind: &str, body: impl Into<Body>) -> Answer {
        self.ask(method, path, &[("content-type", kind)], body).await
    }

    /// A server with characters of these ids, the first of which is the default one.
    async fn full(ids: &[&str]) -> Self {
        let server = Self::new();
        for id in ids {
            let file = CharacterFile::new(id, visage_core::Language::English);
            server.library.create(Some(id), file, picture(FACE).into()).await.expect("a character");
        }
        server
    }
}

const JSON: &str = "application/json";
const MERGE: &str = "application/merge-patch+json";
const ADA: &str = r#"{"name": "Ada Lovelace", "voices": {"en": {"pitch": 1.2}}}"#;

#[tokio::test]
async fn a_character_is_made_read_changed_and_deleted() {
    let mut server = Server::full(&["mira"]).await;
    let (kind, body) = form(&[("character", ADA.as_bytes()), ("portrait", &picture(FACE))]);
    let made = server.send("POST", "/api/characters", kind, body).await;
    assert_eq!((made.0, made.header(header::LOCATION)), (StatusCode::CREATED, "/api/characters/ada-lovelace"));
    assert_eq!(made.json()["id"], "ada-lovelace");
    let (path, first) = ("/api/characters/ada-lovelace", made.etag());

    let read = server.get(path).await;
    assert_eq!((read.0, read.etag(), read.json()), (StatusCode::OK, first.clone(), made.json()));
    let known = server.ask("GET", path, &[("if-none-match", &first)], Body::empty()).await;
    assert_eq!((known.0, known.etag(), known.2.len()), (StatusCode::NOT_MODIFIED, first.clone(), 0));
    let head = server.ask("HEAD", path, &[], Body::empty()).await;
    assert_eq!((head.0, head.etag(), head.2.len()), (StatusCode::OK, first.clone(), 0));

    // What is read can be sent back as it is.
    let headers = [("content-type", JSON), ("if-match", first.as_str())];
    let same = server.ask("PUT", path, &headers, read.2.clone()).await;
    assert_eq!(same.0, StatusCode::OK, "{:?}", same.2);
    let second = same.etag();
    let headers = [("content-type", MERGE), ("if-match", second.as_str())];
    let changed = server.ask("PATCH", path, &headers, r#"{"name": "Ada", "voices": {"en": {"pitch": null}}}"#).await;
    assert_eq!(changed.0, StatusCode::OK, "{:?}", changed.2);
    assert_eq!((&changed.json()["name"], &changed.json()["voices"]["en"]), (&json!("Ada"), &json!({})));

    // Whoever still knows the state before loses nothing of it.
    let late = server.ask("PATCH", path, &headers, r#"{"name": "Bob"}"#).await;
    assert_eq!(late.refusal(), (412, "character_changed".into()));
    let blind = server.send("PATCH", path, MERGE, r#"{"name": "Bob"}"#).await;
    assert_eq!(blind.refusal(), (428, "condition_missing".into()));
    let blind = server.send("PUT", path, JSON, ADA).await;
    assert_eq!(blind.refusal(), (428, "condition_missing".into()));
    let late = server.ask("DELETE", path, &[("if-match", &second)], Body::empty()).await;
    assert_eq!(late.refusal(), (412, "character_changed".into()));

    let gone = server.ask("DELETE", path, &[("if-match", &changed.etag())], Body::empty()).await;
    assert_eq!((gone.0, gone.2.len()), (StatusCode::NO_CONTENT, 0));
    for method in ["GET", "DELETE"] {
        let nobody = server.ask(method, path, &[], Body::empty()).await;
        assert_eq!(nobody.refusal(), (404, "unknown_character".into()));
    }
    let default = server.ask("DELETE", "/api/characters/mira", &[], Body::empty()).await;
    assert_eq!(default.refusal(), (409, "character_protected".into()));
}

#[tokio::test]
async fn a_character_can_be_made_from_json_alone() {
    let mut server = Server::new();
    let body = json!({
        "character": {"id": "ada", "name": "Ada", "voices": {"en": {}}},
        "portrait": BASE64_STANDARD.encode(picture(FACE)),
    });
    let made = server.send("POST", "/api/characters", JSON, body.to_string()).await;
    assert_eq!((made.0, made.header(header::LOCATION)), (StatusCode::CREATED, "/api/characters/ada"));
    let again = server.send("POST", "/api/characters", JSON, body.to_string()).await;
    assert_eq!(again.refusal(), (409, "character_exists".into()));
}

#[tokio::test]
async fn wrong_characters_are_refused_with_the_reason() {
    let mut server = Server::full(&["mira"]).await;
    let face = BASE64_STANDARD.encode(picture(FACE));
    let with = |character: Value, portrait: &str| json!({"character": character, "portrait": portrait}).to_string();
    let ada = || json!({"name": "Ada", "voices": {"en": {}}});
    let black = BASE64_STANDARD.encode(picture(NO_FACE));
    let text = BASE64_STANDARD.encode("this is a text and no picture at all");
    let cases = [
        ("{".to_owned(), 400, "malformed_body", "not valid JSON"),
        ("[]".to_owned(), 422, "invalid_character", "members character and portrait"),
        (json!({"portrait": face}).to_string(), 422, "invalid_character", "missing field `character`"),
        (json!({"character": ada()}).to_string(), 422, "invalid_character", "missing field `portrait`"),
        (
            json!({"character": ada(), "portrait": face, "x": 1}).to_string(),
            422,
            "invalid_character",
            "unknown field `x`",
        ),
        (with(ada(), "?"), 422, "invalid_character", "not base64"),
        (with(ada(), &black), 422, "unusable_portrait", "no face"),
        (with(ada(), &text), 415, "wrong_file_type", "no JPEG, PNG or WebP"),
        (with(json!({"name": "Ada"}), &face), 422, "invalid_character", "voices"),
        (with(json!({"nmae": "Ada", "voices": {"en": {}}}), &face), 422, "invalid_character", "did you mean \"name\"?"),
        (
            with(json!({"name": "Ada", "voices": {"en": {"speed": 9}}}), &face),
            422,
            "invalid_character",
            "voices.en.speed",
        ),
        (with(json!({"id": "../x", "name": "A", "voices": {"en": {}}}), &face), 422, "", ""),
    ];
    for (body, status, code, words) in cases {
        let answer = server.send("POST", "/api/characters", JSON, body.clone()).await;
        let (found, of) = answer.refusal();
        assert!(found == status && (code.is_empty() || of == code), "{found} {of}: {}", &body[..body.len().min(90)]);
        let detail = answer.json()["detail"].as_str().expect("text").to_owned();
        assert!(detail.contains(words), "{words}: {detail}");
    }
    let headers = [("content-type", MERGE), ("if-match", "*")];
    for (patch, status, code) in [
        ("null", 422, "invalid_character"),
        ("{\"voices\": null}", 422, "invalid_character"),
        ("{\"portrait\": \"../mira/portrait.png\"}", 422, "invalid_character"),
        ("{\"portrait\": \"other.png\"}", 422, "invalid_character"),
        ("{", 400, "malformed_body"),
    ] {
        let answer = server.ask("PATCH", "/api/characters/mira", &headers, patch).await;
        assert_eq!(answer.refusal(), (status, code.to_owned()), "{patch}: {:?}", answer.2);
    }
    assert_eq!(server.library.list().await.expect("a list").characters.len(), 1);
}

#[tokio::test]
async fn wrong_requests_are_refused_with_the_right_status() {
    let mut server = Server::full(&["mira"]).await;
    let long = "x".repeat(1_100_000);
    #[expect(clippy::type_complexity, reason = "a table of cases")]
    let cases: [(&str, &str, &[(&str, &str)], &str, u16, &str); 21] = [
        ("GET", "/api/characters?limit=0", &[], "", 400, "malformed_query"),
        ("GET", "/api/characters?limit=201", &[], "", 400, "malformed_query"),
        ("GET", "/api/characters?limit=many", &[], "", 400, "malformed_query"),
        ("GET", "/api/characters?limit=1&limit=2", &[], "", 400, "malformed_query"),
        ("GET", "/api/characters?page=2", &[], "", 400, "malformed_query"),
        ("GET", "/api/characters?cursor=..%2f", &[], "", 400, "malformed_query"),
        ("GET", "/api/characters/nobody", &[], "", 404, "unknown_character"),
        ("GET", "/api/characters/..%2fmira", &[], "", 404, "unknown_character"),
        ("GET", "/api/characters/%ff", &[], "", 404, "unknown_character"),
        ("GET", "/api/characters/MIRA", &[], "", 404, "unknown_character"),
        ("GET", "/api/characters/mira/nothing", &[], "", 404, "not_found"),
        ("GET", "/api/characters/", &[], "", 404, "not_found"),
        ("POST", "/api/characters", &[("content-type", "text/plain")], ADA, 415, "wrong_content_type"),
        ("POST", "/api/characters", &[], ADA, 415, "wrong_content_type"),
        ("POST", "/api/characters", &[("content-type", "multipart/form-data")], "", 400, "malformed_body"),
        ("POST", "/api/characters/mira", &[], "", 405, "method_not_allowed"),
        ("DELETE", "/api/characters", &[], "", 405, "method_not_allowed"),
        ("PUT", "/api/characters/mira", &[("content-type", JSON), ("if-match", "*")], &long, 413, "body_too_large"),
        ("PUT", "/api/characters/mira", &[("content-type", JSON), ("if-match", "x")], ADA, 412, "character_changed"),
        ("PUT", "/api/characters/nobody", &[("content-type", JSON), ("if-match", "*")], ADA, 404, "unknown_character"),
        (
            "PATCH",
            "/api/characters/mira",
            &[("content-type", JSON), ("if-match", "*")],
            "{}",
            415,
            "wrong_content_type",
        ),
    ];
    for (method, path, headers, body, status, code) in cases {
        let answer = server.ask(method, path, headers, body.to_owned()).await;
        assert_eq!(answer.refusal(), (status, code.to_owned()), "{method} {path}");
    }
    let options = server.ask("OPTIONS", "/api/characters/mira", &[], Body::empty()).await;
    assert_eq!(options.0, StatusCode::NO_CONTENT);
    let mut methods: Vec<_> = options.header(header::ALLOW).split(',').map(str::trim).collect();
    methods.sort_unstable();
    assert_eq!(methods, ["DELETE", "GET", "HEAD", "PATCH", "PUT"]);
}

#[tokio::test]
async fn the_list_has_pages_that_follow_each_other() {
    let mut server = Server::new();
    assert_eq!(server.get("/api/characters").await.json(), json!({"items": [], "next": null}));
    server = Server::full(&["mira", "ada", "theo", "bo"]).await;
    let (mut path, mut seen) = ("/api/characters?limit=2".to_owned(), Vec::new());
    for _ in 0..2 {
        let page = server.get(&path).await;
        for item in page.json()["items"].as_array().expect("items") {
            assert_eq!(
                (&item["default"], &item["active"]),
                (&json!(item["id"] == "mira"), &json!(item["id"] == "mira"))
            );
            seen.push(item["id"].as_str().expect("an id").to_owned());
        }
        let link = page.header(header::LINK).to_owned();
        assert_eq!(link.is_empty(), page.json()["next"].is_null());
        path = link.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
    }
    assert_eq!((seen, path), (["ada", "bo", "mira", "theo"].map(str::to_owned).to_vec(), String::new()));
}

#[tokio::test]
async fn a_character_is_ordered_on_stage() {
    let mut server = Server::full(&["mira"]).await;
    let ordered = server.ask("POST", "/api/characters/mira/activate", &[], Body::empty()).await;
    assert_eq!((ordered.0, ordered.2.len()), (StatusCode::ACCEPTED, 0));
    assert_eq!(server.orders.try_recv(), Ok(RemoteCommand::Activate { id: "mira".into() }));
    let nobody = server.ask("POST", "/api/characters/nobody/activate", &[], Body::empty()).await;
    assert_eq!(nobody.refusal(), (404, "unknown_character".into()));
    assert!(server.orders.try_recv().is_err());
}

#[tokio::test]
async fn portraits_are_told_by_content_and_must_show_a_face() {
    let mut server = Server::full(&["mira"]).await;
    let path = "/api/characters/mira/portrait";
    let before = server.get(path).await;
    assert_eq!(
        (before.0, before.header(header::CONTENT_TYPE), &before.2[..]),
        (StatusCode::OK, "image/png", &picture(FACE)[..])
    );
    let known = server.ask("GET", path, &[("if-none-match", &before.etag())], Body::empty()).await;
    assert_eq!(known.0, StatusCode::NOT_MODIFIED);

    let other = picture(Rgb([90, 80, 70]));
    // What it is declared as does not matter, as long as it is declared as a picture or as bytes.
    for kind in ["image/png", "image/jpeg", "application/octet-stream"] {
        let put = server.send("PUT", path, kind, other.clone()).await;
        assert_eq!(put.0, StatusCode::OK, "{:?}", put.2);
        assert_eq!(put.etag(), server.get("/api/characters/mira").await.etag());
    }
    let after = server.get(path).await;
    assert_eq!(&after.2[..], &other[..]);
    assert_ne!(after.etag(), before.etag());

    let mut cut = picture(FACE);
    cut.truncate(60);
    let cases: [(&str, Vec<u8>, &str, u16, &str); 5] = [
        ("text/html", other.clone(), "*", 415, "wrong_content_type"),
        ("image/png", picture(NO_FACE), "*", 422, "unusable_portrait"),
        ("image/png", cut, "*", 422, "unusable_portrait"),
        ("image/png", b"<svg/>".to_vec(), "*", 415, "wrong_file_type"),
        ("image/png", picture(FACE), "\"old\"", 412, "character_changed"),
    ];
    for (kind, bytes, condition, status, code) in cases {
        let answer = server.ask("PUT", path, &[("content-type", kind), ("if-match", condition)], bytes).await;
        assert_eq!(answer.refusal(), (status, code.to_owned()));
    }
    assert_eq!(&server.get(path).await.2[..], &other[..], "nothing of this was stored");
    let huge = [("content-type", "image/png"), ("content-length", "100000000")];
    assert_eq!(server.ask("PUT", path, &huge, "").await.refusal(), (413, "body_too_large".into()));
}

#[tokio::test]
async fn voice_references_are_converted() {
    let mut server = Server::full(&["mira"]).await;
    let path = "/api/characters/mira/voice-reference";
    assert_eq!(server.get(path).await.refusal(), (404, "no_such_part".into()));
    let put = server.send("PUT", path, "audio/wav", voice(4.0)).await;
    assert_eq!(put.0, StatusCode::OK, "{:?}", put.2);
    assert!(put.json()["voices"]["en"]["reference"].is_string());
    let stored = server.get(&format!("{path}?language=en")).await;
    assert_eq!((stored.0, stored.header(header::CONTENT_TYPE)), (StatusCode::OK, "audio/wav"));
    let sound = decode_sound(Cursor::new(stored.2.clone()), 60).expect("a sound");
    assert_eq!((sound.rate, sound.samples.len()), (24_000, 96_000));
    let cases: [(&str, &str, Vec<u8>, u16, &str); 5] = [
        ("", "audio/wav", voice(1.0), 422, "unusable_sound"),
        ("", "audio/wav", picture(FACE), 415, "wrong_file_type"),
        ("", "image/png", voice(4.0), 415, "wrong_content_type"),
        ("?language=de", "audio/wav", voice(4.0), 404, "no_such_part"),
        ("?language=fr", "audio/wav", voice(4.0), 400, "malformed_query"),
    ];
    for (query, kind, bytes, status, code) in cases {
        let answer = server.send("PUT", &format!("{path}{query}"), kind, bytes).await;
        assert_eq!(answer.refusal(), (status, code.to_owned()));
    }
    assert_eq!(server.ask("DELETE", path, &[], Body::empty()).await.0, StatusCode::NO_CONTENT);
    assert_eq!(server.ask("DELETE", path, &[], Body::empty()).await.refusal(), (404, "no_such_part".into()));
}

#[tokio::test]
async fn previews_are_drawn_once_for_each_state() {
    let mut server = Server::full(&["mira"]).await;
    let path = "/api/characters/mira/preview.png";
    let rest = server.get(path).await;
    assert_eq!((rest.0, rest.header(header::CONTENT_TYPE), rest.pixel()[0]), (StatusCode::OK, "image/png", 0));
    let open = server.get(&format!("{path}?viseme=aa&emotion=happy&size=32")).await;
    assert!(open.pixel()[0] > 100, "{:?}", open.pixel());
    assert_eq!(image::load_from_memory(&open.2).expect("a picture").width(), 32);
    assert_ne!(open.etag(), rest.etag());
    let drawn = server.found.load(Ordering::Relaxed);
    let known = server.ask("GET", path, &[("if-none-match", &rest.etag())], Body::empty()).await;
    assert_eq!((known.0, server.found.load(Ordering::Relaxed)), (StatusCode::NOT_MODIFIED, drawn), "nothing is drawn");

    let headers = [("content-type", MERGE), ("if-match", "*")];
    let own = r#"{"emotions": {"sad": {"shapes": {"jawOpen": 1.0}}}}"#;
    assert_eq!(server.ask("PATCH", "/api/characters/mira", &headers, own).await.0, StatusCode::OK);
    assert_eq!(server.get(&format!("{path}?emotion=sad")).await.pixel()[0], 255, "the character's own face");
    let changed = server.ask("GET", path, &[("if-none-match", &rest.etag())], Body::empty()).await;
    assert_eq!(changed.0, StatusCode::OK);
    for (query, status, code) in [
        ("emotion=glad", 400, "malformed_query"),
        ("viseme=XX", 400, "malformed_query"),
        ("size=15", 422, "size_out_of_range"),
        ("size=1081", 422, "size_out_of_range"),
        ("size=-1", 400, "malformed_query"),
        ("colour=red", 400, "malformed_query"),
    ] {
        assert_eq!(server.get(&format!("{path}?{query}")).await.refusal(), (status, code.to_owned()), "{query}");
    }
}

#[tokio::test]
async fn a_picture_is_drawn_as_asked() {
    let mut server = Server::new();
    let face = picture(FACE);
    let (kind, body) = form(&[
        ("image", &face),
        ("viseme", b"O"),
        ("shapes", br#"{"jawOpen": 1.0}"#),
        ("head", br#"{"yaw": 0.5}"#),
        ("size", b"48"),
    ]);
    let drawn = server.send("POST", "/api/render", kind, body).await;
    assert_eq!((drawn.0, drawn.header(header::CONTENT_TYPE)), (StatusCode::OK, "image/png"));
    assert_eq!(
        (drawn.pixel()[..2].to_vec(), image::load_from_memory(&drawn.2).expect("a picture").width()),
        (vec![255, 50], 48)
    );
    #[expect(clippy::type_complexity, reason = "a table of cases")]
    let cases: [(&[(&str, &[u8])], u16, &str); 9] = [
        (&[("image", b"GIF89a")], 415, "wrong_file_type"),
        (&[("emotion", b"happy")], 422, "malformed_form"),
        (&[("image", &picture(NO_FACE))], 422, "unusable_portrait"),
        (&[("image", &face), ("emotion", b"glad")], 422, "malformed_form"),
        (&[("image", &face), ("viseme", b"xx")], 422, "malformed_form"),
        (&[("image", &face), ("shapes", br#"{"jawOpen": 2}"#)], 422, "pose_out_of_range"),
        (&[("image", &face), ("shapes", br#"{"jaw": 1}"#)], 422, "malformed_form"),
        (&[("image", &face), ("head", br#"{"yaw": 9}"#)], 422, "pose_out_of_range"),
        (&[("image", &face), ("size", b"4000")], 422, "size_out_of_range"),
    ];
    for (parts, status, code) in cases {
        let (kind, body) = form(parts);
        let answer = server.send("POST", "/api/render", kind, body).await;
        assert_eq!(answer.refusal(), (status, code.to_owned()), "{:?}", answer.2);
    }
}

#[tokio::test]
async fn without_doors_nothing_is_drawn_or_taken_in() {
    let mut server = Server::with(|context| (context.rigs, context.stills) = (None, None));
    let file = CharacterFile::new("Mira", visage_core::Language::English);
    server.library.create(Some("mira"), file, picture(FACE).into()).await.expect("a character");
    assert_eq!(server.get("/api/characters/mira/preview.png").await.refusal(), (503, "unavailable".into()));
    let put = server.send("PUT", "/api/characters/mira/portrait", "image/png", picture(FACE)).await;
    assert_eq!(put.refusal(), (503, "unavailable".into()));
    // A door that nobody stands behind any more is as good as none.
    let mut server = Server::with(|context| context.rigs = Some(RigDoor(mpsc::channel(1).0)));
    let (kind, body) = form(&[("character", ADA.as_bytes()), ("portrait", &picture(FACE))]);
    assert_eq!(server.send("POST", "/api/characters", kind, body).await.refusal(), (503, "unavailable".into()));
}

#[tokio::test]
async fn archives_go_out_and_come_in() {
    let mut server = Server::full(&["mira"]).await;
    let archive = server.get("/api/characters/mira/archive").await;
    assert_eq!((archive.0, archive.header(header::CONTENT_TYPE)), (StatusCode::OK, "application/zip"));
    assert_eq!(archive.header(header::CONTENT_DISPOSITION), "attachment; filename=\"mira.zip\"");
    let taken = server.send("POST", "/api/characters/import?id=mira", "application/zip", archive.2.clone()).await;
    assert_eq!(taken.refusal(), (409, "character_exists".into()));
    let twin = server.send("POST", "/api/characters/import?id=twin", "application/zip", archive.2.clone()).await;
    assert_eq!((twin.0, twin.header(header::LOCATION)), (StatusCode::CREATED, "/api/characters/twin"), "{:?}", twin.2);
    assert_eq!(
        server.get("/api/characters/twin/portrait").await.2,
        server.get("/api/characters/mira/portrait").await.2
    );

    let second = server.send("POST", "/api/characters/import", "application/zip", archive.2.clone()).await;
    assert_eq!(second.json()["id"], "mira-2");

    // Somebody put another picture into the store behind our back; what is exported is checked like an upload.
    let file = CharacterFile::new("Ghost", visage_core::Language::English);
    server.library.create(Some("ghost"), file, picture(NO_FACE).into()).await.expect("the store looks for no face");
    let ghost = server.get("/api/characters/ghost/archive").await.2;
    let cases = [
        ("?id=other", "application/zip", ghost, 422, "unusable_portrait"),
        ("", "application/zip", Bytes::from_static(b"PK no zip"), 422, "unusable_archive"),
        ("?id=..", "application/zip", archive.2.clone(), 422, "invalid_id"),
        ("", "text/plain", archive.2.clone(), 415, "wrong_content_type"),
    ];
    for (query, kind, bytes, status, code) in cases {
        let answer = server.send("POST", &format!("/api/characters/import{query}"), kind, bytes).await;
        assert_eq!(answer.refusal(), (status, code.to_owned()), "{query} {:?}", answer.2);
    }
    assert_eq!(server.get("/api/characters/other").await.refusal().0, 404, "it was taken back");
}

#[tokio::test]
async fn more_uploads_than_places_are_asked_to_come_again() {
    let mut server = Server::full(&["mira"]).await;
    let mut waiting = Vec::new();
    for _ in 0..4 {
        // Bodies that never end.
        let body = Body::from_stream(futures_util::stream::pending::<Result<Bytes, std::io::Error>>());
        let request = Request::builder().method("PUT").uri("/api/characters/mira/portrait");
        let request = request.header(header::HOST, "127.0.0.1").header(header::CONTENT_TYPE, "image/png");
        let mut answering = Box::pin(server.router.call(request.body(body).expect("a request")));
        assert!(futures_util::FutureExt::now_or_never(&mut answering).is_none());
        tokio::task::yield_now().await;
        waiting.push(tokio::spawn(answering));
    }
    while server.send("PUT", "/api/characters/mira/portrait", "image/png", picture(FACE)).await.0 == StatusCode::OK {
        tokio::task::yield_now().await;
    }
    let full = server.send("PUT", "/api/characters/mira/portrait", "image/png", picture(FACE)).await;
    assert_eq!((full.refusal(), full.header(header::RETRY_AFTER)), ((503, "busy".into()), "1"));
    waiting.drain(..).for_each(|one| one.abort());
}

#[tokio::test]
async fn the_description_is_served_and_shown() {
    let mut server = Server::new();
    let document = server.get("/api/openapi.json").await;
    assert_eq!((document.0, document.header(header::CONTENT_TYPE)), (StatusCode::OK, "application/json"));
    assert_eq!(document.json()["openapi"], "3.1.0");
    assert_eq!(server.get("/api/docs").await.header(header::LOCATION), "/api/docs/");
    let page = server.get("/api/docs/").await;
    let policy = page.header(header::CONTENT_SECURITY_POLICY).to_owned();
    assert_eq!((page.0, page.header(header::CONTENT_TYPE)), (StatusCode::OK, "text/html"));
    assert!(policy.contains("script-src 'self';") && !policy.contains("http"), "{policy}");
    let text = String::from_utf8(page.2.to_vec()).expect("text");
    for file in text.split('"').filter(|part| part.starts_with("./")) {
        let found = server.get(&format!("/api/docs/{}", &file[2..])).await;
        assert_eq!(found.0, StatusCode::OK, "{file}");
    }
    let starter = server.get("/api/docs/swagger-initializer.js").await;
    assert!(String::from_utf8_lossy(&starter.2).contains("/api/openapi.json"));
    assert_eq!(server.get("/api/docs/nothing.js").await.refusal(), (404, "not_found".into()));
    // Everywhere else the policy stays strict.
    assert!(!server.get("/api/state").await.header(header::CONTENT_SECURITY_POLICY).contains("unsafe"));
}

const SYNTHESIZE: &str = "/api/tts/synthesize";
const OPENAI: &str = "/v1/audio/speech";

/// A request in OpenAI's form.
fn openai(input: &str, more: Value) -> String {
    let mut body = json!({"model": "tts-1", "input": input, "voice": "alloy"});
    for (name, value) in more.as_object().expect("members") {
        body[name] = value.clone();
    }
    body.to_string()
}

#[tokio::test]
async fn voices_are_listed() {
    let mut server = Server::new();
    let voices = server.get("/api/voices").await;
    assert_eq!(voices.0, StatusCode::OK);
    let voices = voices.json();
    assert_eq!(voices.as_array().expect("a list").len(), 6);
    assert_eq!(
        voices[0],
        json!({"id": "piper-en-joe", "engine": "piper", "name": "piper-en-joe", "languages": ["en"],
            "description": "a voice", "licence": "MIT", "installed": true, "advice": null, "cloned": null})
    );
    assert_eq!(
        voices[5]["cloned"],
        json!({"permission_by": "Anna", "similarity_before": 0.5, "similarity_after": 0.75, "marked": true})
    );
}

#[tokio::test]
async fn a_text_becomes_sound_in_each_form() {
    let mut server = Server::new();
    for (words, format, rate) in [(1, "wav", 48_000), (3, "wav", 24_000), (2, "pcm", 16_000), (3, "opus", 48_000)] {
        let text = ["One", "Two", "Three"][..words].join(" ");
        let body = json!({"text": text, "format": format, "rate": rate}).to_string();
        let answer = server.send("POST", SYNTHESIZE, JSON, body).await;
        assert_eq!(answer.0, StatusCode::OK, "{:?}", answer.2);
        let samples = words * PIECE * rate / 48_000;
        let (kind, found) = match format {
            "wav" => {
                let sound = decode_sound(Cursor::new(answer.2.clone()), 60).expect("a sound");
                assert_eq!(sound.rate as usize, rate);
                // A sound of one piece is known whole, and so is its length.
                let told = u32::from_le_bytes(answer.2[40..44].try_into().expect("four bytes"));
                assert_eq!(told, if words == 1 { 2 * samples as u32 } else { u32::MAX });
                assert_eq!(answer.header(header::CONTENT_LENGTH).is_empty(), words > 1);
                ("audio/wav", sound.samples.len())
            }
            "pcm" => ("audio/pcm", answer.2.len() / 2),
            _ => ("audio/ogg; codecs=opus", answer.opus().len()),
        };
        assert_eq!((answer.header(header::CONTENT_TYPE), found), (kind, samples), "{words} {format}");
    }
    let wrong = server.send("POST", SYNTHESIZE, JSON, json!({"text": "Wrong"}).to_string()).await;
    let notice = wrong.1["visage-notice"].to_str().expect("it can be shown");
    assert_eq!((wrong.0, notice), (StatusCode::OK, "the mark-up is wr?ng"));
}

#[tokio::test]
async fn openais_clients_are_answered_in_their_form() {
    let mut server = Server::new();
    let say = async |server: &mut Server, more| server.send("POST", OPENAI, JSON, openai("One Two", more)).await;
    let wav = say(&mut server, json!({})).await;
    assert_eq!((wav.0, wav.header(header::CONTENT_TYPE)), (StatusCode::OK, "audio/wav"));
    assert_eq!(decode_sound(Cursor::new(wav.2.clone()), 60).expect("a sound").samples.len(), PIECE);
    let pcm = say(&mut server, json!({"response_format": "pcm", "voice": {"id": "nova"}, "speed": 0.25})).await;
    assert_eq!((pcm.header(header::CONTENT_TYPE), pcm.2.len()), ("audio/pcm", 2 * PIECE));
    let opus = say(&mut server, json!({"response_format": "opus", "model": "kokoro", "voice": "am_onyx"})).await;
    assert_eq!((opus.header(header::CONTENT_TYPE), opus.opus().len()), ("audio/ogg; codecs=opus", 2 * PIECE));
    for (body, status, param, code) in [
        (openai("One", json!({"response_format": "mp3"})), 400, Some("response_format"), "unsupported_format"),
        (openai("One", json!({"voice": "nobody"})), 400, Some("voice"), "unknown_voice"),
        (openai("One", json!({"model": "whisper-1"})), 404, Some("model"), "model_not_found"),
        (openai("Nothing", json!({})), 400, Some("input"), "text_empty"),
        (openai("Fault", json!({})), 503, None, "unavailable"),
        (openai(&"a".repeat(70_000), json!({})), 413, None, "body_too_large"),
        ("{".to_owned(), 400, None, "malformed_body"),
    ] {
        let refused = server.send("POST", OPENAI, JSON, body).await;
        assert_eq!(refused.openai_refusal(), (status, param.map(str::to_owned), code.to_owned()));
    }
    let plain = server.send("POST", OPENAI, "text/plain", openai("One", json!({}))).await;
    assert_eq!(plain.openai_refusal(), (415, None, "wrong_content_type".into()));
}

#[tokio::test]
async fn what_cannot_be_spoken_is_refused() {
    let mut server = Server::new();
    for (text, status, code) in
        [("Nothing", 422, "text_empty"), (" ", 422, "text_empty"), ("Fault", 503, "unavailable")]
    {
        let refused = server.send("POST", SYNTHESIZE, JSON, json!({"text": text}).to_string()).await;
        assert_eq!(refused.refusal(), (status, code.to_owned()), "{text}");
    }
    let mut without = Server::with(|context| context.speech = None);
    assert_eq!(without.get("/api/voices").await.refusal(), (503, "unavailable".into()));
    let refused = without.send("POST", SYNTHESIZE, JSON, r#"{"text": "One"}"#).await;
    assert_eq!(refused.refusal(), (503, "unavailable".into()));
    // A thread that has ended, before or meanwhile.
    let ended = server.send("POST", SYNTHESIZE, JSON, r#"{"text": "End"}"#).await;
    assert_eq!(ended.refusal(), (503, "unavailable".into()));
    let gone = server.send("POST", OPENAI, JSON, openai("One", json!({}))).await;
    assert_eq!(gone.openai_refusal(), (503, None, "unavailable".into()));
}

/// An answer to a request of one endpoint while the test itself stands behind the door: the request, and the answer that has
/// begun after `first` was said.
async fn begun(path: &str, first: SpeechPiece) -> (SpeechRequest, axum::response::Response, Server) {
    let (door, asked) = speech_door(1);
    let mut server = Server::with(|context| context.speech = Some(door));
    let body = if path == OPENAI { openai("One", json!({})) } else { r#"{"text": "One"}"#.to_owned() };
    let request = Request::builder().method("POST").uri(path).header(header::HOST, "127.0.0.1:8080");
    let request = request.header(header::CONTENT_TYPE, JSON).body(Body::from(body)).expect("a request");
    let answering = tokio::spawn(server.router.call(request));
    let request = tokio::task::spawn_blocking(move || asked.recv().expect("it is asked")).await.expect("a request");
    request.pieces.send(Ok(first)).await.expect("it is waited for");
    let answer = answering.await.expect("it does not panic").expect("it never fails");
    (request, answer, server)
}

#[tokio::test]
async fn the_first_bytes_come_before_the_last_piece_is_made() {
    for path in [SYNTHESIZE, OPENAI] {
        let (request, answer, _server) = begun(path, piece(false)).await;
        assert_eq!(answer.status(), StatusCode::OK);
        let mut bytes = answer.into_body().into_data_stream();
        let first = bytes.next().await.expect("it has begun").expect("bytes");
        assert!(first.starts_with(b"RIFF") && first.len() > 44, "{path}: {} bytes", first.len());
        // Only now is the last piece made.
        request.pieces.send(Ok(piece(true))).await.expect("it is waited for");
        let second = bytes.next().await.expect("it goes on").expect("bytes");
        assert_eq!(second.len() + 44, first.len());
        assert!(bytes.next().await.is_none(), "it has ended");
    }
}

#[tokio::test]
async fn half_a_text_is_not_taken_for_a_whole_one() {
    for error in [None, Some(SpeechError::Unavailable("a fault".into()))] {
        let (request, answer, _server) = begun(SYNTHESIZE, piece(false)).await;
        if let Some(error) = error {
            request.pieces.send(Err(error)).await.expect("it is waited for");
        }
        drop(request);
        assert!(axum::body::to_bytes(answer.into_body(), usize::MAX).await.is_err(), "the connection is cut");
    }
}

#[tokio::test]
async fn nothing_more_is_spoken_for_who_has_gone() {
    let (request, answer, _server) = begun(SYNTHESIZE, piece(false)).await;
    assert!(!request.pieces.is_closed());
    drop(answer);
    request.pieces.closed().await;
}

#[tokio::test]
async fn a_full_door_is_busy() {
    let (door, _asked) = speech_door(1);
    let (waiting, _pieces) = SpeechRequest::new("One".into(), Language::English, voice_settings());
    door.requests.try_send(waiting).expect("there is room");
    let mut server = Server::with(|context| context.speech = Some(door));
    let busy = server.send("POST", SYNTHESIZE, JSON, r#"{"text": "One"}"#).await;
    assert_eq!((busy.refusal(), busy.header(header::RETRY_AFTER)), ((503, "busy".into()), "1"));
    let busy = server.send("POST", OPENAI, JSON, openai("One", json!({}))).await;
    assert_eq!((busy.openai_refusal(), busy.header(header::RETRY_AFTER)), ((503, None, "busy".into()), "1"));
}

fn voice_settings() -> visage_schedule::VoiceSettings {
    visage_schedule::VoiceSettings { model: "espeak-ng".into(), reference: None, speed: 1.0, pitch: 1.0, volume: 1.0 }
}

/// The workshop behind the door of cloning: takes every order on, unless its name says what is wrong with it.
#[derive(Default)]
struct Workshop {
    orders: Mutex<Vec<CloneOrder>>,
    jobs: Mutex<Vec<CloneJob>>,
    deleted: Mutex<Vec<String>>,
}

impl Workshop {
    /// A server with a workshop.
    fn open() -> (Server, Arc<Self>) {
        let workshop = Arc::<Self>::default();
        let door = CloningDoor(workshop.clone());
        (Server::with(|context| context.cloning = Some(door)), workshop)
    }

    fn set(&self, state: CloneState) {
        self.jobs.lock().expect("nobody panicked").last_mut().expect("a job").state = state;
    }
}

impl CloneVoices for Workshop {
    fn begin(&self, order: CloneOrder) -> Result<CloneJob, CloneRefusal> {
        let words = "what to do".to_owned();
        match order.name.as_str() {
            "nobody" => return Err(CloneRefusal::Permission(words)),
            "no name" => return Err(CloneRefusal::Name(words)),
            "noise" => return Err(CloneRefusal::Recording(words)),
            "no engine" => return Err(CloneRefusal::NotInstalled(words)),
            "full" => return Err(CloneRefusal::Busy),
            "fault" => return Err(CloneRefusal::Unavailable(words)),
            "panic" => panic!("as the name asks for"),
            _ => {}
        }
        let job = CloneJob { id: "0123456789ab-1".into(), name: order.name.clone(), state: CloneState::Waiting };
        self.orders.lock().expect("nobody panicked").push(order);
        self.jobs.lock().expect("nobody panicked").push(job.clone());
        Ok(job)
    }

    fn look(&self, id: &str) -> Option<CloneJob> {
        self.jobs.lock().expect("nobody panicked").iter().find(|job| job.id == id).cloned()
    }

    fn call_off(&self, id: &str) -> Option<CloneJob> {
        let mut jobs = self.jobs.lock().expect("nobody panicked");
        let job = jobs.iter_mut().find(|job| job.id == id)?;
        if !job.state.has_ended() {
            job.state = CloneState::CalledOff;
        }
        Some(job.clone())
    }

    fn delete(&self, voice: &str) -> Result<(), CloneRefusal> {
        if voice == "clone/nobody" {
            return Err(CloneRefusal::Unknown("there is no cloned voice \"nobody\"".into()));
        }
        self.deleted.lock().expect("nobody panicked").push(voice.to_owned());
        Ok(())
    }
}

const CLONE: &str = "/api/voices/clone";

/// A form for a clone with one field changed, or left out if it is given no value.
fn clone_form(field: &str, value: Option<&[u8]>) -> (&'static str, Vec<u8>) {
    let sound = voice(4.0);
    let fields: [(&str, &[u8]); 5] = [
        ("recording", &sound),
        ("name", b"Anna"),
        ("language", b"de"),
        ("permission", b" I allow that my voice is cloned. "),
        ("by", "Anna Ölçer".as_bytes()),
    ];
    let others = fields.into_iter().filter(|(name, _)| *name != field);
    form(&others.chain(value.map(|value| (field, value))).collect::<Vec<_>>())
}

#[tokio::test]
async fn a_recording_becomes_a_voice_in_its_time() {
    let (mut server, workshop) = Workshop::open();
    let (kind, body) = clone_form("denoise", Some(b"true"));
    let begun = server.send("POST", CLONE, kind, body).await;
    let path = "/api/voices/clone/0123456789ab-1";
    assert_eq!((begun.0, begun.header(header::LOCATION)), (StatusCode::ACCEPTED, path), "{:?}", begun.2);
    let order = workshop.orders.lock().expect("nobody panicked")[0].clone();
    assert_eq!((order.samples.len(), order.rate), (64_000, 16_000));
    assert_eq!((order.name.as_str(), order.by.as_str(), order.language), ("Anna", "Anna Ölçer", Language::German));
    assert_eq!(order.permission, "I allow that my voice is cloned.");
    assert_eq!((order.denoise, order.tries), (true, 30));

    let body = |state: &str, progress: f32| {
        json!({"id": "0123456789ab-1", "name": "Anna", "state": state, "progress": progress, "voice": null,
            "similarity_before": null, "similarity_after": null, "reason": null})
    };
    assert_eq!(begun.json(), body("waiting", 0.0));
    assert_eq!(server.get(path).await.json(), body("waiting", 0.0));
    workshop.set(CloneState::Fitting { progress: 0.25 });
    assert_eq!(server.get(path).await.json(), body("fitting", 0.25));
    workshop.set(CloneState::Failed { reason: "the disk is full".into() });
    let mut failed = body("failed", 0.0);
    failed["reason"] = json!("The disk is full.");
    assert_eq!(server.get(path).await.json(), failed);
    let voice = "clone/anna".to_owned();
    workshop.set(CloneState::Done { voice, similarity_before: 0.5, similarity_after: 0.75 });
    let mut done = body("done", 1.0);
    (done["voice"], done["similarity_before"], done["similarity_after"]) =
        (json!("clone/anna"), json!(0.5), json!(0.75));
    assert_eq!(server.get(path).await.json(), done);
}

#[tokio::test]
async fn what_cannot_be_cloned_is_refused_with_the_reason() {
    let (mut server, workshop) = Workshop::open();
    let (short, silent, long) = (voice(1.0), encode_wav(&[0.0; 64_000], 16_000), voice(121.0));
    let cut = &silent[..silent.len() - 20_000];
    let cases: [(&str, Option<&[u8]>, u16, &str); 19] = [
        ("recording", None, 422, "malformed_form"),
        ("recording", Some(b"\x89PNG\r\n\x1a\n"), 415, "wrong_file_type"),
        ("recording", Some(b""), 415, "wrong_file_type"),
        ("recording", Some(cut), 422, "unusable_sound"),
        ("recording", Some(&long), 422, "unusable_sound"),
        ("language", None, 422, "unknown_language"),
        ("language", Some(b"fr"), 422, "unknown_language"),
        ("by", Some(b"\xff\xfe"), 422, "malformed_form"),
        ("tries", Some(b"0"), 422, "setting_out_of_range"),
        ("tries", Some(b"101"), 422, "setting_out_of_range"),
        ("tries", Some(b"many"), 422, "malformed_form"),
        ("denoise", Some(b"perhaps"), 422, "malformed_form"),
        ("colour", Some(b"red"), 422, "malformed_form"),
        ("name", Some(b"nobody"), 422, "permission_missing"),
        ("name", Some(b"no name"), 422, "malformed_form"),
        ("name", Some(b"noise"), 422, "unusable_sound"),
        ("name", Some(b"no engine"), 422, "voice_not_installed"),
        ("name", Some(b"full"), 503, "busy"),
        ("name", Some(b"fault"), 503, "unavailable"),
    ];
    for (field, value, status, code) in cases {
        let (kind, body) = clone_form(field, value);
        let refused = server.send("POST", CLONE, kind, body).await;
        assert_eq!(refused.refusal(), (status, code.to_owned()), "{field} {:?}", refused.2);
    }
    let (kind, body) = clone_form("name", Some(b"panic"));
    assert_eq!(server.send("POST", CLONE, kind, body).await.refusal(), (503, "unavailable".into()));
    assert_eq!(server.send("POST", CLONE, JSON, "{}").await.refusal(), (415, "wrong_content_type".into()));
    assert!(workshop.orders.lock().expect("nobody panicked").is_empty());
    // Whether it is long enough for a voice is for whoever hears speech in it.
    let (kind, body) = clone_form("recording", Some(&short));
    assert_eq!(server.send("POST", CLONE, kind, body).await.0, StatusCode::ACCEPTED);
    // The largest recording that is taken, and some words.
    let (kind, body) = clone_form("recording", Some(&vec![0; 21 << 20]));
    assert_eq!(server.send("POST", CLONE, kind, body).await.refusal(), (413, "body_too_large".into()));
}

#[tokio::test]
async fn a_clone_is_called_off_until_it_is_there() {
    let (mut server, workshop) = Workshop::open();
    let path = "/api/voices/clone/0123456789ab-1";
    for method in ["GET", "DELETE"] {
        for unknown in [path, "/api/voices/clone/%ff", "/api/voices/clone/anna"] {
            let nobody = server.ask(method, unknown, &[], Body::empty()).await;
            assert_eq!(nobody.refusal(), (404, "unknown_job".into()), "{method} {unknown}");
        }
    }
    let (kind, body) = clone_form("", None);
    server.send("POST", CLONE, kind, body).await;
    let off = server.ask("DELETE", path, &[], Body::empty()).await;
    assert_eq!((off.0, off.2.len()), (StatusCode::NO_CONTENT, 0));
    assert_eq!(server.get(path).await.json()["state"], "called_off");
    // Twice is as good as once.
    assert_eq!(server.ask("DELETE", path, &[], Body::empty()).await.0, StatusCode::NO_CONTENT);
    workshop.set(CloneState::Done { voice: "clone/anna".into(), similarity_before: 0.5, similarity_after: 0.75 });
    let done = server.ask("DELETE", path, &[], Body::empty()).await;
    assert_eq!(done.refusal(), (409, "job_finished".into()));
}

#[tokio::test]
async fn cloned_voices_can_be_deleted_and_no_others() {
    let (mut server, workshop) = Workshop::open();
    for (id, refusal) in [
        ("clone%2Fanna", None),
        ("anna", None),
        ("clone%2Fnobody", Some((404, "no_such_voice"))),
        ("espeak-ng", Some((409, "voice_built_in"))),
        ("kokoro%2Faf_heart", Some((409, "voice_built_in"))),
        // The address of clones, to which one sends.
        ("clone", Some((405, "method_not_allowed"))),
    ] {
        let answer = server.ask("DELETE", &format!("/api/voices/{id}"), &[], Body::empty()).await;
        match refusal {
            None => assert_eq!((answer.0, answer.2.len()), (StatusCode::NO_CONTENT, 0), "{id}"),
            Some((status, code)) => assert_eq!(answer.refusal(), (status, code.to_owned()), "{id}"),
        }
    }
    assert_eq!(*workshop.deleted.lock().expect("nobody panicked"), ["clone/anna", "anna"]);
    let mut without = Server::new();
    for (method, path) in [("DELETE", "/api/voices/anna"), ("GET", "/api/voices/clone/0123456789ab-1")] {
        let refused = without.ask(method, path, &[], Body::empty()).await;
        assert_eq!(refused.refusal(), (503, "unavailable".into()), "{method} {path}");
    }
    let (kind, body) = clone_form("", None);
    assert_eq!(without.send("POST", CLONE, kind, body).await.refusal(), (503, "unavailable".into()));
}
