//! Messages between plugins. Each says who writes and who reads it.

use std::sync::Arc;

use bevy::prelude::*;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use visage_core::{Emotion, FacePose, Frame, Language, PortraitId, PortraitSource, Rig, TurnId};

/// Where a text goes among those that are said and wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum QueueMode {
    /// Instead of everything that is said and waits.
    #[default]
    Replace,
    /// As soon as the piece (a sentence, as a rule) that sounds has ended. What it cuts in on goes on afterwards. Several
    /// such texts keep their order.
    Next,
    /// After everything that waits.
    Append,
}

/// Somebody (page, window, REST) wants the avatar to say a text. Written in Ingest, read by `dialogue`.
#[derive(Message, Clone, Debug)]
pub struct Say {
    /// What to say; may hold several sentences.
    pub text: String,
    /// The language, if the caller knows it; otherwise the character's or what the text looks like.
    pub language: Option<Language>,
    /// The emotion to say it with.
    pub emotion: Option<Emotion>,
    /// When it is said.
    pub queue: QueueMode,
}

/// A person wrote something to the character. Written in Ingest, read by `dialogue`, which answers it.
#[derive(Message, Clone, Debug)]
pub struct UserText {
    /// What the person wrote.
    pub text: String,
}

/// The avatar is to be silent within this tick. Written in Ingest (a person pressed stop) and in Decide (barge-in), read
/// by `dialogue` (a new turn begins) and `voice`.
#[derive(Message, Clone, Copy, Debug, Default)]
pub struct StopSpeaking;

/// A turn is taken back: it falls silent if it sounds, and is not said if it waits. The others go on. Written in Ingest,
/// read by `dialogue` and `voice`.
#[derive(Message, Clone, Copy, Debug, PartialEq, Eq)]
pub struct CancelTurn(pub TurnId);

/// The character takes on an emotion until told otherwise. Written in Ingest and Decide, read by `emotion`.
#[derive(Message, Clone, Copy, Debug)]
pub struct SetEmotion {
    /// Which.
    pub emotion: Emotion,
    /// How much, 0..=1.
    pub strength: f32,
}

/// Another character is to become the active one. Written in Ingest, read by `character`.
#[derive(Message, Clone, Debug)]
pub struct Activate {
    /// The character's id (its folder's name).
    pub id: String,
}

/// The face is to show this expression until the next [`SetEmotion`], instead of an emotion's: an author tries out a preset.
/// Written in Ingest, read by `emotion`.
#[derive(Message, Clone, Debug)]
pub struct TryFace {
    /// The expression at full strength.
    pub face: FacePose,
}

/// Characters are to be changed. Written in Ingest (a person at the window), read by `character`, which answers with a
/// new [`CharacterList`](crate::CharacterList) or a [`Problem`].
#[derive(Message, Clone, Debug)]
pub struct EditCharacter {
    /// The character's id.
    pub id: String,
    /// What is to happen to it.
    pub edit: CharacterEdit,
}

/// A change of the characters.
#[derive(Clone, Debug)]
pub enum CharacterEdit {
    /// There is to be a new character with this picture.
    Create {
        /// What it is called.
        name: String,
        /// The bytes of a JPEG, PNG or WebP with a face.
        picture: Arc<[u8]>,
    },
    /// Some of its fields are to change (JSON Merge Patch, RFC 7396, over the JSON form of its file).
    Patch(serde_json::Value),
    /// It is to go, with all its files.
    Delete,
}

/// A portrait is to become a rig, off the tick. Written by `character`, read by `portrait`.
#[derive(Message, Clone, Debug)]
pub struct PreparePortrait {
    /// The picture and what its author says about it.
    pub source: Arc<PortraitSource>,
}

/// What became of a [`PreparePortrait`]. Written in Ingest by `portrait`, read by `character`.
#[derive(Message, Clone, Debug)]
pub struct PortraitReady {
    /// Which source it was made of.
    pub id: PortraitId,
    /// The rig, or what is wrong with the picture in a person's words.
    pub rig: Result<Arc<Rig>, String>,
}

/// Sound from somebody's microphone: mono, 48 kHz, any length. Written in Ingest, read by `hearing`.
#[derive(Message, Clone, Debug)]
pub struct MicrophoneSound {
    /// Samples in -1..=1.
    pub samples: Arc<[f32]>,
}

/// Whether microphone sound is listened to. Written in Ingest, read by `hearing`.
#[derive(Message, Clone, Copy, Debug)]
pub struct Hearing {
    /// On or off.
    pub on: bool,
}

/// The voice activity detector changed its mind. Written in Ingest by `hearing`, read by `dialogue`.
#[derive(Message, Clone, Copy, Debug)]
pub struct VoiceActivity {
    /// Whether somebody speaks now.
    pub speaking: bool,
}

/// Words that the listener understood. Written in Ingest by `hearing`, read by `dialogue`.
#[derive(Message, Clone, Debug)]
pub struct Heard {
    /// The words so far.
    pub text: String,
    /// The language they were heard in.
    pub language: Language,
    /// False while the person still speaks and the words may change.
    pub is_final: bool,
    /// Seconds from the last sound of the person's voice to this message (final words only).
    pub latency: Option<f32>,
}

/// A turn is to be spoken. Written in Decide by `dialogue`, read in Speak by `voice`.
#[derive(Message, Clone, Debug)]
pub struct Speak {
    /// The turn, newer than all before it; or one that is being said, whose further text follows it.
    pub turn: TurnId,
    /// When a new turn is said.
    pub queue: QueueMode,
    /// The whole text.
    pub text: String,
    /// The language to speak it in.
    pub language: Language,
    /// The emotion to say it with.
    pub emotion: Option<Emotion>,
}

/// A piece of speech began to sound in this tick. Written in Speak by `voice`.
#[derive(Message, Clone, Debug)]
pub struct UtteranceStarted {
    /// Its turn.
    pub turn: TurnId,
    /// Its text.
    pub text: String,
    /// Its emotion.
    pub emotion: Option<Emotion>,
}

/// Who said a line of the conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Speaker {
    /// The person.
    User,
    /// The character.
    Avatar,
}

/// A line of the running transcript. Written in Decide by `dialogue`, read by whatever shows it.
#[derive(Message, Clone, Debug, Serialize, Deserialize)]
pub struct Transcript {
    /// Who.
    pub speaker: Speaker,
    /// What.
    pub text: String,
    /// Language.
    pub language: Language,
    /// False if a later message will replace the line.
    pub is_final: bool,
}

/// Something went wrong that a person should know, in their words. Written by any plugin, shown by page and window.
#[derive(Message, Clone, Debug)]
pub struct Problem {
    /// One or two sentences: what is wrong and what to do.
    pub text: String,
}

/// A captured frame has come back from the renderer; its tick is one or two behind the present. Written in Ingest by
/// `stage`, read in Present by the encoders.
#[derive(Message, Clone, Debug)]
pub struct FrameReady(pub Frame);
