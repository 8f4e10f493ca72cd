//! The one media clock. A tick is 1/30 s: one video frame, 1,600 samples of sound at 48 kHz and 3,000 units of the
//! 90 kHz RTP clock. Everything that is shown or heard carries the index of its tick; nothing else decides
//! synchronisation (docs-secretary/adr/0001-one-media-clock.md).

use serde::{Deserialize, Serialize};

/// Ticks in a second.
pub const TICK_HZ: u32 = 30;
/// Length of a tick in seconds.
pub const TICK_SECONDS: f32 = 1.0 / TICK_HZ as f32;
/// Samples of sound in a second, everywhere between the engines and the encoders. Mono.
pub const SAMPLE_RATE: u32 = 48_000;
/// Samples of sound in a tick.
pub const SAMPLES_PER_TICK: usize = (SAMPLE_RATE / TICK_HZ) as usize;
/// The RTP clock of video (RFC 3551, section 5).
pub const RTP_VIDEO_HZ: u32 = 90_000;
/// Units of the RTP video clock in a tick.
pub const RTP_VIDEO_UNITS_PER_TICK: u32 = RTP_VIDEO_HZ / TICK_HZ;

/// The index of a tick since the program started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Tick(pub u64);

impl Tick {
    /// The tick after this one.
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// Seconds since tick 0.
    pub fn seconds(self) -> f64 {
        self.0 as f64 / f64::from(TICK_HZ)
    }

    /// Index of the tick's first sample at 48 kHz.
    pub const fn first_sample(self) -> u64 {
        self.0 * SAMPLES_PER_TICK as u64
    }

    /// Time on the 90 kHz RTP clock, wrapped as RTP wraps it.
    pub const fn rtp_video(self) -> u32 {
        self.0.wrapping_mul(RTP_VIDEO_UNITS_PER_TICK as u64) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_is_the_same_on_every_clock() {
        let second = Tick(u64::from(TICK_HZ));
        assert_eq!(second.seconds(), 1.0);
        assert_eq!(second.first_sample(), u64::from(SAMPLE_RATE));
        assert_eq!(second.rtp_video(), RTP_VIDEO_HZ);
    }

    #[test]
    fn rtp_time_wraps() {
        let wraps = (1u64 << 32) / u64::from(RTP_VIDEO_UNITS_PER_TICK) + 1;
        assert!(Tick(wraps).rtp_video() < RTP_VIDEO_UNITS_PER_TICK);
    }
}
