//! Plays a face from pictures that were drawn before: a pose becomes nodes of the grid, their pictures are blended region
//! by region, and the head is turned. Milliseconds on one core; the networks take seconds.
//!
//! Everything happens on the caller's thread, which is the renderer's own. Opening reads all pictures of the character
//! that are on disk into memory, the most needed first, until the memory's limit. Afterwards at most one picture a frame
//! is read from disk (a few milliseconds), so that playing never stalls; until it is there, others stand in for it. Which
//! nodes lie nowhere is remembered for some seconds, so that a bake in another program is noticed soon and the disk is not
//! asked for every frame.

use std::{collections::HashMap, sync::Arc};

use visage_core::{FacePose, RenderError, TICK_HZ};

use crate::{
    bake::Plan,
    blend::{Blender, Recipe, Recipes},
    cache::{Key, Origin, PictureCache},
    grid::{Coordinates, Node, Share},
    layout::Layout,
    picture::{BYTES, Picture},
    turn::{self, Turner},
};

/// Weights below this are not seen.
const LEAST: f32 = 1.0 / 512.0;
/// A region is shown if pictures for this share of it are there or may be replaced.
const NEAR_ENOUGH: f32 = 0.75;
/// A pose of which a blendshape is shown by more than this too weakly or too strongly has no picture.
const FARTHEST: f32 = 0.65;
/// Pictures read from disk for a frame.
const READS: u32 = 1;
/// A node without a picture is looked for again after so many frames: ten seconds.
const LOOK_AGAIN: u64 = 10 * TICK_HZ as u64;

/// A face that is played.
#[derive(Debug)]
pub struct Playback {
    shelf: Shelf,
    blender: Blender,
    turner: Turner,
    /// What `blended` was made of.
    recipes: Recipes,
    blended: Vec<u8>,
    turned: Vec<u8>,
}

/// The pictures of one face.
#[derive(Debug)]
struct Shelf {
    cache: Arc<PictureCache>,
    origin: Origin,
    keys: HashMap<Node, Key>,
    /// In which frame a node was last found to be nowhere.
    nowhere: HashMap<Node, u64>,
    frame: u64,
    reads: u32,
}

impl Playback {
    /// Opens a face and reads its pictures, those of `plan` first in its order. Takes some milliseconds for each of them.
    pub fn open(cache: Arc<PictureCache>, origin: Origin, layout: &Layout, plan: &Plan) -> Self {
        let mut shelf =
            Shelf { cache, origin, keys: HashMap::new(), nowhere: HashMap::new(), frame: 0, reads: u32::MAX };
        for node in plan.nodes() {
            if !shelf.cache.has_room() {
                tracing::debug!("the pictures do not all fit into memory");
                break;
            }
            let _ = shelf.picture(*node);
        }
        Self {
            shelf,
            blender: Blender::new(layout),
            turner: Turner::new(layout),
            recipes: Recipes::default(),
            blended: vec![0; BYTES],
            turned: vec![0; BYTES],
        }
    }

    /// The face in a pose: 512×512 pixels of 8-bit sRGB, to be pasted where its crop was.
    ///
    /// # Errors
    /// [`RenderError::NoPicture`] if too few pictures near the pose are there, if the head is too far from rest, or if the
    /// pose has something that the grid does not know.
    pub fn draw(&mut self, pose: &FacePose) -> Result<&[u8], RenderError> {
        let coordinates = Coordinates::of(pose);
        if turn::is_too_far(&pose.head) || coordinates.residual(pose) > FARTHEST {
            return Err(RenderError::NoPicture);
        }
        self.shelf.frame += 1;
        self.shelf.reads = READS;
        let [right, left] = coordinates.sides;
        let mut recipe = |shares| self.shelf.recipe(shares).ok_or(RenderError::NoPicture);
        let recipes = Recipes {
            mouth: recipe(coordinates.mouth.shares())?,
            eyes: [recipe(right.eyes())?, recipe(left.eyes())?],
            brows: [recipe(right.brows())?, recipe(left.brows())?],
        };
        if !recipes.is(&self.recipes) {
            self.blender.blend(&recipes, &mut self.blended);
            self.recipes = recipes;
        }
        let turned = self.turner.turn(&pose.head, &self.blended, &mut self.turned);
        Ok(if turned { &self.turned } else { &self.blended })
    }

    /// Gives back the memory of pictures, also that of other faces in the same cache. They are read again when they are
    /// needed.
    pub fn release(&mut self) {
        self.recipes = Recipes::default();
        self.shelf.cache.release();
    }
}

