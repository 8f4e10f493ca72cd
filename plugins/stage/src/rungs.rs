//! The tick's end of the renderers above the mesh warp: hands them poses, takes their pictures, and says of what the frame
//! of a tick is painted. No Bevy in here; what is decided is decided in `ladder.rs`.
//!
//! A picture carries the tick of its pose. While it comes from the warp, the frame of tick n shows pose n; while it comes
//! from a renderer, normally pose n − 1. The frame is labelled with the pose that it shows, so sound and lips stay together
//! whatever draws. Frames never go back: on the way up a tick has no frame, and on the way down a pose is left out. Offline,
//! where each pose must have its frame, none is left out, and the frames stay a tick behind.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use visage_core::{
    EmotionWeights, FacePose, LatestWriter, RenderError, Rig, Rung, Subject, Tick, WorkerHandle, latest_slot,
};
use visage_schedule::{RendererChoice, RendererState, Renderers, WARP};

use crate::{
    ladder::{Answer, Ladder, Pace, Want},
    look::{Crossfade, Look},
    painter::{self, Order, Painter, Report, Task},
};

/// Looks into the slot that wait for a painter: while one waits, it will see whatever is put there.
const LOOKS: usize = 1;
/// Reports on their way to the tick, which takes them all. A painter that finds it full waits.
const REPORTS: usize = 4;
/// Poses that are kept, to paint the warp in the pose of a picture. Pictures are a few ticks old at most, but offline a tick
/// that waits too long gives up waiting.
const POSES: usize = 64;
/// A picture of a pose that is more ticks old is not shown: the sound would have to wait for it.
const OLDEST: u64 = 3;
/// The weight of a new time in the mean of the last ones.
const MEAN_OF: u32 = 16;

/// How renderers are used, whoever is on stage.
#[derive(Clone, Debug)]
pub struct RungSettings {
    /// Width and height of a picture in pixels.
    pub size: u32,
    /// Ticks in which one renderer fades into another.
    pub fade_ticks: u32,
    /// In what time a picture has to be made.
    pub deadline: Duration,
    /// Whether time waits for the renderers.
    pub offline: bool,
    /// What is to draw, whatever a character asks for.
    pub choice: Option<RendererChoice>,
}

/// See the file's head.
pub struct Rungs {
    settings: RungSettings,
    hands: Vec<Hand>,
    ladder: Ladder,
    fade: Crossfade,
    role: Option<Role>,
    /// The newest last.
    poses: VecDeque<(Tick, FacePose)>,
    /// The pose of the last frame.
    last: Option<Tick>,
    /// What the warp has drawn.
    ground: RendererState,
}

/// Whom the renderers draw.
struct Role {
    subject: Arc<Subject>,
    choice: RendererChoice,
}

/// A renderer as the tick sees it.
struct Hand {
    rung: Rung,
    painter: WorkerHandle<painter::Look, Report>,
    orders: LatestWriter<Order>,
    /// What it was told last.
    told: Want,
    picture: Option<(Tick, Arc<[u8]>)>,
    /// The newest pose of which it is known what has become of it.
    answered: Option<Tick>,
    state: RendererState,
}

/// A tick, as the renderers see it.
#[derive(Clone, Copy, Debug)]
pub struct Moment<'a> {
    /// Which one.
    pub tick: Tick,
    /// The face.
    pub pose: &'a FacePose,
    /// The emotions behind it.
    pub emotions: &'a EmotionWeights,
    /// Whether the renderers draw the character that is on stage, and not one that leaves.
    pub leads: bool,
    /// Whether the tick came right after the one before.
    pub hurried: bool,
}

/// What is painted in a tick.
#[derive(Clone, Debug)]
pub struct Shot {
    /// The tick whose pose the frame shows. `None`: there is no new frame, the last picture stays.
    pub tick: Option<Tick>,
    /// The pose of that tick, for the warp.
    pub pose: FacePose,
    /// Of what the renderers' character is painted.
    pub look: Look,
}

impl Rungs {
    /// Renderers, best first, each with a thread of its own. Nobody is drawn yet.
    pub fn new(rungs: &[Rung], settings: RungSettings) -> Self {
        let ladder = Ladder::new(rungs.len(), settings.deadline, Pace::Live);
        let fade = Crossfade::new(ladder.ground(), settings.fade_ticks);
        Self {
            hands: rungs.iter().cloned().map(Hand::new).collect(),
            ladder,
            fade,
            role: None,
            poses: VecDeque::with_capacity(POSES),
            last: None,
            ground: RendererState { name: WARP, ..RendererState::default() },
            settings,
        }
    }

    /// Whose face the renderers draw.
    pub fn rig(&self) -> Option<&Arc<Rig>> {
        self.role.as_ref().map(|role| &role.subject.rig)
    }

