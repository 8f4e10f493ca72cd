//! The symbols that Kokoro speaks: their ids, how espeak-ng's IPA is written in them, and which phonemes they stand for.
//!
//! Kokoro was trained on the symbols of misaki (hexgrad/misaki, `EN_PHONES.md` and `misaki/espeak.py`): IPA in which a
//! diphthong or an affricate is one letter ("A" is eɪ, "ʧ" is tʃ). The ids are those of the model's `config.json`
//! (hexgrad/Kokoro-82M). espeak-ng is asked to tie what belongs together with `^`, so that a diphthong is told from two
//! vowels.

use visage_core::Language;

use crate::ipa::{self, Symbol};

/// The id before the first and after the last symbol.
pub(super) const EDGE: i64 = 0;

/// Every symbol and its id, by id.
#[rustfmt::skip]
const IDS: &[(char, i64)] = &[
    (';', 1), (':', 2), (',', 3), ('.', 4), ('!', 5), ('?', 6), ('—', 9), ('…', 10), ('"', 11), ('(', 12), (')', 13),
    ('“', 14), ('”', 15), (' ', 16), ('\u{303}', 17), ('ʣ', 18), ('ʥ', 19), ('ʦ', 20), ('ʨ', 21), ('ᵝ', 22),
    ('ꭧ', 23), ('A', 24), ('I', 25), ('O', 31), ('Q', 33), ('S', 35), ('T', 36), ('W', 39), ('Y', 41), ('ᵊ', 42),
    ('a', 43), ('b', 44), ('c', 45), ('d', 46), ('e', 47), ('f', 48), ('h', 50), ('i', 51), ('j', 52), ('k', 53),
    ('l', 54), ('m', 55), ('n', 56), ('o', 57), ('p', 58), ('q', 59), ('r', 60), ('s', 61), ('t', 62), ('u', 63),
    ('v', 64), ('w', 65), ('x', 66), ('y', 67), ('z', 68), ('ɑ', 69), ('ɐ', 70), ('ɒ', 71), ('æ', 72), ('β', 75),
    ('ɔ', 76), ('ɕ', 77), ('ç', 78), ('ɖ', 80), ('ð', 81), ('ʤ', 82), ('ə', 83), ('ɚ', 85), ('ɛ', 86), ('ɜ', 87),
    ('ɟ', 90), ('ɡ', 92), ('ɥ', 99), ('ɨ', 101), ('ɪ', 102), ('ʝ', 103), ('ɯ', 110), ('ɰ', 111), ('ŋ', 112),
    ('ɳ', 113), ('ɲ', 114), ('ɴ', 115), ('ø', 116), ('ɸ', 118), ('θ', 119), ('œ', 120), ('ɹ', 123), ('ɾ', 125),
    ('ɻ', 126), ('ʁ', 128), ('ɽ', 129), ('ʂ', 130), ('ʃ', 131), ('ʈ', 132), ('ʧ', 133), ('ʊ', 135), ('ʋ', 136),
    ('ʌ', 138), ('ɣ', 139), ('ɤ', 140), ('χ', 142), ('ʎ', 143), ('ʒ', 147), ('ʔ', 148), ('ˈ', 156), ('ˌ', 157),
    ('ː', 158), ('ʰ', 162), ('ʲ', 164), ('↓', 169), ('→', 171), ('↗', 172), ('↘', 173), ('ᵻ', 177),
];

/// The id of a symbol, if Kokoro has it.
pub(super) fn id(symbol: char) -> Option<i64> {
    IDS.iter().find(|(own, _)| *own == symbol).map(|(_, id)| *id)
}

/// How a language is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Accent {
    /// American English.
    American,
    /// British English.
    British,
    /// German, of which Kokoro knows the sounds from other languages only.
    German,
}

impl Accent {
    /// The accent in which a voice with this one speaks a language.
    pub(super) const fn of(self, language: Language) -> Self {
        match language {
            Language::English => self,
            Language::German => Self::German,
        }
    }

