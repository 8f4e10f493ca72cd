//! Draws a tick: the kept background is copied, what moves is drawn over it, and the frame is handed to the capture.
//! While one character gives way to the next, both are drawn, and the two pictures are mixed.
//!
//! Everything is recorded in one command buffer without a camera, a view or a render phase; the commands are few, and so
//! is what the processor has to do for them (docs-secretary/adr/0002-mesh-warp-in-bevy.md).

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bevy::{
    prelude::*,
    render::{
        MainWorld,
        render_asset::RenderAssets,
        render_resource::{
            BindGroup, Buffer, BufferUsages, CommandEncoder, CommandEncoderDescriptor, IndexFormat, LoadOp, Operations,
            RenderPassColorAttachment, RenderPassDescriptor, StoreOp, Texture, TextureView, TextureViewDescriptor,
            WgpuTextureView,
        },
        texture::GpuImage,
    },
};
use visage_core::Tick;
use visage_schedule::StageTimes;

use crate::{
    StageImage,
    capture::Capture,
    corners::{Corner, Run},
    gpu::{FORMAT, StageGpu},
    scene::ScenePictures,
};

/// What is to be drawn. Filled in Present, taken over by the render world in the same update.
#[derive(Resource, Default)]
pub struct DrawList {
    /// The tick that the picture belongs to. `None` until the first one.
    pub tick: Option<Tick>,
    /// The character; `None` draws the empty stage.
    pub pictures: Option<Arc<ScenePictures>>,
    /// All layers' corners.
    pub corners: Vec<Corner>,
    /// How much of what was on stage before still shows, 0..=1.
    pub fade: f32,
    /// The character that leaves, while some of it still shows; `None` is the empty stage.
    pub leaving: Option<Arc<ScenePictures>>,
    /// Its corners.
    pub leaving_corners: Vec<Corner>,
}

/// The render world's side.
#[derive(Resource)]
pub struct Easel {
    list: DrawList,
    drawn: Option<Tick>,
    /// The character whose background is on `backdrop`.
    on_stage: Option<Arc<ScenePictures>>,
    /// The layers that do not move.
    backdrop: Texture,
    backdrop_view: TextureView,
    /// The character that leaves, and a rectangle to draw it with.
    before_view: TextureView,
    before_bound: BindGroup,
    rectangle: Buffer,
    empty: [u8; 3],
    submit: Option<Duration>,
}

/// Corners of a rectangle that covers the stage, as two triangles.
const RECTANGLE: [Corner; 6] = [
    Corner { clip: [-1.0, 1.0], uv: [0.0, 0.0], colour: [255; 4] },
    Corner { clip: [1.0, 1.0], uv: [1.0, 0.0], colour: [255; 4] },
    Corner { clip: [-1.0, -1.0], uv: [0.0, 1.0], colour: [255; 4] },
    Corner { clip: [-1.0, -1.0], uv: [0.0, 1.0], colour: [255; 4] },
    Corner { clip: [1.0, 1.0], uv: [1.0, 0.0], colour: [255; 4] },
    Corner { clip: [1.0, -1.0], uv: [1.0, 1.0], colour: [255; 4] },
];

/// Takes over the main world's list, and gives it the measurements of the last frame.
pub fn extract(mut main: ResMut<MainWorld>, mut easel: ResMut<Easel>) {
    let mut list = main.resource_mut::<DrawList>();
    std::mem::swap(&mut list.corners, &mut easel.list.corners);
    std::mem::swap(&mut list.leaving_corners, &mut easel.list.leaving_corners);
    easel.list.tick = list.tick;
    easel.list.fade = list.fade;
    easel.list.pictures.clone_from(&list.pictures);
    easel.list.leaving.clone_from(&list.leaving);
    if let Some(time) = easel.submit.take() {
        main.resource_mut::<StageTimes>().record("submit", time);
    }
}

/// Records and submits the commands of a tick, once for each tick.
pub fn draw(
    mut easel: ResMut<Easel>,
    gpu: Res<StageGpu>,
    target: Res<StageImage>,
    images: Res<RenderAssets<GpuImage>>,
    capture: Res<Capture>,
) {
    let easel = &mut *easel;
    let (Some(tick), Some(target)) = (easel.list.tick, images.get(&target.0)) else { return };
    if easel.drawn == Some(tick) {
        return;
    }
    let began = Instant::now();
    let mut encoder = gpu.device.create_command_encoder(&CommandEncoderDescriptor { label: Some("stage") });
    easel.change_scene(&gpu, &mut encoder);
    easel.paint_leaving(&gpu, &mut encoder);
    copy(&mut encoder, &easel.backdrop, &target.texture);
    // Bevy's view of the target converts colours; this one does not.
    let view = target.texture.create_view(&TextureViewDescriptor { format: Some(FORMAT), ..default() });
    easel.paint_moving(&gpu, &mut encoder, &view);
    let readback = capture.record(&mut encoder, &target.texture);
    gpu.queue.submit([encoder.finish()]);
    if let Some(readback) = readback {
        capture.fetch(readback, tick);
    }
    let last = easel.drawn.replace(tick);
    capture.missed(last.map_or(0, |last| tick.0.saturating_sub(last.0 + 1)));
    easel.submit = Some(began.elapsed());
}

