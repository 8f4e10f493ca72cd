//! A microphone and a loudspeaker as two ends of lock-free rings. The callbacks run on the system's audio threads: they
//! copy samples and do nothing else (no allocation, no lock, no log).

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use cpal::{
    ErrorKind, FromSample, Sample, SampleFormat, SizedSample, Stream, StreamConfig,
    traits::{DeviceTrait, HostTrait, StreamTrait},
};
use rtrb::{Consumer, Producer, RingBuffer};
use visage_core::{SAMPLE_RATE, SAMPLES_PER_TICK, StreamResampler};

use crate::{AudioError, keeper::Device};

/// Samples between tick and device: half a second. When the microphone's ring is full new sound is lost, when the
/// loudspeaker's is full the tick's sound is lost; both mean that the other side stands still.
const RING: usize = SAMPLE_RATE as usize / 2;
/// Silence that the loudspeaker starts with, so that a tick that comes a little late is not heard: two ticks.
const CUSHION: usize = 2 * SAMPLES_PER_TICK;

/// Parts of a second that may wait for the loudspeaker, a sixth of one or five ticks: more collects after a stall, or
/// where the device's clock is slower than ours. It would stay for good, and the sound would come later than the picture;
/// so silent ticks are left out until less waits.
const LONGEST_WAIT: usize = 6;

/// Ticks without a sample from the microphone, or without one taken by the loudspeaker, after which the device counts as
/// gone, two seconds: not every system says so. A muted microphone gives silence, which is samples too.
const STANDS_STILL: u32 = 60;

pub(crate) const MICROPHONE: &str = "microphone";
pub(crate) const LOUDSPEAKER: &str = "loudspeaker";

/// An open microphone. Dropping it closes the device.
pub struct Microphone {
    _stream: Stream,
    ring: Consumer<f32>,
    resampler: StreamResampler,
    piece: Vec<f32>,
    gone: Gone,
    /// Ticks in a row without sound.
    still: u32,
}

/// An open loudspeaker. Dropping it closes the device.
pub struct Loudspeaker {
    _stream: Stream,
    ring: Producer<f32>,
    resampler: StreamResampler,
    piece: Vec<f32>,
    /// Samples a second of the device.
    rate: u32,
    gone: Gone,
    /// Ticks in a row in which the device took nothing, and how much room the last one left.
    still: u32,
    room: usize,
}

/// Set by the system's thread when the device has gone.
type Gone = Arc<AtomicBool>;

impl Device for Microphone {
    fn is_lost(&mut self) -> bool {
        self.gone.load(Ordering::Relaxed) || self.still > STANDS_STILL
    }
}

impl Device for Loudspeaker {
    fn is_lost(&mut self) -> bool {
        self.gone.load(Ordering::Relaxed) || self.still > STANDS_STILL
    }
}

/// Names of the default input and output device, for `visage doctor`.
pub fn default_devices() -> (Option<String>, Option<String>) {
    let host = cpal::default_host();
    let name = |device: cpal::Device| device.description().ok().map(|description| description.name().to_owned());
    (host.default_input_device().and_then(name), host.default_output_device().and_then(name))
}

impl Microphone {
    /// Opens the system's default microphone. Takes up to seconds; not for the tick.
    pub fn open() -> Result<Self, AudioError> {
        let device = cpal::default_host().default_input_device().ok_or(AudioError::Missing(MICROPHONE))?;
        let config = device.default_input_config().map_err(|error| unusable(MICROPHONE, &error))?;
        let format = config.sample_format();
        let config: StreamConfig = config.into();
        let (producer, ring) = RingBuffer::new(RING);
        let gone = Gone::default();
        let told = gone.clone();
        let stream = match format {
            SampleFormat::F32 => listen::<f32>(&device, config, producer, told),
            SampleFormat::I16 => listen::<i16>(&device, config, producer, told),
            SampleFormat::U16 => listen::<u16>(&device, config, producer, told),
            SampleFormat::I32 => listen::<i32>(&device, config, producer, told),
            other => return Err(unusable(MICROPHONE, &format!("its sample format {other} is not supported"))),
        };
        let stream = stream.map_err(|error| unusable(MICROPHONE, &error))?;
        stream.play().map_err(|error| unusable(MICROPHONE, &error))?;
        let resampler = StreamResampler::new(config.sample_rate, SAMPLE_RATE);
        Ok(Self { _stream: stream, ring, resampler, piece: Vec::with_capacity(RING), gone, still: 0 })
    }

    /// Appends what was recorded since the last call: mono, 48 kHz. Called once a tick.
    pub fn read(&mut self, out: &mut Vec<f32>) {
        self.piece.clear();
        while let Ok(sample) = self.ring.pop() {
            self.piece.push(sample);
        }
        self.still = if self.piece.is_empty() { self.still + 1 } else { 0 };
        self.resampler.push(&self.piece, out);
    }
}

