//! The networks of XTTS v2, one typed struct each.
//!
//! Names, types and shapes are held against the contract when a file is opened (`contract.rs`). Source of all of them:
//! Casanova et al. 2024 (arXiv:2406.04904) and the classes of idiap/coqui-ai-TTS that each one names.

use std::path::{Path, PathBuf};

use ndarray::{Array1, Array2, ArrayD, IxDyn};
use visage_models::{DeviceTensor, Input, Outputs, Session, SessionOptions, Tensor};

use crate::{
    XttsError,
    contract::{self, Contract},
    numbers::Numbers,
};

/// A file that holds what its contract says.
#[derive(Debug)]
struct Network {
    session: Session,
    contract: Contract,
    path: PathBuf,
}

impl Network {
    fn open(folder: &Path, contract: Contract, options: &SessionOptions) -> Result<Self, XttsError> {
        let path = folder.join(contract.file);
        let session = Session::load(&path, options)?;
        contract.check(&path, session.inputs(), session.outputs())?;
        Ok(Self { session, contract, path })
    }

    fn run(&mut self, inputs: &[(&str, Tensor)]) -> Result<Outputs, XttsError> {
        Ok(self.session.run(inputs)?)
    }

    /// A file may leave lengths open; what it gives must have those of the contract all the same.
    fn check(&self, name: &str, found: &[usize]) -> Result<(), XttsError> {
        match self.contract.output(name).difference(found) {
            Some(difference) => Err(XttsError::Contract { file: self.path.clone(), difference }),
            None => Ok(()),
        }
    }

    /// The numbers of the output `name` in C order: all finite, in the agreed shape.
    fn values(&self, outputs: &mut Outputs, name: &str) -> Result<Vec<f32>, XttsError> {
        let array = outputs.take_f32(name)?;
        self.check(name, array.shape())?;
        if array.iter().all(|value| value.is_finite()) {
            Ok(array.into_raw_vec_and_offset().0)
        } else {
            Err(XttsError::NotANumber { file: self.contract.file })
        }
    }
}

/// Numbers in C order as a tensor.
fn tensor(shape: &[usize], values: Vec<f32>) -> Tensor {
    ArrayD::from_shape_vec(IxDyn(shape), values).expect("the caller has counted them").into()
}

fn row(values: Vec<i64>) -> Tensor {
    Array2::from_shape_vec((1, values.len()), values).expect("it is one row").into()
}

/// A mel spectrogram [bands, frames] as an input of one.
fn batch(mel: Array2<f32>) -> Tensor {
    mel.insert_axis(ndarray::Axis(0)).into()
}

/// The conditioning encoder and the perceiver resampler: log-mel f32[1, 80, time] (natural logarithm, -11.6 and above)
/// of some seconds of a voice to latents f32[1, 32, channels], no particular range. `ConditioningEncoder` in
/// `TTS/tts/layers/tortoise/autoregressive.py`, `TTS/tts/layers/xtts/perceiver_encoder.py`. The checkpoint's own scale of
/// the bands (`mel_stats`) is inside.
#[derive(Debug)]
pub(crate) struct ConditioningEncoder(Network);

impl ConditioningEncoder {
    pub fn open(folder: &Path, numbers: &Numbers, options: &SessionOptions) -> Result<Self, XttsError> {
        Network::open(folder, contract::conditioning(numbers), options).map(Self)
    }

    /// The latents of a voice, in rows.
    pub fn run(&mut self, mel: Array2<f32>) -> Result<Vec<f32>, XttsError> {
        let mut outputs = self.0.run(&[("mel", batch(mel))])?;
        self.0.values(&mut outputs, "latents")
    }
}

/// The speaker encoder, H/ASP (arXiv:2009.14153): mel f32[1, 64, time], power, 0 and above, of a recording at 16 kHz to a
/// unit vector f32[1, 512]. `TTS/encoder/models/resnet.py`.
#[derive(Debug)]
pub(crate) struct SpeakerEncoder(Network);

impl SpeakerEncoder {
    pub fn open(folder: &Path, numbers: &Numbers, options: &SessionOptions) -> Result<Self, XttsError> {
        Network::open(folder, contract::speaker(numbers), options).map(Self)
    }

    /// What tells the speaker from others.
    pub fn run(&mut self, mel: Array2<f32>) -> Result<Vec<f32>, XttsError> {
        let mut outputs = self.0.run(&[("mel", batch(mel))])?;
        self.0.values(&mut outputs, "embedding")
    }
}

/// What GPT-2 keeps of a text and the codes so far: a key and a value f32[1, heads, length, channels / heads] for each
/// layer, where the network has left them.
#[derive(Debug)]
pub(crate) struct Past {
    kept: Vec<DeviceTensor>,
    /// Codes that were said, the start among them.
    codes: usize,
}

/// What GPT-2 says of the code that comes next.
#[derive(Debug)]
pub(crate) struct Said {
    /// A score for each code, natural logarithm of something that is in proportion to its share.
    pub scores: Vec<f32>,
    /// The latent of the place that the code will have: what the decoder is given for it.
    pub latent: Vec<f32>,
}

