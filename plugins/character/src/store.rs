//! The thread that asks the library and changes it, off the tick.

use std::{fmt, sync::Arc};

use tokio::sync::oneshot;
use visage_core::{Language, PortraitSource, StopFlag, Worker};
use visage_library::{CharacterFile, Library, LibraryError, Precondition, block_on};
use visage_schedule::{CharacterEdit, CharacterSummary, EditCharacter, RigDoor, RigRequest};

use crate::profile::summary;

/// Orders that may wait for the thread: edits of people at one window, one list, one choice. A further edit is refused, and
/// the person is told; a list or a choice is sent at a later tick.
pub(crate) const COMMANDS: usize = 16;
/// Answers that may wait for the tick. When it is full, the thread waits.
pub(crate) const EVENTS: usize = 4;

#[derive(Debug)]
pub(crate) enum Command {
    /// What is there?
    List {
        /// How many choices the tick has sent.
        choices: u64,
    },
    /// This character is active, also after the next start.
    Remember(String),
    /// A person changes a character. A picture is shown to the door first, if there is one.
    Edit(EditCharacter, Option<RigDoor>),
}

#[derive(Debug)]
pub(crate) enum Event {
    /// What is there.
    Listed(Listed),
    /// The library could not be read; the tick may ask again.
    Unreadable(String),
    /// An order failed; a person is told.
    Failed(String),
}

/// What is there.
#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) characters: Vec<CharacterSummary>,
    /// Ids of broken characters, and what is wrong with them.
    pub(crate) broken: Vec<(String, String)>,
    /// The character that was last chosen, by whomever.
    pub(crate) active: Option<String>,
    /// Choices of the tick that it has not missed.
    pub(crate) choices: u64,
}

pub(crate) struct StoreWorker(pub(crate) Library);

impl Worker for StoreWorker {
    type Command = Command;
    type Event = Event;

    fn handle(&mut self, command: Command, emit: &mut dyn FnMut(Event), _stop: &StopFlag) {
        match command {
            Command::List { choices } => emit(match list(&self.0, choices) {
                Ok(listed) => Event::Listed(listed),
                Err(error) => Event::Unreadable(error.to_string()),
            }),
            Command::Remember(id) => {
                // Of a bucket that cannot be reached nobody needs to be told at every switch.
                if let Err(error) = block_on(self.0.set_active(&id)) {
                    tracing::warn!("the choice of {id} is not remembered: {error}");
                }
            }
            Command::Edit(order, door) => {
                if let Err(reason) = edit(&self.0, order, door) {
                    emit(Event::Failed(reason));
                }
            }
        }
    }

    fn if_lost(command: &Command) -> Option<Event> {
        let text = "the characters could not be read because of a fault in the program";
        match command {
            Command::List { .. } => Some(Event::Unreadable(text.to_owned())),
            Command::Remember(_) => None,
            Command::Edit(order, _) => {
                Some(Event::Failed(format!("{}: a fault in the program has ended the change", order.id)))
            }
        }
    }
}

/// Reads the list. Blocks.
pub(crate) fn list(library: &Library, choices: u64) -> Result<Listed, LibraryError> {
    let listing = block_on(library.list())?;
    Ok(Listed {
        characters: listing.characters.iter().map(summary).collect(),
        broken: listing
            .broken
            .into_iter()
            .map(|broken| {
                let (id, error) = (broken.id, broken.error);
                (id.clone(), LibraryError::Broken { id, error }.to_string())
            })
            .collect(),
        active: block_on(library.active()).ok(),
        choices,
    })
}

fn edit(library: &Library, order: EditCharacter, door: Option<RigDoor>) -> Result<(), String> {
    let EditCharacter { id, edit } = order;
    let in_words = |error: &dyn fmt::Display| format!("{id}: {error}");
    match edit {
        CharacterEdit::Create { name, picture } => {
            has_face(&picture, door).map_err(|error| in_words(&error))?;
            let id = Some(id.as_str()).filter(|id| !id.is_empty());
            let file = CharacterFile::new(&name, Language::default());
            let picture = bytes::Bytes::from_owner(picture);
            block_on(library.create(id, file, picture)).map(drop).map_err(|error| format!("{name}: {error}"))
        }
        CharacterEdit::Patch(patch) => {
            block_on(library.patch(&id, &patch, &Precondition::None)).map(drop).map_err(|error| in_words(&error))
        }
        CharacterEdit::Delete => block_on(library.delete(&id, &Precondition::None)).map_err(|error| in_words(&error)),
    }
}

/// A picture that is to be a portrait must have a face. Where nobody can tell, it is taken.
fn has_face(picture: &Arc<[u8]>, door: Option<RigDoor>) -> Result<(), String> {
    let Some(RigDoor(door)) = door else { return Ok(()) };
    let (answer, verdict) = oneshot::channel();
    let source = Arc::new(PortraitSource::picture_only(picture.clone()));
    if door.try_send(RigRequest { source, answer }).is_err() {
        return Err("too many portraits are being looked at; try again in a moment".to_owned());
    }
    match verdict.blocking_recv() {
        Ok(Err(error)) => Err(error.to_string()),
        Ok(Ok(_)) => Ok(()),
        Err(_) => Err("the program ended before the portrait was looked at".to_owned()),
    }
}
