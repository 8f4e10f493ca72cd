//! From a picture to the landmarks of its largest face: detector, then the mesh in a square of its own making, then
//! both eyes.

use std::f32::consts::{FRAC_PI_2, PI};

use visage_core::{
    Iris, LANDMARKS, MESH_POINTS,
    mesh_topology::{
        LEFT_EYE_SOCKET_LOWER, LEFT_EYE_SOCKET_UPPER, LEFT_LID_CREASE_LOWER, LEFT_LID_CREASE_UPPER, LEFT_LID_LOWER,
        LEFT_LID_UPPER, RIGHT_EYE_SOCKET_LOWER, RIGHT_EYE_SOCKET_UPPER, RIGHT_LID_CREASE_LOWER, RIGHT_LID_CREASE_UPPER,
        RIGHT_LID_LOWER, RIGHT_LID_UPPER,
    },
};
use visage_models::SessionError;

use crate::{
    PortraitError,
    networks::{Detection, Eye, Mesh, Networks},
    picture::{Picture, Square},
};

/// Narrowest face that becomes a rig, ear to ear in pixels of the file. Below, lids and lips are but a few pixels.
pub const MIN_FACE_PIXELS: u32 = 80;
/// Detector scores that count as a face (MediaPipe's value).
const MIN_SCORE: f32 = 0.5;
/// Drawn faces score lower; they count when nothing better is there and the mesh agrees.
const MIN_SCORE_SECOND_TRY: f32 = 0.25;
/// The mesh network's own certainty that counts as a face.
const MIN_PRESENCE: f32 = 0.5;
/// The mesh's square is this much larger than the face (MediaPipe, `face_landmark_landmarks_to_roi`).
const MESH_MARGIN: f32 = 1.5;
/// The eye's square is this much wider than the eye (MediaPipe, `iris_landmark_landmarks_to_roi`).
const EYE_MARGIN: f32 = 2.3;
/// Passes of the mesh in a square made from the pass before. Two bring the points to rest within half a pixel in a
/// thousand.
const PASSES: usize = 2;
/// Faces of one picture that are looked at, the largest first.
const MAX_FACES: usize = 8;
/// Largest tilt of a face, radians. Beyond, the picture lies on its side.
pub(crate) const MAX_ROLL: f32 = 60.0 * PI / 180.0;
/// The square in which a face is judged upright, in squares of its mesh.
const UPRIGHT_MARGIN: f32 = 1.3;
/// Scores below this are as good as none.
const UPRIGHT_LEAST: f32 = 0.1;
/// How much surer the detector must be of the face when it is turned.
const UPRIGHT_SCORE: f32 = 0.2;
/// How much of a lid's correction the rings around it follow: the crease lies on the lid, the socket hardly moves.
const RING_FOLLOWS: [f32; 2] = [1.0, 0.4];

/// Outer and inner corner of the right eye, then of the left eye (MediaPipe mesh points).
const EYE_CORNERS: [[usize; 2]; 2] = [[33, 133], [263, 362]];

/// A face in pixels of a picture.
#[derive(Clone, Debug)]
pub(crate) struct Face {
    /// The mesh, then centre and four rim points of each iris, the right eye's first.
    pub landmarks: Box<[[f32; 3]; LANDMARKS]>,
    /// The right iris (left in the picture), then the left one.
    pub irises: [Iris; 2],
    /// Radians, positive towards the right of the picture.
    pub roll: f32,
    /// How sure the mesh is that this is a face, 0..1.
    pub presence: f32,
}

impl Face {
    /// What follows from the landmarks.
    pub fn new(landmarks: Box<[[f32; 3]; LANDMARKS]>, presence: f32) -> Self {
        let rim = |side: usize, at: usize| landmarks[MESH_POINTS + side * 5 + at];
        let width = |side| distance(rim(side, 1), rim(side, 3));
        // Both irises of a face are the same size; the mean of two measures is the better measure.
        let radius = (width(0) + width(1)) / 4.0;
        let irises = [0, 1].map(|side| Iris { centre: [rim(side, 0)[0], rim(side, 0)[1]], radius });
        let roll = roll_of(&landmarks[..]);
        Self { landmarks, irises, roll, presence }
    }
}

