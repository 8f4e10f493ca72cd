//! How English is read. American in dates ("5/3" is May third) and spellings.

use std::sync::LazyLock;

use visage_core::Language::English;

use super::{
    Abbreviation, Found,
    Goes::{Either, On, WithCapital, WithNumber},
    Place, Rule, backwards, forwards, fractions,
    letters::mixed_name,
    numbers::{Form, Number, cardinal, digits, is_surely_roman, ordinal, roman, year},
    quantities::{self, currency, magnitude, money, quantity},
};

/// A number: "1,234.5", "0.5", ".5".
pub(super) const NUMBER: &str =
    r"[0-9]{1,3}(?:,[0-9]{3}){1,6}(?:\.[0-9]{1,20})?|[0-9]{1,30}(?:\.[0-9]{1,20})?|\.[0-9]{1,20}";
pub(super) const MONTHS: &str = "January|February|March|April|May|June|July|August|September|October|November|December|\
                                 Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept|Sep|Oct|Nov|Dec";

/// What things are counted for, besides units: "$5/month".
pub(super) const EACH: &str = "month|year|day|week|hour|minute|second|person|night|user|piece|unit|mile";

/// A quantity's second number, after a dash or "to".
const TO: &str = r"(?:\s?[–—-]\s?|\sto\s)";
/// How large amounts are shortened. Single letters only right behind the number.
const MAGNITUDE: &str = r"\s?(?:thousand|million|billion|trillion|bn|mn|tn)|[kKMBT]|m";
/// The same before units, whose symbols are letters, too.
const LARGE: &str = r"\s?(?:thousand|million|billion|trillion)";

