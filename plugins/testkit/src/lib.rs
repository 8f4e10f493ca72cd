//! For tests only: an app stepped by hand, a voice and a face that need no model, and golden frames.
//!
//! ```
//! use visage_schedule::{Sounding, Speak};
//! use visage_testkit::{MockVoice, Stepper};
//!
//! let mut stepper = Stepper::new(MockVoice::default());
//! let (turn, queue) = (visage_core::TurnId(1), Default::default());
//! stepper.send(Speak { turn, queue, text: "Hello.".into(), language: Default::default(), emotion: None });
//! stepper.tick();
//! assert!(stepper.get::<Sounding>().busy);
//! ```

mod golden;
mod rig;
mod shelf;
mod stepper;
mod voice;

pub use golden::{SAME_PICTURE, check_golden, save_frame};
pub use rig::drawn_rig;
pub use shelf::voices_of_a_machine;
pub use stepper::Stepper;
pub use voice::MockVoice;
