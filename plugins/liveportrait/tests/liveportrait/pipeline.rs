//! A portrait and motions through all of it, with small networks of the published form.

use std::{fs, path::Path};

use crate::reference::{networks, networks_folder, rig};
use visage_liveportrait::{
    Driving, FaceCrop, KEYPOINTS, Keypoints, LivePortraitError, Motion, Networks, Offset, PICTURE_BYTES, Pipeline,
    Ratios, moved,
};
use visage_models::SessionOptions;

fn pipeline() -> Pipeline {
    Pipeline::new(networks(), &rig(), 256).expect("the portrait is whole")
}

/// A folder with copies of the small networks, but for those that are left out.
fn folder(without: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for entry in fs::read_dir(networks_folder()).expect("they are among the fixtures") {
        let path = entry.expect("it can be read").path();
        let name = path.file_name().expect("it has a name");
        if !without.iter().any(|left_out| name == *left_out) {
            fs::copy(&path, folder.path().join(name)).expect("a temporary folder");
        }
    }
    folder
}

fn open(folder: &Path) -> Result<Networks, LivePortraitError> {
    Networks::open(folder, &SessionOptions::default())
}

fn farthest(a: &Keypoints, b: &Keypoints) -> f32 {
    let differences = a.as_flattened().iter().zip(b.as_flattened()).map(|(a, b)| (a - b).abs());
    differences.fold(0.0, f32::max)
}

#[test]
fn a_picture_comes_out_in_the_size_that_was_asked_for() {
    let rig = rig();
    for size in [64, 720] {
        let mut pipeline = Pipeline::new(networks(), &rig, size).expect("the portrait is whole");
        let face = pipeline.crop(&Offset::default()).expect("the networks run");
        assert_eq!(face.len(), PICTURE_BYTES);
        let picture = pipeline.paste(&face).expect("it is a face");
        assert_eq!([picture.width, picture.height], [size; 2]);
        assert!(picture.rgba.chunks_exact(4).all(|pixel| pixel[3] == 255));
    }
}

#[test]
fn each_part_of_an_offset_moves_the_face_and_nothing_else_does() {
    let mut pipeline = pipeline();
    let rest = pipeline.keypoints(&Offset::default()).expect("the networks run");
    let mut expression = [[0.0; 3]; KEYPOINTS];
    expression[6] = [0.0, 0.1, 0.0];
    let offsets = [
        Offset { rotation: [8.0, 0.0, 0.0], ..Offset::default() },
        Offset { rotation: [0.0, 8.0, 0.0], ..Offset::default() },
        Offset { rotation: [0.0, 0.0, 8.0], ..Offset::default() },
        Offset { translation: [0.1, 0.0, 0.0], ..Offset::default() },
        Offset { scale: 1.1, ..Offset::default() },
        Offset { expression, ..Offset::default() },
        Offset { eyes: [0.0; 2], ..Offset::default() },
        Offset { lips: Some(0.4), ..Offset::default() },
    ];
    for offset in offsets {
        let keypoints = pipeline.keypoints(&offset).expect("the networks run");
        assert!(farthest(&keypoints, &rest) > 1e-4, "{offset:?}");
    }
    assert_eq!(pipeline.keypoints(&Offset::default()).expect("the networks run"), rest);

    // Other keypoints, another picture; the same keypoints, the same picture.
    let turned = Offset { rotation: [0.0, 8.0, 0.0], ..Offset::default() };
    let [one, two, three] =
        [&turned, &Offset::default(), &turned].map(|offset| pipeline.crop(offset).expect("the networks run"));
    assert!(one != two && one == three);
}

#[test]
fn eyes_close_from_where_they_are_to_what_the_network_says() {
    let mut pipeline = pipeline();
    let eyes = |eyes| Offset { eyes, ..Offset::default() };
    let mut at = |share: [f32; 2]| pipeline.keypoints(&eyes(share)).expect("the networks run");
    let (open, closed, one) = (at([1.0; 2]), at([0.0; 2]), at([0.0, 1.0]));
    assert!(farthest(&open, &closed) > 1e-3);
    // No jump at the beginning, and no eye opens beyond its own.
    assert!(farthest(&open, &at([0.999; 2])) < 0.01 * farthest(&open, &closed));
    assert!(farthest(&open, &at([1.5; 2])) == 0.0);
    assert!(farthest(&one, &open) > 1e-4 && farthest(&one, &closed) > 1e-4);

    let (own, ratios) = (pipeline.source().keypoints, pipeline.source().ratios);
    let mut networks = networks();
    let by = networks.eyes.as_mut().expect("it is there").run(&own, &ratios, 0.0).expect("R of the eyes runs");
    let mut stitched = |keypoints: &Keypoints| networks.stitching.run(&own, keypoints).expect("S runs");
    let (expected, at_rest) = (stitched(&moved(&own, &by)), stitched(&own));
    // What stitching does to a face at rest is taken back.
    let back = std::array::from_fn(|point| [0, 1, 2].map(|axis| own[point][axis] - at_rest[point][axis]));
    assert!(farthest(&closed, &moved(&expected, &back)) < 1e-6);
}

