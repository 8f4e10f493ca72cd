//! How a voice is chosen among those of a machine. The list is that of `visage_testkit`, which uses this crate, so these tests
//! stand outside of it.

use visage_core::Language::{English, German};
use visage_schedule::{ChoiceError, VoiceInfo, choose_voice};
use visage_testkit::voices_of_a_machine;

#[test]
fn a_voice_is_chosen_for_what_is_asked() {
    let (text, deutsch) = ("Hello, how are you?", "Hallo, wie geht es dir?");
    let ssml = "<speak xml:lang='de'>OK.</speak>";
    let cases = [
        (None, None, text, Ok(("piper-en-joe", English))),
        (None, None, deutsch, Ok(("espeak-ng", German))),
        (None, None, ssml, Ok(("espeak-ng", German))),
        (None, Some(German), text, Ok(("espeak-ng", German))),
        (Some("espeak-ng"), None, text, Ok(("espeak-ng", English))),
        // A voice of one language reads everything in it.
        (Some("piper-en-joe"), None, deutsch, Ok(("piper-en-joe", English))),
        (Some("piper-en-joe"), Some(German), deutsch, Err("the voice piper-en-joe speaks en, not de")),
        (Some("kokoro"), None, text, Ok(("kokoro/af_heart", English))),
        (Some("kokoro"), None, deutsch, Ok(("kokoro/ef_dora", German))),
        (Some("kokoro/am_onyx"), None, text, Ok(("kokoro/am_onyx", English))),
        (Some("kokoro/am_onyx"), Some(German), text, Err("the voice kokoro/am_onyx speaks en")),
        (Some("nobody"), None, text, Err("there is no voice \"nobody\"")),
        (Some(""), None, text, Err("there is no voice \"\"")),
    ];
    for (name, language, text, expected) in cases {
        let voices = voices_of_a_machine(true);
        match (choose_voice(&voices, name, language, text), expected) {
            (Ok((voice, language)), Ok(expected)) => assert_eq!((voice.id.as_str(), language), expected),
            (Err(error), Err(words)) => assert!(error.to_string().contains(words), "{error}"),
            (chosen, expected) => panic!("{name:?} {language:?} {text}: {chosen:?}, not {expected:?}"),
        }
    }
    let missing = choose_voice(&voices_of_a_machine(false), Some("kokoro"), None, text).expect_err("it is not there");
    assert_eq!(missing.to_string(), "the voice kokoro/af_heart is not installed; run `visage models fetch kokoro`");
    let nobody: Vec<VoiceInfo> = voices_of_a_machine(false).into_iter().filter(|voice| !voice.installed).collect();
    let missing = choose_voice(&nobody, None, None, deutsch).expect_err("nobody is there");
    assert!(matches!(missing, ChoiceError::NotInstalled { voice, .. } if voice == "kokoro/ef_dora"));
    // It is there, but something is to be done before it speaks.
    let mute: Vec<VoiceInfo> = nobody.into_iter().map(|voice| VoiceInfo { installed: true, ..voice }).collect();
    let mute = choose_voice(&mute, None, None, deutsch).expect_err("nobody speaks by a name alone");
    assert!(matches!(mute, ChoiceError::NotAlone { voice, .. } if voice == "kokoro/ef_dora"));
    assert!(matches!(choose_voice(&[], None, None, text), Err(ChoiceError::Unknown(_))));
}
