//! The command line.

use std::{
    io::IsTerminal,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use tracing_subscriber::{EnvFilter, fmt};
use visage_core::Language;
use visage_models::ProviderChoice;
use visage_schedule::RendererChoice;
use visage_server::{Limits, Origin};

/// One still image and one RON file become a live, talking character.
#[derive(Parser, Debug)]
#[command(version)]
pub struct Cli {
    /// What to do; `serve` if left out.
    #[command(subcommand)]
    pub command: Option<Command>,

    /// Say more in the log; twice for everything. `RUST_LOG` chooses by module.
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
}

/// What Visage can do.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Open a window with the character and its controls.
    Preview(Stage),
    /// Serve the character to browsers.
    Serve(Serve),
    /// Render the character to a file, without window or browser.
    Render(Render),
    /// Draw what the neural renderer is too slow for beforehand, so that it can be played.
    Bake(Bake),
    /// Speak a text to a sound file.
    Speak(Speak),
    /// List the voices, and let one speak.
    #[command(subcommand)]
    Voices(Voices),
    /// Write down what is said in a sound file.
    Transcribe(Transcribe),
    /// List, show, check, make, move and delete characters.
    #[command(subcommand)]
    Characters(Characters),
    /// List, fetch and verify models.
    #[command(subcommand)]
    Models(Models),
    /// Look at portraits.
    #[command(subcommand)]
    Portrait(Portrait),
    /// Check this machine: what is there, what is missing, what to do.
    Doctor(Doctor),
    /// Write the OpenAPI document of the server.
    Openapi(Openapi),
    /// Measure this machine against the budgets in docs/performance.md.
    Bench(Bench),
}

impl Default for Command {
    /// `visage serve` with nothing else said.
    fn default() -> Self {
        let stage =
            Stage { character: None, characters: None, size: DEFAULT_SIZE, renderer: None, neural: Neural::default() };
        Self::Serve(Serve {
            stage,
            network: Network::default(),
            rate_limit: Limits::default().requests_per_second,
            web: None,
        })
    }
}

/// Width and height of the picture in pixels.
pub const DEFAULT_SIZE: u32 = 512;

/// Which character, drawn how.
#[derive(Args, Clone, Debug)]
pub struct Stage {
    /// The character to begin with: the name of its folder.
    #[arg(short, long)]
    pub character: Option<String>,

    /// The folder of characters; the shipped ones if left out.
    #[arg(long, env = "VISAGE_CHARACTERS")]
    pub characters: Option<PathBuf>,

    /// Width and height of the picture in pixels, an even number.
    #[arg(long, default_value_t = DEFAULT_SIZE, value_parser = size)]
    pub size: u32,

    /// What is to draw the character, instead of what its file says.
    #[arg(long, value_name = "NAME")]
    pub renderer: Option<RendererName>,

    /// The neural renderer.
    #[command(flatten)]
    pub neural: Neural,
}

/// The neural renderer's networks.
#[derive(Args, Clone, Debug)]
pub struct Neural {
    /// A folder with LivePortrait's networks, instead of what `visage models fetch liveportrait` has brought.
    #[arg(long, value_name = "FOLDER")]
    pub models: Option<PathBuf>,

    /// What they run on: auto, cpu, cuda, tensorrt, coreml, directml or openvino. `cpu` by name also draws live, slow as it may be.
    #[arg(long, value_name = "NAME", default_value_t = ProviderChoice::Auto)]
    pub provider: ProviderChoice,
}

impl Default for Neural {
    /// What has been fetched, on what there is.
    fn default() -> Self {
        Self { models: None, provider: ProviderChoice::Auto }
    }
}

/// What is to draw a character.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum RendererName {
    /// The best that keeps up with 30 pictures a second.
    Auto,
    /// The portrait as a warped mesh.
    Warp,
    /// The neural renderer. `render` waits for its pictures, however long they take.
    #[value(name = "liveportrait")]
    LivePortrait,
}

impl From<RendererName> for RendererChoice {
    fn from(name: RendererName) -> Self {
        match name {
            RendererName::Auto => Self::Auto,
            RendererName::Warp => Self::Warp,
            RendererName::LivePortrait => Self::LivePortrait,
        }
    }
}

