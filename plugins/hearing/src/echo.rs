//! The echo gate: whether what the microphone hears may be the character's own voice coming back.
//!
//! The engine knows what it plays. Without headphones, and where the browser's echo canceller leaves something over,
//! the microphone hears it again, some tenths of a second later. The gate compares loudness only (one number for each
//! 16 ms), which survives loudspeakers, rooms and cancellers: if the microphone's loudness goes up and down as what was
//! played did, it is echo, and its level against what was played is learnt. From then on the microphone must be clearly
//! louder than the echo would be for a voice to count.

use std::collections::VecDeque;

/// Frames that an echo may be late: 0.72 s, for the way to a browser and back.
const LONGEST_DELAY: usize = 45;
/// Frames over which loudness is compared: 0.77 s.
const COMPARED: usize = 48;
/// Correlation of the loudness curves from which a sound is echo.
const ALIKE: f32 = 0.75;
/// Below this level (dB of full scale) what was played is not heard back.
const NOTHING_PLAYED: f32 = -55.0;
/// How much louder than the expected echo a voice must be, dB.
const CLEARLY_LOUDER: f32 = 6.0;
/// The same while the curves are alike, dB.
const CLEARLY_LOUDER_WHILE_ALIKE: f32 = 12.0;
/// Level of the echo against what was played before anything is learnt, dB.
const ASSUMED_COUPLING: f32 = -10.0;
/// The echo is never expected to be weaker than this, dB.
const WEAKEST_COUPLING: f32 = -50.0;
/// How fast the expected echo sinks while none is heard, dB a frame (19 dB/s).
const FORGETTING: f32 = 0.3;
/// The level of digital silence, dB.
const SILENCE: f32 = -100.0;

/// Compares what is heard with what was played.
pub(crate) struct EchoGate {
    /// Levels of what was played and not yet compared, oldest first.
    waiting: VecDeque<f32>,
    /// Samples of a frame that is not complete yet: their squares' sum, and how many.
    partial: (f32, usize),
    played: VecDeque<f32>,
    heard: VecDeque<f32>,
    coupling: f32,
}

impl Default for EchoGate {
    fn default() -> Self {
        Self {
            waiting: VecDeque::new(),
            partial: (0.0, 0),
            played: VecDeque::from(vec![SILENCE; COMPARED + LONGEST_DELAY]),
            heard: VecDeque::from(vec![SILENCE; COMPARED]),
            coupling: ASSUMED_COUPLING,
        }
    }
}

impl EchoGate {
    /// Takes what is played, at 48 kHz.
    pub(crate) fn play(&mut self, samples: &[f32]) {
        const FRAME: usize = 768;
        for &sample in samples {
            self.partial.0 += sample * sample;
            self.partial.1 += 1;
            if self.partial.1 == FRAME {
                self.waiting.push_back(decibels(self.partial.0 / FRAME as f32));
                self.partial = (0.0, 0);
            }
        }
        // The microphone's clock may be slower or its sound may stop; what was played then goes by unheard.
        while self.waiting.len() > 6 {
            self.advance();
        }
    }

    fn advance(&mut self) {
        let level = self.waiting.pop_front().unwrap_or(SILENCE);
        self.played.pop_front();
        self.played.push_back(level);
    }

    /// Takes the next 16 ms of the microphone. True if a voice in it is a person's.
    pub(crate) fn admits(&mut self, frame: &[f32]) -> bool {
        self.advance();
        let level = decibels(frame.iter().map(|sample| sample * sample).sum::<f32>() / frame.len().max(1) as f32);
        self.heard.pop_front();
        self.heard.push_back(level);

        let loudest = self.played.iter().skip(COMPARED - 1).copied().fold(SILENCE, f32::max);
        if loudest < NOTHING_PLAYED {
            return true;
        }
        let excess = level - (loudest + self.coupling);
        let (likeness, coupling) = self.likeness();
        if likeness >= ALIKE {
            let rate = if coupling > self.coupling { 0.3 } else { 0.05 };
            self.coupling += (coupling - self.coupling) * rate;
            return excess > CLEARLY_LOUDER_WHILE_ALIKE;
        }
        if excess < 0.0 {
            self.coupling = (self.coupling - FORGETTING).max(WEAKEST_COUPLING);
        }
        excess > CLEARLY_LOUDER
    }

