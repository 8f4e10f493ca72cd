//! Chooses who is on stage and poses them, once a tick.

use std::{sync::Arc, time::Instant};

use bevy::prelude::*;
use visage_core::{Rig, Worker, WorkerHandle};
use visage_schedule::{ActiveCharacter, CurrentPose, MediaClock, Problem, StageTimes};

use crate::{
    draw::DrawList,
    scene::{Scene, SceneBuilder},
};

type Builder = WorkerHandle<<SceneBuilder as Worker>::Command, <SceneBuilder as Worker>::Event>;

/// Who is seen. Written in Present.
#[derive(Resource, Clone, Debug, Default)]
pub struct OnStage {
    /// The rig that is drawn; `None` while the stage is empty.
    pub rig: Option<Arc<Rig>>,
    /// Whether another character is being made ready or still fades in.
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
}

/// Poses the character of this tick for the render world.
pub fn present(
    active: Option<Res<ActiveCharacter>>,
    pose: Res<CurrentPose>,
    clock: Res<MediaClock>,
    mut cast: ResMut<Cast>,
    (mut list, mut stage): (ResMut<DrawList>, ResMut<OnStage>),
    mut problems: MessageWriter<Problem>,
    mut times: ResMut<StageTimes>,
) {
    if let Err(text) = cast.receive() {
        tracing::warn!("{text}");
        problems.write(Problem { text });
    }
    cast.order(active.as_deref());
    let began = Instant::now();
    list.tick = Some(clock.tick);
    list.fade = cast.fade();
    let list = &mut *list;
    if let Some((_, scene)) = cast.scene.as_mut() {
        scene.pose(&pose.0, &mut list.corners);
        list.pictures = Some(scene.pictures.clone());
    }
    list.leaving = cast.leaving.as_mut().map(|scene| {
        scene.pose(&pose.0, &mut list.leaving_corners);
        scene.pictures.clone()
    });
    stage.rig = cast.scene.as_ref().map(|(rig, _)| rig.clone());
    stage.changing = cast.ordered.is_some() || list.fade > 0.0;
    times.record("pose", began.elapsed());
}
