//! Conversations as data: what happens at which tick, and what must come of it.

use super::*;
use visage_core::Language::English;

fn say(text: &str) -> Input {
    queued(text, QueueMode::Replace)
}

fn queued(text: &str, queue: QueueMode) -> Input {
    Input::Say { text: text.into(), language: English, emotion: None, queue }
}

fn heard(text: &str, is_final: bool) -> Input {
    Input::Heard { text: text.into(), language: English, is_final }
}

/// Something that happens to the conversation at a tick.
enum Event {
    /// An input.
    In(Input),
    /// The voice takes up the present turn, or has nothing more to say.
    Busy(bool),
    /// The present turn begins to sound.
    Sounds,
    /// This turn begins to sound, or goes on.
    Turn(u64),
}
use Event::{Busy, In, Sounds, Turn};

fn brief(output: &Output) -> String {
    match output {
        Output::Stop => "stop".into(),
        Output::Speak { turn, text, .. } => format!("speak {} {text}", turn.0),
        Output::Line { speaker, text, is_final, .. } => {
            format!(
                "{} {text}{}",
                if *speaker == Speaker::User { "user:" } else { "avatar:" },
                if *is_final { "" } else { " …" }
            )
        }
        Output::Emotion(emotion, strength) => format!("emotion {emotion} {strength}"),
    }
}

/// Runs a scenario of events by tick; expects outputs by tick, and the state at the end.
fn check(name: &str, events: Vec<(u64, Event)>, expected: &[(u64, &str)], end: Conversation) {
    let mut turns = Turns::new(4);
    let mut voice = Voice::default();
    let mut found = Vec::new();
    let mut events = events.into_iter().peekable();
    let last = expected.last().map_or(0, |(tick, _)| *tick) + 5;
    let mut tick = 0;
    while events.peek().is_some() || tick <= last {
        let mut inputs = Vec::new();
        while let Some((_, event)) = events.next_if(|(at, _)| *at == tick) {
            match event {
                In(input) => inputs.push(input),
                Busy(busy) => voice = Voice { busy, turn: voice.turn.filter(|_| busy) },
                Turn(turn) => voice = Voice { busy: true, turn: Some(TurnId(turn)) },
                Sounds => voice = Voice { busy: true, turn: Some(turns.counter.current()) },
            }
        }
        let mut answer = |text: &str, _| Reply { text: format!("re {text}"), emotion: Some(Emotion::Happy) };
        let outputs = turns.step(Tick(tick), inputs, voice, &mut answer);
        if outputs.contains(&Output::Stop) {
            voice = Voice::default();
        }
        found.extend(outputs.iter().map(|output| (tick, brief(output))));
        tick += 1;
    }
    let expected: Vec<_> = expected.iter().map(|&(tick, text)| (tick, text.to_owned())).collect();
    assert_eq!(found, expected, "{name}");
    assert_eq!(turns.state(), end, "{name}");
}

#[test]
fn the_character_says_what_it_is_told() {
    check(
        "one",
        vec![(1, In(say("One."))), (2, Busy(true)), (5, Sounds), (50, Busy(false))],
        &[(1, "avatar: One."), (1, "speak 1 One.")],
        Conversation::Idle,
    );
    check(
        "mark-up is spoken and not shown, and its emotion is borrowed",
        vec![(1, In(say("[sad] Oh. [pause 1s] No."))), (2, Busy(true)), (5, Sounds), (50, Busy(false))],
        &[(1, "avatar: Oh. No."), (1, "speak 1 [sad] Oh. [pause 1s] No."), (86, "emotion neutral 1")],
        Conversation::Idle,
    );
    check(
        "a second order replaces the first",
        vec![(1, In(say("One."))), (2, Busy(true)), (5, Sounds), (9, In(say("Two."))), (12, Sounds)],
        &[(1, "avatar: One."), (1, "speak 1 One."), (9, "avatar: Two."), (9, "speak 2 Two.")],
        Conversation::Speaking,
    );
    check("nothing is not said", vec![(1, In(say("  ")))], &[], Conversation::Idle);
}

