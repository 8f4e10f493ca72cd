//! Reads CTranslate2's `model.bin`.
//!
//! The layout (CTranslate2, python/ctranslate2/specs/model_spec.py, `_serialize`), all numbers little-endian: format
//! version u32; name of the model's kind; revision u32; count u32; then for each variable its name, rank u8, lengths
//! u32, element type u8, bytes u32 and content. Names are u16 length, text, NUL. Aliases follow and are not needed.

use std::collections::HashMap;

use super::ConvertError;

/// The format versions that are laid out as above.
const VERSIONS: std::ops::RangeInclusive<u32> = 5..=6;
/// The kind of model that is converted.
const KIND: &str = "WhisperSpec";

/// The element type of a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Element {
    /// 32-bit floating point.
    F32,
    /// 16-bit floating point.
    F16,
    /// Another one, by CTranslate2's number.
    Other(u8),
}

/// A tensor in the file.
#[derive(Clone, Debug)]
pub(super) struct Variable<'a> {
    /// Its lengths, the slowest first.
    pub shape: Vec<u32>,
    /// Its element type.
    pub element: Element,
    /// Its content.
    pub data: &'a [u8],
}

/// All tensors of a file, by name.
#[derive(Debug)]
pub(super) struct Weights<'a>(HashMap<&'a str, Variable<'a>>);

impl<'a> Weights<'a> {
    /// Reads the list of tensors; their contents stay where they are.
    pub fn read(bytes: &'a [u8]) -> Result<Self, ConvertError> {
        let mut reader = Reader(bytes);
        let version = reader.u32()?;
        if !VERSIONS.contains(&version) {
            return Err(ConvertError::Format(format!("version {version} is unknown")));
        }
        let kind = reader.name()?;
        if kind != KIND {
            return Err(ConvertError::Model(format!("they are a {kind}")));
        }
        let _revision = reader.u32()?;
        let count = reader.u32()?;
        let mut variables = HashMap::new();
        for _ in 0..count {
            let name = reader.name()?;
            let rank = reader.u8()?;
            let shape = (0..rank).map(|_| reader.u32()).collect::<Result<Vec<_>, _>>()?;
            let (element, size) = match reader.u8()? {
                0 => (Element::F32, Some(4)),
                4 => (Element::F16, Some(2)),
                other => (Element::Other(other), None),
            };
            let length = reader.u32()?;
            let data = reader.take(length as usize)?;
            let values = shape.iter().try_fold(1u64, |product, &length| product.checked_mul(u64::from(length)));
            if let Some(size) = size
                && values.and_then(|values| values.checked_mul(size)) != Some(u64::from(length))
            {
                return Err(ConvertError::Format(format!("{name} has {length} bytes for the shape {shape:?}")));
            }
            variables.insert(name, Variable { shape, element, data });
        }
        Ok(Self(variables))
    }

    /// The tensor `name`.
    pub fn get(&self, name: &str) -> Result<&Variable<'a>, ConvertError> {
        self.0.get(name).ok_or_else(|| ConvertError::Model(format!("{name} is missing")))
    }

    /// The length of axis `axis` of the tensor `name`.
    pub fn length(&self, name: &str, axis: usize) -> Result<u32, ConvertError> {
        let shape = &self.get(name)?.shape;
        let missing = || ConvertError::Model(format!("{name} has the shape {shape:?}"));
        shape.get(axis).copied().ok_or_else(missing)
    }

    /// The small whole number `name`.
    pub fn number(&self, name: &str) -> Result<u32, ConvertError> {
        let mut bytes = [0; 4];
        let data = self.get(name)?.data;
        let short = data.len() <= 4;
        if short {
            bytes[..data.len()].copy_from_slice(data);
        }
        let number = u32::from_le_bytes(bytes);
        if short && number > 0 { Ok(number) } else { Err(ConvertError::Model(format!("{name} is not a number"))) }
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], ConvertError> {
        let (head, tail) =
            self.0.split_at_checked(length).ok_or_else(|| ConvertError::Format("they end too early".to_owned()))?;
        self.0 = tail;
        Ok(head)
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], ConvertError> {
        let mut bytes = [0; N];
        bytes.copy_from_slice(self.take(N)?);
        Ok(bytes)
    }

    fn u8(&mut self) -> Result<u8, ConvertError> {
        self.bytes().map(u8::from_le_bytes)
    }

    fn u32(&mut self) -> Result<u32, ConvertError> {
        self.bytes().map(u32::from_le_bytes)
    }

    fn name(&mut self) -> Result<&'a str, ConvertError> {
        let length = u16::from_le_bytes(self.bytes()?);
        let bytes = self.take(length.into())?;
        let text = bytes.strip_suffix(&[0]).and_then(|text| std::str::from_utf8(text).ok());
        text.ok_or_else(|| ConvertError::Format("a name is no text".to_owned()))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A file with these variables: name, shape, element type and content of each.
    pub fn file(variables: &[(String, Vec<u32>, u8, Vec<u8>)]) -> Vec<u8> {
        fn name(file: &mut Vec<u8>, text: &str) {
            file.extend((text.len() as u16 + 1).to_le_bytes());
            file.extend(text.as_bytes());
            file.push(0);
        }
        let mut file = 6u32.to_le_bytes().to_vec();
        name(&mut file, KIND);
        file.extend(3u32.to_le_bytes());
        file.extend((variables.len() as u32).to_le_bytes());
        for (text, shape, element, data) in variables {
            name(&mut file, text);
            file.push(shape.len() as u8);
            shape.iter().for_each(|length| file.extend(length.to_le_bytes()));
            file.push(*element);
            file.extend((data.len() as u32).to_le_bytes());
            file.extend(data);
        }
        file.extend(0u32.to_le_bytes());
        file
    }

    #[test]
    fn variables_are_read_back() {
        let bytes = file(&[("a/b".into(), vec![1, 2], 4, vec![1, 2, 3, 4]), ("heads".into(), vec![], 2, vec![8, 0])]);
        let weights = Weights::read(&bytes).expect("it is a file");
        let variable = weights.get("a/b").expect("it is there");
        assert_eq!((variable.element, variable.data), (Element::F16, &[1, 2, 3, 4][..]));
        assert_eq!(weights.length("a/b", 1).expect("it has two axes"), 2);
        assert_eq!(weights.number("heads").expect("it is a number"), 8);
        assert!(weights.get("c").is_err() && weights.length("a/b", 2).is_err());
    }

    #[test]
    fn lengths_that_cannot_be_right_are_refused() {
        let wrong = file(&[("a".into(), vec![3], 4, vec![0; 4])]);
        assert!(matches!(Weights::read(&wrong), Err(ConvertError::Format(_))));
        let overflowing = file(&[("a".into(), vec![u32::MAX; 4], 4, vec![0; 4])]);
        assert!(matches!(Weights::read(&overflowing), Err(ConvertError::Format(_))));
    }
}
