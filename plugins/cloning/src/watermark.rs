//! The mark in cloned sound: a spread spectrum that is not heard, by which sound can be told to be made.
//!
//! **What is added.** A noise of period 0.16 s: tones at all multiples of 6.25 Hz from 500 Hz to 6.5 kHz, whose phases come
//! from a key. It is cut into ten bands, and each follows the loudness that the speech has in that band, [`LEVEL`] below it;
//! where nothing is heard, nothing is added. Marking has no delay and takes sound in blocks of any length.
//!
//! **How it is found.** The spectra of short pieces of the sound are flattened, so that quiet places between the harmonics of
//! a voice count nearly as much as loud ones, and laid over each other at a distance of the period: the mark grows with their
//! number, speech with its root only. Then the sum is correlated with the key's tones at every shift. The score is the
//! highest correlation in standard deviations of what unmarked sound gives.
//!
//! Spread spectrum in audio: Cox et al. 1997, "Secure spread spectrum watermarking for multimedia"; correlating flattened
//! spectra is the generalised cross-correlation of Knapp and Carter 1976. The mark says that sound comes from here; it does
//! not resist somebody who knows the key and wants it gone. docs/avatar/cloning.md has what it survives.

use realfft::{RealFftPlanner, num_complex::Complex32};
use visage_core::resample;

use crate::spectrogram::ENCODER_RATE as DETECTOR_RATE;

/// What the tones' phases come from. Who marks and who looks need the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MarkKey(pub u64);

impl Default for MarkKey {
    /// Visage's own key, known to everybody: "visage" in letters.
    fn default() -> Self {
        Self(0x76_69_73_61_67_65)
    }
}

/// How loud the mark is in a band, as a factor of the speech there: -30 dB.
pub const LEVEL: f32 = 0.031_6;
/// A sound with at least this score is marked. docs/avatar/cloning.md has how often unmarked sound comes near it.
pub const MARKED: f32 = 6.5;
/// Rates that can be marked are multiples of this: a period is then a whole number of samples.
pub const MARK_RATE_STEP: u32 = 25;

/// Periods in 4 seconds: a period is 0.16 s.
const PERIODS_IN_4_SECONDS: u32 = 25;
/// The lowest tone and one beyond the highest, in multiples of 6.25 Hz.
const TONES: std::ops::Range<usize> = 80..1_040;
/// The edges of the bands, Hz: about the ear's.
const EDGES: [f32; 11] = [500.0, 700.0, 950.0, 1_250.0, 1_600.0, 2_050.0, 2_600.0, 3_300.0, 4_200.0, 5_200.0, 6_500.0];
/// Seconds in which the measured loudness follows speech that gets louder.
const ATTACK: f32 = 0.005;
/// And softer.
const RELEASE: f32 = 0.015;

/// The phase of each tone, radians. SplitMix64 (Steele et al. 2014), written out here because the mark must stay what it is.
fn phases(key: MarkKey) -> Vec<f32> {
    let mut state = key.0;
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    };
    TONES.map(|_| (next() >> 40) as f32 / (1u64 << 24) as f32 * std::f32::consts::TAU).collect()
}

/// A band-pass filter of the second order (Robert Bristow-Johnson's cookbook: constant peak gain), transposed direct form II.
#[derive(Clone, Copy, Debug)]
struct BandPass {
    b0: f32,
    a1: f32,
    a2: f32,
    state: [f32; 2],
}

impl BandPass {
    fn new(low: f32, high: f32, rate: f32) -> Self {
        let centre = (low * high).sqrt();
        let turn = std::f32::consts::TAU * centre / rate;
        let alpha = turn.sin() * (high - low) / (2.0 * centre);
        let a0 = 1.0 + alpha;
        Self { b0: alpha / a0, a1: -2.0 * turn.cos() / a0, a2: (1.0 - alpha) / a0, state: [0.0; 2] }
    }

    fn next(&mut self, x: f32) -> f32 {
        let y = self.b0 * x + self.state[0];
        self.state = [self.state[1] - self.a1 * y, -self.b0 * x - self.a2 * y];
        y
    }
}

/// A band of the mark.
#[derive(Clone, Debug)]
struct Band {
    /// One period of its noise, of root mean square 1.
    carrier: Vec<f32>,
    filters: [BandPass; 2],
    /// The power of the speech in the band.
    power: f32,
}

