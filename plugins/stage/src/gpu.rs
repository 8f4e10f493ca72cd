//! What is made once on the graphics device: the pipeline and its layout; and how textures and targets are made.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use bevy::{
    prelude::*,
    render::{
        render_resource::{
            BindGroup, BindGroupEntry, BindGroupLayout, BindGroupLayoutEntry, BindingResource, BindingType,
            BlendComponent, BlendFactor, BlendOperation, BlendState, Buffer, BufferDescriptor, BufferInitDescriptor,
            BufferUsages, ColorTargetState, ColorWrites, Extent3d, FilterMode, MultisampleState,
            PipelineCompilationOptions, PipelineLayoutDescriptor, PrimitiveState, RawFragmentState,
            RawRenderPipelineDescriptor, RawVertexBufferLayout, RawVertexState, RenderPipeline, Sampler,
            SamplerBindingType, SamplerDescriptor, ShaderModuleDescriptor, ShaderSource, ShaderStages,
            TexelCopyBufferLayout, Texture, TextureDataOrder, TextureDescriptor, TextureDimension, TextureFormat,
            TextureSampleType, TextureUsages, TextureViewDescriptor, TextureViewDimension, VertexAttribute,
            VertexFormat, VertexStepMode,
        },
        renderer::{RenderDevice, RenderQueue},
    },
};

use crate::corners::Corner;

/// Pictures and targets hold sRGB values that nothing converts.
pub const FORMAT: TextureFormat = TextureFormat::Rgba8Unorm;

/// What Bevy sees of the target: as what it is, so that a window shows the right colours.
pub const SEEN_AS: TextureFormat = TextureFormat::Rgba8UnormSrgb;

/// Corners blend by premultiplied alpha.
const BLEND: BlendComponent = BlendComponent {
    src_factor: BlendFactor::One,
    dst_factor: BlendFactor::OneMinusSrcAlpha,
    operation: BlendOperation::Add,
};

/// A picture replaces a share of what is there: as much as the pass's blend constant says.
const SHARE: BlendComponent = BlendComponent {
    src_factor: BlendFactor::Constant,
    dst_factor: BlendFactor::OneMinusConstant,
    operation: BlendOperation::Add,
};

/// Where [`Corner`]'s fields lie.
const ATTRIBUTES: [VertexAttribute; 3] = [
    VertexAttribute { format: VertexFormat::Float32x2, offset: 0, shader_location: 0 },
    VertexAttribute { format: VertexFormat::Float32x2, offset: 8, shader_location: 1 },
    VertexAttribute { format: VertexFormat::Unorm8x4, offset: 16, shader_location: 2 },
];

/// The device, its queue and the pipelines. In both worlds, and on the threads that prepare characters and draw stills.
#[derive(Resource, Clone)]
pub struct StageGpu {
    pub device: RenderDevice,
    pub queue: RenderQueue,
    /// Lays corners over what is there.
    pub pipeline: RenderPipeline,
    /// Mixes corners with what is there; how much is the pass's blend constant.
    pub mix: RenderPipeline,
    layout: BindGroupLayout,
    sampler: Arc<Sampler>,
    /// Submissions that the device has not carried out.
    at_work: Arc<AtomicUsize>,
}

