//! Registers the stage.

use std::time::Duration;

use bevy::{
    asset::RenderAssetUsages,
    image::Image,
    prelude::*,
    render::{
        ExtractSchedule, Render, RenderApp, RenderSystems,
        render_resource::TextureUsages,
        renderer::{RenderDevice, RenderGraph, RenderGraphSystems, RenderQueue, render_system},
    },
};
use tokio::sync::mpsc;
use visage_core::{Rung, TICK_HZ, WorkerHandle, give_way};
use visage_schedule::{RendererChoice, StillDoor, StillRequest, VisageSystems};

use crate::{
    StageImage,
    capture::{self, FrameStats},
    draw::{self, DrawList, Easel},
    gpu::{FORMAT, SEEN_AS, StageGpu},
    present::{self, Ascent, Cast, OnStage},
    rungs::{RungSettings, Rungs},
    scene::SceneBuilder,
    stills::{self, Stills},
};

/// Draws the active character, tick by tick, into [`StageImage`], and brings the frames back.
///
/// Comes after Bevy's renderer and images ([`HeadlessPlugins`](crate::HeadlessPlugins) or `DefaultPlugins`) and after
/// `SchedulePlugin`.
#[derive(Clone, Debug)]
pub struct StagePlugin {
    /// Width and height of a frame in pixels, at most 1080.
    pub size: u32,
    /// The colour of the stage while nobody is on it, 8-bit sRGB.
    pub empty: [u8; 3],
    /// Whether frames are brought back and written as `FrameReady`. A window that only shows [`StageImage`] needs none.
    pub capture: bool,
    /// Ticks in which one character fades into the next. Both move meanwhile.
    pub fade_ticks: u32,
    /// Renderers that stand above the mesh warp, best first.
    pub rungs: Vec<Rung>,
    /// What is to draw, whatever a character asks for.
    pub renderer: Option<RendererChoice>,
    /// Ticks in which one renderer fades into another.
    pub renderer_fade_ticks: u32,
    /// In what time a renderer has to make a picture; a tick.
    pub deadline: Duration,
    /// Whether time waits for the workers. Then a renderer is left for nothing but poses that it cannot draw: the one that a
    /// character asks for by name, or else the best that opens and is not hopeless on this machine (a second for a picture).
    /// Which one it is, is found out before [`OnStage`] says that the character is there.
    pub offline: bool,
}

/// The largest stage, in pixels.
pub const MAX_SIZE: u32 = 1080;

/// Characters that may wait for the builder, and built ones that may wait for the tick. A newer character is ordered
/// only when the last one has come, so one of each is all there is.
const BUILDS: usize = 1;

/// The end of the door, until the device is there.
#[derive(Resource)]
struct Requests(mpsc::Receiver<StillRequest>);

impl Default for StagePlugin {
    fn default() -> Self {
        Self {
            size: 512,
            empty: [38, 42, 50],
            capture: true,
            fade_ticks: 9,
            rungs: Vec::new(),
            renderer: None,
            renderer_fade_ticks: 5,
            deadline: Duration::from_nanos(1_000_000_000 / TICK_HZ as u64),
            offline: false,
        }
    }
}

impl Plugin for StagePlugin {
    fn build(&self, app: &mut App) {
        let size = self.size.clamp(16, MAX_SIZE);
        let mut image = Image::new_target_texture(size, size, FORMAT, Some(SEEN_AS));
        image.texture_descriptor.usage |= TextureUsages::COPY_SRC;
        image.asset_usage = RenderAssetUsages::RENDER_WORLD;
        let image = app.world_mut().resource_mut::<Assets<Image>>().add(image);
        let (door, requests) = mpsc::channel(stills::DOOR);
        app.insert_resource(StageImage(image))
            .insert_resource(StillDoor(door))
            .insert_resource(Requests(requests))
            .init_resource::<DrawList>()
            .init_resource::<FrameStats>()
            .init_resource::<OnStage>()
            .add_systems(FixedUpdate, (capture::collect, stills::serve).in_set(VisageSystems::Ingest))
            .add_systems(FixedUpdate, present::present.in_set(VisageSystems::Present));
    }

    fn finish(&self, app: &mut App) {
        let Some(requests) = app.world_mut().remove_resource::<Requests>() else { return };
        let size = self.size.clamp(16, MAX_SIZE);
        let device = app.world().resource::<RenderDevice>().clone();
        let queue = app.world().resource::<RenderQueue>().clone();
        let gpu = StageGpu::new(device, queue);
        let image = app.world().resource::<StageImage>().clone();
        let (capture, captures) = capture::capture(&gpu, size, self.capture);
        let builder = SceneBuilder { gpu: gpu.clone(), size };
        let worker = WorkerHandle::spawn("stage builder", BUILDS, BUILDS, || {
            give_way();
            Ok::<_, std::convert::Infallible>(builder)
        });
        let settings = RungSettings {
            size,
            fade_ticks: self.renderer_fade_ticks,
            deadline: self.deadline,
            offline: self.offline,
            choice: self.renderer,
        };
        app.insert_resource(captures)
            .insert_resource(gpu.clone())
            .insert_resource(Cast::new(worker, self.fade_ticks))
            .insert_resource(Ascent(Rungs::new(&self.rungs, settings)))
            .insert_resource(Stills::new(requests.0, gpu.clone(), self.rungs.clone().into()));
        let Some(render) = app.get_sub_app_mut(RenderApp) else { return };
        render
            .insert_resource(Easel::new(&gpu, size, self.empty))
            .insert_resource(gpu)
            .insert_resource(image)
            .insert_resource(capture)
            .add_systems(ExtractSchedule, draw::extract);
        // Bevy submits something at the end of its graph, even if it is empty. Where no camera shows the stage, the stage
        // is drawn after that: else each tick might have to wait for its own picture (see `is_drawing`).
        if self.capture {
            render.add_systems(Render, draw::draw.in_set(RenderSystems::Render).after(render_system));
        } else {
            render.add_systems(RenderGraph, draw::draw.in_set(RenderGraphSystems::Render));
        }
    }
}
