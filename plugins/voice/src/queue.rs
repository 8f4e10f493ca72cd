//! What is going to sound: the texts that were ordered, in the order in which they are said, what is made of each of them,
//! and 1,600 samples a tick. No Bevy, no clock.
//!
//! The queue decides what the voice's thread makes next ([`SpeechQueue::wanted`]) and counts the times at which that was
//! changed ([`SpeechQueue::epoch`]): work of an older count is not wanted any more.

use std::{collections::VecDeque, sync::Arc};

use visage_core::{AudioBlock, Language, SAMPLES_PER_TICK, Tick, TurnId, Utterance, plain};
use visage_schedule::{QueueMode, SpokenTurn, VoiceSettings};

use crate::worker::Order;

/// Samples in which speech that is interrupted dies away: 5 ms, too short to be heard as a word, long enough not to
/// click.
pub const FADE_SAMPLES: usize = 240;

/// Finished pieces that may wait for their turn to sound, those of what goes before them included. The worker makes no
/// more while there are so many (its own queue of results fills up first and blocks it); nothing is lost. 16 pieces are
/// about a minute of speech, 12 MB. What cuts in may add as many again.
pub const LONGEST_QUEUE: usize = 16;

/// Texts that may wait to be said, and as many that cut in. A further one is refused, and the person is told.
pub const LONGEST_AGENDA: usize = 16;

/// Silence between two texts, in samples: together with the 0.15 s with which each of them ends it is the 0.38 s between
/// two sentences.
pub const TURN_GAP: usize = 11_040;

/// Characters of a text that are told of those that are said and wait.
const SHOWN: usize = 80;

/// The sound of one tick.
#[derive(Debug)]
pub struct Block {
    /// The samples.
    pub block: AudioBlock,
    /// The piece that sounds in the middle of the block (or else anywhere in it), and which of its samples is the
    /// block's first; negative if the piece begins inside the block.
    pub utterance: Option<(Arc<Utterance>, isize)>,
    /// The pieces whose first sample is in this block.
    pub started: Vec<Arc<Utterance>>,
}

/// A text and what has become of it.
#[derive(Debug)]
struct Line {
    id: u64,
    order: Order,
    /// Whether it goes before what is not.
    urgent: bool,
    /// Its finished pieces that have not begun to sound, each with its place in the text.
    made: VecDeque<(usize, Arc<Utterance>)>,
    /// The first of its pieces that has not begun to sound.
    begun: usize,
    /// The first of its pieces that is not made.
    next: usize,
    /// Whether all of it is made, or given up.
    complete: bool,
}

/// The piece that sounds.
#[derive(Debug)]
struct Playing {
    piece: Arc<Utterance>,
    /// The sample that sounds next.
    position: usize,
    /// Its line and its place there; `None` for sound from elsewhere.
    of: Option<(u64, usize)>,
}

/// The queue of speech. What is urgent stands before what is not; within each the texts keep their order.
#[derive(Debug, Default)]
pub struct SpeechQueue {
    /// Speech of earlier turns is stale.
    since: TurnId,
    newest: TurnId,
    lines: VecDeque<Line>,
    playing: Option<Playing>,
    /// The line that the worker has.
    working: Option<u64>,
    epoch: u64,
    last_id: u64,
    /// What is left of speech that was interrupted.
    dying: Vec<f32>,
    /// Silence that is due before another text, in samples.
    gap: usize,
    /// Whether what is said and waits has changed since it was last asked for.
    altered: bool,
}

/// There is no room for another text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

impl SpeechQueue {
    /// Whether nothing sounds and nothing waits.
    pub fn is_empty(&self) -> bool {
        self.playing.is_none() && self.lines.is_empty()
    }

    /// Takes a text. One of a turn that was replaced is stale and is dropped; one more of a turn that is being said follows
    /// it, whatever its mode.
    ///
    /// # Errors
    /// Too many wait already.
    pub(crate) fn order(&mut self, order: Order, mode: QueueMode) -> Result<(), Full> {
        let turn = order.turn;
        if turn < self.since {
            return Ok(());
        }
        if mode == QueueMode::Replace && turn > self.newest {
            self.begin(turn);
        }
        let (at, urgent) = match self.lines.iter().rposition(|line| line.order.turn == turn) {
            Some(last) => (last + 1, self.lines[last].urgent),
            None if mode == QueueMode::Next => (self.lines.iter().take_while(|line| line.urgent).count(), true),
            None => (self.lines.len(), false),
        };
        if self.lines.iter().filter(|line| line.urgent == urgent).count() >= LONGEST_AGENDA {
            return Err(Full);
        }
        self.newest = self.newest.max(turn);
        self.last_id += 1;
        let made = VecDeque::new();
        let line = Line { id: self.last_id, order, urgent, made, begun: 0, next: 0, complete: false };
        self.lines.insert(at, line);
        self.altered = true;
        if self.working.is_some_and(|id| self.first_unmade().is_some_and(|line| line.id != id)) {
            self.abandon();
        }
        Ok(())
    }

