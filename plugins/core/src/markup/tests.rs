//! Tables of texts with mark-up, and what is read in them.

use super::*;

/// A script as one line: words, emotions and other changes in angle brackets, silences in seconds, `|` and `¶` for ends.
fn told(script: &Script) -> String {
    let mut told = String::new();
    for part in &script.parts {
        match part {
            Part::Pause(seconds) => told.push_str(&format!("({seconds:.2})")),
            Part::SentenceEnd => told.push('|'),
            Part::ParagraphEnd => told.push('¶'),
            Part::Text { text, style, reading } => {
                let mut marks = Vec::new();
                marks.extend(style.emotion.map(|emotion| emotion.to_string()));
                for (name, factor) in [("rate", style.rate), ("pitch", style.pitch), ("volume", style.volume)] {
                    if factor != 1.0 {
                        marks.push(format!("{name} {factor:.2}"));
                    }
                }
                if style.emphasis != Emphasis::None {
                    marks.push(format!("{:?}", style.emphasis));
                }
                match reading {
                    Reading::AsWritten => {}
                    Reading::Alias(words) => marks.push(format!("={words}")),
                    Reading::As(say_as) => marks.push(format!("{say_as:?}")),
                }
                if !marks.is_empty() {
                    told.push_str(&format!("<{}>", marks.join(", ")));
                }
                told.push_str(text);
            }
        }
    }
    told
}

fn check(text: &str, expected: &str, plain: &str) {
    let (script, error) = Script::read(text);
    assert_eq!(error, None, "{text}");
    assert_eq!(told(&script), expected, "{text}");
    assert_eq!(script.plain(), plain, "{text}");
    assert_eq!(super::plain(text), plain, "{text}");
}

#[test]
fn the_small_markup_is_read_and_never_shown() {
    let cases = [
        ("", "", ""),
        ("Hello.", "Hello.", "Hello."),
        ("[happy] Hello.", "<happy>Hello.", "Hello."),
        ("[Happy]Hello.", "<happy>Hello.", "Hello."),
        ("Well. [sad] No. [neutral] Yes.", "Well. <sad>No. <neutral>Yes.", "Well. No. Yes."),
        ("One [pause] two", "One (0.50)two", "One two"),
        ("One[pause 2s]two", "One(2.00)two", "Onetwo"),
        ("One. [pause 250ms] Two.", "One. (0.25)Two.", "One. Two."),
        ("One [pause=1,5 s] two", "One (1.50)two", "One two"),
        ("A [pause 99s] b", "A (10.00)b", "A b"),
        ("A [pause 6s] [pause 6s] b", "A (10.00)b", "A b"),
        ("[pause][angry] Stop!", "(0.50)<angry>Stop!", "Stop!"),
        ("[thoughtful]", "", ""),
        // Other brackets are text.
        ("He [sic] said [a] thing.", "He [sic] said [a] thing.", "He [sic] said [a] thing."),
        ("[pause soon]", "[pause soon]", "[pause soon]"),
        ("[pauses 1s]", "[pauses 1s]", "[pauses 1s]"),
        (
            "[pause -1s] [pause 1e9s] [pause 1]",
            "[pause -1s] [pause 1e9s] [pause 1]",
            "[pause -1s] [pause 1e9s] [pause 1]",
        ),
        ("[[happy]] [", "[<happy>] [", "[] ["),
        (r"Write \[happy] to smile.", "Write [happy] to smile.", "Write [happy] to smile."),
        ("[happy", "[happy", "[happy"),
        ("a\n[sad] b", "a\n<sad>b", "a\nb"),
        // SSML only at the beginning.
        ("Say <break/> and <speak>.", "Say <break/> and <speak>.", "Say <break/> and <speak>."),
        ("<speaker> & Co.", "<speaker> & Co.", "<speaker> & Co."),
    ];
    for (text, expected, plain) in cases {
        check(text, expected, plain);
    }
}

