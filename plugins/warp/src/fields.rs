//! What each blendshape does to the skin: for any point of the face, where it moves at full weight.
//!
//! This is the one place where expressions are tuned. A field is a sum of smooth bells around features, in face
//! coordinates (unit = distance between the eyes, about 63 mm). Two things make skin behave like skin:
//!
//! - *Split*: upper and lower lip are different tissue. [`Fields::lower`] says how much a point belongs to the lower
//!   jaw's side: it jumps across the lip line between the corners and is smooth everywhere else, so that whatever is
//!   multiplied by it (or by its complement) opens the mouth and leaves the cheeks whole.
//! - *Masks*: brows and cheeks slide over the eye sockets without moving the edges of the lids, which have fields of
//!   their own.
//!
//! Amplitudes follow the reference pictures of ARKit's shapes (Apple, `ARFaceAnchor.BlendShapeLocation`).

use glam::{Vec2, Vec3};
use visage_core::{Blendshape, Blendshape::*};

use crate::{
    curve::{bell, mix, smooth, to_outline},
    eye::Eye,
    frame::Frame,
    mouth::Mouth,
};

/// How far the lower lip drops when the jaw is fully open.
const JAW_DROP: f32 = 0.44;
/// The jaw's joint: depth behind the eyes.
const HINGE_DEPTH: f32 = 1.0;
/// Share of the eye's opening at which the lids meet, from the upper edge.
const LIDS_MEET: f32 = 0.86;

/// On which side of a cut a point is. On the cut itself its place does not tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// Decided by where the point is.
    Free,
    /// The upper lip's edge.
    UpperLip,
    /// The lower lip's edge.
    LowerLip,
    /// The upper lid's edge.
    UpperLid,
    /// The lower lid's edge.
    LowerLid,
}

/// The face that is moved.
pub(crate) struct Fields<'a> {
    frame: &'a Frame,
    mouth: &'a Mouth,
    eyes: &'a [Eye; 2],
    oval: &'a [Vec2],
    lip_depth: f32,
}

impl<'a> Fields<'a> {
    /// Fields of a face.
    pub fn new(frame: &'a Frame, mouth: &'a Mouth, eyes: &'a [Eye; 2], oval: &'a [Vec2]) -> Self {
        Self { frame, mouth, eyes, oval, lip_depth: frame.point(14).z.min(0.0) }
    }

    /// Where a point moves at full weight of a shape. The depth is that of the point at rest.
    pub fn displacement(&self, shape: Blendshape, point: Vec3, side: Side) -> Vec3 {
        let at = point.truncate();
        let flat = |d: Vec2| d.extend(0.0);
        match shape {
            EyeBlinkLeft | EyeBlinkRight => flat(self.upper_lid(self.eye(shape == EyeBlinkLeft), at, side)),
            EyeSquintLeft | EyeSquintRight => flat(self.lower_lid(self.eye(shape == EyeSquintLeft), at, side)),
            BrowDownLeft | BrowDownRight => flat(self.brow_down(sign(shape == BrowDownLeft), at)),
            BrowInnerUp => flat(self.brow_up(-1.0, 0.15, at) + self.brow_up(1.0, 0.15, at)) * 1.0,
            BrowOuterUpLeft | BrowOuterUpRight => flat(self.brow_up(sign(shape == BrowOuterUpLeft), 0.8, at)),
            CheekSquintLeft | CheekSquintRight => flat(self.cheek(sign(shape == CheekSquintLeft), at) * 0.8),
            NoseSneerLeft | NoseSneerRight => flat(self.sneer(sign(shape == NoseSneerLeft), at, side)),
            CheekPuff => self.puff(at),
            JawOpen | MouthClose | JawLeft | JawRight | JawForward => self.jaw(shape, point, side),
            TongueOut | EyeLookDownLeft | EyeLookInLeft | EyeLookOutLeft | EyeLookUpLeft | EyeWideLeft
            | EyeLookDownRight | EyeLookInRight | EyeLookOutRight | EyeLookUpRight | EyeWideRight => Vec3::ZERO,
            _ => {
                let own = self.mouth.own(at);
                let moved = self.lips(shape, own, side);
                let mut flat = self.mouth.direction(moved.truncate());
                match shape {
                    MouthSmileLeft | MouthSmileRight => flat += self.cheek(sign(shape == MouthSmileLeft), at),
                    MouthUpperUpLeft | MouthUpperUpRight => {
                        flat += self.nose_wing(sign(shape == MouthUpperUpLeft), at) * 0.4;
                    }
                    _ => {}
                }
                flat.extend(moved.z)
            }
        }
    }

