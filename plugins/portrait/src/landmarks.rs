//! Landmarks that come with the picture instead of being found in it: what is wrong with them, and the mesh they
//! stand for.

use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
};

use visage_core::{FacePoint, LANDMARKS, PlacedLandmarks};

use crate::{face::MAX_ROLL, infer};

/// Points that [`PlacedLandmarks::Points`] must have.
const OBLIGATORY: [FacePoint; 8] = [
    FacePoint::RightEyeOuter,
    FacePoint::RightEyeInner,
    FacePoint::LeftEyeOuter,
    FacePoint::LeftEyeInner,
    FacePoint::NoseTip,
    FacePoint::MouthRight,
    FacePoint::MouthLeft,
    FacePoint::Chin,
];
/// How far points of a mesh may lie outside the picture, in its longer side: a face may fill more than the picture.
const OUTSIDE: f32 = 0.5;

/// All landmarks of a face: x, y, depth in pixels.
pub(crate) type Landmarks = Box<[[f32; 3]; LANDMARKS]>;

/// What is wrong with landmarks that somebody placed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum LandmarkError {
    /// A mesh of another length.
    #[error("a mesh has {LANDMARKS} points, this one has {found}. Write it anew with `visage portrait landmarks`.")]
    Count {
        /// Points that are there.
        found: usize,
    },
    /// Points that must be there are not.
    #[error("missing: {}. Place at least the corners of both eyes and of the mouth, the nose and the chin.", names(.0))]
    Missing(Vec<FacePoint>),
    /// A number that is none.
    #[error("{place} is not a number")]
    NotANumber {
        /// Which point.
        place: String,
    },
    /// A point that the picture does not reach.
    #[error(
        "{place} lies at {x:.0}, {y:.0}, outside the picture of {width} × {height} pixels. Count pixels from the upper \
         left corner of the picture as it is seen."
    )]
    Outside {
        /// Which point.
        place: String,
        /// Its column.
        x: f32,
        /// Its row.
        y: f32,
        /// Pixels in a row.
        width: usize,
        /// Rows.
        height: usize,
    },
    /// The points are no face.
    #[error(
        "the points make no face: {0}. \"Right\" and \"left\" are the character's own, so its right eye is on the left of \
         the picture."
    )]
    NoFace(String),
    /// The face is not upright.
    #[error("the face is turned by {degrees}° in the picture. Turn the picture until the head is upright.")]
    NotUpright {
        /// Clockwise.
        degrees: i32,
    },
    /// The file cannot be understood.
    #[error("this is no file of landmarks: {0}")]
    Syntax(String),
}

/// A point's name as it is written in a file.
pub(crate) struct Name(pub FacePoint);

impl fmt::Display for Name {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, letter) in format!("{:?}", self.0).chars().enumerate() {
            if letter.is_uppercase() && at > 0 {
                out.write_char('_')?;
            }
            out.write_char(letter.to_ascii_lowercase())?;
        }
        Ok(())
    }
}

fn names(points: &[FacePoint]) -> String {
    points.iter().map(|&point| Name(point).to_string()).collect::<Vec<_>>().join(", ")
}

/// Where a named point lies in the mesh (MediaPipe mesh points; irises as in `visage_core::LANDMARKS`).
pub(crate) const fn mesh_point(point: FacePoint) -> usize {
    match point {
        FacePoint::RightEyeOuter => 33,
        FacePoint::RightEyeInner => 133,
        FacePoint::RightEyeTop => 159,
        FacePoint::RightEyeBottom => 145,
        FacePoint::RightIris => 468,
        FacePoint::RightBrow => 105,
        FacePoint::LeftEyeOuter => 263,
        FacePoint::LeftEyeInner => 362,
        FacePoint::LeftEyeTop => 386,
        FacePoint::LeftEyeBottom => 374,
        FacePoint::LeftIris => 473,
        FacePoint::LeftBrow => 334,
        FacePoint::NoseTip => 4,
        FacePoint::MouthRight => 61,
        FacePoint::MouthLeft => 291,
        FacePoint::MouthTop => 0,
        FacePoint::MouthBottom => 17,
        FacePoint::MouthCentre => 13,
        FacePoint::Chin => 152,
        FacePoint::RightCheek => 234,
        FacePoint::LeftCheek => 454,
        FacePoint::Forehead => 10,
    }
}