pub(super) static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    let rule = |pattern: &str, read| {
        Rule::new(&pattern.replace("{TO}", TO).replace("{MAG}", MAGNITUDE).replace("{LARGE}", LARGE), English, read)
    };
    let before = vec![
        // [text](address): the text.
        rule(r"!?\[([^\[\]\n]{0,200})\]\([^()\s]{0,500}\)", |found| Some(super::spoken(found.get(1), English))),
        // Smiles have no sound.
        rule(r"[:;]-?[()DPp/|]", |_| Some(String::new())),
        // +1 (555) 123-4567, 030 1234567, 555-123-4567, 555-1234, 1-800-555-0199
        rule(
            r"(?:\+[0-9]{1,3}[ -]?(?:\(0\) ?)?|\(0[0-9]{1,5}\) ?|\([0-9]{3}\) ?|0[0-9]{2,5}[ /-])[0-9(][0-9 ()/-]{4,18}[0-9]",
            phone,
        ),
        rule(r"(?:1-)?[0-9]{3}[-.][0-9]{3}[-.][0-9]{4}", phone),
        rule(r"[0-9]{3}-[0-9]{4}", |found| {
            let asked =
                backwards(found.before()).next().is_some_and(|before| CALLED.contains(&before.to_lowercase().as_str()));
            if asked || found.get(0).starts_with("555") { phone(found) } else { None }
        }),
        // 4111 1111 1111 1111
        rule(r"[0-9]{4}(?: [0-9]{4}){2,3}", phone),
        // 2024-05-03, 2024-05-03T14:30
        rule(r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?:T([0-9]{2}):([0-9]{2})(?::[0-9]{2})?Z?)?", |found| {
            let date = date(found.get(3), found.get(2), found.get(1))?;
            let time = if found.get(4).is_empty() {
                String::new()
            } else {
                format!(", {}", clock(found.get(4), found.get(5), "")?)
            };
            Some(date + &time)
        }),
        // 5/3/2024; the larger number of 13/5/2024 is the day.
        rule(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4}|[0-9]{2})", |found| {
            let (month, day) = if found.get(1).parse::<u32>().is_ok_and(|first| first > 12) { (2, 1) } else { (1, 2) };
            date(found.get(day), found.get(month), found.get(3))
        }),
        // 3.5.2024
        rule(r"([0-9]{1,2})\.([0-9]{1,2})\.([0-9]{4})", |found| date(found.get(1), found.get(2), found.get(3))),
        // 3 May 2024, 3rd of May
        rule(r"([0-9]{1,2})(?:st|nd|rd|th)?\s(?:of\s)?({MONTH})\b\.?(?:,?\s([0-9]{4})\b)?", |found| {
            let (day, month, year) = (found.get(1), month(found.get(2))?, found.get(3));
            let has_article = backwards(found.before()).next().is_some_and(|before| before.eq_ignore_ascii_case("the"));
            let article = if has_article { "" } else { "the " };
            is_day(day).then(|| with_year(format!("{article}{} of {month}", ordinal(day, "", English)), year))
        }),
        // 2:30 pm, 14:30, 14:30:15
        rule(r"([0-9]{1,2}):([0-5][0-9])(?::([0-5][0-9]))?(?:\s?([aApP])\.?[mM]\b\.?)?", |found| {
            let time = clock(found.get(1), found.get(2), found.get(4))?;
            Some(match found.get(3) {
                "" => time,
                seconds => format!("{time} and {} seconds", cardinal(seconds, Form::Counting, English)),
            })
        }),
        // 9am–5pm
        rule(
            r"([0-9]{1,2})(?::([0-5][0-9]))?\s?([aApP])\.?[mM]\.?{TO}([0-9]{1,2})(?::([0-5][0-9]))?\s?([aApP])\.?[mM]\b\.?",
            |found| {
                let minutes = |group| if found.get(group).is_empty() { "00" } else { found.get(group) };
                let from = clock(found.get(1), minutes(2), found.get(3))?;
                Some(format!("{from} to {}", clock(found.get(4), minutes(5), found.get(6))?))
            },
        ),
        // 2 pm, 2–4 pm
        rule(r"([0-9]{1,2})(?:{TO}([0-9]{1,2}))?\s?([aApP])\.?[mM]\b\.?", |found| {
            let half = if found.get(3).eq_ignore_ascii_case("a") { "A-M" } else { "P-M" };
            let hour = |hour| cardinal(hour, Form::Counting, English);
            Some(match found.get(2) {
                "" => format!("{} {half}", hour(found.get(1))),
                to => format!("{} to {} {half}", hour(found.get(1)), hour(to)),
            })
        }),
        // 1.2.3, 192.168.0.1
        rule(r"[0-9]{1,6}(?:\.[0-9]{1,6}){2,5}", |found| {
            let parts: Vec<_> = found.get(0).split('.').map(|part| cardinal(part, Form::Counting, English)).collect();
            Some(parts.join(if parts.len() == 4 { " dot " } else { " point " }))
        }),
        // 3rd
        rule(r"([0-9]{1,3}(?:,[0-9]{3}){1,4}|[0-9]{1,18})(?:st|nd|rd|th)", |found| {
            Some(ordinal(&found.get(1).replace(',', ""), "", English))
        }),
        // 1990s, '80s, the 80s
        rule(r"(['’]?)([0-9]0|[0-9]{3}0)(['’]?)s", |found| {
            let tens = found.get(2);
            let seconds = tens.len() == 2
                && found.get(1).is_empty()
                && found.get(3).is_empty()
                && !backwards(found.before()).next().is_some_and(|before| BEFORE_DECADE.contains(&before));
            if seconds {
                return None;
            }
            let words = if tens.len() == 4 { year(tens, English) } else { cardinal(tens, Form::Counting, English) };
            Some(plural(&words))
        }),
        // 1990–1995, 1914–18
        rule(r"(1[0-9]{3}|20[0-9]{2})\s?[–-]\s?(1[0-9]{3}|20[0-9]{2}|[0-9]{2})", |found| {
            let (from, to) = (found.get(1), found.get(2));
            let to = if to.len() == 2 { cardinal(to, Form::Counting, English) } else { year(to, English) };
            Some(format!("{} to {to}", year(from, English)))
        }),
        // $3.50, €5bn, $10–20, US$ 5 million
        rule(r"({CURRENCY})\s?({N})(?:{TO}(?:{CURRENCY})?({N}))?({MAG})?\b{PER}", |found| {
            Some(per(paid(found.get(1), found.get(2), found.get(3), found.get(4))?, found.get(5)))
        }),
        // 3.50 €, 10–20 USD
        rule(r"({N})(?:{TO}({N}))?({MAG})?\s?({CURRENCY}){PER}", |found| {
            Some(per(paid(found.get(4), found.get(1), found.get(2), found.get(3))?, found.get(5)))
        }),
        // 5'10"
        rule(r#"([0-9]{1,2})['’′]\s?([0-9]{1,2})["”″]|([4-7])['’′](1[01]|[0-9])"#, |found| {
            let at = if found.get(1).is_empty() { 3 } else { 1 };
            let feet = measured(&Number::read(found.get(at), English), None, "ft")?;
            Some(format!("{feet} {}", cardinal(found.get(at + 1), Form::Counting, English)))
        }),
        // 10 km/h, 5–10 %, 3 g/l, 1920x1080 px
        rule(r"({N})\s?[x×]\s?({N})(?:\s?[x×]\s?({N}))?(?:\s?({UNIT}))?", |found| {
            let words = |text: &str| Number::read(text, English).words(Form::Counting, English);
            let mut sides: Vec<_> =
                [1, 2, 3].map(|side| found.get(side)).into_iter().filter(|side| !side.is_empty()).collect();
            let last = sides.pop()?;
            let last = match found.get(4) {
                "" => words(last),
                unit => measured(&Number::read(last, English), None, unit)?,
            };
            // Without a unit and with spaces it is a sum.
            let by = if found.get(4).is_empty() && found.get(0).contains(' ') { " times " } else { " by " };
            Some(sides.into_iter().map(words).chain([last]).collect::<Vec<_>>().join(by))
        }),
        rule(r"({N})(?:{TO}({N}))?({LARGE})?\s?({UNIT}){PER}\.?", |found| {
            let (number, to) = (Number::read(found.get(1), English), found.get(2));
            let magnitude = magnitude(found.get(3).trim(), English);
            let words = match to {
                "" => measured(&number, magnitude, found.get(4))?,
                to => {
                    let from = number.words(Form::Counting, English);
                    format!("{from} to {}", measured(&Number::read(to, English), magnitude, found.get(4))?)
                }
            };
            // "A 4K film": a letter that is no unit here.
            if found.get(4) == "K" && !found.get(0).contains(' ') { None } else { Some(per(words, found.get(5))) }
        }),
    ];
    let after = vec![
        // 978-3-16-148410-0
        rule(r"[0-9]{1,7}(?:-[0-9]{1,7}){3,5}", phone),
        // 10–12, 3-2
        rule(r"({N})\s?[–-]\s?({N})", |found| {
            let words = |text: &str| Number::read(text, English).words(Form::Counting, English);
            let chain = found.after().starts_with(['-', '–']) || found.before().ends_with(['-', '–']);
            // "7 - 2 = 5"
            let to = if found.after().trim_start().starts_with('=') { "minus" } else { "to" };
            (!chain).then(|| format!("{} {to} {}", words(found.get(1)), words(found.get(2))))
        }),
        // 16:9
        rule(r"([0-9]{1,3}):([0-9]{1,3})", |found| {
            let number = |text| cardinal(text, Form::Counting, English);
            Some(format!("{} to {}", number(found.get(1)), number(found.get(2))))
        }),
        // 10k, 5M, 2bn, 3 million
        rule(r"({N})(k|M|B|bn|mn|tn|K)", |found| {
            let number = Number::read(found.get(1), English);
            // A 4K film lives in apartment 3B; 7B parameters are many.
            let counts = forwards(found.after()).next().is_some_and(|next| next.starts_with(char::is_lowercase));
            let is_name = match found.get(2) {
                "K" => found.get(1).len() < 2,
                "B" => !counts,
                _ => false,
            };
            if is_name && number.decimals.is_none() {
                return Some(mixed_name(found.get(0), English));
            }
            Some(quantity(&number, magnitude(found.get(2), English), None, English))
        }),
        // 2x faster
        rule(r"({N})[x×]", |found| {
            let number = Number::read(found.get(1), English);
            let times = if number.is_one() { "time" } else { "times" };
            Some(format!("{} {times}", number.words(Form::Counting, English)))
        }),
        // Call 911.
        rule(r"[0-9]{3}", |found| {
            let before = backwards(found.before()).next().unwrap_or_default().to_lowercase();
            matches!(before.as_str(), "call" | "dial").then(|| digits(found.get(0), English))
        }),
        // 1984; 3D, 5G
        rule(r"[0-9]{4}", |found| is_year(found).then(|| year(found.get(0), English))),
        rule(r"{N}", |found| Some(Number::read(found.get(0), English).words(Form::Counting, English))),
        // 1.2T
        rule(r"({N})(\p{L}{1,2})", |found| {
            let number = Number::read(found.get(1), English);
            number
                .decimals
                .is_some()
                .then(|| format!("{} {}", number.words(Form::Counting, English), mixed_name(found.get(2), English)))
        }),
        rule(r"[0-9]{1,6}\p{L}{1,3}(?:[0-9]{1,6}\p{L}{0,3}){0,2}", |found| Some(mixed_name(found.get(0), English))),
    ];
    before.into_iter().chain(fractions::rules(English)).chain(after).collect()
});