#[test]
fn what_waits_is_shown_when_it_is_said() {
    let (next, append) = (QueueMode::Next, QueueMode::Append);
    check(
        "one text cuts in on another, which goes on; a third follows",
        vec![
            (1, In(say("One. And one."))),
            (3, Turn(1)),
            (5, In(queued("Three.", append))),
            (6, In(queued("Two.", next))),
            (10, Turn(3)),
            (20, Turn(1)),
            (30, Turn(2)),
            (40, Busy(false)),
        ],
        &[
            (1, "avatar: One. And one."),
            (1, "speak 1 One. And one."),
            (5, "speak 2 Three."),
            (6, "speak 3 Two."),
            (10, "avatar: Two."),
            (30, "avatar: Three."),
        ],
        Conversation::Idle,
    );
    check(
        "what waits alone does not wait",
        vec![(1, In(queued("One.", append))), (3, Turn(1)), (9, Busy(false)), (20, In(queued("Two.", next)))],
        &[(1, "avatar: One."), (1, "speak 1 One."), (20, "avatar: Two."), (20, "speak 2 Two.")],
        Conversation::Thinking,
    );
    check(
        "a turn that is taken back is never shown, and the first one still counts as sounding",
        vec![
            (1, In(say("One."))),
            (2, In(queued("Two.", append))),
            (3, In(queued("Three.", append))),
            (4, In(Input::Cancel(TurnId(2)))),
            (5, Turn(1)),
            (30, Turn(3)),
        ],
        &[(1, "avatar: One."), (1, "speak 1 One."), (2, "speak 2 Two."), (3, "speak 3 Three."), (30, "avatar: Three.")],
        Conversation::Speaking,
    );
    check(
        "the first of several turns sounds",
        vec![(1, In(say("One."))), (2, In(queued("Two.", append))), (5, Turn(1))],
        &[(1, "avatar: One."), (1, "speak 1 One."), (2, "speak 2 Two.")],
        Conversation::Speaking,
    );
    check(
        "the only turn is taken back before it sounds",
        vec![(1, In(say("One."))), (2, Busy(true)), (3, In(Input::Cancel(TurnId(1)))), (4, Busy(false))],
        &[(1, "avatar: One."), (1, "speak 1 One.")],
        Conversation::Idle,
    );
    check(
        "a person interrupts all of them",
        vec![
            (1, In(say("One."))),
            (2, In(queued("Two.", append))),
            (3, Turn(1)),
            (10, In(Input::Voice(true))),
            (16, Turn(2)),
        ],
        &[(1, "avatar: One."), (1, "speak 1 One."), (2, "speak 2 Two."), (14, "stop")],
        Conversation::Listening,
    );
    check(
        "the emotion of one turn does not stay on the face in another",
        vec![
            (1, In(say("[sad] One. One."))),
            (2, Turn(1)),
            (3, In(queued("Two.", next))),
            (9, Turn(2)),
            (20, Turn(1)),
            (30, Busy(false)),
        ],
        &[
            (1, "avatar: One. One."),
            (1, "speak 1 [sad] One. One."),
            (3, "speak 2 Two."),
            (9, "avatar: Two."),
            (9, "emotion neutral 1"),
            (66, "emotion neutral 1"),
        ],
        Conversation::Idle,
    );
    check(
        "its own words are those of the turn that sounds",
        vec![
            (1, In(say("The weather is nice today."))),
            (2, Turn(1)),
            (3, In(queued("Please leave the house now.", append))),
            (9, In(heard("weather is nice today", true))),
            (40, Turn(2)),
            (50, In(heard("please leave the house", true))),
        ],
        &[
            (1, "avatar: The weather is nice today."),
            (1, "speak 1 The weather is nice today."),
            (3, "speak 2 Please leave the house now."),
            (40, "avatar: Please leave the house now."),
        ],
        Conversation::Speaking,
    );
}

