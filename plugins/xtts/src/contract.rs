//! The exported graphs of XTTS v2: their names, what they take, what they give; and whether a file that was loaded is one
//! of them.
//!
//! The same table is in `models/xtts/contract.py`, which every exported file was checked against. Shapes follow from
//! `xtts.json`; a length that is left open is `?`.

use std::path::Path;

use visage_models::TensorInfo;

use crate::{XttsError, numbers::Numbers};

/// A tensor of a contract.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Port {
    /// Its name in the graph.
    pub name: String,
    /// "f32" or "i64".
    pub element: &'static str,
    /// Its shape; `None` where the length varies from run to run.
    pub shape: Vec<Option<usize>>,
}

/// What a file holds.
#[derive(Clone, Debug)]
pub(crate) struct Contract {
    /// The file's name.
    pub file: &'static str,
    /// All that it takes.
    pub inputs: Vec<Port>,
    /// What it gives.
    pub outputs: Vec<Port>,
}

/// The voice as GPT-2 is given it.
pub(crate) const CONDITIONING: &str = "conditioning.onnx";
/// The voice as the decoder is given it.
pub(crate) const SPEAKER: &str = "speaker.onnx";
/// Text and voice become codes, one by one.
pub(crate) const GPT: &str = "gpt.onnx";
/// Frames become sound.
pub(crate) const DECODER: &str = "decoder.onnx";

fn port(name: impl Into<String>, element: &'static str, shape: &[usize]) -> Port {
    let length = |&length: &usize| (length != OPEN).then_some(length);
    Port { name: name.into(), element, shape: shape.iter().map(length).collect() }
}

/// Stands for a length that varies.
const OPEN: usize = usize::MAX;

/// Log-mel f32[1, 80, time] to latents f32[1, 32, channels].
pub(crate) fn conditioning(numbers: &Numbers) -> Contract {
    Contract {
        file: CONDITIONING,
        inputs: vec![port("mel", "f32", &[1, numbers.condition.mel.mels, OPEN])],
        outputs: vec![port("latents", "f32", &[1, numbers.latents, numbers.channels])],
    }
}

/// Mel f32[1, 64, time], power, to a unit vector f32[1, 512].
pub(crate) fn speaker(numbers: &Numbers) -> Contract {
    Contract {
        file: SPEAKER,
        inputs: vec![port("mel", "f32", &[1, numbers.speaker_mel.mels, OPEN])],
        outputs: vec![port("embedding", "f32", &[1, numbers.speaker])],
    }
}

/// Latents, text, codes and what was kept of the past, to the scores of the next code, the latent of the last, and what
/// is kept for the next step.
pub(crate) fn gpt(numbers: &Numbers) -> Contract {
    let Numbers { channels, heads, layers, audio_tokens, .. } = *numbers;
    let kept = |prefix: &'static str| {
        let port = move |name| port(name, "f32", &[1, heads, OPEN, channels / heads]);
        (0..layers).flat_map(move |layer| ["key", "value"].map(|kind| port(format!("{prefix}{kind}.{layer}"))))
    };
    let mut inputs = vec![
        port("latents", "f32", &[1, OPEN, channels]),
        port("text", "i64", &[1, OPEN]),
        port("codes", "i64", &[1, OPEN]),
        port("place", "i64", &[1]),
    ];
    inputs.extend(kept("past_"));
    let mut outputs = vec![port("scores", "f32", &[1, audio_tokens]), port("latent", "f32", &[1, channels])];
    outputs.extend(kept(""));
    Contract { file: GPT, inputs, outputs }
}

/// Frames f32[1, channels, time] and the speaker f32[1, 512, 1] to sound f32[1, 1, 256·time].
pub(crate) fn decoder(numbers: &Numbers) -> Contract {
    Contract {
        file: DECODER,
        inputs: vec![
            port("frames", "f32", &[1, numbers.channels, OPEN]),
            port("speaker", "f32", &[1, numbers.speaker, 1]),
        ],
        outputs: vec![port("sound", "f32", &[1, 1, OPEN])],
    }
}

impl Contract {
    /// Whether a model that was loaded from `path` and declares these tensors is the one that `xtts.json` speaks of.
    /// Lengths that the model leaves open may be anything; outputs beyond the contract's do no harm.
    ///
    /// # Errors
    /// [`XttsError::Contract`] with the first difference.
    pub fn check(&self, path: &Path, inputs: &[TensorInfo], outputs: &[TensorInfo]) -> Result<(), XttsError> {
        let difference = difference("input", &self.inputs, inputs)
            .or_else(|| difference("output", &self.outputs, outputs))
            .or_else(|| {
                let unknown = inputs.iter().find(|info| self.inputs.iter().all(|port| port.name != info.name))?;
                Some(format!("it has one more input, {:?}, than {}", unknown.name, names(&self.inputs)))
            });
        match difference {
            Some(difference) => Err(XttsError::Contract { file: path.to_owned(), difference }),
            None => Ok(()),
        }
    }

    /// The output `name`.
    ///
    /// # Panics
    /// Never for names of the contract.
    pub fn output(&self, name: &str) -> &Port {
        self.outputs.iter().find(|port| port.name == name).expect("only outputs of the contract are asked for")
    }
}

