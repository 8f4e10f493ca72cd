//! Renders speech to frames and sound without a clock: faster or slower than real time, as the machine allows, and the
//! same input gives the same output.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, bail};
use bevy::{ecs::message::MessageCursor, prelude::*};
use visage_core::{AudioBlock, Emotion, Frame, Language, Tick, TurnId, Utterance};
use visage_schedule::{FrameReady, Problem, QueueMode, Say, SetEmotion, Sounding};
use visage_stage::{OnStage, unpremultiplied};
use visage_stream::{AudioSettings, Recorder, VideoSettings};
use visage_voice::Voice;

use crate::runner::Offline;

/// Ticks that the character may take to come on stage, ten minutes' worth: whatever is loaded has been loaded by then,
/// because a tick waits for the workers.
const ENTRANCE: u64 = 18_000;
/// Ticks after which a problem is taken to be why nobody is on stage. The way from a character's file to the stage takes
/// a few ticks, because each waits for the workers; a problem that is told before may be of another kind (a voice whose
/// model is missing).
const COMING: u64 = 30;
/// Ticks that the first sound may take after the order to speak.
const SPEECH_BEGINS: u64 = 90;
/// Ticks that the last frames may take after their own. A renderer that draws beside the tick needs one, and another one
/// each time that a tick gives up waiting for it.
const LAST_FRAMES: u64 = 30;
/// Ticks that are rendered before the order to speak and after the last sound, so that nothing begins or ends abruptly.
const LEAD: u64 = 10;
const TAIL: u64 = 15;

/// What is rendered.
#[derive(Clone, Debug)]
pub struct Script {
    /// What is heard.
    pub speech: Speech,
    /// The emotion to show; `None` leaves it to the character.
    pub emotion: Option<Emotion>,
}

/// What is heard.
#[derive(Clone, Debug)]
pub enum Speech {
    /// A text, spoken by the character's voice, in this language or the one that the text looks like.
    Text(String, Option<Language>),
    /// Mono samples at 48 kHz, each in -1..=1.
    Sound(Arc<[f32]>),
}

/// Takes what is rendered. The first frame and the first block of sound have tick 0, and none is left out.
pub trait Sink {
    /// A frame.
    fn frame(&mut self, frame: &Frame) -> anyhow::Result<()>;
    /// The sound of a tick.
    fn sound(&mut self, block: &AudioBlock) -> anyhow::Result<()>;
    /// Everything has been taken. Returns what there is now, for a person to read.
    fn finish(self: Box<Self>) -> anyhow::Result<String>;
}

/// Renders the script and returns the number of frames. `progress` hears of each.
///
/// # Errors
/// The character does not come on stage, or says nothing, or a sink fails.
pub fn render(
    app: &mut App,
    script: &Script,
    sinks: &mut [Box<dyn Sink>],
    mut progress: impl FnMut(u64),
) -> anyhow::Result<u64> {
    let mut offline = Offline::new(app);
    let mut problems = Problems::default();
    let start = entrance(&mut offline, &mut problems)?;
    let mut take = Take { start, frames: MessageCursor::default(), expected: 0 };
    if let Some(emotion) = script.emotion {
        offline.world().write_message(SetEmotion { emotion, strength: 1.0 });
    }
    let (mut ticks, mut spoke, mut silent) = (0, false, 0);
    while silent < TAIL {
        if ticks == LEAD {
            order(offline.world(), &script.speech);
        }
        offline.tick();
        problems.hear(offline.world());
        take.collect(offline.world(), u64::MAX, sinks)?;
        take.sound(offline.world(), ticks, sinks)?;
        progress(ticks);
        let sounding = offline.world().resource::<Sounding>();
        let busy = sounding.busy || sounding.utterance.is_some();
        spoke |= busy;
        silent = if spoke && !busy { silent + 1 } else { 0 };
        ticks += 1;
        if !spoke && ticks > LEAD + SPEECH_BEGINS {
            let why = if problems.any() { problems.last() } else { "The text has no words that can be spoken." };
            bail!("nothing was said. {why}");
        }
        if offline.should_exit() {
            bail!("interrupted");
        }
    }
    // The frames of the last ticks come in the next ones, which are not part of the take.
    for _ in 0..LAST_FRAMES {
        if take.expected >= ticks || offline.should_exit() {
            break;
        }
        offline.tick();
        take.collect(offline.world(), ticks, sinks)?;
    }
    if take.expected != ticks {
        bail!("{ticks} frames were drawn, but {} came back from the graphics device", take.expected);
    }
    // It was rendered all the same, perhaps with another voice.
    problems.heard.iter().for_each(|problem| tracing::warn!("{problem}"));
    Ok(ticks)
}

