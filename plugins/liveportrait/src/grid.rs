//! The grid of faces that pictures are baked for: which node a pose is near, and how near.
//!
//! Six axes would be far too many pictures, so the face is cut into regions that move almost independently of each other
//! in LivePortrait's pictures: mouth (with jaw and cheeks), eyes, and brows. A node is one region's position on its few
//! axes; the picture of a node has everything else at rest. Eyes and brows of the two sides are looked up separately in
//! the same pictures, so that a wink or a single raised brow costs none.
//!
//! | region | axis | levels | made of (in the ranges of [`FacePose`]) |
//! |---|---|---|---|
//! | mouth | opening | 0, 0.05, 0.1, 0.16, 0.22, 0.29, 0.36, 0.44, 0.52, 0.62, 0.74 | jawOpen − mouthClose, and lips that part over closed teeth |
//! | | width | −1, −0.5, 0, 0.5, 1 | funnel and pucker (−), stretch (+) |
//! | | mood | −1, 0, 0.5, 1 | frown (−), smile (+) beyond what a stretched mouth has |
//! | | pressed | a picture for each mood | press: p, b, m |
//! | | tucked | one picture | lower lip rolled in: f, v |
//! | eyes | lids | −1, 0, 0.25, 0.5, 1 | wide (−), blink and some squint (+) |
//! | | gaze x, y | −1, −0.5, 0, 0.5, 1 | to the character's left (+), up (+); at rest unless the lids are at 0 or 0.25 |
//! | brows | inner | 0, 0.5, 1 | browInnerUp |
//! | | outer | −1, −0.5, 0, 0.5, 1 | browDown (−), browOuterUp (+) |
//!
//! Between levels the weights are multilinear, so that a small change of the pose is a small change of the weights. Left
//! and right of the mouth are averaged. What no axis tells (cheekPuff, tongueOut, jaw and mouth to a side, noseSneer) is
//! not shown; [`Coordinates::residual`] says how much that is. The head is not part of the grid: see `turn.rs`.
//!
//! Levels are closest where lips and lids are seen best. A jaw moves the lower lip by less than half the distance between
//! the eyes, which is about 100 pixels of the crop: steps of the opening are two to five pixels, and a blend of two pictures
//! is a little soft rather than double.

use visage_core::{BLENDSHAPES, Blendshape, Blendshape::*, FacePose, HeadPose};

/// Changes whenever a node means another picture. Pictures of other versions are never found.
pub const GRID_VERSION: u32 = 1;

/// What takes the place of a level that has no picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum StandIn {
    /// Nothing: whoever needs this level has no picture.
    Nothing,
    /// Another level, because the difference is small or seldom seen.
    Level(u8),
    /// The two levels around it, blended.
    Between(u8, u8),
}

use StandIn::{Between, Level, Nothing};

/// One axis: its levels, rising, and what stands in for each.
struct Axis<const N: usize>([(f32, StandIn); N]);

const OPENING: Axis<11> = Axis([
    (0.0, Nothing),
    (0.05, Between(0, 2)),
    (0.1, Nothing),
    (0.16, Between(2, 4)),
    (0.22, Nothing),
    (0.29, Between(4, 6)),
    (0.36, Nothing),
    (0.44, Between(6, 8)),
    (0.52, Nothing),
    (0.62, Between(8, 10)),
    (0.74, Nothing),
]);
const WIDTH: Axis<5> =
    Axis([(-1.0, Nothing), (-0.5, Between(0, 2)), (0.0, Nothing), (0.5, Between(2, 4)), (1.0, Nothing)]);
const MOOD: Axis<4> = Axis([(-1.0, Nothing), (0.0, Nothing), (0.5, Between(1, 3)), (1.0, Nothing)]);
const LIDS: Axis<5> = Axis([(-1.0, Nothing), (0.0, Nothing), (0.25, Between(1, 3)), (0.5, Nothing), (1.0, Nothing)]);
const GAZE: Axis<5> = Axis([(-1.0, Level(1)), (-0.5, Level(2)), (0.0, Nothing), (0.5, Level(2)), (1.0, Level(3))]);
const INNER: Axis<3> = Axis([(0.0, Nothing), (0.5, Level(0)), (1.0, Nothing)]);
const OUTER: Axis<5> =
    Axis([(-1.0, Nothing), (-0.5, Between(0, 2)), (0.0, Nothing), (0.5, Between(2, 4)), (1.0, Nothing)]);

