//! The NVIDIA card of this machine, as its driver's own tool tells it: whether CUDA 13 can run on it.
//!
//! `nvidia-smi` comes with every driver, under Linux, Windows and in containers that are given the card. Asking it
//! needs neither CUDA nor a library of ours.

use std::{
    fmt,
    process::{Command, Stdio},
};

/// The oldest driver for CUDA 13 (NVIDIA, CUDA Toolkit 13.0 release notes, "CUDA Driver").
pub const OLDEST_DRIVER: u32 = 580;
/// The oldest architecture that CUDA 13 has code for: compute capability 7.5, the cards of 2018 (same notes,
/// "Deprecated Architectures").
const OLDEST_ARCHITECTURE: (u32, u32) = (7, 5);
/// The tool.
const TOOL: &str = "nvidia-smi";
const QUESTION: [&str; 2] = ["--query-gpu=name,driver_version,compute_cap", "--format=csv,noheader"];

/// A card and its driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NvidiaCard {
    /// Its name: "NVIDIA GeForce RTX 4090".
    pub name: String,
    /// The driver's version: "580.95.05".
    pub driver: String,
    /// The compute capability: (8, 9). `None` if the driver is too old to tell.
    pub architecture: Option<(u32, u32)>,
}

/// Why CUDA 13 cannot run here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoNvidia {
    /// There is no card, or no driver.
    #[error("no NVIDIA card with its driver was found ({0})")]
    None(String),
    /// The driver is too old.
    #[error("the driver {} of {} is too old; update it to {OLDEST_DRIVER} or newer", .0.driver, .0.name)]
    OldDriver(NvidiaCard),
    /// The card is too old.
    #[error("{} is too old for CUDA 13 (cards of 2018 and newer run it)", .0.name)]
    OldCard(NvidiaCard),
}

impl fmt::Display for NvidiaCard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, driver {}", self.name, self.driver)
    }
}

/// The first card that CUDA 13 can run on. Starts a program; takes up to a second.
///
/// # Errors
/// There is none.
pub fn nvidia_card() -> Result<NvidiaCard, NoNvidia> {
    let program = which::which(TOOL).map_err(|_| NoNvidia::None(format!("{TOOL} is not installed")))?;
    let output = Command::new(program).args(QUESTION).stdin(Stdio::null()).stderr(Stdio::null()).output();
    let output = output.map_err(|error| NoNvidia::None(format!("{TOOL}: {error}")))?;
    let text = String::from_utf8_lossy(&output.stdout);
    if output.status.success() {
        read(&text)
    } else {
        let said = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("it does not say why");
        Err(NoNvidia::None(format!("{TOOL}: {said}")))
    }
}

/// Reads the tool's answer, a line for each card: "NVIDIA GeForce RTX 4090, 580.95.05, 8.9".
fn read(answer: &str) -> Result<NvidiaCard, NoNvidia> {
    let mut unfit = None;
    for line in answer.lines() {
        let Some((name, driver, architecture)) = fields(line) else { continue };
        let number = |text: &str| text.trim().parse::<u32>().ok();
        let architecture =
            architecture.split_once('.').and_then(|(major, minor)| Some((number(major)?, number(minor)?)));
        let card = NvidiaCard { name: name.to_owned(), driver: driver.to_owned(), architecture };
        let major = number(driver.split('.').next().unwrap_or_default());
        let found = if card.architecture.is_some_and(|own| own < OLDEST_ARCHITECTURE) {
            NoNvidia::OldCard(card)
        } else if major.is_none_or(|major| major < OLDEST_DRIVER) {
            NoNvidia::OldDriver(card)
        } else {
            return Ok(card);
        };
        unfit.get_or_insert(found);
    }
    Err(unfit.unwrap_or_else(|| NoNvidia::None(format!("{TOOL} names no card"))))
}

/// A card's name may have commas; what follows has none.
fn fields(line: &str) -> Option<(&str, &str, &str)> {
    let (rest, architecture) = line.rsplit_once(',')?;
    let (name, driver) = rest.rsplit_once(',')?;
    let (name, driver) = (name.trim(), driver.trim());
    (!name.is_empty() && !driver.is_empty()).then_some((name, driver, architecture.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(name: &str, driver: &str, architecture: Option<(u32, u32)>) -> NvidiaCard {
        NvidiaCard { name: name.into(), driver: driver.into(), architecture }
    }

    #[test]
    fn the_first_card_that_can_is_taken_and_others_are_told_why_not() {
        let new = card("NVIDIA GeForce RTX 4090", "580.95.05", Some((8, 9)));
        let old = card("NVIDIA GeForce GTX 1080", "580.95.05", Some((6, 1)));
        let cases = [
            ("NVIDIA GeForce RTX 4090, 580.95.05, 8.9\n", Ok(new.clone())),
            ("NVIDIA GeForce GTX 1080, 580.95.05, 6.1\nNVIDIA GeForce RTX 4090, 580.95.05, 8.9\n", Ok(new)),
            ("NVIDIA GeForce GTX 1080, 580.95.05, 6.1\n", Err(NoNvidia::OldCard(old))),
            (
                "NVIDIA RTX A6000, 550.54.15, 8.6",
                Err(NoNvidia::OldDriver(card("NVIDIA RTX A6000", "550.54.15", Some((8, 6))))),
            ),
            ("Tesla T4, 470.1, [N/A]", Err(NoNvidia::OldDriver(card("Tesla T4", "470.1", None)))),
            ("NVIDIA H100, PCIe, 590.10, 9.0", Ok(card("NVIDIA H100, PCIe", "590.10", Some((9, 0))))),
            ("", Err(NoNvidia::None("nvidia-smi names no card".into()))),
            ("No devices were found\n", Err(NoNvidia::None("nvidia-smi names no card".into()))),
        ];
        for (answer, expected) in cases {
            assert_eq!(read(answer), expected, "{answer:?}");
        }
    }

    #[test]
    fn what_to_do_is_in_the_message() {
        let error = read("NVIDIA RTX A6000, 550.54.15, 8.6").expect_err("it is too old").to_string();
        assert_eq!(error, "the driver 550.54.15 of NVIDIA RTX A6000 is too old; update it to 580 or newer");
    }
}
