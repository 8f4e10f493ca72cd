//! Single pictures of any face in any pose, drawn beside the character on stage: what stands behind
//! [`StillDoor`](visage_schedule::StillDoor).
//!
//! A thread draws them with the stage's own device. It never waits inside the device (that would lock out the tick's
//! commands), so the character on stage goes on moving. A better renderer that has the picture at hand gives it instead. The thread begins with the first request and ends after a
//! while without one, and with it goes everything it has kept.

use std::{
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use bevy::{
    prelude::*,
    render::{
        render_resource::{
            Buffer, BufferUsages, CommandEncoderDescriptor, LoadOp, MapMode, PollType, TexelCopyBufferInfo,
            TexelCopyBufferLayout, Texture, TextureViewDescriptor,
        },
        renderer::RenderDevice,
    },
    tasks::block_on,
};
use crossbeam_channel::{RecvTimeoutError, bounded};
use tokio::sync::mpsc;
use visage_core::{FacePose, Raster, Rig, Rung, StopFlag, Subject, Worker, WorkerHandle};
use visage_schedule::{StageTimes, StillRequest};

use crate::{
    corners::Corner,
    draw::{begin, paint},
    gpu::StageGpu,
    pixels::{unpadded, unpremultiplied},
    plugin::MAX_SIZE,
    scene::{FINEST, Scene, SceneBuilder},
};

/// Requests that wait at the door, from request handlers to the tick. When it is full the asker says "busy".
pub const DOOR: usize = 16;
/// Requests that wait for the thread, from the tick: what it can draw in a tick. When it is full the others wait at the
/// door.
const QUEUE: usize = 4;
/// Durations on their way back to the tick, which takes them all; as many as there can be requests in a tick, and more.
const REPORTS: usize = 2 * QUEUE;
/// Scenes that are kept for further requests of the same face. Each is some megabytes on the device.
const KEPT: usize = 4;
/// Ticks without a request after which the thread ends: ten seconds.
const IDLE_TICKS: u32 = 300;
/// The smallest still, in pixels.
const MIN_SIZE: u32 = 16;
/// How long the device may take for a still. The software driver needs some hundredths of a second for the largest.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often the device is asked whether it is done.
const ASK_AGAIN: Duration = Duration::from_millis(1);

type Draughtsman = WorkerHandle<StillRequest, Duration>;

/// The tick's side: passes requests from the door to the thread.
#[derive(Resource)]
pub struct Stills {
    door: mpsc::Receiver<StillRequest>,
    gpu: StageGpu,
    rungs: Arc<[Rung]>,
    thread: Option<Draughtsman>,
    /// The request that the thread had no room for.
    waiting: Option<StillRequest>,
    idle: u32,
}

impl Stills {
    pub const fn new(door: mpsc::Receiver<StillRequest>, gpu: StageGpu, rungs: Arc<[Rung]>) -> Self {
        Self { door, gpu, rungs, thread: None, waiting: None, idle: 0 }
    }
}

/// Hands on what waits at the door. In Ingest.
pub fn serve(mut stills: ResMut<Stills>, mut times: ResMut<StageTimes>) {
    let stills = &mut *stills;
    stills.idle += 1;
    while let Some(request) = stills.waiting.take().or_else(|| stills.door.try_recv().ok()) {
        stills.idle = 0;
        let (gpu, rungs) = (&stills.gpu, &stills.rungs);
        let thread = stills.thread.get_or_insert_with(|| {
            let studio = Studio::new(gpu.clone(), rungs.clone());
            WorkerHandle::spawn("stills", QUEUE, REPORTS, || Ok::<_, std::convert::Infallible>(studio))
        });
        let Err(request) = thread.try_send(request) else { continue };
        if thread.has_ended() {
            // Whoever asked may have gone; then nobody misses the answer.
            let _ = request.answer.send(Err("drawing pictures has come to a halt; try again".into()));
            stills.thread = None;
        } else {
            stills.waiting = Some(request);
            break;
        }
    }
    if let Some(thread) = &stills.thread {
        while let Some(took) = thread.try_recv() {
            times.record("still", took);
        }
        if stills.idle >= IDLE_TICKS {
            stills.thread = None;
        }
    }
}

/// Draws stills; on its own thread.
struct Studio {
    gpu: StageGpu,
    rungs: Arc<[Rung]>,
    /// Most recently used last.
    scenes: Vec<Kept>,
    corners: Vec<Corner>,
    easel: Option<Easel>,
}

/// A scene and what it was made of. It does not keep the rig alive.
struct Kept {
    rig: Weak<Rig>,
    /// Largest side of its textures.
    finest: u32,
    scene: Scene,
}

/// What a still of one size is drawn on and read back through.
struct Easel {
    size: u32,
    canvas: Texture,
    buffer: Buffer,
    stride: u32,
}

impl Worker for Studio {
    type Command = StillRequest;
    type Event = Duration;

    fn handle(&mut self, request: StillRequest, emit: &mut dyn FnMut(Duration), _stop: &StopFlag) {
        if request.answer.is_closed() {
            return;
        }
        let began = Instant::now();
        let still = self.at_hand(&request).map_or_else(|| self.still(&request.rig, &request.pose, request.size), Ok);
        // Whoever asked may have gone; then nobody misses the answer.
        let _ = request.answer.send(still);
        emit(began.elapsed());
    }

    fn renew(&mut self) {
        *self = Self::new(self.gpu.clone(), self.rungs.clone());
    }
}

impl Studio {
    const fn new(gpu: StageGpu, rungs: Arc<[Rung]>) -> Self {
        Self { gpu, rungs, scenes: Vec::new(), corners: Vec::new(), easel: None }
    }

    /// The picture, from the best renderer that has it at hand.
    fn at_hand(&self, request: &StillRequest) -> Option<Raster> {
        let size = request.size;
        let subject = Subject { rig: request.rig.clone(), size, patient: false };
        let allowed = self.rungs.iter().filter(|rung| request.renderer.allows(rung.family()));
        let raster = allowed.filter_map(|rung| rung.still.as_ref()).find_map(|draw| draw(&subject, &request.pose))?;
        let bytes = size as usize * size as usize * 4;
        let fits = (raster.width, raster.height, raster.rgba.len()) == (size, size, bytes);
        fits.then(|| Raster { rgba: unpremultiplied(&raster.rgba).into(), ..raster })
    }

    /// Draws one picture: `size` × `size` pixels, colours not multiplied by alpha.
    fn still(&mut self, rig: &Arc<Rig>, pose: &FacePose, size: u32) -> Result<Raster, String> {
        if !(MIN_SIZE..=MAX_SIZE).contains(&size) {
            return Err(format!("a picture is {MIN_SIZE} to {MAX_SIZE} pixels wide, not {size}"));
        }
        // What goes wrong here must not stop the stage, so it is heard here. Scopes belong to this thread.
        let device = self.gpu.device.wgpu_device().clone();
        let scopes = [wgpu::ErrorFilter::Internal, wgpu::ErrorFilter::OutOfMemory, wgpu::ErrorFilter::Validation]
            .map(|filter| device.push_error_scope(filter));
        let easel = self.easel.take().filter(|easel| easel.size == size).unwrap_or_else(|| Easel::new(&self.gpu, size));
        let drawn = self.draw(&easel, rig, pose);
        let [internal, memory, validation] = scopes;
        for scope in [validation, memory, internal] {
            if let Some(error) = block_on(scope.pop()) {
                return Err(format!("the graphics device failed: {error}"));
            }
        }
        drawn?;
        let rgba = easel.read(&self.gpu)?;
        // Only an easel that works is kept.
        self.easel = Some(easel);
        Ok(Raster { width: size, height: size, rgba: unpremultiplied(&rgba).into() })
    }

    fn draw(&mut self, easel: &Easel, rig: &Arc<Rig>, pose: &FacePose) -> Result<(), String> {
        let (gpu, mut corners) = (self.gpu.clone(), std::mem::take(&mut self.corners));
        let scene = self.scene(rig, easel.size)?;
        scene.pose(pose, &mut corners);
        gpu.queue.write_buffer(&scene.pictures.corners, 0, bytemuck::cast_slice(&corners));
        let mut encoder = gpu.device.create_command_encoder(&CommandEncoderDescriptor { label: Some("still") });
        let view = easel.canvas.create_view(&TextureViewDescriptor::default());
        paint(&mut begin(&mut encoder, &view, LoadOp::Clear(wgpu::Color::TRANSPARENT)), &gpu, &scene.pictures, |_| {
            true
        });
        encoder.copy_texture_to_buffer(
            easel.canvas.as_image_copy(),
            TexelCopyBufferInfo {
                buffer: &easel.buffer,
                layout: TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(easel.stride), rows_per_image: None },
            },
            easel.canvas.size(),
        );
        gpu.submit(encoder.finish());
        self.corners = corners;
        Ok(())
    }

    /// The scene of a rig for pictures of a size. The same size always gets textures of the same size, whatever was
    /// drawn before, so that the same request gives the same bytes.
    fn scene(&mut self, rig: &Arc<Rig>, size: u32) -> Result<&mut Scene, String> {
        let finest = (size * FINEST).min(rig.portrait.width);
        let of = Arc::downgrade(rig);
        let place = self.scenes.iter().position(|kept| kept.finest == finest && kept.rig.ptr_eq(&of));
        let kept = match place {
            Some(place) => self.scenes.remove(place),
            None => {
                self.scenes.retain(|kept| kept.rig.strong_count() > 0);
                if self.scenes.len() == KEPT {
                    self.scenes.remove(0);
                }
                let builder = SceneBuilder { gpu: self.gpu.clone(), size };
                let scene = builder.build(rig).map_err(|error| format!("this portrait cannot be moved: {error}"))?;
                Kept { rig: of, finest, scene }
            }
        };
        self.scenes.push(kept);
        Ok(&mut self.scenes.last_mut().expect("it was pushed in the line above").scene)
    }
}

