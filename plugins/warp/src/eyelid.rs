//! The skin of an upper lid that unfolds when the eye closes. An open eye hides most of it, so stretching what the
//! picture shows would draw out lashes and crease into streaks; instead a smooth patch in the colours around the eye
//! is laid over the stretched skin while the lid comes down.

use glam::Vec2;
use visage_core::{Blendshape, MouthColours, Raster};

use crate::{
    Vertex,
    atlas::{Patch, Region},
    curve::{mix, smooth},
    eye::Eye,
    frame::Frame,
    mesh::LID_POINTS,
    mouth::colour,
};

/// Rows of the patch's mesh.
const ROWS: usize = 5;
/// Rows of the line of the lashes.
const LASH_ROWS: usize = 3;
/// Vertices of one lid.
pub(crate) const VERTICES: usize = (ROWS + LASH_ROWS) * LID_POINTS;
/// Half the thickness of the line where closed lashes meet, face units: above and below.
const LASH_LINE: [f32; 2] = [0.016, 0.011];
/// Opacity of the patch: some of the stretched picture shows through, so that it keeps its grain.
const OPACITY: f32 = 0.85;

/// One upper lid.
#[derive(Clone, Debug)]
pub(crate) struct Eyelid {
    region: Region,
    plain: [f32; 2],
    lash: [f32; 3],
    unit: f32,
}

/// How far an eye is closed, 0..=1, from the field weights of its lids.
pub(crate) fn closed(weights: &[f32; 52], upper: Blendshape, lower: Blendshape) -> f32 {
    (weights[upper as usize] / (1.0 - weights[lower as usize]).max(0.1)).clamp(0.0, 1.0)
}

/// The picture of the lid's skin: top at the crease, bottom at the lashes. Its top has the colours of the skin where it
/// unfolds from and its bottom those of the skin below the eye, so that no border shows.
pub(crate) fn patch(eye: &Eye, frame: &Frame, portrait: &Raster, colours: &MouthColours) -> Patch {
    let (lids, cheek) = (colours.lids.map(f32::from), colours.skin.map(f32::from));
    let light = |c: [f32; 3]| 0.3 * c[0] + 0.59 * c[1] + 0.11 * c[2];
    let rim = |y_of: &dyn Fn(f32, f32, f32) -> f32| Rim::new(eye, frame, portrait, y_of);
    let top = rim(&|x, upper, _| upper - 0.93 * eye.unfolds(x));
    let bottom = rim(&|_, _, lower| lower + 0.115);
    let size = Vec2::new(2.0 * eye.half, 0.3) * frame.unit * 0.6;
    Patch::paint(size.x as usize, size.y as usize, |at| {
        let (above, below) = (top.at(at.x, 0.06), bottom.at(at.x, 0.12));
        // A socket in the dark must not paint the lid dark: it comes forward into the light.
        let lift = (0.80 * light(below) / light(above).max(1.0)).clamp(1.0, 1.35);
        let skin: [f32; 3] = std::array::from_fn(|c| {
            mix(mix(above[c], lids[c], 0.15) * lift, mix(below[c], lids[c], 0.2) * 0.95, smooth(0.0, 0.9, at.y))
        });
        // Shades around old eyes are purple or grey; a lid has half of the cheek's tint.
        let tint = light(skin) / light(cheek).max(1.0);
        let skin: [f32; 3] = std::array::from_fn(|c| mix(skin[c], cheek[c] * tint, 0.5));
        // The lid is a ball under skin: darker below the crease, light in the middle, dark again at the lashes.
        let ball = 1.0 - 0.05 * (-((at.y - 0.2) / 0.14).powi(2)).exp() + 0.03 * (-((at.y - 0.55) / 0.2).powi(2)).exp()
            - 0.22 * smooth(0.74, 1.0, at.y);
        let edge = smooth(0.0, 0.13, at.x) * smooth(1.0, 0.87, at.x);
        let alpha = OPACITY * smooth(0.0, 0.45, at.y) * mix(1.0, 0.25, smooth(0.86, 1.0, at.y)) * edge;
        [skin[0] * ball, skin[1] * ball * 0.985, skin[2] * ball * 0.98, 255.0 * alpha]
    })
}

/// Colours of the picture along an eye.
struct Rim([[f32; 3]; Rim::COLUMNS]);

impl Rim {
    const COLUMNS: usize = 32;

