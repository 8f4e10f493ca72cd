//! Registers the tick: its sets, its messages, its shared resources and the two systems that open and close it.

use std::time::Instant;

use bevy::prelude::*;

use crate::{
    CharacterList, Conversation, CurrentPose, FaceLayers, Latencies, MediaClock, Mood, Sounding, StageTimes,
    TickReport, TickStats, Viewers, VisageSystems, messages, sets,
};

/// The 30 Hz tick and the vocabulary of messages.
pub struct SchedulePlugin;

#[derive(Resource)]
struct TickBegan(Instant);

impl Plugin for SchedulePlugin {
    fn build(&self, app: &mut App) {
        sets::configure(app);
        app.insert_resource(Time::<Fixed>::from_hz(f64::from(visage_core::TICK_HZ)))
            .insert_resource(TickBegan(Instant::now()))
            .init_resource::<MediaClock>()
            .init_resource::<Sounding>()
            .init_resource::<crate::SpokenTurns>()
            .init_resource::<FaceLayers>()
            .init_resource::<Mood>()
            .init_resource::<CurrentPose>()
            .init_resource::<Conversation>()
            .init_resource::<StageTimes>()
            .init_resource::<TickStats>()
            .init_resource::<TickReport>()
            .init_resource::<Latencies>()
            .init_resource::<CharacterList>()
            .init_resource::<Viewers>()
            .init_resource::<crate::Notices>()
            .init_resource::<crate::Renderers>()
            .add_message::<messages::Say>()
            .add_message::<messages::UserText>()
            .add_message::<messages::StopSpeaking>()
            .add_message::<messages::CancelTurn>()
            .add_message::<messages::PreparePortrait>()
            .add_message::<messages::PortraitReady>()
            .add_message::<messages::SetEmotion>()
            .add_message::<messages::TryFace>()
            .add_message::<messages::EditCharacter>()
            .add_message::<messages::Activate>()
            .add_message::<messages::MicrophoneSound>()
            .add_message::<messages::Hearing>()
            .add_message::<messages::VoiceActivity>()
            .add_message::<messages::Heard>()
            .add_message::<messages::Speak>()
            .add_message::<messages::UtteranceStarted>()
            .add_message::<messages::Transcript>()
            .add_message::<messages::Problem>()
            .add_message::<messages::FrameReady>()
            // Each field (or entry, or message) has one writer, so the order of the writers means nothing.
            .allow_ambiguous_resource::<FaceLayers>()
            .allow_ambiguous_resource::<StageTimes>()
            .allow_ambiguous_resource::<Latencies>()
            .allow_ambiguous_resource::<crate::Notices>()
            .allow_ambiguous_resource::<Messages<messages::Problem>>()
            .add_systems(FixedUpdate, open.in_set(VisageSystems::First))
            .add_systems(FixedUpdate, (close, log_problems).in_set(VisageSystems::Last));
    }
}

/// The first tick is tick 0: the clock counts the ticks that ran before.
fn open(mut clock: ResMut<MediaClock>, mut stats: ResMut<TickStats>, mut began: ResMut<TickBegan>) {
    clock.tick = visage_core::Tick(stats.ran);
    stats.ran += 1;
    began.0 = Instant::now();
}

fn close(began: Res<TickBegan>, mut report: ResMut<TickReport>, mut times: ResMut<StageTimes>) {
    report.took = began.0.elapsed();
    times.record("tick", report.took);
}

/// Problems also go to the log: while nobody watches, nobody else is told.
fn log_problems(mut problems: MessageReader<messages::Problem>) {
    for problem in problems.read() {
        tracing::warn!("{}", problem.text);
    }
}
