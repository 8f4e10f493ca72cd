//! The voices that a machine may have, for whoever tests how one is chosen.

use visage_core::Language::{self, English, German};
use visage_schedule::{Cloned, VoiceInfo};

/// What a machine has with the default models, and a voice of Anna that was cloned on it. Those of Kokoro, and the clone,
/// can speak only if `kokoro` is there.
pub fn voices_of_a_machine(kokoro: bool) -> Vec<VoiceInfo> {
    let voice = |id: &str, engine: &'static str, languages: &[Language], installed: bool| VoiceInfo {
        id: id.to_owned(),
        engine,
        name: id.to_owned(),
        languages: languages.to_vec(),
        description: "a voice".to_owned(),
        licence: "MIT".to_owned(),
        installed,
        advice: (!installed).then(|| format!("run `visage models fetch {engine}`")),
        cloned: None,
    };
    let cloned =
        Cloned { permission_by: "Anna".to_owned(), similarity_before: 0.5, similarity_after: 0.75, marked: true };
    vec![
        voice("piper-en-joe", "piper", &[English], true),
        voice("espeak-ng", "espeak-ng", &[English, German], true),
        voice("kokoro/af_heart", "kokoro", &[English], kokoro),
        voice("kokoro/ef_dora", "kokoro", &[German], kokoro),
        voice("kokoro/am_onyx", "kokoro", &[English], kokoro),
        VoiceInfo { cloned: Some(cloned), ..voice("clone/anna", "clone", &[German], kokoro) },
    ]
}
