//! History as CSV.

use std::io::{self, Write};

use jiff::Timestamp;
use tickcast_protocol::message::TimeNs;

use crate::data::history::{LANE_MAIN, LANE_SECOND, SampleSeries, SeriesKind};

/// Writes the samples between two times. Times are in UTC to the nanosecond (RFC 3339). The last
/// column is the number of updates missing before the sample (`?` if unknown). Returns the number
/// of samples.
pub(crate) fn write(
    series: &SampleSeries,
    decimals: u8,
    (from_ns, to_ns): (TimeNs, TimeNs),
    out: &mut impl Write,
) -> io::Result<u64> {
    let columns = match series.kind() {
        SeriesKind::Reading => "value",
        SeriesKind::Trade => "price,size",
        SeriesKind::Quote => "bid,ask",
    };
    writeln!(out, "time,{columns},lost_before")?;
    let (from, to) = (
        series.index_at(from_ns),
        series.index_at(to_ns.saturating_add(1)),
    );
    let mut gaps = series.gaps_between(from_ns, to_ns).peekable();
    for index in from..to {
        let time = Timestamp::from_nanosecond(i128::from(series.time(index))).unwrap_or_default();
        let main = series.value(LANE_MAIN, index);
        let decimals = usize::from(decimals);
        match series.kind() {
            SeriesKind::Reading => write!(out, "{time},{main}")?,
            SeriesKind::Trade => {
                let size = series.value(LANE_SECOND, index);
                write!(out, "{time},{main:.decimals$},{size}")?;
            }
            SeriesKind::Quote => {
                let ask = series.value(LANE_SECOND, index);
                write!(out, "{time},{main:.decimals$},{ask:.decimals$}")?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::history::GapCause;

    #[test]
    fn samples_and_losses_between_them_are_written() {
        let mut series = SampleSeries::new(SeriesKind::Trade);
        series.append(0, [39_484.6, 0.5]);
        series.mark_gap(Some(7), GapCause::Lost);
        series.append(1_000_000_000, [39_485.0, 1.0]);
        series.append(2_000_000_001, [1.0, 1.0]);
        let mut out = Vec::new();
        let rows = write(&series, 2, (0, 1_000_000_000), &mut out).unwrap();
        assert_eq!(rows, 2);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "time,price,size,lost_before\n\
             1970-01-01T00:00:00Z,39484.60,0.5,\n\
             1970-01-01T00:00:01Z,39485.00,1,7\n"
        );
    }
}
