//! Ties the parts together: a rig becomes layers, a pose moves them.

use visage_core::{Blendshape, FacePose, Raster, Rig};

use crate::{
    Layer, Texture, Vertex, WarpError, atlas,
    cavity::{self, Cavity},
    eye::Eye,
    eyeball::{self, Eyeball},
    eyelid::{self, Eyelid},
    fields::field_weights,
    frame::Frame,
    motion::Motion,
    mouth::Mouth,
    skin::Skin,
};

/// A rig made ready to be posed. Building takes tens of milliseconds (a worker's job); posing well under one.
///
/// The layers are, back to front: the background (static), what is behind lids and lips, the head, and the
/// skin that unfolds when lids close. At the default
/// pose the picture is the portrait.
#[derive(Clone, Debug)]
pub struct Warp {
    frame: Frame,
    skin: Skin,
    eyeballs: [Eyeball; 2],
    cavity: Cavity,
    eyelids: [Eyelid; 2],
    interior: Raster,
    layers: [Layer; 4],
}

const INTERIOR: usize = 1;
const HEAD: usize = 2;
const LIDS: usize = 3;

impl Warp {
    /// Builds the geometry and paints the interior's texture. The first pose is the default one.
    ///
    /// # Errors
    ///
    /// [`WarpError`] if sizes do not fit together or the landmarks are no face.
    pub fn new(rig: &Rig) -> Result<Self, WarpError> {
        check(rig)?;
        let frame = Frame::new(rig)?;
        let mouth = Mouth::new(&frame, &rig.portrait);
        let eyes = [Eye::new(&frame, rig, false), Eye::new(&frame, rig, true)];
        let (skin, head_vertices, head_indices) = Skin::new(rig, &frame, &mouth, &eyes)?;

        let [plain, upper, lower, tongue] = cavity::patches(&mouth, &frame, &rig.colours);
        let [white0, iris0] = eyeball::patches(&eyes[0], &frame, &rig.portrait, rig.colours.white);
        let [white1, iris1] = eyeball::patches(&eyes[1], &frame, &rig.portrait, rig.colours.white);
        let [lid0, lid1] = [0, 1].map(|i| eyelid::patch(&eyes[i], &frame, &rig.portrait, &rig.colours));
        let (interior, regions) = atlas::pack([plain, upper, lower, tongue, white0, iris0, white1, iris1, lid0, lid1]);
        let cavity = Cavity::new(&mouth, &frame, &rig.colours, [regions[0], regions[1], regions[2], regions[3]]);
        let eyeballs =
            [Eyeball::new(&eyes[0], [regions[4], regions[5]]), Eyeball::new(&eyes[1], [regions[6], regions[7]])];

        let mut interior_indices = Vec::new();
        for eye in 0..2 {
            interior_indices.extend(eyeball::INDICES.map(|index| index + eye * eyeball::VERTICES as u32));
        }
        interior_indices.extend(cavity::indices().into_iter().map(|index| index + 2 * eyeball::VERTICES as u32));

        let mut warp = Self {
            layers: [
                backdrop(rig.portrait.width as f32),
                Layer {
                    texture: Texture::Interior,
                    vertices: vec![Vertex::default(); 2 * eyeball::VERTICES + cavity::VERTICES],
                    indices: interior_indices,
                    moving: true,
                },
                Layer { texture: Texture::Portrait, vertices: head_vertices, indices: head_indices, moving: true },
                Layer {
                    texture: Texture::Interior,
                    vertices: vec![Vertex::default(); 2 * eyelid::VERTICES],
                    indices: eyelid::indices(),
                    moving: true,
                },
            ],
            skin,
            eyeballs,
            cavity,
            eyelids: [0, 1].map(|i| Eyelid::new(&eyes[i], &frame, &rig.portrait, regions[8 + i], regions[0])),
            interior,
            frame,
        };
        warp.pose(&FacePose::default());
        Ok(warp)
    }

    /// Moves the vertices to a pose. Weights outside 0..=1 are clamped, head movements limited softly to what a single
    /// picture bears, numbers that are none ignored. Allocates nothing.
    pub fn pose(&mut self, pose: &FacePose) {
        let weights = field_weights(&pose.shapes);
        let motion = Motion::new(&pose.head);
        let lips = self.skin.place(&weights, &motion, &self.frame, &mut self.layers[HEAD].vertices);
        let closed = [
            eyelid::closed(&weights, Blendshape::EyeBlinkRight, Blendshape::EyeSquintRight),
            eyelid::closed(&weights, Blendshape::EyeBlinkLeft, Blendshape::EyeSquintLeft),
        ];
        self.skin.shade_lids(closed, &mut self.layers[HEAD].vertices);
        for (eye, closed) in closed.into_iter().enumerate() {
            let lines = self.skin.lid(eye, &self.layers[HEAD].vertices);
            let start = eye * eyelid::VERTICES;
            self.eyelids[eye].place(closed, lines, &mut self.layers[LIDS].vertices[start..start + eyelid::VERTICES]);
        }
        let (eyes, mouth) = self.layers[INTERIOR].vertices.split_at_mut(2 * eyeball::VERTICES);
        for (eyeball, vertices) in self.eyeballs.iter().zip(eyes.chunks_exact_mut(eyeball::VERTICES)) {
            eyeball.place(&weights, &motion, &self.frame, vertices);
        }
        self.cavity.place(&weights, &motion, &self.frame, [&lips[0], &lips[1]], mouth);
    }

