//! ONNX Runtime sessions. With `runtime.rs` and `device.rs` the only file that imports `ort`.
//!
//! Inputs are checked against the model's own list before the runtime sees them, and every error names what differs. A
//! session runs on one execution provider and knows which and why; on graphics cards its outputs can stay there for
//! the next one.

use std::{
    collections::BTreeSet,
    fmt,
    path::{Path, PathBuf},
    sync::Mutex,
};

use ort::{
    logging::LogLevel,
    memory::{AllocationDevice, AllocatorType, MemoryInfo, MemoryType},
    session::{SessionInputValue, SessionOutputs, builder::GraphOptimizationLevel},
    value::{DynValue, TensorRef, ValueType},
};

use crate::{
    device::{DeviceTensor, Input, host},
    library::LibraryError,
    nvidia::nvidia_card,
    onnx,
    provider::{
        Chosen, PROVIDER_VARIABLE, Passed, Provider, ProviderChoice, UnknownProvider, explain, order,
        provider_variable, shortened,
    },
    runtime::{device, environment, offered, register, text},
    tensor::{Output, Outputs, Tensor, TensorInfo},
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
    /// `VISAGE_PROVIDER` names no provider.
    #[error("{PROVIDER_VARIABLE} is wrong: {0}")]
    Variable(#[from] UnknownProvider),
    /// A provider was demanded that cannot be had.
    #[error("{provider} was demanded for {model} and cannot be had: {reason}; {advice}")]
    Provider {
        /// The model's file name.
        model: String,
        /// The provider.
        provider: Provider,
        /// Why not.
        reason: String,
        /// What to do.
        advice: String,
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
    /// What it runs on. The processor if left alone: small networks are faster there than on the way to a card.
    pub provider: ProviderChoice,
    /// Whether it may be computed with fewer digits (16-bit floating point, TF32) where the provider gains by that. For
    /// networks whose output is looked at, not measured.
    pub half: bool,
    /// Whether the graph is rewritten to be faster, if it runs on the processor and where a known pattern is found in it
    /// (`onnx/tune.rs`). For models that compute one item at a time (batch 1).
    pub tune: bool,
}

impl Default for SessionOptions {
    fn default() -> Self {
        let provider = ProviderChoice::Only(Provider::Cpu);
        Self { threads: 1, extra_outputs: Vec::new(), spin: false, provider, half: false, tune: false }
    }
}

/// A loaded model. Owned by one thread at a time; running it blocks, so it belongs on a worker.
pub struct Session {
    session: ort::session::Session,
    model: String,
    inputs: Vec<TensorInfo>,
    outputs: Vec<TensorInfo>,
    chosen: Chosen,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let provider = self.chosen.provider;
        f.debug_struct("Session").field("model", &self.model).field("provider", &provider).finish_non_exhaustive()
    }
}

impl Session {
    /// Loads the model in `path`, and ONNX Runtime's library with the first model.
    ///
    /// With [`ProviderChoice::Auto`] the providers of this system are tried in their order, each with the whole model:
    /// one that does not start, or does not take this model, is passed over.
    ///
    /// # Errors
    /// The library, the file or the model is missing or broken, or the provider that is demanded cannot be had.
    pub fn load(path: &Path, options: &SessionOptions) -> Result<Self, SessionError> {
        let model = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        Source::File(path).load(&model, options)
    }

    /// Loads a model that is in memory, under a name for messages.
    ///
    /// # Errors
    /// Like [`Self::load`].
    pub fn from_bytes(name: &str, bytes: &[u8], options: &SessionOptions) -> Result<Self, SessionError> {
        Source::Memory(bytes).load(name, options)
    }

    /// What the model runs on, and why.
    pub fn provider(&self) -> &Chosen {
        &self.chosen
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
        let inputs: Vec<_> = inputs.iter().map(|(name, tensor)| (*name, Input::Host(tensor))).collect();
        self.run_with(&inputs, &[])
    }

    /// Like [`Self::run`], for inputs that may lie on the device already. The outputs in `keep` stay on the session's
    /// device and are taken with [`Outputs::take_device`]; the others come to the processor. On the processor nothing
    /// is copied on the way in, and what is kept is not copied at all.
    ///
    /// # Errors
    /// Like [`Self::run`]; or there is no output of a name in `keep`.
    pub fn run_with(&mut self, inputs: &[(&str, Input<'_>)], keep: &[&str]) -> Result<Outputs, SessionError> {
        self.check(inputs)?;
        if let Some(name) = keep.iter().find(|name| !self.outputs.iter().any(|info| info.name == **name)) {
            let reason = format!("its outputs are {}", names(&self.outputs));
            return Err(SessionError::Output { model: self.model.clone(), output: (*name).to_owned(), reason });
        }
        let near = device(self.chosen.provider).is_none();
        let ready = inputs.iter().map(|(name, input)| Ok((*name, Ready::new(input, near)?)));
        let ready = ready.collect::<Result<Vec<_>, SessionError>>()?;
        let failed = |reason| SessionError::Run { model: self.model.clone(), reason };
        let inner = self.session.inner();
        let results = match device(self.chosen.provider).filter(|_| !keep.is_empty()) {
            None => run_plain(&mut self.session, &ready),
            Some(device) => run_bound(&mut self.session, &ready, &self.outputs, keep, device),
        };
        let mut results = results.map_err(|error| failed(error.to_string()))?;
        let mut outputs = Vec::with_capacity(self.outputs.len());
        for info in &self.outputs {
            let Some(at) = results.iter().position(|(name, _)| *name == info.name) else { continue };
            let (_, value) = results.swap_remove(at);
            let output = if keep.contains(&info.name.as_str()) {
                let kept = DeviceTensor::new(value, &self.model, &info.name, inner.clone());
                kept.map_or_else(|| Output::Other(info.element.clone()), Output::Device)
            } else {
                host(&value).map_err(failed)?.map_or_else(Output::Other, Output::Host)
            };
            outputs.push((info.name.clone(), output));
        }
        Ok(Outputs { model: self.model.clone(), tensors: outputs })
    }

    fn check(&self, inputs: &[(&str, Input<'_>)]) -> Result<(), SessionError> {
        let refuse = |input: &str, reason: String| {
            Err(SessionError::Input { model: self.model.clone(), input: input.to_owned(), reason })
        };
        for (index, (name, input)) in inputs.iter().enumerate() {
            let Some(info) = self.inputs.iter().find(|info| info.name == *name) else {
                return refuse(name, format!("its inputs are {}", names(&self.inputs)));
            };
            if inputs[..index].iter().any(|(earlier, _)| earlier == name) {
                return refuse(name, "it was given twice".to_owned());
            }
            if let Some(difference) = info.difference(input.element(), input.shape()) {
                return refuse(name, difference);
            }
        }
        match self.inputs.iter().find(|info| !inputs.iter().any(|(name, _)| *name == info.name)) {
            Some(missing) => refuse(&missing.name, "it was not given".to_owned()),
            None => Ok(()),
        }
    }
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

/// An input as the runtime wants it: rows in C order, and nothing on a device that a session of the processor cannot
/// read.
enum Ready<'a> {
    F32(ndarray::CowArray<'a, f32, ndarray::IxDyn>),
    I64(ndarray::CowArray<'a, i64, ndarray::IxDyn>),
    Device(&'a DeviceTensor),
}

impl<'a> Ready<'a> {
    /// `near` says that the session runs on the processor.
    fn new(input: &Input<'a>, near: bool) -> Result<Self, SessionError> {
        Ok(match *input {
            Input::Host(Tensor::F32(array)) => Self::F32(array.as_standard_layout()),
            Input::Host(Tensor::I64(array)) => Self::I64(array.as_standard_layout()),
            Input::Device(tensor) if near && !tensor.is_near() => match tensor.to_host()? {
                Tensor::F32(array) => Self::F32(array.into()),
                Tensor::I64(array) => Self::I64(array.into()),
            },
            Input::Device(tensor) => Self::Device(tensor),
        })
    }

    fn value(&self) -> ort::Result<SessionInputValue<'_>> {
        Ok(match self {
            Self::F32(array) => TensorRef::from_array_view(array)?.into(),
            Self::I64(array) => TensorRef::from_array_view(array)?.into(),
            Self::Device(tensor) => tensor.value().into(),
        })
    }
}

/// What a run has given, without the session that it is borrowed from.
fn whole(results: SessionOutputs<'_>) -> Vec<(String, DynValue)> {
    results.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Runs with the inputs as they lie, and everything that is given on the processor.
fn run_plain(
    session: &mut ort::session::Session,
    inputs: &[(&str, Ready<'_>)],
) -> ort::Result<Vec<(String, DynValue)>> {
    let values = inputs.iter().map(|(name, input)| Ok((*name, input.value()?)));
    session.run(values.collect::<ort::Result<Vec<_>>>()?).map(whole)
}

/// Runs with the outputs in `keep` bound to the device, where they stay, and the others to the processor.
fn run_bound(
    session: &mut ort::session::Session,
    inputs: &[(&str, Ready<'_>)],
    outputs: &[TensorInfo],
    keep: &[&str],
    device: AllocationDevice<'static>,
) -> ort::Result<Vec<(String, DynValue)>> {
    let far = MemoryInfo::new(device, 0, AllocatorType::Device, MemoryType::Default)?;
    let near = MemoryInfo::new(AllocationDevice::CPU, 0, AllocatorType::Device, MemoryType::CPUOutput)?;
    // A binding for each run: one that is used again gives its outputs the memory of those before.
    let mut binding = session.create_binding()?;
    for (name, input) in inputs {
        // What is on the processor is handed over as a copy, which the binding keeps. It would copy borrowed memory
        // itself, and `ort` 2.0.0-rc.15 waits for itself forever over that where the input is wanted on the processor.
        match input {
            Ready::F32(array) => binding.bind_input(*name, &ort::value::Tensor::from_array(array.to_owned())?)?,
            Ready::I64(array) => binding.bind_input(*name, &ort::value::Tensor::from_array(array.to_owned())?)?,
            Ready::Device(tensor) => binding.bind_input(*name, tensor.value())?,
        }
    }
    for info in outputs {
        let place = if keep.contains(&info.name.as_str()) { &far } else { &near };
        binding.bind_output_to_device(info.name.as_str(), place)?;
    }
    let results = session.run_binding(&binding)?;
    Ok(whole(results))
}

/// Where a model comes from.
#[derive(Clone, Copy)]
enum Source<'a> {
    File(&'a Path),
    Memory(&'a [u8]),
}

impl Source<'_> {
    fn load(self, model: &str, options: &SessionOptions) -> Result<Session, SessionError> {
        let environment = environment()?;
        if let Self::File(path) = self {
            let unreadable = |source| SessionError::Read { path: path.to_owned(), source };
            std::fs::File::open(path).map_err(unreadable)?;
        }
        let attempt = |provider| {
            // What does not start is reported by us, with what to do. The runtime would print it as well.
            let quiet = provider != Provider::Cpu;
            if quiet {
                environment.set_log_level(LogLevel::Fatal);
            }
            let result = self.commit(&environment, provider, options);
            environment.set_log_level(LogLevel::Error);
            result
        };
        let (choice, by) = match options.provider {
            ProviderChoice::Auto => match provider_variable()? {
                Some(choice) => (choice, PROVIDER_VARIABLE),
                None => (ProviderChoice::Auto, ""),
            },
            demanded => (demanded, "the program"),
        };
        let refused = |reason| match self {
            Self::File(path) => SessionError::Load { path: path.to_owned(), reason },
            Self::Memory(_) => SessionError::Load { path: model.into(), reason },
        };
        let (session, chosen) = match choice {
            ProviderChoice::Only(Provider::Cpu) => {
                (attempt(Provider::Cpu)?.map_err(refused)?, Chosen::demanded(Provider::Cpu, by))
            }
            ProviderChoice::Only(provider) => {
                let lacking =
                    |reason, advice| SessionError::Provider { model: model.to_owned(), provider, reason, advice };
                if !offered()?.contains(&provider) {
                    let reason = "it is not in this ONNX Runtime build".to_owned();
                    return Err(lacking(reason, provider.remedy_missing()));
                }
                let session = attempt(provider)?;
                let session = session.map_err(|reason| lacking(shortened(&reason), provider.remedy_broken(&reason)))?;
                (session, Chosen::demanded(provider, by))
            }
            ProviderChoice::Auto => {
                let offered = offered()?;
                let mut passed = Vec::new();
                let mut found = None;
                for &provider in order(std::env::consts::OS) {
                    if !offered.contains(&provider) {
                        passed.push(Passed { provider, failure: None });
                        continue;
                    }
                    match attempt(provider)? {
                        Ok(session) => {
                            found = Some((session, explain(provider, &passed, || nvidia_card().is_ok())));
                            break;
                        }
                        // The processor is the last: what it refuses is no model.
                        Err(reason) if provider == Provider::Cpu => return Err(refused(reason)),
                        Err(reason) => passed.push(Passed { provider, failure: Some(reason) }),
                    }
                }
                found.ok_or_else(|| refused("no execution provider takes it".to_owned()))?
            }
        };
        if options.provider == ProviderChoice::Auto {
            report(model, &chosen);
        }
        let inputs = session.inputs().iter().map(info).collect();
        let outputs = session.outputs().iter().map(info).collect();
        Ok(Session { session, model: model.to_owned(), inputs, outputs, chosen })
    }

    /// Makes a session on `provider`. The inner error is the runtime's reason why it does not.
    fn commit(
        self,
        environment: &ort::environment::Environment,
        provider: Provider,
        options: &SessionOptions,
    ) -> Result<Result<ort::session::Session, String>, SessionError> {
        let changed = self.changed(provider, options)?;
        let commit = || -> Result<_, String> {
            let level = if provider == Provider::Cpu { LogLevel::Error } else { LogLevel::Fatal };
            let builder = ort::session::Session::builder(environment)
                .map_err(text)?
                .with_optimization_level(GraphOptimizationLevel::All)
                .map_err(text)?
                .with_intra_threads(options.threads)
                .map_err(text)?
                .with_intra_op_spinning(options.spin)
                .map_err(text)?
                .with_log_level(level)
                .map_err(text)?;
            let mut builder = register(builder, provider, options)?;
            match (&changed, self) {
                (Some(bytes), _) => builder.commit_from_memory(bytes).map_err(text),
                (None, Self::Memory(bytes)) => builder.commit_from_memory(bytes).map_err(text),
                (None, Self::File(path)) => builder.commit_from_file(path).map_err(text),
            }
        };
        Ok(commit())
    }

    /// The model's bytes, if they have to differ from those that there are. The runtime reads a file with less memory
    /// than we could, so only a model that is changed goes through ours.
    fn changed(self, provider: Provider, options: &SessionOptions) -> Result<Option<Vec<u8>>, SessionError> {
        let card = matches!(provider, Provider::Cuda | Provider::TensorRt);
        let tune = options.tune && provider == Provider::Cpu;
        if options.extra_outputs.is_empty() && !card && !tune {
            return Ok(None);
        }
        let mut bytes = match self {
            Self::File(path) => {
                std::fs::read(path).map_err(|source| SessionError::Read { path: path.to_owned(), source })?
            }
            Self::Memory(bytes) => bytes.to_vec(),
        };
        let raised = card
            && onnx::raise_grid_sample(&mut bytes).unwrap_or_else(|reason| {
                tracing::debug!("{provider} may refuse this model: {reason}");
                false
            });
        options.extra_outputs.iter().for_each(|name| onnx::add_output(&mut bytes, name));
        if tune {
            let plain = bytes.into();
            let tuned = onnx::tuned(&plain, onnx::Processor::here());
            return Ok(Some(tuned.map_or_else(
                || plain.into(),
                |(tuned, changes)| {
                    tracing::debug!("a graph was rewritten: {changes:?}");
                    tuned
                },
            )));
        }
        Ok((raised || !options.extra_outputs.is_empty()).then_some(bytes))
    }
}

/// Says in the log what a network that may use a card runs on: once for each provider and reason.
fn report(model: &str, chosen: &Chosen) {
    static SAID: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let Chosen { provider, reason, advice } = chosen;
    if SAID.lock().unwrap_or_else(std::sync::PoisonError::into_inner).insert(format!("{provider}: {reason}")) {
        let advice = if advice.is_empty() {
            String::new()
        } else {
            format!(". {PROVIDER_VARIABLE} overrides; for a faster one, {advice}")
        };
        tracing::info!("{model} runs on {provider}: {reason}{advice}");
    }
}

/// What a network such as LivePortrait's warping would run on: loads a small model of its kind with `choice` and runs
/// it. Takes a moment where a card has to be woken.
///
/// # Errors
/// Like [`Session::load`], and [`SessionError::Run`] if the provider computes nothing or something else than it should.
pub fn probe(choice: ProviderChoice) -> Result<Chosen, SessionError> {
    let options = SessionOptions { provider: choice, ..SessionOptions::default() };
    let mut session = Session::from_bytes("probe", &onnx::probe(), &options)?;
    // The middle of a volume is the mean of its eight corners.
    let [(volume, volume_shape), (grid, grid_shape)] = onnx::PROBE_INPUTS;
    let corners = ndarray::ArrayD::from_shape_fn(volume_shape, |at| (4 * at[2] + 2 * at[3] + at[4]) as f32);
    let middle = ndarray::ArrayD::<f32>::zeros(grid_shape);
    let outputs = session.run(&[(volume, corners.into()), (grid, middle.into())])?;
    let sample = outputs.f32(onnx::PROBE_OUTPUT)?.sum();
    if (sample - 3.5).abs() > 0.01 {
        let reason = format!("{} computes {sample} where 3.5 is right", session.chosen.provider);
        return Err(SessionError::Run { model: "probe".to_owned(), reason });
    }
    Ok(session.chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bound_outputs_are_those_of_a_plain_run_and_each_its_own() {
        let mut session =
            Session::from_bytes("three", &onnx::arithmetic(), &SessionOptions::default()).expect("it was fetched");
        let session_inner = session.session.inner();
        // As on a card, with the processor for a device.
        let mut run = |x: Ready<'_>| {
            let (inner, outputs) = (&mut session.session, &session.outputs);
            run_bound(inner, &[("x", x)], outputs, &["square", "minus"], AllocationDevice::CPU).expect("it runs")
        };
        let three = Tensor::from(ndarray::Array1::from_elem(3, 3.0f32));
        let near = |tensor| Ready::new(&Input::Host(tensor), true).expect("it is near");
        let (first, mut again) = (run(near(&three)), run(near(&three)));
        let (name, square) = again.swap_remove(1);
        let kept = DeviceTensor::new(square, "three", &name, session_inner.clone()).expect("it is a tensor");
        // What was kept goes into a later run, whose outputs are others.
        let second = run(Ready::Device(&kept));
        for (x, results) in [(3.0, first), (9.0, second)] {
            let names: Vec<_> = results.iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!(names, ["double", "square", "minus"]);
            for ((name, value), expected) in results.iter().zip([2.0 * x, x * x, -x]) {
                let array = value.try_extract_array::<f32>().expect("it is near").to_owned();
                assert_eq!(array, ndarray::Array1::from_elem(3, expected).into_dyn(), "{name} of {x}");
            }
        }
    }

    /// The samples of a model at points inside and outside of a volume of 2×2×2.
    fn samples(bytes: &[u8]) -> Vec<f32> {
        let mut session = Session::from_bytes("sampler", bytes, &SessionOptions::default()).expect("it was fetched");
        let [(volume, volume_shape), (grid, grid_shape)] = onnx::PROBE_INPUTS;
        let corners = ndarray::ArrayD::from_shape_fn(volume_shape, |at| (1 + 4 * at[2] + 2 * at[3] + at[4]) as f32);
        let points = [[0.0, 0.0, 0.0], [0.3, -0.7, 0.1], [-1.0, 1.0, 1.0], [1.2, 0.0, -0.4]];
        let sample = |point: [f32; 3]| {
            let grid_tensor = ndarray::ArrayD::from_shape_fn(grid_shape, |at| point[at[4]]);
            let outputs =
                session.run(&[(volume, corners.clone().into()), (grid, grid_tensor.into())]).expect("it runs");
            outputs.f32(onnx::PROBE_OUTPUT).expect("it came").sum()
        };
        points.map(sample).into()
    }

    #[test]
    fn a_raised_sampler_computes_what_it_did() {
        let plain = onnx::probe();
        let mut raised = plain.clone();
        assert_eq!(onnx::raise_grid_sample(&mut raised), Ok(true));
        let (before, after) = (samples(&plain), samples(&raised));
        assert_eq!(before, after);
        assert_eq!(before[0], 4.5, "the mean of the corners");
        assert!(before[3] < before[0], "outside there is nothing");
    }
}
