//! Cuts a text into the pieces that are spoken one after the other: sentences, and parts of long sentences, so that the
//! first sound comes before the whole text is made.
//!
//! The text's mark-up (`visage_core::Script`) says how each part is said and where there is silence; `sentences` says where
//! sentences end; `normalise` turns what is written into words. Each piece keeps both: what people read, and what is spoken.

mod normalise;
mod sentences;

use std::ops::Range;

use visage_core::{Language, Part, Reading, Script, Style};
use visage_schedule::VoiceSettings;

use crate::prosody::Prosody;
use normalise::{Word, normalise, read_as};
use sentences::sentences;

/// The first piece of a text is cut at its first comma if it is longer than this, characters: two seconds of sound, which
/// a processor makes in about 0.2 s.
const FIRST_PIECE: usize = 32;
/// Later pieces are cut at commas if they are longer than this, characters.
const LATER_PIECE: usize = 180;
/// In between, a piece is at most this many times as long as all before it: it is ready before they have been heard, even
/// where a second of sound takes a third of a second to make.
const GROWTH: usize = 3;
/// Pieces up to this length, characters, are not cut for [`GROWTH`]: too short ones sound chopped.
const SECOND_PIECE: usize = 60;
/// A piece that has no comma is cut between words if it is longer than this, characters. It bounds the memory and the
/// time of one synthesis.
const LONGEST_PIECE: usize = 260;
/// A word that is longer than this when it is spoken, characters, is taken apart: a number of a thousand digits.
const LONGEST_WORD: usize = 200;
/// No cut leaves less than this on either side, characters: shorter pieces sound chopped.
const SHORTEST_PIECE: usize = 12;

/// A piece of text that is synthesised at once.
#[derive(Clone, Debug, PartialEq)]
pub struct Piece {
    /// As people read it, without mark-up. Never empty.
    pub text: String,
    /// The words that are spoken, with their punctuation. Never empty, at most 260 characters. German numbers have soft
    /// hyphens where their words are joined.
    pub spoken: String,
    /// How it is said.
    pub style: Style,
    /// Silence before it, seconds. Only the first piece has any.
    pub before: f32,
    /// Silence after it, seconds.
    pub pause: f32,
}

impl Piece {
    /// The voice's settings for this piece.
    pub fn voice(&self, settings: &VoiceSettings) -> VoiceSettings {
        let Prosody { rate, pitch, volume } =
            Prosody::of_emphasis(self.style.emphasis) * Prosody::of_emotion(self.style.emotion.unwrap_or_default());
        VoiceSettings {
            speed: settings.speed * self.style.rate * rate,
            pitch: settings.pitch * self.style.pitch * pitch,
            volume: settings.volume * self.style.volume * volume,
            ..settings.clone()
        }
    }
}

/// After the last piece of a paragraph.
const PARAGRAPH_PAUSE: f32 = 0.6;
/// After the last piece of a sentence that is marked as one, if it has no mark.
const SENTENCE_PAUSE: f32 = 0.38;
/// After the last piece: the mouth comes to rest while the turn still counts as speaking.
const TURN_PAUSE: f32 = 0.15;

/// Cuts a text into pieces, in order. A text without anything to say gives none.
pub fn pieces(script: &Script, language: Language) -> Vec<Piece> {
    let mut cutter = Cutter { language, pieces: Vec::new(), spoken: 0, fixed: false, lead: 0.0 };
    for block in blocks(script) {
        cutter.block(&block);
    }
    if !cutter.fixed
        && let Some(last) = cutter.pieces.last_mut()
    {
        last.pause = TURN_PAUSE;
    }
    cutter.pieces
}

/// Makes the rules of all languages, which takes some 30 ms for each, before the first text comes.
pub fn make_ready() {
    for language in [Language::English, Language::German] {
        normalise("1 A", language);
    }
}

