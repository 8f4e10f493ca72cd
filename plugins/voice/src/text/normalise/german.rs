//! How German is read.

use std::sync::LazyLock;

use visage_core::Language::German;

use super::{
    Abbreviation, Found,
    Goes::{Either, On, WithNumber},
    Place, Rule, backwards, forwards, fractions,
    letters::mixed_name,
    numbers::{Form, Number, capitalised, cardinal, digits, is_surely_roman, ordinal, roman, year},
    quantities::{self, currency, magnitude, money, quantity},
};

/// A number: "1.234,5", "1 234,5", "1'234", "0,5".
pub(super) const NUMBER: &str = r"[0-9]{1,3}(?:[.'’\u{a0}\u{202f}\u{2009}][0-9]{3}){1,6}(?:,[0-9]{1,20})?|[0-9]{1,3}(?: [0-9]{3}){1,6}(?:,[0-9]{1,20})?|[0-9]{1,30}(?:,[0-9]{1,20})?";
pub(super) const MONTHS: &str = "Januar|Jänner|Februar|Feber|März|April|Mai|Juni|Juli|August|September|Oktober|November|Dezember|\
                                 Jan|Feb|Mär|Mrz|Apr|Jun|Jul|Aug|Sept|Sep|Okt|Nov|Dez";

/// What things are counted for, besides units: "5 €/Monat".
pub(super) const EACH: &str = "Monat|Jahr|Tag|Woche|Stunde|Minute|Sekunde|Person|Nacht|Nutzer|Stück|Std|Kopf";

/// A quantity's second number.
const TO: &str = r"(?:\s?[–—-]\s?|\sbis\s)";
/// How large amounts are shortened.
const MAGNITUDE: &str = r"\s?(?:Millionen|Million|Milliarden|Milliarde|Billionen|Billion|Mio\.?|Mrd\.?|Bio\.?|Tsd\.?)";

