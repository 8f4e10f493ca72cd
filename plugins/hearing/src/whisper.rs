//! Whisper, run by whisper.cpp: a window of up to 30 seconds of sound becomes words. The only file that knows
//! `whisper_rs`.
//!
//! whisper.cpp's own `full` is used for the spectrogram only; the encoder and decoder are stepped from here. So one run
//! of the encoder serves the language, the probability that nobody speaks, and the words, where `full` with
//! `language = auto` would run it twice.

use std::{fs::File, io::BufReader, path::Path};

use visage_core::{Language, StopFlag};
use visage_models::Store;
use whisper_rs::{FullParams, SamplingStrategy, WhisperContext, WhisperContextParameters, WhisperError, WhisperState};

use crate::{
    decode::{Choices, language_odds, looped, probability, token_budget},
    error::HearingError,
    quantise::quantise,
};

/// Samples in a second of what Whisper takes, mono.
pub const WHISPER_RATE: u32 = 16_000;
/// Samples that one run can take: 29 seconds. What is longer is cut off; [`transcribe`](crate::transcribe) splits.
pub const LONGEST_WINDOW: usize = 29 * WHISPER_RATE as usize;
/// The catalogue's model and its file.
const MODEL: (&str, &str) = ("whisper-base", "ggml-base.bin");
/// One position of the encoder is 20 ms.
const SAMPLES_PER_POSITION: usize = 320;
/// Positions of silence after the speech. With fewer the decoder repeats itself at the end of short clips.
const MARGIN_POSITIONS: usize = 64;
/// Fewest positions: with fewer, clips of one or two seconds are misheard (docs/avatar/stt.md has the table).
const FEWEST_POSITIONS: usize = 256;
/// The encoder's length, 30 seconds.
const MOST_POSITIONS: usize = 1500;
/// Tokens of what was said before that the decoder reads.
const RECALLED: usize = 48;
/// How much likelier a language counts when it is the one that was expected: odds of three to one, as a logarithm.
const EXPECTED_LANGUAGE: f32 = 1.1;

/// Which language to listen for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tongue {
    /// This one.
    Known(Language),
    /// English or German, whichever the sound fits better; the named one has the benefit of the doubt.
    Either(Option<Language>),
}

/// What a run of Whisper understood.
#[derive(Clone, Debug, PartialEq)]
pub struct Understood {
    /// The words, as Whisper writes them.
    pub text: String,
    /// The language they were heard in.
    pub language: Language,
    /// The logarithm of German's odds against English, without the expectation.
    pub german_odds: f32,
    /// Probability that nobody speaks, 0..=1.
    pub no_speech: f32,
    /// Mean logarithm of the chosen tokens' probabilities; 0 is certain, below -1 is guessing.
    pub confidence: f32,
}

/// A loaded model with its buffers.
pub struct Whisper {
    context: WhisperContext,
    state: WhisperState,
    threads: usize,
    choices: Choices,
    languages: [(Language, i32); 2],
}

impl Whisper {
    /// Loads the model of the catalogue from `store`, to run on `threads` threads. Takes about a second.
    ///
    /// # Errors
    /// The processor lacks instructions, or the model is missing or damaged.
    pub fn open(store: &Store, threads: usize) -> Result<Self, HearingError> {
        check_processor()?;
        Self::load(&store.file(MODEL.0, MODEL.1)?, threads)
    }

