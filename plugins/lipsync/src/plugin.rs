//! Registers lip-sync: in every tick, what sounds becomes the mouth.

use std::sync::Arc;

use bevy::prelude::*;
use visage_core::{SAMPLES_PER_TICK, Utterance, VISEMES, VisemeWeights};
use visage_schedule::{AnimateSystems, FaceLayers, Sounding};

use crate::{Analyser, MouthTrack, mouth_pose};

/// Moves the lips to what sounds.
#[derive(Clone, Debug)]
pub struct LipsyncPlugin {
    /// How large the movements are: 1 as planned, 0 none. Closures stay closures.
    pub strength: f32,
}

impl Default for LipsyncPlugin {
    fn default() -> Self {
        Self { strength: 1.0 }
    }
}

impl Plugin for LipsyncPlugin {
    fn build(&self, app: &mut App) {
        app.insert_resource(Lips { strength: self.strength, ..Lips::default() })
            .add_systems(FixedUpdate, move_lips.in_set(AnimateSystems::Layers));
    }
}

/// No viseme changes by more than this in a tick, so that an interruption does not tear the mouth shut. The planned
/// movements of an utterance stay below it.
pub const FASTEST: f32 = 0.8;
/// Share by which the mouth becomes free within a tick once nothing sounds.
const LET_GO: f32 = 0.25;

/// The lips' memory from tick to tick.
#[derive(Resource, Debug, Default)]
struct Lips {
    strength: f32,
    /// The utterance that is being spoken, and its plan.
    plan: Option<(Arc<Utterance>, MouthTrack)>,
    analyser: Analyser,
}

impl Lips {
    /// What sounds in this tick, as visemes and as the share of the mouth that belongs to speech.
    fn target(&mut self, sounding: &Sounding) -> (VisemeWeights, Option<f32>) {
        let Some((utterance, position)) = &sounding.utterance else {
            self.plan = None;
            let weights = self.analyser.next(&sounding.block.samples);
            let speaks = weights.0.iter().any(|weight| *weight > 0.05);
            return (weights, speaks.then_some(1.0));
        };
        let Some(timeline) = &utterance.timeline else {
            return (self.analyser.next(&sounding.block.samples), Some(1.0));
        };
        let fresh = !self.plan.as_ref().is_some_and(|(planned, _)| Arc::ptr_eq(planned, utterance));
        if fresh {
            self.plan = Some((utterance.clone(), MouthTrack::new(timeline, &utterance.samples)));
        }
        let (_, track) = self.plan.as_ref().expect("it was just put there");
        // The frame is seen while its block sounds: its middle is what the mouth should fit.
        let middle = (*position + SAMPLES_PER_TICK as isize / 2) as f32;
        (track.visemes(middle), Some(track.speech(middle)))
    }
}

fn move_lips(mut lips: ResMut<Lips>, sounding: Res<Sounding>, mut layers: ResMut<FaceLayers>) {
    let (target, speech) = lips.target(&sounding);
    for viseme in VISEMES {
        let now = layers.visemes[viseme];
        layers.visemes[viseme] = now + (target[viseme] - now).clamp(-FASTEST, FASTEST);
    }
    layers.speech = match speech {
        Some(speech) => layers.speech + (speech - layers.speech).clamp(-LET_GO, 2.0 * LET_GO),
        None => (layers.speech - LET_GO).max(0.0),
    };
    let mut mouth = mouth_pose(&layers.visemes);
    if lips.strength != 1.0 {
        let strength = lips.strength.clamp(0.0, 2.0);
        mouth.shapes.iter_mut().for_each(|weight| *weight = (*weight * strength).clamp(0.0, 1.0));
    }
    layers.mouth = mouth;
}

#[cfg(test)]
mod tests {
    use super::*;
    use bevy::app::App;
    use visage_core::{AudioBlock, Blendshape, Language, PhonemeSpan, PhonemeTimeline, Tick, TurnId};
    use visage_schedule::SchedulePlugin;

    fn utterance(timeline: Option<PhonemeTimeline>) -> Arc<Utterance> {
        Arc::new(Utterance {
            turn: TurnId(1),
            text: String::new(),
            language: Language::English,
            emotion: None,
            samples: vec![0.0; 48_000].into(),
            timeline,
            last: true,
        })
    }

    fn app() -> App {
        let mut app = App::new();
        app.add_plugins((SchedulePlugin, LipsyncPlugin::default()));
        app
    }

    fn tick(app: &mut App, sounding: Sounding) -> FaceLayers {
        app.insert_resource(sounding);
        app.world_mut().run_schedule(FixedUpdate);
        app.world().resource::<FaceLayers>().clone()
    }

    #[test]
    fn the_mouth_follows_the_timeline_and_comes_to_rest() {
        let mut app = app();
        let span = |phoneme: &str, start, end| PhonemeSpan { phoneme: phoneme.into(), start, end };
        let timeline = PhonemeTimeline(vec![span("ɑː", 4_800, 24_000), span("m", 24_000, 28_800)]);
        let utterance = utterance(Some(timeline));
        let mut at = |sample: isize| {
            let block = AudioBlock::silence(Tick(0));
            tick(&mut app, Sounding { block, utterance: Some((utterance.clone(), sample)), busy: true })
        };
        let open = (0..9).map(|n| at(n * 1_600)).last().expect("nine ticks");
        assert!(open.mouth[Blendshape::JawOpen] > 0.45 && open.speech == 1.0, "{:?}", open.mouth[Blendshape::JawOpen]);
        let closed = (9..17).map(|n| at(n * 1_600)).last().expect("some ticks");
        assert!(closed.mouth[Blendshape::JawOpen] < 0.02 && closed.mouth[Blendshape::MouthPressLeft] > 0.4);
        let rest = (17..40).map(|n| at(n * 1_600)).last().expect("some ticks");
        assert!(rest.mouth.shapes.iter().all(|weight| *weight < 0.02) && rest.speech == 0.0);
    }

    #[test]
    fn an_interruption_lets_the_mouth_close_smoothly() {
        let mut app = app();
        let span = PhonemeSpan { phoneme: "ɑː".into(), start: 0, end: 48_000 };
        let utterance = utterance(Some(PhonemeTimeline(vec![span])));
        for n in 0..5 {
            let block = AudioBlock::silence(Tick(n as u64));
            tick(&mut app, Sounding { block, utterance: Some((utterance.clone(), n * 1_600)), busy: true });
        }
        let mut last = app.world().resource::<FaceLayers>().mouth[Blendshape::JawOpen];
        for _ in 0..6 {
            let layers = tick(&mut app, Sounding::default());
            assert!((layers.mouth[Blendshape::JawOpen] - last).abs() <= FASTEST);
            last = layers.mouth[Blendshape::JawOpen];
        }
        assert_eq!((last, app.world().resource::<FaceLayers>().speech), (0.0, 0.0));
    }

    #[test]
    fn sound_without_phonemes_moves_the_mouth() {
        let mut app = app();
        let mut open = 0.0_f32;
        for n in 0..10 {
            let mut block = AudioBlock::silence(Tick(n));
            for (index, sample) in block.samples.iter_mut().enumerate() {
                let t = (n as usize * SAMPLES_PER_TICK + index) as f32 / 48_000.0 * std::f32::consts::TAU;
                *sample = 0.2 * (t * 720.0).sin() + 0.1 * (t * 1_200.0).sin();
            }
            let layers =
                tick(&mut app, Sounding { block, utterance: Some((utterance(None), n as isize * 1_600)), busy: true });
            open = open.max(layers.mouth[Blendshape::JawOpen]);
        }
        assert!(open > 0.3, "{open}");
    }
}