pub(super) static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    let rule = |pattern: &str, read| Rule::new(&pattern.replace("{TO}", TO).replace("{MAG}", MAGNITUDE), German, read);
    let before = vec![
        // [Text](Adresse): der Text.
        rule(r"!?\[([^\[\]\n]{0,200})\]\([^()\s]{0,500}\)", |found| Some(super::spoken(found.get(1), German))),
        // Smiles have no sound.
        rule(r"[:;]-?[()DPp/|]", |_| Some(String::new())),
        // +49 30 1234567, (030) 123 45 67, 030/1234567
        rule(
            r"(?:\+[0-9]{1,3}[ -]?(?:\(0\) ?)?|\(0[0-9]{1,5}\) ?|0[0-9]{2,5}[ /-]{1,3})[0-9(][0-9 ()/-]{4,18}[0-9]",
            |found| digit_groups(found.get(0)),
        ),
        rule(r"[0-9]{4}(?: [0-9]{4}){2,3}", |found| digit_groups(found.get(0))),
        // 2024-05-03
        rule(r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?:T([0-9]{2}):([0-9]{2})(?::[0-9]{2})?Z?)?", |found| {
            let date = date(found.get(3), found.get(2), found.get(1), &ending(found.before(), "Mai"))?;
            let time = if found.get(4).is_empty() {
                String::new()
            } else {
                format!(", {}", clock(found.get(4), found.get(5))?)
            };
            Some(date + &time)
        }),
        // 3.–5. Mai 2024
        rule(r"([0-9]{1,2})\.\s?[–-]\s?([0-9]{1,2})\.\s?({MONTH})\b\.?(?:\s([0-9]{4})\b)?", |found| {
            let (from, to, ending) = (found.get(1), found.get(2), ending(found.before(), "Mai"));
            let month = month(found.get(3))?;
            let days = format!("{} bis {} {month}", ordinal(from, &ending, German), ordinal(to, &ending, German));
            (is_day(from) && is_day(to)).then(|| with_year(days, found.get(4)))
        }),
        // 3. Mai 2024
        rule(r"([0-9]{1,2})\.\s?({MONTH})\b\.?(?:,?\s([0-9]{4})\b)?", |found| {
            let (day, month) = (found.get(1), month(found.get(2))?);
            let day = is_day(day).then(|| ordinal(day, &ending(found.before(), "Mai"), German))?;
            Some(with_year(format!("{day} {month}"), found.get(3)))
        }),
        // 3.5.2024, 3. 5. 24, 3.5.
        rule(r"([0-9]{1,2})\.\s?([0-9]{1,2})\.(?:\s?([0-9]{4}|[0-9]{2})\b)?", |found| {
            date(found.get(1), found.get(2), found.get(3), &ending(found.before(), "Mai"))
        }),
        // 14:30 Uhr, 14.30 Uhr, 14:30
        rule(
            r"([0-9]{1,2})[:.]([0-5][0-9])(?::([0-5][0-9]))?\sUhr|([0-9]{1,2}):([0-5][0-9])(?::([0-5][0-9]))?",
            |found| {
                let at = if found.get(1).is_empty() { 4 } else { 1 };
                let time = clock(found.get(at), found.get(at + 1))?;
                Some(match found.get(at + 2) {
                    "" => time,
                    seconds => format!("{time} und {} Sekunden", cardinal(seconds, Form::Counting, German)),
                })
            },
        ),
        // 14 Uhr, 9–17 Uhr
        rule(r"([0-9]{1,2})(?:{TO}([0-9]{1,2}))?\sUhr", |found| {
            let hour = |hour: &str| cardinal(hour.trim_start_matches('0'), Form::Masculine, German);
            let hour =
                |text: &str| if text.trim_start_matches('0').is_empty() { "null".to_owned() } else { hour(text) };
            Some(match found.get(2) {
                "" => format!("{} Uhr", hour(found.get(1))),
                to => format!("{} bis {} Uhr", hour(found.get(1)), hour(to)),
            })
        }),
        // 1.2.3, 192.168.0.1
        rule(r"[0-9]{1,6}(?:\.[0-9]{1,6}){2,5}", |found| {
            // 1.234.567 is a number.
            let groups: Vec<&str> = found.get(0).split('.').collect();
            let is_number = groups[0].len() <= 3 && groups[1..].iter().all(|group| group.len() == 3);
            let parts = || groups.iter().map(|part| cardinal(part, Form::Counting, German)).collect::<Vec<_>>();
            (!is_number || groups.len() == 4 && groups[0].len() == 3).then(|| parts().join(" Punkt "))
        }),
        // 1990er, 80er, 90er-Jahre
        rule(r"['’]?([0-9]{2}|[0-9]{4})er(n?)", |found| {
            let tens = found.get(1);
            let words = if tens.len() == 4 { year(tens, German) } else { cardinal(tens, Form::Counting, German) };
            Some(format!("{}er{}", capitalised(&words), found.get(2)))
        }),
        // 1990–1995, 1914–18
        rule(r"(1[0-9]{3}|20[0-9]{2})\s?(?:[–-]|bis)\s?(1[0-9]{3}|20[0-9]{2}|[0-9]{2})", |found| {
            let (from, to) = (found.get(1), found.get(2));
            let to = if to.len() == 2 { cardinal(to, Form::Counting, German) } else { year(to, German) };
            Some(format!("{} bis {to}", year(from, German)))
        }),
        // € 3,50; $5 Mio.
        rule(r"({CURRENCY})\s?({N})(?:,?[–—-]{1,2})?({MAG})?{PER}", |found| {
            let magnitude = magnitude(found.get(3).trim(), German);
            Some(per(money(&Number::read(found.get(2), German), magnitude, found.get(1), German)?, found.get(4)))
        }),
        // 3,50 €; 5,- €; 10–20 Euro; 5 Mio. €
        rule(r"({N})(?:,[–—-]{1,2})?(?:{TO}({N}))?({MAG})?\s?({CURRENCY}){PER}", |found| {
            let (from, to) = (Number::read(found.get(1), German), found.get(2));
            let (magnitude, symbol) = (magnitude(found.get(3).trim(), German), found.get(4));
            if to.is_empty() {
                return Some(per(money(&from, magnitude, symbol, German)?, found.get(5)));
            }
            let to = quantity(&Number::read(to, German), magnitude, Some(currency(symbol, German)?), German);
            Some(per(format!("{} bis {to}", from.words(Form::Counting, German)), found.get(5)))
        }),
        rule(r"({N}),[–—-]{1,2}", |found| Some(Number::read(found.get(1), German).words(Form::Counting, German))),
        // 3,50 Euro
        rule(r"([0-9]{1,3}(?:\.[0-9]{3}){0,4},[0-9]{2})\s(Euro|Dollar|Franken)", |found| {
            let symbol = match found.get(2) {
                "Euro" => "EUR",
                "Dollar" => "USD",
                _ => "CHF",
            };
            money(&Number::read(found.get(1), German), None, symbol, German)
        }),
        // 100%ig, 5-prozentig
        rule(r"({N})\s?%ig(e[mnrs]?)?", |found| {
            let number = Number::read(found.get(1), German).words(Form::Counting, German);
            Some(format!("{number}\u{ad}prozentig{}", found.get(2)))
        }),
        // 3 x 4 m
        rule(r"({N})\s?[x×]\s?({N})(?:\s?[x×]\s?({N}))?(?:\s?({UNIT}))?", |found| {
            let words = |text: &str| Number::read(text, German).words(Form::Counting, German);
            let mut sides: Vec<_> =
                [1, 2, 3].map(|side| found.get(side)).into_iter().filter(|side| !side.is_empty()).collect();
            let last = sides.pop()?;
            let last = match found.get(4) {
                "" => words(last),
                unit => measured(&Number::read(last, German), None, unit)?,
            };
            Some(sides.into_iter().map(words).chain([last]).collect::<Vec<_>>().join(" mal "))
        }),
        // 10 km/h, 5–10 %, 3 g/l
        rule(r"({N})(?:{TO}({N}))?({MAG})?\s?({UNIT}){PER}\.?", |found| {
            let (number, to) = (Number::read(found.get(1), German), found.get(2));
            let magnitude = magnitude(found.get(3).trim(), German);
            let words = match to {
                "" => measured(&number, magnitude, found.get(4))?,
                to => {
                    let from = number.words(Form::Counting, German);
                    format!("{from} bis {}", measured(&Number::read(to, German), magnitude, found.get(4))?)
                }
            };
            Some(per(words, found.get(5)))
        }),
    ];
    let after = vec![
        // 1., 2. und 3. Platz
        rule(r"([0-9]{1,4})\.", |found| {
            let after = found.after();
            let listed = after.trim_start().starts_with([',', '–', '-']) || after.starts_with(char::is_whitespace);
            let noun = forwards(after).find(|word| !is_connector(word) && !is_ordinal(word));
            let noun = noun.filter(|noun| noun.starts_with(char::is_alphabetic));
            (listed && noun.is_some())
                .then(|| ordinal(found.get(1), &ending(found.before(), noun_of(after).unwrap_or_default()), German))
        }),
        // 978-3-16-148410-0
        rule(r"[0-9]{1,7}(?:-[0-9]{1,7}){3,5}", |found| digit_groups(found.get(0))),
        // 10–12, 3:2
        rule(r"({N})\s?[–-]\s?({N})", |found| {
            let words = |text: &str| Number::read(text, German).words(Form::Counting, German);
            let chain = found.after().starts_with(['-', '–']) || found.before().ends_with(['-', '–']);
            // "7 - 2 = 5"
            let to = if found.after().trim_start().starts_with('=') { "minus" } else { "bis" };
            (!chain).then(|| format!("{} {to} {}", words(found.get(1)), words(found.get(2))))
        }),
        rule(r"([0-9]{1,3}):([0-9]{1,3})", |found| {
            let number = |text| cardinal(text, Form::Counting, German);
            Some(format!("{} zu {}", number(found.get(1)), number(found.get(2))))
        }),
        // 5 Mio.
        rule(r"({N})({MAG})", |found| {
            Some(quantity(&Number::read(found.get(1), German), magnitude(found.get(2).trim(), German), None, German))
        }),
        // 10k; 4K is a picture
        rule(r"({N})k", |found| {
            Some(quantity(&Number::read(found.get(1), German), magnitude("k", German), None, German))
        }),
        // 2x, 3-mal
        rule(r"([0-9]{1,6})(?:x|×|-?mal)", |found| {
            Some(format!("{}\u{ad}mal", cardinal(found.get(1), Form::Masculine, German)))
        }),
        // 20-jährig
        rule(
            r"([0-9]{1,6})-?(jährig|tägig|stündig|minütig|monatig|wöchig|prozentig|köpfig|teilig|stellig|fach|seitig)(e[mnrs]?)?",
            |found| {
                Some(format!(
                    "{}\u{ad}{}{}",
                    cardinal(found.get(1), Form::Masculine, German),
                    found.get(2),
                    found.get(3)
                ))
            },
        ),
        // 1984; 1 Stunde
        rule(r"[0-9]{4}", |found| is_year(found).then(|| year(found.get(0), German))),
        rule(r"1", |found| Some(one(found).to_owned())),
        rule(r"{N}", |found| Some(Number::read(found.get(0), German).words(Form::Counting, German))),
        // 3.14 is written as in English.
        rule(r"([0-9]{1,9})\.([0-9]{1,12})", |found| {
            let whole = cardinal(found.get(1), Form::Counting, German);
            Some(format!("{whole} Punkt {}", digits(found.get(2), German)))
        }),
        // 3D, 5G
        rule(r"({N})(\p{L}{1,2})", |found| {
            let number = Number::read(found.get(1), German);
            number
                .decimals
                .is_some()
                .then(|| format!("{} {}", number.words(Form::Counting, German), mixed_name(found.get(2), German)))
        }),
        rule(r"[0-9]{1,6}\p{L}{1,3}(?:[0-9]{1,6}\p{L}{0,3}){0,2}", |found| Some(mixed_name(found.get(0), German))),
    ];
    before.into_iter().chain(fractions::rules(German)).chain(after).collect()
});

