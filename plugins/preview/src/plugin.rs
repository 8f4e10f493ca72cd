//! Registers the window: the stage's picture as an egui image, the panel beside it, and the way of its orders into the
//! tick.

use bevy::{ecs::system::SystemParam, prelude::*, window::FileDragAndDrop};
use bevy_egui::{
    EguiContexts, EguiPlugin, EguiPrimaryContextPass, EguiTextureHandle,
    egui::{self, CentralPanel, Frame, LayerId, Ui, UiBuilder, Vec2},
};
use visage_core::WorkerHandle;
use visage_library::Library;
use visage_schedule::{
    ActiveCharacter, CharacterEdit, CharacterList, Conversation, Devices, EditCharacter, IngestSystems, Latencies,
    Mood, Notices, Orders, Problem, Renderers, SpeechDoor, StageImage, StageTimes, TickStats, Transcript,
    VisageSystems,
};

use crate::{
    Line, Panel, View, Wish,
    shelf::{Errand, Found, Shelf},
};

/// Lines of the conversation that are kept.
const LINES: usize = 100;
/// Width of the controls in points.
const PANEL_WIDTH: f32 = 340.0;
/// Errands that wait for the shelf's thread: one look and some pictures. When it is full, a further one waits for a later
/// tick.
const ERRANDS: usize = 4;
/// What the shelf's thread has found and the tick has not taken. When it is full, the thread waits.
const FINDINGS: usize = 2;

/// The window's content. The window itself comes with Bevy's plugins.
pub struct PreviewPlugin {
    /// Where the characters lie that the gallery shows.
    pub library: Library,
}

/// What the window remembers from one frame to the next.
#[derive(Resource, Default)]
struct Shown {
    panel: Panel,
    lines: Vec<Line>,
    problem: Option<String>,
    /// Made in the window's pass, taken at the next Ingest; a person's clicks, so a handful at most.
    wishes: Vec<Wish>,
}

/// Who reads the gallery's characters, and whether they have to be read again.
#[derive(Resource)]
struct Reading {
    shelf: WorkerHandle<Errand, Found>,
    looking: bool,
    stale: bool,
}

impl Plugin for PreviewPlugin {
    fn build(&self, app: &mut App) {
        behind_the_window(app, self.library.clone());
        app.add_plugins(EguiPlugin::default())
            .add_systems(Startup, add_camera)
            .add_systems(EguiPrimaryContextPass, draw);
    }
}

/// All but what is drawn.
fn behind_the_window(app: &mut App, library: Library) {
    let shelf = Shelf::new(library);
    let shelf = WorkerHandle::spawn("gallery", ERRANDS, FINDINGS, || Ok::<_, std::convert::Infallible>(shelf));
    app.insert_resource(Reading { shelf, looking: false, stale: true })
        .init_resource::<Shown>()
        .add_message::<FileDragAndDrop>()
        .add_systems(FixedUpdate, (read_characters, grant_wishes).chain().in_set(IngestSystems::Receive))
        .add_systems(FixedUpdate, remember.in_set(VisageSystems::Last))
        .add_systems(Update, (count_late, take_dropped));
}

/// egui needs a camera that draws to the window.
fn add_camera(mut commands: Commands) {
    commands.spawn((Camera2d, Name::new("window")));
}

/// Nobody paces the ticks of a window: when drawing takes longer than a tick, several run at once, and all but one of
/// them are late.
fn count_late(mut stats: ResMut<TickStats>, mut before: Local<Option<u64>>) {
    let ran = stats.ran - before.unwrap_or(stats.ran);
    *before = Some(stats.ran);
    stats.late += ran.saturating_sub(1);
}

/// Has the characters and voices read again after each change, and passes on what was found.
fn read_characters(
    list: Res<CharacterList>,
    active: Option<Res<ActiveCharacter>>,
    speech: Option<Res<SpeechDoor>>,
    mut reading: ResMut<Reading>,
    mut shown: ResMut<Shown>,
    mut edits: MessageWriter<EditCharacter>,
    mut problems: MessageWriter<Problem>,
) {
    reading.stale |= list.is_changed() || active.is_some_and(|active| active.is_changed());
    while let Some(found) = reading.shelf.try_recv() {
        match found {
            Found::Characters(cards) => {
                reading.looking = false;
                let wishes = shown.panel.characters_came(cards);
                shown.wishes.extend(wishes);
            }
            Found::Voices(voices) => shown.panel.voices_came(voices),
            Found::Picture { name, bytes } => {
                // The store makes an id of the name.
                let edit = CharacterEdit::Create { name, picture: bytes };
                edits.write(EditCharacter { id: String::new(), edit });
            }
            Found::Trouble(text) => {
                reading.looking = false;
                problems.write(Problem { text });
            }
        }
    }
    if reading.stale && !reading.looking {
        let errand = Errand::Look(speech.as_deref().cloned());
        if reading.shelf.try_send(errand).is_ok() {
            (reading.stale, reading.looking) = (false, true);
        }
    }
}

/// What a person did in the window becomes messages. A picture for which the shelf has no room waits.
fn grant_wishes(
    mut shown: ResMut<Shown>,
    mut reading: ResMut<Reading>,
    mut orders: Orders,
    mut edits: MessageWriter<EditCharacter>,
) {
    for wish in std::mem::take(&mut shown.wishes) {
        match wish {
            Wish::Order(order) => orders.give(order),
            Wish::Look => reading.stale = true,
            Wish::Edit(id, edit) => {
                edits.write(EditCharacter { id, edit });
            }
            Wish::Create { name, path } => {
                if let Err(Errand::Picture { name, path }) = reading.shelf.try_send(Errand::Picture { name, path }) {
                    shown.wishes.push(Wish::Create { name, path });
                }
            }
        }
    }
}

