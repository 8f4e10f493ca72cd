//! Puts a character on stage: asks for its rig, and swaps the active one when the rig is there.

use std::{path::PathBuf, sync::Arc};

use bevy::prelude::*;
use tracing::{info, warn};
use visage_schedule::{
    Activate, ActiveCharacter, CharacterList, CharacterProfile, PortraitReady, PreparePortrait, Problem, VisageSystems,
};

use crate::Library;

/// Characters from a folder.
pub struct CharacterPlugin {
    /// The folder with one folder for each character.
    pub folder: PathBuf,
    /// The id of the character to begin with; `None` is the default one.
    pub first: Option<String>,
}

/// The character that waits for its rig.
#[derive(Resource, Default)]
struct Coming(Option<Arc<CharacterProfile>>);

/// The folder of characters; read again at each activation, so that an edited file counts.
#[derive(Resource)]
struct Folder(PathBuf);

impl Plugin for CharacterPlugin {
    fn build(&self, app: &mut App) {
        app.insert_resource(Folder(self.folder.clone())).init_resource::<Coming>();
        match Library::read(&self.folder) {
            Ok(library) => {
                for error in &library.broken {
                    warn!("{error}");
                }
                app.insert_resource(CharacterList(library.summaries()));
                let first = self.first.clone().or_else(|| library.default_entry().map(|entry| entry.id.clone()));
                if let Some(id) = first {
                    app.world_mut().write_message(Activate { id });
                }
            }
            Err(error) => {
                app.world_mut().write_message(Problem { text: error.to_string() });
            }
        }
        app.add_systems(FixedUpdate, (activate, enter).chain().in_set(VisageSystems::Decide));
    }
}

/// Reads the character's file and asks for its rig. A broken file leaves the active character as it is.
fn activate(
    mut orders: MessageReader<Activate>,
    folder: Res<Folder>,
    mut list: ResMut<CharacterList>,
    mut coming: ResMut<Coming>,
    mut prepare: MessageWriter<PreparePortrait>,
    mut problems: MessageWriter<Problem>,
) {
    let Some(order) = orders.read().last() else { return };
    let library = match Library::read(&folder.0) {
        Ok(library) => library,
        Err(error) => {
            problems.write(Problem { text: error.to_string() });
            return;
        }
    };
    match library.get(&order.id) {
        Ok(entry) => {
            let profile = Arc::new(entry.profile());
            prepare.write(PreparePortrait { path: profile.portrait.clone() });
            coming.0 = Some(profile);
        }
        Err(error) => {
            // A file that cannot be read says more than "unknown".
            let broken = library.broken.iter().find(|error| error.is_about(&order.id)).map(ToString::to_string);
            problems.write(Problem { text: broken.unwrap_or_else(|| error.to_string()) });
        }
    }
    list.0 = library.summaries();
}

/// Swaps the active character when its rig is there.
fn enter(
    mut ready: MessageReader<PortraitReady>,
    mut coming: ResMut<Coming>,
    mut problems: MessageWriter<Problem>,
    mut commands: Commands,
) {
    for answer in ready.read() {
        let Some(profile) = coming.0.take_if(|profile| profile.portrait == answer.path) else { continue };
        match &answer.rig {
            Ok(rig) => {
                info!("{} is on stage", profile.name);
                commands.insert_resource(ActiveCharacter { profile, rig: rig.clone() });
            }
            Err(reason) => {
                problems.write(Problem { text: format!("{}: {reason}", profile.name) });
            }
        }
    }
}
