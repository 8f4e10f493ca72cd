//! What stands behind the [`SpeechDoor`]: a thread with engines of its own, so that others' texts never keep the character
//! from speaking.
//!
//! Several texts are spoken side by side, a piece of each in turn: a long one does not keep a short one waiting, and one
//! that is taken slowly keeps nobody waiting.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};
use visage_core::{Language, Script, ThreadAtWork};
use visage_models::Store;
use visage_schedule::{SpeechDoor, SpeechError, SpeechPiece, SpeechRequest, VoiceSettings};

use crate::{
    Finished, Synthesiser, Variation, VoiceError,
    synthesis::check_length,
    text::{Piece, pieces},
    voices,
};

/// Requests that wait for the thread. When it is full, whoever asks is told so at once.
const REQUESTS: usize = 4;
/// Texts that are spoken side by side. Further ones wait at the door.
const SIDE_BY_SIDE: usize = 4;
/// How long nothing of a text may be taken before it is given up, so that somebody who has fallen asleep does not keep
/// a place.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often the thread looks whether something was taken, when it can do nothing else.
const LOOK_AGAIN: Duration = Duration::from_millis(5);
/// How long engines stay loaded while nobody asks. A Piper voice is about 100 MB, Kokoro 300 MB, XTTS 1.3 to 3.2 GB.
const IDLE: Duration = Duration::from_secs(120);

/// Starts the thread. It ends when the last copy of the door is gone.
pub(crate) fn open(store: Store, threads: usize) -> SpeechDoor {
    let (door, requests) = bounded(REQUESTS);
    let own = store.clone();
    let thread = thread::Builder::new().name("speech door".to_owned()).spawn(move || run(&requests, own, threads));
    if let Err(error) = thread {
        tracing::error!("cannot start the thread that speaks for others: {error}");
    }
    SpeechDoor { requests: door, voices: Arc::new(move || voices(&store)) }
}

fn run(requests: &Receiver<SpeechRequest>, store: Store, threads: usize) {
    let mut synthesiser = Synthesiser::new(store, threads, Variation::Natural);
    loop {
        let request = match requests.recv_timeout(IDLE) {
            Ok(request) => request,
            Err(RecvTimeoutError::Timeout) => {
                synthesiser.renew();
                continue;
            }
            Err(RecvTimeoutError::Disconnected) => return,
        };
        let _at_work = ThreadAtWork::begin();
        let mut desk = Desk::default();
        desk.take(request);
        while !desk.is_empty() {
            desk.fill(requests);
            if !desk.turn(&mut synthesiser, Instant::now()) {
                thread::sleep(LOOK_AGAIN);
            }
        }
    }
}

/// Whatever speaks pieces.
trait Speaks {
    /// Speaks a piece, or leaves off when `is_wanted` says no; also what a person should know of it.
    fn speak(
        &mut self,
        piece: &Piece,
        language: Language,
        voice: &VoiceSettings,
        is_wanted: &dyn Fn() -> bool,
    ) -> (Result<Finished, VoiceError>, Vec<String>);

    /// Begins anew after a panic.
    fn renew(&mut self);
}

impl Speaks for Synthesiser {
    fn speak(
        &mut self,
        piece: &Piece,
        language: Language,
        voice: &VoiceSettings,
        is_wanted: &dyn Fn() -> bool,
    ) -> (Result<Finished, VoiceError>, Vec<String>) {
        // What stands in the way of other texts' voices is none of this one's business.
        self.forget_standing();
        let finished = self.finish_while(piece, language, voice, is_wanted);
        self.take_notices();
        (finished, self.standing_notices())
    }

    fn renew(&mut self) {
        Self::renew(self);
    }
}

/// A text that is being spoken.
struct Job {
    request: SpeechRequest,
    pieces: VecDeque<Piece>,
    /// Pieces at its beginning.
    count: usize,
    /// Whether something of it has been heard.
    heard: bool,
    /// What a person should know of it, and how much of that has been told.
    notices: Vec<String>,
    told: usize,
    /// Since when nothing of it was taken.
    full_since: Option<Instant>,
}

impl Job {
    /// Takes a text apart. `None` if there is nothing to say in it, which whoever asked is told.
    fn new(request: SpeechRequest) -> Option<Self> {
        if let Err(error) = check_length(&request.text) {
            tell(&request, Err(SpeechError::Text(error.to_string())));
            return None;
        }
        let (script, problem) = Script::read(&request.text);
        let mut pieces: VecDeque<_> = pieces(&script, request.language).into();
        for piece in &mut pieces {
            piece.style.emotion = piece.style.emotion.or(request.emotion);
        }
        if pieces.is_empty() {
            tell(&request, Err(SpeechError::Text(VoiceError::NothingToSay.to_string())));
            return None;
        }
        let notices = problem.map(|problem| problem.to_string()).into_iter().collect();
        Some(Self { request, count: pieces.len(), pieces, heard: false, notices, told: 0, full_since: None })
    }

