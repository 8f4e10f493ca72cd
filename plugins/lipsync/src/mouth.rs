//! What each viseme looks like, in ARKit's blendshapes.
//!
//! Shapes were chosen after the pictures of Oculus' viseme reference and Apple's pictures of each blendshape. Every
//! viseme differs from every other in at least one shape that can be seen from the front (tested).

use visage_core::{Blendshape, FacePose, VISEMES, Viseme, VisemeWeights};

/// The blendshapes of a viseme at full strength.
pub fn mouth(viseme: Viseme) -> &'static [(Blendshape, f32)] {
    use Blendshape::*;
    match viseme {
        Viseme::Sil => &[],
        // Lips pressed together, rolled in a little; the jaw is up.
        Viseme::PP => &[(MouthPressLeft, 0.5), (MouthPressRight, 0.5), (MouthRollLower, 0.28), (MouthRollUpper, 0.22)],
        // The lower lip under the upper teeth, the upper lip raised off it.
        Viseme::FF => &[
            (JawOpen, 0.06),
            (MouthRollLower, 0.75),
            (MouthUpperUpLeft, 0.35),
            (MouthUpperUpRight, 0.35),
            (MouthShrugLower, 0.2),
        ],
        // The tongue's tip between parted teeth.
        Viseme::TH => &[
            (JawOpen, 0.2),
            (TongueOut, 0.35),
            (MouthUpperUpLeft, 0.15),
            (MouthUpperUpRight, 0.15),
            (MouthLowerDownLeft, 0.25),
            (MouthLowerDownRight, 0.25),
        ],
        // Teeth nearly together, both rows to be seen.
        Viseme::DD => &[
            (JawOpen, 0.14),
            (MouthLowerDownLeft, 0.35),
            (MouthLowerDownRight, 0.35),
            (MouthUpperUpLeft, 0.18),
            (MouthUpperUpRight, 0.18),
        ],
        // The back of the tongue closes, the lips are loose.
        Viseme::Kk => &[
            (JawOpen, 0.22),
            (MouthLowerDownLeft, 0.15),
            (MouthLowerDownRight, 0.15),
            (MouthStretchLeft, 0.1),
            (MouthStretchRight, 0.1),
        ],
        // Lips pushed forward and open like a trumpet, teeth together.
        Viseme::CH => &[
            (JawOpen, 0.1),
            (MouthFunnel, 0.65),
            (MouthPucker, 0.25),
            (MouthLowerDownLeft, 0.15),
            (MouthLowerDownRight, 0.15),
        ],
        // Teeth together, lips spread.
        Viseme::SS => &[
            (JawOpen, 0.05),
            (MouthStretchLeft, 0.4),
            (MouthStretchRight, 0.4),
            (MouthLowerDownLeft, 0.3),
            (MouthLowerDownRight, 0.3),
            (MouthUpperUpLeft, 0.2),
            (MouthUpperUpRight, 0.2),
        ],
        // The tongue behind the upper teeth: a little more open than t and d.
        Viseme::Nn => &[
            (JawOpen, 0.19),
            (MouthLowerDownLeft, 0.22),
            (MouthLowerDownRight, 0.22),
            (MouthUpperUpLeft, 0.1),
            (MouthUpperUpRight, 0.1),
        ],
        // Corners drawn in, lips slightly rounded.
        Viseme::RR => &[(JawOpen, 0.15), (MouthFunnel, 0.32), (MouthPucker, 0.3)],
        // Wide open.
        Viseme::Aa => &[
            (JawOpen, 0.65),
            (MouthLowerDownLeft, 0.25),
            (MouthLowerDownRight, 0.25),
            (MouthUpperUpLeft, 0.12),
            (MouthUpperUpRight, 0.12),
        ],
        // Half open and wide.
        Viseme::E => &[
            (JawOpen, 0.36),
            (MouthStretchLeft, 0.32),
            (MouthStretchRight, 0.32),
            (MouthLowerDownLeft, 0.22),
            (MouthLowerDownRight, 0.22),
            (MouthUpperUpLeft, 0.12),
            (MouthUpperUpRight, 0.12),
        ],
        // A wide slit, corners back.
        Viseme::I => &[
            (JawOpen, 0.17),
            (MouthSmileLeft, 0.28),
            (MouthSmileRight, 0.28),
            (MouthStretchLeft, 0.42),
            (MouthStretchRight, 0.42),
            (MouthLowerDownLeft, 0.25),
            (MouthLowerDownRight, 0.25),
            (MouthUpperUpLeft, 0.2),
            (MouthUpperUpRight, 0.2),
        ],
        // A round opening.
        Viseme::O => &[(JawOpen, 0.42), (MouthFunnel, 0.55), (MouthPucker, 0.35)],
        // A small round opening, lips far forward.
        Viseme::U => &[(JawOpen, 0.16), (MouthPucker, 0.8), (MouthFunnel, 0.3)],
    }
}

