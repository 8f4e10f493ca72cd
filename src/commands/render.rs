//! `visage render`: the character to a file.

use std::sync::Arc;

use indicatif::{ProgressBar, ProgressStyle};
use visage_core::TICK_HZ;
use visage_schedule::check_length;
use visage_stage::Adapter;

use super::{models, sound};
use crate::{
    app::{VisagePlugins, headless},
    cli::Render,
    render::{FramesFolder, Script, Sink, Speech, WebmFile, render},
};

pub fn run(asked: &Render) -> anyhow::Result<()> {
    models::fetch_missing();
    let speech = match (&asked.text, &asked.audio) {
        (_, Some(file)) => Speech::Sound(Arc::from(sound::read(file)?.samples)),
        (Some(text), None) if text.trim().is_empty() => anyhow::bail!("there is nothing to say in this text"),
        (Some(text), None) => {
            check_length(text).map_err(anyhow::Error::msg)?;
            Speech::Text(text.clone(), asked.language)
        }
        (None, None) => anyhow::bail!("say what to render: --text or --audio"),
    };
    // The files are opened before anything is computed: a wrong path is told at once.
    let mut sinks: Vec<Box<dyn Sink>> = Vec::new();
    if let Some(path) = &asked.out {
        sinks.push(Box::new(WebmFile::create(path)?));
    }
    if let Some(folder) = &asked.frames {
        sinks.push(Box::new(FramesFolder::create(folder)?));
    }
    // The software driver gives the same pictures everywhere.
    let plugins = VisagePlugins { offline: true, ..VisagePlugins::new(&asked.stage)? };
    let mut app = headless(Adapter::Software, plugins)?;
    let bar = ProgressBar::new_spinner().with_style(
        ProgressStyle::with_template("{spinner} {pos} frames ({per_sec})").expect("the template is a constant"),
    );
    let frames =
        render(&mut app, &Script { speech, emotion: asked.emotion }, &mut sinks, |tick| bar.set_position(tick))?;
    bar.finish_and_clear();
    for sink in sinks {
        super::print(sink.finish()?)?;
    }
    tracing::info!("{frames} frames, {:.1} s", frames as f64 / f64::from(TICK_HZ));
    Ok(())
}