    /// espeak-ng's voice that gives the phonemes.
    pub(super) const fn espeak(self) -> &'static str {
        match self {
            Self::American => "en-us",
            Self::British => "en-gb",
            Self::German => "de",
        }
    }

    /// The pronunciation of a clause in Kokoro's symbols. `ipa` is espeak-ng's, with ties. What Kokoro has no symbol for
    /// is left out.
    pub(super) fn write(self, ipa: &str) -> String {
        let steps: &[&[(&str, &str)]] = match self {
            Self::American => &[SYLLABIC, ENGLISH, AMERICAN],
            Self::British => &[SYLLABIC, BRITISH_FIRST, ENGLISH, BRITISH],
            Self::German => &[GERMAN],
        };
        let mut written = ipa::decompose(ipa);
        for (old, new) in steps.iter().copied().flatten() {
            if written.contains(old) {
                written = written.replace(old, new);
            }
        }
        written.retain(|symbol| id(symbol).is_some());
        written
    }
}

/// Consonants that are a syllable: the mark stands behind them, misaki's small schwa before them.
const SYLLABIC: &[(&str, &str)] = &[
    ("ʔˌn\u{329}", "tᵊn"),
    ("ʔn\u{329}", "tᵊn"),
    ("n\u{329}", "ᵊn"),
    ("l\u{329}", "ᵊl"),
    ("m\u{329}", "ᵊm"),
    ("ə^l", "ᵊl"),
];

const ENGLISH: &[(&str, &str)] = &[
    ("a^ɪ", "I"),
    ("a^ʊ", "W"),
    ("e^ɪ", "A"),
    ("ɔ^ɪ", "Y"),
    ("d^ʒ", "ʤ"),
    ("t^ʃ", "ʧ"),
    ("e", "A"),
    ("ʲ", "j"),
    ("ɚɹ", "əɹ"),
    ("ɚ", "əɹ"),
    ("r", "ɹ"),
    ("x", "k"),
    ("c\u{327}", "k"),
    ("ɐ", "ə"),
    ("ɬ", "l"),
    ("\u{303}", ""),
];

const AMERICAN: &[(&str, &str)] = &[
    ("o^ʊ", "O"),
    ("ɜːɹ", "ɜɹ"),
    ("ɜː", "ɜɹ"),
    ("ɪ^ə", "iə"),
    ("ɪə", "iə"),
    ("ː", ""),
    ("o", "ɔ"),
    ("ɾ", "T"),
    ("ʔ", "t"),
];

/// Before "e" becomes a diphthong.
const BRITISH_FIRST: &[(&str, &str)] = &[("e^ə", "ɛː"), ("eə", "ɛː")];

const BRITISH: &[(&str, &str)] =
    &[("i^ə", "ɪə"), ("iə", "ɪə"), ("ə^ʊ", "Q"), ("ᵻ", "ɪ"), ("o", "ɔ"), ("ɾ", "T"), ("ʔ", "t")];

/// As misaki writes the other languages that espeak-ng gives it (`EspeakG2P`).
const GERMAN: &[(&str, &str)] = &[
    ("c\u{327}", "ç"),
    ("a^ɪ", "I"),
    ("a^ʊ", "W"),
    ("ɔ^ɪ", "Y"),
    ("e^ɪ", "A"),
    ("o^ʊ", "O"),
    ("t^s", "ʦ"),
    ("t^ʃ", "ʧ"),
    ("d^z", "ʣ"),
    ("d^ʒ", "ʤ"),
];

/// The phonemes in IPA that a symbol stands for, one after the other.
pub(super) fn sounds(symbol: &char) -> &str {
    match symbol {
        'A' => "eɪ",
        'I' => "aɪ",
        'O' => "oʊ",
        'Q' => "əʊ",
        'W' => "aʊ",
        'Y' => "ɔɪ",
        'T' => "ɾ",
        'ᵊ' => "ə",
        'ʤ' => "dʒ",
        'ʧ' => "tʃ",
        'ʣ' => "dz",
        'ʦ' => "ts",
        'ʥ' => "dʑ",
        'ʨ' => "tɕ",
        _ => "",
    }
}

