//! Sound in units of a tick.

use crate::{SAMPLES_PER_TICK, Tick};

/// The sound of one tick: 1,600 mono samples at 48 kHz, each in -1..=1.
#[derive(Clone, Debug, PartialEq)]
pub struct AudioBlock {
    /// The tick that the block belongs to.
    pub tick: Tick,
    /// The samples.
    pub samples: Box<[f32; SAMPLES_PER_TICK]>,
}

impl AudioBlock {
    /// A silent block.
    pub fn silence(tick: Tick) -> Self {
        Self { tick, samples: Box::new([0.0; SAMPLES_PER_TICK]) }
    }
}

/// A sample in -1..=1 as signed 16 bit, saturating.
pub fn to_i16(sample: f32) -> i16 {
    (sample * 32_767.0).clamp(-32_768.0, 32_767.0) as i16
}
