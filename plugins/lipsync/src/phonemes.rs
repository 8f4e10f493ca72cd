//! Which mouth each phoneme makes.
//!
//! The 15 visemes are those of Oculus LipSync ("Viseme Reference", Meta Quest documentation): its English examples place
//! the English phonemes. German ones are placed by articulation (IPA Handbook, "German"): ç spreads the lips, ø and œ
//! round them like o, y and ʏ like u, uvular r is made where nobody sees it.

use visage_core::Viseme;

/// What the lips do for a phoneme.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Articulation {
    /// The mouth.
    pub viseme: Viseme,
    /// How far the mouth goes towards it in clear speech, 0..=1.
    pub strength: f32,
}

/// The mouth of a phoneme in IPA ("ə", "tʃ", "ɑː"). Length, nasality and the like do not change the mouth. `None` for
/// pauses, glottal sounds (h, ʔ), which take the mouth of their neighbours, and unknown symbols.
pub fn articulation(phoneme: &str) -> Option<Articulation> {
    use Viseme::{Aa, CH, DD, E, FF, I, Kk, Nn, O, PP, RR, SS, TH, U};
    let mut characters = phoneme.chars();
    let first = characters.next()?;
    let second = characters.next();
    let (viseme, strength) = match (first, second) {
        ('t' | 'd', Some('ʃ' | 'ʒ' | 'ɕ' | 'ʑ')) => (CH, 1.0),
        ('t' | 'd', Some('s' | 'z')) => (SS, 1.0),
        ('p', Some('f')) => (FF, 1.0),
        ('p' | 'b' | 'm' | 'ɓ' | 'ɸ' | 'β' | 'ʙ', _) => (PP, 1.0),
        ('f' | 'v' | 'ɱ' | 'ʋ' | 'ⱱ', _) => (FF, 1.0),
        ('θ' | 'ð', _) => (TH, 1.0),
        ('t' | 'd' | 'ʈ' | 'ɖ', _) => (DD, 0.9),
        ('ɾ', _) => (DD, 0.6),
        ('k' | 'ɡ' | 'g' | 'q' | 'ɢ' | 'c' | 'ɟ', _) => (Kk, 0.9),
        ('ŋ' | 'x' | 'χ' | 'ɣ' | 'ʁ' | 'ʀ' | 'ɴ', _) => (Kk, 0.7),
        ('ʃ' | 'ʒ' | 'ɕ' | 'ʑ' | 'ʂ' | 'ʐ', _) => (CH, 1.0),
        ('s' | 'z', _) => (SS, 1.0),
        ('n' | 'l' | 'ɲ' | 'ɳ' | 'ɫ' | 'ɬ' | 'ɭ' | 'ʎ' | 'ʟ', _) => (Nn, 0.9),
        ('ɹ' | 'ɻ' | 'ɚ' | 'ɝ', _) => (RR, 0.9),
        ('r', _) => (RR, 0.7),
        ('ɜ' | 'ɞ', _) => (RR, 0.8),
        ('a' | 'ɑ' | 'ɶ', _) => (Aa, 1.0),
        ('æ', _) => (Aa, 0.85),
        ('ʌ', _) => (Aa, 0.7),
        ('ɐ', _) => (Aa, 0.5),
        ('ɛ' | 'ε', _) => (E, 1.0),
        ('e', _) => (E, 0.85),
        ('ə' | 'ɘ', _) => (E, 0.5),
        ('i' | 'j' | 'ç', _) => (I, 1.0),
        ('ɪ' | 'ɨ' | 'ᵻ', _) => (I, 0.8),
        ('o' | 'ø', _) => (O, 1.0),
        ('ɔ' | 'ɒ' | 'œ', _) => (O, 0.9),
        ('ɵ' | 'ɤ', _) => (O, 0.6),
        ('u' | 'w' | 'y' | 'ɥ' | 'ʍ', _) => (U, 1.0),
        ('ʊ' | 'ʏ' | 'ʉ' | 'ɯ', _) => (U, 0.8),
        _ => return None,
    };
    Some(Articulation { viseme, strength })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mouths(phonemes: &str) -> Vec<Viseme> {
        phonemes.split(' ').filter_map(articulation).map(|articulation| articulation.viseme).collect()
    }

    #[test]
    fn words_make_the_mouths_of_the_reference() {
        use Viseme::{Aa, CH, DD, E, FF, I, Kk, Nn, O, PP, RR, SS, TH, U};
        // The reference's own examples, then German words.
        let cases = [
            ("p ʊ t b æ t m æ t", vec![PP, U, DD, PP, Aa, DD, PP, Aa, DD]),
            ("f æ t v æ t", vec![FF, Aa, DD, FF, Aa, DD]),
            ("θ ɪ ŋ k ð æ t", vec![TH, I, Kk, Kk, TH, Aa, DD]),
            ("t ɪ p d ɑː l", vec![DD, I, PP, DD, Aa, Nn]),
            ("tʃ ɛ ɹ dʒ ɔɪ n ʃ iː", vec![CH, E, RR, CH, O, Nn, CH, I]),
            ("s ɪ ɹ z iː l", vec![SS, I, RR, SS, I, Nn]),
            ("l ɑː t n ɑː t", vec![Nn, Aa, DD, Nn, Aa, DD]),
            ("t oʊ b ʊ k", vec![DD, O, PP, U, Kk]),
            ("ʃ øː n", vec![CH, O, Nn]),
            ("ɪ ç m œ ç t ə", vec![I, I, PP, O, I, DD, E]),
            ("pf ɛ r t", vec![FF, E, RR, DD]),
            ("ts uː f yː s ə", vec![SS, U, FF, U, SS, E]),
            ("h ʔ ☂", vec![]),
        ];
        for (phonemes, expected) in cases {
            assert_eq!(mouths(phonemes), expected, "{phonemes}");
        }
    }

    #[test]
    fn every_strength_is_a_share() {
        for code in 0x61..0x2c0_u32 {
            if let Some(found) = char::from_u32(code).and_then(|c| articulation(&c.to_string())) {
                assert!((0.3..=1.0).contains(&found.strength));
            }
        }
        assert_eq!(articulation(""), None);
    }
}
