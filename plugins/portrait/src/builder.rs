//! The whole way from the bytes of a picture to a rig.

use std::{fs::File, io::Read, path::Path};

use fast_image_resize::FilterType;
use visage_core::{Backdrop, PlacedLandmarks, PortraitSource, Raster, Rig};
use visage_models::Store;

use crate::{
    PortraitError, backdrop, background, colours, crop,
    decode::{self, MAX_BYTES},
    face::{self, Face, MIN_FACE_PIXELS, distance},
    frame::FaceFrame,
    landmark_file,
    landmarks::{self, Landmarks},
    lips,
    matte::Segmentation,
    measure::FaceMeasure,
    networks::Networks,
    picture::Picture,
};

/// Turns pictures into rigs. Building blocks for up to a second, so it belongs on a worker thread (as
/// [`PortraitPlugin`](crate::PortraitPlugin) has it). The face networks are loaded when the first face is to be found:
/// pictures that bring their landmarks need neither them nor ONNX Runtime.
#[derive(Debug)]
pub struct RigBuilder {
    store: Store,
    networks: Option<Networks>,
}

/// A face that was found in a picture.
#[derive(Clone, Debug)]
pub struct FoundFace {
    /// Its mesh, rounded to a tenth of a pixel: placed on the same picture it makes the same rig.
    pub landmarks: PlacedLandmarks,
    /// Where it is: left, top, right, bottom in pixels.
    pub bounds: [f32; 4],
    /// Where smaller faces are.
    pub others: Vec<[f32; 4]>,
}

impl RigBuilder {
    /// A builder that takes the face networks from `store`.
    pub fn new(store: &Store) -> Self {
        Self { store: store.clone(), networks: None }
    }

    fn networks(&mut self) -> Result<&mut Networks, PortraitError> {
        Ok(match &mut self.networks {
            Some(networks) => networks,
            empty => empty.insert(Networks::load(&self.store)?),
        })
    }

    /// Makes a rig from a JPEG, PNG or WebP with a face: the one whose landmarks are given, or else the largest that is
    /// found. The same source makes the same rig.
    ///
    /// # Errors
    /// Every [`PortraitError`] but `Unreadable`.
    pub fn build(&mut self, source: &PortraitSource) -> Result<Rig, PortraitError> {
        let picture = decode::decode(source.picture())?;
        let (mesh, lips_are_guessed) = match source.landmarks() {
            Some(placed) => landmarks::mesh(placed, picture.width, picture.height)?,
            None => (self.find(&picture)?.0, false),
        };
        let view = View::of(&picture, &mesh)?;
        let mut mesh = view.to_portrait(&mesh);
        if lips_are_guessed {
            lips::close_on_the_line(&view.portrait, &mut mesh);
        }
        drop(picture);
        let face = Face::new(mesh, 1.0);
        let colours = colours::colours(&view.portrait, &face);
        let segmentation = Segmentation::new(&view.portrait, &face.landmarks);
        let matte = segmentation.matte(&view.portrait);
        let scene = match source.backdrop() {
            Backdrop::Original => {
                let background = background::without_head(&view.portrait, &matte, segmentation.frame());
                backdrop::Scene { background: background.to_raster(), portrait: view.portrait, matte }
            }
            other => backdrop::replaced(&view.portrait, &segmentation, &matte, other)?,
        };
        Ok(Rig {
            colours,
            portrait: scene.portrait.to_raster(),
            background: scene.background,
            matte: scene.matte.into(),
            landmarks: face.landmarks.into(),
            irises: face.irises,
            roll: face.roll,
        })
    }

    /// Reads a picture and makes a rig from it. No more than [`MAX_BYTES`] are read.
    ///
    /// # Errors
    /// Every [`PortraitError`].
    pub fn build_file(&mut self, path: &Path) -> Result<Rig, PortraitError> {
        self.build(&PortraitSource::picture_only(read_picture(path)?))
    }

    /// Finds the largest face of a JPEG, PNG or WebP.
    ///
    /// # Errors
    /// Every [`PortraitError`] but `Unreadable` and `Landmarks`.
    pub fn find_face(&mut self, picture: &[u8]) -> Result<FoundFace, PortraitError> {
        let picture = decode::decode(picture)?;
        let (mesh, others) = self.find(&picture)?;
        let bounds = face::bounds(&mesh[..]);
        Ok(FoundFace { landmarks: PlacedLandmarks::Mesh(mesh.to_vec()), bounds, others })
    }

