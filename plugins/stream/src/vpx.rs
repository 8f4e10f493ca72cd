//! libvpx' VP8 encoder and decoder behind two safe types: the only file that calls the C library.
//!
//! Both keep one `vpx_codec_ctx` in a box, so that its address never changes, and free it when dropped. Neither library
//! call keeps a pointer that is given to it (vpx/vpx_encoder.h, vpx/vpx_decoder.h), except to the context's own parts.

#![allow(unsafe_code)]

use std::{ffi::CStr, mem::MaybeUninit, os::raw::c_int, ptr, slice};

use vpx_sys as ffi;

use crate::StreamError;

/// The settings of libvpx that we choose; all others stay as libvpx has them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EncoderSettings {
    pub width: u32,
    pub height: u32,
    /// Frames in a second; a frame's time is its index.
    pub frames_per_second: u32,
    pub kilobits_per_second: u32,
    pub threads: u32,
    /// Constant rate, loss resilient, no frame ahead; otherwise variable rate.
    pub live: bool,
    /// Greatest distance of keyframes; `None`: only when asked for.
    pub keyframe_every: Option<u32>,
    /// The greatest quantiser, 0..=63: a limit of how bad a picture may get to hold the rate.
    pub worst_quantiser: u32,
    /// Milliseconds of rate control buffer: size, start, aim.
    pub buffer_ms: [u32; 3],
    /// -16..=16, see `VP8E_SET_CPUUSED`.
    pub speed: i32,
    /// A keyframe's bits in per cent of an average frame's; 0 for no limit.
    pub keyframe_percent: u32,
}