pub(super) static WORD_RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    let rule = |pattern: &str, read| Rule::new(&pattern.replace("{TO}", TO).replace("{MAG}", MAGNITUDE), German, read);
    vec![
        // Mo–Fr, Mo.-Fr.
        rule(r"(Mo|Di|Mi|Do|Fr|Sa|So)\.?\s?[–-]\s?(Mo|Di|Mi|Do|Fr|Sa|So)\b\.?", |found| {
            Some(format!("{} bis {}", weekday(found.get(1))?, weekday(found.get(2))?))
        }),
        // Fr., 3.5.
        rule(r"(Mo|Di|Mi|Do|Fr|Sa|So)\.(,?)", |found| {
            let dated = found.after().trim_start().starts_with(|next: char| next.is_ascii_digit());
            if dated { Some(format!("{}{}", weekday(found.get(1))?, found.get(2))) } else { None }
        }),
        // EUR 5,50; CHF 3.–
        rule(r"({CURRENCY})\s?({N})(?:[,.]?[–—-]{1,2})?({MAG})?", |found| {
            money(&Number::read(found.get(2), German), magnitude(found.get(3).trim(), German), found.get(1), German)
        }),
        // Hauptstr. 5
        rule(r"(\p{Lu}\p{L}{1,24})str\.", |found| Some(format!("{}straße", found.get(1)))),
        rule(r"(\p{Lu}\p{L}{1,24}-)Str\.", |found| Some(format!("{}Straße", found.get(1)))),
        // v1.2
        rule(r"[vV]([0-9]{1,6}(?:\.[0-9]{1,6}){0,5})", |found| {
            if found.get(0).starts_with('V') && !found.get(1).contains('.') {
                return None;
            }
            let parts: Vec<_> = found.get(1).split('.').map(|part| cardinal(part, Form::Counting, German)).collect();
            Some(format!("Version {}", parts.join(" Punkt ")))
        }),
        // MP3, COVID-19
        rule(r"\p{Lu}\p{L}{0,7}-?[0-9]{1,4}(?:\p{L}{0,4}[0-9]{1,4}){0,2}\p{L}{0,3}", |found| {
            Some(mixed_name(found.get(0), German))
        }),
        rule(r"\p{Ll}{1,2}\p{Lu}{0,2}[0-9]{1,4}", |found| Some(mixed_name(found.get(0), German))),
    ]
});