    /// The landmarks of the largest face in pixels of the picture, rounded, and where other faces are.
    fn find(&mut self, picture: &Picture) -> Result<(Landmarks, Vec<[f32; 4]>), PortraitError> {
        let networks = self.networks()?;
        let found = face::find_largest(networks, picture)?;
        let mut rough: Landmarks = Box::new([[0.0; 3]; visage_core::LANDMARKS]);
        rough[..found.mesh.len()].copy_from_slice(&found.mesh[..]);
        let view = View::of(picture, &rough)?;
        let mesh = view.to_portrait(&rough);
        let mut start = found.mesh;
        start.copy_from_slice(&mesh[..visage_core::MESH_POINTS]);
        let mut face = face::refine(networks, &view.portrait, start)?;
        face::upright(networks, &view.portrait, &face)?;
        lips::close_on_the_line(&view.portrait, &mut face.landmarks);
        Ok((landmark_file::rounded(&view.to_picture(&face.landmarks)), found.others))
    }

    /// Measures the largest face of a rendered frame with the same networks: whether lips that should be closed are, how
    /// far lids are open, where the head points.
    ///
    /// # Errors
    /// [`PortraitError::NoFace`] where none is found, [`PortraitError::NotUpright`], [`PortraitError::Damaged`] for a
    /// raster whose length does not fit its size, [`PortraitError::Models`], [`PortraitError::Inference`].
    pub fn measure(&mut self, frame: &Raster) -> Result<FaceMeasure, PortraitError> {
        let picture = Picture::from_raster(frame).ok_or_else(|| PortraitError::Damaged {
            format: "raw",
            reason: format!("{} bytes are not {}×{} pixels", frame.rgba.len(), frame.width, frame.height),
        })?;
        let networks = self.networks()?;
        let mesh = face::find_largest(networks, &picture)?.mesh;
        Ok(FaceMeasure::of(&face::refine(networks, &picture, mesh)?))
    }
}

/// The square of a picture that becomes the portrait.
struct View {
    portrait: Picture,
    crop: crop::Crop,
}

impl View {
    fn of(picture: &Picture, mesh: &Landmarks) -> Result<Self, PortraitError> {
        let width = distance(mesh[234], mesh[454]);
        if width < MIN_FACE_PIXELS as f32 {
            return Err(PortraitError::FaceTooSmall { pixels: width as u32 });
        }
        let crop = crop::choose(picture.width, picture.height, &FaceFrame::new(mesh));
        let portrait = picture.crop_and_scale(crop.x, crop.y, crop.side, crop.target, FilterType::Lanczos3);
        Ok(Self { portrait, crop })
    }

    fn scale(&self) -> f32 {
        self.crop.target as f32 / self.crop.side as f32
    }

    fn to_portrait(&self, mesh: &Landmarks) -> Landmarks {
        let (scale, left, top) = (self.scale(), self.crop.x as f32, self.crop.y as f32);
        Box::new(mesh.map(|[x, y, z]| [(x - left) * scale, (y - top) * scale, z * scale]))
    }

    fn to_picture(&self, mesh: &Landmarks) -> Landmarks {
        let (scale, left, top) = (self.scale(), self.crop.x as f32, self.crop.y as f32);
        Box::new(mesh.map(|[x, y, z]| [x / scale + left, y / scale + top, z / scale]))
    }
}

/// Reads a picture's file of at most [`MAX_BYTES`].
///
/// # Errors
/// [`PortraitError::Unreadable`], [`PortraitError::TooManyBytes`].
pub fn read_picture(path: &Path) -> Result<Vec<u8>, PortraitError> {
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn placed_landmarks_make_the_same_rig_without_any_network() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/portrait.jpg");
        let bytes: Arc<[u8]> = read_picture(&file).expect("the fixture is there").into();
        let mut with_networks = RigBuilder::new(&Store::default());
        let found = with_networks.build(&PortraitSource::picture_only(bytes.clone())).expect("a face");
        assert!(with_networks.networks.is_some());
        let landmarks = with_networks.find_face(&bytes).expect("a face").landmarks;
        // As a character's file has them.
        let text = landmark_file::landmarks_to_ron(&landmarks);
        let landmarks = landmark_file::landmarks_from_ron(&text).expect("what was written");
        let mut without = RigBuilder::new(&Store::at("/no/such/folder"));
        let source = PortraitSource::new(bytes, Some(Arc::new(landmarks)), Backdrop::Original);
        let placed = without.build(&source).expect("landmarks of this very picture");
        assert!(without.networks.is_none(), "no network was loaded");
        assert_eq!(placed.landmarks, found.landmarks);
        assert!(placed.portrait == found.portrait && placed.background == found.background);
        assert!(placed.matte == found.matte);
        assert_eq!((placed.irises, placed.roll, placed.colours), (found.irises, found.roll, found.colours));
    }
}
