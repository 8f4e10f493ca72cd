//! What is going to sound: finished pieces of speech in order, handed out 1,600 samples a tick. No Bevy, no clock.

use std::{collections::VecDeque, sync::Arc};

use visage_core::{AudioBlock, SAMPLES_PER_TICK, Tick, TurnId, Utterance};

/// Samples in which speech that is interrupted dies away: 5 ms, too short to be heard as a word, long enough not to
/// click.
pub const FADE_SAMPLES: usize = 240;

/// Pieces that may wait. The worker makes no more while the queue is full (its own queue of results fills up first and
/// blocks it); nothing is lost. 16 pieces are about a minute of speech, 12 MB.
pub const LONGEST_QUEUE: usize = 16;

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

/// The queue of speech of the current turn.
#[derive(Debug, Default)]
pub struct SpeechQueue {
    turn: TurnId,
    pieces: VecDeque<Arc<Utterance>>,
    /// Sample of the first piece that sounds next.
    position: usize,
    /// What is left of speech that was interrupted.
    dying: Vec<f32>,
}

impl SpeechQueue {
    /// The turn whose speech may be heard.
    pub fn turn(&self) -> TurnId {
        self.turn
    }

    /// Whether nothing sounds and nothing waits.
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Whether another piece may be added.
    pub fn has_room(&self) -> bool {
        self.pieces.len() < LONGEST_QUEUE
    }

    /// Samples that wait to be heard.
    pub fn samples_left(&self) -> usize {
        self.pieces.iter().map(|piece| piece.samples.len()).sum::<usize>() - self.position
    }

    /// Adds a piece behind the others. A piece of another turn than the current one is stale and is dropped; returns
    /// whether it was taken.
    pub fn push(&mut self, piece: Arc<Utterance>) -> bool {
        let current = piece.turn == self.turn;
        if current && !piece.samples.is_empty() {
            self.pieces.push_back(piece);
        }
        current
    }

    /// Begins a turn: what sounds dies away within 5 ms, what waits is dropped.
    pub fn begin(&mut self, turn: TurnId) {
        self.silence();
        self.turn = turn;
    }

    /// Drops what waits; what sounds goes on to its end.
    pub fn drop_waiting(&mut self) {
        self.pieces.truncate(usize::from(self.position > 0));
    }

    /// Ends what sounds within 5 ms and drops what waits.
    pub fn silence(&mut self) {
        if let Some(sounding) = self.pieces.front().filter(|_| self.position > 0) {
            let rest = &sounding.samples[self.position.min(sounding.samples.len())..];
            let fade = (0..FADE_SAMPLES).map(|index| 1.0 - (index + 1) as f32 / FADE_SAMPLES as f32);
            self.dying = rest.iter().zip(fade).map(|(sample, gain)| sample * gain).collect();
        }
        self.pieces.clear();
        self.position = 0;
    }

    /// The next 1,600 samples. What is missing is silence.
    pub fn next_block(&mut self, tick: Tick) -> Block {
        let mut block = AudioBlock::silence(tick);
        let samples = &mut block.samples[..];
        let mut started = Vec::new();
        let mut utterance: Option<(Arc<Utterance>, isize)> = None;
        let mut filled = 0;
        while filled < SAMPLES_PER_TICK {
            let Some(piece) = self.pieces.front().cloned() else { break };
            if self.position == 0 {
                started.push(piece.clone());
            }
            let taken = (piece.samples.len() - self.position).min(SAMPLES_PER_TICK - filled);
            samples[filled..filled + taken].copy_from_slice(&piece.samples[self.position..self.position + taken]);
            if utterance.is_none() || filled <= SAMPLES_PER_TICK / 2 {
                utterance = Some((piece.clone(), self.position as isize - filled as isize));
            }
            filled += taken;
            self.position += taken;
            if self.position == piece.samples.len() {
                self.pieces.pop_front();
                self.position = 0;
            }
        }
        for (sample, dying) in samples.iter_mut().zip(self.dying.drain(..)) {
            *sample = (*sample + dying).clamp(-1.0, 1.0);
        }
        Block { block, utterance, started }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use visage_core::Language;

    /// A piece whose samples count upwards from `first`, in thousandths of a thousandth.
    fn piece(turn: u64, first: usize, length: usize) -> Arc<Utterance> {
        Arc::new(Utterance {
            turn: TurnId(turn),
            text: format!("{first}"),
            language: Language::English,
            emotion: None,
            samples: (first..first + length).map(|n| n as f32 * 1e-6).collect(),
            timeline: None,
            last: false,
        })
    }

    fn queue(pieces: &[(usize, usize)]) -> SpeechQueue {
        let mut queue = SpeechQueue::default();
        queue.begin(TurnId(1));
        for &(first, length) in pieces {
            assert!(queue.push(piece(1, first, length)));
        }
        queue
    }

    #[test]
    fn every_sample_sounds_once_and_in_order() {
        // Lengths around the border of a block, and pieces shorter than one.
        let lengths = [1_600, 1, 1_599, 3_200, 10, 10, 10, 1_601, 4_799, 1];
        let mut first = 1;
        let mut pieces = Vec::new();
        for length in lengths {
            pieces.push((first, length));
            first += length;
        }
        let total: usize = lengths.iter().sum();
        let mut queue = queue(&pieces);
        assert_eq!(queue.samples_left(), total);
        let mut heard = Vec::new();
        let mut started = Vec::new();
        for tick in 0..=total / SAMPLES_PER_TICK + 1 {
            let block = queue.next_block(Tick(tick as u64));
            if let Some((utterance, position)) = &block.utterance {
                // The position is exact: the block's sample i is the piece's sample position + i.
                let index = (SAMPLES_PER_TICK / 2).min(utterance.samples.len() - 1);
                let inside = (*position + index as isize).clamp(0, utterance.samples.len() as isize - 1);
                let at = (inside - position) as usize;
                if at < SAMPLES_PER_TICK {
                    assert_eq!(block.block.samples[at], utterance.samples[inside as usize], "tick {tick}");
                }
            }
            started.extend(block.started.iter().map(|piece| piece.text.clone()));
            heard.extend_from_slice(&block.block.samples[..]);
        }
        assert!(heard[..total].iter().enumerate().all(|(index, sample)| *sample == (index + 1) as f32 * 1e-6));
        assert!(heard[total..].iter().all(|sample| *sample == 0.0));
        assert_eq!(started, pieces.iter().map(|(first, _)| first.to_string()).collect::<Vec<_>>());
        assert!(queue.is_empty());
    }

    /// Pieces (first sample, length), and the piece that is told with its position.
    type Case = (&'static [(usize, usize)], Option<(&'static str, isize)>);

