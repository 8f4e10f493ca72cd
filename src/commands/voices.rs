//! `visage voices`: who can speak.

use comfy_table::{Table, presets::UTF8_HORIZONTAL_ONLY};
use visage_models::Store;
use visage_schedule::VoiceInfo;
use visage_voice::voices;

use super::{clone, speak};
use crate::cli::Voices;

pub fn run(command: &Voices) -> anyhow::Result<()> {
    match command {
        Voices::List { json } => list(&voices(&Store::default()), *json),
        Voices::Say(asked) => speak::run(asked),
        Voices::Clone(asked) => clone::run(asked),
        Voices::Delete { id } => clone::delete(id),
        Voices::Check { file } => clone::check(file),
    }
}

fn list(voices: &[VoiceInfo], json: bool) -> anyhow::Result<()> {
    if json {
        super::print(serde_json::to_string_pretty(voices)?)?;
        return Ok(());
    }
    let mut table = Table::new();
    table.load_style(UTF8_HORIZONTAL_ONLY).set_header(["id", "name", "languages", "description", "licence", "state"]);
    for voice in voices {
        let languages: Vec<_> = voice.languages.iter().map(ToString::to_string).collect();
        let state = match &voice.advice {
            Some(advice) if voice.installed => format!("installed; {advice}"),
            Some(advice) => advice.clone(),
            None => "installed".to_owned(),
        };
        let (id, name, description) = (&voice.id, &voice.name, &voice.description);
        table.add_row([id, name, &languages.join(", "), description, &voice.licence, &state]);
    }
    super::print(table)?;
    Ok(())
}
