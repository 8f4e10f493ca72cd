//! A rig for tests: landmarks of a drawn face (tests/fixtures/README.md) and a simple picture painted to fit them.

use std::sync::Arc;

use glam::Vec2;
use visage_core::{Iris, LANDMARKS, MouthColours, Raster, Rig, mesh_topology as topology};

/// Side of the picture.
pub(crate) const SIDE: u32 = 512;

/// A rig with a painted face, head in full matte, on a grey background.
pub(crate) fn rig() -> Rig {
    let scale = SIDE as f32 / 1000.0;
    let mut landmarks = [[0.0f32; 3]; LANDMARKS];
    let mut irises = [Iris::default(); 2];
    let (mut point, mut iris) = (0, 0);
    for line in include_str!("../tests/fixtures/face.txt").lines().filter(|line| !line.starts_with('#')) {
        let is_iris = line.starts_with("iris");
        let mut values = line.trim_start_matches("iris").split_whitespace().map(|v| v.parse::<f32>().unwrap() * scale);
        let three: [f32; 3] = std::array::from_fn(|_| values.next().unwrap());
        if is_iris {
            irises[iris] = Iris { centre: [three[0], three[1]], radius: three[2] };
            iris += 1;
        } else {
            landmarks[point] = three;
            point += 1;
        }
    }
    let at = |index: u16| Vec2::new(landmarks[usize::from(index)][0], landmarks[usize::from(index)][1]);
    let polygon = |upper: &[u16], lower: &[u16]| -> Vec<Vec2> {
        upper.iter().chain(lower.iter().rev().skip(1).take(lower.len() - 2)).map(|&i| at(i)).collect()
    };
    let eyes = [
        polygon(&topology::RIGHT_LID_UPPER, &topology::RIGHT_LID_LOWER),
        polygon(&topology::LEFT_LID_UPPER, &topology::LEFT_LID_LOWER),
    ];
    let lips = polygon(&topology::LIPS_OUTER_UPPER, &topology::LIPS_OUTER_LOWER);
    let line: Vec<Vec2> = topology::LIPS_INNER_UPPER
        .iter()
        .zip(&topology::LIPS_INNER_LOWER)
        .map(|(&a, &b)| (at(a) + at(b)) / 2.0)
        .collect();
    let mut rgba = Vec::new();
    let mut matte = Vec::new();
    let (centre, chin) = (at(168), at(152));
    for y in 0..SIDE {
        for x in 0..SIDE {
            let p = Vec2::new(x as f32 + 0.5, y as f32 + 0.5);
            let to_line = line.windows(2).map(|ab| segment(ab[0], ab[1], p)).fold(f32::MAX, f32::min);
            let colour: [u8; 3] = if to_line < 1.5 {
                [90, 30, 30]
            } else if eyes.iter().any(|eye| crate::curve::inside(eye, p)) {
                let iris = irises.iter().any(|i| p.distance(Vec2::from_array(i.centre)) < i.radius);
                if iris { [60, 90, 60] } else { [230, 230, 232] }
            } else if crate::curve::inside(&lips, p) {
                [200, 110, 105]
            } else {
                [220, 180, 155]
            };
            rgba.extend([colour[0], colour[1], colour[2], 255]);
            let reach = chin.y - centre.y;
            let head = ((p.x - centre.x) / reach).powi(2) + ((p.y - centre.y) / (1.5 * reach)).powi(2);
            matte.push((255.0 * (1.0 - crate::curve::smooth(0.9, 1.1, head))) as u8);
        }
    }
    let grey: Vec<u8> = [128, 130, 135, 255].repeat((SIDE * SIDE) as usize);
    Rig {
        portrait: Raster { width: SIDE, height: SIDE, rgba: Arc::from(rgba) },
        background: Raster { width: SIDE, height: SIDE, rgba: Arc::from(grey) },
        matte: Arc::from(matte),
        landmarks: Arc::new(landmarks),
        irises,
        roll: 0.0,
        colours: MouthColours {
            lips: [200, 110, 105],
            skin: [220, 180, 155],
            lids: [214, 172, 148],
            white: [235, 235, 235],
        },
    }
}

fn segment(a: Vec2, b: Vec2, p: Vec2) -> f32 {
    let along = ((p - a).dot(b - a) / (b - a).length_squared().max(1e-6)).clamp(0.0, 1.0);
    p.distance(a + (b - a) * along)
}
