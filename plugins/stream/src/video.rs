//! VP8 out of captured frames, and back (RFC 6386).
//!
//! Frames are 8-bit sRGB RGBA. VP8 carries 4:2:0 Y'CbCr; receivers take it for BT.601 with the limited range
//! (16..=235 luma), so that is what is sent.

use visage_core::{Frame, RTP_VIDEO_UNITS_PER_TICK, TICK_HZ, Tick};
use yuv::{
    BufferStoreMut, YuvConversionMode, YuvPlanarImage, YuvPlanarImageMut, YuvRange, YuvStandardMatrix, rgba_to_yuv420,
    yuv420_to_rgba,
};

use crate::{
    StreamError,
    vpx::{Decoder, Encoder, EncoderSettings},
};

/// The greatest side of a picture. VP8 itself ends at 16,383; nothing here needs more than this.
const MAX_SIDE: u32 = 4_096;
/// The smallest side of a picture: one macroblock.
const MIN_SIDE: u32 = 16;
/// libvpx's speed for live encoding. Negative: fixed, so that the same frames give the same bytes.
const LIVE_SPEED: i32 = -8;
/// libvpx's speed for recordings.
const RECORDING_SPEED: i32 = 3;
/// A keyframe may take this many per cent of an average frame's bits. More makes a burst that a network delays; less
/// makes a picture that sharpens visibly after every keyframe.
const KEYFRAME_PERCENT: u32 = 600;
/// After so many ticks without a frame a new stream begins: libvpx' rate control makes no sense of long pauses.
const LONG_PAUSE: u64 = 2 * TICK_HZ as u64;
/// How much the rate control may run ahead of the target, milliseconds: size of its buffer, filling at the start, and
/// filling aimed for; and the worst quantiser (0..=63). As in WebRTC's own VP8 settings (libwebrtc,
/// `libvpx_vp8_encoder.cc`).
const RATE_BUFFER_MS: [u32; 3] = [1_000, 500, 600];
const WORST_QUANTISER: u32 = 56;

/// When keyframes are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keyframes {
    /// Only the first frame and whenever asked for: for a viewer, who asks (PLI) when it needs one.
    OnDemand,
    /// At least every so many frames: for a file, in which people seek.
    Every(u32),
}

/// What the encoder is tuned for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tuning {
    /// A frame in, a frame out, in a few milliseconds, at a constant rate; survives the loss of frames.
    Live,
    /// The best picture for the rate; takes its time.
    Recording,
}

/// How a [`VideoEncoder`] encodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VideoSettings {
    /// The rate aimed for, in thousands of bits per second.
    pub kilobits_per_second: u32,
    /// Threads that libvpx uses for a frame. Its output depends on their number.
    pub threads: u32,
    /// When keyframes are made.
    pub keyframes: Keyframes,
    /// Speed against quality.
    pub tuning: Tuning,
}

impl VideoSettings {
    /// For a viewer.
    pub const fn live() -> Self {
        Self { kilobits_per_second: 1_500, threads: 1, keyframes: Keyframes::OnDemand, tuning: Tuning::Live }
    }

    /// For a file.
    pub const fn recording() -> Self {
        Self { kilobits_per_second: 3_000, threads: 1, keyframes: Keyframes::Every(60), tuning: Tuning::Recording }
    }
}

/// An encoded frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedFrame {
    /// The tick of the frame that it shows.
    pub tick: Tick,
    /// Whether it can be decoded without the frames before it.
    pub keyframe: bool,
    /// The VP8 frame.
    pub data: Vec<u8>,
}

impl EncodedFrame {
    /// Its RTP time (90 kHz).
    pub const fn rtp_time(&self) -> u32 {
        self.tick.rtp_video()
    }
}

/// The tick that a frame's RTP time (90 kHz) stands for, counted from the last wrap of the clock.
pub const fn tick_of_rtp_video(rtp_time: u32) -> u32 {
    rtp_time / RTP_VIDEO_UNITS_PER_TICK
}

