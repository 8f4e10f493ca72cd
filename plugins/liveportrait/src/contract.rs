//! The published files of LivePortrait as ONNX: their names, what they take, what they give; and whether a file that was
//! loaded is one of them.
//!
//! Source: the files of warmshao/FasterLivePortrait (`configs/onnx_infer.yaml`, `src/models/*.py`), made from the
//! checkpoints of KwaiVGI/LivePortrait. All tensors are f32, all shapes fixed.

use std::path::Path;

use visage_models::TensorInfo;

use crate::{LivePortraitError, motion::KEYPOINTS};

/// Pixels along a side of the picture that the networks take.
pub const INPUT_SIDE: usize = 256;
/// Pixels along a side of the picture that they give.
pub const OUTPUT_SIDE: usize = 512;
/// Classes of a head angle.
pub(crate) const BINS: usize = 66;
/// Numbers of all keypoints in a row.
pub(crate) const COORDINATES: usize = KEYPOINTS * 3;

/// A tensor of a contract, always f32.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Port {
    /// Its name in the graph.
    pub name: &'static str,
    /// Its shape.
    pub shape: &'static [usize],
}

/// What a published file holds.
#[derive(Debug)]
pub(crate) struct Contract {
    /// The file's name.
    pub file: &'static str,
    /// All that it takes.
    pub inputs: &'static [Port],
    /// What it gives.
    pub outputs: &'static [Port],
}

const fn port(name: &'static str, shape: &'static [usize]) -> Port {
    Port { name, shape }
}

/// F: a picture of the face becomes a volume of features.
pub(crate) const APPEARANCE: Contract = Contract {
    file: "appearance_feature_extractor.onnx",
    inputs: &[port("img", &[1, 3, INPUT_SIDE, INPUT_SIDE])],
    outputs: &[port("output", &[1, 32, 16, 64, 64])],
};

/// M: a picture of the face becomes its motion.
pub(crate) const MOTION: Contract = Contract {
    file: "motion_extractor.onnx",
    inputs: &[port("img", &[1, 3, INPUT_SIDE, INPUT_SIDE])],
    outputs: &[
        port("pitch", &[1, BINS]),
        port("yaw", &[1, BINS]),
        port("roll", &[1, BINS]),
        port("t", &[1, 3]),
        port("exp", &[1, COORDINATES]),
        port("scale", &[1, 1]),
        port("kp", &[1, COORDINATES]),
    ],
};

/// W and G: features and two sets of keypoints become a picture.
pub(crate) const WARP_SPADE: Contract = Contract {
    file: "warping_spade.onnx",
    inputs: &[
        port("feature_3d", &[1, 32, 16, 64, 64]),
        port("kp_driving", &[1, KEYPOINTS, 3]),
        port("kp_source", &[1, KEYPOINTS, 3]),
    ],
    outputs: &[port("out", &[1, 3, OUTPUT_SIDE, OUTPUT_SIDE])],
};

/// S: keypoints that fit the picture's shoulders.
pub(crate) const STITCHING: Contract = Contract {
    file: "stitching.onnx",
    inputs: &[port("input", &[1, 2 * COORDINATES])],
    outputs: &[port("output", &[1, COORDINATES + 2])],
};

/// R of the eyes: how keypoints move when the eyes are to be open by another ratio.
pub(crate) const EYES: Contract = Contract {
    file: "stitching_eye.onnx",
    inputs: &[port("input", &[1, COORDINATES + 3])],
    outputs: &[port("output", &[1, COORDINATES])],
};

/// R of the lips, as [`EYES`].
pub(crate) const LIPS: Contract = Contract {
    file: "stitching_lip.onnx",
    inputs: &[port("input", &[1, COORDINATES + 2])],
    outputs: &[port("output", &[1, COORDINATES])],
};

/// All of them.
pub(crate) const ALL: [&Contract; 6] = [&APPEARANCE, &MOTION, &WARP_SPADE, &STITCHING, &EYES, &LIPS];

impl Contract {
    /// Whether a model that was loaded from `path` and declares these tensors is the one that is published. Lengths that
    /// the model leaves open may be anything; outputs beyond the published ones do no harm.
    ///
    /// # Errors
    /// [`LivePortraitError::Contract`] with the first difference.
    pub fn check(&self, path: &Path, inputs: &[TensorInfo], outputs: &[TensorInfo]) -> Result<(), LivePortraitError> {
        let difference = difference("input", self.inputs, inputs)
            .or_else(|| difference("output", self.outputs, outputs))
            .or_else(|| {
                let unknown = inputs.iter().find(|info| self.inputs.iter().all(|port| port.name != info.name))?;
                Some(format!("it has one more input, {:?}, than {}", unknown.name, names(self.inputs)))
            });
        match difference {
            Some(difference) => Err(LivePortraitError::Contract { file: path.to_owned(), difference }),
            None => Ok(()),
        }
    }
}

