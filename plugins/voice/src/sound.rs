//! From an engine's sound to what the tick plays: 48 kHz, trimmed, of an even loudness, with the pause after it.

use visage_core::{PhonemeSpan, PhonemeTimeline, SAMPLE_RATE, resample};

use crate::{Speech, VoiceError, loudness::level};

/// Silence kept before the first sound, seconds: the mouth opens in it.
const LEAD: f32 = 0.05;
/// Sound kept after the last phoneme, seconds: the last sound rings out in it.
const TAIL: f32 = 0.04;
/// Length of the fade at a cut, seconds.
const FADE: f32 = 0.003;
/// Below this share of the peak a sample is not heard.
const INAUDIBLE: f32 = 0.01;

/// Rates that the resampler takes are multiples of this: it keeps its transforms small. A pitch is thereby a multiple of
/// 0.7 % (an eighth of a semitone) at 22.05 kHz.
pub const RATE_STEP: u32 = 150;

/// Finished sound: 48 kHz samples in -1..=1, and the phonemes in them.
#[derive(Clone, Debug, PartialEq)]
pub struct Finished {
    /// Mono samples at 48 kHz.
    pub samples: Vec<f32>,
    /// The phonemes, in samples of `samples`.
    pub timeline: PhonemeTimeline,
}

/// Trims, resamples and levels an engine's sound and adds `pause` seconds of silence. `volume` is a factor, 1 is
/// [`LOUDNESS`](crate::LOUDNESS).
///
/// # Errors
/// The sound's rate is none that can be resampled.
pub fn finish(speech: &Speech, volume: f32, pause: f32) -> Result<Finished, VoiceError> {
    let (first, last) = spoken(speech);
    let trimmed = &speech.samples[first..last];
    let mut samples = to_48k(trimmed, speech.rate)?;
    level(&mut samples, speech.loudness, volume);
    fade_edges(&mut samples);
    let at_48k = |sample: usize| {
        let at = sample.clamp(first, last) - first;
        (at as u64 * u64::from(SAMPLE_RATE) / u64::from(speech.rate)) as usize
    };
    let sounding = samples.len();
    let spans = speech.phonemes.iter().map(|phoneme| PhonemeSpan {
        phoneme: phoneme.phoneme.clone(),
        start: at_48k(phoneme.start).min(sounding),
        end: at_48k(phoneme.end).min(sounding),
    });
    let timeline = PhonemeTimeline(spans.filter(|span| span.start < span.end).collect());
    samples.extend(std::iter::repeat_n(0.0, (pause.max(0.0) * SAMPLE_RATE as f32) as usize));
    Ok(Finished { samples, timeline })
}

/// The sound with `before` seconds of silence before it.
pub fn delayed(mut finished: Finished, before: f32) -> Finished {
    let silence = (before.max(0.0) * SAMPLE_RATE as f32) as usize;
    if silence > 0 {
        finished.samples.splice(0..0, std::iter::repeat_n(0.0, silence));
        for span in &mut finished.timeline.0 {
            span.start += silence;
            span.end += silence;
        }
    }
    finished
}

/// The part of the sound that is worth playing: first sample, and one past the last.
fn spoken(speech: &Speech) -> (usize, usize) {
    let length = speech.samples.len();
    let margin = |seconds: f32| (seconds * speech.rate as f32) as usize;
    let peak = speech.samples.iter().fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
    let audible = |sample: &f32| peak > 0.0 && sample.abs() > peak * INAUDIBLE;
    let mut sounds = speech.phonemes.iter().filter(|phoneme| !phoneme.phoneme.is_empty());
    let first_phoneme = sounds.next().map(|phoneme| phoneme.start);
    let last_phoneme = sounds.next_back().map(|phoneme| phoneme.end);
    let first_audible = speech.samples.iter().position(audible);
    let last_audible = speech.samples.iter().rposition(audible);
    let first = [first_phoneme, first_audible].into_iter().flatten().min().unwrap_or(0);
    let last = [last_phoneme, last_audible].into_iter().flatten().max().unwrap_or(length);
    let first = first.saturating_sub(margin(LEAD)).min(length);
    (first, (last + margin(TAIL)).clamp(first, length))
}

/// Mono samples of `rate` as samples at 48 kHz. The whole sound at once; nothing is cut off or delayed.
///
/// # Errors
/// The rate is zero.
pub fn to_48k(samples: &[f32], rate: u32) -> Result<Vec<f32>, VoiceError> {
    if rate == 0 {
        return Err(VoiceError::Resample("its rate is zero".to_owned()));
    }
    Ok(resample(samples, rate, SAMPLE_RATE))
}

