//! Pictures in memory, within a limit of bytes: whichever was not asked for the longest goes first.

use lru::LruCache;

use super::Key;
use crate::picture::Picture;

/// Pictures by key.
#[derive(Debug)]
pub(super) struct Memory {
    kept: LruCache<Key, Picture>,
    bytes: usize,
    limit: usize,
}

impl Memory {
    /// At most `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self { kept: LruCache::unbounded(), bytes: 0, limit }
    }

    /// A picture, if it is kept. It counts as asked for now.
    pub fn get(&mut self, key: &Key) -> Option<Picture> {
        self.kept.get(key).cloned()
    }

    /// Keeps a picture, and lets others go where there is no room. One that is larger than the whole is not kept.
    pub fn put(&mut self, key: Key, picture: Picture) {
        let needed = size(&picture);
        if needed > self.limit {
            return;
        }
        self.bytes += needed;
        if let Some(old) = self.kept.put(key, picture) {
            self.bytes -= size(&old);
        }
        while self.bytes > self.limit {
            let Some((_, oldest)) = self.kept.pop_lru() else { break };
            self.bytes -= size(&oldest);
        }
    }

    /// Lets all go.
    pub fn clear(&mut self) {
        self.kept.clear();
        self.bytes = 0;
    }

    /// Bytes of the pictures that are kept.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Bytes that can be put without letting anything go.
    pub const fn room(&self) -> usize {
        self.limit - self.bytes
    }
}

/// What a picture takes.
fn size(picture: &Picture) -> usize {
    picture.rgb().len()
}

#[cfg(test)]
mod tests {
    use visage_core::{Blendshape, FacePose};

    use super::*;
    use crate::{
        cache::Origin,
        picture::{BYTES, tests::plain},
    };

    fn key(number: usize) -> Key {
        Origin::new(b"face", "a").key(&FacePose::of(&[(Blendshape::JawOpen, number as f32 / 10.0)]))
    }

    /// Does what the letters say (`p3` puts picture 3, `g3` asks for it) and checks which ones are there then.
    #[track_caller]
    fn check(limit: usize, doing: &str, there: &[usize]) {
        let mut memory = Memory::new(limit);
        for order in doing.split_whitespace() {
            let number: usize = order[1..].parse().expect("a number");
            match &order[..1] {
                "p" => memory.put(key(number), plain([number as u8; 3])),
                "g" => assert_eq!(memory.get(&key(number)), Some(plain([number as u8; 3])), "{order}"),
                _ => memory.clear(),
            }
            assert!(memory.bytes() <= limit, "{order}: {} bytes", memory.bytes());
            assert_eq!(memory.bytes(), memory.kept.len() * BYTES, "{order}");
        }
        let found: Vec<_> = (0..10).filter(|&number| memory.kept.contains(&key(number))).collect();
        assert_eq!(found, there, "{doing}");
    }

    #[test]
    fn the_one_asked_for_the_longest_ago_goes_and_bytes_decide() {
        check(3 * BYTES, "p1 p2 p3", &[1, 2, 3]);
        check(3 * BYTES, "p1 p2 p3 p4", &[2, 3, 4]);
        check(3 * BYTES, "p1 p2 p3 g1 p4", &[1, 3, 4]);
        check(3 * BYTES, "p1 p2 p3 p1 p4", &[1, 3, 4]);
        check(4 * BYTES - 1, "p1 p2 p3 p4", &[2, 3, 4]);
        check(BYTES, "p1 p2", &[2]);
        check(BYTES - 1, "p1", &[]);
        check(3 * BYTES, "p1 p2 c0 p3", &[3]);
    }
}
