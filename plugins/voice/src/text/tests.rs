//! Texts and the pieces that they become.

use visage_core::Emphasis;

use super::*;

fn read(text: &str, language: Language) -> Vec<Piece> {
    let (script, error) = Script::read(text);
    assert_eq!(error, None, "{text}");
    pieces(&script, language)
}

fn check(language: Language, text: &str, expected: &[&str]) {
    let found: Vec<String> = read(text, language).into_iter().map(|piece| piece.text).collect();
    assert_eq!(found, expected, "{text}");
}

#[test]
fn texts_become_sentences_without_what_has_no_sound() {
    let english: &[(&str, &[&str])] = &[
        ("", &[]),
        (" …  🙂 ", &[]),
        ("Hello.", &["Hello."]),
        ("Hello.   How are you?", &["Hello.", "How are you?"]),
        ("First line\nSecond line", &["First line", "Second line"]),
        ("Dr. Smith met Mrs. Jones. They talked.", &["Dr. Smith met Mrs. Jones.", "They talked."]),
        ("🙂\n🙂 Well. 🙂", &["🙂 Well."]),
    ];
    for (text, expected) in english {
        check(Language::English, text, expected);
    }
    check(Language::German, "Am 3. Mai kommt Dr. Meier. Gut!", &["Am 3. Mai kommt Dr. Meier.", "Gut!"]);
}

#[test]
fn a_piece_keeps_what_is_read_and_what_is_spoken() {
    let cases = [
        ("It costs $3.50, **really**!", "It costs three dollars and fifty cents, really!"),
        ("Say [[h@l'oU]] now.", "Say ((h at l'oU)) now."),
        ("See [my page](https://example.com/x) 🎉.", "See my page ."),
    ];
    for (text, spoken) in cases {
        let pieces = read(text, Language::English);
        assert_eq!(pieces.iter().map(|piece| piece.spoken.as_str()).collect::<Vec<_>>(), [spoken]);
        assert_eq!(pieces[0].text, text);
    }
    // A cut never takes a number apart.
    let pieces =
        read("On the 3rd of May, 2024, about 10,000 people walked, sang and danced in the streets.", Language::English);
    let texts: Vec<&str> = pieces.iter().map(|piece| piece.text.as_str()).collect();
    assert_eq!(texts, ["On the 3rd of May, 2024,", "about 10,000 people walked, sang and danced in the streets."]);
    assert_eq!(pieces[0].spoken, "On the third of May, twenty twenty-four,");
}

#[test]
fn long_first_sentences_begin_early() {
    check(
        Language::English,
        "If you would like to know more about me, ask whatever comes to your mind, and I will try to answer.",
        &["If you would like to know more about me,", "ask whatever comes to your mind, and I will try to answer."],
    );
    // After a short beginning the next piece is short too.
    check(
        Language::English,
        "Hello. The house that stands on the hill, which my grandfather built, was sold to a family from the city.",
        &[
            "Hello.",
            "The house that stands on the hill,",
            "which my grandfather built, was sold to a family from the city.",
        ],
    );
    check(
        Language::English,
        "The weather outside is really lovely today and we should go for a walk in the park.",
        &["The weather outside is really lovely today", "and we should go for a walk in the park."],
    );
}

#[test]
fn nothing_is_lost_and_no_piece_is_too_long() {
    let texts = ["word ".repeat(500), "x".repeat(3_000), "a, ".repeat(400), "ä–".repeat(700), "Ja! Nein? ".repeat(90)];
    for text in texts {
        for language in [Language::English, Language::German] {
            let pieces = read(&text, language);
            assert!(pieces.iter().all(|piece| !piece.text.is_empty() && count(&piece.spoken) <= LONGEST_PIECE));
            let letters = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>();
            let spoken: String = pieces.iter().map(|piece| letters(&piece.spoken)).collect();
            let written: String = pieces.iter().map(|piece| letters(&piece.text)).collect();
            assert_eq!((spoken, written), (letters(&text), letters(&text)));
        }
    }
    // A number of a thousand digits is read to its end.
    let pieces = read(&"7".repeat(1_000), Language::German);
    let sevens =
        pieces.iter().flat_map(|piece| piece.spoken.split_whitespace()).filter(|word| *word == "sieben").count();
    assert_eq!(sevens, 1_000);
    assert!(pieces.iter().all(|piece| count(&piece.spoken) <= LONGEST_PIECE && !piece.text.is_empty()));
}

