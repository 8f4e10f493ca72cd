//! A picture that shows what was found in a portrait: `visage portrait inspect`. Four views and a legend: regions, mesh,
//! the head as it moves, and the background without it.

use fast_image_resize::FilterType;
use tiny_skia::{Color, FillRule, Paint, Path, PathBuilder, Pixmap, PremultipliedColorU8, Rect, Stroke, Transform};
use visage_core::{
    Raster, Rig,
    mesh_topology::{
        FACE_OVAL, LEFT_BROW_LOWER, LEFT_BROW_UPPER, LEFT_LID_CREASE_LOWER, LEFT_LID_CREASE_UPPER, LEFT_LID_LOWER,
        LEFT_LID_UPPER, LIPS_INNER_LOWER, LIPS_INNER_UPPER, LIPS_OUTER_LOWER, LIPS_OUTER_UPPER, NOSE_BRIDGE,
        NOSE_WINGS, RIGHT_BROW_LOWER, RIGHT_BROW_UPPER, RIGHT_LID_CREASE_LOWER, RIGHT_LID_CREASE_UPPER,
        RIGHT_LID_LOWER, RIGHT_LID_UPPER, TRIANGLES,
    },
};

use crate::{letters, picture::Picture};

/// Side of one view in pixels.
const VIEW: u32 = 800;
/// Height of the legend.
const LEGEND: u32 = 132;
/// Pixels of a dot of a letter.
const DOT: u32 = 2;

type Rgb = [u8; 3];
const OVAL: Rgb = [255, 255, 255];
const UPPER_LIP: Rgb = [255, 80, 80];
const LOWER_LIP: Rgb = [255, 150, 60];
const UPPER_LID: Rgb = [70, 150, 255];
const LOWER_LID: Rgb = [90, 230, 230];
const BROW: Rgb = [230, 100, 255];
const NOSE: Rgb = [200, 200, 120];
const IRIS: Rgb = [255, 235, 60];
const MATTE: Rgb = [90, 255, 90];
const MESH: Rgb = [140, 255, 170];

/// Draws a rig: 1600×1732 pixels.
pub fn inspect(rig: &Rig) -> Raster {
    let mut sheet = Pixmap::new(VIEW * 2, VIEW * 2 + LEGEND).expect("the size is not zero");
    sheet.fill(Color::from_rgba8(24, 24, 28, 255));
    let portrait = scaled(&rig.portrait);
    let background = scaled(&rig.background);
    paste(&mut sheet, 0, 0, |x, y| portrait.pixel(x, y));
    paste(&mut sheet, VIEW, 0, |x, y| portrait.pixel(x, y).map(|value| value / 2 + 20));
    paste(&mut sheet, 0, VIEW, |x, y| over_checks(portrait.pixel(x, y), matte_at(rig, x, y), x, y));
    paste(&mut sheet, VIEW, VIEW, |x, y| background.pixel(x, y));
    let view = View { scale: VIEW as f32 / rig.portrait.width.max(1) as f32, rig };
    view.regions(&mut sheet);
    view.matte_outline(&mut sheet);
    view.mesh(&mut sheet);
    legend(&mut sheet, rig);
    Raster { width: sheet.width(), height: sheet.height(), rgba: sheet.take_demultiplied().into() }
}

/// A raster as the bytes of a PNG.
///
/// # Errors
/// The raster's length does not fit its size.
pub fn encode_png(raster: &Raster) -> Result<Vec<u8>, image::ImageError> {
    let mut bytes = Vec::new();
    let encoder = image::codecs::png::PngEncoder::new(&mut bytes);
    // `write_image` would panic on a wrong length.
    if raster.rgba.len() as u64 != u64::from(raster.width) * u64::from(raster.height) * 4 {
        let kind = image::error::ParameterErrorKind::DimensionMismatch;
        return Err(image::ImageError::Parameter(image::error::ParameterError::from_kind(kind)));
    }
    image::ImageEncoder::write_image(
        encoder,
        &raster.rgba,
        raster.width,
        raster.height,
        image::ExtendedColorType::Rgba8,
    )?;
    Ok(bytes)
}

fn scaled(raster: &Raster) -> Picture {
    Picture::from_raster(raster).map_or_else(
        || Picture { width: VIEW as usize, height: VIEW as usize, rgb: vec![0; (VIEW * VIEW * 3) as usize] },
        |picture| picture.scaled(VIEW as usize, FilterType::CatmullRom),
    )
}

