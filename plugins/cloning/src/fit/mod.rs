//! Fitting a style to a recording: a mixture of the engine's voices that the speaker encoder takes for the recorded one.
//!
//! A sentence takes a second to be made, so few are. A surrogate (`surrogate.rs`) learns from all that were heard, the real
//! voices first, what styles sound like; mixtures are bred on it by the hundred (`breed.rs`), and only the most promising is
//! spoken. The first is no guess: the mixture of voices whose embeddings, mixed, come nearest to the target.
//!
//! Everything is decided by the seed and the options: the same input gives the same voice.

mod breed;
mod mix;
mod style;
mod surrogate;

use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
use serde::{Deserialize, Serialize};

use crate::{CloningError, Embedding, SpeakerEncoder};
use breed::breed;
use mix::nearest_mixture;
use style::{Blend, Palette, fingerprint};
use surrogate::Surrogate;

pub use style::{STYLE_NUMBERS, STYLE_ROWS, StyleTable};

/// Something that speaks sentences in any style. Kokoro, with the language of the sentences.
pub trait Speaker {
    /// Speaks a sentence: mono samples.
    ///
    /// # Errors
    /// In words, why it could not.
    fn speak(&mut self, style: &StyleTable, sentence: &str) -> Result<Vec<f32>, String>;

    /// Samples a second of what it speaks.
    fn rate(&self) -> u32;
}

/// Something that hears who speaks: [`SpeakerEncoder`].
pub trait Ear {
    /// The voice in a sound.
    ///
    /// # Errors
    /// It failed.
    fn hear(&mut self, samples: &[f32], rate: u32) -> Result<Embedding, CloningError>;
}

impl Ear for SpeakerEncoder {
    fn hear(&mut self, samples: &[f32], rate: u32) -> Result<Embedding, CloningError> {
        self.embed(samples, rate)
    }
}

/// What is spoken while fitting: short, since each second of it costs half a second of computing for every style that is
/// tried, and long enough for the encoder, which hears 1.6 s at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sentences {
    /// Spoken for every style that is tried.
    pub fitted: &'static [&'static str],
    /// Spoken at the end, to see how the clone does with what it was not fitted to.
    pub held_out: &'static [&'static str],
}

impl Sentences {
    /// English sentences.
    pub const ENGLISH: Self = Self {
        fitted: &["My brother is a doctor, but he wanted to be a painter."],
        held_out: &[
            "Could you please tell me what time the next train leaves?",
            "She bought fresh bread and a bottle of cold milk.",
        ],
    };
    /// German sentences.
    pub const GERMAN: Self = Self {
        fitted: &["Die Kinder lachten, weil der Hund den Schuh gestohlen hatte."],
        held_out: &["Niemand weiß, warum der alte Turm geschlossen wurde.", "Das Essen schmeckt heute ausgezeichnet."],
    };
}

/// How a style is fitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FitOptions {
    /// What is spoken.
    pub sentences: Sentences,
    /// How many styles are tried at most.
    pub tries: usize,
    /// What chance begins with.
    pub seed: u64,
}

impl FitOptions {
    /// Thirty styles, after which little is gained (docs/avatar/cloning.md).
    pub const fn new(sentences: Sentences) -> Self {
        Self { sentences, tries: 30, seed: 0 }
    }
}

/// What is being done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FitProgress {
    /// The engine's own voices are heard, which is done once for each engine and language.
    Voices {
        /// How many were heard.
        done: usize,
        /// Of how many.
        of: usize,
    },
    /// Styles are tried.
    Tries {
        /// How many were tried.
        done: usize,
        /// Of how many.
        of: usize,
        /// The best similarity so far.
        best: f32,
    },
}

/// Whether fitting goes on. Time is the caller's: who wants no more than a minute says [`Go::Finish`] after one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Go {
    /// It goes on.
    On,
    /// The best style so far will do.
    Finish,
    /// Nobody wants it any more.
    Cancel,
}

/// How the engine's own voices sound to the encoder. Costs a minute to make, so it is kept: it serialises.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HeardVoices {
    /// What it was made from.
    fingerprint: String,
    embeddings: Vec<Embedding>,
}

impl HeardVoices {
    /// Hears each voice speak the fitted sentences.
    ///
    /// # Errors
    /// The engine or the encoder failed, or `progress` did not say [`Go::On`]: half of the voices are no use.
    pub fn hear(
        voices: &[StyleTable],
        sentences: Sentences,
        speaker: &mut impl Speaker,
        ear: &mut impl Ear,
        progress: &mut dyn FnMut(FitProgress) -> Go,
    ) -> Result<Self, CloningError> {
        let mut embeddings = Vec::with_capacity(voices.len());
        for voice in voices {
            if progress(FitProgress::Voices { done: embeddings.len(), of: voices.len() }) != Go::On {
                return Err(CloningError::Cancelled);
            }
            embeddings.push(say(speaker, ear, voice, sentences.fitted)?);
        }
        Ok(Self { fingerprint: Self::fingerprint(voices, sentences), embeddings })
    }

