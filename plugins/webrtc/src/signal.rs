//! Signalling as a state machine: texts and events in, texts and orders out. No socket, no clock, no `webrtc`.
//!
//! docs/api/signalling.md describes the messages.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The version of the protocol, told in `welcome`.
const VERSION: u32 = 1;
/// The longest text that is read.
const MAX_TEXT: usize = 65_536;
/// How long a viewer may take to make an offer: one who makes none would keep another from the seat.
const OFFER_PATIENCE: Duration = Duration::from_secs(30);
/// How long a connection may take from the offer on.
const CONNECT_PATIENCE: Duration = Duration::from_secs(15);
/// How long a broken connection may take to come back.
const BREAK_PATIENCE: Duration = Duration::from_secs(10);

/// An ICE candidate as browsers write it (`RTCIceCandidate.toJSON()`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct IceCandidate {
    pub candidate: String,
    #[serde(default)]
    pub sdp_mid: Option<String>,
    #[serde(default, rename = "sdpMLineIndex")]
    pub sdp_m_line_index: Option<u16>,
    #[serde(default)]
    pub username_fragment: Option<String>,
}

impl IceCandidate {
    /// Browsers hide addresses behind names that only multicast DNS resolves. They need no resolving: the browser
    /// checks our candidates, and its address is learnt from the check (a peer-reflexive candidate).
    fn is_hidden(&self) -> bool {
        self.candidate.split_ascii_whitespace().nth(4).is_some_and(|address| address.ends_with(".local"))
    }
}

/// A text from the viewer.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum FromViewer {
    Offer {
        sdp: String,
    },
    Candidate {
        #[serde(default)]
        candidate: Option<IceCandidate>,
    },
}

/// A STUN server, as `RTCPeerConnection` takes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct IceServer {
    pub urls: Vec<String>,
}

/// A text to the viewer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum ToViewer {
    Welcome { version: u32, ice_servers: Vec<IceServer> },
    Answer { sdp: String },
    Candidate { candidate: Option<IceCandidate> },
    Error { code: ErrorCode, message: String, fatal: bool },
}

/// What went wrong, for the page's program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ErrorCode {
    BadMessage,
    BadOffer,
    BadCandidate,
    Unexpected,
    Full,
    Lost,
    Failed,
}

impl ToViewer {
    pub(crate) fn json(&self) -> String {
        serde_json::to_string(self).expect("strings, numbers and lists always are JSON")
    }

    /// The text for a viewer who finds no seat.
    pub(crate) fn full(seats: usize) -> Self {
        let others = if seats == 1 { "one viewer".to_owned() } else { format!("{seats} viewers") };
        let message = format!("There is only room for {others}. Please try again later.");
        Self::Error { code: ErrorCode::Full, message, fatal: true }
    }
}

/// Why a peer did not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The offer is at fault.
    Offer(String),
    /// We are.
    Ourselves(String),
}

/// How the media connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    Up,
    Interrupted,
    Failed,
}

/// What happened.
#[derive(Debug)]
pub(crate) enum Input<'a> {
    Text(&'a str),
    /// What became of [`Action::Open`].
    Answered(Result<String, Refusal>),
    /// The peer did not take a candidate.
    CandidateRefused(String),
    /// A candidate of ours; `None`: no more.
    OwnCandidate(Option<IceCandidate>),
    Link(Link),
    /// The time of [`Signalling::deadline`] has come.
    Deadline,
}

/// What is to be done, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Send(ToViewer),
    /// Close the peer, if there is one, and make a new one that answers the offer.
    Open(String),
    AddCandidate(IceCandidate),
    /// Close everything.
    End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    Connecting { since: Duration },
    Connected,
    Interrupted { since: Duration },
    Ended,
}

/// One viewer's signalling. `now` is a duration since it began.
#[derive(Debug)]
pub(crate) struct Signalling {
    state: State,
}

impl Signalling {
    /// Begins, with the text that the viewer is waiting for.
    pub(crate) fn begin(ice_servers: Vec<IceServer>) -> (Self, ToViewer) {
        (Self { state: State::Waiting }, ToViewer::Welcome { version: VERSION, ice_servers })
    }

