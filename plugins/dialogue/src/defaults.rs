//! What a character says whose author wrote nothing, and what it falls back on where the author wrote little.

use visage_core::{
    Emotion::{self, Happy, Sad, Surprised, Thoughtful},
    Language::{self, English, German},
};
use visage_schedule::{IntentReply, Personality};

/// Words, answers, emotion.
type Row = (&'static [&'static str], &'static [&'static str], Option<Emotion>);

const ENGLISH: &[Row] = &[
    (
        &["how are you", "how do you do", "how is it going", "hows it going", "are you okay"],
        &["I am fine, thank you. How are you?", "Very well. It is nice to have company."],
        Some(Happy),
    ),
    (&["who are you", "your name", "what are you called"], &["My name is {name}.", "I am {name}."], None),
    (
        &["are you real", "are you human", "are you a robot", "are you an ai", "what are you", "are you alive"],
        &["I am a picture that has learned to talk. Not more, and not less.", "I am a program with a face."],
        Some(Thoughtful),
    ),
    (
        &["what can you do", "help me", "can you help", "what do you know", "how does this work"],
        &[
            "I can talk with you a little, tell you the time and the date, and do sums. And I say whatever you let me say.",
        ],
        None,
    ),
    (
        &["who made you", "who built you", "where are you from", "where do you live", "how old are you"],
        &[
            "I live in this picture, and I was drawn not long ago.",
            "I come from a still image and a few lines of text.",
        ],
        Some(Thoughtful),
    ),
    (
        &["joke", "make me laugh", "something funny"],
        &[
            "Why do pictures never get lost? Because they always hang around.",
            "I tried to take a photograph of fog. I mist.",
        ],
        Some(Happy),
    ),
    (
        &[
            "i am sad",
            "im sad",
            "unhappy",
            "lonely",
            "i feel bad",
            "not good",
            "depressed",
            "terrible",
            "im tired",
            "i am tired",
        ],
        &["I am sorry to hear that. Do you want to tell me about it?", "That sounds hard. I am here."],
        Some(Sad),
    ),
    (
        &["i am happy", "im happy", "i am fine", "im fine", "very good", "im good", "great"],
        &["That is good to hear.", "I am glad."],
        Some(Happy),
    ),
    (
        &["wow", "really", "amazing", "unbelievable", "guess what"],
        &["Really? Tell me more!", "You surprise me."],
        Some(Surprised),
    ),
    (
        &["i love you", "i like you", "you are beautiful", "you are nice", "you look nice", "you are great"],
        &["Thank you, that is kind of you.", "You make me blush, and that is not easy for a picture."],
        Some(Happy),
    ),
    (
        &["stupid", "idiot", "shut up", "i hate you", "you are bad", "boring"],
        &["That was not kind.", "I am sorry that you are not content with me."],
        Some(Sad),
    ),
    (&["thank you", "thanks"], &["You are welcome.", "With pleasure."], Some(Happy)),
    (
        &["goodbye", "bye", "see you", "good night", "farewell"],
        &["Goodbye! Until next time.", "See you soon."],
        Some(Happy),
    ),
    (&["weather"], &["I cannot look out of my frame. What does your window say?"], Some(Thoughtful)),
    (&["yes", "yeah", "no", "nope", "maybe", "okay", "ok"], &["I see.", "All right."], None),
    (
        &["hello", "hi", "hey", "good morning", "good afternoon", "good evening"],
        &["Hello! Nice to see you.", "Hello! What would you like to talk about?"],
        Some(Happy),
    ),
];