    #[test]
    fn the_piece_in_the_middle_of_the_block_is_the_one_that_is_told() {
        let cases: &[Case] = &[
            (&[], None),
            (&[(1, 5_000)], Some(("1", 0))),
            (&[(1, 700), (900, 5_000)], Some(("900", -700))),
            (&[(1, 900), (1_100, 5_000)], Some(("1", 0))),
            (&[(1, 100)], Some(("1", 0))),
        ];
        for (pieces, expected) in cases {
            let block = queue(pieces).next_block(Tick(0));
            let told = block.utterance.as_ref().map(|(piece, position)| (piece.text.as_str(), *position));
            assert_eq!(told, *expected);
        }
    }

    #[test]
    fn an_interruption_is_silent_within_a_tick() {
        let mut queue = queue(&[(500_000, 10_000), (600_000, 10_000)]);
        let before = queue.next_block(Tick(0));
        queue.begin(TurnId(2));
        assert!(!queue.push(piece(1, 1, 10)), "speech of the old turn is stale");
        let after = queue.next_block(Tick(1));
        assert!(after.utterance.is_none() && queue.is_empty());
        assert!(after.block.samples[FADE_SAMPLES..].iter().all(|sample| *sample == 0.0));
        // No click: no step is larger than the fade needs.
        let last = before.block.samples[SAMPLES_PER_TICK - 1];
        let steps = std::iter::once(&last).chain(&after.block.samples[..]).collect::<Vec<_>>();
        assert!(steps.windows(2).all(|pair| (pair[0] - pair[1]).abs() < 0.01));
        assert!(queue.next_block(Tick(2)).block.samples.iter().all(|sample| *sample == 0.0));
    }

    #[test]
    fn what_sounds_goes_on_when_what_waits_is_dropped() {
        let mut queue = queue(&[(1, 2_000), (5_000, 2_000)]);
        queue.next_block(Tick(0));
        queue.drop_waiting();
        assert_eq!(queue.samples_left(), 400);
        assert!(queue.push(piece(1, 9_000, 1_000)));
        let block = queue.next_block(Tick(1));
        assert_eq!((block.block.samples[399], block.block.samples[400]), (2_000.0 * 1e-6, 9_000.0 * 1e-6));
        // Nothing has begun: nothing is left.
        queue.silence();
        queue.push(piece(1, 1, 10));
        queue.drop_waiting();
        assert!(queue.is_empty());
    }

    #[test]
    fn a_new_turn_may_sound_while_the_old_one_dies_away() {
        let mut queue = queue(&[(500_000, 10_000)]);
        queue.next_block(Tick(0));
        queue.begin(TurnId(2));
        assert!(queue.push(piece(2, 1, 2_000)));
        let block = queue.next_block(Tick(1));
        assert_eq!(block.started[0].turn, TurnId(2));
        assert_eq!(block.block.samples[1_000], 1_001.0 * 1e-6);
    }

    #[test]
    fn the_queue_says_when_it_is_full() {
        let mut queue = queue(&[(1, 1); LONGEST_QUEUE - 1]);
        assert!(queue.has_room());
        queue.push(piece(1, 1, 1));
        assert!(!queue.has_room());
    }
}
