//! The tokens of a text: byte pair encoding over words, by the checkpoint's own `vocab.json`.
//!
//! The file is one of huggingface/tokenizers of a single kind: special tokens are taken out first, the rest is cut into
//! words and signs, and in each the pair that was learnt first is joined until none is left (Sennrich et al. 2016,
//! arXiv:1508.07909). A file of another kind is refused. The language goes first as `[en]`, spaces are `[SPACE]`
//! (`VoiceBpeTokenizer.encode` in `TTS/tts/layers/xtts/tokenizer.py` of idiap/coqui-ai-TTS).

use std::{collections::HashMap, fs, path::Path};

use regex::Regex;
use serde::Deserialize;
use visage_core::Language;

use crate::{XttsError, cleaning::cleaned};

/// The file's name.
pub(crate) const FILE: &str = "vocab.json";
/// What stands for a space.
const SPACE: &str = "[SPACE]";
/// Words, and runs of signs; spaces are dropped (the `Whitespace` cut of huggingface/tokenizers).
const WORDS: &str = r"\w+|[^\w\s]+";

/// The file, as far as it is needed.
#[derive(Deserialize)]
struct File {
    added_tokens: Vec<Added>,
    normalizer: Option<serde_json::Value>,
    pre_tokenizer: Option<Kind>,
    post_processor: Option<serde_json::Value>,
    model: Model,
}

#[derive(Deserialize)]
struct Kind {
    r#type: String,
}

#[derive(Deserialize)]
struct Added {
    id: i64,
    content: String,
}

#[derive(Deserialize)]
struct Model {
    /// Left out by the oldest files, which know no other.
    r#type: Option<String>,
    unk_token: Option<String>,
    #[serde(default)]
    fuse_unk: bool,
    continuing_subword_prefix: Option<String>,
    end_of_word_suffix: Option<String>,
    vocab: HashMap<String, i64>,
    merges: Vec<Merge>,
}

/// Two tokens that were joined, as the file's older and newer forms write them.
#[derive(Deserialize)]
#[serde(untagged)]
enum Merge {
    Text(String),
    Pair(String, String),
}

/// The two tokens of a merge, its rank (the lower, the earlier it was learnt), and what they become.
type Merges = HashMap<(i64, i64), (usize, i64)>;

/// A vocabulary that was read.
#[derive(Debug)]
pub(crate) struct Vocabulary {
    special: Vec<(String, i64)>,
    letters: HashMap<char, i64>,
    merges: Merges,
    unknown: i64,
    words: Regex,
}

impl Vocabulary {
    /// Reads the file in `folder`, whose tokens must be fewer than `most`.
    pub fn read(folder: &Path, most: usize) -> Result<Self, XttsError> {
        let file = folder.join(FILE);
        let text = fs::read_to_string(&file).map_err(|source| XttsError::Read { file: file.clone(), source })?;
        Self::parse(&text, most).map_err(|reason| XttsError::Vocabulary { file, reason })
    }

