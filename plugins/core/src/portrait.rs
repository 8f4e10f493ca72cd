//! What an author gives so that a picture becomes a [`Rig`](crate::Rig): the picture itself, landmarks placed by hand
//! where no face is found by itself, and what is to stand behind the head.

use std::{collections::BTreeMap, fmt, sync::Arc};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A point of the face that an author can place by eye. "Right" and "left" are the character's own: its right eye is on
/// the left of the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FacePoint {
    /// Corner of the right eye towards the ear.
    RightEyeOuter,
    /// Corner of the right eye towards the nose.
    RightEyeInner,
    /// Middle of the right upper lid's edge.
    RightEyeTop,
    /// Middle of the right lower lid's edge.
    RightEyeBottom,
    /// Centre of the right iris.
    RightIris,
    /// Highest point of the right brow.
    RightBrow,
    /// Corner of the left eye towards the ear.
    LeftEyeOuter,
    /// Corner of the left eye towards the nose.
    LeftEyeInner,
    /// Middle of the left upper lid's edge.
    LeftEyeTop,
    /// Middle of the left lower lid's edge.
    LeftEyeBottom,
    /// Centre of the left iris.
    LeftIris,
    /// Highest point of the left brow.
    LeftBrow,
    /// Tip of the nose.
    NoseTip,
    /// Right corner of the mouth.
    MouthRight,
    /// Left corner of the mouth.
    MouthLeft,
    /// Middle of the upper lip's upper edge.
    MouthTop,
    /// Middle of the lower lip's lower edge.
    MouthBottom,
    /// Middle of the line between the lips.
    MouthCentre,
    /// Lowest point of the chin.
    Chin,
    /// Edge of the face beside the right ear.
    RightCheek,
    /// Edge of the face beside the left ear.
    LeftCheek,
    /// Middle of the hairline.
    Forehead,
}

/// Landmarks that are given with the picture instead of being found in it, in pixels of the picture as it is seen (after
/// its EXIF orientation): x to the right, y down.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlacedLandmarks {
    /// All 478 in the mesh's order, with depth as in [`Rig::landmarks`](crate::Rig::landmarks).
    Mesh(Vec<[f32; 3]>),
    /// A handful of points, from which the others are inferred. The corners of both eyes and of the mouth, nose and chin
    /// must be there; every further one makes the fit better.
    Points(BTreeMap<FacePoint, [f32; 2]>),
}

/// What stands behind the head.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Backdrop {
    /// What the picture shows there, filled in where the head was.
    #[default]
    Original,
    /// One sRGB colour.
    Colour([u8; 3]),
    /// A picture (the bytes of a JPEG, PNG or WebP), scaled to cover.
    Picture(Arc<[u8]>),
    /// Nothing. Where the output has no transparency (video), black.
    Transparent,
}

/// What tells one [`PortraitSource`] from another: the SHA-256 of all it holds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortraitId([u8; 32]);

impl fmt::Display for PortraitId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

impl fmt::Debug for PortraitId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

/// A picture with what its author says about it. The same source always makes the same rig.
#[derive(Clone, Debug)]
pub struct PortraitSource {
    id: PortraitId,
    picture: Arc<[u8]>,
    landmarks: Option<Arc<PlacedLandmarks>>,
    backdrop: Backdrop,
}

impl PortraitSource {
    /// A source of a picture's bytes (JPEG, PNG or WebP, not decoded yet).
    pub fn new(picture: Arc<[u8]>, landmarks: Option<Arc<PlacedLandmarks>>, backdrop: Backdrop) -> Self {
        let mut hash = Sha256::new();
        // Lengths keep the parts apart.
        hash.update((picture.len() as u64).to_le_bytes());
        hash.update(&picture);
        match landmarks.as_deref() {
            None => hash.update([0]),
            Some(PlacedLandmarks::Mesh(points)) => {
                hash.update([1]);
                hash.update((points.len() as u64).to_le_bytes());
                points.iter().flatten().for_each(|value| hash.update(value.to_le_bytes()));
            }
            Some(PlacedLandmarks::Points(points)) => {
                hash.update([2]);
                hash.update((points.len() as u64).to_le_bytes());
                for (point, place) in points {
                    hash.update([*point as u8]);
                    place.iter().for_each(|value| hash.update(value.to_le_bytes()));
                }
            }
        }
        match &backdrop {
            Backdrop::Original => hash.update([0]),
            Backdrop::Colour(colour) => hash.update([&[1], &colour[..]].concat()),
            Backdrop::Picture(bytes) => {
                hash.update([2]);
                hash.update(bytes);
            }
            Backdrop::Transparent => hash.update([3]),
        }
        Self { id: PortraitId(hash.finalize().into()), picture, landmarks, backdrop }
    }

    /// A picture alone.
    pub fn picture_only(picture: impl Into<Arc<[u8]>>) -> Self {
        Self::new(picture.into(), None, Backdrop::Original)
    }

    /// What tells it from others.
    pub const fn id(&self) -> PortraitId {
        self.id
    }

    /// The picture's file.
    pub const fn picture(&self) -> &Arc<[u8]> {
        &self.picture
    }

    /// Landmarks given with it.
    pub fn landmarks(&self) -> Option<&PlacedLandmarks> {
        self.landmarks.as_deref()
    }

    /// What is to stand behind the head.
    pub const fn backdrop(&self) -> &Backdrop {
        &self.backdrop
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_that_differ_have_different_ids() {
        let picture: Arc<[u8]> = Arc::from([1, 2, 3]);
        let mesh = |x| Some(Arc::new(PlacedLandmarks::Mesh(vec![[x, 0.0, 0.0]])));
        let points = |x| Some(Arc::new(PlacedLandmarks::Points([(FacePoint::Chin, [x, 1.0])].into())));
        let sources = [
            PortraitSource::picture_only(picture.clone()),
            PortraitSource::picture_only(*b"\x01\x02"),
            PortraitSource::new(picture.clone(), mesh(0.0), Backdrop::Original),
            PortraitSource::new(picture.clone(), mesh(1.0), Backdrop::Original),
            PortraitSource::new(picture.clone(), points(0.0), Backdrop::Original),
            PortraitSource::new(picture.clone(), points(1.0), Backdrop::Original),
            PortraitSource::new(picture.clone(), None, Backdrop::Transparent),
            PortraitSource::new(picture.clone(), None, Backdrop::Colour([1, 2, 3])),
            PortraitSource::new(picture.clone(), None, Backdrop::Picture(picture.clone())),
        ];
        for (index, source) in sources.iter().enumerate() {
            assert!(sources[..index].iter().all(|other| other.id() != source.id()), "{index}");
        }
        assert_eq!(sources[0].id(), PortraitSource::picture_only(picture).id());
    }
}