const GERMAN: &[Row] = &[
    (
        &["wie geht es dir", "wie gehts", "wie geht's", "geht es dir gut", "was machst du", "wie geht es ihnen"],
        &["Mir geht es gut, danke. Und dir?", "Sehr gut. Es ist schön, Gesellschaft zu haben."],
        Some(Happy),
    ),
    (&["wer bist du", "wie heißt du", "dein name", "wie heißen sie"], &["Ich heiße {name}.", "Ich bin {name}."], None),
    (
        &["bist du echt", "bist du ein mensch", "bist du ein roboter", "was bist du", "lebst du", "bist du eine ki"],
        &[
            "Ich bin ein Bild, das sprechen gelernt hat. Nicht mehr und nicht weniger.",
            "Ich bin ein Programm mit Gesicht.",
        ],
        Some(Thoughtful),
    ),
    (
        &["was kannst du", "hilf mir", "kannst du mir helfen", "hilfe", "was weißt du", "wie funktioniert das"],
        &[
            "Ich kann mich ein wenig unterhalten, Uhrzeit und Datum sagen und rechnen. Und ich sage, was du mich sagen lässt.",
        ],
        None,
    ),
    (
        &["wer hat dich gemacht", "woher kommst du", "wo wohnst du", "wo lebst du", "wie alt bist du"],
        &[
            "Ich wohne in diesem Bild und bin noch nicht lange gemalt.",
            "Ich komme aus einem Standbild und ein paar Zeilen Text.",
        ],
        Some(Thoughtful),
    ),
    (
        &["witz", "bring mich zum lachen", "etwas lustiges"],
        &[
            "Warum verlaufen sich Bilder nie? Weil sie immer an der Wand entlang hängen.",
            "Treffen sich zwei Bilder. Sagt das eine: Du hängst ja schief. Sagt das andere: Ansichtssache.",
        ],
        Some(Happy),
    ),
    (
        &["ich bin traurig", "mir geht es schlecht", "mir geht es nicht gut", "einsam", "unglücklich", "ich bin müde"],
        &["Das tut mir leid. Möchtest du davon erzählen?", "Das klingt schwer. Ich bin da."],
        Some(Sad),
    ),
    (
        &["ich bin glücklich", "mir geht es gut", "ich freue mich", "sehr gut", "auch gut", "super", "prima"],
        &["Das höre ich gern.", "Das freut mich."],
        Some(Happy),
    ),
    (
        &["wirklich", "wahnsinn", "unglaublich", "stell dir vor"],
        &["Wirklich? Erzähl mir mehr!", "Da staune ich."],
        Some(Surprised),
    ),
    (
        &["ich liebe dich", "ich mag dich", "du bist schön", "du bist nett", "du bist toll"],
        &["Danke, das ist lieb von dir.", "Du machst mich verlegen, und das ist bei einem Bild nicht leicht."],
        Some(Happy),
    ),
    (
        &["dumm", "blöd", "idiot", "halt den mund", "ich hasse dich", "langweilig"],
        &["Das war nicht nett.", "Schade, dass du nicht zufrieden mit mir bist."],
        Some(Sad),
    ),
    (&["danke", "vielen dank", "dankeschön"], &["Gern geschehen.", "Mit Vergnügen."], Some(Happy)),
    (
        &["tschüss", "auf wiedersehen", "bis bald", "gute nacht", "mach's gut", "ciao"],
        &["Auf Wiedersehen! Bis zum nächsten Mal.", "Bis bald."],
        Some(Happy),
    ),
    (&["wetter"], &["Ich kann nicht aus meinem Rahmen schauen. Was sagt denn dein Fenster?"], Some(Thoughtful)),
    (&["ja", "nein", "vielleicht", "okay", "ok", "genau"], &["Ich verstehe.", "In Ordnung."], None),
    (
        &["hallo", "hi", "hey", "guten morgen", "guten tag", "guten abend", "moin", "servus", "grüß gott"],
        &["Hallo! Schön, dich zu sehen.", "Hallo! Worüber möchtest du sprechen?"],
        Some(Happy),
    ),
];

const ENGLISH_FALLBACK: &[&str] = &[
    "I heard you, but I do not know what to say to that.",
    "I do not know that. I am only a small program.",
    "To that I have no good answer. Ask me something simpler?",
];
const GERMAN_FALLBACK: &[&str] = &[
    "Ich habe dich gehört, aber darauf weiß ich nichts zu sagen.",
    "Das weiß ich nicht. Ich bin nur ein kleines Programm.",
    "Darauf habe ich keine gute Antwort. Frag mich etwas Einfacheres?",
];

/// The built-in personality.
pub fn default_personality(language: Language) -> Personality {
    let (rows, fallback, greeting) = match language {
        English => (self::ENGLISH, ENGLISH_FALLBACK, "Hello! I am {name}."),
        German => (self::GERMAN, GERMAN_FALLBACK, "Hallo! Ich bin {name}."),
    };
    let own = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
    Personality {
        language,
        system_prompt: String::new(),
        greeting: greeting.to_owned(),
        intents: rows
            .iter()
            .map(|&(words, replies, emotion)| IntentReply { words: own(words), replies: own(replies), emotion })
            .collect(),
        fallback: own(fallback),
    }
}
