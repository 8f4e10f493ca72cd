//! Colours for what a still picture hides: the inside of the lips, the skin of the lids, teeth and eyeballs.

use visage_core::{
    LANDMARKS, MouthColours,
    mesh_topology::{
        FACE_OVAL, LEFT_EYE_SOCKET_UPPER, LEFT_LID_CREASE_UPPER, LEFT_LID_LOWER, LEFT_LID_UPPER, LIPS_INNER_LOWER,
        LIPS_INNER_UPPER, LIPS_OUTER_LOWER, LIPS_OUTER_UPPER, RIGHT_EYE_SOCKET_UPPER, RIGHT_LID_CREASE_UPPER,
        RIGHT_LID_LOWER, RIGHT_LID_UPPER,
    },
};

use crate::{
    colour::{luma, median},
    face::{Face, distance},
    frame::inside,
    picture::Picture,
};

/// Mesh points in the middle of the cheeks (MediaPipe mesh).
const CHEEKS: [usize; 4] = [50, 205, 280, 425];
/// How much of the sample's tint the white keeps.
const TINT_KEPT: f32 = 0.15;
/// Luma of the whites: never darker than the skin times this, than the brightest hundredth of the face times that, and
/// within these bounds. Eyeballs lie in the shade of the brows; teeth catch the light that makes skin shine.
const WHITER_THAN_SKIN: f32 = 1.12;
const OF_THE_SHINE: f32 = 0.92;
const WHITE_LUMA: (f32, f32) = (150.0, 236.0);

/// Takes the colours from the portrait.
pub(crate) fn colours(picture: &Picture, face: &Face) -> MouthColours {
    let lips = [
        within(picture, &ring(&face.landmarks, &LIPS_OUTER_UPPER, &LIPS_INNER_UPPER)),
        within(picture, &ring(&face.landmarks, &LIPS_OUTER_LOWER, &LIPS_INNER_LOWER)),
    ]
    .concat();
    // Above the crease: between crease and edge lashes and their shadow are most of what is seen.
    let lids = [
        within(picture, &ring(&face.landmarks, &RIGHT_EYE_SOCKET_UPPER, &RIGHT_LID_CREASE_UPPER)),
        within(picture, &ring(&face.landmarks, &LEFT_EYE_SOCKET_UPPER, &LEFT_LID_CREASE_UPPER)),
    ]
    .concat();
    let radius = distance(face.landmarks[33], face.landmarks[263]) * 0.06;
    let cheeks: Vec<[u8; 3]> = CHEEKS
        .iter()
        .flat_map(|&at| {
            let [x, y, _] = face.landmarks[at];
            within(
                picture,
                &[
                    [x - radius, y - radius],
                    [x + radius, y - radius],
                    [x + radius, y + radius],
                    [x - radius, y + radius],
                ],
            )
        })
        .collect();
    let skin = median(&cheeks);
    let lids = lit(lids).map_or(skin, |lit| {
        std::array::from_fn(|at| (f32::from(lit[at]) * 0.7 + f32::from(skin[at]) * 0.3).round() as u8)
    });
    let lips = if lips.is_empty() { skin } else { median(&lips) };
    MouthColours { lips, skin, lids, white: white(picture, face, skin) }
}

/// The colour of the lighter half of some pixels. Deep-set eyes lie in a shadow that a closed lid comes out of.
fn lit(mut pixels: Vec<[u8; 3]>) -> Option<[u8; 3]> {
    pixels.sort_by(|a, b| luma(*a).total_cmp(&luma(*b)));
    (!pixels.is_empty()).then(|| median(&pixels[pixels.len() / 2..]))
}

/// The white of the eyes in this light: a bright sample of the eyeballs beside the irises, mostly freed of its tint: the rims
/// of the lids colour it more than the light does.
fn white(picture: &Picture, face: &Face, skin: [u8; 3]) -> [u8; 3] {
    let mut eyeballs: Vec<[u8; 3]> = Vec::new();
    for (upper, lower, iris) in
        [(&RIGHT_LID_UPPER, &RIGHT_LID_LOWER, face.irises[0]), (&LEFT_LID_UPPER, &LEFT_LID_LOWER, face.irises[1])]
    {
        let outline = ring(&face.landmarks, upper, lower);
        for_each_within(picture, &outline, |x, y, colour| {
            if (x - iris.centre[0]).hypot(y - iris.centre[1]) > iris.radius * 1.15 {
                eyeballs.push(colour);
            }
        });
    }
    eyeballs.sort_by(|a, b| luma(*a).total_cmp(&luma(*b)));
    let seen = median(&eyeballs[eyeballs.len() * 7 / 10..eyeballs.len() * 19 / 20]);
    let from = if eyeballs.len() < 12 { skin } else { seen };
    let grey = luma(from);
    let wanted = grey
        .max(luma(skin) * WHITER_THAN_SKIN)
        .max(shine(picture, face) * OF_THE_SHINE)
        .clamp(WHITE_LUMA.0, WHITE_LUMA.1);
    from.map(|value| {
        let calmer = grey + (f32::from(value) - grey) * TINT_KEPT;
        (calmer * wanted / grey.max(1.0)).round().clamp(0.0, 255.0) as u8
    })
}

/// Luma that one pixel of the face in a hundred surpasses.
fn shine(picture: &Picture, face: &Face) -> f32 {
    let mut lumas: Vec<f32> = within(picture, &ring(&face.landmarks, &FACE_OVAL, &[])).into_iter().map(luma).collect();
    lumas.sort_by(f32::total_cmp);
    lumas.get(lumas.len() * 99 / 100).copied().unwrap_or(0.0)
}

/// The outline between two contours that begin and end at the same side.
fn ring(landmarks: &[[f32; 3]; LANDMARKS], there: &[u16], back: &[u16]) -> Vec<[f32; 2]> {
    there
        .iter()
        .chain(back.iter().rev())
        .map(|&at| [landmarks[usize::from(at)][0], landmarks[usize::from(at)][1]])
        .collect()
}

fn within(picture: &Picture, outline: &[[f32; 2]]) -> Vec<[u8; 3]> {
    let mut pixels = Vec::new();
    for_each_within(picture, outline, |_, _, colour| pixels.push(colour));
    pixels
}

/// Calls `see` with the middle and the colour of every pixel inside an outline.
fn for_each_within(picture: &Picture, outline: &[[f32; 2]], mut see: impl FnMut(f32, f32, [u8; 3])) {
    let bounds = |axis: usize, length: usize| {
        let low = outline.iter().map(|point| point[axis]).fold(f32::INFINITY, f32::min).max(0.0) as usize;
        let high = outline.iter().map(|point| point[axis]).fold(0.0, f32::max).min(length as f32) as usize;
        low..high.max(low).min(length)
    };
    for y in bounds(1, picture.height) {
        for x in bounds(0, picture.width) {
            let (middle_x, middle_y) = (x as f32 + 0.5, y as f32 + 0.5);
            if inside(outline, middle_x, middle_y) {
                see(middle_x, middle_y, picture.pixel(x, y));
            }
        }
    }
}
