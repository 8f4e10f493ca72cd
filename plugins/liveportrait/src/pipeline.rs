//! From a portrait and a motion to the picture: what is found once in the portrait, and what every picture takes.
//!
//! Source: KwaiVGI/LivePortrait, `src/live_portrait_pipeline.py` (a driving face), `src/gradio_pipeline.py` (motion by
//! hand: retargeting is added to the moved keypoints, then stitching).

use std::sync::Arc;

use visage_core::{Raster, Rig};

use crate::{
    LivePortraitError,
    backdrop::Scene,
    crop::FaceCrop,
    keypoints::{each, moved},
    motion::{KEYPOINTS, Keypoints, Motion, Offset},
    networks::{FaceImage, Networks, Prepared},
    paste::Paste,
    ratios::Ratios,
    retargeting,
};

/// Lips that are open by more than this in the portrait are closed before they follow another face's
/// (`src/config/inference_config.py`).
const LIPS_OPEN: f32 = 0.03;

/// The face of a portrait, before a network has seen it.
#[derive(Debug)]
pub struct Face {
    /// Where it is.
    pub crop: FaceCrop,
    /// What the networks are given.
    pub image: FaceImage,
}

impl Face {
    /// Cuts it out.
    ///
    /// # Errors
    /// The rig is not whole.
    pub fn of(rig: &Rig) -> Result<Self, LivePortraitError> {
        let scene = Scene::of(rig)?;
        let crop = FaceCrop::of(&rig.landmarks)?;
        let image = crop.cut(&scene.seen, scene.outside());
        Ok(Self { crop, image })
    }

    /// What tells it from other faces: the picture, rounded to bytes, so that the last bit of a sum does not count.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.image.planes().iter().map(|value| (value * 255.0 + 0.5) as u8).collect()
    }
}

/// All that is found once in a portrait.
#[derive(Debug)]
pub struct Source {
    /// Where its face is.
    pub crop: FaceCrop,
    /// The face as the networks see it.
    pub face: FaceImage,
    /// How its face is held.
    pub motion: Motion,
    /// Where its keypoints are.
    pub keypoints: Keypoints,
    /// How far its eyes and lips are open.
    pub ratios: Ratios,
    /// How much each keypoint belongs to its right eye.
    eye_shares: [f32; KEYPOINTS],
    /// What retargeting says for the eyes as they are.
    eyes_at_rest: Option<Keypoints>,
    /// Where stitching puts the keypoints of a face that does not move.
    stitched_at_rest: Keypoints,
    prepared: Prepared,
}

impl Source {
    /// Finds all of it in a portrait. Runs F and M once.
    ///
    /// # Errors
    /// The rig is not whole, or a network failed.
    pub fn of(rig: &Rig, networks: &mut Networks) -> Result<Self, LivePortraitError> {
        let Face { crop, image: face } = Face::of(rig)?;
        let motion = networks.motion.run(&face)?;
        let keypoints = motion.keypoints();
        let ratios = Ratios::of(&rig.landmarks);
        let feature = networks.appearance.run(&face)?;
        let prepared = networks.warp.prepare(feature, &keypoints);
        let mut source = Self {
            eye_shares: retargeting::right_eye_shares(&motion.canonical),
            eyes_at_rest: None,
            stitched_at_rest: networks.stitching.run(&keypoints, &keypoints)?,
            crop,
            face,
            motion,
            keypoints,
            ratios,
            prepared,
        };
        if let Some(eyes) = &mut networks.eyes {
            source.eyes_at_rest = Some(eyes.run(&source.keypoints, &source.ratios, source.eye_ratio())?);
        }
        Ok(source)
    }

    /// How far both eyes are open.
    fn eye_ratio(&self) -> f32 {
        (self.ratios.eyes[0] + self.ratios.eyes[1]) / 2.0
    }
}

/// How another face moves the portrait.
#[derive(Clone, Copy, Debug)]
pub enum Driving<'a> {
    /// As much as it has moved since its first picture.
    Relative {
        /// Its first motion.
        first: &'a Motion,
        /// Its motion now.
        now: &'a Motion,
        /// Whether lips that are open in the portrait are closed first, as suits a first picture with closed lips.
        close_lips: bool,
    },
    /// To where it is.
    Absolute {
        /// Its motion now.
        now: &'a Motion,
        /// How far its eyes and lips are open, if the portrait's are to be as far open.
        ratios: Option<Ratios>,
    },
    /// The portrait keeps still but for eyes and lips, which are as far open.
    Ratios(Ratios),
}

/// Draws a portrait. Belongs on a thread of its own: every picture takes as long as W and G do.
pub struct Pipeline {
    networks: Networks,
    source: Source,
    paste: Paste,
}

impl Pipeline {
    /// Makes a portrait ready: `size` is the width and height of the pictures that are wanted.
    ///
    /// # Errors
    /// The rig is not whole, or a network failed.
    pub fn new(mut networks: Networks, rig: &Rig, size: u32) -> Result<Self, LivePortraitError> {
        let source = Source::of(rig, &mut networks)?;
        Ok(Self { paste: Paste::new(rig, &source.crop, size)?, source, networks })
    }

    /// What was found in the portrait.
    pub const fn source(&self) -> &Source {
        &self.source
    }

    /// Whether eyes and lips can be retargeted. What cannot is left to the expression of an offset.
    pub const fn retargets(&self) -> (bool, bool) {
        (self.networks.eyes.is_some(), self.networks.lips.is_some())
    }

