//! Cuts a piece of text into the runs of words that are pronounced together, each with the mark after it.

/// A run of words between two marks of punctuation.
#[derive(Clone, Debug, PartialEq)]
pub struct Clause {
    /// The words, without the mark.
    pub words: String,
    /// The mark after them: one of `.,;:!?`, or none at the end of a piece that was cut between words.
    pub mark: Option<char>,
}

/// The clauses of a piece. Marks are told from dots and commas inside numbers and abbreviations by the space after them.
pub fn clauses(piece: &str) -> Vec<Clause> {
    let mut clauses: Vec<Clause> = Vec::new();
    let mut words = String::new();
    let mut end = |words: &mut String, mark: Option<char>| {
        let spoken = words.trim();
        if spoken.chars().any(char::is_alphanumeric) {
            clauses.push(Clause { words: spoken.to_owned(), mark });
        } else if let (Some(last), Some(_)) = (clauses.last_mut(), mark) {
            // Marks in a row ("?!", "word) ,"): the first strong one counts.
            if !matches!(last.mark, Some('.' | '!' | '?')) {
                last.mark = mark;
            }
        }
        words.clear();
    };
    let characters: Vec<char> = piece.chars().collect();
    for (index, &character) in characters.iter().enumerate() {
        let rest = &characters[index + 1..];
        let ends_word =
            rest.iter().find(|next| !is_closing(**next)).is_none_or(|next| next.is_whitespace() || is_mark(*next));
        let ends_piece = !rest.iter().any(|next| next.is_alphanumeric());
        match character {
            ',' | ';' | ':' | '!' | '?' if ends_word => end(&mut words, Some(character)),
            '.' if ends_piece => end(&mut words, Some('.')),
            '…' => end(&mut words, Some(if ends_piece { '.' } else { ',' })),
            '(' | ')' | '[' | ']' | '–' | '—' => end(&mut words, Some(',')),
            '-' if index > 0 && characters[index - 1] == ' ' && ends_word => end(&mut words, Some(',')),
            '"' | '„' | '“' | '”' | '«' | '»' => words.push(' '),
            _ => words.push(character),
        }
    }
    end(&mut words, None);
    clauses
}

fn is_closing(character: char) -> bool {
    matches!(character, '"' | '“' | '”' | '»' | '«' | '\'' | '’' | ')' | ']')
}

fn is_mark(character: char) -> bool {
    matches!(character, '.' | ',' | ';' | ':' | '!' | '?' | '…')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A piece, and its clauses with their marks.
    type Case = (&'static str, &'static [(&'static str, Option<char>)]);

    #[test]
    fn clauses_keep_their_marks() {
        let cases: &[Case] = &[
            ("Hello there, world.", &[("Hello there", Some(',')), ("world", Some('.'))]),
            ("Dr. Smith has 3.5, or 1,000 of them", &[("Dr. Smith has 3.5", Some(',')), ("or 1,000 of them", None)]),
            ("What?! (Really)", &[("What", Some('?')), ("Really", Some(','))]),
            ("\"Well,\" he said – no…", &[("Well", Some(',')), ("he said", Some(',')), ("no", Some('.'))]),
            ("At 10:30 it's well-known", &[("At 10:30 it's well-known", None)]),
            ("?!", &[]),
        ];
        for (piece, expected) in cases {
            let expected: Vec<Clause> =
                expected.iter().map(|(words, mark)| Clause { words: (*words).to_owned(), mark: *mark }).collect();
            assert_eq!(clauses(piece), expected, "{piece}");
        }
    }
}
