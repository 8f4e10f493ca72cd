//! Faces as points in a space of measures, and how far the emotions are apart in it.

use std::fmt;

use visage_core::Emotion;
use visage_portrait::FaceMeasure;

/// A measure of a face.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    Gap,
    Width,
    Corners,
    Lids,
    Brows,
    BrowGap,
    Gaze,
}

use Feature::{BrowGap, Brows, Corners, Gap, Gaze, Lids, Width};

const FEATURES: [Feature; 7] = [Gap, Width, Corners, Lids, Brows, BrowGap, Gaze];

impl Feature {
    fn of(self, face: &FaceMeasure) -> f32 {
        match self {
            Gap => face.mouth_gap,
            Width => face.mouth_width,
            Corners => face.corner_lift,
            Lids => (face.lids[0] + face.lids[1]) / 2.0,
            Brows => (face.brows[0] + face.brows[1]) / 2.0,
            BrowGap => face.brow_gap,
            Gaze => face.gaze[0],
        }
    }

    /// How much sway, breath and the mesh itself change the measure of a face that keeps its emotion: the largest
    /// standard deviation in a settled emotion of the shipped characters, rounded up. Of the gaze, what a saccade does.
    const fn noise(self) -> f32 {
        match self {
            Gap => 0.008,
            Width => 0.006,
            Corners => 0.004,
            Lids => 0.012,
            Brows => 0.006,
            BrowGap => 0.004,
            Gaze => 0.02,
        }
    }
}

/// Emotions are this far apart at least, in units of the noise: a frame half way between two of them is three standard
/// deviations from each.
const APART: f32 = 6.0;

/// What somebody who knows the emotion looks for.
pub struct Sign {
    emotion: Emotion,
    feature: Feature,
    /// Change against the neutral face at least, up or down by its sign.
    change: f32,
}

const fn sign(emotion: Emotion, feature: Feature, change: f32) -> Sign {
    Sign { emotion, feature, change }
}

/// The signs of each emotion (the action units named in `visage_emotion`'s faces), each at least twice the noise.
pub const SIGNS: [Sign; 11] = [
    sign(Emotion::Happy, Corners, 0.02),
    sign(Emotion::Happy, Width, 0.08),
    sign(Emotion::Sad, BrowGap, 0.008),
    sign(Emotion::Sad, Lids, -0.015),
    sign(Emotion::Surprised, Brows, 0.04),
    sign(Emotion::Surprised, Lids, 0.03),
    sign(Emotion::Surprised, Gap, 0.05),
    sign(Emotion::Angry, Brows, -0.03),
    sign(Emotion::Angry, Width, -0.01),
    sign(Emotion::Thoughtful, Gaze, 0.03),
    sign(Emotion::Thoughtful, Width, -0.02),
];

/// Measured in units of the noise.
type Point = [f32; FEATURES.len()];

fn distance(a: &Point, b: &Point) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f32>().sqrt()
}

fn mean<'a>(points: impl Iterator<Item = &'a Point>) -> Option<Point> {
    let (mut sum, mut count) = (Point::default(), 0.0);
    for point in points {
        sum.iter_mut().zip(point).for_each(|(sum, value)| *sum += value);
        count += 1.0;
    }
    (count > 0.0).then(|| sum.map(|value| value / count))
}

/// Frames of one character in each emotion.
#[derive(Default)]
pub struct Feelings([Vec<Point>; Emotion::ALL.len()]);

impl Feelings {
    pub fn add(&mut self, emotion: Emotion, face: &FaceMeasure) {
        self.0[emotion as usize].push(FEATURES.map(|feature| feature.of(face) / feature.noise()));
    }

    pub fn count(&self, emotion: Emotion) -> usize {
        self.0[emotion as usize].len()
    }

    /// Mean opening of the lids in an emotion.
    pub fn lids(&self, emotion: Emotion) -> f32 {
        self.value(emotion, Lids)
    }

    fn centroid(&self, emotion: Emotion) -> Point {
        mean(self.0[emotion as usize].iter()).expect("every emotion was measured")
    }

    fn value(&self, emotion: Emotion, feature: Feature) -> f32 {
        self.centroid(emotion)[feature as usize] * feature.noise()
    }

    /// Whether every frame is nearest to its own emotion's other frames, and no two emotions are near each other.
    pub fn told_apart(&self) -> Result<(), String> {
        for (index, &emotion) in Emotion::ALL.iter().enumerate() {
            for &other in &Emotion::ALL[index + 1..] {
                let apart = distance(&self.centroid(emotion), &self.centroid(other));
                if apart < APART {
                    return Err(format!("{emotion} and {other} are only {apart:.1} apart"));
                }
            }
            for (left_out, frame) in self.0[index].iter().enumerate() {
                let rest = self.0[index].iter().enumerate().filter(|(at, _)| *at != left_out);
                let own = mean(rest.map(|(_, point)| point)).expect("an emotion has several frames");
                let others = Emotion::ALL.into_iter().filter(|other| *other != emotion);
                let (nearest, away) = others
                    .map(|other| (other, distance(frame, &self.centroid(other))))
                    .min_by(|a, b| a.1.total_cmp(&b.1))
                    .expect("there are other emotions");
                let from_own = distance(frame, &own);
                if from_own >= away {
                    return Err(format!("a frame of {emotion} looks {nearest}: {from_own:.1} against {away:.1}"));
                }
            }
        }
        Ok(())
    }

    /// Whether an emotion shows one of its signs.
    pub fn shows(&self, sign: &Sign) -> Result<(), String> {
        let change = self.value(sign.emotion, sign.feature) - self.value(Emotion::Neutral, sign.feature);
        if change * sign.change.signum() >= sign.change.abs() {
            return Ok(());
        }
        let Sign { emotion, feature, change: wanted } = sign;
        Err(format!("{emotion}: {feature:?} changes by {change:.3}, wanted {wanted}"))
    }

    /// Whether the emotions of another character, as changes of that character's own neutral face, are nearest to the
    /// same changes of this one.
    pub fn reads(&self, other: &Self) -> Result<(), String> {
        let change = |of: &Self, emotion: Emotion| {
            let (face, rest) = (of.centroid(emotion), of.centroid(Emotion::Neutral));
            std::array::from_fn::<f32, { FEATURES.len() }, _>(|at| face[at] - rest[at])
        };
        for emotion in Emotion::ALL {
            let seen = change(other, emotion);
            let nearest = Emotion::ALL
                .into_iter()
                .min_by(|&a, &b| distance(&seen, &change(self, a)).total_cmp(&distance(&seen, &change(self, b))));
            if nearest != Some(emotion) {
                return Err(format!("{emotion} is taken for {nearest:?}"));
            }
        }
        Ok(())
    }
}

impl fmt::Display for Feelings {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for emotion in Emotion::ALL {
            write!(out, "{:10}", emotion.name())?;
            for feature in FEATURES {
                let values = self.0[emotion as usize].iter().map(|point| point[feature as usize]);
                let mean = self.centroid(emotion)[feature as usize];
                let spread = (values.map(|v| (v - mean).powi(2)).sum::<f32>() / self.count(emotion) as f32).sqrt();
                let noise = feature.noise();
                write!(out, "  {feature:?} {:.3}±{:.3}", mean * noise, spread * noise)?;
            }
            for other in Emotion::ALL {
                write!(out, " {:5.1}", distance(&self.centroid(emotion), &self.centroid(other)))?;
            }
            writeln!(out)?;
        }
        Ok(())
    }
}
