//! A made-up portrait with its rig, so that what moves and draws faces can be tested without a face model and without a
//! photograph. The face is a flat drawing on the mean proportions of real ones.

use std::sync::Arc;

use tiny_skia::{Color, FillRule, Paint, PathBuilder, Pixmap, Rect, Transform};
use visage_core::{Iris, LANDMARKS, MouthColours, Raster, Rig, mesh_topology as mesh};

const FACE: &str = include_str!("../fixtures/face.txt");
const SKIN: [u8; 3] = [232, 190, 164];
const LIPS: [u8; 3] = [186, 92, 88];
const LIDS: [u8; 3] = [214, 164, 140];
const WHITE: [u8; 3] = [244, 242, 238];
const HAIR: [u8; 3] = [78, 52, 40];
const IRIS: [u8; 3] = [70, 110, 130];
const SHIRT: [u8; 3] = [60, 84, 130];
const WALL: [u8; 3] = [150, 170, 176];

/// Distance between the eyes, as a share of the picture.
const EYES_APART: f32 = 0.17;
/// Height of the eyes, as a share of the picture.
const EYES_AT: f32 = 0.42;
/// Radius of an iris in units of the distance between the eyes.
const IRIS_RADIUS: f32 = 0.095;

/// The rig of a drawn face in a square picture of `size` pixels: frontal, mouth closed, eyes open.
pub fn drawn_rig(size: u32) -> Rig {
    let landmarks = landmarks(size);
    let irises = [468, 473].map(|centre| Iris {
        centre: [landmarks[centre][0], landmarks[centre][1]],
        radius: IRIS_RADIUS * EYES_APART * size as f32,
    });
    let background = draw(size, |canvas| body(canvas, size));
    let portrait = draw(size, |canvas| {
        body(canvas, size);
        head(canvas, size, &landmarks, &irises);
    });
    let matte = draw(size, |canvas| head(canvas, size, &landmarks, &irises));
    let matte = matte.rgba.chunks_exact(4).map(|pixel| pixel[3]).collect();
    Rig {
        portrait,
        background,
        matte,
        landmarks: Arc::new(landmarks),
        irises,
        roll: 0.0,
        colours: MouthColours { lips: LIPS, skin: SKIN, lids: LIDS, white: WHITE },
    }
}

fn landmarks(size: u32) -> [[f32; 3]; LANDMARKS] {
    let unit = EYES_APART * size as f32;
    let centre = [size as f32 / 2.0, EYES_AT * size as f32, 0.0];
    let mut points = [[0.0; 3]; LANDMARKS];
    for (point, line) in points.iter_mut().zip(FACE.lines()) {
        for (axis, word) in line.split_ascii_whitespace().enumerate().take(3) {
            let value: f32 = word.parse().expect("the fixture holds three numbers a line");
            point[axis] = value * unit + centre[axis];
        }
    }
    points
}

fn draw(size: u32, paint: impl FnOnce(&mut Pixmap)) -> Raster {
    let mut canvas = Pixmap::new(size, size).expect("the size of a picture is not zero");
    paint(&mut canvas);
    let rgba = canvas.pixels().iter().flat_map(|pixel| {
        let colour = pixel.demultiply();
        [colour.red(), colour.green(), colour.blue(), colour.alpha()]
    });
    Raster { width: size, height: size, rgba: rgba.collect() }
}

/// What stands behind the head and does not move: a wall, a neck and shoulders.
fn body(canvas: &mut Pixmap, size: u32) {
    let [red, green, blue] = WALL;
    canvas.fill(Color::from_rgba8(red, green, blue, 255));
    let side = size as f32;
    let unit = EYES_APART * side;
    ellipse(canvas, [0.5 * side, 0.72 * side], [0.6 * unit, unit], LIDS);
    ellipse(canvas, [0.5 * side, 1.02 * side], [0.42 * side, 0.22 * side], SHIRT);
}

