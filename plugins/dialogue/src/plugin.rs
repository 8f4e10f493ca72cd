//! Registers the conversation: one system in Decide.

use bevy::{ecs::message::MessageCursor, ecs::system::SystemParam, prelude::*};
use chrono::{Datelike, Timelike};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use visage_core::{Language, Script, language_of};
use visage_schedule::{
    ActiveCharacter, CancelTurn, Conversation, Heard, MediaClock, Say, SetEmotion, Sounding, Speak, StopSpeaking,
    Transcript, UserText, VisageSystems, VoiceActivity,
};

use crate::{
    responder::{Answerer, Memory, reply},
    skills::Now,
    turns::{Input, Output, Turns, Voice},
};

/// What a character is called before one is on stage.
const NOBODY: &str = "Visage";

/// Turns, barge-in and the built-in responder.
#[derive(Clone, Debug)]
pub struct DialoguePlugin {
    /// Ticks for which a person must speak before the character falls silent. Noticing a voice takes about three ticks
    /// before that, and filters what is none; a voice that was noticed counts for nine ticks at least.
    pub barge_in_ticks: u64,
    /// Where the chance in choosing answers begins.
    pub seed: u64,
    /// The time of day, if it is to be another than that of the machine. Tests and offline rendering set it.
    pub now: Option<Now>,
}

impl Default for DialoguePlugin {
    fn default() -> Self {
        Self { barge_in_ticks: 1, seed: 0, now: None }
    }
}

impl Plugin for DialoguePlugin {
    fn build(&self, app: &mut App) {
        app.insert_resource(Talk {
            turns: Turns::new(self.barge_in_ticks),
            memory: Memory::default(),
            chance: ChaCha8Rng::seed_from_u64(self.seed),
            now: self.now,
            language: None,
            character: None,
        })
        .add_systems(FixedUpdate, converse.in_set(VisageSystems::Decide));
    }
}

#[derive(Resource)]
struct Talk {
    turns: Turns,
    memory: Memory,
    chance: ChaCha8Rng,
    now: Option<Now>,
    /// The language last used by a person.
    language: Option<Language>,
    /// Whom the memory belongs to.
    character: Option<String>,
}

/// What is read. Stops and emotions are written here as well, so they are read through cursors of our own, which skip
/// what we wrote.
#[derive(SystemParam)]
struct Ears<'w, 's> {
    say: MessageReader<'w, 's, Say>,
    cancels: MessageReader<'w, 's, CancelTurn>,
    wrote: MessageReader<'w, 's, UserText>,
    heard: MessageReader<'w, 's, Heard>,
    voice: MessageReader<'w, 's, VoiceActivity>,
    stops: ResMut<'w, Messages<StopSpeaking>>,
    stops_read: Local<'s, MessageCursor<StopSpeaking>>,
    emotions: ResMut<'w, Messages<SetEmotion>>,
    emotions_read: Local<'s, MessageCursor<SetEmotion>>,
}

#[derive(SystemParam)]
struct Mouth<'w> {
    speak: MessageWriter<'w, Speak>,
    transcript: MessageWriter<'w, Transcript>,
    conversation: ResMut<'w, Conversation>,
}

fn converse(
    mut talk: ResMut<Talk>,
    mut ears: Ears,
    mut mouth: Mouth,
    clock: Res<MediaClock>,
    sounding: Res<Sounding>,
    character: Option<Res<ActiveCharacter>>,
) {
    let talk = &mut *talk;
    let profile = character.as_ref().map(|character| &character.profile);
    let id = profile.map(|profile| profile.id.as_str());
    if talk.character.as_deref() != id {
        // Another character knows nothing of what this one was told.
        talk.memory = Memory::default();
        talk.character = id.map(str::to_owned);
    }
    let own_language = profile.and_then(|profile| profile.voices.first()).map(|(language, _)| *language);
    let inputs = ears.inputs(&mut talk.language, own_language.unwrap_or_default());
    let who = Answerer {
        name: profile.map_or(NOBODY, |profile| &profile.name),
        personalities: profile.map_or(&[], |profile| &profile.personalities),
    };
    let now = talk.now;
    let (memory, chance) = (&mut talk.memory, &mut talk.chance);
    let mut answer = |text: &str, language| reply(text, language, who, memory, &now.unwrap_or_else(local_time), chance);
    let voice = Voice { turn: sounding.turn(), busy: sounding.busy };
    for output in talk.turns.step(clock.tick, inputs, voice, &mut answer) {
        match output {
            Output::Stop => {
                ears.stops.write(StopSpeaking);
            }
            Output::Emotion(emotion, strength) => {
                ears.emotions.write(SetEmotion { emotion, strength });
            }
            Output::Speak { turn, queue, text, language, emotion } => {
                mouth.speak.write(Speak { turn, queue, text, language, emotion });
            }
            Output::Line { speaker, text, language, is_final } => {
                mouth.transcript.write(Transcript { speaker, text, language, is_final });
            }
        }
    }
    ears.skip_own();
    mouth.conversation.set_if_neq(talk.turns.state());
}

