//! What lies behind the lids: the white of the eye and an iris that moves, both taken from the portrait, the hidden parts
//! completed.

use glam::{Vec2, Vec3};
use visage_core::{Blendshape, Blendshape::*, Raster};

use crate::{
    Vertex,
    atlas::{Patch, Region},
    curve::{mix, smooth},
    eye::Eye,
    frame::Frame,
    motion::Motion,
    mouth::colour,
};

/// How far the white reaches beyond the lids, face units.
const MARGIN: Vec2 = Vec2::new(0.03, 0.09);
/// The iris patch's half side, in radii.
const IRIS_PATCH: f32 = 1.2;
/// How far the iris moves at the greatest gaze, face units: to the side, and up or down (an eyeball of 12 mm radius
/// turned by about 30 and 22 degrees).
const GAZE: Vec2 = Vec2::new(0.098, 0.058);
/// Texels per pixel of the portrait, so that sampling twice blurs little.
const SHARPNESS: f32 = 1.6;
/// Rounds of diffusion that fill the hidden parts.
const DIFFUSION: usize = 70;
/// Over-relaxation of the diffusion.
const EAGER: f32 = 1.8;

/// The quads of an eye: the white and the iris.
#[derive(Clone, Debug)]
pub(crate) struct Eyeball {
    eye: Eye,
    white: (Vec2, Vec2),
    regions: [Region; 2],
}

/// Vertices of one eye: two quads.
pub(crate) const VERTICES: usize = 8;

/// Triangles of one eye.
pub(crate) const INDICES: [u32; 12] = [0, 1, 2, 2, 1, 3, 4, 5, 6, 6, 5, 7];

/// The two pictures of an eye: white, iris.
pub(crate) fn patches(eye: &Eye, frame: &Frame, portrait: &Raster, white: [u8; 3]) -> [Patch; 2] {
    let picture = Look { eye, frame, portrait };
    [picture.white(white.map(f32::from)), picture.iris()]
}

struct Look<'a> {
    eye: &'a Eye,
    frame: &'a Frame,
    portrait: &'a Raster,
}

fn bounds(eye: &Eye) -> (Vec2, Vec2) {
    let (mut top, mut bottom) = (0.0f32, 0.0f32);
    for x in eye.columns(17) {
        let (upper, lower) = eye.edges(x);
        top = top.min(upper);
        bottom = bottom.max(lower);
    }
    (Vec2::new(-eye.half, top) - MARGIN, Vec2::new(eye.half, bottom) + MARGIN)
}

impl Look<'_> {
    fn sample(&self, own: Vec2) -> [f32; 3] {
        colour(self.portrait, self.frame.pixel(self.eye.face(own)))
    }

    /// Distance into the opening from the nearer lid; negative outside.
    fn within(&self, own: Vec2) -> f32 {
        let (upper, lower) = self.eye.edges(own.x);
        (own.y - upper).min(lower - own.y)
    }

    fn white(&self, fallback: [f32; 3]) -> Patch {
        let (low, high) = bounds(self.eye);
        let size = (high - low) * self.frame.unit;
        let (width, height) = ((size.x * SHARPNESS).ceil() as usize, (size.y * SHARPNESS).ceil() as usize);
        let mut patch = Patch::paint(width, height, |at| {
            let [r, g, b] = self.sample(low + (high - low) * at);
            [r, g, b, 255.0]
        });
        let (width, height) = (patch.width, patch.height);
        let place = |i: usize| {
            let at = Vec2::new((i % width) as f32 + 0.5, (i / width) as f32 + 0.5);
            low + (high - low) * at / Vec2::new(width as f32, height as f32)
        };
        let off_iris = |own: Vec2| own.distance(self.eye.iris) / self.eye.radius;
        let light = |texel: &[f32; 4]| 0.3 * texel[0] + 0.59 * texel[1] + 0.11 * texel[2];
        // Texels that surely show the white: inside the lids, off the iris, and bright among those.
        let mut candidates: Vec<(usize, f32)> = (0..patch.texels.len())
            .filter(|&i| self.within(place(i)) > 0.026 && off_iris(place(i)) > 1.15)
            .map(|i| (i, light(&patch.texels[i])))
            .collect();
        candidates.sort_by(|a, b| b.1.total_cmp(&a.1));
        let bright = candidates.get(candidates.len() / 8).map_or(0.0, |c| c.1);
        let mut known = vec![false; patch.texels.len()];
        let mut mean = fallback.map(|value| value * 0.78);
        let sure: Vec<usize> = candidates.iter().filter(|c| c.1 > 0.62 * bright).map(|c| c.0).collect();
        if sure.len() > 12 {
            mean = std::array::from_fn(|c| sure.iter().map(|&i| patch.texels[i][c]).sum::<f32>() / sure.len() as f32);
            sure.iter().for_each(|&i| known[i] = true);
        }
        let original = patch.texels.clone();
        for (texel, known) in patch.texels.iter_mut().zip(&known) {
            if !known {
                texel[..3].copy_from_slice(&mean);
            }
        }
        diffuse(&mut patch, &known);
        for (i, texel) in patch.texels.iter_mut().enumerate() {
            let own = place(i);
            let within = self.within(own);
            // In the shade of the upper lid, and darker towards the corners.
            let (upper, _) = self.eye.edges(own.x);
            let shade =
                1.0 - 0.18 * smooth(0.04, -0.04, own.y - upper) - 0.2 * smooth(0.75, 1.05, own.x.abs() / self.eye.half);
            // Where the picture shows the eyeball beside the iris, it stays as it is.
            let keep = smooth(-0.012, 0.004, within) * smooth(1.06, 1.16, off_iris(own));
            for c in 0..3 {
                texel[c] = mix(texel[c] * shade, original[i][c], keep);
            }
        }
        patch
    }

    fn iris(&self) -> Patch {
        let reach = self.eye.radius * IRIS_PATCH;
        let texels = (2.0 * reach * self.frame.unit * SHARPNESS).ceil() as usize;
        let seen =
            |offset: Vec2| self.within(self.eye.iris + offset) > 0.024 && offset.length() < self.eye.radius * 1.05;
        // Mean colour by distance from the centre, for what no reflection shows.
        const RINGS: usize = 12;
        let mut rings = [[0.0f32; 4]; RINGS];
        for i in 0..64 * 64 {
            let offset = (Vec2::new((i % 64) as f32, (i / 64) as f32) / 31.5 - 1.0) * self.eye.radius;
            let ring = (offset.length() / self.eye.radius * RINGS as f32) as usize;
            if ring < RINGS && seen(offset) {
                let sample = self.sample(self.eye.iris + offset);
                (0..3).for_each(|c| rings[ring][c] += sample[c]);
                rings[ring][3] += 1.0;
            }
        }
        let mut last = [38.0, 26.0, 20.0];
        let rings = rings.map(|[r, g, b, n]| {
            if n > 0.0 {
                last = [r / n, g / n, b / n];
            }
            last
        });
        Patch::paint(texels, texels, |at| {
            let offset = (at * 2.0 - 1.0) * reach;
            let away = offset.length() / self.eye.radius;
            let flips = [Vec2::ONE, Vec2::new(-1.0, 1.0), Vec2::new(1.0, -1.0), Vec2::new(-1.0, -1.0)];
            let found = flips.iter().map(|&flip| offset * flip).find(|&offset| seen(offset));
            let [r, g, b] = match found {
                // A reflection lends structure but not its highlights.
                Some(there) if there != offset => {
                    let ring = rings[((away * RINGS as f32) as usize).min(RINGS - 1)];
                    let there = self.sample(self.eye.iris + there);
                    std::array::from_fn(|c| mix(ring[c], there[c], 0.5).min(ring[c] + 18.0) * 0.9)
                }
                Some(there) => self.sample(self.eye.iris + there),
                None => rings[((away * RINGS as f32) as usize).min(RINGS - 1)].map(|v| v * 0.9),
            };
            [r, g, b, 255.0 * smooth(1.11, 0.99, away)]
        })
    }
}