/// GPT-2 over latents, text and codes: f32[1, l, channels], i64[1, t], i64[1, m] and the place of the first code i64[1],
/// with what was kept, to scores f32[1, codes] and latent f32[1, channels] of the last, and what is kept for the next
/// step. In the first pass nothing was kept; later l and t are 0 and m is 1. `TTS/tts/layers/xtts/gpt.py`,
/// `gpt_inference.py`. Nearly all of the time goes here.
#[derive(Debug)]
pub(crate) struct Gpt {
    network: Network,
    past: Vec<String>,
    present: Vec<String>,
    /// What the first pass is given for the past.
    nothing: Tensor,
    no_latents: Tensor,
    no_text: Tensor,
    latents: [usize; 3],
    text: [i64; 3],
}

impl Gpt {
    pub fn open(folder: &Path, numbers: &Numbers, options: &SessionOptions) -> Result<Self, XttsError> {
        let network = Network::open(folder, contract::gpt(numbers), options)?;
        let Numbers { channels, heads, latents, start_text, stop_text, start_audio, .. } = *numbers;
        let kept = |names: &[contract::Port]| {
            let with_layer = names.iter().filter(|port| port.name.contains('.'));
            with_layer.map(|port| port.name.clone()).collect()
        };
        Ok(Self {
            past: kept(&network.contract.inputs),
            present: kept(&network.contract.outputs),
            network,
            nothing: tensor(&[1, heads, 0, channels / heads], Vec::new()),
            no_latents: tensor(&[1, 0, channels], Vec::new()),
            no_text: row(Vec::new()),
            latents: [1, latents, channels],
            text: [start_text, stop_text, start_audio],
        })
    }

    /// Takes in a voice (latents in rows) and the tokens of a text, without start and stop.
    pub fn begin(&mut self, latents: &[f32], tokens: &[i64]) -> Result<(Said, Past), XttsError> {
        let latents = tensor(&self.latents, latents.to_vec());
        let [start, stop, code] = self.text;
        let text = row([&[start], tokens, &[stop]].concat());
        let (codes, place) = (row(vec![code]), Tensor::from(Array1::from_elem(1, 0i64)));
        let mut inputs = vec![
            ("latents", Input::Host(&latents)),
            ("text", Input::Host(&text)),
            ("codes", Input::Host(&codes)),
            ("place", Input::Host(&place)),
        ];
        inputs.extend(self.past.iter().map(|name| (name.as_str(), Input::Host(&self.nothing))));
        run(&mut self.network, &self.present, &inputs).map(|(said, kept)| (said, Past { kept, codes: 1 }))
    }

    /// Takes in the code that was chosen.
    pub fn go_on(&mut self, past: Past, code: i64) -> Result<(Said, Past), XttsError> {
        let (codes, place) = (row(vec![code]), Tensor::from(Array1::from_elem(1, past.codes as i64)));
        let mut inputs = vec![
            ("latents", Input::Host(&self.no_latents)),
            ("text", Input::Host(&self.no_text)),
            ("codes", Input::Host(&codes)),
            ("place", Input::Host(&place)),
        ];
        inputs.extend(self.past.iter().zip(&past.kept).map(|(name, kept)| (name.as_str(), Input::Device(kept))));
        let codes = past.codes + 1;
        run(&mut self.network, &self.present, &inputs).map(|(said, kept)| (said, Past { kept, codes }))
    }
}

/// Runs GPT-2, and leaves keys and values where they are.
fn run(
    network: &mut Network,
    present: &[String],
    inputs: &[(&str, Input<'_>)],
) -> Result<(Said, Vec<DeviceTensor>), XttsError> {
    let keep: Vec<&str> = present.iter().map(String::as_str).collect();
    let mut outputs = network.session.run_with(inputs, &keep)?;
    let said =
        Said { scores: network.values(&mut outputs, "scores")?, latent: network.values(&mut outputs, "latent")? };
    let kept = keep.iter().map(|name| {
        let kept = outputs.take_device(name)?;
        network.check(name, kept.shape())?;
        Ok(kept)
    });
    Ok((said, kept.collect::<Result<_, XttsError>>()?))
}

/// The decoder, HiFi-GAN (arXiv:2010.05646): frames f32[1, channels, time], 93.75 a second, and the speaker f32[1, 512, 1]
/// to sound f32[1, 1, 256·time], 24 kHz, -1..=1. `TTS/vocoder/models/hifigan_generator.py`; its frames are those after
/// the interpolation in `TTS/tts/layers/xtts/hifigan_decoder.py`.
#[derive(Debug)]
pub(crate) struct Decoder {
    network: Network,
    channels: usize,
    hop: usize,
}

impl Decoder {
    pub fn open(folder: &Path, numbers: &Numbers, options: &SessionOptions) -> Result<Self, XttsError> {
        let network = Network::open(folder, contract::decoder(numbers), options)?;
        Ok(Self { network, channels: numbers.channels, hop: numbers.decoder.hop })
    }

    /// The sound of frames: for each channel its numbers in all of them.
    pub fn run(&mut self, frames: Vec<f32>, speaker: &[f32]) -> Result<Vec<f32>, XttsError> {
        let time = frames.len() / self.channels;
        let mut outputs = self.network.run(&[
            ("frames", tensor(&[1, self.channels, time], frames)),
            ("speaker", tensor(&[1, speaker.len(), 1], speaker.to_vec())),
        ])?;
        let sound = self.network.values(&mut outputs, "sound")?;
        let expected = time * self.hop;
        if sound.len() != expected {
            let difference =
                format!("its sound has {} samples for {time} frames, and {expected} are expected", sound.len());
            return Err(XttsError::Contract { file: self.network.path.clone(), difference });
        }
        Ok(sound)
    }
}
