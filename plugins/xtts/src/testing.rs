//! The fixtures, for tests inside the crate. `tests/xtts/reference.rs` has its own reader.

use std::{
    fs,
    io::Cursor,
    path::{Path, PathBuf},
};

use safetensors::{Dtype, SafeTensors};

pub(crate) fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

/// The recording of the fixtures, 22.05 kHz.
pub(crate) fn clip() -> Vec<f32> {
    let file = fs::read(fixtures().join("clip.wav")).expect("it is among the fixtures");
    visage_core::decode_sound(Cursor::new(file), 10).expect("it is a sound").samples
}

/// The tensors of one file.
pub(crate) struct Tensors(Vec<u8>);

impl Tensors {
    pub fn load(name: &str) -> Self {
        Self(fs::read(fixtures().join(name).with_extension("safetensors")).expect("it is among the fixtures"))
    }

    fn bytes(&self, name: &str, dtype: Dtype) -> Vec<u8> {
        let tensors = SafeTensors::deserialize(&self.0).expect("it is a safetensors file");
        let tensor = tensors.tensor(name).unwrap_or_else(|_| panic!("there is no {name}"));
        assert_eq!(tensor.dtype(), dtype, "{name}");
        tensor.data().to_vec()
    }

    pub fn f32(&self, name: &str) -> Vec<f32> {
        self.bytes(name, Dtype::F32).as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()
    }

    /// The largest difference of what was found from a tensor.
    #[track_caller]
    pub fn farthest(&self, name: &str, found: &[f32]) -> f32 {
        let expected = self.f32(name);
        assert_eq!(found.len(), expected.len(), "{name}");
        found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    }

    pub fn i64(&self, name: &str) -> Vec<i64> {
        self.bytes(name, Dtype::I64).as_chunks().0.iter().map(|&bytes| i64::from_le_bytes(bytes)).collect()
    }
}
