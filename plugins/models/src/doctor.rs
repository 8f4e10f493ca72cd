//! Whether the models and their runtime are fit: what `visage doctor` says of them.

use std::fmt;

use crate::{
    catalogue::Catalogue,
    library::{CUDA_LIBRARIES_ID, LIBRARY_ID, LibraryError},
    nvidia::{NoNvidia, NvidiaCard, nvidia_card},
    provider::{Chosen, PROVIDER_VARIABLE, Provider, ProviderChoice, UnknownProvider, provider_variable},
    runtime::{offered, runtime},
    session::{SessionError, probe},
    store::{State, Store},
};

/// The neural renderer's id in the catalogue.
const LIVEPORTRAIT_ID: &str = "liveportrait";
/// The build of ONNX Runtime for NVIDIA cards.
const CUDA_BUILD_ID: &str = "onnxruntime-cuda";

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// As it should be.
    Ok,
    /// Visage runs, but something is slower or missing.
    Warning,
    /// Something essential does not work.
    Failed,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "failed",
        })
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Check {
    /// What was looked at.
    pub name: String,
    /// How it came out.
    pub status: Status,
    /// What was found.
    pub found: String,
    /// What to do; empty if nothing is to be done.
    pub advice: String,
}

impl Check {
    /// A check that came out well.
    pub fn ok(name: &str, found: impl Into<String>) -> Self {
        Self { name: name.to_owned(), status: Status::Ok, found: found.into(), advice: String::new() }
    }

    /// A check after which Visage runs, with less.
    pub fn warning(name: &str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { name: name.to_owned(), status: Status::Warning, found: found.into(), advice: advice.into() }
    }

    /// A check after which something essential does not work.
    pub fn failed(name: &str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { name: name.to_owned(), status: Status::Failed, found: found.into(), advice: advice.into() }
    }
}

/// Looks at ONNX Runtime, at what it can run on, and at every model of the catalogue. Loads the runtime's library, and
/// wakes a graphics card that it can use.
pub fn checks(catalogue: &Catalogue, store: &Store) -> Vec<Check> {
    let runtime = match runtime() {
        Ok((path, _)) => Check::ok("ONNX Runtime", path.display().to_string()),
        Err(error) => {
            Check::failed("ONNX Runtime", error.to_string(), format!("run `visage models fetch {LIBRARY_ID}`"))
        }
    };
    let state = |id: &str| catalogue.model(id).map_or(State::Missing, |model| store.state(model));
    let fetched = [CUDA_BUILD_ID, CUDA_LIBRARIES_ID].iter().all(|id| state(id) == State::Present);
    let mut checks = vec![
        runtime,
        providers(offered(), provider_variable()),
        card(nvidia_card(), fetched),
        neural_renderer(state(LIVEPORTRAIT_ID), probe(ProviderChoice::Auto)),
    ];
    for model in &catalogue.models {
        if [LIBRARY_ID, LIVEPORTRAIT_ID].contains(&model.id.as_str()) {
            // The library may come from elsewhere; whether it can be loaded is what counts. LivePortrait has its own
            // line.
            continue;
        }
        let name = format!("model {}", model.id);
        let fetch = format!("run `visage models fetch {}`; without it: {}", model.id, model.without);
        checks.push(match store.state(model) {
            State::Present if model.made.is_some() => Check::ok(&name, format!("{} ({})", model.job, model.licence)),
            State::Missing if model.made.is_some() => optional(
                &name,
                format!("optional, made by its user: {} ({})", model.job, model.licence),
                format!("`visage models fetch {}` says how", model.id),
            ),
            State::Present => Check::ok(&name, model.job.clone()),
            State::Damaged => Check::failed(&name, "a file has the wrong length", fetch),
            State::Missing if model.shipped.is_some() => Check::failed(
                &name,
                "missing from the installation",
                "install Visage again, or set VISAGE_HOME to its folder",
            ),
            State::Missing if model.default => Check::warning(&name, "not fetched", fetch),
            State::Missing => Check::ok(&name, format!("optional, not fetched: {}", model.job)),
        });
    }
    checks
}