#[test]
fn pauses_follow_punctuation_and_what_the_author_asks_for() {
    let cases: &[(&str, &[f32])] = &[
        ("One. Two: three?\nFour. Five", &[0.38, PARAGRAPH_PAUSE, 0.38, TURN_PAUSE]),
        ("One. [pause 2s] Two.", &[2.0, TURN_PAUSE]),
        ("One [pause 1s] two.", &[1.0, TURN_PAUSE]),
        ("One. [pause 1s]", &[1.0]),
        ("One.[pause 1s]\nTwo.", &[1.0, TURN_PAUSE]),
        ("<speak>One<break strength='none'/> two.</speak>", &[0.0, TURN_PAUSE]),
        ("<speak><s>One</s><s>two</s> three</speak>", &[SENTENCE_PAUSE, SENTENCE_PAUSE, TURN_PAUSE]),
        ("<speak><p>One.</p><p>Two</p></speak>", &[PARAGRAPH_PAUSE, TURN_PAUSE]),
        ("[pause 1s]", &[]),
    ];
    for (text, expected) in cases {
        let pauses: Vec<f32> = read(text, Language::English).iter().map(|piece| piece.pause).collect();
        assert_eq!(pauses, *expected, "{text}");
    }
    let pieces = read("[pause 1s] One. [pause 2s] Two.", Language::English);
    assert_eq!(pieces.iter().map(|piece| piece.before).collect::<Vec<_>>(), [1.0, 0.0]);
}

#[test]
fn a_space_at_the_end_changes_nothing() {
    let text = "Guten Tag, meine Damen und Herren.";
    let plain = read(text, Language::German);
    assert_eq!(read(&format!("{text} "), Language::German), plain);
    assert_eq!(plain.len(), 1);
}

#[test]
fn pieces_carry_how_they_are_said() {
    let pieces = read(
        "<speak>Well, <emphasis level='strong'>never</emphasis> again. [sad]<prosody rate='50%' volume='-6dB'>Dr. Meier \
         left.</prosody></speak>",
        Language::English,
    );
    let told: Vec<_> =
        pieces.iter().map(|piece| (piece.spoken.as_str(), piece.style.emphasis, piece.style.emotion)).collect();
    let sad = Some(visage_core::Emotion::Sad);
    assert_eq!(
        told,
        [
            ("Well,", Emphasis::None, None),
            ("never", Emphasis::Strong, None),
            ("again.", Emphasis::None, None),
            ("Doctor Meier left.", Emphasis::None, sad),
        ]
    );
    let settings = VoiceSettings { model: "x".into(), reference: None, speed: 1.2, pitch: 0.9, volume: 1.0 };
    assert_eq!(pieces[0].voice(&settings), settings);
    let strong = pieces[1].voice(&settings);
    assert!(strong.speed < 1.2 && strong.pitch > 0.9 && strong.volume > 1.0);
    let slow = pieces[3].voice(&settings);
    // Half as fast and as loud as its author says, and sad.
    let sad = crate::prosody::Prosody::of_emotion(visage_core::Emotion::Sad);
    for (found, expected) in
        [(slow.speed, 0.6 * sad.rate), (slow.pitch, 0.9 * sad.pitch), (slow.volume, 0.501 * sad.volume)]
    {
        assert!((found - expected).abs() < 1e-3, "{found} {expected}");
    }
}

