//! Drawing the pictures of the grid beforehand: which ones, in which order, and doing it so that it may be stopped at any
//! time and go on later.
//!
//! What is needed is not chosen by hand but counted: the poses that speech and idle life are made of (every viseme on its
//! way to every other, as often as they follow each other; blinks, glances, brows) are looked up in the grid, and each node
//! is worth the share of time that it is seen.

use std::collections::BTreeMap;

use visage_core::{Blendshape, FacePose, StopFlag, Viseme, under_speech, viseme_mouth};

use crate::{
    cache::{CacheError, Origin, PictureCache},
    grid::{Coordinates, Node, Share},
    picture::Picture,
};

/// How often each viseme is made, of a thousand: counted in the 34,000 phonemes that espeak-ng makes of the English
/// documents of this project, placed as `visage_lipsync` places them; and as much silence as a speaker pauses.
const HEARD: [(Viseme, f32); 15] = [
    (Viseme::Sil, 120.0),
    (Viseme::PP, 61.0),
    (Viseme::FF, 40.0),
    (Viseme::TH, 33.0),
    (Viseme::DD, 106.0),
    (Viseme::Kk, 46.0),
    (Viseme::CH, 18.0),
    (Viseme::SS, 94.0),
    (Viseme::Nn, 98.0),
    (Viseme::RR, 76.0),
    (Viseme::Aa, 99.0),
    (Viseme::E, 96.0),
    (Viseme::I, 134.0),
    (Viseme::O, 39.0),
    (Viseme::U, 59.0),
];
/// How far the mouth goes towards a viseme: soft, usual and stressed.
const STRENGTHS: [f32; 3] = [0.45, 0.75, 1.0];
/// Places on the way from one viseme to the next.
const WAY: [f32; 4] = [0.0, 0.25, 0.5, 0.75];
/// Lids while a blink goes on and how much of the time (`visage_emotion`'s course of a blink, 16 a minute).
const BLINK: [(f32, f32); 7] =
    [(0.0, 0.93), (0.05, 0.01), (0.15, 0.01), (0.4, 0.01), (0.45, 0.01), (0.75, 0.01), (1.0, 0.02)];
/// Glances of idle life (`visage_emotion`'s reach) and how much of the time: to the sides, then up and down.
const GLANCES: [(f32, f32); 5] = [(-0.28, 0.1), (-0.1, 0.15), (0.0, 0.5), (0.1, 0.15), (0.28, 0.1)];
const UP_AND_DOWN: f32 = 0.6;
/// Inner brows on stressed words, and how much of the time.
const STRESS: [(f32, f32); 3] = [(0.0, 0.6), (0.1, 0.3), (0.2, 0.1)];
/// How strongly an emotion shows: on its way, and fully.
const MOODS: [f32; 2] = [0.5, 1.0];
/// Nodes that are seen for less than this share of the time are not worth their picture.
const SELDOM: f32 = 0.001;

/// How much of the time each node is seen.
type Seen = BTreeMap<Node, f32>;

/// Nodes to draw, the most needed first.
///
/// First come those that stand in for others: with them alone all mouths of speech, blinks and the rest can be shown, in
/// coarser steps. Then the finer steps, the most seen ones first.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    nodes: Vec<Node>,
    coarse: usize,
}

impl Plan {
    /// What a neutral character needs to speak and to live.
    pub fn speech() -> Self {
        let mut plan = Self { nodes: vec![Node::REST], coarse: 1 };
        plan.extend(&FacePose::default(), &[1.0]);
        plan.coarse = plan.nodes.iter().take_while(|node| node.stand_ins().is_empty()).count();
        plan
    }

    /// The same, then what an expression needs (the face of an emotion at full strength), at rest and while the character
    /// speaks.
    #[must_use]
    pub fn with_face(mut self, face: &FacePose) -> Self {
        self.extend(face, &MOODS);
        self
    }

    /// The nodes, in order. Each has a picture that no other one has.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// How many of the first nodes must be there before a neutral character can speak.
    pub const fn coarse(&self) -> usize {
        self.coarse
    }

    /// Only the first nodes.
    #[must_use]
    pub fn first(mut self, count: usize) -> Self {
        self.nodes.truncate(count);
        self
    }

    fn extend(&mut self, face: &FacePose, strengths: &[f32]) {
        let mut seen = Seen::new();
        for &strength in strengths {
            let mut mood = FacePose::default();
            mood.add_scaled(face, strength);
            count(&mood, 1.0 / strengths.len() as f32, &mut seen);
        }
        let mut coarse = Seen::new();
        for (&node, &share) in &seen {
            spread((node, share), &mut coarse);
        }
        let fine = seen.into_iter().filter(|(node, _)| !node.stand_ins().is_empty()).collect();
        for seen in [coarse, fine] {
            let mut nodes: Vec<Share> = seen.into_iter().filter(|(_, share)| *share >= SELDOM).collect();
            nodes.sort_by(|(a, x), (b, y)| y.total_cmp(x).then(a.cmp(b)));
            for (node, _) in nodes {
                let shown = node.pose();
                if self.nodes.iter().all(|there| there.pose() != shown) {
                    self.nodes.push(node);
                }
            }
        }
    }
}