    /// Begins a turn that replaces all others: what sounds dies away within 5 ms, what waits is dropped.
    pub fn begin(&mut self, turn: TurnId) {
        self.silence();
        (self.since, self.newest) = (turn, turn);
    }

    /// Plays sound that was not made here, as the only piece of its turn.
    pub fn play(&mut self, piece: Arc<Utterance>) {
        self.begin(piece.turn);
        if !piece.samples.is_empty() {
            self.playing = Some(Playing { piece, position: 0, of: None });
        }
    }

    /// Ends what sounds within 5 ms and drops what waits.
    pub fn silence(&mut self) {
        self.fade();
        self.gap = 0;
        self.lines.clear();
        self.abandon();
        self.altered = true;
    }

    /// Takes one turn back: it ends within 5 ms if it sounds, and is not said if it waits. The others go on.
    pub fn cancel(&mut self, turn: TurnId) {
        if self.playing.as_ref().is_some_and(|playing| playing.piece.turn == turn) {
            self.fade();
        }
        self.lines.retain(|line| line.order.turn != turn);
        if self.working.is_some_and(|id| self.lines.iter().all(|line| line.id != id)) {
            self.abandon();
        }
        self.altered = true;
    }

    /// The voices have changed: what has not begun to sound is made anew where its voice is another one now. With `again`
    /// the piece that sounds is said again if its own voice changed.
    pub(crate) fn revoice(&mut self, voice: impl Fn(Language) -> VoiceSettings, again: bool) {
        let playing = self.playing.as_ref().and_then(|playing| playing.of);
        let (mut changed, mut cut) = (false, false);
        for line in &mut self.lines {
            let settings = voice(line.order.language);
            if settings == line.order.settings {
                continue;
            }
            changed = true;
            line.order.settings = settings;
            if let Some((_, index)) = playing.filter(|(id, _)| again && *id == line.id) {
                line.begun = index;
                cut = true;
            }
            line.made.clear();
            line.next = line.begun;
            line.complete = false;
        }
        if cut {
            self.fade();
        }
        if changed {
            self.abandon();
        }
    }

    /// How often what is to be made was changed.
    pub const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// What is to be made next, if nothing is being made: the first text of which something is missing.
    pub(crate) fn wanted(&self) -> Option<Order> {
        let line = self.first_unmade().filter(|_| self.working.is_none())?;
        Some(Order { epoch: self.epoch, skip: line.next, ..line.order.clone() })
    }

    /// What was [`Self::wanted`] is being made.
    pub fn given(&mut self) {
        self.working = self.first_unmade().map(|line| line.id);
    }

    /// Whether another piece may be taken.
    pub fn has_room(&self) -> bool {
        let Some(at) = self.lines.iter().position(|line| Some(line.id) == self.working) else { return true };
        self.lines.iter().take(at + 1).map(|line| line.made.len()).sum::<usize>() < LONGEST_QUEUE
    }

    /// Takes the piece at this place of the text that is being made. Returns whether it was wanted.
    pub fn take(&mut self, epoch: u64, index: usize, piece: Arc<Utterance>) -> bool {
        let working = self.working.filter(|_| epoch == self.epoch);
        let Some(line) = self.lines.iter_mut().find(|line| Some(line.id) == working) else { return false };
        line.next = index + 1;
        if !piece.samples.is_empty() {
            line.made.push_back((index, piece));
        }
        true
    }

    /// All of the text that was being made is made, or given up.
    pub fn finished(&mut self, epoch: u64) {
        let Some(id) = self.working.take_if(|_| epoch == self.epoch) else { return };
        if let Some(line) = self.lines.iter_mut().find(|line| line.id == id) {
            line.complete = true;
        }
        self.tidy();
    }