/// What the library was built with, and whether `VISAGE_PROVIDER` asks for something else.
fn providers(
    offered: Result<Vec<Provider>, LibraryError>,
    variable: Result<Option<ProviderChoice>, UnknownProvider>,
) -> Check {
    const NAME: &str = "execution providers";
    let offered = match offered {
        Ok(offered) => offered,
        Err(_) => return Check::warning(NAME, "not known without ONNX Runtime", "see the line above"),
    };
    let names = offered.iter().map(Provider::to_string).collect::<Vec<_>>().join(", ");
    let found = format!("this ONNX Runtime has {names}");
    match variable {
        Err(error) => {
            Check::failed(NAME, format!("{found}; {error}"), format!("correct {PROVIDER_VARIABLE} or unset it"))
        }
        Ok(Some(ProviderChoice::Only(wanted))) if !offered.contains(&wanted) => Check::failed(
            NAME,
            format!("{found}, and {PROVIDER_VARIABLE} demands {wanted}"),
            format!("{}; or unset {PROVIDER_VARIABLE}", wanted.remedy_missing()),
        ),
        Ok(Some(choice)) => Check::ok(NAME, format!("{found}; {PROVIDER_VARIABLE} says {choice}")),
        Ok(None) => Check::ok(NAME, found),
    }
}

/// Whether there is a card that CUDA 13 runs on, and what it needs is fetched.
fn card(card: Result<NvidiaCard, NoNvidia>, fetched: bool) -> Check {
    const NAME: &str = "NVIDIA card";
    match card {
        Ok(card) if fetched => Check::ok(NAME, card.to_string()),
        Ok(card) => Check {
            advice: format!(
                "`visage models fetch {LIVEPORTRAIT_ID}` brings what it needs ({CUDA_BUILD_ID}, {CUDA_LIBRARIES_ID})"
            ),
            ..Check::ok(NAME, card.to_string())
        },
        Err(none @ NoNvidia::None(_)) => Check::ok(NAME, none.to_string()),
        Err(old @ NoNvidia::OldDriver(_)) => {
            Check::warning(NAME, old.to_string(), "install the newest driver for the card")
        }
        Err(old @ NoNvidia::OldCard(_)) => Check::warning(
            NAME,
            old.to_string(),
            "set VISAGE_ONNXRUNTIME to an ONNX Runtime of 1.25 or 1.26, which were built for CUDA 12",
        ),
    }
}

/// Whether LivePortrait's networks are there, and what they run on. `chosen` comes from a network of its hardest
/// operator.
fn neural_renderer(state: State, chosen: Result<Chosen, SessionError>) -> Check {
    const NAME: &str = "LivePortrait";
    let fetch = format!("`visage models fetch {LIVEPORTRAIT_ID}` brings it");
    let chosen = match (state, chosen) {
        (State::Damaged, _) => return Check::failed(NAME, "a file has the wrong length", fetch),
        (_, Ok(chosen)) => chosen,
        (State::Missing, Err(SessionError::Library(_))) => return optional(NAME, "not fetched".to_owned(), fetch),
        (_, Err(error @ SessionError::Variable(_) | error @ SessionError::Provider { .. })) => {
            return Check::failed(NAME, error.to_string(), format!("put it right, or unset {PROVIDER_VARIABLE}"));
        }
        (_, Err(error)) => return Check::warning(NAME, error.to_string(), "faces are drawn as a mesh meanwhile"),
    };
    let live = !matches!(chosen.provider, Provider::Cpu | Provider::OpenVino);
    match (state, live) {
        (State::Missing, true) => optional(NAME, format!("not fetched; it would run on {chosen}"), fetch),
        (State::Missing, false) => {
            let found = format!("not fetched; it would run on {chosen}, and prepare what it shows");
            let advice = if chosen.advice.is_empty() {
                fetch
            } else {
                format!("{fetch}; for a graphics card, {}", chosen.advice)
            };
            optional(NAME, found, advice)
        }
        (_, true) => Check::ok(NAME, format!("runs on {chosen}")),
        (_, false) => {
            let advice = if chosen.advice.is_empty() {
                "a graphics card draws it live".to_owned()
            } else {
                chosen.advice.clone()
            };
            Check::warning(NAME, format!("runs on {chosen}, and prepares what it shows"), advice)
        }
    }
}

