//! What a caller can rely on: pieces and their order, stopping, seeds, and errors that say what is wrong.

use std::{fs, ops::ControlFlow, path::Path};

use visage_core::Language;

use crate::reference::{folder, greedy, small, voice};
use visage_xtts::{Conditioning, Sampling, Xtts, XttsError};

const TEXT: &str = "Hello, how are you?";

/// The small XTTS with a change in one of its text files, or without one of its files.
fn changed(file: &str, change: impl Fn(&str) -> Option<String>) -> Result<Xtts, XttsError> {
    let copy = tempfile::tempdir().expect("a temporary folder");
    for entry in fs::read_dir(folder()).expect("it is among the fixtures") {
        let path = entry.expect("it can be read").path();
        let name = path.file_name().expect("it has a name");
        let to = copy.path().join(name);
        if name != file {
            fs::copy(&path, to).expect("a temporary folder");
        } else if let Some(text) = change(&fs::read_to_string(&path).unwrap_or_default()) {
            fs::write(to, text).expect("a temporary folder");
        }
    }
    Xtts::load(copy.path(), 1)
}

fn replaced(file: &str, from: &str, to: &str) -> Result<Xtts, XttsError> {
    changed(file, |text| {
        assert!(text.contains(from), "{from} is not in {file}");
        Some(text.replace(from, to))
    })
}

#[test]
fn pieces_come_while_codes_are_made_and_add_up_to_the_whole() {
    let mut xtts = small();
    let (mut pieces, mut steps) = (Vec::new(), 0);
    let mut listen = |samples: &[f32]| {
        steps += 1;
        if !samples.is_empty() {
            pieces.push((steps, samples.to_vec()));
        }
        ControlFlow::Continue(())
    };
    let whole = xtts.speak(TEXT, Language::English, &voice(), &greedy(), &mut listen).expect("it can be spoken");
    assert!(pieces.len() >= 2, "{}", pieces.len());
    assert_eq!(pieces[0].0, 12, "the first sound comes after twelve codes");
    assert_eq!(pieces.iter().flat_map(|(_, samples)| samples.clone()).collect::<Vec<_>>(), whole);
    assert!(whole.iter().all(|sample| sample.abs() <= 1.0));
}