    /// From now on the renderers draw this face. Another face than before begins with the warp.
    pub fn play(&mut self, rig: &Arc<Rig>, choice: RendererChoice) {
        let choice = self.settings.choice.unwrap_or(choice);
        let patient = self.settings.offline && choice.is_special();
        if let Some(role) = &mut self.role
            && Arc::ptr_eq(&role.subject.rig, rig)
            && role.subject.patient == patient
        {
            role.choice = choice;
            return;
        }
        let subject = Subject { rig: rig.clone(), size: self.settings.size, patient };
        self.role = Some(Role { subject: Arc::new(subject), choice });
        let pace = if self.settings.offline { Pace::Offline { demanded: patient } } else { Pace::Live };
        self.ladder.restart(pace);
        self.fade = Crossfade::new(self.ladder.ground(), self.settings.fade_ticks);
        for hand in &mut self.hands {
            (hand.told, hand.picture, hand.answered) = (Want::Nothing, None, None);
        }
    }

    /// Takes in what the renderers have done. `timed` hears how long they took for their pictures.
    pub fn receive(&mut self, mut timed: impl FnMut(&'static str, Duration)) {
        let Some(role) = &self.role else { return };
        for (rung, hand) in self.hands.iter_mut().enumerate() {
            while let Some(report) = hand.painter.try_recv() {
                let Some(answer) = hand.understand(report, &role.subject) else { continue };
                if let Answer::Picture(took) = answer {
                    timed(hand.rung.name, took);
                }
                self.ladder.hear(rung, answer);
            }
        }
    }

    /// Decides of what the frame of a tick is painted, and tells the renderers what to do in it.
    pub fn advance(&mut self, moment: Moment<'_>) -> Shot {
        if self.poses.len() == POSES {
            self.poses.pop_front();
        }
        self.poses.push_back((moment.tick, moment.pose.clone()));
        if let Some(role) = &self.role {
            let hands = &self.hands;
            self.ladder.decide(|rung| role.choice.allows(hands[rung].rung.family()), moment.hurried);
        }
        let shown = self.ladder.shown();
        if shown != self.fade.shown() {
            self.fade.turn_to(shown);
            self.state(shown).switches += 1;
        }
        self.tell(moment);
        let tick = self.next_frame(moment);
        let fresh = tick.is_some_and(|tick| self.shows_pose(tick));
        // A new character is drawn by the warp while the renderers still draw the one that leaves.
        let state = if moment.leads { self.state(shown) } else { &mut self.ground };
        state.frames += u64::from(tick.is_some());
        state.holds += u64::from(moment.leads && !fresh && !moment.hurried);
        let Some(tick) = tick else {
            return Shot { tick: None, pose: moment.pose.clone(), look: Look::warp() };
        };
        self.last = Some(tick);
        let before = self.fade.step();
        let hands = &self.hands;
        let picture = |rung: usize| hands.get(rung)?.picture.as_ref().map(|(_, picture)| picture.clone());
        let pose = self.poses.iter().rev().find(|(kept, _)| *kept == tick).map_or(moment.pose, |(_, pose)| pose);
        Shot { tick: Some(tick), pose: pose.clone(), look: self.fade.look(before, picture) }
    }

    /// The pose of the frame of a tick; `None` if there is none yet that is newer than the last frame.
    fn next_frame(&self, moment: Moment<'_>) -> Option<Tick> {
        let leading = self.hands.get(self.fade.shown()).filter(|_| moment.leads);
        let (now, last) = (moment.tick, self.last);
        if self.settings.offline {
            let due = last.map_or(now, Tick::next);
            let known = leading.is_none_or(|hand| hand.answered.is_some_and(|answered| answered >= due));
            (known && due <= now).then_some(due)
        } else if let Some(hand) = leading {
            let (tick, _) = hand.picture.as_ref()?;
            (last.is_none_or(|last| *tick > last) && now.0.saturating_sub(tick.0) <= OLDEST).then_some(*tick)
        } else {
            Some(now)
        }
    }

    /// Whether what shows is a picture of this very pose.
    fn shows_pose(&self, tick: Tick) -> bool {
        let hand = self.hands.get(self.fade.shown());
        hand.is_none_or(|hand| hand.picture.as_ref().is_some_and(|(of, _)| *of == tick))
    }

    fn state(&mut self, rung: usize) -> &mut RendererState {
        self.hands.get_mut(rung).map_or(&mut self.ground, |hand| &mut hand.state)
    }

    fn tell(&mut self, moment: Moment<'_>) {
        let Some(role) = &self.role else { return };
        for (rung, hand) in self.hands.iter_mut().enumerate() {
            let want = self.ladder.want(rung);
            if want != Want::Draw && !self.fade.sees(rung) {
                hand.picture = None;
            }
            if hand.tell(want, &role.subject, moment) {
                self.ladder.hear(rung, Answer::Lost);
            }
        }
    }

    /// Whether what is shown will not change but for poses that cannot be drawn. Always so unless time waits.
    pub fn is_settled(&self) -> bool {
        !self.settings.offline || self.ladder.is_settled() && !self.fade.is_running()
    }

    /// Writes how the renderers do.
    pub fn report(&self, to: &mut Renderers) {
        to.shown = self.ladder.shown();
        to.all.resize_with(self.hands.len() + 1, RendererState::default);
        let states = self.hands.iter().map(|hand| &hand.state).chain([&self.ground]);
        for (rung, (to, state)) in to.all.iter_mut().zip(states).enumerate() {
            to.clone_from(state);
            to.why = self.ladder.why(rung).filter(|_| rung < self.ladder.shown());
        }
    }

    /// Why the renderer that was asked for by name does not draw and will not, in a person's words. `None` if it may.
    pub fn unmet(&self) -> Option<String> {
        let role = self.role.as_ref().filter(|role| role.choice.is_special())?;
        let mut why = vec![];
        for (rung, hand) in self.hands.iter().enumerate().filter(|(_, hand)| role.choice.allows(hand.rung.family())) {
            if !self.ladder.is_out(rung) {
                return None;
            }
            why.extend(self.ladder.why(rung).map(|why| format!("{}: {why}", hand.rung.name)));
        }
        Some(if why.is_empty() { "it is not part of this program".to_owned() } else { why.join(". ") })
    }
}

impl Hand {
    fn new(rung: Rung) -> Self {
        let (orders, painter) = Self::begin(&rung);
        let state = RendererState { name: rung.name, ..RendererState::default() };
        Self { rung, painter, orders, told: Want::Closed, picture: None, answered: None, state }
    }

