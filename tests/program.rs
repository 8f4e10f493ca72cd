//! The program from outside: what a person types and what comes back. Needs what set-up installs and fetches.

use std::{
    fs,
    net::TcpListener,
    path::Path,
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

/// Longest that anything here takes on a slow and busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

fn visage(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_visage")).args(arguments).output().expect("the program starts")
}

/// Standard output of a run that must succeed.
fn printed(arguments: &[&str]) -> String {
    let output = visage(arguments);
    let (out, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{arguments:?} failed: {error}");
    out.into_owned()
}

/// What is said about a run that must fail: one message, no panic.
fn refused(arguments: &[&str]) -> String {
    let output = visage(arguments);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{arguments:?} succeeded");
    assert!(!error.contains("panicked"), "{arguments:?}: {error}");
    error
}

fn text(path: &Path) -> &str {
    path.to_str().expect("temporary folders have names in UTF-8")
}

/// Lower-case words without punctuation.
fn words(text: &str) -> Vec<String> {
    text.split_whitespace()
        .map(|word| word.chars().filter(|letter| letter.is_alphanumeric()).collect::<String>().to_lowercase())
        .filter(|word| !word.is_empty())
        .collect()
}

#[test]
fn what_is_spoken_is_understood() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let cases = [
        ("en", "The weather is beautiful today, and the garden is full of flowers."),
        // espeak-ng speaks German plainly enough for Whisper base only in simple words (docs/avatar/tts.md).
        ("de", "Das ist ein Haus und das ist ein Baum."),
    ];
    for (language, sentence) in cases {
        let wav = folder.path().join(format!("{language}.wav"));
        printed(&["speak", sentence, "--language", language, "--out", text(&wav)]);
        let heard: Value =
            serde_json::from_str(&printed(&["transcribe", text(&wav), "--json"])).expect("it prints JSON");
        assert_eq!(heard["language"], language, "{heard}");
        let (said, heard) = (words(sentence), words(heard["text"].as_str().expect("there is a text")));
        let found = said.iter().filter(|word| heard.contains(word)).count();
        assert!(found * 10 >= said.len() * 8, "{language}: said {said:?}, heard {heard:?}");
    }
}

#[test]
fn a_sentence_is_rendered_to_a_film() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (film, frames) = (folder.path().join("hello.webm"), folder.path().join("frames"));
    printed(&[
        "render",
        "--character",
        "theo",
        "--size",
        "128",
        "--text",
        "Hello there, my friend.",
        "--out",
        text(&film),
        "--frames",
        text(&frames),
    ]);
    let count = fs::read_dir(&frames).expect("the folder is there").count();
    assert!(count > 45, "{count} frames for more than a second and a half");
    let probe = Command::new("ffprobe")
        .args(["-v", "error", "-count_packets", "-of", "json", "-show_streams", text(&film)])
        .output()
        .expect("set-up installs ffmpeg");
    let streams: Value = serde_json::from_slice(&probe.stdout).expect("ffprobe prints JSON");
    let codecs: Vec<_> = (0..2).map(|index| streams["streams"][index]["codec_name"].clone()).collect();
    assert_eq!(codecs, ["vp8", "opus"]);
    assert_eq!(streams["streams"][0]["nb_read_packets"], count.to_string());
    let heard = words(&printed(&["transcribe", "--language", "en", text(&sound_of(&film))]));
    assert!(heard.contains(&"hello".to_owned()) && heard.contains(&"friend".to_owned()), "{heard:?}");
}

/// With networks of the published contract, small and with random weights: every picture comes from them.
#[test]
fn the_neural_renderer_bakes_and_draws() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let pictures = folder.path().join("pictures");
    let networks = Path::new(env!("CARGO_MANIFEST_DIR")).join("plugins/liveportrait/fixtures/networks");
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_visage"));
        command.args(arguments).args(["--models", text(&networks)]).env("VISAGE_PICTURES", &pictures);
        let output = command.output().expect("the program starts");
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned(), error)
    };
    let (baked, told, error) = run(&["bake", "mira", "--first", "2"]);
    assert!(baked && told.contains("2 pictures drawn, 0 were there"), "{told}{error}");
    let (_, told, _) = run(&["bake", "mira", "--first", "3"]);
    assert!(told.contains("1 pictures drawn, 2 were there"), "a bake goes on where it ended: {told}");

    let frames = |renderer: &str| {
        let frames = folder.path().join(renderer);
        let (drawn, _, error) = run(&[
            "render",
            "--character",
            "mira",
            "--size",
            "64",
            "--text",
            "Hi.",
            "--renderer",
            renderer,
            "--frames",
            text(&frames),
        ]);
        assert!(drawn, "{error}");
        let count = fs::read_dir(&frames).expect("the frames are there").count();
        let middle = image::open(frames.join("00012.png")).expect("a frame").into_rgb8();
        (count, middle)
    };
    let (neural, of_networks) = frames("liveportrait");
    let (warped, of_the_warp) = frames("warp");
    assert_eq!(neural, warped, "every tick has its frame");
    assert_ne!(of_networks, of_the_warp, "the networks draw something else");

    let missing = refused(&["bake", "mira", "--models", text(folder.path())]);
    assert!(missing.contains("has no appearance_feature_extractor.onnx"), "{missing}");
}

