//! How long playing from pictures takes: fills a folder with the pictures of the plan, opens it and plays half a minute of
//! speech and idle life in time.
//!
//! ```text
//! cargo run -p visage_liveportrait --example playback
//! ```
//!
//! The pictures are smooth patterns with some noise: what is measured does not depend on what they show, but for the sizes
//! of the files, which are like those of photographs.

use std::{
    f32::consts::TAU,
    io,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use visage_core::{Blendshape, Emotion, FacePose, HeadPose, StopFlag, VISEMES, emotion_face, viseme_mouth};
use visage_liveportrait::{CacheSettings, Layout, Origin, Picture, PictureCache, Plan, Playback, bake};

/// Pixels in a row of a picture, and rows.
const SIDE: usize = 512;
/// Half a minute.
const FRAMES: u32 = 900;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::temp_dir().join(format!("visage-playback-{}", std::process::id()));
    let settings = CacheSettings { folder: Some(folder.clone()), ..CacheSettings::default() };
    let (plan, origin) = (Plan::speech(), Origin::new(b"an example", "no networks"));
    println!("{} pictures for speech and idle life, the first {} to begin", plan.nodes().len(), plan.coarse());
    for emotion in Emotion::ALL {
        let more = plan.clone().with_face(&emotion_face(emotion)).nodes().len() - plan.nodes().len();
        println!("{more} more for {emotion}");
    }
    let every = Emotion::ALL.into_iter().fold(plan.clone(), |plan, emotion| plan.with_face(&emotion_face(emotion)));
    println!("{} for all", every.nodes().len());

    let began = Instant::now();
    let cache = PictureCache::open(settings.clone())?;
    let mut draw = |pose: &FacePose| pattern(pose).ok_or_else(|| io::Error::other("a picture has another size"));
    bake(&plan, &cache, &origin, &mut draw, &mut |_| (), &StopFlag::default())?;
    let kept = cache.statistics().disk_bytes;
    let count = plan.nodes().len();
    println!("kept in {:.2?}: {} KB each", began.elapsed(), kept / count as u64 / 1000);

    let began = Instant::now();
    let cache = Arc::new(PictureCache::open(settings)?);
    let mut playback = Playback::open(cache.clone(), origin, &Layout::default(), &plan);
    println!("opened in {:.2?}: {:.2?} each", began.elapsed(), began.elapsed() / count as u32);

    for (what, still) in [("talking, the head sways", false), ("talking, the head is still", true)] {
        let mut times = Vec::new();
        let (began, mut late) = (Instant::now(), 0);
        for frame in 0..FRAMES {
            let due = began + Duration::from_secs(1) * frame / 30;
            thread::sleep(due.saturating_duration_since(Instant::now()));
            let mut pose = life(frame);
            if still {
                pose.head = HeadPose::default();
            }
            let start = Instant::now();
            playback.draw(&pose)?;
            times.push(start.elapsed());
            late += u32::from(Instant::now() > due + Duration::from_secs(1) / 30);
        }
        times.sort();
        let mean = times.iter().sum::<Duration>() / FRAMES;
        let at = |share: usize| times[(times.len() - 1) * share / 100];
        println!(
            "{what}: {:.1} frames a second, {late} late; mean {mean:.2?}, half {:.2?}, 95 % {:.2?}, all {:.2?}",
            f64::from(FRAMES) / began.elapsed().as_secs_f64(),
            at(50),
            at(95),
            at(100)
        );
    }
    println!("{:?}", cache.statistics());
    std::fs::remove_dir_all(folder)?;
    Ok(())
}

/// Something that differs from pose to pose and compresses like a photograph.
fn pattern(pose: &FacePose) -> Option<Picture> {
    let shift: f32 = pose.shapes.iter().enumerate().map(|(index, weight)| weight * (index + 1) as f32).sum();
    let mut state = 1_u32;
    let mut noise = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state % 3) as f32
    };
    let mut bytes = Vec::with_capacity(SIDE * SIDE * 3);
    for y in 0..SIDE {
        for x in 0..SIDE {
            let wave = |speed: f32| 120.0 + 90.0 * ((x as f32 * speed + shift) / 60.0).sin() * (y as f32 / 80.0).cos();
            bytes.extend([1.0, 1.3, 0.7].map(|speed| (wave(speed) + noise()) as u8));
        }
    }
    Picture::new(bytes)
}

/// A face that talks, blinks, looks around and sways.
fn life(frame: u32) -> FacePose {
    let seconds = frame as f32 / 30.0;
    let mut pose = FacePose::default();
    for (index, viseme) in VISEMES.into_iter().enumerate() {
        let share = (1.0 - ((seconds * 8.0) % 15.0 - index as f32).abs()).max(0.0);
        pose.add_scaled(&FacePose::of(viseme_mouth(viseme)), share);
    }
    let lids = (1.0 - ((seconds % 4.0) - 0.1).abs() * 10.0).max(0.0);
    pose[Blendshape::EyeBlinkLeft] = lids;
    pose[Blendshape::EyeBlinkRight] = lids;
    let glance = 0.2 * (seconds * 0.7).sin();
    pose[Blendshape::EyeLookOutLeft] = glance.max(0.0);
    pose[Blendshape::EyeLookInRight] = glance.max(0.0);
    pose[Blendshape::EyeLookInLeft] = (-glance).max(0.0);
    pose[Blendshape::EyeLookOutRight] = (-glance).max(0.0);
    pose[Blendshape::BrowInnerUp] = 0.1 + 0.05 * seconds.sin();
    pose.head = HeadPose {
        yaw: 0.04 * (TAU * 0.1 * seconds).sin(),
        pitch: 0.02 * (TAU * 0.17 * seconds).sin(),
        roll: 0.02 * (TAU * 0.07 * seconds).sin(),
        translation: [0.01 * seconds.sin(), 0.01 * seconds.cos(), 0.0],
    };
    pose
}
