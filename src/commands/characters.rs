//! `visage characters`: what there is and whether it is right.

use std::path::Path;

use anyhow::Context;
use comfy_table::{Table, presets::UTF8_HORIZONTAL_ONLY};
use visage_character::{CharacterFile, Library};
use visage_models::Store;
use visage_portrait::RigBuilder;

use crate::{app::characters_folder, cli::Characters};

pub fn run(command: &Characters) -> anyhow::Result<()> {
    match command {
        Characters::List { characters, json } => {
            let library = Library::read(&characters_folder(characters.clone()))?;
            for broken in &library.broken {
                eprintln!("{broken}");
            }
            list(&library, *json)
        }
        Characters::Show { id, characters } => {
            let library = Library::read(&characters_folder(characters.clone()))?;
            super::print(library.get(id)?.file.to_ron())?;
            Ok(())
        }
        Characters::Validate { path } => validate(path),
    }
}

fn list(library: &Library, json: bool) -> anyhow::Result<()> {
    if json {
        super::print(serde_json::to_string_pretty(&library.summaries())?)?;
        return Ok(());
    }
    let mut table = Table::new();
    table.load_style(UTF8_HORIZONTAL_ONLY).set_header(["id", "name", "languages", "voices"]);
    for entry in &library.entries {
        let languages: Vec<_> = entry.file.languages().iter().map(ToString::to_string).collect();
        let voices: Vec<_> = entry.file.voices.values().map(|voice| voice.model.as_str()).collect();
        table.add_row([entry.id.as_str(), &entry.file.name, &languages.join(", "), &voices.join(", ")]);
    }
    super::print(table)?;
    Ok(())
}

fn validate(path: &Path) -> anyhow::Result<()> {
    let file = if path.is_dir() { path.join("character.ron") } else { path.to_owned() };
    let character = CharacterFile::read(&file)?;
    let portrait = file.with_file_name(&character.portrait);
    RigBuilder::new(&Store::default())?.build_file(&portrait).with_context(|| portrait.display().to_string())?;
    super::print(format_args!("{}: {} is in order", file.display(), character.name))?;
    Ok(())
}
