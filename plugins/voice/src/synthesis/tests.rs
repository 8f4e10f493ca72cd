use super::*;
use crate::testing::{profile, recording, small_xtts};
use visage_cloning::VoiceProfile;

fn synthesiser(variation: Variation) -> Synthesiser {
    Synthesiser::new(Store::default(), 2, variation)
}

fn speak(synthesiser: &mut Synthesiser, text: &str, language: Language, settings: &VoiceSettings) -> Synthesis {
    synthesise(synthesiser, text, language, settings).expect(text)
}

fn seconds(synthesis: &Synthesis) -> f32 {
    synthesis.samples.len() as f32 / visage_core::SAMPLE_RATE as f32
}

#[test]
fn piper_speaks_with_exact_times() {
    let english = default_voice(Language::English);
    let mut voices = synthesiser(Variation::None);
    let text = "Bob puts my paper map by the pub. Then he goes home!";
    let spoken = speak(&mut voices, text, Language::English, &english);
    assert_eq!(spoken.notices, Vec::<String>::new(), "the models must be there: `visage models fetch`");
    let names: String = spoken.timeline.0.iter().map(|span| span.phoneme.as_str()).collect();
    assert!(names.starts_with("bɑːbpʊtsma"), "{names}");
    assert!(spoken.timeline.0.windows(2).all(|pair| pair[0].end <= pair[1].start && pair[0].start < pair[0].end));
    assert!(spoken.timeline.0.last().is_some_and(|span| span.end <= spoken.samples.len()));
    assert!((2.5..6.0).contains(&seconds(&spoken)));
    // The times are true: vowels are loud in their middle, pauses are not.
    let energy = |from: usize, to: usize| {
        let part = &spoken.samples[from..to];
        (part.iter().map(|s| s * s).sum::<f32>() / part.len() as f32).sqrt()
    };
    for span in &spoken.timeline.0 {
        let (from, to) = (span.start + (span.end - span.start) / 4, span.end - (span.end - span.start) / 4);
        if crate::ipa::kind(&span.phoneme) == crate::ipa::Kind::LongVowel {
            assert!(energy(from, to) > 0.05, "{span:?}");
        }
    }
    // The same text gives the same samples, in a new process of mind too.
    assert_eq!(spoken.samples, speak(&mut voices, text, Language::English, &english).samples);
    let mut others = synthesiser(Variation::None);
    assert_eq!(spoken.samples, speak(&mut others, text, Language::English, &english).samples);
}

#[test]
fn pieces_are_joined_without_a_click_and_are_equally_loud() {
    let english = default_voice(Language::English);
    let mut voices = synthesiser(Variation::None);
    let text = "Yes. My brother is a doctor, but he has always wanted to be a painter. Nobody knows why.";
    let mut loud = Vec::new();
    for piece in pieces(&Script::read(text).0, Language::English) {
        let samples = voices.finish(&piece, Language::English, &english).expect("Piper").samples;
        // A piece begins and ends in silence: whatever is before and behind it, there is no step.
        let edge = samples[..48].iter().chain(&samples[samples.len() - 48..]);
        assert!(edge.clone().all(|sample| sample.abs() < 0.01), "{}", piece.text);
        assert_eq!((samples[0], samples.last().copied()), (0.0, Some(0.0)), "{}", piece.text);
        loud.extend(crate::loudness(&samples));
    }
    // Short pieces and long ones are about as loud.
    let (least, most) = loud.iter().fold((f32::MAX, f32::MIN), |(a, b), l| (a.min(*l), b.max(*l)));
    assert!(most - least < 4.0 && (crate::LOUDNESS - 4.0..crate::LOUDNESS + 3.5).contains(&least), "{loud:?}");
}

#[test]
fn speed_and_pitch_change_what_they_say() {
    let mut voices = synthesiser(Variation::None);
    let text = "This is how I sound when I am asked to say a sentence.";
    let mut length = |speed: f32, pitch: f32| {
        let settings = VoiceSettings { speed, pitch, ..default_voice(Language::English) };
        seconds(&speak(&mut voices, text, Language::English, &settings))
    };
    let own = length(1.0, 1.0);
    assert!((length(1.5, 1.0) / own - 1.0 / 1.5).abs() < 0.12);
    assert!((length(1.0, 1.2) / own - 1.0).abs() < 0.12, "the pitch leaves the speed");
}

