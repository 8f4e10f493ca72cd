//! Text whose author says what it is (SSML's say-as).

use visage_core::{
    Language::{self, English, German},
    SayAs,
};

use super::{
    english, german,
    letters::spelled,
    numbers::{Form, Number, cardinal, digit_word, digits, ordinal, year},
    spoken,
};

/// A text in words, read as what it is said to be. What is not that is read as usual.
pub fn read_as(text: &str, say_as: SayAs, language: Language) -> String {
    let text = text.trim();
    let number: String = text.chars().filter(char::is_ascii_digit).collect();
    let has_digits = !number.is_empty();
    let read = match say_as {
        SayAs::Characters => Some(characters(text, language)),
        SayAs::Digits if has_digits => Some(digits(text, language)),
        SayAs::Cardinal if has_digits => {
            let minus = if text.starts_with(['-', '−']) { "minus " } else { "" };
            Some(format!("{minus}{}", Number::read(text, language).words(Form::Counting, language)))
        }
        SayAs::Ordinal if has_digits => Some(ordinal(&number, "", language)),
        SayAs::Fraction => None,
        SayAs::Date(format) if has_digits => date(text, format, language),
        SayAs::Time if has_digits => time(text, language),
        SayAs::Telephone if has_digits => match language {
            English => english::digit_groups(text),
            German => german::digit_groups(text),
        },
        _ => None,
    };
    read.filter(|words| !words.trim().is_empty()).unwrap_or_else(|| spoken(text, language))
}

/// Letters, digits and marks one by one. Spaces make pauses.
fn characters(text: &str, language: Language) -> String {
    let groups = text.split_whitespace().map(|group| {
        let mut words: Vec<String> = Vec::new();
        for letter in group.chars() {
            match letter.to_digit(10) {
                Some(digit) => words.push(digit_word(digit, language).to_owned()),
                None if letter.is_alphabetic() => words.push(spelled(&letter.to_uppercase().to_string())),
                None => words.push(mark(letter, language).to_owned()),
            }
        }
        // A hyphen, so that an "A" is no article.
        words.retain(|word| !word.is_empty());
        words.join("-")
    });
    groups.collect::<Vec<_>>().join(", ")
}

/// What a mark is called; empty for what has no name.
const fn mark(mark: char, language: Language) -> &'static str {
    let (english, german) = match mark {
        '.' => ("dot", "Punkt"),
        ',' => ("comma", "Komma"),
        '-' | '–' => ("dash", "Strich"),
        '_' => ("underscore", "Unterstrich"),
        '/' => ("slash", "Schrägstrich"),
        '\\' => ("backslash", "Rückstrich"),
        ':' => ("colon", "Doppelpunkt"),
        ';' => ("semicolon", "Strichpunkt"),
        '!' => ("exclamation mark", "Ausrufezeichen"),
        '?' => ("question mark", "Fragezeichen"),
        '@' => ("at", "ät"),
        '#' => ("hash", "Raute"),
        '+' => ("plus", "plus"),
        '=' => ("equals", "gleich"),
        '*' => ("star", "Stern"),
        '&' => ("and", "und"),
        '%' => ("percent", "Prozent"),
        '$' => ("dollar", "Dollar"),
        '€' => ("euro", "Euro"),
        '\'' | '’' => ("apostrophe", "Apostroph"),
        '(' | '[' => ("bracket", "Klammer"),
        ')' | ']' => ("closing bracket", "Klammer zu"),
        _ => ("", ""),
    };
    match language {
        English => english,
        German => german,
    }
}

/// A date whose numbers mean what `format` says, day, month and year.
fn date(text: &str, format: &str, language: Language) -> Option<String> {
    let fields: Vec<&str> =
        text.split(|letter: char| !letter.is_alphanumeric()).filter(|field| !field.is_empty()).collect();
    if format.is_empty() || fields.len() != format.len() {
        return None;
    }
    let field = |wanted: char| format.chars().position(|letter| letter == wanted).map(|at| fields[at]);
    let (day, month, written_year) = (field('d'), field('m'), field('y'));
    match (day, month, written_year, language) {
        (Some(day), Some(month), year, English) => english::date(day, month, year.unwrap_or_default()),
        (Some(day), Some(month), year, German) => german::date(day, month, year.unwrap_or_default(), "r"),
        (None, Some(month), written, _) => {
            let name = match language {
                English => english::month(month)?,
                German => german::month(month)?,
            };
            Some(written.map_or_else(|| name.to_owned(), |written| format!("{name} {}", year(written, language))))
        }
        (Some(day), None, ..) => Some(ordinal(day, if language == German { "r" } else { "" }, language)),
        (None, None, Some(written), _) => Some(year(written, language)),
        (None, None, None, _) => None,
    }
}

/// A time of day: hours, minutes, and perhaps seconds.
fn time(text: &str, language: Language) -> Option<String> {
    let fields: Vec<&str> =
        text.split(|letter: char| !letter.is_ascii_digit()).filter(|field| !field.is_empty()).collect();
    let (hour, minute) = (*fields.first()?, fields.get(1).copied().unwrap_or("0"));
    if minute.len() > 2 || minute.parse::<u32>().ok()? > 59 {
        return None;
    }
    let lower = text.to_lowercase();
    let half = lower.contains('m').then(|| lower.chars().find(|letter| matches!(letter, 'a' | 'p'))).flatten();
    let clock = match language {
        English => english::clock(hour, minute, half.map(String::from).unwrap_or_default().as_str())?,
        German => german::clock(hour, minute)?,
    };
    Some(match (fields.get(2), language) {
        (None, _) => clock,
        (Some(seconds), English) => format!("{clock} and {} seconds", cardinal(seconds, Form::Counting, English)),
        (Some(seconds), German) => format!("{clock} und {} Sekunden", cardinal(seconds, Form::Counting, German)),
    })
}
