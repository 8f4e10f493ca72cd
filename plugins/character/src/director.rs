//! Carries what has happened to [`Casting`] and does what it decides: the systems of this crate.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use bevy::{ecs::system::SystemParam, prelude::*};
use tokio::sync::broadcast::{Receiver, error::TryRecvError};
use tracing::info;
use visage_core::WorkerHandle;
use visage_library::{Change, What};
use visage_schedule::{
    Activate, ActiveCharacter, CharacterList, EditCharacter, MediaClock, PortraitReady, PreparePortrait, Problem,
    RigDoor,
};

use crate::{
    CharacterAsset,
    asset::asset_path,
    casting::{Action, Cast, Casting},
    source::FolderChanges,
    store::{Command, Event, Listed},
};

/// Ticks after which a library that could not be read is asked again: two seconds.
const ASK_AGAIN: u64 = 60;

/// Ticks after which a character whose files are not there is gone for good: a second. Some editors delete a file before
/// they write it anew.
const GONE_FOR_GOOD: u64 = 30;

/// Who is on stage, and what the tick knows of the library.
#[derive(Resource)]
pub(crate) struct Director {
    casting: Casting,
    actions: Vec<Action>,
    /// The characters whose files matter now; nobody else's are kept in memory.
    handles: HashMap<String, Handle<CharacterAsset>>,
    worker: WorkerHandle<Command, Event>,
    changes: Receiver<Change>,
    /// The folder's count at the last list.
    folder: u64,
    /// The list is out of date, and when it may be asked for.
    stale: Option<u64>,
    /// The list is being read.
    listing: bool,
    /// The character that the library calls active, and how often we told it so.
    choice: Option<String>,
    choices: u64,
    /// A choice that is not sent yet.
    to_remember: Option<String>,
    /// Since when the files of who is expected are not there.
    lost_since: Option<u64>,
    /// What was last said about a character, so that it is said once.
    told: BTreeMap<String, String>,
}

impl Director {
    pub(crate) fn new(worker: WorkerHandle<Command, Event>, changes: Receiver<Change>) -> Self {
        Self {
            casting: Casting::default(),
            actions: Vec::new(),
            handles: HashMap::new(),
            worker,
            changes,
            folder: 0,
            stale: None,
            listing: false,
            choice: None,
            choices: 0,
            to_remember: None,
            lost_since: None,
            told: BTreeMap::new(),
        }
    }

    pub(crate) fn act(&mut self, action: Action) {
        self.actions.push(action);
    }

    /// The library could not be read at the start.
    pub(crate) fn ask_later(&mut self) {
        self.stale = Some(ASK_AGAIN);
    }

    /// What the library calls active.
    pub(crate) fn choose(&mut self, id: Option<String>) {
        self.choice = id;
    }

    pub(crate) fn begin(&mut self, cast: Cast) {
        let actions = self.casting.begin(cast);
        self.actions.extend(actions);
    }

    /// Asks for what is to be asked, as far as the thread has room.
    fn ask(&mut self, tick: u64) {
        if let Some(id) = self.to_remember.take()
            && self.worker.try_send(Command::Remember(id.clone())).is_err()
        {
            self.to_remember = Some(id);
        }
        let due = self.stale.is_some_and(|since| since <= tick) && !self.listing && self.to_remember.is_none();
        if due && self.worker.try_send(Command::List { choices: self.choices }).is_ok() {
            self.stale = None;
            self.listing = true;
        }
    }

    /// The list has come.
    fn listed(&mut self, listed: Listed, list: &mut CharacterList, tick: u64) {
        for (id, reason) in &listed.broken {
            self.actions.push(Action::Tell(id.clone(), reason.clone()));
        }
        let known = |id: &str| listed.characters.iter().any(|character| character.id == id);
        let broken = |id: &str| listed.broken.iter().any(|(broken, _)| broken == id);
        self.told.retain(|id, _| broken(id) || self.casting.needs(id));
        // Choices that were sent after the list was asked for are not in it.
        if listed.choices == self.choices && self.to_remember.is_none() {
            // The library names another one also when the chosen one is broken; that one stays where it is.
            let chosen = listed.active != self.choice && self.choice.as_deref().is_none_or(known);
            let expected = self.casting.expected();
            let lost = expected.is_none_or(|id| !known(id) && !broken(id));
            let since = self.lost_since.take().unwrap_or(if expected.is_some() { tick } else { 0 });
            if chosen || (lost && tick >= since + GONE_FOR_GOOD) {
                if let Some(active) = listed.active.clone().filter(|active| expected != Some(active)) {
                    self.casting.order(&active, false);
                }
                self.choice = listed.active;
            } else if lost {
                self.lost_since = Some(since);
                self.stale = Some(tick + GONE_FOR_GOOD);
            }
        }
        if list.0 != listed.characters {
            list.0 = listed.characters;
        }
    }
}