pub(super) static WORD_RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    let rule = |pattern: &str, read| Rule::new(&pattern.replace("{TO}", TO).replace("{MAG}", MAGNITUDE), English, read);
    vec![
        // May 3rd, 2024; May 3–5; March 2024
        rule(
            r"({MONTH})\b\.?\s([0-9]{1,2})(?:st|nd|rd|th)?(?:\s?[–-]\s?([0-9]{1,2})(?:st|nd|rd|th)?)?(?:,?\s([0-9]{4})\b)?",
            |found| {
                let (month, day, to) = (month(found.get(1))?, found.get(2), found.get(3));
                if !is_day(day) || !(to.is_empty() || is_day(to)) || found.after().starts_with([':', '%']) {
                    return None;
                }
                let to = if to.is_empty() { String::new() } else { format!(" to {}", ordinal(to, "", English)) };
                Some(with_year(format!("{month} {}{to}", ordinal(day, "", English)), found.get(4)))
            },
        ),
        rule(r"({MONTH})\b\.?,?\s(1[0-9]{3}|20[0-9]{2})", |found| {
            Some(format!("{} {}", month(found.get(1))?, year(found.get(2), English)))
        }),
        // USD 5, CHF 3.50, US$5
        rule(r"({CURRENCY})\s?({N})(?:{TO}(?:{CURRENCY})?({N}))?({MAG})?\b", |found| {
            paid(found.get(1), found.get(2), found.get(3), found.get(4))
        }),
        // v1.2, v3; V8 is an engine
        rule(r"[vV]([0-9]{1,6}(?:\.[0-9]{1,6}){0,5})", |found| {
            if found.get(0).starts_with('V') && !found.get(1).contains('.') {
                return None;
            }
            let parts: Vec<_> = found.get(1).split('.').map(|part| cardinal(part, Form::Counting, English)).collect();
            Some(format!("version {}", parts.join(" point ")))
        }),
        // Mon–Fri
        rule(
            r"(Mon|Tue|Tues|Wed|Thu|Thur|Thurs|Fri|Sat|Sun)\.?\s?[–-]\s?(Mon|Tue|Tues|Wed|Thu|Thur|Thurs|Fri|Sat|Sun)\b\.?",
            |found| Some(format!("{} to {}", weekday(found.get(1))?, weekday(found.get(2))?)),
        ),
        rule(r"AT&T\b", |_| Some("A-T and T".to_owned())),
        rule(r"WWII?\b", |found| {
            Some(if found.get(0) == "WWI" { "World War one" } else { "World War two" }.to_owned())
        }),
        // w/o, w/, n/a, c/o
        rule(r"w/o\b", |_| Some("without".to_owned())),
        rule(r"w/", |_| Some("with".to_owned())),
        rule(r"[nN]/[aA]\b", |_| Some("not applicable".to_owned())),
        rule(r"c/o\b", |_| Some("care of".to_owned())),
        rule(r"vs\b\.?", |_| Some("versus".to_owned())),
        // MP3, COVID-19, B2B
        rule(r"\p{Lu}\p{L}{0,7}-?[0-9]{1,4}(?:\p{L}{0,4}[0-9]{1,4}){0,2}\p{L}{0,3}", |found| {
            Some(mixed_name(found.get(0), English))
        }),
        rule(r"\p{Ll}{1,2}\p{Lu}{0,2}[0-9]{1,4}", |found| Some(mixed_name(found.get(0), English))),
    ]
});