/// A part of a text in which sentences are looked for: a paragraph, or what its author says is a sentence.
#[derive(Debug, Default)]
struct Block<'a> {
    text: String,
    /// Where each part ends in `text`, and how it is said.
    parts: Vec<(usize, Style, &'a Reading)>,
    /// Silences, seconds, at places in `text`.
    pauses: Vec<(usize, f32)>,
    /// The pause after it is at least this.
    pause: f32,
}

/// The blocks of a text. Line breaks end paragraphs (a text of SSML has none).
fn blocks(script: &Script) -> Vec<Block<'_>> {
    let mut blocks: Vec<Block> = vec![Block::default()];
    let end = |blocks: &mut Vec<Block>, pause: f32| {
        if let Some(last) = blocks.last_mut() {
            last.pause = pause;
        }
        blocks.push(Block::default());
    };
    for part in &script.parts {
        match part {
            Part::Text { text, style, reading } => {
                for (line, words) in text.split(['\n', '\r', '\u{2028}', '\u{2029}']).enumerate() {
                    if line > 0 {
                        end(&mut blocks, PARAGRAPH_PAUSE);
                    }
                    if let Some(block) = blocks.last_mut().filter(|_| !words.is_empty()) {
                        block.text.push_str(words);
                        block.parts.push((block.text.len(), *style, reading));
                    }
                }
            }
            Part::Pause(seconds) => {
                if let Some(block) = blocks.last_mut() {
                    block.pauses.push((block.text.len(), *seconds));
                }
            }
            Part::SentenceEnd => end(&mut blocks, SENTENCE_PAUSE),
            Part::ParagraphEnd => end(&mut blocks, PARAGRAPH_PAUSE),
        }
    }
    blocks
}

impl Block<'_> {
    /// Cuts a sentence where the style changes or a silence is asked for.
    fn segments(&self, sentence: Range<usize>) -> Vec<Range<usize>> {
        let styles = self.parts.windows(2).filter(|pair| pair[0].1 != pair[1].1).map(|pair| pair[0].0);
        let mut cuts: Vec<usize> = styles.chain(self.pauses.iter().map(|(at, _)| *at)).collect();
        cuts.retain(|at| sentence.start < *at && *at < sentence.end);
        cuts.extend([sentence.start, sentence.end]);
        cuts.sort_unstable();
        cuts.dedup();
        cuts.windows(2).map(|pair| pair[0]..pair[1]).collect()
    }

    /// The words of a segment and how they are said.
    fn words(&self, segment: Range<usize>, language: Language) -> (Style, Vec<Word>) {
        let mut words: Vec<Word> = Vec::new();
        let mut style = Style::default();
        let mut from = 0;
        for (end, part_style, reading) in &self.parts {
            let (start, stop) = (from.max(segment.start), (*end).min(segment.end));
            from = *end;
            if start >= stop {
                continue;
            }
            style = *part_style;
            let text = &self.text[start..stop];
            let new = match reading {
                Reading::AsWritten => normalise(text, language),
                Reading::Alias(alias) => vec![instead(text, normalise::spoken(alias, language))],
                Reading::As(say_as) => vec![instead(text, read_as(text, *say_as, language))],
            };
            // Without a space between them two parts are one word.
            let mut new = new.into_iter();
            if let Some(last) = words.last_mut().filter(|last| !last.written.ends_with(char::is_whitespace))
                && let Some(first) = new.next()
            {
                let letters =
                    last.spoken.ends_with(char::is_alphanumeric) && first.spoken.starts_with(char::is_alphanumeric);
                last.spoken.push_str(if letters { " " } else { "" });
                last.spoken.push_str(&first.spoken);
                last.written.push_str(&first.written);
                if last.written.ends_with(char::is_whitespace) && !last.spoken.ends_with(' ') && !last.spoken.is_empty()
                {
                    last.spoken.push(' ');
                }
            }
            words.extend(new);
        }
        (style, words.into_iter().flat_map(shattered).collect())
    }
}

