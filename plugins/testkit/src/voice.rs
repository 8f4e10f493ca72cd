//! A voice that hums.

use std::{f32::consts::TAU, sync::Arc};

use bevy::prelude::*;
use visage_core::{SAMPLE_RATE, SAMPLES_PER_TICK, Utterance};
use visage_schedule::{MediaClock, Sounding, Speak, StopSpeaking, UtteranceStarted, VisageSystems};

/// Stands in for the voice plugin: each turn becomes a tone (or silence), as long as its text, without phoneme times.
#[derive(Clone, Copy, Debug)]
pub struct MockVoice {
    /// The pitch in hertz; `None` is silent.
    pub tone: Option<f32>,
    /// How long a letter sounds, in samples.
    pub samples_per_letter: usize,
}

impl Default for MockVoice {
    fn default() -> Self {
        Self { tone: Some(220.0), samples_per_letter: 3_200 }
    }
}

/// How loud the tone is.
const LOUDNESS: f32 = 0.3;

#[derive(Resource)]
struct Humming {
    voice: MockVoice,
    /// What sounds, and the next sample of it.
    now: Option<(Arc<Utterance>, usize)>,
}

impl Plugin for MockVoice {
    fn build(&self, app: &mut App) {
        app.insert_resource(Humming { voice: *self, now: None })
            .add_systems(FixedUpdate, hum.in_set(VisageSystems::Speak));
    }
}

fn hum(
    clock: Res<MediaClock>,
    mut humming: ResMut<Humming>,
    mut orders: MessageReader<Speak>,
    mut stops: MessageReader<StopSpeaking>,
    mut started: MessageWriter<UtteranceStarted>,
    mut sounding: ResMut<Sounding>,
) {
    if stops.read().count() > 0 {
        humming.now = None;
    }
    if let Some(order) = orders.read().last() {
        let utterance = Arc::new(humming.voice.hummed(order));
        started.write(UtteranceStarted {
            turn: utterance.turn,
            text: utterance.text.clone(),
            emotion: utterance.emotion,
        });
        humming.now = Some((utterance, 0));
    }
    sounding.block = visage_core::AudioBlock::silence(clock.tick);
    sounding.utterance = None;
    if let Some((utterance, position)) = humming.now.take() {
        let rest = &utterance.samples[position..];
        let count = rest.len().min(SAMPLES_PER_TICK);
        sounding.block.samples[..count].copy_from_slice(&rest[..count]);
        sounding.utterance = Some((utterance.clone(), position as isize));
        humming.now = (rest.len() > count).then_some((utterance, position + count));
    }
    sounding.busy = sounding.utterance.is_some();
}

impl MockVoice {
    fn hummed(&self, order: &Speak) -> Utterance {
        let length = order.text.chars().count().max(1) * self.samples_per_letter;
        let sample = |index: usize| {
            self.tone.map_or(0.0, |tone| LOUDNESS * (TAU * tone * index as f32 / SAMPLE_RATE as f32).sin())
        };
        Utterance {
            turn: order.turn,
            text: order.text.clone(),
            language: order.language,
            emotion: order.emotion,
            samples: (0..length).map(sample).collect(),
            timeline: None,
            last: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use visage_core::{Language, TurnId};
    use visage_schedule::QueueMode;

    use super::*;
    use crate::Stepper;

    #[test]
    fn a_turn_sounds_as_long_as_its_text_and_stops_when_told() {
        let check = |stop_after: usize, expected: usize| {
            let mut stepper = Stepper::new(MockVoice::default());
            let (text, queue) = ("Hello".to_owned(), QueueMode::Replace);
            stepper.send(Speak { turn: TurnId(1), queue, text, language: Language::English, emotion: None });
            let mut sounded = 0;
            for tick in 0..20 {
                if tick == stop_after {
                    stepper.send(StopSpeaking);
                }
                stepper.tick();
                let sounding = stepper.get::<Sounding>();
                sounded += usize::from(sounding.block.samples.iter().any(|sample| sample.abs() > 0.1));
                assert_eq!(sounding.block.tick.0, tick as u64);
            }
            assert_eq!(sounded, expected, "stopped after {stop_after}");
        };
        check(20, 10);
        check(3, 3);
    }
}
