//! What a renderer draws: layers of textured triangles. Index lists never change, vertices change with every pose.

use bytemuck::{Pod, Zeroable};

/// Which picture a layer samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Texture {
    /// [`visage_core::Rig::background`], opaque.
    Background,
    /// [`visage_core::Rig::portrait`] with [`visage_core::Rig::matte`] in its alpha channel.
    Portrait,
    /// [`crate::Warp::interior`]: a generated RGBA atlas (mouth cavity, teeth, tongue, eyeballs, irises).
    Interior,
}

/// A corner of a triangle. Tightly packed: 8 floats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct Vertex {
    /// Where it is, in pixels of the rig's portrait, y down.
    pub position: [f32; 2],
    /// Where it samples its texture, 0..=1, y down; the middle of the first texel is at half a texel.
    pub uv: [f32; 2],
    /// Multiplies the sample, alpha too (plain sRGB values, not linear, not premultiplied).
    pub colour: [f32; 4],
}

/// Triangles that sample one texture. The colour drawn is `sample * colour`, blended by its alpha over what is there.
#[derive(Clone, Debug)]
pub struct Layer {
    /// The picture that is sampled.
    pub texture: Texture,
    /// The corners; the count never changes, the values change with every pose.
    pub vertices: Vec<Vertex>,
    /// Three corners a triangle, any winding. Constant.
    pub indices: Vec<u32>,
    /// Whether the vertices change with the pose at all (the background's do not).
    pub moving: bool,
}