/// Fades in and out within 3 ms, so that a cut does not click.
fn fade_edges(samples: &mut [f32]) {
    let length = ((FADE * SAMPLE_RATE as f32) as usize).min(samples.len() / 2);
    let end = samples.len();
    for index in 0..length {
        let gain = index as f32 / length as f32;
        samples[index] *= gain;
        samples[end - 1 - index] *= gain;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TimedPhoneme;

    fn tone(rate: u32, from: f32, to: f32, length: f32, loudness: f32) -> Vec<f32> {
        (0..(length * rate as f32) as usize)
            .map(|index| index as f32 / rate as f32)
            .map(|t| if (from..to).contains(&t) { loudness * (t * 440.0 * std::f32::consts::TAU).sin() } else { 0.0 })
            .collect()
    }

    fn seconds(samples: usize) -> f32 {
        samples as f32 / SAMPLE_RATE as f32
    }

    #[test]
    fn sound_and_phonemes_stay_together() {
        for rate in [22_050, 24_000, 22_050 * 6 / 5 / RATE_STEP * RATE_STEP, 48_000] {
            let at = |t: f32| (t * rate as f32) as usize;
            let speech = Speech {
                rate,
                samples: tone(rate, 0.5, 1.5, 2.5, 0.02),
                phonemes: vec![TimedPhoneme { phoneme: "ɑː".into(), start: at(0.5), end: at(1.5) }],
                loudness: None,
                marked: false,
            };
            let finished = finish(&speech, 1.0, 0.25).expect("resampled");
            let span = &finished.timeline.0[0];
            assert!((seconds(span.start) - LEAD).abs() < 0.001 && (seconds(span.end) - 1.05).abs() < 0.001, "{span:?}");
            assert!((seconds(finished.samples.len()) - (LEAD + 1.0 + TAIL + 0.25)).abs() < 0.002);
            let energy = |from: f32, to: f32| {
                let part = &finished.samples[(from * 48_000.0) as usize..(to * 48_000.0) as usize];
                (part.iter().map(|s| s * s).sum::<f32>() / part.len() as f32).sqrt()
            };
            // The tone begins where its phoneme begins, within 2 ms, and is as loud as it is asked to be.
            assert!(energy(0.0, LEAD - 0.002) < 0.005 && energy(LEAD + 0.002, LEAD + 0.02) > 0.05, "{rate}");
            let sounding = &finished.samples[..((LEAD + 1.0 + TAIL) * 48_000.0) as usize];
            let loud = crate::loudness(sounding).expect("it is not silent");
            assert!((loud - crate::LOUDNESS).abs() < 0.3, "{rate}: {loud} LUFS");
            assert!(energy(1.1, 1.3) == 0.0);
        }
    }

    #[test]
    fn a_delayed_sound_is_the_same_later() {
        let timeline = PhonemeTimeline(vec![PhonemeSpan { phoneme: "a".into(), start: 1, end: 3 }]);
        let finished = Finished { samples: vec![0.1, 0.2, 0.3], timeline };
        assert_eq!(delayed(finished.clone(), 0.0), finished);
        let later = delayed(finished, 0.5);
        assert_eq!((later.samples.len(), later.samples[24_000]), (24_003, 0.1));
        assert_eq!((later.timeline.0[0].start, later.timeline.0[0].end), (24_001, 24_003));
    }

    #[test]
    fn no_sample_is_too_loud() {
        let mut spiky = tone(48_000, 0.0, 1.0, 1.0, 0.01);
        spiky[500] = 1.0;
        for volume in [0.0, 1.0, 100.0] {
            let speech =
                Speech { rate: 48_000, samples: spiky.clone(), phonemes: Vec::new(), loudness: None, marked: false };
            let finished = finish(&speech, volume, 0.0).expect("no resampling needed");
            assert!(finished.samples.iter().all(|sample| sample.abs() <= crate::PEAK + 1e-6));
        }
    }

    #[test]
    fn empty_and_silent_sounds_are_no_error() {
        for samples in [Vec::new(), vec![0.0; 3_000]] {
            let finished = finish(
                &Speech { rate: 22_050, samples, phonemes: Vec::new(), loudness: None, marked: false },
                1.0,
                0.1,
            )
            .expect("silence");
            assert!(finished.samples.iter().all(|sample| *sample == 0.0));
        }
    }
}
