//! One character gives way to the next.

use bevy::mesh::Mesh;
use visage_core::workers_settled;

use super::*;

/// The drawn face before a wall of one colour.
fn before(wall: [u8; 4]) -> Rig {
    let mut rig = drawn_rig(128);
    let walls: Vec<u8> = rig.background.rgba.chunks_exact(4).flat_map(|_| wall).collect();
    rig.background.rgba = walls.into();
    rig
}

/// Orders another rig and runs ticks, as slow as the device, until it alone is seen. Returns the frames.
fn change(stepper: &mut Stepper, rig: &Arc<Rig>, mut pose: impl FnMut(usize) -> FacePose) -> Vec<Frame> {
    stepper.get_mut::<ActiveCharacter>().rig = rig.clone();
    let mut frames = vec![];
    for tick in 0..200 {
        stepper.get_mut::<CurrentPose>().0 = pose(tick);
        stepper.tick();
        while !workers_settled() {
            std::thread::yield_now();
        }
        wait_for_frames(stepper.world());
        frames.extend(stepper.read::<FrameReady>().into_iter().map(|ready| ready.0));
        let stage = stepper.get::<OnStage>();
        if !stage.changing && stage.rig.as_ref().is_some_and(|on| Arc::ptr_eq(on, rig)) {
            break;
        }
    }
    stepper.tick();
    wait_for_frames(stepper.world());
    frames.extend(stepper.read::<FrameReady>().into_iter().map(|ready| ready.0));
    frames
}

#[test]
fn the_next_character_fades_in_over_the_last() {
    let mut stepper = stage(StagePlugin { fade_ticks: 6, ..small() });
    enter(&mut stepper, drawn_rig(128));
    let frames = change(&mut stepper, &Arc::new(before([255, 0, 0, 255])), |_| FacePose::default());
    let mut seen: Vec<_> = frames.iter().map(|frame| pixel(frame, 1, 1)[0]).collect();
    seen.dedup();
    assert!(seen.is_sorted(), "it goes one way: {seen:?}");
    assert_eq!((seen.first(), seen.last()), (Some(&WALL[0]), Some(&255)), "{seen:?}");
    assert_eq!(seen.len(), 8, "six steps between: {seen:?}");
    assert!(
        frames.iter().all(|frame| frame.rgba.chunks_exact(4).all(|pixel| pixel[3] == 255)),
        "nothing shines through"
    );
}

/// The two rigs look the same, so that a frame of the fade must look like one of either, in whatever pose.
#[test]
fn both_characters_move_while_one_gives_way_to_the_other() {
    let poses = |tick: usize| FacePose::of(&[(Blendshape::JawOpen, (tick % 5) as f32 / 5.0)]);
    let mut stepper = stage(StagePlugin { fade_ticks: 10, ..small() });
    enter(&mut stepper, drawn_rig(128));
    let alone: Vec<_> = (0..5).map(|tick| frame_of(&mut stepper, poses(tick)).rgba).collect();
    assert!(alone.windows(2).all(|pair| pair[0] != pair[1]), "the poses can be told apart");
    let frames = change(&mut stepper, &Arc::new(drawn_rig(128)), poses);
    assert!(frames.len() >= 10);
    let unlike = |a: &[u8], b: &[u8]| a.iter().zip(b).map(|(a, b)| a.abs_diff(*b)).max();
    for (index, frame) in frames.iter().enumerate().skip(1) {
        let like = alone.iter().any(|one| unlike(one, &frame.rgba) <= Some(2));
        assert!(like, "frame {index} shows two poses at once");
    }
}

#[test]
fn a_new_profile_with_the_same_face_does_not_fade() {
    let mut stepper = stage(StagePlugin { fade_ticks: 6, ..small() });
    enter(&mut stepper, drawn_rig(128));
    let profile = CharacterProfile { name: "Redrawn".into(), ..CharacterProfile::default() };
    stepper.get_mut::<ActiveCharacter>().profile = Arc::new(profile);
    for _ in 0..10 {
        stepper.tick();
        assert!(!stepper.get::<OnStage>().changing);
    }
}

/// What lives among the app's assets and on the graphics device: images, meshes, bound textures, buffers.
fn alive(stepper: &mut Stepper) -> [usize; 4] {
    let [textures, buffers] = on_device(stepper.world());
    [stepper.get::<Assets<Image>>().len(), stepper.get::<Assets<Mesh>>().len(), textures, buffers]
}

#[test]
fn a_hundred_changes_leave_nothing_behind() {
    let mut stepper = stage(StagePlugin { fade_ticks: 3, ..small() });
    let walls = [[200, 0, 0, 255], [0, 200, 0, 255], [0, 0, 200, 255]].map(before);
    enter(&mut stepper, walls[0].clone());
    let first = alive(&mut stepper);
    let mut most = first;
    let mut rigs = vec![];
    for count in 0..100 {
        let rig = Arc::new(walls[count % 3].clone());
        stepper.get_mut::<ActiveCharacter>().rig = rig.clone();
        // Some changes come before the one before is over, some after.
        for _ in 0..count % 13 {
            stepper.tick();
            while !workers_settled() {
                std::thread::yield_now();
            }
            let now = alive(&mut stepper);
            most = std::array::from_fn(|index| most[index].max(now[index]));
        }
        rigs.push(Arc::downgrade(&rig));
    }
    let last = rigs.last().and_then(std::sync::Weak::upgrade).expect("it is the active one");
    let frames = change(&mut stepper, &last, |_| FacePose::default());
    assert_eq!(pixel(frames.last().expect("there are frames"), 1, 1), [200, 0, 0, 255], "the last one counts");
    stepper.ticks(2);
    assert_eq!(alive(&mut stepper), first);
    assert_eq!(rigs.iter().filter(|rig| rig.strong_count() > 0).count(), 1, "the faces before are gone");
    // A scene has three textures and two buffers, and two frames may be on their way; one more scene than usual may live.
    assert!(most[2] <= first[2] + 3 && most[3] <= first[3] + 3, "{first:?}, at most {most:?}");
}

#[test]
fn a_transparent_backdrop_stays_transparent() {
    let mut stepper = stage(small());
    enter(&mut stepper, before([0; 4]));
    let frame = frame_of(&mut stepper, FacePose::default());
    assert_eq!(pixel(&frame, 1, 1), [0; 4]);
    let (middle, row) = (frame.width / 2, frame.height * 55 / 100);
    assert_eq!(pixel(&frame, middle, row)[3], 255, "the face is there");
    let straight = visage_stage::unpremultiplied(&frame.rgba);
    let edge = |rgba: &[u8]| rgba.chunks_exact(4).find(|pixel| (100..156).contains(&pixel[3])).map(|pixel| pixel[0]);
    let (Some(dark), Some(light)) = (edge(&frame.rgba), edge(&straight)) else { panic!("hair has a soft edge") };
    assert!(light > dark, "colours are multiplied by alpha in the frame, and not in the file: {dark}, {light}");
}