/// Encodes frames as VP8. Buffers are kept between frames; a change of the frames' size, or a pause of
/// more than two seconds, starts a new stream with a keyframe.
#[derive(Debug)]
pub struct VideoEncoder {
    settings: VideoSettings,
    stream: Option<Stream>,
    last: Option<Tick>,
}

#[derive(Debug)]
struct Stream {
    encoder: Encoder,
    width: u32,
    height: u32,
    /// Y, then U, then V, each without padding.
    i420: Vec<u8>,
}

impl VideoEncoder {
    /// An encoder that makes its codec when the first frame tells the size.
    pub const fn new(settings: VideoSettings) -> Self {
        Self { settings, stream: None, last: None }
    }

    /// Encodes one frame; `keyframe` asks for one that can be decoded by itself.
    ///
    /// # Errors
    ///
    /// [`StreamError::FrameSize`] and [`StreamError::FrameBytes`] for a frame that cannot be encoded,
    /// [`StreamError::Backwards`] for one that is not newer than the last, [`StreamError::Codec`] if libvpx fails. After
    /// each of them the next frame may be encoded.
    pub fn encode(&mut self, frame: &Frame, keyframe: bool) -> Result<EncodedFrame, StreamError> {
        check(frame)?;
        if let Some(last) = self.last.filter(|last| frame.tick <= *last) {
            return Err(StreamError::Backwards { given: frame.tick.0, last: last.0 });
        }
        let paused = self.last.is_some_and(|last| frame.tick.0 - last.0 > LONG_PAUSE);
        let mut stream = match self.stream.take() {
            Some(stream) if !paused && (stream.width, stream.height) == (frame.width, frame.height) => stream,
            _ => Stream::new(&self.settings, frame.width, frame.height)?,
        };
        let encoded = stream.encode(frame, keyframe)?;
        self.stream = Some(stream);
        self.last = Some(frame.tick);
        Ok(encoded)
    }
}

fn check(frame: &Frame) -> Result<(), StreamError> {
    let &Frame { width, height, .. } = frame;
    let fits = |side: u32| side.is_multiple_of(2) && (MIN_SIDE..=MAX_SIDE).contains(&side);
    if !fits(width) || !fits(height) {
        return Err(StreamError::FrameSize { width, height });
    }
    let expected = width as usize * height as usize * 4;
    if frame.rgba.len() != expected {
        return Err(StreamError::FrameBytes { width, height, expected, actual: frame.rgba.len() });
    }
    Ok(())
}

impl Stream {
    fn new(settings: &VideoSettings, width: u32, height: u32) -> Result<Self, StreamError> {
        let live = settings.tuning == Tuning::Live;
        let encoder = Encoder::new(&EncoderSettings {
            width,
            height,
            frames_per_second: TICK_HZ,
            kilobits_per_second: settings.kilobits_per_second,
            threads: settings.threads,
            live,
            keyframe_every: match settings.keyframes {
                Keyframes::OnDemand => None,
                Keyframes::Every(frames) => Some(frames),
            },
            worst_quantiser: WORST_QUANTISER,
            buffer_ms: RATE_BUFFER_MS,
            speed: if live { LIVE_SPEED } else { RECORDING_SPEED },
            keyframe_percent: if live { KEYFRAME_PERCENT } else { 0 },
        })?;
        let pixels = width as usize * height as usize;
        Ok(Self { encoder, width, height, i420: vec![0; pixels + pixels / 2] })
    }

    fn encode(&mut self, frame: &Frame, keyframe: bool) -> Result<EncodedFrame, StreamError> {
        rgba_to_i420(frame, &mut self.i420)?;
        // The codec's clock is the tick, too; it wraps after nine thousand million years.
        let index = frame.tick.0 as i64;
        let (data, keyframe) = self.encoder.encode((self.width, self.height), &mut self.i420, index, keyframe)?;
        Ok(EncodedFrame { tick: frame.tick, keyframe, data })
    }
}

