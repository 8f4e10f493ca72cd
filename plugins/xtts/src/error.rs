//! Why XTTS cannot speak, in words that say what to do.

use std::path::PathBuf;

use visage_core::Language;
use visage_models::SessionError;

/// Why a text was not spoken, or a voice not taken on.
#[derive(Debug, thiserror::Error)]
pub enum XttsError {
    /// Files are missing that nothing works without.
    #[error(
        "XTTS is not complete: {} has no {}. Its files are made from the checkpoint of coqui/XTTS-v2 by \
         models/xtts/export.py; models/xtts/README.md says how, and under which licence.",
        folder.display(),
        missing.join(", no ")
    )]
    Missing {
        /// Where they were looked for.
        folder: PathBuf,
        /// Their names.
        missing: Vec<&'static str>,
    },
    /// A file of text could not be read.
    #[error("cannot read {}: {source}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// `xtts.json` does not say what it must.
    #[error("{} is not what models/xtts/export.py writes: {reason}. Export the checkpoint again.", file.display())]
    Numbers {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// `vocab.json` is of another kind than that of XTTS v2.
    #[error("{} is not a vocabulary of XTTS v2: {reason}. Put the checkpoint's vocab.json in its place.", file.display())]
    Vocabulary {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file holds another network than its name and `xtts.json` say.
    #[error("{} is not the network that xtts.json speaks of: {difference}. Export the checkpoint again.", file.display())]
    Contract {
        /// The file.
        file: PathBuf,
        /// The first thing that differs, with what is expected and what is there.
        difference: String,
    },
    /// A network gave infinity or no number.
    #[error("the network {file} gave values that are not numbers; export the checkpoint again, without --int8")]
    NotANumber {
        /// The network's file name.
        file: &'static str,
    },
    /// The checkpoint does not speak the language.
    #[error("this XTTS does not speak the language \"{0}\"; choose another voice for it")]
    Language(Language),
    /// The text has nothing in it that can be spoken.
    #[error("there is nothing to say in this text")]
    NothingToSay,
    /// The text is longer than the network can take.
    #[error("the text has {found} tokens, and XTTS takes {most} at once; cut it into sentences")]
    TooLong {
        /// Its tokens.
        found: usize,
        /// The most that are taken.
        most: usize,
    },
    /// A setting of [`Sampling`](crate::Sampling) has no meaning.
    #[error("XTTS cannot speak with these settings: {0}")]
    Sampling(&'static str),
    /// The recording holds too little of the voice.
    #[error(
        "the recording of the voice has {seconds:.2} s; XTTS needs {least:.2} s at least, and 6 s or more of clear speech to sound like it"
    )]
    ShortReference {
        /// Its length.
        seconds: f32,
        /// The least length that is taken.
        least: f32,
    },
    /// The recording is silent.
    #[error("the recording of the voice is silent; take another one")]
    SilentReference,
    /// A kept voice was made for another checkpoint, or is damaged.
    #[error("the kept voice does not fit this XTTS: {0}. Make it anew from the recording.")]
    Voice(String),
    /// A network could not be loaded or run.
    #[error(transparent)]
    Session(#[from] SessionError),
}