/// People choose and change characters. The last choice wins.
pub(crate) fn take_orders(
    mut director: ResMut<Director>,
    mut orders: MessageReader<Activate>,
    mut edits: MessageReader<EditCharacter>,
    door: Option<Res<RigDoor>>,
    mut problems: MessageWriter<Problem>,
) {
    if let Some(Activate { id }) = orders.read().last() {
        // Somebody who asks again is told again.
        director.told.remove(id);
        director.casting.order(id, true);
        if director.casting.on_stage() == Some(id) && director.choice.as_deref() != Some(id) {
            director.act(Action::Remember(id.clone()));
        }
    }
    for edit in edits.read() {
        let command = Command::Edit(edit.clone(), door.as_deref().cloned());
        if director.worker.try_send(command).is_err() {
            problems.write(Problem { text: "Too many changes at once; repeat the last one in a moment.".to_owned() });
        }
    }
}

/// What the library tells: changes, lists, failures.
pub(crate) fn hear_store(
    mut director: ResMut<Director>,
    mut list: ResMut<CharacterList>,
    folder: Option<Res<FolderChanges>>,
    server: Res<AssetServer>,
    clock: Res<MediaClock>,
    mut problems: MessageWriter<Problem>,
) {
    let (director, tick) = (&mut *director, clock.tick.0);
    loop {
        match director.changes.try_recv() {
            Ok(Change { id, what: What::Created | What::Updated }) => {
                if director.casting.needs(&id) {
                    server.reload(asset_path(&id));
                }
            }
            // Deleted in words and not by an editor: somebody else comes at once.
            Ok(Change { id, what: What::Deleted }) if director.casting.needs(&id) => director.lost_since = Some(0),
            Ok(Change { .. }) => {}
            Err(TryRecvError::Lagged(_)) => director.handles.keys().for_each(|id| server.reload(asset_path(id))),
            Err(TryRecvError::Empty | TryRecvError::Closed) => break,
        }
        director.stale = Some(tick);
    }
    let folder = folder.map_or(0, |folder| folder.count());
    if folder != director.folder {
        director.folder = folder;
        director.stale = Some(tick);
    }
    while let Some(event) = director.worker.try_recv() {
        match event {
            Event::Listed(listed) => {
                director.listing = false;
                director.listed(listed, &mut list, tick);
            }
            Event::Unreadable(reason) => {
                director.listing = false;
                director.stale = Some(tick + ASK_AGAIN);
                director.actions.push(Action::Tell(String::new(), reason));
            }
            Event::Failed(text) => {
                problems.write(Problem { text });
            }
        }
    }
    director.ask(tick);
}

/// Keeps the assets of those who matter, and no others, and looks what was read of them.
pub(crate) fn read_files(
    mut director: ResMut<Director>,
    assets: Res<Assets<CharacterAsset>>,
    server: Res<AssetServer>,
    clock: Res<MediaClock>,
) {
    let Director { casting, handles, actions, stale, .. } = &mut *director;
    let wanted: Vec<String> = casting.on_stage().into_iter().chain(casting.expected()).map(str::to_owned).collect();
    handles.retain(|id, _| wanted.contains(id));
    for id in wanted {
        let handle = handles.entry(id.clone()).or_insert_with(|| server.load(asset_path(&id)));
        let Some(asset) = assets.get(&*handle) else { continue };
        if asset.is_gone() && casting.on_stage() == Some(&id) {
            // Who stands in is decided when the list has come.
            continue;
        }
        let answers = casting.read(&id, asset.version(), clock.tick.0);
        if !answers.is_empty() {
            *stale = stale.or(Some(clock.tick.0));
        }
        actions.extend(answers);
    }
}

/// Portraits that were prepared.
pub(crate) fn take_rigs(
    mut director: ResMut<Director>,
    mut ready: MessageReader<PortraitReady>,
    clock: Res<MediaClock>,
) {
    let director = &mut *director;
    for PortraitReady { id, rig } in ready.read() {
        director.actions.extend(director.casting.prepared(*id, rig, clock.tick.0));
    }
    director.actions.extend(director.casting.wait(clock.tick.0));
}

/// Where actions go.
#[derive(SystemParam)]
pub(crate) struct Stage<'w, 's> {
    prepare: MessageWriter<'w, PreparePortrait>,
    problems: MessageWriter<'w, Problem>,
    active: Option<Res<'w, ActiveCharacter>>,
    commands: Commands<'w, 's>,
}

/// Does what was decided.
pub(crate) fn perform(mut director: ResMut<Director>, mut stage: Stage) {
    let mut rig = stage.active.as_ref().map(|active| active.rig.clone());
    for action in std::mem::take(&mut director.actions) {
        match action {
            Action::Prepare(source) => {
                stage.prepare.write(PreparePortrait { source });
            }
            Action::Enter(profile, new) => {
                rig = new.or(rig);
                let Some(rig) = rig.clone() else { continue };
                if stage.active.as_ref().is_some_and(|active| active.profile.id == profile.id) {
                    info!("{} has changed", profile.name);
                } else {
                    info!("{} is on stage", profile.name);
                }
                director.told.remove(&profile.id);
                stage.commands.insert_resource(ActiveCharacter { profile: Arc::clone(&profile), rig });
            }
            Action::Remember(id) => {
                director.choices += 1;
                director.choice = Some(id.clone());
                director.to_remember = Some(id);
            }
            Action::Forget(id) => {
                director.told.remove(&id);
            }
            Action::Tell(id, text) => {
                if director.told.get(&id) != Some(&text) {
                    stage.problems.write(Problem { text: text.clone() });
                    director.told.insert(id, text);
                }
            }
        }
    }
}
