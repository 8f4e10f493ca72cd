//! The rules of the code base that a compiler does not know: who may depend on whom, who alone may import what, and that
//! the documents speak of what exists (docs/ARCHITECTURE.md, "Invariants").

use std::{
    fs,
    path::{Path, PathBuf},
};

use cargo_metadata::{DependencyKind, MetadataCommand, Package};

/// What every crate may use. What they may use besides stands in `EXTRA`.
const FOUNDATIONS: [&str; 3] = ["visage_core", "visage_models", "visage_schedule"];

/// Crates and what they may use besides the foundations.
const EXTRA: [(&str, &[&str]); 7] = [
    ("visage_stage", &["visage_warp"]),
    ("visage_voice", &["visage_cloning", "visage_xtts"]),
    ("visage_webrtc", &["visage_stream"]),
    ("visage_character", &["visage_library"]),
    ("visage_server", &["visage_library", "visage_stream"]),
    ("visage_preview", &["visage_library"]),
    ("visage_fuzz", &["visage_library", "visage_portrait"]),
];

/// Crates that may not know Bevy: they are computed and tested without a world.
const WITHOUT_BEVY: [&str; 8] = [
    "visage_cloning",
    "visage_core",
    "visage_library",
    "visage_liveportrait",
    "visage_models",
    "visage_stream",
    "visage_warp",
    "visage_xtts",
];

/// Outside crates that one crate alone may import.
const SINGLE_IMPORTS: [(&str, &str); 7] = [
    ("ort", "visage_models"),
    ("object_store", "visage_library"),
    ("whisper-rs", "visage_hearing"),
    ("cpal", "visage_audio"),
    ("webrtc", "visage_webrtc"),
    ("axum", "visage_server"),
    ("bevy_egui", "visage_preview"),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn packages() -> Vec<Package> {
    let metadata = MetadataCommand::new().no_deps().other_options(["--offline".to_owned()]).exec();
    metadata.expect("cargo can describe the workspace").packages
}

fn dependencies(package: &Package) -> impl Iterator<Item = &str> {
    package
        .dependencies
        .iter()
        .filter(|dependency| dependency.kind == DependencyKind::Normal)
        .map(|dependency| dependency.name.as_str())
}

/// core <- models, schedule <- plugins <- the application.
#[test]
fn plugins_do_not_import_each_other() {
    let mut wrong = Vec::new();
    for package in packages().iter().filter(|package| package.name.as_str() != "visage") {
        let name = package.name.as_str();
        let extra = EXTRA.iter().find(|(user, _)| *user == name).map_or(&[][..], |(_, used)| used);
        for used in dependencies(package).filter(|used| used.starts_with("visage_")) {
            let downwards = match name {
                "visage_core" => false,
                "visage_library" | "visage_models" | "visage_schedule" => used == "visage_core",
                _ => FOUNDATIONS.contains(&used) || extra.contains(&used),
            };
            if !downwards {
                wrong.push(format!("{name} imports {used}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn one_crate_imports_each_outside_library_of_weight() {
    let mut wrong = Vec::new();
    for package in &packages() {
        let name = package.name.as_str();
        for used in dependencies(package) {
            if SINGLE_IMPORTS.iter().any(|(library, owner)| *library == used && *owner != name) {
                wrong.push(format!("{name} imports {used}"));
            }
        }
        if WITHOUT_BEVY.contains(&name) && dependencies(package).any(|used| used.starts_with("bevy")) {
            wrong.push(format!("{name} imports bevy"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// No crate is left over when the last one that used it has gone.
#[test]
fn every_crate_has_a_use() {
    let packages = packages();
    let application =
        packages.iter().find(|package| package.name.as_str() == "visage").expect("it is the root package");
    let all: Vec<_> = packages.iter().flat_map(|package| package.dependencies.iter().map(|used| &used.name)).collect();
    let ends = [application.name.as_str(), "visage_fuzz"];
    for package in packages.iter().filter(|package| !ends.contains(&package.name.as_str())) {
        assert!(all.iter().any(|used| used.as_str() == package.name.as_str()), "nobody uses {}", package.name);
    }
}

/// Paths in back-quotes that name a file or folder of the project.
fn paths_in(text: &str) -> Vec<String> {
    const TOPS: [&str; 8] =
        ["src/", "assets/", "characters/", "models/", "plugins/", "tests/", "docs/", "docs-secretary/"];
    text.split('`')
        .skip(1)
        .step_by(2)
        .filter(|word| TOPS.iter().any(|top| word.starts_with(top)) && !word.contains(['<', '*', '{', ' ', '…']))
        .map(|word| word.trim_end_matches('/').to_owned())
        .collect()
}

fn documents() -> Vec<PathBuf> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for item in fs::read_dir(folder).expect("a folder of documents").flatten() {
            let path = item.path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                found.push(path);
            }
        }
    }
    let mut found = vec![root().join("README.md")];
    walk(&root().join("docs"), &mut found);
    walk(&root().join("docs-secretary"), &mut found);
    found
}

#[test]
fn documents_name_only_what_exists() {
    let mut wrong = Vec::new();
    for document in documents() {
        let text = fs::read_to_string(&document).expect("a document is text");
        for path in paths_in(&text).into_iter().filter(|path| !root().join(path).exists()) {
            wrong.push(format!("{} names {path}", document.strip_prefix(root()).unwrap_or(&document).display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_code_map_names_every_crate() {
    let map = fs::read_to_string(root().join("docs/ARCHITECTURE.md")).expect("it is in the project");
    for package in packages().iter().filter(|package| package.name.as_str() != "visage") {
        let folder = package.manifest_path.parent().expect("a crate has a folder");
        let folder = folder.strip_prefix(root()).expect("crates lie in the project");
        assert!(map.contains(&format!("`{folder}`")), "docs/ARCHITECTURE.md does not name {folder}");
    }
}

#[test]
fn paths_are_found_in_text() {
    let text = "See `src/app.rs`, `plugins/<name>/src`, `cargo run` and `docs/avatar/`.";
    assert_eq!(paths_in(text), ["src/app.rs", "docs/avatar"]);
}
