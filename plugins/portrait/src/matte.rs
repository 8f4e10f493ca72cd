//! The head's matte: which pixels move with the head. There is no network for it. Colours of the head and of what is
//! around it are learned from the picture itself (mixtures of Gaussians, re-estimated as GrabCut does), an ellipse
//! around the face says what is likely where colours do not, springs between neighbours of like colour make it whole
//! (random walker), and a guided filter brings the edge to full resolution, hair included. Where colours tell nothing,
//! the ellipse is what remains.

use visage_core::{LANDMARKS, mesh_topology::FACE_OVAL};

use crate::{
    cells::{Cells, GRID, Known, flood, to_full_size},
    frame::{FaceFrame, inside, smoothstep},
    picture::Picture,
    plane::Plane,
};

/// Gaussians that the colours of the head, and of what is around it, are made of.
const HEAD_PARTS: usize = 7;
const AROUND_PARTS: usize = 8;
/// The ramp down the neck, as heights along the face: begun a little below the mesh's chin, for the real one, with a beard,
/// lies lower; ended where shoulders begin.
const NECK_RAMP: (f32, f32) = (-0.95, -0.57);

/// What is known of a cell before colours are looked at.
struct Prior {
    frame_v: Vec<f32>,
    /// Radius in the head's ellipse: 1 on its edge.
    radius: Vec<f32>,
    /// Log odds of being head.
    odds: Vec<f32>,
    head: Vec<bool>,
    around: Vec<bool>,
}

/// What of a picture is head, on the grid.
pub(crate) struct Segmentation {
    frame: FaceFrame,
    oval: Vec<[f32; 2]>,
    /// How much each cell belongs to the head, its hair or its neck, 0..1.
    head: Plane,
}

impl Segmentation {
    /// Looks at a square picture.
    pub fn new(picture: &Picture, landmarks: &[[f32; 3]; LANDMARKS]) -> Self {
        let frame = FaceFrame::new(landmarks);
        let oval: Vec<[f32; 2]> =
            FACE_OVAL.iter().map(|&at| [landmarks[usize::from(at)][0], landmarks[usize::from(at)][1]]).collect();
        let prior = Prior::new(picture.width, &frame, &oval);
        let learn: Vec<bool> = prior.frame_v.iter().map(|&v| v > -0.55).collect();
        let learn_around: Vec<bool> =
            learn.iter().zip(&prior.radius).map(|(&learn, &radius)| learn && radius < 3.0).collect();
        let cells = Cells::new(picture, &frame);
        // Shoulders come out as either.
        let head = cells.divide(&Known {
            inside: &prior.head,
            outside: &prior.around,
            odds: &prior.odds,
            learn_inside: &learn,
            learn_outside: &learn_around,
            parts: (HEAD_PARTS, AROUND_PARTS),
        });
        let head = keep_the_head(head, &prior);
        Self { frame, oval, head }
    }

    /// The face's coordinates.
    pub const fn frame(&self) -> &FaceFrame {
        &self.frame
    }

    /// How much each cell belongs to the head, 0..1.
    pub const fn head(&self) -> &Plane {
        &self.head
    }

    /// One byte a pixel of the picture: 255 moves with the head, 0 does not.
    pub fn matte(&self, picture: &Picture) -> Vec<u8> {
        to_full_size(picture, &self.head, (0.2, 0.7), |x, y, soft| {
            let (u, v) = self.frame.coordinates(x, y);
            let ramp = neck_ramp(u, v);
            if ramp <= 0.0 {
                return 0.0;
            }
            let sure = near_face(u, v) && inside(&self.oval, x, y);
            if sure { ramp } else { smoothstep(0.08, 0.7, soft()) * ramp }
        })
    }
}

impl Prior {
    fn new(side: usize, frame: &FaceFrame, oval: &[[f32; 2]]) -> Self {
        /// Cells of the picture's edge that are background where the head is not near.
        const BORDER: usize = 3;
        let cells = GRID * GRID;
        let cell = side as f32 / GRID as f32;
        let mut prior = Self {
            frame_v: Vec::with_capacity(cells),
            radius: Vec::with_capacity(cells),
            odds: Vec::with_capacity(cells),
            head: Vec::with_capacity(cells),
            around: Vec::with_capacity(cells),
        };
        for row in 0..GRID {
            for column in 0..GRID {
                let (x, y) = ((column as f32 + 0.5) * cell, (row as f32 + 0.5) * cell);
                let (u, v) = frame.coordinates(x, y);
                // The head's ellipse: a skull rises above the forehead by more than the chin lies below the mouth.
                let radius = (u / 0.66).hypot((v - 0.10) / if v > 0.1 { 0.72 } else { 0.68 });
                let likely = (1.0 / (1.0 + ((radius - 1.09) / 0.12).exp())).clamp(0.047, 0.953);
                // Below the jaw the ellipse says little: there is a neck, hair, a collar.
                let weight = if v < -0.45 { 0.35 } else { 1.0 };
                let skull = (u / 0.46).hypot((v - 0.1) / 0.52) < 1.0;
                let neck = v < -0.45 && v > -0.62 && u.abs() < 0.22;
                let border = row < BORDER || !(BORDER..GRID - BORDER).contains(&column);
                prior.head.push(inside(oval, x, y) || skull || neck);
                prior.around.push(((border && radius > 1.35) || radius > 2.6) && v > -0.42);
                prior.odds.push((likely / (1.0 - likely)).ln() * weight);
                prior.radius.push(radius);
                prior.frame_v.push(v);
            }
        }
        prior
    }
}

