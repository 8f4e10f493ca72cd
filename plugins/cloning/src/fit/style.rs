//! Styles and mixtures of them.
//!
//! A voice of Kokoro-82M is a table with a row for each count of symbols in a sentence. Half of a row is the sound of the voice
//! (it goes into the decoder), half its melody and rhythm (hexgrad/kokoro, `kokoro/model.py`, `ref_s`). A clone is a mixture
//! of the tables of real voices, the sound by other weights than the melody, so that it is never far from what the model
//! was trained with.

use sha2::{Digest, Sha256};

use crate::CloningError;

/// Rows of a style: one for each count of symbols from 1.
pub const STYLE_ROWS: usize = 510;
/// Numbers of a row: the first half is the sound of a voice, the second its melody.
pub const STYLE_NUMBERS: usize = 256;
/// Numbers of half a row.
pub(crate) const HALF: usize = STYLE_NUMBERS / 2;
/// Rows by which styles are compared: those of sentences of two to four seconds.
const COMPARED: std::ops::Range<usize> = 24..72;

/// A voice's style: f32 [510, 256], rows one after the other.
#[derive(Clone, Debug, PartialEq)]
pub struct StyleTable(Vec<f32>);

impl StyleTable {
    /// A table from its 130,560 numbers.
    ///
    /// # Errors
    /// They are more or fewer, or not all numbers.
    pub fn new(numbers: Vec<f32>) -> Result<Self, CloningError> {
        if numbers.len() != STYLE_ROWS * STYLE_NUMBERS || numbers.iter().any(|number| !number.is_finite()) {
            return Err(CloningError::Voices(format!("a style of {} numbers is none of Kokoro's", numbers.len())));
        }
        Ok(Self(numbers))
    }

    /// The row for a sentence of so many symbols.
    pub fn row(&self, symbols: usize) -> &[f32] {
        let row = symbols.clamp(1, STYLE_ROWS) - 1;
        &self.0[row * STYLE_NUMBERS..(row + 1) * STYLE_NUMBERS]
    }

    /// All numbers, row by row.
    pub fn numbers(&self) -> &[f32] {
        &self.0
    }

    /// The mean of the rows by which styles are compared.
    fn middle(&self) -> Vec<f32> {
        let mut sum = vec![0.0; STYLE_NUMBERS];
        for row in COMPARED {
            sum.iter_mut().zip(self.row(row + 1)).for_each(|(sum, number)| *sum += number);
        }
        sum.iter_mut().for_each(|sum| *sum /= COMPARED.len() as f32);
        sum
    }
}

/// How much of each voice is in a mixture. Each half's weights sum to 1; a weight may be below zero.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Blend {
    /// The sound's weights, and the melody's.
    pub(crate) halves: [Vec<f32>; 2],
}

impl Blend {
    /// One voice alone.
    pub(crate) fn one(voice: usize, count: usize) -> Self {
        let mut weights = vec![0.0; count];
        weights[voice] = 1.0;
        Self::same(weights)
    }

    /// The same weights for both halves.
    pub(crate) fn same(weights: Vec<f32>) -> Self {
        Self { halves: [weights.clone(), weights] }
    }

    /// How far it is from lying between real voices: 0 there, growing with what is taken away from voices beyond [`FREE`].
    pub(crate) fn strain(&self) -> f32 {
        self.halves.iter().map(|half| (half.iter().map(|weight| weight.abs()).sum::<f32>() - FREE).max(0.0)).sum()
    }
}

/// The sum of the sizes of a half's weights up to which a mixture is not strained. Between voices it is 1.
const FREE: f32 = 1.3;

/// The voices of which mixtures are made.
pub(crate) struct Palette<'a> {
    tables: Vec<&'a StyleTable>,
    /// For each half the voices' middles, less their mean, scaled so that their mean square is 1.
    middles: [Vec<Vec<f32>>; 2],
}

impl<'a> Palette<'a> {
    /// # Errors
    /// There are fewer than two voices, or all are the same.
    pub(crate) fn new(tables: Vec<&'a StyleTable>) -> Result<Self, CloningError> {
        let middles: Vec<Vec<f32>> = tables.iter().map(|table| table.middle()).collect();
        let half = |from: usize| {
            let count = middles.len() as f32;
            let mean: Vec<f32> =
                (from..from + HALF).map(|at| middles.iter().map(|middle| middle[at]).sum::<f32>() / count).collect();
            let centred = |middle: &Vec<f32>| -> Vec<f32> {
                middle[from..from + HALF].iter().zip(&mean).map(|(number, mean)| number - mean).collect()
            };
            let mut rows: Vec<Vec<f32>> = middles.iter().map(centred).collect();
            let square = rows.iter().flatten().map(|number| number * number).sum::<f32>() / count;
            let size = square.sqrt();
            rows.iter_mut().flatten().for_each(|number| *number /= size);
            (rows, size)
        };
        let ((sound, sound_size), (melody, melody_size)) = (half(0), half(HALF));
        // With no voice at all the sizes are no numbers.
        if tables.len() < 2 || !(sound_size > 0.0 && melody_size > 0.0) {
            return Err(CloningError::Voices(format!("{} voices are too few or all the same", tables.len())));
        }
        Ok(Self { tables, middles: [sound, melody] })
    }

    pub(crate) fn count(&self) -> usize {
        self.tables.len()
    }

    /// Where a mixture lies: 256 numbers, in which the distance of two voices is about 2.
    pub(crate) fn place(&self, blend: &Blend) -> Vec<f32> {
        let mut place = Vec::with_capacity(STYLE_NUMBERS);
        for (weights, middles) in blend.halves.iter().zip(&self.middles) {
            let from = place.len();
            place.resize(from + HALF, 0.0);
            for (weight, middle) in weights.iter().zip(middles).filter(|(weight, _)| **weight != 0.0) {
                place[from..].iter_mut().zip(middle).for_each(|(sum, number)| *sum += weight * number);
            }
        }
        place
    }

    /// The table of a mixture.
    pub(crate) fn table(&self, blend: &Blend) -> StyleTable {
        let mut numbers = vec![0.0; STYLE_ROWS * STYLE_NUMBERS];
        for (voice, table) in self.tables.iter().enumerate() {
            let [sound, melody] = [blend.halves[0][voice], blend.halves[1][voice]];
            if sound == 0.0 && melody == 0.0 {
                continue;
            }
            for (mixed, row) in numbers.chunks_exact_mut(STYLE_NUMBERS).zip(table.0.chunks_exact(STYLE_NUMBERS)) {
                let (mixed_sound, mixed_melody) = mixed.split_at_mut(HALF);
                mixed_sound.iter_mut().zip(&row[..HALF]).for_each(|(sum, number)| *sum += sound * number);
                mixed_melody.iter_mut().zip(&row[HALF..]).for_each(|(sum, number)| *sum += melody * number);
            }
        }
        StyleTable(numbers)
    }
}

/// The SHA-256 of texts and tables, lower-case hexadecimal: what cached embeddings are good for.
pub(crate) fn fingerprint<'a>(
    texts: impl Iterator<Item = &'a str>,
    tables: impl Iterator<Item = &'a StyleTable>,
) -> String {
    let mut hasher = Sha256::new();
    for text in texts {
        hasher.update((text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    }
    for table in tables {
        table.0.iter().for_each(|number| hasher.update(number.to_le_bytes()));
    }
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
