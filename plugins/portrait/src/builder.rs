//! The whole way from the bytes of a picture to a rig.

use std::{fs::File, io::Read, path::Path};

use fast_image_resize::FilterType;
use visage_core::{LANDMARKS, Raster, Rig};
use visage_models::Store;

use crate::{
    PortraitError, background, colours, crop,
    decode::{self, MAX_BYTES},
    face::{self, MIN_FACE_PIXELS, distance},
    frame::FaceFrame,
    lips,
    matte::matte,
    measure::FaceMeasure,
    networks::{Mesh, Networks},
    picture::Picture,
};

/// Turns pictures into rigs. Owns the face networks; building blocks for up to a second, so it belongs on a worker
/// thread (as [`PortraitPlugin`](crate::PortraitPlugin) has it).
#[derive(Debug)]
pub struct RigBuilder {
    networks: Networks,
}

impl RigBuilder {
    /// Loads the face networks that are shipped with the program.
    ///
    /// # Errors
    /// A model or ONNX Runtime is missing or broken.
    pub fn new(store: &Store) -> Result<Self, PortraitError> {
        Ok(Self { networks: Networks::load(store)? })
    }

    /// Makes a rig from a JPEG, PNG or WebP with a face. The largest face is taken. The same bytes make the same rig.
    ///
    /// # Errors
    /// Every [`PortraitError`] but `Unreadable`.
    pub fn build(&mut self, bytes: &[u8]) -> Result<Rig, PortraitError> {
        let picture = decode::decode(bytes)?;
        let mesh = face::find_largest(&mut self.networks, &picture)?;
        let width = distance(mesh[234], mesh[454]);
        if width < MIN_FACE_PIXELS as f32 {
            return Err(PortraitError::FaceTooSmall { pixels: width as u32 });
        }
        let crop = crop::choose(picture.width, picture.height, &frame_of(&mesh));
        let portrait = picture.crop_and_scale(crop.x, crop.y, crop.side, crop.target, FilterType::Lanczos3);
        drop(picture);
        let scale = crop.target as f32 / crop.side as f32;
        let moved = mesh.map(|[x, y, z]| [(x - crop.x as f32) * scale, (y - crop.y as f32) * scale, z * scale]);
        let mut face = face::refine(&mut self.networks, &portrait, Box::new(moved))?;
        lips::close_on_the_line(&portrait, &mut face.landmarks);
        let matte = matte(&portrait, &face.landmarks);
        let background = background::without_head(&portrait, &matte, &FaceFrame::new(&face.landmarks));
        Ok(Rig {
            colours: colours::colours(&portrait, &face),
            portrait: portrait.to_raster(),
            background: background.to_raster(),
            matte: matte.into(),
            landmarks: face.landmarks.into(),
            irises: face.irises,
            roll: face.roll,
        })
    }

    /// Reads a file and makes a rig from it. No more than [`MAX_BYTES`] are read.
    ///
    /// # Errors
    /// Every [`PortraitError`].
    pub fn build_file(&mut self, path: &Path) -> Result<Rig, PortraitError> {
        self.build(&read(path)?)
    }

    /// Measures the largest face of a rendered frame with the same networks: whether lips that should be closed are, how
    /// far lids are open, where the head points.
    ///
    /// # Errors
    /// [`PortraitError::NoFace`] where none is found, [`PortraitError::Damaged`] for a raster whose length does not fit
    /// its size, [`PortraitError::Inference`].
    pub fn measure(&mut self, frame: &Raster) -> Result<FaceMeasure, PortraitError> {
        let picture = Picture::from_raster(frame).ok_or_else(|| PortraitError::Damaged {
            format: "raw",
            reason: format!("{} bytes are not {}×{} pixels", frame.rgba.len(), frame.width, frame.height),
        })?;
        let mesh = face::find_largest(&mut self.networks, &picture)?;
        Ok(FaceMeasure::of(&face::refine(&mut self.networks, &picture, mesh)?))
    }
}

fn frame_of(mesh: &Mesh) -> FaceFrame {
    let mut landmarks = [[0.0; 3]; LANDMARKS];
    landmarks[..mesh.len()].copy_from_slice(mesh);
    FaceFrame::new(&landmarks)
}

/// Reads a file of at most [`MAX_BYTES`].
fn read(path: &Path) -> Result<Vec<u8>, PortraitError> {
    let unreadable = |cause| PortraitError::Unreadable { path: path.to_owned(), cause };
    let file = File::open(path).map_err(unreadable)?;
    let length = file.metadata().map_err(unreadable)?.len();
    if length > MAX_BYTES {
        return Err(PortraitError::TooManyBytes { bytes: length });
    }
    let mut bytes = Vec::new();
    // A file may grow while it is read, and a pipe has no length.
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    Ok(bytes)
}
