//! Something else than the picture's own background behind the person: a colour, another picture, nothing.

use fast_image_resize::FilterType;
use visage_core::{Backdrop, Raster};

use crate::{
    PortraitError, background, body, decode,
    frame::smoothstep,
    matte::{Segmentation, neck_ramp},
    picture::Picture,
};

/// A pixel that belongs to the person by more than this has the person's colour alone.
const WHOLE: f32 = 0.96;
/// Where the ramp down the neck is above this, nothing of the picture is body that stays.
const HEAD_ABOVE_RAMP: f32 = 0.97;

/// A portrait and what is behind its head.
pub(crate) struct Scene {
    pub portrait: Picture,
    /// Colours are not multiplied with alpha.
    pub background: Raster,
    pub matte: Vec<u8>,
}

/// Cuts the person out and puts it before `backdrop`. The picture keeps its own colours wherever the person is whole; in
/// the soft edge, colours of what was behind are replaced by those of the person nearby. Outside, the portrait shows the
/// backdrop, too, for renderers that take it as a whole.
///
/// # Errors
/// [`PortraitError::Backdrop`] where the backdrop's picture will not do.
pub(crate) fn replaced(
    picture: &Picture,
    head: &Segmentation,
    matte: &[u8],
    backdrop: &Backdrop,
) -> Result<Scene, PortraitError> {
    let side = picture.width;
    let behind = Behind::new(backdrop, side)?;
    let person = body::person(picture, head);
    let frame = head.frame();
    let share = |at: usize| f32::from(person[at]) / 255.0;
    let face_at = |at: usize| frame.coordinates((at % side) as f32 + 0.5, (at / side) as f32 + 0.5);
    // The person's own colours, carried on over its edge; and those of what stays when the head moves.
    let edge: Vec<bool> = (0..side * side).map(|at| share(at) < WHOLE).collect();
    let moves: Vec<bool> = (0..side * side)
        .map(|at| {
            let (u, v) = face_at(at);
            edge[at] || neck_ramp(u, v) > HEAD_ABOVE_RAMP
        })
        .collect();
    let own = background::spread(picture, &edge);
    let of_body = background::spread(picture, &moves);
    let mut scene = Scene {
        portrait: Picture { width: side, height: side, rgb: Vec::with_capacity(side * side * 3) },
        background: Raster { width: picture.width as u32, height: picture.height as u32, rgba: [].into() },
        matte: (0..side * side).map(|at| matte[at].min(person[at])).collect(),
    };
    let mut rgba = Vec::with_capacity(side * side * 4);
    for at in 0..side * side {
        let (is, far) = (share(at), behind.at(at));
        let kept = smoothstep(WHOLE - 0.2, WHOLE, is);
        let shown = smoothstep(0.0, 0.2, is);
        let seen = picture.pixel(at % side, at / side).map(f32::from);
        let between = |from: f32, to: f32, share: f32| from + (to - from) * share;
        for channel in 0..3 {
            let person = between(own[at][channel], seen[channel], kept);
            scene.portrait.rgb.push(between(far[channel], person, shown).round() as u8);
        }
        let (u, v) = face_at(at);
        let neck = || {
            let [x, y] = frame.point(u, body::WHOLE_NECK).map(|place| (place.max(0.0) as usize).min(side - 1));
            share(y * side + x)
        };
        let stays = body::stays(u, v, neck_ramp(u, v), is, neck);
        let body = if moves[at] { of_body[at] } else { seen };
        // Over something opaque the colours mix here; over nothing the body keeps its own and alpha says how much.
        let mix = if behind.opaque { stays } else { 1.0 };
        rgba.extend([0, 1, 2].map(|channel| between(far[channel], body[channel], mix).round() as u8));
        rgba.push(if behind.opaque { 255 } else { (stays * 255.0).round() as u8 });
    }
    scene.background.rgba = rgba.into();
    Ok(scene)
}

/// What is behind the person.
struct Behind {
    /// One colour, or one for each pixel.
    colours: Vec<[u8; 3]>,
    opaque: bool,
}

impl Behind {
    fn new(backdrop: &Backdrop, side: usize) -> Result<Self, PortraitError> {
        let colours = match backdrop {
            Backdrop::Colour(colour) => vec![*colour],
            Backdrop::Picture(bytes) => {
                let picture = decode::decode(bytes).map_err(|error| PortraitError::Backdrop(Box::new(error)))?;
                let shorter = picture.width.min(picture.height);
                let (left, top) = ((picture.width - shorter) / 2, (picture.height - shorter) / 2);
                let square = picture.crop_and_scale(left, top, shorter, side, FilterType::CatmullRom);
                square.rgb.chunks_exact(3).map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect()
            }
            Backdrop::Original | Backdrop::Transparent => vec![[0; 3]],
        };
        Ok(Self { colours, opaque: matches!(backdrop, Backdrop::Colour(_) | Backdrop::Picture(_)) })
    }

    fn at(&self, index: usize) -> [f32; 3] {
        self.colours.get(index).unwrap_or(&self.colours[0]).map(f32::from)
    }
}
