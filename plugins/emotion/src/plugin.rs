//! Registers emotion and idle motion, and the system that composes the face.

use bevy::prelude::*;
use visage_core::{AudioBlock, Emotion};
use visage_schedule::{
    ActiveCharacter, AnimateSystems, CurrentPose, EmotionPreset, FaceLayers, IdleMotion, Mood, SetEmotion, Sounding,
    TryFace, UtteranceStarted, VisageSystems,
};

use crate::{Feeling, Idle, compose};

/// Emotion state and idle motion.
pub struct EmotionPlugin {
    /// Seed of the idle motion. The same seed gives the same life.
    pub seed: u64,
}

impl Default for EmotionPlugin {
    fn default() -> Self {
        Self { seed: 1 }
    }
}

#[derive(Resource, Default)]
struct Felt(Feeling);

#[derive(Resource)]
struct Alive(Idle);

impl Plugin for EmotionPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Felt>()
            .insert_resource(Alive(Idle::new(self.seed)))
            .add_systems(FixedUpdate, (feel, live).chain().in_set(AnimateSystems::Layers))
            .add_systems(FixedUpdate, put_together.in_set(AnimateSystems::Compose))
            .add_systems(FixedUpdate, take_orders.in_set(VisageSystems::Animate).before(AnimateSystems::Layers));
    }
}

/// Orders of people and of the dialogue, then the emotion of what begins to sound, then what an author tries out.
fn take_orders(
    mut orders: MessageReader<SetEmotion>,
    mut spoken: MessageReader<UtteranceStarted>,
    mut trials: MessageReader<TryFace>,
    character: Option<Res<ActiveCharacter>>,
    mut felt: ResMut<Felt>,
) {
    for order in orders.read() {
        felt.0.aim(order.emotion, order.strength);
    }
    for emotion in spoken.read().filter_map(|piece| piece.emotion) {
        // Who ordered the emotion as well has said how much of it there is to be.
        if felt.0.target() != emotion {
            felt.0.hear(emotion, presets(character.as_deref()));
        }
    }
    if let Some(TryFace { face }) = trials.read().last() {
        felt.0.try_face(face.clone());
    }
}

fn presets(character: Option<&ActiveCharacter>) -> &[(Emotion, EmotionPreset)] {
    character.map_or(&[], |character| &character.profile.emotions)
}

fn feel(
    mut felt: ResMut<Felt>,
    character: Option<Res<ActiveCharacter>>,
    mut mood: ResMut<Mood>,
    mut layers: ResMut<FaceLayers>,
) {
    felt.0.step(presets(character.as_deref()));
    mood.target = felt.0.target();
    mood.weights = felt.0.weights();
    layers.mood = felt.0.face();
}

fn live(
    mut alive: ResMut<Alive>,
    sounding: Res<Sounding>,
    character: Option<Res<ActiveCharacter>>,
    mut layers: ResMut<FaceLayers>,
) {
    let motion = character.map_or_else(IdleMotion::default, |character| character.profile.idle);
    layers.idle = alive.0.step(&motion, loudness(&sounding.block));
}

fn put_together(layers: Res<FaceLayers>, mut pose: ResMut<CurrentPose>) {
    pose.0 = compose(&layers.mood, &layers.mouth, &layers.idle, layers.speech);
}

/// Root mean square of a block.
fn loudness(block: &AudioBlock) -> f32 {
    let power: f32 = block.samples.iter().map(|sample| sample * sample).sum();
    (power / block.samples.len() as f32).sqrt()
}
