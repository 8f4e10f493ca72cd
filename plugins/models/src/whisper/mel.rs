//! The mel filters of Whisper's spectrogram, and of the speaker encoder's (`plugins/cloning`): Slaney's scale with filters of
//! equal area, as `librosa.filters.mel` makes them (openai/whisper, whisper/audio.py: 16 kHz, a window of 400 samples, so 201
//! bins up to 8 kHz).

/// Frequency bins of a spectrum that [`mel_filters`](filters) weigh: 16 kHz, a window of 400 samples.
pub const BINS: usize = 201;
/// The highest frequency, in Hz.
const NYQUIST: f64 = 8000.0;

/// Slaney's scale is linear below this frequency (Hz), and logarithmic above.
const KNEE_HZ: f64 = 1000.0;
/// Hz in a mel of the linear part.
const LINEAR_HZ: f64 = 200.0 / 3.0;
/// The knee in mel.
const KNEE_MEL: f64 = KNEE_HZ / LINEAR_HZ;
/// The frequency grows by this factor in 27 mel of the logarithmic part.
const FACTOR_IN_27: f64 = 6.4;

fn mel(hz: f64) -> f64 {
    if hz < KNEE_HZ { hz / LINEAR_HZ } else { KNEE_MEL + (hz / KNEE_HZ).ln() / (FACTOR_IN_27.ln() / 27.0) }
}

fn hz(mel: f64) -> f64 {
    if mel < KNEE_MEL { mel * LINEAR_HZ } else { KNEE_HZ * (FACTOR_IN_27.ln() / 27.0 * (mel - KNEE_MEL)).exp() }
}

/// Mel filters: `bands` of them, one after the other, each of [`BINS`] weights. Rounded twice to 32 bits, before and after the
/// scaling to equal area, as the original is.
pub fn filters(bands: usize) -> Vec<f32> {
    let top = mel(NYQUIST);
    let step = top / (bands + 1) as f64;
    // The last edge is the top itself, not what the rounded steps add up to.
    let inner = (0..=bands).map(|index| index as f64 * step);
    let edges: Vec<f64> = inner.chain([top]).map(hz).collect();
    let mut filters = Vec::with_capacity(bands * BINS);
    for edge in edges.windows(3) {
        let scale = 2.0 / (edge[2] - edge[0]);
        for bin in 0..BINS {
            let frequency = NYQUIST * bin as f64 / (BINS - 1) as f64;
            let rising = (frequency - edge[0]) / (edge[1] - edge[0]);
            let falling = (edge[2] - frequency) / (edge[2] - edge[1]);
            let height = rising.min(falling).max(0.0) as f32;
            filters.push((f64::from(height) * scale) as f32);
        }
    }
    filters
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_bends_at_1_khz() {
        for (frequency, expected) in [(0.0, 0.0), (500.0, 7.5), (1000.0, 15.0), (6400.0, 42.0)] {
            assert!((mel(frequency) - expected).abs() < 1e-9, "{frequency}");
            assert!((hz(expected) - frequency).abs() < 1e-9, "{expected}");
        }
    }

    #[test]
    fn filters_have_equal_area_and_known_values() {
        let filters = filters(80);
        assert_eq!(filters.len(), 80 * BINS);
        let area = |band: usize| filters[band * BINS..][..BINS].iter().sum::<f32>() * 40.0;
        // Wide filters are sampled well enough for their area to be seen: 1 by construction.
        for band in 60..80 {
            assert!((area(band) - 1.0).abs() < 0.02, "{band}: {}", area(band));
        }
        // From the published mel_filters.npz of openai/whisper.
        assert_eq!(filters[1], 0.024_862_595);
        assert_eq!((filters[0], filters[80 * BINS - 1]), (0.0, 0.0));
    }
}
