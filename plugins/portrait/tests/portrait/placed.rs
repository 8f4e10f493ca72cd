//! Landmarks that come with the picture.

use std::{fs, path::Path, sync::Arc};

use visage_core::{Backdrop, FacePoint, PlacedLandmarks, PortraitSource};
use visage_models::Store;
use visage_portrait::{LandmarkError, PortraitError, RigBuilder, landmarks_from_ron, read_picture};

use super::{builder, fixture, rig};

/// The fixture with points read off it by eye.
fn placed(points: &[(FacePoint, [f32; 2])]) -> PortraitSource {
    let picture = read_picture(&fixture()).expect("the fixture is there").into();
    let points = PlacedLandmarks::Points(points.iter().copied().collect());
    PortraitSource::new(picture, Some(Arc::new(points)), Backdrop::Original)
}

const POINTS: [(FacePoint, [f32; 2]); 8] = [
    (FacePoint::RightEyeOuter, [147.0, 118.0]),
    (FacePoint::RightEyeInner, [170.0, 119.0]),
    (FacePoint::LeftEyeInner, [201.0, 118.0]),
    (FacePoint::LeftEyeOuter, [224.0, 116.0]),
    (FacePoint::NoseTip, [186.0, 146.0]),
    (FacePoint::MouthRight, [163.0, 170.0]),
    (FacePoint::MouthLeft, [214.0, 169.0]),
    (FacePoint::Chin, [188.0, 204.0]),
];

#[test]
fn eight_points_make_nearly_the_same_face_as_the_networks() {
    let placed = RigBuilder::new(&Store::default()).build(&placed(&POINTS)).expect("eight points");
    let found = rig();
    let mut apart: Vec<f32> =
        (placed.landmarks.iter().zip(found.landmarks.iter())).map(|(a, b)| (a[0] - b[0]).hypot(a[1] - b[1])).collect();
    apart.sort_by(f32::total_cmp);
    // The face is 120 pixels wide.
    assert!(apart[apart.len() / 2] < 2.5 && apart[apart.len() - 1] < 9.0, "{:?}", &apart[apart.len() - 8..]);
    // The line between the lips is looked for in the picture, as for found faces.
    let (a, b) = (placed.landmarks[13], found.landmarks[13]);
    assert!((a[0] - b[0]).hypot(a[1] - b[1]) < 2.0, "{a:?} {b:?}");
}

#[test]
fn landmarks_that_do_not_fit_are_refused_in_words() {
    let mut outside = POINTS;
    outside[7].1 = [188.0, 500.0];
    let cases = [
        (&POINTS[..7], "missing: chin."),
        (&outside[..], "chin lies at 188, 500, outside the picture of 384 × 384 pixels"),
    ];
    for (points, words) in cases {
        let error = builder().build(&placed(points)).map(drop).expect_err(words);
        assert!(matches!(error, PortraitError::Landmarks(_)) && error.to_string().contains(words), "{error}");
    }
    let short = PlacedLandmarks::Mesh(vec![[1.0; 3]; 468]);
    let picture = read_picture(&fixture()).expect("the fixture is there").into();
    let error = builder().build(&PortraitSource::new(picture, Some(Arc::new(short)), Backdrop::Original));
    assert!(matches!(error, Err(PortraitError::Landmarks(LandmarkError::Count { found: 468 }))));
}

#[test]
fn shipped_landmarks_are_those_of_the_shipped_portraits() {
    let characters = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../characters");
    let mut seen = 0;
    for folder in fs::read_dir(characters).expect("characters are shipped").flatten() {
        let Ok(text) = fs::read_to_string(folder.path().join("landmarks.ron")) else { continue };
        let name = folder.file_name();
        let Ok(PlacedLandmarks::Mesh(shipped)) = landmarks_from_ron(&text) else {
            panic!("{name:?}: a mesh in landmarks.ron");
        };
        let picture = read_picture(&folder.path().join("portrait.png")).expect("a portrait beside its landmarks");
        let found = builder().find_face(&picture).expect("a face in the portrait").landmarks;
        let PlacedLandmarks::Mesh(found) = found else { panic!("a found face is a mesh") };
        // Processors differ in the last digits.
        let fits = shipped.len() == found.len()
            && shipped.iter().zip(&found).all(|(a, b)| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 0.35));
        assert!(fits, "{name:?}: the portrait has changed; write the file with `visage portrait landmarks`");
        seen += 1;
    }
    assert!(seen >= 2, "{seen} characters with landmarks");
}