#[test]
fn a_person_is_answered() {
    check(
        "spoken",
        vec![
            (1, In(Input::Voice(true))),
            (9, In(heard("how", false))),
            (20, In(Input::Voice(false))),
            (25, In(heard("how are you", true))),
            (26, Busy(true)),
            (30, Sounds),
            (60, Busy(false)),
            (120, Busy(false)),
        ],
        &[
            (9, "user: how …"),
            (25, "user: how are you"),
            (25, "emotion happy 0.8"),
            (25, "avatar: re how are you"),
            (25, "speak 1 re how are you"),
            (96, "emotion neutral 1"),
        ],
        Conversation::Idle,
    );
    check(
        "written",
        vec![(1, In(Input::Wrote { text: "hi".into(), language: English })), (2, Busy(true))],
        &[(1, "user: hi"), (1, "emotion happy 0.8"), (1, "avatar: re hi"), (1, "speak 1 re hi")],
        Conversation::Thinking,
    );
    check(
        "partial words that were none",
        vec![
            (1, In(Input::Voice(true))),
            (9, In(heard("you", false))),
            (20, In(Input::Voice(false))),
            (25, In(heard("", true))),
        ],
        &[(9, "user: you …"), (25, "user:  …")],
        Conversation::Listening,
    );
}

#[test]
fn a_person_interrupts() {
    check(
        "by speaking on",
        vec![(1, In(say("One."))), (2, Busy(true)), (5, Sounds), (40, In(Input::Voice(true)))],
        &[(1, "avatar: One."), (1, "speak 1 One."), (44, "stop")],
        Conversation::Listening,
    );
    check(
        "not by a short noise",
        vec![
            (1, In(say("One."))),
            (2, Busy(true)),
            (5, Sounds),
            (40, In(Input::Voice(true))),
            (43, In(Input::Voice(false))),
        ],
        &[(1, "avatar: One."), (1, "speak 1 One.")],
        Conversation::Speaking,
    );
    check(
        "by going on before the answer sounds",
        vec![
            (1, In(Input::Voice(true))),
            (20, In(Input::Voice(false))),
            (25, In(heard("I would", true))),
            (26, Busy(true)),
            (27, In(Input::Voice(true))),
        ],
        &[
            (25, "user: I would"),
            (25, "emotion happy 0.8"),
            (25, "avatar: re I would"),
            (25, "speak 1 re I would"),
            (31, "stop"),
            (67, "emotion neutral 1"),
        ],
        Conversation::Listening,
    );
    check(
        "by the stop button, which makes the turn stale",
        vec![
            (1, In(say("One."))),
            (2, Busy(true)),
            (5, Sounds),
            (9, In(Input::Stop)),
            (10, Busy(false)),
            (12, In(say("Two."))),
        ],
        &[(1, "avatar: One."), (1, "speak 1 One."), (12, "avatar: Two."), (12, "speak 3 Two.")],
        Conversation::Thinking,
    );
}

#[test]
fn the_characters_own_words_are_not_answered() {
    check(
        "while it speaks",
        vec![
            (1, In(say("The weather is nice today."))),
            (2, Busy(true)),
            (5, Sounds),
            (30, In(heard("weather is nice today", true))),
        ],
        &[(1, "avatar: The weather is nice today."), (1, "speak 1 The weather is nice today.")],
        Conversation::Speaking,
    );
    check(
        "but a person may say something else",
        vec![
            (1, In(say("The weather is nice today."))),
            (2, Busy(true)),
            (5, Sounds),
            (30, In(heard("what time is it", true))),
        ],
        &[
            (1, "avatar: The weather is nice today."),
            (1, "speak 1 The weather is nice today."),
            (30, "user: what time is it"),
            (30, "emotion happy 0.8"),
            (30, "avatar: re what time is it"),
            (30, "speak 2 re what time is it"),
        ],
        Conversation::Thinking,
    );
}

#[test]
fn an_emotion_that_a_person_set_comes_back() {
    check(
        "sad before, sad after",
        vec![
            (1, In(Input::Emotion(Emotion::Sad, 0.3))),
            (2, In(Input::Wrote { text: "hi".into(), language: English })),
            (3, Busy(true)),
            (5, Sounds),
            (20, Busy(false)),
        ],
        &[
            (2, "user: hi"),
            (2, "emotion happy 0.8"),
            (2, "avatar: re hi"),
            (2, "speak 1 re hi"),
            (56, "emotion sad 0.3"),
        ],
        Conversation::Idle,
    );
}

#[test]
fn a_voice_that_fails_does_not_hold_the_conversation_up() {
    check(
        "never taken up",
        vec![(1, In(say("One."))), (60, Busy(false))],
        &[(1, "avatar: One."), (1, "speak 1 One.")],
        Conversation::Idle,
    );
}
