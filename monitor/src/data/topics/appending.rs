//! Appends updates to the series of their topics.

use tickcast_protocol::{message::Update, topic::Topic};

use super::{
    sample,
    topic_state::{Lossless, MonitoredTopic},
    totals::UpdateTotals,
};
use crate::data::history::{GapCause, SampleSeries};

/// Appends an update to its topic's series, with the gap that its seq implies.
pub(super) fn append(
    topic: &mut MonitoredTopic,
    update: &Update<Topic>,
    connection: u32,
    totals: &mut UpdateTotals,
) {
    let (_, seq_before) = topic.series_at;
    topic.series_at = (update.position, update.seq);
    let reconnected = std::mem::replace(&mut topic.connection, connection) != connection;
    let lossless = topic.lossless == Lossless::Yes;
    if topic.lossless == Lossless::Asked {
        topic.lossless = Lossless::Yes;
    }
    if sample::is_past(update) {
        // Series are in order of arrival, and it belongs elsewhere. The next update tells what was
        // skipped before it.
        if seq_before > 0 {
            topic.series_at.1 = seq_before + 1;
        }
        return;
    }
    let Some((kind, values)) = sample::of_value(&update.value) else {
        // A line across "unavailable" would claim that the value was known.
        if let Some(series) = &mut topic.series {
            series.mark_gap(Some(0), GapCause::NotANumber);
        }
        return;
    };
    if topic.series.as_ref().map(SampleSeries::kind) != Some(kind) {
        // A topic that changes from readings to trades starts another series.
        topic.begin_series(kind, update);
    }
    let Some(series) = &mut topic.series else {
        return;
    };
    if seq_before > 0 {
        let skipped = update.seq.saturating_sub(seq_before + 1);
        if skipped > 0 && (lossless || reconnected) {
            series.mark_gap(Some(skipped), GapCause::Lost);
            topic.missing.lost += skipped;
            topic.missing.gaps += 1;
            totals.lost += skipped;
            totals.gaps += 1;
        } else {
            topic.missing.conflated += skipped;
            totals.conflated += skipped;
        }
    }
    if !sample::is_number(kind, values) {
        series.mark_gap(Some(0), GapCause::NotANumber);
        return;
    }
    topic.mark_away(update.ingest_time_ns);
    if let Some(series) = &mut topic.series {
        let extra = sample::extra_of(update);
        series.append_with(update.ingest_time_ns, values, extra);
    }
}
