//! How far a turn has been spoken, so that the rest of it can be made anew when the voice changes in the middle. No Bevy, no
//! clock.

use std::collections::VecDeque;

use visage_core::Language;
use visage_schedule::VoiceSettings;

use crate::{voice_for, worker::Order};

/// Where a piece belongs: which order of its turn, and which piece of the order's text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) order: usize,
    pub(crate) piece: usize,
}

/// The orders of the present turn and what has become of their pieces. A turn has one order as a rule.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    orders: Vec<Order>,
    /// Pieces that were made and have not begun to sound.
    waiting: VecDeque<Place>,
    /// The piece that began last.
    begun: Option<Place>,
}

impl Progress {
    /// Nothing is said any more, or something new.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Where the next order's pieces belong.
    pub(crate) const fn next_order(&self) -> usize {
        self.orders.len()
    }

    /// An order is given.
    pub(crate) fn ordered(&mut self, order: Order) {
        self.orders.push(order);
    }

    /// A piece with sound was queued.
    pub(crate) fn queued(&mut self, place: Place) {
        self.waiting.push_back(place);
    }

    /// The first piece of the queue begins to sound.
    pub(crate) fn started(&mut self) {
        self.begun = self.waiting.pop_front().or(self.begun);
    }

    /// The orders of the turn.
    pub(crate) fn orders(&self) -> &[Order] {
        &self.orders
    }

    /// The voices have changed.
    pub(crate) fn revoice(&mut self, voices: &[(Language, VoiceSettings)]) {
        for order in &mut self.orders {
            order.settings = voice_for(voices, order.language);
        }
    }

    /// What is still to be said, as orders whose pieces keep their places: from the piece after the one that began last,
    /// or `again` from that one. Whatever waits counts as not made.
    pub(crate) fn rest(&mut self, again: bool) -> Vec<Order> {
        self.waiting.clear();
        let from = match self.begun {
            Some(place) if again => place,
            Some(place) => Place { piece: place.piece + 1, ..place },
            None => Place::default(),
        };
        let rest =
            |order: &Order| Order { skip: if order.place == from.order { from.piece } else { 0 }, ..order.clone() };
        self.orders.iter().skip(from.order).map(rest).collect()
    }
}

#[cfg(test)]
mod tests {
    use visage_core::TurnId;

    use super::*;
    use crate::default_voice;

    fn order(place: usize) -> Order {
        let (language, turn) = (Language::English, TurnId(1));
        Order {
            epoch: 0,
            turn,
            text: String::new(),
            language,
            emotion: None,
            settings: default_voice(language),
            place,
            skip: 0,
        }
    }

    /// Two orders; so many pieces of the first and the second were queued, so many have begun; what is the rest?
    fn check(queued: [usize; 2], begun: usize, again: bool, expected: &[(usize, usize)]) {
        let mut progress = Progress::default();
        for index in 0..2 {
            assert_eq!(progress.next_order(), index);
            progress.ordered(order(index));
        }
        for (index, count) in queued.into_iter().enumerate() {
            (0..count).for_each(|piece| progress.queued(Place { order: index, piece }));
        }
        (0..begun).for_each(|_| progress.started());
        let rest: Vec<_> = progress.rest(again).iter().map(|order| (order.place, order.skip)).collect();
        assert_eq!(rest, expected, "{queued:?}, {begun} begun, again: {again}");
    }

    #[test]
    fn the_rest_begins_where_the_sound_is() {
        check([0, 0], 0, false, &[(0, 0), (1, 0)]);
        check([3, 0], 0, false, &[(0, 0), (1, 0)]);
        check([3, 0], 1, false, &[(0, 1), (1, 0)]);
        check([3, 0], 1, true, &[(0, 0), (1, 0)]);
        check([3, 0], 3, false, &[(0, 3), (1, 0)]);
        check([3, 2], 4, false, &[(1, 1)]);
        check([3, 2], 4, true, &[(1, 0)]);
    }
}
