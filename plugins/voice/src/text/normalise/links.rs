//! Addresses: web pages and e-mail, found by `linkify` and read as one reads them to somebody.

use linkify::{LinkFinder, LinkKind};
use visage_core::Language::{self, English, German};

use super::{
    letters::spelled,
    numbers::{Form, cardinal, digits},
};

/// Paths up to this long, characters, are read; of longer ones nobody remembers anything.
const LONGEST_PATH: usize = 40;

/// The ends of names of hosts that are taken for an address without "www" or "https". Others are more likely a missing space
/// after a dot.
const ENDS: &[&str] = &[
    "com", "org", "net", "edu", "gov", "int", "info", "biz", "io", "ai", "dev", "app", "eu", "de", "at", "ch", "uk",
    "us", "fr", "it", "nl", "be", "es", "se", "no", "dk", "pl", "cz", "jp", "cn", "in", "au", "ca", "tv", "me", "co",
    "li", "lu", "berlin", "online", "shop", "blog", "cloud", "tech", "xyz",
];

/// An address in a text: byte positions, and what is said.
pub struct Link {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// In words.
    pub spoken: String,
}

/// The addresses in a text, in order.
pub fn links(text: &str, language: Language) -> Vec<Link> {
    // Most texts have none of the marks that every address has.
    if !text.contains(['.', '@']) && !text.contains("://") {
        return Vec::new();
    }
    let mut finder = LinkFinder::new();
    finder.url_must_have_scheme(false);
    finder
        .links(text)
        .filter_map(|link| {
            let written = link.as_str();
            let spoken = match link.kind() {
                LinkKind::Email => mail(written, language),
                _ => url(written, language)?,
            };
            Some(Link { start: link.start(), end: link.end(), spoken })
        })
        .collect()
}

fn mail(written: &str, language: Language) -> String {
    let written = written.strip_prefix("mailto:").unwrap_or(written);
    let (name, host) = written.rsplit_once('@').unwrap_or((written, ""));
    let at = if language == English { "at" } else { "ät" };
    format!("{} {at} {}", name_in_words(name, language), host_in_words(host, language))
}

/// `None` for what only looks like an address.
fn url(written: &str, language: Language) -> Option<String> {
    let (scheme, rest) = match written.split_once("://") {
        Some((scheme, rest)) => (Some(scheme), rest),
        None => (None, written),
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (host, path) = rest.split_at(end);
    let host = host.rsplit('@').next().unwrap_or(host);
    let plain = scheme.is_none() && !host.to_ascii_lowercase().starts_with("www.");
    if plain {
        let last = host.rsplit('.').next().unwrap_or_default();
        // Abbreviations and numbers have dots, too.
        let known = ENDS.contains(&last) && host.split('.').all(|label| label.len() > 1);
        if !known || host.starts_with(|first: char| first.is_ascii_digit()) {
            return None;
        }
    }
    let mut words = host_in_words(host, language);
    // What comes after "?" and "#" is for machines.
    let path = path.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
    if !path.is_empty() && path.chars().count() <= LONGEST_PATH && !path.contains('%') {
        words.push(' ');
        words.push_str(&name_in_words(path, language));
    }
    Some(words)
}

/// A host's name: labels and dots, and its country as letters.
fn host_in_words(host: &str, language: Language) -> String {
    let (host, port) = host.split_once(':').map_or((host, None), |(host, port)| (host, Some(port)));
    let dot = if language == English { "dot" } else { "Punkt" };
    let labels: Vec<&str> = host.split('.').collect();
    let last = labels.len().saturating_sub(1);
    let mut words = Vec::new();
    for (index, label) in labels.into_iter().enumerate() {
        if index > 0 {
            words.push(dot.to_owned());
        }
        words.push(match label.to_ascii_lowercase().as_str() {
            "www" => "W-W-W".to_owned(),
            short if index == last && last > 0 && short.len() == 2 => spelled(&short.to_uppercase()),
            _ => name_in_words(label, language),
        });
    }
    if let Some(port) = port.filter(|port| !port.is_empty()) {
        words.push(if language == English { "colon" } else { "Doppelpunkt" }.to_owned());
        words.push(digits(port, language));
    }
    words.join(" ")
}

/// Letters, digits and marks of a name in an address.
fn name_in_words(text: &str, language: Language) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let run = |kind: fn(char) -> bool| rest.find(|letter| !kind(letter)).unwrap_or(rest.len());
        let length = if first.is_ascii_digit() {
            let end = run(|letter| letter.is_ascii_digit());
            let number = &rest[..end];
            let read = number.len() <= 2 && !number.starts_with('0');
            words.push(if read { cardinal(number, Form::Counting, language) } else { digits(number, language) });
            end
        } else if first.is_alphabetic() {
            let end = run(char::is_alphabetic);
            let name = &rest[..end];
            // What has no vowel cannot be read as a word.
            let readable = name.to_lowercase().contains(['a', 'e', 'i', 'o', 'u', 'y', 'ä', 'ö', 'ü']) && end > 1;
            words.push(if readable { name.to_owned() } else { spelled(&name.to_uppercase()) });
            end
        } else {
            words.extend(mark(first, language).map(str::to_owned));
            first.len_utf8()
        };
        rest = &rest[length..];
    }
    words.join(" ")
}

/// What a mark in an address is called.
const fn mark(mark: char, language: Language) -> Option<&'static str> {
    Some(match (mark, language) {
        ('.', English) => "dot",
        ('.', German) => "Punkt",
        ('-', English) => "dash",
        ('-', German) => "Strich",
        ('_', English) => "underscore",
        ('_', German) => "Unterstrich",
        ('/', English) => "slash",
        ('/', German) => "Schrägstrich",
        ('@', English) => "at",
        ('@', German) => "ät",
        ('+', _) => "plus",
        ('~', English) => "tilde",
        ('~', German) => "Tilde",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_found_and_told_from_missing_spaces() {
        let cases: &[(&str, Language, &[&str])] = &[
            ("See https://www.example.com/docs?id=5#top.", English, &["W-W-W dot example dot com slash docs"]),
            ("at example.org, or not", English, &["example dot org"]),
            ("http://localhost:8080/", English, &["localhost colon eight zero eight zero"]),
            ("(www.bbc.co.uk)", English, &["W-W-W dot B-B-C dot co dot U-K"]),
            ("jane.doe-99@my-host.de!", English, &["jane dot doe dash ninety-nine at my dash host dot D-E"]),
            ("info@example.com", German, &["info ät example Punkt com"]),
            ("visage.de/preise", German, &["visage Punkt D-E Schrägstrich preise"]),
            ("Ende.Neuer Satz, z.B.so, 3.Mai, 1.2.3 und e.g. this", German, &[]),
            ("He came.It was me.", English, &[]),
            ("no address", English, &[]),
        ];
        for (text, language, expected) in cases {
            let found: Vec<String> = links(text, *language).into_iter().map(|link| link.spoken).collect();
            assert_eq!(found, *expected, "{text}");
        }
    }
}