/// What differs between published tensors and those of a file.
fn difference(kind: &str, published: &[Port], found: &[TensorInfo]) -> Option<String> {
    published.iter().find_map(|port| {
        let Some(info) = found.iter().find(|info| info.name == port.name) else {
            let found: Vec<_> = found.iter().map(|info| format!("{:?}", info.name)).collect();
            let found = if found.is_empty() { "none".to_owned() } else { found.join(", ") };
            return Some(format!("it has no {kind} {:?}; its {kind}s are {found}", port.name));
        };
        if info.element != "f32" {
            return Some(format!("its {kind} {:?} is {}, and f32 is expected", port.name, info.element));
        }
        let fits = info.shape.len() == port.shape.len()
            && info.shape.iter().zip(port.shape).all(|(found, expected)| found.is_none_or(|found| found == *expected));
        (!fits).then(|| {
            let lengths: Vec<_> = info.shape.iter().map(|n| n.map_or_else(|| "?".into(), |n| n.to_string())).collect();
            let found = lengths.join(", ");
            format!("its {kind} {:?} has the shape [{found}], and {:?} is expected", port.name, port.shape)
        })
    })
}

fn names(ports: &[Port]) -> String {
    ports.iter().map(|port| format!("{:?}", port.name)).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn infos(ports: &[Port]) -> Vec<TensorInfo> {
        let shape = |port: &Port| port.shape.iter().map(|&length| Some(length)).collect();
        ports
            .iter()
            .map(|port| TensorInfo { name: port.name.into(), element: "f32".into(), shape: shape(port) })
            .collect()
    }

    fn check(contract: &Contract, change: impl Fn(&mut Vec<TensorInfo>, &mut Vec<TensorInfo>)) -> Option<String> {
        let (mut inputs, mut outputs) = (infos(contract.inputs), infos(contract.outputs));
        change(&mut inputs, &mut outputs);
        contract.check(Path::new("/models/file.onnx"), &inputs, &outputs).err().map(|error| error.to_string())
    }

    #[test]
    fn the_published_contracts_pass() {
        for contract in [&APPEARANCE, &MOTION, &WARP_SPADE, &STITCHING, &EYES, &LIPS] {
            assert_eq!(check(contract, |_, _| ()), None, "{}", contract.file);
            assert_eq!(check(contract, |inputs, _| inputs[0].shape[0] = None), None, "any batch: {}", contract.file);
            assert_eq!(check(contract, |_, outputs| outputs.reverse()), None, "another order: {}", contract.file);
        }
        let more = TensorInfo { name: "occlusion_map".into(), element: "f16".into(), shape: vec![] };
        assert_eq!(check(&WARP_SPADE, |_, outputs| outputs.push(more.clone())), None, "one more output");
    }

    #[test]
    fn what_differs_is_named() {
        type Change = fn(&mut Vec<TensorInfo>, &mut Vec<TensorInfo>);
        let cases: [(&Contract, Change, &str); 8] = [
            (&MOTION, |inputs, _| inputs[0].name = "x".into(), "it has no input \"img\"; its inputs are \"x\""),
            (
                &MOTION,
                |_, outputs| outputs.truncate(2),
                "it has no output \"roll\"; its outputs are \"pitch\", \"yaw\"",
            ),
            (&STITCHING, |_, outputs| outputs.clear(), "it has no output \"output\"; its outputs are none"),
            (
                &WARP_SPADE,
                |inputs, _| inputs[0].element = "f16".into(),
                "its input \"feature_3d\" is f16, and f32 is expected",
            ),
            (&MOTION, |_, outputs| outputs[4].element = "i64".into(), "its output \"exp\" is i64, and f32 is expected"),
            (
                &APPEARANCE,
                |inputs, _| inputs[0].shape = vec![None, Some(3), Some(512), Some(512)],
                "its input \"img\" has the shape [?, 3, 512, 512], and [1, 3, 256, 256] is expected",
            ),
            (
                &LIPS,
                |_, outputs| outputs[0].shape = vec![Some(63)],
                "its output \"output\" has the shape [63], and [1, 63] is expected",
            ),
            (
                &EYES,
                |inputs, _| inputs.push(TensorInfo { name: "gaze".into(), element: "f32".into(), shape: vec![] }),
                "it has one more input, \"gaze\", than \"input\"",
            ),
        ];
        for (contract, change, expected) in cases {
            let message = check(contract, change).unwrap_or_default();
            assert!(message.contains(expected), "{message}");
            assert!(message.contains("/models/file.onnx") && message.contains("visage models fetch"), "{message}");
        }
    }
}
