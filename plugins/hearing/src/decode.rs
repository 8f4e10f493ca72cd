//! Choosing Whisper's next token, and noticing when it repeats itself. Pure; whisper.rs asks it.

/// Longest repeated phrase that is noticed, in tokens.
const LONGEST_LOOP: usize = 16;

/// What may be chosen: text tokens that are speech, and the end.
#[derive(Debug)]
pub(crate) struct Choices {
    /// By token; true if it may be chosen. Its length is the end token's id plus one: whatever lies behind (languages,
    /// tasks, times) is never chosen.
    allowed: Vec<bool>,
}

impl Choices {
    /// `texts` are the vocabulary's text tokens in order; the token after the last one is the end.
    pub(crate) fn new<'a>(texts: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut allowed: Vec<bool> = texts.map(is_speech).collect();
        allowed.push(true);
        Self { allowed }
    }

    /// Id of the end token.
    pub(crate) fn end(&self) -> usize {
        self.allowed.len() - 1
    }

    /// The likeliest token and the natural logarithm of its probability among those that may be chosen. At `first` the
    /// end is no choice. `logits` has at least one value for every token up to the end.
    pub(crate) fn best(&self, logits: &[f32], first: bool) -> (usize, f32) {
        let count = self.allowed.len() - usize::from(first);
        let choices = || logits.iter().zip(&self.allowed[..count]).enumerate().filter(|(_, (_, allowed))| **allowed);
        let (best, top) = choices()
            .map(|(token, (&logit, _))| (token, logit))
            .fold((self.end(), f32::MIN), |best, next| if next.1 > best.1 { next } else { best });
        let sum: f32 = choices().map(|(_, (&logit, _))| (logit - top).exp()).sum();
        (best, -sum.ln())
    }
}

/// Whether a token belongs to speech. Symbols that only stand for sounds, music, brackets or lists do not (OpenAI
/// Whisper, `tokenizer.py`, `non_speech_tokens`), nor does a dash or quote that begins a word.
fn is_speech(token: &[u8]) -> bool {
    const SYMBOLS: &str = "\"#()*+/:;<=>@[\\]^_`{|}~「」『』♩♪♫♬♭♮♯";
    let Ok(text) = std::str::from_utf8(token) else { return true };
    let word = text.trim_start();
    if word.is_empty() || text == " -" || text == " '" || word.starts_with("--") {
        return false;
    }
    let sign = |letter| SYMBOLS.contains(letter) || matches!(letter, '-' | '\'');
    !(word.chars().all(sign) && word.chars().any(|letter| SYMBOLS.contains(letter)))
}

/// If the tokens end with a phrase said several times over: how many tokens remain when it is said once.
pub(crate) fn looped(tokens: &[usize]) -> Option<usize> {
    (1..=LONGEST_LOOP).find_map(|period| {
        let times = if period <= 2 { 5 } else { 3 };
        let tail = tokens.len().checked_sub(period * times).map(|start| &tokens[start..])?;
        let phrase = &tail[..period];
        tail.chunks_exact(period).all(|chunk| chunk == phrase).then_some(tokens.len() - period * (times - 1))
    })
}

/// The logarithm of German's odds against English, from the logits after the start token.
pub(crate) fn language_odds(logits: &[f32], english: usize, german: usize) -> f32 {
    logits[german] - logits[english]
}

/// The probability of one token among all.
pub(crate) fn probability(logits: &[f32], token: usize) -> f32 {
    let top = logits.iter().copied().fold(f32::MIN, f32::max);
    let sum: f32 = logits.iter().map(|logit| (logit - top).exp()).sum();
    (logits[token] - top).exp() / sum
}

/// How many tokens speech of this length can have at most: fast speech has about seven syllables a second.
pub(crate) fn token_budget(seconds: f32) -> usize {
    12 + (seconds * 12.0) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_speech_is_chosen() {
        let texts: [&[u8]; 8] = [b"a", b" [", "♪".as_bytes(), b" -", b"-", b".", b" '", &[0xe2, 0x99]];
        let choices = Choices::new(texts.into_iter());
        assert_eq!(choices.allowed, [true, false, false, false, true, true, false, true, true]);
        let logits = [0.0, 9.0, 9.0, 9.0, 1.0, 2.0, 9.0, 0.0, 5.0, 99.0];
        assert_eq!(choices.best(&logits, true).0, 5, "not the end at first");
        let (token, log_probability) = choices.best(&logits, false);
        assert_eq!(token, choices.end());
        assert!((-0.2..0.0).contains(&log_probability), "{log_probability}");
    }

    #[test]
    fn repetition_is_cut_to_one() {
        let cases: [(&[usize], Option<usize>); 5] = [
            (&[1, 2, 3, 4, 5, 6], None),
            (&[9, 1, 2, 3, 1, 2, 3, 1, 2, 3], Some(4)),
            (&[7, 7, 7, 7], None),
            (&[8, 7, 7, 7, 7, 7], Some(2)),
            (&[], None),
        ];
        for (tokens, expected) in cases {
            assert_eq!(looped(tokens), expected, "{tokens:?}");
        }
    }

    #[test]
    fn probabilities_sum_to_one() {
        let logits = [1.0, 3.0, -2.0];
        let sum: f32 = (0..3).map(|token| probability(&logits, token)).sum();
        assert!((sum - 1.0).abs() < 1e-6);
        assert!(language_odds(&logits, 0, 1) > 0.0);
    }
}
