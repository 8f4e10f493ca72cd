//! A small rig for tests.

use std::sync::Arc;

use visage_core::{LANDMARKS, MouthColours, Raster, Rig};

/// A rig of `side`×`side` pixels: a ramp of colours, a face in its middle that is half as wide.
pub(crate) fn rig(side: u32) -> Rig {
    let pixels = side as usize * side as usize;
    let ramp = (0..pixels).flat_map(|at| {
        let of = |place: usize| (place * 255 / side as usize) as u8;
        [of(at % side as usize), of(at / side as usize), 100, 255]
    });
    let portrait = Raster { width: side, height: side, rgba: ramp.collect() };
    let background = Raster { rgba: [60, 70, 80, 255].repeat(pixels).into(), ..portrait };
    let (middle, half) = (side as f32 / 2.0, side as f32 / 4.0);
    let mut landmarks = [[middle, middle, 0.0]; LANDMARKS];
    for (point, [x, y]) in [
        (234, [-1.0, 0.0]),
        (454, [1.0, 0.0]),
        (152, [0.0, 1.0]),
        (105, [-0.5, -0.6]),
        (334, [0.5, -0.6]),
        (33, [-0.6, -0.3]),
        (133, [-0.2, -0.3]),
        (159, [-0.4, -0.36]),
        (145, [-0.4, -0.24]),
        (263, [0.6, -0.3]),
        (362, [0.2, -0.3]),
        (386, [0.4, -0.36]),
        (374, [0.4, -0.24]),
        (61, [-0.3, 0.5]),
        (291, [0.3, 0.5]),
        (13, [0.0, 0.5]),
        (14, [0.0, 0.52]),
    ] {
        landmarks[point] = [middle + half * x, middle + half * y, 0.0];
    }
    Rig {
        portrait,
        background,
        matte: vec![255; pixels].into(),
        landmarks: Arc::new(landmarks),
        irises: Default::default(),
        roll: 0.0,
        colours: MouthColours { lips: [0; 3], skin: [0; 3], lids: [0; 3], white: [0; 3] },
    }
}