#[test]
fn another_face_moves_the_portrait() {
    let mut pipeline = pipeline();
    let rig = rig();
    let crop = FaceCrop::of_driving(&rig.landmarks).expect("it is a face");
    let first = pipeline.motion(&crop.cut(&rig.portrait, [0; 3])).expect("M runs");
    let now = Motion { rotation: [first.rotation[0], first.rotation[1] + 10.0, first.rotation[2]], ..first.clone() };
    let source = pipeline.source().motion.clone();
    let ratios = Ratios { eyes: [0.1; 2], lips: 0.3 };
    let mut driven = |driving| pipeline.driven(driving).expect("the networks run");

    let still = driven(Driving::Relative { first: &first, now: &first, close_lips: false });
    let turned = driven(Driving::Relative { first: &first, now: &now, close_lips: false });
    let closed = driven(Driving::Relative { first: &first, now: &first, close_lips: true });
    let own = driven(Driving::Absolute { now: &source, ratios: None });
    let there = driven(Driving::Absolute { now: &now, ratios: None });
    let there_open = driven(Driving::Absolute { now: &now, ratios: Some(ratios) });
    let open = driven(Driving::Ratios(ratios));
    let uneven = driven(Driving::Ratios(Ratios { eyes: [0.05, 0.15], ..ratios }));
    assert!(farthest(&open, &uneven) < 1e-6, "both eyes are asked for what the other face's have on average");
    assert!(farthest(&still, &own) < 1e-6, "who does not move stays");
    for (name, found) in [("relative", turned), ("closed lips", closed), ("absolute", there), ("ratios", open)] {
        assert!(farthest(&found, &still) > 1e-4, "{name}");
    }
    assert!(farthest(&there, &there_open) > 1e-4);

    // The picture is that of the keypoints. Those of the two ways to stay differ by roundings.
    let mut drive = |driving| pipeline.drive(driving).expect("the networks run");
    let still = drive(Driving::Relative { first: &first, now: &first, close_lips: false });
    let own = drive(Driving::Absolute { now: &source, ratios: None });
    assert!(still.iter().zip(&*own).all(|(a, b)| a.abs_diff(*b) <= 1));
    let turned = drive(Driving::Relative { first: &first, now: &now, close_lips: false });
    assert!(still.iter().zip(&*turned).any(|(a, b)| a.abs_diff(*b) > 1));
}

#[test]
fn without_retargeting_the_expression_is_left_to_do_it() {
    let folder = folder(&["stitching_eye.onnx", "stitching_lip.onnx"]);
    let mut bare = Pipeline::new(open(folder.path()).expect("they are optional"), &rig(), 64).expect("it is whole");
    assert_eq!(bare.retargets(), (false, false));
    assert_eq!(pipeline().retargets(), (true, true));
    let rest = bare.keypoints(&Offset::default()).expect("the networks run");
    let asked = Offset { eyes: [0.0; 2], lips: Some(0.5), ..Offset::default() };
    assert_eq!(bare.keypoints(&asked).expect("the networks run"), rest);
}

#[test]
fn a_folder_that_is_not_as_published_is_refused_in_words() {
    let check = |without: &[&str], swap: Option<(&str, &str)>, expected: &[&str]| {
        let folder = folder(without);
        if let Some((from, to)) = swap {
            fs::copy(networks_folder().join(from), folder.path().join(to)).expect("a temporary folder");
        }
        let message = open(folder.path()).expect_err("it is not as published").to_string();
        for part in expected.iter().chain(&["visage models fetch liveportrait"]) {
            assert!(message.contains(part), "{message} has no {part}");
        }
    };
    check(&["stitching.onnx", "warping_spade.onnx"], None, &["has no warping_spade.onnx, no stitching.onnx"]);
    check(
        &[],
        Some(("stitching_lip.onnx", "stitching.onnx")),
        &["stitching.onnx is not", "its input \"input\" has the shape [1, 65], and [1, 126] is expected"],
    );
    check(
        &[],
        Some(("stitching.onnx", "stitching_eye.onnx")),
        &["stitching_eye.onnx is not", "its input \"input\" has the shape [1, 126], and [1, 66] is expected"],
    );
    check(
        &[],
        Some(("appearance_feature_extractor.onnx", "motion_extractor.onnx")),
        &["motion_extractor.onnx is not", "it has no output \"pitch\"; its outputs are \"output\""],
    );
    check(
        &[],
        Some(("stitching.onnx", "warping_spade.onnx")),
        &["warping_spade.onnx is not", "it has no input \"feature_3d\"; its inputs are \"input\""],
    );
}

#[test]
fn another_shape_than_published_is_found_when_a_network_runs() {
    let folder = folder(&[]);
    let odd = networks_folder().with_file_name("open-lengths").join("stitching.onnx");
    fs::copy(odd, folder.path().join("stitching.onnx")).expect("a temporary folder");
    let mut networks = open(folder.path()).expect("open lengths may be anything");
    let error = networks.stitching.run(&[[0.0; 3]; KEYPOINTS], &[[0.0; 3]; KEYPOINTS]).expect_err("64 are not 65");
    let message = error.to_string();
    assert!(message.contains("\"output\" came with the shape [1, 64], and [1, 65] is expected"), "{message}");
}

#[test]
fn numbers_that_are_none_are_found() {
    let mut networks = networks();
    let error = networks.stitching.run(&[[f32::NAN; 3]; KEYPOINTS], &[[0.0; 3]; KEYPOINTS]).expect_err("no numbers");
    assert!(matches!(error, LivePortraitError::NotANumber { file: "stitching.onnx" }), "{error}");
}
