//! Small turns of the head, made of the picture itself: no picture is baked for them.
//!
//! At rest a head turns by two or three degrees (`visage_emotion`'s sway: yaw within 0.055 rad, pitch within 0.065, roll
//! within 0.04; emotions add 0.06 at most). A picture for each of several heads would multiply all others. Moving the picture as a
//! whole would look like a card. So each pixel moves by what the surface below it does: a tilt turns it about the joint of
//! the neck, a turn moves it the more the further it stands before the axis. The head's surface is a paraboloid as high
//! as the nose. Towards the border of the picture all movement fades, so that the picture still fits where it is pasted.
//!
//! What a side of the face hides does not come into view; beyond [`FARTHEST`] there is no picture.

use visage_core::HeadPose;

use crate::{
    layout::Layout,
    picture::{ROW, SIDE},
};

/// Largest yaw, pitch and roll, radians, and the largest translation, distances between the eyes.
pub(crate) const FARTHEST: ([f32; 3], f32) = ([0.2, 0.2, 0.25], 0.4);
/// Distance of the camera from the eyes, in distances between them (as in the mesh warp).
const CAMERA: f32 = 11.0;
/// How far the sides of the face lie before the axis of the neck, in distances between the eyes (as in the mesh warp).
const SIDES_BEFORE_AXIS: f32 = 0.18;
/// The head is larger than the face by so much.
const HEAD: f32 = 1.1;
/// Movement fades from here on, as a multiple of the face's size, or as a share of the way to the border.
const FADE_FROM: (f32, f32) = (1.15, 0.6);
/// Movement of less than this, pixels, is none.
const STILL: f32 = 0.02;

/// Movement is worked out at every so many pixels, and linear between.
const CELL: usize = 16;
const POINTS: usize = SIDE / CELL + 1;
/// Places within a pixel are counted in 2⁻¹⁶ along the row.
const ONE: f32 = 65_536.0;

/// What a place of the picture does when the head moves.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    /// From the middle of the face, and from the neck, pixels, times how much the place moves with the head.
    from_centre: [f32; 2],
    from_neck: [f32; 2],
    /// How much the place moves with the head, in distances between the eyes.
    follows: f32,
    /// Height of the surface over the axis of the neck, pixels.
    height: f32,
}

/// The head of one portrait.
#[derive(Debug)]
pub(crate) struct Turner {
    places: Vec<Place>,
    /// Where the pixel at each place comes from, relative to the place, in 2⁻¹⁶ pixels.
    moved: Vec<[i32; 2]>,
}

/// Whether a head is so far from rest that it has no picture.
pub(crate) fn is_too_far(head: &HeadPose) -> bool {
    let ([yaw, pitch, roll], way) = FARTHEST;
    let within = |value: f32, limit: f32| value.abs() <= limit;
    !(within(head.yaw, yaw)
        && within(head.pitch, pitch)
        && within(head.roll, roll)
        && head.translation.iter().all(|value| within(*value, way)))
}

impl Turner {
    pub fn new(layout: &Layout) -> Self {
        let places = (0..POINTS * POINTS).map(|index| place(layout, index)).collect();
        Self { places, moved: vec![[0; 2]; POINTS * POINTS] }
    }

    /// Works out the movement. `false` if nothing moves so far that it could be seen.
    fn move_to(&mut self, head: &HeadPose) -> bool {
        let [x, y, nearer] = head.translation;
        let grows = 1.0 / (1.0 - nearer / CAMERA) - 1.0;
        let mut farthest = 0.0_f32;
        for (place, moved) in self.places.iter().zip(&mut self.moved) {
            let dx = x * place.follows + grows * place.from_centre[0] - head.roll * place.from_neck[1]
                + head.yaw * place.height;
            let dy = -y * place.follows + grows * place.from_centre[1] + head.roll * place.from_neck[0]
                - head.pitch * place.height;
            farthest = farthest.max(dx.abs()).max(dy.abs());
            // A pixel comes from where it would have been.
            *moved = [-(dx * ONE) as i32, -(dy * ONE) as i32];
        }
        farthest >= STILL
    }

    /// Turns the head of a picture. `false` if it does not move; `to` is not written then. The head must not be
    /// [too far](is_too_far).
    pub fn turn(&mut self, head: &HeadPose, from: &[u8], to: &mut [u8]) -> bool {
        if !self.move_to(head) {
            return false;
        }
        for (y, row) in to.chunks_exact_mut(ROW).enumerate() {
            let (above, down) = (y / CELL, (y % CELL) as i32);
            let line = |row: usize| &self.moved[row * POINTS..][..POINTS];
            let (upper, lower) = (line(above), line(above + 1));
            let at = |column: usize, axis: usize| {
                upper[column][axis] + (lower[column][axis] - upper[column][axis]) / CELL as i32 * down
            };
            let mut here = [at(0, 0), at(0, 1)];
            for (cell, pixels) in row.chunks_exact_mut(CELL * 3).enumerate() {
                let next = [at(cell + 1, 0), at(cell + 1, 1)];
                let first = y * ROW + cell * CELL * 3;
                if here == [0; 2] && next == [0; 2] {
                    pixels.copy_from_slice(&from[first..first + CELL * 3]);
                } else {
                    let step = [0, 1].map(|axis| (next[axis] - here[axis]) / CELL as i32);
                    let start = [((cell * CELL) as i32) << 16, (y as i32) << 16];
                    sample(from, [start[0] + here[0], start[1] + here[1]], [step[0] + (1 << 16), step[1]], pixels);
                }
                here = next;
            }
        }
        true
    }
}

