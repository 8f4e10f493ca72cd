//! What the retargeting networks say, brought into the motion: the lids of each eye by themselves, and no jump where
//! they leave the portrait's own opening.

use crate::{
    keypoints::each,
    motion::{KEYPOINTS, Keypoints},
};

/// Keypoints beside the upper lids, one for each eye (KwaiVGI/LivePortrait, `src/gradio_pipeline.py`: gaze, wink).
const EYES: [usize; 2] = [11, 15];
/// Eyes nearer to each other than this (canonical units) cannot be told apart.
const LEAST_APART: f32 = 1e-3;

/// How much each keypoint belongs to the eye on the left of the picture, the character's right one: 1 beside that eye,
/// 0 beside the other, in between by its place.
pub(crate) fn right_eye_shares(canonical: &Keypoints) -> [f32; KEYPOINTS] {
    let [a, b] = EYES.map(|point| canonical[point][0]);
    let (left_of_picture, right_of_picture) = (a.min(b), a.max(b));
    let apart = right_of_picture - left_of_picture;
    if apart < LEAST_APART {
        return [0.5; KEYPOINTS];
    }
    canonical.map(|[x, ..]| ((right_of_picture - x) / apart).clamp(0.0, 1.0))
}

/// What to add so that one eye (the character's right) and the other are open by `open` (1 as in the portrait, 0 closed).
/// `delta` is what the network says for that share of both eyes' own ratio, `at_rest` what it says for the ratio itself:
/// were that not taken away, the eyes would jump where they begin to close. A closed eye is what the network says.
pub(crate) fn eyes(
    shares: &[f32; KEYPOINTS],
    open: [f32; 2],
    delta: [&Keypoints; 2],
    at_rest: &Keypoints,
) -> Keypoints {
    each(|point, axis| {
        let of = |side: usize| delta[side][point][axis] - open[side] * at_rest[point][axis];
        shares[point] * of(0) + (1.0 - shares[point]) * of(1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A face whose keypoint 11 is on the left of the picture, or on the right.
    fn canonical(side: f32) -> Keypoints {
        let mut canonical = [[0.0; 3]; KEYPOINTS];
        canonical[11][0] = -0.2 * side;
        canonical[15][0] = 0.2 * side;
        canonical[13][0] = -0.3 * side;
        canonical[5][0] = 0.1;
        canonical
    }

    #[test]
    fn keypoints_belong_to_the_eye_that_they_are_near() {
        let check = |side: f32, expected: [(usize, f32); 5]| {
            let shares = right_eye_shares(&canonical(side));
            for (point, share) in expected {
                assert!((shares[point] - share).abs() < 1e-6, "{side}, {point}: {}", shares[point]);
            }
        };
        check(1.0, [(11, 1.0), (15, 0.0), (13, 1.0), (0, 0.5), (5, 0.25)]);
        check(-1.0, [(11, 0.0), (15, 1.0), (13, 0.0), (0, 0.5), (5, 0.25)]);
        check(0.0, [(11, 0.5), (15, 0.5), (13, 0.5), (0, 0.5), (5, 0.5)]);
    }

    #[test]
    fn closed_is_what_the_network_says_and_open_is_nothing() {
        let shares = right_eye_shares(&canonical(1.0));
        let (one, two, rest) = ([[1.0; 3]; KEYPOINTS], [[2.0; 3]; KEYPOINTS], [[0.5; 3]; KEYPOINTS]);
        let check = |open: [f32; 2], delta: [&Keypoints; 2], right: f32, middle: f32, left: f32| {
            let found = eyes(&shares, open, delta, &rest);
            assert_eq!([found[11][1], found[0][1], found[15][1]], [right, middle, left], "{open:?}");
        };
        check([0.0; 2], [&one, &one], 1.0, 1.0, 1.0);
        check([1.0; 2], [&rest, &rest], 0.0, 0.0, 0.0);
        check([0.0, 1.0], [&two, &rest], 2.0, 1.0, 0.0);
        check([1.0, 0.5], [&rest, &one], 0.0, 0.375, 0.75);
    }
}
