//! Where characters lie, and what they may be called there.

use std::{fmt, path::PathBuf, str::FromStr};

use crate::LibraryError;

/// Longest id, in characters: what fits into a label of a host name, should an id ever become one.
const MAX_ID: usize = 63;

/// Where characters lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A folder with one folder for each character.
    Folder(PathBuf),
    /// A bucket of an S3-compatible object storage, configured by the usual `AWS_*` environment variables.
    Bucket {
        /// The bucket's name.
        bucket: String,
        /// What the keys of all characters begin with; may be empty.
        prefix: String,
    },
    /// This program's memory; gone when it ends.
    Memory,
}

/// This is no place for characters.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("\"{0}\" is no place for characters: give a folder or s3://bucket/prefix")]
pub struct WrongLocation(pub String);

impl FromStr for Location {
    type Err = WrongLocation;
    fn from_str(text: &str) -> Result<Self, WrongLocation> {
        let wrong = || WrongLocation(text.to_owned());
        let Some((scheme, rest)) = text.split_once("://") else {
            return if text.is_empty() { Err(wrong()) } else { Ok(Self::Folder(text.into())) };
        };
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let prefix = prefix.trim_matches('/');
        let correct = scheme == "s3"
            && !bucket.is_empty()
            && (prefix.is_empty() || prefix.split('/').all(|part| !["", ".", ".."].contains(&part)));
        if !correct {
            return Err(wrong());
        }
        Ok(Self::Bucket { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
    }
}

impl fmt::Display for Location {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(folder) => folder.display().fmt(out),
            Self::Bucket { bucket, prefix } if prefix.is_empty() => write!(out, "s3://{bucket}"),
            Self::Bucket { bucket, prefix } => write!(out, "s3://{bucket}/{prefix}"),
            Self::Memory => out.write_str("memory"),
        }
    }
}

/// Whether this can be a character's id: `[a-z0-9][a-z0-9-]{0,62}`.
pub(crate) fn is_id(id: &str) -> bool {
    id.len() <= MAX_ID
        && !id.starts_with('-')
        && !id.is_empty()
        && id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// Checks that this can be a character's id.
///
/// # Errors
/// [`LibraryError::InvalidId`].
pub fn check_id(id: &str) -> Result<(), LibraryError> {
    if is_id(id) { Ok(()) } else { Err(LibraryError::InvalidId { id: id.chars().take(100).collect() }) }
}

/// An id made of a name: lower case, accents taken off where that is usual, everything else a hyphen. Never empty.
pub fn slug(name: &str) -> String {
    let mut slug = String::new();
    for letter in name.chars().flat_map(char::to_lowercase) {
        let plain = match letter {
            'ä' | 'æ' => "ae",
            'ö' | 'ø' | 'œ' => "oe",
            'ü' => "ue",
            'ß' => "ss",
            'à' | 'á' | 'â' | 'ã' | 'å' => "a",
            'ç' => "c",
            'è' | 'é' | 'ê' | 'ë' => "e",
            'ì' | 'í' | 'î' | 'ï' => "i",
            'ñ' => "n",
            'ò' | 'ó' | 'ô' | 'õ' => "o",
            'ù' | 'ú' | 'û' => "u",
            'ý' | 'ÿ' => "y",
            letter if letter.is_ascii_alphanumeric() => {
                slug.push(letter);
                continue;
            }
            // An apostrophe joins, everything else parts.
            '\'' | '’' => continue,
            _ if slug.is_empty() || slug.ends_with('-') => continue,
            _ => "-",
        };
        slug.push_str(plain);
    }
    slug.truncate(MAX_ID);
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() { "character".to_owned() } else { slug.to_owned() }
}

/// The same id with a number behind it, for when it is taken.
pub(crate) fn numbered(id: &str, number: usize) -> String {
    let number = format!("-{number}");
    let room = MAX_ID - number.len();
    format!("{}{number}", id.get(..room).unwrap_or(id).trim_end_matches('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_and_written() {
        let bucket =
            |bucket: &str, prefix: &str| Location::Bucket { bucket: bucket.to_owned(), prefix: prefix.to_owned() };
        for (text, location, written) in [
            ("characters", Location::Folder("characters".into()), "characters"),
            ("/a b/c", Location::Folder("/a b/c".into()), "/a b/c"),
            ("s3://b", bucket("b", ""), "s3://b"),
            ("s3://b/", bucket("b", ""), "s3://b"),
            ("s3://b/c/d/", bucket("b", "c/d"), "s3://b/c/d"),
        ] {
            let read: Location = text.parse().expect(text);
            assert_eq!(read, location);
            assert_eq!(read.to_string(), written);
        }
        for wrong in ["", "s3://", "gs://b", "s3:///a", "s3://b/a//b", "s3://b/../c"] {
            assert_eq!(wrong.parse::<Location>(), Err(WrongLocation(wrong.to_owned())), "{wrong}");
        }
    }

    #[test]
    fn names_become_ids() {
        for (name, id) in [
            ("Mira", "mira"),
            ("Dr. Jürgen Weiß", "dr-juergen-weiss"),
            ("  O'Hara, the 2nd!  ", "ohara-the-2nd"),
            ("张伟", "character"),
            ("--", "character"),
            ("../../etc/passwd", "etc-passwd"),
        ] {
            assert_eq!(slug(name), id, "{name}");
        }
        let long = slug(&"ab ".repeat(60));
        for id in [&long, &numbered(&long, 2), &numbered("a", 12), &slug("é")] {
            assert!(is_id(id), "{id}");
        }
        assert_eq!(numbered("mira", 2), "mira-2");
    }

    #[test]
    fn ids_are_never_paths() {
        let long = "a".repeat(64);
        for wrong in ["", "-a", "A", "a/b", "..", ".", "a.b", "a b", "ä", "a\0", "a\n", "%2e", &long] {
            assert!(check_id(wrong).is_err(), "{wrong:?}");
        }
        for id in ["a", "0", "a-b-1", &"a".repeat(63)] {
            assert!(check_id(id).is_ok(), "{id}");
        }
    }
}
