//! A small software rasteriser with the rules that renderers of [`visage_warp::Layer`] follow: bilinear samples, plain
//! alpha blending in order, no multisampling. For looking at geometry and for tests; slow.

use std::sync::Arc;

use visage_core::{Raster, Rig};
use visage_warp::{Texture, Warp};

/// Draws a posed warp into a square picture. `portrait` is the rig's portrait with the matte in alpha.
pub fn draw(warp: &Warp, rig: &Rig, portrait: &Raster, side: u32) -> Raster {
    let mut target = vec![[0.0f32; 4]; (side * side) as usize];
    let scale = side as f32 / rig.portrait.width as f32;
    for layer in warp.layers() {
        let texture = match layer.texture {
            Texture::Background => &rig.background,
            Texture::Portrait => portrait,
            Texture::Interior => warp.interior(),
        };
        for triangle in layer.indices.chunks_exact(3) {
            let mut corners = [0, 1, 2].map(|i| {
                let vertex = &layer.vertices[triangle[i] as usize];
                (vertex.position.map(|v| v * scale), vertex.uv, vertex.colour)
            });
            let edge = |a: [f32; 2], b: [f32; 2], p: [f32; 2]| {
                f64::from(b[0] - a[0]) * f64::from(p[1] - a[1]) - f64::from(b[1] - a[1]) * f64::from(p[0] - a[0])
            };
            let mut area = edge(corners[0].0, corners[1].0, corners[2].0);
            if area < 0.0 {
                corners.swap(1, 2);
                area = -area;
            }
            if area <= 1e-12 {
                continue;
            }
            let bound = |axis: usize, pick: fn(f32, f32) -> f32| {
                corners.iter().map(|c| c.0[axis]).reduce(pick).unwrap_or(0.0).clamp(0.0, side as f32)
            };
            let (left, right) = (bound(0, f32::min) as u32, bound(0, f32::max).ceil() as u32);
            let (top, bottom) = (bound(1, f32::min) as u32, bound(1, f32::max).ceil() as u32);
            for y in top..bottom.min(side) {
                for x in left..right.min(side) {
                    let p = [x as f32 + 0.5, y as f32 + 0.5];
                    let mut weight = [0.0f32; 3];
                    let mut covered = true;
                    for i in 0..3 {
                        let (a, b) = (corners[(i + 1) % 3].0, corners[(i + 2) % 3].0);
                        let w = edge(a, b, p);
                        // Top-left rule, so that shared edges are drawn once.
                        let top_left = b[1] < a[1] || (b[1] == a[1] && b[0] > a[0]);
                        covered &= w > 0.0 || (w == 0.0 && top_left);
                        weight[i] = (w / area) as f32;
                    }
                    if !covered {
                        continue;
                    }
                    let uv: [f32; 2] = std::array::from_fn(|i| (0..3).map(|c| corners[c].1[i] * weight[c]).sum());
                    let colour: [f32; 4] = std::array::from_fn(|i| (0..3).map(|c| corners[c].2[i] * weight[c]).sum());
                    let sample = sample(texture, uv);
                    let alpha = sample[3] / 255.0 * colour[3];
                    let pixel = &mut target[(y * side + x) as usize];
                    for c in 0..3 {
                        pixel[c] += (sample[c] * colour[c] - pixel[c]) * alpha;
                    }
                }
            }
        }
    }
    let rgba: Vec<u8> =
        target.iter().flat_map(|p| [p[0], p[1], p[2], 255.0]).map(|v| v.round().clamp(0.0, 255.0) as u8).collect();
    Raster { width: side, height: side, rgba: Arc::from(rgba) }
}

/// The portrait with the matte as its alpha.
pub fn with_matte(rig: &Rig) -> Raster {
    let mut rgba = rig.portrait.rgba.to_vec();
    for (pixel, &matte) in rgba.chunks_exact_mut(4).zip(rig.matte.iter()) {
        pixel[3] = matte;
    }
    Raster { rgba: Arc::from(rgba), ..rig.portrait.clone() }
}

fn sample(texture: &Raster, uv: [f32; 2]) -> [f32; 4] {
    let x = (uv[0] * texture.width as f32 - 0.5).clamp(0.0, texture.width as f32 - 1.0);
    let y = (uv[1] * texture.height as f32 - 0.5).clamp(0.0, texture.height as f32 - 1.0);
    let (fx, fy) = (x.fract(), y.fract());
    let texel = |dx: u32, dy: u32| {
        let (x, y) = ((x as u32 + dx).min(texture.width - 1), (y as u32 + dy).min(texture.height - 1));
        let start = ((y * texture.width + x) * 4) as usize;
        &texture.rgba[start..start + 4]
    };
    let (a, b, c, d) = (texel(0, 0), texel(1, 0), texel(0, 1), texel(1, 1));
    std::array::from_fn(|i| {
        let top = f32::from(a[i]) * (1.0 - fx) + f32::from(b[i]) * fx;
        let bottom = f32::from(c[i]) * (1.0 - fx) + f32::from(d[i]) * fx;
        top * (1.0 - fy) + bottom * fy
    })
}
