//! A text against the reference: fixtures/README.md says what was computed, and by which rules.

use visage_core::Language;

use crate::reference::{Tensors, clip, greedy, small, voice};
use visage_xtts::{Conditioning, Sampling};

/// Speaks as the reference did and compares codes, latents and sound.
fn check(name: &str, language: Language, text: &str, voice: &Conditioning, sampling: Sampling) {
    let (mut xtts, tensors) = (small(), Tensors::load("speech"));
    assert_eq!(xtts.rate(), 24_000);
    let mut speech = xtts.speech(text, language, voice, &sampling).expect("it can be spoken");
    let (mut sound, mut pieces) = (Vec::new(), 0);
    while let Some(samples) = speech.step().expect("the networks run") {
        pieces += usize::from(!samples.is_empty());
        sound.extend(samples);
    }
    assert_eq!(speech.codes(), tensors.i64(&format!("{name}.codes")));
    tensors.check(&format!("{name}.latents"), speech.latents());
    tensors.check(&format!("{name}.sound"), &sound);
    // The reference decoded all at once.
    let codes = speech.codes().len();
    assert_eq!(pieces, if codes > 12 { 1 + (codes - 12).div_ceil(20) } else { 1 }, "{codes} codes");
}

#[test]
fn a_greeting_is_the_same() {
    check("greeting", Language::English, "Hello, how are you?", &voice(), greedy());
}

#[test]
fn german_is_the_same() {
    check("house", Language::German, "Das Haus auf dem Hügel", &voice(), greedy());
}

#[test]
fn faster_speech_is_the_same() {
    check("fast", Language::English, "Good morning!", &voice(), Sampling { speed: 1.3, ..greedy() });
}

/// From the recording to the sound, with the resampler of Visage between.
#[test]
fn a_recording_leads_to_the_same_codes() {
    let (mut xtts, tensors) = (small(), Tensors::load("speech"));
    let (samples, rate) = clip();
    let found = xtts.condition(&samples, rate).expect("it is long enough");
    let angle: f32 = found.speaker().iter().zip(voice().speaker()).map(|(a, b)| a * b).sum();
    // The reference's resampler fades the tones below 8 kHz that `rubato` keeps, and the random network hears all bands alike.
    assert!(angle > 0.998, "{angle}");
    let mut speech =
        xtts.speech("Hello, how are you?", Language::English, &found, &greedy()).expect("it can be spoken");
    while speech.step().expect("the networks run").is_some() {}
    assert_eq!(speech.codes(), tensors.i64("greeting.codes"));
}