/// Fills the unknown texels smoothly from the known ones (successive over-relaxation of Laplace's equation).
fn diffuse(patch: &mut Patch, known: &[bool]) {
    let (width, height) = (patch.width, patch.height);
    for round in 0..DIFFUSION {
        for step in 0..width * height {
            let i = if round % 2 == 0 { step } else { width * height - 1 - step };
            if known[i] {
                continue;
            }
            let (x, y) = (i % width, i / width);
            let around = [
                y * width + x.saturating_sub(1),
                y * width + (x + 1).min(width - 1),
                y.saturating_sub(1) * width + x,
                (y + 1).min(height - 1) * width + x,
            ];
            for c in 0..3 {
                let mean = around.iter().map(|&n| patch.texels[n][c]).sum::<f32>() / 4.0;
                patch.texels[i][c] += EAGER * (mean - patch.texels[i][c]);
            }
        }
    }
}

impl Eyeball {
    /// From an eye and where its pictures are in the atlas.
    pub fn new(eye: &Eye, regions: [Region; 2]) -> Self {
        Self { eye: eye.clone(), white: bounds(eye), regions }
    }

    /// Places the vertices for a pose.
    pub fn place(&self, shapes: &[f32; 52], motion: &Motion, frame: &Frame, out: &mut [Vertex]) {
        let gaze = self.gaze(shapes);
        let (low, high) = self.white;
        let reach = self.eye.radius * IRIS_PATCH;
        let centre = self.eye.iris + gaze;
        // A turned iris is seen at a slant.
        let slant = Vec2::ONE - Vec2::new((gaze.x / 0.19).powi(2), (gaze.y / 0.19).powi(2)) * 0.35;
        for corner in 0..4 {
            let at = Vec2::new((corner % 2) as f32, (corner / 2) as f32);
            let white = low + (high - low) * at;
            let iris = centre + (at * 2.0 - 1.0) * reach * slant;
            for (slot, own, region) in [(corner, white, 0), (corner + 4, iris, 1)] {
                let local: Vec3 = self.eye.face(own).extend(self.eye.depth);
                out[slot] = Vertex {
                    position: frame.pixel(motion.see(local, local)).to_array(),
                    uv: self.regions[region].uv(at),
                    colour: [1.0; 4],
                };
            }
        }
    }

    /// Where the iris goes, in the eye's frame.
    fn gaze(&self, shapes: &[f32; 52]) -> Vec2 {
        let of = |shape: Blendshape| shapes[shape as usize];
        let (out, inward, up, down) = if self.eye.sign > 0.0 {
            (of(EyeLookOutLeft), of(EyeLookInLeft), of(EyeLookUpLeft), of(EyeLookDownLeft))
        } else {
            (of(EyeLookOutRight), of(EyeLookInRight), of(EyeLookUpRight), of(EyeLookDownRight))
        };
        let gaze = Vec2::new((out - inward) * self.eye.sign, down - up);
        gaze * GAZE / gaze.length().max(1.0)
    }
}
