//! What a page, a REST client or a window may order, and what they are told: one vocabulary for every way in.
//!
//! As JSON each has a `type` in snake case: `{"type": "say", "text": "Hello."}`. docs/api/signalling.md lists them.

use bevy::{ecs::system::SystemParam, prelude::*};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use visage_core::{Emotion, Language};

use crate::{Activate, Hearing, Say, SetEmotion, Speaker, StopSpeaking, UserText};

/// An order from outside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum RemoteCommand {
    /// Say this text now.
    Say {
        /// One or more sentences.
        text: String,
        /// Its language, if known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        language: Option<Language>,
        /// The emotion to say it with.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        emotion: Option<Emotion>,
    },
    /// The person wrote this to the character, which answers it as if it had been spoken.
    Chat {
        /// What the person wrote.
        text: String,
    },
    /// Be silent.
    Stop,
    /// Show an emotion until told otherwise.
    Emotion {
        /// Which.
        emotion: Emotion,
        /// How much, 0..=1.
        #[serde(default = "full")]
        strength: f32,
    },
    /// Listen to the microphone, or stop listening.
    Listen {
        /// On or off.
        on: bool,
    },
    /// Become another character.
    Activate {
        /// Its id.
        id: String,
    },
}

fn full() -> f32 {
    1.0
}

/// A character that may be activated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CharacterSummary {
    /// Its id.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// Its languages; the first is its own.
    pub languages: Vec<Language>,
}

/// The characters that can be activated. Written by `character`.
#[derive(Resource, Clone, Debug, Default)]
pub struct CharacterList(pub Vec<CharacterSummary>);

/// What is told to pages and windows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum RemoteEvent {
    /// The state changed, or a viewer has just come.
    State {
        /// "idle", "listening", "thinking" or "speaking".
        conversation: String,
        /// The emotion that the face shows or heads for.
        emotion: Emotion,
        /// Id of the active character; `None` while it is being made ready.
        character: Option<String>,
        /// All characters.
        characters: Vec<CharacterSummary>,
        /// Whether microphone sound is listened to.
        listening: bool,
    },
    /// A line of the conversation; a line that is not final is replaced by the next one of the same speaker.
    Transcript {
        /// Who.
        speaker: Speaker,
        /// What.
        text: String,
        /// Language.
        language: Language,
        /// Whether it will not change any more.
        is_final: bool,
    },
    /// Something that a person should know.
    Problem {
        /// In their words.
        text: String,
    },
    /// Sent every second.
    Stats {
        /// The tick at which it was sent.
        tick: u64,
        /// The server's clock at that tick, milliseconds since 1970.
        unix_ms: f64,
        /// Share of ticks that began in time.
        on_time: f64,
        /// Latest latency from order to first sound, seconds.
        first_sound: Option<f32>,
        /// Latest latency from end of voice to final words, seconds.
        transcription: Option<f32>,
    },
}

/// The two ends of a viewer's signalling connection, as JSON texts (docs/api/signalling.md). The transport (the server's
/// WebSocket, or a test) makes it; `webrtc` takes it.
#[derive(Debug)]
pub struct SignalSocket {
    /// Texts from the viewer. Closed when the viewer has gone.
    pub from_viewer: mpsc::Receiver<String>,
    /// Texts to the viewer. Dropped to end the connection.
    pub to_viewer: mpsc::Sender<String>,
}

/// Where new viewers are handed in. Inserted by `webrtc` when its plugin is built.
#[derive(Resource, Clone, Debug)]
pub struct ViewerDoor(pub mpsc::Sender<SignalSocket>);

/// Turns orders from outside into messages. For systems in Ingest.
#[derive(SystemParam)]
pub struct Orders<'w> {
    say: MessageWriter<'w, Say>,
    chat: MessageWriter<'w, UserText>,
    stop: MessageWriter<'w, StopSpeaking>,
    emotion: MessageWriter<'w, SetEmotion>,
    hearing: MessageWriter<'w, Hearing>,
    activate: MessageWriter<'w, Activate>,
}

impl Orders<'_> {
    /// Writes the message that the order stands for.
    pub fn give(&mut self, order: RemoteCommand) {
        match order {
            RemoteCommand::Say { text, language, emotion } => {
                self.say.write(Say { text, language, emotion });
            }
            RemoteCommand::Chat { text } => {
                self.chat.write(UserText { text });
            }
            RemoteCommand::Stop => {
                self.stop.write(StopSpeaking);
            }
            RemoteCommand::Emotion { emotion, strength } => {
                self.emotion.write(SetEmotion { emotion, strength: strength.clamp(0.0, 1.0) });
            }
            RemoteCommand::Listen { on } => {
                self.hearing.write(Hearing { on });
            }
            RemoteCommand::Activate { id } => {
                // The new face does not go on with what the old one was saying.
                self.stop.write(StopSpeaking);
                self.activate.write(Activate { id });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_read_as_documented() {
        let cases = [
            (
                r#"{"type":"say","text":"Hi."}"#,
                RemoteCommand::Say { text: "Hi.".into(), language: None, emotion: None },
            ),
            (r#"{"type":"stop"}"#, RemoteCommand::Stop),
            (
                r#"{"type":"emotion","emotion":"happy"}"#,
                RemoteCommand::Emotion { emotion: Emotion::Happy, strength: 1.0 },
            ),
            (r#"{"type":"activate","id":"mira"}"#, RemoteCommand::Activate { id: "mira".into() }),
        ];
        for (json, order) in cases {
            assert_eq!(serde_json::from_str::<RemoteCommand>(json).expect(json), order);
        }
        // serde cannot say this of orders without fields.
        assert!(serde_json::from_str::<RemoteCommand>(r#"{"type":"chat","text":"a","now":true}"#).is_err());
    }
}
