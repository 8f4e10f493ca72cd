//! Draws a tick: the kept background is copied, what moves is drawn over it, and the frame is handed to the capture. Where
//! a better renderer has made a picture, that is mixed in or takes the place of it all. While one character gives way to
//! the next, both are drawn, and the two pictures are mixed.
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
    look::{Look, Sheet},
    scene::ScenePictures,
};

/// What is to be drawn. Filled in Present, taken over by the render world in the same update.
#[derive(Resource, Default)]
pub struct DrawList {
    /// Whether a tick has run in this update.
    pub ran: bool,
    /// The frame to be drawn; `None`: the last picture stays.
    pub frame: Option<Label>,
    /// Frames that were not drawn because an update ran several ticks.
    pub overtaken: u64,
    /// The character.
    pub actor: Figure,
    /// How much of what was on stage before still shows, 0..=1.
    pub fade: f32,
    /// The character that leaves, while some of it still shows.
    pub leaving: Figure,
}

/// Which frame it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label {
    /// The tick whose pose is shown.
    pub shows: Tick,
    /// The tick in which it is drawn.
    pub drawn: Tick,
}

/// A character as it is painted.
#[derive(Default)]
pub struct Figure {
    /// What the device holds of it; `None` is the empty stage.
    pub pictures: Option<Arc<ScenePictures>>,
    /// All layers' corners, if the warp is seen.
    pub corners: Vec<Corner>,
    /// Of what it is painted.
    pub look: Look,
}

impl DrawList {
    /// There is a frame to be drawn.
    pub const fn order(&mut self, frame: Label) {
        if self.frame.replace(frame).is_some() {
            self.overtaken += 1;
        }
    }
}

impl Figure {
    fn take(&mut self, from: &mut Self) {
        std::mem::swap(&mut self.corners, &mut from.corners);
        self.pictures.clone_from(&from.pictures);
        self.look.clone_from(&from.look);
    }
}

/// The render world's side.
#[derive(Resource)]
pub struct Easel {
    list: DrawList,
    /// Whether anything has been drawn yet.
    drawn: bool,
    /// The character whose background is on `backdrop`.
    on_stage: Option<Arc<ScenePictures>>,
    /// The layers that do not move.
    backdrop: Texture,
    backdrop_view: TextureView,
    /// The character that leaves, and a rectangle to draw it with.
    before_view: TextureView,
    before_bound: BindGroup,
    rectangle: Buffer,
    /// Pictures of better renderers.
    canvases: Vec<Canvas>,
    size: u32,
    empty: [u8; 3],
    submit: Option<Duration>,
}

/// A picture on the device.
struct Canvas {
    picture: Arc<[u8]>,
    texture: Texture,
    bound: BindGroup,
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
    let easel = &mut *easel;
    list.ran = false;
    easel.list.overtaken += std::mem::take(&mut list.overtaken);
    if let Some(frame) = list.frame.take() {
        easel.list.order(frame);
        easel.list.fade = list.fade;
        easel.list.actor.take(&mut list.actor);
        easel.list.leaving.take(&mut list.leaving);
    }
    if let Some(time) = easel.submit.take() {
        main.resource_mut::<StageTimes>().record("submit", time);
    }
}

/// Records and submits the commands of a frame.
pub fn draw(
    mut easel: ResMut<Easel>,
    gpu: Res<StageGpu>,
    target: Res<StageImage>,
    images: Res<RenderAssets<GpuImage>>,
    capture: Res<Capture>,
) {
    let easel = &mut *easel;
    let Some(target) = images.get(&target.0) else { return };
    let Some(frame) = easel.list.frame.take() else { return };
    let began = Instant::now();
    easel.put_on_canvas(&gpu);
    let mut encoder = gpu.device.create_command_encoder(&CommandEncoderDescriptor { label: Some("stage") });
    easel.paint_leaving(&gpu, &mut encoder);
    easel.paint(&gpu, &mut encoder, &target.texture);
    let readback = capture.record(&mut encoder, &target.texture);
    gpu.submit(encoder.finish());
    if let Some(readback) = readback {
        capture.fetch(readback, frame);
    }
    let overtaken = std::mem::take(&mut easel.list.overtaken);
    capture.missed(if easel.drawn { overtaken } else { 0 });
    easel.drawn = true;
    easel.submit = Some(began.elapsed());
}

impl Easel {
    pub fn new(gpu: &StageGpu, size: u32, empty: [u8; 3]) -> Self {
        let (backdrop, before) = (gpu.canvas(size), gpu.canvas(size));
        Self {
            list: DrawList::default(),
            drawn: false,
            on_stage: None,
            backdrop_view: backdrop.create_view(&TextureViewDescriptor::default()),
            backdrop,
            before_bound: gpu.bound(&before),
            before_view: before.create_view(&TextureViewDescriptor::default()),
            rectangle: gpu.constant(bytemuck::cast_slice(&RECTANGLE), BufferUsages::VERTEX),
            canvases: Vec::new(),
            size,
            empty,
            submit: None,
        }
    }

