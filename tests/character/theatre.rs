//! The real program without a window and without a clock: a shipped character on stage, and what it looks like tick by
//! tick.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bevy::{ecs::message::MessageCursor, prelude::*};
use visage::{
    app::{VisagePlugins, headless, open_library},
    render::{Script, Sink, Speech, render},
    runner::Offline,
};
use visage_core::{AudioBlock, FacePose, Frame, Language, Raster, Utterance};
use visage_schedule::{
    AnimateSystems, CurrentPose, FrameReady, MediaClock, Problem, SetEmotion, Sounding, VisageSystems,
};
use visage_stage::{Adapter, OnStage};

/// Ticks that a character may take to come on stage; each waits for the workers.
const ENTRANCE: usize = 300;

/// One app at a time: each wants all cores, and an offline tick waits for the workers of all apps of the program.
pub fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The pose that is shown instead of the character's own, if there is one.
#[derive(Resource, Default)]
struct Posed(Option<FacePose>);

/// What the program knew in a tick.
#[derive(Clone, Debug)]
pub struct Moment {
    /// Index of the tick.
    pub tick: u64,
    /// The pose that was drawn.
    pub pose: FacePose,
    /// What sounded, and the sample of it that the tick began with.
    pub speech: Option<(Arc<Utterance>, isize)>,
}

#[derive(Resource, Default)]
struct Moments(Vec<Moment>);

fn pose(posed: Res<Posed>, mut current: ResMut<CurrentPose>) {
    if let Some(pose) = &posed.0 {
        current.0 = pose.clone();
    }
}

fn note(clock: Res<MediaClock>, current: Res<CurrentPose>, sounding: Res<Sounding>, mut moments: ResMut<Moments>) {
    moments.0.push(Moment { tick: clock.tick.0, pose: current.0.clone(), speech: sounding.utterance.clone() });
}

/// The whole program with a character, as `visage render` runs it on the software driver.
fn program(character: &str, size: u32) -> App {
    let plugins = VisagePlugins {
        library: open_library(None).expect("the shipped characters"),
        character: Some(character.to_owned()),
        size,
        capture: true,
        // What somebody has baked on this machine is not to show.
        rungs: Vec::new(),
        renderer: None,
        offline: true,
    };
    let mut app = headless(Adapter::Software, plugins).expect("mesa-vulkan-drivers is installed");
    app.init_resource::<Posed>()
        .init_resource::<Moments>()
        .add_systems(FixedUpdate, pose.in_set(VisageSystems::Animate).after(AnimateSystems::Compose))
        .add_systems(FixedUpdate, note.in_set(VisageSystems::Last));
    app
}

/// What `visage render` made of a text.
pub struct Take {
    /// The frames.
    pub frames: Vec<Frame>,
    /// What the program knew in the tick of each.
    pub moments: Vec<Moment>,
    /// The sound of each.
    pub sounds: Vec<AudioBlock>,
}

#[derive(Clone, Default)]
struct Memory(Arc<Mutex<(Vec<Frame>, Vec<AudioBlock>)>>);

impl Memory {
    fn open(&self) -> MutexGuard<'_, (Vec<Frame>, Vec<AudioBlock>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sink for Memory {
    fn frame(&mut self, frame: &Frame) -> anyhow::Result<()> {
        self.open().0.push(frame.clone());
        Ok(())
    }

    fn sound(&mut self, block: &AudioBlock) -> anyhow::Result<()> {
        self.open().1.push(block.clone());
        Ok(())
    }

    fn finish(self: Box<Self>) -> anyhow::Result<String> {
        Ok(String::new())
    }
}

/// Renders a character that says a text in English.
pub fn speak(character: &str, size: u32, text: &str) -> Take {
    let mut app = program(character, size);
    let script = Script { speech: Speech::Text(text.to_owned(), Some(Language::English)), emotion: None };
    let memory = Memory::default();
    let count = render(&mut app, &script, &mut [Box::new(memory.clone())], |_| ()).expect("the character speaks");
    let mut moments = std::mem::take(&mut app.world_mut().resource_mut::<Moments>().0);
    // The rendered ticks are the last ones but for one, which brings the last frame.
    moments.pop();
    let moments = moments.split_off(moments.len() - count as usize);
    let (frames, sounds) = std::mem::take(&mut *memory.open());
    assert_eq!((frames.len(), sounds.len()), (moments.len(), moments.len()));
    Take { frames, moments, sounds }
}

/// A character on stage that is watched tick by tick.
pub struct Stage<'a> {
    offline: Offline<'a>,
    frames: MessageCursor<FrameReady>,
}

/// Puts a character on stage and watches it.
pub fn watch<T>(character: &str, size: u32, scene: impl FnOnce(&mut Stage<'_>) -> T) -> T {
    let mut app = program(character, size);
    let mut stage = Stage { offline: Offline::new(&mut app), frames: MessageCursor::default() };
    stage.entrance();
    scene(&mut stage)
}

impl Stage<'_> {
    fn entrance(&mut self) {
        for _ in 0..ENTRANCE {
            self.step();
            let stage = self.offline.world().resource::<OnStage>();
            if stage.rig.is_some() && !stage.changing {
                self.step();
                return;
            }
        }
        let mut cursor = MessageCursor::default();
        let problems: Vec<_> = cursor.read(self.offline.world().resource::<Messages<Problem>>()).collect();
        panic!("the character does not come on stage: {problems:?}");
    }

    /// Runs a tick and returns the tick before it with its frame.
    pub fn step(&mut self) -> Option<(Moment, Frame)> {
        let tick = self.offline.tick();
        let world = self.offline.world();
        let frame = self.frames.read(world.resource::<Messages<FrameReady>>()).last().map(|ready| ready.0.clone())?;
        assert_eq!(frame.tick.0 + 1, tick.0, "a frame comes in the tick after its own");
        let mut moments = world.resource_mut::<Moments>();
        let moment = moments.0.iter().find(|moment| moment.tick == frame.tick.0).cloned();
        moments.0.retain(|moment| moment.tick > frame.tick.0);
        Some((moment?, frame))
    }

    /// Runs some ticks.
    pub fn steps(&mut self, count: usize) -> Vec<(Moment, Frame)> {
        (0..count).map(|_| self.step().expect("every tick has a frame")).collect()
    }

    /// Shows a pose, and nothing of the character's own, until told otherwise.
    pub fn pose(&mut self, pose: Option<FacePose>) {
        self.offline.world().resource_mut::<Posed>().0 = pose;
    }

    /// The frame of a pose.
    pub fn frame_of(&mut self, pose: FacePose) -> Frame {
        self.pose(Some(pose));
        self.step();
        self.step().expect("every tick has a frame").1
    }

    /// Tells the character to show an emotion.
    pub fn feel(&mut self, emotion: visage_core::Emotion) {
        self.offline.world().write_message(SetEmotion { emotion, strength: 1.0 });
    }
}

/// A frame as the face mesh wants it.
pub fn raster(frame: &Frame) -> Raster {
    Raster { width: frame.width, height: frame.height, rgba: frame.rgba.clone() }
}
