//! Made-up machines, tick by tick: which rung shows when, how often it changes, and how much is asked of slow ones.

use super::*;

/// What a made-up renderer does with a pose.
#[derive(Clone, Copy, Debug)]
enum Act {
    /// A picture after some milliseconds.
    Picture(u64),
    /// None, after some milliseconds.
    NoPicture(u64),
    Fail,
    Panic,
}
use Act::{Fail, NoPicture, Panic, Picture};

const DEADLINE: Duration = Duration::from_micros(33_333);
/// Ticks in a second.
const SECOND: u64 = 30;

/// A made-up renderer and its thread.
struct Machine {
    /// Microseconds that opening takes, or why it fails.
    opens: Result<u64, &'static str>,
    /// What it does with the pose of a tick, given how many it was given before.
    act: fn(u64, u64) -> Act,
    job: Option<Job>,
    desk: Option<u64>,
    drawn: u64,
    opened: u64,
}

struct Job {
    done: u64,
    answer: Answer,
}

impl Machine {
    fn new(opens: Result<u64, &'static str>, act: fn(u64, u64) -> Act) -> Self {
        Self { opens, act, job: None, desk: None, drawn: 0, opened: 0 }
    }

    fn begin(&mut self, now: u64) {
        let Some(tick) = self.desk.take() else { return };
        let (milliseconds, answer): (u64, fn(Duration) -> Answer) = match (self.act)(tick, self.drawn) {
            Picture(milliseconds) => (milliseconds, Answer::Picture),
            NoPicture(milliseconds) => (milliseconds, Answer::NoPicture),
            Fail => (1, |_| Answer::Failed("it does not work".into())),
            Panic => (1, |_| Answer::Lost),
        };
        self.drawn += 1;
        self.job = Some(Job { done: now + milliseconds * 1_000, answer: answer(Duration::from_millis(milliseconds)) });
    }

    fn answers(&mut self, now: u64) -> Vec<Answer> {
        let mut answers = vec![];
        while let Some(job) = self.job.take_if(|job| job.done <= now) {
            answers.push(job.answer);
            self.begin(job.done);
        }
        answers
    }

    fn order(&mut self, want: Want, tick: u64, now: u64) {
        match want {
            Want::Open if self.job.is_none() => {
                self.opened += 1;
                let (after, answer) = match self.opens {
                    Ok(after) => (after, Answer::Opened),
                    Err(why) => (1_000, Answer::Refused(why.into())),
                };
                self.job = Some(Job { done: now + after, answer });
            }
            Want::Draw => {
                self.desk = Some(tick);
                if self.job.is_none() {
                    self.begin(now);
                }
            }
            _ => {}
        }
    }
}

/// What was seen.
struct Seen {
    /// What showed, tick by tick.
    shown: Vec<usize>,
    /// Poses that each renderer was given.
    drawn: Vec<u64>,
    /// How often each was opened.
    opened: Vec<u64>,
    why: Vec<String>,
}

impl Seen {
    /// How often something else showed than in the tick before, in some seconds.
    fn changes(&self, seconds: std::ops::Range<u64>) -> usize {
        let ticks = (seconds.start * SECOND) as usize..(seconds.end * SECOND) as usize;
        self.shown[ticks].windows(2).filter(|pair| pair[0] != pair[1]).count()
    }

    fn at(&self, second: u64) -> usize {
        self.shown[(second * SECOND) as usize]
    }
}

fn play(pace: Pace, seconds: u64, mut machines: Vec<Machine>) -> Seen {
    let mut ladder = Ladder::new(machines.len(), DEADLINE, pace);
    let mut shown = vec![];
    for tick in 0..=seconds * SECOND {
        let now = tick * 33_333;
        for (rung, machine) in machines.iter_mut().enumerate() {
            // Offline, time stands still until everybody is done.
            let until = if pace == Pace::Live { now } else { u64::MAX };
            machine.answers(until).into_iter().for_each(|answer| ladder.hear(rung, answer));
        }
        ladder.decide(|_| true, false);
        shown.push(ladder.shown());
        for (rung, machine) in machines.iter_mut().enumerate() {
            machine.order(ladder.want(rung), tick, now);
        }
    }
    let why = (0..machines.len()).map(|rung| ladder.why(rung).unwrap_or_default()).collect();
    let drawn = machines.iter().map(|machine| machine.drawn).collect();
    Seen { shown, drawn, opened: machines.iter().map(|machine| machine.opened).collect(), why }
}