/// Marks a stream of sound, block by block. It keeps the filters' memory, so a stream has one of its own.
#[derive(Clone, Debug)]
pub struct Marker {
    bands: Vec<Band>,
    attack: f32,
    release: f32,
    /// Samples in a period.
    period: usize,
    /// Where in its period the next sample is.
    at: usize,
}

impl Marker {
    /// A marker of sound with `rate` samples a second. `None` if the rate is no multiple of 25 or below 16,000.
    pub fn new(key: MarkKey, rate: u32) -> Option<Self> {
        if !rate.is_multiple_of(MARK_RATE_STEP) || rate < DETECTOR_RATE {
            return None;
        }
        let period = (rate as usize * 4) / PERIODS_IN_4_SECONDS as usize;
        let phases = phases(key);
        let tone_hertz = PERIODS_IN_4_SECONDS as f32 / 4.0;
        let mut planner = RealFftPlanner::<f32>::new();
        let transform = planner.plan_fft_inverse(period);
        let bands = EDGES
            .windows(2)
            .map(|edge| {
                let mut spectrum = transform.make_input_vec();
                let mut count = 0;
                for (tone, phase) in TONES.zip(&phases) {
                    if (edge[0]..edge[1]).contains(&(tone as f32 * tone_hertz)) {
                        spectrum[tone] = Complex32::from_polar(1.0, *phase);
                        count += 1;
                    }
                }
                let mut carrier = transform.make_output_vec();
                transform.process(&mut spectrum, &mut carrier).expect("the buffers are the transform's own");
                // Each tone has a peak of 2, so a power of 2.
                let size = (2.0 * count as f32).sqrt();
                carrier.iter_mut().for_each(|value| *value /= size);
                let filter = BandPass::new(edge[0], edge[1], rate as f32);
                Band { carrier, filters: [filter; 2], power: 0.0 }
            })
            .collect();
        let follow = |seconds: f32| 1.0 - (-1.0 / (seconds * rate as f32)).exp();
        Some(Self { bands, attack: follow(ATTACK), release: follow(RELEASE), period, at: 0 })
    }

    /// Sets where in the stream the next sample is. A stream that is cut into pieces with gaps between them is found more
    /// easily if the mark goes on through the gaps.
    pub fn seek(&mut self, sample: u64) {
        self.at = (sample % self.period as u64) as usize;
    }

    /// Marks the next samples of the stream.
    pub fn mark(&mut self, samples: &mut [f32]) {
        for sample in samples {
            let speech = *sample;
            for band in &mut self.bands {
                let heard = band.filters.iter_mut().fold(speech, |value, filter| filter.next(value));
                let power = heard * heard;
                band.power += (power - band.power) * if power > band.power { self.attack } else { self.release };
                *sample += LEVEL * band.power.sqrt() * band.carrier[self.at];
            }
            self.at = (self.at + 1) % self.period;
        }
    }
}

/// Marks a whole sound. It stays as it is if its rate is none that [`Marker::new`] takes.
pub fn mark(samples: &mut [f32], rate: u32, key: MarkKey) {
    if let Some(mut marker) = Marker::new(key, rate) {
        marker.mark(samples);
    }
}

/// Seconds that are looked at at once. Longer sound is looked at in windows, so that marked parts are found, and so that
/// clocks that differ a little do not smear the mark.
const WINDOW: f32 = 6.0;
/// Samples of a frame: 40 ms, in which a voice changes little. Longer and shorter ones find less.
const FRAME: usize = 640;
/// Frames are taken so many times in a period.
const FRAMES_IN_PERIOD: usize = 16;
/// A tone is flattened by the loudness of so many tones around it.
const FLATTENED_OVER: usize = 9;
/// By this power of it: a little of the loudness is left, as what is very soft is often only what a codec left.
const FLATTENED_BY: f32 = 0.9;
/// A frame that is softer than the loudest by this factor of power is not looked at: -50 dB.
const HUSHED: f32 = 1e-5;
/// Shifts in a sample of the detector: half a sample would turn the highest tones too far.
const SHIFTS_IN_SAMPLE: usize = 2;

/// How surely a sound is marked with a key: from [`MARKED`] on it is. Unmarked sound has 3 to 5, marked sound of 3 seconds
/// 8 or more.
pub fn detect(samples: &[f32], rate: u32, key: MarkKey) -> f32 {
    Folded::new(samples, rate).score(key)
}

/// A sound's periods laid over each other, window by window: for each tone a sum of directions.
struct Folded(Vec<Vec<Complex32>>);