    /// Whether it was made from these voices and sentences.
    pub fn fits(&self, voices: &[StyleTable], sentences: Sentences) -> bool {
        self.embeddings.len() == voices.len() && self.fingerprint == Self::fingerprint(voices, sentences)
    }

    fn fingerprint(voices: &[StyleTable], sentences: Sentences) -> String {
        fingerprint(sentences.fitted.iter().copied(), voices.iter())
    }
}

/// How similar two styles are to the recording.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Similarity {
    /// Of the most similar voice that the engine has by itself.
    pub before: f32,
    /// Of the clone.
    pub after: f32,
}

/// A fitted style.
#[derive(Clone, Debug, PartialEq)]
pub struct Fitted {
    /// The style.
    pub style: StyleTable,
    /// How much of each voice is in its sound, in the order in which they were given; together 1.
    pub sound: Vec<f32>,
    /// And in its melody.
    pub melody: Vec<f32>,
    /// The most similar voice by itself.
    pub nearest: usize,
    /// Similarity to the recording with the sentences that were fitted.
    pub fitted: Similarity,
    /// And with others, which is what counts.
    pub held_out: Similarity,
    /// How many styles were tried.
    pub tries: usize,
    /// How loud it speaks by itself, LUFS; `None` until somebody has measured it.
    pub loudness: Option<f32>,
}

/// A try, and what it was worth.
struct Best {
    blend: Blend,
    worth: f32,
    similarity: f32,
}

/// What a similarity loses for a strain of 1: a mixture far outside of the real voices is not understood.
const STRAIN: f32 = 0.1;

/// Finds the style of `target` among mixtures of `voices`, which `heard` has heard.
///
/// # Errors
/// The voices are too few, `heard` belongs to others, the engine or the encoder failed, or `progress` said [`Go::Cancel`].
pub fn fit(
    target: &Embedding,
    voices: &[StyleTable],
    heard: &HeardVoices,
    options: &FitOptions,
    speaker: &mut impl Speaker,
    ear: &mut impl Ear,
    progress: &mut dyn FnMut(FitProgress) -> Go,
) -> Result<Fitted, CloningError> {
    if !heard.fits(voices, options.sentences) {
        return Err(CloningError::Voices("they were heard with other sentences, or are others".to_owned()));
    }
    let palette = Palette::new(voices.iter().collect())?;
    let mut random = ChaCha8Rng::seed_from_u64(options.seed);
    let mut blends: Vec<Blend> = (0..palette.count()).map(|voice| Blend::one(voice, palette.count())).collect();
    let mut places: Vec<Vec<f32>> = blends.iter().map(|blend| palette.place(blend)).collect();
    let mut embeddings = heard.embeddings.clone();
    let similarities = embeddings.iter().map(|embedding| embedding.similarity(target));
    let (nearest, before) =
        similarities.enumerate().max_by(|a, b| a.1.total_cmp(&b.1)).expect("a palette has voices, and each was heard");
    let mut best = Best { blend: blends[nearest].clone(), worth: before, similarity: before };
    let mut tries = 0;
    while tries < options.tries {
        match progress(FitProgress::Tries { done: tries, of: options.tries, best: best.similarity }) {
            Go::On => {}
            Go::Finish => break,
            Go::Cancel => return Err(CloningError::Cancelled),
        }
        let blend = if tries == 0 {
            Blend::same(nearest_mixture(&heard.embeddings, target))
        } else {
            let surrogate = Surrogate::learn(&places, &embeddings, target);
            breed(&palette, &blends, &best.blend, &surrogate, &mut random)
        };
        let embedding = say(speaker, ear, &palette.table(&blend), options.sentences.fitted)?;
        let similarity = embedding.similarity(target);
        let worth = similarity - STRAIN * blend.strain();
        if worth > best.worth {
            best = Best { blend: blend.clone(), worth, similarity };
        }
        places.push(palette.place(&blend));
        blends.push(blend);
        embeddings.push(embedding);
        tries += 1;
    }
    let style = palette.table(&best.blend);
    let mut held_out = |style: &StyleTable| -> Result<f32, CloningError> {
        Ok(say(speaker, ear, style, options.sentences.held_out)?.similarity(target))
    };
    let held_out = Similarity { before: held_out(&voices[nearest])?, after: held_out(&style)? };
    let [sound, melody] = best.blend.halves;
    let fitted = Similarity { before, after: best.similarity };
    Ok(Fitted { style, sound, melody, nearest, fitted, held_out, tries, loudness: None })
}

