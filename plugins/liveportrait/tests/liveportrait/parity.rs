//! Every stage against the reference: fixtures/README.md says what was computed, and by which rules.

use crate::reference::{FACE, TOLERANCE, Tensors, blocks, every, keypoints, lattice, networks, rig};
use visage_core::{LANDMARKS, Raster, Rig};
use visage_liveportrait::{
    Affine, FaceCrop, FaceImage, Feature, INPUT_SIDE, Keypoints, Motion, Networks, OUTPUT_SIDE, Offset, PICTURE_BYTES,
    Paste, Ratios, degrees, moved, rotation,
};

fn flat(keypoints: &Keypoints) -> &[f32] {
    keypoints.as_flattened()
}

fn points(values: &[f32]) -> Vec<[f64; 2]> {
    values.as_chunks().0.iter().map(|&[x, y]| [f64::from(x), f64::from(y)]).collect()
}

/// The face of the fixtures.
fn crop() -> FaceCrop {
    let tensors = Tensors::load("crop");
    let point = |name| points(&tensors.get(name))[0];
    FaceCrop::around(&points(&tensors.get("points")), point("eyes"), point("mouth")).expect("it is a face")
}

fn face() -> FaceImage {
    crop().cut(&rig().portrait, [0; 3])
}

/// What M has said for a face of the fixtures.
fn motion(tensors: &Tensors, name: &str) -> Motion {
    let get = |part| tensors.get(&format!("{name}.{part}"));
    let translation = get("t");
    Motion {
        rotation: ["pitch", "yaw", "roll"].map(|part| degrees(&get(part))),
        translation: [0, 1, 2].map(|axis| translation[axis]),
        expression: keypoints(&get("exp")),
        scale: get("scale")[0],
        canonical: keypoints(&get("kp")),
    }
}

fn feature(networks: &mut Networks) -> Feature {
    networks.appearance.run(&face()).expect("F runs")
}

#[test]
fn the_face_is_cut_out() {
    let tensors = Tensors::load("crop");
    let matrix = |affine: Affine| -> Vec<f32> {
        affine.0.as_flattened().iter().copied().chain([0.0, 0.0, 1.0]).map(|value| value as f32).collect()
    };
    let crop = crop();
    tensors.check("to_crop", &matrix(crop.to_crop));
    tensors.check("to_picture", &matrix(crop.to_picture));
    let corners = [[10.0, 10.0], [110.0, 10.0], [10.0, 90.0], [110.0, 90.0]];
    let coinciding = FaceCrop::around(&corners, [60.0, 40.0], [60.0, 40.0]).expect("it has a size");
    tensors.check("coinciding.to_crop", &matrix(coinciding.to_crop));
    tensors.check("crop_256.lattice", &lattice(face().planes(), INPUT_SIDE));
    tensors.check("crop_256.blocks", &blocks(face().planes(), INPUT_SIDE));
}

#[test]
fn what_the_face_looks_like_is_found() {
    let tensors = Tensors::load("source");
    let values = feature(&mut networks()).values().expect("it is in memory");
    let part: Vec<f32> = values.iter().copied().step_by(257).collect();
    tensors.check("feature_3d.every_257", &part);
    let plane = |plane: &[f32]| (plane.iter().copied().map(f64::from).sum::<f64>() / plane.len() as f64) as f32;
    let means: Vec<f32> = values.chunks_exact(64 * 64).map(plane).collect();
    tensors.check("feature_3d.means", &means);
}

#[test]
fn how_the_face_is_held_is_found() {
    let tensors = Tensors::load("motion");
    let found = networks().motion.run(&face()).expect("M runs");
    let source = motion(&tensors, "source");
    tensors.check("source.angles", &found.rotation);
    tensors.check("source.t", &found.translation);
    tensors.check("source.exp", flat(&found.expression));
    tensors.check("source.scale", &[found.scale]);
    tensors.check("source.kp", flat(&found.canonical));
    tensors.check("source.keypoints", flat(&found.keypoints()));
    for (name, motion) in
        [("source", &source), ("first", &motion(&tensors, "first")), ("driving", &motion(&tensors, "driving"))]
    {
        tensors.check(&format!("{name}.angles"), &motion.rotation);
        tensors.check(&format!("{name}.rotation"), rotation(motion.rotation).as_flattened());
        tensors.check(&format!("{name}.keypoints"), flat(&motion.keypoints()));
    }
}

#[test]
fn keypoints_move() {
    let tensors = Tensors::load("motion");
    let [source, first, driving] = ["source", "first", "driving"].map(|name| motion(&tensors, name));
    tensors.check("relative", flat(&source.relative(&first, &driving)));
    tensors.check("absolute", flat(&source.absolute(&driving)));
    let three = |name| {
        let values = tensors.get(name);
        [0, 1, 2].map(|axis| values[axis])
    };
    let offset = Offset {
        rotation: three("offset.angles"),
        translation: three("offset.t"),
        scale: tensors.get("offset.scale")[0],
        expression: tensors.keypoints("offset.exp"),
        ..Offset::default()
    };
    tensors.check("offset", flat(&source.offset(&offset)));
}

