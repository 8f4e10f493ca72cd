//! Numbers in words, by the rules of Unicode's CLDR ("Rule-Based Number Formatting", UTS #35 part 3): an interpreter of the
//! part of that notation which its English and German rules use. Whole numbers below 10^18.

use std::{collections::HashMap, sync::LazyLock};

use visage_core::Language;

/// Numbers from here on have no words in CLDR.
pub const LARGEST: u64 = 1_000_000_000_000_000_000;

/// A named set of rules ("%spellout-cardinal").
type RuleSets = HashMap<String, Vec<Rule>>;

/// How numbers from `base` on are said, up to the next rule's base.
#[derive(Debug)]
struct Rule {
    base: u64,
    /// What the number is divided by for its first and last part.
    divisor: u64,
    parts: Vec<Part>,
}

#[derive(Debug)]
enum Part {
    Words(String),
    /// The quotient, by the named rules or the same.
    Quotient(Option<String>),
    /// The remainder, by the named rules or the same.
    Remainder(Option<String>),
    /// The number itself, by the named rules.
    Whole(String),
    /// Left out where the remainder is zero.
    Optional(Vec<Part>),
}

static ENGLISH: LazyLock<RuleSets> = LazyLock::new(|| {
    parse(include_str!("../../../data/cldr/rbnf-en.json")).expect("the file is our own and is tested")
});
static GERMAN: LazyLock<RuleSets> = LazyLock::new(|| {
    parse(include_str!("../../../data/cldr/rbnf-de.json")).expect("the file is our own and is tested")
});

/// A number by a set of rules, such as "spellout-ordinal". German words have soft hyphens where they are joined. `None` for
/// numbers that are too large, or if the language has no such rules.
pub fn spell(number: u64, rules: &str, language: Language) -> Option<String> {
    let sets = match language {
        Language::English => &*ENGLISH,
        Language::German => &*GERMAN,
    };
    let mut words = String::new();
    (number < LARGEST && say(number, sets.get(rules)?, sets, &mut words)).then_some(words)
}

/// Adds the words; false if a rule is missing. The depth is bounded: quotients and remainders are smaller than the number, and
/// CLDR's rules do not refer to each other in circles.
fn say(number: u64, rules: &[Rule], sets: &RuleSets, words: &mut String) -> bool {
    let at = rules.partition_point(|rule| rule.base <= number);
    let Some(mut rule) = at.checked_sub(1).map(|at| &rules[at]) else { return false };
    // The roll back of UTS #35: "one million" is no "one thousand thousand".
    let both = |parts: &[Part]| {
        parts.iter().any(|part| matches!(part, Part::Quotient(_)))
            && parts.iter().any(|part| matches!(part, Part::Remainder(_)))
    };
    if both(&rule.parts) && number.is_multiple_of(rule.divisor) && !rule.base.is_multiple_of(rule.divisor) && at > 1 {
        rule = &rules[at - 2];
    }
    say_parts(number, rule, &rule.parts, rules, sets, words)
}

fn say_parts(number: u64, rule: &Rule, parts: &[Part], rules: &[Rule], sets: &RuleSets, words: &mut String) -> bool {
    let (quotient, remainder) = (number / rule.divisor, number % rule.divisor);
    let by = |number: u64, name: &Option<String>, words: &mut String| match name {
        None => say(number, rules, sets, words),
        Some(name) => sets.get(name).is_some_and(|rules| say(number, rules, sets, words)),
    };
    parts.iter().all(|part| match part {
        Part::Words(text) => {
            words.push_str(text);
            true
        }
        Part::Quotient(name) => by(quotient, name, words),
        Part::Remainder(name) => by(remainder, name, words),
        Part::Whole(name) => sets.get(name).is_some_and(|rules| say(number, rules, sets, words)),
        Part::Optional(parts) => remainder == 0 || say_parts(number, rule, parts, rules, sets, words),
    })
}

/// Reads the rules. `None` if they are not in the notation.
fn parse(json: &str) -> Option<RuleSets> {
    let sets: HashMap<String, Vec<(String, String)>> = serde_json::from_str(json).ok()?;
    sets.into_iter()
        .map(|(name, lines)| {
            let rules: Option<Vec<Rule>> = lines
                .iter()
                // Rules for signs, fractions and infinity; and those for numbers that have no words.
                .filter(|(base, text)| base.starts_with(|first: char| first.is_ascii_digit()) && !text.contains('#'))
                .map(|(base, text)| rule(base, text))
                .collect();
            Some((name.trim_start_matches('%').to_owned(), rules?))
        })
        .collect()
}

fn rule(base: &str, text: &str) -> Option<Rule> {
    let (base, radix) = base.split_once('/').unwrap_or((base, "10"));
    let (base, radix): (u64, u64) = (base.parse().ok()?, radix.parse().ok()?);
    let mut divisor = 1;
    while base / radix >= divisor {
        divisor *= radix;
    }
    let text = text.strip_suffix(';')?;
    // An apostrophe keeps the space after it.
    let text = text.strip_prefix('\'').unwrap_or(text);
    let (parts, rest) = parts(text)?;
    rest.is_empty().then_some(Rule { base, divisor, parts })
}

