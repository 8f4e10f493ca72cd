//! The straight line that relates the media clock (ticks) to a clock that runs by itself.
//!
//! Two things need it. RTCP sender reports tell a receiver which RTP time belongs to which wall-clock time; if picture
//! and sound read theirs off the same line, the receiver plays together what was made in one tick, whatever the pipeline
//! took for each. And packets of 20 ms come out of ticks of 33.3 ms in bursts of 1, 2, 2; the line tells when each is due,
//! so that they leave evenly and the receiver needs no buffer for our own unevenness.

use std::time::Duration;

use visage_core::{SAMPLE_RATE, TICK_HZ, Tick};

const NANOS: i128 = 1_000_000_000;
/// How fast the line follows a tick that is late: this part of the distance at every tick. A single late tick moves it by
/// little; a clock that drifts by 100 ppm stays within 0.3 ms.
const FOLLOW_LATE: i128 = 64;
/// How fast it follows a tick that is early. No tick runs before its time, so such a line was too late: ticks were held up
/// and have caught up.
const FOLLOW_EARLY: i128 = 4;
/// A tick that is farther from the line than this begins a new one: the program was held up, or stepped by hand.
const JUMP: i128 = NANOS / 10;

/// How long after its first sample a packet of 960 samples leaves: 13.3 ms, the longest that any of the five has to wait
/// for the tick that completes it.
pub const PACKET_DELAY_SAMPLES: u64 = 640;

/// Which tick it is at which time. Times are durations since a moment that the caller chose once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MediaLine {
    /// Time of tick 0, nanoseconds; may lie before the caller's moment.
    origin: Option<i128>,
}

impl MediaLine {
    /// Tells the line that `tick` ran at `now`.
    pub fn observe(&mut self, tick: Tick, now: Duration) {
        let measured = now.as_nanos() as i128 - i128::from(tick.0) * NANOS / i128::from(TICK_HZ);
        self.origin = Some(match self.origin {
            Some(origin) if (measured - origin).abs() <= JUMP => {
                let distance = measured - origin;
                origin + distance / if distance < 0 { FOLLOW_EARLY } else { FOLLOW_LATE }
            }
            _ => measured,
        });
    }

    /// Time on an RTP clock that runs with `hertz` units a second; `None` until a tick was observed.
    pub fn rtp_time(&self, now: Duration, hertz: u32) -> Option<u32> {
        let media = now.as_nanos() as i128 - self.origin?;
        Some((media * i128::from(hertz)).div_euclid(NANOS) as u32)
    }

    /// The tick that it is at `now`, with a fraction; `None` until a tick was observed.
    pub fn tick(&self, now: Duration) -> Option<f64> {
        Some((now.as_nanos() as i128 - self.origin?) as f64 / 1e9 * f64::from(TICK_HZ))
    }

    /// When the sample with the given index (since tick 0) is due; zero if that lies before the caller's moment.
    pub fn time_of_sample(&self, sample: u64) -> Option<Duration> {
        let nanos = self.origin? + i128::from(sample) * NANOS / i128::from(SAMPLE_RATE);
        Some(Duration::from_nanos(nanos.clamp(0, i128::from(u64::MAX)) as u64))
    }

    /// When the packet that begins with the given sample is to leave.
    pub fn departure(&self, first_sample: u64) -> Option<Duration> {
        self.time_of_sample(first_sample + PACKET_DELAY_SAMPLES)
    }
}

#[cfg(test)]
mod tests {
    use visage_core::{RTP_VIDEO_HZ, SAMPLES_PER_TICK};

    use super::*;

    fn line(start: Duration) -> MediaLine {
        let mut line = MediaLine::default();
        line.observe(Tick(0), start);
        line
    }

    #[test]
    fn picture_and_sound_of_a_tick_have_one_time() {
        let start = Duration::from_millis(700);
        let line = line(start);
        for tick in [Tick(0), Tick(3), Tick(30 * 3_600 * 10), Tick(30 * 3_600 * 100)] {
            let now = start + Duration::from_nanos((tick.seconds() * 1e9).round() as u64 + 5);
            let picture = line.rtp_time(now, RTP_VIDEO_HZ).expect("observed");
            let sound = line.rtp_time(now, SAMPLE_RATE).expect("observed");
            assert!(picture.wrapping_sub(tick.rtp_video()) <= 1, "{tick:?}: {picture}");
            assert!(sound.wrapping_sub(tick.first_sample() as u32) <= 1, "{tick:?}: {sound}");
            assert!((line.tick(now).expect("observed") - tick.0 as f64).abs() < 1e-3);
        }
    }

    /// Packets leave every 20 ms, and none before the tick that completes it.
    #[test]
    fn packets_leave_evenly() {
        let line = line(Duration::ZERO);
        let departures: Vec<_> = (0..50).map(|index| line.departure(index * 960).expect("observed")).collect();
        for (index, pair) in departures.windows(2).enumerate() {
            let gap = (pair[1] - pair[0]).as_micros();
            assert!((19_999..=20_001).contains(&gap), "packet {index}: {gap} µs");
        }
        for (index, departure) in departures.iter().enumerate() {
            let completed_by = Tick((index as u64 * 960 + 959) / SAMPLES_PER_TICK as u64);
            assert!(departure.as_secs_f64() + 1e-6 >= completed_by.seconds(), "packet {index}");
        }
    }

    fn check_following(ticks: u64, time_of: impl Fn(u64) -> f64, worst_ms: f64) {
        let mut line = MediaLine::default();
        for tick in 0..ticks {
            let now = Duration::from_secs_f64(time_of(tick));
            line.observe(Tick(tick), now);
            let off = line.tick(now).expect("observed") - tick as f64;
            assert!((off * 1e3 / 30.0).abs() <= worst_ms, "tick {tick}: {:.2} ms", off * 1e3 / 30.0);
        }
    }

    #[test]
    fn the_line_follows_a_clock_that_drifts_or_stumbles() {
        // 100 ppm too fast, for twenty minutes.
        check_following(36_000, |tick| 1.0 + tick as f64 / 30.0 * 1.000_1, 0.3);
        // Every 50th tick is 15 ms late: it is seen as late, not as a change of clock.
        check_following(3_000, |tick| 1.0 + tick as f64 / 30.0 + if tick % 50 == 7 { 0.015 } else { 0.0 }, 15.0);
        // The program stands still for two seconds: a new line at once.
        check_following(300, |tick| 1.0 + tick as f64 / 30.0 + if tick >= 100 { 2.0 } else { 0.0 }, 0.1);
    }

    /// Ticks are held up for 400 ms and then run every 5 ms until they are on time again.
    #[test]
    fn the_line_is_right_again_after_catching_up() {
        let mut line = MediaLine::default();
        for tick in 0..160_u64 {
            let due = 1.0 + tick as f64 / 30.0;
            let held_up = 1.0 + 100.0 / 30.0 + 0.4 + tick.saturating_sub(100) as f64 * 0.005;
            let now = Duration::from_secs_f64(if tick < 100 { due } else { due.max(held_up) });
            line.observe(Tick(tick), now);
        }
        let now = Duration::from_secs_f64(1.0 + 160.0 / 30.0);
        let off = (line.tick(now).expect("observed") - 160.0) * 1e3 / 30.0;
        assert!(off.abs() < 0.1, "{off:.2} ms");
    }

    #[test]
    fn nothing_is_known_before_the_first_tick() {
        let line = MediaLine::default();
        assert_eq!(line.rtp_time(Duration::from_secs(1), 90_000), None);
        assert_eq!(line.departure(0), None);
        assert_eq!(line.tick(Duration::ZERO), None);
    }
}