impl Ears<'_, '_> {
    /// What has happened since the last tick: stops first. What was to be said before a stop of the same tick was taken back
    /// where the orders came in (`visage_schedule::Orders`).
    fn inputs(&mut self, last: &mut Option<Language>, own: Language) -> Vec<Input> {
        let mut inputs: Vec<Input> = self.stops_read.read(&self.stops).map(|_| Input::Stop).collect();
        inputs.extend(self.cancels.read().map(|CancelTurn(turn)| Input::Cancel(*turn)));
        inputs
            .extend(self.emotions_read.read(&self.emotions).map(|order| Input::Emotion(order.emotion, order.strength)));
        inputs.extend(self.voice.read().map(|activity| Input::Voice(activity.speaking)));
        inputs.extend(self.say.read().map(|Say { text, language, emotion, queue }| {
            // Neither tags nor their English names say which language a text is in, unless it says so itself.
            let (script, _) = Script::read(text);
            let language = language.or(script.language).unwrap_or_else(|| language_of(&script.plain(), own));
            Input::Say { text: text.clone(), language, emotion: *emotion, queue: *queue }
        }));
        for UserText { text } in self.wrote.read() {
            let language = language_of(text, last.unwrap_or(own));
            *last = Some(language);
            inputs.push(Input::Wrote { text: text.clone(), language });
        }
        for Heard { text, language, is_final, .. } in self.heard.read() {
            if *is_final && !text.is_empty() {
                *last = Some(*language);
            }
            inputs.push(Input::Heard { text: text.clone(), language: *language, is_final: *is_final });
        }
        inputs
    }

    fn skip_own(&mut self) {
        self.stops_read.clear(&self.stops);
        self.emotions_read.clear(&self.emotions);
    }
}

fn local_time() -> Now {
    let now = chrono::Local::now();
    Now {
        hour: now.hour(),
        minute: now.minute(),
        weekday: now.weekday().num_days_from_monday() as usize,
        day: now.day(),
        month: now.month() as usize,
        year: now.year(),
    }
}

#[cfg(test)]
mod tests {
    use visage_core::Emotion;
    use visage_schedule::{QueueMode, SchedulePlugin};

    use super::*;

    fn app() -> App {
        let mut app = App::new();
        let now = Now { hour: 9, minute: 30, weekday: 0, day: 23, month: 11, year: 2026 };
        app.add_plugins((
            MinimalPlugins,
            SchedulePlugin,
            DialoguePlugin { now: Some(now), ..DialoguePlugin::default() },
        ));
        app.finish();
        app
    }

    fn say(text: &str) -> Say {
        Say { text: text.into(), language: None, emotion: None, queue: QueueMode::Replace }
    }

    fn tick(app: &mut App) {
        app.world_mut().run_schedule(FixedUpdate);
    }

    /// Every message of a kind that is in the world, oldest first.
    fn all<M: Message + Clone>(app: &App) -> Vec<M> {
        let messages = app.world().resource::<Messages<M>>();
        messages.get_cursor().read(messages).cloned().collect()
    }

