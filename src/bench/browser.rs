//! What a viewer sees: the page in a headless browser, measured by the page itself.

use crate::cli::Stage;

use super::Row;

/// Measures with the browser that is installed.
pub fn measure(_stage: &Stage, _seconds: u32) -> Vec<Row> {
    vec![Row::missing("frame made → shown", "no browser")]
}
