//! What a page, a REST client or a window may order, and what they are told: one vocabulary for every way in.
//!
//! As JSON each has a `type` in snake case: `{"type": "say", "text": "Hello."}`. docs/api/signalling.md lists them.

use std::collections::BTreeMap;

use bevy::{ecs::system::SystemParam, prelude::*};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use utoipa::ToSchema;
use visage_core::{Blendshape, Emotion, FacePose, HeadPose, LONGEST_TEXT, Language, TurnId};

use crate::{
    Activate, CancelTurn, Hearing, Problem, QueueMode, Say, SetEmotion, Speaker, SpokenTurn, StopSpeaking, TryFace,
    UserText,
};

/// An order from outside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum RemoteCommand {
    /// Say this text.
    Say {
        /// One or more sentences.
        text: String,
        /// Its language, if known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        language: Option<Language>,
        /// The emotion to say it with.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        emotion: Option<Emotion>,
        /// When: instead of everything else, unless it says otherwise.
        #[serde(default)]
        queue: QueueMode,
    },
    /// The person wrote this to the character, which answers it as if it had been spoken.
    Chat {
        /// What the person wrote.
        text: String,
    },
    /// Be silent.
    Stop,
    /// Take one turn back, whether it is said or waits.
    Cancel {
        /// Its id: one of `speech` of the state.
        turn: TurnId,
    },
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
    /// Show an expression that is not an emotion of the character (yet), until the next `emotion`.
    TryFace {
        /// Weights of blendshapes, each 0..=1; those left out are 0.
        #[serde(default)]
        shapes: BTreeMap<Blendshape, f32>,
        /// Where the head is.
        #[serde(default)]
        head: HeadPose,
    },
}

fn full() -> f32 {
    1.0
}

/// A character that may be activated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CharacterSummary {
    /// Its id.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// Its languages; the first is its own.
    pub languages: Vec<Language>,
    /// Changes with its file and its pictures: whoever shows a thumbnail gets a new one then.
    #[serde(default)]
    pub revision: String,
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
        /// The turns that are said and wait, in the order in which they go on; left out if there are none.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        speech: Vec<SpokenTurn>,
        /// What draws the character: "warp", "liveportrait", …
        #[serde(default)]
        renderer: String,
        /// Why nothing better draws it, in a person's words; left out if the best renderer does.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        renderer_reason: Option<String>,
        /// What is not as it should be and stays so until it is mended, in a person's words.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        notices: Vec<String>,
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
///
/// Orders of one tick hold in the order in which they came: a stop takes back what was to be said before it, and leaves
/// what comes after it.
#[derive(SystemParam)]
pub struct Orders<'w> {
    say: ResMut<'w, Messages<Say>>,
    chat: ResMut<'w, Messages<UserText>>,
    problem: MessageWriter<'w, Problem>,
    stop: MessageWriter<'w, StopSpeaking>,
    cancel: MessageWriter<'w, CancelTurn>,
    emotion: MessageWriter<'w, SetEmotion>,
    hearing: MessageWriter<'w, Hearing>,
    activate: MessageWriter<'w, Activate>,
    try_face: MessageWriter<'w, TryFace>,
}

impl Orders<'_> {
    /// Writes the message that the order stands for. A text that is too long becomes a [`Problem`].
    pub fn give(&mut self, order: RemoteCommand) {
        if let RemoteCommand::Say { text, .. } | RemoteCommand::Chat { text } = &order
            && let Err(problem) = check_length(text)
        {
            self.problem.write(Problem { text: problem });
            return;
        }
        match order {
            RemoteCommand::Say { text, language, emotion, queue } => {
                self.say.write(Say { text, language, emotion, queue });
            }
            RemoteCommand::Chat { text } => {
                self.chat.write(UserText { text });
            }
            RemoteCommand::Stop => self.stop(),
            RemoteCommand::Cancel { turn } => {
                self.cancel.write(CancelTurn(turn));
            }
            RemoteCommand::Emotion { emotion, strength } => {
                self.emotion.write(SetEmotion { emotion, strength: strength.clamp(0.0, 1.0) });
            }
            RemoteCommand::Listen { on } => {
                self.hearing.write(Hearing { on });
            }
            RemoteCommand::Activate { id } => {
                // The new face does not go on with what the old one was saying.
                self.stop();
                self.activate.write(Activate { id });
            }
            RemoteCommand::TryFace { shapes, head } => {
                let weights: Vec<_> = shapes.into_iter().collect();
                self.try_face.write(TryFace { face: FacePose { head, ..FacePose::of(&weights) }.clamped() });
            }
        }
    }

    /// What was asked for in earlier ticks has been read; what is still there came before this stop in the same tick.
    fn stop(&mut self) {
        self.say.clear();
        self.chat.clear();
        self.stop.write(StopSpeaking);
    }
}