    fn eye(&self, left: bool) -> &Eye {
        &self.eyes[usize::from(left)]
    }

    /// How much a point of the mouth's frame belongs to the side of the lower jaw: 0 above, 1 below, a jump across the
    /// lip line between the corners, a ramp of the given half height elsewhere.
    fn lower(&self, own: Vec2, side: Side, ramp: f32) -> f32 {
        let down = own.y - self.mouth.seam.y(own.x);
        let base = smooth(-ramp, ramp, down);
        let split = self.mouth.profile(own.x).powf(0.6);
        let below = match side {
            Side::UpperLip => false,
            Side::LowerLip => true,
            _ => down > 0.0,
        };
        if below { base + (1.0 - base) * split } else { base * (1.0 - split) }
    }

    fn jaw(&self, shape: Blendshape, point: Vec3, side: Side) -> Vec3 {
        let at = point.truncate();
        let own = self.mouth.own(at);
        let down = own.y - self.mouth.seam.y(own.x);
        let base = mix(smooth(-0.62, 0.55, down), smooth(-0.30, 0.42, down), 0.5);
        // Skin of the neck follows the chin less and less.
        let (off, _, _) = to_outline(self.oval, at);
        let outside = if crate::curve::inside(self.oval, at) { 0.0 } else { off };
        let fade = (-(outside / 0.46).powi(2)).exp();
        // A rotation about the hinge: what is near the ears moves little.
        let lever = ((HINGE_DEPTH - point.z) / (HINGE_DEPTH - self.lip_depth)).clamp(0.0, 1.1);
        let share = lever.sqrt() * fade;
        let split = self.mouth.profile(own.x).powf(0.75);
        let below = match side {
            Side::UpperLip => false,
            Side::LowerLip => true,
            _ => down > 0.0,
        };
        let part = if below { (1.0 - base) * split } else { -base * split };
        let whole = base + part;
        match shape {
            JawOpen => {
                let narrow = -0.10 * own.x * bell(own.x / 0.6, (down - 0.15) / 0.5);
                let up = -0.018 * (1.0 - whole) * bell(own.x / 0.4, down / 0.25);
                Vec3::new(narrow, JAW_DROP * whole * share + up, 0.25 * whole * share)
            }
            // The lips stay together while the jaw opens: the difference between the lips is taken back.
            MouthClose => Vec3::new(0.0, -JAW_DROP * part * share, 0.0),
            JawLeft => Vec3::new(0.15 * whole * share, 0.0, 0.0),
            JawRight => Vec3::new(-0.15 * whole * share, 0.0, 0.0),
            _ => Vec3::new(0.0, 0.02 * whole * share, -0.2 * whole * share),
        }
    }

