#![allow(missing_docs, unused)]
#[path = "character/theatre.rs"]
mod theatre;
use theatre::*;
use visage_core::*;
use visage_models::Store;
use visage_portrait::*;
use std::fmt::Write as _;

fn png(frame: &Frame, path: &str) {
    image::save_buffer(path, &frame.rgba, frame.width, frame.height, image::ExtendedColorType::Rgba8).unwrap();
}
fn line(m: &FaceMeasure) -> String {
    format!("{:.3}\t{:.3}\t{:.3}\t{:.3}\t{:.3}\t{:.3}\t{:.3}\t{:.3}\t{:.3}\t{:.3}\t{:.3}\t|{:.3}\t{:.3}\t{:.3}|", m.mouth_gap, m.mouth_width, m.corner_lift, m.lids[0], m.lids[1], m.brows[0], m.brows[1], m.brow_gap, m.gaze[0], m.gaze[1], m.presence, m.line_lift, m.brow_slants[0], m.brow_slants[1])
}

#[test]
fn explore_speech() {
    let _alone = alone();
    let dir = std::env::var("DUMP").unwrap();
    let mut builder = RigBuilder::new(&Store::default()).unwrap();
    for who in ["mira", "theo"] {
        let began = std::time::Instant::now();
        let take = speak(who, 512, "Bobby put my papa's map by the big mop. Mama made a bamboo boat.");
        eprintln!("{who} {} frames {:?}", take.frames.len(), began.elapsed());
        let mut out = String::new();
        for (index, (frame, moment)) in take.frames.iter().zip(&take.moments).enumerate() {
            png(frame, &format!("{dir}/{who}-{index:03}.png"));
            let m = builder.measure(&raster(frame)).unwrap();
            let mut said = String::new();
            if let Some((u, at)) = &moment.speech {
                for s in &u.timeline.as_ref().unwrap().0 {
                    if (s.start as isize) < at + 1600 && s.end as isize > *at { write!(said, "{} ", if s.phoneme.is_empty() {"_"} else {&s.phoneme}); }
                }
            }
            writeln!(out, "{index}\t{}\t{:.2}\t{:.2}\t{said}", line(&m), moment.pose[Blendshape::JawOpen], moment.pose[Blendshape::MouthPressLeft]);
        }
        std::fs::write(format!("{dir}/{who}.tsv"), out).unwrap();
        eprintln!("{who} measured {:?}", began.elapsed());
    }
}

#[test]
fn explore_live() {
    let _alone = alone();
    let dir = std::env::var("DUMP").unwrap();
    let mut builder = RigBuilder::new(&Store::default()).unwrap();
    for who in ["mira", "theo"] {
        let began = std::time::Instant::now();
        let mut out = String::new();
        watch(who, 512, |stage| {
            for emotion in Emotion::ALL {
                stage.feel(emotion);
                stage.steps(45);
                for (index, (moment, frame)) in stage.steps(45).iter().enumerate() {
                    let lid = moment.pose[Blendshape::EyeBlinkLeft];
                    if index % 10 == 0 || lid > 0.9 {
                        png(frame, &format!("{dir}/{who}-{emotion}-{index:02}.png"));
                        let m = builder.measure(&raster(frame)).unwrap();
                        writeln!(out, "{emotion:?}\t{index}\t{}\t{lid:.2}\t{:.3}\t{:.3}\t{:.3}", line(&m), m.yaw, m.pitch, m.roll);
                    }
                }
            }
            stage.feel(Emotion::Neutral);
            stage.steps(60);
            for v in VISEMES {
                let mut w = VisemeWeights::default();
                w[v] = 1.0;
                let frame = stage.frame_of(visage_lipsync::mouth_pose(&w));
                png(&frame, &format!("{dir}/{who}-v{v:?}.png"));
                let m = builder.measure(&raster(&frame)).unwrap();
                writeln!(out, "{v:?}\t0\t{}", line(&m));
            }
        });
        std::fs::write(format!("{dir}/{who}-live.tsv"), out).unwrap();
        eprintln!("{who} live {:?}", began.elapsed());
    }
}
