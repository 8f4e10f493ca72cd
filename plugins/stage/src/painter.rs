//! The thread of a rung: opens its renderer for a character and draws the newest pose.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use visage_core::{
    EmotionWeights, FacePose, LatestReader, RenderError, Renderer, Rung, StopFlag, Subject, Tick, Worker,
};

/// What a painter is to do. Lies in a latest-wins slot: a newer order replaces one that was not begun, since it says all
/// that the older one said.
#[derive(Debug)]
pub enum Order {
    /// Drop the renderer.
    Close,
    /// Have a renderer for a subject, and do something with it.
    With(Arc<Subject>, Task),
}

/// What is to be done with a renderer.
#[derive(Debug)]
pub enum Task {
    /// Nothing but to open it.
    Open,
    /// It is to draw a pose.
    Draw {
        /// The tick of the pose, which the picture carries.
        tick: Tick,
        /// The pose.
        pose: Box<FacePose>,
        /// The emotions behind it.
        emotions: EmotionWeights,
    },
    /// It is to give back what it can.
    Release,
}

/// There is an order in the slot. It needs no queue: one look takes whatever is there.
#[derive(Debug)]
pub struct Look;

/// What a painter reports, and about whom.
#[derive(Debug)]
pub enum Report {
    /// The renderer is open.
    Opened(Arc<Subject>),
    /// There is no renderer; why, for people.
    Refused(Arc<Subject>, String),
    /// What became of a pose.
    Drawn {
        subject: Arc<Subject>,
        tick: Tick,
        /// The picture, `size` × `size` pixels.
        picture: Result<Arc<[u8]>, RenderError>,
        took: Duration,
    },
    /// The work ended in a panic.
    Lost,
}

/// See the file's head.
pub struct Painter {
    rung: Rung,
    orders: LatestReader<Order>,
    at_work: Option<AtWork>,
}

/// A renderer and what it was told last.
struct AtWork {
    subject: Arc<Subject>,
    renderer: Box<dyn Renderer>,
    emotions: Option<EmotionWeights>,
}

impl Painter {
    pub const fn new(rung: Rung, orders: LatestReader<Order>) -> Self {
        Self { rung, orders, at_work: None }
    }

    /// Opens a renderer for a subject, unless it is open. One for another subject goes first: there are never two.
    fn open(&mut self, subject: &Arc<Subject>) -> Result<(), String> {
        self.at_work.take_if(|at_work| !Arc::ptr_eq(&at_work.subject, subject));
        if self.at_work.is_none() {
            let renderer = (self.rung.open)(subject)?;
            self.at_work = Some(AtWork { subject: subject.clone(), renderer, emotions: None });
        }
        Ok(())
    }
}

impl AtWork {
    fn draw(&mut self, pose: &FacePose, emotions: EmotionWeights) -> Result<Arc<[u8]>, RenderError> {
        if self.emotions != Some(emotions) {
            self.renderer.set_emotion(&emotions);
            self.emotions = Some(emotions);
        }
        let picture = self.renderer.render(pose)?;
        let size = self.subject.size;
        let bytes = size as usize * size as usize * 4;
        if (picture.width, picture.height, picture.rgba.len()) == (size, size, bytes) {
            Ok(picture.rgba)
        } else {
            Err(RenderError::Failed(format!(
                "gives a picture of {} × {} pixels instead of {size} × {size}",
                picture.width, picture.height
            )))
        }
    }
}

impl Worker for Painter {
    type Command = Look;
    type Event = Report;

    fn handle(&mut self, _look: Look, emit: &mut dyn FnMut(Report), _stop: &StopFlag) {
        let (subject, task) = match self.orders.take() {
            Some(Order::With(subject, task)) => (subject, task),
            Some(Order::Close) => {
                self.at_work = None;
                return;
            }
            None => return,
        };
        if matches!(task, Task::Open) {
            return emit(match self.open(&subject) {
                Ok(()) => Report::Opened(subject),
                Err(why) => Report::Refused(subject, why),
            });
        }
        // A pose that waited while its renderer failed is dropped.
        let Some(at_work) = self.at_work.as_mut().filter(|at_work| Arc::ptr_eq(&at_work.subject, &subject)) else {
            return;
        };
        match task {
            Task::Open => {}
            Task::Release => at_work.renderer.release(),
            Task::Draw { tick, pose, emotions } => {
                let began = Instant::now();
                let picture = at_work.draw(&pose, emotions);
                let took = began.elapsed();
                if matches!(picture, Err(RenderError::Failed(_))) {
                    self.at_work = None;
                }
                emit(Report::Drawn { subject, tick, picture, took });
            }
        }
    }

    fn if_lost(_look: &Look) -> Option<Report> {
        Some(Report::Lost)
    }

    fn renew(&mut self) {
        self.at_work = None;
    }
}
