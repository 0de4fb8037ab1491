//! The columns of the table.

use egui::{Rangef, Rect};

use crate::files::saved_state::Sort;

/// The least width of names in a list: columns give way before a name gets less.
pub(super) const LIST_NAME_MIN: f32 = 96.0;

/// The least width of names in a tree, where they are indented.
pub(super) const TREE_NAME_MIN: f32 = 140.0;

/// The places of the columns.
#[derive(Debug, Clone, Copy)]
pub(super) struct RowColumns {
    pub(super) name: Rangef,
    /// Only if there is space, like the following ones.
    pub(super) spark: Option<Rangef>,
    pub(super) last: Rangef,
    pub(super) change: Option<Rangef>,
    pub(super) rate: Option<Rangef>,
    /// Losses and latencies.
    pub(super) quality: Option<(Rangef, Rangef)>,
    pub(super) age: Rangef,
}

impl RowColumns {
    /// The columns of a row: the numbers keep their widths, the name takes the rest, and at least
    /// `name_min`. Columns that do not fit are left out: first losses and latencies, then
    /// the sparkline, the rate, and the change.
    pub(super) fn of(row: Rect, name_min: f32) -> Self {
        const AGE: f32 = 62.0;
        const RATE: f32 = 42.0;
        const CHANGE: f32 = 62.0;
        const LAST: f32 = 90.0;
        const SPARK: f32 = 84.0;
        const LOST: f32 = 64.0;
        const P99: f32 = 66.0;
        let room = row.width() - 24.0 - name_min - LAST - AGE;
        let has_change = room >= CHANGE;
        let has_rate = room >= CHANGE + RATE;
        let has_spark = room >= CHANGE + RATE + SPARK;
        let has_quality = room >= CHANGE + RATE + SPARK + LOST + P99;
        let mut right = row.right() - 12.0;
        let mut take = |width: f32| {
            let column = Rangef::new(right - width + 4.0, right);
            right -= width;
            column
        };
        let age = take(AGE);
        let quality = has_quality.then(|| {
            let p99 = take(P99);
            (take(LOST), p99)
        });
        let rate = has_rate.then(|| take(RATE));
        let change = has_change.then(|| take(CHANGE));
        let last = take(LAST);
        let spark = has_spark.then(|| take(SPARK));
        let name_end = spark.map_or(last.min, |spark| spark.min) - 4.0;
        Self {
            name: Rangef::new(row.left() + 12.0, name_end),
            spark,
            last,
            change,
            rate,
            quality,
            age,
        }
    }

    /// The headings: text, order of a click, place, and explanation. `change` is the heading of the
    /// change.
    pub(super) fn headings<'a>(
        &self,
        change: (&'a str, &'a str),
    ) -> Vec<(&'a str, Sort, Rangef, &'a str)> {
        let mut headings = vec![
            ("Topic", Sort::Name, self.name, "By name, in groups"),
            ("Last", Sort::Last, self.last, "Newest value"),
            ("Age", Sort::Age, self.age, "Time since the newest update"),
        ];
        if let Some(range) = self.change {
            headings.push((change.0, Sort::Change, range, change.1));
        }
        if let Some(rate) = self.rate {
            headings.push(("/s", Sort::Rate, rate, "Updates per second"));
        }
        if let Some((lost, p99)) = self.quality {
            let tip = "Updates that were subscribed and lost";
            headings.push(("Lost", Sort::Lost, lost, tip));
            let tip = "Latency from the server's tape to the monitor, of charted topics: 99 of 100 updates are faster";
            headings.push(("p99", Sort::Latency, p99, tip));
        }
        headings
    }
}

#[cfg(test)]
mod tests {
    use egui::pos2;

    use super::*;

    #[test]
    fn at_every_width_the_name_keeps_its_least_width() {
        for width in 280..900 {
            let row = Rect::from_min_max(pos2(0.0, 0.0), pos2(width as f32, 28.0));
            for name_min in [LIST_NAME_MIN, TREE_NAME_MIN] {
                let least = if width < 330 { 85.0 } else { name_min - 8.0 };
                let columns = RowColumns::of(row, name_min);
                assert!(columns.name.span() >= least, "{width}: {columns:?}");
                assert!(columns.last.min > columns.name.max);
            }
        }
    }
}