/// Hair and face.
fn head(canvas: &mut Pixmap, size: u32, points: &[[f32; 3]; LANDMARKS], irises: &[Iris; 2]) {
    let (side, unit) = (size as f32, EYES_APART * size as f32);
    let middle = 0.5 * side;
    ellipse(canvas, [middle, EYES_AT * side - 0.1 * unit], [1.32 * unit, 1.7 * unit], HAIR);
    loop_of(canvas, points, mesh::FACE_OVAL.iter(), SKIN);
    for (upper, lower) in
        [(&mesh::RIGHT_BROW_UPPER, &mesh::RIGHT_BROW_LOWER), (&mesh::LEFT_BROW_UPPER, &mesh::LEFT_BROW_LOWER)]
    {
        loop_of(canvas, points, upper.iter().chain(lower.iter().rev()), HAIR);
    }
    loop_of(canvas, points, mesh::NOSE_WINGS.iter(), LIDS);
    for ((upper, lower), iris) in
        [(&mesh::RIGHT_LID_UPPER, &mesh::RIGHT_LID_LOWER), (&mesh::LEFT_LID_UPPER, &mesh::LEFT_LID_LOWER)]
            .into_iter()
            .zip(irises)
    {
        loop_of(canvas, points, upper.iter().chain(lower.iter().rev()), WHITE);
        ellipse(canvas, iris.centre, [iris.radius * 0.8; 2], IRIS);
        ellipse(canvas, iris.centre, [iris.radius * 0.4; 2], [12, 12, 14]);
    }
    loop_of(canvas, points, mesh::LIPS_OUTER_UPPER.iter().chain(mesh::LIPS_OUTER_LOWER.iter().rev()), LIPS);
}

fn loop_of<'a>(
    canvas: &mut Pixmap,
    points: &[[f32; 3]; LANDMARKS],
    indices: impl Iterator<Item = &'a u16>,
    colour: [u8; 3],
) {
    let mut path = PathBuilder::new();
    for (count, &index) in indices.enumerate() {
        let [x, y, _] = points[usize::from(index)];
        if count == 0 {
            path.move_to(x, y);
        } else {
            path.line_to(x, y);
        }
    }
    path.close();
    if let Some(path) = path.finish() {
        canvas.fill_path(&path, &paint(colour), FillRule::Winding, Transform::identity(), None);
    }
}

fn ellipse(canvas: &mut Pixmap, centre: [f32; 2], radii: [f32; 2], colour: [u8; 3]) {
    let [x, y] = [centre[0] - radii[0], centre[1] - radii[1]];
    let Some(rect) = Rect::from_xywh(x, y, 2.0 * radii[0], 2.0 * radii[1]) else { return };
    if let Some(path) = PathBuilder::from_oval(rect) {
        canvas.fill_path(&path, &paint(colour), FillRule::Winding, Transform::identity(), None);
    }
}

fn paint(colour: [u8; 3]) -> Paint<'static> {
    let mut paint = Paint::default();
    paint.set_color_rgba8(colour[0], colour[1], colour[2], 255);
    paint
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_drawing_is_where_the_landmarks_say() {
        let rig = drawn_rig(256);
        let check = |landmark: usize, down: f32, expected: [u8; 3]| {
            let [x, y, _] = rig.landmarks[landmark];
            let pixel = (((y + down) as usize) * 256 + x as usize) * 4;
            assert_eq!(rig.portrait.rgba[pixel..pixel + 3], expected, "landmark {landmark}");
            assert_eq!(rig.matte[pixel / 4], 255, "the matte at landmark {landmark}");
        };
        check(151, 0.0, SKIN);
        check(0, 2.0, LIPS);
        check(468, 0.0, [12, 12, 14]);
        check(105, 1.0, HAIR);
        assert_eq!(rig.matte[0], 0);
        assert_eq!(rig.landmarks[13], rig.landmarks[14], "the mouth is closed");
    }
}
