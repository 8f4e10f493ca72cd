//! `visage preview`: the character in a window.

use bevy::app::AppExit;
use visage_audio::AudioPlugin;
use visage_preview::PreviewPlugin;

use super::models;
use crate::{
    app::{VisagePlugins, windowed},
    cli::Stage,
};

pub fn run(stage: &Stage) -> anyhow::Result<()> {
    models::fetch_missing();
    // The window shows the stage's picture as it is; nothing needs to come back from the graphics device.
    let plugins = VisagePlugins { capture: false, ..VisagePlugins::new(stage)? };
    let library = plugins.library.clone();
    let mut app = windowed(plugins)?;
    app.add_plugins((AudioPlugin::default(), PreviewPlugin { library }));
    match app.run() {
        AppExit::Success => Ok(()),
        AppExit::Error(code) => anyhow::bail!("the window ended with error {code}"),
    }
}
