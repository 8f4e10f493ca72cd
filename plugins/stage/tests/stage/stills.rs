//! Pictures of any face beside the one on stage.

use tokio::sync::oneshot;
use visage_core::Raster;
use visage_schedule::{RendererChoice, StillDoor, StillRequest};

use super::*;

type Answer = oneshot::Receiver<Result<Raster, String>>;

fn ask(stepper: &Stepper, rig: &Arc<Rig>, pose: FacePose, size: u32) -> Answer {
    let (answer, still) = oneshot::channel();
    let request = StillRequest { rig: rig.clone(), pose, size, renderer: RendererChoice::Auto, answer };
    stepper.get::<StillDoor>().0.try_send(request).expect("there is room at the door");
    still
}

fn wait(stepper: &mut Stepper, mut still: Answer) -> Result<Raster, String> {
    let mut answer = None;
    stepper.tick_until(2_000, |_| {
        answer = answer.take().or_else(|| still.try_recv().ok());
        answer.is_some()
    });
    answer.expect("it was waited for")
}

fn draw(stepper: &mut Stepper, rig: &Arc<Rig>, pose: FacePose, size: u32) -> Raster {
    let still = ask(stepper, rig, pose, size);
    wait(stepper, still).expect("the software driver can draw it")
}

fn smile() -> FacePose {
    FacePose::of(&[(Blendshape::MouthSmileLeft, 0.8), (Blendshape::MouthSmileRight, 0.8), (Blendshape::JawOpen, 0.3)])
}

#[test]
fn a_still_is_what_the_stage_would_show_and_always_the_same() {
    let mut stepper = stage(small());
    let rig = drawn_rig(256);
    enter(&mut stepper, rig.clone());
    let shown = frame_of(&mut stepper, smile());
    let rig = Arc::new(rig);
    let first = draw(&mut stepper, &rig, smile(), 128);
    assert_eq!((first.width, first.height), (128, 128));
    assert!(first.rgba == shown.rgba, "the same face in the same pose");
    // Other sizes and other faces between push the scene out of those that are kept.
    for (number, size) in [(0, 64), (1, 100), (2, 300), (3, 64), (4, 64)] {
        let other = if number < 3 { rig.clone() } else { Arc::new(drawn_rig(128)) };
        assert_ne!(draw(&mut stepper, &other, FacePose::default(), size).rgba, first.rgba);
    }
    assert!(draw(&mut stepper, &rig, smile(), 128) == first, "the same request gives the same bytes");
}

#[test]
fn a_still_without_a_backdrop_has_straight_alpha() {
    let mut stepper = stage(small());
    let mut rig = drawn_rig(128);
    rig.background.rgba = rig.background.rgba.iter().map(|_| 0).collect();
    let still = draw(&mut stepper, &Arc::new(rig), FacePose::default(), 64);
    let alphas = |range: std::ops::Range<u8>| still.rgba.chunks_exact(4).filter(move |pixel| range.contains(&pixel[3]));
    assert!(alphas(0..1).count() > 1_000, "the wall is gone");
    assert!(alphas(255..255).count() == 0 && still.rgba.chunks_exact(4).filter(|pixel| pixel[3] == 255).count() > 500);
    // Hair is brown: where it is half there it is not darker than where it is there.
    let darkest = alphas(60..200).map(|pixel| pixel[0]).min().expect("hair has a soft edge");
    assert!(darkest >= 60, "{darkest}");
}

#[test]
fn what_cannot_be_drawn_is_said_in_words() {
    let mut stepper = stage(small());
    let rig = Arc::new(drawn_rig(64));
    let mut broken = drawn_rig(64);
    broken.matte = Arc::from([]);
    let cases = [
        (rig.clone(), 15, "16 to 1080"),
        (rig.clone(), 1_081, "16 to 1080"),
        (Arc::new(broken), 64, "cannot be moved"),
    ];
    for (rig, size, words) in cases {
        let still = ask(&stepper, &rig, FacePose::default(), size);
        let error = wait(&mut stepper, still).expect_err(words);
        assert!(error.contains(words), "{error}");
    }
    draw(&mut stepper, &rig, FacePose::default(), 64);
}

/// The door is bounded; whoever gets in is answered, and the character on stage loses no frame over it.
#[test]
fn many_requests_are_all_answered_while_the_stage_goes_on() {
    let mut stepper = stage(small());
    enter(&mut stepper, drawn_rig(128));
    let rig = Arc::new(drawn_rig(128));
    let mut stills = vec![];
    while let Ok(place) = stepper.get::<StillDoor>().0.clone().try_reserve_owned() {
        let (answer, still) = oneshot::channel();
        let (pose, renderer) = (FacePose::default(), RendererChoice::Auto);
        place.send(StillRequest { rig: rig.clone(), pose, size: 64, renderer, answer });
        stills.push(still);
    }
    assert_eq!(stills.len(), 16);
    // One who asked has gone.
    stills.remove(3);
    let lost = stepper.get::<FrameStats>().lost;
    let mut frames = vec![];
    for _ in 0..1_000 {
        stepper.tick();
        wait_for_frames(stepper.world());
        frames.extend(stepper.read::<FrameReady>().into_iter().map(|ready| ready.0.tick.0));
        stills.retain_mut(|still| match still.try_recv() {
            Ok(answer) => answer.is_err(),
            Err(_) => true,
        });
        if stills.is_empty() {
            break;
        }
    }
    assert!(stills.is_empty(), "{} wait", stills.len());
    assert_eq!(stepper.get::<FrameStats>().lost, lost);
    assert!(frames.windows(2).all(|pair| pair[1] == pair[0] + 1), "{frames:?}");
}

#[test]
fn what_stills_need_is_given_back_after_a_while() {
    let mut stepper = stage(small());
    stepper.ticks(3);
    let before = on_device(stepper.world());
    let rig = Arc::new(drawn_rig(64));
    draw(&mut stepper, &rig, FacePose::default(), 64);
    assert_ne!(on_device(stepper.world()), before);
    assert_eq!(Arc::strong_count(&rig), 1, "the face itself is not kept");
    stepper.ticks(300);
    // The thread ends by itself a moment later.
    stepper.tick_until(1_000, |world| on_device(world) == before);
}