/// A machine alone above the ground: what shows at the end of each of these seconds, how often it changes at most, and what
/// is said at the end of why it does not show.
#[track_caller]
fn check(name: &str, act: fn(u64, u64) -> Act, shown: &[(u64, usize)], changes: usize, why: &str) -> Seen {
    let seconds = shown.last().expect("a scenario has an end").0;
    let seen = play(Pace::Live, seconds, vec![Machine::new(Ok(50_000), act)]);
    for &(second, rung) in shown {
        assert_eq!(seen.at(second), rung, "{name}: after {second} s; {:?}", seen.why);
    }
    assert!(seen.changes(0..seconds) <= changes, "{name}: {} changes", seen.changes(0..seconds));
    assert!(seen.why[0].contains(why), "{name}: {}", seen.why[0]);
    seen
}

/// Ticks 5 s apart at which something goes wrong for a moment.
fn now_and_then(tick: u64) -> bool {
    tick % (5 * SECOND) == 77
}

#[test]
fn a_renderer_that_keeps_up_shows_and_one_that_does_not_stays_below() {
    let up = &[(1, 0), (60, 0)][..];
    let down = &[(1, 1), (60, 1)][..];
    check("fast", |_, _| Picture(15), up, 1, "");
    check("just fast enough", |_, _| Picture(27), up, 1, "");
    check(
        "fast after a slow beginning",
        |_, drawn| Picture(if drawn == 0 { 3_000 } else { 15 }),
        &[(5, 0), (60, 0)],
        1,
        "",
    );
    check("a little too slow", |_, _| Picture(30), down, 0, "30 ms for a picture");
    check("too slow", |_, _| Picture(45), down, 0, "too slow, 45 ms");
    check("hiccups", |tick, _| Picture(if now_and_then(tick) { 60 } else { 15 }), up, 1, "");
    check(
        "poses that cannot be drawn",
        |tick, _| if now_and_then(tick) { NoPicture(1) } else { Picture(15) },
        up,
        1,
        "",
    );
    check("never a picture", |_, _| NoPicture(1), down, 0, "no picture of the face");
    check("it fails each time", |_, _| Fail, down, 0, "it does not work");
    check("it panics each time", |_, _| Panic, down, 0, "panic");
    let half = |tick: u64, _| if tick.is_multiple_of(2) { Picture(15) } else { NoPicture(1) };
    check("every other pose", half, down, 0, "");
}

#[test]
fn what_falls_comes_back_later_and_later() {
    // It keeps up for two seconds, and not for the next two.
    let seen = check(
        "now fast, now slow",
        |tick, _| Picture(if tick / 60 % 2 == 0 { 15 } else { 50 }),
        &[(1, 0), (600, 1)],
        12,
        "",
    );
    let (first, last) = (seen.changes(0..60), seen.changes(540..600));
    assert!(first > last && last <= 1, "{first} changes in the first minute, {last} in the tenth");
    // Half of what is said cannot be drawn, in stretches of three seconds.
    let seen = check(
        "gaps",
        |tick, _| if tick / 90 % 2 == 0 { Picture(2) } else { NoPicture(1) },
        &[(1, 0), (5, 1), (120, 1)],
        10,
        "no picture",
    );
    assert_eq!(seen.changes(60..120), 0, "stretches that are shorter than its trial do not bring it up");
    // It was too slow for a minute, for instance because a game ran, and is not any more.
    check(
        "recovers",
        |tick, _| Picture(if tick < 60 * SECOND { 50 } else { 15 }),
        &[(59, 1), (160, 0), (300, 0)],
        1,
        "",
    );
}