/// Nothing is wrong, and something could be done.
fn optional(name: &str, found: String, advice: String) -> Check {
    Check { advice, ..Check::ok(name, found) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_model_is_reported_with_what_to_do() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let checks = checks(Catalogue::builtin(), &Store::at(folder.path()));
        let find = |name: &str| checks.iter().find(|check| check.name == name).expect(name);
        assert_eq!(find("model face").status, Status::Ok);
        let whisper = find("model whisper-base");
        assert_eq!(whisper.status, Status::Warning);
        assert!(whisper.advice.contains("visage models fetch whisper-base"), "{}", whisper.advice);
        let optional = find("model piper-de-thorsten");
        assert_eq!((optional.status, optional.advice.as_str()), (Status::Ok, ""));
        let made = find("model xtts-v2");
        assert_eq!((made.status, made.advice.as_str()), (Status::Ok, "`visage models fetch xtts-v2` says how"));
        assert!(made.found.contains("made by its user") && made.found.contains("CPML"), "{}", made.found);
        assert!(checks.iter().any(|check| check.name == "ONNX Runtime"));
    }

    #[test]
    fn providers_that_are_demanded_and_missing_fail() {
        let offered = || Ok(vec![Provider::Cpu, Provider::OpenVino]);
        let wrong = "gpu".parse::<ProviderChoice>().expect_err("there is none");
        let cases = [
            (offered(), Ok(None), Status::Ok, "has CPU, OpenVINO", ""),
            (offered(), Ok(Some(ProviderChoice::Only(Provider::OpenVino))), Status::Ok, "says openvino", ""),
            (
                offered(),
                Ok(Some(ProviderChoice::Only(Provider::Cuda))),
                Status::Failed,
                "demands CUDA",
                "onnxruntime-cuda",
            ),
            (offered(), Err(wrong), Status::Failed, "\"gpu\"", "unset it"),
            (Err(LibraryError::None { tried: vec![] }), Ok(None), Status::Warning, "not known", "line above"),
        ];
        for (offered, variable, status, found, advice) in cases {
            let check = providers(offered, variable);
            assert_eq!(check.status, status, "{check:?}");
            assert!(check.found.contains(found) && check.advice.contains(advice), "{check:?}");
        }
    }

    #[test]
    fn the_neural_renderer_says_what_it_runs_on_and_what_to_do() {
        let on = |provider, advice: &str| Ok(Chosen { provider, reason: "so".into(), advice: advice.into() });
        let demanded = || SessionError::Provider {
            model: "probe".into(),
            provider: Provider::Cuda,
            reason: "it is not in this ONNX Runtime build".into(),
            advice: "run this".into(),
        };
        let cases = [
            (State::Present, on(Provider::Cuda, ""), Status::Ok, "runs on CUDA (so)", ""),
            (
                State::Present,
                on(Provider::Cpu, "fetch that"),
                Status::Warning,
                "runs on CPU (so), and prepares",
                "fetch that",
            ),
            (State::Missing, on(Provider::Cuda, ""), Status::Ok, "would run on CUDA (so)", "models fetch liveportrait"),
            (State::Missing, on(Provider::Cpu, "fetch that"), Status::Ok, "not fetched", "fetch that"),
            (State::Damaged, on(Provider::Cuda, ""), Status::Failed, "wrong length", "models fetch liveportrait"),
            (State::Present, Err(demanded()), Status::Failed, "CUDA was demanded", "unset VISAGE_PROVIDER"),
            (
                State::Missing,
                Err(SessionError::Library(LibraryError::None { tried: vec![] })),
                Status::Ok,
                "not fetched",
                "models fetch liveportrait",
            ),
        ];
        for (state, chosen, status, found, advice) in cases {
            let check = neural_renderer(state, chosen);
            assert_eq!(check.status, status, "{check:?}");
            assert!(check.found.contains(found) && check.advice.contains(advice), "{check:?}");
            assert_eq!(check.advice.is_empty(), advice.is_empty(), "{check:?}");
        }
    }

    #[test]
    fn a_card_is_told_with_what_it_lacks() {
        let own = |driver: &str| NvidiaCard { name: "RTX".into(), driver: driver.into(), architecture: Some((8, 9)) };
        let cases = [
            (Ok(own("580.1")), true, Status::Ok, ""),
            (Ok(own("580.1")), false, Status::Ok, "cuda-libraries"),
            (Err(NoNvidia::OldDriver(own("550.1"))), true, Status::Warning, "newest driver"),
            (Err(NoNvidia::OldCard(own("580.1"))), true, Status::Warning, "VISAGE_ONNXRUNTIME"),
            (Err(NoNvidia::None("none".into())), false, Status::Ok, ""),
        ];
        for (found, fetched, status, advice) in cases {
            let check = card(found, fetched);
            assert_eq!(check.status, status, "{check:?}");
            assert!(check.advice.contains(advice) && check.advice.is_empty() == advice.is_empty(), "{check:?}");
        }
    }
}