/// Gives a node's share to those that stand in for it.
fn spread((node, share): Share, seen: &mut Seen) {
    let stand_ins = node.stand_ins();
    if stand_ins.is_empty() {
        *seen.entry(node).or_default() += share;
    }
    stand_ins.into_iter().for_each(|(other, part)| spread((other, share * part), seen));
}

/// Counts the nodes that are seen while a character in a mood lives and speaks, half of the time each.
fn count(mood: &FacePose, share: f32, seen: &mut Seen) {
    let mut add = |shares: Vec<Share>, times: f32| {
        shares.into_iter().for_each(|(node, part)| *seen.entry(node).or_default() += part * times);
    };
    add(Coordinates::of(mood).mouth.shares(), share / 2.0);
    let speaking = under_speech(mood, 1.0);
    let heard: f32 = HEARD.iter().map(|(_, heard)| heard).sum();
    for (from, often) in HEARD {
        for (to, then) in HEARD {
            let times = share / 2.0 * (often / heard) * (then / heard) / (STRENGTHS.len() * WAY.len()) as f32;
            for strength in STRENGTHS {
                for way in WAY {
                    let mut pose = speaking.clone();
                    pose.add_scaled(&mouth(from), strength * (1.0 - way));
                    pose.add_scaled(&mouth(to), strength * way);
                    add(Coordinates::of(&pose).mouth.shares(), times);
                }
            }
        }
    }
    for (lids, blinking) in BLINK {
        for (x, sideways) in GLANCES {
            for (y, upwards) in GLANCES {
                for side in Coordinates::of(&looking(mood, lids, [x, y * UP_AND_DOWN])).sides {
                    add(side.eyes(), share * blinking * sideways * upwards / 2.0);
                }
            }
        }
    }
    for (inner, often) in STRESS {
        let mut pose = mood.clone();
        pose[Blendshape::BrowInnerUp] += inner;
        for side in Coordinates::of(&pose).sides {
            add(side.brows(), share * often / 2.0);
        }
    }
}

/// The mouth of a viseme.
fn mouth(viseme: Viseme) -> FacePose {
    FacePose::of(viseme_mouth(viseme))
}

/// A mood with a glance and a blink, laid over each other as `visage_emotion` does.
fn looking(mood: &FacePose, lids: f32, [x, y]: [f32; 2]) -> FacePose {
    use Blendshape::*;
    let mut pose = mood.clone();
    for (lid, wide, squint) in
        [(EyeBlinkLeft, EyeWideLeft, EyeSquintLeft), (EyeBlinkRight, EyeWideRight, EyeSquintRight)]
    {
        pose[lid] = pose[lid].max(lids);
        pose[wide] *= 1.0 - lids;
        pose[squint] *= 1.0 - lids;
    }
    for (shapes, amount) in [
        ([EyeLookOutLeft, EyeLookInRight], x),
        ([EyeLookInLeft, EyeLookOutRight], -x),
        ([EyeLookUpLeft, EyeLookUpRight], y),
        ([EyeLookDownLeft, EyeLookDownRight], -y),
    ] {
        shapes.into_iter().for_each(|shape| pose[shape] += amount.max(0.0));
    }
    pose
}

/// How far a bake has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Nodes that are done: drawn now or found in the cache.
    pub done: usize,
    /// Of these, drawn now.
    pub drawn: usize,
    /// Nodes of the plan.
    pub total: usize,
    /// The node that was done last.
    pub node: Node,
}

/// How a bake ended well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Baked {
    /// Pictures that were drawn.
    pub drawn: usize,
    /// Pictures that were there already.
    pub found: usize,
    /// Nodes that are left because the bake was stopped.
    pub left: usize,
}

/// Why a bake ended.
#[derive(Debug, thiserror::Error)]
pub enum BakeError<E> {
    /// A picture could not be drawn.
    #[error(transparent)]
    Draw(E),
    /// A picture could not be kept.
    #[error(transparent)]
    Keep(CacheError),
}

