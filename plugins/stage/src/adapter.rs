//! Finds a graphics device, or says in words what to install; and the plugins that an app without a window needs.

use std::sync::Arc;

use bevy::{
    app::{
        PluginGroupBuilder, TaskPoolOptions, TaskPoolPlugin, TaskPoolThreadAssignmentPolicy, TerminalCtrlCHandlerPlugin,
    },
    camera::CameraPlugin,
    diagnostic::FrameCountPlugin,
    ecs::schedule::SingleThreadedExecutor,
    mesh::MeshPlugin,
    prelude::*,
    render::{
        RenderApp, RenderPlugin,
        renderer::{RenderAdapter, RenderAdapterInfo, RenderDevice, RenderInstance, RenderQueue, WgpuWrapper},
        settings::{Backends, InstanceFlags, RenderCreation, RenderResources, WgpuSettings},
    },
    tasks::block_on,
    time::TimePlugin,
    window::ExitCondition,
};

/// There is nothing to draw with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoAdapter {
    /// No driver was found.
    #[error(
        "no graphics driver was found. Visage draws with Vulkan, Metal or Direct3D 12; without a graphics card install \
         the software driver (Debian and Ubuntu: `apt install mesa-vulkan-drivers`)"
    )]
    None,
    /// The software driver was asked for and is not there.
    #[error("no software graphics driver was found (Debian and Ubuntu: `apt install mesa-vulkan-drivers`)")]
    NoSoftware,
    /// A driver is there but refuses to work.
    #[error("the graphics driver \"{0}\" does not open: {1}")]
    Refused(String, String),
}

/// Which graphics device to draw with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Adapter {
    /// The fastest there is. The environment variables `WGPU_ADAPTER_NAME` and `WGPU_BACKEND` choose another.
    #[default]
    Best,
    /// The software driver, whose pictures are the same on every machine with the same version of it. For tests and
    /// for rendering that must be reproducible.
    Software,
}

/// What a graphics device is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdapterReport {
    /// Its name ("llvmpipe (LLVM 15.0.6, 256 bits)").
    pub name: String,
    /// Its driver and version.
    pub driver: String,
    /// Whether it is the processor.
    pub software: bool,
}

impl Adapter {
    /// The settings for Bevy's [`RenderPlugin`], for an app with a window (which finds its device by itself).
    pub fn settings(self) -> WgpuSettings {
        WgpuSettings {
            backends: Some(backends()),
            force_fallback_adapter: self == Self::Software,
            instance_flags: instance_flags(),
            ..default()
        }
    }

    /// Looks for the device without opening it.
    ///
    /// # Errors
    /// If there is none.
    pub fn find(self) -> Result<AdapterReport, NoAdapter> {
        Ok(report(&self.request()?.1.get_info()))
    }

    fn request(self) -> Result<(wgpu::Instance, wgpu::Adapter), NoAdapter> {
        let instance = wgpu::Instance::new(wgpu::InstanceDescriptor {
            backends: backends(),
            flags: instance_flags(),
            ..wgpu::InstanceDescriptor::new_without_display_handle()
        });
        let adapter = block_on(instance.request_adapter(&wgpu::RequestAdapterOptions {
            power_preference: wgpu::PowerPreference::HighPerformance,
            force_fallback_adapter: self == Self::Software,
            ..default()
        }));
        match (adapter, self) {
            (Ok(adapter), _) => Ok((instance, adapter)),
            (Err(_), Self::Best) => Err(NoAdapter::None),
            (Err(_), Self::Software) => Err(NoAdapter::NoSoftware),
        }
    }