/// Speaks sentences one after the other and hears who it was.
fn say(
    speaker: &mut impl Speaker,
    ear: &mut impl Ear,
    style: &StyleTable,
    sentences: &[&str],
) -> Result<Embedding, CloningError> {
    let mut sound = Vec::new();
    for sentence in sentences {
        sound.extend(speaker.speak(style, sentence).map_err(CloningError::Speak)?);
    }
    ear.hear(&sound, speaker.rate())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EMBEDDING, testing::noise};

    const SENTENCES: Sentences = Sentences { fitted: &["one", "two and more"], held_out: &["three", "another one"] };
    const VOICES: usize = 12;

    /// Speaks the row of its style, a little changed by the sentence.
    struct FakeSpeaker {
        spoken: usize,
        fails: bool,
    }

    impl FakeSpeaker {
        fn new() -> Self {
            Self { spoken: 0, fails: false }
        }
    }

    impl Speaker for FakeSpeaker {
        fn speak(&mut self, style: &StyleTable, sentence: &str) -> Result<Vec<f32>, String> {
            self.spoken += 1;
            if self.fails {
                return Err("out of order".to_owned());
            }
            let row = style.row(sentence.len());
            let accent = noise(row.len(), sentence.len() as u32);
            Ok(row.iter().zip(accent).map(|(number, accent)| number + 0.2 * accent).collect())
        }

        fn rate(&self) -> u32 {
            24_000
        }
    }

    /// Hears the mean row through a layer of random weights, without what is below zero.
    struct FakeEar(Vec<Vec<f32>>);

    impl FakeEar {
        fn new() -> Self {
            Self((0..EMBEDDING).map(|at| noise(STYLE_NUMBERS, 1_000 + at as u32)).collect())
        }
    }

    impl Ear for FakeEar {
        fn hear(&mut self, samples: &[f32], rate: u32) -> Result<Embedding, CloningError> {
            assert_eq!(rate, 24_000);
            let rows = samples.chunks_exact(STYLE_NUMBERS);
            let mut mean = vec![0.0; STYLE_NUMBERS];
            rows.for_each(|row| mean.iter_mut().zip(row).for_each(|(mean, number)| *mean += number));
            let hear = |weights: &Vec<f32>| weights.iter().zip(&mean).map(|(a, b)| a * b).sum::<f32>().max(0.0);
            Embedding::new(self.0.iter().map(hear).collect())
        }
    }

    fn voices() -> Vec<StyleTable> {
        let voice = |seed: u32| {
            let (own, rows) = (noise(STYLE_NUMBERS, seed), noise(STYLE_ROWS * STYLE_NUMBERS, 100 + seed));
            let numbers = rows.iter().enumerate().map(|(at, row)| own[at % STYLE_NUMBERS] + 0.1 * row).collect();
            StyleTable::new(numbers).expect("a whole table")
        };
        (1..=VOICES as u32).map(voice).collect()
    }

    /// Somebody who sounds like some of the voices and speaks like others.
    fn target(voices: &[StyleTable]) -> Embedding {
        let weights = |some: &[(usize, f32)]| {
            let mut weights = vec![0.0; VOICES];
            some.iter().for_each(|(voice, weight)| weights[*voice] = *weight);
            weights
        };
        let blend = Blend { halves: [weights(&[(2, 0.6), (5, 0.4)]), weights(&[(7, 0.5), (9, 0.5)])] };
        let style = Palette::new(voices.iter().collect()).expect("they differ").table(&blend);
        let sentences = &["what nobody fitted", "is spoken here"];
        say(&mut FakeSpeaker::new(), &mut FakeEar::new(), &style, sentences).expect("it speaks")
    }

    fn on(_: FitProgress) -> Go {
        Go::On
    }

    fn run(tries: usize, seed: u64) -> (Fitted, usize) {
        let voices = voices();
        let (mut speaker, mut ear) = (FakeSpeaker::new(), FakeEar::new());
        let heard = HeardVoices::hear(&voices, SENTENCES, &mut speaker, &mut ear, &mut on).expect("they are heard");
        let options = FitOptions { sentences: SENTENCES, tries, seed };
        let fitted =
            fit(&target(&voices), &voices, &heard, &options, &mut speaker, &mut ear, &mut on).expect("it fits");
        (fitted, speaker.spoken)
    }

    #[test]
    fn a_voice_between_the_voices_is_found() {
        for seed in [0, 1, 2] {
            let (few, many) = (run(1, seed).0, run(40, seed).0);
            println!("{:?} {:?} {:?}", few.held_out, many.fitted, many.held_out);
            assert!(few.held_out.after > few.held_out.before, "{:?}", few.held_out);
            assert!(many.fitted.after > few.fitted.after && many.held_out.after > few.held_out.after);
            assert!(
                many.held_out.after > 0.9 && many.held_out.after - many.held_out.before > 0.3,
                "{:?}",
                many.held_out
            );
            // It is found by what it is made of.
            let most = |weights: &[f32]| {
                let mut order: Vec<usize> = (0..VOICES).collect();
                order.sort_by(|a, b| weights[*b].total_cmp(&weights[*a]));
                [order[0].min(order[1]), order[0].max(order[1])]
            };
            assert_eq!((most(&many.sound), most(&many.melody)), ([2, 5], [7, 9]));
            for weights in [&many.sound, &many.melody] {
                assert!((weights.iter().sum::<f32>() - 1.0).abs() < 1e-3);
                assert!(weights.iter().map(|weight| weight.abs()).sum::<f32>() < 1.8, "{weights:?}");
            }
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_voice_for_what_it_should_cost() {
        let (first, spoken) = run(10, 7);
        assert_eq!(first, run(10, 7).0);
        assert_ne!(first.style, run(10, 8).0.style);
        // The voices, the tries, and two styles at the end, two sentences each.
        assert_eq!((first.tries, spoken), (10, 2 * (VOICES + 10 + 2)));
    }

    #[test]
    fn fitting_ends_when_it_is_told_to() {
        let voices = voices();
        let target = target(&voices);
        let mut ear = FakeEar::new();
        let heard =
            HeardVoices::hear(&voices, SENTENCES, &mut FakeSpeaker::new(), &mut ear, &mut on).expect("they are heard");
        let options = FitOptions { tries: 30, ..FitOptions::new(SENTENCES) };
        let mut go = |answer: Go, fails: bool| {
            let mut speaker = FakeSpeaker { fails, ..FakeSpeaker::new() };
            let mut told = Vec::new();
            let mut progress = |progress: FitProgress| {
                told.push(progress);
                if told.len() > 5 { answer } else { Go::On }
            };
            let fitted = fit(&target, &voices, &heard, &options, &mut speaker, &mut ear, &mut progress);
            (fitted, told)
        };
        let (fitted, told) = go(Go::Finish, false);
        assert_eq!((fitted.expect("five were tried").tries, told.len()), (5, 6));
        let bests = told.iter().map(|progress| match progress {
            FitProgress::Tries { best, of: 30, .. } => *best,
            other => panic!("{other:?}"),
        });
        assert!(bests.is_sorted(), "the best gets no worse");
        assert!(matches!(go(Go::Cancel, false).0, Err(CloningError::Cancelled)));
        let error = go(Go::On, true).0.expect_err("it is out of order").to_string();
        assert!(error.contains("out of order"), "{error}");

        let mut cancel = |_| Go::Cancel;
        let none = HeardVoices::hear(&voices, SENTENCES, &mut FakeSpeaker::new(), &mut ear, &mut cancel);
        assert!(matches!(none, Err(CloningError::Cancelled)));
    }

    #[test]
    fn voices_that_were_not_heard_are_refused() {
        let voices = voices();
        let target = target(&voices);
        let (mut speaker, mut ear) = (FakeSpeaker::new(), FakeEar::new());
        let heard = HeardVoices::hear(&voices, SENTENCES, &mut speaker, &mut ear, &mut on).expect("they are heard");
        assert!(heard.fits(&voices, SENTENCES));
        let mut others = voices.clone();
        others.swap(0, 1);
        for (voices, sentences) in
            [(&voices[1..], SENTENCES), (&others[..], SENTENCES), (&voices[..], Sentences::ENGLISH), (&[], SENTENCES)]
        {
            let options = FitOptions::new(sentences);
            let fitted = fit(&target, voices, &heard, &options, &mut speaker, &mut ear, &mut on);
            assert!(matches!(fitted, Err(CloningError::Voices(_))), "{fitted:?}");
        }
        for (numbers, good) in [(STYLE_ROWS * STYLE_NUMBERS, true), (100, false), (0, false)] {
            assert_eq!(StyleTable::new(vec![0.5; numbers]).is_ok(), good);
        }
        assert!(StyleTable::new(vec![f32::NAN; STYLE_ROWS * STYLE_NUMBERS]).is_err());
        assert!(Palette::new(vec![&voices[0], &voices[0]]).is_err());
        assert_eq!(voices[0].row(0), voices[0].row(1));
        assert_eq!(voices[0].row(9_999), &voices[0].numbers()[STYLE_NUMBERS * (STYLE_ROWS - 1)..]);
    }
}
