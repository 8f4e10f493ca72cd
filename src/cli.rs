//! The command line.

use std::{io::IsTerminal, net::SocketAddr, path::PathBuf};

use clap::{ArgAction, Args, Parser, Subcommand};
use tracing_subscriber::{EnvFilter, fmt};
use visage_core::Language;

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
    /// Speak a text to a WAV file.
    Speak(Speak),
    /// Write down what is said in a sound file.
    Transcribe(Transcribe),
    /// List, show and check characters.
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
    /// Measure this machine against the budgets in docs/performance.md.
    Bench(Bench),
}

impl Default for Command {
    /// `visage serve` with nothing else said.
    fn default() -> Self {
        let stage = Stage { character: None, characters: None, size: DEFAULT_SIZE };
        Self::Serve(Serve { stage, listen: visage_server::DEFAULT_ADDRESS, web: None })
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

    /// Where to listen; port 0 takes a free one.
    #[arg(short, long, default_value_t = visage_server::DEFAULT_ADDRESS, env = "VISAGE_LISTEN")]
    pub listen: SocketAddr,

    /// Read the page from this folder instead of the one built in.
    #[arg(long)]
    pub web: Option<PathBuf>,
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

/// `visage speak`
#[derive(Args, Clone, Debug)]
pub struct Speak {
    /// What to say.
    pub text: String,

    /// Whose voice; the default character's if left out.
    #[arg(short, long)]
    pub character: Option<String>,

    /// The folder of characters; the shipped ones if left out.
    #[arg(long, env = "VISAGE_CHARACTERS")]
    pub characters: Option<PathBuf>,

    /// The language of the text.
    #[arg(long, default_value = "en")]
    pub language: Language,

    /// The file to write.
    #[arg(short, long)]
    pub out: PathBuf,
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

/// `visage characters`
#[derive(Subcommand, Clone, Debug)]
pub enum Characters {
    /// List the characters.
    List {
        /// The folder of characters; the shipped ones if left out.
        #[arg(long, env = "VISAGE_CHARACTERS")]
        characters: Option<PathBuf>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show a character's file with every default filled in.
    Show {
        /// The name of its folder.
        id: String,
        /// The folder of characters; the shipped ones if left out.
        #[arg(long, env = "VISAGE_CHARACTERS")]
        characters: Option<PathBuf>,
    },
    /// Check a character's file and its portrait.
    Validate {
        /// A character.ron or the folder that holds it.
        path: PathBuf,
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
        /// The picture to write (PNG).
        #[arg(short, long, default_value = "inspect.png")]
        out: PathBuf,
    },
}

/// `visage doctor`
#[derive(Args, Clone, Debug)]
pub struct Doctor {
    /// The address that `serve` is to listen on.
    #[arg(short, long, default_value_t = visage_server::DEFAULT_ADDRESS)]
    pub listen: SocketAddr,

    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// `visage bench`
#[derive(Args, Clone, Debug)]
pub struct Bench {
    /// Which character.
    #[command(flatten)]
    pub stage: Stage,

    /// Seconds of talking to measure.
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
            0 => "warn,rtc=error,visage=info",
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
            (&["visage", "speak", "a", "--out", "a.wav", "--language", "fr"], "no language \"fr\""),
        ] {
            let error = Cli::try_parse_from(line).expect_err("wrong").to_string();
            assert!(error.contains(part), "{line:?}: {error}");
        }
    }
}
