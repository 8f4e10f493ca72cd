//! `visage portrait`: what is found in a picture.

use std::path::Path;

use anyhow::Context;
use visage_models::Store;
use visage_portrait::{RigBuilder, encode_png, inspect};

use crate::cli::Portrait;

pub fn run(command: &Portrait) -> anyhow::Result<()> {
    let Portrait::Inspect { file, out } = command;
    look_at(file, out)
}

fn look_at(file: &Path, out: &Path) -> anyhow::Result<()> {
    let rig = RigBuilder::new(&Store::default())?.build_file(file).with_context(|| file.display().to_string())?;
    let picture = inspect(&rig);
    std::fs::write(out, encode_png(&picture)?).with_context(|| format!("cannot write {}", out.display()))?;
    super::print(format_args!(
        "{}: {}×{}, face tilted by {:.1}°",
        out.display(),
        picture.width,
        picture.height,
        rig.roll.to_degrees()
    ))?;
    Ok(())
}
