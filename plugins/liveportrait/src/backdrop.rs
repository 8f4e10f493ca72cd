//! What the networks see of a portrait, and what their picture is put back into.
//!
//! Before an opaque backdrop both are the portrait as it is: its picture already has the backdrop around the person.
//! Before a transparent one the networks see the person before a pure colour that it has nothing of, and what they paint
//! of that colour becomes transparent again (keying: Vlahos 1978, US patent 4,100,569, expired). Black would not do, since
//! hair may be black; alpha moved by hand would not fit the hair that the networks paint; and two pictures before
//! different colours would take twice the time.

use visage_core::{Raster, Rig};

use crate::LivePortraitError;

/// Less excess of the key's colour than this (0..=255) counts as none.
const NO_KEY: i32 = 12;
/// More than this counts as nothing but key.
const ALL_KEY: i32 = 225;

/// A portrait before its backdrop.
pub(crate) struct Scene {
    /// What the networks see; alpha means nothing.
    pub seen: Raster,
    /// What shows where the networks' picture does not: colours multiplied by alpha.
    pub base: Raster,
    /// What becomes transparent in the networks' picture.
    pub key: Option<Key>,
}

impl Scene {
    /// The scene of a rig.
    ///
    /// # Errors
    /// The rig's pictures do not fit together.
    pub fn of(rig: &Rig) -> Result<Self, LivePortraitError> {
        let (portrait, background) = (&rig.portrait, &rig.background);
        let pixels = portrait.width as usize * portrait.height as usize;
        if pixels == 0 || portrait.width != portrait.height {
            return Err(LivePortraitError::Rig("its picture is not square"));
        }
        if (background.width, background.height) != (portrait.width, portrait.height)
            || [portrait.rgba.len(), background.rgba.len()] != [pixels * 4; 2]
            || rig.matte.len() != pixels
        {
            return Err(LivePortraitError::Rig("its pictures differ in size"));
        }
        if background.rgba.chunks_exact(4).all(|pixel| pixel[3] == u8::MAX) {
            return Ok(Self { seen: portrait.clone(), base: portrait.clone(), key: None });
        }
        let pixel = |((portrait, background), &matte): ((&[u8], &[u8]), &u8)| {
            let (head, body) =
                (f32::from(matte) / 255.0, f32::from(background[3]) / 255.0 * (255 - matte) as f32 / 255.0);
            let mix = |channel: usize| f32::from(portrait[channel]) * head + f32::from(background[channel]) * body;
            [mix(0), mix(1), mix(2), (head + body) * 255.0].map(|value| (value + 0.5) as u8)
        };
        let own = portrait.rgba.chunks_exact(4).zip(background.rgba.chunks_exact(4)).zip(rig.matte.iter());
        let base: Vec<u8> = own.flat_map(pixel).collect();
        let key = Key::for_person(&base);
        let seen = base.chunks_exact(4).flat_map(|pixel| key.before(pixel)).collect();
        let raster = |rgba| Raster { rgba, ..*portrait };
        Ok(Self { seen: raster(seen), base: raster(base.into()), key: Some(key) })
    }

    /// What lies around the picture as the networks see it: nothing, black or the key.
    pub fn outside(&self) -> [u8; 3] {
        self.key.map_or([0; 3], Key::colour)
    }
}

/// A colour that is full in some channels and empty in the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    full: [bool; 3],
}

impl Key {
    /// The colours that may be keys: skin has little of each.
    const CHOICE: [Self; 4] = [
        Self { full: [false, true, false] },
        Self { full: [false, false, true] },
        Self { full: [false, true, true] },
        Self { full: [true, false, true] },
    ];

    /// The key of which a person (RGBA, colours multiplied by alpha) has least.
    fn for_person(rgba: &[u8]) -> Self {
        let share = |key: &Self| -> u64 {
            let excess = |pixel: &[u8]| key.excess([pixel[0], pixel[1], pixel[2]]).max(0) as u64;
            rgba.chunks_exact(4).map(excess).sum()
        };
        let [first, others @ ..] = Self::CHOICE;
        others
            .into_iter()
            .map(|key| (share(&key), key))
            .fold((share(&first), first), |best, other| if other.0 < best.0 { other } else { best })
            .1
    }

    fn colour(self) -> [u8; 3] {
        self.full.map(|full| if full { u8::MAX } else { 0 })
    }

    /// A pixel (colours multiplied by alpha) before this colour, opaque.
    fn before(self, pixel: &[u8]) -> [u8; 4] {
        let behind = u8::MAX - pixel[3];
        let channel = |n: usize| pixel[n].saturating_add(if self.full[n] { behind } else { 0 });
        [channel(0), channel(1), channel(2), u8::MAX]
    }

    /// By how much the key's full channels exceed its empty ones, -255..=255.
    fn excess(self, rgb: [u8; 3]) -> i32 {
        let (mut least_full, mut most_empty) = (255, 0);
        for (full, value) in self.full.into_iter().zip(rgb.map(i32::from)) {
            if full {
                least_full = value.min(least_full);
            } else {
                most_empty = value.max(most_empty);
            }
        }
        least_full - most_empty
    }

