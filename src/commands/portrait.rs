//! `visage portrait`: what is found in a picture.

use std::{io::Write, path::Path, sync::Arc};

use anyhow::Context;
use visage_core::{Backdrop, PortraitSource};
use visage_models::Store;
use visage_portrait::{RigBuilder, encode_png, inspect, landmarks_from_ron, landmarks_to_ron, read_picture};

use crate::cli::Portrait;

pub fn run(command: &Portrait) -> anyhow::Result<()> {
    match command {
        Portrait::Inspect { file, landmarks, out } => look_at(file, landmarks.as_deref(), out),
        Portrait::Landmarks { file, out } => measure(file, out),
    }
}

fn look_at(file: &Path, landmarks: Option<&Path>, out: &Path) -> anyhow::Result<()> {
    let named = || file.display().to_string();
    let picture: Arc<[u8]> = read_picture(file)?.into();
    let mut builder = RigBuilder::new(&Store::default());
    let landmarks = if let Some(path) = landmarks {
        let named = || path.display().to_string();
        landmarks_from_ron(&std::fs::read_to_string(path).with_context(named)?).with_context(named)?
    } else {
        let found = builder.find_face(&picture).with_context(named)?;
        say_which(found.bounds, &found.others)?;
        found.landmarks
    };
    let source = PortraitSource::new(picture, Some(Arc::new(landmarks)), Backdrop::Original);
    let rig = builder.build(&source).with_context(named)?;
    let picture = inspect(&rig);
    write(out, &encode_png(&picture)?)?;
    super::print(format_args!(
        "{}: {}×{}, face tilted by {:.1}°",
        out.display(),
        picture.width,
        picture.height,
        rig.roll.to_degrees()
    ))?;
    Ok(())
}

fn measure(file: &Path, out: &Path) -> anyhow::Result<()> {
    let mut builder = RigBuilder::new(&Store::default());
    let found = builder.find_face(&read_picture(file)?).with_context(|| file.display().to_string())?;
    say_which(found.bounds, &found.others)?;
    write(out, landmarks_to_ron(&found.landmarks).as_bytes())?;
    super::print(format_args!("{}: 478 landmarks", out.display()))?;
    Ok(())
}

/// Which face was taken, where there are several.
fn say_which(bounds: [f32; 4], others: &[[f32; 4]]) -> std::io::Result<()> {
    if others.is_empty() {
        return Ok(());
    }
    let place = |[left, top, right, bottom]: [f32; 4]| format!("{left:.0}, {top:.0} to {right:.0}, {bottom:.0}");
    let others: Vec<_> = others.iter().map(|&other| place(other)).collect();
    let others = others.join("; ");
    super::print(format_args!("the largest of several faces is taken, at {}; others are at {others}", place(bounds)))
}

/// Writes a file beside its place and renames it, so that nobody ever reads half of it.
fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let failed = || format!("cannot write {}", path.display());
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut options = tempfile::Builder::new();
    // Temporary files are their owner's alone; this one is for everybody.
    #[cfg(unix)]
    options.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644));
    let mut file = options.tempfile_in(folder).with_context(failed)?;
    file.write_all(bytes).with_context(failed)?;
    file.as_file().sync_all().with_context(failed)?;
    file.persist(path).with_context(failed)?;
    Ok(())
}