#[test]
fn keypoints_are_retargeted_and_stitched() {
    let (motions, tensors) = (Tensors::load("motion"), Tensors::load("retargeting"));
    let mut networks = networks();
    let own = motions.keypoints("source.keypoints");
    let mut check = |name: &str, driving: &Keypoints| {
        let stitched = networks.stitching.run(&own, driving).expect("S runs");
        tensors.check(name, flat(&stitched));
        stitched
    };
    let [relative, absolute, offset] = ["relative", "absolute", "offset"].map(|name| motions.keypoints(name));
    let stitched = check("relative.stitched", &relative);
    check("absolute.stitched", &absolute);
    check("offset.stitched", &offset);

    let mut landmarks = [[0.0; 3]; LANDMARKS];
    for (point, [x, y]) in [159, 145, 33, 133].into_iter().zip(points(&tensors.get("eye.points"))) {
        landmarks[point] = [x as f32, y as f32, 0.0];
    }
    let [eyes, lips] = ["eye.ratios", "lip.ratios"].map(|name| tensors.get(name));
    let right = Ratios::of(&landmarks).eyes[0];
    tensors.check("eye.ratios", &[right, eyes[1], eyes[2]]);
    let ratios = Ratios { eyes: [right, eyes[1]], lips: lips[0] };
    let (of_eyes, of_lips) =
        (networks.eyes.as_mut().expect("it is there"), networks.lips.as_mut().expect("it is there"));
    let eyes = of_eyes.run(&own, &ratios, eyes[2]).expect("R of the eyes runs");
    let lips = of_lips.run(&own, &ratios, lips[1]).expect("R of the lips runs");
    tensors.check("eye.delta", flat(&eyes));
    tensors.check("lip.delta", flat(&lips));
    tensors.check("relative.stitched_lips_closed", flat(&moved(&stitched, &lips)));
    for (name, keypoints) in [("source", own), ("absolute", absolute), ("offset", offset)] {
        let moved = moved(&moved(&keypoints, &eyes), &lips);
        let stitched = networks.stitching.run(&own, &moved).expect("S runs");
        tensors.check(&format!("{name}.retargeted"), flat(&stitched));
    }
}

#[test]
fn the_face_is_drawn_and_put_back() {
    let (drawing, pasting) = (Tensors::load("drawing"), Tensors::load("paste"));
    let mut networks = networks();
    let feature = feature(&mut networks);
    let mut portrait = networks.warp.prepare(feature, &drawing.keypoints("kp_source"));
    let rig = rig();
    let side = rig.portrait.width;
    let paste = Paste::new(&rig, &crop(), side).expect("the rig is whole");
    for name in ["rest", "relative", "offset"] {
        let driving = drawing.keypoints(&format!("{name}.kp_driving"));
        let exact = networks.warp.run_exact(&mut portrait, &driving).expect("W and G run");
        drawing.check(&format!("{name}.lattice"), &lattice(&exact, OUTPUT_SIDE));
        drawing.check(&format!("{name}.blocks"), &blocks(&exact, OUTPUT_SIDE));
        let byte = |at: usize| (exact[at % 3 * OUTPUT_SIDE * OUTPUT_SIDE + at / 3] * 255.0).round() as u8;
        let face: Vec<u8> = (0..PICTURE_BYTES).map(byte).collect();
        if name == "rest" {
            assert!(*networks.warp.run(&mut portrait, &driving).expect("W and G run") == *face);
        }
        let planes = planes(&paste.paste(&face).expect("the picture has its size"));
        let drawn = every(&planes, [side as usize; 2], 2, 5);
        // Of 80 columns 64 are the drawn face's.
        let drawn: Vec<f32> = drawn.chunks_exact(80).flat_map(|row| row[..FACE[0] / 5].iter().copied()).collect();
        // The face was rounded to bytes, and what came of it once more.
        pasting.check_within(&format!("{name}.pasted"), &drawn, 1.0 / 255.0 + TOLERANCE);
    }
}

#[test]
fn the_mask_fades() {
    let tensors = Tensors::load("paste");
    let identity = Affine([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]);
    let black = Raster { width: 512, height: 512, rgba: [0, 0, 0, 255].repeat(512 * 512).into() };
    let rig = Rig { background: black.clone(), portrait: black, matte: vec![255; 512 * 512].into(), ..rig() };
    let paste = Paste::new(&rig, &FaceCrop { to_crop: identity, to_picture: identity }, 512).expect("the rig is whole");
    let picture = paste.paste(&vec![255; OUTPUT_SIDE * OUTPUT_SIDE * 3]).expect("the picture has its size");
    let planes = planes(&picture);
    let red = &planes[..512 * 512];
    // A white face on a black portrait is the mask, rounded to bytes.
    let tolerance = 0.5 / 255.0 + TOLERANCE;
    tensors.check_within("mask.lattice", &every(red, [512; 2], 3, 8), tolerance);
    tensors.check_within("mask.edge", &red[255 * 512..256 * 512], tolerance);
}

/// A picture's red, then its green, then its blue, 0..=1.
fn planes(picture: &Raster) -> Vec<f32> {
    let channel = |channel: usize| picture.rgba.iter().skip(channel).step_by(4).map(|&byte| f32::from(byte) / 255.0);
    (0..3).flat_map(channel).collect()
}