/// Abbreviations. Those whose words depend on what is around them have none here.
pub(super) const ABBREVIATIONS: &[Abbreviation] = &[
    ("dr", "Doktor", On),
    ("prof", "Professor", On),
    ("hr", "Herr", On),
    ("hrn", "Herrn", On),
    ("fr", "", On),
    ("frl", "Fräulein", On),
    ("st", "Sankt", On),
    ("nr", "Nummer", On),
    ("nrn", "Nummern", On),
    ("z.b", "zum Beispiel", On),
    ("zb", "zum Beispiel", On),
    ("d.h", "das heißt", On),
    ("dh", "das heißt", On),
    ("u.a", "unter anderem", On),
    ("v.a", "vor allem", On),
    ("bzw", "beziehungsweise", On),
    ("ca", "circa", On),
    ("evtl", "eventuell", On),
    ("ggf", "gegebenenfalls", On),
    ("inkl", "inklusive", On),
    ("exkl", "exklusive", On),
    ("zzgl", "zuzüglich", On),
    ("abzgl", "abzüglich", On),
    ("max", "", Either),
    ("min", "", Either),
    ("mind", "mindestens", On),
    ("mio", "Millionen", Either),
    ("mrd", "Milliarden", Either),
    ("tsd", "Tausend", Either),
    ("tel", "Telefon", On),
    ("vgl", "vergleiche", On),
    ("i.d.r", "in der Regel", On),
    ("i.a", "im Allgemeinen", On),
    ("s.o", "siehe oben", Either),
    ("s.u", "siehe unten", Either),
    ("bspw", "beispielsweise", On),
    ("sog", "sogenannte", On),
    ("geb", "geboren", On),
    ("gest", "gestorben", On),
    ("verh", "verheiratet", On),
    ("abs", "Absatz", WithNumber),
    ("abb", "Abbildung", On),
    ("art", "", WithNumber),
    ("bd", "Band", On),
    ("kap", "Kapitel", On),
    ("tab", "", WithNumber),
    ("u", "", On),
    ("mult", "mult", On),
    ("h.c", "honoris causa", On),
    ("s", "", WithNumber),
    ("jh", "Jahrhundert", Either),
    ("jhd", "Jahrhundert", Either),
    ("mwst", "Mehrwertsteuer", Either),
    ("ust", "Umsatzsteuer", Either),
    ("u.u", "unter Umständen", On),
    ("m.e", "meines Erachtens", On),
    ("z.t", "zum Teil", On),
    ("z.zt", "zurzeit", On),
    ("z.z", "zurzeit", On),
    ("zzt", "zurzeit", On),
    ("o.g", "oben genannte", On),
    ("i.v", "in Vertretung", On),
    ("e.v", "eingetragener Verein", Either),
    ("gem", "gemäß", On),
    ("lt", "laut", On),
    ("bes", "besonders", On),
    ("allg", "allgemein", On),
    ("ehem", "ehemalige", On),
    ("ing", "Ingenieur", On),
    ("dipl", "Diplom", On),
    ("anm", "Anmerkung", On),
    ("bsp", "Beispiel", On),
    ("std", "Stunden", Either),
    ("sek", "Sekunden", Either),
    ("str", "Straße", Either),
    ("jan", "Januar", On),
    ("feb", "Februar", On),
    ("apr", "April", On),
    ("jun", "", On),
    ("jul", "Juli", On),
    ("aug", "August", On),
    ("sept", "September", On),
    ("sep", "September", On),
    ("okt", "Oktober", On),
    ("nov", "November", On),
    ("dez", "Dezember", On),
    ("usw", "und so weiter", Either),
    ("etc", "et cetera", Either),
    ("ff", "folgende", Either),
    ("u.s.w", "und so weiter", Either),
    ("u.v.m", "und vieles mehr", Either),
    ("u.v.a", "und viele andere", Either),
    ("uvm", "und vieles mehr", Either),
    ("o.ä", "oder Ähnliches", Either),
    ("u.ä", "und Ähnliches", Either),
    ("dgl", "dergleichen", Either),
    ("v.chr", "vor Christus", Either),
    ("n.chr", "nach Christus", Either),
    ("co", "Co", Either),
    ("jr", "junior", Either),
    ("sr", "senior", Either),
];

