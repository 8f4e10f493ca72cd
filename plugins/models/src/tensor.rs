//! What goes into a model and comes out of it, without the runtime's own types.

use std::fmt;

use ndarray::ArrayD;

use crate::session::SessionError;

/// What a model takes, and what it gives.
#[derive(Clone, Debug, PartialEq)]
pub enum Tensor {
    /// 32-bit floating point.
    F32(ArrayD<f32>),
    /// 64-bit integers.
    I64(ArrayD<i64>),
}

impl Tensor {
    /// The tensor's shape.
    pub fn shape(&self) -> &[usize] {
        match self {
            Self::F32(array) => array.shape(),
            Self::I64(array) => array.shape(),
        }
    }

    /// The name of the element type: "f32" or "i64".
    pub fn element(&self) -> &'static str {
        match self {
            Self::F32(_) => "f32",
            Self::I64(_) => "i64",
        }
    }
}

impl<D: ndarray::Dimension> From<ndarray::Array<f32, D>> for Tensor {
    fn from(array: ndarray::Array<f32, D>) -> Self {
        Self::F32(array.into_dyn())
    }
}

impl<D: ndarray::Dimension> From<ndarray::Array<i64, D>> for Tensor {
    fn from(array: ndarray::Array<i64, D>) -> Self {
        Self::I64(array.into_dyn())
    }
}

/// An input or output as the model declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorInfo {
    /// Its name.
    pub name: String,
    /// Its element type: "f32", "i64", or what else the model uses.
    pub element: String,
    /// Its shape; `None` where any length will do.
    pub shape: Vec<Option<usize>>,
}

impl TensorInfo {
    /// What keeps `tensor` from being this input.
    pub(crate) fn difference(&self, tensor: &Tensor) -> Option<String> {
        if self.element != tensor.element() {
            return Some(format!("it wants {}, not {}", self.element, tensor.element()));
        }
        let given = tensor.shape();
        let fits = self.shape.len() == given.len()
            && self.shape.iter().zip(given).all(|(wanted, given)| wanted.is_none_or(|wanted| wanted == *given));
        (!fits).then(|| format!("it wants the shape {}, not {given:?}", Shape(&self.shape)))
    }
}

/// Prints a declared shape as `[1, ?, 3]`.
struct Shape<'a>(&'a [Option<usize>]);

impl fmt::Display for Shape<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lengths: Vec<_> = self.0.iter().map(|n| n.map_or_else(|| "?".to_owned(), |n| n.to_string())).collect();
        write!(f, "[{}]", lengths.join(", "))
    }
}

/// What a run has given, by name.
#[derive(Clone, Debug)]
pub struct Outputs {
    pub(crate) model: String,
    /// The error of a tensor that is neither f32 nor i64 is its element type.
    pub(crate) tensors: Vec<(String, Result<Tensor, String>)>,
}

impl Outputs {
    /// The output `name`, which must be f32.
    ///
    /// # Errors
    /// There is no such output, or it is of another type.
    pub fn f32(&self, name: &str) -> Result<&ArrayD<f32>, SessionError> {
        match self.get(name)? {
            Tensor::F32(array) => Ok(array),
            other => Err(self.other_type(name, "f32", other.element())),
        }
    }

    /// The output `name`, which must be i64.
    ///
    /// # Errors
    /// There is no such output, or it is of another type.
    pub fn i64(&self, name: &str) -> Result<&ArrayD<i64>, SessionError> {
        match self.get(name)? {
            Tensor::I64(array) => Ok(array),
            other => Err(self.other_type(name, "i64", other.element())),
        }
    }

    /// The output `name`, taken out as f32 without a copy.
    ///
    /// # Errors
    /// There is no such output (any more), or it is of another type.
    pub fn take_f32(&mut self, name: &str) -> Result<ArrayD<f32>, SessionError> {
        self.f32(name)?;
        let index = self.tensors.iter().position(|(own, _)| own == name);
        match index.map(|index| self.tensors.swap_remove(index).1) {
            Some(Ok(Tensor::F32(array))) => Ok(array),
            _ => Err(self.missing(name)),
        }
    }

    /// The outputs' names, in the model's order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.iter().map(|(name, _)| name.as_str())
    }

    fn get(&self, name: &str) -> Result<&Tensor, SessionError> {
        match self.tensors.iter().find(|(own, _)| own == name) {
            Some((_, Ok(tensor))) => Ok(tensor),
            Some((_, Err(element))) => Err(self.other_type(name, "f32 or i64", element)),
            None => Err(self.missing(name)),
        }
    }

    fn missing(&self, name: &str) -> SessionError {
        let all: Vec<_> = self.names().map(|name| format!("{name:?}")).collect();
        self.error(name, format!("its outputs are {}", all.join(", ")))
    }

    fn other_type(&self, name: &str, wanted: &str, found: &str) -> SessionError {
        self.error(name, format!("{wanted} was asked for, and it is {found}"))
    }

    fn error(&self, name: &str, reason: String) -> SessionError {
        SessionError::Output { model: self.model.clone(), output: name.to_owned(), reason }
    }
}