/// A word for which something else is said.
fn instead(written: &str, mut spoken: String) -> Word {
    if written.ends_with(char::is_whitespace) && !spoken.is_empty() {
        spoken.push(' ');
    }
    Word { written: written.to_owned(), spoken }
}

/// A word in parts of at most [`LONGEST_WORD`] characters.
fn shattered(word: Word) -> Vec<Word> {
    if count(&word.spoken) <= LONGEST_WORD {
        return vec![word];
    }
    let as_written = word.spoken.trim_end() == word.written.trim_end();
    let mut parts: Vec<Word> = Vec::new();
    let mut length = LONGEST_WORD;
    for spoken in word.spoken.split_inclusive(' ') {
        for letter in spoken.chars() {
            if length >= LONGEST_WORD {
                parts.push(Word::default());
                length = 0;
            }
            if let Some(last) = parts.last_mut() {
                last.spoken.push(letter);
            }
            length += 1;
        }
        // A new part begins at a space rather than in the middle of a word.
        if length > LONGEST_WORD - 20 {
            length = LONGEST_WORD;
        }
    }
    for (index, part) in parts.iter_mut().enumerate() {
        part.written = match (as_written, index) {
            (true, _) => part.spoken.clone(),
            (false, 0) => word.written.clone(),
            (false, _) => String::new(),
        };
    }
    parts
}

/// Puts pieces together.
struct Cutter {
    language: Language,
    pieces: Vec<Piece>,
    /// Characters of all pieces so far.
    spoken: usize,
    /// Whether the pause after the last piece is the author's.
    fixed: bool,
    /// Silence before the first piece, seconds.
    lead: f32,
}

impl Cutter {
    fn block(&mut self, block: &Block) {
        let mut pauses = block.pauses.iter().peekable();
        while let Some((_, seconds)) = pauses.next_if(|(at, _)| *at == 0) {
            self.silence(*seconds);
        }
        for sentence in sentences(&block.text, self.language) {
            for segment in block.segments(sentence) {
                let end = segment.end;
                let (style, words) = block.words(segment, self.language);
                self.cut(&words, style);
                while let Some((_, seconds)) = pauses.next_if(|(at, _)| *at <= end) {
                    self.silence(*seconds);
                }
            }
        }
        if !self.fixed
            && let Some(last) = self.pieces.last_mut()
        {
            last.pause = last.pause.max(block.pause);
        }
    }

    /// The author's silence after what was said last.
    fn silence(&mut self, seconds: f32) {
        match self.pieces.last_mut() {
            Some(last) => {
                last.pause = seconds;
                self.fixed = true;
            }
            None => self.lead += seconds,
        }
    }

    /// Cuts one segment into pieces and adds them.
    fn cut(&mut self, words: &[Word], style: Style) {
        let mut rest = words;
        while !rest.is_empty() {
            let (now, after) = rest.split_at(cut_point(rest, self.spoken, self.language).unwrap_or(rest.len()));
            let joined = |part: fn(&Word) -> &str| {
                let whole: String = now.iter().map(part).collect();
                whole.split_whitespace().collect::<Vec<_>>().join(" ")
            };
            let (written, spoken) = (joined(|word| &word.written), joined(|word| &word.spoken));
            if spoken.contains(char::is_alphanumeric) {
                self.spoken += count(&spoken);
                let pause = pause_after(&spoken);
                let text = if written.is_empty() { spoken.clone() } else { written };
                self.pieces.push(Piece { text, spoken, style, before: std::mem::take(&mut self.lead), pause });
                self.fixed = false;
            }
            rest = after;
        }
    }
}

/// The silence that the end of a piece asks for, seconds.
fn pause_after(text: &str) -> f32 {
    let end = text.trim_end_matches(['"', '\'', ')', ']', '”', '“', '’', '»', '«', ' ']).chars().next_back();
    match end {
        Some('.' | '!' | '?') => 0.38,
        Some('…') => 0.5,
        Some(';' | ':' | '–' | '—') => 0.26,
        Some(',') => 0.14,
        _ => 0.03,
    }
}

