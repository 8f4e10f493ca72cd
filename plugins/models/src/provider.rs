//! Execution providers: what a network may run on, which one is taken, and why.
//!
//! Which providers there are is decided by the ONNX Runtime library that is loaded, not by how Visage was built: one
//! program serves processors and graphics cards. This file holds what can be said of that without a library: names,
//! the order in which they are tried, the variable that overrides it, and what to do about one that is missing.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::library::LIBRARY_VARIABLE;

/// The variable that names the provider for the networks that may use a graphics card: "auto", "cpu", "cuda",
/// "tensorrt", "coreml", "directml" or "openvino". Networks that always run on the processor do not ask it.
pub const PROVIDER_VARIABLE: &str = "VISAGE_PROVIDER";

/// What runs a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// The processor. Every library has it.
    Cpu,
    /// An NVIDIA card, by CUDA and cuDNN.
    Cuda,
    /// An NVIDIA card, by TensorRT; what TensorRT does not take is left to CUDA.
    TensorRt,
    /// A Mac's processor, graphics and neural engine.
    CoreMl,
    /// A graphics card under Windows.
    DirectMl,
    /// Intel's processors, by OpenVINO.
    OpenVino,
}

impl Provider {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Cpu, Self::Cuda, Self::TensorRt, Self::CoreMl, Self::DirectMl, Self::OpenVino];

    /// Its name in settings: "cpu", "cuda", "tensorrt", "coreml", "directml", "openvino".
    pub const fn id(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
            Self::TensorRt => "tensorrt",
            Self::CoreMl => "coreml",
            Self::DirectMl => "directml",
            Self::OpenVino => "openvino",
        }
    }

    /// What to do where the library does not have it.
    pub(crate) fn remedy_missing(self) -> String {
        match self {
            Self::Cpu => format!("set {LIBRARY_VARIABLE} to a whole ONNX Runtime"),
            Self::Cuda | Self::TensorRt => {
                "run `visage models fetch onnxruntime-cuda cuda-libraries` (Linux and Windows on x86-64)".to_owned()
            }
            Self::CoreMl => "CoreML is in the library for Macs alone".to_owned(),
            Self::DirectMl => "run `visage models fetch onnxruntime-directml` (Windows on x86-64)".to_owned(),
            Self::OpenVino => "run `visage models fetch onnxruntime-openvino` (Linux on x86-64)".to_owned(),
        }
    }

    /// What to do where the library has it and it did not start, as `reason` says in ONNX Runtime's words.
    pub(crate) fn remedy_broken(self, reason: &str) -> String {
        let names = |parts: &[&str]| parts.iter().any(|part| reason.contains(part));
        match self {
            Self::Cuda | Self::TensorRt
                if names(&["libcuda.so", "nvcuda.dll", "no CUDA-capable device", "CUDA failure 100"]) =>
            {
                "install the driver of your NVIDIA card (580 or newer)".to_owned()
            }
            Self::Cuda | Self::TensorRt if names(&["driver version is insufficient", "CUDA failure 35"]) => {
                "update the driver of your NVIDIA card to 580 or newer".to_owned()
            }
            Self::TensorRt if names(&["libnvinfer", "nvinfer_10", "libnvonnxparser", "nvonnxparser_10"]) => {
                "install TensorRT 10 for CUDA 13 where the system's loader finds it, or take CUDA".to_owned()
            }
            Self::Cuda | Self::TensorRt
                if names(&["libcublas", "libcudart", "libcurand", "libcudnn", "libcufft", "error 126"]) =>
            {
                "run `visage models fetch cuda-libraries`, or install CUDA 13 and cuDNN 9".to_owned()
            }
            Self::Cuda | Self::TensorRt if names(&["out of memory", "CUDA failure 2:"]) => {
                "close what else uses the graphics card's memory".to_owned()
            }
            _ => format!("run `visage doctor`, or set {PROVIDER_VARIABLE} to another provider"),
        }
    }
}