/// Runs ticks until the character is on stage and says which tick comes next.
fn entrance(offline: &mut Offline<'_>, problems: &mut Problems) -> anyhow::Result<Tick> {
    for waited in 0..ENTRANCE {
        let tick = offline.tick();
        problems.hear(offline.world());
        let stage = offline.world().resource::<OnStage>();
        if stage.rig.is_some() && !stage.changing {
            return Ok(tick.next());
        }
        if waited > COMING && stage.rig.is_none() && problems.any() {
            bail!("the character does not come on stage. {}", problems.last());
        }
        if offline.should_exit() {
            bail!("interrupted");
        }
    }
    bail!("the character does not come on stage. {}", problems.last())
}

fn order(world: &mut World, speech: &Speech) {
    match speech {
        Speech::Text(text, language) => {
            world.write_message(Say {
                text: text.clone(),
                language: *language,
                emotion: None,
                queue: QueueMode::Replace,
            });
        }
        Speech::Sound(samples) => {
            // Later than any turn of the dialogue, so that nothing interrupts it.
            let turn = TurnId(u64::MAX);
            let utterance = Utterance {
                turn,
                text: String::new(),
                language: Language::default(),
                emotion: None,
                samples: samples.clone(),
                timeline: None,
                last: true,
            };
            world.resource_mut::<Voice>().play(Arc::new(utterance));
        }
    }
}

/// What people would have been told.
#[derive(Default)]
struct Problems {
    cursor: MessageCursor<Problem>,
    heard: Vec<String>,
}

impl Problems {
    fn hear(&mut self, world: &World) {
        let Some(messages) = world.get_resource::<Messages<Problem>>() else { return };
        self.heard.extend(self.cursor.read(messages).map(|problem| problem.text.clone()));
    }

    fn any(&self) -> bool {
        !self.heard.is_empty()
    }

    fn last(&self) -> &str {
        self.heard.last().map_or("", String::as_str)
    }
}

/// The part of the time that is rendered.
struct Take {
    start: Tick,
    frames: MessageCursor<FrameReady>,
    /// The frame that comes next, counted from the start.
    expected: u64,
}

impl Take {
    /// Hands on the frames that have come, up to the one before `end`.
    fn collect(&mut self, world: &World, end: u64, sinks: &mut [Box<dyn Sink>]) -> anyhow::Result<()> {
        for FrameReady(frame) in self.frames.read(world.resource::<Messages<FrameReady>>()) {
            let Some(index) = frame.tick.0.checked_sub(self.start.0).filter(|index| *index < end) else { continue };
            if index != self.expected {
                bail!("frame {} was lost by the graphics device", self.expected);
            }
            self.expected += 1;
            let frame = Frame { tick: Tick(index), ..frame.clone() };
            for sink in &mut *sinks {
                sink.frame(&frame)?;
            }
        }
        Ok(())
    }

    fn sound(&self, world: &World, index: u64, sinks: &mut [Box<dyn Sink>]) -> anyhow::Result<()> {
        let block = AudioBlock { tick: Tick(index), ..world.resource::<Sounding>().block.clone() };
        for sink in sinks {
            sink.sound(&block)?;
        }
        Ok(())
    }
}

/// One PNG for each frame: `00000.png`, `00001.png` and so on. Where the backdrop is transparent, so are they.
pub struct FramesFolder {
    folder: PathBuf,
    count: u64,
}

impl FramesFolder {
    /// Makes the folder if it is not there.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn create(folder: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
        Ok(Self { folder: folder.to_owned(), count: 0 })
    }
}

impl Sink for FramesFolder {
    fn frame(&mut self, frame: &Frame) -> anyhow::Result<()> {
        let path = self.folder.join(format!("{:05}.png", frame.tick.0));
        image::save_buffer(
            &path,
            &unpremultiplied(&frame.rgba),
            frame.width,
            frame.height,
            image::ExtendedColorType::Rgba8,
        )
        .with_context(|| format!("cannot write {}", path.display()))?;
        self.count += 1;
        Ok(())
    }

    fn sound(&mut self, _block: &AudioBlock) -> anyhow::Result<()> {
        Ok(())
    }