    /// The layers in drawing order. Their number, textures and index lists are the same for every pose.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// The texture of [`Texture::Interior`].
    pub fn interior(&self) -> &Raster {
        &self.interior
    }
}

/// The picture behind the head: one quad.
fn backdrop(side: f32) -> Layer {
    let corner = |x: f32, y: f32| Vertex { position: [x * side, y * side], uv: [x, y], colour: [1.0; 4] };
    Layer {
        texture: Texture::Background,
        vertices: vec![corner(0.0, 0.0), corner(1.0, 0.0), corner(0.0, 1.0), corner(1.0, 1.0)],
        indices: vec![0, 1, 2, 2, 1, 3],
        moving: false,
    }
}

fn check(rig: &Rig) -> Result<(), WarpError> {
    let (portrait, background) = (&rig.portrait, &rig.background);
    if portrait.width != portrait.height
        || (background.width, background.height) != (portrait.width, portrait.height)
        || portrait.width == 0
    {
        return Err(WarpError::Shape(portrait.width, portrait.height, background.width, background.height));
    }
    let pixels = portrait.width as usize * portrait.height as usize;
    for (what, found, wanted) in [
        ("portrait", portrait.rgba.len(), pixels * 4),
        ("background", background.rgba.len(), pixels * 4),
        ("matte", rig.matte.len(), pixels),
    ] {
        if found != wanted {
            return Err(WarpError::Size { what, found, wanted });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use visage_core::{BLENDSHAPES, HeadPose};

    use super::*;
    use crate::testing;

    #[test]
    fn at_rest_every_point_of_the_head_shows_itself() {
        let warp = Warp::new(&testing::rig()).unwrap();
        for vertex in &warp.layers()[HEAD].vertices {
            for axis in 0..2 {
                let shown = vertex.uv[axis] * testing::SIDE as f32;
                assert!((vertex.position[axis] - shown).abs() < 0.02, "{vertex:?}");
            }
        }
    }

    #[test]
    fn poses_change_vertices_only_and_allocate_nothing() {
        let mut warp = Warp::new(&testing::rig()).unwrap();
        let shape = |warp: &Warp| -> Vec<(usize, usize, Vec<u32>, *const Vertex)> {
            warp.layers()
                .iter()
                .map(|l| (l.vertices.len(), l.vertices.capacity(), l.indices.clone(), l.vertices.as_ptr()))
                .collect()
        };
        let before = shape(&warp);
        for shape in BLENDSHAPES {
            warp.pose(&FacePose::of(&[(shape, 1.0)]));
        }
        assert_eq!(before, shape(&warp));
    }

    #[test]
    fn indices_are_in_range_and_values_finite_for_wild_poses() {
        let mut warp = Warp::new(&testing::rig()).unwrap();
        for value in [f32::NAN, f32::INFINITY, -5.0, 1.0, 40.0] {
            let head = HeadPose { yaw: value, pitch: value, roll: value, translation: [value; 3] };
            warp.pose(&FacePose { shapes: [value; 52], head });
            for layer in warp.layers() {
                assert!(layer.indices.iter().all(|&i| (i as usize) < layer.vertices.len()));
                for vertex in &layer.vertices {
                    assert!(vertex.position.iter().chain(&vertex.uv).chain(&vertex.colour).all(|v| v.is_finite()));
                    assert!(vertex.colour.iter().all(|v| (0.0..=2.0).contains(v)), "{vertex:?}");
                }
            }
        }
    }

    #[test]
    fn the_same_pose_gives_the_same_picture() {
        let mut warp = Warp::new(&testing::rig()).unwrap();
        let rest = warp.layers().to_vec();
        warp.pose(&FacePose::of(&[(Blendshape::JawOpen, 1.0), (Blendshape::EyeBlinkLeft, 1.0)]));
        warp.pose(&FacePose::default());
        for (a, b) in rest.iter().zip(warp.layers()) {
            assert!(a.vertices == b.vertices, "a layer of {:?} differs", a.texture);
        }
    }

    #[test]
    fn a_wrong_rig_is_refused() {
        let check = |name: &str, change: &dyn Fn(&mut Rig)| {
            let mut rig = testing::rig();
            change(&mut rig);
            let error = Warp::new(&rig).err();
            assert!(error.is_some(), "{name}");
            error
        };
        let matte = check("short matte", &|rig| rig.matte = Arc::from(vec![0u8; 10]));
        assert!(matches!(matte, Some(WarpError::Size { what: "matte", found: 10, .. })));
        let shape = check("small background", &|rig| rig.background.width = 8);
        assert!(matches!(shape, Some(WarpError::Shape(..))));
        check("short portrait", &|rig| rig.portrait.rgba = Arc::from(vec![0u8; 16]));
        let set = |value: f32| {
            let error = check("landmarks", &|rig| Arc::make_mut(&mut rig.landmarks).fill([value; 3]));
            assert!(matches!(error, Some(WarpError::Landmarks(_))));
        };
        set(100.0);
        set(f32::NAN);
    }
}
