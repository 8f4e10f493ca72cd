//! A finished picture.

use std::sync::Arc;

use crate::Tick;

/// One captured video frame: 8-bit sRGB RGBA, rows from the top, no padding between rows.
///
/// Alpha is 255 but where the character's backdrop is transparent. Colours are multiplied by it, so whoever ignores it
/// sees the character before black.
#[derive(Clone, Debug)]
pub struct Frame {
    /// The tick whose pose is shown.
    pub tick: Tick,
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// `width * height * 4` bytes.
    pub rgba: Arc<[u8]>,
}