    /// Loads a multilingual model in whisper.cpp's format.
    ///
    /// # Errors
    /// The processor lacks instructions, or the file is not such a model.
    pub fn load(path: &Path, threads: usize) -> Result<Self, HearingError> {
        check_processor()?;
        whisper_rs::install_logging_hooks();
        let refuse = |reason: String| HearingError::ModelFile { path: path.to_owned(), reason };
        let weights = File::open(path)
            .and_then(|file| quantise(BufReader::with_capacity(1 << 20, file)))
            .map_err(|error| refuse(error.to_string()))?;
        let context = WhisperContext::new_from_buffer_with_params(&weights, WhisperContextParameters::default())
            .map_err(|error| refuse(error.to_string()))?;
        if !context.is_multilingual() {
            return Err(refuse("it understands English only".into()));
        }
        let state = context.create_state().map_err(engine)?;
        let texts: Vec<&[u8]> =
            (0..context.token_eot()).map(|token| context.token_to_bytes(token).unwrap_or_default()).collect();
        let choices = Choices::new(texts.into_iter());
        let languages = [Language::English, Language::German].map(|language| {
            // Both are in whisper.cpp's own table of languages.
            let id = whisper_rs::get_lang_id(language.code()).unwrap_or_default();
            (language, context.token_lang(id))
        });
        Ok(Self { context, state, threads: threads.max(1), choices, languages })
    }

    /// Understands `samples` (mono, 16 kHz, each in -1..=1; at most [`LONGEST_WINDOW`] of them count). `before` is what
    /// the same person said just before, or empty: it helps with sentences that began there.
    ///
    /// # Errors
    /// whisper.cpp fails, for example for want of memory.
    pub fn understand(&mut self, samples: &[f32], tongue: Tongue, before: &str) -> Result<Understood, HearingError> {
        let understood = self.understand_unless(&StopFlag::default(), samples, tongue, before)?;
        Ok(understood.expect("nobody sets the flag"))
    }

    /// Like [`Self::understand`], but leaves off when `stop` is set, and then gives `None`. The encoder cannot be left; it
    /// takes two thirds of the time.
    ///
    /// # Errors
    /// whisper.cpp fails.
    pub fn understand_unless(
        &mut self,
        stop: &StopFlag,
        samples: &[f32],
        tongue: Tongue,
        before: &str,
    ) -> Result<Option<Understood>, HearingError> {
        if stop.is_set() {
            return Ok(None);
        }
        let samples = &samples[..samples.len().min(LONGEST_WINDOW)];
        self.encode(samples).map_err(engine)?;
        self.words(stop, samples.len(), tongue, before).map_err(engine)
    }

    fn encode(&mut self, samples: &[f32]) -> Result<(), WhisperError> {
        let positions = samples.len().div_ceil(SAMPLES_PER_POSITION) + MARGIN_POSITIONS;
        let mut params = FullParams::new(SamplingStrategy::Greedy { best_of: 1 });
        params.set_n_threads(self.threads as i32);
        params.set_audio_ctx(positions.clamp(FEWEST_POSITIONS, MOST_POSITIONS) as i32);
        // Told to transcribe a tenth of a second, `full` makes the spectrogram of everything, takes note of the
        // encoder's length, and finds the rest too short to begin with (whisper.cpp 1.8.3, `whisper_full_with_state`).
        params.set_duration_ms(100);
        params.set_print_progress(false);
        if samples.len() < SAMPLES_PER_POSITION {
            self.state.full(params, &[0.0; SAMPLES_PER_POSITION])?;
        } else {
            self.state.full(params, samples)?;
        }
        self.state.encode(0, self.threads)
    }

