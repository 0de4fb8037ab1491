//! Drawings in percent, and normalised ones.

use tickcast_protocol::message::TimeNs;

use super::canvas::Drawing;
use crate::data::{
    chart::{ChartLine, ShownAs, ValueBasis, rows::ChartRows, union_of},
    history::{LANE_MAIN, SampleSeries},
    percentage,
};

impl Drawing {
    /// What the values of this drawing are shown as; `None` if a percentage of the first one
    /// says nothing.
    pub(super) fn shown_as(
        &self,
        basis: ValueBasis,
        series: &SampleSeries,
        (start_ns, end_ns): (TimeNs, TimeNs),
        rows: Option<&ChartRows>,
    ) -> Option<ShownAs> {
        let ranges = self
            .range()
            .into_iter()
            .chain(rows.and_then(ChartRows::range));
        let range = union_of(ranges);
        match (basis, range) {
            (ValueBasis::Plain, _) | (_, None) => Some(ShownAs::PLAIN),
            (ValueBasis::Normalised, Some((min, max))) => Some(ShownAs::part_of(min, max)),
            (ValueBasis::Percent, Some((min, max))) => {
                let first = match self {
                    Self::Candles(candles, _) => candles.first().map(|candle| candle.open),
                    Self::Line(_) | Self::Band(_) => rows
                        .and_then(|rows| rows.first_after(start_ns))
                        .or_else(|| first_visible(series, start_ns, end_ns)),
                };
                let first = first.unwrap_or(min);
                let is_price = series.kind().is_price();
                let is_too_small = percentage::is_too_small(first, (min, max), is_price);
                ShownAs::percent_of(first).filter(|_| !is_too_small)
            }
        }
    }

    /// Replaces all values by what they are shown as.
    pub(super) fn show_as(&mut self, map: ShownAs) {
        if map == ShownAs::PLAIN {
            return;
        }
        let change = |values: &mut [&mut f64]| {
            for value in values {
                **value = map.shown(**value);
            }
        };
        match self {
            Self::Line(ChartLine::Points(pieces)) => {
                for point in pieces.iter_mut().flatten() {
                    change(&mut [&mut point.value]);
                }
            }
            Self::Line(ChartLine::Strips(pieces)) => {
                for extent in pieces.iter_mut().flatten() {
                    change(&mut [&mut extent.low, &mut extent.high]);
                }
            }
            Self::Band(pieces) => {
                for piece in pieces {
                    change(&mut [
                        &mut piece.low,
                        &mut piece.high,
                        &mut piece.bid,
                        &mut piece.ask,
                    ]);
                }
            }
            Self::Candles(candles, _) => {
                for candle in candles {
                    change(&mut [
                        &mut candle.open,
                        &mut candle.high,
                        &mut candle.low,
                        &mut candle.close,
                    ]);
                }
            }
        }
    }
}

/// The first value within a stretch of time, or else the one that holds at its start.
fn first_visible(series: &SampleSeries, start_ns: TimeNs, end_ns: TimeNs) -> Option<f64> {
    let first = series.index_at(start_ns);
    let index = if first < series.end() && series.time(first) <= end_ns {
        first
    } else {
        first
            .checked_sub(1)
            .filter(|&index| index >= series.start())?
    };
    Some(series.value(LANE_MAIN, index))
}