    /// The face under an offset: 512×512 pixels of 8-bit sRGB, three bytes each.
    ///
    /// # Errors
    /// A network failed.
    pub fn crop(&mut self, offset: &Offset) -> Result<Arc<[u8]>, LivePortraitError> {
        let keypoints = self.keypoints(offset)?;
        self.networks.warp.run(&mut self.source.prepared, &keypoints)
    }

    /// The whole portrait with a picture of its face: 8-bit sRGB RGBA, colours multiplied by alpha.
    ///
    /// # Errors
    /// The face was not made by [`Self::crop`].
    pub fn paste(&self, face: &[u8]) -> Result<Raster, LivePortraitError> {
        self.paste.paste(face)
    }

    /// Where the keypoints are under an offset, retargeted and stitched.
    ///
    /// The published stitching moves a face that does not move at all (by 2 to 4 pixels of 512), the same way whatever
    /// else is asked. That is taken back, so that the face at rest is where the portrait and the other renderers have it.
    ///
    /// # Errors
    /// A network failed.
    pub fn keypoints(&mut self, offset: &Offset) -> Result<Keypoints, LivePortraitError> {
        let mut keypoints = self.source.motion.offset(offset);
        if let Some(eyes) = self.closing_eyes(offset.eyes)? {
            keypoints = moved(&keypoints, &eyes);
        }
        if let Some(lips) = self.lips(offset.lips)? {
            keypoints = moved(&keypoints, &lips);
        }
        let stitched = self.networks.stitching.run(&self.source.keypoints, &keypoints)?;
        let Source { keypoints: own, stitched_at_rest: rest, .. } = &self.source;
        Ok(each(|point, axis| stitched[point][axis] - rest[point][axis] + own[point][axis]))
    }

    /// What closes each eye to a share (1 to 0) of how far it is open in the portrait.
    fn closing_eyes(&mut self, open: [f32; 2]) -> Result<Option<Keypoints>, LivePortraitError> {
        let open = open.map(|share| share.clamp(0.0, 1.0));
        let (Some(eyes), Some(at_rest)) = (&mut self.networks.eyes, &self.source.eyes_at_rest) else {
            return Ok(None);
        };
        if open == [1.0; 2] {
            return Ok(None);
        }
        let own = self.source.eye_ratio();
        let mut to = |share: f32| eyes.run(&self.source.keypoints, &self.source.ratios, share * own);
        let right = to(open[0])?;
        let left = if open[1] == open[0] { right } else { to(open[1])? };
        Ok(Some(retargeting::eyes(&self.source.eye_shares, open, [&right, &left], at_rest)))
    }

    /// What opens the lips by a ratio.
    fn lips(&mut self, wanted: Option<f32>) -> Result<Option<Keypoints>, LivePortraitError> {
        let (Some(wanted), Some(lips)) = (wanted, &mut self.networks.lips) else { return Ok(None) };
        lips.run(&self.source.keypoints, &self.source.ratios, wanted).map(Some)
    }

    /// What opens eyes and lips as far as another face's.
    fn as_far_open(&mut self, ratios: Ratios) -> Result<Keypoints, LivePortraitError> {
        let mut by = [[0.0; 3]; KEYPOINTS];
        if let Some(eyes) = &mut self.networks.eyes {
            let wanted = (ratios.eyes[0] + ratios.eyes[1]) / 2.0;
            by = eyes.run(&self.source.keypoints, &self.source.ratios, wanted)?;
        }
        Ok(self.lips(Some(ratios.lips))?.map_or(by, |lips| moved(&by, &lips)))
    }

    /// How the face in a picture is held: of one that drives the portrait ([`FaceCrop::of_driving`] cuts it out).
    ///
    /// # Errors
    /// The network failed.
    pub fn motion(&mut self, face: &FaceImage) -> Result<Motion, LivePortraitError> {
        self.networks.motion.run(face)
    }

    /// The face moved by another one: as [`Self::crop`].
    ///
    /// # Errors
    /// A network failed.
    pub fn drive(&mut self, driving: Driving<'_>) -> Result<Arc<[u8]>, LivePortraitError> {
        let keypoints = self.driven(driving)?;
        self.networks.warp.run(&mut self.source.prepared, &keypoints)
    }

    /// Where the keypoints are when another face moves them.
    ///
    /// # Errors
    /// A network failed.
    pub fn driven(&mut self, driving: Driving<'_>) -> Result<Keypoints, LivePortraitError> {
        let (keypoints, afterwards) = match driving {
            Driving::Relative { first, now, close_lips } => {
                let open = close_lips && self.source.ratios.lips >= LIPS_OPEN;
                (self.source.motion.relative(first, now), self.lips(open.then_some(0.0))?)
            }
            Driving::Absolute { now, ratios: None } => (self.source.motion.absolute(now), None),
            Driving::Absolute { now, ratios: Some(ratios) } => {
                (moved(&self.source.motion.absolute(now), &self.as_far_open(ratios)?), None)
            }
            Driving::Ratios(ratios) => (moved(&self.as_far_open(ratios)?, &self.source.keypoints), None),
        };
        let stitched = self.networks.stitching.run(&self.source.keypoints, &keypoints)?;
        Ok(afterwards.map_or(stitched, |by| moved(&stitched, &by)))
    }
}
