//! Pictures through the doors of `portrait` and `stage`: a source becomes a rig, a rig and a pose become a PNG. Handlers
//! wait here, the tick does not.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use image::{ExtendedColorType, ImageEncoder, ImageFormat, codecs::png::PngEncoder};
use tokio::{
    sync::{Semaphore, SemaphorePermit, mpsc, oneshot},
    time::timeout,
};
use visage_core::{FacePose, PortraitSource, Raster, Rig};
use visage_schedule::{RendererChoice, RigError, RigRequest, StillRequest};

use crate::{
    problem::{Code, Problem},
    routes::Context,
};

use super::body::sentence;

/// Requests that may wait for a preview at once, so that waiting ones cannot fill the memory: a gallery of thumbnails is
/// about 20. One more is refused with 503.
const MAX_WAITING: usize = 48;
/// Files that may be taken in at once, each up to 128 MiB, or 48 MiB and its decoded picture. One more is refused with 503.
const MAX_UPLOADS: usize = 4;
/// Longest wait for a rig or a still. A rig takes about a second on a slow machine; a program that does not answer for so
/// long has other worries.
const PATIENCE: Duration = Duration::from_secs(30);
/// Smallest and largest still, pixels.
pub(crate) const SIZES: std::ops::RangeInclusive<u32> = 16..=1080;
/// Size of a still if none is asked for.
pub(crate) const USUAL_SIZE: u32 = 512;

/// Places for what takes time or memory.
pub(crate) struct Places {
    waiting: Semaphore,
    uploads: Semaphore,
}

impl Default for Places {
    fn default() -> Self {
        Self { waiting: Semaphore::new(MAX_WAITING), uploads: Semaphore::new(MAX_UPLOADS) }
    }
}

/// A place among those who wait for previews.
pub(crate) fn place(context: &Context) -> Result<SemaphorePermit<'_>, Problem> {
    let full = || Problem::new(Code::Busy, "Too many pictures are being drawn. Try again in a second.");
    context.places.waiting.try_acquire().map_err(|_| full())
}

/// A place among those who send files, to be taken before the file is read.
pub(crate) fn upload(context: &Context) -> Result<SemaphorePermit<'_>, Problem> {
    let full = || Problem::new(Code::Busy, "Too many files are being taken in. Try again in a second.");
    context.places.uploads.try_acquire().map_err(|_| full())
}

/// The size of a still, if it can be drawn.
pub(crate) fn size(asked: Option<u32>) -> Result<u32, Problem> {
    let size = asked.unwrap_or(USUAL_SIZE);
    if SIZES.contains(&size) {
        return Ok(size);
    }
    let detail = format!("The size is {size}; it goes from {} to {} pixels.", SIZES.start(), SIZES.end());
    Err(Problem::new(Code::SizeOutOfRange, detail))
}

/// Whether the content is that of a JPEG, PNG or WebP, whatever it is declared as. Nothing is decoded.
pub(crate) fn check_kind(picture: &[u8]) -> Result<(), Problem> {
    match image::guess_format(picture) {
        Ok(ImageFormat::Jpeg | ImageFormat::Png | ImageFormat::WebP) => Ok(()),
        _ => Err(Problem::new(Code::WrongFileType, "The picture is no JPEG, PNG or WebP.")),
    }
}

/// The rig of a picture. Fails in words if the picture shows no face that can be moved.
pub(crate) async fn rig(context: &Context, source: Arc<PortraitSource>) -> Result<Arc<Rig>, Problem> {
    let door = context.rigs.as_ref().ok_or_else(|| unavailable("This program runs without portraits."))?;
    let (answer, answered) = oneshot::channel();
    match through(&door.0, RigRequest { source, answer }, answered).await? {
        Ok(rig) => Ok(rig),
        Err(RigError::Picture(words)) => Err(Problem::new(Code::UnusablePortrait, sentence(&words))),
        Err(RigError::Unavailable(words)) => Err(unavailable(&sentence(&words))),
    }
}

/// The still of a rig, as PNG.
pub(crate) async fn still(
    context: &Context,
    rig: Arc<Rig>,
    pose: FacePose,
    size: u32,
    renderer: RendererChoice,
) -> Result<Bytes, Problem> {
    let door = context.stills.as_ref().ok_or_else(|| unavailable("This program runs without a renderer."))?;
    let (answer, answered) = oneshot::channel();
    let raster = through(&door.0, StillRequest { rig, pose, size, renderer, answer }, answered)
        .await?
        .map_err(|words| unavailable(&sentence(&words)))?;
    tokio::task::spawn_blocking(move || png(&raster))
        .await
        .map_err(|_| unavailable("The picture could not be written."))?
}

/// Hands a request in, waiting for its turn, and waits for the answer.
async fn through<T, A>(door: &mpsc::Sender<T>, request: T, answered: oneshot::Receiver<A>) -> Result<A, Problem> {
    let asked = async {
        door.send(request).await.map_err(|_| unavailable("The program is about to end."))?;
        answered.await.map_err(|_| unavailable("The program is about to end."))
    };
    timeout(PATIENCE, asked)
        .await
        .map_err(|_| Problem::new(Code::Busy, "The picture was not made in time. Try again in a second."))?
}

fn unavailable(words: &str) -> Problem {
    Problem::new(Code::Unavailable, words)
}

fn png(raster: &Raster) -> Result<Bytes, Problem> {
    let mut bytes = Vec::new();
    PngEncoder::new(&mut bytes)
        .write_image(&raster.rgba, raster.width, raster.height, ExtendedColorType::Rgba8)
        .map_err(|error| unavailable(&sentence(&format!("the picture could not be written: {error}"))))?;
    Ok(bytes.into())
}
