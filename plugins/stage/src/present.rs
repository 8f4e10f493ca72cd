//! Chooses who is on stage, who draws it, and in which pose, once a tick.

use std::{sync::Arc, time::Instant};

use bevy::{ecs::system::SystemParam, prelude::*};
use visage_core::{FacePose, Rig, Worker, WorkerHandle};
use visage_schedule::{ActiveCharacter, CurrentPose, MediaClock, Mood, Notices, Problem, Renderers, StageTimes};

use crate::{
    draw::{DrawList, Figure, Label},
    look::Look,
    rungs::{Moment, Rungs},
    scene::{Scene, SceneBuilder},
};

type Builder = WorkerHandle<<SceneBuilder as Worker>::Command, <SceneBuilder as Worker>::Event>;

/// Who is seen. Written in Present.
#[derive(Resource, Clone, Debug, Default)]
pub struct OnStage {
    /// The rig that is drawn; `None` while the stage is empty.
    pub rig: Option<Arc<Rig>>,
    /// Whether another character is being made ready or still fades in; offline, also whether its renderers are still being
    /// tried.
    pub changing: bool,
}

/// Who is on stage, and who is getting ready.
#[derive(Resource)]
pub struct Cast {
    builder: Builder,
    /// The rig that the builder works on.
    ordered: Option<Arc<Rig>>,
    /// The rig that was asked for last, whatever became of it.
    wanted: Option<Arc<Rig>>,
    scene: Option<(Arc<Rig>, Box<Scene>)>,
    /// The character before, until it has faded out.
    leaving: Option<Box<Scene>>,
    fade_ticks: u32,
    fade_left: u32,
}

impl Cast {
    pub fn new(builder: Builder, fade_ticks: u32) -> Self {
        Self { builder, ordered: None, wanted: None, scene: None, leaving: None, fade_ticks, fade_left: 0 }
    }

    /// Orders the scene of a new active character as soon as the builder is free and the last change is over, so that
    /// never more than two scenes live. However fast characters change meanwhile, the last one counts.
    fn order(&mut self, active: Option<&ActiveCharacter>) {
        let Some(active) = active else { return };
        let known = self.wanted.as_ref().is_some_and(|rig| Arc::ptr_eq(rig, &active.rig));
        if known || self.ordered.is_some() || self.fade_left > 0 {
            return;
        }
        if self.builder.try_send(active.rig.clone()).is_ok() {
            self.ordered = Some(active.rig.clone());
            self.wanted = Some(active.rig.clone());
        }
    }

    /// Takes a finished scene; `Err` says in words why there is none.
    fn receive(&mut self) -> Result<(), String> {
        let Some((rig, scene)) = self.builder.try_recv() else { return Ok(()) };
        self.ordered = None;
        match scene {
            Ok(scene) => {
                let before = self.scene.replace((rig, scene));
                self.leaving = before.filter(|_| self.fade_ticks > 0).map(|(_, scene)| scene);
                self.fade_left = self.fade_ticks;
                Ok(())
            }
            Err(error) => Err(format!("This portrait cannot be moved: {error}")),
        }
    }

    /// How much of the last character still shows: eases from 1 to 0. It is let go when nothing of it shows.
    fn fade(&mut self) -> f32 {
        let left = self.fade_left as f32 / (self.fade_ticks + 1) as f32;
        self.fade_left = self.fade_left.saturating_sub(1);
        if left == 0.0 {
            self.leaving = None;
        }
        left * left * (3.0 - 2.0 * left)
    }

    /// Has the renderers draw the character that is on stage, once the one before has left: until then they draw that one.
    /// Says whether they draw the one that is on stage.
    fn rehearse(&self, active: Option<&ActiveCharacter>, rungs: &mut Rungs) -> bool {
        let Some((rig, _)) = &self.scene else { return true };
        if self.leaving.is_none()
            && let Some(active) = active.filter(|active| Arc::ptr_eq(&active.rig, rig))
        {
            rungs.play(rig, active.profile.renderer);
        }
        rungs.rig().is_none_or(|drawn| Arc::ptr_eq(drawn, rig))
    }
}

/// The renderers above the warp.
#[derive(Resource)]
pub struct Ascent(pub Rungs);

/// What the tick knows when it is presented.
#[derive(SystemParam)]
pub struct Now<'w> {
    active: Option<Res<'w, ActiveCharacter>>,
    pose: Res<'w, CurrentPose>,
    mood: Res<'w, Mood>,
    clock: Res<'w, MediaClock>,
}

/// What is told of the stage.
#[derive(SystemParam)]
pub struct Told<'w> {
    stage: ResMut<'w, OnStage>,
    renderers: ResMut<'w, Renderers>,
    notices: ResMut<'w, Notices>,
    problems: MessageWriter<'w, Problem>,
    times: ResMut<'w, StageTimes>,
}

/// Poses the character of this tick for the render world.
pub fn present(
    now: Now,
    mut cast: ResMut<Cast>,
    mut ascent: ResMut<Ascent>,
    mut list: ResMut<DrawList>,
    mut told: Told,
) {
    if let Err(text) = cast.receive() {
        told.problems.write(Problem { text });
    }
    cast.order(now.active.as_deref());
    let began = Instant::now();
    let (cast, rungs, list) = (&mut *cast, &mut ascent.0, &mut *list);
    let fade = cast.fade();
    let leads = cast.rehearse(now.active.as_deref(), rungs);
    rungs.receive(|name, took| told.times.record(name, took));
    let hurried = std::mem::replace(&mut list.ran, true);
    let (tick, emotions) = (now.clock.tick, &now.mood.weights);
    let shot = rungs.advance(Moment { tick, pose: &now.pose.0, emotions, leads, hurried });
    if let Some(shows) = shot.tick {
        list.order(Label { shows, drawn: tick });
        list.fade = fade;
        let (of_actor, of_leaving) = if leads { (shot.look, Look::warp()) } else { (Look::warp(), shot.look) };
        list.actor.pose(cast.scene.as_mut().map(|(_, scene)| scene), &shot.pose, of_actor);
        list.leaving.pose(cast.leaving.as_mut(), &shot.pose, of_leaving);
    }
    told.stage.rig = cast.scene.as_ref().map(|(rig, _)| rig.clone());
    told.stage.changing = cast.ordered.is_some() || fade > 0.0 || !rungs.is_settled();
    told.times.record("pose", began.elapsed());
    rungs.report(&mut told.renderers);
    told.complain(rungs, now.active.as_deref());
}

impl Figure {
    /// Takes on a pose. The warp's corners are computed only where they are seen.
    fn pose(&mut self, scene: Option<&mut Box<Scene>>, pose: &FacePose, look: Look) {
        self.pictures = scene.as_ref().map(|scene| scene.pictures.clone());
        if let Some(scene) = scene.filter(|_| look.warp) {
            scene.pose(pose, &mut self.corners);
        }
        self.look = look;
    }
}

impl Told<'_> {
    /// A renderer that was asked for by name and does not draw is told as long as that is so, and once as a problem.
    fn complain(&mut self, rungs: &Rungs, active: Option<&ActiveCharacter>) {
        let name = active.map_or("the character", |active| active.profile.name.as_str());
        let unmet =
            rungs.unmet().map(|why| format!("LivePortrait does not draw {name}, the mesh warp does instead. {why}."));
        if self.notices.set("stage", unmet.iter().cloned().collect())
            && let Some(text) = unmet
        {
            self.problems.write(Problem { text });
        }
    }
}
