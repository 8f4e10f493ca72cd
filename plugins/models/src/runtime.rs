//! The ONNX Runtime library of this process, and the execution providers in it.
//!
//! The library is loaded at run time and once (see [`library`](crate::library) for where it is looked for), so that one
//! build serves processors and graphics cards. A provider is registered such that its failure is an error: ONNX Runtime
//! would else run the network on the processor and say nothing (docs-secretary/adr/0011-providers-by-library.md).

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, Once},
};

use ort::{
    ep::{self, ArbitrarilyConfigurableExecutionProvider, ExecutionProvider, ExecutionProviderDispatch},
    memory::AllocationDevice,
    session::builder::SessionBuilder,
};

use crate::{
    library::{CUDA_LIBRARIES_ID, LibraryError},
    provider::Provider,
    session::{OLDEST_ONNX_RUNTIME, SessionOptions},
    store::Store,
};

/// The one environment of the process. A failure is not kept: the library may be fetched later.
static ENVIRONMENT: Mutex<Option<(ort::environment::Environment, PathBuf)>> = Mutex::new(None);

pub(crate) fn environment() -> Result<ort::environment::Environment, LibraryError> {
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
    // Windows has a DirectML of its own, which is older than the one that ONNX Runtime was built with.
    let directml = path.with_file_name("DirectML.dll");
    if cfg!(windows) && directml.is_file() {
        preload(&directml);
    }
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

/// The providers that the library was built with. That one is among them does not say that it starts. Loads the library
/// if need be.
///
/// # Errors
/// No usable library was found.
pub fn offered() -> Result<Vec<Provider>, LibraryError> {
    environment()?;
    Ok(Provider::ALL.into_iter().filter(|&provider| offers(provider)).collect())
}

fn offers(provider: Provider) -> bool {
    let there = match provider {
        Provider::Cpu => return true,
        Provider::Cuda => ep::CUDA::is_available(),
        Provider::TensorRt => ep::TensorRT::is_available(),
        Provider::CoreMl => ep::CoreML::is_available(),
        Provider::DirectMl => ep::DirectML::is_available(),
        Provider::OpenVino => ep::OpenVINO::is_available(),
    };
    there.unwrap_or(false)
}

/// Makes sessions of `builder` run on `provider`, as far as it takes the network's operators; the processor takes the
/// rest.
pub(crate) fn register(
    builder: SessionBuilder,
    provider: Provider,
    options: &SessionOptions,
) -> Result<SessionBuilder, String> {
    let cuda = || {
        // The shapes of a network never change, so the search for the fastest convolutions is made once, in its first
        // run.
        ep::CUDA::default()
            .with_conv_algorithm_search(ep::cuda::ConvAlgorithmSearch::Exhaustive)
            .with_tf32(options.half)
            .build()
    };
    let providers: Vec<ExecutionProviderDispatch> = match provider {
        Provider::Cpu => return Ok(builder),
        Provider::Cuda => {
            preload_cuda();
            vec![cuda()]
        }
        Provider::TensorRt => {
            preload_cuda();
            let mut tensorrt = ep::TensorRT::default().with_fp16(options.half);
            if let Some(folder) = engine_folder(provider) {
                let folder = folder.display();
                tensorrt = tensorrt.with_engine_cache(true).with_engine_cache_path(&folder);
                tensorrt = tensorrt.with_timing_cache(true).with_timing_cache_path(&folder);
            }
            vec![tensorrt.build(), cuda()]
        }
        Provider::CoreMl => {
            let mut coreml = ep::CoreML::default()
                .with_model_format(ep::coreml::ModelFormat::MLProgram)
                .with_compute_units(ep::coreml::ComputeUnits::All)
                .with_low_precision_accumulation_on_gpu(options.half);
            if let Some(folder) = engine_folder(provider) {
                coreml = coreml.with_model_cache_dir(folder.display());
            }
            vec![coreml.build()]
        }
        Provider::DirectMl => {
            let preference = ep::directml::PerformancePreference::HighPerformance;
            vec![ep::DirectML::default().with_performance_preference(preference).build()]
        }
        Provider::OpenVino => {
            // Zero lets OpenVINO choose, as it does the runtime.
            let mut openvino = ep::OpenVINO::default().with_device_type("CPU");
            if options.threads > 0 {
                openvino = openvino.with_num_threads(options.threads);
            }
            let openvino = if options.half {
                // On a processor without bf16 this is 32 bits all the same.
                openvino.with_arbitrary_config("load_config", r#"{"CPU":{"INFERENCE_PRECISION_HINT":"bf16"}}"#)
            } else {
                openvino.with_precision("ACCURACY")
            };
            vec![openvino.build()]
        }
    };
    let strict: Vec<_> = providers.into_iter().map(ExecutionProviderDispatch::error_on_failure).collect();
    let builder = builder.with_execution_providers(strict).map_err(text)?;
    if provider == Provider::DirectMl {
        // It needs both (ONNX Runtime's documentation, "DirectML Execution Provider", configuration options).
        return builder.with_memory_pattern(false).map_err(text)?.with_parallel_execution(false).map_err(text);
    }
    Ok(builder)
}

/// Where a provider's sessions leave what they have made, if not in the processor's memory.
pub(crate) fn device(provider: Provider) -> Option<AllocationDevice<'static>> {
    match provider {
        Provider::Cuda | Provider::TensorRt => Some(AllocationDevice::CUDA),
        Provider::DirectMl => Some(AllocationDevice::DIRECTML),
        Provider::Cpu | Provider::CoreMl | Provider::OpenVino => None,
    }
}

/// CUDA's and cuDNN's libraries, each behind those that it needs. Where the catalogue's "cuda-libraries" are fetched,
/// they are loaded by their full paths: ONNX Runtime's provider then finds them under their names, and nobody has to
/// set the loader's search path. What is missing is left to the system.
const CUDA_LIBRARIES: &[&str] = if cfg!(windows) {
    &[
        "cudart64_13.dll",
        "cublasLt64_13.dll",
        "cublas64_13.dll",
        "curand64_10.dll",
        "nvrtc-builtins64_130.dll",
        "nvrtc64_130_0.dll",
        "cudnn64_9.dll",
        "cudnn_graph64_9.dll",
        "cudnn_ops64_9.dll",
        "cudnn_heuristic64_9.dll",
        "cudnn_adv64_9.dll",
        "cudnn_cnn64_9.dll",
        "cudnn_engines_precompiled64_9.dll",
        "cudnn_engines_runtime_compiled64_9.dll",
    ]
} else {
    // cuDNN finds its own parts, in the folder that it lies in.
    &[
        "libcudart.so.13",
        "libcublasLt.so.13",
        "libcublas.so.13",
        "libcurand.so.10",
        "libnvrtc-builtins.so.13.0",
        "libnvrtc.so.13",
        "libcudnn.so.9",
    ]
};

fn preload_cuda() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let folder = Store::default().folder(CUDA_LIBRARIES_ID);
        for path in CUDA_LIBRARIES.iter().map(|name| folder.join(name)).filter(|path| path.is_file()) {
            preload(&path);
        }
    });
}

/// Loads a library for the rest of the process. The provider that needs it says what is missing.
fn preload(path: &Path) {
    if let Err(error) = ort::util::preload_dylib(path) {
        tracing::debug!("{} cannot be loaded: {error}", path.display());
    }
}

/// The folder for what a provider makes of networks when it first sees them: `visage/engines` in the user's cache
/// folder. Without one it is made anew at every start.
fn engine_folder(provider: Provider) -> Option<PathBuf> {
    let folder = directories::BaseDirs::new()?.cache_dir().join("visage").join("engines").join(provider.id());
    match std::fs::create_dir_all(&folder) {
        Ok(()) => Some(folder),
        Err(error) => {
            tracing::warn!("{} cannot be made, so {provider} prepares anew at every start: {error}", folder.display());
            None
        }
    }
}

/// The runtime's words for an error, whatever else it carries.
pub(crate) fn text<T>(error: ort::Error<T>) -> String {
    error.to_string()
}