impl Shelf {
    /// What a region shows: the pictures of its nodes, or of those that stand in for them.
    fn recipe(&mut self, mut open: Vec<Share>) -> Option<Recipe> {
        let mut found: Vec<(Picture, f32)> = Vec::with_capacity(open.len());
        let mut sum = 0.0;
        while let Some((node, share)) = open.pop() {
            if share < LEAST {
                continue;
            }
            let Some(picture) = self.picture(node) else {
                open.extend(node.stand_ins().into_iter().map(|(other, part)| (other, share * part)));
                continue;
            };
            sum += share;
            match found.iter_mut().find(|(there, _)| std::ptr::eq(there.rgb(), picture.rgb())) {
                Some((_, sum)) => *sum += share,
                None => found.push((picture, share)),
            }
        }
        (sum >= NEAR_ENOUGH).then(|| Recipe::new(found))
    }

    /// A node's picture, from disk if this frame may still read one.
    fn picture(&mut self, node: Node) -> Option<Picture> {
        let key = self.keys.entry(node).or_insert_with(|| self.origin.node(node));
        if let Some(picture) = self.cache.in_memory(key) {
            return Some(picture);
        }
        let nowhere = self.nowhere.get(&node).is_some_and(|frame| self.frame - frame < LOOK_AGAIN);
        if nowhere || self.reads == 0 {
            return None;
        }
        self.reads -= 1;
        let picture = self.cache.get(key);
        match picture {
            Some(_) => self.nowhere.remove(&node),
            None => self.nowhere.insert(node, self.frame),
        };
        picture
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use visage_core::{Blendshape::*, Emotion, HeadPose, emotion_face, viseme_mouth};

    use super::*;
    use crate::{
        bake::bake,
        cache::CacheSettings,
        picture::{ROW, SIDE, tests::plain},
    };
    use visage_core::{StopFlag, VISEMES};

    fn origin() -> Origin {
        Origin::new(b"face", "a")
    }

    fn memory(pictures: usize) -> Arc<PictureCache> {
        let settings = CacheSettings { memory: pictures * BYTES, folder: None, disk: 0 };
        Arc::new(PictureCache::open(settings).expect("no folder"))
    }

    fn on_disk(folder: &Path, pictures: usize) -> Arc<PictureCache> {
        let settings = CacheSettings { memory: pictures * BYTES, folder: Some(folder.to_owned()), disk: u64::MAX };
        Arc::new(PictureCache::open(settings).expect("a temporary folder"))
    }

    /// A drawn face that is easily checked: red tells the jaw, green the right lids and the brows, blue the gaze.
    fn face(pose: &FacePose) -> Picture {
        let level = |value: f32| (value * 200.0).round() as u8;
        plain([
            level(pose[JawOpen]),
            level(pose[EyeBlinkRight]) + level(pose[BrowInnerUp] / 4.0),
            100 + level(pose[EyeLookUpLeft] / 4.0),
        ])
    }

    fn baked(cache: &PictureCache, plan: &Plan) {
        let mut draw = |pose: &FacePose| Ok::<_, ()>(face(pose));
        assert!(bake(plan, cache, &origin(), &mut draw, &mut |_| (), &StopFlag::default()).is_ok());
    }

    fn open(cache: Arc<PictureCache>) -> Playback {
        Playback::open(cache, origin(), &Layout::default(), &Plan::speech())
    }

    fn at(picture: &[u8], [x, y]: [usize; 2]) -> [u8; 3] {
        let at = y * ROW + x * 3;
        [picture[at], picture[at + 1], picture[at + 2]]
    }

    const MOUTH: [usize; 2] = [256, 400];
    const RIGHT_EYE: [usize; 2] = [200, 275];
    const LEFT_EYE: [usize; 2] = [312, 275];

    #[test]
    fn each_region_shows_its_own_pose() {
        let cache = memory(200);
        baked(&cache, &Plan::speech());
        let mut playback = open(cache);
        // A wink while the jaw is open: the lips that part in the picture count as opening.
        let mut pose = FacePose::of(&[(JawOpen, 0.36), (EyeBlinkRight, 1.0)]);
        let shown = playback.draw(&pose).expect("the pictures are there");
        let jaw = Node::Mouth { opening: 6, width: 2, mood: 1 }.pose()[JawOpen];
        assert_eq!(at(shown, MOUTH)[0], (jaw * 200.0).round() as u8);
        assert_eq!((at(shown, RIGHT_EYE)[1], at(shown, LEFT_EYE)[1]), (200, 0));
        assert_eq!((at(shown, RIGHT_EYE)[0], at(shown, MOUTH)[1]), (0, 0), "elsewhere everything is at rest");
        // Half-way between two levels both are seen.
        pose = FacePose::of(&[(EyeBlinkRight, 0.75), (EyeBlinkLeft, 0.75)]);
        let shown = playback.draw(&pose).expect("the pictures are there");
        assert_eq!((at(shown, RIGHT_EYE)[1], at(shown, LEFT_EYE)[1]), (150, 150));
    }

    #[test]
    fn a_small_change_of_the_pose_is_a_small_change_of_the_picture() {
        for plan in [Plan::speech(), Plan::speech().first(Plan::speech().coarse())] {
            let cache = memory(200);
            baked(&cache, &plan);
            let mut playback = open(cache);
            let mut before: Option<Vec<u8>> = None;
            for step in 0..=160 {
                let t = step as f32 / 160.0;
                let mut pose = FacePose::of(&[(JawOpen, 0.8 * t), (EyeBlinkLeft, t), (EyeBlinkRight, t)]);
                pose[EyeLookUpLeft] = 0.5 * (1.0 - t);
                pose[BrowInnerUp] = 0.2 * t;
                let now = playback.draw(&pose).expect("the pictures are there").to_vec();
                if let Some(before) = before {
                    for place in [MOUTH, RIGHT_EYE, LEFT_EYE, [256, 100]] {
                        let (a, b) = (at(&before, place), at(&now, place));
                        let jump = (0..3).map(|channel| a[channel].abs_diff(b[channel])).max();
                        assert!(jump <= Some(4), "{a:?} to {b:?} at step {step} in {place:?}");
                    }
                }
                before = Some(now);
            }
        }
    }

    #[test]
    fn too_few_pictures_are_no_picture() {
        let cache = memory(200);
        let mut playback = open(cache.clone());
        let rest = FacePose::default();
        assert_eq!(playback.draw(&rest).err(), Some(RenderError::NoPicture), "nothing is there");
        cache.put(&origin().node(Node::REST), &face(&rest)).expect("no folder");
        assert!(playback.draw(&rest).is_ok(), "rest is there");
        assert!(playback.draw(&FacePose::of(&[(JawOpen, 0.02)])).is_ok(), "near enough");
        let open = FacePose::of(&[(JawOpen, 0.4)]);
        assert_eq!(playback.draw(&open).err(), Some(RenderError::NoPicture), "nothing near");
        let lids = |closed| FacePose::of(&[(EyeBlinkLeft, closed), (EyeBlinkRight, closed)]);
        assert!(playback.draw(&lids(0.1)).is_ok(), "four fifths are there");
        assert_eq!(playback.draw(&lids(0.25)).err(), Some(RenderError::NoPicture), "half is there");
        let smile = emotion_face(Emotion::Happy);
        assert_eq!(playback.draw(&smile).err(), Some(RenderError::NoPicture), "a smile is not shown as rest");
        baked(&cache, &Plan::speech());
        assert!(playback.draw(&open).is_ok());
        assert_eq!(playback.draw(&smile).err(), Some(RenderError::NoPicture), "smiles are not among them");
        baked(&cache, &Plan::speech().with_face(&smile));
        assert!(playback.draw(&smile).is_ok());
    }

    #[test]
    fn what_the_grid_does_not_know_is_no_picture() {
        let cache = memory(200);
        baked(&cache, &Plan::speech());
        let mut playback = open(cache);
        for viseme in VISEMES {
            assert!(playback.draw(&FacePose::of(viseme_mouth(viseme))).is_ok(), "{viseme:?}");
        }
        for (what, shapes, head) in [
            ("cheeks puffed", vec![(CheekPuff, 1.0)], HeadPose::default()),
            ("the tongue out", vec![(TongueOut, 0.9)], HeadPose::default()),
            ("the jaw to a side", vec![(JawLeft, 0.8)], HeadPose::default()),
            ("half a smile", vec![(MouthSmileLeft, 0.0), (NoseSneerLeft, 0.8)], HeadPose::default()),
            ("the head turned far", vec![], HeadPose { yaw: 0.5, ..HeadPose::default() }),
            ("no number", vec![], HeadPose { roll: f32::NAN, ..HeadPose::default() }),
        ] {
            let pose = FacePose { head, ..FacePose::of(&shapes) };
            assert_eq!(playback.draw(&pose).err(), Some(RenderError::NoPicture), "{what}");
        }
        let odd = FacePose::of(&[(JawOpen, f32::NAN), (EyeBlinkLeft, -3.0)]);
        assert!(playback.draw(&odd).is_ok());
    }

    #[test]
    fn missing_neighbours_are_replaced_by_those_beyond_them() {
        let (all, few) = (memory(200), memory(200));
        let plan = Plan::speech();
        baked(&all, &plan);
        baked(&few, &plan.clone().first(plan.coarse()));
        let (mut fine, mut coarse) = (open(all), open(few));
        // Opening 0.05 is the mean of 0 and 0.1 where it has no picture; in these pictures colours are linear.
        let level = Node::Mouth { opening: 1, width: 2, mood: 1 };
        let wide = Node::Mouth { opening: 2, width: 2, mood: 1 };
        let shown =
            |playback: &mut Playback, node: Node| at(playback.draw(&node.pose()).expect("near enough"), MOUTH)[0];
        assert_eq!(shown(&mut fine, level), face(&level.pose()).rgb()[0]);
        let half = face(&wide.pose()).rgb()[0] / 2;
        assert!(shown(&mut coarse, level).abs_diff(half) <= 1);
    }

    #[test]
    fn the_head_turns_what_was_blended() {
        let cache = memory(200);
        baked(&cache, &Plan::speech());
        // A picture with a mark at the nose.
        let mut marked = face(&FacePose::default()).rgb().to_vec();
        for y in 305..315 {
            marked[y * ROW + 256 * 3..][..24].fill(255);
        }
        cache.put(&origin().node(Node::REST), &Picture::new(marked).expect("its size is right")).expect("no folder");
        let mut playback = open(cache);
        let mark = |shown: &[u8]| (0..SIDE).find(|x| at(shown, [*x, 310])[0] > 128);
        let still = mark(playback.draw(&FacePose::default()).expect("rest is there"));
        let head = HeadPose { yaw: 0.1, ..HeadPose::default() };
        let turned = mark(playback.draw(&FacePose { head, ..FacePose::default() }).expect("rest is there"));
        let again = mark(playback.draw(&FacePose::default()).expect("rest is there"));
        assert_eq!((still, again), (Some(256), Some(256)));
        assert!((Some(264)..Some(270)).contains(&turned), "{turned:?}");
    }

    #[test]
    fn pictures_are_read_at_opening_and_one_a_frame_afterwards() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let plan = Plan::speech().first(Plan::speech().coarse());
        let count = plan.nodes().len() as u64;
        baked(&on_disk(folder.path(), 1), &plan);
        let cache = on_disk(folder.path(), 200);
        let mut playback = Playback::open(cache.clone(), origin(), &Layout::default(), &plan);
        assert_eq!(cache.statistics().disk_hits, count);
        assert_eq!(cache.statistics().memory_bytes, count * BYTES as u64);
        // It lies between several pictures.
        let pose = FacePose::of(&[(JawOpen, 0.17), (EyeBlinkLeft, 0.7), (EyeBlinkRight, 0.7)]);
        assert!(playback.draw(&pose).is_ok());
        assert_eq!(cache.statistics().disk_hits, count, "nothing had to be read");
        playback.release();
        let mut frames = 0;
        loop {
            let before = cache.statistics();
            let drawn = playback.draw(&pose).is_ok();
            let now = cache.statistics();
            assert!(now.disk_hits + now.misses <= before.disk_hits + before.misses + 1, "more than one in a frame");
            if drawn {
                break;
            }
            frames += 1;
            assert!(frames < 20, "it never comes back");
        }
        assert!(frames > 2, "it takes several pictures");
        // A memory for few: the first ones of the plan are kept.
        let small = on_disk(folder.path(), 3);
        let _playback = Playback::open(small.clone(), origin(), &Layout::default(), &plan);
        assert!(plan.nodes()[..3].iter().all(|node| small.in_memory(&origin().node(*node)).is_some()));
        assert_eq!(small.statistics().disk_hits, 3);
    }

    #[test]
    fn what_another_program_bakes_is_found_within_seconds_and_not_asked_for_every_frame() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let cache = on_disk(folder.path(), 200);
        let mut playback = open(cache.clone());
        let misses = cache.statistics().misses;
        for _ in 0..LOOK_AGAIN / 2 {
            assert!(playback.draw(&FacePose::default()).is_err());
        }
        assert_eq!(cache.statistics().misses, misses, "the disk was asked again");
        for _ in 0..3 * LOOK_AGAIN {
            assert!(playback.draw(&FacePose::default()).is_err());
        }
        let asked = cache.statistics().misses - misses;
        assert!((3..=4).contains(&asked), "asked {asked} times in 35 seconds");
        baked(&on_disk(folder.path(), 1), &Plan::speech().first(1));
        let found = (0..2 * LOOK_AGAIN).find(|_| playback.draw(&FacePose::default()).is_ok());
        assert!(found.is_some(), "it is not found");
    }
}
