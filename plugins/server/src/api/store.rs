//! The library's words become problems: which status and code each of its errors has over HTTP.

use visage_library::{LibraryError, UploadError};

use crate::problem::{Code, Problem};

use super::body::sentence;

/// What a client is told when the library refuses.
pub(crate) fn problem(error: LibraryError) -> Problem {
    let code = match &error {
        LibraryError::Unknown { .. } => Code::UnknownCharacter,
        LibraryError::InvalidId { .. } => Code::InvalidId,
        LibraryError::Exists { .. } => Code::CharacterExists,
        LibraryError::Conflict { .. } => Code::CharacterChanged,
        LibraryError::Protected { .. } => Code::CharacterProtected,
        LibraryError::Broken { .. } => Code::CharacterBroken,
        LibraryError::File(_) | LibraryError::Missing { .. } => Code::InvalidCharacter,
        LibraryError::Upload { reason, .. } => match reason {
            UploadError::TooLarge { .. } => Code::BodyTooLarge,
            UploadError::WrongType { .. } => Code::WrongFileType,
            _ => Code::UnusablePortrait,
        },
        LibraryError::NoPart { .. } => Code::NoSuchPart,
        LibraryError::Archive(_) => Code::UnusableArchive,
        LibraryError::Empty { .. } | LibraryError::Storage { .. } => {
            // The client is told that it is not its fault; the reason, which may name folders, is for the log.
            tracing::error!("{error}");
            return Problem::new(Code::StoreUnavailable, "The characters cannot be read or written; the log says why.");
        }
    };
    Problem::new(code, sentence(&error.to_string()))
}
