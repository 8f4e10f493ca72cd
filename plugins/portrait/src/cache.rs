//! Rigs that were made, kept within a limit of bytes: whoever was not asked for the longest goes first. A rig that is
//! still on stage lives on there; going from here only means that it would be made anew.

use std::sync::Arc;

use visage_core::{PortraitId, Rig};

/// Rigs by what they were made of.
#[derive(Debug)]
pub(crate) struct RigCache {
    /// The least recently asked for first. So few that looking through them is the fastest.
    kept: Vec<(PortraitId, Arc<Rig>)>,
    bytes: usize,
    limit: usize,
}

impl RigCache {
    /// A cache of at most `limit` bytes.
    pub const fn new(limit: usize) -> Self {
        Self { kept: Vec::new(), bytes: 0, limit }
    }

    /// The rig of a source, if it is kept. It counts as asked for now.
    pub fn get(&mut self, id: PortraitId) -> Option<Arc<Rig>> {
        let at = self.kept.iter().position(|(kept, _)| *kept == id)?;
        let entry = self.kept.remove(at);
        let rig = entry.1.clone();
        self.kept.push(entry);
        Some(rig)
    }

    /// Keeps a rig, and lets others go where there is no room. One that is larger than the whole is not kept.
    pub fn insert(&mut self, id: PortraitId, rig: Arc<Rig>) {
        if let Some(at) = self.kept.iter().position(|(kept, _)| *kept == id) {
            self.bytes -= bytes(&self.kept.remove(at).1);
        }
        let needed = bytes(&rig);
        if needed > self.limit {
            return;
        }
        while self.bytes + needed > self.limit {
            self.bytes -= bytes(&self.kept.remove(0).1);
        }
        self.bytes += needed;
        self.kept.push((id, rig));
    }
}

/// What a rig takes in memory.
fn bytes(rig: &Rig) -> usize {
    size_of::<Rig>()
        + rig.portrait.rgba.len()
        + rig.background.rgba.len()
        + rig.matte.len()
        + size_of_val(&*rig.landmarks)
}

#[cfg(test)]
mod tests {
    use std::sync::Weak;

    use visage_core::{Iris, LANDMARKS, MouthColours, PortraitSource, Raster};

    use super::*;

    fn rig(side: u32) -> Arc<Rig> {
        let raster = Raster { width: side, height: side, rgba: vec![0; (side * side * 4) as usize].into() };
        let grey = [128; 3];
        Arc::new(Rig {
            portrait: raster.clone(),
            background: raster,
            matte: vec![0; (side * side) as usize].into(),
            landmarks: Arc::new([[0.0; 3]; LANDMARKS]),
            irises: [Iris::default(); 2],
            roll: 0.0,
            colours: MouthColours { lips: grey, skin: grey, lids: grey, white: grey },
        })
    }

    fn id(number: u32) -> PortraitId {
        PortraitSource::picture_only(number.to_le_bytes()).id()
    }

    #[test]
    fn a_thousand_switches_stay_within_the_limit_and_free_what_goes() {
        let size = bytes(&rig(64));
        let mut cache = RigCache::new(3 * size);
        let mut made: Vec<Weak<Rig>> = Vec::new();
        for number in 0..1000 {
            // The first one is asked for all the time.
            assert_eq!(number > 0, cache.get(id(0)).is_some());
            let rig = rig(64);
            made.push(Arc::downgrade(&rig));
            cache.insert(id(number), rig);
            assert!(cache.bytes <= 3 * size && cache.kept.len() <= 3);
            assert_eq!(made.iter().filter(|rig| rig.strong_count() > 0).count(), cache.kept.len());
        }
        assert!(cache.get(id(0)).is_some() && cache.get(id(999)).is_some() && cache.get(id(500)).is_none());
    }

    #[test]
    fn a_new_rig_of_the_same_source_takes_the_place_of_the_old() {
        let mut cache = RigCache::new(bytes(&rig(64)) + bytes(&rig(32)));
        cache.insert(id(1), rig(64));
        cache.insert(id(1), rig(32));
        assert_eq!((cache.kept.len(), cache.bytes), (1, bytes(&rig(32))));
        cache.insert(id(2), rig(640));
        assert!(cache.get(id(2)).is_none() && cache.get(id(1)).is_some(), "too large to be kept");
    }
}
