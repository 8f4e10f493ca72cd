//! Slows down who guesses: after a few wrong tokens an address has to wait, twice as long each time.

use std::{
    collections::HashMap,
    net::IpAddr,
    time::{Duration, Instant},
};

/// Wrong tokens that an address may send before it has to wait.
const FREE: u32 = 5;
/// The first wait; each further wrong token doubles it.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest wait.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// After this long without a wrong token an address is forgotten.
const MEMORY: Duration = Duration::from_secs(15 * 60);
/// Addresses that are remembered. When there are more, the one that was wrong the longest ago is forgotten.
const ADDRESSES: usize = 4_096;

/// Wrong tokens by address.
#[derive(Default)]
pub(crate) struct Attempts {
    wrong: HashMap<IpAddr, Wrong>,
}

struct Wrong {
    count: u32,
    last: Instant,
}

impl Wrong {
    fn wait(&self) -> Duration {
        match self.count.checked_sub(FREE) {
            None => Duration::ZERO,
            Some(further) => FIRST_WAIT.saturating_mul(1 << further.min(16)).min(LONGEST_WAIT),
        }
    }
}

impl Attempts {
    /// How long `address` has to wait before a token of its is looked at.
    pub(crate) fn wait(&self, address: IpAddr, now: Instant) -> Option<Duration> {
        let wrong = self.wrong.get(&address)?;
        let left = (wrong.last + wrong.wait()).saturating_duration_since(now);
        (!left.is_zero()).then_some(left)
    }

    /// A token of `address` was wrong.
    pub(crate) fn failed(&mut self, address: IpAddr, now: Instant) {
        if self.wrong.len() >= ADDRESSES && !self.wrong.contains_key(&address) {
            self.wrong.retain(|_, wrong| now.saturating_duration_since(wrong.last) < MEMORY);
            if self.wrong.len() >= ADDRESSES
                && let Some(oldest) = self.wrong.iter().min_by_key(|(_, wrong)| wrong.last).map(|(address, _)| *address)
            {
                self.wrong.remove(&oldest);
            }
        }
        let wrong = self.wrong.entry(address).or_insert(Wrong { count: 0, last: now });
        if now.saturating_duration_since(wrong.last) >= MEMORY {
            wrong.count = 0;
        }
        wrong.count = wrong.count.saturating_add(1);
        wrong.last = now;
    }

    /// A token of `address` was right.
    pub(crate) fn succeeded(&mut self, address: IpAddr) {
        self.wrong.remove(&address);
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const GUESSER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
    const OTHER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2));

    #[test]
    fn waits_grow_with_wrong_tokens_and_end_with_a_right_one() {
        let start = Instant::now();
        let mut attempts = Attempts::default();
        let waits: Vec<_> = (0..14)
            .map(|_| {
                attempts.failed(GUESSER, start);
                attempts.wait(GUESSER, start).map_or(0, |wait| wait.as_secs())
            })
            .collect();
        assert_eq!(waits, [0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60, 60]);
        assert_eq!(attempts.wait(OTHER, start), None);
        assert_eq!(attempts.wait(GUESSER, start + Duration::from_secs(59)), Some(Duration::from_secs(1)));
        assert_eq!(attempts.wait(GUESSER, start + LONGEST_WAIT), None);
        attempts.succeeded(GUESSER);
        assert_eq!(attempts.wait(GUESSER, start), None);
    }

    #[test]
    fn old_guesses_are_forgotten() {
        let start = Instant::now();
        let mut attempts = Attempts::default();
        (0..10).for_each(|_| attempts.failed(GUESSER, start));
        let later = start + MEMORY;
        attempts.failed(GUESSER, later);
        assert_eq!(attempts.wait(GUESSER, later), None);
    }

    #[test]
    fn the_table_has_an_end() {
        let start = Instant::now();
        let mut attempts = Attempts::default();
        let address = |number: u32| IpAddr::from(Ipv4Addr::from_bits(number));
        for number in 0..ADDRESSES as u32 + 10 {
            (0..FREE).for_each(|_| attempts.failed(address(number), start + Duration::from_micros(number.into())));
        }
        assert_eq!(attempts.wrong.len(), ADDRESSES);
        assert_eq!(attempts.wait(address(0), start), None);
        assert!(attempts.wait(address(ADDRESSES as u32), start).is_some());
    }
}
