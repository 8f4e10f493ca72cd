//! The access token, and the sessions that browsers get for it.
//!
//! A program sends the token itself with every request (`Authorization: Bearer`, RFC 6750). A page sends it once and gets
//! a session: a cookie that scripts cannot read. A session is the time of its end and a message authentication code over
//! it (HMAC-SHA-256, RFC 2104) under a key made from the token. So nothing is kept for it here, it outlives the program,
//! and a new token ends every session.

use std::{fmt, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    hmac,
    rand::{SecureRandom, SystemRandom},
};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::AccessError;

/// Random bytes of a token that we make: 256 bits.
const BYTES: usize = 32;
/// Fewest characters of a token that somebody gives.
const MIN_CHARS: usize = 16;
/// Most characters of one.
const MAX_CHARS: usize = 512;
/// How long a session holds.
pub(crate) const SESSION: Duration = Duration::from_secs(30 * 24 * 3_600);

/// What somebody must know to use a server that others can reach. Never printed by `Debug`.
#[derive(Clone)]
pub struct Token(Box<str>);

impl Token {
    /// A new one from the system's random numbers: 43 letters, digits, `-` and `_`.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub fn generate() -> Result<Self, AccessError> {
        let mut bytes = [0; BYTES];
        SystemRandom::new().fill(&mut bytes).map_err(|_| AccessError::NoRandomness)?;
        Ok(Self(URL_SAFE_NO_PAD.encode(bytes).into()))
    }

    /// One that somebody gives; space around it is dropped.
    ///
    /// # Errors
    /// It is shorter than 16 or longer than 512 characters, or has one that no token may have (RFC 6750, section 2.1).
    pub fn parse(text: &str) -> Result<Self, AccessError> {
        let text = text.trim();
        if !(MIN_CHARS..=MAX_CHARS).contains(&text.chars().count()) {
            return Err(AccessError::TokenLength);
        }
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "-._~+/=".contains(letter);
        if !text.chars().all(plain) {
            return Err(AccessError::TokenCharacters);
        }
        Ok(Self(text.into()))
    }

    /// The token itself, to show it to the person who may know it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether `offered` is this token. Takes the same time whatever is wrong with it: hashes are compared, all of them.
    pub(crate) fn is(&self, offered: &str) -> bool {
        let hash = |text: &str| Sha256::digest(text.as_bytes());
        hash(&self.0).as_slice().ct_eq(hash(offered).as_slice()).into()
    }

    /// The sessions that are made with it.
    pub(crate) fn sessions(&self) -> Sessions {
        let from = hmac::Key::new(hmac::HMAC_SHA256, self.0.as_bytes());
        let key = hmac::sign(&from, b"visage session key 1");
        Sessions(hmac::Key::new(hmac::HMAC_SHA256, key.as_ref()))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Token(..)")
    }
}

/// Makes and checks sessions.
pub(crate) struct Sessions(hmac::Key);

impl Sessions {
    /// A session that ends [`SESSION`] after `now` (seconds since 1970).
    pub(crate) fn make(&self, now: u64) -> String {
        let end = now + SESSION.as_secs();
        format!("{end}.{}", URL_SAFE_NO_PAD.encode(hmac::sign(&self.0, &message(end))))
    }

    /// Whether this is a session of ours that holds at `now`.
    pub(crate) fn holds(&self, session: &str, now: u64) -> bool {
        let Some((end, code)) = session.split_once('.') else { return false };
        let (Ok(end), Ok(code)) = (end.parse::<u64>(), URL_SAFE_NO_PAD.decode(code)) else { return false };
        // `verify` takes the same time whatever is wrong.
        hmac::verify(&self.0, &message(end), &code).is_ok() && now < end
    }
}

fn message(end: u64) -> [u8; 8] {
    end.to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_made_token_is_long_and_never_the_same() {
        let (one, other) = (Token::generate().expect("random"), Token::generate().expect("random"));
        assert_eq!(one.reveal().len(), 43);
        assert_ne!(one.reveal(), other.reveal());
        assert!(Token::parse(one.reveal()).is_ok_and(|same| same.is(one.reveal())));
        assert!(!one.is(other.reveal()) && !one.is("") && !one.is(&one.reveal()[..42]));
        assert!(!format!("{one:?}").contains(one.reveal()));
    }

    #[test]
    fn tokens_that_cannot_be_sent_are_refused() {
        for (text, ok) in [
            ("0123456789abcdef", true),
            (" 0123456789abcdef\n", true),
            ("A-z._~+/=0123456789", true),
            ("0123456789abcde", false),
            ("", false),
            ("0123456789 abcdef", false),
            ("0123456789abcdefé", false),
            ("0123456789abcdef;", false),
        ] {
            assert_eq!(Token::parse(text).is_ok(), ok, "{text:?}");
        }
        assert!(Token::parse(&"a".repeat(513)).is_err());
    }

    #[test]
    fn a_session_holds_for_its_token_and_its_time_alone() {
        let sessions = Token::parse("0123456789abcdef").expect("a token").sessions();
        let others = Token::parse("0123456789abcdeg").expect("a token").sessions();
        let now = 1_800_000_000;
        let session = sessions.make(now);
        let end = now + SESSION.as_secs();
        let later = session.replace(&end.to_string(), &(end + 1).to_string());
        let cut = &session[..session.len() - 1];
        for (text, at, holds) in [
            (session.as_str(), now, true),
            (&session, end - 1, true),
            (&session, end, false),
            (&later, now, false),
            (cut, now, false),
            ("", now, false),
            (".", now, false),
            ("18446744073709551615.", now, false),
        ] {
            assert_eq!(sessions.holds(text, at), holds, "{text} at {at}");
        }
        assert!(!others.holds(&session, now));
        assert!(!session.contains("0123456789abcdef"));
    }
}
