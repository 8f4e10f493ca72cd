//! What lies behind the lips: the dark of the mouth, two rows of teeth and the tongue, painted to the scale of the
//! portrait and lit by its colours. The upper teeth belong to the skull, the lower ones and the tongue to the jaw.
//! Everything is drawn before the head, so that only the opening between the lips shows any of it.

use glam::{Vec2, Vec3};
use visage_core::{Blendshape, MouthColours};

use crate::{
    Vertex,
    atlas::{Patch, Region},
    curve::{mix, smooth},
    frame::Frame,
    mesh::SEAM_POINTS,
    motion::Motion,
    mouth::Mouth,
};

/// Columns of a row of teeth and of the tongue.
const COLUMNS: usize = 13;
/// Vertices of a patch of two rows of columns.
const PATCH_VERTICES: usize = COLUMNS * 2;
/// The strips along the lips: cavity, shadow from above, shadow from below.
const STRIP_VERTICES: usize = SEAM_POINTS * 2;
/// Vertices of the mouth.
pub(crate) const VERTICES: usize = 3 * STRIP_VERTICES + 4 * PATCH_VERTICES;

/// Height of the painted rows of teeth, gums included, in face units (16 mm).
const TEETH_HEIGHT: f32 = 0.25;
/// Height of a crown as a share of that.
const CROWN: f32 = 0.62;
/// How far the lower lip's drop carries the lower teeth.
const TEETH_DROP: f32 = 0.42;

/// The mouth's interior.
#[derive(Clone, Debug)]
pub(crate) struct Cavity {
    mouth: Mouth,
    depth: f32,
    width: f32,
    regions: [Region; 4],
    dark: [f32; 3],
}

/// The pictures: plain white, upper teeth, lower teeth, tongue.
pub(crate) fn patches(mouth: &Mouth, frame: &Frame, colours: &MouthColours) -> [Patch; 4] {
    let unit = frame.unit * 0.9;
    let (width, height) = ((2.0 * arch(mouth) * unit) as usize, (TEETH_HEIGHT * unit) as usize);
    let white = colours.white.map(f32::from);
    // Enamel is a little yellow, and the skin around lends it the warmth of the picture's light.
    let skin = colours.skin.map(f32::from);
    let grey = (skin[0] + skin[1] + skin[2]).max(1.0) / 3.0;
    let enamel: [f32; 3] =
        std::array::from_fn(|c| (white[c] * [1.0, 0.96, 0.88][c] * mix(1.0, skin[c] / grey, 0.14)).min(252.0));
    let level = (white[0] + white[1] + white[2]) / 3.0 / 255.0;
    let gum = [178.0 * level, 96.0 * level, 96.0 * level];
    let tongue = [186.0 * level, 92.0 * level, 88.0 * level];
    [
        Patch::paint(4, 4, |_| [255.0; 4]),
        Patch::paint_smooth(width, height, |at| teeth(at, &UPPER, enamel, gum)),
        Patch::paint_smooth(width, height, |at| teeth(at, &LOWER, enamel.map(|v| v * 0.9), gum)),
        Patch::paint_smooth(width, height, |at| {
            // A tongue's back seen from the front: lit at the top, a furrow in the middle, dark below.
            let side = at.x * 2.0 - 1.0;
            let top = 0.10 + 0.30 * side * side;
            let furrow = 1.0 - 0.22 * (-(side / 0.09).powi(2)).exp() * smooth(0.0, 0.5, at.y);
            let round = (1.0 - 0.55 * side * side) * mix(1.0, 0.55, smooth(top, 1.0, at.y)) * furrow;
            let alpha = 255.0 * smooth(top - 0.10, top + 0.08, at.y) * smooth(1.0, 0.86, side.abs());
            [tongue[0] * round, tongue[1] * round, tongue[2] * round, alpha]
        }),
    ]
}

/// Half the width that the rows of teeth span.
fn arch(mouth: &Mouth) -> f32 {
    (mouth.half * 1.08).clamp(0.3, 0.48)
}

/// Widths of teeth from the middle outwards as seen from the front (mm; the arch turns the rear ones away), and whether
/// the crown hangs from the top of the picture.
struct Row {
    widths: [f32; 7],
    heights: [f32; 7],
    hangs: bool,
}

/// Crown widths after Wheeler's averages, foreshortened.
const UPPER: Row =
    Row { widths: [8.5, 6.4, 5.6, 4.4, 3.6, 3.0, 2.6], heights: [1.0, 0.93, 0.98, 0.88, 0.84, 0.8, 0.78], hangs: true };
