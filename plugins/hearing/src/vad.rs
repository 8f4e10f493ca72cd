//! Voice activity: whether somebody speaks, by the `earshot` network, with hysteresis.
//!
//! Measured on human German and on synthetic English (docs/avatar/stt.md): the beginning of a voice is found within
//! 112 ms, its last sound to within 130 ms; white noise and hum stay below 0.75.

use earshot::Detector;

/// Samples at 16 kHz that are judged at once: 16 ms.
pub(crate) const VAD_FRAME: usize = 256;
/// A frame with at least this score may begin a voice.
const BEGINS: f32 = 0.65;
/// A frame with at least this score keeps a voice going.
const GOES_ON: f32 = 0.5;
/// So many of the last [`LOOK_BACK`] frames must be voice for it to begin: a click is no voice.
const NEEDED: u32 = 4;
/// Frames that are looked back on.
const LOOK_BACK: u32 = 6;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    /// Nobody speaks in it.
    Quiet,
    /// Somebody may speak in it.
    Voice,
}

/// Judges a stream of frames.
#[derive(Default)]
pub(crate) struct VoiceDetector {
    network: Box<Detector>,
    recent: u32,
    speaking: bool,
}

impl VoiceDetector {
    /// Judges the next frame of [`VAD_FRAME`] samples at 16 kHz. A frame that `admitted` is false for counts as quiet,
    /// whatever it sounds like.
    pub(crate) fn push(&mut self, frame: &[f32], admitted: bool) -> Frame {
        let score = self.network.predict_f32(frame);
        let threshold = if self.speaking { GOES_ON } else { BEGINS };
        let voice = admitted && score >= threshold;
        self.recent = (self.recent << 1 | u32::from(voice)) & ((1 << LOOK_BACK) - 1);
        if voice { Frame::Voice } else { Frame::Quiet }
    }

    /// Whether enough of the last frames are voice for somebody to have begun to speak.
    pub(crate) fn begins(&self) -> bool {
        self.recent.count_ones() >= NEEDED
    }

    /// Says whether an utterance is under way, which makes single frames easier to count as voice.
    pub(crate) fn set_speaking(&mut self, speaking: bool) {
        self.speaking = speaking;
        if !speaking {
            self.recent = 0;
        }
    }
}

#[cfg(test)]
/// A repeatable noise in -1..=1 (xorshift).
pub(crate) fn noise(count: usize) -> Vec<f32> {
    let mut state = 0x2545_f491u32;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as f32 / u32::MAX as f32 * 2.0 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_hum_and_clicks_are_no_voice() {
        let second = 16_000;
        let hum = |hertz: f32, size: f32| -> Vec<f32> {
            (0..10 * second).map(|n| size * (std::f32::consts::TAU * hertz * n as f32 / 16_000.0).sin()).collect()
        };
        let cases: [(&str, Vec<f32>); 6] = [
            ("silence", vec![0.0; 10 * second]),
            ("quiet noise", noise(10 * second).iter().map(|sample| sample * 0.01).collect()),
            ("loud noise", noise(10 * second).iter().map(|sample| sample * 0.3).collect()),
            ("mains hum", hum(50.0, 0.2)),
            ("a tone", hum(440.0, 0.3)),
            ("clicks", (0..10 * second).map(|n| if n % 4_001 == 0 { 0.9 } else { 0.0 }).collect()),
        ];
        for (name, samples) in cases {
            let mut detector = VoiceDetector::default();
            for frame in samples.chunks_exact(VAD_FRAME) {
                detector.push(frame, true);
                assert!(!detector.begins(), "{name}");
            }
        }
    }
}