/// Removes what is not connected with the face and fills holes.
fn keep_the_head(mut estimate: Plane, prior: &Prior) -> Plane {
    const SOLID: f32 = 0.35;
    let solid: Vec<bool> = estimate.values.iter().map(|&value| value > SOLID).collect();
    let connected = flood(&solid, (0..GRID * GRID).filter(|&at| prior.head[at]));
    let open: Vec<bool> = connected.iter().map(|&part| !part).collect();
    let edge = (0..GRID * GRID).filter(|at| at / GRID == 0 || at % GRID == 0 || at % GRID == GRID - 1);
    let outside = flood(&open, edge);
    for (at, value) in estimate.values.iter_mut().enumerate() {
        if connected[at] {
            continue;
        }
        *value = if !outside[at] && prior.frame_v[at] > -0.5 {
            value.max(0.9)
        } else if solid[at] {
            0.0
        } else {
            *value
        };
    }
    estimate
}

/// Whether a point may lie in the oval of the face; spares the test of its outline.
fn near_face(u: f32, v: f32) -> bool {
    u.abs() < 0.6 && v.abs() < 0.6
}

/// 1 down to the chin, then falling to 0 at the shoulders, sooner to the sides where shoulders rise.
pub(crate) fn neck_ramp(u: f32, v: f32) -> f32 {
    let down = smoothstep(NECK_RAMP.0, NECK_RAMP.1, v);
    let below = 1.0 - smoothstep(-0.68, -0.5, v);
    let sideways = smoothstep(0.52, 0.85, u.abs());
    down * (1.0 - below * sideways)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A face of 100×140 pixels in the middle of 400×400: the points that the matte needs lie on an ellipse.
    fn landmarks() -> [[f32; 3]; LANDMARKS] {
        let mut landmarks = [[200.0, 180.0, 0.0]; LANDMARKS];
        for (at, &point) in FACE_OVAL.iter().enumerate() {
            let angle = at as f32 / FACE_OVAL.len() as f32 * std::f32::consts::TAU;
            landmarks[usize::from(point)] = [200.0 + 50.0 * angle.sin(), 180.0 - 70.0 * angle.cos(), 0.0];
        }
        landmarks
    }

    fn whole(picture: &Picture, landmarks: &[[f32; 3]; LANDMARKS]) -> Vec<u8> {
        Segmentation::new(picture, landmarks).matte(picture)
    }

    /// A head of one colour (an ellipse with hair of another on top) before a background.
    fn picture(around: [u8; 3], skin: [u8; 3], hair: [u8; 3]) -> Picture {
        let mut rgb = Vec::new();
        for at in 0..400 * 400 {
            let (x, y) = ((at % 400) as f32 - 200.0, (at / 400) as f32 - 170.0);
            let head = (x / 62.0).hypot(y / 92.0) < 1.0;
            let neck = x.abs() < 28.0 && (0.0..150.0).contains(&y);
            rgb.extend(if head && y < -45.0 {
                hair
            } else if head || neck {
                skin
            } else {
                around
            });
        }
        Picture { width: 400, height: 400, rgb }
    }

    #[test]
    fn a_head_before_a_wall_is_cut_out_with_its_hair() {
        let matte = whole(&picture([60, 110, 160], [200, 150, 130], [40, 30, 25]), &landmarks());
        let cases = [
            ("forehead", 200, 120, 250, 255),
            ("hair", 200, 84, 230, 255),
            ("temple", 255, 165, 230, 255),
            ("beside the head", 285, 170, 0, 10),
            ("above the head", 200, 60, 0, 10),
            ("corner", 10, 10, 0, 0),
            ("half-way down the neck", 200, 280, 60, 200),
            ("chest", 200, 380, 0, 0),
        ];
        for (name, x, y, low, high) in cases {
            let found = matte[y * 400 + x];
            assert!((low..=high).contains(&found), "{name}: {found}");
        }
    }

    #[test]
    fn without_any_difference_of_colour_an_ellipse_remains() {
        let grey = [128; 3];
        let matte = whole(&picture(grey, grey, grey), &landmarks());
        assert_eq!(matte[180 * 400 + 200], 255);
        assert!(matte[180 * 400 + 262] > 100, "the ear: {}", matte[180 * 400 + 262]);
        assert_eq!((matte[20 * 400 + 20], matte[180 * 400 + 380]), (0, 0));
    }
}
