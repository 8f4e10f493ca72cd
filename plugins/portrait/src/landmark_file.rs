//! The file that landmarks are kept in.

use std::fmt::Write as _;

use visage_core::{LANDMARKS, PlacedLandmarks};

use crate::landmarks::{LandmarkError, Landmarks, Name};

/// Steps of a pixel that are written.
const STEPS: f32 = 10.0;

/// Landmarks rounded to a tenth of a pixel, as [`landmarks_to_ron`] writes them.
pub(crate) fn rounded(landmarks: &[[f32; 3]; LANDMARKS]) -> Landmarks {
    // No negative zero: it would be written differently.
    Box::new(landmarks.map(|point| point.map(|value| (value * STEPS).round() / STEPS + 0.0)))
}

/// The text of a file of landmarks, as a character names it in `landmarks`. A mesh is written compactly.
pub fn landmarks_to_ron(landmarks: &PlacedLandmarks) -> String {
    let mut out = String::new();
    match landmarks {
        PlacedLandmarks::Mesh(points) => {
            out.push_str("mesh([");
            for (at, [x, y, z]) in points.iter().enumerate() {
                out.push_str(if at % 6 == 0 { "\n    " } else { " " });
                // Writing to a string cannot fail.
                let _ = write!(out, "({x}, {y}, {z}),");
            }
            out.push_str("\n])\n");
        }
        PlacedLandmarks::Points(points) => {
            out.push_str("points({\n");
            for (&point, [x, y]) in points {
                let _ = writeln!(out, "    {}: ({x}, {y}),", Name(point));
            }
            out.push_str("})\n");
        }
    }
    out
}

/// Reads a file of landmarks. Whether they fit a picture is found out when a rig is made.
///
/// # Errors
/// [`LandmarkError::Syntax`] with line and column.
pub fn landmarks_from_ron(text: &str) -> Result<PlacedLandmarks, LandmarkError> {
    ron::from_str(text).map_err(|error| LandmarkError::Syntax(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::landmarks::{mesh, tests::points};

    #[test]
    fn files_are_read_as_they_were_written() {
        let (mesh, _) = mesh(&PlacedLandmarks::Points(points()), 400, 400).expect("a face");
        for landmarks in [PlacedLandmarks::Mesh(rounded(&mesh).to_vec()), PlacedLandmarks::Points(points())] {
            let text = landmarks_to_ron(&landmarks);
            assert!(text.len() < 16_000, "{}", text.len());
            assert_eq!(landmarks_from_ron(&text), Ok(landmarks));
        }
        let wrong = landmarks_from_ron("points({\n  nose: (1, 2),\n})").expect_err("no such point").to_string();
        assert!(wrong.contains("2:") && wrong.contains("nose"), "{wrong}");
    }
}
