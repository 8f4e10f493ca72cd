//! Real pictures through the real networks.

#[path = "portrait/backdrops.rs"]
mod backdrops;
#[path = "portrait/placed.rs"]
mod placed;
#[path = "portrait/plugin.rs"]
mod plugin;

use std::{io::Cursor, path::PathBuf, sync::OnceLock};

use image::{DynamicImage, ImageFormat, RgbImage, imageops};
use visage_core::{LANDMARKS, PortraitSource, Rig};
use visage_models::Store;
use visage_portrait::{FaceMeasure, MAX_SIDE, PortraitError, RigBuilder, encode_png, inspect};

fn fixture() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/portrait.jpg")
}

fn picture() -> RgbImage {
    image::open(fixture()).expect("the fixture is a JPEG").into_rgb8()
}

fn builder() -> RigBuilder {
    RigBuilder::new(&Store::default())
}

/// Builds without landmarks or a backdrop. The face models are shipped, and set-up fetches ONNX Runtime.
fn build(bytes: Vec<u8>) -> Result<Rig, PortraitError> {
    builder().build(&PortraitSource::picture_only(bytes))
}

fn encode(picture: RgbImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).expect("memory can be written");
    bytes.into_inner()
}

/// The fixture's rig, made once.
fn rig() -> &'static Rig {
    static RIG: OnceLock<Rig> = OnceLock::new();
    RIG.get_or_init(|| builder().build_file(&fixture()).expect("the fixture has a face"))
}

fn measure(picture: RgbImage) -> FaceMeasure {
    let (width, height) = picture.dimensions();
    let rgba = DynamicImage::from(picture).into_rgba8().into_raw().into();
    builder().measure(&visage_core::Raster { width, height, rgba }).expect("there is a face")
}

/// The picture scaled to `side` in the middle of a grey canvas, or where `place` says.
fn on_canvas(side: u32, canvas: (u32, u32), place: (i64, i64)) -> RgbImage {
    let mut out = RgbImage::from_pixel(canvas.0, canvas.1, image::Rgb([150, 155, 160]));
    let small = imageops::resize(&picture(), side, side, imageops::FilterType::Triangle);
    imageops::overlay(&mut out, &small, place.0, place.1);
    out
}

#[test]
fn landmarks_lie_where_the_face_has_them() {
    let rig = rig();
    assert_eq!((rig.portrait.width, rig.portrait.height), (384, 384));
    // Read off the fixture by eye, in pixels.
    let cases = [
        ("tip of the nose", 4, [186.0, 146.0], 5.0),
        ("right corner of the mouth", 61, [163.0, 170.0], 4.0),
        ("left corner of the mouth", 291, [214.0, 169.0], 4.0),
        ("where the lips meet", 13, [187.0, 172.0], 3.0),
        ("right iris", 468, [157.0, 117.0], 2.5),
        ("left iris", 473, [213.0, 115.0], 2.5),
        ("outer corner of the right eye", 33, [147.0, 118.0], 3.0),
        ("outer corner of the left eye", 263, [224.0, 116.0], 4.0),
    ];
    for (name, index, expected, tolerance) in cases {
        let [x, y, _] = rig.landmarks[index];
        let error = (x - expected[0]).hypot(y - expected[1]);
        assert!(error < tolerance, "{name}: {x:.1}, {y:.1}");
    }
    for (iris, index) in rig.irises.iter().zip([468, 473]) {
        assert_eq!(iris.centre, [rig.landmarks[index][0], rig.landmarks[index][1]]);
        assert!((3.5..8.0).contains(&iris.radius), "{iris:?}");
    }
    assert!(rig.roll.abs() < 0.12, "{}", rig.roll);
    // The lips are closed and meet on one line.
    for (upper, lower) in [(81, 178), (13, 14), (311, 402)] {
        assert_eq!(rig.landmarks[upper][..2], rig.landmarks[lower][..2]);
    }
}

