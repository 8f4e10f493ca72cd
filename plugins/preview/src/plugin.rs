//! Registers the window: the stage's picture as an egui image, the panel beside it, and the way of its orders into the
//! tick.

use bevy::prelude::*;
use bevy_egui::{
    EguiContexts, EguiPlugin, EguiPrimaryContextPass, EguiTextureHandle,
    egui::{self, CentralPanel, Frame, LayerId, Ui, UiBuilder, Vec2},
};
use visage_schedule::{
    ActiveCharacter, CharacterList, Conversation, IngestSystems, Latencies, Mood, Orders, Problem, RemoteCommand,
    StageImage, StageTimes, TickStats, Transcript, VisageSystems,
};

use crate::{Line, Panel, View};

/// Lines of the conversation that are kept.
const LINES: usize = 100;
/// Width of the controls in points.
const PANEL_WIDTH: f32 = 340.0;

/// The window's content. The window itself comes with Bevy's plugins.
pub struct PreviewPlugin;

/// What the window remembers from one frame to the next.
#[derive(Resource, Default)]
struct Shown {
    panel: Panel,
    lines: Vec<Line>,
    problem: Option<String>,
    /// Given in the window's pass, taken at the next Ingest; a person's clicks, so a handful at most.
    orders: Vec<RemoteCommand>,
}

impl Plugin for PreviewPlugin {
    fn build(&self, app: &mut App) {
        app.add_plugins(EguiPlugin::default())
            .init_resource::<Shown>()
            .add_systems(Startup, add_camera)
            .add_systems(FixedUpdate, give_orders.in_set(IngestSystems::Receive))
            .add_systems(FixedUpdate, remember.in_set(VisageSystems::Last))
            .add_systems(Update, count_late)
            .add_systems(EguiPrimaryContextPass, draw);
    }
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

fn give_orders(mut shown: ResMut<Shown>, mut orders: Orders) {
    for order in shown.orders.drain(..) {
        orders.give(order);
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

#[expect(clippy::too_many_arguments, reason = "a window shows a little of everything")]
fn draw(
    mut contexts: EguiContexts,
    mut shown: ResMut<Shown>,
    image: Option<Res<StageImage>>,
    list: Res<CharacterList>,
    character: Option<Res<ActiveCharacter>>,
    mood: Res<Mood>,
    conversation: Res<Conversation>,
    times: Res<StageTimes>,
    (stats, latencies): (Res<TickStats>, Res<Latencies>),
) -> Result {
    let texture = image.map(|image| match contexts.image_id(&image.0) {
        Some(texture) => texture,
        None => contexts.add_image(EguiTextureHandle::Strong(image.0.clone())),
    });
    let stages: Vec<_> = times
        .iter()
        .map(|(name, times)| (name, times.iter().map(|time| time.as_secs_f32() * 1e3).collect::<Vec<_>>()))
        .collect();
    let Shown { panel, lines, problem, orders } = &mut *shown;
    let view = View {
        characters: &list.0,
        active: character.as_ref().map(|character| character.profile.id.as_str()),
        emotion: mood.target,
        conversation: conversation.name(),
        lines,
        problem: problem.as_deref(),
        stages: &stages,
        on_time: stats.on_time(),
        first_sound: latencies.first_sound,
        transcription: latencies.transcription,
    };
    let context = contexts.ctx_mut()?;
    let whole = UiBuilder::new().layer_id(LayerId::background()).max_rect(context.viewport_rect());
    let mut window = Ui::new(context.clone(), "window".into(), whole);
    egui::Panel::right("controls").exact_size(PANEL_WIDTH).show(&mut window, |ui| orders.extend(panel.show(ui, &view)));
    CentralPanel::default().frame(Frame::new().fill(egui::Color32::from_gray(20))).show(&mut window, |ui| {
        let Some(texture) = texture else { return };
        let side = ui.available_width().min(ui.available_height());
        ui.centered_and_justified(|ui| ui.image((texture, Vec2::splat(side))));
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

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