fn paste(sheet: &mut Pixmap, left: u32, top: u32, colour: impl Fn(usize, usize) -> Rgb) {
    let width = sheet.width();
    let pixels = sheet.pixels_mut();
    for y in 0..VIEW {
        for x in 0..VIEW {
            let [r, g, b] = colour(x as usize, y as usize);
            if let Some(opaque) = PremultipliedColorU8::from_rgba(r, g, b, 255) {
                pixels[((top + y) * width + left + x) as usize] = opaque;
            }
        }
    }
}

/// The matte at a pixel of a view.
fn matte_at(rig: &Rig, x: usize, y: usize) -> u8 {
    let side = rig.portrait.width as usize;
    let place = |at: usize| (at * side / VIEW as usize).min(side.saturating_sub(1));
    rig.matte.get(place(y) * side + place(x)).copied().unwrap_or(0)
}

fn over_checks(colour: Rgb, matte: u8, x: usize, y: usize) -> Rgb {
    let check: Rgb = if (x / 20 + y / 20).is_multiple_of(2) { [200, 60, 200] } else { [170, 40, 170] };
    let share = u32::from(matte);
    std::array::from_fn(|channel| {
        ((u32::from(colour[channel]) * share + u32::from(check[channel]) * (255 - share)) / 255) as u8
    })
}

fn paint(colour: Rgb, alpha: u8) -> Paint<'static> {
    let mut paint = Paint { anti_alias: true, ..Paint::default() };
    paint.set_color_rgba8(colour[0], colour[1], colour[2], alpha);
    paint
}

fn stroke(sheet: &mut Pixmap, path: Option<Path>, colour: Rgb, alpha: u8, width: f32) {
    if let Some(path) = path {
        let stroke = Stroke { width, ..Stroke::default() };
        sheet.stroke_path(&path, &paint(colour, alpha), &stroke, Transform::identity(), None);
    }
}

struct View<'a> {
    rig: &'a Rig,
    /// Pixels of a view for a pixel of the portrait.
    scale: f32,
}

impl View<'_> {
    fn at(&self, index: u16) -> (f32, f32) {
        let [x, y, _] = self.rig.landmarks[usize::from(index)];
        (x * self.scale, y * self.scale)
    }

    /// A line along points; closed if asked.
    fn line(&self, points: impl IntoIterator<Item = u16>, closed: bool) -> Option<Path> {
        let mut path = PathBuilder::new();
        for (at, point) in points.into_iter().enumerate() {
            let (x, y) = self.at(point);
            if at == 0 { path.move_to(x, y) } else { path.line_to(x, y) }
        }
        if closed {
            path.close();
        }
        path.finish()
    }

    fn regions(&self, sheet: &mut Pixmap) {
        let between: [(&[u16], &[u16], Rgb); 8] = [
            (&LIPS_OUTER_UPPER, &LIPS_INNER_UPPER, UPPER_LIP),
            (&LIPS_OUTER_LOWER, &LIPS_INNER_LOWER, LOWER_LIP),
            (&RIGHT_LID_CREASE_UPPER, &RIGHT_LID_UPPER, UPPER_LID),
            (&LEFT_LID_CREASE_UPPER, &LEFT_LID_UPPER, UPPER_LID),
            (&RIGHT_LID_CREASE_LOWER, &RIGHT_LID_LOWER, LOWER_LID),
            (&LEFT_LID_CREASE_LOWER, &LEFT_LID_LOWER, LOWER_LID),
            (&RIGHT_BROW_UPPER, &RIGHT_BROW_LOWER, BROW),
            (&LEFT_BROW_UPPER, &LEFT_BROW_LOWER, BROW),
        ];
        for (there, back, colour) in between {
            let outline = self.line(there.iter().chain(back.iter().rev()).copied(), true);
            if let Some(path) = &outline {
                sheet.fill_path(path, &paint(colour, 90), FillRule::EvenOdd, Transform::identity(), None);
            }
            stroke(sheet, outline, colour, 255, 1.0);
        }
        stroke(sheet, self.line(FACE_OVAL, true), OVAL, 255, 1.6);
        stroke(sheet, self.line(NOSE_BRIDGE, false), NOSE, 255, 1.2);
        stroke(sheet, self.line(NOSE_WINGS, false), NOSE, 255, 1.2);
        for iris in self.rig.irises {
            let [x, y] = iris.centre.map(|value| value * self.scale);
            stroke(sheet, PathBuilder::from_circle(x, y, (iris.radius * self.scale).max(0.5)), IRIS, 255, 1.4);
            stroke(sheet, PathBuilder::from_circle(x, y, 1.5), IRIS, 255, 1.5);
        }
    }

    /// Marks where the matte passes one half.
    fn matte_outline(&self, sheet: &mut Pixmap) {
        let half = |x: usize, y: usize| matte_at(self.rig, x, y) >= 128;
        let width = sheet.width() as usize;
        let Some(colour) = PremultipliedColorU8::from_rgba(MATTE[0], MATTE[1], MATTE[2], 255) else { return };
        for y in 1..VIEW as usize {
            for x in 1..VIEW as usize {
                if half(x, y) != half(x - 1, y) || half(x, y) != half(x, y - 1) {
                    sheet.pixels_mut()[y * width + x] = colour;
                }
            }
        }
    }

    fn mesh(&self, sheet: &mut Pixmap) {
        let mut path = PathBuilder::new();
        let mut dots = PathBuilder::new();
        for triangle in TRIANGLES {
            for (at, point) in triangle.into_iter().enumerate() {
                let (x, y) = self.at(point);
                let x = x + VIEW as f32;
                if at == 0 {
                    path.move_to(x, y)
                } else {
                    path.line_to(x, y)
                }
                dots.push_circle(x, y, 1.3);
            }
            path.close();
        }
        stroke(sheet, path.finish(), MESH, 170, 0.7);
        if let Some(dots) = dots.finish() {
            sheet.fill_path(&dots, &paint(OVAL, 255), FillRule::Winding, Transform::identity(), None);
        }
    }
}

