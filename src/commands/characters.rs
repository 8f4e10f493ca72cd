//! `visage characters`: what there is, whether it is right, and how it changes.

use std::path::Path;

use anyhow::{Context, bail};
use comfy_table::{Table, presets::UTF8_HORIZONTAL_ONLY};
use serde_json::json;
use visage_core::PortraitSource;
use visage_library::{
    CharacterFile, Engine, Entry, Library, Loaded, Location, MAX_ARCHIVE_BYTES, Precondition, Voice, block_on, check_id,
};
use visage_models::{Catalogue, CatalogueError, Store};
use visage_portrait::{RigBuilder, read_picture};
use visage_voice::CLONE;

use crate::{
    app::open_library,
    cli::{Characters, Place},
};

pub fn run(command: &Characters) -> anyhow::Result<()> {
    match command {
        Characters::List { place, json } => list(&open(place)?, *json),
        Characters::Show { id, place, json } => {
            let entry = block_on(open(place)?.get(id))?;
            if *json {
                return print_json(&entry.file);
            }
            super::print(entry.file.to_ron().trim_end())?;
            Ok(())
        }
        Characters::Validate { path, place, json } => validate(path, place, *json),
        Characters::Create { name, portrait, id, language, voice, place, json } => {
            let mut file = CharacterFile::new(name, *language);
            file.voices.insert(*language, Voice { model: voice.clone(), ..Voice::default() });
            file.check()?;
            let picture = read_picture(portrait).with_context(|| portrait.display().to_string())?;
            has_face(&PortraitSource::picture_only(picture.clone())).with_context(|| portrait.display().to_string())?;
            let entry = block_on(open(place)?.create(id.as_deref(), file, picture.into()))?;
            made(&entry, *json)
        }
        Characters::Import { archive, id, place, json } => {
            let length = std::fs::metadata(archive).map(|meta| meta.len());
            if length.as_ref().is_ok_and(|length| *length > MAX_ARCHIVE_BYTES as u64) {
                bail!("{}: no archive of a character is longer than {MAX_ARCHIVE_BYTES} bytes", archive.display());
            }
            let bytes = std::fs::read(archive).with_context(|| format!("cannot read {}", archive.display()))?;
            made(&import(&open(place)?, bytes, id.as_deref())?, *json)
        }
        Characters::Export { id, out, place } => {
            let archive = block_on(open(place)?.export(id))?;
            let out = out.clone().unwrap_or_else(|| format!("{id}.zip").into());
            std::fs::write(&out, &archive).with_context(|| format!("cannot write {}", out.display()))?;
            super::print(format_args!("{}: {} kB", out.display(), archive.len().div_ceil(1000)))?;
            Ok(())
        }
        Characters::Delete { id, place } => {
            block_on(open(place)?.delete(id, &Precondition::None))?;
            super::print(format_args!("{id} is deleted"))?;
            Ok(())
        }
        Characters::Activate { id, place } => {
            block_on(open(place)?.set_active(id))?;
            super::print(format_args!("{id} is the character to begin with"))?;
            Ok(())
        }
    }
}

fn open(place: &Place) -> anyhow::Result<Library> {
    Ok(open_library(place.characters.clone())?)
}

fn print_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    super::print(serde_json::to_string_pretty(value)?)?;
    Ok(())
}

fn made(entry: &Entry, json: bool) -> anyhow::Result<()> {
    if json {
        return print_json(&json!({ "id": entry.id, "name": entry.file.name }));
    }
    super::print(format_args!("{} is there as \"{}\"", entry.file.name, entry.id))?;
    Ok(())
}

