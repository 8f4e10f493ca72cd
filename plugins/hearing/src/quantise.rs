//! Whisper's weights in eight bits, made while the model is loaded: half the memory, and on processors with AVX2 about
//! half the time of the sixteen-bit weights, with the same words (docs-secretary/adr/0006-whisper-build-flags.md).
//!
//! The file is whisper.cpp's own ("ggml"): a header of twelve numbers, mel filters, vocabulary, then tensors. Format:
//! whisper.cpp, `models/convert-pt-to-ggml.py` and `examples/quantize`; Q8_0: ggml, `ggml-common.h`, `block_q8_0`.

use std::io::{self, Read};

/// First number of a file: "ggml".
const MAGIC: u32 = 0x6767_6d6c;
/// The header's last number when the weights have sixteen bits.
const SIXTEEN_BIT: u32 = 1;
/// The header's last number for Q8_0: file type 7, quantisation version 2 (times 1000).
const EIGHT_BIT: u32 = 2007;
/// Types of a tensor: 32-bit float, 16-bit float, blocks of 32 signed bytes with one 16-bit scale.
const F32: u32 = 0;
const F16: u32 = 1;
const Q8_0: u32 = 8;
/// Weights in a block.
const BLOCK: usize = 32;
/// No tensor of any Whisper model is larger.
const MOST_WEIGHTS: usize = 1 << 28;

/// Reads a model with sixteen-bit weights and gives it back with its matrices in Q8_0. A model of another type is
/// given back as it is.
///
/// # Errors
/// The file ends too early, or is not a Whisper model of whisper.cpp.
pub(crate) fn quantise(mut input: impl Read) -> io::Result<Vec<u8>> {
    let mut out = Vec::with_capacity(90 << 20);
    let mut header = [0u8; 48];
    input.read_exact(&mut header)?;
    if word(&header[..4]) != MAGIC {
        return Err(refuse("it is not a Whisper model in whisper.cpp's format"));
    }
    if word(&header[44..]) != SIXTEEN_BIT {
        out.extend_from_slice(&header);
        input.read_to_end(&mut out)?;
        return Ok(out);
    }
    header[44..].copy_from_slice(&EIGHT_BIT.to_le_bytes());
    out.extend_from_slice(&header);

    let filters = [number(&mut input, &mut out)?, number(&mut input, &mut out)?];
    copy(&mut input, &mut out, weights(&filters)? * 4)?;
    for _ in 0..number(&mut input, &mut out)? {
        let length = number(&mut input, &mut out)?;
        copy(&mut input, &mut out, length as usize)?;
    }
    while tensor(&mut input, &mut out)? {}
    Ok(out)
}

/// Copies or quantises one tensor. False at the end of the file.
fn tensor(input: &mut impl Read, out: &mut Vec<u8>) -> io::Result<bool> {
    let mut first = [0u8; 4];
    let mut got = 0;
    while got < 4 {
        match input.read(&mut first[got..])? {
            0 if got == 0 => return Ok(false),
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            more => got += more,
        }
    }
    let dimensions = u32::from_le_bytes(first) as usize;
    if !(1..=4).contains(&dimensions) {
        return Err(refuse("a tensor has an impossible number of dimensions"));
    }
    let mut rest = vec![0u8; 8 + 4 * dimensions];
    input.read_exact(&mut rest)?;
    let kind = word(&rest[4..8]);
    let shape: Vec<u32> = rest[8..].chunks_exact(4).map(word).collect();
    let count = weights(&shape)?;
    let name_length = word(&rest[..4]) as usize;
    if name_length > 1 << 10 {
        return Err(refuse("a tensor has an impossibly long name"));
    }
    let mut name = vec![0u8; name_length];
    input.read_exact(&mut name)?;
    let size = match kind {
        F32 => count * 4,
        F16 => count * 2,
        other => return Err(refuse(&format!("a tensor has the unknown type {other}"))),
    };
    // Matrices are multiplied with in eight bits; convolutions (three dimensions) and vectors stay as they are.
    let becomes = if kind == F16 && dimensions == 2 && (shape[0] as usize).is_multiple_of(BLOCK) { Q8_0 } else { kind };
    rest[4..8].copy_from_slice(&becomes.to_le_bytes());
    out.extend_from_slice(&first);
    out.extend_from_slice(&rest);
    out.extend_from_slice(&name);
    if becomes == kind {
        copy(input, out, size)?;
    } else {
        let mut data = vec![0u8; size];
        input.read_exact(&mut data)?;
        data.chunks_exact(2 * BLOCK).for_each(|block| quantise_block(block, out));
    }
    Ok(true)
}

/// 32 sixteen-bit floats become a sixteen-bit scale (the largest magnitude / 127) and 32 signed bytes.
fn quantise_block(block: &[u8], out: &mut Vec<u8>) {
    let mut values = [0f32; BLOCK];
    let mut largest = 0f32;
    for (value, bytes) in values.iter_mut().zip(block.chunks_exact(2)) {
        *value = from_half(u16::from_le_bytes([bytes[0], bytes[1]]));
        largest = largest.max(value.abs());
    }
    let scale = largest / 127.0;
    let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
    out.extend_from_slice(&to_half(scale).to_le_bytes());
    out.extend(values.map(|value| (value * inverse).round() as i8 as u8));
}