/// A picture that is dropped on the window becomes a character.
fn take_dropped(mut drops: MessageReader<FileDragAndDrop>, mut shown: ResMut<Shown>) {
    for drop in drops.read() {
        if let FileDragAndDrop::DroppedFile { path_buf, .. } = drop {
            let wish = shown.panel.picture_dropped(path_buf.clone());
            shown.wishes.push(wish);
        }
    }
}

fn remember(mut transcript: MessageReader<Transcript>, mut problems: MessageReader<Problem>, mut shown: ResMut<Shown>) {
    for said in transcript.read() {
        let line = Line { speaker: said.speaker, text: said.text.clone(), is_final: said.is_final };
        match shown.lines.last_mut() {
            Some(last) if !last.is_final && last.speaker == line.speaker => *last = line,
            _ => shown.lines.push(line),
        }
    }
    let surplus = shown.lines.len().saturating_sub(LINES);
    shown.lines.drain(..surplus);
    if let Some(problem) = problems.read().last() {
        shown.problem = Some(problem.text.clone());
        shown.panel.problem_came();
    }
}

/// What the window shows of the world.
#[derive(SystemParam)]
struct Seen<'w> {
    image: Option<Res<'w, StageImage>>,
    list: Res<'w, CharacterList>,
    character: Option<Res<'w, ActiveCharacter>>,
    mood: Res<'w, Mood>,
    conversation: Res<'w, Conversation>,
    times: Res<'w, StageTimes>,
    stats: Res<'w, TickStats>,
    latencies: Res<'w, Latencies>,
    renderers: Res<'w, Renderers>,
    notices: Res<'w, Notices>,
    devices: Option<Res<'w, Devices>>,
}

fn draw(mut contexts: EguiContexts, mut shown: ResMut<Shown>, seen: Seen) -> Result {
    let texture = seen.image.map(|image| match contexts.image_id(&image.0) {
        Some(texture) => texture,
        None => contexts.add_image(EguiTextureHandle::Strong(image.0.clone())),
    });
    let stages: Vec<_> = seen
        .times
        .iter()
        .map(|(name, times)| (name, times.iter().map(|time| time.as_secs_f32() * 1e3).collect::<Vec<_>>()))
        .collect();
    let reason = seen.renderers.why();
    let Shown { panel, lines, problem, wishes } = &mut *shown;
    let view = View {
        characters: &seen.list.0,
        active: seen.character.as_ref().map(|character| character.profile.id.as_str()),
        emotion: seen.mood.target,
        conversation: seen.conversation.name(),
        lines,
        problem: problem.as_deref(),
        notices: &seen.notices.all(),
        microphone: seen.devices.as_ref().map(|devices| &devices.microphone),
        stages: &stages,
        renderer: (seen.renderers.name(), reason.as_deref()),
        on_time: seen.stats.on_time(),
        first_sound: seen.latencies.first_sound,
        transcription: seen.latencies.transcription,
    };
    let context = contexts.ctx_mut()?;
    let whole = UiBuilder::new().layer_id(LayerId::background()).max_rect(context.viewport_rect());
    let mut window = Ui::new(context.clone(), "window".into(), whole);
    egui::Panel::right("controls").exact_size(PANEL_WIDTH).show(&mut window, |ui| wishes.extend(panel.show(ui, &view)));
    CentralPanel::default().frame(Frame::new().fill(egui::Color32::from_gray(20))).show(&mut window, |ui| {
        let Some(texture) = texture else { return };
        let side = ui.available_width().min(ui.available_height());
        ui.centered_and_justified(|ui| ui.image((texture, Vec2::splat(side))));
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use visage_testkit::Stepper;

    use super::*;

    fn window() -> Stepper {
        Stepper::new(|app: &mut App| behind_the_window(app, Library::in_memory()))
    }

    #[test]
    fn a_dropped_picture_becomes_an_order_for_a_character() {
        let folder = std::env::temp_dir().join(format!("visage-drop-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("it can be made");
        let path_buf = folder.join("ada_lovelace.png");
        std::fs::write(&path_buf, b"a picture").expect("it can be written");
        let mut stepper = window();
        stepper.send(FileDragAndDrop::DroppedFile { window: Entity::PLACEHOLDER, path_buf });
        let mut edits = vec![];
        stepper.tick_until(1_000, |world| {
            edits.extend(world.resource_mut::<Messages<EditCharacter>>().drain());
            !edits.is_empty()
        });
        std::fs::remove_dir_all(&folder).expect("it was made above");
        let CharacterEdit::Create { name, picture } = &edits[0].edit else { panic!("{edits:?}") };
        assert_eq!((name.as_str(), &picture[..]), ("Ada lovelace", &b"a picture"[..]));
        assert_eq!(edits.len(), 1);
    }

    #[test]
    fn what_cannot_be_read_is_told_in_words() {
        let mut stepper = window();
        let wish = Wish::Create { name: "Ada".into(), path: "/nowhere/ada.png".into() };
        stepper.get_mut::<Shown>().wishes.push(wish);
        stepper.tick_until(1_000, |world| {
            world.resource::<Shown>().problem.as_ref().is_some_and(|problem| problem.contains("no such file"))
        });
    }

    #[test]
    fn ticks_that_run_together_are_late_but_for_one() {
        let mut app = App::new();
        app.init_resource::<TickStats>().add_systems(Update, count_late);
        for (ran, late) in [(1, 0), (2, 0), (2, 0), (5, 2), (6, 2)] {
            app.world_mut().resource_mut::<TickStats>().ran = ran;
            app.update();
            assert_eq!(app.world().resource::<TickStats>().late, late, "after {ran} ticks");
        }
    }
}
