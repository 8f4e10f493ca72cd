//! Whether the models and their runtime are fit: what `visage doctor` says of them.

use std::fmt;

use crate::{
    catalogue::Catalogue,
    library::LIBRARY_ID,
    session::runtime,
    store::{State, Store},
};

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

/// Looks at ONNX Runtime and at every model of the catalogue. Loads the runtime's library.
pub fn checks(catalogue: &Catalogue, store: &Store) -> Vec<Check> {
    let runtime = match runtime() {
        Ok((path, _)) => Check::ok("ONNX Runtime", path.display().to_string()),
        Err(error) => {
            Check::failed("ONNX Runtime", error.to_string(), format!("run `visage models fetch {LIBRARY_ID}`"))
        }
    };
    let mut checks = vec![runtime];
    for model in &catalogue.models {
        if model.id == LIBRARY_ID {
            // The library may come from elsewhere; whether it can be loaded is what counts.
            continue;
        }
        let name = format!("model {}", model.id);
        let fetch = format!("run `visage models fetch {}`; without it: {}", model.id, model.without);
        checks.push(match store.state(model) {
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
        assert!(checks.iter().any(|check| check.name == "ONNX Runtime"));
    }
}