impl StageGpu {
    pub fn new(device: RenderDevice, queue: RenderQueue) -> Self {
        let shader = device.create_and_validate_shader_module(ShaderModuleDescriptor {
            label: Some("stage"),
            source: ShaderSource::Wgsl(include_str!("../../../assets/shaders/stage.wgsl").into()),
        });
        let entry = |binding, ty| BindGroupLayoutEntry { binding, visibility: ShaderStages::FRAGMENT, ty, count: None };
        let layout = device.create_bind_group_layout(
            "stage",
            &[
                entry(
                    0,
                    BindingType::Texture {
                        sample_type: TextureSampleType::Float { filterable: true },
                        view_dimension: TextureViewDimension::D2,
                        multisampled: false,
                    },
                ),
                entry(1, BindingType::Sampler(SamplerBindingType::Filtering)),
            ],
        );
        let pipeline_layout = device.create_pipeline_layout(&PipelineLayoutDescriptor {
            label: Some("stage"),
            bind_group_layouts: &[Some(&layout)],
            immediate_size: 0,
        });
        let pipeline = |blend: BlendComponent| {
            device.create_render_pipeline(&RawRenderPipelineDescriptor {
                label: Some("stage"),
                layout: Some(&pipeline_layout),
                vertex: RawVertexState {
                    module: &shader,
                    entry_point: Some("corner"),
                    compilation_options: PipelineCompilationOptions::default(),
                    buffers: &[RawVertexBufferLayout {
                        array_stride: size_of::<Corner>() as u64,
                        step_mode: VertexStepMode::Vertex,
                        attributes: &ATTRIBUTES,
                    }],
                },
                primitive: PrimitiveState::default(),
                depth_stencil: None,
                multisample: MultisampleState::default(),
                fragment: Some(RawFragmentState {
                    module: &shader,
                    entry_point: Some("pixel"),
                    compilation_options: PipelineCompilationOptions::default(),
                    targets: &[Some(ColorTargetState {
                        format: FORMAT,
                        blend: Some(BlendState { color: blend, alpha: blend }),
                        write_mask: ColorWrites::ALL,
                    })],
                }),
                multiview_mask: None,
                cache: None,
            })
        };
        let (pipeline, mix) = (pipeline(BLEND), pipeline(SHARE));
        let sampler = device.create_sampler(&SamplerDescriptor {
            label: Some("stage"),
            mag_filter: FilterMode::Linear,
            min_filter: FilterMode::Linear,
            ..default()
        });
        Self { device, queue, pipeline, mix, layout, sampler: Arc::new(sampler), at_work: Arc::default() }
    }

    /// Hands commands to the device.
    pub fn submit(&self, commands: wgpu::CommandBuffer) {
        self.queue.submit([commands]);
        self.at_work.fetch_add(1, Ordering::Relaxed);
        let at_work = self.at_work.clone();
        self.queue.on_submitted_work_done(move || {
            at_work.fetch_sub(1, Ordering::Relaxed);
        });
    }

    /// Whether the device is still busy with what was submitted, as far as is known since it was polled last.
    pub fn is_at_work(&self) -> bool {
        self.at_work.load(Ordering::Relaxed) > 0
    }

    /// A texture of premultiplied sRGB bytes, bound for sampling.
    pub fn picture(&self, width: u32, height: u32, rgba: &[u8]) -> BindGroup {
        let texture = self.device.create_texture_with_data(
            &self.queue,
            &Self::descriptor(width, height, TextureUsages::TEXTURE_BINDING | TextureUsages::COPY_DST),
            TextureDataOrder::default(),
            rgba,
        );
        self.bound(&texture)
    }

    /// An empty texture of the stage's size that can be drawn on, copied and sampled.
    pub fn canvas(&self, size: u32) -> Texture {
        self.device.create_texture(&Self::descriptor(
            size,
            size,
            TextureUsages::TEXTURE_BINDING
                | TextureUsages::RENDER_ATTACHMENT
                | TextureUsages::COPY_SRC
                | TextureUsages::COPY_DST,
        ))
    }

    /// Fills a texture with premultiplied sRGB bytes.
    pub fn write(&self, texture: &Texture, rgba: &[u8]) {
        let layout =
            TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(texture.width() * 4), rows_per_image: None };
        self.queue.write_texture(texture.as_image_copy(), rgba, layout, texture.size());
    }

    /// The texture, bound for sampling.
    pub fn bound(&self, texture: &Texture) -> BindGroup {
        let view = texture.create_view(&TextureViewDescriptor::default());
        self.device.create_bind_group(
            "stage",
            &self.layout,
            &[
                BindGroupEntry { binding: 0, resource: BindingResource::TextureView(&view) },
                BindGroupEntry { binding: 1, resource: BindingResource::Sampler(&self.sampler) },
            ],
        )
    }

    /// A buffer with constant content.
    pub fn constant(&self, content: &[u8], usage: BufferUsages) -> Buffer {
        self.device.create_buffer_with_data(&BufferInitDescriptor { label: Some("stage"), contents: content, usage })
    }

    /// An empty buffer.
    pub fn buffer(&self, size: u64, usage: BufferUsages) -> Buffer {
        self.device.create_buffer(&BufferDescriptor { label: Some("stage"), size, usage, mapped_at_creation: false })
    }

    fn descriptor(width: u32, height: u32, usage: TextureUsages) -> TextureDescriptor<'static> {
        TextureDescriptor {
            label: Some("stage"),
            size: Extent3d { width, height, depth_or_array_layers: 1 },
            mip_level_count: 1,
            sample_count: 1,
            dimension: TextureDimension::D2,
            format: FORMAT,
            usage,
            view_formats: &[],
        }
    }
}
