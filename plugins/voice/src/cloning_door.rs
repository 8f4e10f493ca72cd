//! What stands behind the [`CloningDoor`]: recordings are checked while whoever asks waits, and become voices one after the
//! other, on a thread that gives way to the avatar's.
//!
//! The thread lives while there is something to fit. What is asked of it and how far it is stands on a board, which whoever
//! asks reads at any time. When the last copy of the door goes, the thread ends at the next sentence that it would have spoken.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

use chrono::Utc;
use visage_cloning::{
    ClipOptions, CloningError, Embedding, FitProgress, Go, Permission, Profiles, ReferenceClip, Similarity,
    SpeakerEncoder, VoiceProfile, check_voice_name,
};
use visage_core::{Language, StopFlag, ThreadAtWork, give_way};
use visage_models::Store;
use visage_schedule::{CloneJob, CloneOrder, CloneRefusal, CloneState, CloneVoices, CloningDoor};

use crate::{
    KOKORO, VoiceError,
    clones::{CLONE, clone_voice, cloned_id, cloned_voices},
    espeak::program,
    voices::{NO_ESPEAK, to_fetch},
};

/// Recordings that wait while one is fitted, each for some minutes. When it is full, whoever asks is told so at once.
const WAITING: usize = 4;
/// Jobs that have ended and can still be looked at. When there are more, the oldest is forgotten.
const REMEMBERED: usize = 32;
/// Sentences that are spoken after the last try, to see what the voice has become: two by each of two styles.
const AT_THE_END: usize = 4;
/// Characters of the recording's hash that begin the id of its job.
const HASH: usize = 12;

/// The door, with voices that are kept where `visage voices clone` keeps them. `threads` is what one synthesis may use.
pub(crate) fn open(store: Store, threads: usize) -> CloningDoor {
    CloningDoor(Arc::new(Workshop::new(Engines { store, threads }, cloned_voices())))
}

/// A voice that was fitted.
struct Made {
    style: Vec<f32>,
    similarity: Similarity,
    /// How loud it speaks by itself, LUFS, if that could be measured.
    loudness: Option<f32>,
}

/// Whatever hears voices and fits others to them.
trait Fits: Send + Sync + 'static {
    /// What to do so that it can; `None` if it can.
    fn missing(&self) -> Option<String>;

    /// The voice in a recording.
    fn hear(&self, clip: &ReferenceClip) -> Result<Embedding, CloningError>;

    /// Fits a voice. Takes minutes.
    fn fit(
        &self,
        target: &Embedding,
        language: Language,
        tries: usize,
        progress: &mut dyn FnMut(FitProgress) -> Go,
    ) -> Result<Made, VoiceError>;
}

/// Kokoro and the speaker encoder, loaded for each voice and dropped after it.
struct Engines {
    store: Store,
    threads: usize,
}

impl Fits for Engines {
    fn missing(&self) -> Option<String> {
        if program().is_err() { Some(NO_ESPEAK.to_owned()) } else { to_fetch(&self.store, KOKORO) }
    }

    fn hear(&self, clip: &ReferenceClip) -> Result<Embedding, CloningError> {
        clip.embed(&mut SpeakerEncoder::load(self.threads)?)
    }

    fn fit(
        &self,
        target: &Embedding,
        language: Language,
        tries: usize,
        progress: &mut dyn FnMut(FitProgress) -> Go,
    ) -> Result<Made, VoiceError> {
        let fitted = clone_voice(&self.store, target, language, tries, self.threads, progress)?;
        let style = fitted.style.numbers().to_vec();
        Ok(Made { style, similarity: fitted.held_out, loudness: fitted.loudness })
    }
}

/// A recording that was found good, and what is to become of it.
#[derive(Clone)]
struct Work {
    target: Embedding,
    name: String,
    language: Language,
    tries: usize,
    permission: Permission,
    source_sha256: String,
}

/// A job, and what is to be done for it.
struct Entry {
    job: CloneJob,
    /// Taken out when it begins.
    work: Option<Work>,
    /// Whether its voice is being kept, from when on it cannot be called off.
    kept: bool,
}

/// All jobs, in the order in which they were asked for.
#[derive(Default)]
struct Board {
    entries: VecDeque<Entry>,
    /// Jobs that there have ever been.
    count: u64,
    /// Whether the thread lives.
    at_work: bool,
}

impl Board {
    fn has_room(&self) -> bool {
        self.entries.iter().filter(|entry| entry.job.state == CloneState::Waiting).count() < WAITING
    }

