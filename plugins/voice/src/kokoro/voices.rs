//! Kokoro's voices, and how a character names one.

use visage_core::Language;

use crate::VoiceError;

/// Kokoro's id in the model catalogue.
pub const KOKORO: &str = "kokoro";

/// A voice of Kokoro that Visage knows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KokoroVoice {
    /// Its name: the language of its recordings ("a" American, "b" British, "e" Spanish, "f" French, "i" Italian, "p"
    /// Brazilian), "f" or "m", and a first name. Its style is the file `NAME.bin`.
    pub name: &'static str,
    /// How loud it speaks by itself, LUFS: three sentences, measured as EBU R128 says.
    pub loudness: f32,
}

impl KokoroVoice {
    /// Whether its English is British.
    pub fn is_british(&self) -> bool {
        self.name.starts_with('b')
    }
}

const fn voice(name: &'static str, loudness: f32) -> KokoroVoice {
    KokoroVoice { name, loudness }
}

/// The voices, in the catalogue's order.
pub const KOKORO_VOICES: &[KokoroVoice] = &[
    voice("af_alloy", -21.9),
    voice("af_aoede", -17.9),
    voice("af_bella", -21.9),
    voice("af_heart", -22.6),
    voice("af_jessica", -22.0),
    voice("af_kore", -18.7),
    voice("af_nicole", -21.6),
    voice("af_nova", -26.8),
    voice("af_river", -21.3),
    voice("af_sarah", -20.7),
    voice("af_sky", -23.9),
    voice("am_adam", -18.7),
    voice("am_echo", -22.3),
    voice("am_eric", -21.3),
    voice("am_fenrir", -19.2),
    voice("am_liam", -21.6),
    voice("am_michael", -23.8),
    voice("am_onyx", -22.7),
    voice("am_puck", -18.6),
    voice("am_santa", -22.6),
    voice("bf_alice", -20.8),
    voice("bf_emma", -20.2),
    voice("bf_isabella", -17.7),
    voice("bf_lily", -21.4),
    voice("bm_daniel", -21.7),
    voice("bm_fable", -21.8),
    voice("bm_george", -21.8),
    voice("bm_lewis", -23.5),
    voice("ef_dora", -23.1),
    voice("em_alex", -22.6),
    voice("em_santa", -22.4),
    voice("ff_siwis", -19.5),
    voice("if_sara", -14.2),
    voice("im_nicola", -19.6),
    voice("pf_dora", -23.1),
    voice("pm_alex", -22.6),
    voice("pm_santa", -22.6),
];

/// The voice that speaks a language when none is named: in English the one that its makers grade best (hexgrad/Kokoro-82M,
/// `VOICES.md`), in German the one that is understood best (docs/avatar/tts.md).
const fn default_voice(language: Language) -> &'static str {
    match language {
        Language::English => "af_heart",
        Language::German => "ef_dora",
    }
}

/// The voice that a model's name asks for: "kokoro", or "kokoro/" and a voice's name. `None` if it is not Kokoro's.
///
/// # Errors
/// Kokoro has no such voice.
pub fn kokoro_voice(model: &str, language: Language) -> Option<Result<KokoroVoice, VoiceError>> {
    let named = match model.strip_prefix(KOKORO)? {
        "" => default_voice(language),
        rest => rest.strip_prefix('/')?,
    };
    let found = KOKORO_VOICES.iter().find(|voice| voice.name == named).copied();
    Some(found.ok_or_else(|| VoiceError::UnknownVoice(model.to_owned())))
}