    /// Speaks the next piece. Gives the job back if there is more to say.
    fn speak(mut self, speaker: &mut impl Speaks) -> Option<Self> {
        let piece = self.pieces.pop_front()?;
        let last = self.pieces.is_empty();
        let SpeechRequest { language, voice, pieces, .. } = &self.request;
        let is_wanted = || !pieces.is_closed();
        let spoken = catch_unwind(AssertUnwindSafe(|| speaker.speak(&piece, *language, voice, &is_wanted)));
        let Ok((spoken, notices)) = spoken else {
            // What it had is half done.
            speaker.renew();
            let words = "the voice was interrupted by a fault and begins anew; ask again".to_owned();
            tell(&self.request, Err(SpeechError::Unavailable(words)));
            return None;
        };
        for notice in notices {
            if !self.notices.contains(&notice) {
                self.notices.push(notice);
            }
        }
        let samples = match spoken {
            Ok(finished) => finished.samples,
            Err(VoiceError::Unwanted) => return None,
            Err(VoiceError::NothingToSay) if !last => return Some(self),
            // The end is told even if nothing sounds in it.
            Err(VoiceError::NothingToSay) if self.heard => Vec::new(),
            Err(error @ VoiceError::NothingToSay) => {
                tell(&self.request, Err(SpeechError::Text(error.to_string())));
                return None;
            }
            Err(error) => {
                tell(&self.request, Err(SpeechError::Unavailable(error.to_string())));
                return None;
            }
        };
        self.heard = true;
        let notices = self.notices[self.told..].to_vec();
        self.told = self.notices.len();
        tracing::debug!("piece {} of {} is spoken for a request", self.count - self.pieces.len(), self.count);
        tell(&self.request, Ok(SpeechPiece { samples, notices, last }));
        (!last).then_some(self)
    }
}

/// Hands a result out. There is room for it: it is looked for before a piece is made, and nobody else fills it.
fn tell(request: &SpeechRequest, result: Result<SpeechPiece, SpeechError>) {
    if request.pieces.try_send(result).is_err() {
        tracing::debug!("nobody waits for what was to be spoken any more");
    }
}

/// The texts that are spoken side by side. The one whose turn it is comes first.
#[derive(Default)]
struct Desk(VecDeque<Job>);

impl Desk {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes a text; whose first sound is waited for comes before those that are heard already.
    fn take(&mut self, request: SpeechRequest) {
        if request.pieces.is_closed() {
            return;
        }
        if let Some(job) = Job::new(request) {
            let place = self.0.iter().take_while(|job| !job.heard).count();
            self.0.insert(place, job);
        }
    }

    /// Takes what waits at the door, as long as there is a place.
    fn fill(&mut self, requests: &Receiver<SpeechRequest>) {
        while self.0.len() < SIDE_BY_SIDE
            && let Ok(request) = requests.try_recv()
        {
            self.take(request);
        }
    }

    /// Speaks a piece of the first text whose asker has room for it. Says whether there was one.
    fn turn(&mut self, speaker: &mut impl Speaks, now: Instant) -> bool {
        self.0.retain_mut(|job| {
            let full = job.request.pieces.capacity() == 0;
            job.full_since = full.then(|| job.full_since.unwrap_or(now));
            let asleep = job.full_since.is_some_and(|since| now - since > PATIENCE);
            if asleep {
                tracing::debug!("a text is given up, as nobody takes its sound");
            }
            !asleep && !job.request.pieces.is_closed()
        });
        let Some(index) = self.0.iter().position(|job| job.full_since.is_none()) else { return false };
        let job = self.0.remove(index);
        self.0.extend(job.and_then(|job| job.speak(speaker)));
        true
    }
}

#[cfg(test)]
mod tests {
    use visage_core::{Emotion, LONGEST_TEXT, PhonemeTimeline};

    use super::*;
    use crate::{ESPEAK, default_voice};

    type Made = tokio::sync::mpsc::Receiver<Result<SpeechPiece, SpeechError>>;

    /// Speaks a piece as one sample for each of its words; says nothing for "Silence", fails at "Failure", panics at "Panic".
    #[derive(Default)]
    struct Fake {
        /// The first word of each piece, in the order in which they were spoken.
        spoken: Vec<String>,
        moods: Vec<Option<Emotion>>,
        renewed: usize,
        /// Who hears it, if that is one who leaves.
        listener: Option<Made>,
    }

