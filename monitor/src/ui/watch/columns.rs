//! The columns of the table.

use egui::{Rangef, Rect};

use crate::files::saved_state::Sort;

/// A narrower list has no sparklines.
const SPARK_FROM_WIDTH: f32 = 470.0;

/// A narrower list has no columns for losses and latencies.
const QUALITY_FROM_WIDTH: f32 = 620.0;

/// The places of the columns.
#[derive(Debug, Clone, Copy)]
pub(super) struct RowColumns {
    pub(super) name: Rangef,
    /// Only if there is space.
    pub(super) spark: Option<Rangef>,
    pub(super) last: Rangef,
    pub(super) change: Rangef,
    pub(super) rate: Rangef,
    /// Losses and latencies: only if there is space.
    pub(super) quality: Option<(Rangef, Rangef)>,
    pub(super) age: Rangef,
}

impl RowColumns {
    /// The columns of a row: the numbers keep their widths, the name takes the rest.
    pub(super) fn of(row: Rect) -> Self {
        const AGE: f32 = 58.0;
        const RATE: f32 = 42.0;
        const CHANGE: f32 = 56.0;
        const LAST: f32 = 90.0;
        const SPARK: f32 = 84.0;
        const LOST: f32 = 64.0;
        const P99: f32 = 66.0;
        let mut right = row.right() - 12.0;
        let mut take = |width: f32| {
            let column = Rangef::new(right - width + 4.0, right);
            right -= width;
            column
        };
        let age = take(AGE);
        let quality = (row.width() >= QUALITY_FROM_WIDTH).then(|| {
            let p99 = take(P99);
            (take(LOST), p99)
        });
        let rate = take(RATE);
        let change = take(CHANGE);
        let last = take(LAST);
        let spark = (row.width() >= SPARK_FROM_WIDTH).then(|| take(SPARK));
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

    /// The headings: text, order of a click, place, and explanation.
    pub(super) fn headings(&self) -> Vec<(&'static str, Sort, Rangef, &'static str)> {
        let mut headings = vec![
            ("Topic", Sort::Name, self.name, "By name, in groups"),
            ("Last", Sort::Last, self.last, "Newest value"),
            (
                "%",
                Sort::Change,
                self.change,
                "Change since the monitor first saw the topic",
            ),
            ("/s", Sort::Rate, self.rate, "Updates per second"),
            ("Age", Sort::Age, self.age, "Time since the newest update"),
        ];
        if let Some((lost, p99)) = self.quality {
            let tip = "Updates that were subscribed and lost";
            headings.push(("Lost", Sort::Lost, lost, tip));
            let tip = "Latency from the server's tape to the monitor, of charted topics: 99 of 100 updates are faster";
            headings.push(("p99", Sort::Latency, p99, tip));
        }
        headings
    }
}
