//! Numbers with what they count: units and money. The words are data (`plugins/voice/data/cldr`).

use std::{collections::HashMap, sync::LazyLock};

use visage_core::Language::{self, English, German};

use super::numbers::{Form, Number, cardinal};

/// What a unit or currency is called in a language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Noun {
    /// After 1.
    pub one: &'static str,
    /// After other numbers.
    pub others: &'static str,
    /// The form of a German number before it.
    pub form: Form,
}

impl Noun {
    /// The noun after a number.
    pub const fn after(self, one: bool) -> &'static str {
        if one { self.one } else { self.others }
    }

    fn of(one: &'static str, others: &'static str, gender: &str) -> Self {
        let form = match gender {
            "f" => Form::Feminine,
            "n" => Form::Neuter,
            _ => Form::Masculine,
        };
        Self { one, others, form }
    }
}

/// A unit or currency in both languages, and a currency's hundredth.
#[derive(Clone, Copy, Debug)]
struct Names {
    english: Noun,
    german: Noun,
    hundredth: Option<(Noun, Noun)>,
}

/// Names by symbol, and the symbols as a pattern, longest first.
struct Table {
    names: HashMap<&'static str, Names>,
    pattern: String,
}

impl Table {
    fn of(rows: impl Iterator<Item = (Vec<&'static str>, Names)>) -> Self {
        let mut names = HashMap::new();
        for (symbols, name) in rows {
            names.extend(symbols.into_iter().map(|symbol| (symbol, name)));
        }
        let mut symbols: Vec<&str> = names.keys().copied().collect();
        symbols.sort_by_key(|symbol| (std::cmp::Reverse(symbol.len()), *symbol));
        let pattern = symbols.iter().map(|symbol| regex::escape(symbol)).collect::<Vec<_>>().join("|");
        Self { names, pattern }
    }

    fn noun(&self, symbol: &str, language: Language) -> Option<Noun> {
        let names = self.names.get(symbol)?;
        Some(if language == English { names.english } else { names.german })
    }
}

fn rows(file: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    file.lines().filter(|line| !line.starts_with('#')).map(|line| line.split('\t').collect())
}

static UNITS: LazyLock<Table> = LazyLock::new(|| {
    Table::of(rows(include_str!("../../../data/cldr/units.tsv")).filter_map(|row| {
        let [symbols, one, others, einer, mehr, gender] = row[..] else { return None };
        let english = Noun::of(one, others, "");
        let names = Names { english, german: Noun::of(einer, mehr, gender), hundredth: None };
        Some((symbols.split(' ').collect(), names))
    }))
});

static CURRENCIES: LazyLock<Table> = LazyLock::new(|| {
    Table::of(rows(include_str!("../../../data/cldr/currencies.tsv")).filter_map(|row| {
        let [code, symbols, one, others, cent, cents, einer, mehr, gender, hundertster, hundertstel] = row[..] else {
            return None;
        };
        let hundredth =
            (!cent.is_empty()).then(|| (Noun::of(cent, cents, ""), Noun::of(hundertster, hundertstel, "m")));
        let names = Names { english: Noun::of(one, others, ""), german: Noun::of(einer, mehr, gender), hundredth };
        Some((symbols.split(' ').filter(|symbol| !symbol.is_empty()).chain([code]).collect(), names))
    }))
});

/// All units as a pattern.
pub fn unit_pattern() -> &'static str {
    &UNITS.pattern
}

/// All currencies (symbols and codes) as a pattern.
pub fn currency_pattern() -> &'static str {
    &CURRENCIES.pattern
}

/// What a unit's symbol is called.
pub fn unit(symbol: &str, language: Language) -> Option<Noun> {
    UNITS.noun(symbol, language)
}

/// What a currency's symbol or code is called.
pub fn currency(symbol: &str, language: Language) -> Option<Noun> {
    CURRENCIES.noun(symbol, language)
}

/// A thousand and more, as an amount is shortened: "k", "Mio.", "billion". The word after 1, after others, and its form.
pub fn magnitude(text: &str, language: Language) -> Option<Noun> {
    let text = text.trim_end_matches('.');
    let noun = |one, others, gender| Some(Noun::of(one, others, gender));
    match (language, text) {
        (English, "k" | "K" | "thousand") => noun("thousand", "thousand", ""),
        (English, "m" | "M" | "mn" | "million" | "Mio") => noun("million", "million", ""),
        (English, "b" | "B" | "bn" | "billion" | "Mrd") => noun("billion", "billion", ""),
        (English, "tn" | "T" | "trillion") => noun("trillion", "trillion", ""),
        (German, "Tsd" | "tsd" | "k" | "K") => noun("tausend", "tausend", "m"),
        (German, "Mio" | "M" | "Million" | "Millionen") => noun("Million", "Millionen", "f"),
        (German, "Mrd" | "Milliarde" | "Milliarden") => noun("Milliarde", "Milliarden", "f"),
        (German, "Bio" | "Billion" | "Billionen") => noun("Billion", "Billionen", "f"),
        _ => None,
    }
}