/// Draws what the cache does not hold yet, in the plan's order. Each picture is kept as soon as it is drawn: after an
/// error, a stop or a kill the next bake goes on there. `draw` is given a node's pose, `progress` is told of every node,
/// and `stop` is asked before each.
///
/// # Errors
/// A picture could not be drawn or kept.
pub fn bake<E>(
    plan: &Plan,
    cache: &PictureCache,
    origin: &Origin,
    draw: &mut dyn FnMut(&FacePose) -> Result<Picture, E>,
    progress: &mut dyn FnMut(Progress),
    stop: &StopFlag,
) -> Result<Baked, BakeError<E>> {
    let total = plan.nodes.len();
    let (mut drawn, mut found) = (0, 0);
    for &node in &plan.nodes {
        if stop.is_set() {
            break;
        }
        let key = origin.node(node);
        if cache.holds(&key) {
            found += 1;
        } else {
            let picture = draw(&node.pose()).map_err(BakeError::Draw)?;
            cache.put(&key, &picture).map_err(BakeError::Keep)?;
            drawn += 1;
        }
        progress(Progress { done: drawn + found, drawn, total, node });
    }
    Ok(Baked { drawn, found, left: total - drawn - found })
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use visage_core::{Emotion, VISEMES, emotion_face};

    use super::*;
    use crate::{
        cache::CacheSettings,
        grid::add,
        picture::{BYTES, tests::plain},
    };

    fn cache(folder: &Path) -> PictureCache {
        PictureCache::open(CacheSettings { memory: 2 * BYTES, folder: Some(folder.to_owned()), disk: u64::MAX })
            .expect("a temporary folder")
    }

    /// Those of a plan's nodes that have no picture yet.
    fn missing(plan: &Plan, cache: &PictureCache, origin: &Origin) -> Vec<Node> {
        plan.nodes.iter().copied().filter(|node| !cache.holds(&origin.node(*node))).collect()
    }

    /// Whether a pose can be shown from these nodes: the share of each region that can.
    fn shown(pose: &FacePose, nodes: &[Node]) -> f32 {
        let there: Vec<FacePose> = nodes.iter().map(|node| node.pose()).collect();
        let coordinates = Coordinates::of(pose);
        let [right, left] = coordinates.sides;
        [coordinates.mouth.shares(), right.eyes(), left.eyes(), right.brows(), left.brows()]
            .into_iter()
            .map(|mut open| {
                let mut sum = Vec::new();
                while let Some((node, share)) = open.pop() {
                    if there.contains(&node.pose()) {
                        add(&mut sum, node, share);
                    } else {
                        open.extend(node.stand_ins().into_iter().map(|(other, part)| (other, share * part)));
                    }
                }
                sum.iter().map(|(_, share)| share).sum::<f32>()
            })
            .fold(1.0, f32::min)
    }

    #[test]
    fn every_viseme_is_counted_once() {
        assert_eq!(HEARD.map(|(viseme, _)| viseme), VISEMES);
        for (what, sum) in [
            ("blinks", BLINK.iter().map(|(_, often)| often).sum::<f32>()),
            ("glances", GLANCES.iter().map(|(_, often)| often).sum()),
            ("stress", STRESS.iter().map(|(_, often)| often).sum()),
        ] {
            assert!((sum - 1.0).abs() < 1e-5, "{what}: {sum}");
        }
    }

    #[test]
    fn a_neutral_character_takes_few_pictures_and_the_first_are_enough_to_speak() {
        let plan = Plan::speech();
        let count = plan.nodes().len();
        assert!((40..=150).contains(&count), "{count} pictures");
        assert!(plan.coarse() <= 36, "{} before it speaks", plan.coarse());
        for nodes in [plan.nodes(), &plan.nodes()[..plan.coarse()]] {
            for viseme in VISEMES {
                for lids in [0.0, 0.4, 1.0] {
                    let mut pose = looking(&mouth(viseme), lids, [0.2, -0.1]);
                    pose[Blendshape::BrowInnerUp] = 0.14;
                    let share = shown(&pose, nodes);
                    assert!(share > 0.9, "{viseme:?}, lids at {lids}: {share} with {} nodes", nodes.len());
                }
            }
        }
        assert!(shown(&mouth(Viseme::Aa), &plan.nodes()[..1]) < 0.5, "one picture is not enough");
    }

    #[test]
    fn no_picture_is_drawn_twice_and_what_stands_in_comes_first() {
        let mut plan = Plan::speech();
        for emotion in Emotion::ALL {
            plan = plan.with_face(&emotion_face(emotion));
        }
        for (index, node) in plan.nodes().iter().enumerate() {
            let pose = node.pose();
            assert!(plan.nodes()[..index].iter().all(|before| before.pose() != pose), "{node:?} comes twice");
        }
        let speech = Plan::speech();
        for (index, node) in speech.nodes().iter().enumerate() {
            assert_eq!(node.stand_ins().is_empty(), index < speech.coarse(), "{index}: {node:?}");
        }
        assert_eq!(plan.nodes()[..speech.nodes().len()], *speech.nodes());
        assert_eq!(plan.clone().first(3).nodes(), &plan.nodes()[..3]);
    }

    #[test]
    fn an_expression_is_shown_once_its_pictures_are_there() {
        let speech = Plan::speech();
        for emotion in Emotion::ALL {
            let plan = speech.clone().with_face(&emotion_face(emotion));
            for strength in [0.3, 0.5, 1.0] {
                let mut face = FacePose::default();
                face.add_scaled(&emotion_face(emotion), strength);
                for viseme in VISEMES {
                    let mut speaking = under_speech(&face, 1.0);
                    speaking.add_scaled(&mouth(viseme), 0.8);
                    for pose in [&face, &speaking.clamped()] {
                        let share = shown(pose, plan.nodes());
                        assert!(share > 0.8, "{emotion} at {strength}, {viseme:?}: {share}");
                    }
                }
            }
            let full = shown(&emotion_face(emotion), speech.nodes());
            assert_eq!(full > 0.75, emotion == Emotion::Neutral, "{emotion} without pictures of its own: {full}");
        }
    }

    /// Bakes with pictures that tell the pose, up to `most` of them.
    fn baking(cache: &PictureCache, plan: &Plan, most: usize) -> (Result<Baked, BakeError<String>>, Vec<Progress>) {
        let stop = StopFlag::default();
        let (mut drawn, mut seen) = (0, Vec::new());
        let mut draw = |pose: &FacePose| {
            assert_eq!(crate::grid::snap(pose), *pose);
            drawn += 1;
            if drawn == most {
                stop.set();
            }
            Ok(colour(pose))
        };
        let result =
            bake(plan, cache, &Origin::new(b"face", "a"), &mut draw, &mut |progress| seen.push(progress), &stop);
        (result, seen)
    }

    fn colour(pose: &FacePose) -> Picture {
        let sum = |from: usize| pose.shapes.iter().skip(from).step_by(3).sum::<f32>();
        plain([0, 1, 2].map(|from| (sum(from) * 60.0) as u8))
    }

    #[test]
    fn a_bake_that_was_stopped_goes_on_where_it_was() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let plan = Plan::speech().first(6);
        let origin = Origin::new(b"face", "a");
        let (result, seen) = baking(&cache(folder.path()), &plan, 2);
        assert_eq!(result.expect("it can be drawn"), Baked { drawn: 2, found: 0, left: 4 });
        assert_eq!(
            seen.iter().map(|progress| (progress.done, progress.node)).collect::<Vec<_>>(),
            [(1, plan.nodes()[0]), (2, plan.nodes()[1])]
        );
        assert_eq!(missing(&plan, &cache(folder.path()), &origin), plan.nodes()[2..]);
        // One of the two is damaged meanwhile.
        let damaged = fs::read_dir(folder.path()).expect("there").flatten().next().expect("a folder for the face");
        let file = fs::read_dir(damaged.path()).expect("there").flatten().next().expect("a picture").path();
        let bytes = fs::read(&file).expect("there");
        fs::write(&file, &bytes[..bytes.len() / 2]).expect("a temporary folder");
        let (result, seen) = baking(&cache(folder.path()), &plan, 100);
        assert_eq!(result.expect("it can be drawn"), Baked { drawn: 5, found: 1, left: 0 });
        assert_eq!(seen.last().map(|last| (last.done, last.drawn, last.total)), Some((6, 5, 6)));
        let (result, _) = baking(&cache(folder.path()), &plan, 100);
        assert_eq!(result.expect("nothing is left to draw"), Baked { drawn: 0, found: 6, left: 0 });
        let cache = cache(folder.path());
        for node in plan.nodes() {
            assert_eq!(cache.get(&origin.node(*node)), Some(colour(&node.pose())), "{node:?}");
        }
    }

    #[test]
    fn errors_end_a_bake_and_keep_what_was_drawn() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (plan, origin) = (Plan::speech().first(4), Origin::new(b"face", "a"));
        let mut calls = 0;
        let mut draw = |pose: &FacePose| {
            calls += 1;
            if calls == 3 { Err("the network broke") } else { Ok(colour(pose)) }
        };
        let there = cache(folder.path());
        let result = bake(&plan, &there, &origin, &mut draw, &mut |_| (), &StopFlag::default());
        assert!(matches!(result, Err(BakeError::Draw("the network broke"))));
        assert_eq!(missing(&plan, &there, &origin), plan.nodes()[2..]);
        // The folder cannot be written any more.
        fs::remove_dir_all(folder.path()).expect("there");
        fs::write(folder.path(), "a file in its place").expect("a temporary folder");
        let mut draw = |pose: &FacePose| Ok::<_, &str>(colour(pose));
        let result = bake(&plan, &there, &origin, &mut draw, &mut |_| (), &StopFlag::default());
        assert!(matches!(result, Err(BakeError::Keep(_))));
        fs::remove_file(folder.path()).expect("there");
    }
}