    /// `y_of` gets a column and the edges of the lids there.
    fn new(eye: &Eye, frame: &Frame, portrait: &Raster, y_of: &dyn Fn(f32, f32, f32) -> f32) -> Self {
        Self(std::array::from_fn(|column| {
            let x = eye.half * (2.0 * (column as f32 + 0.5) / Self::COLUMNS as f32 - 1.0);
            let (upper, lower) = eye.edges(x);
            let mut sum = [0.0; 3];
            for i in -2..=2 {
                let y = y_of(x, upper, lower) + 0.008 * i as f32;
                let sample = colour(portrait, frame.pixel(eye.face(Vec2::new(x, y))));
                (0..3).for_each(|c| sum[c] += sample[c] / 5.0);
            }
            sum
        }))
    }

    /// The colour at a share of the eye's width, blurred along it.
    fn at(&self, share: f32, blur: f32) -> [f32; 3] {
        let (mut sum, mut total) = ([0.0; 3], 0.0);
        for (column, skin) in self.0.iter().enumerate() {
            let weight = (-(((column as f32 + 0.5) / Self::COLUMNS as f32 - share) / blur).powi(2)).exp();
            total += weight;
            (0..3).for_each(|c| sum[c] += skin[c] * weight);
        }
        sum.map(|v| v / total)
    }
}

/// Triangles of both lids.
pub(crate) fn indices() -> Vec<u32> {
    let mut out = Vec::new();
    for lid in 0..2 {
        for row in (0..ROWS - 1).chain(ROWS..ROWS + LASH_ROWS - 1) {
            for column in 0..LID_POINTS - 1 {
                let a = (lid * VERTICES + row * LID_POINTS + column) as u32;
                let c = a + LID_POINTS as u32;
                out.extend([a, a + 1, c, c, a + 1, c + 1]);
            }
        }
    }
    out
}

impl Eyelid {
    /// From where its picture and a plain white texel are in the atlas.
    pub fn new(eye: &Eye, frame: &Frame, portrait: &Raster, region: Region, plain: Region) -> Self {
        // The colour of the lashes: the darkest place along the upper lid's edge.
        let mut lash = [60.0f32, 40.0, 35.0];
        for x in eye.columns(LID_POINTS).skip(3).take(LID_POINTS - 6) {
            for i in 0..6 {
                let own = Vec2::new(x, eye.edges(x).0 + 0.012 - 0.008 * i as f32);
                let sample = colour(portrait, frame.pixel(eye.face(own)));
                if sample.iter().sum::<f32>() < lash.iter().sum() {
                    lash = sample;
                }
            }
        }
        Self { region, plain: plain.uv(Vec2::splat(0.5)), lash: lash.map(|v| v / 255.0), unit: frame.unit }
    }

    /// Places the vertices between the crease and the lid's edge (pixels, by column).
    pub fn place(&self, closed: f32, [crease, edge]: [[Vec2; LID_POINTS]; 2], out: &mut [Vertex]) {
        let (skin, lashes) = out.split_at_mut(ROWS * LID_POINTS);
        let alpha = smooth(0.10, 0.60, closed);
        for (i, vertex) in skin.iter_mut().enumerate() {
            let (row, column) = (i / LID_POINTS, i % LID_POINTS);
            let down = row as f32 / (ROWS - 1) as f32;
            let across = 0.5 - 0.5 * (std::f32::consts::PI * column as f32 / (LID_POINTS - 1) as f32).cos();
            *vertex = Vertex {
                position: crease[column].lerp(edge[column], down).to_array(),
                uv: self.region.uv(Vec2::new(across, down)),
                colour: [1.0, 1.0, 1.0, alpha],
            };
        }
        let down = (edge[LID_POINTS - 1] - edge[0]).normalize_or(Vec2::X).perp() * self.unit;
        let alpha = 0.62 * smooth(0.55, 1.0, closed);
        for (i, vertex) in lashes.iter_mut().enumerate() {
            let (row, column) = (i / LID_POINTS, i % LID_POINTS);
            let along = column as f32 / (LID_POINTS - 1) as f32;
            let thick = (std::f32::consts::PI * along).sin().max(0.0).powf(0.4);
            let (offset, share) = [(-LASH_LINE[0], 0.0), (0.0, 1.0), (LASH_LINE[1], 0.0)][row];
            *vertex = Vertex {
                position: (edge[column] + down * offset * thick).to_array(),
                uv: self.plain,
                colour: [self.lash[0], self.lash[1], self.lash[2], alpha * share * thick],
            };
        }
    }
}