impl Easel {
    pub fn new(gpu: &StageGpu, size: u32, empty: [u8; 3]) -> Self {
        let (backdrop, before) = (gpu.canvas(size), gpu.canvas(size));
        Self {
            list: DrawList::default(),
            drawn: None,
            on_stage: None,
            backdrop_view: backdrop.create_view(&TextureViewDescriptor::default()),
            backdrop,
            before_bound: gpu.bound(&before),
            before_view: before.create_view(&TextureViewDescriptor::default()),
            rectangle: gpu.constant(bytemuck::cast_slice(&RECTANGLE), BufferUsages::VERTEX),
            empty,
            submit: None,
        }
    }

    /// When the character has changed: paints what of it does not move.
    fn change_scene(&mut self, gpu: &StageGpu, encoder: &mut CommandEncoder) {
        let same = match (&self.on_stage, &self.list.pictures) {
            (Some(old), Some(new)) => Arc::ptr_eq(old, new),
            (None, None) => self.drawn.is_some(),
            _ => false,
        };
        if same {
            return;
        }
        let mut pass = begin(encoder, &self.backdrop_view, self.ground(self.list.pictures.is_some()));
        if let Some(pictures) = &self.list.pictures {
            gpu.queue.write_buffer(&pictures.corners, 0, bytemuck::cast_slice(&self.list.corners));
            paint(&mut pass, gpu, pictures, |run| !run.moving);
        }
        self.on_stage.clone_from(&self.list.pictures);
    }

    /// What lies under everything: nothing where a character is, else the colour of the empty stage.
    fn ground(&self, character: bool) -> LoadOp<wgpu::Color> {
        let [red, green, blue] = self.empty.map(|value| f64::from(value) / 255.0);
        LoadOp::Clear(if character {
            wgpu::Color::TRANSPARENT
        } else {
            wgpu::Color { r: red, g: green, b: blue, a: 1.0 }
        })
    }

    /// Paints the whole character that leaves, in a picture of its own.
    fn paint_leaving(&self, gpu: &StageGpu, encoder: &mut CommandEncoder) {
        if self.list.fade > 0.0 {
            let mut pass = begin(encoder, &self.before_view, self.ground(self.list.leaving.is_some()));
            if let Some(pictures) = &self.list.leaving {
                gpu.queue.write_buffer(&pictures.corners, 0, bytemuck::cast_slice(&self.list.leaving_corners));
                paint(&mut pass, gpu, pictures, |_| true);
            }
        }
    }

    /// Paints what moves, and over it what is left of the character that leaves.
    fn paint_moving(&self, gpu: &StageGpu, encoder: &mut CommandEncoder, target: &WgpuTextureView) {
        let mut pass = begin(encoder, target, LoadOp::Load);
        if let Some(pictures) = &self.list.pictures
            && let Some(corners) = self.list.corners.get(pictures.moving.clone())
        {
            let offset = pictures.moving.start * size_of::<Corner>();
            gpu.queue.write_buffer(&pictures.corners, offset as u64, bytemuck::cast_slice(corners));
            paint(&mut pass, gpu, pictures, |run| run.moving);
        }
        if self.list.fade > 0.0 {
            let share = f64::from(self.list.fade.min(1.0));
            pass.set_pipeline(&gpu.mix);
            pass.set_blend_constant(wgpu::Color { r: share, g: share, b: share, a: share });
            pass.set_bind_group(0, &*self.before_bound, &[]);
            pass.set_vertex_buffer(0, *self.rectangle.slice(..));
            pass.draw(0..RECTANGLE.len() as u32, 0..1);
        }
    }
}

pub fn begin<'a>(
    encoder: &'a mut CommandEncoder,
    view: &WgpuTextureView,
    load: LoadOp<wgpu::Color>,
) -> wgpu::RenderPass<'a> {
    encoder.begin_render_pass(&RenderPassDescriptor {
        label: Some("stage"),
        color_attachments: &[Some(RenderPassColorAttachment {
            view,
            depth_slice: None,
            resolve_target: None,
            ops: Operations { load, store: StoreOp::Store },
        })],
        ..default()
    })
}

/// Draws the layers that `which` picks, in order.
pub fn paint(pass: &mut wgpu::RenderPass<'_>, gpu: &StageGpu, pictures: &ScenePictures, which: impl Fn(&Run) -> bool) {
    pass.set_pipeline(&gpu.pipeline);
    pass.set_vertex_buffer(0, *pictures.corners.slice(..));
    pass.set_index_buffer(*pictures.indices.slice(..), IndexFormat::Uint32);
    for run in pictures.runs.iter().filter(|run| which(run)) {
        pass.set_bind_group(0, &**pictures.bound(run.texture), &[]);
        pass.draw_indexed(run.indices.clone(), run.corners.start as i32, 0..1);
    }
}

fn copy(encoder: &mut CommandEncoder, from: &Texture, to: &Texture) {
    encoder.copy_texture_to_texture(from.as_image_copy(), to.as_image_copy(), from.size());
}
