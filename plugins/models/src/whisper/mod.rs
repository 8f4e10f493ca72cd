//! Whisper from CTranslate2's file format to whisper.cpp's, byte for byte the file that is published for whisper.cpp.
//!
//! The same weights are published in both formats. Where only CTranslate2's can be had, they are written anew:
//! the hyperparameters come from the tensors' shapes, the mel filters are computed, the tokens are decoded from the
//! vocabulary, and the tensors are renamed, cut apart and widened as whisper.cpp's loader wants them.
//!
//! The layout of the written file: whisper.cpp, models/convert-pt-to-ggml.py and src/whisper.cpp
//! (`whisper_model_load`). The names of the tensors: openai/whisper, whisper/model.py.

mod ctranslate2;
mod layout;
mod mel;
mod vocabulary;

use std::io::{self, Write};

use ctranslate2::{Element, Variable, Weights};
use layout::{Entry, Form, Hyperparameters, Part};

pub use mel::{BINS as MEL_BINS, filters as mel_filters};

/// Why a Whisper model could not be converted.
#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
    /// The weights are not a CTranslate2 file of a known version.
    #[error("the weights are not CTranslate2's: {0}")]
    Format(String),
    /// A tensor is not there, or has another shape or type than Whisper's.
    #[error("the weights are not Whisper's: {0}")]
    Model(String),
    /// The vocabulary is not Whisper's.
    #[error("the vocabulary is not Whisper's: {0}")]
    Vocabulary(String),
    /// The result could not be written.
    #[error("the converted model could not be written: {0}")]
    Write(#[from] io::Error),
}

/// The first four bytes of the file, as a little-endian number.
const MAGIC: u32 = 0x6767_6d6c;
/// The magic of the weights' kind: matrices are 16-bit floating point.
const FTYPE_F16: u32 = 1;

/// Writes the model in `weights` (CTranslate2's `model.bin`) and `vocabulary` (its `vocabulary.json`) to `out` as
/// whisper.cpp's file. The same input gives the same bytes.
///
/// # Errors
/// The input is not Whisper, or `out` fails. What was written by then is of no use.
pub fn write_ggml(weights: &[u8], vocabulary: &str, out: &mut impl Write) -> Result<(), ConvertError> {
    let weights = Weights::read(weights)?;
    let hyper = Hyperparameters::of(&weights)?;
    let tokens = vocabulary::tokens(vocabulary)?;
    write_header(&hyper, &tokens, out)?;
    for entry in layout::entries(&hyper) {
        write_tensor(&entry, weights.get(&entry.variable)?, out)?;
    }
    Ok(())
}

fn write_header(hyper: &Hyperparameters, tokens: &[Vec<u8>], out: &mut impl Write) -> io::Result<()> {
    let numbers = [
        MAGIC,
        hyper.vocabulary,
        hyper.audio_context,
        hyper.state,
        hyper.audio_heads,
        hyper.audio_layers,
        hyper.text_context,
        hyper.state,
        hyper.text_heads,
        hyper.text_layers,
        hyper.mels,
        FTYPE_F16,
        hyper.mels,
        mel::BINS as u32,
    ];
    for number in numbers {
        out.write_all(&number.to_le_bytes())?;
    }
    for value in mel::filters(hyper.mels as usize) {
        out.write_all(&value.to_le_bytes())?;
    }
    out.write_all(&(tokens.len() as u32).to_le_bytes())?;
    for token in tokens {
        out.write_all(&(token.len() as u32).to_le_bytes())?;
        out.write_all(token)?;
    }
    Ok(())
}

fn write_tensor(entry: &Entry, variable: &Variable<'_>, out: &mut impl Write) -> Result<(), ConvertError> {
    let (rows, data) = cut(entry, variable)?;
    let mut shape: Vec<u32> = std::iter::once(rows).chain(variable.shape[1..].iter().copied()).collect();
    let wide = match entry.form {
        Form::Matrix => false,
        Form::Vector | Form::Table => true,
        Form::Column => {
            shape.push(1);
            true
        }
    };
    let numbers = [shape.len() as u32, entry.name.len() as u32, if wide { 0 } else { FTYPE_F16 }];
    for number in numbers.into_iter().chain(shape.iter().rev().copied()) {
        out.write_all(&number.to_le_bytes())?;
    }
    out.write_all(entry.name.as_bytes())?;
    match (variable.element, wide) {
        (Element::F16, false) | (Element::F32, true) => out.write_all(data)?,
        (Element::F16, true) => {
            let values = data.chunks_exact(2).map(|pair| half_to_f32(u16::from_le_bytes([pair[0], pair[1]])));
            let bytes: Vec<u8> = values.flat_map(f32::to_le_bytes).collect();
            out.write_all(&bytes)?;
        }
        (Element::F32, false) => {
            return Err(ConvertError::Model(format!("{} has 32 bits; 16-bit weights are wanted", entry.variable)));
        }
        (Element::Other(kind), _) => {
            return Err(ConvertError::Model(format!("{} has the element type {kind}", entry.variable)));
        }
    }
    Ok(())
}

