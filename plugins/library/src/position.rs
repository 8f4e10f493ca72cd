//! Where a field stands in a RON text. Reading a character gives values without their places; when a value turns out to
//! be wrong, the text is walked once more to say on which line.

/// Deepest nesting that is walked; texts that were read as a character before are never as deep.
const MAX_DEPTH: usize = 128;

/// Line and column (both from 1, columns in characters) of the value of `field`, written as in
/// [`FileError::field`](crate::FileError::field). If the field is left out, that of the nearest one around it. The text
/// must be correct RON; of another text the answer has no meaning.
pub(crate) fn of(text: &str, field: &str) -> (usize, usize) {
    let mut walker = Walker { text: text.as_bytes(), at: 0, field, best: (0, 0) };
    walker.value("", 0);
    let before = &text[..text.floor_char_boundary(walker.best.1)];
    let line_start = before.rfind('\n').map_or(0, |index| index + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

struct Walker<'a> {
    text: &'a [u8],
    at: usize,
    field: &'a str,
    /// The longest part of the field's path that was met, and where in the text.
    best: (usize, usize),
}

impl Walker<'_> {
    /// What is still to be walked. Skipping what follows a backslash may lead behind the end.
    fn rest(&self) -> &[u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    /// Passes over spaces, comments and attributes.
    fn space(&mut self) {
        loop {
            let rest = self.rest();
            if rest.first().is_some_and(u8::is_ascii_whitespace) {
                self.at += 1;
            } else if rest.starts_with(b"//") {
                self.at += rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len());
            } else if rest.starts_with(b"/*") {
                let mut depth = 0;
                while self.at < self.text.len() {
                    let rest = self.rest();
                    if rest.starts_with(b"/*") {
                        depth += 1;
                        self.at += 2;
                    } else if rest.starts_with(b"*/") {
                        depth -= 1;
                        self.at += 2;
                        if depth == 0 {
                            break;
                        }
                    } else {
                        self.at += 1;
                    }
                }
            } else if rest.starts_with(b"#!") {
                self.at += rest.iter().position(|&byte| byte == b']').map_or(rest.len(), |index| index + 1);
            } else {
                return;
            }
        }
    }

    /// A name, a number, or nothing.
    fn word(&mut self) -> String {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_alphanumeric() || b"_+-.".contains(&byte) || byte >= 0x80) {
            self.at += 1;
        }
        String::from_utf8_lossy(&self.text[start..self.at.min(self.text.len())]).into_owned()
    }

    /// A string, also a raw one, whose first byte comes next.
    fn string(&mut self) -> String {
        let mut hashes = 0;
        let raw = self.peek() == Some(b'r');
        if raw {
            self.at += 1;
            while self.peek() == Some(b'#') {
                hashes += 1;
                self.at += 1;
            }
        }
        self.at += 1;
        let start = self.at;
        while let Some(byte) = self.peek() {
            if byte == b'"' && self.rest().iter().skip(1).take_while(|&&byte| byte == b'#').count() >= hashes {
                let inside = String::from_utf8_lossy(&self.text[start..self.at.min(self.text.len())]).into_owned();
                self.at += 1 + hashes;
                return inside;
            }
            self.at += if byte == b'\\' && !raw { 2 } else { 1 };
        }
        self.at = self.text.len();
        String::new()
    }

    fn at_string(&self) -> bool {
        let rest = self.rest();
        match rest.first() {
            Some(b'"') => true,
            Some(b'r') => {
                let hashes = rest[1..].iter().take_while(|&&byte| byte == b'#').count();
                rest.get(1 + hashes) == Some(&b'"')
            }
            _ => false,
        }
    }

    /// Walks over one value that is called `path`.
    fn value(&mut self, path: &str, depth: usize) {
        self.space();
        let around = self.field.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']));
        if !path.is_empty() && around && path.len() > self.best.0 {
            self.best = (path.len(), self.at);
        }
        if depth > MAX_DEPTH {
            self.at = self.text.len();
            return;
        }
        if self.at_string() {
            self.string();
            return;
        }
        if self.peek() == Some(b'\'') {
            // A character: 'a', '\'', '\u{61}'.
            self.at += if self.text.get(self.at + 1) == Some(&b'\\') { 3 } else { 2 };
            while self.peek().is_some_and(|byte| byte != b'\'') {
                self.at += 1;
            }
            self.at += 1;
            return;
        }
        // The name of a struct or a variant, if there is one, or a plain value.
        self.word();
        self.space();
        let close = match self.peek() {
            Some(b'(') => b')',
            Some(b'[') => b']',
            Some(b'{') => b'}',
            _ => return,
        };
        self.at += 1;
        for index in 0.. {
            self.space();
            match self.peek() {
                None => return,
                Some(byte) if byte == close => {
                    self.at += 1;
                    return;
                }
                _ => {}
            }
            let before = self.at;
            let child = match close {
                b']' => format!("{path}[{index}]"),
                _ => match self.key() {
                    Some(key) if path.is_empty() => key,
                    Some(key) => format!("{path}.{key}"),
                    // A value without a name: what a variant holds.
                    None => path.to_owned(),
                },
            };
            self.value(&child, depth + 1);
            self.space();
            if self.peek() == Some(b',') {
                self.at += 1;
            }
            if self.at == before {
                // Not RON.
                self.at = self.text.len();
            }
        }
    }

    /// The name before a colon. Without a colon nothing is passed over.
    fn key(&mut self) -> Option<String> {
        let before = self.at;
        let key = if self.at_string() { self.string() } else { self.word() };
        self.space();
        if self.peek() == Some(b':') && !key.is_empty() {
            self.at += 1;
            return Some(key);
        }
        self.at = before;
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r##"#![enable(implicit_some)]
// name: "in a comment"
Character(
    name: "a \" ( name: 3", /* voices: /* nested */ { */
    voices: {
        en: (model: r#"x " y"#, speed: 9.0),
        "de": (letter: '\'', other: ')', speed: 8.0),
    },
    personality: { en: (intents: [(words: ["ä", "b"], replies: []), (words: [])]) },
    background: colour("red"),
    idle: Some((gaze: -1.5e3)),
)"##;

    #[test]
    fn fields_are_found_where_they_stand() {
        for (field, place) in [
            ("name", (4, 11)),
            ("voices", (5, 13)),
            ("voices.en", (6, 13)),
            ("voices.en.speed", (6, 40)),
            ("voices.de.speed", (7, 49)),
            ("voices.de.pitch", (7, 15)),
            ("personality.en.intents[0].words[1]", (9, 49)),
            ("personality.en.intents[1].words", (9, 77)),
            ("background", (10, 17)),
            ("idle.gaze", (11, 23)),
            ("language", (1, 1)),
        ] {
            assert_eq!(of(TEXT, field), place, "{field}");
        }
    }

    /// Whatever the text is, walking it ends.
    #[test]
    fn every_part_of_a_text_is_walked_without_a_panic() {
        for end in 0..TEXT.len() {
            for start in [0, end / 2, end.saturating_sub(3)] {
                if let Some(part) = TEXT.get(start..end) {
                    of(part, "voices.en.speed");
                }
            }
        }
        of(&"(".repeat(100_000), "name");
        of(&"\\\"'r#".repeat(1000), "name");
    }
}
