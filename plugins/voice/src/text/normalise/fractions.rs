//! Fractions and what is written like them: "3/4 l", "½ Stunde", "2½", "24/7", "120/80", "2024/25". One list for all languages,
//! whose words `numbers` knows.

use visage_core::Language::{self, English, German};

use super::{
    Found, Rule, german,
    numbers::{Form, Number, cardinal, fraction, fraction_of, mixed, vulgar, year},
    quantities,
};

/// The rules, in the order in which they are tried.
pub(super) fn rules(language: Language) -> Vec<Rule> {
    let rule = |pattern: &str, read| Rule::new(&pattern.replace("{VULGAR}", "[½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞]"), language, read);
    let mut rules = vec![
        // 1/2 l, ¾ mi
        rule(r"(?:([0-9]{1,2})/([0-9]{1,2})|({VULGAR}))\s?({UNIT})\.?", |found| {
            let (numerator, denominator) = parts_of(found, 1)?;
            let unit = quantities::unit(found.get(4), found.language)?;
            let vowel = unit.one.starts_with(['a', 'e', 'i', 'o']) || unit.one.starts_with("hour");
            Some(format!("{} {}", fraction_of(numerator, denominator, unit.form, vowel, found.language), unit.one))
        }),
        // 1 1/2 kg, 2½ h
        rule(r"([0-9]{1,6})\s?(?:\s([0-9]{1,2})/([0-9]{1,2})|({VULGAR}))\s?({UNIT})\.?", |found| {
            let (numerator, denominator) = parts_of(found, 2)?;
            let unit = quantities::unit(found.get(5), found.language)?.others;
            Some(format!("{} {unit}", mixed(found.get(1), numerator, denominator, found.language)))
        }),
        // 2½, 2 3/4
        rule(r"([0-9]{1,6})\s?({VULGAR})", |found| {
            let (numerator, denominator) = vulgar(found.get(2).chars().next()?)?;
            Some(mixed(found.get(1), numerator, denominator, found.language))
        }),
        rule(r"([0-9]{1,6})\s([0-9]{1,2})/([0-9]{1,2})", |found| {
            let (whole, numerator, denominator) = (found.get(1), found.get(2), found.get(3));
            proper(numerator, denominator).then(|| mixed(whole, numerator, denominator, found.language))
        }),
        rule(r"24/7", |found| Some(found.either("twenty-four seven", "vierundzwanzig sieben").to_owned())),
        // 3/4
        rule(r"([0-9]{1,3})/([0-9]{1,4})", |found| {
            let (numerator, denominator) = (found.get(1), found.get(2));
            proper(numerator, denominator).then(|| fraction(numerator, denominator, found.language))
        }),
        // 4.5/5, 120/80, 2024/25
        rule(r"({N})/([0-9]{1,4})", |found| {
            let (first, second, language) = (found.get(1), found.get(2), found.language);
            let years = first.len() == 4 && second.len() == 2;
            let larger = first.parse::<u32>().is_ok_and(|first| second.parse().is_ok_and(|second| first > second));
            let joint = if larger { found.either("over", "zu") } else { found.either("out of", "von") };
            let number = cardinal(second, Form::Counting, language);
            Some(match years {
                true => format!("{} {number}", year(first, language)),
                false => format!("{} {joint} {number}", Number::read(first, language).words(Form::Counting, language)),
            })
        }),
    ];
    match language {
        English => rules.insert(0, rule(r"9/11", |_| Some("nine eleven".to_owned()))),
        // ½ Stunde: the noun tells the form. After what looks like a noun and is a unit.
        German => rules.insert(
            1,
            rule(r"(?:([0-9]{1,2})/([0-9]{1,2})|({VULGAR}))\s(\p{Lu}\p{L}{1,30})", |found| {
                let (numerator, denominator) = parts_of(found, 1)?;
                let (noun, form) = (found.get(4), german::form(found.get(4)));
                Some(format!("{} {noun}", fraction_of(numerator, denominator, form, false, German)))
            }),
        ),
    }
    rules
}

/// The parts of a fraction: two groups from `group` on, or a character that is a fraction in the one after.
fn parts_of<'a>(found: &Found<'a>, group: usize) -> Option<(&'a str, &'a str)> {
    match found.get(group) {
        "" => vulgar(found.get(group + 2).chars().next()?),
        numerator => proper(numerator, found.get(group + 1)).then(|| (numerator, found.get(group + 1))),
    }
}

/// Whether a fraction has a name: "three quarters", but "nine out of ten".
fn proper(numerator: &str, denominator: &str) -> bool {
    let value = |text: &str| text.parse::<u32>().unwrap_or(0);
    let (numerator, denominator) = (value(numerator), value(denominator));
    let named = denominator <= 20 && denominator != 10 || matches!(denominator, 32 | 64);
    named && (1..denominator).contains(&numerator)
}
