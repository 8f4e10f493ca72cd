//! The built-in responder: what a character answers without any service. A pure function of what was said, who the
//! character is, what it remembers, the time, and a seeded source of chance.
//!
//! In this order: the name that a person gives or asks for; time, date and sums; the first greeting; what the character's
//! author wrote; what every character knows; an honest "I do not know".

use std::collections::VecDeque;

use rand::{Rng, seq::IndexedRandom};
use visage_core::{
    Emotion,
    Language::{self, English, German},
};
use visage_schedule::{IntentReply, Personality};

use crate::{
    defaults::default_personality,
    names::given_name,
    skills::{self, Now},
    words::{folded, has, has_any},
};

/// How many answers are remembered so as not to be repeated.
const REMEMBERED: usize = 6;

/// What a character keeps of a conversation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Memory {
    /// What the person is called.
    pub person: Option<String>,
    /// The character that has greeted the person.
    greeted_by: Option<String>,
    recent: VecDeque<String>,
}

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// What is said.
    pub text: String,
    /// With which emotion.
    pub emotion: Option<Emotion>,
}

/// Who answers.
#[derive(Clone, Copy, Debug)]
pub struct Answerer<'a> {
    /// What the character is called.
    pub name: &'a str,
    /// What its author wrote, by language; may be empty.
    pub personalities: &'a [Personality],
}

/// The answer to `text` in `language`. In answers that an author wrote, `{name}` becomes the character's name and
/// `{person}` the person's; an answer with `{person}` is not chosen before the person's name is known.
pub fn reply(
    text: &str,
    language: Language,
    who: Answerer<'_>,
    memory: &mut Memory,
    now: &Now,
    chance: &mut impl Rng,
) -> Reply {
    let written = who.personalities.iter().find(|personality| personality.language == language);
    let built_in = default_personality(language);
    let words = folded(text);
    let mut choice = Choice { name: who.name, memory, chance };

    if let Some(reply) = about_names(text, &words, language, &mut choice) {
        return reply;
    }
    if let Some(text) = skills::answer(text, language, now) {
        return choice.among(&[text], None);
    }
    let rest = without_greeting(&words, who.name, language);
    let only_greets = rest.trim().is_empty() && !words.trim().is_empty();
    let greeting = written.map(|personality| personality.greeting.clone()).filter(|greeting| !greeting.is_empty());
    if let Some(greeting) = greeting.filter(|_| only_greets && choice.memory.greeted_by.as_deref() != Some(who.name)) {
        choice.memory.greeted_by = Some(who.name.to_owned());
        return choice.among(&[greeting], Some(Emotion::Happy));
    }
    // "Hello Mira, tell me a joke": the greeting is not what matters.
    for words in [rest, words] {
        for personality in written.into_iter().chain([&built_in]) {
            if let Some(intent) = personality.intents.iter().find(|intent| means(&words, intent)) {
                return choice.among(&intent.replies, intent.emotion);
            }
        }
    }
    let fallback = written.map(|personality| &personality.fallback).filter(|fallback| !fallback.is_empty());
    choice.among(fallback.unwrap_or(&built_in.fallback), Some(Emotion::Thoughtful))
}

fn means(words: &str, intent: &IntentReply) -> bool {
    !intent.replies.is_empty() && intent.words.iter().any(|phrase| has(words, phrase))
}

/// What is left of the folded words without greetings and the character's name at their beginning.
fn without_greeting(words: &str, name: &str, language: Language) -> String {
    let greetings: &[&str] = match language {
        English => {
            &["good morning", "good afternoon", "good evening", "hello", "hi", "hey", "there", "okay", "so", "well"]
        }
        German => {
            &["guten morgen", "guten tag", "guten abend", "hallo", "hi", "hey", "moin", "servus", "okay", "also", "na"]
        }
    };
    let starts: Vec<String> =
        greetings.iter().map(|text| folded(text)).chain([folded(name)]).filter(|start| !start.is_empty()).collect();
    let mut rest = words;
    // A folded text begins and ends with a space, and so does what is left.
    while let Some(start) = starts.iter().find(|start| rest.starts_with(start.as_str())) {
        rest = &rest[start.len() - 1..];
    }
    rest.to_owned()
}

/// The person gives or asks for their own name.
fn about_names<R: Rng>(text: &str, words: &str, language: Language, choice: &mut Choice<'_, R>) -> Option<Reply> {
    if let Some(name) = given_name(text, language) {
        let replies = match language {
            English => ["Nice to meet you, {person}.", "Hello, {person}. I will remember your name."],
            German => ["Schön, dich kennenzulernen, {person}.", "Hallo, {person}. Den Namen merke ich mir."],
        };
        choice.memory.person = Some(name);
        return Some(choice.among(&replies.map(str::to_owned), Some(Emotion::Happy)));
    }
    let asks: &[&str] = match language {
        English => &[
            "what is my name",
            "whats my name",
            "who am i",
            "do you know my name",
            "remember my name",
            "remember me",
            "do you know me",
            "what am i called",
        ],
        German => &[
            "wie heiße ich",
            "wer bin ich",
            "wie ist mein name",
            "weißt du meinen namen",
            "wie ich heiße",
            "kennst du mich",
            "kennst du meinen namen",
            "wer ich bin",
        ],
    };
    has_any(words, asks).then(|| {
        let known = choice.memory.person.is_some();
        let reply = match (language, known) {
            (English, true) => "You are {person}.",
            (English, false) => "You have not told me your name yet.",
            (German, true) => "Du bist {person}.",
            (German, false) => "Du hast mir deinen Namen noch nicht gesagt.",
        };
        choice.among(&[reply.to_owned()], None)
    })
}