/// VP8's colours are stored for every second pixel, so an odd size could be drawn but not sent.
fn size(text: &str) -> Result<u32, String> {
    let size = text.parse::<u32>().map_err(|error| error.to_string())?;
    if (64..=1080).contains(&size) && size.is_multiple_of(2) {
        Ok(size)
    } else {
        Err("it must be an even number from 64 to 1080".to_owned())
    }
}

/// `visage serve`
#[derive(Args, Clone, Debug)]
pub struct Serve {
    /// Which character.
    #[command(flatten)]
    pub stage: Stage,

    /// Where it listens, and who may use it.
    #[command(flatten)]
    pub network: Network,

    /// Requests per second from one address; 0 is without limit.
    #[arg(long, value_name = "COUNT", default_value_t = Limits::default().requests_per_second)]
    pub rate_limit: u32,

    /// Read the page from this folder instead of the one built in.
    #[arg(long)]
    pub web: Option<PathBuf>,
}

/// How the server is reached, and by whom. docs/avatar/access.md explains it.
#[derive(Args, Clone, Debug)]
pub struct Network {
    /// Where to listen; port 0 takes a free one. Beyond this machine the access token is needed.
    #[arg(short, long, value_name = "ADDRESS", default_value_t = visage_server::DEFAULT_ADDRESS, env = "VISAGE_LISTEN")]
    pub listen: SocketAddr,

    /// The file with the access token, instead of the one that is made at the first start. VISAGE_TOKEN may hold the token
    /// itself.
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,

    /// Speak TLS with a certificate that is made for it. Browsers ask before they trust it.
    #[arg(long, value_name = "KIND", conflicts_with_all = ["tls_cert", "tls_key"])]
    pub tls: Option<TlsKind>,

    /// Speak TLS with the certificate in this file (PEM, with those between it and the authority).
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,

    /// The key of that certificate (PEM, not encrypted).
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,

    /// A host name by which it is reached, for instance through a proxy. May be repeated.
    #[arg(long = "host", value_name = "NAME")]
    pub hosts: Vec<String>,

    /// A site whose pages may use it, too, as https://example.org. May be repeated.
    #[arg(long = "allow-origin", value_name = "ORIGIN")]
    pub origins: Vec<Origin>,

    /// The address of a proxy whose X-Forwarded-For is believed. May be repeated.
    #[arg(long = "trust-proxy", value_name = "ADDRESS")]
    pub proxies: Vec<IpAddr>,

    /// The folder for the access token and the certificate that are made; the user's folder for configuration if left out.
    #[arg(long, value_name = "FOLDER", env = "VISAGE_CONFIG")]
    pub config_folder: Option<PathBuf>,
}

impl Default for Network {
    /// This machine only.
    fn default() -> Self {
        Self {
            listen: visage_server::DEFAULT_ADDRESS,
            token_file: None,
            tls: None,
            tls_cert: None,
            tls_key: None,
            hosts: Vec::new(),
            origins: Vec::new(),
            proxies: Vec::new(),
            config_folder: None,
        }
    }
}

/// Certificates that the program makes.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsKind {
    /// Signed by itself, kept beside the access token, renewed before its end.
    SelfSigned,
}

/// `visage render`
#[derive(Args, Clone, Debug)]
pub struct Render {
    /// Which character.
    #[command(flatten)]
    pub stage: Stage,

    /// What to say.
    #[arg(long, conflicts_with = "audio", required_unless_present = "audio")]
    pub text: Option<String>,

    /// A sound file to speak instead of a text.
    #[arg(long)]
    pub audio: Option<PathBuf>,

    /// The language of the text; guessed if left out.
    #[arg(long)]
    pub language: Option<Language>,

    /// The emotion to show.
    #[arg(long)]
    pub emotion: Option<visage_core::Emotion>,

    /// The video to write (WebM: VP8 and Opus).
    #[arg(short, long, required_unless_present = "frames")]
    pub out: Option<PathBuf>,