/// The words of an abbreviation in small letters without its last dot, which ends at byte `end` of the rest of the text.
pub(super) fn abbreviation(key: &str, place: Place, end: usize) -> Option<String> {
    let (_, words, _) = ABBREVIATIONS.iter().find(|(short, ..)| *short == key)?;
    let next = forwards(&place.rest()[end..]).next().unwrap_or_default();
    let previous = backwards(&place.text[..place.at]).next().unwrap_or_default();
    let capital = |word: &str| word.starts_with(char::is_uppercase);
    let digit = |word: &str| word.starts_with(|first: char| first.is_ascii_digit());
    let is_capital = capital(place.rest());
    match key {
        "fr" => (is_capital && capital(next)).then(|| "Frau".to_owned()),
        "hr" | "st" if !(is_capital && capital(next)) => None,
        "art" | "abs" if !digit(next) => None,
        "art" => Some("Artikel".to_owned()),
        "tab" => digit(next).then(|| "Tabelle".to_owned()),
        "u" => (!is_capital).then(|| "und".to_owned()),
        "s" => (is_capital && digit(next)).then(|| "Seite".to_owned()),
        "max" | "min" if is_capital && key == "max" => None,
        "max" => Some("maximal".to_owned()),
        "min" if digit(previous) || is_capital => Some("Minuten".to_owned()),
        "min" => Some("minimal".to_owned()),
        "jun" => Some(if digit(next) { "Juni" } else { "junior" }.to_owned()),
        "gest" | "gem" | "bes" | "mind" if is_capital => None,
        // At its beginning a sentence has a capital.
        _ if is_capital && previous.is_empty() => Some(capitalised(words)),
        _ => Some((*words).to_owned()),
    }
}

