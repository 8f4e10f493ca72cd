//! Sound piece by piece while its codes are still being made: which frames to decode, and how pieces are joined.
//!
//! The decoder looks at frames on both sides of the one it makes sound of, so a piece is decoded with what was before and
//! what comes after. Once enough of both is there, the sound is the same as if all had been decoded at once. Where two
//! pieces meet they are faded into each other all the same, so that nothing clicks whatever the runtime rounds. (The
//! reference, `Xtts.handle_chunks`, decodes everything anew for each piece and fades over 1024 samples.)

use std::ops::Range;

/// Frames on each side that the decoder's sound depends on: 13.3 by the widths of its convolutions (3 of the first, and
/// at each of its four rates 60 points of the widest residual block and one of the upsampling), rounded up.
const REACH: usize = 14;
/// Frames over which two pieces are faded: 43 ms, as the reference has it.
const OVERLAP: usize = 4;
/// Frames at the end that still change when more latents come: interpolation holds the last latent.
const UNSETTLED: usize = 3;
/// Frames at the end that are decoded and not yet heard: 0.22 s.
const HELD: usize = UNSETTLED + REACH + OVERLAP;

/// Frames to decode, and what is new in them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    /// The frames to decode.
    pub frames: Range<usize>,
    /// Those whose sound has not been heard.
    pub new: Range<usize>,
}

/// Joins the sound of windows.
#[derive(Debug, Default)]
pub(crate) struct Joiner {
    /// Samples of a frame.
    hop: usize,
    /// Frames that were heard.
    heard: usize,
    /// The sound after them as the last window had it.
    fading: Vec<f32>,
}

impl Joiner {
    pub fn new(hop: usize) -> Self {
        Self { hop, ..Self::default() }
    }

    /// What to decode when there are `frames` in all so far; `last` says that no more will come.
    pub fn window(&self, frames: usize, last: bool) -> Option<Window> {
        let end = if last { frames } else { frames.saturating_sub(HELD) };
        (end > self.heard).then(|| Window { frames: self.heard.saturating_sub(REACH)..frames, new: self.heard..end })
    }

    /// What is to be heard next, from the sound of a window's frames.
    pub fn join(&mut self, Window { frames, new }: &Window, sound: &[f32]) -> Vec<f32> {
        let at = |frame: usize| ((frame - frames.start) * self.hop).min(sound.len());
        let mut heard = sound[at(new.start)..at(new.end)].to_vec();
        let steps = self.fading.len() as f32;
        for (n, (value, before)) in heard.iter_mut().zip(&self.fading).enumerate() {
            let share = (n as f32 + 0.5) / steps;
            *value = *value * share + before * (1.0 - share);
        }
        self.fading = sound[at(new.end)..at((new.end + OVERLAP).min(frames.end))].to_vec();
        self.heard = new.end;
        heard
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOP: usize = 8;

    /// A decoder that looks as far as the true one, at frames that are numbers: the mean of all that it sees, changing
    /// within a frame.
    fn decode(frames: Range<usize>, all: &[f32]) -> Vec<f32> {
        let sample = |frame: usize, n: usize| {
            let seen = frame.saturating_sub(REACH).max(frames.start)..(frame + REACH + 1).min(frames.end);
            all[seen.clone()].iter().sum::<f32>() / (2 * REACH + 1) as f32 + n as f32 * all[frame] / HOP as f32
        };
        frames.clone().flat_map(|frame| (0..HOP).map(move |n| (frame, n))).map(|(frame, n)| sample(frame, n)).collect()
    }

    #[test]
    fn pieces_are_what_the_whole_is() {
        let all: Vec<f32> = (0..300).map(|n| (n as f32 * 0.37).sin()).collect();
        let whole = decode(0..300, &all);
        for step in [1, 7, 50, 87, 299, 300] {
            let mut joiner = Joiner::new(HOP);
            let mut sound = Vec::new();
            let mut pieces = 0;
            for frames in (step..300).step_by(step).chain([300]) {
                let Some(window) = joiner.window(frames, frames == 300) else { continue };
                assert!(window.frames.len() <= REACH + step + HELD + REACH, "{window:?}");
                sound.extend(joiner.join(&window, &decode(window.frames.clone(), &all)));
                pieces += 1;
            }
            assert_eq!(sound.len(), whole.len(), "{step}");
            assert!(pieces > 1 || step > 270, "{step}");
            let worst = sound.iter().zip(&whole).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst < 1e-5, "{step}: {worst}");
            assert_eq!(joiner.window(300, true), None, "nothing is left");
        }
    }

    #[test]
    fn where_pieces_differ_they_are_faded() {
        let mut joiner = Joiner::new(HOP);
        let first = joiner.window(HELD + 10, false).expect("ten frames are settled");
        assert_eq!(first.new, 0..10);
        joiner.join(&first, &vec![1.0; first.frames.len() * HOP]);
        let second = joiner.window(HELD + 30, true).expect("the rest");
        // The second decoding is another sound altogether: it comes in slowly.
        let sound = joiner.join(&second, &vec![0.0; second.frames.len() * HOP]);
        assert_eq!(sound.len(), (HELD + 20) * HOP);
        let jump = std::iter::once(&1.0).chain(&sound).zip(&sound).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(jump < 2.0 / (OVERLAP * HOP) as f32, "{jump}");
        assert!(sound[OVERLAP * HOP..].iter().all(|&value| value == 0.0));
    }

    #[test]
    fn too_little_is_waited_for() {
        let joiner = Joiner::new(HOP);
        assert_eq!(joiner.window(HELD, false), None);
        assert_eq!(joiner.window(0, true), None);
        assert_eq!(joiner.window(1, true), Some(Window { frames: 0..1, new: 0..1 }));
    }
}