impl Folded {
    fn new(samples: &[f32], rate: u32) -> Self {
        let sound = resample(samples, rate, DETECTOR_RATE);
        let window = (WINDOW * DETECTOR_RATE as f32) as usize;
        // Windows overlap by half; the last one ends with the sound.
        let last = sound.len().saturating_sub(window);
        let starts = (0..last).step_by(window / 2).chain([last]);
        Self(starts.map(|start| fold(&sound[start..(start + window).min(sound.len())])).collect())
    }

    fn score(&self, key: MarkKey) -> f32 {
        let phases = phases(key);
        self.0.iter().map(|folded| correlate(folded, &phases)).fold(0.0, f32::max)
    }
}

/// Samples in a period at the detector's rate.
const PERIOD: usize = (DETECTOR_RATE * 4 / PERIODS_IN_4_SECONDS) as usize;

/// Lays the periods of a sound over each other.
fn fold(sound: &[f32]) -> Vec<Complex32> {
    let transform = RealFftPlanner::<f32>::new().plan_fft_forward(PERIOD);
    let mut frame = transform.make_input_vec();
    let mut spectrum = transform.make_output_vec();
    let mut scratch = transform.make_scratch_vec();
    let hann: Vec<f32> =
        (0..FRAME).map(|n| 0.5 - 0.5 * (std::f32::consts::TAU * n as f32 / FRAME as f32).cos()).collect();
    let mut frames = Vec::new();
    for start in (0..(sound.len() + 1).saturating_sub(FRAME)).step_by(PERIOD / FRAMES_IN_PERIOD) {
        frame.fill(0.0);
        frame.iter_mut().zip(&sound[start..]).zip(&hann).for_each(|((value, sample), hann)| *value = sample * hann);
        transform
            .process_with_scratch(&mut frame, &mut spectrum, &mut scratch)
            .expect("the buffers are the transform's own");
        let tones = spectrum[TONES].to_vec();
        let power: f32 = tones.iter().map(Complex32::norm_sqr).sum();
        frames.push((start, power, tones));
    }
    let loudest = frames.iter().map(|(_, power, _)| *power).fold(0.0, f32::max);
    // Back to the phase that a tone had at the start of the sound.
    let turns: Vec<Complex32> = (0..PERIOD)
        .map(|step| Complex32::from_polar(1.0, -std::f32::consts::TAU * step as f32 / PERIOD as f32))
        .collect();
    let mut folded = vec![Complex32::default(); TONES.len()];
    for (start, _, tones) in frames.iter().filter(|(_, power, _)| *power > loudest * HUSHED) {
        for (at, (sum, tone)) in folded.iter_mut().zip(TONES).enumerate() {
            let around = &tones[at.saturating_sub(FLATTENED_OVER / 2)..(at + FLATTENED_OVER / 2 + 1).min(tones.len())];
            let power = around.iter().map(Complex32::norm_sqr).sum::<f32>() / around.len() as f32;
            if power > 0.0 {
                *sum += tones[at] * power.powf(-FLATTENED_BY / 2.0) * turns[tone * start % PERIOD];
            }
        }
    }
    folded
}

/// The highest correlation of a folded sound with a key's tones at any shift, of either sign (sound may have been turned
/// over), in standard deviations.
fn correlate(folded: &[Complex32], phases: &[f32]) -> f32 {
    // What sums of directions with unknown phases add up to.
    let deviation = (folded.iter().map(Complex32::norm_sqr).sum::<f32>() / 2.0).sqrt();
    if deviation <= 0.0 {
        return 0.0;
    }
    let transform = RealFftPlanner::<f32>::new().plan_fft_inverse(PERIOD * SHIFTS_IN_SAMPLE);
    let mut spectrum = transform.make_input_vec();
    for ((value, phase), tone) in folded.iter().zip(phases).zip(TONES) {
        spectrum[tone] = value * Complex32::from_polar(1.0, -phase);
    }
    let mut shifts = transform.make_output_vec();
    transform.process(&mut spectrum, &mut shifts).expect("the buffers are the transform's own");
    // The transform counts each tone twice.
    shifts.into_iter().map(f32::abs).fold(0.0, f32::max) / 2.0 / deviation
}

#[cfg(test)]
mod tests {
    use audiopus::{Application, Bitrate, Channels, MutSignals, SampleRate, coder, packet::Packet};
    use visage_core::SAMPLE_RATE;