const LOWER: Row = Row {
    widths: [5.2, 5.6, 5.6, 4.6, 3.8, 3.2, 2.8],
    heights: [0.88, 0.9, 0.95, 0.88, 0.84, 0.8, 0.78],
    hangs: false,
};

/// Colour of a row of teeth at a place of its picture.
fn teeth(at: Vec2, row: &Row, enamel: [f32; 3], gum: [f32; 3]) -> [f32; 4] {
    let total: f32 = row.widths.iter().sum();
    let side = (at.x * 2.0 - 1.0).abs();
    let mut left = 0.0;
    let mut place = None;
    for (width, height) in row.widths.iter().zip(row.heights) {
        let width = width / total;
        if side < left + width {
            place = Some(((side - left) / width * 2.0 - 1.0, width, height));
            break;
        }
        left += width;
    }
    let Some((across, width, height)) = place else { return [gum[0], gum[1], gum[2], 0.0] };
    // From the gum (0) to the edge (1).
    let out = if row.hangs { at.y } else { 1.0 - at.y };
    let root = 1.0 - CROWN;
    // The row curves: its sides sit higher.
    let edge = root + CROWN * height * mix(1.0, 0.80, side * side);
    // Corners of the crowns are rounded, and gums rise between the teeth.
    let rounded = edge - 0.055 * across.abs().powf(4.0);
    let neck = root - 0.05 + 0.075 * across * across;
    let falloff = mix(1.0, 0.30, smooth(0.15, 1.0, side));
    let between = 1.0 - 0.14 * smooth(1.0 - 0.020 / width, 1.0, across.abs());
    let round = 1.0 - 0.10 * across * across;
    let along = mix(0.90, 1.0, smooth(neck, neck + 0.25, out)) * mix(1.0, 0.94, smooth(edge - 0.12, edge, out));
    let shade = falloff * between * round * along;
    let tooth = enamel.map(|v| v * shade);
    let flesh = gum.map(|v| v * falloff * 0.8);
    let crown = smooth(neck - 0.02, neck + 0.02, out);
    let alpha = 255.0 * smooth(rounded + 0.012, rounded - 0.012, out) * smooth(1.0, 0.93, side);
    [mix(flesh[0], tooth[0], crown), mix(flesh[1], tooth[1], crown), mix(flesh[2], tooth[2], crown), alpha]
}

/// Triangles of the mouth, in the order in which they are drawn.
pub(crate) fn indices() -> Vec<u32> {
    let mut out = Vec::new();
    let mut base = 0;
    let mut strip = |columns: usize| {
        for i in 0..columns as u32 - 1 {
            let (top, low) = (base + i, base + columns as u32 + i);
            out.extend([top, top + 1, low, low, top + 1, low + 1]);
        }
        base += 2 * columns as u32;
    };
    strip(SEAM_POINTS);
    (0..4).for_each(|_| strip(COLUMNS));
    strip(SEAM_POINTS);
    strip(SEAM_POINTS);
    out
}

impl Cavity {
    /// From a mouth and where its pictures are in the atlas.
    pub fn new(mouth: &Mouth, frame: &Frame, colours: &MouthColours, regions: [Region; 4]) -> Self {
        let lips = colours.lips.map(|v| f32::from(v) / 255.0);
        Self {
            mouth: mouth.clone(),
            depth: frame.point(13).z,
            width: arch(mouth),
            regions,
            dark: [0.10 + 0.10 * lips[0], 0.03 + 0.05 * lips[1], 0.03 + 0.05 * lips[2]],
        }
    }