fn sound_of(film: &Path) -> std::path::PathBuf {
    let wav = film.with_extension("wav");
    let status = Command::new("ffmpeg").args(["-v", "error", "-i", text(film), text(&wav)]).status();
    assert!(status.expect("set-up installs ffmpeg").success());
    wav
}

#[test]
fn characters_are_listed_shown_and_checked() {
    let list: Value = serde_json::from_str(&printed(&["characters", "list", "--json"])).expect("it prints JSON");
    let ids: Vec<_> = list.as_array().expect("a list").iter().map(|character| character["id"].clone()).collect();
    assert_eq!(ids, ["hinnerk", "juno", "mira", "theo", "wren"]);
    let shown = printed(&["characters", "show", "mira"]);
    let place = tempfile::tempdir().expect("a temporary folder");
    // The folder's name is the character's id.
    let folder = place.path().join("ada");
    fs::create_dir(&folder).expect("a temporary folder");
    let own = folder.join("character.ron");
    fs::write(&own, &shown).expect("a temporary folder");
    // What is shown is a character file again; only the files that it names are missing there.
    let mira = Path::new(env!("CARGO_MANIFEST_DIR")).join("characters/mira");
    for name in ["portrait.png", "landmarks.ron"] {
        let refusal = refused(&["characters", "validate", text(&own)]);
        assert!(refusal.contains(name), "{refusal}");
        fs::copy(mira.join(name), folder.join(name)).expect("the file is in the project");
    }
    assert!(printed(&["characters", "validate", text(&own)]).contains("in order"));
    fs::write(&own, shown.replace("name:", "nome:")).expect("a temporary folder");
    let error = refused(&["characters", "validate", text(&own)]);
    assert!(error.contains("nome") && error.contains("line"), "{error}");
    assert!(refused(&["characters", "show", "nobody"]).contains("mira, theo"));
}

#[test]
fn bad_input_is_refused_in_words() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let noise = folder.path().join("noise.png");
    fs::write(&noise, [3; 4_000]).expect("a temporary folder");
    let plain = folder.path().join("plain.png");
    image::RgbImage::from_pixel(400, 400, image::Rgb([90, 120, 90])).save(&plain).expect("a temporary folder");
    for (arguments, part) in [
        (vec!["portrait", "inspect", text(&noise)], "PNG"),
        (vec!["portrait", "inspect", text(&plain)], "face"),
        (vec!["portrait", "inspect", "/nowhere.png"], "/nowhere.png"),
        (vec!["transcribe", text(&noise)], "not a sound file"),
        (vec!["transcribe", "/nowhere.wav"], "/nowhere.wav"),
        (vec!["render", "--text", " ", "--out", "/nowhere.webm"], "nothing to say"),
        (vec!["models", "fetch", "nothing"], "nothing"),
        (vec!["serve", "--listen", "127.0.0.1:0", "--character", "nobody"], "mira, theo"),
        (
            vec!["render", "--character", "nobody", "--text", "a", "--out", text(&folder.path().join("a.webm"))],
            "nobody",
        ),
    ] {
        let error = refused(&arguments);
        assert!(error.contains(part), "{arguments:?}: {error}");
    }
    assert!(!folder.path().join("a.webm").exists(), "a render that fails leaves no file");
}

#[test]
fn a_window_without_a_display_is_refused_in_words() {
    let output = Command::new(env!("CARGO_BIN_EXE_visage"))
        .arg("preview")
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .output()
        .expect("the program starts");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && error.contains("no display") && !error.contains("panicked"), "{error}");
}

#[test]
fn a_port_in_use_is_told_at_the_start() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("it has one").to_string();
    assert!(refused(&["serve", "--listen", &address]).contains("already in use"));
}

