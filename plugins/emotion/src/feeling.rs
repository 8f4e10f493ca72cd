//! How one expression gives way to another: each weight runs towards its target, faster when it grows than when it fades,
//! and the faces themselves follow a character that is edited while it is seen.

use visage_core::{Emotion, EmotionWeights, FacePose, TICK_SECONDS, emotion_face};
use visage_schedule::EmotionPreset;

/// Time constant with which a face that is edited becomes the new one, seconds.
const EDIT_SECONDS: f32 = 0.12;
/// What is left of a change when the new face is taken as it is.
const NEGLIGIBLE: f32 = 1e-4;

/// The share of the way to its goal that a value goes in a tick.
fn share(seconds: f32) -> f32 {
    1.0 - (-TICK_SECONDS / seconds.max(1e-3)).exp()
}

/// A face that an author tries out.
#[derive(Clone, Debug, Default)]
struct Trial {
    wanted: bool,
    goal: FacePose,
    face: FacePose,
    weight: f32,
}

/// The expressions shown now and the one aimed at.
#[derive(Clone, Debug)]
pub struct Feeling {
    target: Emotion,
    strength: f32,
    weights: EmotionWeights,
    /// The face of each emotion as it is shown now.
    faces: [FacePose; 6],
    trial: Trial,
}

impl Default for Feeling {
    fn default() -> Self {
        Self {
            target: Emotion::Neutral,
            strength: 0.0,
            weights: EmotionWeights::default(),
            faces: Emotion::ALL.map(emotion_face),
            trial: Trial::default(),
        }
    }
}

impl Feeling {
    /// Changes the target, which ends what is tried out. `strength` is in 0..=1.
    pub fn aim(&mut self, emotion: Emotion, strength: f32) {
        self.target = emotion;
        self.strength = strength.clamp(0.0, 1.0);
        self.trial.wanted = false;
    }

    /// The emotion of a text that begins to sound: it acts as strongly as the character's `presets` say. What an author
    /// tries out stays.
    pub fn hear(&mut self, emotion: Emotion, presets: &[(Emotion, EmotionPreset)]) {
        let preset = presets.iter().find(|(named, _)| *named == emotion);
        self.target = emotion;
        self.strength = preset.map_or(EmotionPreset::RESPONSE, |(_, preset)| preset.response).clamp(0.0, 1.0);
    }

    /// Shows a face instead of an emotion until the next [`Self::aim`].
    pub fn try_face(&mut self, face: FacePose) {
        if self.trial.weight < NEGLIGIBLE {
            self.trial.face = face.clone();
        }
        self.trial.goal = face;
        self.trial.wanted = true;
    }

    /// One tick. `presets` are those of the character; an emotion that is not listed has its built-in one.
    pub fn step(&mut self, presets: &[(Emotion, EmotionPreset)]) {
        for emotion in Emotion::ALL {
            let built_in;
            let preset = match presets.iter().find(|(named, _)| *named == emotion) {
                Some((_, preset)) => preset,
                None => {
                    built_in = EmotionPreset::built_in(emotion);
                    &built_in
                }
            };
            let goal = if emotion == self.target && !self.trial.wanted { self.strength } else { 0.0 };
            let weight = &mut self.weights[emotion];
            *weight += (goal - *weight) * share(if goal > *weight { preset.onset } else { preset.decay });
            approach(&mut self.faces[emotion as usize], &preset.face);
        }
        let trial = &mut self.trial;
        let (goal, seconds) = if trial.wanted { (1.0, EmotionPreset::ONSET) } else { (0.0, EmotionPreset::DECAY) };
        trial.weight += (goal - trial.weight) * share(seconds);
        approach(&mut trial.face, &trial.goal);
    }

    /// The emotion aimed at.
    pub const fn target(&self) -> Emotion {
        self.target
    }

    /// How much of each emotion is shown now.
    pub const fn weights(&self) -> EmotionWeights {
        self.weights
    }

    /// The face that is shown now.
    pub fn face(&self) -> FacePose {
        let mut pose = FacePose::default();
        for emotion in Emotion::ALL {
            pose.add_scaled(&self.faces[emotion as usize], self.weights[emotion]);
        }
        pose.add_scaled(&self.trial.face, self.trial.weight);
        pose
    }
}