    /// Puts up a job, if there is room for it.
    fn add(&mut self, work: Work) -> Option<CloneJob> {
        if !self.has_room() {
            return None;
        }
        self.count += 1;
        let id = format!("{}-{}", &work.source_sha256[..HASH.min(work.source_sha256.len())], self.count);
        let job = CloneJob { id, name: work.name.clone(), state: CloneState::Waiting };
        self.entries.push_back(Entry { job: job.clone(), work: Some(work), kept: false });
        Some(job)
    }

    /// Begins the first job that waits; `None` if the thread has nothing to do and ends.
    fn begin(&mut self) -> Option<(String, Work)> {
        let waiting = self.entries.iter_mut().find(|entry| entry.job.state == CloneState::Waiting);
        let begun = waiting.and_then(|entry| {
            entry.job.state = CloneState::Fitting { progress: 0.0 };
            Some((entry.job.id.clone(), entry.work.take()?))
        });
        self.at_work = begun.is_some();
        begun
    }

    fn entry(&mut self, id: &str) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|entry| entry.job.id == id)
    }

    /// Notes how far a job is; says whether it is still wanted.
    fn note(&mut self, id: &str, state: CloneState) -> bool {
        let Some(entry) = self.entry(id).filter(|entry| !entry.job.state.has_ended()) else { return false };
        entry.job.state = state;
        let surplus =
            self.entries.iter().filter(|entry| entry.job.state.has_ended()).count().saturating_sub(REMEMBERED);
        for _ in 0..surplus {
            let oldest = self.entries.iter().position(|entry| entry.job.state.has_ended());
            oldest.and_then(|oldest| self.entries.remove(oldest));
        }
        true
    }

    /// The voice of a job is about to be kept: says whether it is still wanted, which then is final.
    fn keep(&mut self, id: &str) -> bool {
        match self.entry(id) {
            Some(entry) if !entry.job.state.has_ended() => {
                entry.kept = true;
                true
            }
            _ => false,
        }
    }

    fn call_off(&mut self, id: &str) -> Option<CloneJob> {
        let entry = self.entry(id)?;
        if !entry.kept && !entry.job.state.has_ended() {
            entry.work = None;
            self.note(id, CloneState::CalledOff);
        }
        self.entry(id).map(|entry| entry.job.clone())
    }
}

/// How much of the work is done, 0..=1.
#[derive(Default)]
struct Share {
    /// The engine's own voices that were heard first, if they had to be.
    heard: usize,
}

impl Share {
    fn of(&mut self, tries: usize, now: FitProgress) -> f32 {
        let (done, all) = match now {
            FitProgress::Voices { done, of } => {
                self.heard = of;
                (done, of + tries + AT_THE_END)
            }
            FitProgress::Tries { done, of, .. } => (self.heard + done, self.heard + of + AT_THE_END),
        };
        done as f32 / all.max(1) as f32
    }
}

/// What the asking threads and the fitting one share.
struct Inner<F> {
    fits: F,
    profiles: Profiles,
    board: Mutex<Board>,
    /// Set when nobody can ask any more.
    ending: StopFlag,
}

impl<F: Fits> Inner<F> {
    /// Each change of the board is whole, so one that a panic has seen is as good as any.
    fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fits what waits, until nothing does.
    fn run(&self) {
        give_way();
        loop {
            let Some((id, work)) = self.board().begin() else { return };
            let _at_work = ThreadAtWork::begin();
            let made = catch_unwind(AssertUnwindSafe(|| self.make(&id, work)));
            let state = match made {
                Ok(Ok(state)) => state,
                Ok(Err(VoiceError::Cloning(CloningError::Cancelled))) => CloneState::CalledOff,
                Ok(Err(error)) => CloneState::Failed { reason: error.to_string() },
                Err(_) => CloneState::Failed { reason: FAULT.to_owned() },
            };
            self.board().note(&id, state);
            if self.ending.is_set() {
                return;
            }
        }
    }

    /// Makes the voice of a job.
    fn make(&self, id: &str, work: Work) -> Result<CloneState, VoiceError> {
        let mut share = Share::default();
        let mut progress = |now: FitProgress| {
            let progress = share.of(work.tries, now);
            let wanted = self.board().note(id, CloneState::Fitting { progress });
            if wanted && !self.ending.is_set() { Go::On } else { Go::Cancel }
        };
        let Made { style, similarity, loudness } =
            self.fits.fit(&work.target, work.language, work.tries, &mut progress)?;
        if !self.board().keep(id) {
            return Err(CloningError::Cancelled.into());
        }
        let profile = VoiceProfile {
            id: self.profiles.free_id(&work.name),
            name: work.name,
            engine: KOKORO.to_owned(),
            languages: vec![work.language],
            created: Utc::now(),
            source_sha256: work.source_sha256,
            permission: work.permission,
            similarity_before: similarity.before,
            similarity_after: similarity.after,
            marked: true,
            loudness,
        };
        self.profiles.create(&profile, &style)?;
        let voice = format!("{CLONE}/{}", profile.id);
        tracing::info!("there is a new voice, {voice}");
        Ok(CloneState::Done { voice, similarity_before: similarity.before, similarity_after: similarity.after })
    }