/// The one that shows stands still: two held ticks, then the ground.
#[test]
fn it_falls_fast() {
    for (name, act) in [
        ("hangs", (|tick, _| Picture(if tick < 90 { 10 } else { 1_000_000 })) as fn(u64, u64) -> Act),
        ("slow", |tick, _| Picture(if tick < 90 { 10 } else { 100 })),
        ("gaps", |tick, _| if tick < 90 { Picture(10) } else { NoPicture(1) }),
        ("fails", |tick, _| if tick < 90 { Picture(10) } else { Fail }),
    ] {
        let seen = check(name, act, &[(2, 0), (4, 1)], 2, "");
        let fell = seen.shown.iter().rposition(|rung| *rung == 0).expect("it showed");
        assert!((90..=92).contains(&fell), "{name}: it showed until {fell}");
    }
}

#[test]
fn a_renderer_is_asked_seldom_when_it_is_slow_and_never_when_it_is_hopeless() {
    let drawn = |act: fn(u64, u64) -> Act, seconds: u64| check("slow", act, &[(seconds, 1)], 0, "slow").drawn[0];
    // Two pictures to begin with, then after 5, 10, 20, … seconds; when it had to give back what it could, the first is not
    // counted.
    let in_ten_minutes = drawn(|_, _| Picture(50), 600);
    assert!((6..=14).contains(&in_ten_minutes), "{in_ten_minutes} pictures");
    assert_eq!(drawn(|_, _| Picture(12_000), 600), 1, "one of twelve seconds says everything");
    assert!(drawn(|_, _| Picture(1_500), 600) <= 3);
    // One that is held up once is not given up.
    let held_up = |tick: u64, _| Picture(if tick == 100 { 1_500 } else { 15 });
    check("held up", held_up, &[(3, 0), (30, 0)], 3, "");
}

#[test]
fn a_panic_is_survived_and_many_are_not() {
    let seen = check("one", |tick, _| if tick == 100 { Panic } else { Picture(15) }, &[(3, 0), (4, 1), (8, 0)], 3, "");
    assert_eq!(seen.opened[0], 2, "it is opened again");
    let seen =
        check("again and again", |_, drawn| if drawn % 3 == 2 { Panic } else { Picture(15) }, &[(60, 1)], 0, "panic");
    assert_eq!(seen.opened[0], u64::from(PANICS));
    let seen = check("fails", |_, _| Fail, &[(60, 1)], 0, "");
    assert_eq!(seen.opened[0], u64::from(FAILURES));
}

#[test]
fn what_cannot_be_opened_is_not_asked_again() {
    let machines =
        vec![Machine::new(Err("there is no graphics card"), |_, _| Picture(1)), Machine::new(Ok(1), |_, _| Picture(5))];
    let seen = play(Pace::Live, 30, machines);
    assert_eq!((seen.at(30), seen.opened[0], seen.drawn[0]), (1, 1, 0));
    assert_eq!(seen.why[0], "there is no graphics card");
}

#[test]
fn the_best_of_several_shows_and_the_next_stands_in() {
    // Above: keeps up but for a long stretch. Below: always there.
    let live: fn(u64, u64) -> Act = |tick, _| Picture(if (300..600).contains(&tick) { 200 } else { 15 });
    let seen =
        play(Pace::Live, 60, vec![Machine::new(Ok(2_000_000), live), Machine::new(Ok(1_000), |_, _| Picture(2))]);
    assert_eq!([1, 2, 4, 9, 11, 19].map(|second| seen.at(second)), [1, 1, 0, 0, 1, 1]);
    assert!(!seen.shown[60..].contains(&2), "the ground is not touched");
    assert_eq!(seen.at(60), 0, "it comes back");
    assert!(seen.changes(0..60) <= 4, "{}", seen.changes(0..60));
    assert!(seen.drawn[1] < 1_000, "while the one above shows, it rests: {}", seen.drawn[1]);
}