#[test]
fn the_matte_holds_face_and_hair_and_nothing_of_the_corners() {
    let rig = rig();
    let at = |x: usize, y: usize| rig.matte[y * 384 + x];
    let cases = [
        ("nose", 183, 138, 255..=255),
        ("forehead", 186, 60, 255..=255),
        ("hair on top", 186, 28, 200..=255),
        ("hair at the side", 130, 110, 200..=255),
        ("wall", 100, 60, 0..=10),
        ("ceiling", 186, 4, 0..=10),
        ("other side", 330, 110, 0..=10),
        ("jacket", 80, 330, 0..=0),
    ];
    for (name, x, y, range) in cases {
        assert!(range.contains(&at(x, y)), "{name}: {}", at(x, y));
    }
    let differs = |x: usize, y: usize| {
        let at = (y * 384 + x) * 4;
        rig.background.rgba[at..at + 4] != rig.portrait.rgba[at..at + 4]
    };
    assert!(differs(183, 138), "the nose is gone from the background");
    assert!(!differs(80, 330) && !differs(20, 20), "jacket and corner stay");
    let (skin, white) = (rig.colours.skin, rig.colours.white);
    assert!(skin[0] > skin[1] && skin[1] > skin[2], "{:?}", rig.colours);
    assert!(
        white.iter().zip(skin).all(|(white, skin)| *white > 150 && (*white > skin || skin > 230)),
        "{:?}",
        rig.colours
    );
    assert!(rig.colours.lips[1] < skin[1], "lips are redder: {:?}", rig.colours);
}

#[test]
fn at_rest_head_over_background_is_the_portrait() {
    let rig = rig();
    let pixels = rig.portrait.rgba.chunks_exact(4).zip(rig.background.rgba.chunks_exact(4)).zip(rig.matte.iter());
    let mut errors: Vec<f32> = pixels
        .map(|((portrait, background), &matte)| {
            let hidden = 1.0 - f32::from(matte) / 255.0;
            let apart = (0..3).map(|at| f32::from(portrait[at].abs_diff(background[at]))).fold(0.0, f32::max);
            apart * hidden
        })
        .collect();
    errors.sort_by(f32::total_cmp);
    // Only the soft edge of the hair is a guess.
    let (mean, most) = (errors.iter().sum::<f32>() / errors.len() as f32, errors[errors.len() * 99 / 100]);
    assert!(mean < 0.6 && most < 20.0, "mean {mean}, 99 of 100 below {most}");
}

#[test]
fn the_same_bytes_make_the_same_rig() {
    let again = builder().build_file(&fixture()).expect("the fixture has a face");
    let rig = rig();
    assert_eq!(again.landmarks, rig.landmarks);
    assert!(again.matte == rig.matte && again.background == rig.background && again.portrait == rig.portrait);
    assert_eq!((again.irises, again.roll, again.colours), (rig.irises, rig.roll, rig.colours));
}

#[test]
fn png_and_webp_make_nearly_the_same_face() {
    for format in [ImageFormat::Png, ImageFormat::WebP] {
        let other = build(encode(picture(), format)).expect("the fixture has a face");
        let apart = (0..LANDMARKS).map(|at| {
            let (a, b) = (rig().landmarks[at], other.landmarks[at]);
            (a[0] - b[0]).hypot(a[1] - b[1])
        });
        assert!(apart.fold(0.0, f32::max) < 1.5, "{format:?}");
    }
}

#[test]
fn of_two_faces_the_larger_one_is_taken() {
    let mut both = on_canvas(384, (900, 384), (500, 0));
    imageops::overlay(&mut both, &imageops::thumbnail(&picture(), 200, 200), 40, 100);
    let bytes = encode(both, ImageFormat::Png);
    let found = builder().find_face(&bytes).expect("there are faces");
    assert!(found.bounds[0] > 500.0 && found.others.len() == 1 && found.others[0][2] < 240.0, "{found:?}");
    let rig = build(bytes).expect("there are faces");
    // A square of 384 around the larger head, which is at the right.
    let width = rig.landmarks[454][0] - rig.landmarks[234][0];
    assert!((100.0..140.0).contains(&width), "{width}");
}

#[test]
fn pictures_that_will_not_do_are_told_apart() {
    let grey = RgbImage::from_fn(400, 300, |x, y| image::Rgb([(x / 2) as u8, (y / 2) as u8, 120]));
    type Expected = fn(&PortraitError) -> bool;
    let cases: [(&str, RgbImage, Expected); 3] = [
        ("no face", grey, |error| matches!(error, PortraitError::NoFace)),
        (
            "a tiny face",
            on_canvas(150, (400, 400), (125, 125)),
            |error| matches!(error, PortraitError::FaceTooSmall { pixels } if (30..80).contains(pixels)),
        ),
        ("one pixel", RgbImage::new(1, 1), |error| matches!(error, PortraitError::NoFace)),
    ];
    for (name, picture, expected) in cases {
        match build(encode(picture, ImageFormat::Png)) {
            Err(error) => assert!(expected(&error), "{name}: {error}"),
            Ok(_) => panic!("{name} became a rig"),
        }
    }
    for (name, turned, words) in [
        ("head down", imageops::rotate180(&picture()), "stands on its head"),
        ("to the right", imageops::rotate90(&picture()), "lies on its side"),
        ("to the left", imageops::rotate270(&picture()), "lies on its side"),
    ] {
        let error = build(encode(turned, ImageFormat::Png)).map(drop).expect_err(name);
        let right = matches!(error, PortraitError::NotUpright { .. }) && error.to_string().contains(words);
        assert!(right, "{name}: {error}");
    }
    let missing = builder().build_file("/no/such/picture.jpg".as_ref());
    assert!(matches!(missing, Err(PortraitError::Unreadable { .. })));
}

