//! Written numbers in words: whole, decimal, in a row, as years, fractions and single digits.

use visage_core::Language::{self, English, German};

use super::spellout::spell;

/// The form of a German number before a noun. English knows no difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Without a noun: "eins".
    Counting,
    /// "ein Meter", "ein halber Meter".
    Masculine,
    /// "ein Kilo", "ein halbes Kilo".
    Neuter,
    /// "eine Stunde".
    Feminine,
}

/// A number in digits, without separators.
pub fn cardinal(digits: &str, form: Form, language: Language) -> String {
    let rules = match (language, form) {
        (English, _) => "spellout-cardinal",
        (German, Form::Counting) => "spellout-numbering",
        (German, Form::Masculine | Form::Neuter) => "spellout-cardinal-masculine",
        (German, Form::Feminine) => "spellout-cardinal-feminine",
    };
    by_rules(digits, rules, language)
}

/// A number in a row. `ending` is what German adds to "dritte": "", "n", "r", "s" or "m".
pub fn ordinal(digits: &str, ending: &str, language: Language) -> String {
    let mut words = by_rules(digits, "spellout-ordinal", language);
    if language == German {
        words.push_str(ending);
    }
    words
}

/// A year.
pub fn year(digits: &str, language: Language) -> String {
    by_rules(digits, "spellout-numbering-year", language)
}

fn by_rules(digits: &str, rules: &str, language: Language) -> String {
    let spelled = digits.parse().ok().and_then(|number| spell(number, rules, language));
    spelled.unwrap_or_else(|| self::digits(digits, language))
}

/// Digit after digit; whatever is no digit is left out.
pub fn digits(text: &str, language: Language) -> String {
    let words = text.chars().filter_map(|digit| digit.to_digit(10)).map(|digit| digit_word(digit, language));
    words.collect::<Vec<_>>().join(" ")
}

/// The word for 0..=9.
pub fn digit_word(digit: u32, language: Language) -> &'static str {
    const ENGLISH: [&str; 10] = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
    const GERMAN: [&str; 10] = ["null", "eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun"];
    match language {
        English => ENGLISH[digit as usize % 10],
        German => GERMAN[digit as usize % 10],
    }
}

/// A written number taken apart: digits before and after the decimal mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Number {
    /// Before the mark; may be empty (".5").
    pub whole: String,
    /// After the mark; `None` without a mark.
    pub decimals: Option<String>,
}

impl Number {
    /// Reads a number as the language writes it: "1,234.5" is English, "1.234,5" German, with spaces and apostrophes in both.
    pub fn read(text: &str, language: Language) -> Self {
        let mark = match language {
            English => '.',
            German => ',',
        };
        let (whole, decimals) = match text.split_once(mark) {
            Some((whole, decimals)) => (whole, Some(decimals)),
            None => (text, None),
        };
        let only_digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
        Self { whole: only_digits(whole), decimals: decimals.map(only_digits) }
    }

    /// Whether it is exactly 1, so that its noun is in the singular.
    pub fn is_one(&self) -> bool {
        self.whole == "1" && self.decimals.is_none()
    }

    /// In words. A number with a leading zero ("007") is read digit by digit.
    pub fn words(&self, form: Form, language: Language) -> String {
        let coded = self.whole.len() > 1 && self.whole.starts_with('0') && self.decimals.is_none();
        let whole = match self.whole.as_str() {
            whole if coded => digits(whole, language),
            "" if language == English => String::new(),
            "" => "null".to_owned(),
            whole => cardinal(whole, if self.decimals.is_some() { Form::Counting } else { form }, language),
        };
        match &self.decimals {
            None => whole,
            Some(decimals) => {
                let mark = if language == English { "point" } else { "Komma" };
                format!("{whole} {mark} {}", digits(decimals, language)).trim_start().to_owned()
            }
        }
    }
}

/// A fraction: "three quarters", "drei Viertel".
pub fn fraction(numerator: &str, denominator: &str, language: Language) -> String {
    let one = numerator == "1";
    match language {
        English => {
            let part = match denominator {
                "2" if one => "half".to_owned(),
                "2" => "halves".to_owned(),
                "4" if one => "quarter".to_owned(),
                "4" => "quarters".to_owned(),
                _ if one => ordinal(denominator, "", English),
                _ => format!("{}s", ordinal(denominator, "", English)),
            };
            format!("{} {part}", cardinal(numerator, Form::Counting, English))
        }
        German => {
            let part = match denominator {
                "2" if one => "halb".to_owned(),
                "2" => "Halbe".to_owned(),
                _ => capitalised(&format!("{}l", ordinal(denominator, "", German))),
            };
            format!("{} {part}", cardinal(numerator, Form::Masculine, German))
        }
    }
}