    /// A folder to write one PNG for each frame to.
    #[arg(long)]
    pub frames: Option<PathBuf>,
}

/// `visage bake`
#[derive(Args, Clone, Debug)]
pub struct Bake {
    /// Which character; the default one if left out.
    pub character: Option<String>,

    /// The folder of characters; the shipped ones if left out.
    #[arg(long, env = "VISAGE_CHARACTERS")]
    pub characters: Option<PathBuf>,

    /// The neural renderer.
    #[command(flatten)]
    pub neural: Neural,

    /// Only so many pictures, the most needed first. Those that are there already count.
    #[arg(long, value_name = "COUNT")]
    pub first: Option<usize>,
}

/// `visage speak`
#[derive(Args, Clone, Debug)]
pub struct Speak {
    /// What to say; may hold mark-up.
    pub text: String,

    /// Whose voice; the default character's if left out.
    #[arg(short, long, conflicts_with = "voice")]
    pub character: Option<String>,

    /// The folder of characters; the shipped ones if left out.
    #[arg(long, env = "VISAGE_CHARACTERS")]
    pub characters: Option<PathBuf>,

    /// A voice instead of a character's: its id, or an engine (`visage voices list`).
    #[arg(long, value_name = "ID")]
    pub voice: Option<String>,

    /// The language of the text; guessed if left out.
    #[arg(long)]
    pub language: Option<Language>,

    /// How fast, as a factor.
    #[arg(long, default_value_t = 1.0, value_parser = factor)]
    pub speed: f32,

    /// How high, as a factor.
    #[arg(long, default_value_t = 1.0, value_parser = factor)]
    pub pitch: f32,

    /// The file to write: Ogg Opus if its name ends in .opus or .ogg, WAV otherwise.
    #[arg(short, long)]
    pub out: PathBuf,
}

/// Speed and pitch.
fn factor(text: &str) -> Result<f32, String> {
    let factor = text.parse::<f32>().map_err(|error| error.to_string())?;
    if (0.5..=2.0).contains(&factor) { Ok(factor) } else { Err("it must be from 0.5 to 2".to_owned()) }
}

/// `visage voices`
#[derive(Subcommand, Clone, Debug)]
pub enum Voices {
    /// List the voices: those that speak on this machine, and what to do for the others.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Speak a text to a sound file; the same as `visage speak`.
    Say(Speak),
    /// Make a voice after a recording. Takes some minutes, with XTTS one.
    Clone(CloneVoice),
    /// Delete a cloned voice.
    Delete {
        /// Its id, as `visage voices list` shows it ("clone/anna").
        id: String,
    },
    /// Look for the mark that cloned voices carry in a sound file.
    Check {
        /// WAV, FLAC, MP3 or Ogg Vorbis.
        file: PathBuf,
    },
}

/// `visage voices clone`
#[derive(Args, Clone, Debug)]
pub struct CloneVoice {
    /// 10 to 30 seconds of one person speaking, near to the microphone: WAV, FLAC, MP3 or Ogg Vorbis.
    pub recording: PathBuf,

    /// What people call the voice.
    #[arg(long)]
    pub name: String,

    /// The statement by which the owner of the voice allows it to be cloned. It is kept with the voice.
    #[arg(long, value_name = "STATEMENT")]
    pub permission: String,

    /// Who made the statement.
    #[arg(long, value_name = "PERSON")]
    pub by: String,

    /// The language that the voice is to speak.
    #[arg(long, default_value = "en")]
    pub language: Language,

    /// What is to speak like the recording.
    #[arg(long, value_enum, value_name = "NAME", default_value_t = CloneEngine::Kokoro)]
    pub engine: CloneEngine,

    /// Take noise out of the recording first.
    #[arg(long)]
    pub denoise: bool,

    /// How many styles of Kokoro are tried.
    #[arg(long, default_value_t = 30)]
    pub tries: usize,

    /// Leave the mark out that says that the sound was made by a machine.
    #[arg(long)]
    pub unmarked: bool,
}

/// What speaks like a recording.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloneEngine {
    /// The mixture of Kokoro's styles that comes nearest. Quick to speak.
    Kokoro,
    /// XTTS v2, which hears the recording itself. Slow to speak, and for non-commercial use only.
    #[value(name = "xtts-v2")]
    Xtts,
}

