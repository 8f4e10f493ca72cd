//! What a character is painted of in a tick, and how one way of painting it fades into another. Pure.

use std::sync::Arc;

/// A whole picture over what is below it.
#[derive(Clone, Debug)]
pub struct Sheet {
    /// The stage's width and height, premultiplied sRGB.
    pub picture: Arc<[u8]>,
    /// How much of what is below it replaces, 0..=1.
    pub share: f32,
}

/// What a character is painted of, from below: the mesh warp, if it can be seen, and pictures.
#[derive(Clone, Debug)]
pub struct Look {
    /// Whether the warp can be seen.
    pub warp: bool,
    /// Pictures over it.
    pub sheets: Vec<Sheet>,
}

impl Default for Look {
    fn default() -> Self {
        Self::warp()
    }
}

impl Look {
    /// The warp alone.
    pub const fn warp() -> Self {
        Self { warp: true, sheets: Vec::new() }
    }

    /// The picture that covers everything, if one does.
    pub fn covering(&self) -> Option<&Sheet> {
        self.sheets.last().filter(|sheet| sheet.share >= 1.0)
    }
}

/// What shows, and what of the one before still does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crossfade {
    shown: usize,
    before: usize,
    /// Ticks until nothing of the one before shows.
    left: u32,
    /// Ticks of a whole fade.
    ticks: u32,
}

impl Crossfade {
    /// `rung` shows. A fade takes `ticks`.
    pub const fn new(rung: usize, ticks: u32) -> Self {
        Self { shown: rung, before: rung, left: 0, ticks }
    }

    /// What shows, or is about to.
    pub const fn shown(&self) -> usize {
        self.shown
    }

    /// Whether a fade is under way.
    pub const fn is_running(&self) -> bool {
        self.left > 0
    }

    /// Whether something of a rung is seen.
    pub const fn sees(&self, rung: usize) -> bool {
        rung == self.shown || self.left > 0 && rung == self.before
    }

    /// Another rung is to show. A fade that is under way turns back if it goes back to where it came from; if it goes on to a
    /// third one, that takes the place of what is seen less.
    pub const fn turn_to(&mut self, rung: usize) {
        if rung == self.shown {
            return;
        }
        if self.left > 0 && rung == self.before {
            (self.shown, self.before) = (rung, self.shown);
            self.left = self.ticks - self.left;
            return;
        }
        if self.left * 2 <= self.ticks {
            self.before = self.shown;
        }
        (self.shown, self.left) = (rung, self.ticks);
    }

    /// How much of the one before shows in the frame that is drawn now: eases from 1 to 0. Goes a tick further.
    pub fn step(&mut self) -> f32 {
        let left = self.left as f32 / (self.ticks + 1) as f32;
        self.left = self.left.saturating_sub(1);
        left * left * (3.0 - 2.0 * left)
    }

    /// What is painted when `before` of the one before shows. `picture` gives the picture of a rung; where there is none, it
    /// is the warp.
    pub fn look(&self, before: f32, picture: impl Fn(usize) -> Option<Arc<[u8]>>) -> Look {
        let shown = picture(self.shown);
        let last = (before > 0.0).then(|| picture(self.before));
        let mut look = Look { warp: shown.is_none() || matches!(last, Some(None)), sheets: Vec::new() };
        match (last, shown) {
            (None, Some(picture)) => look.sheets.push(Sheet { picture, share: 1.0 }),
            (None | Some(None), None) => {}
            (Some(None), Some(picture)) => look.sheets.push(Sheet { picture, share: 1.0 - before }),
            (Some(Some(picture)), None) => look.sheets.push(Sheet { picture, share: before }),
            (Some(Some(below)), Some(picture)) => {
                look.sheets.push(Sheet { picture: below, share: 1.0 });
                look.sheets.push(Sheet { picture, share: 1.0 - before });
            }
        }
        look
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The ground, of which there are no pictures.
    const GROUND: usize = 2;

    /// A number as a picture.
    fn picture(rung: usize) -> Option<Arc<[u8]>> {
        (rung != GROUND).then(|| Arc::from([rung as u8]))
    }

    /// Whether the warp is seen, and the sheets as rung and share in percent.
    fn seen(fade: &mut Crossfade) -> (bool, Vec<(u8, u32)>) {
        let before = fade.step();
        let look = fade.look(before, picture);
        (look.warp, look.sheets.iter().map(|sheet| (sheet.picture[0], (sheet.share * 100.0).round() as u32)).collect())
    }

    #[test]
    fn one_fades_into_the_other() {
        let check = |from: usize, to: usize, expected: [(bool, &[(u8, u32)]); 4]| {
            let mut fade = Crossfade::new(from, 3);
            fade.turn_to(to);
            for (tick, (warp, sheets)) in expected.into_iter().enumerate() {
                assert_eq!(seen(&mut fade), (warp, sheets.to_vec()), "{from} to {to}, tick {tick}");
            }
        };
        let up = [(true, &[(0, 16)][..]), (true, &[(0, 50)]), (true, &[(0, 84)]), (false, &[(0, 100)])];
        check(GROUND, 0, up);
        let down = [(true, &[(1, 84)][..]), (true, &[(1, 50)]), (true, &[(1, 16)]), (true, &[])];
        check(1, GROUND, down);
        let across = [
            (false, &[(0, 100), (1, 16)][..]),
            (false, &[(0, 100), (1, 50)]),
            (false, &[(0, 100), (1, 84)]),
            (false, &[(1, 100)]),
        ];
        check(0, 1, across);
        check(GROUND, GROUND, [(true, &[]); 4]);
    }

    #[test]
    fn a_fade_turns_back_without_a_jump() {
        let mut fade = Crossfade::new(GROUND, 5);
        fade.turn_to(0);
        let share = |fade: &mut Crossfade| seen(fade).1.first().map_or(0, |sheet| sheet.1);
        let mut shares = vec![share(&mut fade), share(&mut fade)];
        fade.turn_to(GROUND);
        shares.extend([(); 4].map(|()| share(&mut fade)));
        let steps: Vec<_> = shares.windows(2).map(|pair| pair[0].abs_diff(pair[1])).collect();
        assert!(steps.iter().all(|step| *step <= 30), "{shares:?}");
        assert_eq!(shares.last(), Some(&0), "{shares:?}");
    }

    #[test]
    fn a_third_takes_the_place_of_what_is_seen_less() {
        for (ticks, before) in [(1, GROUND), (5, 0)] {
            let mut fade = Crossfade::new(GROUND, 6);
            fade.turn_to(0);
            for _ in 0..ticks {
                fade.step();
            }
            fade.turn_to(1);
            assert_eq!((fade.shown(), fade.sees(before)), (1, true), "after {ticks} ticks");
        }
    }

    #[test]
    fn without_ticks_there_is_no_fade() {
        let mut fade = Crossfade::new(GROUND, 0);
        fade.turn_to(1);
        assert_eq!(seen(&mut fade), (false, vec![(1, 100)]));
    }
}