    /// Greedy decoding of what was encoded, `length` samples; `None` if `stop` is set.
    fn words(
        &mut self,
        stop: &StopFlag,
        length: usize,
        tongue: Tongue,
        before: &str,
    ) -> Result<Option<Understood>, WhisperError> {
        if stop.is_set() {
            return Ok(None);
        }
        let start = self.recall(before)?;
        self.state.decode(&[self.context.token_sot()], start, self.threads)?;
        let logits = self.state.get_logits()?;
        let no_speech = probability(logits, self.context.token_nosp() as usize);
        let german_odds = language_odds(logits, self.languages[0].1 as usize, self.languages[1].1 as usize);
        let language = choose(tongue, german_odds);
        let (_, language_token) = self.languages[usize::from(language == Language::German)];

        self.state.decode(&[language_token, self.context.token_transcribe()], start + 1, self.threads)?;
        self.state.decode(&[self.context.token_not()], start + 3, self.threads)?;
        let mut tokens = Vec::new();
        let mut certainty = 0.0;
        let mut steps = 0.0f32;
        for past in start + 4..start + 4 + token_budget(length as f32 / WHISPER_RATE as f32) {
            if stop.is_set() {
                return Ok(None);
            }
            let (token, log_probability) = self.choices.best(self.state.get_logits()?, tokens.is_empty());
            certainty += log_probability;
            steps += 1.0;
            if token == self.choices.end() {
                break;
            }
            tokens.push(token);
            if let Some(once) = looped(&tokens) {
                tokens.truncate(once);
                break;
            }
            self.state.decode(&[token as i32], past, self.threads)?;
        }
        let bytes: Vec<u8> = tokens
            .iter()
            .flat_map(|&token| self.context.token_to_bytes(token as i32).unwrap_or_default())
            .copied()
            .collect();
        let text = String::from_utf8_lossy(&bytes).trim().to_owned();
        let confidence = certainty / steps.max(1.0);
        Ok(Some(Understood { text, language, german_odds, no_speech, confidence }))
    }
}

impl Whisper {
    /// Lets the decoder read the end of what was said before; gives the position after it.
    fn recall(&mut self, before: &str) -> Result<usize, WhisperError> {
        if before.is_empty() {
            return Ok(0);
        }
        // A token has at least one byte. The space makes the first word one of running text.
        let said = self.context.tokenize(&format!(" {before}"), before.len() + 8)?;
        let mut tokens = vec![self.context.token_prev()];
        tokens.extend_from_slice(&said[said.len().saturating_sub(RECALLED)..]);
        self.state.decode(&tokens, 0, self.threads)?;
        Ok(tokens.len())
    }
}

fn choose(tongue: Tongue, german_odds: f32) -> Language {
    let expected = match tongue {
        Tongue::Known(language) => return language,
        Tongue::Either(None) => 0.0,
        Tongue::Either(Some(Language::German)) => EXPECTED_LANGUAGE,
        Tongue::Either(Some(Language::English)) => -EXPECTED_LANGUAGE,
    };
    if german_odds + expected > 0.0 { Language::German } else { Language::English }
}

fn engine(error: WhisperError) -> HearingError {
    HearingError::Engine(error.to_string())
}

/// Whether the processor can run whisper.cpp as it is built (.cargo/config.toml). Asked before anything of it runs: an
/// unknown instruction would end the whole program.
///
/// # Errors
/// Names what is missing.
pub fn check_processor() -> Result<(), HearingError> {
    #[cfg(target_arch = "x86_64")]
    {
        let has = [
            ("AVX2", std::is_x86_feature_detected!("avx2")),
            ("FMA", std::is_x86_feature_detected!("fma")),
            ("F16C", std::is_x86_feature_detected!("f16c")),
            ("BMI2", std::is_x86_feature_detected!("bmi2")),
        ];
        let lacks: Vec<_> = has.iter().filter(|(_, there)| !there).map(|(name, _)| *name).collect();
        if !lacks.is_empty() {
            return Err(HearingError::Processor(lacks.join(", ")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expectation_decides_only_what_is_close() {
        use Language::{English, German};
        let cases = [
            (Tongue::Either(None), 0.1, German),
            (Tongue::Either(None), -0.1, English),
            (Tongue::Either(Some(English)), 0.9, English),
            (Tongue::Either(Some(English)), 2.0, German),
            (Tongue::Either(Some(German)), -0.9, German),
            (Tongue::Either(Some(German)), -2.0, English),
            (Tongue::Known(English), 9.0, English),
        ];
        for (tongue, odds, language) in cases {
            assert_eq!(choose(tongue, odds), language, "{tongue:?} {odds}");
        }
    }
}