    /// Places the vertices for a pose. `lips` are the edges of the upper and lower lip where they are seen, in pixels,
    /// from the right corner to the left one.
    pub fn place(
        &self,
        shapes: &[f32; 52],
        motion: &Motion,
        frame: &Frame,
        lips: [&[Vec2; SEAM_POINTS]; 2],
        out: &mut [Vertex],
    ) {
        let of = |shape: Blendshape| shapes[shape as usize];
        let [upper, lower] = lips;
        let right = (upper[SEAM_POINTS - 1] - upper[0]).normalize_or(Vec2::X);
        let down = right.perp();
        let gap = |i: usize| (lower[i] - upper[i]).dot(down).max(0.0);
        let widest = (0..SEAM_POINTS).map(gap).fold(0.0, f32::max) / frame.unit;
        let plain = self.regions[0].uv(Vec2::splat(0.5));
        let (cavity, rest) = out.split_at_mut(STRIP_VERTICES);
        let (rows, shadows) = rest.split_at_mut(4 * PATCH_VERTICES);
        let hidden = 0.05 * frame.unit;

        let [r, g, b] = self.dark;
        for i in 0..SEAM_POINTS {
            let tuck = hidden * self.mouth.profile(self.column(i)).sqrt();
            let colour = |k: f32| [r * k, g * k, b * k, 1.0];
            cavity[i] = Vertex { position: (upper[i] - down * tuck).to_array(), uv: plain, colour: colour(0.55) };
            cavity[SEAM_POINTS + i] =
                Vertex { position: (lower[i] + down * tuck).to_array(), uv: plain, colour: colour(1.25) };
        }

        let open = of(Blendshape::JawOpen);
        let drop = TEETH_DROP * open;
        let slide = 0.15 * (of(Blendshape::JawLeft) - of(Blendshape::JawRight));
        let tongue_out = of(Blendshape::TongueOut);
        let line = self.mouth.seam.y(0.0);
        // Light falls into a mouth that is open.
        let lit = mix(0.90, 1.0, smooth(0.02, 0.22, widest));
        let funnel = of(Blendshape::MouthFunnel);
        // The top of the tongue that is seen: behind the lower teeth at rest, against the upper ones when it comes out.
        let tongue_top = mix(line + 0.045 + drop * 0.54, line + 0.018, smooth(0.0, 0.6, tongue_out)) - 0.03;
        let patches = [
            // picture, half width, top, height, shift to the side, depth behind the lips, alpha, light
            (3, self.width * 0.72, tongue_top, 0.30, slide, 0.22, 1.0, lit * 0.80),
            (2, self.width * 0.94, line - 0.020 + drop + 0.06 * funnel, TEETH_HEIGHT, slide, 0.12, 1.0, lit * 0.92),
            (3, self.width * 0.50, tongue_top + 0.01, 0.24, slide, 0.05, smooth(0.15, 0.5, tongue_out), lit),
            (1, self.width, line + 0.035 - TEETH_HEIGHT, TEETH_HEIGHT, 0.0, 0.08, 1.0, lit),
        ];
        for (patch, (region, half, top, height, slide, depth, alpha, light)) in
            rows.chunks_exact_mut(PATCH_VERTICES).zip(patches)
        {
            for (i, vertex) in patch.iter_mut().enumerate() {
                let at = Vec2::new((i % COLUMNS) as f32 / (COLUMNS - 1) as f32, (i / COLUMNS) as f32);
                let side = at.x * 2.0 - 1.0;
                let own = Vec2::new(side * half + slide, top + at.y * height);
                let local: Vec3 = self.mouth.face(own).extend(self.depth + depth + 0.25 * side * side);
                *vertex = Vertex {
                    position: frame.pixel(motion.see(local, local)).to_array(),
                    uv: self.regions[region].uv(at),
                    colour: [light, light, light, alpha],
                };
            }
        }

        // The lips shade what is behind them, most in the corners.
        let (above, below) = shadows.split_at_mut(STRIP_VERTICES);
        for i in 0..SEAM_POINTS {
            let gap = gap(i);
            let corner = 1.0 - smooth(0.05, 0.65, self.mouth.profile(self.column(i)));
            let shade = |alpha: f32| [0.06, 0.02, 0.02, alpha];
            let vertex =
                |position: Vec2, alpha: f32| Vertex { position: position.to_array(), uv: plain, colour: shade(alpha) };
            let reach = mix((0.075 * frame.unit).min(gap * 0.45), gap, corner);
            above[i] = vertex(upper[i] - down * 0.01 * frame.unit, 0.50);
            above[SEAM_POINTS + i] = vertex(upper[i] + down * reach, 0.72 * corner);
            let reach = mix((0.05 * frame.unit).min(gap * 0.5), gap, corner);
            below[i] = vertex(lower[i] - down * reach, 0.6 * corner);
            below[SEAM_POINTS + i] = vertex(lower[i] + down * 0.01 * frame.unit, 0.45);
        }
    }

    /// x of a point of the lip line at rest.
    fn column(&self, i: usize) -> f32 {
        crate::mesh::seam_x(self.mouth.half, i)
    }
}
