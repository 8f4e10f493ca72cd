//! Change of sample rate, mono, by the FFT resampler of `rubato`: for whole clips and for streams.

use rubato::{Fft, FixedSync, Resampler as _, audioadapter_buffers::direct::InterleavedSlice};

/// Input samples that a streaming resampler works on at once: 10 ms at 48 kHz.
const CHUNK: usize = 480;
/// Input samples that a clip is cut into.
const CLIP_CHUNK: usize = 4096;
const ONE_CHANNEL: usize = 1;

/// A whole clip at another rate. The length is `samples.len() * to / from`, rounded up.
///
/// # Panics
/// Never for rates above zero; a rate of zero is a bug of the caller.
pub fn resample(samples: &[f32], from: u32, to: u32) -> Vec<f32> {
    if from == to || samples.is_empty() {
        return samples.to_vec();
    }
    let mut resampler = Fft::<f32>::new(from as usize, to as usize, CLIP_CHUNK, ONE_CHANNEL, FixedSync::Both)
        .expect("the rates are not zero");
    let input = InterleavedSlice::new(samples, ONE_CHANNEL, samples.len()).expect("the length is the slice's own");
    let output = resampler.process_all(&input, samples.len(), None).expect("the buffers are the resampler's own");
    output.take_data()
}

/// A stream at another rate. It delays the sound by about 10 ms.
pub struct StreamResampler {
    /// `None` when both rates are the same.
    resampler: Option<Fft<f32>>,
    waiting: Vec<f32>,
    chunk: Vec<f32>,
}

impl StreamResampler {
    /// A resampler from one rate to another, both above zero.
    ///
    /// # Panics
    /// Never for rates above zero; a rate of zero is a bug of the caller.
    pub fn new(from: u32, to: u32) -> Self {
        let resampler = (from != to).then(|| {
            Fft::<f32>::new(from as usize, to as usize, CHUNK, ONE_CHANNEL, FixedSync::Both)
                .expect("the rates are not zero")
        });
        let longest = resampler.as_ref().map_or(0, |resampler| resampler.output_frames_max());
        Self { resampler, waiting: Vec::with_capacity(CHUNK * 8), chunk: vec![0.0; longest] }
    }

    /// Takes samples in and appends what is ready to `out`.
    pub fn push(&mut self, samples: &[f32], out: &mut Vec<f32>) {
        let Some(resampler) = &mut self.resampler else {
            out.extend_from_slice(samples);
            return;
        };
        self.waiting.extend_from_slice(samples);
        let mut used = 0;
        while self.waiting.len() - used >= resampler.input_frames_next() {
            let frames = resampler.input_frames_next();
            let input = InterleavedSlice::new(&self.waiting[used..used + frames], ONE_CHANNEL, frames)
                .expect("the length is the slice's own");
            let room = self.chunk.len();
            let mut output =
                InterleavedSlice::new_mut(&mut self.chunk, ONE_CHANNEL, room).expect("the length is the buffer's own");
            let (read, written) =
                resampler.process_into_buffer(&input, &mut output, None).expect("both buffers are long enough");
            out.extend_from_slice(&self.chunk[..written]);
            used += read;
        }
        self.waiting.drain(..used);
    }
}

#[cfg(test)]
mod tests {
    use std::f32::consts::TAU;

    use super::*;

    fn tone(hertz: f32, rate: u32, seconds: f32) -> Vec<f32> {
        (0..(rate as f32 * seconds) as usize).map(|n| 0.5 * (TAU * hertz * n as f32 / rate as f32).sin()).collect()
    }

    fn crossings(samples: &[f32]) -> usize {
        samples.windows(2).filter(|pair| pair[0] < 0.0 && pair[1] >= 0.0).count()
    }

    #[test]
    fn a_clip_keeps_its_length_and_its_tone() {
        for (from, to) in [(22_050, 48_000), (48_000, 16_000), (44_100, 48_000), (16_000, 16_000)] {
            let out = resample(&tone(440.0, from, 1.0), from, to);
            assert!(out.len().abs_diff(to as usize) <= 1, "{from} to {to}: {}", out.len());
            assert!(crossings(&out).abs_diff(440) <= 2, "{from} to {to}: {} Hz", crossings(&out));
        }
    }

    #[test]
    fn a_stream_in_odd_pieces_gives_the_same_tone() {
        let mut resampler = StreamResampler::new(44_100, 48_000);
        let mut out = Vec::new();
        for piece in tone(440.0, 44_100, 2.0).chunks(317) {
            resampler.push(piece, &mut out);
        }
        assert!(out.len().abs_diff(96_000) < 2_000, "{}", out.len());
        // The first samples are the resampler's delay: silence, but for rounding.
        let sound = &out[2_000..];
        assert!(crossings(sound).abs_diff(861) <= 3, "{}", crossings(sound));
    }
}
