//! The small XTTS, its voice, and what it should give.

use std::{
    fs,
    io::Cursor,
    path::{Path, PathBuf},
};

use safetensors::{Dtype, SafeTensors};
use visage_core::decode_sound;
use visage_xtts::{Conditioning, Sampling, Xtts};

/// The largest difference from the reference; those that were seen are below 2e-6. Sound that is decoded with too little
/// around it, or joined wrongly, differs by more.
pub const TOLERANCE: f32 = 1e-5;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

/// The folder of the small XTTS.
pub fn folder() -> PathBuf {
    fixtures().join("small")
}

/// The small XTTS. Set-up fetches ONNX Runtime.
pub fn small() -> Xtts {
    Xtts::load(&folder(), 1).expect("it is as exported")
}

/// The recording of the fixtures: samples and rate.
pub fn clip() -> (Vec<f32>, u32) {
    let file = fs::read(fixtures().join("clip.wav")).expect("it is among the fixtures");
    let sound = decode_sound(Cursor::new(file), 10).expect("it is a sound");
    (sound.samples, sound.rate)
}

/// The voice that the reference found in the recording.
pub fn voice() -> Conditioning {
    let file = fs::read(fixtures().join("voice.safetensors")).expect("it is among the fixtures");
    Conditioning::from_bytes(&file).expect("it has both tensors")
}

/// How the reference spoke.
pub fn greedy() -> Sampling {
    Sampling { greedy: true, repetition_penalty: 2.5, ..Sampling::default() }
}

/// The tensors of one file.
pub struct Tensors(Vec<u8>);

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

    pub fn i64(&self, name: &str) -> Vec<i64> {
        self.bytes(name, Dtype::I64).as_chunks().0.iter().map(|&bytes| i64::from_le_bytes(bytes)).collect()
    }

    pub fn f32(&self, name: &str) -> Vec<f32> {
        self.bytes(name, Dtype::F32).as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()
    }

    /// Holds what was found against a tensor.
    #[track_caller]
    pub fn check(&self, name: &str, found: &[f32]) {
        let expected = self.f32(name);
        assert_eq!(found.len(), expected.len(), "{name}");
        let worst = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst <= TOLERANCE, "{name} differs by {worst}");
        println!("{name}: {worst:.1e}");
    }
}
