//! All of it together: a recording becomes a voice, a text becomes speech in that voice, piece by piece.
//!
//! Source: `Xtts.get_conditioning_latents` and `Xtts.inference_stream` in `TTS/tts/models/xtts.py` of
//! idiap/coqui-ai-TTS. The latent of a code is taken from the step that chose it; `Xtts.inference` computes the same
//! latents a second time.

use std::{mem, ops::ControlFlow, path::Path};

use visage_core::{Language, resample};
use visage_models::SessionOptions;

use crate::{
    Conditioning, Sampling, XttsError, contract,
    frames::Stretch,
    joining::Joiner,
    mel::{Kind, Mel, emphasised},
    networks::{ConditioningEncoder, Decoder, Gpt, Past, SpeakerEncoder},
    numbers::{self, Numbers},
    sampling::Sampler,
    vocabulary::{self, Vocabulary},
};

/// The model's id in settings, and the folder of its files among the other models.
pub const MODEL_ID: &str = "xtts-v2";
/// All files of a model.
const FILES: [&str; 6] =
    [numbers::FILE, vocabulary::FILE, contract::CONDITIONING, contract::SPEAKER, contract::GPT, contract::DECODER];
/// Pieces of a recording that are shorter than this are left out, seconds (`get_gpt_cond_latents`).
const LEAST_SECONDS: f32 = 0.33;
/// A recording that never gets louder than this (-60 dBFS) has no voice in it.
const LEAST_PEAK: f32 = 1e-3;
/// The peak that recordings are brought to where the checkpoint asks for that.
const LEVEL: f32 = 0.75;
/// Codes before the first sound comes: 0.6 s, of which 0.34 s are heard at once.
const FIRST_CODES: usize = 12;
/// Codes of the next piece at least: 0.93 s (`stream_chunk_size`). Pieces grow up to the length of all before them, which
/// is heard meanwhile: the longer they are, the less is decoded twice where they meet.
const NEXT_CODES: usize = 20;
/// Codes of a piece at most: 3.7 s.
const MOST_CODES: usize = 80;

/// A loaded XTTS. Owned by one thread; what it does blocks, so it belongs on a worker.
#[derive(Debug)]
pub struct Xtts {
    numbers: Numbers,
    vocabulary: Vocabulary,
    conditioning: ConditioningEncoder,
    speaker: SpeakerEncoder,
    gpt: Gpt,
    decoder: Decoder,
    mel: Mel,
    speaker_mel: Mel,
}

impl Xtts {
    /// Loads the exported files in `folder`, to run on the processor with `threads` threads; 0 takes one per core.
    ///
    /// # Errors
    /// A file is missing or is not what its name says, or ONNX Runtime does not take it.
    pub fn load(folder: &Path, threads: usize) -> Result<Self, XttsError> {
        Self::open(folder, &SessionOptions { threads, ..SessionOptions::default() })
    }

    /// Like [`Self::load`], on what the options say.
    ///
    /// # Errors
    /// Like [`Self::load`].
    pub fn open(folder: &Path, options: &SessionOptions) -> Result<Self, XttsError> {
        let missing: Vec<_> = FILES.into_iter().filter(|file| !folder.join(file).is_file()).collect();
        if !missing.is_empty() {
            return Err(XttsError::Missing { folder: folder.to_owned(), missing });
        }
        let numbers = Numbers::read(folder)?;
        Ok(Self {
            vocabulary: Vocabulary::read(folder, numbers.text_tokens)?,
            conditioning: ConditioningEncoder::open(folder, &numbers, options)?,
            speaker: SpeakerEncoder::open(folder, &numbers, options)?,
            gpt: Gpt::open(folder, &numbers, options)?,
            decoder: Decoder::open(folder, &numbers, options)?,
            mel: Mel::new(numbers.condition.mel, Kind::Conditioning),
            speaker_mel: Mel::new(numbers.speaker_mel, Kind::Speaker),
            numbers,
        })
    }