    /// Whether the next block would have silence only because something is not made yet.
    pub fn starves(&self) -> bool {
        let mut ready = self.playing.as_ref().map_or(0, |playing| playing.piece.samples.len() - playing.position);
        for line in &self.lines {
            ready += line.made.iter().map(|(_, piece)| piece.samples.len()).sum::<usize>();
            if ready >= SAMPLES_PER_TICK || !line.complete {
                return ready < SAMPLES_PER_TICK;
            }
        }
        false
    }

    /// The turns that are said or wait, in the order in which they go on, each once; `None` if nothing has changed since
    /// they were asked for.
    pub fn turns(&mut self) -> Option<Vec<SpokenTurn>> {
        if !std::mem::take(&mut self.altered) {
            return None;
        }
        let playing = self.playing.as_ref().map(|playing| playing.piece.turn);
        let mut turns: Vec<SpokenTurn> = Vec::new();
        for turn in playing.into_iter().chain(self.lines.iter().map(|line| line.order.turn)) {
            if turns.iter().all(|known| known.turn != turn) {
                let line = self.lines.iter().find(|line| line.order.turn == turn);
                let text = line.map_or_else(String::new, |line| plain(&line.order.text).into_owned());
                turns.push(SpokenTurn { turn, text: text.chars().take(SHOWN).collect() });
            }
        }
        Some(turns)
    }

    /// The next 1,600 samples. What is missing is silence.
    pub fn next_block(&mut self, tick: Tick) -> Block {
        let mut block = AudioBlock::silence(tick);
        let samples = &mut block.samples[..];
        let mut started = Vec::new();
        let mut utterance: Option<(Arc<Utterance>, isize)> = None;
        let mut filled = 0;
        while filled < SAMPLES_PER_TICK {
            let rest = SAMPLES_PER_TICK - filled;
            if self.playing.is_none() && (self.gap > 0 || !self.start()) {
                // What is not made leaves the rest of the block silent, a gap only as much as it is long.
                let ready = self.lines.front().is_some_and(|line| !line.made.is_empty());
                let silent = if ready { self.gap.min(rest) } else { rest };
                self.gap = self.gap.saturating_sub(silent);
                filled += silent;
                continue;
            }
            let Some(playing) = &mut self.playing else { break };
            let (piece, position) = (playing.piece.clone(), playing.position);
            if position == 0 {
                started.push(piece.clone());
            }
            let taken = (piece.samples.len() - position).min(rest);
            samples[filled..filled + taken].copy_from_slice(&piece.samples[position..position + taken]);
            if utterance.is_none() || filled <= SAMPLES_PER_TICK / 2 {
                utterance = Some((piece.clone(), position as isize - filled as isize));
            }
            filled += taken;
            playing.position += taken;
            if playing.position == piece.samples.len() {
                self.playing = None;
                self.altered = true;
                self.gap = if piece.last { TURN_GAP } else { 0 };
                self.tidy();
            }
        }
        for (sample, dying) in samples.iter_mut().zip(self.dying.drain(..)) {
            *sample = (*sample + dying).clamp(-1.0, 1.0);
        }
        Block { block, utterance, started }
    }

    /// Begins the next piece, if it is there.
    fn start(&mut self) -> bool {
        let Some(line) = self.lines.front_mut() else { return false };
        let Some((index, piece)) = line.made.pop_front() else { return false };
        line.begun = index + 1;
        self.playing = Some(Playing { piece, position: 0, of: Some((line.id, index)) });
        self.altered = true;
        true
    }

    /// Lets what sounds die away.
    fn fade(&mut self) {
        let Some(Playing { piece, position, .. }) = self.playing.take() else { return };
        if position > 0 {
            let fade = (0..FADE_SAMPLES).map(|index| 1.0 - (index + 1) as f32 / FADE_SAMPLES as f32);
            self.dying = piece.samples[position..].iter().zip(fade).map(|(sample, gain)| sample * gain).collect();
        }
        self.gap = 0;
        self.tidy();
    }

    fn first_unmade(&self) -> Option<&Line> {
        self.lines.iter().find(|line| !line.complete)
    }

    /// What is being made is not wanted, or not now.
    fn abandon(&mut self) {
        self.epoch += 1;
        self.working = None;
    }

    /// Drops the texts that have been said.
    fn tidy(&mut self) {
        let playing = self.playing.as_ref().and_then(|playing| playing.of).map(|(id, _)| id);
        let count = self.lines.len();
        self.lines.retain(|line| !line.complete || !line.made.is_empty() || Some(line.id) == playing);
        self.altered |= self.lines.len() != count;
    }
}

#[cfg(test)]
mod tests;