/// The mesh that placed landmarks stand for, in pixels of a picture of `width`×`height`, and whether the line between
/// the lips is still to be looked for in the picture.
pub(crate) fn mesh(placed: &PlacedLandmarks, width: usize, height: usize) -> Result<(Landmarks, bool), LandmarkError> {
    match placed {
        PlacedLandmarks::Mesh(points) => {
            let wrong = |_| LandmarkError::Count { found: points.len() };
            let mesh: Landmarks = points.clone().into_boxed_slice().try_into().map_err(wrong)?;
            let margin = OUTSIDE * width.max(height) as f32;
            for (at, point) in mesh.iter().enumerate() {
                let place = || format!("point {at} of the mesh");
                if !point.iter().all(|value| value.is_finite()) {
                    return Err(LandmarkError::NotANumber { place: place() });
                }
                within([point[0], point[1]], margin, width, height, place)?;
            }
            let named = OBLIGATORY.map(|point| {
                let [x, y, _] = mesh[mesh_point(point)];
                (point, [x, y])
            });
            check_face(&named.into())?;
            Ok((mesh, false))
        }
        PlacedLandmarks::Points(points) => {
            let missing: Vec<_> = OBLIGATORY.into_iter().filter(|point| !points.contains_key(point)).collect();
            if !missing.is_empty() {
                return Err(LandmarkError::Missing(missing));
            }
            for (&point, &place) in points {
                if !place.iter().all(|value| value.is_finite()) {
                    return Err(LandmarkError::NotANumber { place: Name(point).to_string() });
                }
                within(place, 0.0, width, height, || Name(point).to_string())?;
            }
            check_face(points)?;
            Ok((infer::mesh(points)?, true))
        }
    }
}

fn within(
    [x, y]: [f32; 2],
    margin: f32,
    width: usize,
    height: usize,
    place: impl FnOnce() -> String,
) -> Result<(), LandmarkError> {
    let inside = (-margin..=width as f32 + margin).contains(&x) && (-margin..=height as f32 + margin).contains(&y);
    if inside { Ok(()) } else { Err(LandmarkError::Outside { place: place(), x, y, width, height }) }
}

