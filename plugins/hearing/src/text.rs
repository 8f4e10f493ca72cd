//! What may be said of a text that Whisper wrote: whether it is words at all, whether the sentence is finished, and
//! which words will stay.

use visage_core::Language;

use crate::whisper::Understood;

/// Above this probability of "nobody speaks" a text that is not certain is no speech (OpenAI Whisper, `transcribe.py`,
/// `no_speech_threshold`).
const NO_SPEECH: f32 = 0.6;
/// Below this certainty a text is a guess (OpenAI Whisper, `transcribe.py`, `logprob_threshold`).
const GUESS: f32 = -1.0;
/// Below this certainty it is no text, whatever else speaks for it.
const NONSENSE: f32 = -1.7;

/// Credits that Whisper writes for noise because subtitles ended with them. Nobody says them to a character.
const CREDITS: [&str; 13] = [
    "untertitel der",
    "untertitel von",
    "untertitel im auftrag",
    "untertitelung",
    "amara org",
    "copyright wdr",
    "subtitles by",
    "thanks for watching",
    "thank you for watching",
    "please subscribe",
    "vielen dank fürs zuschauen",
    "transcribed by",
    "transcription by",
];

/// Short texts that Whisper writes for noise, but people say as well.
const LIKELY_EMPTY: [&str; 15] = [
    "you",
    "thank you",
    "thanks",
    "bye",
    "bye bye",
    "okay",
    "so",
    "oh",
    "hmm",
    "vielen dank",
    "danke",
    "tschüss",
    "ja",
    "musik",
    "bis zum nächsten mal",
];

/// The words of a run, or nothing if it heard no words. `voiced` is how long a voice was heard, in seconds.
pub(crate) fn words_of(understood: &Understood, voiced: f32) -> String {
    let text = without_remarks(&understood.text);
    let plain = plain(&text);
    let guess = understood.confidence < GUESS;
    let nobody = understood.no_speech > NO_SPEECH && understood.confidence < GUESS * 0.7;
    let doubtful = understood.no_speech > 0.3 || guess || voiced < 0.25;
    let empty = plain.is_empty()
        || nobody
        || understood.confidence < NONSENSE
        || CREDITS.iter().any(|credit| plain.contains(credit))
        || doubtful && LIKELY_EMPTY.contains(&plain.as_str());
    if empty { String::new() } else { text }
}

/// The text without remarks in brackets or stars ("[Musik]", "(laughs)", "*seufzt*") and without doubled spaces.
fn without_remarks(text: &str) -> String {
    let mut depth = 0usize;
    let mut starred = false;
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '[' | '(' => depth += 1,
            ']' | ')' => depth = depth.saturating_sub(1),
            '*' => starred = !starred,
            '♪' | '♫' => {}
            letter if depth == 0 && !starred => out.push(letter),
            _ => {}
        }
    }
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Lower-case letters and digits, words apart by one space.
pub(crate) fn plain(text: &str) -> String {
    let lower = text.to_lowercase();
    lower.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Whether a person who falls silent after this text has probably finished: it ends as a sentence does, and its last
/// word is not one that wants another.
pub(crate) fn is_finished(text: &str, language: Language) -> bool {
    let end = text.trim_end();
    if !end.ends_with(['.', '!', '?']) || end.ends_with("..") {
        return false;
    }
    let wants_more: &[&str] = match language {
        Language::English => &[
            "and", "but", "or", "because", "so", "the", "a", "an", "to", "of", "my", "your", "is", "with", "um", "uh",
            "like", "well", "if", "for",
        ],
        Language::German => &[
            "und", "aber", "oder", "weil", "dass", "der", "die", "das", "ein", "eine", "mein", "dein", "zu", "mit",
            "äh", "ähm", "also", "wenn", "ist", "für",
        ],
    };
    let words = plain(end);
    !wants_more.contains(&words.rsplit(' ').next().unwrap_or_default())
}

/// Which words of a growing window will stay: those that two runs in a row agree on (Macháček, Dabre and Bojar,
/// "Turning Whisper into Real-Time Transcription System", 2023, LocalAgreement-2).
#[derive(Clone, Debug, Default)]
pub(crate) struct Agreement {
    committed: Vec<String>,
    last: Vec<String>,
}

impl Agreement {
    /// Takes the text of the next run and gives what is to be shown: the words that stay, then those that may change.
    pub(crate) fn update(&mut self, text: &str) -> String {
        let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        let from = self.committed.len();
        let agreed = words
            .iter()
            .zip(&self.last)
            .skip(from)
            .take_while(|(now, before)| plain(now) == plain(before))
            .map(|(now, _)| now.clone());
        self.committed.extend(agreed);
        let tentative = words.iter().skip(self.committed.len());
        let shown: Vec<&str> = self.committed.iter().chain(tentative).map(String::as_str).collect();
        let shown = shown.join(" ");
        self.last = words;
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn understood(text: &str, no_speech: f32, confidence: f32) -> Understood {
        Understood { text: text.into(), language: Language::English, german_odds: 0.0, no_speech, confidence }
    }

    #[test]
    fn empties_are_no_words() {
        let cases = [
            ("Hello there.", 0.1, -0.2, 1.0, "Hello there."),
            ("[Musik]", 0.1, -0.2, 1.0, ""),
            ("Hello (laughs) there.", 0.1, -0.2, 1.0, "Hello there."),
            ("Untertitel der Amara.org-Community", 0.1, -0.1, 3.0, ""),
            ("Untertitelung des ZDF, 2020", 0.1, -0.1, 3.0, ""),
            ("Thank you.", 0.05, -0.3, 0.6, "Thank you."),
            ("Thank you.", 0.5, -0.6, 0.6, ""),
            ("Thank you.", 0.05, -0.3, 0.1, ""),
            ("So I went home and slept.", 0.8, -0.9, 2.0, ""),
            ("So I went home and slept.", 0.8, -0.2, 2.0, "So I went home and slept."),
            ("Blarg.", 0.1, -2.0, 1.0, ""),
            ("...", 0.1, -0.2, 1.0, ""),
        ];
        for (text, no_speech, confidence, voiced, expected) in cases {
            assert_eq!(words_of(&understood(text, no_speech, confidence), voiced), expected, "{text}");
        }
    }

    #[test]
    fn sentences_end() {
        let cases = [
            ("What time is it?", Language::English, true),
            ("I would like to", Language::English, false),
            ("I went home and.", Language::English, false),
            ("Well...", Language::English, false),
            ("Wie spät ist es?", Language::German, true),
            ("Ich heiße Anna und.", Language::German, false),
            ("", Language::German, false),
        ];
        for (text, language, expected) in cases {
            assert_eq!(is_finished(text, language), expected, "{text}");
        }
    }

    #[test]
    fn words_that_two_runs_agree_on_stay() {
        let mut agreement = Agreement::default();
        let runs = [
            ("What time", "What time"),
            ("What time is", "What time is"),
            ("What dime is it", "What time is it"),
            ("What time is it now?", "What time is it now?"),
            ("Water", "What time is it"),
        ];
        for (heard, shown) in runs {
            assert_eq!(agreement.update(heard), shown, "{heard}");
        }
    }
}