    /// The shapes of the lips, in the mouth's frame.
    fn lips(&self, shape: Blendshape, own: Vec2, side: Side) -> Vec3 {
        let (x, half) = (own.x, self.mouth.half);
        let down = own.y - self.mouth.seam.y(x);
        let lower = self.lower(own, side, 0.16);
        let upper = 1.0 - lower;
        // Around the corner, the corner's side, half of the mouth.
        let corner = |s: f32, wide: f32, high: f32| bell((x - s * half) / wide, own.y / high);
        let half_of = |s: f32| smooth(-0.5 * half, 0.5 * half, x * s);
        // Red of the lips: how far out from the lip line, as a squeeze or swell of the red about it.
        let red = |k: f32| {
            let height = if lower > 0.5 { self.mouth.lower } else { self.mouth.upper };
            k * down * (-(down / (1.5 * height)).powi(2)).exp() * bell(x / (1.25 * half), 0.0)
        };
        let around = bell(x / 0.60, down / 0.42);
        // The same, but even over the whole width of the mouth, so that lips drawn in keep their shape.
        let drawn = bell((x.abs() - half).max(0.0) / 0.36, down / 0.42);
        let side_of = |shape_left: bool| sign(shape_left);
        let (dx, dy, dz) = match shape {
            MouthSmileLeft | MouthSmileRight => {
                let s = side_of(shape == MouthSmileLeft);
                let k = corner(s, 0.30, 0.26);
                (0.145 * s * k, -0.150 * k + red(-0.16) * half_of(s), 0.05 * k)
            }
            MouthFrownLeft | MouthFrownRight => {
                let s = side_of(shape == MouthFrownLeft);
                let k = corner(s, 0.26, 0.30);
                (0.02 * s * k, 0.125 * k - 0.025 * half_of(s) * bell(x / 0.3, (down - 0.15) / 0.3), 0.0)
            }
            MouthDimpleLeft | MouthDimpleRight => {
                let s = side_of(shape == MouthDimpleLeft);
                (0.075 * s * corner(s, 0.24, 0.2), -0.02 * corner(s, 0.2, 0.2), 0.04 * corner(s, 0.2, 0.2))
            }
            MouthStretchLeft | MouthStretchRight => {
                let s = side_of(shape == MouthStretchLeft);
                let k = corner(s, 0.32, 0.28);
                (0.12 * s * k, 0.045 * k + red(-0.12) * half_of(s), 0.03 * k)
            }
            MouthPressLeft | MouthPressRight => {
                let s = side_of(shape == MouthPressLeft);
                (-0.015 * s * corner(s, 0.25, 0.2), red(-0.42) * half_of(s), 0.0)
            }
            MouthRollLower => (0.0, red(-0.62) * lower, 0.02 * around),
            MouthRollUpper => (0.0, red(-0.62) * upper, 0.02 * around),
            MouthShrugLower => (0.0, lower * (-0.075 * bell(x / 0.4, (down - 0.1) / 0.35) + red(0.18)), -0.03 * around),
            MouthShrugUpper => (0.0, upper * (-0.055 * bell(x / 0.42, down / 0.26)), -0.03 * around),
            MouthLowerDownLeft | MouthLowerDownRight => {
                let s = side_of(shape == MouthLowerDownLeft);
                (0.01 * s * around, lower * 0.115 * bell((x - s * 0.42 * half) / 0.24, down / 0.34), 0.0)
            }
            MouthUpperUpLeft | MouthUpperUpRight => {
                let s = side_of(shape == MouthUpperUpLeft);
                (0.0, -upper * 0.085 * bell((x - s * 0.42 * half) / 0.24, down / 0.30), 0.0)
            }
            MouthFunnel => {
                let open = self.mouth.profile(x).sqrt();
                let apart = mix(-0.050 * upper, 0.070 * lower, smooth(-0.02, 0.02, lower - 0.5));
                (-0.25 * x * drawn, apart * open * bell(0.0, down / 0.3) + red(0.16), -0.14 * around)
            }
            MouthPucker => (-0.40 * x * drawn, red(0.34), -0.17 * around),
            MouthLeft => (0.12 * bell(x / 0.6, down / 0.36), 0.0, 0.0),
            MouthRight => (-0.12 * bell(x / 0.6, down / 0.36), 0.0, 0.0),
            _ => (0.0, 0.0, 0.0),
        };
        Vec3::new(dx, dy, dz)
    }