/// The largest face of a picture, roughly, and where the others are.
pub(crate) struct Found {
    /// To be refined.
    pub mesh: Box<Mesh>,
    /// Left, top, right, bottom of the smaller faces, in pixels.
    pub others: Vec<[f32; 4]>,
}

/// Finds the largest face of a picture.
///
/// # Errors
/// [`PortraitError::NoFace`] where there is none, [`PortraitError::NotUpright`] where there is one only if the picture is
/// turned, [`PortraitError::Inference`].
pub(crate) fn find_largest(networks: &mut Networks, picture: &Picture) -> Result<Found, PortraitError> {
    let (width, height) = (picture.width as f32, picture.height as f32);
    for threshold in [MIN_SCORE, MIN_SCORE_SECOND_TRY] {
        for squares in looks(width, height) {
            let mut found: Vec<Detection> = Vec::new();
            for square in squares {
                for face in networks.detect(picture, square, threshold)? {
                    if found.iter().all(|other| face.overlap(other) < 0.3) {
                        found.push(face);
                    }
                }
            }
            found.sort_by(|a, b| b.area().total_cmp(&a.area()));
            let mut largest: Option<Box<Mesh>> = None;
            let mut others = Vec::new();
            for face in found.into_iter().take(MAX_FACES) {
                let (mesh, presence) = networks.mesh(picture, square_of_detection(&face))?;
                if presence <= MIN_PRESENCE {
                    continue;
                }
                match &largest {
                    None => largest = Some(mesh),
                    Some(_) => others.push(bounds(&mesh[..])),
                }
            }
            if let Some(mesh) = largest {
                return Ok(Found { mesh, others });
            }
        }
    }
    // Perhaps it lies on its side; then saying so helps more than that there is none.
    let [whole, ..] = looks(width, height);
    for quarter in [1, 3, 2] {
        let angle = quarter as f32 * FRAC_PI_2;
        for face in networks.detect(picture, Square { angle, ..whole[0] }, MIN_SCORE)? {
            let (mesh, presence) = networks.mesh(picture, square_of_detection(&face))?;
            if presence > MIN_PRESENCE && roll_of(&mesh[..]).abs() > MAX_ROLL {
                let degrees = roll_of(&mesh[..]).to_degrees().round() as i32;
                return Err(PortraitError::NotUpright { degrees });
            }
        }
    }
    Err(PortraitError::NoFace)
}

/// Whether a face is upright enough to be moved: its mesh is, and the detector does not prefer it turned. (A mesh is fitted
/// to a face that stands on its head as well, badly.)
///
/// # Errors
/// [`PortraitError::NotUpright`], [`PortraitError::Inference`].
pub(crate) fn upright(networks: &mut Networks, picture: &Picture, face: &Face) -> Result<(), PortraitError> {
    let roll = face.roll;
    if roll.abs() > MAX_ROLL {
        return Err(PortraitError::NotUpright { degrees: roll.to_degrees().round() as i32 });
    }
    let square = square_of_mesh(&face.landmarks[..MESH_POINTS]);
    let mut score = |angle: f32| -> Result<f32, PortraitError> {
        let found =
            networks.detect(picture, Square { angle, side: square.side * UPRIGHT_MARGIN, ..square }, UPRIGHT_LEAST)?;
        Ok(found.first().map_or(0.0, |face| face.score))
    };
    let as_it_is = score(roll)?;
    for (angle, degrees) in [(PI, 180), (FRAC_PI_2, 90), (-FRAC_PI_2, -90)] {
        if score(angle)? > as_it_is + UPRIGHT_SCORE {
            return Err(PortraitError::NotUpright { degrees });
        }
    }
    Ok(())
}

/// Left, top, right and bottom of points.
pub(crate) fn bounds(points: &[[f32; 3]]) -> [f32; 4] {
    let start = [f32::INFINITY, f32::INFINITY, f32::NEG_INFINITY, f32::NEG_INFINITY];
    points
        .iter()
        .fold(start, |[left, top, right, bottom], &[x, y, _]| [left.min(x), top.min(y), right.max(x), bottom.max(y)])
}