fn list(library: &Library, json: bool) -> anyhow::Result<()> {
    let listing = block_on(library.list())?;
    let active = block_on(library.active()).ok();
    let is_active = |entry: &Entry| active.as_ref() == Some(&entry.id);
    for broken in &listing.broken {
        eprintln!("{}/character.ron, {}", broken.id, broken.error);
    }
    if json {
        let line = |entry: &Entry| {
            let (name, languages) = (&entry.file.name, entry.file.languages());
            json!({ "id": entry.id, "name": name, "languages": languages, "active": is_active(entry) })
        };
        return print_json(&listing.characters.iter().map(line).collect::<Vec<_>>());
    }
    let mut table = Table::new();
    table.load_style(UTF8_HORIZONTAL_ONLY).set_header(["", "id", "name", "languages", "voices"]);
    for entry in &listing.characters {
        let languages: Vec<_> = entry.file.languages().iter().map(ToString::to_string).collect();
        let voices: Vec<_> = entry.file.voices.values().map(|voice| voice.model.as_str()).collect();
        let active = if is_active(entry) { "*" } else { "" };
        table.add_row([active, &entry.id, &entry.file.name, &languages.join(", "), &voices.join(", ")]);
    }
    super::print(table)?;
    Ok(())
}

/// Takes a character in, but only with a portrait in which there is a face. Before that it is in memory alone.
fn import(library: &Library, archive: Vec<u8>, id: Option<&str>) -> anyhow::Result<Entry> {
    let trial = Library::in_memory();
    let entry = block_on(trial.import(archive.clone().into(), id))?;
    has_face(&block_on(trial.load(&entry.id))?.portrait)?;
    Ok(block_on(library.import(archive.into(), id))?)
}

fn has_face(portrait: &PortraitSource) -> anyhow::Result<()> {
    RigBuilder::new(&Store::default()).build(portrait).context("portrait")?;
    Ok(())
}

fn validate(path: &Path, place: &Place, json: bool) -> anyhow::Result<()> {
    let (shown, loaded) = load(path, place)?;
    has_face(&loaded.portrait).with_context(|| shown.clone())?;
    let warnings = warnings(&loaded.entry.file);
    if json {
        let (id, name) = (&loaded.entry.id, &loaded.entry.file.name);
        return print_json(&json!({ "id": id, "name": name, "warnings": warnings }));
    }
    for warning in &warnings {
        eprintln!("{shown}: {warning}");
    }
    super::print(format_args!("{shown}: {} is in order", loaded.entry.file.name))?;
    Ok(())
}

/// The character that is meant by a path or an id, and how it is called in messages.
fn load(path: &Path, place: &Place) -> anyhow::Result<(String, Loaded)> {
    if !path.exists()
        && let Some(id) = path.to_str().filter(|id| check_id(id).is_ok())
    {
        return Ok((id.to_owned(), block_on(open(place)?.load(id))?));
    }
    let file = if path.is_dir() { path.join("character.ron") } else { path.to_owned() };
    let shown = file.display().to_string();
    let whole = file.canonicalize().with_context(|| format!("cannot read {shown}"))?;
    let parts = (whole.file_name(), whole.parent().and_then(Path::file_name), whole.parent().and_then(Path::parent));
    let (Some(name), Some(id), Some(folder)) = parts else { bail!("{shown} lies in no character's folder") };
    if name != "character.ron" {
        bail!("{shown}: a character's file is called character.ron");
    }
    let id = id.to_str().with_context(|| format!("{shown}: the folder's name is not UTF-8"))?;
    let library = Library::open(&Location::Folder(folder.to_owned()))?;
    Ok((shown, block_on(library.load(id))?))
}

/// What is allowed but may surprise: models that nobody has heard of.
fn warnings(file: &CharacterFile) -> Vec<String> {
    let unknown = file
        .voices
        .iter()
        .filter(|(_, voice)| voice.engine() != Engine::Espeak && !voice.model.starts_with(CLONE))
        .filter_map(|(language, voice)| Some((language, voice, Catalogue::builtin().voice(&voice.model).err()?)));
    let alone = file
        .voices
        .iter()
        .filter(|(_, voice)| voice.engine() == Engine::Xtts && voice.reference.is_none())
        .map(|(language, _)| {
            format!(
                "voices.{language}.reference: XTTS speaks like a recording, and none is named; another voice will speak"
            )
        });
    let warning = |language, model: &str, error| match error {
        CatalogueError::NoSuchVoice { .. } => format!("voices.{language}.model: {error}; another voice will speak"),
        _ => format!("voices.{language}.model: \"{model}\" is not in the catalogue; another voice will speak"),
    };
    unknown.map(|(language, voice, error)| warning(language, &voice.model, error)).chain(alone).collect()
}