/// Whether points, the obligatory ones among them, lie as in a face. Generous: drawn faces have large eyes and small noses.
fn check_face(points: &BTreeMap<FacePoint, [f32; 2]>) -> Result<(), LandmarkError> {
    use FacePoint as P;
    let no_face = |why: String| Err(LandmarkError::NoFace(why));
    let at = |point: P| points[&point];
    let middle = |a: P, b: P| [0, 1].map(|axis| (at(a)[axis] + at(b)[axis]) / 2.0);
    let eyes = [middle(P::RightEyeOuter, P::RightEyeInner), middle(P::LeftEyeOuter, P::LeftEyeInner)];
    let across = [0, 1].map(|axis| eyes[1][axis] - eyes[0][axis]);
    let apart = across[0].hypot(across[1]);
    if apart < 4.0 {
        return no_face("both eyes lie at one place".to_owned());
    }
    let angle = across[1].atan2(across[0]);
    let between = [0, 1].map(|axis| (eyes[0][axis] + eyes[1][axis]) / 2.0);
    // In the face's own coordinates: x to the left eye, y down, in distances of the eyes.
    let place = |point: P| {
        let [dx, dy] = [0, 1].map(|axis| at(point)[axis] - between[axis]);
        let (sin, cos) = angle.sin_cos();
        [(dx * cos + dy * sin) / apart, (dy * cos - dx * sin) / apart]
    };
    let mouth = [0, 1].map(|axis| (place(P::MouthRight)[axis] + place(P::MouthLeft)[axis]) / 2.0);
    let mouth_width = place(P::MouthLeft)[0] - place(P::MouthRight)[0];
    let mouth_in_picture = middle(P::MouthRight, P::MouthLeft);
    if across[0] < 0.0 && mouth_in_picture[1] > between[1] + apart * 0.2 {
        return no_face("the eyes are swapped, right and left".to_owned());
    }
    if mouth[1] < 0.2 {
        return no_face("the mouth does not lie below the eyes".to_owned());
    }
    if mouth_width <= 0.0 {
        return no_face("the corners of the mouth are swapped, right and left".to_owned());
    }
    if angle.abs() > MAX_ROLL {
        return Err(LandmarkError::NotUpright { degrees: angle.to_degrees().round() as i32 });
    }
    for (eye, outer, inner, side) in
        [("right", P::RightEyeOuter, P::RightEyeInner, -1.0), ("left", P::LeftEyeOuter, P::LeftEyeInner, 1.0)]
    {
        let width = (place(outer)[0] - place(inner)[0]) * side;
        if !(0.05..1.0).contains(&width) {
            return no_face(format!("the corners of the {eye} eye are swapped, or too near or far from each other"));
        }
    }
    let (nose, chin) = (place(P::NoseTip), place(P::Chin));
    if !(nose[1] > 0.0 && nose[1] < mouth[1]) {
        return no_face("the nose does not lie between eyes and mouth".to_owned());
    }
    if chin[1] < mouth[1] + 0.05 {
        return no_face("the chin does not lie below the mouth".to_owned());
    }
    if !(0.1..2.5).contains(&mouth_width) || mouth[1] > 4.0 || chin[1] > 6.0 {
        return no_face(
            "the mouth or the chin are too far from the eyes, or the mouth is too small or large".to_owned(),
        );
    }
    if [mouth[0], nose[0], chin[0]].iter().any(|x| x.abs() > 1.0) {
        return no_face("nose, mouth and chin do not lie below the middle between the eyes".to_owned());
    }
    // The first lies to the right of the second in the picture, or below it.
    let order = [
        (P::RightEyeBottom, P::RightEyeTop, 1),
        (P::LeftEyeBottom, P::LeftEyeTop, 1),
        (P::RightEyeOuter, P::RightBrow, 1),
        (P::LeftEyeOuter, P::LeftBrow, 1),
        (P::MouthBottom, P::MouthTop, 1),
        (P::MouthBottom, P::MouthCentre, 1),
        (P::MouthCentre, P::MouthTop, 1),
        (P::Chin, P::MouthBottom, 1),
        (P::MouthTop, P::NoseTip, 1),
        (P::NoseTip, P::Forehead, 1),
        (P::RightBrow, P::Forehead, 1),
        (P::LeftBrow, P::Forehead, 1),
        (P::RightEyeInner, P::RightIris, 0),
        (P::RightIris, P::RightEyeOuter, 0),
        (P::LeftEyeOuter, P::LeftIris, 0),
        (P::LeftIris, P::LeftEyeInner, 0),
        (P::LeftCheek, P::LeftEyeInner, 0),
        (P::RightEyeInner, P::RightCheek, 0),
    ];
    for (further, nearer, axis) in order {
        if points.contains_key(&further)
            && points.contains_key(&nearer)
            && place(further)[axis] < place(nearer)[axis] - 0.02
        {
            let relation = ["to the right of", "below"][axis];
            return no_face(format!("{} should lie {relation} {}", Name(further), Name(nearer)));
        }
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A face of the usual proportions in 400×400 pixels.
    pub(crate) fn points() -> BTreeMap<FacePoint, [f32; 2]> {
        [
            (FacePoint::RightEyeOuter, [126.0, 180.0]),
            (FacePoint::RightEyeInner, [174.0, 182.0]),
            (FacePoint::LeftEyeInner, [226.0, 182.0]),
            (FacePoint::LeftEyeOuter, [274.0, 180.0]),
            (FacePoint::NoseTip, [200.0, 240.0]),
            (FacePoint::MouthRight, [162.0, 286.0]),
            (FacePoint::MouthLeft, [238.0, 286.0]),
            (FacePoint::Chin, [200.0, 350.0]),
        ]
        .into()
    }

    #[test]
    fn points_that_make_no_face_are_told_apart() {
        type Change = fn(&mut BTreeMap<FacePoint, [f32; 2]>);
        fn swap(points: &mut BTreeMap<FacePoint, [f32; 2]>, a: FacePoint, b: FacePoint) {
            let (at_a, at_b) = (points[&a], points[&b]);
            points.extend([(a, at_b), (b, at_a)]);
        }
        fn turn(points: &mut BTreeMap<FacePoint, [f32; 2]>, angle: f32) {
            let (sin, cos) = angle.sin_cos();
            for place in points.values_mut() {
                let [dx, dy] = place.map(|value| value - 200.0);
                *place = [200.0 + dx * cos - dy * sin, 200.0 + dx * sin + dy * cos];
            }
        }
        let cases: Vec<(&str, Change, &str)> = vec![
            ("as they should be", |_| {}, ""),
            ("tilted", |p| turn(p, 0.6), ""),
            ("on its head", |p| turn(p, std::f32::consts::PI), "turned by 180°"),
            ("on its side", |p| turn(p, 1.5), "turned by 8"),
            (
                "no chin",
                |p| {
                    p.remove(&FacePoint::Chin);
                },
                "missing: chin.",
            ),
            (
                "not a number",
                |p| {
                    p.insert(FacePoint::NoseTip, [f32::NAN, 1.0]);
                },
                "nose_tip is not a number",
            ),
            (
                "outside",
                |p| {
                    p.insert(FacePoint::Chin, [200.0, 401.0]);
                },
                "chin lies at 200, 401, outside",
            ),
            (
                "eyes swapped",
                |p| {
                    swap(p, FacePoint::RightEyeOuter, FacePoint::LeftEyeOuter);
                    swap(p, FacePoint::RightEyeInner, FacePoint::LeftEyeInner);
                },
                "the eyes are swapped",
            ),
            ("corners swapped", |p| swap(p, FacePoint::LeftEyeInner, FacePoint::LeftEyeOuter), "left eye are swapped"),
            ("mouth swapped", |p| swap(p, FacePoint::MouthRight, FacePoint::MouthLeft), "mouth are swapped"),
            (
                "mouth above the eyes",
                |p| {
                    p.insert(FacePoint::MouthRight, [162.0, 100.0]);
                    p.insert(FacePoint::MouthLeft, [238.0, 100.0]);
                },
                "mouth does not lie below",
            ),
            (
                "nose below the mouth",
                |p| {
                    p.insert(FacePoint::NoseTip, [200.0, 300.0]);
                },
                "nose does not lie",
            ),
            (
                "chin above the mouth",
                |p| {
                    p.insert(FacePoint::Chin, [200.0, 280.0]);
                },
                "chin does not lie",
            ),
            ("one place", |p| p.values_mut().for_each(|place| *place = [9.0; 2]), "at one place"),
            (
                "mouth aside",
                |p| {
                    p.insert(FacePoint::NoseTip, [340.0, 240.0]);
                },
                "below the middle",
            ),
            (
                "lids swapped",
                |p| {
                    p.insert(FacePoint::LeftEyeTop, [250.0, 190.0]);
                    p.insert(FacePoint::LeftEyeBottom, [250.0, 172.0]);
                },
                "left_eye_bottom should lie below left_eye_top",
            ),
        ];
        for (name, change, expected) in cases {
            let mut points = points();
            change(&mut points);
            let found = mesh(&PlacedLandmarks::Points(points), 400, 400).map_err(|error| error.to_string());
            match found {
                Ok(_) => assert_eq!(expected, "", "{name} was taken"),
                Err(error) => assert!(!expected.is_empty() && error.contains(expected), "{name}: {error}"),
            }
        }
    }

    #[test]
    fn meshes_that_do_not_fit_are_told_apart() {
        let (good, _) = mesh(&PlacedLandmarks::Points(points()), 400, 400).expect("a face");
        let check = |name: &str, change: &dyn Fn(&mut Vec<[f32; 3]>), expected: &str| {
            let mut points = good.to_vec();
            change(&mut points);
            let found = mesh(&PlacedLandmarks::Mesh(points), 400, 400).map_err(|error| error.to_string());
            match found {
                Ok((mesh, search)) => assert!(expected.is_empty() && mesh == good && !search, "{name} was taken"),
                Err(error) => assert!(!expected.is_empty() && error.contains(expected), "{name}: {error}"),
            }
        };
        check("whole", &|_| {}, "");
        check("short", &|points| points.truncate(477), "this one has 477");
        check("empty", &Vec::clear, "this one has 0");
        check("infinite depth", &|points| points[7][2] = f32::INFINITY, "point 7 of the mesh is not a number");
        check("far away", &|points| points[9][0] = 2_000.0, "point 9 of the mesh lies at 2000");
        check("mirrored", &|points| points.iter_mut().for_each(|p| p[0] = 400.0 - p[0]), "the eyes are swapped");
        check("upside down", &|points| points.iter_mut().for_each(|p| p[1] = 400.0 - p[1]), "mouth");
    }
}