/// Abbreviations. Those whose words depend on what is around them have none here.
pub(super) const ABBREVIATIONS: &[Abbreviation] = &[
    ("mr", "Mister", On),
    ("mrs", "Missus", On),
    ("ms", "Miz", On),
    ("dr", "", On),
    ("prof", "Professor", On),
    ("st", "", Either),
    ("rev", "Reverend", On),
    ("hon", "Honorable", On),
    ("gen", "General", On),
    ("col", "Colonel", On),
    ("maj", "Major", On),
    ("capt", "Captain", On),
    ("cmdr", "Commander", On),
    ("lt", "Lieutenant", On),
    ("sgt", "Sergeant", On),
    ("cpl", "Corporal", On),
    ("gov", "Governor", On),
    ("pres", "President", On),
    ("sen", "Senator", On),
    ("rep", "Representative", On),
    ("mt", "Mount", On),
    ("ft", "Fort", On),
    ("vs", "versus", On),
    ("e.g", "for example", On),
    ("eg", "for example", On),
    ("i.e", "that is", On),
    ("cf", "compare", On),
    ("viz", "namely", On),
    ("ca", "circa", On),
    ("approx", "approximately", On),
    ("fig", "", WithNumber),
    ("figs", "", WithNumber),
    ("vol", "", WithNumber),
    ("no", "", WithNumber),
    ("nos", "", WithNumber),
    ("p", "", WithNumber),
    ("pp", "", WithNumber),
    ("ch", "", WithNumber),
    ("sec", "", WithNumber),
    ("eq", "", WithNumber),
    ("dept", "department", On),
    ("est", "established", On),
    ("misc", "miscellaneous", On),
    ("incl", "including", On),
    ("max", "", Either),
    ("min", "", Either),
    ("tel", "telephone", On),
    ("ext", "extension", On),
    ("apt", "", WithNumber),
    ("jan", "January", On),
    ("feb", "February", On),
    ("apr", "April", On),
    ("jun", "", On),
    ("jul", "July", On),
    ("aug", "August", On),
    ("sept", "September", On),
    ("sep", "September", On),
    ("oct", "October", On),
    ("nov", "November", On),
    ("dec", "December", On),
    ("ph.d", "P-h-D", WithCapital),
    ("etc", "et cetera", WithCapital),
    ("al", "al", On),
    ("a.m", "A-M", WithCapital),
    ("p.m", "P-M", WithCapital),
    ("b.c", "B-C", WithCapital),
    ("a.d", "A-D", WithCapital),
    ("jr", "Junior", Either),
    ("sr", "Senior", Either),
    ("inc", "Incorporated", Either),
    ("ltd", "Limited", Either),
    ("corp", "Corporation", Either),
    ("co", "Company", Either),
    ("bros", "Brothers", Either),
    ("ave", "Avenue", Either),
    ("blvd", "Boulevard", Either),
    ("rd", "Road", Either),
    ("hr", "hour", WithCapital),
    ("hrs", "hours", WithCapital),
    ("mins", "minutes", WithCapital),
    ("secs", "seconds", WithCapital),
    ("lb", "pounds", WithCapital),
    ("lbs", "pounds", WithCapital),
    ("u.s", "U-S", Either),
    ("u.k", "U-K", Either),
    ("u.n", "U-N", Either),
    ("d.c", "D-C", Either),
];

