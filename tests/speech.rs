//! Speech over HTTP: the real program, asked as other programs ask it. Needs what set-up installs; espeak-ng speaks, so no
//! model is needed.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::{Value, json};

/// Longest that anything here takes on a slow and busy machine.
const PATIENCE: Duration = Duration::from_secs(240);
/// What programs bring so that they are served.
const TOKEN: &str = "0123456789abcdef0123";
const TEXT: &str = "Good morning. This is a short text, and it has two sentences.";

/// The program, which ends with the test.
struct Server {
    program: Child,
    address: String,
    folder: tempfile::TempDir,
    agent: ureq::Agent,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.program.kill().and_then(|()| self.program.wait()).expect("a child can be ended");
    }
}

impl Server {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut program = Command::new(env!("CARGO_BIN_EXE_visage"))
            .args(["-v", "serve", "--listen", "127.0.0.1:0"])
            .env("VISAGE_CONFIG", folder.path().join("config"))
            .env("VISAGE_TOKEN", TOKEN)
            .env_remove("RUST_LOG")
            .stdout(Stdio::piped())
            .stderr(fs::File::create(folder.path().join("log")).expect("a file"))
            .spawn()
            .expect("the program starts");
        let mut said = String::new();
        let mut output = BufReader::new(program.stdout.take().expect("it was asked for"));
        output.read_line(&mut said).expect("it says where it is");
        let address = said.split_whitespace().find(|word| word.starts_with("http://"));
        let address = address.unwrap_or_else(|| panic!("no address in {said:?}")).to_owned();
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(PATIENCE))
            .build()
            .new_agent();
        Self { program, address, folder, agent }
    }

    fn post(&self, path: &str, body: &Value) -> ureq::http::Response<ureq::Body> {
        let request = self.agent.post(format!("{}{path}", self.address)).header("content-type", "application/json");
        request.header("authorization", format!("Bearer {TOKEN}")).send(body.to_string()).expect("an answer")
    }

    /// A whole sound: its media type and its bytes.
    fn sound(&self, path: &str, body: &Value) -> (String, Vec<u8>) {
        let mut answer = self.post(path, body);
        let kind =
            answer.headers().get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default().to_owned();
        let bytes = answer.body_mut().with_config().limit(1 << 30).read_to_vec().expect("it is whole");
        assert_eq!(answer.status().as_u16(), 200, "{}", String::from_utf8_lossy(&bytes));
        (kind, bytes)
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).expect("it has a log")
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, bytes).expect("a temporary folder");
        path
    }
}

/// Samples at 48 kHz of a sound file, as FFmpeg reads it.
fn decoded(file: &Path) -> Vec<i16> {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(file)
        .args(["-f", "s16le", "-ac", "1", "-ar", "48000", "-"])
        .output()
        .expect("set-up installs ffmpeg");
    assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
}

/// How alike two sounds are: the correlation of their samples, 1 for the same.
fn likeness(one: &[i16], other: &[i16]) -> f64 {
    let product = |a: &[i16], b: &[i16]| -> f64 { a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum() };
    product(one, other) / (product(one, one) * product(other, other)).sqrt()
}

#[test]
fn the_same_sound_comes_in_every_form() {
    let server = Server::start();
    let ask = |format: &str| {
        server.sound(
            "/api/tts/synthesize",
            &json!({"text": TEXT, "voice": "espeak-ng", "language": "en", "format": format}),
        )
    };
    let (kind, wav) = ask("wav");
    assert_eq!(kind, "audio/wav");
    let wav = decoded(&server.file("a.wav", &wav));
    assert!((2.5..8.0).contains(&(wav.len() as f64 / 48_000.0)), "{} samples", wav.len());

    let (kind, pcm) = ask("pcm");
    let pcm: Vec<i16> = pcm.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
    assert!(kind == "audio/pcm" && pcm == wav, "bare samples are those of the file");

    let (kind, opus) = ask("opus");
    let opus = decoded(&server.file("a.opus", &opus));
    assert_eq!((kind.as_str(), opus.len()), ("audio/ogg; codecs=opus", wav.len()), "not a sample is lost or added");
    assert!(likeness(&opus, &wav) > 0.95, "it is the same sound: {}", likeness(&opus, &wav));

    // As OpenAI's clients ask.
    let body = json!({"model": "tts-1", "input": TEXT, "voice": "espeak-ng", "response_format": "pcm"});
    let (kind, pcm) = server.sound("/v1/audio/speech", &body);
    assert_eq!(kind, "audio/pcm");
    // 24 kHz, each piece rounded up.
    assert!((pcm.len() / 2).abs_diff(wav.len() / 2) < 5, "{} bytes for {} samples", pcm.len(), wav.len());
    let mp3 = server.post(
        "/v1/audio/speech",
        &json!({"model": "tts-1", "input": TEXT, "voice": "alloy", "response_format": "mp3"}),
    );
    assert_eq!(mp3.status().as_u16(), 400);
    let error = mp3.into_body().read_to_string().expect("a body");
    let error: Value = serde_json::from_str(&error).expect("JSON");
    assert_eq!(error["error"]["param"], "response_format", "{error}");

    let voices = server.agent.get(format!("{}/api/voices", server.address));
    let without_token = voices.call().expect("an answer").status().as_u16();
    assert_eq!(without_token, 401);
}

/// Nobody reads on while it is looked at, and a program can only send as much ahead as the system keeps for it: far less
/// than the whole. So whether the last piece is made does not depend on how fast anything is.
#[test]
fn the_first_bytes_come_before_the_last_piece_is_made() {
    let server = Server::start();
    let text = "This is one of many sentences that are read aloud here, and none of them has much to say. ".repeat(54);
    let body = json!({"text": text, "voice": "espeak-ng", "language": "en", "format": "pcm"});
    let answer = server.post("/api/tts/synthesize", &body);
    assert_eq!(answer.status().as_u16(), 200);
    let mut sound = answer.into_body().into_with_config().limit(1 << 30).reader();
    let mut first = vec![0; 16 * 1024];
    sound.read_exact(&mut first).expect("it has begun");
    let log = server.log();
    let told = log.split("piece 1 of ").nth(1).unwrap_or_else(|| panic!("no first piece in {log}"));
    let count: usize = told.split_whitespace().next().and_then(|count| count.parse().ok()).expect("a number");
    assert!(count > 20, "{count} pieces");
    let last = format!("piece {count} of {count} is spoken");
    assert!(!log.contains(&last), "the whole text was made before it was sent");
    let mut rest = Vec::new();
    sound.read_to_end(&mut rest).expect("it is whole");
    assert!(server.log().contains(&last));
    assert!(rest.len() > 20 << 20, "the system could have kept {} bytes", rest.len());
}
