use std::{fs::File, path::Path, time::Duration};

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use visage_cloning::EMBEDDING;

use super::*;

/// What the stand-in for Kokoro does next.
enum Step {
    Tell(FitProgress),
    End,
    Fail,
    Panic,
}

/// Does what the test says, step by step.
struct Fake {
    missing: Option<String>,
    people: usize,
    steps: Receiver<Step>,
    answers: Sender<Go>,
}

impl Fits for Fake {
    fn missing(&self) -> Option<String> {
        self.missing.clone()
    }

    fn hear(&self, _: &ReferenceClip) -> Result<Embedding, CloningError> {
        if self.people > 1 {
            return Err(CloningError::SeveralSpeakers { similarity: 0.4 });
        }
        Embedding::new(vec![1.0; EMBEDDING])
    }

    fn fit(
        &self,
        _: &Embedding,
        _: Language,
        _: usize,
        progress: &mut dyn FnMut(FitProgress) -> Go,
    ) -> Result<Made, VoiceError> {
        for step in &self.steps {
            match step {
                Step::Tell(now) => {
                    let go = progress(now);
                    // A test that has failed listens no more.
                    let _ = self.answers.send(go);
                    if go == Go::Cancel {
                        break;
                    }
                }
                Step::End => {
                    let similarity = Similarity { before: 0.5, after: 0.75 };
                    return Ok(Made { style: vec![0.5; 4], similarity, loudness: Some(-20.0) });
                }
                Step::Fail => return Err(VoiceError::NoEspeak),
                Step::Panic => panic!("as the test asks for"),
            }
        }
        Err(CloningError::Cancelled.into())
    }
}

/// A workshop with voices in a folder of its own, and the strings by which its engine is led.
struct Bench {
    workshop: Option<Workshop<Fake>>,
    steps: Sender<Step>,
    answers: Receiver<Go>,
    profiles: Profiles,
    _folder: tempfile::TempDir,
}

const PATIENCE: Duration = Duration::from_secs(60);

impl Bench {
    fn new() -> Self {
        Self::with(None, 1)
    }

    fn with(missing: Option<&str>, people: usize) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let profiles = Profiles::at(folder.path());
        let ((steps, led), (answers, answered)) = (bounded(0), unbounded());
        let fake = Fake { missing: missing.map(str::to_owned), people, steps: led, answers };
        let workshop = Some(Workshop::new(fake, profiles.clone()));
        Self { workshop, steps, answers: answered, profiles, _folder: folder }
    }

    fn workshop(&self) -> &Workshop<Fake> {
        self.workshop.as_ref().expect("it was not closed yet")
    }

    fn begin(&self, order: CloneOrder) -> Result<CloneJob, CloneRefusal> {
        self.workshop().begin(order)
    }

    /// Has the engine do something, once it is there.
    fn step(&self, step: Step) {
        self.steps.send_timeout(step, PATIENCE).expect("a voice is being fitted");
    }

    fn tell(&self, now: FitProgress) -> Go {
        self.step(Step::Tell(now));
        self.answers.recv_timeout(PATIENCE).expect("it goes on or not")
    }

    fn state(&self, job: &CloneJob) -> CloneState {
        self.workshop().look(&job.id).expect("it is on the board").state
    }

    /// Waits until a job has come to its end.
    fn end(&self, job: &CloneJob) -> CloneState {
        let began = std::time::Instant::now();
        loop {
            let state = self.state(job);
            if state.has_ended() {
                return state;
            }
            assert!(began.elapsed() < PATIENCE, "it never ends: {state:?}");
            thread::yield_now();
        }
    }

    fn voices(&self) -> Vec<String> {
        self.profiles.list().expect("a folder").profiles.into_iter().map(|profile| profile.id).collect()
    }
}

/// Somebody who speaks for 5 s, and allows it.
fn order(name: &str) -> CloneOrder {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../cloning/fixtures/af_heart.flac");
    let sound = visage_core::decode_sound(File::open(path).expect("it is in the project"), 60).expect("a sound");
    CloneOrder {
        samples: sound.samples,
        rate: sound.rate,
        name: name.to_owned(),
        language: Language::German,
        permission: "I allow that my voice is cloned.".to_owned(),
        by: "Anna".to_owned(),
        denoise: false,
        tries: 10,
    }
}

fn tries(done: usize) -> FitProgress {
    FitProgress::Tries { done, of: 10, best: 0.6 }
}