impl fmt::Display for Provider {
    /// As its makers write it: "CUDA".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cpu => "CPU",
            Self::Cuda => "CUDA",
            Self::TensorRt => "TensorRT",
            Self::CoreMl => "CoreML",
            Self::DirectMl => "DirectML",
            Self::OpenVino => "OpenVINO",
        })
    }
}

/// A word that names no provider.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no execution provider; there are auto, cpu, cuda, tensorrt, coreml, directml and openvino")]
pub struct UnknownProvider(String);

impl FromStr for Provider {
    type Err = UnknownProvider;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|provider| provider.id().eq_ignore_ascii_case(word.trim()));
        found.ok_or_else(|| UnknownProvider(word.to_owned()))
    }
}

/// Which provider a network is to run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum ProviderChoice {
    /// The best that the library has and that starts, unless `VISAGE_PROVIDER` names one.
    Auto,
    /// This one or none.
    Only(Provider),
}

impl fmt::Display for ProviderChoice {
    /// As in settings: "auto", "cuda".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Only(provider) => provider.id(),
        })
    }
}

impl FromStr for ProviderChoice {
    type Err = UnknownProvider;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        if word.trim().eq_ignore_ascii_case("auto") { Ok(Self::Auto) } else { word.parse().map(Self::Only) }
    }
}

impl TryFrom<String> for ProviderChoice {
    type Error = UnknownProvider;

    fn try_from(word: String) -> Result<Self, Self::Error> {
        word.parse()
    }
}

impl From<ProviderChoice> for String {
    fn from(choice: ProviderChoice) -> Self {
        choice.to_string()
    }
}

/// What `VISAGE_PROVIDER` says. The one place that reads it.
///
/// # Errors
/// It names no provider.
pub fn provider_variable() -> Result<Option<ProviderChoice>, UnknownProvider> {
    let word = std::env::var(PROVIDER_VARIABLE).unwrap_or_default();
    if word.trim().is_empty() { Ok(None) } else { word.parse().map(Some) }
}

/// The order in which [`ProviderChoice::Auto`] tries providers on an operating system as Rust names it ("linux",
/// "macos", "windows"). Ends with the processor.
///
/// TensorRT is before CUDA since it has 16-bit arithmetic, and its library is only where somebody has installed it.
/// DirectML is behind CUDA, which is faster on the same card.
pub(crate) fn order(system: &str) -> &'static [Provider] {
    use Provider::{CoreMl, Cpu, Cuda, DirectMl, OpenVino, TensorRt};
    match system {
        "windows" => &[TensorRt, Cuda, DirectMl, OpenVino, Cpu],
        "macos" | "ios" => &[CoreMl, Cpu],
        _ => &[TensorRt, Cuda, OpenVino, Cpu],
    }
}

/// The provider that a network runs on, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Chosen {
    /// The provider.
    pub provider: Provider,
    /// Why this one, in a person's words.
    pub reason: String,
    /// What to do to get a better one; empty if nothing is to be done.
    pub advice: String,
}

impl Chosen {
    /// One that was demanded.
    pub(crate) fn demanded(provider: Provider, by: &str) -> Self {
        Self { provider, reason: format!("{by} demands it"), advice: String::new() }
    }
}

impl fmt::Display for Chosen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.provider, self.reason)
    }
}

/// A better provider that was passed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Passed {
    pub provider: Provider,
    /// Why it did not start, in ONNX Runtime's words; `None` if the library does not have it.
    pub failure: Option<String>,
}

