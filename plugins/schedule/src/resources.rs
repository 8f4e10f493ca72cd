//! State that plugins share. Each resource says who writes it.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bevy::prelude::*;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use visage_core::{
    AudioBlock, Backdrop, Emotion, EmotionWeights, FacePose, Language, PhonemeTimeline, PortraitSource, Rig, Tick,
    TurnId, Utterance, VisemeWeights, emotion_face,
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

/// A turn that is said or waits to be said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SpokenTurn {
    /// Its id, by which it can be taken back.
    #[schema(value_type = u64)]
    pub turn: TurnId,
    /// The first 80 characters of its text, without mark-up; empty for a sound that was not made here.
    pub text: String,
}

/// The turns that are said and wait, in the order in which they go on; the first one is said now. Written in Speak by
/// `voice`.
#[derive(Resource, Clone, Debug, Default, PartialEq, Eq)]
pub struct SpokenTurns(pub Vec<SpokenTurn>);

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
    /// Catalogue id of the voice model ("piper-en-joe"), with one of its voices if it has several ("kokoro/bf_emma"),
    /// "clone/" and the id of a cloned voice, or "espeak-ng".
    pub model: String,
    /// A recording of the voice to be imitated, for engines that can: mono, [`Self::REFERENCE_RATE`], -1..=1.
    pub reference: Option<Arc<[f32]>>,
    /// Speed, 1 is the voice's own.
    pub speed: f32,
    /// Pitch as a factor, 1 is the voice's own. Engines without a pitch of their own get it by resampling: the sound is
    /// made slower by this factor and then played faster by it, so that pitch and formants rise and the speed stays.
    pub pitch: f32,
    /// Loudness, 1 is the voice's own.
    pub volume: f32,
}

impl VoiceSettings {
    /// Samples in a second of a [`Self::reference`].
    pub const REFERENCE_RATE: u32 = 24_000;
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
    /// Who the character is, told to a language model before the conversation. Empty if there is nothing to tell.
    pub system_prompt: String,
    /// The answer to the first "hello".
    pub greeting: String,
    /// What it knows to answer, in order of precedence.
    pub intents: Vec<IntentReply>,
    /// Honest answers when it knows none.
    pub fallback: Vec<String>,
}

/// How a character shows an emotion.
#[derive(Clone, Debug, PartialEq)]
pub struct EmotionPreset {
    /// The face at full strength.
    pub face: FacePose,
    /// Time constant with which it appears, seconds.
    pub onset: f32,
    /// Time constant with which it fades, seconds.
    pub decay: f32,
    /// How strongly the emotion of a text acts on the face, 0 (not at all) to 1.
    pub response: f32,
}

impl EmotionPreset {
    /// Time constant with which an emotion appears unless the character says otherwise, seconds.
    pub const ONSET: f32 = 0.15;
    /// Time constant with which it fades unless the character says otherwise, seconds.
    pub const DECAY: f32 = 0.35;
    /// How strongly the emotion of a text acts unless the character says otherwise.
    pub const RESPONSE: f32 = 1.0;

    /// How an emotion is shown by a character that says nothing of it.
    pub fn built_in(emotion: Emotion) -> Self {
        Self { face: emotion_face(emotion), onset: Self::ONSET, decay: Self::DECAY, response: Self::RESPONSE }
    }
}

/// How a character moves at rest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct IdleMotion {
    /// All of it but blinks, 0 (still) to 1 (lively).
    pub liveliness: f32,
    /// Blinks a minute, on average.
    pub blinks: f32,
    /// How far the eyes wander, as a factor.
    pub gaze: f32,
    /// How far the head sways, as a factor.
    pub sway: f32,
    /// How deep the breath is, as a factor.
    pub breath: f32,
}

impl Default for IdleMotion {
    fn default() -> Self {
        Self { liveliness: 0.7, blinks: 16.0, gaze: 1.0, sway: 1.0, breath: 1.0 }
    }
}

/// What is to draw a character.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RendererChoice {
    /// The best that keeps up with the tick.
    #[default]
    Auto,
    /// The portrait as a warped mesh.
    Warp,
    /// The neural renderer, where it is there and keeps up.
    LivePortrait,
}

impl RendererChoice {
    /// Whether it is a renderer that was asked for by name, and not the one that is always there.
    pub const fn is_special(self) -> bool {
        matches!(self, Self::LivePortrait)
    }

    /// Whether renderers of a family (see [`Rung::name`](visage_core::Rung)) may draw.
    pub fn allows(self, family: &str) -> bool {
        match self {
            Self::Auto => true,
            Self::Warp => false,
            Self::LivePortrait => family == "liveportrait",
        }
    }
}

