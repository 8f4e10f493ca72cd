//! Who is on stage and who is to come: what orders, files and finished rigs make of it. No Bevy, no files, no clock: the
//! tick tells what has happened, and is told what to do.

use std::sync::Arc;

use visage_core::{PortraitId, PortraitSource, Rig};
use visage_schedule::CharacterProfile;

/// Ticks after which a portrait that was not answered counts as failed: two minutes. Models may be loading.
pub(crate) const PORTRAIT_PATIENCE: u64 = 3_600;

/// One reading of a character.
#[derive(Clone, Debug)]
pub(crate) struct Version {
    /// Later readings have greater numbers.
    pub(crate) number: u64,
    /// The profile, or in words why there is none.
    pub(crate) outcome: Result<Cast, String>,
}

/// A character as it can be put on stage.
#[derive(Clone, Debug)]
pub(crate) struct Cast {
    /// What the other plugins need.
    pub(crate) profile: Arc<CharacterProfile>,
    /// Differs when anything of the character does.
    pub(crate) revision: String,
}

impl Cast {
    fn portrait(&self) -> PortraitId {
        self.profile.portrait.id()
    }
}

/// What the tick is to do.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    /// Ask for the rig of this portrait.
    Prepare(Arc<PortraitSource>),
    /// Put this character on stage, with a new rig, or with the one that is there.
    Enter(Arc<CharacterProfile>, Option<Arc<Rig>>),
    /// Another character than before is on stage, by order of a person: remember it for the next start.
    Remember(String),
    /// Tell a person. The first is the id of the character that it is about.
    Tell(String, String),
    /// What was last told about this character holds no more: the same again would be news.
    Forget(String),
}

/// Somebody who is getting ready.
#[derive(Debug)]
struct Coming {
    id: String,
    /// Whether a person ordered it and it is to be remembered.
    ordered: bool,
    /// `None` while its files are read.
    cast: Option<Cast>,
    /// The reading that it comes from.
    seen: u64,
}

#[derive(Debug)]
struct OnStage {
    cast: Cast,
    /// The latest reading that was dealt with.
    seen: u64,
}

/// The state.
#[derive(Debug, Default)]
pub(crate) struct Casting {
    on_stage: Option<OnStage>,
    coming: Option<Coming>,
    /// The portrait that is being prepared, and since which tick. One at a time, so that the last of many orders waits for
    /// one portrait and not for all.
    asked: Option<(PortraitId, u64)>,
}

impl Casting {
    /// Who is on stage.
    pub(crate) fn on_stage(&self) -> Option<&str> {
        self.on_stage.as_ref().map(|stage| stage.cast.profile.id.as_str())
    }

    /// Who comes, or else who is on stage.
    pub(crate) fn expected(&self) -> Option<&str> {
        self.coming.as_ref().map(|coming| coming.id.as_str()).or_else(|| self.on_stage())
    }

    /// Whether the files of this character are of interest.
    pub(crate) fn needs(&self, id: &str) -> bool {
        self.on_stage() == Some(id) || self.expected() == Some(id)
    }

    /// Somebody is to be on stage. The last order wins.
    pub(crate) fn order(&mut self, id: &str, ordered: bool) {
        self.coming = (self.on_stage() != Some(id)).then(|| Coming { id: id.to_owned(), ordered, cast: None, seen: 0 });
    }

    /// Somebody whose files were read already is to be on stage, at the start.
    pub(crate) fn begin(&mut self, cast: Cast) -> Vec<Action> {
        let id = cast.profile.id.clone();
        self.coming = Some(Coming { id, ordered: false, cast: Some(cast), seen: 0 });
        let mut actions = Vec::new();
        self.go_on(0, &mut actions);
        actions
    }

