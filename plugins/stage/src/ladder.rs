//! Which renderer shows. It climbs slowly and falls fast, so that no tick is missed and nothing flickers.
//!
//! Rung 0 is the best. Below the last rung lies the ground, the mesh warp, which is always there. Each tick the ladder is
//! told what the renderers did, says which one shows, and what each is to do next. It counts ticks and compares durations
//! that others have measured; it knows no clock, no thread and no picture (docs-secretary/adr/0010-ladder-of-renderers.md).
//!
//! - **Up**: a renderer is tried, unseen. When it has drawn [`CLIMB`] poses in a row, each in 85 % of the deadline, it
//!   shows. After every fall it takes twice as many.
//! - **Down**: the one that shows has no picture in a tick: the last one is held. Three such ticks in a row, or every tenth
//!   for some seconds, and the best below that has a picture takes over.
//! - **Rest**: one that was too slow rests for [`FIRST_REST`] ticks before it is tried again, and twice as long after each
//!   further time. One that needs thirty deadlines for a picture is not tried again for this character.

use std::time::Duration;

/// Pictures in a row, each in time, after which a renderer shows: half a second.
const CLIMB: u32 = 15;
/// The number above doubles with each fall, so many times at most (then it is eight seconds).
const DOUBLINGS: u32 = 4;
/// The share of the deadline in which a picture must be made while the renderer is tried, in percent. The rest is for the
/// way between the threads, and the difference between going up and coming down.
const HEADROOM: u32 = 85;
/// What a tick without a picture weighs against one with a picture, which takes one off.
const MISS: u32 = 10;
/// The weight at which a renderer falls: three misses in a row.
const FALL: u32 = 3 * MISS;
/// Ticks in which a renderer that was too slow is not tried: five seconds at first, ten minutes at most.
const FIRST_REST: u32 = 150;
const LONGEST_REST: u32 = 18_000;
/// Deadlines that pass while a renderer makes one picture which is hopeless on this machine.
const HOPELESS: u32 = 30;
/// The same for the first picture, for which the renderer may have to prepare.
const HOPELESS_FIRST: u32 = 5 * HOPELESS;
/// Hopeless pictures in a row, the first aside, after which it is believed: a machine may be held up once.
const HOPELESS_TIMES: u32 = 2;
/// Failures in a row, and panics in a row, after which a renderer is not tried again for this character.
const FAILURES: u32 = 3;
const PANICS: u32 = 5;
/// Ticks on show without a fall after which earlier falls are forgotten: half a minute.
const STEADY: u32 = 900;
/// Ticks without a pose after which a renderer is to give back what it can: ten seconds.
const IDLE: u32 = 300;

/// Who waits for a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// People: a picture that is late is of no use.
    Live,
    /// Nobody: time stands still until the picture is there, and what is decided must not depend on the machine's mood.
    /// A renderer shows as soon as its second picture proves that it is not hopeless (its first one, if it was demanded by
    /// name: then nothing is hopeless). From then on it is left only for poses that it cannot draw.
    Offline {
        /// Whether the renderer was asked for by name.
        demanded: bool,
    },
}

/// What a renderer did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is open and can draw.
    Opened,
    /// It cannot be opened; why, for people.
    Refused(String),
    /// It drew a picture, in this time.
    Picture(Duration),
    /// It cannot draw the pose, and needed this time to find out.
    NoPicture(Duration),
    /// It does not work; why, for people. It is closed.
    Failed(String),
    /// It ended in a panic. It is closed.
    Lost,
}

/// What a renderer is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// To be closed.
    Closed,
    /// What it does: to come to an end with what it was told, or nothing.
    Nothing,
    /// To be opened.
    Open,
    /// To draw the pose of this tick.
    Draw,
    /// To give back what it can.
    Release,
}

/// How a renderer stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Standing {
    /// Nobody wants it.
    #[default]
    Closed,
    /// It is being opened, or will be after its rest.
    Opening,
    /// It can be asked.
    Open,
    /// It is not asked again for this character; why, for people.
    Out(String),
}

/// What a rung did last, for people and for what follows from a fall.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Last {
    /// Nothing yet.
    #[default]
    None,
    /// A picture in time.
    Good,
    /// A picture that took too long.
    Slow(Duration),
    /// No answer in time.
    Late,
    /// It cannot draw the pose.
    NoPicture,
    /// It failed or panicked.
    Broken,
}

/// What is known of a rung.
#[derive(Debug, Default)]
struct Step {
    standing: Standing,
    /// Answers to poses since it was opened or released.
    answers: u32,
    /// Good pictures in a row.
    streak: u32,
    /// Weight of the misses while it shows.
    weight: u32,
    /// Falls that are not forgotten.
    falls: u32,
    /// Ticks on show since the last fall.
    steady: u32,
    /// Ticks until it is tried again, and how long the next rest will be.
    rest: u32,
    next_rest: u32,
    hopeless: u32,
    failures: u32,
    panics: u32,
    /// Ticks since it was last asked.
    idle: u32,
    /// Whether a pose is with it.
    busy: bool,
    /// What came in this tick: any answer to a pose; a picture.
    answered: bool,
    came: bool,
    last: Last,
}

