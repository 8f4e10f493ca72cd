//! An app stepped by hand: tick by tick, with time standing still in between.

use bevy::{
    app::{Plugins, PluginsState},
    ecs::{
        message::MessageCursor,
        schedule::{LogLevel, ScheduleBuildSettings},
    },
    prelude::*,
    time::TimeUpdateStrategy,
};
use visage_core::Tick;
use visage_schedule::{MediaClock, SchedulePlugin};

/// An app that runs one tick when told to.
///
/// Two systems of a tick that touch the same data without an order between them are an error.
///
/// ```
/// use visage_schedule::Say;
/// use visage_testkit::Stepper;
///
/// let mut stepper = Stepper::new(());
/// stepper.send(Say { text: "Hello.".into(), language: None, emotion: None, queue: Default::default() });
/// stepper.tick();
/// assert_eq!(stepper.read::<Say>().len(), 1);
/// ```
pub struct Stepper {
    app: App,
}

/// How far [`Stepper::read`] has read a kind of message.
#[derive(Resource)]
struct Read<M: Message>(MessageCursor<M>);

impl Stepper {
    /// An app without renderer, with the tick and the plugins to be tested.
    pub fn new<Marker>(plugins: impl Plugins<Marker>) -> Self {
        let mut app = App::new();
        app.add_plugins((MinimalPlugins, SchedulePlugin)).add_plugins(plugins);
        Self::of(app)
    }

    /// Steps an app that has been put together elsewhere. It must have `SchedulePlugin`.
    pub fn of(mut app: App) -> Self {
        app.edit_schedule(FixedUpdate, |schedule| {
            schedule.set_build_settings(ScheduleBuildSettings {
                ambiguity_detection: LogLevel::Error,
                ..ScheduleBuildSettings::default()
            });
        });
        // Bevy's clock starts at the first update, which lets no time pass.
        app.insert_resource(TimeUpdateStrategy::FixedTimesteps(1));
        while app.plugins_state() == PluginsState::Adding {
            bevy::tasks::tick_global_task_pools_on_main_thread();
        }
        app.finish();
        app.cleanup();
        app.update();
        Self { app }
    }

    /// Runs a tick and says which one it was.
    pub fn tick(&mut self) -> Tick {
        self.app.update();
        self.app.world().resource::<MediaClock>().tick
    }

    /// Runs some ticks.
    pub fn ticks(&mut self, count: usize) {
        for _ in 0..count {
            self.tick();
        }
    }

    /// Runs ticks until something is so. For what other threads have to do first.
    ///
    /// # Panics
    /// If it is not so after `patience` ticks, with a rest of a few milliseconds after each.
    pub fn tick_until(&mut self, patience: usize, mut reached: impl FnMut(&mut World) -> bool) {
        for _ in 0..patience {
            if reached(self.app.world_mut()) {
                return;
            }
            self.tick();
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        assert!(reached(self.app.world_mut()), "not reached within {patience} ticks");
    }

    /// The app's world.
    pub fn world(&mut self) -> &mut World {
        self.app.world_mut()
    }

    /// A resource to look at.
    ///
    /// # Panics
    /// If there is none.
    pub fn get<R: Resource>(&self) -> &R {
        self.app.world().resource::<R>()
    }

    /// A resource to change between ticks.
    ///
    /// # Panics
    /// If there is none.
    pub fn get_mut<R: Resource<Mutability = bevy::ecs::component::Mutable>>(&mut self) -> Mut<'_, R> {
        self.app.world_mut().resource_mut::<R>()
    }

    /// Writes a message that the next tick reads.
    pub fn send<M: Message>(&mut self, message: M) {
        self.app.world_mut().write_message(message);
    }

    /// The messages of a kind that have been written since the last call, by anybody. A message lives for two ticks: who
    /// wants all of them asks after each tick.
    pub fn read<M: Message + Clone>(&mut self) -> Vec<M> {
        let world = self.app.world_mut();
        let mut cursor = world.remove_resource::<Read<M>>().map(|read| read.0).unwrap_or_default();
        let read = cursor.read(world.resource::<Messages<M>>()).cloned().collect();
        world.insert_resource(Read(cursor));
        read
    }
}

#[cfg(test)]
mod tests {
    use visage_schedule::{Sounding, TickStats, VisageSystems};

    use super::*;

    #[derive(Resource, Default)]
    struct Seen(Vec<Tick>);

    fn note(clock: Res<MediaClock>, mut seen: ResMut<Seen>) {
        seen.0.push(clock.tick);
    }

    #[test]
    fn a_step_is_a_tick() {
        let mut stepper = Stepper::new(|app: &mut App| {
            app.init_resource::<Seen>().add_systems(FixedUpdate, note.in_set(VisageSystems::Decide));
        });
        stepper.ticks(2);
        assert_eq!(stepper.tick(), Tick(2));
        assert_eq!(stepper.get::<Seen>().0, [Tick(0), Tick(1), Tick(2)]);
        assert_eq!(stepper.get::<TickStats>().ran, 3);
    }

    #[test]
    fn systems_without_an_order_are_found_out() {
        fn hush(mut sounding: ResMut<Sounding>) {
            sounding.busy = false;
        }
        fn hurry(mut sounding: ResMut<Sounding>) {
            sounding.busy = true;
        }
        let check = |ordered: bool| {
            std::panic::catch_unwind(move || {
                let mut stepper = Stepper::new(move |app: &mut App| {
                    if ordered {
                        app.add_systems(FixedUpdate, (hush, hurry).chain().in_set(VisageSystems::Speak));
                    } else {
                        app.add_systems(FixedUpdate, (hush, hurry).in_set(VisageSystems::Speak));
                    }
                });
                stepper.tick();
            })
            .is_ok()
        };
        assert!(check(true));
        assert!(!check(false));
    }
}
