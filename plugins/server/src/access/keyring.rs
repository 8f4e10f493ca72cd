//! The folder where the program keeps its secrets: the token and the key of its own certificate. Only the user who runs
//! the program may read them.

use std::{
    fs, io,
    io::Write,
    path::{Path, PathBuf},
};

use super::{AccessError, Token};

/// The file of the token.
const TOKEN: &str = "token";

/// A folder of secrets. Made when the first is kept.
#[derive(Clone, Debug)]
pub struct Keyring {
    folder: PathBuf,
}

/// A token and where it comes from.
#[derive(Clone, Debug)]
pub struct StoredToken {
    /// The token.
    pub token: Token,
    /// Whether it was made just now.
    pub is_new: bool,
    /// The file that holds it.
    pub file: PathBuf,
}

impl Keyring {
    /// In the user's folder for configuration (on Linux `~/.config/visage`).
    ///
    /// # Errors
    /// The user has no home.
    pub fn usual() -> Result<Self, AccessError> {
        let base = directories::BaseDirs::new().ok_or(AccessError::NoHome)?;
        Ok(Self::at(base.config_dir().join("visage")))
    }

    /// In a folder of one's own.
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// The token that is kept here; made at the first time.
    ///
    /// # Errors
    /// The folder or the file cannot be read or written, or the file holds no token.
    pub fn token(&self) -> Result<StoredToken, AccessError> {
        let file = self.path(TOKEN);
        if let Some(text) = self.read(TOKEN)? {
            let token = Token::parse(&text)
                .map_err(|why| AccessError::TokenFile { file: file.clone(), why: why.to_string() })?;
            return Ok(StoredToken { token, is_new: false, file });
        }
        let token = Token::generate()?;
        if self.write(TOKEN, &format!("{}\n", token.reveal()), false)? {
            return Ok(StoredToken { token, is_new: true, file });
        }
        // Another Visage was first, so there is one now.
        self.token()
    }

    /// The file of the token, whether it is there or not.
    pub fn token_file(&self) -> PathBuf {
        self.path(TOKEN)
    }

    /// Where a secret lies.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// A secret, if there is one. One that others may read is closed to them.
    pub(crate) fn read(&self, name: &str) -> Result<Option<String>, AccessError> {
        let path = self.path(name);
        match fs::read_to_string(&path) {
            Ok(text) => {
                close_to_others(&path).map_err(|cause| AccessError::File { file: path, cause })?;
                Ok(Some(text))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(cause) => Err(AccessError::File { file: path, cause }),
        }
    }

    /// Keeps a secret: written beside, flushed, renamed. Without `replace` one that is there stays, and the answer is no.
    pub(crate) fn write(&self, name: &str, text: &str, replace: bool) -> Result<bool, AccessError> {
        let path = self.path(name);
        let write = || {
            make_private(&self.folder)?;
            // Only its owner may read it, from the moment it exists (this is how `tempfile` makes files).
            let mut beside = tempfile::NamedTempFile::new_in(&self.folder)?;
            beside.write_all(text.as_bytes())?;
            beside.as_file().sync_all()?;
            let placed = if replace { beside.persist(&path) } else { beside.persist_noclobber(&path) };
            match placed {
                Ok(_) => Ok(true),
                Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
                Err(error) => Err(error.error),
            }
        };
        write().map_err(|cause| AccessError::File { file: path.clone(), cause })
    }
}

/// A token in a file that somebody names.
///
/// # Errors
/// It cannot be read, or holds no token.
pub fn token_in_file(file: &Path) -> Result<Token, AccessError> {
    let text = fs::read_to_string(file).map_err(|cause| AccessError::File { file: file.to_owned(), cause })?;
    Token::parse(&text).map_err(|why| AccessError::TokenFile { file: file.to_owned(), why: why.to_string() })
}

#[cfg(unix)]
fn make_private(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(unix)]
fn close_to_others(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    if fs::metadata(path)?.permissions().mode() & 0o077 != 0 {
        fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
        tracing::warn!("{} could be read by others; now only its owner may", path.display());
    }
    Ok(())
}

/// The user's folder is closed to others by the system.
#[cfg(not(unix))]
fn make_private(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}

#[cfg(not(unix))]
fn close_to_others(_path: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    fn mode(path: &Path) -> u32 {
        use std::os::unix::fs::PermissionsExt;
        fs::metadata(path).expect("it is there").permissions().mode() & 0o777
    }

    #[test]
    fn a_token_is_made_once_and_kept() {
        let home = tempfile::tempdir().expect("a folder");
        let keyring = Keyring::at(home.path().join("config/visage"));
        let first = keyring.token().expect("made");
        let second = keyring.token().expect("kept");
        assert!(first.is_new && !second.is_new);
        assert!(second.token.is(first.token.reveal()));
        #[cfg(unix)]
        {
            assert_eq!((mode(&first.file), mode(&home.path().join("config/visage"))), (0o600, 0o700));
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(&first.file, fs::Permissions::from_mode(0o644)).expect("set");
            keyring.token().expect("kept");
            assert_eq!(mode(&first.file), 0o600, "a file that was open to others is closed");
        }
    }

    #[test]
    fn two_programs_that_start_at_once_agree() {
        let home = tempfile::tempdir().expect("a folder");
        let keyring = Keyring::at(home.path());
        let tokens: Vec<_> = std::thread::scope(|scope| {
            let all: Vec<_> = (0..8).map(|_| scope.spawn(|| keyring.token().expect("a token"))).collect();
            all.into_iter().map(|one| one.join().expect("ran")).collect()
        });
        assert!(tokens.iter().all(|one| one.token.is(tokens[0].token.reveal())));
        assert_eq!(tokens.iter().filter(|one| one.is_new).count(), 1);
    }

    #[test]
    fn what_is_wrong_with_a_file_is_told_without_its_content() {
        let home = tempfile::tempdir().expect("a folder");
        let file = home.path().join("token");
        for (content, part) in [("tooshort", "16"), ("with a space in the middle", "letters")] {
            fs::write(&file, content).expect("written");
            for error in
                [token_in_file(&file).expect_err("wrong"), Keyring::at(home.path()).token().expect_err("wrong")]
            {
                let text = error.to_string();
                assert!(text.contains(part) && text.contains("token") && !text.contains(content), "{text}");
            }
        }
        fs::write(&file, "0123456789abcdef\n").expect("written");
        assert!(token_in_file(&file).expect("right").is("0123456789abcdef"));
        assert!(token_in_file(&home.path().join("none")).is_err());
    }
}