#[test]
fn faces_large_and_small_in_the_picture_are_found() {
    // The face alone, up to its edges.
    let close = imageops::crop_imm(&picture(), 122, 50, 136, 150).to_image();
    let close = imageops::resize(&close, 680, 750, imageops::FilterType::CatmullRom);
    let rig = build(encode(close, ImageFormat::Png)).expect("a face that fills the picture");
    assert_eq!(rig.portrait.width, 680);
    // A face of 100 pixels in 2400×1600.
    let far = on_canvas(330, (2400, 1600), (1900, 1100));
    let rig = build(encode(far, ImageFormat::Png)).expect("a face that is small in the picture");
    assert!(rig.portrait.width < 500 && rig.portrait.width as usize <= MAX_SIDE, "{}", rig.portrait.width);
}

/// The picture turned clockwise about its middle.
fn turned(angle: f32) -> RgbImage {
    let source = picture();
    let (sin, cos) = angle.sin_cos();
    RgbImage::from_fn(384, 384, |x, y| {
        let (dx, dy) = (x as f32 - 191.5, y as f32 - 191.5);
        imageops::sample_bilinear(
            &source,
            (0.5 + (cos * dx + sin * dy) / 384.0).clamp(0.0, 1.0),
            (0.5 + (cos * dy - sin * dx) / 384.0).clamp(0.0, 1.0),
        )
        .unwrap_or(image::Rgb([128; 3]))
    })
}

#[test]
fn a_tilted_head_measures_the_tilt_and_little_else() {
    let straight = measure(picture());
    assert!(straight.presence > 0.9 && straight.mouth_gap < 0.05, "{straight:?}");
    assert!(straight.lids.iter().all(|lid| (0.2..0.5).contains(lid)), "{straight:?}");
    for angle in [-0.4f32, 0.4] {
        let tilted = measure(turned(angle));
        assert!((tilted.roll - straight.roll - angle).abs() < 0.06, "{angle}: {tilted:?}");
        assert!((tilted.mouth_width - straight.mouth_width).abs() < 0.06, "{angle}: {tilted:?}");
        assert!((tilted.corner_lift - straight.corner_lift).abs() < 0.05, "{angle}: {tilted:?}");
    }
}

#[test]
fn painted_lids_measure_as_closed() {
    let mut shut = picture();
    for (centre, lid) in [([157, 117], [157, 108]), ([213, 115], [213, 106])] {
        let skin = *shut.get_pixel(lid[0], lid[1]);
        for dy in -7i32..=7 {
            for dx in -16i32..=16 {
                if (dx as f32 / 16.0).hypot(dy as f32 / 7.5) < 1.0 {
                    let lashes = (3..=4).contains(&dy) && dx.abs() < 14;
                    let colour = if lashes { image::Rgb([60, 40, 35]) } else { skin };
                    shut.put_pixel((centre[0] + dx) as u32, (centre[1] + dy) as u32, colour);
                }
            }
        }
    }
    let (open, shut) = (measure(picture()), measure(shut));
    assert!(open.lids.iter().zip(shut.lids).all(|(open, shut)| shut < open * 0.5), "{:?} {:?}", open.lids, shut.lids);
}

#[test]
fn the_inspection_is_a_png_with_four_views() {
    let sheet = inspect(rig());
    let bytes = encode_png(&sheet).expect("a whole raster");
    let decoded = image::load_from_memory(&bytes).expect("a PNG").into_rgba8();
    assert_eq!(decoded.dimensions(), (1600, 1732));
    assert!(decoded.pixels().all(|pixel| pixel[3] == 255));
    // The legend's first entry is the white of the face oval.
    assert_eq!(decoded.get_pixel(30, 1620).0, [255; 4]);
    let wrong = visage_core::Raster { width: 3, height: 3, rgba: vec![0; 5].into() };
    assert!(encode_png(&wrong).is_err());
}