/// Others are meant to reach it, so it asks for its token; the token is printed when it is made and is in no log; and it ends
/// as a service manager tells it to.
#[cfg(unix)]
#[test]
fn a_server_for_others_asks_for_its_token_and_ends_when_told() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let config = folder.path().join("config");
    let mut server = Command::new(env!("CARGO_BIN_EXE_visage"))
        .args(["-vv", "serve", "--listen", "127.0.0.1:0", "--host", "kiosk.example", "--tls", "self-signed"])
        .env("VISAGE_CONFIG", &config)
        .env_remove("VISAGE_TOKEN")
        .stdout(Stdio::piped())
        .stderr(fs::File::create(folder.path().join("log")).expect("a file"))
        .spawn()
        .expect("the program starts");
    let mut said = String::new();
    let mut output = std::io::BufReader::new(server.stdout.take().expect("it was asked for"));
    std::io::BufRead::read_line(&mut output, &mut said).expect("it says where it is");
    let mut server = Running(server);
    let (address, token) = said
        .split_whitespace()
        .find_map(|word| word.split_once("/#token="))
        .unwrap_or_else(|| panic!("no address with a token in {said:?}"));
    assert_eq!(fs::read_to_string(config.join("token")).expect("it is kept").trim(), token);

    let trusting = ureq::tls::TlsConfig::builder().disable_verification(true).build();
    let agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(PATIENCE))
        .tls_config(trusting)
        .build()
        .new_agent();
    let state = |token: &str| {
        let asked = agent.get(format!("{address}/api/state")).header("authorization", format!("Bearer {token}"));
        asked.call().expect("an answer").status().as_u16()
    };
    assert_eq!((state("wrong"), state(token)), (401, 200));

    let pid = server.0.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().expect("kill is there").success());
    let ended = server.0.wait().expect("it ends");
    let log = fs::read_to_string(folder.path().join("log")).expect("a log");
    assert!(ended.success(), "{ended}: {log}");
    assert!(log.contains("a wrong access token came from") && !log.contains(token), "the log is complete");
}

#[test]
fn the_doctor_looks_at_everything() {
    let output = visage(&["doctor", "--json"]);
    let checks: Value = serde_json::from_slice(&output.stdout).expect("it prints JSON");
    let names: Vec<_> = checks.as_array().expect("a list").iter().filter_map(|check| check["name"].as_str()).collect();
    for name in ["processor", "graphics", "ONNX Runtime", "espeak-ng", "microphone", "loudspeaker", "port", "access"] {
        assert!(names.contains(&name), "{name} is missing in {names:?}");
    }
    for check in checks.as_array().expect("a list").iter().filter(|check| check["status"] != "ok") {
        assert!(check["advice"].as_str().is_some_and(|advice| !advice.is_empty()), "no advice: {check}");
    }
}

#[test]
fn models_are_there_and_right() {
    let verified: Value = serde_json::from_str(&printed(&["models", "verify", "--json"])).expect("it prints JSON");
    let files = verified.as_array().expect("a list");
    assert!(files.len() >= 6 && files.iter().all(|file| file["state"] == "present"), "{verified}");
}

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().and_then(|()| self.0.wait()).expect("a child can be ended");
    }
}

/// The window on a screen that only exists in memory: a face is seen in it, found by the face mesh itself.
#[test]
fn the_window_shows_the_face() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut screen = Command::new("Xvfb")
        .args(["-displayfd", "1", "-screen", "0", "1100x760x24", "-nolisten", "tcp"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("set-up installs xvfb");
    let mut number = String::new();
    std::io::BufRead::read_line(
        &mut std::io::BufReader::new(screen.stdout.take().expect("it was asked for")),
        &mut number,
    )
    .expect("Xvfb says which screen it is");
    let screen = Running(screen);
    let display = format!(":{}", number.trim());
    let window = Command::new(env!("CARGO_BIN_EXE_visage"))
        .args(["preview", "--character", "theo"])
        .env("DISPLAY", &display)
        .env_remove("WAYLAND_DISPLAY")
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    let window = Running(window);
    let (shot, drawn) = (folder.path().join("window.png"), folder.path().join("inspected.png"));
    let began = Instant::now();
    loop {
        let grabbed = Command::new("ffmpeg")
            .args(["-v", "error", "-y", "-f", "x11grab", "-video_size", "1100x760", "-i", &display])
            .args(["-frames:v", "1", text(&shot)])
            .status()
            .expect("set-up installs ffmpeg");
        if grabbed.success() && visage(&["portrait", "inspect", text(&shot), "--out", text(&drawn)]).status.success() {
            break;
        }
        assert!(began.elapsed() < PATIENCE, "no face is seen in the window");
        thread::sleep(Duration::from_millis(500));
    }
    drop((window, screen));
}