/// Where each axis is at rest.
const WIDTH_REST: u8 = 2;
const MOOD_REST: u8 = 1;
const LIDS_REST: u8 = 1;
const LIDS_QUARTER: u8 = 2;
const GAZE_REST: u8 = 2;

impl<const N: usize> Axis<N> {
    const fn at(&self, level: u8) -> f32 {
        self.0[level as usize].0
    }

    /// The levels around a value and their weights, which sum to 1. A value beyond the ends is at the end.
    fn around(&self, value: f32) -> [(u8, f32); 2] {
        let value = value.clamp(self.0[0].0, self.0[N - 1].0);
        let upper = self.0.iter().position(|(level, _)| *level >= value).unwrap_or(N - 1).max(1);
        let (low, high) = (self.0[upper - 1].0, self.0[upper].0);
        let share = (value - low) / (high - low);
        [(upper as u8 - 1, 1.0 - share), (upper as u8, share)]
    }

    /// What stands in for a level, with weights.
    fn stand_in(&self, level: u8) -> Option<Vec<(u8, f32)>> {
        match self.0[usize::from(level)].1 {
            Nothing => None,
            Level(other) => Some(vec![(other, 1.0)]),
            Between(low, high) => {
                let share = (self.at(level) - self.at(low)) / (self.at(high) - self.at(low));
                Some(vec![(low, 1.0 - share), (high, share)])
            }
        }
    }
}

/// One picture of the grid: a region at one level of each of its axes, everything else at rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Node {
    /// Mouth, jaw and cheeks: levels of opening, width and mood.
    #[allow(missing_docs)]
    Mouth { opening: u8, width: u8, mood: u8 },
    /// Lips pressed together: the level of the mood.
    #[allow(missing_docs)]
    Pressed { mood: u8 },
    /// The lower lip under the upper teeth.
    Tucked,
    /// Lids and gaze.
    #[allow(missing_docs)]
    Eyes { lids: u8, gaze: [u8; 2] },
    /// Brows: inner ends up; whole brows down or outer ends up.
    #[allow(missing_docs)]
    Brows { inner: u8, outer: u8 },
}

/// A node and its weight in a blend.
pub type Share = (Node, f32);

/// Lips that part over closed teeth: how much of each lip's own movement counts as opening, relative to the jaw's.
const LOWER_LIP_OPENS: f32 = 0.3;
const UPPER_LIP_OPENS: f32 = 0.2;
/// The lips of an open mouth at rest width: mouthLowerDown and mouthUpperUp, full from an opening of 0.2 on. The mean of
/// the visemes DD, Nn, Kk, E and Aa.
const LIPS_PARTED: [f32; 2] = [0.28, 0.14];
const LIPS_PARTED_FROM: f32 = 0.2;
/// What the visemes call full: stretch of I, funnel plus pucker of U, press of PP, roll of FF, smile and frown of the
/// emotions.
const STRETCH: f32 = 0.42;
const ROUND: f32 = 1.1;
const PRESS: f32 = 0.5;
const PRESS_ROLLS: [f32; 2] = [0.28, 0.22];
const TUCK: f32 = 0.75;
const SMILE: f32 = 0.75;
const FROWN: f32 = 0.7;
/// A stretched mouth smiles a little, and so much of a smile is part of its stretch.
const STRETCH_SMILES: f32 = 0.28 / STRETCH;
/// A squint closes the lids by so much.
const SQUINT_CLOSES: f32 = 0.35;

impl Node {
    /// Everything at rest. `Eyes` and `Brows` have a node of the same picture.
    pub const REST: Self = Self::Mouth { opening: 0, width: WIDTH_REST, mood: MOOD_REST };

