//! What every character knows without its author: the time, the date, and a little arithmetic.

use visage_core::Language::{self, English, German};

use crate::words::{folded, has_any};

/// The wall clock where the program runs, as a person would say it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// 0..=23.
    pub hour: u32,
    /// 0..=59.
    pub minute: u32,
    /// Days since Monday, 0..=6.
    pub weekday: usize,
    /// 1..=31.
    pub day: u32,
    /// 1..=12.
    pub month: usize,
    /// Of the common era.
    pub year: i32,
}

/// The answer to a question for the time, the date or a sum, if `text` is one.
pub(crate) fn answer(text: &str, language: Language, now: &Now) -> Option<String> {
    let words = folded(text);
    let (time, date): (&[&str], &[&str]) = match language {
        English => (
            &[
                "what time is it",
                "whats the time",
                "what is the time",
                "tell me the time",
                "the time please",
                "what time it is",
                "time is it now",
                "got the time",
                "have the time",
            ],
            &[
                "what day",
                "which day",
                "what date",
                "whats the date",
                "what is the date",
                "todays date",
                "tell me the date",
            ],
        ),
        German => (
            &["wie spät", "wie viel uhr", "wieviel uhr", "uhrzeit", "welche zeit"],
            &[
                "welcher tag",
                "welchen tag",
                "welches datum",
                "der wievielte",
                "den wievielten",
                "das datum",
                "welcher wochentag",
            ],
        ),
    };
    if has_any(&words, time) {
        return Some(say_time(language, now));
    }
    if has_any(&words, date) {
        return Some(say_date(language, now));
    }
    sum(text, language)
}

fn say_time(language: Language, now: &Now) -> String {
    match language {
        English => {
            let (hour, half) =
                (if now.hour.is_multiple_of(12) { 12 } else { now.hour % 12 }, if now.hour < 12 { "am" } else { "pm" });
            match now.minute {
                0 => format!(
                    "It is {hour} o'clock {}.",
                    if half == "am" { "in the morning" } else { "in the afternoon" }
                ),
                minute if minute < 10 => format!("It is {hour} oh {minute} {half}."),
                minute => format!("It is {hour} {minute} {half}."),
            }
        }
        German => match now.minute {
            0 => format!("Es ist {} Uhr.", now.hour),
            minute => format!("Es ist {} Uhr {minute}.", now.hour),
        },
    }
}

