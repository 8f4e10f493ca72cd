//! ONNX Runtime sessions: the only file that imports `ort`.
//!
//! The library is loaded at run time and once per process (see [`library`](crate::library) for where it is looked
//! for), so that one build serves processors and graphics cards. Inputs are checked against the model's own list
//! before the runtime sees them, and every error names what differs.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Mutex,
};

use ort::{
    session::{SessionInputValue, builder::GraphOptimizationLevel},
    value::{TensorElementType, TensorRef, ValueType},
};

use crate::{
    library::LibraryError,
    onnx,
    tensor::{Outputs, Tensor, TensorInfo},
};

/// The oldest ONNX Runtime that can be used: 1.24, by the `api-24` feature of `ort`.
pub const OLDEST_ONNX_RUNTIME: &str = "1.24";

/// Why a model could not be loaded or run.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// ONNX Runtime's library is missing, broken or too old.
    #[error(transparent)]
    Library(#[from] LibraryError),
    /// The model's file could not be read.
    #[error("cannot read the model {path}: {source}")]
    Read {
        /// The model's file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// ONNX Runtime refused the model.
    #[error("ONNX Runtime refused the model {path}: {reason}")]
    Load {
        /// The model's file.
        path: PathBuf,
        /// In the runtime's words.
        reason: String,
    },
    /// The inputs do not fit the model.
    #[error("the model {model} cannot take {input:?}: {reason}")]
    Input {
        /// The model's file name.
        model: String,
        /// The name of the input.
        input: String,
        /// What differs.
        reason: String,
    },
    /// An output was asked for that is not there or is of another kind.
    #[error("the model {model} has no such output {output:?}: {reason}")]
    Output {
        /// The model's file name.
        model: String,
        /// The name of the output.
        output: String,
        /// What differs.
        reason: String,
    },
    /// The runtime failed while running.
    #[error("the model {model} failed: {reason}")]
    Run {
        /// The model's file name.
        model: String,
        /// In the runtime's words.
        reason: String,
    },
}

/// How a model is loaded.
#[derive(Clone, Debug)]
pub struct SessionOptions {
    /// Threads for one run; 0 lets the runtime take one per core.
    pub threads: usize,
    /// Internal tensors of the graph that become outputs, by name.
    pub extra_outputs: Vec<String>,
    /// Whether idle threads keep spinning between runs. Faster by a little, at the cost of cores that others need.
    pub spin: bool,
}

impl Default for SessionOptions {
    fn default() -> Self {
        Self { threads: 1, extra_outputs: Vec::new(), spin: false }
    }
}

/// A loaded model. Owned by one thread at a time; running it blocks, so it belongs on a worker.
pub struct Session {
    session: ort::session::Session,
    model: String,
    inputs: Vec<TensorInfo>,
    outputs: Vec<TensorInfo>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("model", &self.model).finish_non_exhaustive()
    }
}

impl Session {
    /// Loads the model in `path`, and ONNX Runtime's library with the first model.
    ///
    /// # Errors
    /// The library, the file or the model is missing or broken.
    pub fn load(path: &Path, options: &SessionOptions) -> Result<Self, SessionError> {
        let environment = environment()?;
        let unreadable = |source| SessionError::Read { path: path.to_owned(), source };
        // The runtime reads a file with less memory than we could; only a model that is changed goes through ours.
        let changed = if options.extra_outputs.is_empty() {
            std::fs::File::open(path).map_err(unreadable)?;
            None
        } else {
            let mut bytes = std::fs::read(path).map_err(unreadable)?;
            options.extra_outputs.iter().for_each(|name| onnx::add_output(&mut bytes, name));
            Some(bytes)
        };
        let load = || -> Result<_, String> {
            let mut builder = ort::session::Session::builder(&environment)
                .map_err(text)?
                .with_optimization_level(GraphOptimizationLevel::All)
                .map_err(text)?
                .with_intra_threads(options.threads)
                .map_err(text)?
                .with_intra_op_spinning(options.spin)
                .map_err(text)?
                .with_log_level(ort::logging::LogLevel::Error)
                .map_err(text)?;
            match &changed {
                Some(bytes) => builder.commit_from_memory(bytes).map_err(text),
                None => builder.commit_from_file(path).map_err(text),
            }
        };
        let session = load().map_err(|reason| SessionError::Load { path: path.to_owned(), reason })?;
        let model = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let inputs = session.inputs().iter().map(info).collect();
        let outputs = session.outputs().iter().map(info).collect();
        Ok(Self { session, model, inputs, outputs })
    }

    /// What the model takes.
    pub fn inputs(&self) -> &[TensorInfo] {
        &self.inputs
    }

    /// What the model gives, extra outputs last.
    pub fn outputs(&self) -> &[TensorInfo] {
        &self.outputs
    }

