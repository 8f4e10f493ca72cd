use std::fmt::Write as _;

use glam::{EulerRot, Mat3, Vec3};
use visage_core::{Emotion, HeadPose, VISEMES, Viseme, emotion_face, viseme_mouth};

use super::{
    response::seen,
    table::{Axis, LIMITS, Pattern, Source, WITHOUT_EFFECT, parts},
    *,
};
use crate::motion::{KEYPOINTS, Keypoints};

/// Keypoints of the mouth (`animation_region == "lip"` and the smile in KwaiVGI/LivePortrait).
const MOUTH: [usize; 6] = [3, 7, 14, 17, 19, 20];
/// Pixels of a crop of 512 for one unit, at the usual scale of 1.5.
const PIXELS: f32 = 256.0 * 1.5;

fn rest() -> Motion {
    Motion {
        rotation: [4.0, -3.0, 1.5],
        translation: [0.02, -0.04, 0.0],
        expression: [[0.001; 3]; KEYPOINTS],
        scale: 1.5,
        canonical: [[0.1; 3]; KEYPOINTS],
    }
}

fn expression() -> Expression {
    Expression::new(&rest(), Lids::Keypoints)
}

fn moved(shapes: &[(Blendshape, f32)]) -> Keypoints {
    expression().offset(&FacePose::of(shapes)).expression
}

fn both(shapes: &[Blendshape]) -> Keypoints {
    moved(&shapes.iter().map(|&shape| (shape, 1.0)).collect::<Vec<_>>())
}

/// Numbers between 0 and 1 that look random (splitmix64).
fn random(state: &mut u64) -> f32 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((z ^ (z >> 31)) >> 40) as f32 / (1u64 << 24) as f32
}

fn random_pose(state: &mut u64) -> FacePose {
    let mut pose = FacePose::default();
    for shape in BLENDSHAPES {
        pose[shape] = if random(state) < 0.4 { random(state) } else { 0.0 };
    }
    pose.head = HeadPose {
        yaw: random(state) - 0.5,
        pitch: random(state) - 0.5,
        roll: random(state) - 0.5,
        translation: [0; 3].map(|_| random(state) - 0.5),
    };
    pose
}

/// The same pose seen in a mirror.
fn mirrored(pose: &FacePose) -> FacePose {
    let mut out = pose.clone();
    for shape in BLENDSHAPES {
        let name = format!("{shape:?}");
        let other = match (name.strip_suffix("Left"), name.strip_suffix("Right")) {
            (Some(base), _) => format!("{base}Right"),
            (_, Some(base)) => format!("{base}Left"),
            _ => name,
        };
        let other =
            BLENDSHAPES.into_iter().find(|shape| format!("{shape:?}") == other).expect("each side has its other");
        out[other] = pose[shape];
    }
    out.head.yaw *= -1.0;
    out.head.roll *= -1.0;
    out.head.translation[0] *= -1.0;
    out
}

/// The same movement seen in a mirror. Keypoints of the eyes (11 and 15, 13 and 16), the cheeks (3 and 7, heights only)
/// and the brows (1 and 2, sideways only) are mirror images: that is where they lie in the published templates, and what
/// the published sliders do with them. 17, 19 and 20 lie in the middle. What is left (heights of 1 and 2, 7 sideways,
/// 14) moves in the published sliders and in the videos with both sides at once.
fn mirrored_movement(from: &Keypoints) -> Keypoints {
    let mut to = *from;
    for (a, b) in [(1, 2), (11, 15), (13, 16)] {
        (to[a][0], to[b][0]) = (-from[b][0], -from[a][0]);
    }
    for (a, b) in [(3, 7), (11, 15), (13, 16)] {
        (to[a][1], to[b][1]) = (from[b][1], from[a][1]);
    }
    for middle in [17, 19, 20] {
        to[middle][0] = -from[middle][0];
    }
    to
}

