//! `visage models`: what there is, fetching it, verifying it.

mod people;

use std::path::PathBuf;

use anyhow::{Context, bail};
use comfy_table::{Table, presets::UTF8_HORIZONTAL_ONLY};
use visage_library::block_on;
use visage_models::{Bars, Catalogue, Fetcher, Hardware, NoNvidia, State, Store, list, nvidia_card, verify};

use self::people::{PORTRAITS, People};
use crate::{app::open_library, cli::Models};

pub fn run(command: &Models) -> anyhow::Result<()> {
    let (catalogue, store) = (Catalogue::builtin(), Store::default());
    match command {
        Models::List { json } => print_list(catalogue, &store, *json),
        Models::Fetch { ids, from, characters } => {
            let mut fetcher = Fetcher::new(store.clone());
            if from.is_some() {
                fetcher.folder.clone_from(from);
            }
            let mut ids: Vec<&str> =
                if ids.is_empty() { default_ids(catalogue) } else { ids.iter().map(String::as_str).collect() };
            add_companions(catalogue, &mut ids);
            let fetched = fetcher.fetch(catalogue, &ids, &Bars::default());
            // What came is used, whatever else did not.
            if ids.contains(&PORTRAITS) && store.state(catalogue.model(PORTRAITS)?) == State::Present {
                enlist(&store, characters.clone())?;
            }
            Ok(fetched?)
        }
        Models::Verify { ids, json } => print_verified(catalogue, &store, ids, *json),
    }
}

/// Adds what makes the models faster on this machine, and says so: it may be larger than they are.
fn add_companions<'a>(catalogue: &'a Catalogue, ids: &mut Vec<&'a str>) {
    let mut answer = None;
    let found = catalogue.companions(ids, |hardware| match hardware {
        Hardware::Nvidia => answer.insert(nvidia_card()).is_ok(),
    });
    match answer {
        Some(Ok(card)) if !found.is_empty() => {
            let models = found.iter().filter_map(|id| catalogue.model(id).ok());
            let size = models.map(|model| model.size()).sum::<u64>() as f64 / 1e9;
            eprintln!("For {card}, {} come with it ({size:.1} GB on the disk)", found.join(" and "));
        }
        // Somebody who has a card wants to know why it is not used.
        Some(Err(unfit @ (NoNvidia::OldDriver(_) | NoNvidia::OldCard(_)))) => {
            eprintln!("What makes it fast on an NVIDIA card is not fetched: {unfit}");
        }
        _ => {}
    }
    ids.extend(found);
}

/// The fetched portraits become characters.
fn enlist(store: &Store, characters: Option<PathBuf>) -> anyhow::Result<()> {
    let library = open_library(characters)?;
    let enlisted = block_on(People::builtin().enlist(&library, |name| Ok(store.file(PORTRAITS, name)?)));
    let enlisted = enlisted.with_context(|| {
        format!(
            "the portraits cannot join the characters in {}; name another folder with --characters",
            library.location()
        )
    })?;
    if !enlisted.created.is_empty() {
        let (count, names) = (enlisted.created.len(), enlisted.created.join(", "));
        let noun = if count == 1 { "character" } else { "characters" };
        super::print(format_args!("{count} new {noun} in {}: {names}", library.location()))?;
    }
    if !enlisted.kept.is_empty() {
        super::print(format_args!("There already, and left as they are: {}", enlisted.kept.join(", ")))?;
    }
    Ok(())
}

/// Fetches what is missing of the default set, for the commands that bring a character to life. A machine without
/// network is told what it goes without, and goes on.
pub fn fetch_missing() {
    let (catalogue, store) = (Catalogue::builtin(), Store::default());
    let missing: Vec<&str> = catalogue
        .models
        .iter()
        .filter(|model| model.default && store.state(model) != State::Present)
        .map(|model| model.id.as_str())
        .collect();
    if missing.is_empty() {
        return;
    }
    eprintln!("Fetching models for the first run: {}", missing.join(", "));
    if let Err(error) = Fetcher::new(store).fetch(catalogue, &missing, &Bars::default()) {
        eprintln!("{error}");
    }
}

fn default_ids(catalogue: &Catalogue) -> Vec<&str> {
    catalogue.models.iter().filter(|model| model.default).map(|model| model.id.as_str()).collect()
}

fn print_list(catalogue: &Catalogue, store: &Store, json: bool) -> anyhow::Result<()> {
    let models = list(catalogue, store);
    if json {
        super::print(serde_json::to_string_pretty(&models)?)?;
        return Ok(());
    }
    let mut table = Table::new();
    table.load_style(UTF8_HORIZONTAL_ONLY).set_header(["id", "job", "size", "licence", "state"]);
    for model in models {
        let size = if model.size == 0 { "–".to_owned() } else { format!("{:.0} MB", model.size as f64 / 1e6) };
        let state = match model.state {
            State::Missing if model.made => "missing; its user makes it",
            other => state(other),
        };
        table.add_row([&model.id, &model.job, &size, &model.licence, state]);
    }
    super::print(format_args!("{table}\nThe models are in {}", store.root().display()))?;
    Ok(())
}

fn print_verified(catalogue: &Catalogue, store: &Store, ids: &[String], json: bool) -> anyhow::Result<()> {
    let present = || catalogue.models.iter().filter(|model| store.state(model) != State::Missing);
    let ids: Vec<&str> = if ids.is_empty() {
        present().map(|model| model.id.as_str()).collect()
    } else {
        ids.iter().map(String::as_str).collect()
    };
    let verified = verify(catalogue, store, &ids, &Bars::default())?;
    if json {
        super::print(serde_json::to_string_pretty(&verified)?)?;
    } else {
        for file in &verified {
            super::print(format_args!("{:8} {}/{}", state(file.state), file.id, file.file))?;
        }
    }
    let bad: Vec<_> =
        verified.iter().filter(|file| file.state != State::Present).map(|file| file.id.as_str()).collect();
    if !bad.is_empty() {
        bail!("run `visage models fetch {}`", bad.join(" "));
    }
    Ok(())
}

const fn state(state: State) -> &'static str {
    match state {
        State::Present => "present",
        State::Damaged => "damaged",
        State::Missing => "missing",
    }
}
