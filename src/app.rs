//! Which plugins there are and what they are given.

use std::{path::PathBuf, sync::Arc};

use bevy::{
    app::PluginGroupBuilder,
    asset::io::{AssetSource, AssetSourceBuilder, AssetSourceId},
    prelude::*,
    render::{RenderPlugin, settings::RenderCreation},
};
use visage_character::{CharacterPlugin, add_character_source};
use visage_core::Rung;
use visage_dialogue::DialoguePlugin;
use visage_emotion::EmotionPlugin;
use visage_hearing::HearingPlugin;
use visage_library::{Library, LibraryError, Location, block_on};
use visage_lipsync::LipsyncPlugin;
use visage_liveportrait::{CacheError, CacheSettings, LivePortrait, PictureCache};
use visage_models::resource;
use visage_portrait::PortraitPlugin;
use visage_schedule::{RendererChoice, SchedulePlugin};
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
/// | [`CharacterPlugin`] | `visage_character` | Decide | characters as assets, who is on stage |
/// | [`DialoguePlugin`] | `visage_dialogue` | Decide | turns, barge-in, answers |
/// | [`VoicePlugin`] | `visage_voice` | Speak | text becomes sound, 1,600 samples a tick |
/// | [`LipsyncPlugin`] | `visage_lipsync` | Animate | phonemes become mouths |
/// | [`EmotionPlugin`] | `visage_emotion` | Animate | mood, idle motion, the one face |
/// | [`StagePlugin`] | `visage_stage` | Ingest, Present | the face is drawn and captured |
///
/// `visage serve` adds `visage_webrtc` and `visage_server`; `visage preview` adds `visage_audio` and `visage_preview`.
pub struct VisagePlugins {
    /// Where the characters are.
    pub library: Library,
    /// The character to begin with; `None` is the one that was active last, or the default one.
    pub character: Option<String>,
    /// Width and height of the picture in pixels.
    pub size: u32,
    /// Whether frames are brought back from the graphics device.
    pub capture: bool,
    /// The renderers that stand above the mesh warp, best first (docs/avatar/renderers.md).
    pub rungs: Vec<Rung>,
    /// What is to draw, whatever a character asks for.
    pub renderer: Option<RendererChoice>,
    /// Whether time is made rather than kept: a tick waits for its speech, and the same input gives the same output. Nobody
    /// is listened to, so the model that would do so is not loaded.
    pub offline: bool,
}

impl VisagePlugins {
    /// The plugins for what the command line asks for.
    ///
    /// # Errors
    /// There is no such character, or none at all.
    pub fn new(stage: &cli::Stage) -> Result<Self, LibraryError> {
        let library = open_library(stage.characters.clone())?;
        let character = stage.character.clone();
        match &character {
            Some(id) => drop(block_on(library.load(id))?),
            None => drop(block_on(library.default_id())?),
        }
        // Without its folder of pictures a character still moves.
        let rungs = liveportrait(&stage.neural).map(|neural| neural.rungs()).unwrap_or_else(|error| {
            tracing::warn!("{error}");
            Vec::new()
        });
        let renderer = stage.renderer.map(Into::into);
        Ok(Self { library, character, size: stage.size, capture: true, rungs, renderer, offline: false })
    }
}

impl PluginGroup for VisagePlugins {
    fn build(self) -> PluginGroupBuilder {
        let plugins = PluginGroupBuilder::start::<Self>()
            .add(SchedulePlugin)
            .add(PortraitPlugin::default())
            .add(HearingPlugin { on: false, ..HearingPlugin::default() })
            .add(CharacterPlugin { library: self.library, first: self.character })
            .add(DialoguePlugin::default())
            .add(VoicePlugin { wait_for_speech: self.offline, ..VoicePlugin::default() })
            .add(LipsyncPlugin::default())
            .add(EmotionPlugin::default())
            .add(StagePlugin {
                size: self.size,
                capture: self.capture,
                rungs: self.rungs,
                renderer: self.renderer,
                offline: self.offline,
                ..StagePlugin::default()
            });
        if self.offline { plugins.disable::<HearingPlugin>() } else { plugins }
    }
}

/// The neural renderer as the command line wants it, with the pictures that it has drawn before.
///
/// # Errors
/// The folder of the pictures cannot be made or read.
pub fn liveportrait(neural: &cli::Neural) -> Result<LivePortrait, CacheError> {
    let pictures = PictureCache::open(CacheSettings::default())?;
    Ok(LivePortrait::new(neural.models.clone(), neural.provider, Arc::new(pictures)))
}

/// The characters of a folder or a bucket (`s3://bucket/prefix`), or the shipped ones.
///
/// # Errors
/// There is no such place.
pub fn open_library(given: Option<PathBuf>) -> Result<Library, LibraryError> {
    let folder = given.unwrap_or_else(|| resource("characters"));
    let named = folder.to_str().and_then(|name| name.parse().ok());
    Library::open(&named.unwrap_or(Location::Folder(folder)))
}

/// Bevy's assets are among the program's own files, wherever it is started. Characters are watched; those are not.
fn add_assets(app: &mut App, plugins: &VisagePlugins) -> AssetPlugin {
    let file_path = resource("assets").display().to_string();
    let unwatched = AssetSourceBuilder::new(AssetSource::get_default_reader(file_path.clone()));
    app.register_asset_source(AssetSourceId::Default, unwatched);
    let watch = !plugins.offline;
    add_character_source(app, &plugins.library, watch);
    AssetPlugin { file_path, watch_for_changes_override: Some(watch), ..default() }
}

/// An app without a window.
///
/// # Errors
/// There is no graphics driver; the message says what to install.
pub fn headless(adapter: Adapter, plugins: VisagePlugins) -> Result<App, NoAdapter> {
    let mut app = App::new();
    let assets = add_assets(&mut app, &plugins);
    app.add_plugins(HeadlessPlugins::open(adapter)?.build().set(assets)).add_plugins(plugins);
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
    let assets = add_assets(&mut app, &plugins);
    app.add_plugins(
        DefaultPlugins
            .set(assets)
            .set(WindowPlugin { primary_window: Some(window), ..default() })
            .set(RenderPlugin { render_creation: RenderCreation::from(Adapter::Best.settings()), ..default() }),
    )
    .add_plugins(plugins);
    Ok(app)
}
