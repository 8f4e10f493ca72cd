//! Letters that are said one by one: acronyms, and names made of letters and digits.

use visage_core::Language::{self, English, German};

use super::numbers::{Form, cardinal, digits};

/// Letters one by one, joined by hyphens ("U-S-A"): so are they told from words. Other characters are left out.
pub fn spelled(text: &str) -> String {
    let mut spelled = String::with_capacity(text.len() * 2);
    for letter in text.chars().filter(|letter| letter.is_alphabetic()) {
        if !spelled.is_empty() {
            spelled.push('-');
        }
        spelled.push(letter);
    }
    spelled
}

/// Words that are written in capitals and read as words, though they are short or look like letters.
const READ_AS_WORDS: &[&str] = &[
    "NASA", "NATO", "UNESCO", "UNICEF", "AIDS", "LASER", "RADAR", "SONAR", "PIN", "SIM", "RAM", "ROM", "OPEC", "IKEA",
    "LEGO", "VISA", "FIFA", "UEFA", "JPEG", "GIF", "ZIP", "WIFI", "COVID", "SARS", "ASCII", "ICANN", "BASIC", "SCUBA",
    "ESA", "UNO", "TÜV", "DAX", "EDEKA", "ELSTER", "SCHUFA", "BAFÖG", "BIOS", "LAN", "MAC", "DOS", "RON", "YAML",
    "CERN", "DIN", "KIT", "GEMA", "LIDL", "ALDI", "HARIBO", "REWE", "TOEFL", "SWAT", "LED",
];

/// Words in capitals that are said as letters, though they could be read.
const READ_AS_LETTERS: &[&str] = &[
    "USA", "API", "AWS", "IBM", "CIA", "FBI", "CEO", "CIO", "CTO", "CFO", "UFO", "USB", "URL", "URI", "IEEE", "ISBN",
    "IBAN", "IMAP", "HTML", "ADHD", "AEG", "ADAC", "AOK", "ARD", "EKG", "ICE", "FAQ", "VIP", "DIY", "UEFI", "AOL",
    "SOS", "ACDC", "NAACP", "ESPN", "IPTV", "OLED", "UTC", "EDV", "UKW", "IHK", "EZB", "EBITDA",
];

/// Short words that people write in capitals to stress them.
const STRESSED_ENGLISH: &[&str] = &[
    "A", "I", "AM", "AN", "AS", "AT", "BE", "BY", "DO", "GO", "HE", "IF", "IN", "IS", "ME", "MY", "NO", "OF", "OH",
    "ON", "OR", "SO", "TO", "UP", "WE", "ALL", "AND", "ANY", "ARE", "ASK", "BAD", "BIG", "BUT", "BUY", "CAN", "DAY",
    "DID", "END", "FAR", "FEW", "FOR", "FUN", "GET", "GOD", "GOT", "HAD", "HAS", "HER", "HEY", "HIM", "HIS", "HOT",
    "HOW", "ITS", "LET", "LOT", "MAN", "MAY", "MEN", "NEW", "NOT", "NOW", "OFF", "OLD", "ONE", "OUR", "OUT", "OWN",
    "PUT", "RED", "RUN", "SAD", "SAY", "SEE", "SET", "SHE", "SIX", "TEN", "THE", "TOO", "TOP", "TRY", "TWO", "USE",
    "WAS", "WAY", "WHO", "WHY", "WIN", "WOW", "YES", "YET", "YOU", "AGO", "BED", "BOX", "BOY", "CAR", "CUT", "DAD",
    "EAT", "EYE", "FLY", "MOM", "MUM", "LOW", "MIX", "ODD", "PAY", "SIT", "SUN", "TAX", "TEA", "WAR", "HUH", "UGH",
    "AHA", "HA", "AH",
];
const STRESSED_GERMAN: &[&str] = &[
    "AB", "ALS", "AN", "AUF", "AUS", "BEI", "BIN", "BIS", "DA", "DAS", "DEM", "DEN", "DER", "DES", "DIE", "DIR", "DU",
    "EIN", "ER", "ES", "FÜR", "GUT", "HAT", "ICH", "IHM", "IHN", "IHR", "IM", "IST", "JA", "JE", "MAL", "MAN", "MIR",
    "MIT", "NIE", "NUN", "NUR", "OB", "OFT", "SIE", "TAG", "TU", "TUN", "UM", "UND", "UNS", "VOM", "VON", "VOR", "WAR",
    "WAS", "WEM", "WEN", "WER", "WIE", "WIR", "WO", "ZU", "ZUM", "ZUR", "NEU", "ALT", "ROT", "LOS", "WEG", "OHNE",
];

/// Names of mixed case whose letters are said.
const MIXED: &[&str] = &["GmbH", "PhD", "GbR", "mRNA", "tRNA", "pH"];

/// Whether a word in capitals is stressed rather than a name of letters.
pub fn is_shouted(word: &str, language: Language) -> bool {
    let capitals = word.chars().all(|letter| letter.is_uppercase() || matches!(letter, '\'' | '’' | '-'));
    let (long, stressed) = (word.chars().count() > 3, stressed(language).contains(&word));
    capitals && word.len() > 1 && (stressed || long && acronym(word, true, language).is_none())
}

const fn stressed(language: Language) -> &'static [&'static str] {
    match language {
        English => STRESSED_ENGLISH,
        German => STRESSED_GERMAN,
    }
}

