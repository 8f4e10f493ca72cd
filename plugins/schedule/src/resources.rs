//! State that plugins share. Each resource says who writes it.

use std::{path::PathBuf, sync::Arc};

use bevy::prelude::*;
use visage_core::{
    AudioBlock, Emotion, EmotionWeights, FacePose, Language, PhonemeTimeline, Rig, Tick, TurnId, Utterance,
    VisemeWeights,
};

/// The present tick. Written in First.
#[derive(Resource, Clone, Copy, Debug, Default)]
pub struct MediaClock {
    /// Index of the tick that is running.
    pub tick: Tick,
}

/// What sounds in this tick. Written in Speak by `voice`.
#[derive(Resource, Clone, Debug)]
pub struct Sounding {
    /// The samples, silent if nobody speaks.
    pub block: AudioBlock,
    /// The piece of speech that sounds, and the index of its sample that is the block's first one. Negative while the
    /// piece begins later inside the block.
    pub utterance: Option<(Arc<Utterance>, isize)>,
    /// Whether a turn is being spoken or prepared.
    pub busy: bool,
}

impl Default for Sounding {
    fn default() -> Self {
        Self { block: AudioBlock::silence(Tick(0)), utterance: None, busy: false }
    }
}

impl Sounding {
    /// The turn that is heard now.
    pub fn turn(&self) -> Option<TurnId> {
        self.utterance.as_ref().map(|(utterance, _)| utterance.turn)
    }

    /// The phonemes of what is heard now and the sample of the timeline at which the tick begins.
    pub fn phonemes(&self) -> Option<(&PhonemeTimeline, isize)> {
        let (utterance, position) = self.utterance.as_ref()?;
        Some((utterance.timeline.as_ref()?, *position))
    }
}

/// What the sources of motion want of the face in this tick. Each field has one writer in `AnimateSystems::Layers`.
#[derive(Resource, Clone, Debug, Default)]
pub struct FaceLayers {
    /// The mouth of speech. Written by `lipsync`.
    pub mouth: FacePose,
    /// The visemes behind [`Self::mouth`]. Written by `lipsync`.
    pub visemes: VisemeWeights,
    /// How much the mouth belongs to speech, 0 (free for the mood) to 1. Written by `lipsync`.
    pub speech: f32,
    /// The emotion. Written by `emotion`.
    pub mood: FacePose,
    /// Blink, gaze, sway and breath. Written by `emotion`.
    pub idle: FacePose,
}

/// The emotions that are shown now. Written by `emotion`.
#[derive(Resource, Clone, Copy, Debug, Default)]
pub struct Mood {
    /// Where the face is heading.
    pub target: Emotion,
    /// What is shown now, between the last emotion and the target.
    pub weights: EmotionWeights,
}

/// The face of this tick. Written in `AnimateSystems::Compose`.
#[derive(Resource, Clone, Debug, Default)]
pub struct CurrentPose(pub FacePose);

/// How a character's voice sounds.
#[derive(Clone, Debug, PartialEq)]
pub struct VoiceSettings {
    /// Catalogue id of the voice model ("piper-en-joe"), or "espeak-ng".
    pub model: String,
    /// Speed, 1 is the voice's own.
    pub speed: f32,
    /// Pitch as a factor, 1 is the voice's own. Engines without a pitch of their own get it by resampling: the sound is
    /// made slower by this factor and then played faster by it, so that pitch and formants rise and the speed stays.
    pub pitch: f32,
    /// Loudness, 1 is the voice's own.
    pub volume: f32,
}

/// What a character answers to words that mean something it knows.
#[derive(Clone, Debug, PartialEq)]
pub struct IntentReply {
    /// Lower-case words or phrases; one of them in the text means this intent.
    pub words: Vec<String>,
    /// Answers to choose from. `{name}` is the character's name.
    pub replies: Vec<String>,
    /// The emotion of the answer.
    pub emotion: Option<Emotion>,
}

/// What a character says in one language.
#[derive(Clone, Debug, PartialEq)]
pub struct Personality {
    /// The language.
    pub language: Language,
    /// The answer to the first "hello".
    pub greeting: String,
    /// What it knows to answer, in order of precedence.
    pub intents: Vec<IntentReply>,
    /// Honest answers when it knows none.
    pub fallback: Vec<String>,
}

/// What the other plugins need to know of a character.
#[derive(Clone, Debug)]
pub struct CharacterProfile {
    /// Its id: the name of its folder.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// Its portrait's file.
    pub portrait: PathBuf,
    /// Its voices by language; the first language is its own.
    pub voices: Vec<(Language, VoiceSettings)>,
    /// What it says, by language.
    pub personalities: Vec<Personality>,
    /// The face of each emotion; an emotion that is not listed uses the built-in face.
    pub emotions: Vec<(Emotion, FacePose)>,
    /// How lively it is at rest, 0 (still) to 1.
    pub liveliness: f32,
}

/// The character that is on stage. Inserted and replaced by `character` when its portrait has become a rig; absent
/// until then.
#[derive(Resource, Clone, Debug)]
pub struct ActiveCharacter {
    /// Who.
    pub profile: Arc<CharacterProfile>,
    /// The portrait made ready to move.
    pub rig: Arc<Rig>,
}

/// Where the conversation is. Written by `dialogue`.
#[derive(Resource, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Conversation {
    /// Nobody speaks.
    #[default]
    Idle,
    /// A person speaks.
    Listening,
    /// An answer is being made.
    Thinking,
    /// The character speaks.
    Speaking,
}

impl Conversation {
    /// The state's name in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Listening => "listening",
            Self::Thinking => "thinking",
            Self::Speaking => "speaking",
        }
    }
}

/// The picture that is drawn, for whoever shows it in a window as a sprite or an egui texture. It holds sRGB values, and
/// Bevy's view of it says so. Inserted by `stage`, written by the graphics device in every tick.
#[derive(Resource, Clone, Debug)]
pub struct StageImage(pub Handle<Image>);