    /// Starts the thread.
    fn begin(rung: &Rung) -> (LatestWriter<Order>, WorkerHandle<painter::Look, Report>) {
        let (orders, newest) = latest_slot();
        let own = rung.clone();
        let make = move || Ok::<_, std::convert::Infallible>(Painter::new(own, newest));
        (orders, WorkerHandle::spawn(rung.name, LOOKS, REPORTS, make))
    }

    /// What a report says of the subject that counts.
    fn understand(&mut self, report: Report, about: &Arc<Subject>) -> Option<Answer> {
        let of = match &report {
            Report::Opened(subject) | Report::Refused(subject, _) | Report::Drawn { subject, .. } => Some(subject),
            Report::Lost => None,
        };
        if of.is_some_and(|subject| !Arc::ptr_eq(subject, about)) {
            return None;
        }
        Some(match report {
            Report::Opened(_) => Answer::Opened,
            Report::Refused(_, why) => Answer::Refused(why),
            Report::Lost => {
                self.told = Want::Nothing;
                Answer::Lost
            }
            Report::Drawn { tick, picture, took, .. } => {
                self.answered = self.answered.max(Some(tick));
                match picture {
                    Ok(picture) => {
                        self.picture = Some((tick, picture));
                        let mean = self.state.mean.map_or(took, |mean| (mean * (MEAN_OF - 1) + took) / MEAN_OF);
                        (self.state.last, self.state.mean) = (Some(took), Some(mean));
                        Answer::Picture(took)
                    }
                    Err(RenderError::NoPicture) => Answer::NoPicture(took),
                    Err(RenderError::Failed(why)) => Answer::Failed(why),
                }
            }
        })
    }

    /// Tells the painter what to do. Says whether its thread has ended and was replaced by a new one.
    fn tell(&mut self, want: Want, subject: &Arc<Subject>, moment: Moment<'_>) -> bool {
        let with = |task| Order::With(subject.clone(), task);
        let order = match want {
            Want::Nothing => return false,
            Want::Closed | Want::Open if want == self.told => return false,
            Want::Closed => Order::Close,
            Want::Open => with(Task::Open),
            Want::Release => with(Task::Release),
            Want::Draw => {
                with(Task::Draw { tick: moment.tick, pose: Box::new(moment.pose.clone()), emotions: *moment.emotions })
            }
        };
        self.orders.put(order);
        self.told = want;
        // While a look waits, it will find this order.
        if self.painter.try_send(painter::Look).is_ok() || !self.painter.has_ended() {
            return false;
        }
        (self.orders, self.painter) = Self::begin(&self.rung);
        self.told = Want::Closed;
        want != Want::Closed
    }
}

#[cfg(test)]
mod tests;