    fn parse(text: &str, most: usize) -> Result<Self, String> {
        let File { added_tokens, normalizer, pre_tokenizer, post_processor, model } =
            serde_json::from_str(text).map_err(|error| error.to_string())?;
        let Model { r#type, unk_token, fuse_unk, continuing_subword_prefix, end_of_word_suffix, vocab, merges } = model;
        let cut = pre_tokenizer.map(|kind| kind.r#type);
        let ends = [continuing_subword_prefix, end_of_word_suffix];
        let others = [
            (r#type.is_some_and(|kind| kind != "BPE"), "it is no byte pair encoding"),
            (cut.as_deref() != Some("Whitespace"), "it does not cut texts into words"),
            (normalizer.is_some_and(|it| !it.is_null()), "it changes texts before it cuts them"),
            (post_processor.is_some_and(|it| !it.is_null()), "it adds tokens of its own"),
            (fuse_unk, "it joins what it does not know"),
            (ends.iter().flatten().any(|end| !end.is_empty()), "it marks the ends of words"),
        ];
        if let Some((_, reason)) = others.iter().find(|(other, _)| *other) {
            return Err((*reason).to_owned());
        }
        let unknown = unk_token.ok_or("it has no token for what it does not know")?;
        let id = |token: &str| vocab.get(token).copied().ok_or_else(|| format!("it has no token {token:?}"));
        let unknown = id(&unknown)?;
        let mut special: Vec<_> = added_tokens.into_iter().map(|Added { id, content }| (content, id)).collect();
        if special.iter().any(|(content, _)| content.is_empty()) {
            return Err("it has a special token without a name".to_owned());
        }
        // Of two that begin alike the longer one is meant.
        special.sort_by_key(|(content, _)| std::cmp::Reverse(content.len()));
        if !special.iter().any(|(content, _)| content == SPACE) {
            return Err(format!("it has no special token {SPACE}"));
        }
        let all = vocab.values().chain(special.iter().map(|(_, id)| id));
        if let Some(id) = all.copied().find(|&id| usize::try_from(id).map_or(true, |id| id >= most)) {
            return Err(format!("it has the token {id}, and the network knows {most}"));
        }
        let mut joined = Merges::with_capacity(merges.len());
        for (rank, merge) in merges.iter().enumerate() {
            let (left, right) = match merge {
                Merge::Pair(left, right) => (left.as_str(), right.as_str()),
                Merge::Text(text) => text.split_once(' ').ok_or_else(|| format!("{text:?} is no pair of tokens"))?,
            };
            let whole = id(&format!("{left}{right}"))?;
            // The published file has pairs more than once; its reader goes by the last.
            joined.insert((id(left)?, id(right)?), (rank, whole));
        }
        let letter = |(token, id): (&String, &i64)| {
            let mut characters = token.chars();
            characters.next().filter(|_| characters.next().is_none()).map(|letter| (letter, *id))
        };
        let letters = vocab.iter().filter_map(letter).collect();
        let words = Regex::new(WORDS).expect("it is a pattern");
        Ok(Self { special, letters, merges: joined, unknown, words })
    }

    /// Whether a text in `language` can be begun.
    pub fn speaks(&self, language: Language) -> bool {
        self.special.iter().any(|(content, _)| *content == prefix(language))
    }

    /// The tokens of a text, the language's first; `None` if there is nothing in it that can be spoken.
    pub fn tokens(&self, text: &str, language: Language) -> Option<Vec<i64>> {
        let cleaned = cleaned(text, language);
        let sounds = cleaned.chars().any(char::is_alphanumeric);
        sounds.then(|| self.encode(&format!("{}{}", prefix(language), cleaned.replace(' ', SPACE))))
    }

    /// The tokens of a text in which special ones may stand.
    fn encode(&self, text: &str) -> Vec<i64> {
        let mut tokens = Vec::new();
        let (mut rest, mut plain) = (text, text);
        while !rest.is_empty() {
            if let Some((content, id)) = self.special.iter().find(|(content, _)| rest.starts_with(content.as_str())) {
                self.encode_plain(&plain[..plain.len() - rest.len()], &mut tokens);
                tokens.push(*id);
                rest = &rest[content.len()..];
                plain = rest;
            } else {
                let first = rest.chars().next().map_or(0, char::len_utf8);
                rest = &rest[first..];
            }
        }
        self.encode_plain(plain, &mut tokens);
        tokens
    }

    fn encode_plain(&self, text: &str, tokens: &mut Vec<i64>) {
        for word in self.words.find_iter(text) {
            let letter = |letter| self.letters.get(&letter).copied().unwrap_or(self.unknown);
            let mut word: Vec<i64> = word.as_str().chars().map(letter).collect();
            // The pair that was learnt first, and of those the leftmost.
            let next = |word: &[i64]| {
                let pairs = word.windows(2).enumerate();
                let known = pairs.filter_map(|(at, pair)| {
                    self.merges.get(&(pair[0], pair[1])).map(|&(rank, whole)| (rank, at, whole))
                });
                known.min()
            };
            while let Some((_, at, whole)) = next(&word) {
                word[at] = whole;
                word.remove(at + 1);
            }
            tokens.extend(word);
        }
    }
}

fn prefix(language: Language) -> String {
    format!("[{language}]")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::fixtures;

    #[derive(Deserialize)]
    struct Case {
        language: Language,
        text: String,
        ids: Vec<i64>,
    }

    #[test]
    fn tokens_are_those_of_the_reference() {
        let vocabulary = Vocabulary::read(&fixtures().join("small"), 160).expect("it is of the kind");
        let cases = fs::read_to_string(fixtures().join("text.json")).expect("it is among the fixtures");
        let cases: Vec<Case> = serde_json::from_str(&cases).expect("they are cases");
        assert!(cases.len() >= 9);
        for Case { language, text, ids } in cases {
            assert_eq!(vocabulary.tokens(&text, language), Some(ids), "{text}");
        }
    }

    const FILE: &str = r#"{
        "version": "1.0", "truncation": null, "padding": null,
        "added_tokens": [{"id": 0, "content": "[STOP]"}, {"id": 2, "content": "[SPACE]"}, {"id": 3, "content": "[en]"}],
        "normalizer": null, "pre_tokenizer": {"type": "Whitespace"}, "post_processor": null, "decoder": null,
        "model": {
            "type": "BPE", "dropout": null, "unk_token": "[UNK]", "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": false,
            "vocab": {"[STOP]": 0, "[UNK]": 1, "[SPACE]": 2, "[en]": 3, "a": 4, "b": 5, "c": 6, ".": 7, "[": 8,
                      "bc": 9, "ab": 10, "abc": 11, "aa": 12},
            "merges": ["a b", "b c", ["a", "b"], "a bc", "a a"]
        }
    }"#;

    #[test]
    fn pairs_are_joined_in_the_order_in_which_they_were_learnt() {
        let vocabulary = Vocabulary::parse(FILE, 13).expect("it is of the kind");
        let cases: [(&str, &[i64]); 9] = [
            ("abc", &[3, 11]),
            ("ab", &[3, 10]),
            ("aaa", &[3, 12, 4]),
            ("bcbc", &[3, 9, 9]),
            ("ab c", &[3, 10, 2, 6]),
            ("aé.b", &[3, 4, 1, 7, 5]),
            ("éé", &[3, 1, 1]),
            ("a[b..", &[3, 4, 8, 5, 7, 7]),
            // Upper-case names of special tokens never come out of a text: it is lower case by then.
            ("[STOP]a", &[3, 8, 1, 1, 1, 1, 1, 4]),
        ];
        for (text, expected) in cases {
            assert_eq!(vocabulary.tokens(text, Language::English).as_deref(), Some(expected), "{text}");
        }
        for nothing in ["", " ", "...", "\"!\""] {
            assert_eq!(vocabulary.tokens(nothing, Language::English), None, "{nothing}");
        }
        assert!(vocabulary.speaks(Language::English) && !vocabulary.speaks(Language::German));
    }

    #[test]
    fn other_kinds_are_refused() {
        let cases = [
            ("\"type\": \"BPE\"", "\"type\": \"Unigram\"", "no byte pair"),
            ("\"Whitespace\"", "\"ByteLevel\"", "into words"),
            ("\"normalizer\": null", "\"normalizer\": {\"type\": \"NFC\"}", "changes texts"),
            ("\"post_processor\": null", "\"post_processor\": {\"type\": \"Bert\"}", "adds tokens"),
            ("\"fuse_unk\": false", "\"fuse_unk\": true", "does not know"),
            ("\"end_of_word_suffix\": null", "\"end_of_word_suffix\": \"</w>\"", "ends of words"),
            ("\"unk_token\": \"[UNK]\"", "\"unk_token\": null", "no token for"),
            ("\"a a\"", "\"a d\"", "no token \"ad\""),
            ("\"a a\"", "\"aa\"", "no pair"),
            ("\"content\": \"[SPACE]\"", "\"content\": \"[GAP]\"", "[SPACE]"),
            ("\"aa\": 12", "\"aa\": 13", "the token 13"),
            ("\"added_tokens\"", "\"tokens\"", "added_tokens"),
        ];
        for (from, to, expected) in cases {
            let changed = FILE.replace(from, to);
            assert_ne!(changed, FILE, "{from} is not there");
            let reason = Vocabulary::parse(&changed, 13).expect_err(to);
            assert!(reason.contains(expected), "{to}: {reason}");
        }
    }
}
