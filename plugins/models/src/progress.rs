//! How long work tells of itself: bars on a terminal, a line now and then elsewhere.

use std::{
    io::{IsTerminal, Write},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use indicatif::{HumanBytes, ProgressBar, ProgressStyle};

/// Told of long work while it is done. One step at a time.
pub trait Progress {
    /// A step begins; `total` is its size in bytes if it is known.
    fn begin(&self, step: &str, total: Option<u64>);
    /// So many bytes of the step are done in all.
    fn at(&self, bytes: u64);
    /// The step is over.
    fn end(&self);
    /// Something worth a line.
    fn note(&self, text: &str);
}

/// Says nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quiet;

impl Progress for Quiet {
    fn begin(&self, _: &str, _: Option<u64>) {}
    fn at(&self, _: u64) {}
    fn end(&self) {}
    fn note(&self, _: &str) {}
}

/// Writes to standard error: a bar where it is a terminal, else a line when a step begins, every ten seconds while it
/// lasts, and when it ends.
#[derive(Debug, Default)]
pub struct Bars {
    step: Mutex<Option<Step>>,
}

#[derive(Debug)]
struct Step {
    name: String,
    total: Option<u64>,
    bytes: u64,
    began: Instant,
    said: Instant,
    bar: Option<ProgressBar>,
}

/// Between two lines of one step, without a terminal.
const LINE_EVERY: Duration = Duration::from_secs(10);
/// Between two turns of the wheel that shows that something goes on.
const WHEEL_EVERY: Duration = Duration::from_millis(120);

impl Bars {
    fn step(&self) -> MutexGuard<'_, Option<Step>> {
        // Nothing below leaves a step half made, so a lock that a panic has poisoned still holds a good value.
        self.step.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes a line to standard error. That nobody reads it is no reason to stop.
fn line(text: &str) {
    writeln!(std::io::stderr(), "{text}").unwrap_or_default();
}

impl Progress for Bars {
    fn begin(&self, step: &str, total: Option<u64>) {
        self.end();
        let bar = std::io::stderr().is_terminal().then(|| {
            let (bar, template) = match total {
                Some(total) => (
                    ProgressBar::new(total),
                    "{spinner} {msg} {wide_bar:.cyan} {bytes}/{total_bytes} {bytes_per_sec} {eta}",
                ),
                None => (ProgressBar::new_spinner(), "{spinner} {msg} {bytes}"),
            };
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style);
            }
            bar.set_message(step.to_owned());
            bar.enable_steady_tick(WHEEL_EVERY);
            bar
        });
        if bar.is_none() {
            let size = total.map_or_else(String::new, |total| format!(" ({})", HumanBytes(total)));
            line(&format!("{step}{size} ..."));
        }
        let now = Instant::now();
        *self.step() = Some(Step { name: step.to_owned(), total, bytes: 0, began: now, said: now, bar });
    }

    fn at(&self, bytes: u64) {
        let mut slot = self.step();
        let Some(step) = slot.as_mut() else { return };
        step.bytes = bytes;
        match (&step.bar, step.total) {
            // What a package's client writes may be a little more than the package.
            (Some(bar), Some(total)) => bar.set_position(bytes.min(total)),
            (Some(bar), None) => bar.set_position(bytes),
            (None, total) if step.said.elapsed() >= LINE_EVERY => {
                let of = total.map_or_else(String::new, |total| format!(" of {}", HumanBytes(total)));
                line(&format!("{}: {}{of}", step.name, HumanBytes(bytes)));
                step.said = Instant::now();
            }
            (None, _) => {}
        }
    }

    fn end(&self) {
        let Some(step) = self.step().take() else { return };
        match step.bar {
            Some(bar) => bar.finish_and_clear(),
            None if step.began.elapsed() >= LINE_EVERY => line(&format!("{}: {}", step.name, HumanBytes(step.bytes))),
            None => {}
        }
    }

    fn note(&self, text: &str) {
        match &*self.step() {
            Some(Step { bar: Some(bar), .. }) => bar.println(text),
            _ => line(text),
        }
    }
}
