//! What is said on the data channel: orders in, events out, and the exchange of clocks.
//!
//! docs/api/signalling.md lists the messages; orders and events are `RemoteCommand` and `RemoteEvent`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use visage_schedule::{RemoteCommand, RemoteEvent, check_length};

/// The name of the data channel.
pub(crate) const CHANNEL: &str = "visage";
/// The longest message that is read, bytes: the longest text, written with an escape for every character.
const MAX_MESSAGE: usize = 65_536;

/// A message from the viewer.
#[derive(Debug, PartialEq)]
pub(crate) enum Said {
    Order(RemoteCommand),
    Ping(Ping),
}

/// "What time is it there?"
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ping {
    #[serde(rename = "type")]
    _kind: PingKind,
    /// The viewer's clock, any unit; sent back as it is.
    pub sent_ms: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
enum PingKind {
    #[serde(rename = "ping")]
    Ping,
}

/// The answer to a [`Ping`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename = "pong")]
pub(crate) struct Pong {
    pub sent_ms: f64,
    /// Our clock, milliseconds since 1970.
    pub unix_ms: f64,
    /// The media clock's tick at that moment; `None` before the first.
    pub tick: Option<f64>,
}

impl Pong {
    pub(crate) fn json(&self) -> String {
        serde_json::to_string(self).expect("numbers always are JSON")
    }
}

/// Reads a message. The error is a sentence for a person.
pub(crate) fn read(is_text: bool, message: &[u8]) -> Result<Said, String> {
    if !is_text {
        return Err("Messages must be text.".into());
    }
    if message.len() > MAX_MESSAGE {
        return Err(format!("A message of {} bytes is too long; {MAX_MESSAGE} is the most.", message.len()));
    }
    let unreadable = |error: serde_json::Error| format!("The message could not be read: {error}.");
    let members: Map<String, Value> = serde_json::from_slice(message).map_err(unreadable)?;
    let is_ping = members.get("type").is_some_and(|kind| kind == "ping");
    let message = Value::Object(members);
    if is_ping {
        serde_json::from_value(message).map(Said::Ping).map_err(unreadable)
    } else {
        let order = serde_json::from_value(message).map_err(unreadable)?;
        if let RemoteCommand::Say { text, .. } | RemoteCommand::Chat { text } = &order {
            check_length(text)?;
        }
        Ok(Said::Order(order))
    }
}

/// An event as it is sent.
pub(crate) fn event_json(event: &RemoteEvent) -> String {
    serde_json::to_string(event).expect("strings, numbers and lists always are JSON")
}

/// A problem as it is sent to one viewer.
pub(crate) fn problem_json(text: String) -> String {
    event_json(&RemoteEvent::Problem { text })
}

#[cfg(test)]
mod tests {
    use visage_core::LONGEST_TEXT;

    use super::*;

    fn check(message: &str, expected: Result<Said, &str>) {
        match (read(true, message.as_bytes()), expected) {
            (Ok(said), Ok(expected)) => assert_eq!(said, expected, "{message}"),
            (Err(error), Err(part)) => assert!(error.contains(part), "{message}: {error}"),
            (said, _) => panic!("{message}: {said:?}"),
        }
    }

    #[test]
    fn messages_read_as_documented() {
        check(r#"{"type":"stop"}"#, Ok(Said::Order(RemoteCommand::Stop)));
        check(r#"{"type":"chat","text":"Hi"}"#, Ok(Said::Order(RemoteCommand::Chat { text: "Hi".into() })));
        let ping = Ping { _kind: PingKind::Ping, sent_ms: 12.5 };
        check(r#"{"type":"ping","sent_ms":12.5}"#, Ok(Said::Ping(ping)));
        check(r#"{"type":"ping"}"#, Err("sent_ms"));
        check(r#"{"type":"ping","sent_ms":1,"loud":true}"#, Err("loud"));
        check(r#"{"type":"dance"}"#, Err("dance"));
        check(r#"{"text":"Hi"}"#, Err("type"));
        check(r#"["stop"]"#, Err("could not be read"));
        check("", Err("could not be read"));
        check(&format!(r#"{{"type":"chat","text":"{}"}}"#, "x".repeat(MAX_MESSAGE)), Err("too long"));
        let chat = |length| format!(r#"{{"type":"chat","text":"{}"}}"#, r"\u00e4".repeat(length));
        let text = "ä".repeat(LONGEST_TEXT);
        check(&chat(LONGEST_TEXT), Ok(Said::Order(RemoteCommand::Chat { text })));
        check(&chat(LONGEST_TEXT + 1), Err("5001 characters"));
        assert!(read(false, br#"{"type":"stop"}"#).is_err());
    }

    #[test]
    fn answers_are_written_as_documented() {
        let pong = Pong { sent_ms: 12.5, unix_ms: 1e12, tick: Some(7.25) };
        let expected = r#"{"type":"pong","sent_ms":12.5,"unix_ms":1000000000000.0,"tick":7.25}"#;
        assert_eq!(pong.json(), expected);
        assert_eq!(problem_json("No.".into()), r#"{"type":"problem","text":"No."}"#);
    }
}