#[test]
fn ssml_is_read_and_never_shown() {
    let cases = [
        ("<speak>Hello.</speak>", "Hello.", "Hello."),
        ("\u{feff} <?xml version=\"1.0\"?>\n<speak version=\"1.1\">Hello.</speak>\n", "Hello.", "Hello."),
        ("<speak/>", "", ""),
        ("<speak>\n  One\n  two.\n</speak>", "One two. ", "One two."),
        ("<speak>A &amp; B &lt; C &#228;&#x1F642;</speak>", "A & B < C ä🙂", "A & B < C ä🙂"),
        ("<speak>AT&T</speak>", "AT&T", "AT&T"),
        ("<speak><![CDATA[a < b]]><!-- not this --></speak>", "a < b", "a < b"),
        ("<speak>One <break time=\"500ms\"/> two</speak>", "One (0.50)two", "One two"),
        ("<speak>One<break time=\"1.5s\"/>two</speak>", "One(1.50)two", "Onetwo"),
        ("<speak>One<break/>two</speak>", "One(0.26)two", "Onetwo"),
        (
            "<speak>One<break strength='none'/>,<break strength='x-strong'/>two</speak>",
            "One(0.00),(0.80)two",
            "One,two",
        ),
        ("<speak>One<break strength='weak' time='90s'/>two</speak>", "One(10.00)two", "Onetwo"),
        ("<speak><p>One.</p><p>Two.</p></speak>", "One.¶Two.¶", "One.\nTwo."),
        ("<speak>Zero <p><s>One</s> <s>two</s></p>three</speak>", "Zero ¶One|two|¶three", "Zero\nOne two\nthree"),
        ("<speak><prosody rate=\"slow\">a</prosody></speak>", "<rate 0.80>a", "a"),
        (
            "<speak><prosody rate='150%' pitch='+2st' volume='-6dB'>a</prosody></speak>",
            "<rate 1.50, pitch 1.12, volume 0.50>a",
            "a",
        ),
        (
            "<speak><prosody rate='+10%' pitch='-10%' volume='50'>a</prosody> b</speak>",
            "<rate 1.10, pitch 0.90, volume 0.50>a b",
            "a b",
        ),
        ("<speak><prosody rate='2'><prosody rate='50%'>a</prosody></prosody></speak>", "a", "a"),
        (
            "<speak><prosody rate='9' pitch='900%' volume='silent'>a</prosody></speak>",
            "<rate 4.00, pitch 2.00, volume 0.00>a",
            "a",
        ),
        (
            "<speak>a <emphasis>b</emphasis> <emphasis level='strong'>c</emphasis></speak>",
            "a <Moderate>b <Strong>c",
            "a b c",
        ),
        (
            "<speak><emphasis level='reduced'>a<emphasis level='none'>b</emphasis></emphasis></speak>",
            "<Reduced>ab",
            "ab",
        ),
        ("<speak><say-as interpret-as='characters'>A1</say-as>.</speak>", "<Characters>A1.", "A1."),
        (
            "<speak><say-as interpret-as='date' format='mdy'>3/4/2024</say-as></speak>",
            "<Date(\"mdy\")>3/4/2024",
            "3/4/2024",
        ),
        ("<speak><say-as interpret-as='time' format='hms12'>2:30pm</say-as></speak>", "<Time>2:30pm", "2:30pm"),
        ("<speak><say-as interpret-as='telephone'>555 &amp; 1</say-as></speak>", "<Telephone>555 & 1", "555 & 1"),
        ("<speak>The <sub alias='World Wide Web'>W&#87;W</sub>.</speak>", "The <=World Wide Web>WWW.", "The WWW."),
        ("<speak><sub alias='x'>a</sub><sub alias='x'>b</sub></speak>", "<=x>a<=x>b", "ab"),
        (
            "<speak>[happy]Yes! <s>[pause 1s]It is [sad]so</s> far.</speak>",
            "<happy>Yes! |(1.00)<happy>It is <sad>so|<sad>far.",
            "Yes! It is so far.",
        ),
        ("<speak><ssml:p xmlns:ssml='x'>a</ssml:p></speak>", "a¶", "a"),
    ];
    for (text, expected, plain) in cases {
        check(text, expected, plain);
    }
}

