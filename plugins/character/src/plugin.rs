//! Registers characters: the asset, the thread behind the library, and the systems that put somebody on stage.

use bevy::prelude::*;
use tracing::warn;
use visage_core::WorkerHandle;
use visage_library::{Library, block_on};
use visage_schedule::{CharacterList, VisageSystems};

use crate::{
    CharacterAsset,
    asset::{CharacterLoader, read_cast},
    casting::{Action, Cast},
    director::{self, Director},
    store::{COMMANDS, EVENTS, StoreWorker, list},
};

/// The characters of a library, and who of them is on stage.
///
/// Comes after Bevy's `AssetPlugin` and `SchedulePlugin`; [`add_character_source`](crate::add_character_source) has come
/// before both.
pub struct CharacterPlugin {
    /// Where the characters are.
    pub library: Library,
    /// The id of the character to begin with; `None` is the one that was active last, or the default one.
    pub first: Option<String>,
}

/// Where the characters are: for whoever reads or changes them beside the tick.
#[derive(Resource, Clone)]
pub struct CharacterStore(pub Library);

impl Plugin for CharacterPlugin {
    fn build(&self, app: &mut App) {
        let library = self.library.clone();
        let worker = WorkerHandle::spawn("characters", COMMANDS, EVENTS, move || {
            Ok::<_, std::convert::Infallible>(StoreWorker(library))
        });
        let mut director = Director::new(worker, self.library.changes());
        match list(&self.library, 0) {
            Ok(listed) => {
                for (id, reason) in &listed.broken {
                    director.act(Action::Tell(id.clone(), reason.clone()));
                }
                app.insert_resource(CharacterList(listed.characters.clone()));
                director.choose(listed.active);
            }
            Err(error) => {
                director.act(Action::Tell(String::new(), error.to_string()));
                director.ask_later();
            }
        }
        // The first one is read here and not as an asset, so that the start takes the same ticks each time.
        if let Some(cast) = self.first_cast(&mut director) {
            director.begin(cast);
        }
        app.insert_resource(CharacterStore(self.library.clone()))
            .insert_resource(director)
            .init_asset::<CharacterAsset>()
            .register_asset_loader(CharacterLoader::new(self.library.clone()))
            .add_systems(
                FixedUpdate,
                (
                    director::take_orders,
                    director::hear_store,
                    director::read_files,
                    director::take_rigs,
                    director::perform,
                )
                    .chain()
                    .in_set(VisageSystems::Decide),
            );
    }
}

impl CharacterPlugin {
    /// The character to begin with. If the one that was active last is broken, the default one stands in.
    fn first_cast(&self, director: &mut Director) -> Option<Cast> {
        let ids = match &self.first {
            Some(id) => vec![id.clone()],
            None => {
                let mut ids: Vec<String> = [block_on(self.library.active()), block_on(self.library.default_id())]
                    .into_iter()
                    .flatten()
                    .collect();
                ids.dedup();
                ids
            }
        };
        for id in ids {
            match read_cast(&self.library, &id) {
                Ok(cast) => return Some(cast),
                Err(reason) => director.act(Action::Tell(id, reason)),
            }
        }
        warn!("nobody is on stage");
        None
    }
}