#[test]
fn a_missing_model_is_replaced_and_told_once() {
    let empty = tempfile::tempdir().expect("a temporary folder");
    let mut voices = Synthesiser::new(Store::at(empty.path()), 1, Variation::None);
    let english = default_voice(Language::English);
    let first = speak(&mut voices, "Hello. Here I am.", Language::English, &english);
    assert_eq!(first.notices.len(), 1, "{:?}", first.notices);
    assert!(first.notices[0].contains("visage models fetch"), "{}", first.notices[0]);
    assert!(seconds(&first) > 0.5 && !first.timeline.0.is_empty());
    assert!(speak(&mut voices, "Again.", Language::English, &english).notices.is_empty());
    // Whoever comes later learns it all the same, until another voice is on stage.
    assert_eq!(voices.standing_notices(), first.notices);
    let espeak = VoiceSettings { model: ESPEAK.into(), ..english };
    voices.prepare(&[(Language::English, espeak)]);
    assert!(voices.standing_notices().is_empty());
}

#[test]
fn where_kokoro_is_missing_the_default_voice_speaks() {
    let empty = tempfile::tempdir().expect("a temporary folder");
    let mut voices = Synthesiser::new(Store::at(empty.path()), 1, Variation::None);
    let settings = VoiceSettings { model: "kokoro/bf_emma".into(), ..default_voice(Language::English) };
    let spoken = speak(&mut voices, "Hello.", Language::English, &settings);
    // Piper is missing, too, so that espeak-ng has the last word; who speaks German by default is espeak-ng.
    let told: Vec<_> = spoken.notices.iter().map(|notice| notice.contains("visage models fetch")).collect();
    assert_eq!(told, [true, true], "{:?}", spoken.notices);
    assert!(spoken.notices[0].contains("the model kokoro") && spoken.notices[0].contains("\"piper-en-joe\" speaks"));
    let mut voices = Synthesiser::new(Store::at(empty.path()), 1, Variation::None);
    let german = speak(&mut voices, "Guten Tag.", Language::German, &settings);
    assert_eq!(german.notices.len(), 1);
    assert!(german.notices[0].contains("\"espeak-ng\" speaks"), "{}", german.notices[0]);
}

/// A voice that is to sound like a recording of `plugins/cloning/fixtures`.
fn like(name: &str, language: Language) -> VoiceSettings {
    VoiceSettings { model: XTTS.into(), reference: Some(recording(name)), ..default_voice(language) }
}

#[test]
fn xtts_speaks_like_a_recording_and_what_it_says_is_marked() {
    let (_folder, store) = small_xtts();
    let mut voices = Synthesiser::new(store.clone(), 1, Variation::None);
    // A mark goes on from piece to piece.
    let marker = voices.marker.take();
    for (text, language) in [("Hello, how are you?", Language::English), ("Guten Tag.", Language::German)] {
        let settings = like("af_heart", language);
        let spoken = speak(&mut voices, text, language, &settings);
        assert_eq!(spoken.notices, Vec::<String>::new());
        let spans = &spoken.timeline.0;
        assert!(spans.iter().all(|span| span.start < span.end) && !spans.is_empty(), "{spans:?}");
        assert!(spans.windows(2).all(|pair| pair[0].end <= pair[1].start), "{spans:?}");
        assert!(spans.last().is_some_and(|span| span.end <= spoken.samples.len()), "{spans:?}");
        assert!(voices.speak(text, language, &settings).expect("it speaks").marked);
        // In a new process of mind, too.
        let mut others = Synthesiser::new(store.clone(), 1, Variation::None);
        others.marker = None;
        assert!(spoken.samples == speak(&mut others, text, language, &settings).samples, "{text}");
    }
    voices.marker = marker;
    // The sound is another one with the mark in it.
    let text = pieces(&Script::read("Hello.").0, Language::English);
    let settings = like("af_heart", Language::English);
    let marked = voices.finish(&text[0], Language::English, &settings).expect("it speaks").samples;
    voices.marker = None;
    let plain = voices.finish(&text[0], Language::English, &settings).expect("it speaks").samples;
    assert!(marked.len() == plain.len() && marked != plain);
}