impl Easel {
    fn new(gpu: &StageGpu, size: u32) -> Self {
        let stride = RenderDevice::align_copy_bytes_per_row(size as usize * 4) as u32;
        let bytes = u64::from(stride) * u64::from(size);
        let buffer = gpu.buffer(bytes, BufferUsages::MAP_READ | BufferUsages::COPY_DST);
        Self { size, canvas: gpu.canvas(size), buffer, stride }
    }

    /// Waits for the device and takes the picture out.
    fn read(&self, gpu: &StageGpu) -> Result<Arc<[u8]>, String> {
        let (mapped, result) = bounded(1);
        self.buffer.slice(..).map_async(MapMode::Read, move |answer| {
            // There is room for the only answer; nobody takes it when the wait has been given up.
            let _ = mapped.try_send(answer);
        });
        let deadline = Instant::now() + PATIENCE;
        loop {
            gpu.device.poll(PollType::Poll).map_err(|error| format!("the graphics device does not answer: {error}"))?;
            match result.recv_timeout(ASK_AGAIN) {
                Ok(Ok(())) => break,
                Ok(Err(error)) => return Err(format!("the picture could not be read back: {error}")),
                Err(RecvTimeoutError::Timeout) if Instant::now() < deadline => {}
                Err(_) => return Err(format!("the graphics device has not answered for {PATIENCE:?}")),
            }
        }
        let rgba = unpadded(&self.buffer.slice(..).get_mapped_range(), self.size, self.size, self.stride as usize);
        self.buffer.unmap();
        Ok(rgba)
    }
}