/// The words of an abbreviation in small letters without its last dot, which ends at byte `end` of the rest of the text.
pub(super) fn abbreviation(key: &str, place: Place, end: usize) -> Option<String> {
    let (_, words, _) = ABBREVIATIONS.iter().find(|(short, ..)| *short == key)?;
    let after = &place.rest()[end..];
    let before = &place.text[..place.at];
    let next = forwards(after).next().unwrap_or_default();
    let previous = backwards(before).next().unwrap_or_default();
    let capital = |word: &str| word.starts_with(char::is_uppercase);
    let digit = |word: &str| word.starts_with(|first: char| first.is_ascii_digit());
    // "No." ends sentences, and a small "st." is no saint.
    let is_capital = capital(place.rest());
    let numbered = |words: &str| digit(next).then(|| words.to_owned());
    match key {
        "dr" if capital(next) || !capital(previous) => Some("Doctor".to_owned()),
        "dr" => Some("Drive".to_owned()),
        "st" if capital(next) && is_capital => Some("Saint".to_owned()),
        "st" => is_capital.then(|| "Street".to_owned()),
        "no" => numbered("number"),
        "nos" => numbered("numbers"),
        "fig" => numbered("figure"),
        "figs" => numbered("figures"),
        "vol" => numbered("volume"),
        "p" => numbered("page"),
        "pp" => numbered("pages"),
        "ch" => numbered("chapter"),
        "sec" if digit(previous) => Some("seconds".to_owned()),
        "sec" => numbered("section"),
        "eq" => numbered("equation"),
        "apt" => numbered("apartment"),
        "max" => (!is_capital).then(|| "maximum".to_owned()),
        "min" if digit(previous) => Some("minutes".to_owned()),
        "min" => (!is_capital).then(|| "minimum".to_owned()),
        "mt" | "ft" if !capital(next) => None,
        "jun" => Some(if digit(next) { "June" } else { "Junior" }.to_owned()),
        "gen" | "col" | "maj" | "rev" | "hon" | "pres" | "sen" | "rep" | "gov" | "lt" | "sgt" if !capital(next) => None,
        _ => Some((*words).to_owned()),
    }
}

