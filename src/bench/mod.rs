//! `visage bench`: measures this machine against the budgets in docs/performance.md.
//!
//! Timing belongs here and not into tests: a number that is worse than its budget is printed as such, and nothing fails.

mod browser;
mod chromium;
mod conversation;
mod inference;
mod live;
mod relay;
mod renderers;
mod switches;
mod visit;
mod voice;

use std::{borrow::Cow, io::IsTerminal};

use clap::ValueEnum;
use comfy_table::{Cell, Color, Table, presets::UTF8_HORIZONTAL_ONLY};
use serde::Serialize;

use crate::{
    cli::{Bench, Part},
    commands::print,
};

/// One measured number.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// What was measured.
    pub what: Cow<'static, str>,
    /// The number; `None` if it could not be measured here, and `note` says why.
    pub value: Option<f64>,
    /// Its unit.
    pub unit: &'static str,
    /// What it should be at most (or at least, if `more_is_better`), if there is a budget.
    pub budget: Option<f64>,
    /// Whether a larger number is better.
    pub more_is_better: bool,
    /// How it was measured, or why not.
    pub note: String,
}

impl Row {
    fn new(what: impl Into<Cow<'static, str>>, value: f64, unit: &'static str) -> Self {
        Self { what: what.into(), value: Some(value), unit, budget: None, more_is_better: false, note: String::new() }
    }

    fn missing(what: impl Into<Cow<'static, str>>, reason: impl ToString) -> Self {
        Self { what: what.into(), value: None, unit: "", budget: None, more_is_better: false, note: reason.to_string() }
    }

    const fn at_most(mut self, budget: f64) -> Self {
        self.budget = Some(budget);
        self
    }

    const fn at_least(mut self, budget: f64) -> Self {
        self.budget = Some(budget);
        self.more_is_better = true;
        self
    }

    fn note(mut self, note: impl ToString) -> Self {
        self.note = note.to_string();
        self
    }

    /// Whether the budget is kept; `None` without number or budget.
    pub fn keeps_budget(&self) -> Option<bool> {
        let (value, budget) = (self.value?, self.budget?);
        Some(if self.more_is_better { value >= budget } else { value <= budget })
    }
}

/// Measures and prints.
///
/// # Errors
/// There is nothing to draw with, or the result cannot be printed.
pub fn run(asked: &Bench) -> anyhow::Result<()> {
    let parts = if asked.parts.is_empty() { Part::value_variants() } else { &asked.parts };
    let mut rows = Vec::new();
    for part in parts {
        if std::io::stderr().is_terminal() {
            let name = part.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned());
            eprintln!("measuring: {name}");
        }
        rows.extend(match part {
            Part::Inference => inference::measure(),
            Part::Voice => voice::measure(),
            Part::Tick => live::measure(&asked.stage, asked.seconds)?,
            Part::Switches => switches::measure(&asked.stage, asked.seconds)?,
            Part::Renderers => renderers::measure(&asked.stage, asked.seconds)?,
            Part::Page => browser::measure(&asked.stage, asked.seconds),
            Part::Network => browser::measure_network(&asked.stage, asked.seconds),
            Part::Talk => conversation::measure(&asked.stage, asked.seconds),
        });
    }
    if asked.json {
        print(serde_json::to_string_pretty(&rows)?)?;
    } else {
        print(table(&rows))?;
    }
    Ok(())
}

fn table(rows: &[Row]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_HORIZONTAL_ONLY).set_header(["what", "measured", "budget", "", "how"]);
    for row in rows {
        let number =
            |value: f64| format!("{value:.precision$} {}", row.unit, precision = if value < 10.0 { 2 } else { 1 });
        let budget = row.budget.map_or(String::new(), |budget| {
            format!("{} {}", if row.more_is_better { "≥" } else { "≤" }, number(budget))
        });
        let verdict = match row.keeps_budget() {
            Some(true) => Cell::new("ok").fg(Color::Green),
            Some(false) => Cell::new("over").fg(Color::Yellow),
            None => Cell::new(""),
        };
        table.add_row([
            Cell::new(&row.what),
            Cell::new(row.value.map_or("not measured".to_owned(), number)),
            Cell::new(budget),
            verdict,
            Cell::new(&row.note),
        ]);
    }
    table
}

/// The value below which `share` of the values lie; 0 if there are none.
fn percentile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let index = ((values.len() as f64 - 1.0) * share).round().max(0.0) as usize;
    values.get(index).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_an_upper_or_a_lower_bound() {
        assert_eq!(Row::new("a", 5.0, "ms").at_most(6.0).keeps_budget(), Some(true));
        assert_eq!(Row::new("a", 7.0, "ms").at_most(6.0).keeps_budget(), Some(false));
        assert_eq!(Row::new("a", 99.0, "%").at_least(99.5).keeps_budget(), Some(false));
        assert_eq!(Row::missing("a", "no browser").keeps_budget(), None);
    }

    #[test]
    fn percentiles_are_those_of_the_sorted_values() {
        let mut values: Vec<f64> = (0..101).rev().map(f64::from).collect();
        assert_eq!(percentile(&mut values, 0.5), 50.0);
        assert_eq!(percentile(&mut values, 0.95), 95.0);
        assert_eq!(percentile(&mut [], 0.5), 0.0);
    }
}
