//! The long history of topics: what the server is asked for, and its answers.

use tickcast_protocol::{
    message::{Candles, Interval, Position, TimeNs},
    topic::Topic,
};

use super::{keys::TopicKey, store::Store, topic_state::MonitoredTopic};
use crate::data::{
    history::{GapCause, SampleSeries, SeriesKind},
    long_history::{BarSum, LongBar, Page, Question, TopicLongHistory},
};

/// The most intervals of all topics together, about 32 MiB: several pages for each chart that a
/// window has room for.
pub(crate) const LONG_MAX_BARS: usize = 262_144;

impl MonitoredTopic {
    /// Its long history, while it is charted or a sparkline.
    pub(crate) fn long(&self) -> Option<&TopicLongHistory> {
        self.watched.as_deref().map(|watched| &watched.long)
    }

    pub(super) fn long_mut(&mut self) -> Option<&mut TopicLongHistory> {
        self.watched.as_deref_mut().map(|watched| &mut watched.long)
    }

    /// All of its updates after this position are received from now on.
    pub(super) fn receives_every(&mut self, position: Position) {
        self.every_after = Some(position);
        if let Some(long) = self.long_mut() {
            long.every_from(position);
        }
    }

    /// Marks gaps between samples where the intervals of this length say that the source was away.
    fn mark_outages(&mut self, interval: Interval) {
        let watched = self.watched.as_deref();
        let track = watched.and_then(|watched| watched.long.track(interval));
        let (Some(track), Some(series)) = (track, &mut self.series) else {
            return;
        };
        for &(from_ns, to_ns) in track.outages() {
            let after = series.index_at(from_ns);
            if after < series.end() && series.time(after) >= to_ns {
                series.insert_gap(after, GapCause::SourceAway);
            }
        }
    }

    /// When its samples begin from which on none is missing.
    pub fn complete_from_ns(&self) -> Option<TimeNs> {
        let (joint, series) = (self.joint?, self.series.as_ref()?);
        let index = joint.index.max(series.start());
        (index < series.end()).then(|| series.time(index))
    }
}

impl Store {
    /// A subscription to every update of a topic continues where it was, after `position`
    /// if that is known.
    pub(crate) fn every_resumed(&mut self, name: &Topic, position: Option<Position>) {
        if let Some(key) = self.find(name.as_str()) {
            self.topic_at_mut(key).every_again(position);
        }
    }

    /// The connection was lost: nothing is received, and no answer comes.
    pub(crate) fn connection_lost(&mut self) {
        for topic in self.all_topics_mut() {
            topic.every_after = None;
            if let Some(long) = topic.long_mut() {
                long.disconnected();
            }
        }
    }

    /// The next question about the long history of a charted topic, if a part of the wanted time is
    /// not known. Where the answers so far say that its source was away, its samples have a gap.
    pub(crate) fn want_long(
        &mut self,
        name: &Topic,
        interval: Interval,
        wanted: (TimeNs, TimeNs),
        now_ns: TimeNs,
    ) -> Option<Question> {
        let key = self.find(name.as_str())?;
        self.change_series(key, |topic| topic.mark_outages(interval));
        let long = self.topic_at_mut(key).long_mut()?;
        long.want(interval, wanted, now_ns)
    }

    /// A question about the long history of a topic was sent.
    pub(crate) fn long_asked(&mut self, name: &Topic, question: Question) {
        if let Some(long) = self.long_of(name) {
            long.asked(question);
        }
    }

    /// Applies a page of the long history of a topic.
    pub(crate) fn fill_long(&mut self, name: &Topic, answer: Candles, now_ns: TimeNs) {
        for info in &answer.topics {
            self.introduce(info);
        }
        let Some(key) = self.find(name.as_str()) else {
            return;
        };
        let candles = answer.candles.into_iter().map(LongBar::from);
        let page = Page {
            position: answer.position,
            bars: candles
                .chain(answer.rows.into_iter().map(LongBar::from))
                .collect(),
            more: answer.more,
        };
        let topic = self.topic_at_mut(key);
        let kind = page.bars.last().map(|bar| match bar.sum {
            BarSum::Trades { .. } => SeriesKind::Trade,
            BarSum::Readings { .. } => SeriesKind::Reading,
        });
        let Some(long) = topic.long_mut() else {
            return;
        };
        long.answer(answer.interval, page, now_ns);
        if let (None, Some(kind)) = (&topic.series, kind) {
            // Its newest value has no number, but it had some.
            topic.series = Some(SampleSeries::new(kind));
        }
        self.bound_long((key, answer.interval));
    }

    /// There is no page of the long history of a topic. `is_final` is whether there will be none.
    pub(crate) fn no_long(
        &mut self,
        name: &Topic,
        interval: Interval,
        is_final: bool,
        now_ns: TimeNs,
    ) {
        if let Some(long) = self.long_of(name) {
            long.no_answer(interval, is_final, now_ns);
        }
    }

    fn long_of(&mut self, name: &Topic) -> Option<&mut TopicLongHistory> {
        let key = self.find(name.as_str())?;
        self.topic_at_mut(key).long_mut()
    }

    /// Forgets the tracks that no chart has wanted for the longest time, except for `kept`, while
    /// there are too many intervals.
    fn bound_long(&mut self, kept: (TopicKey, Interval)) {
        let keys: Vec<TopicKey> = self
            .watched
            .keys()
            .filter_map(|name| self.find(name.as_str()))
            .collect();
        let mut tracks = Vec::new();
        for &key in &keys {
            let long = self.topic(key).long();
            for track in long.map_or(&[][..], TopicLongHistory::tracks) {
                let at = (key, track.interval());
                tracks.push((track.wanted_at_ns(), at, track.len()));
            }
        }
        let mut bars: usize = tracks.iter().map(|(.., len)| len).sum();
        tracks.sort_unstable();
        for (_, at, len) in tracks {
            if bars <= LONG_MAX_BARS {
                return;
            }
            if at != kept
                && let Some(long) = self.topic_at_mut(at.0).long_mut()
            {
                long.forget(at.1);
                bars -= len;
            }
        }
    }
}
