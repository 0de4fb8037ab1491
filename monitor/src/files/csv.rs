//! History as CSV.

use std::io::{self, Write};

use jiff::Timestamp;
use tickcast_protocol::{message::TimeNs, value::Side};

use crate::data::{
    chart::rows::ChartRow,
    history::{LANE_MAIN, LANE_SECOND, SampleSeries, SeriesKind},
};

/// Writes the samples between two times, which have the heading `heading`. Times are in UTC to the
/// nanosecond (RFC 3339). The last column is the number of updates missing before the sample (`?`
/// if unknown). Returns the number of samples.
pub(crate) fn write(
    series: &SampleSeries,
    heading: &str,
    decimals: u8,
    (from_ns, to_ns): (TimeNs, TimeNs),
    out: &mut impl Write,
) -> io::Result<u64> {
    let columns = match series.kind() {
        SeriesKind::Reading => "value",
        SeriesKind::Trade => "price,size,side",
        SeriesKind::Quote => "bid,ask,bid_size,ask_size",
    };
    writeln!(out, "{heading},{columns},lost_before")?;
    let (from, to) = (
        series.index_at(from_ns),
        series.index_at(to_ns.saturating_add(1)),
    );
    let mut gaps = series.gaps_between(from_ns, to_ns).peekable();
    for index in from..to {
        let time = Timestamp::from_nanosecond(i128::from(series.time(index))).unwrap_or_default();
        let main = series.value(LANE_MAIN, index);
        let extra = series.extra(index);
        match series.kind() {
            SeriesKind::Reading => write!(out, "{time},{main}")?,
            SeriesKind::Trade => {
                let (price, size) = (price(main, decimals), series.value(LANE_SECOND, index));
                let side = match extra.side {
                    Some(Side::Buy) => "buy",
                    Some(Side::Sell) => "sell",
                    None => "",
                };
                write!(out, "{time},{price},{size},{side}")?;
            }
            SeriesKind::Quote => {
                let ask = price(series.value(LANE_SECOND, index), decimals);
                let [bid_size, ask_size] = extra.sizes.map(size);
                let bid = price(main, decimals);
                write!(out, "{time},{bid},{ask},{bid_size},{ask_size}")?;
            }
        }
        while gaps.next_if(|gap| gap.before < index).is_some() {}
        match gaps.next_if(|gap| gap.before == index) {
            Some(gap) => match gap.lost {
                Some(lost) => writeln!(out, ",{lost}")?,
                None => writeln!(out, ",?")?,
            },
            None => writeln!(out, ",")?,
        }
    }
    Ok(to - from)
}

/// Writes the intervals of a time of which not every update is held: their starts in UTC, their
/// lengths in seconds, the least and the greatest value, the mean of readings or the last price of
/// trades, the number of updates, and whether all of them are counted. Returns their number.
pub(crate) fn write_rows(
    rows: &[ChartRow],
    kind: SeriesKind,
    out: &mut impl Write,
) -> io::Result<u64> {
    let middle = match kind {
        SeriesKind::Trade => "last",
        SeriesKind::Reading | SeriesKind::Quote => "mean",
    };
    writeln!(out, "start,seconds,min,max,{middle},updates,state")?;
    for row in rows {
        let start = Timestamp::from_nanosecond(i128::from(row.start_ns)).unwrap_or_default();
        let seconds = row.length_ns as f64 / 1e9;
        let state = row.known.as_str();
        let (low, high, middle) = (row.low, row.high, row.middle);
        writeln!(
            out,
            "{start},{seconds},{low},{high},{middle},{},{state}",
            row.count
        )?;
    }
    Ok(rows.len() as u64)
}

/// A price with at least this many decimals, and with all of its digits.
fn price(price: f64, decimals: u8) -> String {
    let shortest = format!("{price}");
    let digits = shortest
        .split_once('.')
        .map_or(0, |(_, digits)| digits.len());
    format!("{price:.*}", digits.max(usize::from(decimals)))
}

/// A size; empty if it is not known.
fn size(size: f64) -> String {
    if size.is_nan() {
        String::new()
    } else {
        size.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{
        chart::Known,
        history::{GapCause, SampleExtra},
    };

    #[test]
    fn samples_and_losses_between_them_are_written() {
        let mut series = SampleSeries::new(SeriesKind::Trade);
        let sold = SampleExtra {
            side: Some(Side::Sell),
            ..SampleExtra::default()
        };
        series.append_with(0, [39_484.6, 0.5], sold);
        series.mark_gap(Some(7), GapCause::Lost);
        series.append(1_000_000_000, [39_485.125, 1.0]);
        series.append(2_000_000_001, [1.0, 1.0]);
        let mut out = Vec::new();
        let rows = write(&series, "time", 2, (0, 1_000_000_000), &mut out).unwrap();
        assert_eq!(rows, 2);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "time,price,size,side,lost_before\n\
             1970-01-01T00:00:00Z,39484.60,0.5,sell,\n\
             1970-01-01T00:00:01Z,39485.125,1,,7\n"
        );
    }

    #[test]
    fn intervals_are_written_with_their_states() {
        let row = ChartRow {
            start_ns: 60_000_000_000,
            end_ns: 90_000_000_000,
            length_ns: 60_000_000_000,
            low: 1.5,
            high: 2.5,
            middle: 1.75,
            count: 4,
            known: Known::Incomplete,
        };
        let text = |kind| {
            let mut out = Vec::new();
            assert_eq!(write_rows(&[row], kind, &mut out).unwrap(), 1);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(
            text(SeriesKind::Reading),
            "start,seconds,min,max,mean,updates,state\n\
             1970-01-01T00:01:00Z,60,1.5,2.5,1.75,4,incomplete\n"
        );
        assert!(text(SeriesKind::Trade).starts_with("start,seconds,min,max,last,"));
    }

    #[test]
    fn quotes_are_written_with_their_sizes() {
        let mut series = SampleSeries::new(SeriesKind::Quote);
        let sizes = SampleExtra {
            sizes: [3.5, f64::NAN],
            ..SampleExtra::default()
        };
        series.append_with(0, [1.5, 1.75], sizes);
        let mut out = Vec::new();
        write(&series, "time", 2, (0, 1), &mut out).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "time,bid,ask,bid_size,ask_size,lost_before\n\
             1970-01-01T00:00:00Z,1.50,1.75,3.5,,\n"
        );
    }
}