    /// Brings the pictures that are seen onto the device, each once, and lets go of those that are not seen any more.
    fn put_on_canvas(&mut self, gpu: &StageGpu) {
        let leaving: &[Sheet] = if self.list.fade > 0.0 { &self.list.leaving.look.sheets } else { &[] };
        let seen: Vec<_> = self.list.actor.look.sheets.iter().chain(leaving).map(|sheet| &sheet.picture).collect();
        let (kept, mut free): (Vec<_>, Vec<_>) = std::mem::take(&mut self.canvases)
            .into_iter()
            .partition(|canvas| seen.iter().any(|picture| Arc::ptr_eq(picture, &canvas.picture)));
        self.canvases = kept;
        for picture in seen {
            if self.canvases.iter().any(|canvas| Arc::ptr_eq(&canvas.picture, picture)) {
                continue;
            }
            let canvas = match free.pop() {
                Some(canvas) => Canvas { picture: picture.clone(), ..canvas },
                None => {
                    let texture = gpu.canvas(self.size);
                    Canvas { picture: picture.clone(), bound: gpu.bound(&texture), texture }
                }
            };
            gpu.write(&canvas.texture, picture);
            self.canvases.push(canvas);
        }
    }

    fn canvas(&self, sheet: &Sheet) -> Option<&Canvas> {
        self.canvases.iter().find(|canvas| Arc::ptr_eq(&canvas.picture, &sheet.picture))
    }

    /// When the character has changed: paints what of it does not move.
    fn change_scene(&mut self, gpu: &StageGpu, encoder: &mut CommandEncoder) {
        let same = match (&self.on_stage, &self.list.actor.pictures) {
            (Some(old), Some(new)) => Arc::ptr_eq(old, new),
            (None, None) => self.drawn,
            _ => false,
        };
        if same {
            return;
        }
        let actor = &self.list.actor;
        let mut pass = begin(encoder, &self.backdrop_view, self.ground(actor.pictures.is_some()));
        if let Some(pictures) = &actor.pictures {
            gpu.queue.write_buffer(&pictures.corners, 0, bytemuck::cast_slice(&actor.corners));
            paint(&mut pass, gpu, pictures, |run| !run.moving);
        }
        self.on_stage.clone_from(&actor.pictures);
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
            let leaving = &self.list.leaving;
            let mut pass = begin(encoder, &self.before_view, self.ground(leaving.pictures.is_some()));
            if let Some(pictures) = leaving.pictures.as_ref().filter(|_| leaving.look.warp) {
                gpu.queue.write_buffer(&pictures.corners, 0, bytemuck::cast_slice(&leaving.corners));
                paint(&mut pass, gpu, pictures, |_| true);
            }
            self.lay(&mut pass, gpu, &leaving.look.sheets);
        }
    }

    /// Paints the character, and over it what is left of the one that leaves.
    fn paint(&mut self, gpu: &StageGpu, encoder: &mut CommandEncoder, target: &Texture) {
        let whole = self.list.actor.look.covering().filter(|_| self.list.fade <= 0.0);
        if let Some(canvas) = whole.and_then(|sheet| self.canvas(sheet)) {
            return copy(encoder, &canvas.texture, target);
        }
        // Bevy's view of the target converts colours; this one does not.
        let view = target.create_view(&TextureViewDescriptor { format: Some(FORMAT), ..default() });
        if self.list.actor.look.warp {
            self.change_scene(gpu, encoder);
            copy(encoder, &self.backdrop, target);
        }
        let actor = &self.list.actor;
        let load = if actor.look.warp { LoadOp::Load } else { self.ground(true) };
        let mut pass = begin(encoder, &view, load);
        if let Some(pictures) = actor.pictures.as_ref().filter(|_| actor.look.warp)
            && let Some(corners) = actor.corners.get(pictures.moving.clone())
        {
            let offset = pictures.moving.start * size_of::<Corner>();
            gpu.queue.write_buffer(&pictures.corners, offset as u64, bytemuck::cast_slice(corners));
            paint(&mut pass, gpu, pictures, |run| run.moving);
        }
        self.lay(&mut pass, gpu, &actor.look.sheets);
        if self.list.fade > 0.0 {
            self.mix(&mut pass, gpu, &self.before_bound, self.list.fade);
        }
    }

    /// Lays pictures over what is there.
    fn lay(&self, pass: &mut wgpu::RenderPass<'_>, gpu: &StageGpu, sheets: &[Sheet]) {
        for sheet in sheets {
            if let Some(canvas) = self.canvas(sheet) {
                self.mix(pass, gpu, &canvas.bound, sheet.share);
            }
        }
    }

    /// A picture takes the place of a share of what is there.
    fn mix(&self, pass: &mut wgpu::RenderPass<'_>, gpu: &StageGpu, picture: &BindGroup, share: f32) {
        let share = f64::from(share.clamp(0.0, 1.0));
        pass.set_pipeline(&gpu.mix);
        pass.set_blend_constant(wgpu::Color { r: share, g: share, b: share, a: share });
        pass.set_bind_group(0, &**picture, &[]);
        pass.set_vertex_buffer(0, *self.rectangle.slice(..));
        pass.draw(0..RECTANGLE.len() as u32, 0..1);
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