/// Words after which "IV" is a number.
const NUMBERED: &[&str] = &[
    "Kapitel",
    "Teil",
    "Akt",
    "Szene",
    "Band",
    "Buch",
    "Abschnitt",
    "Artikel",
    "Phase",
    "Typ",
    "Klasse",
    "Stufe",
    "Weltkrieg",
    "Tafel",
    "Gruppe",
    "Folge",
    "Staffel",
    "Anhang",
    "Hartz",
];
/// Women among rulers.
const QUEENS: &[&str] = &[
    "Elisabeth",
    "Elizabeth",
    "Katharina",
    "Maria",
    "Margarethe",
    "Margrethe",
    "Viktoria",
    "Victoria",
    "Anna",
    "Christina",
    "Isabella",
    "Johanna",
    "Beatrix",
    "Wilhelmina",
    "Kleopatra",
    "Amalia",
];
/// Titles and first names between a preposition and a ruler's name.
const TITLES: &[&str] =
    &["Kaiser", "Kaiserin", "König", "Königin", "Papst", "Zar", "Zarin", "Herzog", "Fürst", "Johannes"];
/// Prepositions with the dative.
const DATIVE: &[&str] = &[
    "in",
    "an",
    "auf",
    "aus",
    "bei",
    "mit",
    "nach",
    "seit",
    "von",
    "zu",
    "vor",
    "unter",
    "über",
    "neben",
    "zwischen",
    "hinter",
    "ab",
    "gegenüber",
    "außer",
    "während",
    "wegen",
    "trotz",
    "innerhalb",
    "außerhalb",
    "statt",
];
/// Prepositions with the accusative.
const ACCUSATIVE: &[&str] = &["für", "durch", "gegen", "ohne", "um"];

/// A word that is no abbreviation but not plain either.
pub(super) fn word(word: &str, place: Place) -> Option<(usize, String)> {
    if word.contains(|letter| !matches!(letter, 'I' | 'V' | 'X' | 'L' | 'C')) {
        return None;
    }
    let number = roman(word)?.to_string();
    let mut before = backwards(&place.text[..place.at]);
    let previous = before.next().unwrap_or_default();
    if NUMBERED.contains(&previous) {
        return Some((word.len(), cardinal(&number, Form::Counting, German)));
    }
    // The dot makes it a number in a row.
    let article = before.find(|word| !TITLES.contains(word)).unwrap_or_default().to_lowercase();
    let queen = QUEENS.contains(&previous);
    let rest = &place.rest()[word.len()..];
    let named = previous.starts_with(char::is_uppercase) && !word.contains(['L', 'C']);
    // "Karl V. regierte", but "Herr V. Meier".
    let next = forwards(rest.strip_prefix('.').unwrap_or_default()).next().unwrap_or_default();
    let initial = word.len() == 1 && next.starts_with(char::is_uppercase);
    let in_a_row = rest.starts_with('.') && named && !initial;
    if in_a_row {
        let (article, ending) =
            match (queen, DATIVE.contains(&article.as_str()), ACCUSATIVE.contains(&article.as_str())) {
                (true, true, _) => ("der", "n"),
                (true, false, _) => ("die", ""),
                (false, true, _) => ("dem", "n"),
                (false, false, true) => ("den", "n"),
                (false, false, false) => ("der", ""),
            };
        return Some((word.len() + 1, format!("{article} {}", capitalised(&ordinal(&number, ending, German)))));
    }
    is_surely_roman(word).then(|| (word.len(), cardinal(&number, Form::Counting, German)))
}

/// Whether a sign keeps the parts of one word apart: "Kolleg*innen", "Schüler:in".
pub(super) fn is_inner(place: Place, after: &str) -> bool {
    let ending = after.split(|letter: char| !letter.is_alphabetic()).next().unwrap_or_default();
    place.before().is_some_and(char::is_lowercase) && matches!(ending, "in" | "innen")
}

#[derive(Clone, Copy, PartialEq)]
enum Gender {
    Masculine,
    Feminine,
    Neuter,
}

