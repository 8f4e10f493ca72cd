//! A browser and the program under test, each a child process that ends with its value: Chromium through chromedriver
//! (W3C WebDriver over HTTP on the loopback interface), and `visage serve`.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::TempDir;

/// How long anything may take on a loaded machine before a test gives up. Nothing is measured with it.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// The key of an element in WebDriver's JSON (W3C WebDriver, section 12).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A child process that is killed with the value.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a program, waits until a line of its standard output holds `sign`, and gives that line. The rest is read on,
/// so that the program never blocks on a full pipe.
fn start(command: &mut Command, sign: &'static str) -> (Process, String) {
    let name = format!("{command:?}");
    let mut child =
        command.stdout(Stdio::piped()).spawn().unwrap_or_else(|error| panic!("cannot start {name}: {error}"));
    let output = child.stdout.take().expect("standard output is piped");
    let process = Process(child);
    let (found, line) = std::sync::mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if line.contains(sign) {
                // Whoever waited may have given up.
                let _ = found.send(line);
            }
        }
    });
    let line = line.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("{name} never said \"{sign}\""));
    (process, line)
}

/// `visage serve` on a port of the loopback interface.
pub struct Served {
    _process: Process,
    /// Where the page is.
    pub url: String,
}

impl Served {
    /// Starts it at an address, with the characters of a folder; its log goes to `log`.
    pub fn start_at(address: &str, characters: &Path, log: &Path) -> Self {
        let log = File::options().create(true).append(true).open(log).expect("a log file");
        let mut command = Command::new(env!("CARGO_BIN_EXE_visage"));
        command.args(["serve", "--listen", address, "--characters"]).arg(characters);
        command.current_dir(env!("CARGO_MANIFEST_DIR")).stderr(log);
        let (process, line) = start(&mut command, "http://");
        let url = line.split_whitespace().find(|word| word.starts_with("http://")).expect("an address").to_owned();
        Self { _process: process, url }
    }

    /// Host and port.
    pub fn address(&self) -> &str {
        self.url.trim_start_matches("http://").trim_end_matches('/')
    }
}

/// What the browser's microphone is.
pub enum Microphone {
    /// A WAV file, played once when the page opens the microphone.
    File(PathBuf),
    /// The person refuses it.
    Refused,
}

/// A browser with one window.
pub struct Browser {
    agent: ureq::Agent,
    session: String,
    _driver: Process,
    _profile: TempDir,
}

impl Browser {
    /// Opens Chromium with a profile of its own, and the page at `url` in it.
    pub fn open(url: &str, microphone: &Microphone) -> Self {
        let profile = TempDir::new().expect("a folder");
        let mut command = Command::new("chromedriver");
        command.arg("--port=0").stderr(Stdio::null());
        let (driver, line) = start(&mut command, "started successfully on port");
        let port = line.trim_end_matches('.').rsplit(' ').next().expect("a port").to_owned();

        let mut args: Vec<String> = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--window-size=1280,900",
            "--use-fake-device-for-media-stream",
        ]
        .map(str::to_owned)
        .into();
        args.push(format!("--user-data-dir={}", profile.path().display()));
        match microphone {
            Microphone::Refused => args.push("--deny-permission-prompts".into()),
            Microphone::File(path) => {
                args.push("--use-fake-ui-for-media-stream".into());
                args.push(format!("--use-file-for-fake-audio-capture={}%noloop", path.display()));
            }
        }
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(2 * PATIENCE))
            .proxy(None)
            .build()
            .new_agent();
        let root = format!("http://127.0.0.1:{port}/session");
        let capabilities = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": {"args": args},
            "goog:loggingPrefs": {"browser": "ALL"},
        }}});
        let answer = post(&agent, &root, &capabilities);
        let session = format!("{root}/{}", answer["sessionId"].as_str().expect("a session"));
        let browser = Self { agent, session, _driver: driver, _profile: profile };
        browser.command("timeouts", json!({"script": PATIENCE.as_millis() as u64}));
        browser.command("url", json!({ "url": url }));
        browser
    }

    fn command(&self, path: &str, body: Value) -> Value {
        post(&self.agent, &format!("{}/{path}", self.session), &body)
    }

    /// Runs the body of a function in the page and gives what it returns.
    pub fn run(&self, script: &str) -> Value {
        self.command("execute/sync", json!({"script": script, "args": []}))
    }

    /// Runs the body of an asynchronous function and waits for what it returns.
    pub fn run_async(&self, script: &str) -> Value {
        let script = format!(
            "const done = arguments[0]; (async () => {{ {script} }})().then(done, (error) => done('failed: ' + error));"
        );
        let value = self.command("execute/async", json!({"script": script, "args": []}));
        assert!(!value.as_str().is_some_and(|text| text.starts_with("failed: ")), "{value}");
        value
    }

    /// Waits until an expression is true in the page; panics with `what` and what the page shows.
    pub fn wait_for(&self, what: &str, expression: &str) {
        let deadline = Instant::now() + PATIENCE;
        while self.run(&format!("return Boolean({expression})")) != json!(true) {
            if Instant::now() > deadline {
                let shown = self.run("return document.body.dataset.phase + ' | ' + document.body.innerText");
                panic!("{what}: it never came. The page: {shown}\nIts log: {}", self.log());
            }
            thread::sleep(Duration::from_millis(100));
        }
    }

    fn element(&self, selector: &str) -> String {
        let found = self.command("element", json!({"using": "css selector", "value": selector}));
        found[ELEMENT].as_str().unwrap_or_else(|| panic!("{selector} is not on the page")).to_owned()
    }

    /// Presses the mouse on an element, as a person does.
    pub fn click(&self, selector: &str) {
        let id = self.element(selector);
        self.command(&format!("element/{id}/click"), json!({}));
    }

    /// Chooses a file in a file field.
    pub fn choose_file(&self, selector: &str, path: &Path) {
        let id = self.element(selector);
        self.command(&format!("element/{id}/value"), json!({ "text": path.to_str().expect("UTF-8") }));
    }

    /// Types into an element.
    pub fn type_into(&self, selector: &str, text: &str) {
        let id = self.element(selector);
        self.command(&format!("element/{id}/value"), json!({ "text": text }));
    }

    /// Presses keys one after another wherever the focus is. Special keys are WebDriver's code points.
    pub fn press(&self, keys: &str) {
        let actions: Vec<_> = keys
            .chars()
            .flat_map(|key| [json!({"type": "keyDown", "value": key}), json!({"type": "keyUp", "value": key})])
            .collect();
        self.command("actions", json!({"actions": [{"type": "key", "id": "keys", "actions": actions}]}));
    }

    /// What the page wrote to its console.
    pub fn log(&self) -> String {
        let entries = self.command("se/log", json!({"type": "browser"}));
        let lines = entries.as_array().into_iter().flatten().filter_map(|entry| entry["message"].as_str());
        lines.collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Ends Chromium; chromedriver itself is killed after it. If it does not answer there is nothing more to do.
        let _ = self.agent.delete(&self.session).call();
    }
}

/// A WebDriver command; panics with what the driver says if it fails.
fn post(agent: &ureq::Agent, url: &str, body: &Value) -> Value {
    let answer = agent.post(url).header("content-type", "application/json").send(body.to_string());
    let mut answer = answer.unwrap_or_else(|error| panic!("{url}: {error}"));
    let text = answer.body_mut().with_config().limit(64 << 20).read_to_string().expect("text");
    let mut value: Value = serde_json::from_str(&text).expect("JSON");
    assert!(answer.status().is_success(), "{url}: {}", value["value"]["message"]);
    value["value"].take()
}