/// IEEE 754 binary16 → binary32, exact.
fn from_half(half: u16) -> f32 {
    let sign = u32::from(half & 0x8000) << 16;
    let magnitude = u32::from(half & 0x7fff);
    let bits = if magnitude >= 0x7c00 {
        0x7f80_0000 | (magnitude & 0x3ff) << 13
    } else {
        // Shifted into place the exponent is 112 too small; multiplying by 2^112 mends it, subnormals included.
        (f32::from_bits(magnitude << 13) * f32::from_bits(0x7780_0000)).to_bits()
    };
    f32::from_bits(sign | bits)
}

/// binary32 → binary16, rounded to nearest even, for finite values from 0 to 65,504.
fn to_half(value: f32) -> u16 {
    let bits = value.to_bits();
    if value < f32::from_bits(0x3880_0000) {
        // Below 2^-14: subnormal, in steps of 2^-24.
        return (value * 16_777_216.0).round_ties_even() as u16;
    }
    let rounded = bits - 0x3800_0000 + 0xfff + (bits >> 13 & 1);
    (rounded >> 13).min(0x7bff) as u16
}

fn weights(shape: &[u32]) -> io::Result<usize> {
    let count = shape.iter().try_fold(1usize, |product, &size| product.checked_mul(size as usize));
    count.filter(|&count| count <= MOST_WEIGHTS).ok_or_else(|| refuse("a tensor is impossibly large"))
}

fn number(input: &mut impl Read, out: &mut Vec<u8>) -> io::Result<u32> {
    let mut bytes = [0u8; 4];
    input.read_exact(&mut bytes)?;
    out.extend_from_slice(&bytes);
    Ok(u32::from_le_bytes(bytes))
}

fn copy(input: &mut impl Read, out: &mut Vec<u8>, size: usize) -> io::Result<()> {
    let copied = input.take(size as u64).read_to_end(out)?;
    if copied == size { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

fn word(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |word, &byte| word << 8 | u32::from(byte))
}

fn refuse(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(values: &[u32]) -> Vec<u8> {
        values.iter().flat_map(|value| value.to_le_bytes()).collect()
    }

    /// A file with one mel filter, one word, a matrix of 2 × 32 sixteen-bit weights and a vector of two floats.
    fn tiny(kind: u32) -> (Vec<u8>, Vec<f32>) {
        let mut file = words(&[MAGIC, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, kind]);
        file.extend(words(&[1, 2, 0, 0, 1, 2]));
        file.extend(*b"hi");
        file.extend(words(&[2, 1, F16, 32, 2]));
        file.extend(*b"m");
        let values: Vec<f32> = (0..64).map(|index| (index as f32 - 20.0) / 16.0).collect();
        for &value in &values {
            let half = to_half(value.abs()) | if value < 0.0 { 0x8000 } else { 0 };
            file.extend(half.to_le_bytes());
        }
        file.extend(words(&[1, 1, F32, 2]));
        file.extend(*b"v");
        file.extend(words(&[7, 8]));
        (file, values)
    }

    #[test]
    fn matrices_lose_less_than_half_a_step() {
        let (file, values) = tiny(SIXTEEN_BIT);
        let out = quantise(&file[..]).expect("the file is well formed");
        assert_eq!(word(&out[44..48]), EIGHT_BIT);
        // Header, filters, vocabulary, the matrix's own header.
        let start = 48 + 8 + 8 + 4 + 4 + 2 + 20 + 1;
        for (block, expected) in out[start..].chunks_exact(34).zip(values.chunks_exact(32)) {
            let scale = from_half(u16::from_le_bytes([block[0], block[1]]));
            for (&byte, expected) in block[2..].iter().zip(expected) {
                let found = f32::from(byte as i8) * scale;
                assert!((found - expected).abs() <= scale * 0.51, "{found} for {expected}");
            }
        }
        assert_eq!(&out[out.len() - 8..], words(&[7, 8]), "vectors stay");
        assert_eq!(out.len(), start + 2 * 34 + 17 + 8);
    }

    #[test]
    fn a_model_of_another_type_stays() {
        let (file, _) = tiny(0);
        assert_eq!(quantise(&file[..]).expect("the file is well formed"), file);
    }

    #[test]
    fn a_damaged_file_is_refused() {
        let (mut file, _) = tiny(SIXTEEN_BIT);
        assert!(quantise(&file[..file.len() - 1]).is_err(), "cut");
        assert!(quantise(&file[..20]).is_err(), "cut in the header");
        file[0] = 0;
        assert!(quantise(&file[..]).is_err(), "no model");
    }

    #[test]
    fn halves_round_trip() {
        for half in (0..0x7c00).step_by(7) {
            assert_eq!(to_half(from_half(half)), half, "{half:#x}");
        }
        assert_eq!(from_half(0xc000), -2.0);
    }
}