/// See the file's head.
#[derive(Debug)]
pub struct Ladder {
    deadline: Duration,
    pace: Pace,
    steps: Vec<Step>,
    /// Index of the rung that shows; as many as there are rungs is the ground.
    shown: usize,
}

impl Ladder {
    /// A ladder with `rungs` above the ground, of which none is wanted yet. A picture is to be made in `deadline`.
    pub fn new(rungs: usize, deadline: Duration, pace: Pace) -> Self {
        Self { deadline, pace, steps: (0..rungs).map(|_| Step::default()).collect(), shown: rungs }
    }

    /// Begins anew, for another character: nothing is wanted, and nothing known.
    pub fn restart(&mut self, pace: Pace) {
        *self = Self::new(self.steps.len(), self.deadline, pace);
    }

    /// The index of the ground.
    pub const fn ground(&self) -> usize {
        self.steps.len()
    }

    /// The index of what shows.
    pub const fn shown(&self) -> usize {
        self.shown
    }

    /// Takes in what a rung has done since the last tick.
    pub fn hear(&mut self, rung: usize, answer: Answer) {
        let (deadline, pace, shows) = (self.deadline, self.pace, rung == self.shown);
        let Some(step) = self.steps.get_mut(rung) else { return };
        match answer {
            // Of something that is not wanted any more.
            _ if matches!(step.standing, Standing::Closed | Standing::Out(_)) => {}
            Answer::Opened => {
                step.standing = Standing::Open;
                (step.answers, step.busy) = (0, false);
            }
            Answer::Refused(why) => step.out(why),
            // Of a renderer before this one.
            Answer::Picture(_) | Answer::NoPicture(_) if step.standing != Standing::Open => {}
            Answer::Picture(took) => {
                step.answer(true);
                step.judge(took, deadline, pace, shows);
            }
            Answer::NoPicture(took) => {
                step.answer(false);
                (step.streak, step.last) = (0, Last::NoPicture);
                if pace == Pace::Live && took > budget(deadline) {
                    step.go_to_rest();
                }
            }
            Answer::Failed(why) => {
                step.failures += 1;
                if step.failures < FAILURES {
                    step.break_down();
                    step.go_to_rest();
                } else {
                    step.out(why);
                }
            }
            Answer::Lost => {
                step.panics += 1;
                if step.panics < PANICS {
                    // Its thread pauses by itself before it goes on.
                    step.break_down();
                } else {
                    step.out("its work ends in a panic each time; the log says more".to_owned());
                }
            }
        }
    }

    /// A tick: decides what shows in it, after everything that was heard. `wanted` says which rungs are to be used at all;
    /// `hurried`, whether the tick came right after the one before, so that nobody can have drawn in between.
    pub fn decide(&mut self, wanted: impl Fn(usize) -> bool, hurried: bool) {
        for (rung, step) in self.steps.iter_mut().enumerate() {
            match (wanted(rung), &step.standing) {
                (true, Standing::Closed) => *step = Step { standing: Standing::Opening, ..Step::default() },
                (false, standing) if *standing != Standing::Closed => *step = Step::default(),
                _ => {}
            }
            step.rest = step.rest.saturating_sub(1);
            step.idle = step.idle.saturating_add(1);
        }
        if self.falls(hurried) {
            let ground = self.ground();
            self.shown = (self.shown + 1..ground).find(|&rung| self.steps[rung].came).unwrap_or(ground);
        }
        if let Some(better) = (0..self.shown).find(|&rung| self.steps[rung].may_climb(self.pace)) {
            self.shown = better;
            (self.steps[better].weight, self.steps[better].steady) = (0, 0);
        }
    }

    /// Whether the rung that shows has to be left in this tick.
    fn falls(&mut self, hurried: bool) -> bool {
        let due = self.pace == Pace::Live && !hurried;
        let Some(step) = self.steps.get_mut(self.shown) else { return false };
        if step.standing != Standing::Open {
            step.falls += 1;
            return true;
        }
        if step.came {
            step.weight = step.weight.saturating_sub(1);
            step.steady += 1;
            if step.steady >= STEADY {
                (step.falls, step.next_rest, step.steady) = (0, 0, 0);
            }
        } else if due || step.answered {
            step.weight += MISS;
            if !step.answered {
                step.last = Last::Late;
            }
        }
        if step.weight < FALL {
            return false;
        }
        (step.falls, step.weight, step.streak) = (step.falls + 1, 0, 0);
        if step.last != Last::NoPicture {
            step.go_to_rest();
        }
        true
    }

