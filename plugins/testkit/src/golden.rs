//! Golden frames: pictures that were looked at and accepted, and that later ones must resemble.

use std::{
    fs,
    path::{Path, PathBuf},
};

use image::{Rgba, RgbaImage};
use visage_core::Frame;

/// The similarity (1 is equal) that frames of the software driver reach even when its version changes: edges differ by a
/// shade or two, and nothing else does.
pub const SAME_PICTURE: f64 = 0.995;

/// Set to 1, it makes [`check_golden`] accept what it is given.
const BLESS: &str = "VISAGE_BLESS";

/// Compares a frame with the picture at `golden` as an eye would (structure of the luminance, and colour).
///
/// # Panics
/// If the similarity is below `threshold`, the sizes differ or there is no such picture; then `<name>-actual.png` and
/// `<name>-difference.png` lie beside it. `VISAGE_BLESS=1` in the environment writes the frame to `golden` instead.
pub fn check_golden(golden: impl AsRef<Path>, frame: &Frame, threshold: f64) {
    let golden = golden.as_ref();
    let actual = picture(frame);
    if std::env::var_os(BLESS).is_some_and(|value| value == "1") {
        save(&actual, golden);
        return;
    }
    if let Err(problem) = judge(golden, &actual, threshold) {
        panic!("{}: {problem}", golden.display());
    }
}

/// Compares, and leaves the pictures to look at if the two differ.
fn judge(golden: &Path, actual: &RgbaImage, threshold: f64) -> Result<(), String> {
    let problem = match image::open(golden) {
        Err(error) => format!("{error}; look at the actual picture and accept it with {BLESS}=1"),
        Ok(expected) => match compare(&expected.to_rgba8(), actual) {
            Ok((score, _)) if score >= threshold => return Ok(()),
            Ok((score, difference)) => {
                save(&difference, &beside(golden, "difference"));
                format!("similarity {score:.4}, wanted {threshold}")
            }
            Err(sizes) => sizes,
        },
    };
    save(actual, &beside(golden, "actual"));
    Err(problem)
}

/// Similarity, and where the two differ (white is where they do most).
fn compare(expected: &RgbaImage, actual: &RgbaImage) -> Result<(f64, RgbaImage), String> {
    let result = image_compare::rgba_hybrid_compare(expected, actual).map_err(|_| {
        format!("it is {:?} pixels large, the actual picture {:?}", expected.dimensions(), actual.dimensions())
    })?;
    let difference = RgbaImage::from_fn(actual.width(), actual.height(), |x, y| {
        let (a, b) = (expected.get_pixel(x, y), actual.get_pixel(x, y));
        // Eight shades are already white: small differences are what one looks for.
        let [red, green, blue] = [0, 1, 2].map(|channel| a[channel].abs_diff(b[channel]).saturating_mul(32));
        Rgba([red, green, blue, 255])
    });
    Ok((result.score, difference))
}

fn picture(frame: &Frame) -> RgbaImage {
    RgbaImage::from_raw(frame.width, frame.height, frame.rgba.to_vec()).expect("a frame has four bytes a pixel")
}

/// Writes a frame as PNG, to be looked at.
///
/// # Panics
/// If the file cannot be written.
pub fn save_frame(frame: &Frame, path: impl AsRef<Path>) {
    save(&picture(frame), path.as_ref());
}

fn save(picture: &RgbaImage, path: &Path) {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    }
    picture.save(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

fn beside(golden: &Path, what: &str) -> PathBuf {
    let stem = golden.file_stem().unwrap_or_default().to_string_lossy();
    golden.with_file_name(format!("{stem}-{what}.png"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disc(x: f32, shade: u8) -> RgbaImage {
        RgbaImage::from_fn(96, 96, |column, row| {
            let inside = (column as f32 - x).hypot(row as f32 - 48.0) < 24.0;
            if inside { Rgba([200, shade, 60, 255]) } else { Rgba([40, 60, 90, 255]) }
        })
    }

    #[test]
    fn small_differences_pass_and_visible_ones_do_not() {
        let check = |other: &RgbaImage, passes: bool, what: &str| {
            let (score, _) = compare(&disc(48.0, 120), other).expect("the sizes are the same");
            assert_eq!(score >= SAME_PICTURE, passes, "{what}: {score}");
        };
        check(&disc(48.0, 120), true, "the same");
        check(&disc(48.0, 121), true, "a shade");
        check(&disc(50.0, 120), false, "moved by two pixels");
        check(&disc(48.0, 180), false, "another colour");
    }

    #[test]
    fn the_difference_shows_where() {
        let (_, difference) = compare(&disc(48.0, 120), &disc(48.0, 128)).expect("the sizes are the same");
        assert_eq!(difference.get_pixel(48, 48).0, [0, 255, 0, 255]);
        assert_eq!(difference.get_pixel(2, 2).0, [0, 0, 0, 255]);
    }

    #[test]
    fn what_differs_is_left_to_be_looked_at() {
        let folder = std::env::temp_dir().join(format!("visage-golden-{}", std::process::id()));
        save(&disc(48.0, 120), &folder.join("disc.png"));
        let check = |name: &str, actual: RgbaImage, passes: bool, left: [bool; 2]| {
            let golden = folder.join(name);
            assert_eq!(judge(&golden, &actual, SAME_PICTURE).is_ok(), passes, "{name}");
            assert_eq!(["actual", "difference"].map(|what| beside(&golden, what).is_file()), left, "{name}");
        };
        check("disc.png", disc(48.0, 120), true, [false, false]);
        check("absent.png", disc(48.0, 120), false, [true, false]);
        check("disc.png", disc(60.0, 120), false, [true, true]);
        fs::remove_dir_all(&folder).expect("it was made above");
    }
}