/// Why `provider` was taken after all of `passed`, which are better, in the order in which they were tried. `card` says
/// whether this machine has an NVIDIA card that CUDA runs on; it is asked only where the answer matters.
pub(crate) fn explain(provider: Provider, passed: &[Passed], card: impl FnOnce() -> bool) -> Chosen {
    let missing = passed.iter().filter(|one| one.failure.is_none());
    let missing: Vec<_> = missing.map(|one| one.provider.to_string()).collect();
    let mut reasons = Vec::new();
    if !missing.is_empty() {
        let verb = if missing.len() == 1 { "is" } else { "are" };
        reasons.push(format!("{} {verb} not in this ONNX Runtime build", listed(&missing)));
    }
    for one in passed {
        if let Some(failure) = &one.failure {
            reasons.push(format!("{} did not start: {}", one.provider, shortened(failure)));
        }
    }
    if reasons.is_empty() {
        reasons.push("it is the best for this system, and it started".to_owned());
    }
    // One that is there and did not start is nearer than one that would have to be fetched, and that helps only where
    // there is a card. On a card already nothing is left to be done.
    let broken = [Provider::Cuda, Provider::TensorRt].into_iter().find_map(|card| {
        let failure = passed.iter().find(|one| one.provider == card)?.failure.as_ref()?;
        Some(card.remedy_broken(failure))
    });
    let fetch = passed.iter().find(|one| one.provider == Provider::Cuda && one.failure.is_none());
    let slow = matches!(provider, Provider::Cpu | Provider::OpenVino);
    let advice = match (broken, fetch) {
        _ if !slow => String::new(),
        (Some(remedy), _) => remedy,
        (None, Some(cuda)) => {
            if card() {
                cuda.provider.remedy_missing()
            } else {
                String::new()
            }
        }
        (None, None) => String::new(),
    };
    Chosen { provider, reason: reasons.join("; "), advice }
}