#[test]
fn the_author_may_say_how_words_are_read() {
    let cases = [
        ("<sub alias='World Wide Web'>WWW</sub>, yes", "World Wide Web, yes"),
        ("the <sub alias='3 kg'>x</sub> bag", "the three kilograms bag"),
        ("<say-as interpret-as='characters'>abc 12!</say-as>", "A-B-C, one-two-exclamation mark"),
        ("<say-as interpret-as='digits'>1984</say-as>.", "one nine eight four."),
        ("<say-as interpret-as='cardinal'>1984</say-as>", "one thousand nine hundred eighty-four"),
        ("the <say-as interpret-as='ordinal'>3</say-as> one", "the third one"),
        ("<say-as interpret-as='fraction'>3/4</say-as>", "three quarters"),
        ("<say-as interpret-as='date' format='dmy'>3.4.2024</say-as>", "April third, twenty twenty-four"),
        ("<say-as interpret-as='date' format='y'>1066</say-as>", "ten sixty-six"),
        ("<say-as interpret-as='time'>2:30pm</say-as>", "two thirty P-M"),
        ("<say-as interpret-as='telephone'>555 1234</say-as>", "five five five, one two three four"),
        ("<say-as interpret-as='currency'>$5</say-as>", "five dollars"),
        ("<say-as interpret-as='unit'>5 km</say-as>", "five kilometers"),
        ("<say-as interpret-as='cardinal'>many</say-as>", "many"),
        ("$<say-as interpret-as='digits'>55</say-as>", "dollars five five"),
    ];
    for (text, expected) in cases {
        let pieces = read(&format!("<speak>{text}</speak>"), Language::English);
        let spoken: Vec<&str> = pieces.iter().map(|piece| piece.spoken.as_str()).collect();
        assert_eq!(spoken.join(" "), expected, "{text}");
    }
}

/// Whatever comes in becomes pieces that every engine can take, soon.
#[test]
fn odd_texts_become_pieces() {
    let parts = [
        "1",
        "12",
        "2024",
        ".",
        ",",
        "-",
        "–",
        ":",
        "/",
        " ",
        "\n",
        "€",
        "$",
        "%",
        "°C",
        "km/h",
        "Dr.",
        "z. B.",
        "am",
        "3.",
        "Mai",
        "May",
        "XIV",
        "USA",
        "@",
        "#",
        "a.b",
        "www.",
        "http://",
        "[happy]",
        "[pause 1s]",
        "🙂",
        "ä",
        "ß",
        "\u{0}",
        "\u{ad}",
        "\u{301}",
        "½",
        "²",
        "'",
        "\"",
        "(",
        ")",
        "[",
        "]",
        "…",
        "...",
        "\u{202e}",
        "\u{a0}",
        "中文",
        "٣",
        "İ",
        "ﬁ",
        "+",
        "−",
        "x",
        "s",
        "th",
        "Uhr",
        "pm",
        "&",
        "*",
        "_",
        "<",
        ">",
        "A4",
    ];
    let mut random = 7_u32;
    for round in 0..3_000 {
        let mut text = String::new();
        for _ in 0..round % 29 {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            text.push_str(parts[(random >> 16) as usize % parts.len()]);
        }
        for language in [Language::English, Language::German] {
            for piece in pieces(&Script::read(&text).0, language) {
                let good = !piece.text.is_empty()
                    && count(&piece.spoken) <= LONGEST_PIECE
                    && piece.spoken.contains(char::is_alphanumeric)
                    && !piece
                        .spoken
                        .contains(|letter: char| letter.is_ascii_digit() || letter.is_control() || letter == '[')
                    && (0.0..=10.0).contains(&piece.pause);
                assert!(good, "{text:?}: {piece:?}");
            }
        }
    }
}

/// The time is in proportion to the length, also for texts that are made to be slow.
#[test]
fn hostile_texts_take_no_longer_than_others() {
    let parts = [
        "1", "1 ", "1,111", "1.1", "1-", "1:", "1/", "+1", "$", "$1 ", "(0", "a.", "a. ", "A. ", "Dr. ", "z. B. ",
        "3. ", "XIV ", "USA ", "@", "a@", "a@b.", "http://", "www.", "a.com ", "(", "[", "[a](", "'", "…", "🙂",
        "\u{301}", "1 1/", "May ", "am ", "x", "1x", "<", "!", "? ", "\n", "#", "*", ".", ". ",
    ];
    for language in [Language::English, Language::German] {
        for part in parts {
            let text = part.repeat(visage_core::LONGEST_TEXT / part.chars().count());
            let began = std::time::Instant::now();
            let _ = pieces(&Script::read(&text).0, language);
            // Usually a hundredth of this; a search over the whole rest at each place takes many seconds.
            assert!(began.elapsed().as_secs_f32() < 3.0, "{part:?} takes {:?}", began.elapsed());
        }
    }
}