fn rgba_to_i420(frame: &Frame, i420: &mut [u8]) -> Result<(), StreamError> {
    let pixels = frame.width as usize * frame.height as usize;
    let (luma, chroma) = i420.split_at_mut(pixels);
    let (u, v) = chroma.split_at_mut(pixels / 4);
    let mut planes = YuvPlanarImageMut {
        y_plane: BufferStoreMut::Borrowed(luma),
        y_stride: frame.width,
        u_plane: BufferStoreMut::Borrowed(u),
        u_stride: frame.width / 2,
        v_plane: BufferStoreMut::Borrowed(v),
        v_stride: frame.width / 2,
        width: frame.width,
        height: frame.height,
    };
    rgba_to_yuv420(
        &mut planes,
        &frame.rgba,
        frame.width * 4,
        YuvRange::Limited,
        YuvStandardMatrix::Bt601,
        YuvConversionMode::Balanced,
    )
    .map_err(|error| StreamError::Codec { codec: "VP8", reason: error.to_string() })
}

/// Decodes VP8 into frames. For tests and tools: the program itself only sends pictures.
#[derive(Debug)]
pub struct VideoDecoder(Decoder);

impl VideoDecoder {
    /// A decoder that takes its size from the first keyframe.
    ///
    /// # Errors
    ///
    /// [`StreamError::Codec`] if libvpx has no VP8 decoder.
    pub fn new() -> Result<Self, StreamError> {
        Decoder::new().map(Self)
    }