/// The part of a variable that an entry wants: its rows and their bytes.
fn cut<'a>(entry: &Entry, variable: &Variable<'a>) -> Result<(u32, &'a [u8]), ConvertError> {
    let rank = match entry.form {
        Form::Vector | Form::Column => 1..=1,
        Form::Table => 2..=2,
        Form::Matrix => 2..=3,
    };
    let (parts, index) = match entry.part {
        Part::Whole => (1, 0),
        Part::Half(index) => (2, index),
        Part::Third(index) => (3, index),
    };
    let rows = variable.shape.first().copied().unwrap_or(0);
    if !rank.contains(&variable.shape.len()) || rows % parts != 0 {
        let shape = &variable.shape;
        return Err(ConvertError::Model(format!("{} has the shape {shape:?}", entry.variable)));
    }
    let bytes = variable.data.len() / parts as usize;
    Ok((rows / parts, &variable.data[index * bytes..(index + 1) * bytes]))
}

/// A number of IEEE 754 binary16 as `f32`, exactly.
fn half_to_f32(bits: u16) -> f32 {
    let sign = u32::from(bits & 0x8000) << 16;
    let exponent = u32::from(bits >> 10 & 0x1f);
    let fraction = u32::from(bits & 0x3ff);
    let magnitude = match (exponent, fraction) {
        (0, _) => {
            // Zero and subnormal numbers: the fraction counts units of 2^-24, which f32 holds exactly.
            return f32::from_bits(sign | (fraction as f32 * 2.0f32.powi(-24)).to_bits());
        }
        (0x1f, _) => 0x7f80_0000 | fraction << 13,
        _ => (exponent + 127 - 15) << 23 | fraction << 13,
    };
    f32::from_bits(sign | magnitude)
}

#[cfg(test)]
mod tests {
    use super::{ctranslate2::tests::file, *};