/// Distance in pixels of a usual crop.
fn apart(a: &Keypoints, b: &Keypoints, points: impl IntoIterator<Item = usize>) -> f32 {
    let square = |point: usize| (0..3).map(|axis| (a[point][axis] - b[point][axis]).powi(2)).sum::<f32>();
    points.into_iter().map(square).sum::<f32>().sqrt() * PIXELS
}

fn check_close(found: &[f32], wanted: &[f32], error: f32, what: &str) {
    for (found, wanted) in found.iter().zip(wanted) {
        assert!((found - wanted).abs() <= error, "{what}: {found} is not {wanted}");
    }
}

#[test]
fn rest_is_exactly_rest() {
    for lids in [Lids::Keypoints, Lids::Retargeting] {
        let offset = Expression::new(&rest(), lids).offset(&FacePose::default());
        assert_eq!(offset, Offset::default());
    }
}

#[test]
fn every_shape_moves_something_or_is_known_not_to() {
    for shape in BLENDSHAPES {
        let still = WITHOUT_EFFECT.iter().find(|(listed, _)| *listed == shape);
        let jaw = (JawOpen, if shape == MouthClose { 1.0 } else { 0.0 });
        let far = apart(&moved(&[jaw, (shape, 1.0)]), &moved(&[jaw]), 0..KEYPOINTS);
        match still {
            Some((_, reason)) => {
                assert_eq!(far, 0.0, "{shape:?}");
                assert!(!reason.is_empty() && parts(shape).is_empty(), "{shape:?}");
            }
            // A pixel: ten times the noise of the motion extractor (0.03 to 0.10 a coordinate, from second differences
            // over the published templates).
            None => assert!(far > 1.0, "{shape:?} moves the keypoints by {far} pixels only"),
        }
    }
}

#[test]
fn the_face_moves_as_far_as_on_the_mesh() {
    // Shapes, what is measured, how far the mesh moves it (plugins/warp/src/fields.rs, eyeball.rs; an eye of 0.2), and
    // the share of that which the keypoints must bring.
    let cases: &[(&[Blendshape], &str, f32, [f32; 2])] = &[
        (&[JawOpen], "gap", 0.44, [0.8, 1.1]),
        (&[JawOpen], "lower", 0.44, [0.8, 1.1]),
        (&[JawLeft], "lower aside", 0.15, [0.6, 1.1]),
        (&[JawRight], "lower aside", -0.15, [0.6, 1.1]),
        (&[MouthLeft], "upper aside", 0.12, [0.8, 1.2]),
        (&[MouthRight], "lower aside", -0.12, [0.8, 1.3]),
        (&[MouthSmileLeft, MouthSmileRight], "up left", 0.15, [0.8, 1.1]),
        (&[MouthSmileLeft, MouthSmileRight], "up right", 0.15, [0.8, 1.1]),
        (&[MouthSmileLeft, MouthSmileRight], "out left", 0.145, [0.7, 1.1]),
        (&[MouthFrownLeft, MouthFrownRight], "up left", -0.125, [0.8, 1.1]),
        (&[MouthFrownLeft, MouthFrownRight], "up right", -0.125, [0.8, 1.1]),
        (&[MouthStretchLeft, MouthStretchRight], "out left", 0.12, [0.5, 1.1]),
        (&[MouthStretchLeft, MouthStretchRight], "up left", -0.045, [0.5, 1.5]),
        (&[MouthDimpleLeft, MouthDimpleRight], "out right", 0.075, [0.6, 1.1]),
        (&[MouthPucker], "out left", -0.16, [0.7, 1.1]),
        (&[MouthPucker], "out right", -0.16, [0.7, 1.1]),
        (&[MouthFunnel], "gap", 0.12, [0.7, 1.1]),
        (&[MouthFunnel], "out left", -0.10, [0.5, 1.1]),
        (&[MouthLowerDownLeft, MouthLowerDownRight], "lower", 0.115, [0.8, 1.1]),
        (&[MouthUpperUpLeft, MouthUpperUpRight], "upper", 0.085, [0.8, 1.1]),
        (&[MouthShrugLower], "lower", -0.075, [0.7, 1.1]),
        (&[MouthShrugUpper], "upper", 0.055, [0.6, 1.1]),
        (&[MouthRollLower], "lower", -0.06, [0.6, 1.1]),
        (&[MouthRollUpper], "upper", -0.05, [0.6, 1.1]),
        (&[BrowInnerUp], "inner left", 0.13, [0.7, 1.1]),
        (&[BrowInnerUp], "inner right", 0.13, [0.7, 1.1]),
        (&[BrowOuterUpLeft, BrowOuterUpRight], "outer left", 0.13, [0.5, 1.1]),
        (&[BrowOuterUpLeft, BrowOuterUpRight], "outer right", 0.13, [0.5, 1.1]),
        // The published templates have no brows further down.
        (&[BrowDownLeft, BrowDownRight], "inner left", -0.115, [0.3, 1.1]),
        (&[BrowDownLeft, BrowDownRight], "inner right", -0.115, [0.3, 1.1]),
        (&[EyeBlinkLeft, EyeBlinkRight], "lid left", -0.2, [0.85, 1.1]),
        (&[EyeBlinkLeft, EyeBlinkRight], "lid right", -0.2, [0.85, 1.1]),
        (&[EyeWideLeft, EyeWideRight], "lid left", 0.048, [0.8, 1.2]),
        (&[EyeSquintLeft, EyeSquintRight], "lid right", -0.084, [0.6, 1.1]),
        (&[EyeLookOutLeft, EyeLookInRight], "gaze x", 0.098, [0.8, 1.1]),
        (&[EyeLookInLeft, EyeLookOutRight], "gaze x", -0.098, [0.8, 1.1]),
        (&[EyeLookDownLeft, EyeLookDownRight], "gaze y", 0.058, [0.5, 1.1]),
        (&[EyeLookUpLeft, EyeLookUpRight], "gaze y", -0.058, [0.4, 1.1]),
        (&[EyeLookDownLeft, EyeLookDownRight], "lid left", -0.084, [0.8, 1.2]),
    ];
    for &(shapes, measure, mesh, [least, most]) in cases {
        let share = seen(&both(shapes), measure) / mesh;
        assert!((least..=most).contains(&share), "{shapes:?}: {measure} moves by {share} of what the mesh does");
    }
}

