//! A few large things of which those that were used last are kept: loaded voices, and what was found in recordings.

/// At most so many values by key; the one that was used longest ago gives way.
#[derive(Debug)]
pub(crate) struct Recent<K, T> {
    /// The one that was used last is the last.
    kept: Vec<(K, T)>,
    most: usize,
}

impl<K: PartialEq, T> Recent<K, T> {
    pub(crate) const fn new(most: usize) -> Self {
        Self { kept: Vec::new(), most }
    }

    pub(crate) fn clear(&mut self) {
        self.kept.clear();
    }

    /// The value of a key. If it is not there it is made, and another one is dropped before, so that there is never one too
    /// many.
    pub(crate) fn get<E>(&mut self, key: K, make: impl FnOnce() -> Result<T, E>) -> Result<&mut T, E> {
        let entry = match self.kept.iter().position(|(kept, _)| *kept == key) {
            Some(at) => self.kept.remove(at),
            None => {
                if self.kept.len() == self.most {
                    self.kept.remove(0);
                }
                (key, make()?)
            }
        };
        self.kept.push(entry);
        Ok(&mut self.kept.last_mut().expect("it was just put there").1)
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;

    #[test]
    fn those_used_last_are_kept_and_no_more() {
        let mut recent = Recent::new(2);
        let mut made = Vec::new();
        let mut living = Vec::new();
        for key in ["a", "b", "a", "c", "a", "b"] {
            let value = recent.get(key, || {
                made.push(key);
                let value = Rc::new(());
                living.push(Rc::downgrade(&value));
                assert!(living.iter().filter(|value| value.strong_count() > 0).count() <= 2, "one too many");
                Ok::<_, ()>(value)
            });
            assert!(value.is_ok());
        }
        assert_eq!(made, ["a", "b", "c", "b"]);
        assert!(recent.get("d", || Err(())).is_err());
    }
}