    fn finish(self: Box<Self>) -> anyhow::Result<String> {
        Ok(format!("{}: {} frames", self.folder.display(), self.count))
    }
}

/// A WebM file with VP8 and Opus.
pub struct WebmFile {
    path: PathBuf,
    recorder: Recorder,
}

impl WebmFile {
    /// Begins the file.
    ///
    /// # Errors
    /// The path names no file, or there is no encoder.
    pub fn create(path: &Path) -> anyhow::Result<Self> {
        let recorder = Recorder::create(path, Tick(0), VideoSettings::recording(), AudioSettings::recording())?;
        Ok(Self { path: path.to_owned(), recorder })
    }
}

impl Sink for WebmFile {
    fn frame(&mut self, frame: &Frame) -> anyhow::Result<()> {
        Ok(self.recorder.frame(frame)?)
    }

    fn sound(&mut self, block: &AudioBlock) -> anyhow::Result<()> {
        Ok(self.recorder.sound(block)?)
    }

    fn finish(self: Box<Self>) -> anyhow::Result<String> {
        let recording = self.recorder.finish()?;
        Ok(format!("{}: {:.1} s, {} kB", self.path.display(), recording.seconds, recording.bytes / 1_000))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use visage_core::{FacePose, Raster, RenderError, Renderer, Rung};
    use visage_schedule::{ActiveCharacter, CharacterProfile, CurrentPose, SchedulePlugin, Speak, VisageSystems};
    use visage_stage::{Adapter, HeadlessPlugins, StagePlugin};
    use visage_testkit::{MockVoice, drawn_rig};

    use super::*;

    /// What a sink was given.
    #[derive(Clone, Debug, Default, PartialEq)]
    struct Given {
        frames: Vec<Arc<[u8]>>,
        sounds: Vec<AudioBlock>,
        finished: bool,
    }

    struct Memory(Arc<Mutex<Given>>);

    impl Sink for Memory {
        fn frame(&mut self, frame: &Frame) -> anyhow::Result<()> {
            let mut given = self.0.lock().expect("no test panics while it holds the lock");
            assert_eq!(frame.tick.0, given.frames.len() as u64, "frames come in order and none is left out");
            given.frames.push(frame.rgba.clone());
            Ok(())
        }

        fn sound(&mut self, block: &AudioBlock) -> anyhow::Result<()> {
            let mut given = self.0.lock().expect("no test panics while it holds the lock");
            assert_eq!(block.tick.0, given.sounds.len() as u64, "sound comes in order and none is left out");
            given.sounds.push(block.clone());
            Ok(())
        }

        fn finish(self: Box<Self>) -> anyhow::Result<String> {
            self.0.lock().expect("no test panics while it holds the lock").finished = true;
            Ok(String::new())
        }
    }

    /// A drawn character that hums what it is told and opens its mouth while it does.
    fn humming() -> App {
        humming_on(StagePlugin { size: 64, ..default() })
    }

    fn humming_on(stage: StagePlugin) -> App {
        fn answer(mut orders: MessageReader<Say>, mut speak: MessageWriter<Speak>) {
            for order in orders.read() {
                let (text, language) = (order.text.clone(), order.language.unwrap_or_default());
                let (turn, queue) = (TurnId(1), order.queue);
                speak.write(Speak { turn, queue, text, language, emotion: order.emotion });
            }
        }
        fn mouth(sounding: Res<Sounding>, mut pose: ResMut<CurrentPose>) {
            pose.0[visage_core::Blendshape::JawOpen] = sounding.block.samples[400].abs() * 3.0;
        }
        let profile = CharacterProfile { id: "drawn".into(), name: "Drawn".into(), ..CharacterProfile::default() };
        let mut app = App::new();
        app.add_plugins(HeadlessPlugins::open(Adapter::Software).expect("mesa-vulkan-drivers is installed"))
            .add_plugins((SchedulePlugin, MockVoice::default(), stage))
            .insert_resource(ActiveCharacter { profile: Arc::new(profile), rig: Arc::new(drawn_rig(128)) })
            .add_systems(FixedUpdate, answer.in_set(VisageSystems::Decide))
            .add_systems(FixedUpdate, mouth.in_set(VisageSystems::Animate));
        app
    }

    fn take(mut app: App, text: &str) -> (anyhow::Result<u64>, Given) {
        let given = Arc::new(Mutex::new(Given::default()));
        let script = Script { speech: Speech::Text(text.into(), None), emotion: None };
        let mut sinks: Vec<Box<dyn Sink>> = vec![Box::new(Memory(given.clone()))];
        let ticks = render(&mut app, &script, &mut sinks, |_| ());
        for sink in sinks {
            sink.finish().expect("memory does not fail");
        }
        let given = given.lock().expect("no test panics while it holds the lock").clone();
        (ticks, given)
    }

    #[test]
    fn every_frame_and_block_arrives_and_the_same_text_gives_the_same_ones() {
        let (ticks, first) = take(humming(), "Hello");
        // Five letters of two ticks each.
        let ticks = ticks.expect("it speaks");
        assert_eq!(ticks, LEAD + 10 + TAIL);
        assert_eq!((first.frames.len() as u64, first.sounds.len() as u64, first.finished), (ticks, ticks, true));
        let sounds = |index: usize| first.sounds[index].samples.iter().any(|sample| sample.abs() > 0.1);
        assert_eq!((0..ticks as usize).filter(|&index| sounds(index)).count(), 10);
        assert_ne!(first.frames[0], first.frames[LEAD as usize + 4], "the mouth moves with the sound");
        let (_, second) = take(humming(), "Hello");
        assert!(first == second, "the same text gives the same frames and sounds");
    }

    /// A renderer beside the tick is a tick behind, and so are its frames; sound and picture belong together all the same.
    #[test]
    fn a_slow_renderer_loses_no_frame_and_lips_stay_with_the_sound() {
        struct Lips(u32);
        impl Renderer for Lips {
            fn render(&mut self, pose: &FacePose) -> Result<Raster, RenderError> {
                let open = (pose[visage_core::Blendshape::JawOpen].min(1.0) * 255.0) as u8;
                let rgba = [open, open, open, 255].repeat((self.0 * self.0) as usize).into();
                Ok(Raster { width: self.0, height: self.0, rgba })
            }
            fn release(&mut self) {}
        }
        let lips = Rung::new("lips", |subject| Ok(Box::new(Lips(subject.size)) as Box<dyn Renderer>));
        let app = humming_on(StagePlugin { size: 64, rungs: vec![lips], offline: true, ..default() });
        let (ticks, given) = take(app, "Hello");
        let ticks = ticks.expect("it speaks");
        assert_eq!((ticks, given.frames.len() as u64, given.sounds.len() as u64), (LEAD + 10 + TAIL, ticks, ticks));
        for (index, (frame, sound)) in given.frames.iter().zip(&given.sounds).enumerate() {
            let open = ((sound.samples[400].abs() * 3.0).min(1.0) * 255.0) as u8;
            assert!(frame.chunks_exact(4).all(|pixel| pixel == [open, open, open, 255]), "frame {index}");
        }
        // Ten blocks sound, and the hum of 220 Hz crosses zero at the sample that is looked at in every third of them.
        assert_eq!(given.frames.iter().filter(|frame| frame[0] > 0).count(), 7, "the mouth opens");
    }

    /// A missing voice is told at the start, long before the character is on stage; another voice speaks.
    #[test]
    fn only_a_problem_that_keeps_the_stage_empty_ends_the_rendering() {
        let problem = || Problem { text: "Something is missing.".into() };
        let mut app = humming();
        app.world_mut().write_message(problem());
        assert_eq!(take(app, "Hi").0.expect("it speaks all the same"), LEAD + 4 + TAIL);

        let mut app = humming();
        app.world_mut().remove_resource::<ActiveCharacter>();
        app.world_mut().write_message(problem());
        let error = take(app, "Hi").0.expect_err("nobody comes").to_string();
        assert!(error.ends_with("Something is missing."), "{error}");
    }

    #[test]
    fn frames_become_pictures() {
        let folder = std::env::temp_dir().join(format!("visage-frames-{}", std::process::id()));
        let mut sink = Box::new(FramesFolder::create(&folder).expect("it can be made"));
        let frame = Frame { tick: Tick(7), width: 2, height: 1, rgba: Arc::from([1, 2, 3, 255, 4, 5, 6, 128]) };
        sink.frame(&frame).expect("it can be written");
        let read = image::open(folder.join("00007.png")).expect("it is there").to_rgba8();
        fs::remove_dir_all(&folder).expect("it was made above");
        assert_eq!(read.as_raw().as_slice(), [1, 2, 3, 255, 8, 10, 12, 128]);
        assert!(sink.finish().expect("nothing can fail").ends_with("1 frames"));
    }
}