/// How many words to take before a cut, with `before` characters spoken before them. `None` if they are short enough to stay
/// whole, or have no good place for a cut.
fn cut_point(words: &[Word], before: usize, language: Language) -> Option<usize> {
    let cuts = cuts(words, language);
    // A space at the end is heard by nobody.
    let end = words.last().map_or(0, |word| count(&word.spoken) - count(word.spoken.trim_end()));
    let total = words.iter().map(|word| count(&word.spoken)).sum::<usize>() - end;
    let wanted = if before == 0 { FIRST_PIECE } else { (before * GROWTH).clamp(SECOND_PIECE, LATER_PIECE) };
    if total <= wanted {
        return None;
    }
    let within = |kind: Cut, limit: usize| {
        cuts.iter().filter(move |(_, at, cut)| {
            *cut == kind && *at >= SHORTEST_PIECE && total - at >= SHORTEST_PIECE && *at <= limit
        })
    };
    let first = |kind: Cut, limit: usize| within(kind, limit).next().map(|(index, ..)| *index);
    let last = |kind: Cut, limit: usize| within(kind, limit).next_back().map(|(index, ..)| *index);
    let good = if before == 0 {
        first(Cut::Clause, 2 * FIRST_PIECE).or_else(|| first(Cut::Conjunction, 2 * FIRST_PIECE))
    } else if wanted < LATER_PIECE {
        last(Cut::Clause, wanted).or_else(|| last(Cut::Conjunction, wanted)).or_else(|| first(Cut::Clause, LATER_PIECE))
    } else {
        last(Cut::Clause, wanted).or_else(|| first(Cut::Clause, LONGEST_PIECE))
    };
    if good.is_some() || total <= LONGEST_PIECE {
        return good;
    }
    let hard = || cuts.iter().rev().find(|(_, at, _)| *at <= LONGEST_PIECE).map(|(index, ..)| *index);
    last(Cut::Conjunction, LONGEST_PIECE).or_else(|| last(Cut::Word, LONGEST_PIECE)).or_else(hard)
}

#[derive(Clone, Copy, PartialEq)]
enum Cut {
    /// After a comma, semicolon, colon, dash or bracket.
    Clause,
    /// Before a word that begins a new thought.
    Conjunction,
    /// Between any two words.
    Word,
}

const ENGLISH_CONJUNCTIONS: &[&str] =
    &["and", "but", "or", "because", "that", "which", "while", "when", "if", "so", "who", "where", "although"];
const GERMAN_CONJUNCTIONS: &[&str] = &["und", "aber", "oder", "weil", "dass", "sondern", "denn", "wenn", "obwohl"];

/// Every place between two words: index of the second word, characters before it, and how good a place it is. Only the first
/// of a long text are looked at: a cut is made among them.
fn cuts(words: &[Word], language: Language) -> Vec<(usize, usize, Cut)> {
    let conjunctions = match language {
        Language::English => ENGLISH_CONJUNCTIONS,
        Language::German => GERMAN_CONJUNCTIONS,
    };
    let mut cuts = Vec::new();
    let mut characters = 0;
    let mut end = ' ';
    for (index, word) in words.iter().enumerate() {
        let spoken = word.spoken.trim_end();
        if index > 0 && !spoken.is_empty() {
            let first = spoken.split(' ').next().unwrap_or_default();
            let kind = if matches!(end, ',' | ';' | ':' | '–' | '—' | ')' | '…' | '?' | '!') {
                Cut::Clause
            } else if conjunctions.contains(&first) {
                Cut::Conjunction
            } else {
                Cut::Word
            };
            cuts.push((index, characters, kind));
        }
        if characters > LONGEST_PIECE {
            break;
        }
        characters += count(&word.spoken);
        end = spoken.chars().next_back().unwrap_or(end);
    }
    cuts
}

fn count(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests;