#[test]
fn sides_are_the_characters_own() {
    // The first must be more than the second.
    let cases: &[(Blendshape, &str, &str)] = &[
        (MouthSmileLeft, "up left", "up right"),
        (MouthSmileRight, "up right", "up left"),
        (MouthFrownLeft, "up right", "up left"),
        (MouthFrownRight, "up left", "up right"),
        (EyeBlinkLeft, "lid right", "lid left"),
        (EyeBlinkRight, "lid left", "lid right"),
        (BrowOuterUpLeft, "outer left", "outer right"),
        (BrowOuterUpRight, "outer right", "outer left"),
        (BrowDownLeft, "outer right", "outer left"),
        (BrowDownRight, "outer left", "outer right"),
    ];
    for &(shape, more, less) in cases {
        let movement = moved(&[(shape, 1.0)]);
        let (more, less) = (seen(&movement, more), seen(&movement, less));
        assert!(more - less > 0.02, "{shape:?}: {more} is hardly more than {less}");
    }
}

#[test]
fn a_mirrored_pose_moves_the_mirror_image() {
    let mut state = 5;
    for _ in 0..200 {
        let mut pose = random_pose(&mut state);
        pose.head = HeadPose::default();
        let (found, wanted) = (expression().offset(&mirrored(&pose)), expression().offset(&pose));
        let wanted = mirrored_movement(&wanted.expression);
        check_close(found.expression.as_flattened(), wanted.as_flattened(), 1e-6, "mirrored");
    }
    // So a pose that is its own mirror image moves nothing sideways.
    let smile = both(&[MouthSmileLeft, MouthSmileRight, JawOpen, BrowInnerUp]);
    assert_eq!([smile[17][0], smile[19][0], smile[20][0]], [0.0; 3]);
    assert_eq!(smile[3][1], smile[7][1]);
}