    /// When [`Input::Deadline`] is due.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        match self.state {
            State::Waiting => Some(OFFER_PATIENCE),
            State::Connecting { since } => Some(since + CONNECT_PATIENCE),
            State::Interrupted { since } => Some(since + BREAK_PATIENCE),
            State::Connected | State::Ended => None,
        }
    }

    pub(crate) fn step(&mut self, input: Input<'_>, now: Duration) -> Vec<Action> {
        if self.state == State::Ended {
            return Vec::new();
        }
        match input {
            Input::Text(text) => self.text(text, now),
            Input::Answered(Ok(sdp)) => vec![Action::Send(ToViewer::Answer { sdp })],
            Input::Answered(Err(Refusal::Offer(why))) => {
                self.end(ErrorCode::BadOffer, format!("The server cannot answer this browser's offer: {why}."))
            }
            Input::Answered(Err(Refusal::Ourselves(why))) => {
                self.end(ErrorCode::Failed, format!("The server could not open a connection: {why}."))
            }
            Input::CandidateRefused(why) => {
                vec![complaint(ErrorCode::BadCandidate, format!("An ICE candidate could not be used: {why}."))]
            }
            Input::OwnCandidate(candidate) => vec![Action::Send(ToViewer::Candidate { candidate })],
            Input::Link(link) => self.link(link, now),
            Input::Deadline if self.deadline().is_some_and(|deadline| deadline <= now) => self.lost(),
            Input::Deadline => Vec::new(),
        }
    }

    fn text(&mut self, text: &str, now: Duration) -> Vec<Action> {
        if text.len() > MAX_TEXT {
            let why = format!("A message of {} bytes is too long; {MAX_TEXT} is the most.", text.len());
            return vec![complaint(ErrorCode::BadMessage, why)];
        }
        // An object: serde would take a list of its members, too.
        let object = serde_json::from_str(text).map(Value::Object);
        match object.and_then(serde_json::from_value) {
            Ok(FromViewer::Offer { sdp }) => {
                self.state = State::Connecting { since: now };
                vec![Action::Open(sdp)]
            }
            Ok(FromViewer::Candidate { .. }) if self.state == State::Waiting => {
                vec![complaint(ErrorCode::Unexpected, "An ICE candidate came before any offer.".into())]
            }
            Ok(FromViewer::Candidate { candidate }) => candidate
                .filter(|candidate| !candidate.candidate.is_empty() && !candidate.is_hidden())
                .map(Action::AddCandidate)
                .into_iter()
                .collect(),
            Err(error) => {
                vec![complaint(ErrorCode::BadMessage, format!("The message could not be read: {error}."))]
            }
        }
    }

    fn link(&mut self, link: Link, now: Duration) -> Vec<Action> {
        match link {
            Link::Up => self.state = State::Connected,
            Link::Interrupted if self.state == State::Connected => self.state = State::Interrupted { since: now },
            Link::Interrupted => {}
            Link::Failed => return self.lost(),
        }
        Vec::new()
    }

    fn lost(&mut self) -> Vec<Action> {
        let why = match self.state {
            State::Waiting => "No offer came from this browser.",
            State::Connecting { .. } => "No network path between this browser and the server was found.",
            _ => "The connection to the server was lost.",
        };
        self.end(ErrorCode::Lost, why.into())
    }

    fn end(&mut self, code: ErrorCode, message: String) -> Vec<Action> {
        self.state = State::Ended;
        vec![Action::Send(ToViewer::Error { code, message, fatal: true }), Action::End]
    }
}