#[test]
fn a_clone_has_the_mark_and_the_loudness_of_its_profile() {
    let (folder, store) = small_xtts();
    let mut voices = Synthesiser::new(store, 1, Variation::None);
    voices.profiles = Profiles::at(folder.path().join("voices"));
    let heard = voices.xtts().and_then(|xtts| xtts.condition(&recording("af_heart"), VoiceSettings::REFERENCE_RATE));
    let style = heard.expect("it is a good recording").to_bytes();
    let pieces = pieces(&Script::read("Hello.").0, Language::English);
    for (id, marked, loudness) in [("a", true, Some(-21.5)), ("b", false, None)] {
        let profile = VoiceProfile { engine: XTTS.to_owned(), marked, loudness, ..profile(id) };
        voices.profiles.create_bytes(&profile, &style).expect("a temporary folder");
        let settings = VoiceSettings { model: format!("{CLONE}/{id}"), ..default_voice(Language::English) };
        let speech = voices.speak("Hello.", Language::English, &settings).expect("it speaks");
        assert_eq!((speech.marked, speech.loudness), (marked, loudness), "{id}");
        let finish = |voices: &mut Synthesiser| {
            voices.finish(&pieces[0], Language::English, &settings).expect("it speaks").samples
        };
        let sound = finish(&mut voices);
        let marker = voices.marker.take();
        assert_eq!(finish(&mut voices) != sound, marked, "{id}");
        voices.marker = marker;
    }
}

#[test]
fn where_xtts_or_its_recording_is_missing_the_default_voice_speaks() {
    let empty = tempfile::tempdir().expect("a temporary folder");
    let (_folder, store) = small_xtts();
    let without = VoiceSettings { reference: None, ..like("af_heart", Language::German) };
    let silent = VoiceSettings { reference: Some([0.0; 24_000].into()), ..without.clone() };
    let cases = [
        (Store::at(empty.path()), like("af_heart", Language::German), "has no xtts.json, no vocab.json"),
        (store.clone(), without, "this voice has none; give the character's voice a reference"),
        (store, silent, "cannot be imitated: the recording is silent"),
    ];
    for (store, settings, words) in cases {
        let mut voices = Synthesiser::new(store, 1, Variation::None);
        let spoken = speak(&mut voices, "Guten Tag. Ich bin Mira.", Language::German, &settings);
        assert!(seconds(&spoken) > 0.5 && !spoken.timeline.0.is_empty());
        let [notice] = &spoken.notices[..] else { panic!("{:?}", spoken.notices) };
        assert!(notice.contains(words), "{notice}");
        assert!(notice.ends_with("Until then the voice \"espeak-ng\" speaks.") && !notice.contains(".."), "{notice}");
        assert_eq!(voices.standing_notices(), spoken.notices, "it is so for whoever comes later");
    }
}

#[test]
fn files_that_are_no_xtts_are_told_again_and_not_tried_again() {
    let (folder, store) = small_xtts();
    let file = folder.path().join(XTTS).join("decoder.onnx");
    std::fs::write(&file, "no network").expect("a temporary folder");
    let mut voices = Synthesiser::new(store, 1, Variation::None);
    let settings = like("af_heart", Language::German);
    let spoken = speak(&mut voices, "Guten Tag.", Language::German, &settings);
    assert!(spoken.notices.len() == 1 && spoken.notices[0].contains("decoder.onnx"), "{:?}", spoken.notices);
    // What it was is still known when it stands in the way again.
    std::fs::remove_file(&file).expect("it is there");
    speak(&mut voices, "Guten Tag.", Language::German, &settings);
    assert_eq!(voices.standing_notices(), spoken.notices);
}

#[test]
fn xtts_is_made_ready_without_saying_all_and_goes_when_nobody_wants_it() {
    let (_folder, store) = small_xtts();
    let mut voices = Synthesiser::new(store, 1, Variation::Natural);
    voices.prepare(&[(Language::German, like("af_heart", Language::German))]);
    assert!(voices.xtts.is_some() && voices.standing_notices().is_empty(), "{:?}", voices.standing_notices());
    voices.prepare(&[(Language::English, like("af_heart", Language::English))]);
    assert!(voices.xtts.is_some());
    let espeak = VoiceSettings { model: ESPEAK.into(), ..default_voice(Language::German) };
    voices.speak("Guten Tag.", Language::German, &espeak).expect("espeak-ng");
    assert!(voices.xtts.is_some(), "another voice in between is no reason to load it anew");
    voices.prepare(&[(Language::German, espeak)]);
    assert!(voices.xtts.is_none());
}