#[test]
fn offline_slowness_does_not_matter_but_hopelessness_does() {
    let auto = Pace::Offline { demanded: false };
    let demanded = Pace::Offline { demanded: true };
    let never: fn(u64, u64) -> Act = |_, _| NoPicture(1);
    type Case = (Pace, fn(u64, u64) -> Act, u64, usize);
    let cases: [Case; 7] = [
        (auto, |_, _| Picture(300), 3, 0),
        (auto, |_, _| Picture(2_000), u64::MAX, 1),
        (auto, |_, _| Picture(12_000), u64::MAX, 1),
        (demanded, |_, _| Picture(12_000), 2, 0),
        (auto, never, u64::MAX, 1),
        // Slow only later: it stays.
        (auto, |_, drawn| Picture(if drawn > 10 { 12_000 } else { 100 }), 3, 0),
        (demanded, |_, _| Fail, u64::MAX, 1),
    ];
    for (index, (pace, act, since, shown)) in cases.into_iter().enumerate() {
        let seen = play(pace, 60, vec![Machine::new(Ok(5_000_000), act)]);
        let first = seen.shown.iter().position(|rung| *rung == 0).map_or(u64::MAX, |tick| tick as u64);
        assert_eq!((first, seen.at(60), seen.changes(0..60) <= 1), (since, shown, true), "case {index}");
    }
}

#[test]
fn offline_it_is_known_when_everything_was_tried() {
    let mut ladder = Ladder::new(2, DEADLINE, Pace::Offline { demanded: false });
    let mut step = |answers: &[(usize, Answer)]| {
        answers.iter().for_each(|(rung, answer)| ladder.hear(*rung, answer.clone()));
        ladder.decide(|_| true, false);
        let settled = ladder.is_settled();
        let wants = [0, 1].map(|rung| ladder.want(rung));
        (ladder.shown(), settled, wants)
    };
    let slow = Answer::Picture(Duration::from_millis(200));
    assert_eq!(step(&[]), (2, false, [Want::Open; 2]));
    assert_eq!(step(&[(0, Answer::Opened), (1, Answer::Opened)]), (2, false, [Want::Draw; 2]));
    assert_eq!(step(&[(0, slow.clone()), (1, Answer::NoPicture(Duration::ZERO))]), (2, false, [Want::Draw; 2]));
    // The one below need not be tried once a better one shows.
    assert_eq!(step(&[(0, slow)]), (0, true, [Want::Draw, Want::Nothing]));
}

#[test]
fn a_hurried_tick_proves_nothing() {
    for (hurried, shown) in [(true, 0), (false, 1)] {
        let mut ladder = Ladder::new(1, DEADLINE, Pace::Live);
        let mut tick = |answers: &[Answer], hurried| {
            answers.iter().for_each(|answer| ladder.hear(0, answer.clone()));
            ladder.decide(|_| true, hurried);
            ladder.want(0);
            ladder.shown()
        };
        tick(&[], false);
        tick(&[Answer::Opened], false);
        for _ in 0..20 {
            tick(&[Answer::Picture(Duration::from_millis(5))], false);
        }
        for _ in 0..6 {
            tick(&[], hurried);
        }
        assert_eq!(tick(&[Answer::Picture(Duration::from_millis(5))], false), shown, "hurried: {hurried}");
    }
}

#[test]
fn what_is_not_used_is_released_once_and_what_is_not_wanted_is_closed() {
    let mut ladder = Ladder::new(2, DEADLINE, Pace::Live);
    let (mut released, mut drawn, mut wants) = (vec![], 0, [Want::Nothing; 2]);
    for tick in 0..1_000 {
        for (rung, want) in wants.into_iter().enumerate() {
            match want {
                Want::Open => ladder.hear(rung, Answer::Opened),
                Want::Draw => ladder.hear(rung, Answer::Picture(Duration::from_millis(5))),
                _ => {}
            }
        }
        ladder.decide(|_| true, false);
        wants = [0, 1].map(|rung| ladder.want(rung));
        drawn += u32::from(wants[1] == Want::Draw);
        released.extend((wants[1] == Want::Release).then_some(tick));
    }
    assert_eq!(ladder.shown(), 0);
    assert!(matches!(released[..], [tick] if (300..400).contains(&tick)), "{released:?}");
    assert!(drawn <= 20, "{drawn}");
    ladder.decide(|rung| rung != 0, false);
    assert_eq!((ladder.shown(), ladder.want(0), ladder.why(0)), (2, Want::Closed, Some("not asked for".into())));
}
