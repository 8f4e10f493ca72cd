//! What can go wrong with a sound device.

/// Why a device cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AudioError {
    /// There is none.
    #[error("no {0} found: connect one, or choose one in the system's sound settings")]
    Missing(&'static str),
    /// There is one, but it cannot be opened.
    #[error("the {device} cannot be opened: {reason}. Another program may hold it")]
    Unusable {
        /// "microphone" or "loudspeaker".
        device: &'static str,
        /// What the system says.
        reason: String,
    },
}