    use super::*;
    use crate::testing::{clip, noise};

    const KEY: MarkKey = MarkKey(7);
    const OTHER: MarkKey = MarkKey(8);

    /// A voice at 48 kHz, `seconds` of it.
    fn speech(name: &str, seconds: f32) -> Vec<f32> {
        let (samples, rate) = clip(name);
        let mut sound = resample(&samples, rate, SAMPLE_RATE);
        sound.truncate((seconds * SAMPLE_RATE as f32) as usize);
        sound
    }

    fn marked(name: &str, seconds: f32) -> Vec<f32> {
        let mut sound = speech(name, seconds);
        mark(&mut sound, SAMPLE_RATE, KEY);
        sound
    }

    fn power(samples: &[f32]) -> f32 {
        samples.iter().map(|sample| sample * sample).sum::<f32>() / samples.len() as f32
    }

    fn opus(samples: &[f32], bits_per_second: i32, application: Application) -> Vec<f32> {
        let mut encoder = coder::Encoder::new(SampleRate::Hz48000, Channels::Mono, application).expect("libopus");
        encoder.set_bitrate(Bitrate::BitsPerSecond(bits_per_second)).expect("a rate that Opus has");
        let mut decoder = coder::Decoder::new(SampleRate::Hz48000, Channels::Mono).expect("libopus");
        let (mut packet, mut out, mut heard) = ([0; 1_500], [0.0; 960], Vec::new());
        for frame in samples.chunks_exact(960) {
            let length = encoder.encode_float(frame, &mut packet[..]).expect("a frame of 20 ms");
            let packet = Packet::try_from(&packet[..length]).expect("it was encoded");
            let signals = MutSignals::try_from(&mut out[..]).expect("there is room");
            decoder.decode_float(Some(packet), signals, false).expect("it was encoded");
            heard.extend_from_slice(&out);
        }
        heard
    }

    type Way = Box<dyn Fn(&[f32]) -> Vec<f32>>;

    /// What a sound may go through on its way.
    fn ways() -> Vec<(&'static str, Way)> {
        let with_noise = |decibels: f32| {
            move |sound: &[f32]| -> Vec<f32> {
                let size = (power(sound) * 3.0).sqrt() * 10f32.powf(-decibels / 20.0);
                sound.iter().zip(noise(sound.len(), 5)).map(|(sample, noise)| sample + size * noise).collect()
            }
        };
        let through = |rate: u32| move |sound: &[f32]| resample(&resample(sound, SAMPLE_RATE, rate), rate, SAMPLE_RATE);
        vec![
            ("nothing", Box::new(|sound: &[f32]| sound.to_vec())),
            ("Opus, 32 kbit/s", Box::new(|sound: &[f32]| opus(sound, 32_000, Application::Voip))),
            ("Opus, 40 kbit/s", Box::new(|sound: &[f32]| opus(sound, 40_000, Application::Voip))),
            ("Opus, 64 kbit/s", Box::new(|sound: &[f32]| opus(sound, 64_000, Application::Audio))),
            ("22.05 kHz", Box::new(through(22_050))),
            ("8 kHz, a telephone's band", Box::new(through(8_000))),
            ("noise at -25 dB", Box::new(with_noise(25.0))),
            (
                "softer by 20 dB, 16 bit",
                Box::new(|sound: &[f32]| {
                    sound.iter().map(|sample| (sample * 0.1 * 32_767.0).round() / 32_767.0).collect()
                }),
            ),
            (
                "turned over and cut off in front",
                Box::new(|sound: &[f32]| sound[3_333..].iter().map(|sample| -sample).collect()),
            ),
        ]
    }

    #[test]
    fn marked_sound_is_found_behind_what_sound_goes_through() {
        for name in ["af_heart", "am_adam"] {
            let marked = marked(name, 3.0);
            for (way, go) in ways() {
                let heard = go(&marked);
                let score = detect(&heard, SAMPLE_RATE, KEY);
                println!("{name}, {way}: {score:.1}");
                assert!(score >= MARKED, "{name}, {way}: {score:.1}");
                let other = detect(&heard, SAMPLE_RATE, OTHER);
                assert!(other < MARKED, "{name}, {way}, another key: {other:.1}");
            }
        }
    }