#[test]
fn gaze_to_either_side_is_opposite() {
    let right = both(&[EyeLookOutLeft, EyeLookInRight]);
    let left = both(&[EyeLookInLeft, EyeLookOutRight]);
    assert!(right[11][0] > 0.01 && right[15][0] > 0.01 && left[11][0] < -0.01 && left[15][0] < -0.01);
    assert_eq!(right[15][0], -left[11][0], "an eye outwards is the other one outwards, mirrored");
    let (up, down) = (both(&[EyeLookUpLeft, EyeLookUpRight]), both(&[EyeLookDownLeft, EyeLookDownRight]));
    assert!(up[11][1] < -0.01 && up[11][1] == up[15][1] && down[11][1] > 0.01 && down[11][1] == down[15][1]);
    let apart = moved(&[(EyeLookOutLeft, 0.5), (EyeLookInLeft, 0.5 * 1.0 / 0.7)]);
    assert!(apart[15][0].abs() < 1e-6, "out and in cancel");
}

#[test]
fn a_blink_closes_whatever_else_is_asked() {
    let alone = moved(&[(EyeBlinkRight, 1.0)]);
    assert!(
        (alone[11][1] - 0.02).abs() < 1e-6 && (alone[13][1] + 0.006).abs() < 1e-6,
        "as the published slider at -20"
    );
    assert_eq!([alone[15], alone[16]], [[0.0; 3]; 2], "the other eye stays open");
    for other in [EyeWideRight, EyeLookUpRight, EyeLookDownRight, EyeSquintRight] {
        assert_eq!(moved(&[(EyeBlinkRight, 1.0), (other, 1.0)]), alone, "{other:?}");
    }
    for other in [CheekSquintRight, MouthSmileRight, BrowOuterUpLeft, BrowDownRight] {
        let lid = seen(&moved(&[(EyeBlinkRight, 1.0), (other, 1.0)]), "lid right");
        assert!(lid < -0.12, "{other:?}: the lid moves by {lid}");
    }
    let half = moved(&[(EyeBlinkRight, 0.5)]);
    assert!((half[11][1] - 0.01).abs() < 1e-6);
}