    /// A character's files were read. Readings that are known already change nothing.
    pub(crate) fn read(&mut self, id: &str, version: &Version, tick: u64) -> Vec<Action> {
        let mut actions = Vec::new();
        match &mut self.coming {
            Some(coming) if coming.id == id => {
                if version.number > coming.seen {
                    self.read_coming(version, tick, &mut actions);
                }
            }
            // What happens to who is on stage counts if the other one does not come.
            Some(_) => {}
            None => {
                let Some(stage) = self.on_stage.as_mut() else { return actions };
                if stage.cast.profile.id != id || version.number <= stage.seen {
                    return actions;
                }
                match &version.outcome {
                    Err(reason) => {
                        stage.seen = version.number;
                        actions.push(Action::Tell(id.to_owned(), reason.clone()));
                    }
                    Ok(cast) if cast.revision == stage.cast.revision => {
                        stage.seen = version.number;
                        actions.push(Action::Forget(id.to_owned()));
                    }
                    // Dealt with when it is on stage, or cannot be: an order for another one may come between.
                    Ok(cast) => {
                        let (id, cast) = (id.to_owned(), Some(cast.clone()));
                        self.coming = Some(Coming { id, ordered: false, cast, seen: version.number });
                        self.go_on(tick, &mut actions);
                    }
                }
            }
        }
        actions
    }

    fn read_coming(&mut self, version: &Version, tick: u64, actions: &mut Vec<Action>) {
        let Some(coming) = &mut self.coming else { return };
        let same = self.on_stage.as_mut().filter(|stage| stage.cast.profile.id == coming.id);
        match &version.outcome {
            // What was read of another one before is good enough to enter; then this counts.
            Err(_) if same.is_none() && coming.cast.is_some() => {}
            Err(reason) => {
                actions.push(Action::Tell(coming.id.clone(), reason.clone()));
                if let Some(stage) = same {
                    stage.seen = version.number;
                }
                self.coming = None;
            }
            Ok(cast) => {
                coming.seen = version.number;
                if let Some(stage) = same.filter(|stage| stage.cast.revision == cast.revision) {
                    // A change was taken back.
                    stage.seen = version.number;
                    actions.push(Action::Forget(coming.id.clone()));
                    self.coming = None;
                } else if coming.cast.as_ref().is_none_or(|known| known.revision != cast.revision) {
                    coming.cast = Some(cast.clone());
                    self.go_on(tick, actions);
                }
            }
        }
    }

    /// A portrait has been prepared, or has not.
    pub(crate) fn prepared(&mut self, portrait: PortraitId, rig: &Result<Arc<Rig>, String>, tick: u64) -> Vec<Action> {
        let mut actions = Vec::new();
        if self.asked.is_some_and(|(asked, _)| asked == portrait) {
            self.asked = None;
        }
        let waits = self.coming.as_ref().and_then(|coming| coming.cast.as_ref());
        if waits.is_some_and(|cast| cast.portrait() == portrait) {
            match rig {
                Ok(rig) => self.enter(Some(rig.clone()), &mut actions),
                Err(reason) => {
                    if let Some(Coming { id, cast: Some(cast), seen, .. }) = self.coming.take() {
                        if let Some(stage) = self.on_stage.as_mut().filter(|stage| stage.cast.profile.id == id) {
                            stage.seen = seen;
                        }
                        actions.push(Action::Tell(id, format!("{}: {reason}", cast.profile.name)));
                    }
                }
            }
        }
        self.go_on(tick, &mut actions);
        actions
    }

    /// Time passes: a portrait that is never answered is given up.
    pub(crate) fn wait(&mut self, tick: u64) -> Vec<Action> {
        match self.asked {
            Some((portrait, since)) if tick > since + PORTRAIT_PATIENCE => {
                self.prepared(portrait, &Err("its portrait could not be prepared in two minutes".to_owned()), tick)
            }
            _ => Vec::new(),
        }
    }

    /// Who comes enters, if the portrait is the one that is seen, or waits for its rig.
    fn go_on(&mut self, tick: u64, actions: &mut Vec<Action>) {
        let Some(cast) = self.coming.as_ref().and_then(|coming| coming.cast.as_ref()) else { return };
        if self.on_stage.as_ref().is_some_and(|stage| stage.cast.portrait() == cast.portrait()) {
            self.enter(None, actions);
        } else if self.asked.is_none() {
            self.asked = Some((cast.portrait(), tick));
            actions.push(Action::Prepare(cast.profile.portrait.clone()));
        }
    }

    fn enter(&mut self, rig: Option<Arc<Rig>>, actions: &mut Vec<Action>) {
        let Some(Coming { id, ordered, cast: Some(cast), seen }) = self.coming.take() else { return };
        actions.push(Action::Enter(cast.profile.clone(), rig));
        if ordered {
            actions.push(Action::Remember(id));
        }
        self.on_stage = Some(OnStage { cast, seen });
    }
}