/// The letters of a word that is said letter by letter, or `None` for a word that is read. `shouting` is whether its neighbour
/// is stressed by capitals: then capitals mean nothing.
pub fn acronym(word: &str, shouting: bool, language: Language) -> Option<String> {
    if MIXED.contains(&word) {
        return Some(spelled(word));
    }
    // "PCs", "LKWs", "CEO's".
    let (stem, plural) = ["'s", "’s", "s"]
        .iter()
        .find_map(|ending| word.strip_suffix(ending).filter(|stem| stem.chars().count() > 1))
        .map_or((word, false), |stem| (stem, true));
    let count = stem.chars().count();
    if !(2..=6).contains(&count) || !stem.chars().all(|letter| letter.is_uppercase() && letter != 'ẞ') {
        return None;
    }
    let vowels = if language == English { "AEIOUY" } else { "AEIOUYÄÖÜ" };
    let letters = !READ_AS_WORDS.contains(&stem)
        && (READ_AS_LETTERS.contains(&stem)
            || !stem.contains(|letter| vowels.contains(letter))
            || !shouting && count <= 3 && !stressed(language).contains(&stem));
    letters.then(|| {
        let mut letters = spelled(stem);
        if plural {
            letters.push_str("'s");
        }
        letters
    })
}

/// A name of letters and digits, such as "MP3", "A380", "COVID-19": letters, words and numbers in turn.
pub fn mixed_name(text: &str, language: Language) -> String {
    let mut parts: Vec<String> = Vec::new();
    for run in runs(text) {
        let is_number = run.starts_with(|first: char| first.is_ascii_digit());
        let is_word = run.starts_with(char::is_alphabetic);
        if is_number {
            parts.push(short_number(run, language));
        } else if is_word {
            let capitals = run.chars().all(char::is_uppercase);
            let letters = run.chars().count() == 1 || capitals && acronym(run, false, language).is_some();
            // "CO2", "PM10": next to digits capitals are letters, unless they are known to be a word.
            let letters = letters || capitals && run.chars().count() <= 3 && !READ_AS_WORDS.contains(&run);
            parts.push(if letters { spelled(&run.to_uppercase()) } else { run.to_owned() });
        }
    }
    let mut joined = String::new();
    for part in parts {
        // A hyphen beside a single letter, so that an "A" is no article.
        let hyphen = ends_with_letter(&joined) || part.chars().count() == 1;
        if !joined.is_empty() {
            joined.push(if hyphen { '-' } else { ' ' });
        }
        joined.push_str(&part);
    }
    joined
}

/// Whether the last of the words is a single letter.
fn ends_with_letter(words: &str) -> bool {
    let last = words.rsplit(['-', ' ']).next().unwrap_or_default();
    last.chars().count() == 1 && last.starts_with(char::is_uppercase)
}

/// Runs of letters, of digits, and of neither.
fn runs(text: &str) -> impl Iterator<Item = &str> {
    let kind = |letter: char| (letter.is_ascii_digit(), letter.is_alphabetic());
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let end = rest.find(|letter| kind(letter) != kind(first)).unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        rest = after;
        Some(run)
    })
}

/// A number in a name: "A three eighty". A leading zero makes digits.
fn short_number(text: &str, language: Language) -> String {
    let round = text.ends_with("00");
    match (language, text.len()) {
        _ if text.starts_with('0') && text.len() > 1 => digits(text, language),
        (_, 1 | 2) => cardinal(text, Form::Counting, language),
        (English, 3) if !round && &text[1..2] != "0" => {
            format!("{} {}", digits(&text[..1], English), cardinal(&text[1..], Form::Counting, English))
        }
        (English, 3) if !round => digits(text, English),
        (_, 3) => cardinal(text, Form::Counting, language),
        (English, 4) if !round && &text[2..3] != "0" => format!(
            "{} {}",
            cardinal(&text[..2], Form::Counting, English),
            cardinal(&text[2..], Form::Counting, English)
        ),
        (German, 4) => cardinal(text, Form::Counting, German),
        _ => digits(text, language),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acronyms_are_letters_and_shouts_are_words() {
        let cases = [
            ("USA", false, English, Some("U-S-A")),
            ("BBC", true, English, Some("B-B-C")),
            ("NASA", false, English, None),
            ("NOT", false, English, None),
            ("STOP", false, English, None),
            ("PCs", false, English, Some("P-C's")),
            ("CEO's", false, English, Some("C-E-O's")),
            ("EU", false, German, Some("E-U")),
            ("ADAC", false, German, Some("A-D-A-C")),
            ("GmbH", false, German, Some("G-m-b-H")),
            ("LKW", false, German, Some("L-K-W")),
            ("NICHT", false, German, None),
            ("HEL", true, German, None),
            ("As", false, English, None),
            ("Is", false, English, None),
            ("word", false, English, None),
            ("I", false, English, None),
        ];
        for (word, shouting, language, expected) in cases {
            assert_eq!(acronym(word, shouting, language).as_deref(), expected, "{word}");
        }
    }

    #[test]
    fn names_with_digits_are_said_in_turn() {
        let cases = [
            ("MP3", English, "M-P-three"),
            ("A380", English, "A-three eighty"),
            ("H2O", English, "H-two-O"),
            ("COVID-19", English, "COVID nineteen"),
            ("GPT-4", English, "G-P-T-four"),
            ("iPhone15", English, "iPhone fifteen"),
            ("X100", English, "X-one hundred"),
            ("B-52", English, "B-fifty-two"),
            ("K2", German, "K-zwei"),
            ("A380", German, "A-dreihundertachtzig"),
            ("CO2", German, "C-O-zwei"),
            ("R2D2", English, "R-two-D-two"),
            ("007b", English, "zero zero seven-B"),
        ];
        for (text, language, expected) in cases {
            assert_eq!(mixed_name(text, language).replace('\u{ad}', ""), expected, "{text}");
        }
    }
}
