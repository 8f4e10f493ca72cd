//! A latest-wins slot: capacity one, the newest value replaces an unread older one. For what ages (frames, poses,
//! parameters); what must not be lost goes through a bounded channel instead.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

/// The shared state of a slot.
#[derive(Debug)]
pub struct LatestSlot<T> {
    value: Mutex<Option<T>>,
    overwritten: AtomicU64,
}

/// The writing end.
#[derive(Debug)]
pub struct LatestWriter<T>(Arc<LatestSlot<T>>);

/// The reading end.
#[derive(Debug)]
pub struct LatestReader<T>(Arc<LatestSlot<T>>);

impl<T> Clone for LatestWriter<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Clone for LatestReader<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// Makes an empty slot.
pub fn latest_slot<T>() -> (LatestWriter<T>, LatestReader<T>) {
    let slot = Arc::new(LatestSlot { value: Mutex::new(None), overwritten: AtomicU64::new(0) });
    (LatestWriter(slot.clone()), LatestReader(slot))
}

impl<T> LatestWriter<T> {
    /// Puts a value in; an unread one is dropped and counted. The lock is held for a pointer swap only.
    pub fn put(&self, value: T) {
        let old = self.0.value.lock().unwrap_or_else(PoisonError::into_inner).replace(value);
        if old.is_some() {
            self.0.overwritten.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many values were replaced before anyone read them.
    pub fn overwritten(&self) -> u64 {
        self.0.overwritten.load(Ordering::Relaxed)
    }
}

impl<T> LatestReader<T> {
    /// Takes the value out, if a new one is there.
    pub fn take(&self) -> Option<T> {
        self.0.value.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_value_wins_and_losses_are_counted() {
        let (writer, reader) = latest_slot();
        assert_eq!(reader.take(), None);
        writer.put(1);
        writer.put(2);
        assert_eq!((reader.take(), reader.take(), writer.overwritten()), (Some(2), None, 1));
    }
}
