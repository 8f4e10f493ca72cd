//! Which square of a picture becomes the portrait: head and shoulders, or the whole picture where it is framed that way
//! already.

use crate::frame::FaceFrame;

/// Largest side of a portrait in pixels: what the stage draws at most.
pub const MAX_SIDE: usize = 1080;
/// A face that takes up less than this of the shorter side is brought nearer.
const SMALLEST_FACE: f32 = 0.24;
/// The face's height in a square that is chosen around it.
const FACE_IN_SQUARE: f32 = 0.34;
/// Where the middle of the face lies in a square that is chosen around it, from its top.
const FACE_FROM_TOP: f32 = 0.42;

/// A square in whole pixels of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Crop {
    pub x: usize,
    pub y: usize,
    /// Side in pixels of the picture.
    pub side: usize,
    /// Side of the portrait; even.
    pub target: usize,
}

/// Chooses the square for a face.
pub(crate) fn choose(width: usize, height: usize, face: &FaceFrame) -> Crop {
    let shorter = width.min(height);
    let small = face.height < SMALLEST_FACE * shorter as f32;
    let side = if small { ((face.height / FACE_IN_SQUARE) as usize).clamp(2, shorter) } else { shorter };
    let start = |centre: f32, share: f32, length: usize| {
        (centre - share * side as f32).clamp(0.0, (length - side) as f32) as usize
    };
    let x = start(face.centre[0], 0.5, width);
    let y = start(face.centre[1], FACE_FROM_TOP, height);
    Crop { x, y, side, target: (side.min(MAX_SIDE) & !1).max(2) }
}

#[cfg(test)]
mod tests {
    use visage_core::LANDMARKS;

    use super::*;

    fn face(x: f32, y: f32, height: f32) -> FaceFrame {
        let mut landmarks = [[0.0; 3]; LANDMARKS];
        let half = height / 2.0;
        for (index, dx, dy) in [(10, 0.0, -half), (152, 0.0, half), (234, -half * 0.8, 0.0), (454, half * 0.8, 0.0)] {
            landmarks[index] = [x + dx, y + dy, 0.0];
        }
        FaceFrame::new(&landmarks)
    }

    #[test]
    fn squares_are_chosen_around_the_head() {
        let cases = [
            ("square", 1024, 1024, face(512.0, 430.0, 400.0), Crop { x: 0, y: 0, side: 1024, target: 1024 }),
            ("tall", 600, 900, face(300.0, 300.0, 250.0), Crop { x: 0, y: 48, side: 600, target: 600 }),
            ("tall, head at the top", 600, 900, face(300.0, 150.0, 250.0), Crop { x: 0, y: 0, side: 600, target: 600 }),
            (
                "wide, to the right",
                1600,
                901,
                face(1500.0, 400.0, 300.0),
                Crop { x: 699, y: 0, side: 901, target: 900 },
            ),
            ("far away", 4000, 3000, face(2000.0, 1500.0, 340.0), Crop { x: 1500, y: 1080, side: 1000, target: 1000 }),
            ("large", 4000, 4000, face(2000.0, 1700.0, 2000.0), Crop { x: 0, y: 0, side: 4000, target: 1080 }),
        ];
        for (name, width, height, face, expected) in cases {
            assert_eq!(choose(width, height, &face), expected, "{name}");
        }
    }
}
