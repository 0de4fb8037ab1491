//! The rows of a list of trades.

use tickcast_protocol::{message::TimeNs, value::Side};

use crate::data::history::{LANE_MAIN, LANE_SECOND, SampleSeries};

/// The most rows: more than a person scrolls through.
pub(super) const ROWS_MAX: usize = 1_000;

/// A row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum TradeRow {
    Trade {
        time_ns: TimeNs,
        side: Option<Side>,
        price: f64,
        size: f64,
        /// The change of the price since the trade before; `None` after a gap.
        change: Option<f64>,
    },
    /// Trades are missing here; `None` if it is unknown how many.
    Gap(Option<u64>),
}

/// The newest rows before sample `end`, the newest first.
pub(super) fn rows(series: &SampleSeries, end: u64) -> Vec<TradeRow> {
    let mut gaps = series
        .gaps()
        .rev()
        .skip_while(|gap| gap.before >= end)
        .peekable();
    let mut rows = Vec::new();
    for index in (series.start()..end.min(series.end())).rev() {
        if rows.len() >= ROWS_MAX {
            break;
        }
        let gap = gaps.next_if(|gap| gap.before == index);
        let price = series.value(LANE_MAIN, index);
        let before = index
            .checked_sub(1)
            .filter(|&before| before >= series.start());
        let change = before
            .filter(|_| gap.is_none())
            .map(|before| price - series.value(LANE_MAIN, before));
        rows.push(TradeRow::Trade {
            time_ns: series.time(index),
            side: series.extra(index).side,
            price,
            size: series.value(LANE_SECOND, index),
            change,
        });
        if let Some(gap) = gap {
            rows.push(TradeRow::Gap(gap.lost));
        }
    }
    rows.truncate(ROWS_MAX);
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::history::{GapCause, SeriesKind};

    #[test]
    fn the_newest_trade_is_first_and_a_gap_has_a_row_between_its_trades() {
        let mut series = SampleSeries::new(SeriesKind::Trade);
        series.append(1, [10.0, 1.0]);
        series.append(2, [11.0, 2.0]);
        series.mark_gap(Some(3), GapCause::Lost);
        series.append(3, [12.0, 3.0]);
        let prices = |end| -> Vec<Option<f64>> {
            let rows = rows(&series, end).into_iter();
            rows.map(|row| match row {
                TradeRow::Trade { price, change, .. } => Some(price + change.unwrap_or(0.0) / 10.0),
                TradeRow::Gap(lost) => {
                    assert_eq!(lost, Some(3));
                    None
                }
            })
            .collect()
        };
        assert_eq!(prices(3), [Some(12.0), None, Some(11.1), Some(10.0)]);
        assert_eq!(prices(2), [Some(11.1), Some(10.0)], "while it is held");
        for at in 0..2_000 {
            series.append(4 + at, [1.0, 1.0]);
        }
        assert_eq!(rows(&series, series.end()).len(), ROWS_MAX);
    }
}
