//! What can go wrong with characters, in variants that say what the caller can do.

use std::fmt;

use crate::{Part, UploadError};

/// What is wrong with the text of a character.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct FileError {
    /// Line, from 1; 0 if there is no text to point into (a value that was built in a program or came as JSON).
    pub line: usize,
    /// Column in characters, from 1; 0 as above.
    pub column: usize,
    /// The field that is wrong, such as `voices.en.speed`; empty if the text could not be read that far.
    pub field: String,
    /// What is wrong and what to do.
    pub reason: String,
}

impl FileError {
    /// A wrong value, not yet placed in a text.
    pub(crate) fn value(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { line: 0, column: 0, field: field.into(), reason: reason.into() }
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(out, "line {}, column {}: ", self.line, self.column)?;
        }
        if !self.field.is_empty() {
            write!(out, "{}: ", self.field)?;
        }
        out.write_str(&self.reason)
    }
}

/// What went wrong in the library.
#[derive(Debug, thiserror::Error)]
pub enum LibraryError {
    /// No character has this id.
    #[error("there is no character \"{id}\"{known}", known = known_ids(known))]
    Unknown {
        /// The id asked for.
        id: String,
        /// The ids there are; empty if nobody looked.
        known: Vec<String>,
    },
    /// The id cannot be one.
    #[error("\"{id}\" cannot be a character's id: use 1 to 63 of a-z, 0-9 and -, beginning with a letter or a digit")]
    InvalidId {
        /// The id that was given.
        id: String,
    },
    /// A new character was to have an id that is taken.
    #[error("there is a character \"{id}\" already; choose another id")]
    Exists {
        /// The id.
        id: String,
    },
    /// The character is not what the caller believes it to be: somebody has changed it. Read it again.
    #[error("the character \"{id}\" was changed in the meantime; read it again and repeat the change")]
    Conflict {
        /// The id.
        id: String,
    },
    /// The default character cannot be deleted.
    #[error("\"{id}\" is the default character and cannot be deleted")]
    Protected {
        /// The id.
        id: String,
    },
    /// What is stored is not a character. It can be replaced or deleted.
    #[error("{id}/character.ron, {error}")]
    Broken {
        /// The id.
        id: String,
        /// What is wrong.
        error: FileError,
    },
    /// What the caller gave is not a character.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file that the caller gave, or that the character names, cannot be used.
    #[error("{part}: {reason}")]
    Upload {
        /// What it was to be.
        part: Part,
        /// Why not.
        reason: UploadError,
    },
    /// The character names a file that it does not have.
    #[error("{id}: {field} is \"{name}\", but there is no such file beside character.ron")]
    Missing {
        /// The id.
        id: String,
        /// The field that names it.
        field: String,
        /// The file.
        name: String,
    },
    /// The character has no such part.
    #[error("the character \"{id}\" has no {part} of its own")]
    NoPart {
        /// The id.
        id: String,
        /// Which part.
        part: Part,
    },
    /// The archive cannot be taken in.
    #[error("this archive cannot be imported: {0}")]
    Archive(String),
    /// There is no character at all.
    #[error("there is no character in {location}: each needs a folder of its own with a character.ron in it")]
    Empty {
        /// Where.
        location: String,
    },
    /// The folder or the bucket cannot be read or written.
    #[error("cannot {doing}: {cause}")]
    Storage {
        /// What was to be done.
        doing: String,
        /// Why it cannot be.
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
}

fn known_ids(known: &[String]) -> String {
    if known.is_empty() { String::new() } else { format!("; there are: {}", known.join(", ")) }
}