/// Words before a telephone number.
const CALLED: &[&str] = &["call", "phone", "telephone", "number", "tel", "tel.", "dial", "fax", "at", "mobile"];
/// Words before a decade in two digits.
const BEFORE_DECADE: &[&str] = &["the", "early", "mid", "late", "my", "his", "her", "their", "our", "your"];

/// Words after which "IV" is a number and not a word of letters.
const NUMBERED: &[&str] = &[
    "chapter", "part", "act", "scene", "volume", "book", "section", "article", "title", "phase", "type", "class",
    "stage", "level", "appendix", "war", "bowl", "grade", "group", "division", "round", "episode", "season", "table",
    "figure", "version", "mark", "fantasy",
];
/// Names of rulers, whose numerals are "the fourteenth".
const RULERS: &[&str] = &[
    "Henry",
    "Louis",
    "George",
    "Edward",
    "Charles",
    "James",
    "William",
    "Richard",
    "Elizabeth",
    "Paul",
    "Pius",
    "Benedict",
    "Francis",
    "Frederick",
    "Philip",
    "Ferdinand",
    "Ivan",
    "Peter",
    "Catherine",
    "Nicholas",
    "Alexander",
    "Leopold",
    "Rudolf",
    "Otto",
    "Karl",
    "Ludwig",
    "Friedrich",
    "Wilhelm",
    "Heinrich",
    "Napoleon",
    "Leo",
    "Innocent",
    "Gregory",
    "Clement",
    "Urban",
    "Julius",
    "Ramses",
    "Ramesses",
    "Mary",
    "Margaret",
    "Christian",
    "Gustav",
    "Harald",
    "Haakon",
    "Olav",
    "Albert",
    "Baldwin",
    "Umberto",
    "Emmanuel",
    "Mehmed",
    "Murad",
    "Selim",
    "Darius",
    "Xerxes",
    "Ptolemy",
    "Cleopatra",
];

/// A word that is no abbreviation but not plain either.
pub(super) fn word(word: &str, place: Place) -> Option<(usize, String)> {
    if word.contains(|letter| !matches!(letter, 'I' | 'V' | 'X' | 'L' | 'C')) {
        return None;
    }
    let number = roman(word)?.to_string();
    let previous = backwards(&place.text[..place.at]).next().unwrap_or_default();
    // "The best part I know" is no part one.
    if NUMBERED.contains(&previous.to_lowercase().as_str())
        && (word.len() > 1 || previous.starts_with(char::is_uppercase))
    {
        return Some((word.len(), cardinal(&number, Form::Counting, English)));
    }
    // "Elizabeth I" and "Malcolm X" are no safe guesses.
    if !is_surely_roman(word) {
        return None;
    }
    let ruler = RULERS.contains(&previous);
    let words = if ruler {
        format!("the {}", ordinal(&number, "", English))
    } else {
        cardinal(&number, Form::Counting, English)
    };
    Some((word.len(), words))
}

/// A number with a unit.
fn measured(number: &Number, magnitude: Option<quantities::Noun>, unit: &str) -> Option<String> {
    Some(quantity(number, magnitude, Some(quantities::unit(unit, English)?), English))
}

/// Words with what they are counted for: "five euros per kilogram".
fn per(words: String, each: &str) -> String {
    match each {
        "" => words,
        each => format!("{words} per {}", quantities::unit(each, English).map_or(each, |noun| noun.one)),
    }
}