#[test]
fn a_caller_can_stop_after_any_step() {
    let mut xtts = small();
    let all = |xtts: &mut Xtts, at: usize| {
        let mut steps = 0;
        let mut listen = |_: &[f32]| {
            steps += 1;
            if steps == at { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let sound = xtts.speak(TEXT, Language::English, &voice(), &greedy(), &mut listen).expect("it can be spoken");
        (steps, sound.len())
    };
    for at in [1, 5, 13] {
        let (steps, samples) = all(&mut xtts, at);
        assert_eq!(steps, at);
        assert_eq!(samples > 0, at >= 12);
    }
    // What was stopped leaves nothing behind.
    let (again, fresh) = (all(&mut xtts, usize::MAX), all(&mut small(), usize::MAX));
    assert_eq!(again, fresh);
}

#[test]
fn the_same_seed_says_the_same() {
    let mut xtts = small();
    let mut codes = |seed| {
        let sampling = Sampling { seed, temperature: 1.5, most_codes: 15, ..xtts.sampling() };
        let voice = voice();
        let mut speech = xtts.speech(TEXT, Language::English, &voice, &sampling).expect("it can be spoken");
        while speech.step().expect("the networks run").is_some() {}
        speech.codes().to_vec()
    };
    let first = codes(1);
    assert_eq!(first, codes(1));
    assert_ne!(first, codes(2));
    assert!(first.len() <= 15);
    let asked = small().sampling();
    assert_eq!((asked.temperature, asked.top_k, asked.top_p, asked.repetition_penalty), (0.75, 50, 0.85, 5.0));
}

#[test]
fn what_cannot_be_spoken_is_refused() {
    let mut xtts = small();
    let other = |text: &str, from: &str, to: &str| {
        // Another shape by its header: as many numbers, other rows.
        let mut bytes = voice().to_bytes();
        let at = bytes.windows(from.len()).position(|part| part == from.as_bytes()).expect(text);
        bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
        Conditioning::from_bytes(&bytes).expect("it is a voice")
    };
    let fits = voice();
    let misfit = other("the shape is in the header", "[32,32]", "[16,64]");
    let long = "fox ".repeat(60);
    let hot = Sampling { temperature: -1.0, ..Sampling::default() };
    let cases: [(&str, &Conditioning, Sampling, &str); 5] = [
        ("", &fits, greedy(), "nothing to say"),
        ("…!", &fits, greedy(), "nothing to say"),
        (&long, &fits, greedy(), "takes 79 at once"),
        (TEXT, &misfit, greedy(), "its latents are [16, 64], and [32, 32] is expected"),
        (TEXT, &fits, hot, "temperature"),
    ];
    for (text, voice, sampling, expected) in cases {
        let error = xtts.speech(text, Language::English, voice, &sampling).expect_err(expected).to_string();
        assert!(error.contains(expected), "{error}");
    }
    let mut english = replaced("xtts.json", "\"de\"", "\"fr\"").expect("languages do not change the networks");
    assert!(english.speaks(Language::English) && !english.speaks(Language::German));
    let error = english.speech("Haus", Language::German, &fits, &greedy()).expect_err("it has no German").to_string();
    assert!(error.contains("\"de\""), "{error}");
}

#[test]
fn files_that_do_not_belong_together_are_named() {
    let cases = [
        (
            "xtts.json",
            "\"channels\": 32",
            "\"channels\": 64",
            "conditioning.onnx",
            "\"latents\" has the shape [?, 32, 32], and [1, 32, 64]",
        ),
        ("xtts.json", "\"heads\": 2", "\"heads\": 4", "gpt.onnx", "\"past_key.0\" has the shape [1, 2, ?, 16]"),
        ("xtts.json", "\"layers\": 2", "\"layers\": 3", "gpt.onnx", "no input \"past_key.2\""),
        ("xtts.json", "\"layers\": 2", "\"layers\": 1", "gpt.onnx", "one more input, \"past_key.1\""),
        ("xtts.json", "\"format\": 1", "\"format\": 9", "xtts.json", "the format 9"),
        ("xtts.json", "\"text_tokens\": 160", "\"text_tokens\": 99", "vocab.json", "the network knows 99"),
        ("vocab.json", "\"BPE\"", "\"Unigram\"", "vocab.json", "no byte pair encoding"),
    ];
    for (file, from, to, named, expected) in cases {
        let error = replaced(file, from, to).expect_err(to).to_string();
        assert!(error.contains(named) && error.contains(expected), "{error}");
    }
    // A graph under another's name.
    let speaker = fs::read(folder().join("speaker.onnx")).expect("it is among the fixtures");
    let copy = tempfile::tempdir().expect("a temporary folder");
    for entry in fs::read_dir(folder()).expect("it is among the fixtures") {
        let path = entry.expect("it can be read").path();
        fs::copy(&path, copy.path().join(path.file_name().expect("it has a name"))).expect("a temporary folder");
    }
    fs::write(copy.path().join("decoder.onnx"), speaker).expect("a temporary folder");
    let error = Xtts::load(copy.path(), 1).expect_err("it is the speaker encoder").to_string();
    assert!(error.contains("no input \"frames\"; its inputs are \"mel\""), "{error}");
}

#[test]
fn missing_files_are_named_with_what_to_do() {
    let error = changed("gpt.onnx", |_| None).expect_err("it is missing").to_string();
    assert!(error.contains("no gpt.onnx") && error.contains("models/xtts/README.md"), "{error}");
    let error = Xtts::load(Path::new("/nowhere"), 1).expect_err("there is nothing").to_string();
    assert!(error.contains("no xtts.json, no vocab.json, no conditioning.onnx"), "{error}");
}