#[test]
fn retargeting_gets_the_lids_and_the_keypoints_keep_the_rest() {
    let network = Expression::new(&rest(), Lids::Retargeting);
    type Case = (&'static [(Blendshape, f32)], [f32; 2]);
    let cases: &[Case] = &[
        (&[(EyeBlinkLeft, 1.0), (EyeBlinkRight, 1.0)], [0.0, 0.0]),
        (&[(EyeBlinkRight, 1.0)], [0.0, 1.0]),
        (&[(EyeBlinkLeft, 0.25)], [1.0, 0.75]),
        (&[(EyeSquintRight, 1.0)], [0.58, 1.0]),
        (&[(EyeBlinkLeft, 0.5), (EyeSquintLeft, 1.0)], [1.0, 0.29]),
        (&[(EyeBlinkRight, 1.0), (EyeWideRight, 1.0), (EyeSquintRight, 1.0)], [0.0, 1.0]),
    ];
    for (shapes, eyes) in cases {
        let offset = network.offset(&FacePose::of(shapes));
        check_close(&offset.eyes, eyes, 1e-6, "openings");
        assert_eq!(offset.expression, [[0.0; 3]; KEYPOINTS], "{shapes:?}");
    }
    let others = FacePose::of(&[(EyeLookOutLeft, 1.0), (EyeWideRight, 1.0), (JawOpen, 0.5)]);
    assert_eq!(network.offset(&others), expression().offset(&others));
    assert_eq!(expression().offset(&FacePose::of(&[(EyeBlinkLeft, 1.0)])).eyes, [1.0, 1.0]);
}

#[test]
fn closed_mouths_are_closed() {
    let jaw = moved(&[(JawOpen, 0.7)]);
    assert!(seen(&jaw, "gap") > 0.25);
    assert_eq!(moved(&[(JawOpen, 0.7), (MouthClose, 0.7)]), [[0.0; 3]; KEYPOINTS], "the lips stay together");
    assert_eq!(moved(&[(MouthClose, 1.0)]), [[0.0; 3]; KEYPOINTS], "nothing to take back");
    assert_eq!(moved(&[(JawOpen, 0.3), (MouthClose, 1.0)]), [[0.0; 3]; KEYPOINTS], "never more than the jaw opens");
    for viseme in [Viseme::Sil, Viseme::PP] {
        let mouth = moved(viseme_mouth(viseme));
        assert!(mouth[19][1] <= 0.0 && mouth[20][1] >= 0.0, "{viseme:?} parts the lips");
        assert!(seen(&mouth, "gap") <= 0.0, "{viseme:?}");
    }
    // A closed mouth presses its lips together, and "f" brings the lower one up; all others are open.
    assert!(seen(&moved(viseme_mouth(Viseme::PP)), "gap") < -0.02);
    for viseme in VISEMES.into_iter().filter(|viseme| !matches!(viseme, Viseme::Sil | Viseme::PP | Viseme::FF)) {
        let gap = seen(&moved(viseme_mouth(viseme)), "gap");
        assert!(gap > 0.04, "{viseme:?} opens the lips by {gap} only");
    }
    assert!(seen(&moved(viseme_mouth(Viseme::FF)), "lower") < -0.01);
}

#[test]
fn visemes_are_distinct() {
    // These four differ by the tongue, which the network has not; their lips are much alike (`viseme_mouth`).
    // Even they are eight times the motion extractor's noise apart.
    let tongue = [Viseme::TH, Viseme::DD, Viseme::Kk, Viseme::Nn];
    for a in VISEMES {
        for b in VISEMES.into_iter().filter(|b| *b != a) {
            let far = apart(&moved(viseme_mouth(a)), &moved(viseme_mouth(b)), MOUTH);
            let least = if tongue.contains(&a) && tongue.contains(&b) { 0.8 } else { 2.0 };
            assert!(far > least, "{a:?} and {b:?} are {far} pixels apart");
        }
    }
}

#[test]
fn emotions_are_distinct() {
    for a in Emotion::ALL {
        for b in Emotion::ALL.into_iter().filter(|b| *b != a) {
            let of = |emotion| expression().offset(&emotion_face(emotion)).expression;
            let far = apart(&of(a), &of(b), 0..KEYPOINTS);
            assert!(far > 8.0, "{a} and {b} are {far} pixels apart");
        }
    }
    let of = |emotion, measure| seen(&expression().offset(&emotion_face(emotion)).expression, measure);
    assert!(of(Emotion::Happy, "up left") > 0.08 && of(Emotion::Sad, "up left") < -0.05);
    assert!(of(Emotion::Surprised, "inner left") > 0.10 && of(Emotion::Surprised, "gap") > 0.10);
    assert!(of(Emotion::Angry, "inner left") < -0.03 && of(Emotion::Angry, "gap") < 0.0);
    assert!(of(Emotion::Thoughtful, "outer left") > of(Emotion::Thoughtful, "outer right") + 0.04);
}

#[test]
fn nothing_leaves_what_the_network_was_shown() {
    let check = |pose: &FacePose, what: &str| {
        let offset = expression().offset(pose);
        let values = offset.expression.as_flattened().iter().zip(LIMITS.as_flattened());
        for (at, (value, (least, most))) in values.enumerate() {
            assert!((least..=most).contains(&value), "{what}: {value} at {} {}", at / 3, at % 3);
        }
        check_close(&offset.rotation, &[0.0; 3], 25.0, what);
        assert!(offset.rotation[0].abs() <= 20.0 && offset.rotation[2].abs() <= 20.0, "{what}: {offset:?}");
        // Published: z-axis movement, 0.9 to 1.2.
        assert!((0.9..=1.2).contains(&offset.scale), "{what}: {offset:?}");
        check_close(&offset.translation, &[0.0; 3], 0.5, what);
    };
    let all = FacePose { shapes: [1.0; 52], ..FacePose::default() };
    check(&all, "all at 1");
    let mut state = 11;
    for _ in 0..500 {
        check(&random_pose(&mut state), "random");
    }
    for wild in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e9, -3.0] {
        let head = HeadPose { yaw: wild, pitch: wild, roll: wild, translation: [wild; 3] };
        check(&FacePose { shapes: [wild; 52], head }, "wild");
    }
}