/// Bilinear samples along a line, in 2⁻¹⁶ pixels; outside the picture its border goes on.
fn sample(from: &[u8], mut at: [i32; 2], step: [i32; 2], pixels: &mut [u8]) {
    const LAST: i32 = ((SIDE as i32 - 1) << 16) - 1;
    for pixel in pixels.chunks_exact_mut(3) {
        let [x, y] = at.map(|value| value.clamp(0, LAST) as u32);
        let (right, below) = (x >> 8 & 0xff, y >> 8 & 0xff);
        let first = (y >> 16) as usize * ROW + (x >> 16) as usize * 3;
        let upper = &from[first..first + 6];
        let lower = &from[first + ROW..first + ROW + 6];
        for channel in 0..3 {
            let across = |row: &[u8]| u32::from(row[channel]) * (256 - right) + u32::from(row[channel + 3]) * right;
            pixel[channel] = ((across(upper) * (256 - below) + across(lower) * below + (1 << 15)) >> 16) as u8;
        }
        at = [at[0] + step[0], at[1] + step[1]];
    }
}

/// What the place of an index does.
fn place(layout: &Layout, index: usize) -> Place {
    let at = [(index % POINTS * CELL) as f32, (index / POINTS * CELL) as f32];
    let from = |middle: [f32; 2]| [at[0] - middle[0], at[1] - middle[1]];
    let from_centre = from(layout.centre);
    let away = (from_centre[0] / layout.radius[0]).hypot(from_centre[1] / layout.radius[1]);
    // How many times as far the border is, in the same direction.
    let border = |value: f32, middle: f32| match value {
        value if value > 0.0 => (SIDE as f32 - middle) / value,
        value if value < 0.0 => middle / -value,
        _ => f32::INFINITY,
    };
    let times = border(from_centre[0], layout.centre[0]).min(border(from_centre[1], layout.centre[1]));
    let edge = away * times;
    let start = FADE_FROM.0.min(FADE_FROM.1 * edge);
    let fade = ((away - start) / (edge - start)).clamp(0.0, 1.0);
    // In the very middle there is no direction to the border.
    let follows = if away > 0.0 { 1.0 - fade * fade * (3.0 - 2.0 * fade) } else { 1.0 };
    let surface = (1.0 - (away / HEAD).powi(2)).max(0.0) * layout.depth;
    Place {
        from_centre: from_centre.map(|value| value * follows),
        from_neck: from(layout.neck).map(|value| value * follows),
        follows: follows * layout.eyes,
        height: follows * (surface + SIDES_BEFORE_AXIS * layout.eyes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::BYTES;

    const REST: HeadPose = HeadPose { yaw: 0.0, pitch: 0.0, roll: 0.0, translation: [0.0; 3] };

    /// A picture whose colours say where each pixel was: a ramp in x, one in y, in steps of a half.
    fn ramps() -> Vec<u8> {
        (0..SIDE * SIDE).flat_map(|at| [(at % SIDE / 2) as u8, (at / SIDE / 2) as u8, 77]).collect()
    }

    /// How far the pixel at a place has moved, in pixels.
    fn movement(head: HeadPose, [x, y]: [usize; 2]) -> [f32; 2] {
        let mut to = vec![0; BYTES];
        let (layout, from) = (Layout::default(), ramps());
        if !Turner::new(&layout).turn(&head, &from, &mut to) {
            return [0.0; 2];
        }
        let at = y * ROW + x * 3;
        [0, 1].map(|axis| 2.0 * (f32::from(from[at + axis]) - f32::from(to[at + axis])))
    }

    const NOSE: [usize; 2] = [256, 310];
    const CHEEK: [usize; 2] = [160, 310];
    const FOREHEAD: [usize; 2] = [256, 190];

    #[test]
    fn signs_are_those_of_the_pose() {
        let at = |head: HeadPose, place| movement(head, place);
        let near = |found: f32, expected: f32| (found - expected).abs() <= 2.0;
        let yaw = at(HeadPose { yaw: 0.15, ..REST }, NOSE);
        assert!(near(yaw[0], 16.0) && near(yaw[1], 0.0), "to the character's left: {yaw:?}");
        let pitch = at(HeadPose { pitch: 0.15, ..REST }, NOSE);
        assert!(near(pitch[0], 0.0) && near(pitch[1], -16.0), "up: {pitch:?}");
        let roll = at(HeadPose { roll: 0.1, ..REST }, FOREHEAD);
        assert!(near(roll[0], 15.6) && near(roll[1], 0.0), "to the character's left shoulder: {roll:?}");
        let left = at(HeadPose { translation: [0.1, 0.0, 0.0], ..REST }, NOSE);
        assert!(near(left[0], 9.8) && near(left[1], 0.0), "{left:?}");
        let up = at(HeadPose { translation: [0.0, 0.1, 0.0], ..REST }, NOSE);
        assert!(near(up[0], 0.0) && near(up[1], -9.8), "{up:?}");
        let nearer = at(HeadPose { translation: [0.0, 0.0, 0.4], ..REST }, FOREHEAD);
        assert!(nearer[1] < -2.0, "larger: {nearer:?}");
    }

    #[test]
    fn the_nose_goes_further_than_the_cheek() {
        let head = HeadPose { yaw: 0.15, ..REST };
        let (nose, cheek) = (movement(head, NOSE)[0], movement(head, CHEEK)[0]);
        assert!(nose > 2.0 * cheek && cheek > 0.0, "{nose} and {cheek}");
    }

    #[test]
    fn the_border_stays_and_nothing_folds() {
        let from = ramps();
        let (angles, way) = FARTHEST;
        for sign in [-1.0, 1.0] {
            let [yaw, pitch, roll] = angles.map(|angle| sign * angle);
            let head = HeadPose { yaw, pitch, roll: -roll, translation: [sign * way / 4.0; 3] };
            assert!(!is_too_far(&head));
            let mut to = vec![0; BYTES];
            assert!(Turner::new(&Layout::default()).turn(&head, &from, &mut to));
            let pixel = |x: usize, y: usize| &to[y * ROW + x * 3..][..3];
            for at in 0..SIDE {
                for (x, y) in [(at, 0), (at, SIDE - 1), (0, at), (SIDE - 1, at)] {
                    let expected = [(x / 2) as u8, (y / 2) as u8, 77];
                    let near = pixel(x, y).iter().zip(expected).all(|(a, b)| a.abs_diff(b) <= 1);
                    assert!(near, "{x}, {y}: {:?} instead of {expected:?}", pixel(x, y));
                }
            }
            for y in 0..SIDE {
                assert!((1..SIDE).all(|x| pixel(x, y)[0] >= pixel(x - 1, y)[0]), "row {y} folds");
            }
            for x in 0..SIDE {
                assert!((1..SIDE).all(|y| pixel(x, y)[1] >= pixel(x, y - 1)[1]), "column {x} folds");
            }
        }
    }

    #[test]
    fn a_head_at_rest_is_not_touched_and_one_beyond_the_limits_is_refused() {
        let mut to = vec![5; BYTES];
        let mut turner = Turner::new(&Layout::default());
        assert!(!turner.turn(&REST, &ramps(), &mut to));
        assert!(!turner.turn(&HeadPose { yaw: 1e-5, ..REST }, &ramps(), &mut to));
        assert_eq!(to, vec![5; BYTES]);
        assert!(!is_too_far(&REST));
        for head in [
            HeadPose { yaw: 0.21, ..REST },
            HeadPose { pitch: -0.21, ..REST },
            HeadPose { roll: 0.26, ..REST },
            HeadPose { translation: [0.0, 0.0, 0.5], ..REST },
            HeadPose { yaw: f32::NAN, ..REST },
        ] {
            assert!(is_too_far(&head), "{head:?}");
        }
    }

    #[test]
    fn a_small_turn_is_a_small_change() {
        let from = ramps();
        let mut turner = Turner::new(&Layout::default());
        let mut before = from.clone();
        for step in 1..=20 {
            let mut to = vec![0; BYTES];
            turner.turn(&HeadPose { yaw: 0.002 * step as f32, ..REST }, &from, &mut to);
            let most = before.iter().zip(&to).map(|(a, b)| a.abs_diff(*b)).max();
            assert!(most <= Some(1), "{most:?} at step {step}");
            before = to;
        }
    }

    #[test]
    fn a_face_at_the_edge_of_its_picture_turns_too() {
        let layout = Layout { centre: [40.0, 470.0], radius: [200.0, 240.0], ..Layout::default() };
        let mut to = vec![0; BYTES];
        let head = HeadPose { yaw: 0.1, pitch: -0.1, roll: 0.2, translation: [0.4; 3] };
        assert!(Turner::new(&layout).turn(&head, &ramps(), &mut to));
        assert!(to.chunks_exact(3).all(|pixel| pixel[2] == 77));
    }
}