/// "A", "A and B", "A, B and C".
fn listed(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// How much of a long reason of ONNX Runtime is passed on: characters of its beginning and of its end. Between them are
/// source files, functions and lists; the end says what is wrong.
const REASON_BEGIN: usize = 60;
const REASON_END: usize = 200;

/// A reason in one line that is not too long.
pub(crate) fn shortened(reason: &str) -> String {
    let text = reason.split_whitespace().collect::<Vec<_>>().join(" ");
    // What stands before is the place in ONNX Runtime's source, twice.
    let text = text.rsplit_once("FAIL : ").map_or(text.as_str(), |(_, what)| what);
    // CUDA's own words stand between such places and the machine's name.
    let text = text.find("CUDA failure").map_or(text, |at| &text[at..]);
    let text = text.split_once(" ; GPU=").map_or(text, |(what, _)| what);
    let length = text.chars().count();
    if length <= REASON_BEGIN + REASON_END {
        return text.to_owned();
    }
    let begin: String = text.chars().take(REASON_BEGIN).collect();
    let end: String = text.chars().skip(length - REASON_END).collect();
    format!("{begin}… …{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for provider in Provider::ALL {
            assert_eq!(provider.id().parse(), Ok(provider));
            assert_eq!(provider.to_string().parse(), Ok(provider), "as its makers write it");
            let choice = ProviderChoice::Only(provider);
            assert_eq!(choice.to_string().parse(), Ok(choice));
            assert_eq!(serde_json::to_string(&provider).expect("a word"), format!("{:?}", provider.id()));
        }
        assert_eq!(" Auto ".parse(), Ok(ProviderChoice::Auto));
        assert_eq!(
            serde_json::from_str::<ProviderChoice>(r#""cuda""#).expect("one"),
            ProviderChoice::Only(Provider::Cuda)
        );
        assert_eq!(serde_json::to_string(&ProviderChoice::Auto).expect("a word"), r#""auto""#);
        let error = "gpu".parse::<ProviderChoice>().expect_err("there is none").to_string();
        assert!(error.contains("\"gpu\"") && error.contains("cuda"), "{error}");
        assert!(serde_json::from_str::<ProviderChoice>(r#""gpu""#).is_err());
    }

    #[test]
    fn every_system_ends_with_the_processor_and_tries_nothing_twice() {
        for system in ["linux", "macos", "windows", "freebsd"] {
            let order = order(system);
            assert_eq!(order.last(), Some(&Provider::Cpu), "{system}");
            assert!(order.iter().enumerate().all(|(at, one)| !order[..at].contains(one)), "{system}");
        }
        assert!(!order("linux").contains(&Provider::DirectMl) && !order("windows").contains(&Provider::CoreMl));
    }

    #[test]
    fn the_reason_names_what_was_passed_over_and_the_advice_what_to_do() {
        let missing = |provider| Passed { provider, failure: None };
        let broken = |provider, failure: &str| Passed { provider, failure: Some(failure.to_owned()) };
        let all = [missing(Provider::TensorRt), missing(Provider::Cuda), missing(Provider::OpenVino)];
        assert_eq!(explain(Provider::Cpu, &all, || false).advice, "", "without a card there is nothing to fetch");
        let cases: &[(Provider, &[Passed], &str, &str)] = &[
            (Provider::Cuda, &[], "it is the best for this system, and it started", ""),
            (
                Provider::Cpu,
                &all,
                "TensorRT, CUDA and OpenVINO are not in this ONNX Runtime build",
                "visage models fetch onnxruntime-cuda cuda-libraries",
            ),
            (Provider::Cpu, &[missing(Provider::CoreMl)], "CoreML is not in this ONNX Runtime build", ""),
            (
                Provider::Cuda,
                &[broken(Provider::TensorRt, "libnvinfer.so.10: cannot open shared object file")],
                "TensorRT did not start: libnvinfer.so.10: cannot open",
                "",
            ),
            (
                Provider::Cpu,
                &[
                    missing(Provider::OpenVino),
                    broken(Provider::Cuda, "libcublasLt.so.13: cannot open shared object file"),
                ],
                "OpenVINO is not in this ONNX Runtime build; CUDA did not start: libcublasLt.so.13",
                "visage models fetch cuda-libraries",
            ),
            (
                Provider::Cpu,
                &[broken(Provider::Cuda, "libcuda.so.1: cannot open shared object file")],
                "libcuda.so.1",
                "driver of your NVIDIA card (580 or newer)",
            ),
            (
                Provider::Cpu,
                &[
                    broken(Provider::TensorRt, "libnvinfer.so.10: cannot open shared object file"),
                    broken(Provider::Cuda, "libcuda.so.1: cannot open shared object file"),
                ],
                "TensorRT did not start",
                "driver of your NVIDIA card (580 or newer)",
            ),
            (
                Provider::Cpu,
                &[broken(Provider::OpenVino, "The supported shape is 4D")],
                "The supported shape is 4D",
                "",
            ),
            (
                Provider::Cpu,
                &[broken(Provider::Cuda, "CUDA driver version is insufficient for CUDA runtime version")],
                "insufficient",
                "update the driver",
            ),
        ];
        for (provider, passed, reason, advice) in cases {
            let chosen = explain(*provider, passed, || true);
            assert!(chosen.reason.contains(reason), "{chosen:?}");
            assert!(chosen.advice.contains(advice) && chosen.advice.is_empty() == advice.is_empty(), "{chosen:?}");
        }
    }

    #[test]
    fn long_reasons_are_cut_in_the_middle() {
        let text = shortened(&format!("one\n  two\t{} what is wrong\n\n", "ü".repeat(500)));
        assert!(text.starts_with("one two ü") && text.ends_with("ü what is wrong"), "{text}");
        assert_eq!(text.chars().count(), REASON_BEGIN + REASON_END + 3);
        assert_eq!(shortened(" short  one "), "short one");
        assert_eq!(shortened("/x.cc:1 f() [ONNXRuntimeError] : 1 : FAIL : no library"), "no library");
        assert_eq!(
            shortened("/x.cc:1 f() CUDA failure 35: too old ; GPU=-1 ; hostname=me"),
            "CUDA failure 35: too old"
        );
    }
}
