//! Why a voice cannot be cloned, in words that say what to do.

use std::path::PathBuf;

use visage_models::{ModelError, SessionError};

use crate::clip::{LEAST_SIGNAL_TO_NOISE, LEAST_VOICED, LONGEST_CLIP};

/// Why there is no clone.
#[derive(Debug, thiserror::Error)]
pub enum CloningError {
    /// The recording has a rate that no recording has.
    #[error("the recording says that it has {rate} samples a second; record it with 16,000 to 48,000")]
    Rate {
        /// Samples a second.
        rate: u32,
    },
    /// There are infinities or no numbers among the samples.
    #[error("the recording holds samples that are not numbers; save it as 16-bit WAV and try again")]
    NotANumber,
    /// It is longer than it need be.
    #[error("the recording is {found:.0} s long; give the best 10 to 30 seconds of it, {LONGEST_CLIP:.0} s at most")]
    TooLong {
        /// Its length, seconds.
        found: f32,
    },
    /// Nobody speaks long enough in it.
    #[error(
        "only {found:.1} s of speech were found in the recording, and {LEAST_VOICED:.0} s are the least; speak for 10 to 30 \
         seconds, near to the microphone and without music"
    )]
    TooShort {
        /// Seconds of speech.
        found: f32,
    },
    /// Nothing is heard.
    #[error("the recording is silent; check that the right microphone is chosen and is not muted")]
    Silent,
    /// It was recorded too loudly.
    #[error(
        "the recording is clipped ({:.1} % of its samples lie in flat tops); turn the microphone down and record it anew, as \
         what is cut off cannot be brought back",
        share * 100.0
    )]
    Clipped {
        /// The share of samples in flat tops.
        share: f32,
    },
    /// There is too much besides the voice.
    #[error(
        "speech is only {found:.0} dB louder than the noise in the recording, and {LEAST_SIGNAL_TO_NOISE:.0} dB are the least; \
         {}",
        if *denoised {
            "what noise reduction leaves is still too much: record it in a quiet room, near to the microphone"
        } else {
            "record it in a quiet room, near to the microphone, or ask for noise reduction"
        }
    )]
    Noisy {
        /// How much louder, dB.
        found: f32,
        /// Whether noise was taken out before.
        denoised: bool,
    },
    /// More than one person speaks.
    #[error(
        "more than one voice seems to speak in the recording, or one in very different moods (two parts of it are only \
         {similarity:.2} similar); cut out parts in which the person speaks as the clone is to speak"
    )]
    SeveralSpeakers {
        /// The similarity of the two parts that differ most.
        similarity: f32,
    },
    /// The speaker encoder gave something that is no direction.
    #[error("the speaker encoder gave {0}; the recording may be empty, or models/speaker/encoder.onnx damaged")]
    Encoder(String),
    /// The voices to begin from are not what they should be.
    #[error("the voices to begin from cannot be used: {0}; run `visage models fetch kokoro`")]
    Voices(String),
    /// The engine did not speak.
    #[error("the engine could not speak a sentence while fitting: {0}")]
    Speak(String),
    /// It was called off.
    #[error("fitting the voice was cancelled")]
    Cancelled,
    /// Nobody has said that the voice may be cloned.
    #[error(
        "a cloned voice needs a statement of permission: who allows it, in which words. Only your own voice, or one whose \
         owner agreed, may be cloned; {0}"
    )]
    NoPermission(&'static str),
    /// This cannot be the id of a profile.
    #[error("\"{id}\" cannot be the id of a voice: take a to z, 0 to 9 and hyphens, at most 63 of them")]
    InvalidId {
        /// The id, shortened.
        id: String,
    },
    /// This cannot be the name of a profile.
    #[error("the name of a voice has 1 to {longest} characters and no control characters among them")]
    InvalidName {
        /// How long it may be.
        longest: usize,
    },
    /// The id is taken.
    #[error("there is a voice \"{id}\" already; choose another name, or delete that one first")]
    Taken {
        /// The id.
        id: String,
    },
    /// There is no such profile.
    #[error("there is no cloned voice \"{id}\"")]
    Unknown {
        /// The id.
        id: String,
    },
    /// A profile's files do not fit together.
    #[error("the voice \"{id}\" is damaged: {reason}; delete it and clone it again")]
    Damaged {
        /// Its id.
        id: String,
        /// What is wrong.
        reason: String,
    },
    /// A file or folder could not be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The encoder's file is not there.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// ONNX Runtime failed.
    #[error(transparent)]
    Session(#[from] SessionError),
}