#[test]
fn a_recording_becomes_a_voice_one_after_the_other() {
    let bench = Bench::new();
    let first = bench.begin(order(" Anna ")).expect("it is good");
    assert_eq!((first.name.as_str(), &first.state), ("Anna", &CloneState::Waiting));
    assert!(first.id.len() > HASH + 1 && first.id.ends_with("-1"), "{}", first.id);
    assert_eq!(bench.tell(FitProgress::Voices { done: 3, of: 6 }), Go::On);
    assert_eq!(bench.state(&first), CloneState::Fitting { progress: 3.0 / 20.0 });
    let second = bench.begin(order("Anna")).expect("it is good");
    assert_eq!(bench.tell(tries(4)), Go::On);
    assert_eq!(bench.state(&first), CloneState::Fitting { progress: 10.0 / 20.0 });
    assert_eq!(bench.state(&second), CloneState::Waiting);
    bench.step(Step::End);
    let done =
        |voice: &str| CloneState::Done { voice: voice.to_owned(), similarity_before: 0.5, similarity_after: 0.75 };
    assert_eq!(bench.end(&first), done("clone/anna"));
    // Without voices to be heard first.
    assert_eq!(bench.tell(tries(7)), Go::On);
    assert_eq!(bench.state(&second), CloneState::Fitting { progress: 7.0 / 14.0 });
    bench.step(Step::End);
    assert_eq!(bench.end(&second), done("clone/anna-2"));

    let (profile, style) = bench.profiles.load("anna").expect("it is kept");
    assert_eq!((profile.permission.by.as_str(), profile.languages), ("Anna", vec![Language::German]));
    assert_eq!((profile.similarity_after, profile.loudness, profile.marked), (0.75, Some(-20.0), true));
    assert_eq!(style.len(), 4);
    assert!(profile.source_sha256.starts_with(&first.id[..HASH]));
    bench.workshop().delete("clone/anna").expect("it is there");
    bench.workshop().delete("anna-2").expect("it is there");
    for gone in ["clone/anna", "anna", "clone/../x", "../x", "espeak-ng"] {
        let refused = bench.workshop().delete(gone).expect_err(gone);
        assert!(matches!(refused, CloneRefusal::Unknown(_)), "{gone}: {refused:?}");
    }
    assert_eq!(bench.voices(), Vec::<String>::new());
}

#[test]
fn what_cannot_be_cloned_is_refused_at_once() {
    let bare = Bench::with(Some("run `visage models fetch kokoro`"), 1);
    let crowd = Bench::with(None, 2);
    let with = |change: &dyn Fn(&mut CloneOrder)| {
        let mut order = order("Anna");
        change(&mut order);
        order
    };
    type Kind = fn(String) -> CloneRefusal;
    let cases: [(&Bench, CloneOrder, Kind, &str); 10] = [
        (&bare, with(&|order| order.permission.clear()), CloneRefusal::Permission, "statement of permission"),
        (&bare, with(&|order| order.permission = "yes".into()), CloneRefusal::Permission, "says nothing"),
        (&bare, with(&|order| order.by = " ".into()), CloneRefusal::Permission, "who made"),
        (&bare, with(&|order| order.name = "a\nb".into()), CloneRefusal::Name, "name of a voice"),
        // The recording is looked at before the engine, so that a bad one is known without.
        (&bare, with(&|order| order.samples.fill(0.0)), CloneRefusal::Recording, "silent"),
        (&bare, with(&|order| order.samples.truncate(40_000)), CloneRefusal::Recording, "10 to 30 seconds"),
        (&bare, with(&|order| order.rate = 100), CloneRefusal::Recording, "100 samples a second"),
        (&bare, order("Anna"), CloneRefusal::NotInstalled, "run `visage models fetch kokoro`"),
        (&crowd, order("Anna"), CloneRefusal::Recording, "more than one voice"),
        (&crowd, with(&|order| order.name.clear()), CloneRefusal::Name, "1 to 80"),
    ];
    for (bench, order, kind, words) in cases {
        let refused = bench.begin(order).expect_err(words);
        assert_eq!(refused, kind(refused.to_string()), "{words}");
        assert!(refused.to_string().contains(words), "{refused}");
        assert!(bench.workshop().0.board().entries.is_empty(), "nothing is queued");
    }
}

