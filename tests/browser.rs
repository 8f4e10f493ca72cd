//! The whole loop in a real browser: the page of the real program, real models, a real Chromium without a screen.
//!
//! Needs what set-up installs: chromium, chromium-driver, the default models.

#[path = "browser/driver.rs"]
mod driver;

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use driver::{Browser, Microphone, Served};
use serde::Deserialize;
use serde_json::Value;
use tempfile::TempDir;

/// Left, top, width and height of the box around the mouth, as shares of the picture of the shipped characters.
const MOUTH: [f32; 4] = [0.4, 0.56, 0.2, 0.16];
/// Louder than this (root mean square) something sounds.
const SOUNDS: f32 = 0.01;
/// WebDriver's code points (W3C WebDriver, section 17.4.2).
const TAB: char = '\u{e004}';
const ESCAPE: char = '\u{e00c}';
const ENTER: char = '\u{e007}';

/// One browser at a time: two would take each other's processor away.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A page that shows a living character.
struct Scene {
    browser: Browser,
    served: Served,
    folder: TempDir,
    _alone: MutexGuard<'static, ()>,
}

impl Scene {
    /// With a library of its own: copies of the shipped characters in the folder `characters`.
    fn open(microphone: impl Fn(&Path) -> Microphone) -> Self {
        let alone = alone();
        let folder = TempDir::new().expect("a folder");
        let library = folder.path().join("characters");
        copy_folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("characters"), &library);
        let served = Served::start_at("127.0.0.1:0", &library, &folder.path().join("visage.log"));
        let browser = Browser::open(&served.url, &microphone(folder.path()));
        let scene = Self { browser, served, folder, _alone: alone };
        scene.wait_for(
            "a picture",
            "document.querySelector('.has-picture') && document.body.dataset.phase === 'connected'",
        );
        scene.wait_for("a character", "!document.getElementById('character').disabled || document.title !== 'Visage'");
        scene
    }

    /// Waits; on failure the program's log is part of the message.
    fn wait_for(&self, what: &str, expression: &str) {
        let waited = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.browser.wait_for(what, expression)));
        if let Err(panic) = waited {
            let log = std::fs::read_to_string(self.folder.path().join("visage.log")).unwrap_or_default();
            eprintln!("the program's log:\n{log}");
            std::panic::resume_unwind(panic);
        }
    }

    fn start_sound(&self) {
        if self.browser.run("return !document.getElementById('start-sound').hidden") == true {
            self.browser.click("#start-sound");
        }
        self.wait_for("sound", "!document.getElementById('portrait').muted");
    }

    fn start_probe(&self) {
        self.browser.run(include_str!("browser/probe.js"));
        self.browser.run(&format!("probe.start({MOUTH:?})"));
    }

    fn frames(&self) -> Vec<SeenFrame> {
        serde_json::from_value(self.browser.run("return probe.frames")).expect("frames")
    }

    /// What was received since the probe started, as our own Whisper understands it.
    fn heard(&self) -> String {
        let recorded = self.browser.run("return {rate: probe.rate, sound: probe.recorded()}");
        let pcm = STANDARD.decode(recorded["sound"].as_str().expect("base64")).expect("base64");
        let rate = recorded["rate"].as_u64().expect("a rate") as u32;
        let path = self.folder.path().join("received.wav");
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: rate,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut wav = hound::WavWriter::create(&path, spec).expect("a file");
        for sample in pcm.chunks_exact(2) {
            wav.write_sample(i16::from_le_bytes([sample[0], sample[1]])).expect("written");
        }
        wav.finalize().expect("written");
        visage(&["transcribe", "--language", "en", path.to_str().expect("UTF-8")])
    }
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for item in std::fs::read_dir(from).expect("a folder").flatten() {
        let target = to.join(item.file_name());
        if item.path().is_dir() {
            copy_folder(&item.path(), &target);
        } else {
            std::fs::copy(item.path(), target).expect("a copy");
        }
    }
}

#[derive(Deserialize)]
struct SeenFrame {
    tick: f64,
    mouth: f32,
    whole: f32,
    loud: f32,
}