/// A number with its magnitude and its noun, "two point five million dollars".
pub fn quantity(number: &Number, magnitude: Option<Noun>, noun: Option<Noun>, language: Language) -> String {
    let form = magnitude.or(noun).map_or(Form::Counting, |noun| noun.form);
    let mut words = number.words(form, language);
    if let Some(magnitude) = magnitude {
        words.push(' ');
        words.push_str(magnitude.after(number.is_one()));
    }
    if let Some(noun) = noun {
        words.push(' ');
        words.push_str(noun.after(number.is_one() && magnitude.is_none()));
    }
    words
}

/// An amount of money. Two decimals are hundredths of a currency that has them: "three dollars and fifty cents", "drei Euro
/// fünfzig".
pub fn money(number: &Number, magnitude: Option<Noun>, symbol: &str, language: Language) -> Option<String> {
    let noun = currency(symbol, language)?;
    let hundredth = CURRENCIES.names.get(symbol).and_then(|names| names.hundredth);
    let cents = number.decimals.as_deref().filter(|decimals| decimals.len() == 2 && magnitude.is_none());
    let (Some(cents), Some((english, german))) = (cents, hundredth) else {
        return Some(quantity(number, magnitude, Some(noun), language));
    };
    let hundredth = if language == English { english } else { german };
    let cents = cents.trim_start_matches('0');
    let whole = Number { decimals: None, ..number.clone() };
    let small = |noun: Noun| format!("{} {}", cardinal(cents, noun.form, language), noun.after(cents == "1"));
    let large = quantity(&whole, None, Some(noun), language);
    Some(match (whole.whole.trim_start_matches('0').is_empty(), cents.is_empty()) {
        (true, false) => small(hundredth),
        (_, true) => large,
        (false, false) if language == English => format!("{large} and {}", small(hundredth)),
        (false, false) => format!("{large} {}", cardinal(cents, Form::Counting, language)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_tables_is_complete() {
        for table in [&*UNITS, &*CURRENCIES] {
            assert!(table.names.len() > 30);
            for (symbol, names) in &table.names {
                let nouns = [names.english.one, names.english.others, names.german.one, names.german.others];
                assert!(!symbol.is_empty() && nouns.iter().all(|noun| !noun.trim().is_empty()), "{symbol}");
            }
        }
        let lines = |file: &'static str| rows(file).count();
        assert_eq!(UNITS.names.len(), 146);
        assert_eq!(lines(include_str!("../../../data/cldr/currencies.tsv")), 38);
    }

    #[test]
    fn amounts_are_said_as_people_say_them() {
        let cases = [
            ("3.50", "$", English, "three dollars and fifty cents"),
            ("1.01", "£", English, "one pound and one penny"),
            ("0.99", "€", English, "ninety-nine cents"),
            ("1", "USD", English, "one dollar"),
            ("5.00", "$", English, "five dollars"),
            ("2.5", "$", English, "two point five dollars"),
            ("3.50", "¥", English, "three point five zero yen"),
            ("3,50", "€", German, "drei Euro fünfzig"),
            ("1", "€", German, "ein Euro"),
            ("0,01", "€", German, "ein Cent"),
            ("1", "INR", German, "eine Rupie"),
            ("20,05", "CHF", German, "zwanzig Franken fünf"),
        ];
        for (number, symbol, language, expected) in cases {
            let words = money(&Number::read(number, language), None, symbol, language);
            assert_eq!(words.as_deref(), Some(expected), "{number} {symbol}");
        }
        let million = |text, language, symbol| {
            let magnitude = magnitude(if language == English { "M" } else { "Mio." }, language);
            money(&Number::read(text, language), magnitude, symbol, language).unwrap_or_default()
        };
        assert_eq!(million("2.5", English, "$"), "two point five million dollars");
        assert_eq!(million("1", English, "$"), "one million dollars");
        assert_eq!(million("1", German, "€"), "eine Million Euro");
        assert_eq!(million("1,5", German, "€"), "eins Komma fünf Millionen Euro");
    }
}