    /// Samples a second of its speech: 24,000.
    pub fn rate(&self) -> u32 {
        self.numbers.decoder.output_rate
    }

    /// Whether it speaks a language.
    pub fn speaks(&self, language: Language) -> bool {
        self.numbers.languages.iter().any(|code| code == language.code()) && self.vocabulary.speaks(language)
    }

    /// How the checkpoint asks to be sampled.
    pub fn sampling(&self) -> Sampling {
        let numbers::SamplingNumbers { temperature, top_k, top_p, repetition_penalty } = self.numbers.sampling;
        Sampling { temperature, top_k, top_p, repetition_penalty, ..Sampling::default() }
    }

    /// Finds the voice in a recording: mono samples in -1..=1 at any rate. What is beyond the length that the checkpoint
    /// takes (30 s) is left out.
    ///
    /// # Errors
    /// The recording is too short or silent, or the runtime failed.
    pub fn condition(&mut self, samples: &[f32], rate: u32) -> Result<Conditioning, XttsError> {
        let sound = self.prepared(samples, rate)?;
        Ok(Conditioning {
            latents: self.latents(&sound)?,
            speaker: self.speaker(&resample(&sound, self.numbers.condition.mel.rate, self.numbers.speaker_mel.rate))?,
            shape: [self.numbers.latents, self.numbers.channels],
        })
    }

    /// A recording at the rate of the conditioning encoder, of the length and loudness that are taken.
    fn prepared(&self, samples: &[f32], rate: u32) -> Result<Vec<f32>, XttsError> {
        let condition = &self.numbers.condition;
        let seconds = if rate == 0 { 0.0 } else { samples.len() as f32 / rate as f32 };
        // Both spectrograms reflect the ends of a sound over half of their transforms.
        let enough = |mel: &Mel, rate: u32| mel.least() as f32 / rate as f32;
        let least = LEAST_SECONDS
            .max(enough(&self.mel, condition.mel.rate))
            .max(enough(&self.speaker_mel, self.numbers.speaker_mel.rate));
        if seconds <= least {
            return Err(XttsError::ShortReference { seconds, least });
        }
        // A little more than is taken, so that the resampler's end is beyond it.
        let longest = samples.len().min((condition.longest_reference + 1) * rate as usize);
        let finite: Vec<f32> = samples[..longest].iter().map(|s| if s.is_finite() { *s } else { 0.0 }).collect();
        let mut sound = resample(&finite, rate, condition.mel.rate);
        sound.truncate(condition.longest_reference * condition.mel.rate as usize);
        sound.iter_mut().for_each(|sample| *sample = sample.clamp(-1.0, 1.0));
        let peak = sound.iter().fold(0.0f32, |peak, sample| peak.max(sample.abs()));
        if peak < LEAST_PEAK {
            return Err(XttsError::SilentReference);
        }
        if condition.level {
            sound.iter_mut().for_each(|sample| *sample *= LEVEL / peak);
        }
        Ok(sound)
    }

    /// The latents of a sound at the conditioning encoder's rate: the mean over its pieces.
    fn latents(&mut self, sound: &[f32]) -> Result<Vec<f32>, XttsError> {
        let numbers::Condition { mel, seconds, chunk_seconds, .. } = self.numbers.condition;
        let rate = mel.rate as usize;
        let least = (LEAST_SECONDS * mel.rate as f32).max(self.mel.least() as f32);
        let used = &sound[..sound.len().min(seconds * rate)];
        let mut sum = vec![0.0; self.numbers.latents * self.numbers.channels];
        let mut pieces = 0.0;
        for piece in used.chunks(chunk_seconds * rate).filter(|piece| piece.len() as f32 >= least) {
            let latents = self.conditioning.run(self.mel.run(piece))?;
            sum.iter_mut().zip(&latents).for_each(|(sum, value)| *sum += value);
            pieces += 1.0;
        }
        sum.iter_mut().for_each(|value| *value /= pieces);
        Ok(sum)
    }