/// What differs between the contract's tensors and those of a file.
fn difference(kind: &str, agreed: &[Port], found: &[TensorInfo]) -> Option<String> {
    agreed.iter().find_map(|port| {
        let Port { name, element, shape } = port;
        let Some(info) = found.iter().find(|info| info.name == *name) else {
            let found: Vec<_> = found.iter().map(|info| format!("{:?}", info.name)).collect();
            let found = if found.is_empty() { "none".to_owned() } else { found.join(", ") };
            return Some(format!("it has no {kind} {name:?}; its {kind}s are {found}"));
        };
        if info.element != *element {
            return Some(format!("its {kind} {name:?} is {}, and {element} is expected", info.element));
        }
        let fits = |(found, expected): (&Option<usize>, &Option<usize>)| found.is_none() || found == expected;
        let same = info.shape.len() == shape.len() && info.shape.iter().zip(shape).all(fits);
        (!same).then(|| {
            let (found, expected) = (lengths(&info.shape), lengths(shape));
            format!("its {kind} {name:?} has the shape {found}, and {expected} is expected")
        })
    })
}

impl Port {
    /// What differs between this output and what came, if anything does.
    pub fn difference(&self, found: &[usize]) -> Option<String> {
        let fits = |(found, expected): (&usize, &Option<usize>)| expected.is_none_or(|expected| expected == *found);
        let same = found.len() == self.shape.len() && found.iter().zip(&self.shape).all(fits);
        let Self { name, shape, .. } = self;
        (!same)
            .then(|| format!("its output {name:?} came with the shape {found:?}, and {} is expected", lengths(shape)))
    }
}

fn lengths(shape: &[Option<usize>]) -> String {
    let lengths: Vec<_> = shape.iter().map(|n| n.map_or_else(|| "?".into(), |n| n.to_string())).collect();
    format!("[{}]", lengths.join(", "))
}

fn names(ports: &[Port]) -> String {
    ports.iter().map(|port| format!("{:?}", port.name)).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numbers::tests::PUBLISHED;

    fn published(of: fn(&Numbers) -> Contract) -> Contract {
        of(&serde_json::from_str(PUBLISHED).expect("they are as published"))
    }

    fn infos(ports: &[Port]) -> Vec<TensorInfo> {
        let info = |Port { name, element, shape }: &Port| TensorInfo {
            name: name.clone(),
            element: (*element).into(),
            shape: shape.clone(),
        };
        ports.iter().map(info).collect()
    }

    fn check(contract: &Contract, change: impl Fn(&mut Vec<TensorInfo>, &mut Vec<TensorInfo>)) -> Option<String> {
        let (mut inputs, mut outputs) = (infos(&contract.inputs), infos(&contract.outputs));
        change(&mut inputs, &mut outputs);
        contract.check(Path::new("/models/file.onnx"), &inputs, &outputs).err().map(|error| error.to_string())
    }

    #[test]
    fn the_agreed_graphs_pass() {
        for of in [conditioning, speaker, gpt, decoder] {
            let contract = published(of);
            assert_eq!(check(&contract, |_, _| ()), None, "{}", contract.file);
            assert_eq!(check(&contract, |inputs, _| inputs[0].shape[0] = None), None, "any batch: {}", contract.file);
            assert_eq!(check(&contract, |_, outputs| outputs.reverse()), None, "another order: {}", contract.file);
        }
        let gpt = published(gpt);
        assert_eq!((gpt.inputs.len(), gpt.outputs.len()), (64, 62));
        assert_eq!(gpt.inputs[63].name, "past_value.29");
        assert_eq!(gpt.outputs[61].shape, [Some(1), Some(16), None, Some(64)]);
        let more = TensorInfo { name: "shares".into(), element: "f16".into(), shape: vec![] };
        assert_eq!(check(&gpt, |_, outputs| outputs.push(more.clone())), None, "one more output");
    }

    #[test]
    fn what_differs_is_named() {
        type Change = fn(&mut Vec<TensorInfo>, &mut Vec<TensorInfo>);
        type Of = fn(&Numbers) -> Contract;
        let cases: [(Of, Change, &str); 7] = [
            (speaker, |inputs, _| inputs[0].name = "x".into(), "it has no input \"mel\"; its inputs are \"x\""),
            (speaker, |_, outputs| outputs.clear(), "it has no output \"embedding\"; its outputs are none"),
            (gpt, |inputs, _| inputs[1].element = "i32".into(), "its input \"text\" is i32, and i64 is expected"),
            (
                gpt,
                |inputs, _| inputs[4].shape[3] = Some(32),
                "its input \"past_key.0\" has the shape [1, 16, ?, 32], and [1, 16, ?, 64] is expected",
            ),
            (
                conditioning,
                |inputs, _| inputs[0].shape[2] = Some(345),
                "its input \"mel\" has the shape [1, 80, 345], and [1, 80, ?] is expected",
            ),
            (
                decoder,
                |_, outputs| outputs[0].shape = vec![None],
                "its output \"sound\" has the shape [?], and [1, 1, ?] is expected",
            ),
            (
                decoder,
                |inputs, _| inputs.push(TensorInfo { name: "noise".into(), element: "f32".into(), shape: vec![] }),
                "it has one more input, \"noise\", than \"frames\", \"speaker\"",
            ),
        ];
        for (of, change, expected) in cases {
            let message = check(&published(of), change).unwrap_or_default();
            assert!(message.contains(expected), "{message}");
            assert!(message.contains("/models/file.onnx") && message.contains("Export"), "{message}");
        }
    }

    #[test]
    fn what_comes_has_the_agreed_shape() {
        let contract = published(decoder);
        let sound = contract.output("sound");
        assert_eq!(sound.difference(&[1, 1, 512]), None);
        let message = sound.difference(&[1, 2, 512]).unwrap_or_default();
        assert!(message.contains("[1, 2, 512], and [1, 1, ?]"), "{message}");
    }
}