/// Moves a face a tick towards another one.
fn approach(face: &mut FacePose, goal: &FacePose) {
    if face == goal {
        return;
    }
    let mut way = goal.clone();
    way.add_scaled(face, -1.0);
    let head = [way.head.yaw, way.head.pitch, way.head.roll];
    let farthest = way.shapes.iter().chain(&head).chain(&way.head.translation).fold(0.0_f32, |far, d| far.max(d.abs()));
    if farthest < NEGLIGIBLE {
        *face = goal.clone();
    } else {
        face.add_scaled(&way, share(EDIT_SECONDS));
    }
}

#[cfg(test)]
mod tests {
    use visage_core::Blendshape;

    use super::*;

    fn distance(one: &FacePose, other: &FacePose) -> f32 {
        one.shapes.iter().zip(&other.shapes).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    }

    /// Ticks until nothing of the face moves any more, each of them small.
    fn settle(feeling: &mut Feeling, presets: &[(Emotion, EmotionPreset)], what: &str) {
        let mut before = feeling.face();
        for _ in 0..150 {
            feeling.step(presets);
            let now = feeling.face();
            assert!(distance(&before, &now) < 0.25, "{what}: the face jumps");
            before = now;
        }
    }

    #[test]
    fn one_emotion_gives_way_to_the_next_without_a_jump() {
        let mut feeling = Feeling::default();
        feeling.aim(Emotion::Happy, 1.0);
        settle(&mut feeling, &[], "a smile");
        feeling.aim(Emotion::Sad, 0.5);
        settle(&mut feeling, &[], "a frown");
        assert!(feeling.weights()[Emotion::Happy] < 0.01);
        assert!((feeling.weights()[Emotion::Sad] - 0.5).abs() < 0.01);
    }

    #[test]
    fn each_preset_has_its_own_pace_face_and_response() {
        let quick = EmotionPreset { onset: 0.03, decay: 2.0, response: 0.5, ..EmotionPreset::built_in(Emotion::Happy) };
        let own = [(Emotion::Happy, quick)];
        let weight = |presets: &[_], ticks: usize| {
            let mut feeling = Feeling::default();
            feeling.aim(Emotion::Happy, 1.0);
            (0..ticks).for_each(|_| feeling.step(presets));
            (feeling.weights()[Emotion::Happy], feeling)
        };
        assert!(weight(&own, 3).0 > 0.95 && weight(&[], 3).0 < 0.6, "a quick onset");
        let fading = |presets: &[_]| {
            let (_, mut feeling) = weight(presets, 90);
            feeling.aim(Emotion::Neutral, 1.0);
            (0..30).for_each(|_| feeling.step(presets));
            feeling.weights()[Emotion::Happy]
        };
        assert!(fading(&own) > 0.5 && fading(&[]) < 0.1, "a slow decay");
        let mut feeling = Feeling::default();
        feeling.hear(Emotion::Happy, &own);
        (0..90).for_each(|_| feeling.step(&own));
        assert!((feeling.weights()[Emotion::Happy] - 0.5).abs() < 0.01, "half a response to a text");
    }

    #[test]
    fn an_edited_face_fades_into_the_new_one_exactly() {
        let mut feeling = Feeling::default();
        feeling.aim(Emotion::Happy, 1.0);
        settle(&mut feeling, &[], "a smile");
        let face = FacePose::of(&[(Blendshape::CheekPuff, 1.0)]);
        let edited =
            [(Emotion::Happy, EmotionPreset { face: face.clone(), ..EmotionPreset::built_in(Emotion::Happy) })];
        settle(&mut feeling, &edited, "an edit");
        assert!(distance(&feeling.face(), &face) < 0.01);
        assert_eq!(feeling.faces[Emotion::Happy as usize], face);
    }

    #[test]
    fn what_is_tried_out_is_shown_until_the_next_order() {
        let mut feeling = Feeling::default();
        feeling.aim(Emotion::Sad, 1.0);
        settle(&mut feeling, &[], "a frown");
        let puffed = |amount| FacePose::of(&[(Blendshape::CheekPuff, amount)]);
        feeling.try_face(puffed(1.0));
        settle(&mut feeling, &[], "a trial");
        assert!(distance(&feeling.face(), &puffed(1.0)) < 0.01);
        // A text's emotion does not end it; another slider position moves it.
        feeling.hear(Emotion::Happy, &[]);
        feeling.try_face(puffed(0.4));
        settle(&mut feeling, &[], "another trial");
        assert!(distance(&feeling.face(), &puffed(0.4)) < 0.01);
        feeling.aim(Emotion::Sad, 1.0);
        settle(&mut feeling, &[], "back");
        assert!(distance(&feeling.face(), &emotion_face(Emotion::Sad)) < 0.01);
    }
}
