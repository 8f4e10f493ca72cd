//! A picture of a face as the networks draw it and the cache keeps it: the square crop, before it is pasted into the
//! portrait.

use std::{fmt, sync::Arc};

/// Pixels in a row of a picture, and rows.
pub const SIDE: usize = 512;
/// Bytes of a row.
pub(crate) const ROW: usize = SIDE * 3;
/// Bytes of a picture.
pub const BYTES: usize = SIDE * ROW;

/// 512×512 pixels of 8-bit sRGB, rows from the top, not padded. Cheap to clone.
#[derive(Clone, PartialEq, Eq)]
pub struct Picture(Arc<[u8]>);

impl Picture {
    /// A picture of these bytes; `None` unless there are [`BYTES`] of them.
    pub fn new(rgb: impl Into<Arc<[u8]>>) -> Option<Self> {
        let rgb = rgb.into();
        (rgb.len() == BYTES).then_some(Self(rgb))
    }

    /// The bytes.
    pub fn rgb(&self) -> &[u8] {
        &self.0
    }

    /// The bytes of a row.
    pub(crate) fn row(&self, y: usize) -> &[u8] {
        &self.0[y * ROW..][..ROW]
    }
}

impl fmt::Debug for Picture {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Picture").finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A picture of one colour.
    pub(crate) fn plain(rgb: [u8; 3]) -> Picture {
        Picture::new(rgb.repeat(SIDE * SIDE)).expect("it has the right size")
    }

    #[test]
    fn a_picture_has_the_size_of_a_picture() {
        for length in [0, BYTES - 1, BYTES + 1] {
            assert!(Picture::new(vec![0; length]).is_none(), "{length}");
        }
        assert_eq!(plain([1, 2, 3]).row(511)[3..6], [1, 2, 3]);
    }
}
