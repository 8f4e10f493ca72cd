//! Brings drawn frames back from the graphics device without waiting for it.
//!
//! A frame is copied into a buffer by the commands that draw it, and the buffer carries the tick of its pose from then on.
//! When the device has done its work, the next tick finds the frame and writes it as
//! [`FrameReady`](visage_schedule::FrameReady).

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bevy::{
    prelude::*,
    render::{
        render_resource::{
            Buffer, BufferUsages, CommandEncoder, MapMode, PollType, TexelCopyBufferInfo, TexelCopyBufferLayout,
            Texture,
        },
        renderer::RenderDevice,
    },
};
use crossbeam_channel::{Receiver, Sender, bounded};
use visage_core::{Frame, Tick};
use visage_schedule::{FrameReady, MediaClock, StageTimes};

use crate::{draw::Label, gpu::StageGpu, pixels::unpadded};

/// Frames that may be on their way at once, from the render world to the tick. One is enough while the device keeps up;
/// when all are on their way, a frame is drawn but not captured, and counted as lost.
const READBACKS: usize = 4;

/// What became of the frames. Written in Ingest.
#[derive(Resource, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameStats {
    /// Frames that came back.
    pub captured: u64,
    /// Of these, the ones that came back later than in the tick after the one in which they were drawn.
    pub late: u64,
    /// Frames that never came: not drawn because an update ran several ticks, or not captured because the device was too
    /// far behind.
    pub lost: u64,
}

/// The render world's side: a ring of buffers.
#[derive(Resource, Clone)]
pub struct Capture {
    size: u32,
    stride: u32,
    free: Receiver<Buffer>,
    give_back: Sender<Buffer>,
    frames: Sender<Captured>,
    lost: Arc<AtomicU64>,
    enabled: bool,
}

/// The main world's side.
#[derive(Resource)]
pub struct Captures {
    frames: Receiver<Captured>,
    /// The newest frame that was handed on.
    newest: Option<Tick>,
    lost: Arc<AtomicU64>,
}

/// A frame and how long it took to copy it out.
struct Captured {
    frame: Frame,
    /// The tick in which it was drawn.
    drawn: Tick,
    copy: Duration,
}

/// A buffer into which a frame is being copied.
pub struct Readback(Buffer);

/// Both sides. Nothing is captured unless `enabled`.
pub fn capture(gpu: &StageGpu, size: u32, enabled: bool) -> (Capture, Captures) {
    let stride = RenderDevice::align_copy_bytes_per_row(size as usize * 4) as u32;
    let (give_back, free) = bounded(READBACKS);
    let (frames_in, frames) = bounded(READBACKS);
    for _ in 0..READBACKS {
        let buffer = gpu.buffer(u64::from(stride) * u64::from(size), BufferUsages::MAP_READ | BufferUsages::COPY_DST);
        give_back.try_send(buffer).expect("there is room for as many as are made");
    }
    let lost = Arc::new(AtomicU64::new(0));
    let captures = Captures { frames, newest: None, lost: lost.clone() };
    (Capture { size, stride, free, give_back, frames: frames_in, lost, enabled }, captures)
}

impl Capture {
    /// Counts frames that were not drawn.
    pub fn missed(&self, frames: u64) {
        if self.enabled {
            self.lost.fetch_add(frames, Ordering::Relaxed);
        }
    }

    /// Adds the copy of `target` to the commands. `None` if no buffer is free.
    pub fn record(&self, encoder: &mut CommandEncoder, target: &Texture) -> Option<Readback> {
        if !self.enabled {
            return None;
        }
        let Ok(buffer) = self.free.try_recv() else {
            self.lost.fetch_add(1, Ordering::Relaxed);
            return None;
        };
        encoder.copy_texture_to_buffer(
            target.as_image_copy(),
            TexelCopyBufferInfo {
                buffer: &buffer,
                layout: TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(self.stride), rows_per_image: None },
            },
            target.size(),
        );
        Some(Readback(buffer))
    }

    /// Asks for the buffer's content, once the commands have been submitted. The answer comes while somebody polls the
    /// device.
    pub fn fetch(&self, readback: Readback, label: Label) {
        let (buffer, capture) = (readback.0, self.clone());
        let Label { shows: tick, drawn } = label;
        let mapped = buffer.clone();
        mapped.slice(..).map_async(MapMode::Read, move |result| {
            if let Err(error) = result {
                capture.lost.fetch_add(1, Ordering::Relaxed);
                tracing::warn!("frame {} could not be read back: {error}", tick.0);
                return;
            }
            let began = Instant::now();
            let rgba = {
                let rows = buffer.slice(..).get_mapped_range();
                unpadded(&rows, capture.size, capture.size, capture.stride as usize)
            };
            buffer.unmap();
            let frame = Frame { tick, width: capture.size, height: capture.size, rgba };
            // As many frames as buffers fit into the queue; it is full only when nobody has collected them for long.
            if capture.frames.try_send(Captured { frame, drawn, copy: began.elapsed() }).is_err() {
                capture.lost.fetch_add(1, Ordering::Relaxed);
            }
            // There is room for every buffer, and the other end lives in `capture`.
            let _ = capture.give_back.try_send(buffer);
        });
    }
}

/// Writes the frames that have come back, oldest first. Whoever draws stills polls the device, too, so that one frame can
/// overtake another; then the older one is lost.
pub fn collect(
    mut captures: ResMut<Captures>,
    device: Res<RenderDevice>,
    clock: Res<MediaClock>,
    mut ready: MessageWriter<FrameReady>,
    mut stats: ResMut<FrameStats>,
    mut times: ResMut<StageTimes>,
) {
    if let Err(error) = device.poll(PollType::Poll) {
        tracing::warn!("the graphics device does not answer: {error}");
    }
    while let Ok(Captured { frame, drawn, copy }) = captures.frames.try_recv() {
        times.record("readback", copy);
        if captures.newest.is_some_and(|newest| newest >= frame.tick) {
            captures.lost.fetch_add(1, Ordering::Relaxed);
            continue;
        }
        captures.newest = Some(frame.tick);
        stats.captured += 1;
        stats.late += u64::from(drawn.next() < clock.tick);
        ready.write(FrameReady(frame));
    }
    stats.lost = captures.lost.load(Ordering::Relaxed);
}

/// Whether the device still draws an earlier frame. Until it is done, whoever submits more may have to wait for it
/// (Lavapipe, the Vulkan driver on the processor, lets every submission wait for the one before).
pub fn is_drawing(world: &World) -> bool {
    let Some(gpu) = world.get_resource::<StageGpu>() else { return false };
    if let Err(error) = gpu.device.poll(PollType::Poll) {
        tracing::warn!("the graphics device does not answer: {error}");
    }
    gpu.is_at_work()
}

/// Waits until everything that was drawn has been read back, so that the next tick brings the frame of this one. For
/// rendering without a clock and for tests; never in a system.
pub fn wait_for_frames(world: &World) {
    if let Some(device) = world.get_resource::<RenderDevice>()
        && let Err(error) = device.poll(PollType::wait_indefinitely())
    {
        tracing::warn!("the graphics device does not answer: {error}");
    }
}