    /// The speaker of a sound at 16 kHz.
    fn speaker(&mut self, sound: &[f32]) -> Result<Vec<f32>, XttsError> {
        self.speaker.run(self.speaker_mel.run(&emphasised(sound, self.numbers.emphasis)))
    }

    /// Begins to speak a text: a sentence or part of one, numbers written as words. Nothing is computed yet.
    ///
    /// # Errors
    /// The language is not spoken, the text is empty or too long, or voice or settings do not fit.
    pub fn speech<'a>(
        &'a mut self,
        text: &str,
        language: Language,
        voice: &'a Conditioning,
        sampling: &Sampling,
    ) -> Result<Speech<'a>, XttsError> {
        sampling.check()?;
        voice.check(&self.numbers)?;
        if !self.speaks(language) {
            return Err(XttsError::Language(language));
        }
        let tokens = self.vocabulary.tokens(text, language).ok_or(XttsError::NothingToSay)?;
        let most = self.numbers.most_text;
        if tokens.len() > most {
            return Err(XttsError::TooLong { found: tokens.len(), most });
        }
        let numbers = &self.numbers;
        Ok(Speech {
            sampler: Sampler::new(*sampling, numbers.audio_tokens, numbers.start_audio as usize),
            stretch: Stretch::new(&numbers.decoder, numbers.channels, sampling.speed),
            joiner: Joiner::new(numbers.decoder.hop),
            most: sampling.most_codes.min(numbers.most_audio),
            decode_at: FIRST_CODES,
            codes: Vec::new(),
            latents: Vec::new(),
            state: State::Ready(tokens),
            xtts: self,
            voice,
        })
    }

    /// Speaks a text; see [`Self::speech`]. `on_step` is called after every code (46 ms of speech) with the samples that
    /// are ready to be heard, mostly none, and ends the speech by `Break`. Returns all samples, -1..=1, at
    /// [`Self::rate`].
    ///
    /// # Errors
    /// Like [`Self::speech`], or the runtime failed.
    pub fn speak(
        &mut self,
        text: &str,
        language: Language,
        voice: &Conditioning,
        sampling: &Sampling,
        on_step: &mut dyn FnMut(&[f32]) -> ControlFlow<()>,
    ) -> Result<Vec<f32>, XttsError> {
        let mut speech = self.speech(text, language, voice, sampling)?;
        let mut all = Vec::new();
        while let Some(samples) = speech.step()? {
            all.extend_from_slice(&samples);
            if on_step(&samples).is_break() {
                break;
            }
        }
        Ok(all)
    }
}

/// How far a speech has come.
#[derive(Debug)]
enum State {
    /// Nothing was computed; the text's tokens.
    Ready(Vec<i64>),
    /// The last code, and what came before it.
    Going(i64, Past),
    Ended,
}

/// A text that is being spoken. Dropping it ends it; between two steps nothing runs.
#[derive(Debug)]
pub struct Speech<'a> {
    xtts: &'a mut Xtts,
    voice: &'a Conditioning,
    sampler: Sampler,
    stretch: Stretch,
    joiner: Joiner,
    /// Codes at most.
    most: usize,
    /// With how many codes the next piece is decoded.
    decode_at: usize,
    codes: Vec<i64>,
    /// A latent for each code, in rows.
    latents: Vec<f32>,
    state: State,
}

