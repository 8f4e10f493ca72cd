//! A character made ready to be drawn: its warp, its textures and its buffers. Built off the tick.

use std::{ops::Range, sync::Arc};

use bevy::render::render_resource::{BindGroup, Buffer, BufferUsages};
use visage_core::{Blendshape, FacePose, HeadPose, Raster, Rig, StopFlag, Worker};
use visage_warp::{Texture, Warp, WarpError};

use crate::{
    corners::{Corner, Run, joined, pack},
    gpu::StageGpu,
    pixels::{premultiplied, shrunk},
};

/// What the graphics device holds of a character.
pub struct ScenePictures {
    background: BindGroup,
    portrait: BindGroup,
    interior: BindGroup,
    pub indices: Buffer,
    pub corners: Buffer,
    pub runs: Vec<Run>,
    /// The corners that change with the pose: from the first to the last layer that moves.
    pub moving: Range<usize>,
}

impl ScenePictures {
    /// The texture, bound for sampling.
    pub fn bound(&self, texture: Texture) -> &BindGroup {
        match texture {
            Texture::Background => &self.background,
            Texture::Portrait => &self.portrait,
            Texture::Interior => &self.interior,
        }
    }
}

/// A character that can be drawn in any pose.
pub struct Scene {
    warp: Warp,
    /// Width and height of the portrait, to which the warp's positions refer.
    side: u32,
    pub pictures: Arc<ScenePictures>,
}

impl Scene {
    /// Takes on a pose and writes the corners of all layers to `out`, replacing what is there.
    pub fn pose(&mut self, pose: &FacePose, out: &mut Vec<Corner>) {
        self.warp.pose(pose);
        pack(self.warp.layers(), self.side, out);
    }
}

/// Makes scenes.
pub struct SceneBuilder {
    pub gpu: StageGpu,
    /// Width and height of the picture in pixels.
    pub size: u32,
}

impl Worker for SceneBuilder {
    type Command = Arc<Rig>;
    type Event = (Arc<Rig>, Result<Box<Scene>, String>);

    fn handle(&mut self, rig: Arc<Rig>, emit: &mut dyn FnMut(Self::Event), _stop: &StopFlag) {
        let scene = self.build(&rig);
        emit((rig, scene.map(Box::new).map_err(|error| error.to_string())));
    }

    fn if_lost(rig: &Arc<Rig>) -> Option<Self::Event> {
        Some((rig.clone(), Err("making its picture failed; the log says more".to_owned())))
    }
}

/// Textures are at most this many times as large as the picture. At two, filtering takes the mean of four texels for a
/// pixel: sharp, without flicker, and no more memory is read than needed.
pub const FINEST: u32 = 2;

impl SceneBuilder {
    /// Makes a scene of a rig. Takes tens of milliseconds.
    pub fn build(&self, rig: &Rig) -> Result<Scene, WarpError> {
        let mut warp = Warp::new(rig)?;
        let fixed_uv = keeps_uv(&mut warp);
        let (indices, runs) = joined(warp.layers(), &rig.matte, rig.portrait.width, fixed_uv);
        let corners = warp.layers().iter().map(|layer| layer.vertices.len()).sum::<usize>();
        let moving = || runs.iter().filter(|run| run.moving);
        let first = moving().map(|run| run.corners.start).min().unwrap_or(0) as usize;
        let last = moving().map(|run| run.corners.end).max().unwrap_or(0) as usize;
        let pictures = ScenePictures {
            moving: first..last,
            background: self.picture(&rig.background, None),
            portrait: self.picture(&rig.portrait, Some(&rig.matte)),
            interior: self.picture(warp.interior(), None),
            indices: self.gpu.constant(bytemuck::cast_slice(&indices), BufferUsages::INDEX),
            corners: self
                .gpu
                .buffer((corners * size_of::<Corner>()) as u64, BufferUsages::VERTEX | BufferUsages::COPY_DST),
            runs,
        };
        Ok(Scene { warp, side: rig.portrait.width, pictures: Arc::new(pictures) })
    }

    fn picture(&self, raster: &Raster, alpha: Option<&[u8]>) -> BindGroup {
        let rgba = premultiplied(&raster.rgba, alpha);
        let from = [raster.width, raster.height];
        let to = from.map(|side| side.min(self.size * FINEST));
        if to == from {
            self.gpu.picture(from[0], from[1], &rgba)
        } else {
            self.gpu.picture(to[0], to[1], &shrunk(&rgba, from, to))
        }
    }
}

/// Whether poses leave the texture coordinates of the portrait's layers as they are.
fn keeps_uv(warp: &mut Warp) -> bool {
    let uv = |warp: &Warp| -> Vec<[f32; 2]> {
        let portrait = warp.layers().iter().filter(|layer| layer.texture == Texture::Portrait);
        portrait.flat_map(|layer| &layer.vertices).map(|vertex| vertex.uv).collect()
    };
    warp.pose(&FacePose::default());
    let rest = uv(warp);
    let mut moved = FacePose::of(&[
        (Blendshape::JawOpen, 0.7),
        (Blendshape::EyeBlinkLeft, 1.0),
        (Blendshape::EyeLookInRight, 1.0),
        (Blendshape::MouthSmileLeft, 0.8),
    ]);
    moved.head = HeadPose { yaw: 0.2, pitch: 0.1, roll: 0.1, ..HeadPose::default() };
    warp.pose(&moved);
    let same = uv(warp) == rest;
    warp.pose(&FacePose::default());
    same
}