/// Runs the program and gives its standard output.
fn visage(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_visage"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("the program runs");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Lower-case words without punctuation.
fn words(text: &str) -> Vec<String> {
    text.split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

fn assert_has_words(text: &str, expected: &[&str]) {
    let said = words(text);
    for word in expected {
        assert!(said.iter().any(|said| said == word), "\"{word}\" is not in \"{text}\"");
    }
}

/// A WAV file of somebody who waits a second, says `text`, and is silent for a while.
fn spoken(folder: &Path, text: &str) -> PathBuf {
    let speech = folder.join("speech.wav");
    visage(&["speak", text, "--out", speech.to_str().expect("UTF-8")]);
    let mut read = hound::WavReader::open(&speech).expect("a WAV file");
    let spec = read.spec();
    assert_eq!((spec.channels, spec.bits_per_sample), (1, 16));
    let path = folder.join("microphone.wav");
    let mut wav = hound::WavWriter::create(&path, spec).expect("a file");
    let silence = |seconds: u32| std::iter::repeat_n(0_i16, (spec.sample_rate * seconds) as usize);
    let samples: Vec<i16> = read.samples().collect::<Result<_, _>>().expect("samples");
    for sample in silence(1).chain(samples).chain(silence(20)) {
        wav.write_sample(sample).expect("written");
    }
    wav.finalize().expect("written");
    path
}

fn quiet(folder: &Path) -> Microphone {
    let path = folder.join("quiet.wav");
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 48_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut wav = hound::WavWriter::create(&path, spec).expect("a file");
    (0..48_000).for_each(|_| wav.write_sample(0_i16).expect("written"));
    wav.finalize().expect("written");
    Microphone::File(path)
}

#[test]
fn the_picture_moves_at_video_rate() {
    let scene = Scene::open(quiet);
    scene.start_probe();
    // A window of ten seconds in which the machine has something else to do proves nothing, so there are four.
    let mut counts = Vec::new();
    let frames = loop {
        scene.browser.run("probe.frames = []");
        scene.browser.run_async("await new Promise((done) => setTimeout(done, 10_000))");
        let frames = scene.frames();
        counts.push(frames.len());
        if frames.len() >= 250 {
            break frames;
        }
        assert!(counts.len() < 4, "frames shown in windows of ten seconds: {counts:?}");
    };
    println!("frames shown in windows of ten seconds: {counts:?}");
    for pair in frames.windows(2) {
        assert_eq!(pair[1].tick.fract(), 0.0, "RTP times are whole ticks");
        assert!(pair[1].tick > pair[0].tick, "frames come in order");
    }
    // She breathes, sways and blinks even when nobody speaks.
    let changed = frames.iter().filter(|frame| frame.whole > 0.0).count();
    assert!(changed * 2 > frames.len(), "{changed} of {} frames differ from the one before", frames.len());
}

#[test]
fn typed_text_is_heard_and_the_mouth_moves_with_it() {
    let scene = Scene::open(quiet);
    scene.start_sound();
    scene.start_probe();
    scene.browser.run_async("await new Promise((done) => setTimeout(done, 3_000))");
    scene.browser.type_into("#text", "The yellow bird sings in the morning. Seven children are playing in the garden.");
    scene.browser.click("#speak");
    scene.wait_for("speaking", "document.body.dataset.conversation === 'speaking'");
    scene.wait_for("silence again", "document.body.dataset.conversation === 'idle'");
    scene.browser.run_async("await new Promise((done) => setTimeout(done, 3_000))");

    let heard = scene.heard();
    assert_has_words(&heard, &["yellow", "bird", "morning", "seven", "children", "garden"]);
    let line = scene.browser.run("return document.getElementById('lines').innerText");
    assert!(line.as_str().is_some_and(|line| line.contains("yellow bird")), "the transcript shows it: {line}");

    let mean = |frames: &[&SeenFrame]| frames.iter().map(|frame| frame.mouth).sum::<f32>() / frames.len() as f32;
    let frames = scene.frames();
    let (loud, still): (Vec<_>, Vec<_>) = frames.iter().partition(|frame| frame.loud > SOUNDS);
    assert!(loud.len() > 40 && still.len() > 40, "{} frames with sound, {} without", loud.len(), still.len());
    let (speaking, resting) = (mean(&loud), mean(&still));
    println!("change of the mouth from frame to frame: {speaking:.2} while it sounds, {resting:.2} in silence");
    assert!(speaking > 2.0 * resting, "the mouth changes by {speaking} while it sounds and by {resting} in silence");
}

#[test]
fn a_spoken_question_is_written_down_and_answered_by_voice() {
    let scene = Scene::open(|folder| Microphone::File(spoken(folder, "Hello. What is your name?")));
    scene.start_sound();
    scene.start_probe();
    scene.browser.click("#microphone");
    scene.wait_for("the question", "document.querySelector('#lines [data-speaker=user]')");
    let asked = scene.browser.run("return document.querySelector('#lines [data-speaker=user] .line-text').textContent");
    assert_has_words(asked.as_str().expect("text"), &["what", "is", "your", "name"]);
    let answer = "#lines [data-speaker=user] ~ [data-speaker=avatar] .line-text";
    scene.wait_for("an answer", &format!("document.querySelector('{answer}')"));
    scene.wait_for("the answer's voice", "document.body.dataset.conversation === 'speaking'");
    scene.wait_for("silence after the answer", "document.body.dataset.conversation === 'idle'");
    scene.browser.run_async("await new Promise((done) => setTimeout(done, 1_000))");
    let answer = scene.browser.run(&format!("return document.querySelector('{answer}').textContent"));
    let (heard, answer) = (words(&scene.heard()), words(answer.as_str().expect("text")));
    let understood = answer.iter().filter(|word| heard.contains(word)).count();
    assert!(understood * 10 >= answer.len() * 7, "the answer {answer:?} was heard as {heard:?}");
}

#[test]
fn the_keyboard_alone_is_enough() {
    let scene = Scene::open(quiet);
    let focus = || {
        let id = scene.browser.run("return document.activeElement.id || document.activeElement.dataset.emotion || ''");
        id.as_str().expect("text").to_owned()
    };
    let go_to = |target: &str| {
        for _ in 0..40 {
            if focus() == target {
                return;
            }
            scene.browser.press(&TAB.to_string());
        }
        panic!("Tab never reaches {target}");
    };
    go_to("happy");
    scene.browser.press(" ");
    scene.wait_for("a smile", "document.querySelector('[data-emotion=happy]').getAttribute('aria-pressed') === 'true'");
    go_to("text");
    scene.browser.press(&format!("Please tell me something about yourself{ENTER}"));
    scene.wait_for("the line", "document.querySelector('#lines [data-speaker=user]')");
    scene.wait_for("an answer", "document.body.dataset.conversation === 'speaking'");
    scene.browser.press(&ESCAPE.to_string());
    scene.wait_for("silence", "document.body.dataset.conversation !== 'speaking'");
    go_to("microphone");
    scene.browser.press(&ENTER.to_string());
    scene.wait_for("the microphone", "document.body.dataset.microphone === 'on'");
    scene.browser.press(&ENTER.to_string());
    scene.wait_for("no microphone", "document.body.dataset.microphone === 'off'");
}

#[test]
fn problems_are_told_in_words_and_the_connection_comes_back() {
    let scene = Scene::open(|_| Microphone::Refused);
    scene.browser.click("#microphone");
    scene.wait_for("a reason", "document.getElementById('notices').innerText.includes('The microphone was refused')");

    let Scene { browser, served, folder, _alone } = scene;
    let address = served.address().to_owned();
    drop(served);
    browser.wait_for("the loss", "document.getElementById('veil-text').innerText.includes('Trying again')");
    assert_eq!(browser.run("return document.getElementById('ask').disabled"), true);
    thread::sleep(Duration::from_secs(1));
    let _served = Served::start_at(&address, &folder.path().join("characters"), &folder.path().join("visage.log"));
    browser.wait_for("the connection", "document.body.dataset.phase === 'connected'");
    browser.wait_for("the picture", "document.getElementById('portrait').readyState >= 2");
}

/// Everything that an author does in the gallery, and what it leaves on disk.
#[test]
fn characters_are_made_edited_and_deleted_in_the_gallery() {
    let scene = Scene::open(quiet);
    let library = scene.folder.path().join("characters");
    let upload = scene.folder.path().join("IMG_7 anna lena.jpg");
    let portrait = image::open(library.join("theo/portrait.png")).expect("a picture").to_rgb8();
    image::imageops::resize(&portrait, 640, 640, image::imageops::FilterType::Triangle)
        .save(&upload)
        .expect("a picture");
    let nobody = scene.folder.path().join("wall.png");
    image::RgbImage::from_pixel(400, 400, image::Rgb([120, 110, 100])).save(&nobody).expect("a picture");

    scene.browser.click("#open-gallery");
    scene.wait_for("the gallery", "document.querySelectorAll('#cards .card').length >= 2");
    let loaded = "[...document.querySelectorAll('#cards img')].every((img) => img.complete && img.naturalWidth >= 100)";
    scene.wait_for("thumbnails", loaded);

    // A picture without a face is refused in words, and nothing is left of it.
    scene.browser.choose_file("#new-picture", &nobody);
    scene.wait_for(
        "the refusal",
        "document.getElementById('notices').innerText.toLowerCase().includes('no face was found')",
    );
    assert!(!library.join("wall").exists());

    // A picture with one becomes a character, which is opened and goes on stage.
    scene.browser.choose_file("#new-picture", &upload);
    scene.wait_for("the new character", "document.getElementById('editor-title').textContent === 'Anna Lena'");
    scene.wait_for("her on stage", "document.title.startsWith('Anna Lena')");
    let file = library.join("anna-lena/character.ron");
    assert!(read(&file).contains("Anna Lena"));

    // Sliders show at once on the living face; the mouth changes more than it does at rest.
    scene.start_probe();
    // Until she has wholly taken the other's place.
    scene.browser.run_async("await new Promise((done) => setTimeout(done, 2_000))");
    scene.browser.run("probe.frames = []");
    scene.browser.run_async("await new Promise((done) => setTimeout(done, 3_000))");
    let rest = strongest_change(&scene.frames());
    scene.browser.run("probe.frames = []");
    set_input(&scene, "#edit-sliders label:nth-of-type(3) input", "1");
    scene.browser.run_async("await new Promise((done) => setTimeout(done, 2_000))");
    let tried = strongest_change(&scene.frames());
    println!("the strongest change of the mouth: {rest:.2} at rest, {tried:.2} while a slider opens it");
    assert!(tried > 2.0 * rest, "a slider changes the mouth by {tried}, at rest it changes by {rest}");

    // Saving writes RON.
    set_input(&scene, "#edit-name", "Anna");
    set_input(&scene, "#edit-languages textarea", "Good to see you.");
    scene.browser.click("#edit-save");
    scene.wait_for("the gallery", "!document.getElementById('view-gallery').hidden");
    let saved = read(&file);
    for part in ["\"Anna\"", "Good to see you.", "jawOpen"] {
        assert!(saved.contains(part), "{part} is not in {saved}");
    }

    scene.wait_for("the new name", "document.title === 'Anna · Visage'");

    // Her author breaks the file by hand: she stays on stage, and the page says where the mistake is.
    std::fs::write(&file, saved.replacen("name:", "nam:", 1)).expect("written");
    scene
        .wait_for("the reason", "/line \\d+/.test(document.body.innerText) && document.body.innerText.includes('nam')");
    assert_eq!(scene.browser.run("return document.title"), "Anna · Visage");
    std::fs::write(&file, saved.replacen("\"Anna\"", "\"Annabell\"", 1)).expect("written");
    scene.wait_for("the mended file", "document.title === 'Annabell · Visage'");

    // Deleting asks first.
    scene.browser.click("[data-id='anna-lena'] .card-edit");
    scene.wait_for("the editor", "!document.getElementById('view-editor').hidden");
    scene.browser.click("#edit-delete");
    scene.browser.click("#confirm-no");
    assert!(file.is_file());
    scene.browser.click("#edit-delete");
    scene.browser.click("#confirm-yes");
    scene.wait_for("her absence", "!document.querySelector(\"[data-id='anna-lena']\")");
    scene.wait_for("another one on stage", "!document.title.startsWith('Anna')");
    assert!(!library.join("anna-lena").exists());

    // A click switches.
    scene.browser.click("[data-id='theo'] .card-choose");
    scene.wait_for("Theo", "document.title === 'Theo · Visage'");
}

/// What an author does about voices: chooses one, hears it, and is told in words what is wrong with a recording.
#[test]
fn voices_are_chosen_heard_and_not_cloned_from_nothing() {
    let scene = Scene::open(quiet);
    let mira = scene.folder.path().join("characters/mira/character.ron");
    assert!(read(&mira).contains("piper-en-joe"));
    scene.browser.click("#open-gallery");
    scene.wait_for("the gallery", "document.querySelector(\"[data-id='mira'] .card-edit\")");
    scene.browser.click("[data-id='mira'] .card-edit");
    scene.wait_for("the editor", "!document.getElementById('view-editor').hidden");

    // The list is the server's, by engines; what is not installed can be seen and not chosen, and says what to do.
    let options = scene.browser.run_async(
        "const voices = await (await fetch('/api/voices')).json(); \
         const english = voices.filter(({languages}) => languages.includes('en')); \
         const options = [...document.querySelectorAll('#edit-voice-en optgroup option')]; \
         return {wanted: english.map(({id}) => id).sort(), shown: options.map(({value}) => value).sort(), \
           fit: options.every((option) => option.disabled === !english.find(({id}) => id === option.value).installed), \
           advised: options.every((option) => !option.disabled || option.title !== ''), \
           now: document.getElementById('edit-voice-en').value}",
    );
    assert_eq!(options["wanted"], options["shown"]);
    assert!(options["shown"].as_array().is_some_and(|shown| shown.len() > 2), "{options}");
    assert_eq!(
        (&options["fit"], &options["advised"], &options["now"]),
        (&true.into(), &true.into(), &"piper-en-joe".into())
    );

    let told = "[...document.querySelectorAll('#notices .notice')].map((notice) => notice.dataset.words)";
    scene.browser.run(&format!("window.toldBefore = {told}"));
    set_input(&scene, "#edit-voice-en", "espeak-ng");
    scene.browser.click("#edit-listen-en");
    scene.wait_for("a sentence", "document.getElementById('edit-listen-en').textContent === 'Stop'");
    scene.wait_for("its end", "document.getElementById('edit-listen-en').textContent === 'Listen'");
    assert_eq!(
        scene.browser.run(&format!("return {told}.filter((words) => !toldBefore.includes(words))[0]")),
        Value::Null
    );

    // A recording in which nobody speaks becomes no voice. Nobody has to have Kokoro to learn that.
    let silent = scene.folder.path().join("nobody.wav");
    std::fs::copy(scene.folder.path().join("quiet.wav"), &silent).expect("a copy");
    scene.browser.click("#edit-clone-de");
    assert_eq!(scene.browser.run("return document.getElementById('clone-language').value"), "de");
    scene.browser.choose_file("#clone-file", &silent);
    for (field, words) in [("name", "Nobody"), ("by", "Nobody"), ("permission", "I allow that my voice is cloned.")] {
        scene.browser.type_into(&format!("#clone-{field}"), words);
    }
    // Without the tick nothing is sent.
    scene.browser.click("#clone-begin");
    assert_eq!(
        scene.browser.run("return document.querySelector('#clone-form :invalid:not(fieldset)').id"),
        "clone-agreed"
    );
    scene.browser.click("#clone-agreed");
    scene.browser.click("#clone-begin");
    scene.wait_for("the reason", "document.getElementById('clone-wrong').textContent.includes('recording is silent')");
    // The microphone of this browser is silent, too; it is recorded as a file that the server reads.
    scene.browser.click("#clone-record");
    scene.wait_for("a second of it", "document.getElementById('clone-recording').textContent.includes('1 s')");
    scene.browser.click("#clone-record");
    scene.wait_for("it", "document.getElementById('clone-recording').textContent.includes('microphone')");
    assert_eq!(scene.browser.run("return document.getElementById('clone-wrong').textContent"), "");
    scene.browser.click("#clone-begin");
    scene.wait_for("the reason", "document.getElementById('clone-wrong').textContent.includes('recording is silent')");
    scene.browser.press(&ESCAPE.to_string());
    scene.wait_for("the editor", "!document.getElementById('clone').open");

    scene.browser.click("#edit-save");
    scene.wait_for("the gallery", "!document.getElementById('view-gallery').hidden");
    let saved = read(&mira);
    assert!(!saved.contains("piper-en-joe"), "{saved}");
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).expect("a file")
}

/// Gives a field a value, as typing or dragging would.
fn set_input(scene: &Scene, selector: &str, value: &str) {
    scene.browser.run(&format!(
        "const field = document.querySelector({selector:?}); field.value = {value:?}; \
         field.dispatchEvent(new Event('input', {{bubbles: true}}))"
    ));
}

/// How much the mouth's box changed at most within half a second.
fn strongest_change(frames: &[SeenFrame]) -> f32 {
    frames.windows(15).map(|window| window.iter().map(|frame| frame.mouth).sum()).fold(0.0, f32::max)
}