    /// Runs the model once. Every input of the model is given once, in any order. Blocks until the result is there.
    ///
    /// # Errors
    /// An input is missing, unknown, or of another type or shape than the model declares; or the runtime failed.
    pub fn run(&mut self, inputs: &[(&str, Tensor)]) -> Result<Outputs, SessionError> {
        self.check(inputs)?;
        let model = &self.model;
        let failed = |error: ort::Error| SessionError::Run { model: model.clone(), reason: error.to_string() };
        // The runtime wants rows in C order; an array that is laid out otherwise is copied into it.
        let ordered: Vec<_> = inputs.iter().map(|(name, tensor)| (*name, Ordered::new(tensor))).collect();
        let mut values = Vec::with_capacity(ordered.len());
        for (name, tensor) in &ordered {
            let value: SessionInputValue<'_> = match tensor {
                Ordered::F32(array) => TensorRef::from_array_view(array).map_err(failed)?.into(),
                Ordered::I64(array) => TensorRef::from_array_view(array).map_err(failed)?.into(),
            };
            values.push((*name, value));
        }
        let results = self.session.run(values).map_err(failed)?;
        let mut outputs = Vec::with_capacity(self.outputs.len());
        for info in &self.outputs {
            let Some(value) = results.get(&info.name) else { continue };
            let tensor = match value.dtype() {
                ValueType::Tensor { ty: TensorElementType::Float32, .. } => {
                    Ok(Tensor::F32(value.try_extract_array::<f32>().map_err(failed)?.to_owned()))
                }
                ValueType::Tensor { ty: TensorElementType::Int64, .. } => {
                    Ok(Tensor::I64(value.try_extract_array::<i64>().map_err(failed)?.to_owned()))
                }
                _ => Err(info.element.clone()),
            };
            outputs.push((info.name.clone(), tensor));
        }
        Ok(Outputs { model: self.model.clone(), tensors: outputs })
    }

    fn check(&self, inputs: &[(&str, Tensor)]) -> Result<(), SessionError> {
        let refuse = |input: &str, reason: String| {
            Err(SessionError::Input { model: self.model.clone(), input: input.to_owned(), reason })
        };
        for (index, (name, tensor)) in inputs.iter().enumerate() {
            let Some(info) = self.inputs.iter().find(|info| info.name == *name) else {
                return refuse(name, format!("its inputs are {}", names(&self.inputs)));
            };
            if inputs[..index].iter().any(|(earlier, _)| earlier == name) {
                return refuse(name, "it was given twice".to_owned());
            }
            if let Some(difference) = info.difference(tensor) {
                return refuse(name, difference);
            }
        }
        match self.inputs.iter().find(|info| !inputs.iter().any(|(name, _)| *name == info.name)) {
            Some(missing) => refuse(&missing.name, "it was not given".to_owned()),
            None => Ok(()),
        }
    }
}

/// The runtime's words for an error, whatever else it carries.
fn text<T>(error: ort::Error<T>) -> String {
    error.to_string()
}

fn info(outlet: &ort::value::Outlet) -> TensorInfo {
    let (element, shape) = match outlet.dtype() {
        ValueType::Tensor { ty, shape, .. } => {
            (ty.to_string(), shape.iter().map(|&length| usize::try_from(length).ok()).collect())
        }
        other => (format!("{other:?}"), Vec::new()),
    };
    TensorInfo { name: outlet.name().to_owned(), element, shape }
}

fn names(infos: &[TensorInfo]) -> String {
    infos.iter().map(|info| format!("{:?}", info.name)).collect::<Vec<_>>().join(", ")
}

/// A tensor in C order.
enum Ordered<'a> {
    F32(ndarray::CowArray<'a, f32, ndarray::IxDyn>),
    I64(ndarray::CowArray<'a, i64, ndarray::IxDyn>),
}

impl<'a> Ordered<'a> {
    fn new(tensor: &'a Tensor) -> Self {
        match tensor {
            Tensor::F32(array) => Self::F32(array.as_standard_layout()),
            Tensor::I64(array) => Self::I64(array.as_standard_layout()),
        }
    }
}

/// The one environment of the process. A failure is not kept: the library may be fetched later.
static ENVIRONMENT: Mutex<Option<(ort::environment::Environment, PathBuf)>> = Mutex::new(None);

fn environment() -> Result<ort::environment::Environment, LibraryError> {
    // A poisoned lock would mean a panic inside the loader below; its value is then still `None` or complete.
    let mut slot = ENVIRONMENT.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some((environment, _)) = &*slot {
        return Ok(environment.clone());
    }
    let mut refused = Vec::new();
    for candidate in crate::library::candidates()? {
        match open(&candidate) {
            Ok(environment) => {
                *slot = Some((environment.clone(), candidate));
                return Ok(environment);
            }
            Err(reason) => refused.push((candidate, reason)),
        }
    }
    Err(LibraryError::None { tried: refused })
}

fn open(path: &Path) -> Result<ort::environment::Environment, String> {
    let builder = ort::init_from(path).map_err(|error| match error {
        ort::LoadDynamicError::BadVersion { version_str, .. } => {
            format!("version {version_str} is too old; {OLDEST_ONNX_RUNTIME} or newer is needed")
        }
        // The system's loader says what is wrong one level down.
        ort::LoadDynamicError::Dlopen { error, .. } => {
            std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string)
        }
        other => other.to_string(),
    })?;
    let environment = builder.with_name("visage").with_telemetry(false).build().map_err(text)?;
    environment.set_log_level(ort::logging::LogLevel::Error);
    Ok(environment)
}

/// ONNX Runtime as it was loaded: where it lies and what its build says of itself. Loads it if need be.
///
/// # Errors
/// No usable library was found.
pub fn runtime() -> Result<(PathBuf, String), LibraryError> {
    environment()?;
    let slot = ENVIRONMENT.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let path = slot.as_ref().map(|(_, path)| path.clone()).unwrap_or_default();
    Ok((path, ort::info().to_owned()))
}