    /// The pose that the node's picture shows. Nodes at rest have the same one, so they share their picture.
    pub fn pose(self) -> FacePose {
        let mut pose = FacePose::default();
        let mut both = |shapes: [Blendshape; 2], amount: f32| shapes.into_iter().for_each(|shape| pose[shape] = amount);
        match self {
            Self::Mouth { opening, width, mood } => {
                let (opening, width) = (OPENING.at(opening), WIDTH.at(width));
                let (spread, round) = (width.max(0.0), (-width).max(0.0));
                let parted = (opening / LIPS_PARTED_FROM).min(1.0);
                let lower = LIPS_PARTED[0] * parted * (1.0 - 0.6 * round);
                let upper = LIPS_PARTED[1] * parted * (1.0 - round);
                both([MouthLowerDownLeft, MouthLowerDownRight], lower);
                both([MouthUpperUpLeft, MouthUpperUpRight], upper);
                both([MouthStretchLeft, MouthStretchRight], STRETCH * spread);
                both([MouthFunnel, MouthPucker], ROUND / 2.0 * round);
                mood_shapes(MOOD.at(mood), spread, &mut both);
                pose[JawOpen] = opening - LOWER_LIP_OPENS * lower - UPPER_LIP_OPENS * upper;
            }
            Self::Pressed { mood } => {
                both([MouthPressLeft, MouthPressRight], PRESS);
                mood_shapes(MOOD.at(mood), 0.0, &mut both);
                pose[MouthRollLower] = PRESS_ROLLS[0];
                pose[MouthRollUpper] = PRESS_ROLLS[1];
            }
            Self::Tucked => {
                both([MouthUpperUpLeft, MouthUpperUpRight], 0.35);
                pose[JawOpen] = 0.06;
                pose[MouthRollLower] = TUCK;
                pose[MouthShrugLower] = 0.2;
            }
            Self::Eyes { lids, gaze: [x, y] } => {
                let (lids, x, y) = (LIDS.at(lids), GAZE.at(x), GAZE.at(y));
                both([EyeBlinkLeft, EyeBlinkRight], lids.max(0.0));
                both([EyeWideLeft, EyeWideRight], (-lids).max(0.0));
                both([EyeLookOutLeft, EyeLookInRight], x.max(0.0));
                both([EyeLookInLeft, EyeLookOutRight], (-x).max(0.0));
                both([EyeLookUpLeft, EyeLookUpRight], y.max(0.0));
                both([EyeLookDownLeft, EyeLookDownRight], (-y).max(0.0));
            }
            Self::Brows { inner, outer } => {
                let outer = OUTER.at(outer);
                both([BrowOuterUpLeft, BrowOuterUpRight], outer.max(0.0));
                both([BrowDownLeft, BrowDownRight], (-outer).max(0.0));
                pose[BrowInnerUp] = INNER.at(inner);
            }
        }
        snap(&pose)
    }

    /// The nodes that may be blended in this one's place while it has no picture; their weights sum to 1. Empty if nothing
    /// may: the mouths in between are left out, never an expression as a whole. The nodes that stand in may need others in
    /// turn.
    pub fn stand_ins(self) -> Vec<Share> {
        let along = |found: Option<Vec<(u8, f32)>>, node: &dyn Fn(u8) -> Self| {
            found.map(|levels| levels.into_iter().map(|(level, share)| (node(level), share)).collect())
        };
        let found = match self {
            Self::Mouth { opening, width, mood } => {
                along(OPENING.stand_in(opening), &|opening| Self::Mouth { opening, width, mood })
                    .or_else(|| along(WIDTH.stand_in(width), &|width| Self::Mouth { opening, width, mood }))
                    .or_else(|| along(MOOD.stand_in(mood), &|mood| Self::Mouth { opening, width, mood }))
            }
            Self::Pressed { mood } => along(MOOD.stand_in(mood), &|mood| Self::Pressed { mood }),
            Self::Tucked => None,
            Self::Eyes { lids, gaze: [x, y] } => along(GAZE.stand_in(x), &|x| eyes(lids, [x, y]))
                .or_else(|| along(GAZE.stand_in(y), &|y| eyes(lids, [x, y])))
                .or_else(|| along(LIDS.stand_in(lids), &|lids| eyes(lids, [x, y]))),
            Self::Brows { inner, outer } => along(OUTER.stand_in(outer), &|outer| Self::Brows { inner, outer })
                .or_else(|| along(INNER.stand_in(inner), &|inner| Self::Brows { inner, outer })),
        };
        found.unwrap_or_default()
    }
}

