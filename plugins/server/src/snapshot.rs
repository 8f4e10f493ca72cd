//! What the tick tells the handlers: one value, published at the end of every tick, read without touching the `World`.

use std::time::{Duration, Instant};

use bevy::{ecs::system::SystemParam, prelude::*};
use serde::Serialize;
use tokio::sync::watch;
use utoipa::ToSchema;
use visage_core::{Emotion, TICK_HZ};
use visage_schedule::{
    ActiveCharacter, CharacterList, CharacterSummary, Conversation, Hearing, Latencies, MediaClock, Mood,
    RendererState, Renderers, SpokenTurn, SpokenTurns, TickStats, Viewers,
};

/// A tick that has not come for so long counts as stalled.
const STALLED: Duration = Duration::from_secs(2);

/// The body of `GET /api/state`.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
#[schema(as = State)]
pub(crate) struct Snapshot {
    /// "idle", "listening", "thinking" or "speaking".
    #[schema(pattern = "^(idle|listening|thinking|speaking)$")]
    pub(crate) conversation: &'static str,
    /// The emotion that the face shows or heads for.
    pub(crate) emotion: Emotion,
    /// Id of the active character; null while it is being made ready.
    pub(crate) character: Option<String>,
    /// All characters.
    pub(crate) characters: Vec<CharacterSummary>,
    /// Whether microphone sound is listened to.
    pub(crate) listening: bool,
    /// The turns that are said and wait to be said, in the order in which they go on; the first one is said now.
    pub(crate) speech: Vec<SpokenTurn>,
    /// Viewers that receive the picture now.
    pub(crate) viewers: usize,
    /// What draws the character: the name of one of the renderers.
    #[schema(example = "warp")]
    pub(crate) renderer: &'static str,
    /// The renderers, best first; the last one is the mesh warp, which is always there.
    pub(crate) renderers: Vec<RendererBody>,
    /// Index of the tick.
    pub(crate) tick: u64,
    /// Seconds of media since the start.
    pub(crate) seconds: f64,
    /// Share of ticks that began in time, 0..=1.
    pub(crate) on_time: f64,
    /// The latest latencies in seconds; null before the first.
    pub(crate) latencies: LatencyBody,
    /// When it was published; `None` before the first tick.
    #[serde(skip)]
    pub(crate) published: Option<Instant>,
}

#[derive(Clone, Copy, Debug, Default, Serialize, ToSchema)]
#[schema(as = Latencies)]
pub(crate) struct LatencyBody {
    /// From an order to its first sound.
    first_sound: Option<f32>,
    /// Of computing for a second of speech.
    synthesis_factor: Option<f32>,
    /// From the end of a voice to its words.
    transcription: Option<f32>,
}

/// How a renderer does.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
#[schema(as = RendererState)]
pub(crate) struct RendererBody {
    /// Its name: "liveportrait", "liveportrait-baked", "warp".
    name: &'static str,
    /// Why a better one than what draws does not, in words; null otherwise.
    why: Option<String>,
    /// Frames that it has drawn.
    frames: u64,
    /// How often it took over from another one.
    switches: u64,
    /// Ticks in which its last picture stayed because there was no new one.
    holds: u64,
    /// Seconds that its last picture took; null before the first, and for the mesh warp.
    last: Option<f64>,
    /// Seconds that its last pictures took on average.
    mean: Option<f64>,
}

impl From<&RendererState> for RendererBody {
    fn from(state: &RendererState) -> Self {
        let RendererState { name, ref why, frames, switches, holds, last, mean } = *state;
        let [last, mean] = [last, mean].map(|time| time.map(|time| time.as_secs_f64()));
        Self { name, why: why.clone(), frames, switches, holds, last, mean }
    }
}

/// Whether ticks come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Health {
    /// No tick has run yet.
    Starting,
    /// Ticks come.
    Ok,
    /// The last tick was more than two seconds ago.
    Stalled,
}

impl Snapshot {
    pub(crate) fn health(&self, now: Instant) -> Health {
        match self.published {
            None => Health::Starting,
            Some(published) if now.saturating_duration_since(published) > STALLED => Health::Stalled,
            Some(_) => Health::Ok,
        }
    }
}

/// The tick's end of the snapshot.
#[derive(Resource)]
pub(crate) struct Publisher(pub(crate) watch::Sender<Snapshot>);

/// What is published.
#[derive(SystemParam)]
pub(crate) struct Shown<'w> {
    clock: Res<'w, MediaClock>,
    stats: Res<'w, TickStats>,
    latencies: Res<'w, Latencies>,
    conversation: Res<'w, Conversation>,
    mood: Res<'w, Mood>,
    characters: Res<'w, CharacterList>,
    speech: Res<'w, SpokenTurns>,
    viewers: Res<'w, Viewers>,
    renderers: Res<'w, Renderers>,
    active: Option<Res<'w, ActiveCharacter>>,
}

/// Publishes the state of the tick that has just ended. Only what changed is copied.
pub(crate) fn publish(publisher: Res<Publisher>, shown: Shown, mut hearing: MessageReader<Hearing>) {
    let now = Instant::now();
    let listening = hearing.read().last().map(|hearing| hearing.on);
    publisher.0.send_modify(|snapshot| {
        snapshot.conversation = shown.conversation.name();
        snapshot.emotion = shown.mood.target;
        if shown.characters.is_changed() {
            snapshot.characters.clone_from(&shown.characters.0);
        }
        if shown.speech.is_changed() {
            snapshot.speech.clone_from(&shown.speech.0);
        }
        let id = shown.active.as_ref().map(|active| active.profile.id.as_str());
        if snapshot.character.as_deref() != id {
            snapshot.character = id.map(str::to_owned);
        }
        snapshot.listening = listening.unwrap_or(snapshot.listening);
        snapshot.viewers = shown.viewers.watching;
        snapshot.renderer = shown.renderers.name();
        snapshot.renderers.clear();
        snapshot.renderers.extend(shown.renderers.all.iter().map(RendererBody::from));
        snapshot.tick = shown.clock.tick.0;
        snapshot.seconds = shown.clock.tick.0 as f64 / f64::from(TICK_HZ);
        snapshot.on_time = shown.stats.on_time();
        snapshot.latencies = LatencyBody {
            first_sound: shown.latencies.first_sound,
            synthesis_factor: shown.latencies.synthesis_factor,
            transcription: shown.latencies.transcription,
        };
        snapshot.published = Some(now);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn health_follows_the_ticks() {
        let start = Instant::now();
        let cases = [
            (None, 0, Health::Starting),
            (Some(start), 0, Health::Ok),
            (Some(start), 2_000, Health::Ok),
            (Some(start), 2_001, Health::Stalled),
        ];
        for (published, later, health) in cases {
            let snapshot = Snapshot { published, ..Snapshot::default() };
            assert_eq!(snapshot.health(start + Duration::from_millis(later)), health);
        }
    }
}
