//! A voice as XTTS keeps it: what its recording was for.

use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use crate::{XttsError, numbers::Numbers};

const LATENTS: &str = "latents";
const SPEAKER: &str = "speaker";

/// A voice, found in a recording by [`Xtts::condition`](crate::Xtts::condition). Depends on the checkpoint. As bytes it
/// is a safetensors file of some 133 kB with the tensors `latents` f32[32, channels] and `speaker` f32[512]; the voices
/// that a checkpoint brings are exported as such files.
#[derive(Clone, Debug, PartialEq)]
pub struct Conditioning {
    /// In rows: how the voice speaks, for GPT-2.
    pub(crate) latents: Vec<f32>,
    /// A unit vector: who speaks, for the decoder.
    pub(crate) speaker: Vec<f32>,
    /// Latents and their channels.
    pub(crate) shape: [usize; 2],
}

impl Conditioning {
    /// How the voice speaks: f32[32, channels], in rows.
    pub fn latents(&self) -> &[f32] {
        &self.latents
    }

    /// Who speaks: f32[512], of length 1. The angle between those of two recordings tells whether it is the same person.
    pub fn speaker(&self) -> &[f32] {
        &self.speaker
    }

    /// The voice as a safetensors file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let bytes = |values: &[f32]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
        let (latents, speaker) = (bytes(&self.latents), bytes(&self.speaker));
        let view = |shape: &[usize], bytes| {
            TensorView::new(Dtype::F32, shape.to_vec(), bytes).expect("the lengths are those of the shape")
        };
        let tensors =
            [(LATENTS, view(&self.shape, latents.as_slice())), (SPEAKER, view(&[self.speaker.len()], &speaker))];
        safetensors::serialize(tensors, None).expect("tensors in memory can be written")
    }

    /// A voice from a safetensors file.
    ///
    /// # Errors
    /// The file is none, lacks a tensor, or holds something that is not a number.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, XttsError> {
        let damaged = |reason: String| XttsError::Voice(reason);
        let tensors = SafeTensors::deserialize(bytes).map_err(|error| damaged(error.to_string()))?;
        let read = |name: &str| {
            let tensor = tensors.tensor(name).map_err(|error| damaged(error.to_string()))?;
            if tensor.dtype() != Dtype::F32 {
                return Err(damaged(format!("{name} is {:?}, and f32 is expected", tensor.dtype())));
            }
            let values: Vec<f32> = tensor.data().as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
            if !values.iter().all(|value| value.is_finite()) {
                return Err(damaged(format!("{name} has values that are not numbers")));
            }
            Ok((values, tensor.shape().to_vec()))
        };
        let ((latents, shape), (speaker, _)) = (read(LATENTS)?, read(SPEAKER)?);
        let shape =
            <[usize; 2]>::try_from(shape).map_err(|shape| damaged(format!("latents have the shape {shape:?}")))?;
        Ok(Self { latents, speaker, shape })
    }

    /// Whether it was made for a checkpoint of these sizes.
    pub(crate) fn check(&self, numbers: &Numbers) -> Result<(), XttsError> {
        let (found, expected) = (self.shape, [numbers.latents, numbers.channels]);
        if found != expected {
            return Err(XttsError::Voice(format!("its latents are {found:?}, and {expected:?} is expected")));
        }
        let (found, expected) = (self.speaker.len(), numbers.speaker);
        if found != expected {
            return Err(XttsError::Voice(format!("its speaker has {found} numbers, and {expected} are expected")));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn voice() -> Conditioning {
        Conditioning { latents: vec![0.5, -1.0, 2.0, 0.0, 1e-9, 3.0], speaker: vec![0.6, 0.8], shape: [2, 3] }
    }

    #[test]
    fn a_voice_survives_being_kept() {
        assert_eq!(Conditioning::from_bytes(&voice().to_bytes()).expect("it was just written"), voice());
    }

    #[test]
    fn what_is_no_voice_is_refused() {
        let bytes = voice().to_bytes();
        let rename = |from: &str, to: &str| {
            let at = bytes.windows(from.len()).position(|part| part == from.as_bytes()).expect("it is in the header");
            let mut bytes = bytes.clone();
            bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
            bytes
        };
        let nan = Conditioning { speaker: vec![f32::NAN, 0.0], ..voice() }.to_bytes();
        let cases = [
            (Vec::new(), ""),
            (bytes[..bytes.len() - 1].to_vec(), ""),
            (rename("speaker", "speeker"), "speaker"),
            (rename("F32", "I32"), "F32"),
            (rename("[2,3]", "[6,1]"), ""),
            (nan, "not numbers"),
        ];
        for (n, (bytes, expected)) in cases.into_iter().enumerate() {
            match Conditioning::from_bytes(&bytes) {
                // Its sizes are held against the checkpoint's when it is spoken with.
                Ok(voice) => assert_eq!((n, voice.shape), (4, [6, 1])),
                Err(error) => {
                    let message = error.to_string();
                    assert!(n != 4 && message.to_lowercase().contains(&expected.to_lowercase()), "{n}: {message}");
                }
            }
        }
    }
}
