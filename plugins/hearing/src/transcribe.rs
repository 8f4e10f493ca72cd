//! A whole recording becomes text, for files and the tests.

use visage_core::Language;

use crate::{
    error::HearingError,
    resample::to_whisper_rate,
    text::words_of,
    vad::{Frame, VAD_FRAME, VoiceDetector},
    whisper::{Tongue, WHISPER_RATE, Whisper},
};

/// Longest piece that is understood at once: 28 s, in frames of the voice detector.
const LONGEST: usize = 28 * WHISPER_RATE as usize / VAD_FRAME;
/// Sound kept before and after the voice of a piece: 0.32 s.
const MARGIN: usize = 20;

/// A recording is made as loud as this, at most [`MOST_GAIN`] times louder: a whispered sentence would be missed.
const LOUD: f32 = 0.5;
const MOST_GAIN: f32 = 10.0;

/// What was said in a recording.
#[derive(Clone, Debug, PartialEq)]
pub struct Transcription {
    /// The words; empty if nobody speaks.
    pub text: String,
    /// Their language; English if nobody speaks and no language was given.
    pub language: Language,
    /// Length of the recording.
    pub seconds: f32,
}

/// Writes down what is said in `samples` (mono, each in -1..=1, `rate` a second, any length). Without a language, the
/// first piece decides between English and German.
///
/// # Errors
/// The rate is not from 8,000 to 192,000, or whisper.cpp fails.
pub fn transcribe(
    whisper: &mut Whisper,
    samples: &[f32],
    rate: u32,
    language: Option<Language>,
) -> Result<Transcription, HearingError> {
    let sound = levelled(to_whisper_rate(samples, rate)?);
    let voice = voice_frames(&sound);
    let mut known = language;
    let mut texts = Vec::new();
    for piece in pieces(&voice) {
        let voiced = voice[piece.clone()].iter().filter(|voice| **voice).count() * VAD_FRAME;
        let part = &sound[piece.start * VAD_FRAME..(piece.end * VAD_FRAME).min(sound.len())];
        let before = texts.last().map_or("", String::as_str);
        let understood = whisper.understand(part, known.map_or(Tongue::Either(None), Tongue::Known), before)?;
        let text = words_of(&understood, voiced as f32 / WHISPER_RATE as f32);
        if !text.is_empty() {
            known.get_or_insert(understood.language);
            texts.push(text);
        }
    }
    let seconds = samples.len() as f32 / rate as f32;
    Ok(Transcription { text: texts.join(" "), language: known.unwrap_or_default(), seconds })
}

/// Makes a quiet recording louder, so that its loudest moment is [`LOUD`], and anything that is no sound silent.
fn levelled(mut sound: Vec<f32>) -> Vec<f32> {
    let peak = sound.iter().filter(|sample| sample.is_finite()).fold(0.0f32, |peak, sample| peak.max(sample.abs()));
    let gain = (LOUD / peak.max(f32::MIN_POSITIVE)).clamp(1.0, MOST_GAIN);
    for sample in &mut sound {
        *sample = if sample.is_finite() { (*sample * gain).clamp(-1.0, 1.0) } else { 0.0 };
    }
    sound
}

/// By frame: whether somebody speaks. Voices shorter than the detector needs to be sure are none.
fn voice_frames(sound: &[f32]) -> Vec<bool> {
    let mut detector = VoiceDetector::default();
    let mut voice = Vec::with_capacity(sound.len() / VAD_FRAME + 1);
    let mut last = None;
    for (index, frame) in sound.chunks_exact(VAD_FRAME).enumerate() {
        let heard = detector.push(frame, true) == Frame::Voice;
        if last.is_none() && detector.begins() {
            detector.set_speaking(true);
            let begun = index.saturating_sub(6);
            voice[begun..].fill(true);
            last = Some(index);
        }
        if heard && last.is_some() {
            last = Some(index);
        }
        voice.push(heard && last.is_some());
        if last.is_some_and(|last| index - last > MARGIN) {
            detector.set_speaking(false);
            last = None;
        }
    }
    voice
}

/// Pieces of at most [`LONGEST`] frames that hold all voice, cut in the longest pause of their second half.
fn pieces(voice: &[bool]) -> Vec<std::ops::Range<usize>> {
    let mut out = Vec::new();
    let mut from = 0;
    while let Some(first) = voice[from..].iter().position(|voice| *voice).map(|offset| from + offset) {
        let start = first.saturating_sub(MARGIN).max(from);
        let last = voice.iter().rposition(|voice| *voice).unwrap_or(first);
        let end = if last + MARGIN < start + LONGEST {
            (last + MARGIN + 1).min(voice.len())
        } else {
            let (half, limit) = (start + LONGEST / 2, (start + LONGEST).min(voice.len()));
            longest_pause(&voice[half..limit]).map_or(limit, |middle| half + middle)
        };
        out.push(start..end);
        from = end;
    }
    out
}

/// The middle of the longest run of quiet frames.
fn longest_pause(voice: &[bool]) -> Option<usize> {
    let mut best = None;
    let mut begun = 0;
    for index in 0..=voice.len() {
        if voice.get(index).copied().unwrap_or(true) {
            let length = index - begun;
            if length > best.map_or(0, |(longest, _)| longest) {
                best = Some((length, begun + length / 2));
            }
            begun = index + 1;
        }
    }
    best.map(|(_, middle)| middle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_hold_all_voice_and_are_cut_in_pauses() {
        let talk = |spans: &[(bool, usize)]| -> Vec<bool> {
            spans.iter().flat_map(|&(voice, count)| std::iter::repeat_n(voice, count)).collect()
        };
        assert!(pieces(&talk(&[(false, 500)])).is_empty());
        let short = pieces(&talk(&[(false, 100), (true, 50), (false, 100)]));
        assert!(short.len() == 1 && short[0] == (80..170), "{short:?}");
        let long = talk(&[(true, 1_500), (false, 40), (true, 900)]);
        let cut = pieces(&long);
        assert_eq!(cut, [0..1_520, 1_520..2_440]);
        let breathless = talk(&[(true, 4_000)]);
        let cut = pieces(&breathless);
        assert!(cut.iter().all(|piece| piece.len() <= LONGEST), "{cut:?}");
        assert_eq!(cut.iter().map(|piece| piece.len()).sum::<usize>(), 4_000);
    }
}
