use std::f32::consts::TAU;

use super::*;
use crate::default_voice;

fn order(turn: u64) -> Order {
    Order {
        epoch: 0,
        turn: TurnId(turn),
        text: format!("[happy] Text {turn}."),
        language: Language::English,
        emotion: None,
        settings: default_voice(Language::English),
        skip: 0,
    }
}

fn piece(turn: u64, text: String, samples: Vec<f32>, last: bool) -> Arc<Utterance> {
    let (turn, language) = (TurnId(turn), Language::English);
    Arc::new(Utterance { turn, text, language, emotion: None, samples: samples.into(), timeline: None, last })
}

/// A piece whose samples count upwards from `first`, in thousandths of a thousandth.
fn ramp(turn: u64, first: usize, length: usize) -> Arc<Utterance> {
    let samples = (first..first + length).map(|n| n as f32 * 1e-6).collect();
    piece(turn, first.to_string(), samples, false)
}

/// A queue in which these pieces of turn 1 are made, and nothing is missing.
fn queue(pieces: &[(usize, usize)]) -> SpeechQueue {
    let mut queue = SpeechQueue::default();
    queue.order(order(1), QueueMode::Replace).expect("there is room");
    queue.given();
    for (index, &(first, length)) in pieces.iter().enumerate() {
        assert!(queue.take(queue.epoch(), index, ramp(1, first, length)));
    }
    queue.finished(queue.epoch());
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
fn a_new_turn_may_sound_while_the_old_one_dies_away() {
    let mut queue = queue(&[(500_000, 10_000)]);
    queue.next_block(Tick(0));
    queue.order(order(2), QueueMode::Replace).expect("there is room");
    assert!(!queue.take(queue.epoch(), 0, ramp(1, 1, 10)), "nothing is being made yet");
    queue.given();
    assert!(!queue.take(queue.epoch() - 1, 0, ramp(1, 1, 10)), "speech of the old turn is stale");
    assert!(queue.take(queue.epoch(), 0, ramp(2, 1, 2_000)));
    let block = queue.next_block(Tick(1));
    assert_eq!(block.started[0].turn, TurnId(2));
    assert_eq!(block.block.samples[1_000], 1_001.0 * 1e-6);
}

/// Pieces of each text in the scenarios, and the silence at the end of each in samples: that of a comma, of a sentence,
/// and of a turn.
const PAUSES: [usize; 3] = [6_720, 18_240, 7_200];
/// What sounds of each piece, in samples.
const SOUND: usize = 4_800;
/// Within which it begins and ends, as finished pieces do: 3 ms.
const EDGE: usize = 144;
/// No step from sample to sample is larger: what a tone of 200 Hz has, half of it again while another one dies away, and
/// what the fades of both add.
const STEP: f32 = LOUDNESS * (1.5 * TAU * 200.0 / 48_000.0 + 1.0 / EDGE as f32 + 1.0 / FADE_SAMPLES as f32);
const LOUDNESS: f32 = 0.5;

/// Piece `index` of a turn: a tone and its pause. Its text is "1a", "1b" and so on.
fn tone(turn: u64, index: usize) -> Arc<Utterance> {
    let sample = |at: usize| {
        let edge = (at + 1).min(SOUND - at).min(EDGE) as f32 / EDGE as f32;
        LOUDNESS * edge * (TAU * 200.0 * at as f32 / 48_000.0 + 0.3).sin()
    };
    let samples = (0..SOUND).map(sample).chain(std::iter::repeat_n(0.0, PAUSES[index])).collect();
    let letter = char::from(b'a' + index as u8);
    piece(turn, format!("{turn}{letter}"), samples, index + 1 == PAUSES.len())
}

/// What happens before a tick.
enum Event {
    Say(u64, QueueMode),
    Cancel(u64),
    Stop,
    /// The voice changes; with `true` another character has come on stage.
    Voice(f32, bool),
}
use Event::{Cancel, Say, Stop, Voice};
use QueueMode::{Append, Next, Replace};

/// What was heard: the pieces in the order in which they began, and the silences between sounds in samples.
#[derive(Debug, PartialEq)]
struct Heard {
    pieces: String,
    gaps: Vec<usize>,
}

/// Plays a scenario with a worker that makes a piece a tick, and checks that nothing clicks and that the piece that is
/// told is the one that sounds.
fn play(events: &[(u64, Event)]) -> Heard {
    let mut queue = SpeechQueue::default();
    let mut job: Option<(Order, usize)> = None;
    let (mut pieces, mut samples, mut tick) = (Vec::new(), vec![0.0], 0);
    while events.iter().any(|(at, _)| *at >= tick) || !queue.is_empty() {
        for (_, event) in events.iter().filter(|(at, _)| *at == tick) {
            match *event {
                Say(turn, mode) => queue.order(order(turn), mode).expect("there is room"),
                Cancel(turn) => queue.cancel(TurnId(turn)),
                Stop => queue.silence(),
                Voice(speed, again) => {
                    queue.revoice(|language| VoiceSettings { speed, ..default_voice(language) }, again);
                }
            }
        }
        if let Some((order, index)) = job.take_if(|(order, _)| order.epoch == queue.epoch()) {
            if index == PAUSES.len() {
                queue.finished(order.epoch);
            } else if queue.has_room() {
                assert!(queue.take(order.epoch, index, tone(order.turn.0, index)));
                job = Some((order, index + 1));
            } else {
                job = Some((order, index));
            }
        }
        if let Some(order) = queue.wanted() {
            queue.given();
            let from = order.skip;
            job = Some((order, from));
        }
        let block = queue.next_block(Tick(tick));
        if let Some((told, position)) = &block.utterance {
            let at = |index: usize| usize::try_from(*position + index as isize).ok();
            let loud = (FADE_SAMPLES..SAMPLES_PER_TICK)
                .filter_map(|index| Some((index, *told.samples.get(at(index)?)?)))
                .find(|(_, sample)| sample.abs() > 0.1);
            assert!(loud.is_none_or(|(index, sample)| block.block.samples[index] == sample), "tick {tick}");
        }
        pieces.extend(block.started.iter().map(|piece| piece.text.clone()));
        samples.extend_from_slice(&block.block.samples[..]);
        tick += 1;
        assert!(tick < 3_000, "it never ends");
    }
    for (at, pair) in samples.windows(2).enumerate() {
        assert!((pair[0] - pair[1]).abs() <= STEP, "a click of {} at {at}", pair[0] - pair[1]);
    }
    let mut gaps = vec![0];
    for sample in samples.iter().skip_while(|sample| **sample == 0.0) {
        let last = gaps.last_mut().expect("it begins with one");
        if *sample == 0.0 {
            *last += 1;
        } else if *last > EDGE {
            gaps.push(0);
        } else {
            *last = 0;
        }
    }
    gaps.pop();
    Heard { pieces: pieces.join(" "), gaps }
}

#[track_caller]
fn check(events: &[(u64, Event)], pieces: &str, gaps: &[usize]) {
    assert_eq!(play(events), Heard { pieces: pieces.into(), gaps: gaps.to_vec() });
}

/// After a comma, after a sentence (also one that ends a text, if another text follows).
const COMMA: usize = PAUSES[0];
const FULL_STOP: usize = PAUSES[1];

#[test]
fn texts_are_said_in_the_order_that_was_asked_for_and_nothing_clicks_or_stalls() {
    check(&[(0, Say(1, Replace))], "1a 1b 1c", &[COMMA, FULL_STOP]);
    // Another text follows as another sentence would.
    check(
        &[(0, Say(1, Replace)), (1, Say(2, Append)), (2, Say(3, Append))],
        "1a 1b 1c 2a 2b 2c 3a 3b 3c",
        &[COMMA, FULL_STOP, FULL_STOP, COMMA, FULL_STOP, FULL_STOP, COMMA, FULL_STOP],
    );
    // What is urgent waits for the piece that sounds, and what it cuts in on goes on where it was. Several keep their
    // order, and stand before what waits.
    check(
        &[(0, Say(1, Replace)), (1, Say(2, Append)), (2, Say(3, Next)), (2, Say(4, Next))],
        "1a 3a 3b 3c 4a 4b 4c 1b 1c 2a 2b 2c",
        &[COMMA, COMMA, FULL_STOP, FULL_STOP, COMMA, FULL_STOP, FULL_STOP, FULL_STOP, FULL_STOP, COMMA, FULL_STOP],
    );
    // While nothing is said, all three say it now.
    for mode in [Replace, Next, Append] {
        check(&[(0, Say(1, mode))], "1a 1b 1c", &[COMMA, FULL_STOP]);
    }
    // More of a turn follows it; a turn that was replaced is stale.
    check(
        &[(0, Say(2, Replace)), (1, Say(3, Append)), (2, Say(2, Replace)), (2, Say(1, Append))],
        "2a 2b 2c 2a 2b 2c 3a 3b 3c",
        &[COMMA, FULL_STOP, FULL_STOP, COMMA, FULL_STOP, FULL_STOP, COMMA, FULL_STOP],
    );
    // All of them are replaced: what sounds dies away, and the other one is made in a tick.
    let one = play(&[(0, Say(1, Replace)), (1, Say(2, Append)), (3, Say(3, Replace))]);
    assert_eq!(one.pieces, "1a 3a 3b 3c");
    assert_eq!(one.gaps[1..], [COMMA, FULL_STOP]);
    assert!(one.gaps[0] < 3 * SAMPLES_PER_TICK, "{one:?}");
}

#[test]
fn what_is_urgent_is_made_first_and_the_rest_is_gone_on_with() {
    let mut queue = SpeechQueue::default();
    queue.order(order(1), Replace).expect("there is room");
    queue.given();
    let epoch = queue.epoch();
    assert!(queue.take(epoch, 0, ramp(1, 1, 10)));
    queue.order(order(2), Append).expect("there is room");
    assert!(queue.take(epoch, 1, ramp(1, 1, 10)), "what follows changes nothing");
    queue.order(order(3), Next).expect("there is room");
    assert!(!queue.take(epoch, 2, ramp(1, 1, 10)));
    let mut made = Vec::new();
    while let Some(wanted) = queue.wanted() {
        queue.given();
        made.push((wanted.turn.0, wanted.skip));
        queue.finished(wanted.epoch);
    }
    assert_eq!(made, [(3, 0), (1, 2), (2, 0)]);
}

#[test]
fn a_turn_is_taken_back_alone() {
    // One that waits and one that is unknown; one that is urgent and being made.
    check(
        &[(0, Say(1, Replace)), (1, Say(2, Append)), (1, Say(3, Append)), (9, Cancel(2)), (9, Cancel(7))],
        "1a 1b 1c 3a 3b 3c",
        &[COMMA, FULL_STOP, FULL_STOP, COMMA, FULL_STOP],
    );
    check(&[(0, Say(1, Replace)), (2, Say(2, Next)), (3, Cancel(2))], "1a 1b 1c", &[COMMA, FULL_STOP]);
    // The one that sounds: it dies away and what is made already follows at once.
    check(&[(0, Say(1, Replace)), (1, Say(2, Append)), (10, Cancel(1))], "1a 1b 2a 2b 2c", &[COMMA, COMMA, FULL_STOP]);
    // What sounds while another one is cut in on: that goes on.
    let heard = play(&[(0, Say(1, Replace)), (2, Say(2, Next)), (9, Cancel(2))]);
    assert_eq!(heard.pieces, "1a 2a 1b 1c");
    check(&[(0, Say(1, Replace)), (1, Cancel(1))], "", &[]);
    check(&[(0, Say(1, Replace)), (2, Say(2, Next)), (3, Stop)], "1a", &[]);
}

#[test]
fn a_changed_voice_speaks_from_the_next_piece_on_in_all_texts() {
    let one = || (0, Say(1, Replace));
    // What was made with the old voice is made anew, nothing is left out or said twice, and no silence is longer.
    check(
        &[one(), (1, Say(2, Append)), (3, Voice(2.0, false))],
        "1a 1b 1c 2a 2b 2c",
        &[COMMA, FULL_STOP, FULL_STOP, COMMA, FULL_STOP],
    );
    // Another character says the piece that sounds again, unless its voice is the same one.
    let heard = play(&[one(), (1, Say(2, Append)), (9, Voice(2.0, true))]);
    assert_eq!(heard.pieces, "1a 1b 1b 1c 2a 2b 2c");
    let same = default_voice(Language::English).speed;
    check(&[one(), (9, Voice(same, true))], "1a 1b 1c", &[COMMA, FULL_STOP]);
    // Also while one text cuts in on another.
    let heard = play(&[one(), (2, Say(2, Next)), (9, Voice(2.0, true))]);
    assert_eq!(heard.pieces, "1a 2a 2a 2b 2c 1b 1c");
}

#[test]
fn what_waits_is_bounded_and_a_further_text_is_refused() {
    let mut queue = queue(&[(1, 1); LONGEST_QUEUE - 1]);
    queue.order(order(1), Replace).expect("there is room");
    queue.given();
    assert!(queue.has_room());
    assert!(queue.take(queue.epoch(), 0, ramp(1, 1, 1)));
    assert!(!queue.has_room());
    // What cuts in has room of its own, and so have as many texts.
    queue.order(order(2), Next).expect("there is room");
    queue.given();
    assert!(queue.has_room() && queue.take(queue.epoch(), 0, ramp(2, 1, 1)));
    for turn in 3..20 {
        let full = |count: u64| if turn < count { Ok(()) } else { Err(Full) };
        assert_eq!(queue.order(order(turn), Append), full(17), "{turn}");
        assert_eq!(queue.order(order(100 + turn), Next), full(18), "{turn}");
    }
    assert_eq!(queue.order(order(200), Replace), Ok(()), "what replaces the others always has room");
}

#[test]
fn the_turns_that_are_said_and_wait_are_told_when_they_change() {
    let mut queue = SpeechQueue::default();
    let mut turns = |event: &dyn Fn(&mut SpeechQueue)| {
        event(&mut queue);
        queue.turns().map(|turns| turns.iter().map(|turn| (turn.turn.0, turn.text.clone())).collect::<Vec<_>>())
    };
    let named = |turns: &[u64]| Some(turns.iter().map(|turn| (*turn, format!("Text {turn}."))).collect::<Vec<_>>());
    let say = |turn, mode| move |queue: &mut SpeechQueue| queue.order(order(turn), mode).expect("there is room");
    assert_eq!(turns(&|_| {}), None);
    assert_eq!(turns(&say(1, Replace)), named(&[1]));
    assert_eq!(turns(&say(2, Append)), named(&[1, 2]));
    let begin = |queue: &mut SpeechQueue| {
        queue.given();
        queue.take(queue.epoch(), 0, ramp(1, 1, 2_000));
        queue.take(queue.epoch(), 1, ramp(1, 1, 2_000));
        queue.next_block(Tick(0));
    };
    assert_eq!(turns(&begin), named(&[1, 2]));
    assert_eq!(turns(&say(3, Next)), named(&[1, 3, 2]), "the one that sounds is the first");
    assert_eq!(turns(&|_| {}), None);
    assert_eq!(turns(&|queue| queue.cancel(TurnId(3))), named(&[1, 2]));
    assert_eq!(turns(&|queue| queue.silence()), named(&[]));
    assert_eq!(turns(&|queue| queue.play(ramp(9, 1, 2_000))), Some(vec![(9, String::new())]));
}