/// A fraction of something, up to its noun: "three quarters of a", "ein halber". `vowel` is whether the English noun begins
/// with one.
pub fn fraction_of(numerator: &str, denominator: &str, form: Form, vowel: bool, language: Language) -> String {
    let article = if vowel { "an" } else { "a" };
    match (language, numerator, denominator) {
        (English, "1", "2") => format!("half {article}"),
        (English, ..) => format!("{} of {article}", fraction(numerator, denominator, English)),
        (German, "1", "2") => match form {
            Form::Feminine => "eine halbe",
            Form::Neuter => "ein halbes",
            Form::Masculine | Form::Counting => "ein halber",
        }
        .to_owned(),
        (German, ..) => fraction(numerator, denominator, German),
    }
}

/// A whole number and a fraction: "two and a half", "zweieinhalb".
pub fn mixed(whole: &str, numerator: &str, denominator: &str, language: Language) -> String {
    match (language, numerator, denominator) {
        (English, "1", _) => {
            let part = fraction("1", denominator, English);
            let part = part.strip_prefix("one ").unwrap_or(&part);
            let article = if part.starts_with("eigh") { "an" } else { "a" };
            format!("{} and {article} {part}", cardinal(whole, Form::Counting, English))
        }
        (English, ..) => {
            format!("{} and {}", cardinal(whole, Form::Counting, English), fraction(numerator, denominator, English))
        }
        (German, "1", "2") => format!("{}\u{ad}ein\u{ad}halb", cardinal(whole, Form::Masculine, German)),
        (German, ..) => {
            format!("{} {}", cardinal(whole, Form::Counting, German), fraction(numerator, denominator, German))
        }
    }
}

/// A character that is a fraction, such as ½.
pub fn vulgar(character: char) -> Option<(&'static str, &'static str)> {
    Some(match character {
        '½' => ("1", "2"),
        '⅓' => ("1", "3"),
        '⅔' => ("2", "3"),
        '¼' => ("1", "4"),
        '¾' => ("3", "4"),
        '⅕' => ("1", "5"),
        '⅖' => ("2", "5"),
        '⅗' => ("3", "5"),
        '⅘' => ("4", "5"),
        '⅙' => ("1", "6"),
        '⅚' => ("5", "6"),
        '⅛' => ("1", "8"),
        '⅜' => ("3", "8"),
        '⅝' => ("5", "8"),
        '⅞' => ("7", "8"),
        _ => return None,
    })
}

/// Whether letters are a Roman numeral wherever they stand, as [`roman`] reads them: "I" and "X" may be words or names, and so may
/// letters with an L or a C, and sizes.
pub fn is_surely_roman(text: &str) -> bool {
    text.len() > 1 && !text.contains(['L', 'C']) && !matches!(text, "XX" | "XXX")
}

/// The value of a Roman numeral in capitals, 1..=3999; `None` for what is none in the usual form.
pub fn roman(text: &str) -> Option<u32> {
    const STEPS: [(&str, u32); 13] = [
        ("M", 1_000),
        ("CM", 900),
        ("D", 500),
        ("CD", 400),
        ("C", 100),
        ("XC", 90),
        ("L", 50),
        ("XL", 40),
        ("X", 10),
        ("IX", 9),
        ("V", 5),
        ("IV", 4),
        ("I", 1),
    ];
    let (mut value, mut rest) = (0, text);
    for (letters, worth) in STEPS {
        while let Some(after) = rest.strip_prefix(letters) {
            value += worth;
            rest = after;
        }
    }
    // Only what is written as one would write the value.
    let (mut left, mut usual) = (value, String::new());
    for (letters, worth) in STEPS {
        while left >= worth && usual.len() <= text.len() {
            usual.push_str(letters);
            left -= worth;
        }
    }
    (rest.is_empty() && usual == text && (1..=3_999).contains(&value)).then_some(value)
}

/// With a capital at its beginning.
pub fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roman_numerals_are_read_in_their_usual_form_only() {
        let cases = [
            ("I", Some(1)),
            ("IV", Some(4)),
            ("XIV", Some(14)),
            ("XXXIX", Some(39)),
            ("MCMXCIX", Some(1_999)),
            ("MMXXVI", Some(2_026)),
            ("IIII", None),
            ("VX", None),
            ("IXI", None),
            ("MIX", Some(1_009)),
            ("", None),
            ("iv", None),
        ];
        for (text, expected) in cases {
            assert_eq!(roman(text), expected, "{text}");
        }
    }

    #[test]
    fn fractions_have_names() {
        let cases = [
            (fraction("1", "2", English), "one half"),
            (fraction("3", "4", English), "three quarters"),
            (fraction("2", "3", English), "two thirds"),
            (fraction("7", "10", English), "seven tenths"),
            (mixed("2", "1", "2", English), "two and a half"),
            (mixed("1", "1", "8", English), "one and an eighth"),
            (fraction("1", "2", German), "ein halb"),
            (fraction("3", "4", German), "drei Viertel"),
            (fraction("1", "3", German), "ein Drittel"),
            (fraction("5", "100", German), "fünf Einhundertstel"),
            (mixed("2", "1", "2", German), "zweieinhalb"),
            (mixed("1", "3", "4", German), "eins drei Viertel"),
        ];
        for (words, expected) in cases {
            assert_eq!(words.replace('\u{ad}', ""), expected);
        }
    }
}
