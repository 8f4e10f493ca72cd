//! The mouth of a mixture of visemes.

use visage_core::{FacePose, VISEMES, Viseme, VisemeWeights, viseme_mouth};

/// The mouth of a mixture of visemes. Weights in 0..=1; shapes are summed and stay in 0..=1.
///
/// A closure wins over an open jaw: what PP takes, the jaw does not have, so that lips that close are closed.
pub fn mouth_pose(weights: &VisemeWeights) -> FacePose {
    let mut pose = FacePose::default();
    for viseme in VISEMES {
        for (shape, amount) in viseme_mouth(viseme) {
            pose[*shape] += amount * weights[viseme];
        }
    }
    let open = 1.0 - weights[Viseme::PP].clamp(0.0, 1.0);
    use visage_core::Blendshape::*;
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
    use visage_core::Blendshape;

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
}
