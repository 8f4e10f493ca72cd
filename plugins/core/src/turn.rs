//! Turns of a conversation. Every unit of speech (text, sound, visemes) carries the id of its turn; interrupting is
//! taking the next id, and whatever still carries an older one is dropped at the next tick.

use serde::{Deserialize, Serialize};

/// The id of one thing that the avatar says. Later turns have greater ids; 0 is "nothing was ever said".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TurnId(pub u64);

/// Hands out turn ids.
#[derive(Debug, Default)]
pub struct TurnCounter {
    current: TurnId,
}

impl TurnCounter {
    /// The turn that may be heard now. Speech of any other turn is stale.
    pub const fn current(&self) -> TurnId {
        self.current
    }

    /// Starts a new turn, which makes the speech of all earlier ones stale.
    pub const fn begin(&mut self) -> TurnId {
        self.current.0 += 1;
        self.current
    }
}
