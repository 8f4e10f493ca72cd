//! From latents, one for each code, to the decoder's frames: stretched by linear interpolation to 93.75 a second.
//!
//! Source: `HifiDecoder.forward` in `TTS/tts/layers/xtts/hifigan_decoder.py` and `Xtts.inference` (speed) of
//! idiap/coqui-ai-TTS; places between points as `torch.nn.functional.interpolate` has them, which takes the middle of a
//! point for its place. It is done here and not in the graph, so that a frame is the same whether it is computed with all
//! others or with its neighbours alone.

use std::ops::Range;

use crate::numbers::DecoderNumbers;

/// The stretching steps, each by a factor.
#[derive(Clone, Debug)]
pub(crate) struct Stretch {
    factors: Vec<f64>,
    channels: usize,
}

impl Stretch {
    /// For latents of `channels` numbers, spoken `speed` times as fast as they are.
    pub fn new(numbers: &DecoderNumbers, channels: usize, speed: f32) -> Self {
        let mut factors = Vec::new();
        if speed != 1.0 {
            factors.push(1.0 / f64::from(speed));
        }
        factors.push(numbers.stride as f64 / numbers.hop as f64);
        if numbers.input_rate != numbers.output_rate {
            factors.push(f64::from(numbers.output_rate) / f64::from(numbers.input_rate));
        }
        Self { factors, channels }
    }

    /// How many points there are before the first step and after each.
    fn lengths(&self, latents: usize) -> Vec<usize> {
        let mut lengths = vec![latents];
        for factor in &self.factors {
            lengths.push((lengths[lengths.len() - 1] as f64 * factor) as usize);
        }
        lengths
    }

    /// How many frames latents become.
    pub fn count(&self, latents: usize) -> usize {
        self.lengths(latents).last().copied().unwrap_or_default()
    }

    /// Some of the frames that latents (in rows, one after the other) become: for each channel its numbers in all of
    /// those frames.
    pub fn frames(&self, latents: &[f32], range: Range<usize>) -> Vec<f32> {
        let lengths = self.lengths(latents.len() / self.channels);
        let count = range.len();
        let mut frames = vec![0.0; self.channels * count];
        for (column, frame) in range.enumerate() {
            for (latent, share) in self.parts(&lengths, frame) {
                let latent = &latents[latent * self.channels..][..self.channels];
                for (channel, value) in latent.iter().enumerate() {
                    frames[channel * count + column] += share * value;
                }
            }
        }
        frames
    }

    /// The latents that a frame is made of, and how much of each.
    fn parts(&self, lengths: &[usize], frame: usize) -> Vec<(usize, f32)> {
        let mut parts = vec![(frame, 1.0)];
        for (step, factor) in self.factors.iter().enumerate().rev() {
            let (from, to) = (lengths[step], lengths[step + 1]);
            let between = |(place, share): (usize, f32)| {
                if from == to {
                    return [(place, share), (place, 0.0)];
                }
                let place = ((place as f64 + 0.5) / factor - 0.5).max(0.0);
                let first = (place as usize).min(from - 1);
                let second = (first + 1).min(from - 1);
                let rest = (place - first as f64) as f32;
                [(first, share * (1.0 - rest)), (second, share * rest)]
            };
            parts = parts.into_iter().flat_map(between).filter(|(_, share)| *share > 0.0).collect();
        }
        parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Tensors;

    const NUMBERS: DecoderNumbers = DecoderNumbers { input_rate: 22_050, output_rate: 24_000, stride: 1024, hop: 256 };

    #[test]
    fn frames_are_those_of_the_reference() {
        let latents = Tensors::load("speech").f32("greeting.latents");
        let decoder = Tensors::load("decoder");
        let stretch = Stretch::new(&NUMBERS, 32, 1.0);
        let count = stretch.count(latents.len() / 32);
        let whole = stretch.frames(&latents, 0..count);
        let worst = decoder.farthest("frames", &whole);
        assert!(worst < 1e-4, "{worst}");
        // A part of them is the same to the bit.
        let part = stretch.frames(&latents, 20..35);
        for channel in 0..32 {
            assert_eq!(part[channel * 15..][..15], whole[channel * count + 20..][..15]);
        }
    }

    #[test]
    fn a_second_has_as_many_frames_as_the_rate_says() {
        let cases = [
            (1, 1.0, 4),
            (2, 1.0, 8),
            (3, 1.0, 13),
            (147, 1.0, 640),
            (602, 1.0, 2620),
            (100, 2.0, 217),
            (100, 0.5, 870),
        ];
        for (latents, speed, expected) in cases {
            assert_eq!(Stretch::new(&NUMBERS, 1, speed).count(latents), expected, "{latents} at {speed}");
        }
        // A ramp stays one, at the pace that the speed says.
        let ramp: Vec<f32> = (0..100).map(|n| n as f32).collect();
        let frames = Stretch::new(&NUMBERS, 1, 2.0).frames(&ramp, 50..150);
        let pace = 2.0 / 4.0 / (24_000.0 / 22_050.0);
        assert!(frames.windows(2).all(|pair| (pair[1] - pair[0] - pace).abs() < 1e-3), "{frames:?}");
    }
}