fn legend(sheet: &mut Pixmap, rig: &Rig) {
    let entries: [(&str, Rgb); 10] = [
        ("Face oval", OVAL),
        ("Upper lip", UPPER_LIP),
        ("Lower lip", LOWER_LIP),
        ("Upper lid", UPPER_LID),
        ("Lower lid", LOWER_LID),
        ("Brow", BROW),
        ("Nose", NOSE),
        ("Iris", IRIS),
        ("Matte", MATTE),
        ("Mesh", MESH),
    ];
    let top = VIEW * 2 + 14;
    for (at, (name, colour)) in entries.into_iter().enumerate() {
        let left = 20 + (at as u32 % 5) * 315;
        let row = top + (at as u32 / 5) * 30;
        fill(sheet, left, row, 26, 14, colour);
        write(sheet, left + 36, row, name, [235; 3]);
    }
    let colours = rig.colours;
    let found = [("Lips", colours.lips), ("Skin", colours.skin), ("Lids", colours.lids), ("White", colours.white)];
    let row = top + 70;
    for (at, (name, colour)) in found.into_iter().enumerate() {
        let left = 20 + at as u32 * 200;
        fill(sheet, left, row - 6, 56, 28, colour);
        write(sheet, left + 66, row, name, [235; 3]);
    }
    let facts = format!("{} pixels, roll {:.1} degrees", rig.portrait.width, rig.roll.to_degrees());
    write(sheet, 860, row, &facts, [235; 3]);
}

fn fill(sheet: &mut Pixmap, x: u32, y: u32, width: u32, height: u32, colour: Rgb) {
    if let Some(rect) = Rect::from_xywh(x as f32, y as f32, width as f32, height as f32) {
        sheet.fill_rect(rect, &paint(colour, 255), Transform::identity(), None);
    }
}

fn write(sheet: &mut Pixmap, x: u32, y: u32, text: &str, colour: Rgb) {
    let advance = (letters::SIZE.0 as u32 + 1) * DOT;
    for (at, character) in text.chars().enumerate() {
        for (row, bits) in letters::letter(character).into_iter().enumerate() {
            for column in 0..letters::SIZE.0 {
                if bits >> (letters::SIZE.0 - 1 - column) & 1 == 1 {
                    let left = x + at as u32 * advance + column as u32 * DOT;
                    fill(sheet, left, y + row as u32 * DOT, DOT, DOT, colour);
                }
            }
        }
    }
}