/// The parts of a rule up to its end or to a closing bracket, and what follows.
fn parts(mut text: &str) -> Option<(Vec<Part>, &str)> {
    let mut found = Vec::new();
    while let Some(first) = text.chars().next() {
        let after = &text[first.len_utf8()..];
        match first {
            ']' => break,
            '[' => {
                let (inner, rest) = parts(after)?;
                found.push(Part::Optional(inner));
                text = rest.strip_prefix(']')?;
            }
            '←' | '→' | '=' => {
                let (name, rest) = after.split_once(first)?;
                let name = (!name.is_empty()).then(|| name.trim_start_matches('%').to_owned());
                found.push(match first {
                    '←' => Part::Quotient(name),
                    '→' => Part::Remainder(name),
                    _ => Part::Whole(name?),
                });
                text = rest;
            }
            _ => {
                let end = text.find(['[', ']', '←', '→', '=']).unwrap_or(text.len());
                found.push(Part::Words(text[..end].to_owned()));
                text = &text[end..];
            }
        }
    }
    Some((found, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_spelled_as_cldr_spells_them() {
        use Language::{English, German};
        let cases = [
            (0, "spellout-cardinal", English, "zero"),
            (13, "spellout-cardinal", English, "thirteen"),
            (42, "spellout-cardinal", English, "forty-two"),
            (100, "spellout-cardinal", English, "one hundred"),
            (342, "spellout-cardinal", English, "three hundred forty-two"),
            (1_001, "spellout-cardinal", English, "one thousand one"),
            (
                12_345_678,
                "spellout-cardinal",
                English,
                "twelve million three hundred forty-five thousand six hundred seventy-eight",
            ),
            (20, "spellout-ordinal", English, "twentieth"),
            (21, "spellout-ordinal", English, "twenty-first"),
            (112, "spellout-ordinal", English, "one hundred twelfth"),
            (1_000, "spellout-ordinal", English, "one thousandth"),
            (1_066, "spellout-numbering-year", English, "ten sixty-six"),
            (1_900, "spellout-numbering-year", English, "nineteen hundred"),
            (1_905, "spellout-numbering-year", English, "nineteen oh-five"),
            (2_000, "spellout-numbering-year", English, "two thousand"),
            (2_007, "spellout-numbering-year", English, "two thousand seven"),
            (2_026, "spellout-numbering-year", English, "twenty twenty-six"),
            (1, "spellout-numbering", German, "eins"),
            (21, "spellout-numbering", German, "einundzwanzig"),
            (101, "spellout-numbering", German, "einhunderteins"),
            (1_000, "spellout-numbering", German, "eintausend"),
            (1_000_000, "spellout-numbering", German, "eine Million"),
            (2_000_001, "spellout-numbering", German, "zwei Millionen eins"),
            (1, "spellout-cardinal-feminine", German, "eine"),
            (27_881, "spellout-cardinal-masculine", German, "siebenundzwanzigtausendachthunderteinundachtzig"),
            (3, "spellout-ordinal-n", German, "dritten"),
            (7, "spellout-ordinal", German, "siebte"),
            (21, "spellout-ordinal-r", German, "einundzwanzigster"),
            (100, "spellout-ordinal", German, "einhundertste"),
            (103, "spellout-ordinal-s", German, "einhundertdrittes"),
            (1_984, "spellout-numbering-year", German, "neunzehnhundertvierundachtzig"),
            (2_026, "spellout-numbering-year", German, "zweitausendsechsundzwanzig"),
        ];
        for (number, rules, language, expected) in cases {
            let words = spell(number, rules, language).map(|words| words.replace('\u{ad}', ""));
            assert_eq!(words.as_deref(), Some(expected), "{number} {rules}");
        }
        assert_eq!(spell(27, "spellout-numbering", German).as_deref(), Some("sieben\u{ad}und\u{ad}zwanzig"));
    }

    #[test]
    fn every_number_has_words_and_no_two_have_the_same() {
        for language in [Language::English, Language::German] {
            for rules in ["spellout-numbering", "spellout-ordinal", "spellout-numbering-year"] {
                let numbers =
                    (0..12_000).chain((0..18).map(|power| 10_u64.pow(power) * 7 + 12_000)).chain([LARGEST - 1]);
                let mut seen = std::collections::HashSet::new();
                for number in numbers {
                    let words = spell(number, rules, language).unwrap_or_default();
                    assert!(!words.is_empty() && !words.contains(|letter: char| letter.is_ascii_digit()), "{number}");
                    assert!(seen.insert(words), "{number} {rules} {language}");
                }
            }
            assert_eq!(spell(LARGEST, "spellout-numbering", language), None);
            assert_eq!(spell(1, "no such rules", language), None);
        }
    }
}
