//! Tensors that stay where they were made: on the graphics card, between one network and the next.
//!
//! A network's output that is kept as a [`DeviceTensor`] is given to the next one without coming back to the
//! processor. On the processor the same works without a copy.

use std::{fmt, sync::Arc};

use ort::{
    memory::AllocationDevice,
    session::SharedSessionInner,
    value::{DynTensor, DynTensorValueType, DynValue, TensorElementType, TensorValueTypeMarker, Value, ValueType},
};

use crate::{session::SessionError, tensor::Tensor};

/// An output that was kept on its session's device. Cloning it copies nothing.
#[derive(Clone)]
pub struct DeviceTensor {
    /// Dropped before the session, whose memory it lies in.
    value: Arc<DynTensor>,
    model: String,
    name: String,
    element: String,
    shape: Vec<usize>,
    _session: Arc<SharedSessionInner>,
}

impl fmt::Debug for DeviceTensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { model, name, element, shape, .. } = self;
        write!(f, "DeviceTensor({name} of {model}: {element}{shape:?} on {})", self.device())
    }
}

impl DeviceTensor {
    /// The output `name` of the network in the file `model`, if it is a tensor.
    pub(crate) fn new(value: DynValue, model: &str, name: &str, session: Arc<SharedSessionInner>) -> Option<Self> {
        let (element, shape) = match value.dtype() {
            ValueType::Tensor { ty, shape, .. } => (ty.to_string(), shape.iter().map(|&n| n.max(0) as usize).collect()),
            _ => return None,
        };
        let value = value.downcast::<DynTensorValueType>().ok()?;
        let (model, name) = (model.to_owned(), name.to_owned());
        Some(Self { value: Arc::new(value), model, name, element, shape, _session: session })
    }

    /// The tensor's shape.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The name of the element type: "f32", "f16", "i64".
    pub fn element(&self) -> &str {
        &self.element
    }

    /// Where it lies, in ONNX Runtime's words: "Cpu", "Cuda", "DML".
    pub fn device(&self) -> String {
        self.value.memory_info().allocation_device().as_str().to_owned()
    }

    /// Whether the processor reads it where it lies.
    pub(crate) fn is_near(&self) -> bool {
        self.value.memory_info().is_cpu_accessible()
    }

    /// Copies it to the processor.
    ///
    /// # Errors
    /// Its elements are neither f32 nor i64, or the device failed.
    pub fn to_host(&self) -> Result<Tensor, SessionError> {
        let failed = |reason: String| SessionError::Run { model: self.model.clone(), reason };
        if self.is_near() {
            host(&self.value)
        } else {
            host(&self.value.to(AllocationDevice::CPU, 0).map_err(|error| failed(error.to_string()))?)
        }
        .map_err(failed)?
        .map_err(|element| SessionError::Output {
            model: self.model.clone(),
            output: self.name.clone(),
            reason: format!("f32 or i64 was asked for, and it is {element}"),
        })
    }

    pub(crate) fn value(&self) -> &DynTensor {
        &self.value
    }
}

/// A copy of a value on the processor. The inner error is its element type, if that is neither f32 nor i64; the outer
/// one is the runtime's.
pub(crate) fn host<T: TensorValueTypeMarker + ?Sized>(value: &Value<T>) -> Result<Result<Tensor, String>, String> {
    let failed = |error: ort::Error| error.to_string();
    Ok(match value.dtype() {
        ValueType::Tensor { ty: TensorElementType::Float32, .. } => {
            Ok(Tensor::F32(value.try_extract_array::<f32>().map_err(failed)?.to_owned()))
        }
        ValueType::Tensor { ty: TensorElementType::Int64, .. } => {
            Ok(Tensor::I64(value.try_extract_array::<i64>().map_err(failed)?.to_owned()))
        }
        ValueType::Tensor { ty, .. } => Err(ty.to_string()),
        other => Err(format!("{other:?}")),
    })
}

/// What a network is given: a tensor on the processor, or one that another network has left on its device.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// On the processor. The runtime takes it from where it lies, and to the device if need be.
    Host(&'a Tensor),
    /// Where another session, or this one, has left it.
    Device(&'a DeviceTensor),
}

impl Input<'_> {
    pub(crate) fn element(&self) -> &str {
        match self {
            Self::Host(tensor) => tensor.element(),
            Self::Device(tensor) => tensor.element(),
        }
    }

    pub(crate) fn shape(&self) -> &[usize] {
        match self {
            Self::Host(tensor) => tensor.shape(),
            Self::Device(tensor) => tensor.shape(),
        }
    }
}

impl<'a> From<&'a Tensor> for Input<'a> {
    fn from(tensor: &'a Tensor) -> Self {
        Self::Host(tensor)
    }
}

impl<'a> From<&'a DeviceTensor> for Input<'a> {
    fn from(tensor: &'a DeviceTensor) -> Self {
        Self::Device(tensor)
    }
}