    #[test]
    fn a_typed_question_is_answered_in_its_language() {
        let mut app = app();
        app.world_mut().write_message(UserText { text: "Wie spät ist es?".into() });
        tick(&mut app);
        let spoken = all::<Speak>(&app);
        assert_eq!(spoken.len(), 1);
        assert_eq!((spoken[0].text.as_str(), spoken[0].language), ("Es ist 9 Uhr 30.", Language::German));
        assert_eq!(all::<Transcript>(&app).len(), 2);
        assert_eq!(*app.world().resource::<Conversation>(), Conversation::Thinking);
    }

    #[test]
    fn markup_is_spoken_in_its_language_and_not_shown() {
        let cases = [
            ("[happy] Guten Morgen! [pause 1s] Wie geht es dir?", Language::German, "Guten Morgen! Wie geht es dir?"),
            ("<speak xml:lang=\"de-DE\"><break time=\"1s\"/>Taxi.</speak>", Language::German, "Taxi."),
            ("<speak>Where is <emphasis level=\"strong\">he</emphasis>?</speak>", Language::English, "Where is he?"),
        ];
        for (text, language, shown) in cases {
            let mut app = app();
            app.world_mut().write_message(say(text));
            tick(&mut app);
            let (spoken, lines) = (all::<Speak>(&app), all::<Transcript>(&app));
            assert_eq!((spoken[0].text.as_str(), spoken[0].language), (text, language));
            assert_eq!((lines[0].text.as_str(), lines.len()), (shown, 1));
        }
        // Tags alone are nothing to say.
        let mut app = app();
        app.world_mut().write_message(say("[sad] [pause]"));
        tick(&mut app);
        assert!(all::<Speak>(&app).is_empty() && all::<Transcript>(&app).is_empty());
    }

    #[test]
    fn how_a_text_is_queued_and_what_is_taken_back_goes_to_the_voice() {
        let mut app = app();
        for queue in [QueueMode::Replace, QueueMode::Append, QueueMode::Next] {
            app.world_mut().write_message(Say { queue, ..say("One.") });
        }
        tick(&mut app);
        let spoken: Vec<_> = all::<Speak>(&app).iter().map(|speak| (speak.turn.0, speak.queue)).collect();
        assert_eq!(spoken, [(1, QueueMode::Replace), (2, QueueMode::Append), (3, QueueMode::Next)]);
        assert_eq!(all::<Transcript>(&app).len(), 1, "what waits is shown when it is said");
        app.world_mut().write_message(CancelTurn(visage_core::TurnId(1)));
        app.world_mut().write_message(CancelTurn(visage_core::TurnId(2)));
        tick(&mut app);
        assert_eq!(*app.world().resource::<Conversation>(), Conversation::Thinking);
        app.world_mut().write_message(CancelTurn(visage_core::TurnId(3)));
        tick(&mut app);
        assert_eq!(*app.world().resource::<Conversation>(), Conversation::Idle);
        assert!(all::<StopSpeaking>(&app).is_empty());
    }

    #[test]
    fn our_own_stop_and_emotion_are_not_taken_for_a_persons() {
        let mut app = app();
        app.world_mut().write_message(Say { emotion: Some(Emotion::Sad), ..say("One two three.") });
        tick(&mut app);
        app.world_mut().resource_mut::<Sounding>().busy = true;
        app.world_mut().write_message(VoiceActivity { speaking: true });
        for _ in 0..10 {
            tick(&mut app);
        }
        assert_eq!(all::<StopSpeaking>(&app).len(), 1);
        assert_eq!(*app.world().resource::<Conversation>(), Conversation::Listening);
        app.world_mut().write_message(UserText { text: "Hello".into() });
        tick(&mut app);
        let turns: Vec<u64> = all::<Speak>(&app).iter().map(|speak| speak.turn.0).collect();
        assert_eq!(turns, [1, 3], "the interruption took the turn between");
        app.world_mut().resource_mut::<Sounding>().busy = false;
        app.world_mut().write_message(VoiceActivity { speaking: false });
        for _ in 0..80 {
            tick(&mut app);
        }
        let shown: Vec<Emotion> = all::<SetEmotion>(&app).iter().map(|order| order.emotion).collect();
        assert_eq!(shown, [Emotion::Happy, Emotion::Neutral]);
    }
}