/// The gender of a noun that is counted or numbered: known nouns, else by its ending. A guess, right for most.
fn gender(noun: &str) -> Gender {
    #[rustfmt::skip]
    const NEUTER: &[&str] = &[
        "Jahrhundert", "Jahrtausend", "Kapitel", "Mal", "Lebensjahr", "Jahr", "Quartal", "Semester", "Halbjahr",
        "Geschoss", "Obergeschoss", "Bundesland", "Spiel", "Tor", "Kind", "Buch", "Haus", "Bild", "Wort", "Gebot",
        "Training", "Drittel", "Viertel", "Prozent", "Kilo", "Gramm", "Pfund", "Bier", "Glas", "Tier", "Land",
        "Zimmer", "Reich", "Gleis",
    ];
    const FEMININE: &[&str] = &[
        "Liga",
        "Bundesliga",
        "Halbzeit",
        "Generation",
        "Million",
        "Milliarde",
        "Person",
        "Frau",
        "Nacht",
        "Stadt",
        "Zeit",
        "Staffel",
        "Oper",
        "Mutter",
        "Tochter",
        "Hand",
        "Zahl",
        "Nummer",
        "Regel",
        "Fahrt",
        "Wahl",
        "Tür",
        "Uhr",
        "Kraft",
        "Macht",
        "Kuh",
        "Bank",
        "Schwester",
        "Feder",
        "Butter",
        "Kammer",
        "Mauer",
        "Leiter",
        "Feier",
        "Steuer",
        "Firma",
        "Pizza",
    ];
    const MASCULINE: &[&str] =
        &["Name", "Junge", "Kunde", "Affe", "Löwe", "Hase", "Käse", "Kollege", "Deutsche", "Gedanke", "Buchstabe"];
    const FEMININE_ENDINGS: &[&str] = &["ung", "heit", "keit", "schaft", "tion", "sion", "tät", "ik", "ur", "ei", "e"];
    const NEUTER_ENDINGS: &[&str] = &["chen", "lein", "um", "ment"];
    if NEUTER.contains(&noun) || NEUTER_ENDINGS.iter().any(|ending| noun.ends_with(ending)) {
        Gender::Neuter
    } else if MASCULINE.contains(&noun) {
        Gender::Masculine
    } else if FEMININE.contains(&noun) || FEMININE_ENDINGS.iter().any(|ending| noun.ends_with(ending)) {
        Gender::Feminine
    } else {
        Gender::Masculine
    }
}

/// The form of a number before a noun.
pub(super) fn form(noun: &str) -> Form {
    match gender(noun) {
        Gender::Masculine => Form::Masculine,
        Gender::Feminine => Form::Feminine,
        Gender::Neuter => Form::Neuter,
    }
}

/// A 1 before what is counted: "eine Stunde", "ein neues Auto", "einen neuen Tag", else "eins".
fn one(found: &Found) -> &'static str {
    let mut next = forwards(found.after());
    let (word, noun) = (next.next().unwrap_or_default(), next.next().unwrap_or_default());
    let is_noun = |word: &str| word.starts_with(char::is_uppercase) && word.contains(char::is_lowercase);
    let at = backwards(found.before()).next().unwrap_or_default().to_lowercase();
    if !found.after().starts_with(char::is_whitespace) || matches!(at.as_str(), "um" | "nummer" | "seite" | "nr.") {
        return "eins";
    }
    match word {
        word if is_noun(word) && gender(word) == Gender::Feminine => "eine",
        word if is_noun(word) => "ein",
        // An adjective tells it.
        word if is_noun(noun) && word.len() > 3 && !is_connector(word) => match word {
            word if word.ends_with('e') => "eine",
            word if word.ends_with("er") || word.ends_with("es") => "ein",
            word if word.ends_with("en") => "einen",
            _ => "eins",
        },
        _ => "eins",
    }
}

/// Words between numbers in a row: "am 3. und 4. Mai".
fn is_connector(word: &str) -> bool {
    matches!(word, "und" | "oder" | "bis" | "sowie" | "bzw." | "–" | "-" | "")
}

/// "3."
fn is_ordinal(word: &str) -> bool {
    word.strip_suffix('.')
        .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit()))
}

/// The first word with a capital in a text: what is counted.
fn noun_of(text: &str) -> Option<&str> {
    let noun = forwards(text).find(|word| word.starts_with(char::is_uppercase))?;
    Some(noun.trim_end_matches('.'))
}

/// What a number in a row ends with after "dritte", by the words before it, and by its noun where it has no article.
fn ending(before: &str, noun: &str) -> String {
    let mut before = backwards(before).filter(|word| !is_ordinal(word));
    // "am 3. und 4. Mai": as the first one. "bis 3. Mai" has nothing before the "bis".
    let mut word = before.next().unwrap_or_default();
    let mut connected = false;
    while is_connector(word) && !word.is_empty() {
        connected = word == "bis";
        word = before.next().unwrap_or_default();
    }
    let earlier = before.next().unwrap_or_default().to_lowercase();
    let article = word.to_lowercase();
    let by_noun = match gender(noun) {
        Gender::Masculine => "r",
        Gender::Feminine => "",
        Gender::Neuter => "s",
    };
    match article.as_str() {
        "am" | "im" | "vom" | "zum" | "zur" | "beim" | "dem" | "den" | "des" | "ab" | "seit" | "einem" | "einen"
        | "eines" | "jedem" | "jeden" | "diesem" | "diesen" | "meinem" | "meinen" | "deinem" | "seinem" | "seinen"
        | "ihrem" | "ihren" | "unserem" | "unseren" | "keinem" | "keinen" | "unterm" | "überm" | "alle" => "n",
        "der" | "jeder" | "dieser" | "einer" | "meiner" | "seiner" | "ihrer" | "unserer"
            if DATIVE.contains(&earlier.as_str()) =>
        {
            "n"
        }
        "der" | "die" | "das" | "ins" | "ans" | "aufs" | "fürs" | "jeder" | "jede" | "jedes" | "dieser" | "diese"
        | "dieses" | "eine" | "meine" | "deine" | "seine" | "ihre" | "unsere" | "keine" | "welche" | "welcher"
        | "welches" => "",
        _ if connected => "n",
        _ => by_noun,
    }
    .to_owned()
}