/// Where to look, in turn: the whole picture; the picture in a wide border, for a face that fills it; overlapping
/// quarters, for a face that is small in it.
fn looks(width: f32, height: f32) -> [Vec<Square>; 3] {
    let square = |x: f32, y: f32, side: f32| Square { centre: [x, y], side, angle: 0.0, mirrored: false };
    let long = width.max(height);
    let quarter = long * 0.55;
    let places = |length: f32| {
        let half = quarter.min(length) / 2.0;
        [half, length / 2.0, length - half]
    };
    let mut quarters = Vec::new();
    for y in places(height) {
        for x in places(width) {
            let candidate = square(x, y, quarter);
            if !quarters.contains(&candidate) {
                quarters.push(candidate);
            }
        }
    }
    let middle = [width / 2.0, height / 2.0];
    [vec![square(middle[0], middle[1], long)], vec![square(middle[0], middle[1], long * 1.8)], quarters]
}

/// Lets landmarks come to rest in `picture`, starting from `mesh`, and looks at the eyes.
///
/// # Errors
/// The networks could not be run.
pub(crate) fn refine(networks: &mut Networks, picture: &Picture, mut mesh: Box<Mesh>) -> Result<Face, SessionError> {
    let mut presence = 0.0;
    for _ in 0..PASSES {
        (mesh, presence) = networks.mesh(picture, square_of_mesh(&mesh[..]))?;
    }
    let eyes = [
        networks.eye(picture, square_of_eye(mesh[33], mesh[133], false))?,
        networks.eye(picture, square_of_eye(mesh[362], mesh[263], true))?,
    ];
    let mut landmarks = Box::new([[0.0; 3]; LANDMARKS]);
    landmarks[..MESH_POINTS].copy_from_slice(&mesh[..]);
    for (side, eye) in eyes.iter().enumerate() {
        correct_lids(&mut landmarks, side, eye);
        let [outer, inner] = EYE_CORNERS[side];
        let depth = (landmarks[outer][2] + landmarks[inner][2]) / 2.0;
        for (point, seen) in landmarks[MESH_POINTS + side * 5..][..5].iter_mut().zip(eye.iris) {
            *point = [seen[0], seen[1], depth];
        }
    }
    Ok(Face::new(landmarks, presence))
}

/// The iris network sees the edges of the lids far better than the mesh does: its contour replaces the mesh's, and the
/// rings around the eye follow. A contour that is far from the mesh (a covered eye) is not believed.
fn correct_lids(landmarks: &mut [[f32; 3]; LANDMARKS], side: usize, eye: &Eye) {
    let [outer, inner] = EYE_CORNERS[side];
    let eye_width = distance(landmarks[outer], landmarks[inner]);
    let lower: [[f32; 3]; 9] = std::array::from_fn(|at| eye.contour[at]);
    let upper: [[f32; 3]; 9] = std::array::from_fn(|at| match at {
        0 => eye.contour[0],
        8 => eye.contour[8],
        middle => eye.contour[8 + middle],
    });
    let rings: [[&[u16; 9]; 3]; 2] = if side == 0 {
        [
            [&RIGHT_LID_UPPER, &RIGHT_LID_CREASE_UPPER, &RIGHT_EYE_SOCKET_UPPER],
            [&RIGHT_LID_LOWER, &RIGHT_LID_CREASE_LOWER, &RIGHT_EYE_SOCKET_LOWER],
        ]
    } else {
        [
            [&LEFT_LID_UPPER, &LEFT_LID_CREASE_UPPER, &LEFT_EYE_SOCKET_UPPER],
            [&LEFT_LID_LOWER, &LEFT_LID_CREASE_LOWER, &LEFT_EYE_SOCKET_LOWER],
        ]
    };
    let shift = |seen: &[[f32; 3]; 9], lid: &[u16; 9]| -> [[f32; 2]; 9] {
        std::array::from_fn(|at| {
            let mesh = landmarks[usize::from(lid[at])];
            [seen[at][0] - mesh[0], seen[at][1] - mesh[1]]
        })
    };
    let shifts = [shift(&upper, rings[0][0]), shift(&lower, rings[1][0])];
    let farthest = shifts.iter().flatten().map(|[x, y]| x.hypot(*y)).fold(0.0, f32::max);
    if farthest > eye_width * 0.6 {
        return;
    }
    for (half, shift) in shifts.iter().enumerate() {
        for (ring, follows) in rings[half].iter().zip([1.0, RING_FOLLOWS[0], RING_FOLLOWS[1]]) {
            // The corners are shared by both halves and are moved once.
            for at in if half == 0 { 0..9 } else { 1..8 } {
                let point = &mut landmarks[usize::from(ring[at])];
                point[0] += shift[at][0] * follows;
                point[1] += shift[at][1] * follows;
            }
        }
    }
}