/// `visage transcribe`
#[derive(Args, Clone, Debug)]
pub struct Transcribe {
    /// WAV, FLAC, MP3 or Ogg Vorbis.
    pub file: PathBuf,

    /// The language spoken; detected if left out.
    #[arg(long)]
    pub language: Option<Language>,

    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Which characters.
#[derive(Args, Clone, Debug)]
pub struct Place {
    /// The folder of characters, or s3://bucket/prefix; the shipped ones if left out.
    #[arg(long, value_name = "PLACE", env = "VISAGE_CHARACTERS")]
    pub characters: Option<PathBuf>,
}

/// `visage characters`
#[derive(Subcommand, Clone, Debug)]
pub enum Characters {
    /// List the characters.
    List {
        /// Which characters.
        #[command(flatten)]
        place: Place,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show what a character's file says, in this version of the schema and without what has its default.
    Show {
        /// The name of its folder.
        id: String,
        /// Which characters.
        #[command(flatten)]
        place: Place,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Check a character: its file, the files that it names, the face in its portrait, its voices.
    Validate {
        /// A character.ron, the folder that holds it, or an id.
        path: PathBuf,
        /// Which characters an id is looked for in.
        #[command(flatten)]
        place: Place,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Make a new character of a picture.
    Create {
        /// What it is called.
        name: String,
        /// JPEG, PNG or WebP with a face.
        #[arg(short, long, value_name = "FILE")]
        portrait: PathBuf,
        /// The name of its folder; made of its name if left out.
        #[arg(long)]
        id: Option<String>,
        /// The language it speaks; more can be added to its file.
        #[arg(long, default_value = "en")]
        language: Language,
        /// The model of its voice.
        #[arg(long, value_name = "MODEL", default_value = "espeak-ng")]
        voice: String,
        /// Which characters it is added to.
        #[command(flatten)]
        place: Place,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Take in a character from an archive.
    Import {
        /// A zip archive with character.ron and the files that it names.
        archive: PathBuf,
        /// The name of its folder; what its file says, or made of its name, if left out.
        #[arg(long)]
        id: Option<String>,
        /// Which characters it is added to.
        #[command(flatten)]
        place: Place,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Write a character with its files to an archive.
    Export {
        /// The name of its folder.
        id: String,
        /// The zip archive to write; ID.zip if left out.
        #[arg(short, long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Which characters.
        #[command(flatten)]
        place: Place,
    },
    /// Delete a character with all its files. The default character stays.
    Delete {
        /// The name of its folder.
        id: String,
        /// Which characters.
        #[command(flatten)]
        place: Place,
    },
    /// Make a character the one to begin with.
    Activate {
        /// The name of its folder.
        id: String,
        /// Which characters.
        #[command(flatten)]
        place: Place,
    },
}

/// `visage models`
#[derive(Subcommand, Clone, Debug)]
pub enum Models {
    /// List the models and whether they are there.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Fetch models; the default set if none is named.
    Fetch {
        /// Ids of models.
        ids: Vec<String>,
        /// A folder to look for the files in before anything else.
        #[arg(long)]
        from: Option<PathBuf>,
        /// The folder of characters that fetched portraits join; the shipped ones if left out.
        #[arg(long, env = "VISAGE_CHARACTERS")]
        characters: Option<PathBuf>,
    },
    /// Check the hash of every model that is there.
    Verify {
        /// Ids of models; all if none is named.
        ids: Vec<String>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

/// `visage portrait`
#[derive(Subcommand, Clone, Debug)]
pub enum Portrait {
    /// Draw what is found in a picture: mesh, irises, lips, lids and head.
    Inspect {
        /// JPEG, PNG or WebP.
        file: PathBuf,
        /// Landmarks placed by hand, instead of what is found.
        #[arg(long, value_name = "FILE")]
        landmarks: Option<PathBuf>,
        /// The picture to write (PNG).
        #[arg(short, long, default_value = "inspect.png")]
        out: PathBuf,
    },
    /// Measure the landmarks of a picture and write them for its character, which then needs no face networks.
    Landmarks {
        /// JPEG, PNG or WebP.
        file: PathBuf,
        /// The file to write (RON).
        #[arg(short, long, default_value = "landmarks.ron")]
        out: PathBuf,
    },
}

/// `visage doctor`
#[derive(Args, Clone, Debug)]
pub struct Doctor {
    /// How `serve` is to be reached.
    #[command(flatten)]
    pub network: Network,

    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// What `visage bench` measures.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Speech synthesis and recognition by themselves.
    Inference,
    /// The voices side by side: speed, loudness, words that Whisper understands, lips. Takes about ten minutes.
    Voice,
    /// The tick at rest and talking, and its memory; with `--seconds 600` a test of endurance.
    Tick,
    /// One character after the other; a thousand take about ten minutes.
    Switches,
    /// The renderers side by side.
    Renderers,
    /// The page in a browser.
    Page,
    /// The page through a network with 40 ms round trip and 1 % loss.
    Network,
    /// A conversation by voice, as the person at the page hears it.
    Talk,
}

/// `visage openapi`
#[derive(Args, Clone, Debug)]
pub struct Openapi {
    /// The file to write; printed if left out.
    #[arg(short, long)]
    pub out: Option<PathBuf>,
}

/// `visage bench`
#[derive(Args, Clone, Debug)]
pub struct Bench {
    /// What to measure; everything if left out.
    #[arg(value_enum)]
    pub parts: Vec<Part>,

    /// Which character.
    #[command(flatten)]
    pub stage: Stage,

    /// Seconds of talking to measure in each part.
    #[arg(long, default_value_t = 20)]
    pub seconds: u32,

    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

impl Cli {
    /// Sends the log to standard error, so that standard output stays a result.
    pub fn start_log(&self) {
        let default = match self.verbose {
            // The WebRTC stack warns of what is normal on every connection.
            0 => "warn,rtc=error,symphonia=off,visage=info",
            1 => "info,visage=debug",
            _ => "debug,visage=trace",
        };
        // `visage` covers `visage_core` and all its sisters, `rtc` covers `rtc_ice`: a directive matches every target that
        // begins with it.
        let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
        let terminal = std::io::stderr().is_terminal();
        fmt()
            .with_env_filter(filter)
            .with_writer(std::io::stderr)
            .with_ansi(terminal)
            .with_target(self.verbose > 0)
            .init();
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn wrong_words_are_refused_in_words() {
        for (line, part) in [
            (&["visage", "render", "--text", "a"][..], "--out"),
            (&["visage", "render", "--out", "a.webm"], "--text"),
            (&["visage", "serve", "--size", "5000"], "from 64 to 1080"),
            (&["visage", "serve", "--size", "513"], "even number"),
            (&["visage", "serve", "--renderer", "neural"], "auto, warp, liveportrait"),
            (&["visage", "serve", "--tls-cert", "cert.pem"], "--tls-key"),
            (&["visage", "serve", "--tls", "self-signed", "--tls-cert", "a", "--tls-key", "b"], "cannot be used with"),
            (&["visage", "serve", "--allow-origin", "*"], "not the origin of a page"),
            (&["visage", "serve", "--no-token"], "unexpected argument"),
            (&["visage", "speak", "a", "--out", "a.wav", "--language", "fr"], "no language \"fr\""),
            (&["visage", "speak", "a", "--out", "a.wav", "--speed", "3"], "from 0.5 to 2"),
            (
                &["visage", "voices", "say", "a", "--out", "a.wav", "--voice", "b", "--character", "c"],
                "cannot be used with",
            ),
            (
                &[
                    "visage",
                    "voices",
                    "clone",
                    "a.wav",
                    "--name",
                    "A",
                    "--permission",
                    "You may.",
                    "--by",
                    "A",
                    "--engine",
                    "piper",
                ],
                "kokoro, xtts-v2",
            ),
        ] {
            let error = Cli::try_parse_from(line).expect_err("wrong").to_string();
            assert!(error.contains(part), "{line:?}: {error}");
        }
    }
}
