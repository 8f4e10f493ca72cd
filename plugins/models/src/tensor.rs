//! What goes into a model and comes out of it, without the runtime's own types.

use std::fmt;

use ndarray::ArrayD;

use crate::{device::DeviceTensor, session::SessionError};

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
    /// What keeps a tensor of this element type and shape from being this input.
    pub(crate) fn difference(&self, element: &str, given: &[usize]) -> Option<String> {
        if self.element != element {
            return Some(format!("it wants {}, not {element}", self.element));
        }
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
    pub(crate) tensors: Vec<(String, Output)>,
}

/// What has become of an output.
#[derive(Clone, Debug)]
pub(crate) enum Output {
    /// It came to the processor.
    Host(Tensor),
    /// It was kept where it was made.
    Device(DeviceTensor),
    /// It is neither f32 nor i64: its element type.
    Other(String),
}

impl Outputs {
    /// The output `name`, which must be f32.
    ///
    /// # Errors
    /// There is no such output, it is of another type, or it was kept on its device.
    pub fn f32(&self, name: &str) -> Result<&ArrayD<f32>, SessionError> {
        match self.get(name)? {
            Tensor::F32(array) => Ok(array),
            other => Err(self.other_type(name, "f32", other.element())),
        }
    }

    /// The output `name`, which must be i64.
    ///
    /// # Errors
    /// There is no such output, it is of another type, or it was kept on its device.
    pub fn i64(&self, name: &str) -> Result<&ArrayD<i64>, SessionError> {
        match self.get(name)? {
            Tensor::I64(array) => Ok(array),
            other => Err(self.other_type(name, "i64", other.element())),
        }
    }

    /// The output `name`, taken out as f32 without a copy.
    ///
    /// # Errors
    /// There is no such output (any more), it is of another type, or it was kept on its device.
    pub fn take_f32(&mut self, name: &str) -> Result<ArrayD<f32>, SessionError> {
        self.f32(name)?;
        match self.take(name) {
            Some(Output::Host(Tensor::F32(array))) => Ok(array),
            _ => Err(self.missing(name)),
        }
    }

    /// The output `name`, which was kept on its device, taken out.
    ///
    /// # Errors
    /// There is no such output (any more), or it was not kept.
    pub fn take_device(&mut self, name: &str) -> Result<DeviceTensor, SessionError> {
        match self.find(name)? {
            Output::Device(_) => {}
            Output::Host(_) => return Err(self.error(name, "it was not kept on its device".to_owned())),
            Output::Other(element) => return Err(self.other_type(name, "a tensor", element)),
        }
        match self.take(name) {
            Some(Output::Device(tensor)) => Ok(tensor),
            _ => Err(self.missing(name)),
        }
    }

    /// The outputs' names, in the model's order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.iter().map(|(name, _)| name.as_str())
    }

    fn take(&mut self, name: &str) -> Option<Output> {
        let index = self.tensors.iter().position(|(own, _)| own == name);
        index.map(|index| self.tensors.swap_remove(index).1)
    }

    fn get(&self, name: &str) -> Result<&Tensor, SessionError> {
        match self.find(name)? {
            Output::Host(tensor) => Ok(tensor),
            Output::Device(_) => Err(self.error(name, "it was kept on its device".to_owned())),
            Output::Other(element) => Err(self.other_type(name, "f32 or i64", element)),
        }
    }

    fn find(&self, name: &str) -> Result<&Output, SessionError> {
        let found = self.tensors.iter().find(|(own, _)| own == name);
        found.map(|(_, output)| output).ok_or_else(|| self.missing(name))
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