#[test]
fn what_is_called_off_leaves_nothing() {
    let bench = Bench::new();
    assert_eq!(bench.workshop().call_off("nobody"), None);
    let [first, second, third] = ["A", "B", "C"].map(|name| bench.begin(order(name)).expect("it is good"));
    assert_eq!(bench.tell(tries(1)), Go::On);
    for job in [&first, &second] {
        let off = bench.workshop().call_off(&job.id).expect("it is on the board");
        assert_eq!(off.state, CloneState::CalledOff);
    }
    // The one that is being fitted learns it at its next sentence, and is passed over even if there was none.
    assert_eq!(bench.tell(tries(2)), Go::Cancel);
    // The second one is never begun.
    assert_eq!(bench.tell(tries(3)), Go::On);
    assert_eq!(bench.state(&third), CloneState::Fitting { progress: 3.0 / 14.0 });
    bench.workshop().call_off(&third.id).expect("it is on the board");
    let last = bench.begin(order("D")).expect("it is good");
    bench.step(Step::End);
    bench.step(Step::End);
    assert!(matches!(bench.end(&last), CloneState::Done { voice, .. } if voice == "clone/d"));
    assert_eq!(bench.voices(), ["d"]);
    let late = bench.workshop().call_off(&last.id).expect("it is on the board");
    assert!(matches!(late.state, CloneState::Done { .. }), "{late:?}");
}

#[test]
fn no_more_wait_than_may_and_what_has_ended_is_forgotten_in_time() {
    let bench = Bench::new();
    let running = bench.begin(order("running")).expect("it is good");
    bench.tell(tries(0));
    let waiting: Vec<_> = (0..WAITING).map(|_| bench.begin(order("waiting")).expect("there is room")).collect();
    assert_eq!(bench.begin(order("late")), Err(CloneRefusal::Busy));
    // A place is free as soon as somebody gives theirs up.
    bench.workshop().call_off(&waiting[1].id).expect("it is on the board");
    bench.begin(order("next")).expect("there is room");
    assert_eq!(bench.begin(order("late")), Err(CloneRefusal::Busy));

    let mut board = Board::default();
    let work = Work {
        target: Embedding::new(vec![1.0; EMBEDDING]).expect("a direction"),
        name: "Anna".into(),
        language: Language::German,
        tries: 1,
        permission: Permission { text: String::new(), by: String::new(), at: Utc::now() },
        source_sha256: "ab".repeat(32),
    };
    let ids: Vec<String> = (0..REMEMBERED + 3)
        .map(|_| {
            let job = board.add(work.clone()).expect("there is room");
            assert!(board.begin().is_some_and(|(id, _)| id == job.id));
            assert!(board.note(&job.id, CloneState::Failed { reason: String::new() }));
            // It has ended, and stays so.
            assert!(!board.note(&job.id, CloneState::Waiting) && !board.keep(&job.id));
            job.id
        })
        .collect();
    assert_eq!(board.entries.len(), REMEMBERED);
    assert!(board.entry(&ids[2]).is_none() && board.entry(&ids[3]).is_some());
    assert!(board.begin().is_none() && !board.at_work);
    bench.workshop().call_off(&running.id).expect("it is on the board");
}

#[test]
fn a_fault_ends_one_job_and_no_more() {
    let bench = Bench::new();
    for (step, words) in [(Step::Fail, "espeak-ng"), (Step::Panic, "a fault in the program")] {
        let job = bench.begin(order("Anna")).expect("it is good");
        bench.step(step);
        let ended = bench.end(&job);
        assert!(matches!(&ended, CloneState::Failed { reason } if reason.contains(words)), "{ended:?}");
    }
    let job = bench.begin(order("Anna")).expect("it is good");
    bench.step(Step::End);
    assert!(matches!(bench.end(&job), CloneState::Done { .. }));
    // What cannot be kept is told, too.
    std::fs::remove_dir_all(bench.profiles.folder()).expect("it is there");
    std::fs::write(bench.profiles.folder(), "a file in its place").expect("written");
    let job = bench.begin(order("Anna")).expect("it is good");
    bench.step(Step::End);
    assert!(matches!(bench.end(&job), CloneState::Failed { .. }));
    std::fs::remove_file(bench.profiles.folder()).expect("it was written above");
}

#[test]
fn the_work_ends_with_the_program() {
    let mut bench = Bench::new();
    let begun = bench.begin(order("Anna")).expect("it is good");
    bench.begin(order("Ben")).expect("it is good");
    assert_eq!(bench.tell(tries(1)), Go::On);
    let inner = bench.workshop().0.clone();
    bench.workshop = None;
    assert_eq!(bench.tell(tries(2)), Go::Cancel);
    // The thread is gone, and nobody takes the second one up.
    while Arc::strong_count(&inner) > 1 {
        thread::yield_now();
    }
    let mut board = inner.board();
    assert_eq!(board.entry(&begun.id).map(|entry| entry.job.state.clone()), Some(CloneState::CalledOff));
    assert_eq!(board.entries[1].job.state, CloneState::Waiting);
    drop(board);
    assert_eq!(bench.voices(), Vec::<String>::new());
}
