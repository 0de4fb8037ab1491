//! Places of the words at the top of a chart: why a time is hatched, and where its history begins.

use std::{cell::RefCell, sync::Arc};

use egui::{Galley, Rect, vec2};

/// The most rows of words: more would cover the lines. What finds no place is left out.
const ROWS_MAX: usize = 3;

/// Space between two words.
const GAP: f32 = 4.0;

/// The places that are taken: no words lie over other ones.
#[derive(Debug, Default)]
pub(super) struct PlacedWords {
    taken: RefCell<Vec<(Rect, String)>>,
    /// Those that are written after the lines, which would cross them out.
    waiting: RefCell<Vec<(Rect, Arc<Galley>)>>,
}

impl PlacedWords {
    /// The place for words that want this one: it, or one in a row below it. Words that already are
    /// where they would cover themselves need none.
    pub(super) fn place(&self, wanted: Rect, words: &str) -> Option<Rect> {
        let mut taken = self.taken.borrow_mut();
        let space = wanted.expand(GAP / 2.0);
        let is_there = |(place, known): &(Rect, String)| known == words && place.intersects(space);
        if taken.iter().any(is_there) {
            return None;
        }
        let rows = (0..ROWS_MAX).map(|row| vec2(0.0, row as f32 * space.height()));
        let row = rows.into_iter().find(|&row| {
            let space = space.translate(row);
            taken.iter().all(|(place, _)| !place.intersects(space))
        })?;
        // The spaces around neighbours may touch.
        taken.push((space.translate(row).shrink(0.5), words.to_owned()));
        Some(wanted.translate(row))
    }

    /// Words are to be written at a place that they have.
    pub(super) fn write_later(&self, place: Rect, words: Arc<Galley>) {
        self.waiting.borrow_mut().push((place, words));
    }

    /// The words that are to be written, in the order in which they came.
    pub(super) fn take(&self) -> Vec<(Rect, Arc<Galley>)> {
        self.waiting.take()
    }
}

#[cfg(test)]
mod tests {
    use egui::pos2;

    use super::*;

    fn at(x: f32) -> Rect {
        Rect::from_min_size(pos2(x, 10.0), vec2(80.0, 14.0))
    }

    #[test]
    fn words_go_to_the_first_row_in_which_they_cover_no_others() {
        let words = PlacedWords::default();
        assert_eq!(words.place(at(0.0), "server silent"), Some(at(0.0)));
        assert_eq!(words.place(at(100.0), "gap"), Some(at(100.0)), "beside it");
        let below = |rows: f32| at(50.0).translate(vec2(0.0, rows * 18.0));
        assert_eq!(words.place(at(50.0), "no connection"), Some(below(1.0)));
        assert_eq!(words.place(at(50.0), "restarted"), Some(below(2.0)));
        assert_eq!(words.place(at(50.0), "one more"), None, "no room");
    }

    #[test]
    fn the_same_words_of_several_series_stand_there_once() {
        let words = PlacedWords::default();
        assert!(words.place(at(0.0), "server restarted").is_some());
        assert_eq!(words.place(at(3.0), "server restarted"), None);
        assert!(words.place(at(200.0), "server restarted").is_some());
    }
}