#[test]
fn wrong_ssml_says_where_and_is_spoken_without_tags() {
    let cases = [
        ("<speak>Hello.", "character 14: <speak> is not closed", "Hello."),
        ("<speak>Ä <b>you</b></speak>", "<b> at character 10, which is not known here (known are speak, p,", "Ä you"),
        ("<speak><p>One</s></speak>", "character 14: ", "One"),
        ("<speak><break time='soon'/>a</speak>", "time=\"soon\" in <break> at character 8, which means nothing", "a"),
        ("<speak><prosody pitch='+20Hz'>a</prosody></speak>", "pitch=\"+20Hz\" in <prosody> at character 8", "a"),
        ("<speak><say-as interpret-as='poem'>a</say-as></speak>", "interpret-as=\"poem\" in <say-as>", "a"),
        ("<speak><say-as interpret-as='date'>a<p/></say-as></speak>", "<say-as> may hold words only", "a"),
        ("<speak>a</speak> b", "character 17: there is text outside of <speak>", "a b"),
        ("<speak>a</speak><speak>b</speak>", "there must be one <speak>", "ab"),
        ("<speak><speak>a</speak></speak>", "there must be one <speak>", "a"),
        ("<speak>&auml;</speak>", "character 8: &auml; is not known", "&auml;"),
        ("<speak>1 < 2, [sad]no</speak>", "character ", "1 "),
        ("<speak a='1' a='2'>x</speak>", "character ", "x"),
        ("<!DOCTYPE x><speak>", "", "<!DOCTYPE x><speak>"),
        ("<speak><!DOCTYPE x>a</speak>", "a document type has no meaning here", "a"),
        ("<speak>", "<speak> is not closed", ""),
        ("<speak ", "character ", "speak"),
    ];
    for (text, expected, plain) in cases {
        let (script, error) = Script::read(text);
        let words = error.map(|error| error.to_string()).unwrap_or_default();
        assert!(words.contains(expected) && words.is_empty() == expected.is_empty(), "{text}: {words}");
        assert_eq!(script.plain(), plain.trim_end(), "{text}");
    }
}

#[test]
fn the_language_of_ssml_is_told() {
    let cases = [
        ("de", Some(Language::German)),
        ("de-AT", Some(Language::German)),
        ("en-GB", Some(Language::English)),
        ("fr", None),
        ("", None),
    ];
    for (code, expected) in cases {
        assert_eq!(Script::read(&format!("<speak xml:lang=\"{code}\">a</speak>")).0.language, expected, "{code}");
    }
    assert!(Script::read("[sad] a").0.has_emotion() && !Script::read("[sat] a").0.has_emotion());
}

/// Whatever comes in, nothing panics, tags never make words of their own, and the time is in proportion.
#[test]
fn odd_texts_are_read() {
    let parts = [
        "<speak>",
        "</speak>",
        "<p>",
        "</p>",
        "<break time=\"",
        "\"/>",
        "[happy]",
        "[pause ",
        "]",
        "[",
        "&",
        ";",
        "<",
        ">",
        "ä",
        "🙂",
        "\u{0}",
        "\\",
        " ",
        "\n",
        "&#xD800;",
        "<!--",
        "-->",
        "<![CDATA[",
        "]]>",
        "=",
        "'",
        "<sub alias='",
        "\u{202e}",
        "500ms",
        "<?",
        "?>",
    ];
    let mut random = 1_u32;
    for round in 0..4_000 {
        let mut text = String::from(if round % 2 == 0 { "<speak>" } else { "" });
        for _ in 0..round % 23 {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            text.push_str(parts[(random >> 16) as usize % parts.len()]);
        }
        let (script, _) = Script::read(&text);
        assert!(script.plain().chars().count() <= text.chars().count() + 1, "{text:?}");
    }
    for part in ["[", "[pause", "<", "<speak>", "<p>", "&", "a[sad]", "<!--", "[sad][pause]"] {
        let text = format!("<speak>{}", part.repeat(5_000 / part.len()));
        let began = std::time::Instant::now();
        let _ = (Script::read(&text), Script::read(&text[7..]));
        assert!(began.elapsed().as_secs() < 2, "{part}");
    }
}