impl Speech<'_> {
    /// Makes one more code, and now and then a piece of sound: the samples that are new, often none, and `None` after
    /// the end.
    ///
    /// # Errors
    /// The runtime failed. The speech has ended by that.
    pub fn step(&mut self) -> Result<Option<Vec<f32>>, XttsError> {
        let (said, past) = match mem::replace(&mut self.state, State::Ended) {
            State::Ready(tokens) => self.xtts.gpt.begin(&self.voice.latents, &tokens)?,
            State::Going(code, past) => self.xtts.gpt.go_on(past, code)?,
            State::Ended => return Ok(None),
        };
        let mut scores = said.scores;
        let code = self.sampler.next(&mut scores) as i64;
        self.codes.push(code);
        self.latents.extend(said.latent);
        let last = code == self.xtts.numbers.stop_audio || self.codes.len() >= self.most;
        let samples = if last || self.codes.len() >= self.decode_at { self.decode(last)? } else { Vec::new() };
        if !last {
            self.state = State::Going(code, past);
        }
        Ok(Some(samples))
    }

    /// The codes so far, the stop among them.
    pub fn codes(&self) -> &[i64] {
        &self.codes
    }

    /// The latents of those codes: f32[codes, channels], in rows.
    pub fn latents(&self) -> &[f32] {
        &self.latents
    }

    fn decode(&mut self, last: bool) -> Result<Vec<f32>, XttsError> {
        self.decode_at = self.codes.len() + self.codes.len().clamp(NEXT_CODES, MOST_CODES);
        let frames = self.stretch.count(self.codes.len());
        let Some(window) = self.joiner.window(frames, last) else { return Ok(Vec::new()) };
        let frames = self.stretch.frames(&self.latents, window.frames.clone());
        let sound = self.xtts.decoder.run(frames, &self.voice.speaker)?;
        Ok(self.joiner.join(&window, &sound))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Tensors, clip, fixtures};

    /// Set-up fetches ONNX Runtime.
    fn small() -> Xtts {
        Xtts::load(&fixtures().join("small"), 1).expect("it is as exported")
    }

    #[test]
    fn a_voice_is_that_of_the_reference() {
        let (mut xtts, tensors) = (small(), Tensors::load("voice"));
        let voice = xtts.condition(&clip(), 22_050).expect("it is long enough");
        let worst = tensors.farthest("latents", &voice.latents);
        assert!(worst < 1e-3, "{worst}");
        let speaker = xtts.speaker(&tensors.f32("sound_16000")).expect("the network runs");
        let worst = tensors.farthest("speaker", &speaker);
        assert!(worst < 1e-3, "{worst}");
        // From the recording: another resampler (`rubato`) than the reference's, which cuts off a little lower.
        let worst = tensors.farthest("speaker", &voice.speaker);
        assert!(worst < 1e-2, "{worst}");
    }

    #[test]
    fn a_recording_is_cut_and_levelled_as_the_checkpoint_asks() {
        let mut xtts = small();
        let long: Vec<f32> = clip().iter().cycle().take(22_050 * 40).copied().collect();
        assert_eq!(xtts.prepared(&long, 22_050).expect("it is a voice").len(), 22_050 * 30);
        assert_eq!(xtts.prepared(&long, 44_100).expect("it is a voice").len(), 22_050 * 20);
        let loud: Vec<f32> = clip().iter().map(|sample| sample * 20.0).collect();
        let peak = |sound: Vec<f32>| sound.iter().fold(0.0f32, |peak, sample| peak.max(sample.abs()));
        assert_eq!(peak(xtts.prepared(&loud, 22_050).expect("it is a voice")), 1.0);
        xtts.numbers.condition.level = true;
        assert_eq!(peak(xtts.prepared(&clip(), 22_050).expect("it is a voice")), LEVEL);
    }

    #[test]
    fn what_holds_no_voice_is_refused() {
        let mut xtts = small();
        let cases: [(&[f32], u32, &str); 5] = [
            (&[0.1; 7_000], 22_050, "needs 0.33 s"),
            (&[0.1; 7_000], 0, "has 0.00 s"),
            (&[], 48_000, "has 0.00 s"),
            (&[0.0; 22_050], 22_050, "silent"),
            (&[f32::NAN; 22_050], 22_050, "silent"),
        ];
        for (samples, rate, expected) in cases {
            let error = xtts.condition(samples, rate).expect_err(expected).to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