/// The three planes of a 4:2:0 picture, each with its own length of row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Planes<'a> {
    pub width: u32,
    pub height: u32,
    pub y: (&'a [u8], u32),
    pub u: (&'a [u8], u32),
    pub v: (&'a [u8], u32),
}

struct Context(Box<ffi::vpx_codec_ctx>);

// SAFETY: libvpx keeps no thread-local state and the context is used through `&mut` only.
unsafe impl Send for Context {}

impl Context {
    /// The library's words for its last error.
    fn error(&mut self) -> StreamError {
        // SAFETY: the context is initialised or zeroed; both functions return null or a C string that libvpx owns and
        // that lives until the next call.
        let words = unsafe { [ffi::vpx_codec_error(&mut *self.0), ffi::vpx_codec_error_detail(&mut *self.0)] }
            .into_iter()
            .filter(|words| !words.is_null())
            // SAFETY: not null, so a C string, see above.
            .map(|words| unsafe { CStr::from_ptr(words) }.to_string_lossy().into_owned())
            .collect::<Vec<_>>();
        error(&words.join(": "))
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: initialised by the constructors below, destroyed once. It fails only for a context that is not
        // initialised, and then does nothing.
        unsafe { ffi::vpx_codec_destroy(&mut *self.0) };
    }
}

impl std::fmt::Debug for Context {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("vpx_codec_ctx")
    }
}

fn error(reason: &str) -> StreamError {
    StreamError::Codec { codec: "VP8", reason: reason.to_owned() }
}

fn zeroed_context() -> Context {
    // SAFETY: a C struct of pointers, numbers and an enum with a variant 0; libvpx clears it the same way.
    Context(Box::new(unsafe { MaybeUninit::zeroed().assume_init() }))
}

/// A VP8 encoder.
#[derive(Debug)]
pub(crate) struct Encoder {
    context: Context,
    live: bool,
}

impl Encoder {
    pub(crate) fn new(settings: &EncoderSettings) -> Result<Self, StreamError> {
        let mut config = MaybeUninit::zeroed();
        // SAFETY: the interface is a static of the library; the configuration is written whole.
        let interface = unsafe { ffi::vpx_codec_vp8_cx() };
        // SAFETY: as above.
        if unsafe { ffi::vpx_codec_enc_config_default(interface, config.as_mut_ptr(), 0) } != ffi::VPX_CODEC_OK {
            return Err(error("libvpx has no VP8 encoder"));
        }
        // SAFETY: libvpx has filled it.
        let mut config: ffi::vpx_codec_enc_cfg = unsafe { config.assume_init() };
        (config.g_w, config.g_h) = (settings.width, settings.height);
        config.g_timebase = ffi::vpx_rational { num: 1, den: settings.frames_per_second as c_int };
        config.g_threads = settings.threads;
        config.g_lag_in_frames = 0;
        config.rc_dropframe_thresh = 0;
        config.rc_resize_allowed = 0;
        config.rc_target_bitrate = settings.kilobits_per_second;
        config.rc_max_quantizer = settings.worst_quantiser;
        match settings.keyframe_every {
            Some(frames) => (config.kf_mode, config.kf_max_dist) = (ffi::vpx_kf_mode::VPX_KF_AUTO, frames),
            None => config.kf_mode = ffi::vpx_kf_mode::VPX_KF_DISABLED,
        }
        if settings.live {
            config.rc_end_usage = ffi::vpx_rc_mode::VPX_CBR;
            config.g_error_resilient = ffi::VPX_ERROR_RESILIENT_DEFAULT;
            (config.rc_undershoot_pct, config.rc_overshoot_pct) = (100, 15);
            [config.rc_buf_sz, config.rc_buf_initial_sz, config.rc_buf_optimal_sz] = settings.buffer_ms;
        }
        let mut context = zeroed_context();
        // SAFETY: the context is zeroed, the configuration whole; libvpx copies it.
        let result = unsafe {
            ffi::vpx_codec_enc_init_ver(&mut *context.0, interface, &config, 0, ffi::VPX_ENCODER_ABI_VERSION as c_int)
        };
        if result != ffi::VPX_CODEC_OK {
            return Err(context.error());
        }
        let mut encoder = Self { context, live: settings.live };
        encoder.control(ffi::vp8e_enc_control_id::VP8E_SET_CPUUSED, settings.speed)?;
        encoder
            .control(ffi::vp8e_enc_control_id::VP8E_SET_MAX_INTRA_BITRATE_PCT, settings.keyframe_percent as c_int)?;
        if settings.live {
            encoder.control(ffi::vp8e_enc_control_id::VP8E_SET_STATIC_THRESHOLD, 1)?;
        }
        Ok(encoder)
    }

    fn control(&mut self, id: ffi::vp8e_enc_control_id, value: c_int) -> Result<(), StreamError> {
        // SAFETY: the context is initialised, and all controls that are set here take one int.
        let result = unsafe { ffi::vpx_codec_control_(&mut *self.context.0, id as c_int, value) };
        if result == ffi::VPX_CODEC_OK { Ok(()) } else { Err(self.context.error()) }
    }

    /// Encodes a picture whose planes lie behind each other in `i420` (Y, U, V, no padding) and gives the frame and
    /// whether it is a keyframe.
    pub(crate) fn encode(
        &mut self,
        (width, height): (u32, u32),
        i420: &mut [u8],
        index: i64,
        keyframe: bool,
    ) -> Result<(Vec<u8>, bool), StreamError> {
        let pixels = width as usize * height as usize;
        if i420.len() != pixels + pixels / 2 || width % 2 + height % 2 > 0 {
            return Err(error("the picture's planes do not fit its size"));
        }
        let mut image = MaybeUninit::zeroed();
        // SAFETY: with a row alignment of 1 and even sides the image lies in exactly `i420`, whose length was checked.
        let wrapped = unsafe {
            let format = ffi::vpx_img_fmt::VPX_IMG_FMT_I420;
            ffi::vpx_img_wrap(image.as_mut_ptr(), format, width, height, 1, i420.as_mut_ptr())
        };
        if wrapped.is_null() {
            return Err(error("libvpx does not take a picture of this size"));
        }
        let flags = if keyframe { ffi::VPX_EFLAG_FORCE_KF } else { 0 };
        let deadline = if self.live { ffi::VPX_DL_REALTIME } else { ffi::VPX_DL_GOOD_QUALITY };
        // SAFETY: context and image are initialised; the picture is only read, and only during the call.
        let result = unsafe {
            ffi::vpx_codec_encode(&mut *self.context.0, wrapped, index, 1, flags.into(), u64::from(deadline) as _)
        };
        if result != ffi::VPX_CODEC_OK {
            return Err(self.context.error());
        }
        let (mut data, mut is_key, mut iterator) = (Vec::new(), false, ptr::null());
        // SAFETY: the iterator is libvpx' own; a packet lives until the next call of encode.
        while let Some(packet) = unsafe { ffi::vpx_codec_get_cx_data(&mut *self.context.0, &mut iterator).as_ref() } {
            if packet.kind == ffi::vpx_codec_cx_pkt_kind::VPX_CODEC_CX_FRAME_PKT {
                // SAFETY: the kind says that the union holds a frame, whose buffer has `sz` bytes.
                let part = unsafe { packet.data.frame };
                if !part.buf.is_null() {
                    // SAFETY: as above.
                    data.extend_from_slice(unsafe { slice::from_raw_parts(part.buf.cast::<u8>(), part.sz) });
                    is_key |= part.flags & ffi::VPX_FRAME_IS_KEY != 0;
                }
            }
        }
        if data.is_empty() { Err(error("the encoder gave no frame")) } else { Ok((data, is_key)) }
    }
}

/// A VP8 decoder.
#[derive(Debug)]
pub(crate) struct Decoder(Context);

impl Decoder {
    pub(crate) fn new() -> Result<Self, StreamError> {
        let mut context = zeroed_context();
        // SAFETY: the context is zeroed; no configuration is asked for.
        let result = unsafe {
            let version = ffi::VPX_DECODER_ABI_VERSION as c_int;
            ffi::vpx_codec_dec_init_ver(&mut *context.0, ffi::vpx_codec_vp8_dx(), ptr::null(), 0, version)
        };
        if result == ffi::VPX_CODEC_OK { Ok(Self(context)) } else { Err(context.error()) }
    }

    /// Decodes a frame and hands its picture to `take`.
    pub(crate) fn decode<T>(&mut self, data: &[u8], take: impl FnOnce(Planes<'_>) -> T) -> Result<T, StreamError> {
        let length = u32::try_from(data.len()).map_err(|_| error("the frame is too long"))?;
        // SAFETY: the context is initialised; the data are read during the call.
        let result = unsafe { ffi::vpx_codec_decode(&mut *self.0.0, data.as_ptr(), length, ptr::null_mut(), 0) };
        if data.is_empty() || result != ffi::VPX_CODEC_OK {
            return Err(self.0.error());
        }
        let mut iterator = ptr::null();
        // SAFETY: the image belongs to the decoder and lives until the next call of decode, which needs `&mut self`.
        let image = unsafe { ffi::vpx_codec_get_frame(&mut *self.0.0, &mut iterator).as_ref() }
            .ok_or_else(|| error("the data held no picture"))?;
        if image.fmt != ffi::vpx_img_fmt::VPX_IMG_FMT_I420 {
            return Err(error("the picture is not 4:2:0"));
        }
        let (width, height) = (image.d_w, image.d_h);
        let plane = |index: usize, columns: u32, rows: u32| {
            let stride = image.stride[index] as u32;
            // A row is at least as long as the picture is wide, and the last one may end with it.
            let length = stride as usize * (rows as usize - 1) + columns as usize;
            // SAFETY: libvpx' picture has `rows` rows of `stride` bytes in each plane.
            (unsafe { slice::from_raw_parts(image.planes[index].cast_const(), length) }, stride)
        };
        if width == 0 || height == 0 {
            return Err(error("the picture is empty"));
        }
        let half = |side: u32| side.div_ceil(2);
        Ok(take(Planes {
            width,
            height,
            y: plane(0, width, height),
            u: plane(1, half(width), half(height)),
            v: plane(2, half(width), half(height)),
        }))
    }
}