    #[test]
    fn halves_become_floats_exactly() {
        let cases = [
            (0x0000, 0.0),
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x3555, 0.333_251_95),
            (0x7bff, 65_504.0),
            (0x0400, 6.103_515_6e-5),
            (0x0001, 5.960_464_5e-8),
            (0x83ff, -6.097_555e-5),
            (0x7c00, f32::INFINITY),
        ];
        for (bits, value) in cases {
            assert_eq!(half_to_f32(bits), value, "{bits:#06x}");
        }
        assert_eq!(half_to_f32(0x8000).to_bits(), (-0.0f32).to_bits());
        assert!(half_to_f32(0x7e00).is_nan());
    }

    /// A Whisper with one layer of width 4 in encoder and decoder, every 16-bit value being 1.
    fn tiny() -> Vec<(String, Vec<u32>, u8, Vec<u8>)> {
        const F16: u8 = 4;
        let mut variables = Vec::new();
        let mut add = |name: &str, shape: &[u32]| {
            let values = shape.iter().product::<u32>() as usize;
            variables.push((name.to_owned(), shape.to_vec(), F16, [0x00, 0x3c].repeat(values)));
        };
        add("encoder/conv1/weight", &[4, 80, 3]);
        add("encoder/conv1/bias", &[4]);
        add("encoder/conv2/weight", &[4, 4, 3]);
        add("encoder/conv2/bias", &[4]);
        add("decoder/embeddings/weight", &[6, 4]);
        for side in ["encoder", "decoder"] {
            add(&format!("{side}/position_encodings/encodings"), &[5, 4]);
            let mut norm = |name: &str| {
                add(&format!("{side}/{name}/gamma"), &[4]);
                add(&format!("{side}/{name}/beta"), &[4]);
            };
            norm("layer_norm");
            norm("layer_0/self_attention/layer_norm");
            norm("layer_0/ffn/layer_norm");
            if side == "decoder" {
                norm("layer_0/attention/layer_norm");
            }
            let mut linear = |name: &str, rows: u32, columns: u32| {
                add(&format!("{side}/layer_0/{name}/weight"), &[rows, columns]);
                add(&format!("{side}/layer_0/{name}/bias"), &[rows]);
            };
            linear("self_attention/linear_0", 12, 4);
            linear("self_attention/linear_1", 4, 4);
            linear("ffn/linear_0", 16, 4);
            linear("ffn/linear_1", 4, 16);
            if side == "decoder" {
                linear("attention/linear_0", 4, 4);
                linear("attention/linear_1", 8, 4);
                linear("attention/linear_2", 4, 4);
            }
        }
        for side in ["encoder", "decoder"] {
            variables.push((format!("{side}/num_heads"), vec![], 2, 2i16.to_le_bytes().to_vec()));
        }
        variables
    }

    /// Reads the tensors' names and sizes back, as whisper.cpp does.
    fn tensors(mut rest: &[u8]) -> Vec<(String, Vec<u32>, u32)> {
        fn number(rest: &mut &[u8]) -> u32 {
            let (head, tail) = rest.split_first_chunk::<4>().expect("the file goes on");
            *rest = tail;
            u32::from_le_bytes(*head)
        }
        let mut found = Vec::new();
        while !rest.is_empty() {
            let (rank, length, kind) = (number(&mut rest), number(&mut rest), number(&mut rest));
            let shape: Vec<_> = (0..rank).map(|_| number(&mut rest)).collect();
            let (name, tail) = rest.split_at(length as usize);
            let bytes = shape.iter().product::<u32>() * if kind == 0 { 4 } else { 2 };
            rest = &tail[bytes as usize..];
            found.push((String::from_utf8(name.to_vec()).expect("names are ASCII"), shape, kind));
        }
        found
    }

    #[test]
    fn a_small_model_is_written_as_whisper_cpp_reads_it() {
        let mut out = Vec::new();
        let vocabulary = r#"["a", "Ġb", "<|endoftext|>", "<|startoftranscript|>"]"#;
        write_ggml(&file(&tiny()), vocabulary, &mut out).expect("it is a Whisper");
        let numbers: Vec<_> =
            out[..56].chunks_exact(4).map(|four| u32::from_le_bytes(four.try_into().expect("four bytes"))).collect();
        assert_eq!(numbers, [MAGIC, 6, 5, 4, 2, 1, 5, 4, 2, 1, 80, 1, 80, 201]);
        let tokens = 56 + 80 * 201 * 4;
        assert_eq!(&out[tokens..tokens + 15], b"\x02\0\0\0\x01\0\0\0a\x02\0\0\0 b");
        let tensors = tensors(&out[tokens + 15..]);
        assert_eq!(tensors.len(), 50);
        let find = |name: &str| {
            let (_, shape, kind) = tensors.iter().find(|(own, ..)| own == name).expect(name);
            (shape.clone(), *kind)
        };
        assert_eq!(find("decoder.positional_embedding"), (vec![4, 5], 0));
        assert_eq!(find("encoder.conv1.weight"), (vec![3, 80, 4], 1));
        assert_eq!(find("encoder.conv1.bias"), (vec![1, 4], 0));
        assert_eq!(find("encoder.blocks.0.attn.key.weight"), (vec![4, 4], 1));
        assert_eq!(find("decoder.blocks.0.cross_attn.value.bias"), (vec![4], 0));
        assert!(tensors.iter().all(|(name, ..)| !name.ends_with("key.bias")));
    }

    #[test]
    fn what_is_not_whisper_is_refused() {
        let vocabulary = r#"["a", "<|endoftext|>"]"#;
        let convert = |variables: &[_]| write_ggml(&file(variables), vocabulary, &mut Vec::new());
        let mut missing = tiny();
        missing.retain(|(name, ..)| name != "decoder/layer_0/attention/linear_1/bias");
        assert!(matches!(convert(&missing), Err(ConvertError::Model(_))));
        let mut uneven = tiny();
        for variable in &mut uneven {
            if variable.0 == "encoder/layer_0/self_attention/linear_0/weight" {
                variable.1 = vec![16, 3];
            }
        }
        assert!(matches!(convert(&uneven), Err(ConvertError::Model(_))));
        let bytes = file(&tiny());
        for length in [0, 3, 40, bytes.len() / 2] {
            assert!(write_ggml(&bytes[..length], vocabulary, &mut Vec::new()).is_err(), "{length}");
        }
    }
}
