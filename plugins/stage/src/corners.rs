//! The corners of triangles in the form in which the graphics device takes them. Pure.

use bytemuck::{Pod, Zeroable};
use visage_warp::{Layer, Texture, Vertex};

/// A corner: clip space, texture coordinates, premultiplied colour.
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct Corner {
    /// -1..=1, y up.
    pub clip: [f32; 2],
    /// 0..=1, y down.
    pub uv: [f32; 2],
    /// Multiplies the texel.
    pub colour: [u8; 4],
}

/// Where a layer lies in the common buffers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// What it samples.
    pub texture: Texture,
    /// First and one past the last index.
    pub indices: std::ops::Range<u32>,
    /// Its corners; the first is the one that its index 0 means.
    pub corners: std::ops::Range<u32>,
    /// Whether it has to be drawn anew for every pose.
    pub moving: bool,
}

/// Puts the layers' index lists into one.
///
/// Triangles of the portrait that lie where `matte` (one byte a pixel of the portrait) is empty are left out: they would
/// cost as much as visible ones. Texture coordinates of the portrait must not change with the pose for that, which
/// `fixed_uv` says.
pub fn joined(layers: &[Layer], matte: &[u8], size: u32, fixed_uv: bool) -> (Vec<u32>, Vec<Run>) {
    let sums = Sums::of(matte, size);
    let (mut indices, mut runs, mut base) = (Vec::new(), Vec::new(), 0);
    for layer in layers {
        let start = indices.len() as u32;
        for triangle in layer.indices.chunks_exact(3) {
            let corner = |index: usize| layer.vertices.get(triangle[index] as usize);
            let (Some(a), Some(b), Some(c)) = (corner(0), corner(1), corner(2)) else { continue };
            if layer.texture == Texture::Portrait && fixed_uv && sums.empty_around([a, b, c]) {
                continue;
            }
            indices.extend_from_slice(triangle);
        }
        let corners = base..base + layer.vertices.len() as u32;
        base = corners.end;
        runs.push(Run { texture: layer.texture, indices: start..indices.len() as u32, corners, moving: layer.moving });
    }
    (indices, runs)
}

/// Writes the corners of all layers to `out`, replacing what is there. `side` is the width and height of the portrait,
/// to which positions refer.
pub fn pack(layers: &[Layer], side: u32, out: &mut Vec<Corner>) {
    let unit = 2.0 / side as f32;
    out.clear();
    out.extend(layers.iter().flat_map(|layer| &layer.vertices).map(|vertex| {
        let alpha = vertex.colour[3];
        let [red, green, blue, alpha] =
            [vertex.colour[0] * alpha, vertex.colour[1] * alpha, vertex.colour[2] * alpha, alpha]
                .map(|channel| (channel.clamp(0.0, 1.0) * 255.0 + 0.5) as u8);
        Corner {
            clip: [vertex.position[0] * unit - 1.0, 1.0 - vertex.position[1] * unit],
            uv: vertex.uv,
            colour: [red, green, blue, alpha],
        }
    }));
}

/// Sums of the matte over rectangles in constant time.
struct Sums {
    size: usize,
    table: Vec<u64>,
}

/// Texels around a triangle that filtering may reach.
const FILTER_REACH: f32 = 3.0;

impl Sums {
    fn of(matte: &[u8], size: u32) -> Self {
        let size = size as usize;
        let mut table = vec![0; (size + 1) * (size + 1)];
        for y in 0..size {
            let mut row = 0;
            for x in 0..size {
                row += u64::from(matte.get(y * size + x).copied().unwrap_or(0));
                table[(y + 1) * (size + 1) + x + 1] = table[y * (size + 1) + x + 1] + row;
            }
        }
        Self { size, table }
    }

    fn empty_around(&self, corners: [&Vertex; 3]) -> bool {
        let bound = |axis: usize| {
            let values = corners.map(|corner| corner.uv[axis] * self.size as f32);
            let low = values.iter().copied().fold(f32::INFINITY, f32::min) - FILTER_REACH;
            let high = values.iter().copied().fold(f32::NEG_INFINITY, f32::max) + FILTER_REACH;
            let clamp = |value: f32| value.clamp(0.0, self.size as f32) as usize;
            (clamp(low.floor()), clamp(high.ceil()))
        };
        let ((left, right), (top, bottom)) = (bound(0), bound(1));
        let at = |x: usize, y: usize| self.table[y * (self.size + 1) + x];
        at(right, bottom) + at(left, top) == at(left, bottom) + at(right, top)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vertex(x: f32, y: f32) -> Vertex {
        Vertex { position: [x, y], uv: [x / 64.0, y / 64.0], colour: [1.0, 0.5, 0.0, 0.5] }
    }

    fn layer(texture: Texture, at: f32) -> Layer {
        Layer {
            texture,
            vertices: vec![vertex(at, at), vertex(at + 4.0, at), vertex(at, at + 4.0)],
            indices: vec![0, 1, 2],
            moving: true,
        }
    }

    #[test]
    fn only_triangles_of_the_portrait_that_can_be_seen_are_drawn() {
        let mut matte = vec![0; 64 * 64];
        matte[32 * 64 + 32] = 255;
        let check = |texture, at, fixed, drawn| {
            let (indices, runs) = joined(&[layer(texture, at)], &matte, 64, fixed);
            assert_eq!((indices.len(), runs[0].indices.len()), (drawn, drawn), "{texture:?} at {at}");
        };
        check(Texture::Portrait, 31.0, true, 3);
        check(Texture::Portrait, 28.0, true, 3);
        check(Texture::Portrait, 10.0, true, 0);
        check(Texture::Portrait, 10.0, false, 3);
        check(Texture::Interior, 10.0, true, 3);
        check(Texture::Background, 10.0, true, 3);
    }

    #[test]
    fn layers_follow_one_another() {
        let layers = [layer(Texture::Background, 0.0), layer(Texture::Interior, 0.0)];
        let (indices, runs) = joined(&layers, &[], 64, true);
        assert_eq!(indices, [0, 1, 2, 0, 1, 2]);
        assert_eq!((runs[1].indices.clone(), runs[1].corners.clone()), (3..6, 3..6));
    }

    #[test]
    fn pixels_become_clip_space_and_colours_are_premultiplied() {
        let mut corners = vec![];
        pack(&[layer(Texture::Portrait, 32.0)], 64, &mut corners);
        assert_eq!(corners[0], Corner { clip: [0.0, 0.0], uv: [0.5, 0.5], colour: [128, 64, 0, 128] });
        assert_eq!(corners[2].clip, [0.0, -0.125]);
    }
}