/// Tilt of the line between the outer corners of the eyes.
pub(crate) fn roll_of(mesh: &[[f32; 3]]) -> f32 {
    let ([from, _], [to, _]) = (EYE_CORNERS[0], EYE_CORNERS[1]);
    (mesh[to][1] - mesh[from][1]).atan2(mesh[to][0] - mesh[from][0])
}

fn square_of_detection(face: &Detection) -> Square {
    let [left, top, right, bottom] = face.bounds;
    let [from, to] = face.eyes;
    Square {
        centre: [(left + right) / 2.0, (top + bottom) / 2.0],
        side: (right - left).max(bottom - top) * MESH_MARGIN,
        angle: (to[1] - from[1]).atan2(to[0] - from[0]),
        mirrored: false,
    }
}

fn square_of_mesh(mesh: &[[f32; 3]]) -> Square {
    let angle = roll_of(mesh);
    let (sin, cos) = angle.sin_cos();
    let mut low = [f32::INFINITY; 2];
    let mut high = [f32::NEG_INFINITY; 2];
    for &[x, y, _] in mesh {
        let turned = [cos * x + sin * y, cos * y - sin * x];
        for axis in 0..2 {
            low[axis] = low[axis].min(turned[axis]);
            high[axis] = high[axis].max(turned[axis]);
        }
    }
    let [x, y] = [(low[0] + high[0]) / 2.0, (low[1] + high[1]) / 2.0];
    Square {
        centre: [cos * x - sin * y, sin * x + cos * y],
        side: (high[0] - low[0]).max(high[1] - low[1]) * MESH_MARGIN,
        angle,
        mirrored: false,
    }
}

fn square_of_eye(left: [f32; 3], right: [f32; 3], mirrored: bool) -> Square {
    Square {
        centre: [(left[0] + right[0]) / 2.0, (left[1] + right[1]) / 2.0],
        side: distance(left, right) * EYE_MARGIN,
        angle: (right[1] - left[1]).atan2(right[0] - left[0]),
        mirrored,
    }
}

/// Distance in the picture; depth does not count.
pub(crate) fn distance(a: [f32; 3], b: [f32; 3]) -> f32 {
    (a[0] - b[0]).hypot(a[1] - b[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_cover_the_picture() {
        for (width, height) in [(1000.0, 1000.0), (600.0, 1000.0), (3000.0, 400.0)] {
            let [whole, bordered, quarters] = looks(width, height);
            assert_eq!((whole.len(), bordered.len()), (1, 1));
            for corner in [[1.0, 1.0], [width - 1.0, 1.0], [1.0, height - 1.0], [width - 1.0, height - 1.0]] {
                let inside = |square: &Square| {
                    (0..2).all(|axis| (corner[axis] - square.centre[axis]).abs() <= square.side / 2.0)
                };
                assert!(inside(&whole[0]) && quarters.iter().any(inside), "{corner:?} of {width}×{height}");
            }
        }
    }

    #[test]
    fn the_square_of_a_tilted_mesh_is_tilted_and_holds_it() {
        let (sin, cos) = 0.3f32.sin_cos();
        let mut mesh = Box::new([[0.0; 3]; MESH_POINTS]);
        for (at, point) in mesh.iter_mut().enumerate() {
            let (x, y) = ((at % 20) as f32 * 5.0, (at / 20) as f32 * 5.0);
            *point = [100.0 + cos * x - sin * y, 100.0 + sin * x + cos * y, 0.0];
        }
        // Points 33 and 263 lie where the grid has them; put both in one row.
        mesh[263] = [mesh[33][0] + cos * 50.0, mesh[33][1] + sin * 50.0, 0.0];
        let square = square_of_mesh(&mesh[..]);
        assert!((square.angle - 0.3).abs() < 1e-4);
        assert!((square.side - 115.0 * MESH_MARGIN).abs() < 0.1, "{square:?}");
    }
}