/// Words with what they are counted for: "fünf Euro pro Kilogramm".
fn per(words: String, each: &str) -> String {
    match each {
        "" => words,
        each => format!("{words} pro {}", quantities::unit(each, German).map_or(each, |noun| noun.one)),
    }
}

/// A number with a unit.
fn measured(number: &Number, magnitude: Option<quantities::Noun>, unit: &str) -> Option<String> {
    Some(quantity(number, magnitude, Some(quantities::unit(unit, German)?), German))
}

/// Digit after digit, groups apart. `None` without digits.
pub(super) fn digit_groups(text: &str) -> Option<String> {
    let plus = if text.trim_start().starts_with('+') { "plus " } else { "" };
    let groups = text.split(|letter: char| !letter.is_ascii_digit()).filter(|group| !group.is_empty());
    let groups: Vec<_> = groups.map(|group| digits(group, German)).collect();
    (!groups.is_empty()).then(|| format!("{plus}{}", groups.join(", ")))
}

fn is_day(day: &str) -> bool {
    day.parse().is_ok_and(|day: u32| (1..=31).contains(&day))
}

/// The full name of a month, by its name, its beginning, or its number.
pub(super) fn month(text: &str) -> Option<&'static str> {
    let months = German.months();
    let begins: String = text.chars().take(3).collect();
    match (text.parse::<usize>(), begins.as_str()) {
        (Ok(number), _) => months.get(number.checked_sub(1)?).copied(),
        (Err(_), "Jän") => Some(months[0]),
        (Err(_), "Mrz") => Some(months[2]),
        (Err(_), _) => months.iter().find(|month| month.starts_with(&begins) && begins.len() >= 3).copied(),
    }
}

fn with_year(date: String, written: &str) -> String {
    if written.is_empty() { date } else { format!("{date} {}", year(written, German)) }
}

/// "dritter Mai zweitausendvierundzwanzig". `None` if it is no date.
pub(super) fn date(day: &str, month_number: &str, written_year: &str, ending: &str) -> Option<String> {
    let month = month(month_number)?;
    let full = match written_year.len() {
        2 if written_year < "50" => format!("20{written_year}"),
        2 => format!("19{written_year}"),
        _ => written_year.to_owned(),
    };
    is_day(day).then(|| with_year(format!("{} {month}", ordinal(day.trim_start_matches('0'), ending, German)), &full))
}

/// A time of day.
pub(super) fn clock(hour: &str, minute: &str) -> Option<String> {
    let (hours, minutes): (u32, u32) = (hour.parse().ok()?, minute.parse().ok()?);
    let hour = cardinal(&hours.to_string(), Form::Masculine, German);
    (hours <= 24).then(|| match minutes {
        0 => format!("{hour} Uhr"),
        _ => format!("{hour} Uhr {}", cardinal(&minutes.to_string(), Form::Counting, German)),
    })
}

fn weekday(short: &str) -> Option<&'static str> {
    const DAYS: [&str; 7] = ["Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag"];
    DAYS.into_iter().find(|day| day.starts_with(short))
}

/// Words before a year.
const BEFORE_YEAR: &[&str] = &[
    "jahr",
    "jahre",
    "jahres",
    "jahren",
    "seit",
    "von",
    "bis",
    "um",
    "ab",
    "vor",
    "nach",
    "anno",
    "sommer",
    "winter",
    "herbst",
    "frühling",
    "frühjahr",
    "und",
];

/// Whether four digits are a year; only from 1100 to 1999 does that change how they are read.
fn is_year(found: &Found) -> bool {
    let Ok(number) = found.get(0).parse::<u32>() else { return false };
    let previous = backwards(found.before()).next().unwrap_or_default().to_lowercase();
    match number {
        1_100..=1_899 => BEFORE_YEAR.contains(&previous.as_str()),
        1_900..=1_999 => true,
        _ => false,
    }
}