/// Chooses among answers.
struct Choice<'a, R> {
    name: &'a str,
    memory: &'a mut Memory,
    chance: &'a mut R,
}

impl<R: Rng> Choice<'_, R> {
    /// One of the answers: not a recent one if there is another, and none that wants a name that is not known.
    fn among(&mut self, replies: &[String], emotion: Option<Emotion>) -> Reply {
        let usable: Vec<&String> =
            replies.iter().filter(|reply| self.memory.person.is_some() || !reply.contains("{person}")).collect();
        let fresh: Vec<&String> = usable.iter().copied().filter(|reply| !self.memory.recent.contains(reply)).collect();
        let chosen = fresh.choose(self.chance).copied().or_else(|| {
            // All were said lately: the one that was said longest ago.
            let age = |reply: &&&String| self.memory.recent.iter().position(|recent| recent == reply.as_str());
            usable.iter().min_by_key(age).copied()
        });
        let Some(chosen) = chosen.cloned() else {
            // Only answers with an unknown name: better without one than none.
            let text = replies.first().map(|reply| reply.replace(", {person}", "").replace("{person}", ""));
            return Reply { text: text.unwrap_or_default().replace("{name}", self.name), emotion };
        };
        self.memory.recent.retain(|recent| *recent != chosen);
        self.memory.recent.push_back(chosen.clone());
        if self.memory.recent.len() > REMEMBERED {
            self.memory.recent.pop_front();
        }
        let person = self.memory.person.as_deref().unwrap_or_default();
        Reply { text: chosen.replace("{name}", self.name).replace("{person}", person), emotion }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    const NOW: Now = Now { hour: 9, minute: 30, weekday: 0, day: 23, month: 11, year: 2026 };

    fn own(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|&text| text.to_owned()).collect()
    }

    fn written() -> Personality {
        Personality {
            language: English,
            system_prompt: String::new(),
            greeting: "Hi.".into(),
            intents: vec![
                IntentReply {
                    words: own(&["hello", "hi"]),
                    replies: own(&["Ahoy, {person}!", "Ahoy!"]),
                    emotion: Some(Emotion::Happy),
                },
                IntentReply { words: own(&["ship"]), replies: own(&["{name} loves ships."]), emotion: None },
                IntentReply { words: own(&["silent"]), replies: own(&[]), emotion: None },
            ],
            fallback: own(&["Arr."]),
        }
    }

    /// A conversation: what is said to the character, and what must be in its answer.
    fn converse(personalities: &[Personality], turns: &[(&str, Language, &str)]) {
        for seed in 0..4 {
            let mut memory = Memory::default();
            let mut chance = ChaCha8Rng::seed_from_u64(seed);
            for &(text, language, expected) in turns {
                let who = Answerer { name: "Mira", personalities };
                let answer = reply(text, language, who, &mut memory, &NOW, &mut chance).text;
                assert!(answer.contains(expected) && !answer.contains('{'), "{text} -> {answer}, not {expected}");
            }
        }
    }

    #[test]
    fn the_author_comes_first_then_what_everyone_knows() {
        converse(
            &[written()],
            &[
                ("Hello!", English, "Hi."),
                ("Hello Mira!", English, "Ahoy!"),
                ("Do you like my SHIP?", English, "Mira loves ships."),
                ("Hello Mira, what about the ship?", English, "Mira loves ships."),
                ("Friendship matters.", English, "Arr."),
                ("Be silent", English, "Arr."),
                ("Thank you!", English, "e"),
                ("What's your name?", English, "Mira"),
                ("Hello, what time is it?", English, "9 30 am"),
                ("Purple monkey dishwasher", English, "Arr."),
                ("Lila Affe Spülmaschine", German, "ich"),
            ],
        );
    }

    #[test]
    fn names_are_remembered() {
        converse(
            &[written()],
            &[
                ("What is my name?", English, "not told me"),
                ("Hello, my name is Anna.", English, "Anna"),
                ("Do you know my name?", English, "Anna"),
                ("Wie heiße ich?", German, "Du bist Anna."),
                ("Ich heiße Ben.", German, "Ben"),
                ("Who am I?", English, "Ben"),
            ],
        );
    }

    #[test]
    fn a_character_without_words_still_talks() {
        converse(
            &[],
            &[
                ("Hello.", English, "Hello!"),
                ("Wie geht's?", German, "gut"),
                ("Wie spät ist es?", German, "9 Uhr 30"),
                ("What is 6 times 7?", English, "42"),
                ("", English, "o"),
            ],
        );
    }

    #[test]
    fn answers_are_not_repeated_while_there_are_others() {
        let mut memory = Memory::default();
        let mut chance = ChaCha8Rng::seed_from_u64(1);
        let who = Answerer { name: "Mira", personalities: &[] };
        let mut said: Vec<String> =
            (0..6).map(|_| reply("flumbix", English, who, &mut memory, &NOW, &mut chance).text).collect();
        assert!(said.windows(2).all(|pair| pair[0] != pair[1]), "{said:?}");
        said.truncate(3);
        said.sort();
        said.dedup();
        assert_eq!(said.len(), 3);
    }

    #[test]
    fn the_same_seed_gives_the_same_conversation() {
        let run = || {
            let mut memory = Memory::default();
            let mut chance = ChaCha8Rng::seed_from_u64(7);
            let who = Answerer { name: "Mira", personalities: &[] };
            ["Hello", "How are you?", "A joke, please", "xyzzy"]
                .map(|text| reply(text, English, who, &mut memory, &NOW, &mut chance))
        };
        assert_eq!(run(), run());
    }
}