fn complaint(code: ErrorCode, message: String) -> Action {
    Action::Send(ToViewer::Error { code, message, fatal: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFER: &str = r#"{"type":"offer","sdp":"v=0"}"#;

    /// Steps through inputs, one second apart, and writes the actions as words.
    fn check(inputs: Vec<Input<'_>>, expected: &[&str]) {
        let (mut signalling, welcome) = Signalling::begin(Vec::new());
        assert_eq!(welcome.json(), r#"{"type":"welcome","version":1,"ice_servers":[]}"#);
        let mut seen = Vec::new();
        for (second, input) in inputs.into_iter().enumerate() {
            for action in signalling.step(input, Duration::from_secs(second as u64)) {
                seen.push(match action {
                    Action::Open(sdp) => format!("open {sdp}"),
                    Action::AddCandidate(candidate) => format!("add {}", candidate.candidate),
                    Action::End => "end".into(),
                    Action::Send(ToViewer::Error { code, fatal, .. }) => format!("error {code:?} {fatal}"),
                    Action::Send(text) => text.json(),
                });
            }
        }
        assert_eq!(seen, expected);
    }

    #[test]
    fn an_offer_is_answered_and_candidates_go_both_ways() {
        let own = IceCandidate {
            candidate: "candidate:1 1 udp 1 127.0.0.1 5 typ host".into(),
            sdp_mid: None,
            sdp_m_line_index: Some(0),
            username_fragment: None,
        };
        check(
            vec![
                Input::Text(OFFER),
                Input::Text(r#"{"type":"candidate","candidate":{"candidate":"candidate:7","sdpMid":"0"}}"#),
                Input::Answered(Ok("v=1".into())),
                Input::OwnCandidate(Some(own)),
                Input::OwnCandidate(None),
                Input::Text(r#"{"type":"candidate","candidate":null}"#),
                Input::Text(r#"{"type":"candidate","candidate":{"candidate":""},"future":1}"#),
                Input::Link(Link::Up),
            ],
            &[
                "open v=0",
                "add candidate:7",
                r#"{"type":"answer","sdp":"v=1"}"#,
                "{\"type\":\"candidate\",\"candidate\":{\"candidate\":\"candidate:1 1 udp 1 127.0.0.1 5 typ host\",\
                 \"sdpMid\":null,\"sdpMLineIndex\":0,\"usernameFragment\":null}}",
                r#"{"type":"candidate","candidate":null}"#,
            ],
        );
    }

    #[test]
    fn hidden_addresses_are_not_passed_on() {
        let hidden = "candidate:1 1 udp 2113937151 0a1b2c3d-0000-4000-8000-000000000000.local 50000 typ host";
        let text = format!(r#"{{"type":"candidate","candidate":{{"candidate":"{hidden}"}}}}"#);
        check(vec![Input::Text(OFFER), Input::Text(&text)], &["open v=0"]);
    }

    #[test]
    fn what_cannot_be_read_is_told_and_harms_nothing() {
        let long = "x".repeat(MAX_TEXT + 1);
        check(
            vec![
                Input::Text("not JSON"),
                Input::Text(r#"["offer","v=0"]"#),
                Input::Text(r#"{"type":"dance"}"#),
                Input::Text(r#"{"type":"offer"}"#),
                Input::Text(&long),
                Input::Text(r#"{"type":"candidate","candidate":null}"#),
                Input::Text(OFFER),
                Input::CandidateRefused("no port".into()),
            ],
            &[
                "error BadMessage false",
                "error BadMessage false",
                "error BadMessage false",
                "error BadMessage false",
                "error BadMessage false",
                "error Unexpected false",
                "open v=0",
                "error BadCandidate false",
            ],
        );
    }

    #[test]
    fn refusals_end_the_connection() {
        let bad = Input::Answered(Err(Refusal::Offer("no VP8".into())));
        check(vec![Input::Text(OFFER), bad, Input::Text(OFFER)], &["open v=0", "error BadOffer true", "end"]);
        let own = Input::Answered(Err(Refusal::Ourselves("no socket".into())));
        check(vec![Input::Text(OFFER), own], &["open v=0", "error Failed true", "end"]);
        check(
            vec![Input::Text(OFFER), Input::Link(Link::Up), Input::Link(Link::Failed), Input::Link(Link::Up)],
            &["open v=0", "error Lost true", "end"],
        );
    }

    #[test]
    fn a_second_offer_begins_anew() {
        check(vec![Input::Text(OFFER), Input::Link(Link::Up), Input::Text(OFFER)], &["open v=0", "open v=0"]);
    }

    fn check_deadline(inputs: Vec<Input<'_>>, deadline: Option<u64>) {
        let (mut signalling, _) = Signalling::begin(Vec::new());
        for (second, input) in inputs.into_iter().enumerate() {
            signalling.step(input, Duration::from_secs(second as u64));
        }
        assert_eq!(signalling.deadline(), deadline.map(Duration::from_secs));
        if let Some(deadline) = signalling.deadline() {
            assert_eq!(signalling.step(Input::Deadline, deadline - Duration::from_millis(1)), []);
            assert_eq!(signalling.step(Input::Deadline, deadline).last(), Some(&Action::End));
        }
    }

    #[test]
    fn patience_ends() {
        check_deadline(vec![], Some(30));
        check_deadline(vec![Input::Text("not JSON")], Some(30));
        check_deadline(vec![Input::Text(OFFER)], Some(15));
        check_deadline(vec![Input::Text(OFFER), Input::Link(Link::Up)], None);
        check_deadline(vec![Input::Text(OFFER), Input::Link(Link::Up), Input::Link(Link::Interrupted)], Some(12));
        check_deadline(
            vec![Input::Text(OFFER), Input::Link(Link::Up), Input::Link(Link::Interrupted), Input::Link(Link::Up)],
            None,
        );
    }
}