#[cfg(test)]
mod tests {
    use visage_core::{Iris, LANDMARKS, MouthColours, Raster};

    use super::*;

    fn cast(id: &str, portrait: &str, revision: &str) -> Cast {
        let portrait = Arc::new(PortraitSource::picture_only(portrait.as_bytes()));
        let profile = CharacterProfile { id: id.into(), name: id.into(), portrait, ..CharacterProfile::default() };
        Cast { profile: Arc::new(profile), revision: revision.into() }
    }

    fn rig() -> Arc<Rig> {
        let raster = Raster { width: 0, height: 0, rgba: Arc::from([]) };
        Arc::new(Rig {
            portrait: raster.clone(),
            background: raster,
            matte: Arc::from([]),
            landmarks: Arc::new([[0.0; 3]; LANDMARKS]),
            irises: [Iris::default(); 2],
            roll: 0.0,
            colours: MouthColours { lips: [0; 3], skin: [0; 3], lids: [0; 3], white: [0; 3] },
        })
    }

    /// What can happen.
    enum Event {
        /// A person orders somebody.
        Order(&'static str),
        /// Files were read: id, number, portrait, revision.
        Read(&'static str, u64, &'static str, &'static str),
        /// Files were read and are broken: id, number.
        Broken(&'static str, u64),
        /// A portrait is ready.
        Ready(&'static str),
        /// A portrait has no face.
        Faceless(&'static str),
        /// Many ticks pass.
        Wait,
    }
    use Event::{Broken, Faceless, Order, Read, Ready, Wait};

    /// Plays the events and writes down what came of them, in short.
    fn check(events: &[Event], expected: &[&str]) {
        let mut casting = Casting::default();
        let mut told = Vec::new();
        let id = |portrait: &str| PortraitSource::picture_only(portrait.as_bytes()).id();
        for event in events {
            let actions = match *event {
                Order(who) => {
                    casting.order(who, true);
                    Vec::new()
                }
                Read(who, number, portrait, revision) => {
                    casting.read(who, &Version { number, outcome: Ok(cast(who, portrait, revision)) }, 0)
                }
                Broken(who, number) => casting.read(who, &Version { number, outcome: Err("line 3".to_owned()) }, 0),
                Ready(portrait) => casting.prepared(id(portrait), &Ok(rig()), 0),
                Faceless(portrait) => casting.prepared(id(portrait), &Err("no face".to_owned()), 0),
                Wait => casting.wait(PORTRAIT_PATIENCE + 1),
            };
            told.extend(actions.into_iter().map(|action| match action {
                Action::Prepare(source) => format!("prepare {}", String::from_utf8_lossy(source.picture())),
                Action::Enter(profile, rig) => {
                    format!("enter {}{}", profile.id, if rig.is_some() { "" } else { " as before" })
                }
                Action::Remember(id) => format!("remember {id}"),
                Action::Tell(id, text) => format!("tell {id} {text}"),
                Action::Forget(id) => format!("forget {id}"),
            }));
        }
        assert_eq!(told, expected);
    }

    const ANN: [Event; 3] = [Order("ann"), Read("ann", 1, "A", "1"), Ready("A")];

    fn after_ann(events: impl IntoIterator<Item = Event>, expected: &[&str]) {
        let events: Vec<_> = ANN.into_iter().chain(events).collect();
        check(&events, &[&["prepare A", "enter ann", "remember ann"], expected].concat());
    }

    #[test]
    fn an_order_brings_somebody_on_stage_and_is_remembered() {
        after_ann([], &[]);
        after_ann([Order("bob"), Read("bob", 2, "B", "1"), Ready("B")], &["prepare B", "enter bob", "remember bob"]);
        after_ann([Order("ann")], &[]);
    }

    #[test]
    fn the_last_of_many_orders_wins_and_waits_for_one_portrait_only() {
        after_ann(
            [
                Order("bob"),
                Read("bob", 2, "B", "1"),
                Order("cy"),
                Read("cy", 3, "C", "1"),
                Order("di"),
                Read("di", 4, "D", "1"),
                Ready("B"),
                Ready("D"),
            ],
            &["prepare B", "prepare D", "enter di", "remember di"],
        );
        // There and back again while the other is made ready.
        after_ann([Order("bob"), Read("bob", 2, "B", "1"), Order("ann"), Ready("B")], &["prepare B"]);
        // The answer to an older order may be for what is wanted again.
        after_ann(
            [Order("bob"), Read("bob", 2, "B", "1"), Order("ann"), Order("bob"), Read("bob", 2, "B", "1"), Ready("B")],
            &["prepare B", "enter bob", "remember bob"],
        );
    }

    #[test]
    fn a_failure_leaves_who_is_there_and_says_why() {
        after_ann([Order("bob"), Broken("bob", 2)], &["tell bob line 3"]);
        after_ann(
            [Order("bob"), Read("bob", 2, "B", "1"), Faceless("B"), Read("ann", 5, "A", "2")],
            &["prepare B", "tell bob bob: no face", "enter ann as before"],
        );
        after_ann(
            [Order("bob"), Read("bob", 2, "B", "1"), Wait],
            &["prepare B", "tell bob bob: its portrait could not be prepared in two minutes"],
        );
        // What was changed of Ann while Bob was to come counts when he does not.
        after_ann(
            [Order("bob"), Read("ann", 2, "A", "2"), Broken("bob", 3), Read("ann", 2, "A", "2")],
            &["tell bob line 3", "enter ann as before"],
        );
    }

    #[test]
    fn a_change_of_the_files_reaches_the_stage() {
        // The same again, as after two events for one save.
        after_ann([Read("ann", 2, "A", "1"), Read("ann", 2, "A", "1")], &["forget ann"]);
        // Words, voice, presets: at once, with the rig that is there.
        after_ann([Read("ann", 2, "A", "2"), Read("ann", 2, "A", "2")], &["enter ann as before"]);
        // The portrait: when its rig is ready.
        after_ann([Read("ann", 2, "A2", "2"), Ready("A2")], &["prepare A2", "enter ann"]);
        // Changed again meanwhile, changed back, broken, mended.
        after_ann(
            [Read("ann", 2, "A2", "2"), Read("ann", 3, "A3", "3"), Ready("A2"), Ready("A3")],
            &["prepare A2", "prepare A3", "enter ann"],
        );
        after_ann([Read("ann", 2, "A2", "2"), Read("ann", 3, "A", "1"), Ready("A2")], &["prepare A2", "forget ann"]);
        after_ann(
            [Broken("ann", 2), Broken("ann", 2), Read("ann", 3, "A", "1"), Broken("ann", 4)],
            &["tell ann line 3", "forget ann", "tell ann line 3"],
        );
        // Ordered again, or somebody else in vain, while the new portrait is made ready.
        after_ann(
            [
                Read("ann", 2, "A2", "2"),
                Order("ann"),
                Read("ann", 2, "A2", "2"),
                Ready("A2"),
                Read("ann", 2, "A2", "2"),
            ],
            &["prepare A2", "enter ann"],
        );
        after_ann(
            [Read("ann", 2, "A2", "2"), Order("bob"), Broken("bob", 3), Read("ann", 2, "A2", "2"), Ready("A2")],
            &["prepare A2", "tell bob line 3", "enter ann"],
        );
        // One without a face is tried once.
        after_ann(
            [Read("ann", 2, "A2", "2"), Faceless("A2"), Read("ann", 2, "A2", "2")],
            &["prepare A2", "tell ann ann: no face"],
        );
        // An older reading that comes late is not taken for news.
        after_ann([Read("ann", 4, "A", "4"), Read("ann", 3, "A", "3")], &["enter ann as before"]);
        // Who comes is edited while the portrait is made ready.
        after_ann(
            [Order("bob"), Read("bob", 2, "B", "1"), Read("bob", 3, "B2", "2"), Ready("B"), Ready("B2")],
            &["prepare B", "prepare B2", "enter bob", "remember bob"],
        );
    }

    #[test]
    fn two_characters_with_one_picture_share_the_rig() {
        after_ann([Order("eve"), Read("eve", 2, "A", "1")], &["enter eve as before", "remember eve"]);
    }
}