    /// Decodes one VP8 frame, which shows the given tick.
    ///
    /// # Errors
    ///
    /// [`StreamError::Codec`] for damaged data, or a frame that needs one that was never given.
    pub fn decode(&mut self, tick: Tick, data: &[u8]) -> Result<Frame, StreamError> {
        self.0.decode(data, |planes| {
            let (width, height) = (planes.width, planes.height);
            let planar = YuvPlanarImage {
                y_plane: planes.y.0,
                y_stride: planes.y.1,
                u_plane: planes.u.0,
                u_stride: planes.u.1,
                v_plane: planes.v.0,
                v_stride: planes.v.1,
                width,
                height,
            };
            let mut rgba = vec![0; width as usize * height as usize * 4];
            yuv420_to_rgba(&planar, &mut rgba, width * 4, YuvRange::Limited, YuvStandardMatrix::Bt601)
                .map_err(|error| StreamError::Codec { codec: "VP8", reason: error.to_string() })?;
            Ok(Frame { tick, width, height, rgba: rgba.into() })
        })?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture with soft shades and a bright square that moves with the tick.
    fn picture(tick: u64, width: u32, height: u32) -> Frame {
        let mut rgba = Vec::with_capacity((width * height * 4) as usize);
        let left = (tick as u32 * 4) % (width / 2);
        for y in 0..height {
            for x in 0..width {
                let inside = (left..left + width / 4).contains(&x) && (height / 4..height / 2).contains(&y);
                let shade = (x * 128 / width + y * 64 / height) as u8;
                rgba.extend(if inside { [240, 200, 40, 255] } else { [shade, 90, 160 - shade / 2, 255] });
            }
        }
        Frame { tick: Tick(tick), width, height, rgba: rgba.into() }
    }

    /// Peak signal-to-noise ratio over red, green and blue, in dB.
    fn psnr(one: &Frame, other: &Frame) -> f64 {
        let colours = |frame: &Frame| -> Vec<f64> {
            frame.rgba.chunks(4).flat_map(|pixel| pixel[..3].to_vec()).map(f64::from).collect()
        };
        let (one, other) = (colours(one), colours(other));
        let error: f64 = one.iter().zip(&other).map(|(a, b)| (a - b) * (a - b)).sum::<f64>() / one.len() as f64;
        10.0 * (255.0 * 255.0 / error).log10()
    }

    fn check_round_trip(settings: VideoSettings, width: u32, height: u32, least_psnr: f64) {
        let (mut encoder, mut decoder) =
            (VideoEncoder::new(settings), VideoDecoder::new().expect("libvpx decodes VP8"));
        for tick in 100..115 {
            let frame = picture(tick, width, height);
            let encoded = encoder.encode(&frame, tick == 107).expect("a good frame");
            assert_eq!((encoded.tick, encoded.rtp_time()), (Tick(tick), tick as u32 * 3_000));
            assert_eq!(encoded.keyframe, tick == 100 || tick == 107, "tick {tick}");
            let decoded = decoder.decode(encoded.tick, &encoded.data).expect("what was encoded decodes");
            assert_eq!((decoded.width, decoded.height), (width, height));
            let quality = psnr(&frame, &decoded);
            assert!(quality >= least_psnr, "tick {tick}: {quality:.1} dB");
        }
    }

    #[test]
    fn what_is_encoded_decodes_to_the_same_picture() {
        check_round_trip(VideoSettings::live(), 512, 512, 30.0);
        check_round_trip(VideoSettings::live(), 130, 46, 26.0);
        check_round_trip(VideoSettings::recording(), 256, 256, 32.0);
    }

    #[test]
    fn the_same_frames_give_the_same_bytes() {
        let encode = || {
            let mut encoder = VideoEncoder::new(VideoSettings::recording());
            (0..10).map(|tick| encoder.encode(&picture(tick, 64, 64), false).expect("good").data).collect::<Vec<_>>()
        };
        assert_eq!(encode(), encode());
    }

    #[test]
    fn the_rate_stays_near_its_target() {
        let mut encoder = VideoEncoder::new(VideoSettings { kilobits_per_second: 300, ..VideoSettings::live() });
        let mut noise = 1_u32;
        let bytes: usize = (0..90)
            .map(|tick| {
                let rgba: Vec<u8> = (0..128 * 128 * 4)
                    .map(|_| {
                        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                        128 + (noise >> 28) as u8
                    })
                    .collect();
                let frame = Frame { tick: Tick(tick), width: 128, height: 128, rgba: rgba.into() };
                encoder.encode(&frame, false).expect("good").data.len()
            })
            .sum();
        let kilobits_per_second = bytes as f64 * 8.0 / 3.0 / 1_000.0;
        assert!((150.0..500.0).contains(&kilobits_per_second), "{kilobits_per_second:.0} kbit/s");
    }

    #[test]
    fn a_new_size_and_a_long_pause_start_with_a_keyframe() {
        let mut encoder = VideoEncoder::new(VideoSettings::live());
        let keyframes: Vec<_> = [(0, 64), (1, 64), (2, 96), (62, 96), (123, 96), (124, 96)]
            .map(|(tick, side)| encoder.encode(&picture(tick, side, side), false).expect("good").keyframe)
            .into();
        assert_eq!(keyframes, [true, false, true, false, true, false]);
    }

    #[test]
    fn frames_that_cannot_be_encoded_are_refused_and_the_next_one_is_taken() {
        let mut encoder = VideoEncoder::new(VideoSettings::live());
        encoder.encode(&picture(5, 64, 64), false).expect("good");
        let odd = Frame { tick: Tick(6), width: 63, height: 64, rgba: vec![0; 63 * 64 * 4].into() };
        assert!(matches!(encoder.encode(&odd, false), Err(StreamError::FrameSize { width: 63, height: 64 })));
        let short = Frame { tick: Tick(6), width: 64, height: 64, rgba: vec![0; 5].into() };
        assert!(matches!(encoder.encode(&short, false), Err(StreamError::FrameBytes { actual: 5, .. })));
        let old = picture(5, 64, 64);
        assert!(matches!(encoder.encode(&old, false), Err(StreamError::Backwards { given: 5, last: 5 })));
        assert!(encoder.encode(&picture(6, 64, 64), false).is_ok());
    }

    #[test]
    fn damaged_data_is_an_error() {
        let mut decoder = VideoDecoder::new().expect("libvpx decodes VP8");
        assert!(decoder.decode(Tick(0), &[]).is_err());
        assert!(decoder.decode(Tick(0), &[1, 2, 3]).is_err());
    }
}