/// What the other plugins need to know of a character. The default is nobody: no picture, no voice, no words.
#[derive(Clone, Debug)]
pub struct CharacterProfile {
    /// Its id: the name of its folder.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// Its portrait.
    pub portrait: Arc<PortraitSource>,
    /// What is to draw it.
    pub renderer: RendererChoice,
    /// Its voices by language; the first language is its own.
    pub voices: Vec<(Language, VoiceSettings)>,
    /// What it says, by language.
    pub personalities: Vec<Personality>,
    /// The face of each emotion; an emotion that is not listed uses the built-in face.
    pub emotions: Vec<(Emotion, EmotionPreset)>,
    /// How it moves at rest.
    pub idle: IdleMotion,
}

impl Default for CharacterProfile {
    fn default() -> Self {
        Self {
            id: String::new(),
            name: String::new(),
            portrait: Arc::new(PortraitSource::new(Arc::from([]), None, Backdrop::Original)),
            renderer: RendererChoice::Auto,
            voices: Vec::new(),
            personalities: Vec::new(),
            emotions: Vec::new(),
            idle: IdleMotion::default(),
        }
    }
}

/// The character that is on stage. Inserted and replaced by `character` when its portrait has become a rig; absent
/// until then. A change of its file replaces the profile, and the rig only if the portrait or its backdrop changed.
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

/// What is not as it should be and stays so until it is mended: another voice speaks, nothing can be understood. Unlike a
/// [`Problem`](crate::Problem), which is told once, this is shown to whoever comes later. Each source writes its own part.
#[derive(Resource, Clone, Debug, Default, PartialEq)]
pub struct Notices(BTreeMap<&'static str, Vec<String>>);

impl Notices {
    /// Replaces what `source` (a crate's name) has to say; one or two sentences each, none when all is well. Tells whether
    /// that is a change.
    pub fn set(&mut self, source: &'static str, texts: Vec<String>) -> bool {
        if texts.is_empty() {
            self.0.remove(source).is_some()
        } else if self.0.get(source) != Some(&texts) {
            self.0.insert(source, texts);
            true
        } else {
            false
        }
    }

    /// All of them, source by source.
    pub fn all(&self) -> Vec<String> {
        self.0.values().flatten().cloned().collect()
    }
}

/// The local microphone and loudspeaker, for the window. Written in Ingest by `audio`; absent where there is none of it.
#[derive(Resource, Clone, Debug, Default, PartialEq)]
pub struct Devices {
    /// The microphone.
    pub microphone: DeviceState,
    /// The loudspeaker.
    pub loudspeaker: DeviceState,
    /// Samples that the loudspeaker did not take.
    pub lost: u64,
}

/// How a local device is. A button shows [`Self::wanted`], and beside it that it is not open yet, or why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceState {
    /// Whether somebody wants it open.
    pub wanted: bool,
    /// Whether it is open.
    pub open: bool,
    /// Why it is not open though it is wanted, in a person's words. It is tried again until it opens.
    pub trouble: Option<String>,
}

/// What draws the character, and how the renderers do. Written in Present by `stage`.
#[derive(Resource, Clone, Debug, PartialEq)]
pub struct Renderers {
    /// The renderers, best first; the last one is the mesh warp.
    pub all: Vec<RendererState>,
    /// Index of the one that shows.
    pub shown: usize,
}

/// How a renderer does.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RendererState {
    /// Its name: "liveportrait", "liveportrait-baked", "warp".
    pub name: &'static str,
    /// Why it does not show, in a person's words, as they follow a colon; `None` for the one that does and for those below.
    pub why: Option<String>,
    /// Frames that showed it.
    pub frames: u64,
    /// How often it took over from another one.
    pub switches: u64,
    /// Ticks in which its last picture stayed, because there was no new one.
    pub holds: u64,
    /// Time for the last picture, and for the last ones on average. `None` before the first, and for the mesh warp, which
    /// draws in the tick: its times are among the [`StageTimes`](crate::StageTimes).
    pub last: Option<Duration>,
    /// See [`Self::last`].
    pub mean: Option<Duration>,
}

impl Default for Renderers {
    fn default() -> Self {
        Self { all: vec![RendererState { name: WARP, ..RendererState::default() }], shown: 0 }
    }
}

/// The name of the mesh warp among the renderers.
pub const WARP: &str = "warp";

impl Renderers {
    /// The name of the one that shows.
    pub fn name(&self) -> &'static str {
        self.all.get(self.shown).map_or(WARP, |state| state.name)
    }

    /// Why none of the better ones shows, in a person's words; `None` if the best one does.
    pub fn why(&self) -> Option<String> {
        let better = self.all.iter().take(self.shown);
        let why: Vec<_> = better.filter_map(|state| Some(format!("{}: {}", state.name, state.why.as_ref()?))).collect();
        (!why.is_empty()).then(|| why.join(". "))
    }
}

/// The picture that is drawn, for whoever shows it in a window as a sprite or an egui texture. It holds sRGB values, and
/// Bevy's view of it says so. Inserted by `stage`, written by the graphics device in every tick.
#[derive(Resource, Clone, Debug)]
pub struct StageImage(pub Handle<Image>);