/// An amount of money, or a range of amounts.
fn paid(symbol: &str, from: &str, to: &str, shortened: &str) -> Option<String> {
    let magnitude = magnitude(shortened.trim(), English);
    let from = Number::read(from, English);
    if to.is_empty() {
        return money(&from, magnitude, symbol, English);
    }
    let noun = currency(symbol, English)?;
    let to = quantity(&Number::read(to, English), magnitude, Some(noun), English);
    Some(format!("{} to {to}", from.words(Form::Counting, English)))
}

/// A telephone or card number: digit after digit, its groups apart.
pub(super) fn phone(found: &Found) -> Option<String> {
    digit_groups(found.get(0))
}

/// Digit after digit, groups apart. `None` without digits.
pub(super) fn digit_groups(text: &str) -> Option<String> {
    let plus = if text.trim_start().starts_with('+') { "plus " } else { "" };
    let groups = text.split(|letter: char| !letter.is_ascii_digit()).filter(|group| !group.is_empty());
    let groups: Vec<_> = groups.map(|group| digits(group, English)).collect();
    (!groups.is_empty()).then(|| format!("{plus}{}", groups.join(", ")))
}

fn is_day(day: &str) -> bool {
    day.parse().is_ok_and(|day: u32| (1..=31).contains(&day))
}

/// The full name of a month, by its name, its beginning, or its number.
pub(super) fn month(text: &str) -> Option<&'static str> {
    let months = English.months();
    match text.parse::<usize>() {
        Ok(number) => months.get(number.checked_sub(1)?).copied(),
        Err(_) => months.iter().find(|month| text.get(..3).is_some_and(|begins| month.starts_with(begins))).copied(),
    }
}

fn with_year(date: String, written: &str) -> String {
    if written.is_empty() { date } else { format!("{date}, {}", year(written, English)) }
}

/// "May third, twenty twenty-four". `None` if it is no date.
pub(super) fn date(day: &str, month_number: &str, written_year: &str) -> Option<String> {
    let month = month(month_number)?;
    is_day(day).then(|| {
        with_year(format!("{month} {}", ordinal(day.trim_start_matches('0'), "", English)), &full_year(written_year))
    })
}

/// A year of two digits belongs to this century or, from 50 on, the last.
fn full_year(text: &str) -> String {
    match text.len() {
        2 if text < "50" => format!("20{text}"),
        2 => format!("19{text}"),
        _ => text.to_owned(),
    }
}

/// A time of day; `half` is "a", "p" or nothing.
pub(super) fn clock(hour: &str, minute: &str, half: &str) -> Option<String> {
    let (hours, minutes): (u32, u32) = (hour.parse().ok()?, minute.parse().ok()?);
    if hours > 24 {
        return None;
    }
    let hour = cardinal(&hours.to_string(), Form::Counting, English);
    let half = match half {
        "a" | "A" => " A-M",
        "p" | "P" => " P-M",
        _ => "",
    };
    Some(match minutes {
        0 if !half.is_empty() => format!("{hour}{half}"),
        0 if (1..=12).contains(&hours) => format!("{hour} o'clock"),
        0 => format!("{hour} hundred"),
        1..=9 => format!("{hour} oh {}{half}", cardinal(&minutes.to_string(), Form::Counting, English)),
        _ => format!("{hour} {}{half}", cardinal(&minutes.to_string(), Form::Counting, English)),
    })
}

fn weekday(short: &str) -> Option<&'static str> {
    const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
    DAYS.into_iter().find(|day| day.starts_with(short))
}

/// "nineties", "hundreds", "tens".
fn plural(words: &str) -> String {
    words.strip_suffix('y').map_or_else(|| format!("{words}s"), |stem| format!("{stem}ies"))
}

/// Words before a year.
const BEFORE_YEAR: &[&str] = &[
    "in", "since", "by", "from", "until", "till", "before", "after", "year", "of", "during", "circa", "early", "late",
    "mid", "around", "spring", "summer", "autumn", "fall", "winter", "between", "and", "to",
];

/// Whether four digits are a year.
fn is_year(found: &Found) -> bool {
    let Ok(number) = found.get(0).parse::<u32>() else { return false };
    let next = forwards(found.after()).next().unwrap_or_default();
    let previous = backwards(found.before()).next().unwrap_or_default().to_lowercase();
    let era = matches!(next.trim_end_matches('.'), "AD" | "BC" | "CE" | "BCE");
    match number {
        1_000..=2_099 if era || BEFORE_YEAR.contains(&previous.as_str()) => true,
        1_900..=2_099 => true,
        _ => false,
    }
}
