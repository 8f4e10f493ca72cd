//! Which plugins there are and what they are given.

use std::path::PathBuf;

use bevy::{
    app::PluginGroupBuilder,
    prelude::*,
    render::{RenderPlugin, settings::RenderCreation},
};
use visage_character::{CharacterError, CharacterPlugin, Library};
use visage_dialogue::DialoguePlugin;
use visage_emotion::EmotionPlugin;
use visage_hearing::HearingPlugin;
use visage_lipsync::LipsyncPlugin;
use visage_models::resource;
use visage_portrait::PortraitPlugin;
use visage_schedule::SchedulePlugin;
use visage_stage::{Adapter, HeadlessPlugins, NoAdapter, StagePlugin};
use visage_voice::VoicePlugin;

use crate::cli;

/// Everything that a living character needs, whoever looks at it.
///
/// | plugin | crate | sets | what it does |
/// |---|---|---|---|
/// | [`SchedulePlugin`] | `visage_schedule` | First, Last | the tick, the messages, the clock |
/// | [`PortraitPlugin`] | `visage_portrait` | Ingest | a picture becomes a rig |
/// | [`HearingPlugin`] | `visage_hearing` | Ingest | microphone sound becomes words |
/// | [`CharacterPlugin`] | `visage_character` | Decide | RON files, the active character |
/// | [`DialoguePlugin`] | `visage_dialogue` | Decide | turns, barge-in, answers |
/// | [`VoicePlugin`] | `visage_voice` | Speak | text becomes sound, 1,600 samples a tick |
/// | [`LipsyncPlugin`] | `visage_lipsync` | Animate | phonemes become mouths |
/// | [`EmotionPlugin`] | `visage_emotion` | Animate | mood, idle motion, the one face |
/// | [`StagePlugin`] | `visage_stage` | Ingest, Present | the face is drawn and captured |
///
/// `visage serve` adds `visage_webrtc` and `visage_server`; `visage preview` adds `visage_audio` and `visage_preview`.
pub struct VisagePlugins {
    /// The folder of characters.
    pub characters: PathBuf,
    /// The character to begin with; `None` is the default one.
    pub character: Option<String>,
    /// Width and height of the picture in pixels.
    pub size: u32,
    /// Whether frames are brought back from the graphics device.
    pub capture: bool,
    /// Whether time is made rather than kept: a tick waits for its speech, and the same input gives the same output. Nobody
    /// is listened to, so the model that would do so is not loaded.
    pub offline: bool,
}

impl VisagePlugins {
    /// The plugins for what the command line asks for.
    ///
    /// # Errors
    /// There is no such character.
    pub fn new(stage: &cli::Stage) -> Result<Self, CharacterError> {
        let characters = characters_folder(stage.characters.clone());
        let library = Library::read(&characters)?;
        if let Some(id) = &stage.character {
            library.get(id)?;
        }
        Ok(Self { characters, character: stage.character.clone(), size: stage.size, capture: true, offline: false })
    }
}

impl PluginGroup for VisagePlugins {
    fn build(self) -> PluginGroupBuilder {
        let plugins = PluginGroupBuilder::start::<Self>()
            .add(SchedulePlugin)
            .add(PortraitPlugin::default())
            .add(HearingPlugin { on: false, ..HearingPlugin::default() })
            .add(CharacterPlugin { folder: self.characters, first: self.character })
            .add(DialoguePlugin::default())
            .add(VoicePlugin { wait_for_speech: self.offline, ..VoicePlugin::default() })
            .add(LipsyncPlugin::default())
            .add(EmotionPlugin::default())
            .add(StagePlugin { size: self.size, capture: self.capture, ..StagePlugin::default() });
        if self.offline { plugins.disable::<HearingPlugin>() } else { plugins }
    }
}

/// The folder of characters: the given one, or the shipped one.
pub fn characters_folder(given: Option<PathBuf>) -> PathBuf {
    given.unwrap_or_else(|| resource("characters"))
}

/// Bevy's assets are among the program's own files, wherever it is started.
fn assets() -> AssetPlugin {
    AssetPlugin {
        file_path: resource("assets").display().to_string(),
        watch_for_changes_override: Some(false),
        ..default()
    }
}

/// An app without a window.
///
/// # Errors
/// There is no graphics driver; the message says what to install.
pub fn headless(adapter: Adapter, plugins: VisagePlugins) -> Result<App, NoAdapter> {
    let mut app = App::new();
    app.add_plugins(HeadlessPlugins::open(adapter)?.build().set(assets())).add_plugins(plugins);
    Ok(app)
}

/// An app with a window.
///
/// # Errors
/// There is no display or no graphics driver; the message says what to do.
pub fn windowed(plugins: VisagePlugins) -> anyhow::Result<App> {
    anyhow::ensure!(
        !cfg!(target_os = "linux")
            || ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| std::env::var_os(name).is_some()),
        "there is no display to open a window on (DISPLAY is not set); `visage serve` shows the character in a browser"
    );
    Adapter::Best.find()?;
    let window = Window { title: "Visage".into(), resolution: (1100, 760).into(), ..default() };
    let mut app = App::new();
    app.add_plugins(
        DefaultPlugins
            .set(assets())
            .set(WindowPlugin { primary_window: Some(window), ..default() })
            .set(RenderPlugin { render_creation: RenderCreation::from(Adapter::Best.settings()), ..default() }),
    )
    .add_plugins(plugins);
    Ok(app)
}
