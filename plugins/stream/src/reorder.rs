//! Puts received packets of sound back into order and says what is missing.
//!
//! This sound is listened to by a machine, not by ears: there is no playout clock. A packet is passed on as soon as all
//! before it have been; one that does not come is waited for until [`HELD`] later ones are there.

use std::collections::BTreeMap;

/// How many packets wait for a missing one: 80 ms of sound. More would delay the words, fewer would count packets as lost
/// that a wireless network brings late.
const HELD: usize = 4;
/// A sequence number this far ahead begins a new stream.
const RESTART: i64 = 250;
/// No gap is reported as longer than a second: what is longer is a pause, and its length means nothing.
const MAX_GAP: u32 = 48_000;

/// What came out of the order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arrival<T> {
    /// The next packet.
    Packet(T),
    /// So many samples were sent and did not arrive. The next [`Arrival`] is the packet after them.
    Lost(u32),
    /// So many samples were never sent (the sender was silent or muted).
    Pause(u32),
}

/// The order of one stream of packets.
#[derive(Debug)]
pub struct Reorder<T> {
    held: BTreeMap<i64, Held<T>>,
    next: Option<Expected>,
    late: u64,
}

#[derive(Debug)]
struct Held<T> {
    time: u32,
    samples: u32,
    packet: T,
}

#[derive(Clone, Copy, Debug)]
struct Expected {
    sequence: i64,
    time: u32,
}

impl<T> Default for Reorder<T> {
    fn default() -> Self {
        Self { held: BTreeMap::new(), next: None, late: 0 }
    }
}

impl<T> Reorder<T> {
    /// Takes a packet: its RTP sequence number, its RTP time (48 kHz), how many samples it holds, and itself. Gives what
    /// is now in order.
    pub fn push(&mut self, sequence: u16, time: u32, samples: u32, packet: T) -> Vec<Arrival<T>> {
        let mut next = *self.next.get_or_insert(Expected { sequence: i64::from(sequence), time });
        let distance = sequence.wrapping_sub(next.sequence as u16) as i16;
        let mut sequence = next.sequence + i64::from(distance);
        if i64::from(distance).abs() > RESTART {
            self.held.clear();
            sequence = 0;
            next = Expected { sequence, time };
        }
        if sequence < next.sequence || self.held.contains_key(&sequence) {
            self.late += 1;
            return Vec::new();
        }
        self.held.insert(sequence, Held { time, samples, packet });

        let mut out = Vec::new();
        while let Some(entry) = self.held.first_entry() {
            let missing = *entry.key() != next.sequence;
            if missing && self.held.len() < HELD {
                break;
            }
            let Some((sequence, held)) = self.held.pop_first() else { break };
            // Half a circle ahead is behind.
            let gap = held.time.wrapping_sub(next.time);
            if gap > 0 && gap < u32::MAX / 2 {
                let gap = gap.min(MAX_GAP);
                out.push(if missing { Arrival::Lost(gap) } else { Arrival::Pause(gap) });
            }
            out.push(Arrival::Packet(held.packet));
            next = Expected { sequence: sequence + 1, time: held.time.wrapping_add(held.samples) };
        }
        self.next = Some(next);
        out
    }

    /// Packets that were dropped because they came twice or too late.
    pub const fn late(&self) -> u64 {
        self.late
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pushes packets of 960 samples; the packet is its own number. Writes what comes out as text.
    fn check(order: &[(u16, u32)], expected: &str) {
        let mut reorder = Reorder::default();
        let mut out = Vec::new();
        for &(sequence, index) in order {
            for arrival in reorder.push(sequence, index.wrapping_mul(960), 960, index) {
                out.push(match arrival {
                    Arrival::Packet(index) => index.to_string(),
                    Arrival::Lost(samples) => format!("lost {samples}"),
                    Arrival::Pause(samples) => format!("pause {samples}"),
                });
            }
        }
        assert_eq!(out.join(" "), expected, "{order:?}");
    }

    #[test]
    fn packets_come_out_in_order_and_gaps_are_told() {
        check(&[(5, 0), (6, 1), (7, 2)], "0 1 2");
        check(&[(5, 0), (7, 2), (6, 1), (8, 3)], "0 1 2 3");
        check(&[(65_534, 0), (65_535, 1), (1, 3), (0, 2), (2, 4)], "0 1 2 3 4");
        // Two are lost: four later ones have to be there before they are given up.
        check(&[(5, 0), (8, 3), (9, 4), (10, 5)], "0");
        check(&[(5, 0), (8, 3), (9, 4), (10, 5), (11, 6)], "0 lost 1920 3 4 5 6");
        // A lost one that comes after all, and one that comes twice.
        check(&[(5, 0), (7, 2), (8, 3), (9, 4), (10, 5), (6, 1), (7, 2), (11, 6)], "0 lost 960 2 3 4 5 6");
        // The microphone was muted: sequence numbers go on, time has passed.
        check(&[(5, 0), (6, 11), (7, 12)], "0 pause 9600 11 12");
        check(&[(5, 0), (6, 10_000)], "0 pause 48000 10000");
        // A new stream.
        check(&[(5, 0), (9_000, 700), (9_001, 701)], "0 700 701");
    }

    #[test]
    fn late_packets_are_counted() {
        let mut reorder = Reorder::default();
        for sequence in [10, 11, 10, 9, 12, 12] {
            reorder.push(sequence, u32::from(sequence) * 960, 960, ());
        }
        assert_eq!(reorder.late(), 3);
    }
}