#[test]
fn published_sliders_stay_within_their_ranges() {
    let others = |shape: &Blendshape| *shape != MouthClose; // takes back, and is never alone
    for shape in BLENDSHAPES.into_iter().filter(others) {
        for (pattern, amount) in parts(shape) {
            if let Source::Published(name, least, most) = pattern.source {
                assert!((least..=most).contains(amount), "{shape:?} sets {name} to {amount}");
            }
        }
    }
}

#[test]
fn more_weight_is_more_movement() {
    for shape in BLENDSHAPES.into_iter().filter(|shape| !matches!(shape, JawForward | CheekPuff | MouthClose)) {
        let far = |weight| apart(&moved(&[(shape, weight)]), &moved(&[]), 0..KEYPOINTS);
        assert!((far(0.5) - 0.5 * far(1.0)).abs() < 0.1 * far(1.0), "{shape:?} is nearly linear");
        assert!(far(0.25) < far(0.5) && far(0.5) < far(1.0), "{shape:?}");
    }
}

/// Where LivePortrait puts a point of the head: `scale × rotation × point + translation`, as in
/// `LivePortraitWrapper.transform_keypoint`, without expression.
fn placed(motion: &Motion, offset: &Offset, point: Vec3) -> Vec3 {
    let angle = |axis: usize| (motion.rotation[axis] + offset.rotation[axis]).to_radians();
    let turn = Mat3::from_euler(EulerRot::ZYX, angle(2), angle(1), angle(0));
    let shift = |axis: usize| motion.translation[axis] + offset.translation[axis];
    turn * point * (motion.scale * offset.scale) + Vec3::new(shift(0), shift(1), 0.0)
}

#[test]
fn the_head_goes_where_the_mesh_puts_it() {
    let motion = Motion { rotation: [0.0; 3], translation: [0.0; 3], ..rest() };
    let face = Expression::new(&motion, Lids::Keypoints);
    let unit = EYE_DISTANCE * motion.scale;
    let base = HeadPose::default();
    let heads = [
        HeadPose { yaw: 0.15, ..base },
        HeadPose { yaw: -0.15, ..base },
        HeadPose { pitch: 0.12, ..base },
        HeadPose { pitch: -0.12, ..base },
        HeadPose { roll: 0.12, ..base },
        HeadPose { translation: [0.15, 0.1, 0.2], ..base },
        HeadPose { yaw: 0.1, pitch: -0.08, roll: 0.06, translation: [-0.05, 0.05, -0.1] },
    ];
    // Eyes, tip of the nose and mouth, from the middle between the eyes, in distances between the eyes.
    let points =
        [Vec3::new(-0.5, 0.0, 0.0), Vec3::new(0.5, 0.0, 0.0), Vec3::new(0.0, 0.6, -0.5), Vec3::new(0.0, 1.1, -0.2)];
    let eyes = Vec3::new(0.012, -0.076, -0.14);
    for head in heads {
        let offset = face.offset(&FacePose { head, ..FacePose::default() });
        // The mesh warp: turn about the neck, move, and look at it from 11 away (plugins/warp/src/motion.rs).
        let turn = Mat3::from_euler(EulerRot::ZYX, head.roll, -head.yaw, -head.pitch);
        let pivot = Vec3::new(0.0, 0.75, 0.80);
        let [x, y, z] = head.translation;
        for point in points {
            let turned = turn * (point - pivot) + pivot + Vec3::new(x, -y, -z);
            let mesh = turned.truncate() * ((11.0 + point.z) / (11.0 + turned.z)) - point.truncate();
            let at = eyes + point * EYE_DISTANCE;
            let found = (placed(&motion, &offset, at) - placed(&motion, &Offset::default(), at)).truncate() / unit;
            let off = found.distance(mesh);
            assert!(off < 0.02, "{head:?}: {point} goes to {found}, on the mesh to {mesh}");
        }
    }
}

