//! `visage bake`: what the neural renderer draws too slowly for this machine is drawn beforehand.

use indicatif::{ProgressBar, ProgressStyle};
use visage_core::{Emotion, FacePose, StopFlag, emotion_face};
use visage_library::block_on;
use visage_liveportrait::Plan;
use visage_models::Store;
use visage_portrait::RigBuilder;

use super::models;
use crate::{
    app::{liveportrait, open_library},
    cli::Bake,
};

pub fn run(asked: &Bake) -> anyhow::Result<()> {
    models::fetch_missing();
    let library = open_library(asked.characters.clone())?;
    let id = match &asked.character {
        Some(id) => id.clone(),
        None => block_on(library.default_id())?,
    };
    let loaded = block_on(library.load(&id))?;
    let rig = RigBuilder::new(&Store::default()).build(&loaded.portrait)?;
    // Speech first; then the character's emotions as it shows them.
    let emotions = Emotion::ALL.into_iter().filter(|emotion| *emotion != Emotion::Neutral);
    let mut plan = emotions.fold(Plan::speech(), |plan, emotion| {
        let own = loaded.entry.file.emotions.get(&emotion).and_then(|own| own.shapes.as_ref());
        plan.with_face(&own.map_or_else(
            || emotion_face(emotion),
            |shapes| FacePose::of(&shapes.iter().map(|(&shape, &weight)| (shape, weight)).collect::<Vec<_>>()),
        ))
    });
    if let Some(first) = asked.first {
        plan = plan.first(first);
    }
    let bar = ProgressBar::new(plan.nodes().len() as u64).with_style(
        ProgressStyle::with_template("{bar:30} {pos} of {len} pictures, {eta} left")
            .expect("the template is a constant"),
    );
    let neural = liveportrait(&asked.neural)?;
    let baked = neural.bake(&rig, &plan, &mut |progress| bar.set_position(progress.done as u64), &StopFlag::default());
    bar.finish_and_clear();
    let baked = baked?;
    super::print(format_args!(
        "{id}: {} pictures drawn, {} were there; `visage serve --character {id}` plays them",
        baked.drawn, baked.found
    ))?;
    Ok(())
}