    /// The upper lid at full closing, the lower one at rest.
    fn upper_lid(&self, eye: &Eye, at: Vec2, side: Side) -> Vec2 {
        let own = eye.own(at);
        if side == Side::LowerLid || own.x.abs() >= eye.half {
            return Vec2::ZERO;
        }
        let (upper, _) = eye.edges(own.x);
        let above = upper - own.y;
        if above < 0.0 && side != Side::UpperLid {
            return Vec2::ZERO;
        }
        // The lash line moves whole; the skin between lashes and crease unfolds; brow and socket stay.
        let follow = (-((above - eye.lashes(own.x)).max(0.0) / (eye.crease * 0.75)).powi(2)).exp();
        eye.direction(Vec2::new(0.0, eye.opening(own.x) * follow))
    }

    /// The lower lid at full weight: up to where the upper one would be at rest.
    fn lower_lid(&self, eye: &Eye, at: Vec2, side: Side) -> Vec2 {
        let own = eye.own(at);
        if side == Side::UpperLid || own.x.abs() >= eye.half {
            return Vec2::ZERO;
        }
        let (_, lower) = eye.edges(own.x);
        let below = own.y - lower;
        if below < 0.0 && side != Side::LowerLid {
            return Vec2::ZERO;
        }
        let follow = (-((below - 0.02).max(0.0) / 0.16).powi(2)).exp();
        eye.direction(Vec2::new(0.0, -eye.opening(own.x) * follow))
    }

    /// 0 on the lids and within them, 1 away from them.
    fn off_lids(&self, at: Vec2, reach: f32) -> f32 {
        let mut mask = 1.0f32;
        for eye in self.eyes {
            let own = eye.own(at);
            let (upper, lower) = eye.edges(own.x);
            let dx = (own.x.abs() - eye.half).max(0.0);
            let dy = (upper - own.y).max(own.y - lower).max(0.0);
            mask = mask.min(smooth(0.02, reach, (dx * dx + dy * dy).sqrt()));
        }
        mask
    }

    fn brow_point(&self, s: f32, share: f32) -> Vec2 {
        // From the inner end (0) to the outer end (1).
        let (upper, lower) = if s > 0.0 {
            ([336, 296, 334, 293, 300], [285, 295, 282, 283, 276])
        } else {
            ([107, 66, 105, 63, 70], [55, 65, 52, 53, 46])
        };
        let place = share.clamp(0.0, 1.0) * 4.0;
        let (i, t) = ((place as usize).min(3), place - (place as usize).min(3) as f32);
        let mid = |i: usize| (self.frame.at(upper[i]) + self.frame.at(lower[i])) / 2.0;
        mid(i).lerp(mid(i + 1), t)
    }

    /// A brow moves as a whole; the forehead follows far up, the skin below it only to the lids.
    fn brow_bell(&self, centre: Vec2, wide: f32, at: Vec2) -> f32 {
        let d = at - centre;
        bell(d.x / wide, if d.y < 0.0 { d.y / 0.42 } else { (d.y - 0.05).max(0.0) / 0.15 })
    }

    fn brow_down(&self, s: f32, at: Vec2) -> Vec2 {
        let inner = self.brow_bell(self.brow_point(s, 0.12), 0.24, at);
        let middle = self.brow_bell(self.brow_point(s, 0.55), 0.26, at);
        // Where brow and lid are close there is little room.
        let room = (self.eye(s > 0.0).brow / 0.22).clamp(0.45, 1.15);
        let moved = Vec2::new(-0.06 * s, 0.115) * inner + Vec2::new(-0.01 * s, 0.065) * middle;
        moved * room * self.off_lids(at, 0.16)
    }

    fn brow_up(&self, s: f32, share: f32, at: Vec2) -> Vec2 {
        let wide = if share < 0.5 { 0.22 } else { 0.30 };
        let reach = (self.eye(s > 0.0).brow * 0.55).clamp(0.05, 0.16);
        Vec2::new(0.0, -0.13) * self.brow_bell(self.brow_point(s, share), wide, at) * self.off_lids(at, reach)
    }