    fn open(self) -> Result<RenderResources, NoAdapter> {
        let (instance, adapter) = self.request()?;
        let info = adapter.get_info();
        let device = block_on(
            adapter.request_device(&wgpu::DeviceDescriptor { required_limits: adapter.limits(), ..default() }),
        );
        let (device, queue) = device.map_err(|error| NoAdapter::Refused(info.name.clone(), error.to_string()))?;
        tracing::info!("drawing with {} ({} {})", info.name, info.driver, info.driver_info);
        Ok(RenderResources(
            RenderDevice::from(device),
            RenderQueue(Arc::new(WgpuWrapper::new(queue))),
            RenderAdapterInfo(WgpuWrapper::new(info)),
            RenderAdapter(Arc::new(WgpuWrapper::new(adapter))),
            RenderInstance(Arc::new(WgpuWrapper::new(instance))),
        ))
    }
}

fn report(info: &wgpu::AdapterInfo) -> AdapterReport {
    AdapterReport {
        name: info.name.clone(),
        driver: format!("{} {}", info.driver, info.driver_info),
        software: info.device_type == wgpu::DeviceType::Cpu,
    }
}

/// Vulkan, Metal or Direct3D 12, unless `WGPU_BACKEND` says otherwise.
fn backends() -> Backends {
    Backends::from_env().unwrap_or(Backends::PRIMARY)
}

/// Validation layers and debug labels cost time and tell a user nothing. `WGPU_VALIDATION=1` brings them.
fn instance_flags() -> InstanceFlags {
    InstanceFlags::empty().with_env()
}

/// What an app without a window needs of Bevy: time, assets, images and a renderer. There is no pipelined rendering (it
/// would add a tick of delay and a thread), one thread for each kind of task, and systems run one after the other: they
/// are small, and the cores are for inference and encoding.
///
/// Ctrl-C ends the app. To read assets from elsewhere than `assets`, `.build().set(AssetPlugin { .. })`.
pub struct HeadlessPlugins {
    render: RenderPlugin,
}

impl HeadlessPlugins {
    /// Opens the graphics device.
    ///
    /// # Errors
    /// If there is none.
    pub fn open(adapter: Adapter) -> Result<Self, NoAdapter> {
        Ok(Self {
            render: RenderPlugin {
                render_creation: RenderCreation::from(adapter.open()?),
                synchronous_pipeline_compilation: true,
                ..default()
            },
        })
    }
}

impl PluginGroup for HeadlessPlugins {
    fn build(self) -> PluginGroupBuilder {
        let one = || TaskPoolThreadAssignmentPolicy {
            min_threads: 1,
            max_threads: 1,
            percent: 0.0,
            on_thread_spawn: None,
            on_thread_destroy: None,
        };
        let task_pool_options =
            TaskPoolOptions { io: one(), async_compute: one(), compute: one(), ..TaskPoolOptions::default() };
        PluginGroupBuilder::start::<Self>()
            .add(TaskPoolPlugin { task_pool_options })
            .add(FrameCountPlugin)
            .add(TimePlugin)
            .add(TransformPlugin)
            .add(WindowPlugin { primary_window: None, exit_condition: ExitCondition::DontExit, ..default() })
            .add(TerminalCtrlCHandlerPlugin)
            // No file is read through Bevy's asset server unless an app adds a folder.
            .add(AssetPlugin { watch_for_changes_override: Some(false), ..default() })
            .add(self.render)
            .add(ImagePlugin::default())
            .add(MeshPlugin)
            .add(CameraPlugin)
            .add(OneThread)
    }
}

/// Runs the systems of all schedules one after the other. A tick's systems take microseconds: handing them to threads
/// costs more than it saves (half a millisecond a tick).
struct OneThread;

impl Plugin for OneThread {
    fn build(&self, _app: &mut App) {}

    fn cleanup(&self, app: &mut App) {
        in_one_thread(app.world_mut());
        if let Some(render) = app.get_sub_app_mut(RenderApp) {
            in_one_thread(render.world_mut());
        }
    }
}

fn in_one_thread(world: &mut World) {
    let Some(mut schedules) = world.get_resource_mut::<Schedules>() else { return };
    for (_, schedule) in schedules.iter_mut() {
        schedule.set_executor(SingleThreadedExecutor::new());
    }
}