/// Smile or frown of a mouth that is stretched by `spread`.
fn mood_shapes(mood: f32, spread: f32, both: &mut impl FnMut([Blendshape; 2], f32)) {
    // A stretched mouth without a mood smiles less than the stretch would allow: SS and E do not smile at all, I does.
    let smile = if mood > 0.0 { SMILE * mood + STRETCH_SMILES * STRETCH * spread } else { 0.15 * spread };
    both([MouthSmileLeft, MouthSmileRight], smile);
    both([MouthDimpleLeft, MouthDimpleRight], 0.2 * mood.max(0.0));
    both([CheekSquintLeft, CheekSquintRight], 0.5 * mood.max(0.0));
    both([MouthFrownLeft, MouthFrownRight], FROWN * (-mood).max(0.0));
}

/// The eyes of a cell's corner: where the lids are neither at rest nor nearly so, the gaze is.
fn eyes(lids: u8, gaze: [u8; 2]) -> Node {
    let gaze = match lids {
        LIDS_REST => gaze,
        LIDS_QUARTER => gaze.map(|level| level.clamp(1, 3)),
        _ => [GAZE_REST; 2],
    };
    Node::Eyes { lids, gaze }
}

/// Where the mouth is on its axes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mouth {
    /// 0 closed, 1 about as far as a jaw opens.
    pub opening: f32,
    /// −1 round, 1 stretched.
    pub width: f32,
    /// −1 frown, 1 smile.
    pub mood: f32,
    /// How far the lips are pressed together, 0..=1.
    pub pressed: f32,
    /// How far the lower lip is under the upper teeth, 0..=1.
    pub tucked: f32,
}

/// Where one eye and its brow are on their axes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Side {
    /// −1 wide, 0 as in the portrait, 1 closed.
    pub lids: f32,
    /// To the character's left and up, −1..=1.
    pub gaze: [f32; 2],
    /// Inner end of the brow up, 0..=1.
    pub inner: f32,
    /// −1 down, 1 outer end up.
    pub outer: f32,
}

/// A pose on the axes of the grid.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Coordinates {
    /// The mouth.
    pub mouth: Mouth,
    /// The character's right side, which is on the left of the picture, then its left side.
    pub sides: [Side; 2],
}

impl Coordinates {
    /// Where a pose is. Weights outside 0..=1 count as the nearest; what is not a number counts as 0.
    pub fn of(pose: &FacePose) -> Self {
        let pose = sane(pose);
        let both = |left: Blendshape, right: Blendshape| (pose[left] + pose[right]) / 2.0;
        let press = both(MouthPressLeft, MouthPressRight);
        let stretch = both(MouthStretchLeft, MouthStretchRight);
        let opening = (pose[JawOpen] - pose[MouthClose]).max(0.0)
            + LOWER_LIP_OPENS * both(MouthLowerDownLeft, MouthLowerDownRight)
            + UPPER_LIP_OPENS * both(MouthUpperUpLeft, MouthUpperUpRight);
        let smile = both(MouthSmileLeft, MouthSmileRight) - STRETCH_SMILES * stretch;
        let frown = both(MouthFrownLeft, MouthFrownRight);
        let mouth = Mouth {
            opening,
            width: (stretch / STRETCH).min(1.0) - ((pose[MouthFunnel] + pose[MouthPucker]) / ROUND).min(1.0),
            mood: (smile.max(0.0) / SMILE).min(1.0) - (frown / FROWN).min(1.0),
            pressed: (press / PRESS).min(1.0),
            tucked: ((pose[MouthRollLower] - PRESS_ROLLS[0] / PRESS * press) / TUCK).clamp(0.0, 1.0),
        };
        let side =
            |blink, squint, wide, [left, right]: [Blendshape; 2], [up, down]: [Blendshape; 2], brow: [_; 2]| Side {
                lids: (pose[blink] + SQUINT_CLOSES * pose[squint] * (1.0 - pose[blink]) - pose[wide]).clamp(-1.0, 1.0),
                gaze: [pose[left] - pose[right], pose[up] - pose[down]],
                inner: pose[BrowInnerUp],
                outer: pose[brow[0]] - pose[brow[1]],
            };
        Self {
            mouth,
            sides: [
                side(
                    EyeBlinkRight,
                    EyeSquintRight,
                    EyeWideRight,
                    [EyeLookInRight, EyeLookOutRight],
                    [EyeLookUpRight, EyeLookDownRight],
                    [BrowOuterUpRight, BrowDownRight],
                ),
                side(
                    EyeBlinkLeft,
                    EyeSquintLeft,
                    EyeWideLeft,
                    [EyeLookOutLeft, EyeLookInLeft],
                    [EyeLookUpLeft, EyeLookDownLeft],
                    [BrowOuterUpLeft, BrowDownLeft],
                ),
            ],
        }
    }