impl Loudspeaker {
    /// Opens the system's default loudspeaker. Takes up to seconds; not for the tick.
    pub fn open() -> Result<Self, AudioError> {
        let device = cpal::default_host().default_output_device().ok_or(AudioError::Missing(LOUDSPEAKER))?;
        let config = device.default_output_config().map_err(|error| unusable(LOUDSPEAKER, &error))?;
        let format = config.sample_format();
        let config: StreamConfig = config.into();
        let (mut ring, consumer) = RingBuffer::new(RING);
        for _ in 0..CUSHION {
            // The ring is longer than the cushion, so there is room.
            if ring.push(0.0).is_err() {
                break;
            }
        }
        let gone = Gone::default();
        let told = gone.clone();
        let stream = match format {
            SampleFormat::F32 => play::<f32>(&device, config, consumer, told),
            SampleFormat::I16 => play::<i16>(&device, config, consumer, told),
            SampleFormat::U16 => play::<u16>(&device, config, consumer, told),
            SampleFormat::I32 => play::<i32>(&device, config, consumer, told),
            other => return Err(unusable(LOUDSPEAKER, &format!("its sample format {other} is not supported"))),
        };
        let stream = stream.map_err(|error| unusable(LOUDSPEAKER, &error))?;
        stream.play().map_err(|error| unusable(LOUDSPEAKER, &error))?;
        let rate = config.sample_rate;
        let resampler = StreamResampler::new(SAMPLE_RATE, rate);
        let room = ring.slots();
        Ok(Self { _stream: stream, ring, resampler, piece: Vec::with_capacity(RING), rate, gone, still: 0, room })
    }

    /// Plays a tick's samples: mono, 48 kHz. Returns how many were lost because the device stands still. Silence is left out while
    /// too much waits.
    pub fn write(&mut self, samples: &[f32]) -> usize {
        // Only the device makes room.
        self.still = if self.ring.slots() > self.room { 0 } else { self.still + 1 };
        let lost = if is_left_out(samples, RING - self.ring.slots(), self.rate) {
            0
        } else {
            self.piece.clear();
            self.resampler.push(samples, &mut self.piece);
            self.piece.iter().filter(|sample| self.ring.push(**sample).is_err()).count()
        };
        self.room = self.ring.slots();
        lost
    }
}

/// Whether a tick's sound is not worth its place behind `waiting` samples of a device with `rate` samples a second.
fn is_left_out(samples: &[f32], waiting: usize, rate: u32) -> bool {
    waiting > rate as usize / LONGEST_WAIT && samples.iter().all(|sample| *sample == 0.0)
}

fn unusable(device: &'static str, reason: &impl ToString) -> AudioError {
    AudioError::Unusable { device, reason: reason.to_string().trim_end_matches('.').to_owned() }
}

/// The callback averages the channels; what does not fit into the ring is lost.
fn listen<T>(
    device: &cpal::Device,
    config: StreamConfig,
    mut ring: Producer<f32>,
    gone: Gone,
) -> Result<Stream, cpal::Error>
where
    T: SizedSample,
    f32: FromSample<T>,
{
    let channels = usize::from(config.channels).max(1);
    device.build_input_stream(
        config,
        move |data: &[T], _| {
            for frame in data.chunks_exact(channels) {
                let sum: f32 = frame.iter().map(|sample| f32::from_sample(*sample)).sum();
                if ring.push(sum / channels as f32).is_err() {
                    break;
                }
            }
        },
        move |error| hear_of(MICROPHONE, &error, &gone),
        None,
    )
}

/// The callback puts the sound on every channel; when the ring is empty there is silence.
fn play<T>(
    device: &cpal::Device,
    config: StreamConfig,
    mut ring: Consumer<f32>,
    gone: Gone,
) -> Result<Stream, cpal::Error>
where
    T: SizedSample + FromSample<f32>,
{
    let channels = usize::from(config.channels).max(1);
    device.build_output_stream(
        config,
        move |data: &mut [T], _| {
            for frame in data.chunks_exact_mut(channels) {
                frame.fill(T::from_sample(ring.pop().unwrap_or(0.0)));
            }
        },
        move |error| hear_of(LOUDSPEAKER, &error, &gone),
        None,
    )
}

/// What the system says of a running device. It calls this from its own thread, not from the callback of the samples.
fn hear_of(device: &'static str, error: &cpal::Error, gone: &Gone) {
    if is_the_end(error.kind()) {
        gone.store(true, Ordering::Relaxed);
    }
    tracing::debug!("{device}: {error}");
}

/// Whether a device that reports this gives or takes no more sound. Whatever else stops it shows as [`STANDS_STILL`].
fn is_the_end(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::DeviceNotAvailable | ErrorKind::HostUnavailable | ErrorKind::StreamInvalidated)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_glitch_is_not_the_end_of_a_device() {
        for (kind, end) in [
            (ErrorKind::DeviceNotAvailable, true),
            (ErrorKind::StreamInvalidated, true),
            (ErrorKind::Xrun, false),
            (ErrorKind::DeviceChanged, false),
            (ErrorKind::BackendError, false),
        ] {
            let gone = Gone::default();
            hear_of(MICROPHONE, &cpal::Error::new(kind), &gone);
            assert_eq!(gone.load(Ordering::Relaxed), end, "{kind}");
        }
    }

    #[test]
    fn only_silence_behind_a_long_queue_is_left_out() {
        let (silence, speech) = ([0.0; SAMPLES_PER_TICK], [0.1; SAMPLES_PER_TICK]);
        for (samples, ticks, left_out) in
            [(&silence, 2, false), (&silence, 5, false), (&silence, 6, true), (&speech, 6, false)]
        {
            assert_eq!(is_left_out(samples, ticks * SAMPLES_PER_TICK, SAMPLE_RATE), left_out, "{ticks} ticks wait");
        }
    }
}
