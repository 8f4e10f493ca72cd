//! The 15 visemes of the Oculus LipSync set: the mouths that speech is made of.

use std::ops::{Index, IndexMut};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A mouth shape of speech (Oculus LipSync viseme reference; MPEG-4 visemes 0–14).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[repr(u8)]
pub enum Viseme {
    /// Silence.
    #[default]
    #[serde(rename = "sil")]
    Sil,
    /// p, b, m: lips closed.
    PP,
    /// f, v: lower lip against the upper teeth.
    FF,
    /// th: tongue between the teeth.
    TH,
    /// t, d.
    DD,
    /// k, g.
    #[serde(rename = "kk")]
    Kk,
    /// tch, j, sh.
    CH,
    /// s, z.
    SS,
    /// n, l.
    #[serde(rename = "nn")]
    Nn,
    /// r.
    RR,
    /// a as in car.
    #[serde(rename = "aa")]
    Aa,
    /// e as in bed.
    E,
    /// i as in tip.
    I,
    /// o as in toe.
    O,
    /// u as in book.
    U,
}

/// All visemes, in order.
pub const VISEMES: [Viseme; 15] = [
    Viseme::Sil,
    Viseme::PP,
    Viseme::FF,
    Viseme::TH,
    Viseme::DD,
    Viseme::Kk,
    Viseme::CH,
    Viseme::SS,
    Viseme::Nn,
    Viseme::RR,
    Viseme::Aa,
    Viseme::E,
    Viseme::I,
    Viseme::O,
    Viseme::U,
];

/// How much of each viseme there is at one instant, each in 0..=1. They need not sum to one: at rest all are zero.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct VisemeWeights(pub [f32; 15]);

impl Index<Viseme> for VisemeWeights {
    type Output = f32;
    fn index(&self, viseme: Viseme) -> &f32 {
        &self.0[viseme as usize]
    }
}

impl IndexMut<Viseme> for VisemeWeights {
    fn index_mut(&mut self, viseme: Viseme) -> &mut f32 {
        &mut self.0[viseme as usize]
    }
}