#[test]
fn what_nobody_wants_any_more_is_not_spoken_by_others() {
    let (_folder, store) = small_xtts();
    let mut voices = Synthesiser::new(store, 1, Variation::None);
    let text = pieces(&Script::read("Guten Tag.").0, Language::German);
    let spoken = voices.finish_while(&text[0], Language::German, &like("af_heart", Language::German), &|| false);
    assert!(matches!(spoken, Err(VoiceError::Unwanted)), "{spoken:?}");
    assert!(voices.take_notices().is_empty() && voices.standing_notices().is_empty());
}

#[test]
fn a_voice_that_kokoro_does_not_have_is_told_with_those_it_has() {
    let mut voices = synthesiser(Variation::None);
    let settings = VoiceSettings { model: "kokoro/nobody".into(), ..default_voice(Language::German) };
    let spoken = speak(&mut voices, "Guten Tag.", Language::German, &settings);
    let [notice] = &spoken.notices[..] else { panic!("{:?}", spoken.notices) };
    for part in ["kokoro/nobody", "kokoro/af_heart", "kokoro/bm_george", "piper-en-joe", "xtts-v2", "espeak-ng"] {
        assert!(notice.contains(part), "{part} is not in: {notice}");
    }
}

#[test]
fn german_and_unknown_voices_are_spoken_by_somebody() {
    let mut voices = synthesiser(Variation::None);
    let english_voice = default_voice(Language::English);
    let german = speak(&mut voices, "Guten Tag.", Language::German, &english_voice);
    assert!(german.notices.is_empty() && seconds(&german) > 0.4);
    for name in ["espeak-ng", "espeak"] {
        let espeak = VoiceSettings { model: name.into(), ..default_voice(Language::German) };
        assert!(speak(&mut voices, "Guten Tag.", Language::German, &espeak).notices.is_empty(), "{name}");
    }
    let unknown = VoiceSettings { model: "nobody".into(), ..default_voice(Language::German) };
    let spoken = speak(&mut voices, "Guten Tag.", Language::German, &unknown);
    assert!(spoken.notices[0].contains("nobody"));
}

#[test]
fn markup_changes_how_a_text_sounds() {
    let mut voices = synthesiser(Variation::None);
    let espeak = VoiceSettings { model: ESPEAK.into(), ..default_voice(Language::German) };
    let mut length = |text: &str| seconds(&speak(&mut voices, text, Language::German, &espeak));
    let plain = length("Guten Tag, meine Damen und Herren.");
    let paused = length("[pause 1s] Guten Tag, meine Damen und Herren. [pause 2s]");
    assert!((paused - plain - 3.0 + 0.15).abs() < 0.01, "{plain} {paused}");
    let slow = length("<speak><prosody rate='50%'>Guten Tag, meine Damen und Herren.</prosody></speak>");
    assert!((slow / plain - 2.0).abs() < 0.25, "{plain} {slow}");
    let loudness = |voices: &mut Synthesiser, text: &str| {
        let samples = speak(voices, text, Language::German, &espeak).samples;
        (samples.iter().map(|sample| sample * sample).sum::<f32>() / samples.len() as f32).sqrt()
    };
    let soft = loudness(&mut voices, "<speak><prosody volume='-6dB'>Guten Tag.</prosody></speak>");
    assert!((soft / loudness(&mut voices, "Guten Tag.") - 0.5).abs() < 0.02);
    let wrong = speak(&mut voices, "<speak><b>Hallo</b></speak>", Language::German, &espeak);
    assert!(wrong.notices.len() == 1 && wrong.notices[0].contains("<b> at character 8"));
}

#[test]
fn too_much_to_say_is_an_error_in_words() {
    let text = "ä".repeat(LONGEST_TEXT + 1);
    let mut voices = synthesiser(Variation::None);
    let error = synthesise(&mut voices, &text, Language::German, &default_voice(Language::German));
    let words = error.expect_err("it is too long").to_string();
    assert!(words.contains("5001 characters") && words.contains("5000"), "{words}");
}

#[test]
fn nothing_to_say_is_an_error() {
    for text in ["", "  ", "🙂", "...", "[[", "\u{0}"] {
        let spoken = synthesise(
            &mut synthesiser(Variation::None),
            text,
            Language::English,
            &VoiceSettings { model: ESPEAK.into(), ..default_voice(Language::English) },
        );
        assert!(matches!(spoken, Err(VoiceError::NothingToSay)), "{text:?}");
    }
}