    /// How far the blend of nodes is from the pose: the largest difference of a blendshape, 0..=1.
    pub fn residual(&self, pose: &FacePose) -> f32 {
        let blend = |shares: Vec<Share>| {
            let mut shown = FacePose::default();
            shares.into_iter().for_each(|(node, share)| shown.add_scaled(&node.pose(), share));
            shown
        };
        let mouth = blend(self.mouth.shares());
        let [right, left] = self.sides.map(|side| blend(side.eyes().into_iter().chain(side.brows()).collect()));
        let shown = |shape: Blendshape| match shape as u8 {
            0..7 => left[shape],
            7..14 => right[shape],
            _ if matches!(shape, BrowDownLeft | BrowOuterUpLeft | BrowInnerUp) => left[shape],
            _ if matches!(shape, BrowDownRight | BrowOuterUpRight) => right[shape],
            _ => mouth[shape],
        };
        let pose = sane(pose);
        BLENDSHAPES.into_iter().map(|shape| (pose[shape] - shown(shape)).abs()).fold(0.0, f32::max)
    }
}

impl Mouth {
    /// The nodes around; their weights are positive and sum to 1.
    pub fn shares(&self) -> Vec<Share> {
        let mut shares = Vec::with_capacity(11);
        let tucked = self.tucked * (1.0 - self.pressed);
        let free = 1.0 - self.pressed - tucked;
        for (opening, a) in OPENING.around(self.opening) {
            for (width, b) in WIDTH.around(self.width) {
                for (mood, c) in MOOD.around(self.mood) {
                    add(&mut shares, Node::Mouth { opening, width, mood }, free * a * b * c);
                }
            }
        }
        for (mood, c) in MOOD.around(self.mood) {
            add(&mut shares, Node::Pressed { mood }, self.pressed * c);
        }
        add(&mut shares, Node::Tucked, tucked);
        shares
    }
}

impl Side {
    /// The nodes around the lids and the gaze; their weights are positive and sum to 1.
    pub fn eyes(&self) -> Vec<Share> {
        let mut shares = Vec::with_capacity(8);
        for (lids, a) in LIDS.around(self.lids) {
            for (x, b) in GAZE.around(self.gaze[0]) {
                for (y, c) in GAZE.around(self.gaze[1]) {
                    add(&mut shares, eyes(lids, [x, y]), a * b * c);
                }
            }
        }
        shares
    }

    /// The nodes around the brow; their weights are positive and sum to 1.
    pub fn brows(&self) -> Vec<Share> {
        let mut shares = Vec::with_capacity(4);
        for (inner, a) in INNER.around(self.inner) {
            for (outer, b) in OUTER.around(self.outer) {
                add(&mut shares, Node::Brows { inner, outer }, a * b);
            }
        }
        shares
    }
}

/// Adds to a node's weight. Corners of a cell may be the same node.
pub(crate) fn add(shares: &mut Vec<Share>, node: Node, share: f32) {
    if share <= 0.0 {
        return;
    }
    match shares.iter_mut().find(|(there, _)| *there == node) {
        Some((_, sum)) => *sum += share,
        None => shares.push((node, share)),
    }
}