/// The mouth of a mixture of visemes. Weights in 0..=1; shapes are summed and stay in 0..=1.
///
/// A closure wins over an open jaw: what PP takes, the jaw does not have, so that lips that close are closed.
pub fn mouth_pose(weights: &VisemeWeights) -> FacePose {
    let mut pose = FacePose::default();
    for viseme in VISEMES {
        for (shape, amount) in mouth(viseme) {
            pose[*shape] += amount * weights[viseme];
        }
    }
    let open = 1.0 - weights[Viseme::PP].clamp(0.0, 1.0);
    use Blendshape::*;
    for shape in
        [JawOpen, MouthFunnel, MouthLowerDownLeft, MouthLowerDownRight, MouthUpperUpLeft, MouthUpperUpRight, TongueOut]
    {
        // Linear until half closed, then faster: the last millimetres of lips meet all at once.
        pose[shape] *= (open * 1.3).min(1.0);
    }
    pose.clamped()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(viseme: Viseme, weight: f32) -> FacePose {
        let mut weights = VisemeWeights::default();
        weights[viseme] = weight;
        mouth_pose(&weights)
    }

    #[test]
    fn every_mouth_can_be_told_from_every_other() {
        for (index, one) in VISEMES.into_iter().enumerate() {
            for other in VISEMES.into_iter().skip(index + 1) {
                let (a, b) = (only(one, 1.0), only(other, 1.0));
                let distance: f32 = a.shapes.iter().zip(&b.shapes).map(|(a, b)| (a - b).abs()).sum();
                assert!(distance > 0.3, "{one:?} and {other:?} differ by {distance} only");
            }
        }
    }

    #[test]
    fn lips_that_close_are_closed_whatever_else_is_said() {
        for other in VISEMES {
            let mut weights = VisemeWeights::default();
            weights[other] = 1.0;
            weights[Viseme::PP] = 1.0;
            let pose = mouth_pose(&weights);
            assert!(pose[Blendshape::JawOpen] < 1e-3 && pose[Blendshape::MouthLowerDownLeft] < 1e-3, "{other:?}");
        }
    }

    #[test]
    fn open_vowels_open_and_round_ones_round() {
        assert!(only(Viseme::Aa, 1.0)[Blendshape::JawOpen] >= 0.6);
        assert!(only(Viseme::O, 1.0)[Blendshape::MouthFunnel] > 0.5);
        assert!(only(Viseme::U, 1.0)[Blendshape::MouthPucker] > 0.7);
        assert_eq!(only(Viseme::Sil, 1.0), FacePose::default());
        let all = mouth_pose(&VisemeWeights([1.0; 15]));
        assert!(all.shapes.iter().all(|weight| (0.0..=1.0).contains(weight)));
    }

    #[test]
    fn only_the_mouth_moves() {
        for viseme in VISEMES {
            for (shape, amount) in mouth(viseme) {
                let index = *shape as u8;
                assert!(
                    (Blendshape::JawForward as u8..=Blendshape::MouthUpperUpRight as u8).contains(&index)
                        || *shape == Blendshape::TongueOut
                );
                assert!((0.0..=1.0).contains(amount));
            }
        }
    }
}