    #[test]
    fn unmarked_sound_is_not_found() {
        let mut scores = Vec::new();
        for name in ["af_heart", "am_adam"] {
            let sound = speech(name, 5.5);
            for part in [&sound[..], &sound[..144_000], &sound[100_000..]] {
                let folded = Folded::new(part, SAMPLE_RATE);
                scores.extend((100..200).map(|key| folded.score(MarkKey(key))));
                scores.push(folded.score(MarkKey::default()));
            }
        }
        // Neither are noise and a buzz, whose tones are some of the mark's.
        let buzz = (0..240_000).map(|n| if n % 480 == 0 { 0.5 } else { 0.0 }).collect();
        for sound in [noise(240_000, 9), buzz] {
            let folded = Folded::new(&sound, SAMPLE_RATE);
            scores.extend((100..200).map(|key| folded.score(MarkKey(key))));
        }
        scores.sort_by(f32::total_cmp);
        println!("median {:.2}, highest {:.2} of {}", scores[scores.len() / 2], scores[scores.len() - 1], scores.len());
        assert!(scores[scores.len() - 1] < MARKED - 1.0, "{:?}", &scores[scores.len() - 5..]);
        for hushed in [&[][..], &[0.0; 100][..], &[0.0; 100_000][..]] {
            assert_eq!(detect(hushed, SAMPLE_RATE, KEY), 0.0);
        }
    }

    #[test]
    fn the_mark_is_soft_and_only_where_there_is_speech() {
        for name in ["af_heart", "am_adam"] {
            let (plain, marked) = (speech(name, 5.0), marked(name, 5.0));
            let added: Vec<f32> = marked.iter().zip(&plain).map(|(marked, plain)| marked - plain).collect();
            let ratio = 10.0 * (power(&added) / power(&plain)).log10();
            println!("{name}: {ratio:.1} dB");
            assert!((-40.0..-30.0).contains(&ratio), "{name}: {ratio}");
        }
        let mut silence = vec![0.0; 10_000];
        mark(&mut silence, SAMPLE_RATE, KEY);
        assert!(silence.iter().all(|sample| *sample == 0.0));
        // After speech it is gone within the time in which the speech itself rings on.
        let mut ending = speech("af_heart", 1.0);
        ending.resize(ending.len() + 48_000, 0.0);
        mark(&mut ending, SAMPLE_RATE, KEY);
        assert!(power(&ending[48_000 + 12_000..]) < 1e-12);
    }

    #[test]
    fn blocks_of_any_length_are_marked_as_the_whole() {
        let whole = marked("am_adam", 1.0);
        let mut marker = Marker::new(KEY, SAMPLE_RATE).expect("a usual rate");
        let mut pieces = speech("am_adam", 1.0);
        let mut rest = &mut pieces[..];
        for length in [1, 1_600, 7, 960].into_iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, after) = rest.split_at_mut(length.min(rest.len()));
            marker.mark(piece);
            rest = after;
        }
        assert_eq!(pieces, whole);
    }

    #[test]
    fn pieces_with_gaps_are_one_mark_if_they_keep_their_place() {
        let pieces = ["af_heart", "am_adam", "af_heart", "am_adam"];
        let score = |keeps_place: bool| {
            let mut stream = Vec::new();
            for name in pieces {
                let mut piece = speech(name, 0.9);
                let mut marker = Marker::new(KEY, SAMPLE_RATE).expect("a usual rate");
                if keeps_place {
                    marker.seek(stream.len() as u64);
                }
                marker.mark(&mut piece);
                stream.extend(piece);
                stream.resize(stream.len() + 13_337, 0.0);
            }
            detect(&stream, SAMPLE_RATE, KEY)
        };
        let (kept, lost) = (score(true), score(false));
        println!("kept {kept:.1}, lost {lost:.1}");
        assert!(kept > MARKED && kept > lost, "{kept} {lost}");
    }

    #[test]
    fn usual_rates_are_marked_and_found() {
        for rate in [16_000, 22_050, 24_000, 44_100, 48_000] {
            let mut sound = resample(&speech("af_heart", 4.0), SAMPLE_RATE, rate);
            mark(&mut sound, rate, KEY);
            let score = detect(&sound, rate, KEY);
            assert!(score >= MARKED, "{rate}: {score}");
        }
        for rate in [0, 8_000, 44_101] {
            assert!(Marker::new(KEY, rate).is_none(), "{rate}");
            let mut sound = vec![0.5; 100];
            mark(&mut sound, rate, KEY);
            assert_eq!(sound, [0.5; 100]);
        }
    }
}