    /// Takes this colour out of a pixel: RGBA, colours multiplied by alpha.
    pub fn removed(self, rgb: [u8; 3]) -> [u8; 4] {
        let excess = self.excess(rgb).max(0);
        let alpha = 255 - ((excess - NO_KEY).max(0) * 255 / (ALL_KEY - NO_KEY)).min(255);
        let channel = |n: usize| {
            let own = i32::from(rgb[n]) - if self.full[n] { excess } else { 0 };
            // Never more than alpha, as colours multiplied by it are.
            own.clamp(0, alpha) as u8
        };
        [channel(0), channel(1), channel(2), alpha as u8]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn before_something_opaque_everything_is_the_portrait() {
        let rig = testing::rig(16);
        let scene = Scene::of(&rig).expect("the rig is whole");
        assert!(scene.seen == rig.portrait && scene.base == rig.portrait && scene.key.is_none());
        assert_eq!(scene.outside(), [0; 3]);
    }

    #[test]
    fn before_nothing_the_person_stands_before_a_key() {
        let mut rig = testing::rig(4);
        let check = |rig: &Rig, at: usize, seen: [u8; 4], base: [u8; 4]| {
            let scene = Scene::of(rig).expect("the rig is whole");
            assert_eq!(scene.key, Some(Key::CHOICE[0]));
            assert_eq!(scene.outside(), [0, 255, 0]);
            assert_eq!([&scene.seen.rgba[at * 4..][..4], &scene.base.rgba[at * 4..][..4]], [seen, base], "{at}");
        };
        // Head, nothing, body, half a body behind half a head.
        let pixels = [([200, 150, 100], 255, 0), ([9, 9, 9], 0, 0), ([9, 9, 9], 0, 255), ([200, 150, 100], 128, 128)];
        let mut portrait = [0; 64];
        let (mut background, mut matte) = ([0; 64], [0; 16]);
        for (at, ([r, g, b], head, body)) in pixels.into_iter().enumerate() {
            portrait[at * 4..][..4].copy_from_slice(&[r, g, b, 255]);
            background[at * 4..][..4].copy_from_slice(&[40, 30, 20, body]);
            matte[at] = head;
        }
        rig.portrait.rgba = portrait.into();
        rig.background.rgba = background.into();
        rig.matte = matte.into();
        check(&rig, 0, [200, 150, 100, 255], [200, 150, 100, 255]);
        check(&rig, 1, [0, 255, 0, 255], [0, 0, 0, 0]);
        check(&rig, 2, [40, 30, 20, 255], [40, 30, 20, 255]);
        check(&rig, 3, [110, 146, 55, 255], [110, 83, 55, 192]);
    }

    #[test]
    fn the_key_is_what_the_person_has_not() {
        let check = |colours: &[[u8; 3]], expected: usize| {
            let person: Vec<u8> = colours.iter().flat_map(|&[r, g, b]| [r, g, b, 255]).collect();
            assert_eq!(Key::for_person(&person), Key::CHOICE[expected], "{colours:?}");
        };
        let (skin, black, green, blue, pink) =
            ([220, 170, 140], [20, 18, 17], [40, 160, 30], [60, 50, 180], [230, 90, 160]);
        check(&[skin, black], 0);
        check(&[skin, blue], 0);
        check(&[skin, green], 1);
        check(&[skin, green, blue, pink], 2);
        check(&[skin, green, blue], 2);
        check(&[skin, green, blue, [30, 180, 180]], 3);
    }

    #[test]
    fn the_key_goes_and_the_person_stays() {
        for key in Key::CHOICE {
            assert_eq!(key.removed(key.colour()), [0; 4]);
            // Nor does what the networks add to the key show.
            assert_eq!(key.removed(key.colour().map(|value| value.clamp(14, 250))), [0; 4]);
            // What has none of the key is not touched.
            for colour in [[210, 160, 120], [12, 12, 12], [255, 255, 255]] {
                assert_eq!(key.removed(colour), [colour[0], colour[1], colour[2], 255], "{key:?}");
            }
            // Half a person before the key comes back as half a person.
            // (nearly: whose colour is far from the key looks more opaque than it is).
            for person in [[200, 150, 120], [20, 16, 14]] {
                let half = person.map(|value| value / 2);
                let seen = key.before(&[half[0], half[1], half[2], 128]);
                let [r, g, b, alpha] = key.removed([seen[0], seen[1], seen[2]]);
                assert!(alpha.abs_diff(128) < 50, "{key:?}, {person:?}: {alpha}");
                let colours = [r, g, b].iter().zip(half).all(|(a, b)| a.abs_diff(b) < 50 && *a <= alpha);
                assert!(colours, "{key:?}, {person:?}: {:?} for {half:?}", [r, g, b]);
            }
        }
    }

    #[test]
    fn a_rig_that_is_not_whole_is_refused() {
        type Change = fn(&mut Rig);
        let cases: [(Change, &str); 4] = [
            (|rig| rig.portrait.height = 8, "not square"),
            (|rig| rig.portrait = Raster { width: 0, height: 0, rgba: [].into() }, "not square"),
            (|rig| rig.background.rgba = [0; 8].into(), "differ in size"),
            (|rig| rig.matte = [0; 8].into(), "differ in size"),
        ];
        for (change, expected) in cases {
            let mut rig = testing::rig(16);
            change(&mut rig);
            let message = Scene::of(&rig).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(message.contains(expected), "{message}");
        }
    }
}
