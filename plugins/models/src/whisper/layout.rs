//! Which tensors whisper.cpp's file has, in which order, and where each comes from.
//!
//! The loader finds tensors by name; the order is that of OpenAI's checkpoint, so that the file equals the published
//! one byte for byte.

use super::{ConvertError, ctranslate2::Weights};

/// Whisper's sizes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hyperparameters {
    /// Tokens, with the special ones.
    pub vocabulary: u32,
    /// Positions of the encoder: 1,500 for 30 s.
    pub audio_context: u32,
    /// Width of encoder and decoder.
    pub state: u32,
    /// Attention heads of the encoder.
    pub audio_heads: u32,
    /// Layers of the encoder.
    pub audio_layers: u32,
    /// Positions of the decoder.
    pub text_context: u32,
    /// Attention heads of the decoder.
    pub text_heads: u32,
    /// Layers of the decoder.
    pub text_layers: u32,
    /// Mel bands.
    pub mels: u32,
}

impl Hyperparameters {
    /// Reads the sizes off the tensors' shapes.
    pub fn of(weights: &Weights<'_>) -> Result<Self, ConvertError> {
        let layers = |side: &str| {
            let there = |layer: &u32| weights.get(&format!("{side}/layer_{layer}/ffn/linear_0/weight")).is_ok();
            (0..).take_while(there).count() as u32
        };
        let hyper = Self {
            vocabulary: weights.length("decoder/embeddings/weight", 0)?,
            audio_context: weights.length("encoder/position_encodings/encodings", 0)?,
            state: weights.length("encoder/position_encodings/encodings", 1)?,
            audio_heads: weights.number("encoder/num_heads")?,
            audio_layers: layers("encoder"),
            text_context: weights.length("decoder/position_encodings/encodings", 0)?,
            text_heads: weights.number("decoder/num_heads")?,
            text_layers: layers("decoder"),
            mels: weights.length("encoder/conv1/weight", 1)?,
        };
        if hyper.audio_layers == 0 || hyper.text_layers == 0 || !matches!(hyper.mels, 80 | 128) {
            return Err(ConvertError::Model(format!("its sizes are {hyper:?}")));
        }
        Ok(hyper)
    }
}

/// Which rows of a variable a tensor takes. CTranslate2 keeps the projections of an attention in one matrix.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part {
    Whole,
    Half(usize),
    Third(usize),
}

/// How a tensor is written.
#[derive(Clone, Copy, Debug)]
pub(super) enum Form {
    /// Two or three axes, 16 bits.
    Matrix,
    /// One axis, 32 bits.
    Vector,
    /// Two axes, 32 bits: the positions.
    Table,
    /// One axis, written with a second one of length 1, 32 bits: the convolutions' biases.
    Column,
}

/// A tensor to be written.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// Its name in the file.
    pub name: String,
    /// The variable of CTranslate2's that has it.
    pub variable: String,
    /// The rows of it.
    pub part: Part,
    /// How it is written.
    pub form: Form,
}

/// All tensors in the file's order.
pub(super) fn entries(hyper: &Hyperparameters) -> Vec<Entry> {
    let mut list = List(Vec::new());
    for side in ["decoder", "encoder"] {
        let positions = format!("{side}/position_encodings/encodings");
        list.add(&format!("{side}.positional_embedding"), &positions, Part::Whole, Form::Table);
    }
    list.add("decoder.token_embedding.weight", "decoder/embeddings/weight", Part::Whole, Form::Matrix);
    for layer in 0..hyper.text_layers {
        list.block("decoder", layer);
    }
    list.norm("decoder.ln", "decoder/layer_norm");
    for index in 1..=2 {
        let (name, variable) = (format!("encoder.conv{index}"), format!("encoder/conv{index}"));
        list.add(&format!("{name}.weight"), &format!("{variable}/weight"), Part::Whole, Form::Matrix);
        list.add(&format!("{name}.bias"), &format!("{variable}/bias"), Part::Whole, Form::Column);
    }
    for layer in 0..hyper.audio_layers {
        list.block("encoder", layer);
    }
    list.norm("encoder.ln_post", "encoder/layer_norm");
    list.0
}

struct List(Vec<Entry>);

impl List {
    fn add(&mut self, name: &str, variable: &str, part: Part, form: Form) {
        self.0.push(Entry { name: name.to_owned(), variable: variable.to_owned(), part, form });
    }

    fn weight(&mut self, name: &str, variable: &str, part: Part) {
        self.add(&format!("{name}.weight"), &format!("{variable}/weight"), part, Form::Matrix);
    }

    fn bias(&mut self, name: &str, variable: &str, part: Part) {
        self.add(&format!("{name}.bias"), &format!("{variable}/bias"), part, Form::Vector);
    }

    fn linear(&mut self, name: &str, variable: &str, part: Part) {
        self.weight(name, variable, part);
        self.bias(name, variable, part);
    }

    fn norm(&mut self, name: &str, variable: &str) {
        self.add(&format!("{name}.weight"), &format!("{variable}/gamma"), Part::Whole, Form::Vector);
        self.add(&format!("{name}.bias"), &format!("{variable}/beta"), Part::Whole, Form::Vector);
    }

    fn block(&mut self, side: &str, layer: u32) {
        let name = format!("{side}.blocks.{layer}");
        let variable = format!("{side}/layer_{layer}");
        self.norm(&format!("{name}.mlp_ln"), &format!("{variable}/ffn/layer_norm"));
        self.linear(&format!("{name}.mlp.0"), &format!("{variable}/ffn/linear_0"), Part::Whole);
        self.linear(&format!("{name}.mlp.2"), &format!("{variable}/ffn/linear_1"), Part::Whole);

        let (own, joint) = (format!("{name}.attn"), format!("{variable}/self_attention/linear_0"));
        self.norm(&format!("{name}.attn_ln"), &format!("{variable}/self_attention/layer_norm"));
        self.linear(&format!("{own}.query"), &joint, Part::Third(0));
        // Whisper's keys have no bias; CTranslate2 keeps zeros in its place.
        self.weight(&format!("{own}.key"), &joint, Part::Third(1));
        self.linear(&format!("{own}.value"), &joint, Part::Third(2));
        self.linear(&format!("{own}.out"), &format!("{variable}/self_attention/linear_1"), Part::Whole);
        if side == "encoder" {
            return;
        }
        let (cross, joint) = (format!("{name}.cross_attn"), format!("{variable}/attention/linear_1"));
        self.norm(&format!("{name}.cross_attn_ln"), &format!("{variable}/attention/layer_norm"));
        self.linear(&format!("{cross}.query"), &format!("{variable}/attention/linear_0"), Part::Whole);
        self.weight(&format!("{cross}.key"), &joint, Part::Half(0));
        self.linear(&format!("{cross}.value"), &joint, Part::Half(1));
        self.linear(&format!("{cross}.out"), &format!("{variable}/attention/linear_2"), Part::Whole);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn base_has_its_245_tensors_each_once() {
        let hyper = Hyperparameters {
            vocabulary: 51_865,
            audio_context: 1500,
            state: 512,
            audio_heads: 8,
            audio_layers: 6,
            text_context: 448,
            text_heads: 8,
            text_layers: 6,
            mels: 80,
        };
        let entries = entries(&hyper);
        // whisper.cpp prints this number when it loads the base model.
        assert_eq!(entries.len(), 245);
        let names: HashSet<_> = entries.iter().map(|entry| &entry.name).collect();
        assert_eq!(names.len(), entries.len());
        assert_eq!(entries[0].name, "decoder.positional_embedding");
        assert_eq!(entries[244].name, "encoder.ln_post.bias");
    }
}