#[test]
fn angles_have_liveportraits_signs() {
    let of = |head| expression().offset(&FacePose { head, ..FacePose::default() });
    let base = HeadPose::default();
    let degrees = 0.1f32.to_degrees();
    check_close(&of(HeadPose { pitch: 0.1, ..base }).rotation, &[-degrees, 0.0, 0.0], 0.2, "up");
    check_close(&of(HeadPose { yaw: 0.1, ..base }).rotation, &[0.0, -degrees, 0.0], 0.2, "to its left");
    check_close(&of(HeadPose { roll: 0.1, ..base }).rotation, &[0.0, 0.0, degrees], 0.2, "to its left shoulder");
    let moved = of(HeadPose { translation: [0.1, 0.2, 0.0], ..base });
    let unit = 1.5 * EYE_DISTANCE;
    check_close(&moved.translation, &[0.1 * unit, -0.2 * unit, 0.0], 0.01, "left and up");
    assert!(of(HeadPose { translation: [0.0, 0.0, 0.3], ..base }).scale > 1.02, "nearer is larger");
    assert!(of(HeadPose { translation: [0.0, 0.0, -0.3], ..base }).scale < 0.98);
    // A face twice as large moves twice as far in its crop.
    let large = Expression::new(&Motion { scale: 3.0, ..rest() }, Lids::Keypoints);
    let large = large.offset(&FacePose { head: HeadPose { yaw: 0.2, ..base }, ..FacePose::default() });
    check_close(&large.translation, &of(HeadPose { yaw: 0.2, ..base }).translation.map(|v| 2.0 * v), 1e-6, "scale");
}

#[test]
fn a_motion_that_makes_no_sense_is_survived() {
    for scale in [f32::NAN, 0.0, -1.0, f32::INFINITY] {
        let motion = Motion { scale, rotation: [f32::NAN; 3], ..rest() };
        let head = HeadPose { yaw: 0.3, translation: [0.2; 3], ..HeadPose::default() };
        let offset = Expression::new(&motion, Lids::Keypoints).offset(&FacePose { head, ..FacePose::default() });
        assert!(offset.translation.iter().chain(&offset.rotation).all(|value| value.is_finite()), "{offset:?}");
    }
}

/// Names of the patterns, for the documentation.
fn name(pattern: &Pattern) -> String {
    let cell = |&(point, axis, by): &(u8, Axis, f32)| {
        format!("{point}{} {}", format!("{axis:?}").to_lowercase(), (by * 1e5).round() / 1e5)
    };
    pattern.moves.iter().map(cell).collect::<Vec<_>>().join(", ")
}

#[test]
fn the_documented_table_is_the_code() {
    let mut table = String::from("| Blendshape | Units | Of | Moves for one unit |\n|---|---|---|---|\n");
    for shape in BLENDSHAPES {
        if parts(shape).is_empty() {
            let (_, reason) =
                WITHOUT_EFFECT.iter().find(|(listed, _)| *listed == shape).expect("an empty row says why");
            writeln!(table, "| {shape:?} | | nothing | {reason} |").expect("a string has room");
        }
        for (at, (pattern, amount)) in parts(shape).iter().enumerate() {
            let first = if at == 0 { format!("{shape:?}") } else { String::new() };
            let source = match pattern.source {
                Source::Published(name, least, most) => format!("`{name}` ({least} to {most})"),
                Source::Measured => "measured".to_owned(),
                Source::Chosen => "chosen".to_owned(),
            };
            writeln!(table, "| {first} | {amount} | {source} | {} |", name(pattern)).expect("a string has room");
        }
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/avatar/liveportrait-expression.md");
    let written = std::fs::read_to_string(path).expect("the document is there");
    assert!(written.contains(&table), "{path} should have this table:\n{table}");
}