/// Whether a text to say or to answer is short enough ([`LONGEST_TEXT`]); the error says so to a person.
///
/// # Errors
/// It is longer.
pub fn check_length(text: &str) -> Result<(), String> {
    // A character has four bytes at most, so that most texts need no counting.
    let count = if text.len() <= LONGEST_TEXT { 0 } else { text.chars().count() };
    if count > LONGEST_TEXT {
        return Err(format!("The text has {count} characters; at most {LONGEST_TEXT} can be taken at once."));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn say(text: &str, queue: QueueMode) -> RemoteCommand {
        RemoteCommand::Say { text: text.into(), language: None, emotion: None, queue }
    }

    #[test]
    fn orders_read_as_documented() {
        let cases = [
            (r#"{"type":"say","text":"Hi."}"#, say("Hi.", QueueMode::Replace)),
            (r#"{"type":"say","text":"Hi.","queue":"next"}"#, say("Hi.", QueueMode::Next)),
            (r#"{"type":"say","text":"Hi.","queue":"append"}"#, say("Hi.", QueueMode::Append)),
            (r#"{"type":"stop"}"#, RemoteCommand::Stop),
            (r#"{"type":"cancel","turn":7}"#, RemoteCommand::Cancel { turn: TurnId(7) }),
            (
                r#"{"type":"emotion","emotion":"happy"}"#,
                RemoteCommand::Emotion { emotion: Emotion::Happy, strength: 1.0 },
            ),
            (r#"{"type":"activate","id":"mira"}"#, RemoteCommand::Activate { id: "mira".into() }),
        ];
        for (json, order) in cases {
            assert_eq!(serde_json::from_str::<RemoteCommand>(json).expect(json), order);
        }
        assert!(serde_json::from_str::<RemoteCommand>(r#"{"type":"say","text":"a","queue":"soon"}"#).is_err());
        // serde cannot say this of orders without fields.
        assert!(serde_json::from_str::<RemoteCommand>(r#"{"type":"chat","text":"a","now":true}"#).is_err());
    }

    /// What is left to be said after one tick's orders, and whether a stop was among them.
    fn check(orders: &[RemoteCommand], said: &[&str], stopped: bool, problems: usize) {
        let mut app = App::new();
        app.add_plugins(crate::SchedulePlugin);
        // Two systems give orders in a tick, as the server and the viewers do.
        let (first, second) = orders.split_at(orders.len() / 2);
        let (first, second) = (first.to_vec(), second.to_vec());
        let one = move |mut giver: Orders| first.clone().into_iter().for_each(|order| giver.give(order));
        let other = move |mut giver: Orders| second.clone().into_iter().for_each(|order| giver.give(order));
        app.add_systems(FixedUpdate, (one, other).chain());
        app.world_mut().run_schedule(FixedUpdate);
        let left: Vec<_> = app.world_mut().resource_mut::<Messages<Say>>().drain().map(|order| order.text).collect();
        assert_eq!(left, said, "{orders:?}");
        assert_eq!(app.world().resource::<Messages<StopSpeaking>>().is_empty(), !stopped, "{orders:?}");
        assert_eq!(app.world().resource::<Messages<Problem>>().len(), problems, "{orders:?}");
    }

    #[test]
    fn orders_of_one_tick_hold_in_the_order_of_their_arrival() {
        let say = |text: &str| say(text, QueueMode::Replace);
        let (stop, become_theo) = (RemoteCommand::Stop, RemoteCommand::Activate { id: "theo".into() });
        check(&[say("a")], &["a"], false, 0);
        check(&[say("a"), stop.clone()], &[], true, 0);
        check(&[stop.clone(), say("a")], &["a"], true, 0);
        check(&[say("a"), stop, say("b")], &["b"], true, 0);
        check(&[say("a"), become_theo, say("b")], &["b"], true, 0);
        // A turn that is taken back takes no other one with it.
        check(&[say("a"), RemoteCommand::Cancel { turn: TurnId(1) }, say("b")], &["a", "b"], false, 0);
    }

    #[test]
    fn a_text_that_is_too_long_is_refused_in_words() {
        let say = |length: usize| say(&"ä".repeat(length), QueueMode::Append);
        check(&[say(LONGEST_TEXT)], &[&"ä".repeat(LONGEST_TEXT)], false, 0);
        check(&[say(LONGEST_TEXT + 1)], &[], false, 1);
        check(&[RemoteCommand::Chat { text: "a".repeat(LONGEST_TEXT + 1) }], &[], false, 1);
        assert!(check_length(&"a".repeat(LONGEST_TEXT + 1)).is_err_and(|words| words.contains("5001 characters")));
    }
}
