//! Where in a recording somebody speaks, by the `earshot` network.

use earshot::Detector;

use crate::spectrogram::ENCODER_RATE;

/// Samples at 16 kHz that are judged at once: 16 ms.
pub(crate) const FRAME: usize = 256;
/// A frame with at least this score is voice.
const VOICE: f32 = 0.5;
/// Frames by which voice is widened on both sides: 0.1 s, so that soft beginnings and ends and short stops stay.
const WIDENED: usize = 6;

/// Seconds of a frame.
pub(crate) fn seconds(frames: usize) -> f32 {
    (frames * FRAME) as f32 / ENCODER_RATE as f32
}

/// Whether there is voice in each whole frame of a sound at 16 kHz.
pub(crate) fn voiced_frames(samples: &[f32]) -> Vec<bool> {
    let mut detector = Detector::default_boxed();
    samples.chunks_exact(FRAME).map(|frame| detector.predict_f32(frame) >= VOICE).collect()
}

/// Each frame that is voice or near to it.
pub(crate) fn widened(voiced: &[bool]) -> Vec<bool> {
    let near = |at: usize| {
        let from = at.saturating_sub(WIDENED);
        let to = (at + WIDENED + 1).min(voiced.len());
        voiced[from..to].contains(&true)
    };
    (0..voiced.len()).map(near).collect()
}

/// The sound without what is far from any voice. Sound in which there is none stays as it is.
pub(crate) fn voiced_only(samples: &[f32]) -> Vec<f32> {
    let keep = widened(&voiced_frames(samples));
    if !keep.contains(&true) {
        return samples.to_vec();
    }
    let frames = samples.chunks_exact(FRAME).zip(&keep).filter(|(_, keep)| **keep);
    frames.flat_map(|(frame, _)| frame).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_near_to_voice_is_kept() {
        for (voice, expected) in
            [(&[][..], 0..0), (&[20][..], 14..27), (&[2][..], 0..9), (&[38][..], 32..40), (&[10, 20][..], 4..27)]
        {
            let mut voiced = vec![false; 40];
            voice.iter().for_each(|at| voiced[*at] = true);
            let wide = widened(&voiced);
            let found: Vec<_> = (0..40).filter(|at| wide[*at]).collect();
            assert_eq!(found, expected.collect::<Vec<_>>(), "{voice:?}");
        }
    }

    #[test]
    fn sound_without_a_voice_stays() {
        let silence = vec![0.0; 10_000];
        assert_eq!(voiced_only(&silence), silence);
        assert!(voiced_only(&[]).is_empty());
    }
}