    impl Speaks for Fake {
        fn speak(
            &mut self,
            piece: &Piece,
            _: Language,
            _: &VoiceSettings,
            is_wanted: &dyn Fn() -> bool,
        ) -> (Result<Finished, VoiceError>, Vec<String>) {
            let words: Vec<_> = piece.text.split_whitespace().collect();
            self.spoken.push(words[0].to_owned());
            self.moods.push(piece.style.emotion);
            if words[0] == "Leave" {
                // Whoever asked goes while it is spoken.
                self.listener = None;
            }
            let finished = match words[0] {
                _ if !is_wanted() => Err(VoiceError::Unwanted),
                "Silence" => Err(VoiceError::NothingToSay),
                "Failure" => Err(VoiceError::NoEspeak),
                "Panic" => panic!("as the text asks for"),
                _ => Ok(Finished { samples: vec![0.5; words.len()], timeline: PhonemeTimeline::default() }),
            };
            (finished, vec!["a notice".to_owned()])
        }

        fn renew(&mut self) {
            self.renewed += 1;
        }
    }

    fn request(text: &str) -> (SpeechRequest, Made) {
        SpeechRequest::new(text.to_owned(), Language::English, default_voice(Language::English))
    }

    fn sentences(names: &[&str]) -> String {
        names.iter().map(|name| format!("{name} is what it says. ")).collect()
    }

    /// All that came out: the samples of each piece, whether the last was marked, and the error.
    fn drain(made: &mut Made) -> (Vec<usize>, bool, Option<SpeechError>) {
        let (mut samples, mut whole) = (Vec::new(), false);
        while let Ok(result) = made.try_recv() {
            match result {
                Ok(piece) => {
                    assert!(!whole, "nothing comes after the last piece");
                    samples.push(piece.samples.len());
                    whole = piece.last;
                }
                Err(error) => return (samples, whole, Some(error)),
            }
        }
        (samples, whole, None)
    }

    #[test]
    fn texts_are_spoken_side_by_side_and_a_new_one_is_heard_first() {
        let (mut desk, mut fake, now) = (Desk::default(), Fake::default(), Instant::now());
        let (first, mut heard) = request(&sentences(&["A1", "A2", "A3"]));
        desk.take(first);
        assert!(desk.turn(&mut fake, now));
        let (second, mut also) = request(&sentences(&["B1", "B2"]));
        let (third, _gone) = request(&sentences(&["C1"]));
        desk.take(second);
        desk.take(third);
        while desk.turn(&mut fake, now) {}
        assert!(desk.is_empty());
        assert_eq!(fake.spoken, ["A1", "B1", "C1", "A2", "B2", "A3"]);
        assert_eq!(drain(&mut heard), (vec![5, 5, 5], true, None));
        assert_eq!(drain(&mut also), (vec![5, 5], true, None));
    }

    #[test]
    fn whoever_takes_slowly_keeps_nobody_waiting_and_whoever_sleeps_is_given_up() {
        let (mut desk, mut fake, now) = (Desk::default(), Fake::default(), Instant::now());
        let names = ["A1", "A2", "A3", "A4", "A5", "A6"];
        let (long, mut slow) = request(&sentences(&names));
        desk.take(long);
        while desk.turn(&mut fake, now) {}
        assert_eq!(fake.spoken, names[..4], "no more is made than has room");
        let (short, mut quick) = request(&sentences(&["B1"]));
        desk.take(short);
        assert!(desk.turn(&mut fake, now) && !desk.turn(&mut fake, now));
        assert_eq!(drain(&mut quick), (vec![5], true, None));
        assert!(slow.try_recv().is_ok());
        assert!(desk.turn(&mut fake, now) && !desk.turn(&mut fake, now));
        assert_eq!(fake.spoken.last().map(String::as_str), Some("A5"));
        // It has taken something, so its patience begins anew.
        assert!(!desk.turn(&mut fake, now + PATIENCE) && !desk.is_empty());
        assert!(!desk.turn(&mut fake, now + PATIENCE + Duration::from_secs(1)));
        assert!(desk.is_empty());
        assert_eq!(drain(&mut slow), (vec![5; 4], false, None), "the end is missing");
    }

    #[test]
    fn what_nobody_waits_for_is_not_spoken() {
        let (mut desk, mut fake, now) = (Desk::default(), Fake::default(), Instant::now());
        let (gone, _) = request(&sentences(&["A1"]));
        desk.take(gone);
        assert!(desk.is_empty());
        let (leaving, heard) = request(&sentences(&["B1", "B2", "B3"]));
        desk.take(leaving);
        assert!(desk.turn(&mut fake, now));
        drop(heard);
        assert!(!desk.turn(&mut fake, now) && desk.is_empty());
        assert_eq!(fake.spoken, ["B1"]);
    }