/// Steps of a pose that a picture is drawn in: of a blendshape, of an angle in radians, of a translation in distances
/// between the eyes. Finer than anybody sees, and the same pose twice is the same picture.
const SHAPE_STEPS: f32 = 128.0;
const ANGLE_STEPS: f32 = 256.0;
const TRANSLATION_STEPS: f32 = 128.0;
/// Head angles in radians and translations are within this.
const HEAD_LIMIT: f32 = 3.2;

/// A pose counted in steps: what a picture's name is made of.
pub(crate) fn steps(pose: &FacePose) -> [i16; 58] {
    let pose = sane(pose);
    let mut steps = [0; 58];
    let head = pose.head;
    let counted = |value: f32, steps: f32| (value * steps).round() as i16;
    for (to, weight) in steps.iter_mut().zip(&pose.shapes) {
        *to = counted(*weight, SHAPE_STEPS);
    }
    for (to, angle) in steps[52..].iter_mut().zip([head.yaw, head.pitch, head.roll]) {
        *to = counted(angle, ANGLE_STEPS);
    }
    for (to, way) in steps[55..].iter_mut().zip(head.translation) {
        *to = counted(way, TRANSLATION_STEPS);
    }
    steps
}

/// The nearest pose that has a picture of its own: weights in steps of 1/128, angles of 1/256 rad, translations of 1/128.
/// Whoever draws a picture for the cache draws this one.
pub fn snap(pose: &FacePose) -> FacePose {
    let steps = steps(pose);
    let mut shapes = [0.0; 52];
    for (weight, count) in shapes.iter_mut().zip(steps) {
        *weight = f32::from(count) / SHAPE_STEPS;
    }
    let angle = |index: usize| f32::from(steps[index]) / ANGLE_STEPS;
    let way = |index: usize| f32::from(steps[index]) / TRANSLATION_STEPS;
    FacePose {
        shapes,
        head: HeadPose { yaw: angle(52), pitch: angle(53), roll: angle(54), translation: [way(55), way(56), way(57)] },
    }
}

