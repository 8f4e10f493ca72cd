//! Something else behind the person.

use std::sync::{Arc, OnceLock};

use image::{ImageFormat, Rgb, RgbImage};
use visage_core::{Backdrop, PlacedLandmarks, PortraitSource, Rig};
use visage_portrait::{PortraitError, read_picture};

use super::{builder, encode, fixture};

fn with(backdrop: Backdrop) -> Result<Rig, PortraitError> {
    static FOUND: OnceLock<(Arc<[u8]>, Arc<PlacedLandmarks>)> = OnceLock::new();
    let (picture, landmarks) = FOUND.get_or_init(|| {
        let picture: Arc<[u8]> = read_picture(&fixture()).expect("the fixture is there").into();
        let landmarks = builder().find_face(&picture).expect("the fixture has a face").landmarks;
        (picture, Arc::new(landmarks))
    });
    builder().build(&PortraitSource::new(picture.clone(), Some(landmarks.clone()), backdrop))
}

/// What is seen at rest: the head over the background, and how opaque it is.
fn seen(rig: &Rig, x: usize, y: usize) -> [u8; 4] {
    let at = y * 384 + x;
    let head = f32::from(rig.matte[at]) / 255.0;
    let behind = &rig.background.rgba[at * 4..at * 4 + 4];
    let alpha = head + f32::from(behind[3]) / 255.0 * (1.0 - head);
    let colour = [0, 1, 2].map(|channel| {
        let (front, back) = (f32::from(rig.portrait.rgba[at * 4 + channel]), f32::from(behind[channel]));
        let sum = front * head + back * f32::from(behind[3]) / 255.0 * (1.0 - head);
        (sum / alpha.max(1e-3)).round() as u8
    });
    [colour[0], colour[1], colour[2], (alpha * 255.0).round() as u8]
}

/// Where the fixture shows its background, and where its person.
const AROUND: [(usize, usize); 5] = [(4, 4), (380, 4), (100, 40), (330, 60), (60, 130)];
const PERSON: [(usize, usize); 6] = [(186, 120), (186, 60), (188, 215), (188, 260), (110, 330), (250, 350)];

#[test]
fn around_the_person_there_is_the_backdrop_and_the_person_is_as_before() {
    let halves = RgbImage::from_fn(900, 300, |x, _| if x < 450 { Rgb([10, 220, 30]) } else { Rgb([20, 40, 230]) });
    let halves = encode(halves, ImageFormat::Png).into();
    type Expected = fn(usize) -> [u8; 4];
    let cases: [(&str, Backdrop, Expected); 3] = [
        ("colour", Backdrop::Colour([10, 200, 90]), |_| [10, 200, 90, 255]),
        ("picture", Backdrop::Picture(halves), |x| if x < 192 { [10, 220, 30, 255] } else { [20, 40, 230, 255] }),
        ("nothing", Backdrop::Transparent, |_| [0, 0, 0, 0]),
    ];
    let original = with(Backdrop::Original).expect("the fixture has a face");
    for (name, backdrop, expected) in cases {
        let rig = with(backdrop).expect("the fixture has a face");
        for (x, y) in AROUND {
            let (found, expected) = (seen(&rig, x, y), expected(x));
            // What cannot be seen has no colour.
            let differs = (0..4).any(|at| (at == 3 || expected[3] > 0) && found[at].abs_diff(expected[at]) > 6);
            assert!(!differs, "{name} at {x}, {y}: {found:?}");
        }
        for (x, y) in PERSON {
            let (found, before) = (seen(&rig, x, y), seen(&original, x, y));
            assert!(found[3] > 245, "{name} at {x}, {y}: {found:?}");
            assert!((0..3).all(|at| found[at].abs_diff(before[at]) < 12), "{name} at {x}, {y}: {found:?} {before:?}");
        }
        assert!(rig.portrait.rgba.chunks_exact(4).all(|pixel| pixel[3] == 255), "{name}: portraits are opaque");
        assert_eq!(rig.landmarks, original.landmarks, "{name}");
    }
}

#[test]
fn a_backdrop_that_is_no_picture_is_refused() {
    let error = with(Backdrop::Picture(Arc::from(*b"no picture"))).map(drop).expect_err("text");
    assert!(matches!(&error, PortraitError::Backdrop(_)), "{error}");
    assert!(error.to_string().starts_with("the background: this is not a JPEG"), "{error}");
}