    /// What an order becomes if it is good: what needs no time is looked at first.
    fn check(&self, order: &CloneOrder) -> Result<Work, CloneRefusal> {
        let permission = Permission { text: order.permission.clone(), by: order.by.clone(), at: Utc::now() };
        permission.check().map_err(refusal)?;
        check_voice_name(&order.name).map_err(refusal)?;
        if !self.board().has_room() {
            return Err(CloneRefusal::Busy);
        }
        let options = ClipOptions { denoise: order.denoise };
        let clip = ReferenceClip::check(&order.samples, order.rate, options).map_err(refusal)?;
        if let Some(advice) = self.fits.missing() {
            let words = format!("Kokoro, which is to speak with the voice, is not ready on this machine; {advice}");
            return Err(CloneRefusal::NotInstalled(words));
        }
        Ok(Work {
            target: self.fits.hear(&clip).map_err(refusal)?,
            name: order.name.trim().to_owned(),
            language: order.language,
            tries: order.tries,
            permission,
            source_sha256: clip.sha256,
        })
    }
}

/// Told when a panic ended the work.
const FAULT: &str = "the work was interrupted by a fault in the program; try again";

/// Whose fault it is that there is no voice.
fn refusal(error: CloningError) -> CloneRefusal {
    let words = error.to_string();
    match error {
        CloningError::NoPermission(_) => CloneRefusal::Permission(words),
        CloningError::InvalidName { .. } => CloneRefusal::Name(words),
        CloningError::Rate { .. }
        | CloningError::NotANumber
        | CloningError::TooLong { .. }
        | CloningError::TooShort { .. }
        | CloningError::Silent
        | CloningError::Clipped { .. }
        | CloningError::Noisy { .. }
        | CloningError::SeveralSpeakers { .. } => CloneRefusal::Recording(words),
        CloningError::Unknown { .. } | CloningError::InvalidId { .. } => CloneRefusal::Unknown(words),
        _ => CloneRefusal::Unavailable(words),
    }
}

/// Makes voices of recordings.
struct Workshop<F>(Arc<Inner<F>>);

impl<F: Fits> Workshop<F> {
    fn new(fits: F, profiles: Profiles) -> Self {
        Self(Arc::new(Inner { fits, profiles, board: Mutex::default(), ending: StopFlag::default() }))
    }
}

impl<F> Drop for Workshop<F> {
    fn drop(&mut self) {
        self.0.ending.set();
    }
}

impl<F: Fits> CloneVoices for Workshop<F> {
    fn begin(&self, order: CloneOrder) -> Result<CloneJob, CloneRefusal> {
        // The asking thread goes on to other work after this, so it cannot give way itself.
        let inner = &self.0;
        let checked = thread::scope(|scope| {
            let check = || {
                give_way();
                inner.check(&order)
            };
            let thread = thread::Builder::new().name("cloning check".to_owned()).spawn_scoped(scope, check);
            thread.ok()?.join().ok()
        });
        let work = checked.unwrap_or_else(|| Err(CloneRefusal::Unavailable(FAULT.to_owned())))?;
        let mut board = inner.board();
        let job = board.add(work).ok_or(CloneRefusal::Busy)?;
        if !board.at_work {
            let inner = inner.clone();
            let spawned = thread::Builder::new().name("cloning".to_owned()).spawn(move || inner.run());
            if let Err(error) = spawned {
                board.call_off(&job.id);
                let words = format!("the thread that fits voices cannot be started: {error}");
                return Err(CloneRefusal::Unavailable(words));
            }
            board.at_work = true;
        }
        Ok(job)
    }

    fn look(&self, job: &str) -> Option<CloneJob> {
        self.0.board().entry(job).map(|entry| entry.job.clone())
    }

    fn call_off(&self, job: &str) -> Option<CloneJob> {
        self.0.board().call_off(job)
    }

    fn delete(&self, voice: &str) -> Result<(), CloneRefusal> {
        let id = cloned_id(voice).unwrap_or(voice);
        self.0.profiles.delete(id).map_err(refusal)?;
        tracing::info!("the voice {CLONE}/{id} is deleted");
        Ok(())
    }
}

#[cfg(test)]
mod tests;