fn say_date(language: Language, now: &Now) -> String {
    const DAYS: [[&str; 7]; 2] = [
        ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
        ["Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag"],
    ];
    let table = usize::from(language == German);
    let day = DAYS[table][now.weekday % 7];
    let month = language.months()[(now.month + 11) % 12];
    match language {
        English => format!("Today is {day}, {month} {}, {}.", now.day, now.year),
        German => format!("Heute ist {day}, der {}. {month} {}.", now.day, now.year),
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Token {
    Number(f64),
    Operator(char),
}

/// The answer to "what is 3 plus 4" and the like: two or more numbers with operators between, nothing else that counts.
fn sum(text: &str, language: Language) -> Option<String> {
    let tokens = tokens(text, language);
    // Numbers and operators take turns, with a number at either end; a "-" that begins is a sign.
    let alternate = tokens.len() >= 3
        && tokens.len() % 2 == 1
        && tokens.iter().enumerate().all(|(index, token)| matches!(token, Token::Number(_)) == (index % 2 == 0));
    if !alternate {
        return None;
    }
    let Some(result) = evaluate(&tokens) else {
        return Some(match language {
            English => "Nobody can divide by zero, and neither can I.".into(),
            German => "Durch null kann niemand teilen, ich auch nicht.".into(),
        });
    };
    let verb = if language == English { "is" } else { "ist" };
    let question: Vec<String> = tokens.iter().map(|token| spoken(*token, language)).collect();
    Some(format!("{} {verb} {}.", question.join(" "), spoken(Token::Number(result), language)))
}

/// Numbers and operators in order; other words end the matter where they stand between two numbers.
fn tokens(text: &str, language: Language) -> Vec<Token> {
    let spaced: String = text
        .to_lowercase()
        .chars()
        .flat_map(|letter| match letter {
            '+' | '*' | '×' | '÷' | '=' | '?' | '!' => vec![' ', letter, ' '],
            letter => vec![letter],
        })
        .collect();
    let mut out = Vec::new();
    for word in spaced.split_whitespace() {
        let bare = word.trim_end_matches([',', '.', ';', ':']);
        let token = number(bare, language).map(Token::Number).or_else(|| operator(bare).map(Token::Operator));
        match token {
            // "geteilt DURCH", "divided BY", "multipliziert MIT".
            Some(Token::Operator(operator)) if out.last() == Some(&Token::Operator(operator)) => {}
            None if matches!((bare, out.last()), ("by" | "mit", Some(Token::Operator(_)))) => {}
            Some(token) => out.push(token),
            None if matches!(out.last(), Some(Token::Operator(_))) => out.clear(),
            None if bare.is_empty() || out.len() >= 3 => {}
            None => out.clear(),
        }
    }
    out
}

fn operator(word: &str) -> Option<char> {
    Some(match word {
        "+" | "plus" | "und" | "and" => '+',
        "-" | "–" | "minus" | "less" | "weniger" => '-',
        "*" | "×" | "x" | "times" | "mal" | "multiplied" | "multipliziert" => '*',
        "/" | "÷" | "divided" | "over" | "durch" | "geteilt" => '/',
        _ => return None,
    })
}

fn number(word: &str, language: Language) -> Option<f64> {
    const WORDS: [[&str; 21]; 2] = [
        [
            "zero",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
            "thirteen",
            "fourteen",
            "fifteen",
            "sixteen",
            "seventeen",
            "eighteen",
            "nineteen",
            "twenty",
        ],
        [
            "null",
            "eins",
            "zwei",
            "drei",
            "vier",
            "fünf",
            "sechs",
            "sieben",
            "acht",
            "neun",
            "zehn",
            "elf",
            "zwölf",
            "dreizehn",
            "vierzehn",
            "fünfzehn",
            "sechzehn",
            "siebzehn",
            "achtzehn",
            "neunzehn",
            "zwanzig",
        ],
    ];
    if let Some(value) = WORDS[usize::from(language == German)].iter().position(|name| *name == word) {
        return Some(value as f64);
    }
    if !word.starts_with(|letter: char| letter.is_ascii_digit()) || word.len() > 12 {
        return None;
    }
    // Thousands and decimals swap their signs between the languages.
    let plain = match language {
        English => word.replace(',', ""),
        German => word.replace('.', "").replace(',', "."),
    };
    plain.parse().ok()
}

/// Multiplication and division first, then from the left. Nothing where it divides by zero.
fn evaluate(tokens: &[Token]) -> Option<f64> {
    let mut terms = Vec::new();
    let mut sign = 1.0;
    let mut current = None;
    let mut pending = '+';
    for token in tokens {
        match *token {
            Token::Operator(operator) => pending = operator,
            Token::Number(value) => match (current, pending) {
                (Some(product), '*') => current = Some(product * value),
                (Some(_), '/') if value == 0.0 => return None,
                (Some(product), '/') => current = Some(product / value),
                (previous, operator) => {
                    terms.extend(previous.map(|product| sign * product));
                    sign = if operator == '-' { -1.0 } else { 1.0 };
                    current = Some(value);
                }
            },
        }
    }
    terms.extend(current.map(|product| sign * product));
    Some(terms.iter().sum())
}

fn spoken(token: Token, language: Language) -> String {
    let word = |english: &str, german: &str| if language == English { english.to_owned() } else { german.to_owned() };
    match token {
        Token::Number(value) => {
            let rounded = (value * 100.0).round() / 100.0;
            let text = if rounded < 0.0 { format!("minus {}", -rounded) } else { format!("{}", rounded.abs()) };
            if language == English { text } else { text.replace('.', ",") }
        }
        Token::Operator('+') => word("plus", "plus"),
        Token::Operator('-') => word("minus", "minus"),
        Token::Operator('*') => word("times", "mal"),
        Token::Operator(_) => word("divided by", "geteilt durch"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Now = Now { hour: 15, minute: 5, weekday: 6, day: 22, month: 11, year: 2026 };

    #[test]
    fn skills_answer_in_the_language_asked() {
        let cases = [
            ("What time is it?", English, Some("It is 3 oh 5 pm.")),
            ("Hello, can you tell me what time it is, please?", English, Some("It is 3 oh 5 pm.")),
            ("Wie spät ist es?", German, Some("Es ist 15 Uhr 5.")),
            ("wie spaet ist es", German, Some("Es ist 15 Uhr 5.")),
            ("What day is it today?", English, Some("Today is Sunday, November 22, 2026.")),
            ("Welcher Tag ist heute?", German, Some("Heute ist Sonntag, der 22. November 2026.")),
            ("What is 3 plus 4?", English, Some("3 plus 4 is 7.")),
            ("2+3*4", English, Some("2 plus 3 times 4 is 14.")),
            ("How much is seven times eight", English, Some("7 times 8 is 56.")),
            ("What's 10 divided by 4?", English, Some("10 divided by 4 is 2.5.")),
            ("Was ist 10 geteilt durch 4?", German, Some("10 geteilt durch 4 ist 2,5.")),
            ("Wie viel ist drei minus fünf?", German, Some("3 minus 5 ist minus 2.")),
            ("1 / 0", English, Some("Nobody can divide by zero, and neither can I.")),
            ("What is 1,000 plus 1?", English, Some("1000 plus 1 is 1001.")),
            ("I have two cats and one dog.", English, None),
            ("It takes time.", English, None),
            ("The 3 of us and 4 of them", English, None),
            ("call 5 x", English, None),
            ("", English, None),
        ];
        for (text, language, expected) in cases {
            assert_eq!(answer(text, language, &NOW).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn full_hours_are_said_as_such() {
        let cases = [
            (0, "It is 12 o'clock in the morning."),
            (12, "It is 12 o'clock in the afternoon."),
            (9, "It is 9 o'clock in the morning."),
        ];
        for (hour, expected) in cases {
            assert_eq!(say_time(English, &Now { hour, minute: 0, ..NOW }), expected);
        }
    }
}