    /// The highest correlation of what is heard with what was played over all delays, and at that delay the level of
    /// the one against the other.
    fn likeness(&self) -> (f32, f32) {
        let heard: Vec<f32> = self.heard.iter().copied().collect();
        let played: Vec<f32> = self.played.iter().copied().collect();
        (0..=LONGEST_DELAY)
            .map(|delay| {
                let then = &played[LONGEST_DELAY - delay..][..COMPARED];
                (correlation(&heard, then), delay)
            })
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .map_or((0.0, ASSUMED_COUPLING), |(likeness, delay)| {
                let then = &played[LONGEST_DELAY - delay..][..COMPARED];
                let pairs = || heard.iter().zip(then).filter(|(_, played)| **played > NOTHING_PLAYED + 15.0);
                let count = pairs().count();
                let mean = pairs().map(|(heard, played)| heard - played).sum::<f32>() / count.max(1) as f32;
                if count < 8 { (0.0, ASSUMED_COUPLING) } else { (likeness, mean) }
            })
    }
}

/// Pearson's correlation; 0 where one of the curves is flat.
fn correlation(a: &[f32], b: &[f32]) -> f32 {
    let count = a.len() as f32;
    let (mean_a, mean_b) = (a.iter().sum::<f32>() / count, b.iter().sum::<f32>() / count);
    let (mut product, mut square_a, mut square_b) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(b) {
        let (a, b) = ((a - mean_a).max(-30.0), (b - mean_b).max(-30.0));
        product += a * b;
        square_a += a * a;
        square_b += b * b;
    }
    // Less than 3 dB of movement says nothing.
    let least = 9.0 * count;
    if square_a < least || square_b < least { 0.0 } else { product / (square_a * square_b).sqrt() }
}

fn decibels(mean_square: f32) -> f32 {
    10.0 * (mean_square + 1e-10).log10()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Speech-like sound: noise whose loudness moves in syllables of a rhythm of its own.
    fn babble(seed: u32, size: f32, seconds: usize, rate: usize) -> Vec<f32> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 24) as f32
        };
        let mut out = Vec::new();
        while out.len() < seconds * rate {
            let length = rate * (80 + (next() * 200.0) as usize) / 1000;
            let loud = size * (0.1 + 0.9 * next());
            out.extend(
                (0..length)
                    .map(|n| loud * (std::f32::consts::PI * n as f32 / length as f32).sin() * (next() * 2.0 - 1.0)),
            );
            out.extend(std::iter::repeat_n(0.0, (next() * 0.05 * rate as f32) as usize));
        }
        out.truncate(seconds * rate);
        out
    }

    /// The share of the last `tail` seconds' frames that the gate admits.
    fn admitted(played: &[f32], heard: &[f32], tail: usize) -> f32 {
        let mut gate = EchoGate::default();
        let mut verdicts = Vec::new();
        for (played, heard) in played.chunks_exact(48_000 / 125 * 2).zip(heard.chunks_exact(256)) {
            gate.play(played);
            verdicts.push(gate.admits(heard));
        }
        let tail = &verdicts[verdicts.len() - tail * 62..];
        tail.iter().filter(|admitted| **admitted).count() as f32 / tail.len() as f32
    }

    /// What a microphone at 16 kHz hears of sound played at 48 kHz, `delay` seconds later.
    fn echo(played: &[f32], delay: f32, size: f32) -> Vec<f32> {
        let silent = (delay * 16_000.0) as usize;
        let mut heard = vec![0.0; silent];
        heard.extend(played.iter().step_by(3).map(|sample| sample * size));
        heard.truncate(played.len() / 3);
        heard
    }

    #[test]
    fn echo_is_kept_out_and_a_voice_let_in() {
        let played = babble(1, 0.5, 8, 48_000);
        let voice = babble(99, 0.5, 8, 16_000);
        let silence = vec![0.0; played.len()];
        let mixed = |echo: Vec<f32>| -> Vec<f32> { echo.iter().zip(&voice).map(|(a, b)| a + b).collect() };
        let cases = [
            ("loud echo", &played, echo(&played, 0.15, 0.5), 0.0..0.05),
            ("weak echo", &played, echo(&played, 0.3, 0.05), 0.0..0.05),
            ("late echo", &played, echo(&played, 0.6, 0.3), 0.0..0.05),
            ("a voice while nothing plays", &silence, voice.clone(), 1.0..1.01),
            ("a voice over headphones", &played, voice.clone(), 0.5..1.01),
            ("a voice over weak echo", &played, mixed(echo(&played, 0.2, 0.02)), 0.4..1.01),
        ];
        for (name, played, heard, expected) in cases {
            let share = admitted(played, &heard, 4);
            assert!(expected.contains(&share), "{name}: {share}");
        }
    }

    #[test]
    fn the_gate_opens_soon_after_the_last_sound() {
        let mut played = babble(1, 0.5, 2, 48_000);
        played.extend(vec![0.0; 2 * 48_000]);
        assert_eq!(admitted(&played, &echo(&played, 0.1, 0.3), 1), 1.0);
    }
}