    fn cheek(&self, s: f32, at: Vec2) -> Vec2 {
        let centre = self.frame.at(if s > 0.0 { 425 } else { 205 });
        let d = at - centre;
        Vec2::new(0.025 * s, -0.075) * bell(d.x / 0.30, (d.y + 0.05) / 0.30) * self.off_lids(at, 0.16)
    }

    fn nose_wing(&self, s: f32, at: Vec2) -> Vec2 {
        let d = at - self.frame.at(if s > 0.0 { 294 } else { 64 });
        Vec2::new(0.012 * s, -0.05) * bell(d.x / 0.16, d.y / 0.18)
    }

    fn sneer(&self, s: f32, at: Vec2, side: Side) -> Vec2 {
        let own = self.mouth.own(at);
        let upper = 1.0 - self.lower(own, side, 0.16);
        let lip = Vec2::new(0.0, -0.035) * upper * bell((own.x - s * 0.2) / 0.2, own.y / 0.25);
        self.nose_wing(s, at) * 1.6 + lip * 1.3 + self.brow_down(s, at) * 0.4
    }

    fn puff(&self, at: Vec2) -> Vec3 {
        let own = self.mouth.own(at);
        let mut moved = Vec3::ZERO;
        for s in [-1.0, 1.0] {
            let d = own - Vec2::new(s * (self.mouth.half + 0.22), -0.05);
            let k = bell(d.x / 0.36, d.y / 0.36);
            moved += (self.mouth.direction(d * Vec2::new(0.30, 0.22)) * k).extend(-0.1 * k);
        }
        moved
    }
}

/// 1 for the character's left side (right in the picture), -1 for the right side.
fn sign(left: bool) -> f32 {
    if left { 1.0 } else { -1.0 }
}

/// Weights of the fields for the weights of a pose: what shapes do to each other.
///
/// The fields of `EyeBlink…` and `EyeSquint…` are those of the upper and lower lid at full closing; the gaze, a wide
/// eye and a smile move the lids too, and the lids meet and never cross. `MouthClose` can take back no more than the
/// jaw opens.
pub(crate) fn field_weights(shapes: &[f32; 52]) -> [f32; 52] {
    let mut out = shapes.map(|weight| if weight.is_finite() { weight.clamp(0.0, 1.0) } else { 0.0 });
    let given = out;
    let of = |shape: Blendshape| given[shape as usize];
    for (blink, squint, wide, up, down, smile, cheek) in [
        (EyeBlinkLeft, EyeSquintLeft, EyeWideLeft, EyeLookUpLeft, EyeLookDownLeft, MouthSmileLeft, CheekSquintLeft),
        (
            EyeBlinkRight,
            EyeSquintRight,
            EyeWideRight,
            EyeLookUpRight,
            EyeLookDownRight,
            MouthSmileRight,
            CheekSquintRight,
        ),
    ] {
        let open = of(wide) * 0.24 + of(up) * 0.18;
        let narrow = of(squint) * 0.22 + of(down) * 0.42 + of(smile) * 0.06;
        let closed = (of(blink) + (narrow - open) * (1.0 - of(blink))).clamp(-0.30, 1.0);
        let raise = (1.0 - LIDS_MEET) * of(blink)
            + (0.20 * of(squint) + 0.14 * of(cheek) + 0.09 * of(smile) - 0.08 * of(down) - 0.05 * of(wide))
                * (1.0 - of(blink));
        let raise = raise.clamp(-0.12, 0.4);
        out[squint as usize] = raise;
        // Closed lids overlap a little, so that nothing shines through.
        out[blink as usize] =
            if closed > 0.0 { closed * (1.0 - raise) + 0.03 * smooth(0.9, 1.0, closed) } else { closed };
    }
    out[MouthClose as usize] = of(MouthClose).min(of(JawOpen));
    out
}