    /// What a rung is to do in this tick. To be asked once for each rung after [`Self::decide`].
    pub fn want(&mut self, rung: usize) -> Want {
        let shaky = self.steps.get(self.shown).is_some_and(|shown| shown.weight > 0);
        let Some(step) = self.steps.get_mut(rung) else { return Want::Nothing };
        (step.answered, step.came) = (false, false);
        match step.standing {
            Standing::Closed | Standing::Out(_) => Want::Closed,
            Standing::Opening if step.rest > 0 => Want::Nothing,
            Standing::Opening => Want::Open,
            Standing::Open => {
                // What shows is asked in every tick. Others are asked when they have answered: if they are slow, no second
                // pose is to wait for them. What lies below is asked when it may be needed.
                let free = step.rest == 0 && !step.busy;
                if rung == self.shown || free && (rung < self.shown || shaky) {
                    (step.busy, step.idle) = (true, 0);
                    Want::Draw
                } else if step.idle >= IDLE && step.answers > 0 && !step.busy {
                    step.answers = 0;
                    Want::Release
                } else {
                    Want::Nothing
                }
            }
        }
    }

    /// Whether nothing will change but for poses that cannot be drawn: every rung that is wanted has been tried. For the
    /// beginning of what is rendered offline.
    pub fn is_settled(&self) -> bool {
        self.steps.iter().enumerate().all(|(rung, step)| match step.standing {
            Standing::Closed | Standing::Out(_) => true,
            Standing::Opening => false,
            Standing::Open => rung >= self.shown || step.answers >= tries(self.pace),
        })
    }

    /// Why a rung does not show, in a person's words, as they follow a colon; `None` for the one that does.
    pub fn why(&self, rung: usize) -> Option<String> {
        let step = self.steps.get(rung).filter(|_| rung != self.shown)?;
        Some(match (&step.standing, step.last) {
            (Standing::Closed, _) => "not asked for".to_owned(),
            (Standing::Out(why), _) => why.clone(),
            (Standing::Opening, Last::Broken) => "it failed and is opened again".to_owned(),
            (Standing::Opening, _) => "being opened".to_owned(),
            (Standing::Open, Last::Slow(took)) => {
                format!("too slow, {} ms for a picture; tried again later", took.as_millis())
            }
            (Standing::Open, Last::Late) => "it did not keep up; tried again later".to_owned(),
            (Standing::Open, Last::NoPicture) => "no picture of the face as it is now".to_owned(),
            (Standing::Open, _) if rung > self.shown => "not needed".to_owned(),
            (Standing::Open, _) => "being tried".to_owned(),
        })
    }

    /// Whether a rung is not asked again for this character.
    pub fn is_out(&self, rung: usize) -> bool {
        self.steps.get(rung).is_some_and(|step| matches!(step.standing, Standing::Out(_)))
    }
}

impl Step {
    fn answer(&mut self, picture: bool) {
        self.answers = self.answers.saturating_add(1);
        (self.busy, self.answered) = (false, true);
        self.came |= picture;
    }

    /// What the time for a picture means. While the renderer shows, only its misses bring it down.
    fn judge(&mut self, took: Duration, deadline: Duration, pace: Pace, shows: bool) {
        let first = self.answers == 1;
        let hopeless = took > deadline * if first { HOPELESS_FIRST } else { HOPELESS };
        match pace {
            Pace::Live if hopeless && (first || self.hopeless + 1 >= HOPELESS_TIMES) => self.too_slow(took),
            Pace::Offline { demanded: false } if hopeless && self.answers <= tries(pace) => self.too_slow(took),
            Pace::Live if took > budget(deadline) => {
                (self.streak, self.last) = (0, Last::Slow(took));
                // The first one may have had to prepare.
                if !first {
                    self.hopeless = if hopeless { self.hopeless + 1 } else { 0 };
                    if !shows {
                        self.go_to_rest();
                    }
                }
            }
            _ => {
                (self.hopeless, self.last) = (0, Last::Good);
                self.streak = self.streak.saturating_add(1);
                if self.streak >= CLIMB {
                    (self.failures, self.panics) = (0, 0);
                }
            }
        }
    }

    fn may_climb(&self, pace: Pace) -> bool {
        let needed = match pace {
            Pace::Offline { .. } if self.falls == 0 => 1,
            _ => CLIMB << self.falls.min(DOUBLINGS),
        };
        let tried = pace == Pace::Live || self.answers >= tries(pace);
        self.standing == Standing::Open && self.came && tried && self.streak >= needed
    }

    fn go_to_rest(&mut self) {
        self.rest = self.next_rest.max(FIRST_REST);
        self.next_rest = (self.rest * 2).min(LONGEST_REST);
        self.streak = 0;
    }

    /// It is closed, and will have to be opened again.
    fn break_down(&mut self) {
        (self.standing, self.last) = (Standing::Opening, Last::Broken);
        (self.streak, self.busy, self.answered) = (0, false, true);
    }

    fn too_slow(&mut self, took: Duration) {
        self.out(format!("too slow on this machine, {:.1} s for a picture", took.as_secs_f32()));
    }

    fn out(&mut self, why: String) {
        *self = Self { standing: Standing::Out(why), falls: self.falls, ..Self::default() };
    }
}

/// The time in which a renderer that is tried must make a picture.
fn budget(deadline: Duration) -> Duration {
    deadline * HEADROOM / 100
}

/// Poses after which it is known, offline, whether a renderer will do.
const fn tries(pace: Pace) -> u32 {
    match pace {
        Pace::Offline { demanded: true } => 1,
        _ => 2,
    }
}

#[cfg(test)]
mod tests;
