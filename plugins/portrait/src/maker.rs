//! What both threads of the plugin do with a source: look whether its rig is kept, else make it. Errors become those of
//! the schedule, and a panic becomes an error: a hostile picture must not end the thread.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError},
};

use visage_core::{PortraitSource, Rig};
use visage_models::Store;
use visage_schedule::RigError;

use crate::{PortraitError, RigBuilder, cache::RigCache};

/// Rigs that all threads share. Held only to look something up, never while a rig is made.
pub(crate) type SharedCache = Arc<Mutex<RigCache>>;

/// A cache of at most `limit` bytes.
pub(crate) fn shared_cache(limit: usize) -> SharedCache {
    Arc::new(Mutex::new(RigCache::new(limit)))
}

/// Makes rigs.
pub(crate) struct Maker {
    store: Store,
    builder: RigBuilder,
    cache: SharedCache,
}

impl Maker {
    pub fn new(store: &Store, cache: SharedCache) -> Self {
        Self { store: store.clone(), builder: RigBuilder::new(store), cache }
    }

    /// The rig of a source. Blocks for up to a second.
    pub fn make(&mut self, source: &PortraitSource) -> Result<Arc<Rig>, RigError> {
        if let Some(rig) = self.kept().get(source.id()) {
            return Ok(rig);
        }
        let builder = &mut self.builder;
        let made = catch_unwind(AssertUnwindSafe(|| builder.build(source))).unwrap_or_else(|_| {
            // The panic's own words are in the log.
            self.builder = RigBuilder::new(&self.store);
            Err(PortraitError::Panic)
        });
        let rig = made.map(Arc::new).map_err(|error| match error {
            PortraitError::Models(_) | PortraitError::Inference(_) | PortraitError::Panic => {
                RigError::Unavailable(error.to_string())
            }
            _ => RigError::Picture(error.to_string()),
        })?;
        self.kept().insert(source.id(), rig.clone());
        Ok(rig)
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, RigCache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