/// Numbers within their ranges; whatever is none is 0.
fn sane(pose: &FacePose) -> FacePose {
    let within = |value: f32, low: f32, high: f32| if value.is_nan() { 0.0 } else { value.clamp(low, high) };
    let turn = |value: f32| within(value, -HEAD_LIMIT, HEAD_LIMIT);
    FacePose {
        shapes: pose.shapes.map(|weight| within(weight, 0.0, 1.0)),
        head: HeadPose {
            yaw: turn(pose.head.yaw),
            pitch: turn(pose.head.pitch),
            roll: turn(pose.head.roll),
            translation: pose.head.translation.map(turn),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use visage_core::{Emotion, VISEMES, emotion_face, viseme_mouth};

    use super::*;

    /// Every node of the grid.
    fn all() -> Vec<Node> {
        let mut nodes = vec![Node::Tucked];
        for mood in 0..4 {
            nodes.push(Node::Pressed { mood });
            for opening in 0..11 {
                nodes.extend((0..5).map(|width| Node::Mouth { opening, width, mood }));
            }
        }
        for x in 0..5 {
            for y in 0..5 {
                nodes.extend((0..5).map(|lids| eyes(lids, [x, y])));
            }
        }
        nodes.extend((0..15).map(|index| Node::Brows { inner: index % 3, outer: index / 3 }));
        nodes.sort();
        nodes.dedup();
        nodes
    }

    fn regions(coordinates: &Coordinates) -> [Vec<Share>; 5] {
        let [right, left] = &coordinates.sides;
        [coordinates.mouth.shares(), right.eyes(), left.eyes(), right.brows(), left.brows()]
    }

    /// Two hundred poses between the faces that the program makes, and some that it never does.
    fn poses() -> Vec<FacePose> {
        let mut poses = Vec::new();
        let mut random = 1_u32;
        let mut next = || {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (random >> 8) as f32 / (1 << 24) as f32
        };
        for _ in 0..200 {
            let mut pose = FacePose::default();
            for viseme in VISEMES {
                let amount = next().powi(6);
                pose.add_scaled(&FacePose::of(viseme_mouth(viseme)), amount);
            }
            let emotion = Emotion::ALL[(next() * 6.0) as usize];
            pose.add_scaled(&emotion_face(emotion), next());
            for shape in BLENDSHAPES {
                if next() < 0.1 {
                    pose[shape] += next();
                }
            }
            poses.push(pose.clamped());
        }
        poses
    }

    #[test]
    fn a_node_is_where_its_pose_says() {
        for node in all() {
            let coordinates = Coordinates::of(&node.pose());
            let shares = match node {
                Node::Eyes { .. } => coordinates.sides[0].eyes(),
                Node::Brows { .. } => coordinates.sides[1].brows(),
                _ => coordinates.mouth.shares(),
            };
            // What a pose loses by being counted in steps is the only difference.
            let share = shares.iter().find(|(there, _)| *there == node).map_or(0.0, |(_, share)| *share);
            assert!(share > 0.75, "{node:?}: {share}, {coordinates:?}");
            assert!(coordinates.residual(&node.pose()) < 0.08, "{node:?}: {}", coordinates.residual(&node.pose()));
            for (region, shares) in regions(&coordinates).into_iter().enumerate() {
                let own = match node {
                    Node::Eyes { .. } => region == 1 || region == 2,
                    Node::Brows { .. } => region > 2,
                    _ => region == 0,
                };
                assert!(own || shares.len() == 1 && shares[0].0.pose() == Node::REST.pose(), "{node:?} moves {region}");
            }
        }
    }

    #[test]
    fn weights_are_positive_and_sum_to_one() {
        for pose in poses() {
            for shares in regions(&Coordinates::of(&pose)) {
                let sum: f32 = shares.iter().map(|(_, share)| share).sum();
                assert!((sum - 1.0).abs() < 1e-4, "{sum}: {shares:?}");
                assert!(shares.iter().all(|(_, share)| *share > 0.0));
                let mut nodes: Vec<Node> = shares.iter().map(|(node, _)| *node).collect();
                nodes.sort();
                nodes.dedup();
                assert_eq!(nodes.len(), shares.len(), "a node comes twice");
            }
        }
    }

    #[test]
    fn weights_do_not_jump() {
        const STEPS: usize = 400;
        let poses = poses();
        for pair in poses.windows(2).step_by(5) {
            let mut before: Option<[HashMap<Node, f32>; 5]> = None;
            for step in 0..=STEPS {
                let mut pose = pair[0].clone();
                let t = step as f32 / STEPS as f32;
                pose.add_scaled(&pair[0], -t);
                pose.add_scaled(&pair[1], t);
                let now = regions(&Coordinates::of(&pose)).map(|shares| shares.into_iter().collect::<HashMap<_, _>>());
                for (before, now) in before.iter().flatten().zip(&now) {
                    let weight = |shares: &HashMap<Node, f32>, node| shares.get(node).copied().unwrap_or_default();
                    for node in before.keys().chain(now.keys()) {
                        let jump = (weight(before, node) - weight(now, node)).abs();
                        assert!(jump < 0.09, "{node:?} jumps by {jump} at {t}");
                    }
                }
                before = Some(now);
            }
        }
    }

    #[test]
    fn the_faces_of_the_program_are_near_the_grid() {
        let check = |pose: &FacePose, limit: f32, what: &str| {
            let residual = Coordinates::of(pose).residual(pose);
            assert!(residual <= limit, "{what}: {residual}");
        };
        for viseme in VISEMES {
            // The tongue of TH is not shown.
            check(&FacePose::of(viseme_mouth(viseme)), 0.36, &format!("{viseme:?}"));
        }
        for emotion in Emotion::ALL {
            // The mouth to a side of the thoughtful face is not.
            check(&emotion_face(emotion), 0.51, emotion.name());
        }
        let puffed = FacePose::of(&[(CheekPuff, 1.0)]);
        assert_eq!(Coordinates::of(&puffed).residual(&puffed), 1.0);
    }

    #[test]
    fn closures_and_sides_are_told_apart() {
        let mouth = |viseme| Coordinates::of(&FacePose::of(viseme_mouth(viseme))).mouth;
        for viseme in VISEMES {
            let found = mouth(viseme);
            assert_eq!(found.pressed > 0.9, viseme == visage_core::Viseme::PP, "{viseme:?}: {found:?}");
            assert_eq!(found.tucked > 0.9, viseme == visage_core::Viseme::FF, "{viseme:?}: {found:?}");
            assert_eq!(found.mood, 0.0, "{viseme:?}: speech has no mood");
        }
        let wink = Coordinates::of(&FacePose::of(&[(EyeBlinkRight, 1.0), (BrowOuterUpLeft, 1.0)]));
        assert_eq!(wink.sides.map(|side| (side.lids, side.outer)), [(1.0, 0.0), (0.0, 1.0)]);
        let left = Coordinates::of(&FacePose::of(&[(EyeLookOutLeft, 0.5), (EyeLookInRight, 0.5)]));
        assert_eq!(left.sides.map(|side| side.gaze), [[0.5, 0.0]; 2]);
        // Lids on their way hide where the eyes look: no pictures for each glance.
        for (lids, reach) in [(0.0, 1.0), (0.25, 0.5), (0.5, 0.0), (1.0, 0.0), (-1.0, 0.0)] {
            let side = Side { lids, gaze: [1.0, -1.0], inner: 0.0, outer: 0.0 };
            let [(Node::Eyes { gaze: [x, y], .. }, _)] = side.eyes()[..] else { panic!("one node is there") };
            assert_eq!([GAZE.at(x), GAZE.at(y)], [reach, -reach], "lids at {lids}");
        }
    }

    #[test]
    fn stand_ins_lead_to_nodes_that_need_none() {
        for node in all() {
            let mut open = vec![(node, 1.0)];
            let (mut steps, mut sum) = (0, 0.0);
            while let Some((node, share)) = open.pop() {
                steps += 1;
                assert!(steps < 100, "{node:?} goes round in a circle");
                let stand_ins = node.stand_ins();
                if stand_ins.is_empty() {
                    sum += share;
                }
                open.extend(stand_ins.into_iter().map(|(other, part)| (other, share * part)));
            }
            assert!((sum - 1.0_f32).abs() < 1e-5, "{node:?}: {sum}");
        }
        // An expression never vanishes silently.
        for (node, kept) in [
            (Node::Mouth { opening: 0, width: WIDTH_REST, mood: 3 }, "a smile"),
            (Node::Mouth { opening: 0, width: WIDTH_REST, mood: 0 }, "a frown"),
            (Node::Pressed { mood: MOOD_REST }, "closed lips"),
            (Node::Eyes { lids: 4, gaze: [GAZE_REST; 2] }, "a blink"),
            (Node::Brows { inner: 2, outer: 2 }, "raised brows"),
            (Node::REST, "rest"),
        ] {
            assert!(node.stand_ins().is_empty(), "{kept}");
        }
    }

    #[test]
    fn poses_are_counted_in_steps_and_whatever_comes_is_a_pose() {
        for pose in poses().into_iter().chain(all().into_iter().map(Node::pose)) {
            let snapped = snap(&pose);
            assert_eq!((snap(&snapped), steps(&snapped)), (snapped.clone(), steps(&pose)));
            let farthest = pose.shapes.iter().zip(&snapped.shapes).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(farthest <= 0.5 / SHAPE_STEPS + 1e-6, "{farthest}");
        }
        let head = HeadPose { yaw: 0.101, pitch: -0.2, roll: 9.0, translation: [0.3, f32::INFINITY, f32::NAN] };
        let odd = snap(&FacePose { shapes: [f32::NAN; 52], head });
        assert_eq!(odd.shapes, [0.0; 52]);
        assert!((odd.head.yaw - 0.101).abs() <= 0.5 / ANGLE_STEPS && odd.head.roll <= HEAD_LIMIT + 0.01);
        assert!(odd.head.translation[1] <= HEAD_LIMIT + 0.01 && odd.head.translation[2] == 0.0);
        let wild = FacePose { shapes: [1e9; 52], head: HeadPose { yaw: f32::NEG_INFINITY, ..head } };
        for shares in regions(&Coordinates::of(&wild)) {
            assert!((shares.iter().map(|(_, share)| share).sum::<f32>() - 1.0).abs() < 1e-4);
        }
    }
}