/// Cuts a pronunciation into parts of at most `most` symbols: behind a mark of punctuation if there is one in the second
/// half, else between words, else anywhere.
pub(super) fn cut(pronunciation: &str, most: usize) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = pronunciation.trim();
    while let Some((limit, _)) = rest.char_indices().nth(most) {
        let head = &rest[..limit];
        let pause =
            |(at, symbol): (usize, char)| (ipa::symbol(symbol) == Symbol::Pause).then_some(at + symbol.len_utf8());
        let mark = head.char_indices().rev().find_map(pause).filter(|at| *at >= limit / 2);
        let at = mark.or_else(|| head.rfind(' ').filter(|at| *at > 0)).unwrap_or(limit);
        parts.push(rest[..at].trim_end());
        rest = rest[at..].trim_start();
    }
    if !rest.is_empty() {
        parts.push(rest);
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_symbol_has_an_id_of_its_own() {
        assert_eq!(IDS.len(), 114);
        assert!(IDS.windows(2).all(|pair| pair[0].1 < pair[1].1), "sorted, and none twice");
        for (symbol, number) in [('A', 24), ('ˈ', 156), (' ', 16), ('ɡ', 92), ('ᵻ', 177), ('.', 4)] {
            assert_eq!(id(symbol), Some(number), "{symbol}");
        }
        assert_eq!((id('g'), id('^'), id('1')), (None, None, None));
    }

    #[test]
    fn espeaks_phonemes_are_written_as_misaki_writes_them() {
        let cases = [
            // misaki's own example, then words with what differs.
            (Accent::American, "mˈɜːt^ʃəntʃˌɪp", "mˈɜɹʧəntʃˌɪp"),
            (Accent::British, "mˈɜːt^ʃəntʃˌɪp", "mˈɜːʧəntʃˌɪp"),
            (Accent::American, "həlˈo^ʊ hˌa^ʊ ɑː^ɹ juː", "həlˈO hˌW ɑɹ ju"),
            (Accent::British, "həlˈə^ʊ ɡˈə^ʊt", "həlˈQ ɡˈQt"),
            (Accent::American, "a^ɪ bˈɔ^ɪ t^ʃˈɛ^ɹ fˈa^ɪ^ɚ", "I bˈY ʧˈɛɹ fˈIəɹ"),
            (Accent::British, "a^ɪ bˈɔ^ɪ t^ʃˈe^ə fˈa^ɪ^ə nˌi^ə", "I bˈY ʧˈɛː fˈIə nˌɪə"),
            (Accent::American, "bˈʌʔn\u{329} lˈɪɾə^l fˈoːɹ ɚɹˈa^ʊnd", "bˈʌtᵊn lˈɪTᵊl fˈɔɹ əɹˈWnd"),
            (Accent::American, "d^ʒˈʌd^ʒ nˈe^ɪʃən ɐbˈʌv", "ʤˈʌʤ nˈAʃən əbˈʌv"),
            (Accent::British, "bɹˈɛdᵻd lˈɒx", "bɹˈɛdɪd lˈɒk"),
            (Accent::German, "t^sˈa^ɪtˌʊŋ ˌa^ʊx ɪç dˈɔ^øtʃlant", "ʦˈItˌʊŋ ˌWx ɪç dˈɔøtʃlant"),
            // What there is no symbol for is left out.
            (Accent::American, "h☂əlˈo^ʊ", "həlˈO"),
        ];
        for (accent, ipa, expected) in cases {
            assert_eq!(accent.write(ipa), expected, "{accent:?} {ipa}");
        }
    }

    #[test]
    fn symbols_that_stand_for_several_sounds_are_those_of_ipa() {
        for (symbol, _) in IDS {
            let sounds = sounds(symbol);
            assert!(sounds.chars().all(|sound| ipa::symbol(sound) == Symbol::Base), "{symbol}: {sounds}");
            // Capitals are misaki's, and none of them is a phoneme by itself.
            assert_eq!(symbol.is_ascii_uppercase() && *symbol != 'S', !sounds.is_empty() && symbol.is_ascii());
        }
    }

    #[test]
    fn long_pronunciations_are_cut_where_one_would_breathe() {
        let cases: &[(&str, usize, &[&str])] = &[
            ("", 5, &[]),
            ("abc de", 6, &["abc de"]),
            ("abc def", 6, &["abc", "def"]),
            ("abc, de fg", 8, &["abc,", "de fg"]),
            ("a, bcd efg", 8, &["a, bcd", "efg"]),
            ("abcdefgh", 3, &["abc", "def", "gh"]),
            ("ˈʌˈʌˈʌ ˈʌ", 6, &["ˈʌˈʌˈʌ", "ˈʌ"]),
        ];
        for (whole, most, expected) in cases {
            assert_eq!(cut(whole, *most), *expected, "{whole}");
        }
        let long = "həlˈO wˈɜɹld, ".repeat(200);
        let parts = cut(&long, 510);
        assert!(parts.iter().all(|part| part.chars().count() <= 510 && part.ends_with(',')));
        assert_eq!(parts.join(" "), long.trim());
    }
}