    #[test]
    fn whoever_leaves_while_it_is_spoken_ends_it() {
        let (mut desk, mut fake, now) = (Desk::default(), Fake::default(), Instant::now());
        let (leaving, heard) = request(&sentences(&["A1", "Leave", "A3"]));
        fake.listener = Some(heard);
        desk.take(leaving);
        assert!(desk.turn(&mut fake, now) && desk.turn(&mut fake, now));
        assert!(desk.is_empty() && !desk.turn(&mut fake, now));
        assert_eq!(fake.spoken, ["A1", "Leave"]);
    }

    #[test]
    fn what_cannot_be_spoken_is_told() {
        let text = |words: &str| Some(SpeechError::Text(words.to_owned()));
        let nothing = || text("there is nothing to say in this text");
        let unavailable = |words: String| Some(SpeechError::Unavailable(words));
        let missing = || unavailable(VoiceError::NoEspeak.to_string());
        let long = "a".repeat(LONGEST_TEXT + 1);
        let cases = [
            (String::new(), (vec![], false, nothing())),
            ("[happy] …".to_owned(), (vec![], false, nothing())),
            (sentences(&["Silence"]), (vec![], false, nothing())),
            (sentences(&["Silence", "Words"]), (vec![5], true, None)),
            // The end is told although nothing is said in it.
            (sentences(&["Words", "Silence"]), (vec![5, 0], true, None)),
            (sentences(&["Failure", "Words"]), (vec![], false, missing())),
            (sentences(&["Words", "Failure", "Words"]), (vec![5], false, missing())),
            (long.clone(), (vec![], false, text(&VoiceError::TooLong(LONGEST_TEXT + 1).to_string()))),
            (
                sentences(&["Words", "Panic", "Words"]),
                (
                    vec![5],
                    false,
                    unavailable("the voice was interrupted by a fault and begins anew; ask again".to_owned()),
                ),
            ),
        ];
        for (text, expected) in cases {
            let (mut desk, mut fake) = (Desk::default(), Fake::default());
            let (request, mut made) = request(&text);
            desk.take(request);
            while desk.turn(&mut fake, Instant::now()) {}
            assert_eq!(drain(&mut made), expected, "{text:.40}");
            assert!(desk.is_empty());
            assert_eq!(fake.renewed, usize::from(text.contains("Panic")));
        }
    }

    #[test]
    fn what_a_person_should_know_is_told_once() {
        let (mut desk, mut fake) = (Desk::default(), Fake::default());
        let (request, mut made) = request("<speak>Hello <b>there</b>. How are you?</speak>");
        desk.take(request);
        while desk.turn(&mut fake, Instant::now()) {}
        let piece = made.try_recv().expect("it is there").expect("it is spoken");
        assert_eq!(piece.notices.len(), 2, "{:?}", piece.notices);
        assert!(piece.notices[0].contains("<b>") && piece.notices[1] == "a notice");
        let second = made.try_recv().expect("it is there").expect("it is spoken");
        assert_eq!(second.notices, Vec::<String>::new());
    }

    #[test]
    fn a_text_has_its_emotion_where_it_names_no_other() {
        let (mut desk, mut fake) = (Desk::default(), Fake::default());
        let (mut request, _made) = request(&format!("{} [happy] {}", sentences(&["A1"]), sentences(&["A2"])));
        request.emotion = Some(Emotion::Sad);
        desk.take(request);
        while desk.turn(&mut fake, Instant::now()) {}
        assert_eq!(fake.moods, [Some(Emotion::Sad), Some(Emotion::Happy)]);
    }

    /// The thread with real engines: its folder of models is empty, so espeak-ng speaks, and says why.
    #[test]
    fn the_thread_speaks_until_its_door_is_gone() {
        let empty = tempfile::tempdir().expect("a temporary folder");
        let door = open(Store::at(empty.path()), 1);
        assert!((door.voices)().iter().any(|voice| voice.id == ESPEAK && voice.installed), "espeak-ng is installed");
        for (model, notices) in [(ESPEAK, 0), ("piper-en-joe", 1), (ESPEAK, 0)] {
            let voice = VoiceSettings { model: model.into(), ..default_voice(Language::English) };
            let text = "Hello there. How are you today?".to_owned();
            let (request, mut made) = SpeechRequest::new(text, Language::English, voice);
            door.requests.try_send(request).expect("there is room");
            let mut pieces = Vec::new();
            while let Some(piece) = made.blocking_recv() {
                pieces.push(piece.expect("espeak-ng speaks"));
            }
            assert_eq!(pieces.iter().map(|piece| piece.last).collect::<Vec<_>>(), [false, true]);
            for piece in &pieces {
                assert!(piece.samples.len() > 20_000 && piece.samples.iter().any(|sample| sample.abs() > 0.1));
            }
            let told: Vec<_> = pieces.iter().map(|piece| piece.notices.len()).collect();
            assert_eq!(told, [notices, 0], "{model}: {:?}", pieces[0].notices);
        }
    }
}
