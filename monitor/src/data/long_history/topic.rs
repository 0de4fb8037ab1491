//! All tracks of one topic.

use tickcast_protocol::message::{Interval, Position, Seq, TimeNs, Update};

use super::{
    bar::LongSample,
    outages::joined,
    track::{LongTrack, Page, Question, REST_NS},
    update_log::UpdateLog,
};
use crate::data::time::SECOND;

/// A topic whose updates are not all received has only what the server says: it is asked again
/// after this time.
const NEWEST_ONLY_REST_NS: i64 = 5 * SECOND;

/// Whether the server keeps long history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum LongAvailability {
    /// It has not refused it.
    #[default]
    Unknown,
    /// It keeps none.
    NotKept,
}

/// Which updates of a topic are received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Reception {
    /// It is not known yet.
    #[default]
    Unknown,
    /// Only newest values.
    NewestOnly,
    /// Every update after this position; those up to it have come.
    Every(Position),
}

/// The long history of one topic.
///
/// Input: [`Self::every_from`], [`Self::newest_only`], [`Self::update`], [`Self::doubt`],
/// [`Self::disconnected`], [`Self::epoch_changed`], [`Self::answer`], [`Self::no_answer`]. Output:
/// [`Self::want`] and [`Self::asked`], [`Self::track`].
#[derive(Debug, Clone, Default)]
pub(crate) struct TopicLongHistory {
    /// At most one of each interval.
    tracks: Vec<LongTrack>,
    log: UpdateLog,
    reception: Reception,
    /// The seq of the newest update; 0 before the first one.
    seq: Seq,
    availability: LongAvailability,
}

impl TopicLongHistory {
    /// Every update after this position comes from now on.
    pub(crate) fn every_from(&mut self, position: Position) {
        self.reception = Reception::Every(match self.reception {
            Reception::Every(newest) => newest.max(position),
            Reception::Unknown | Reception::NewestOnly => position,
        });
    }

    /// Not every update is received.
    pub(crate) fn newest_only(&mut self) {
        self.doubt();
        self.reception = Reception::NewestOnly;
    }

    /// The next update of the subscription to every update came.
    pub(crate) fn update<T>(&mut self, update: &Update<T>) {
        let Reception::Every(newest) = &mut self.reception else {
            return;
        };
        let seq_before = self.seq;
        self.seq = seq_before.max(update.seq);
        if update.position <= *newest {
            return;
        }
        *newest = update.position;
        if seq_before > 0 && update.seq > seq_before + 1 {
            self.doubt();
        }
        let Some(sample) = LongSample::of(update) else {
            return;
        };
        let update = (update.position, update.ingest_time_ns, sample);
        self.log.push(update);
        for track in &mut self.tracks {
            track.push(update);
        }
    }

    /// It is not certain that the intervals that have not ended will be complete.
    pub(crate) fn doubt(&mut self) {
        for track in &mut self.tracks {
            track.doubt();
        }
    }

    /// The connection was lost.
    pub(crate) fn disconnected(&mut self) {
        self.doubt();
        for track in &mut self.tracks {
            track.no_answer(TimeNs::MIN);
            track.rest_joining(TimeNs::MIN);
        }
        self.log.stop();
        self.reception = Reception::Unknown;
        self.availability = LongAvailability::Unknown;
    }

    /// Positions and seqs start again. Known intervals stay, and the server is asked for all again.
    pub(crate) fn epoch_changed(&mut self) {
        for track in &mut self.tracks {
            track.epoch_changed();
        }
        self.log.stop();
        self.seq = 0;
        if let Reception::Every(newest) = &mut self.reception {
            *newest = 0;
        }
    }

    /// The next question about the wanted time, if a part of it is not known.
    pub(crate) fn want(
        &mut self,
        interval: Interval,
        wanted: (TimeNs, TimeNs),
        now_ns: TimeNs,
    ) -> Option<Question> {
        if self.availability == LongAvailability::NotKept {
            return None;
        }
        let may_join = self.reception != Reception::Unknown;
        let known = self.tracks.iter().position(|t| t.interval() == interval);
        let at = known.unwrap_or_else(|| {
            self.tracks.push(LongTrack::new(interval));
            self.tracks.len() - 1
        });
        self.tracks[at].want(wanted, may_join, now_ns)
    }

    /// A question was sent.
    pub(crate) fn asked(&mut self, question: Question) {
        if let Some(track) = self.track_mut(question.interval) {
            track.asked(question);
            if question.before_ns.is_none()
                && let Reception::Every(newest) = self.reception
            {
                self.log.start(newest);
            }
        }
    }

    /// The answer to the question about an interval came.
    pub(crate) fn answer(&mut self, interval: Interval, page: Page, now_ns: TimeNs) {
        let log = std::mem::take(&mut self.log);
        let is_newest_only = self.reception == Reception::NewestOnly;
        if let Some(track) = self.track_mut(interval) {
            let joins = track.is_joining();
            track.answer(page, &log, now_ns);
            if joins && is_newest_only {
                track.rest_joining(now_ns.saturating_add(NEWEST_ONLY_REST_NS));
            }
        }
        self.log = log;
        self.stop_log();
    }

    /// The question about an interval has no answer.
    pub(crate) fn no_answer(&mut self, interval: Interval, is_final: bool, now_ns: TimeNs) {
        if is_final {
            self.availability = LongAvailability::NotKept;
        }
        if let Some(track) = self.track_mut(interval) {
            track.no_answer(now_ns.saturating_add(REST_NS));
        }
        self.stop_log();
    }

    fn stop_log(&mut self) {
        if !self.tracks.iter().any(LongTrack::is_joining) {
            self.log.stop();
        }
    }

    fn track_mut(&mut self, interval: Interval) -> Option<&mut LongTrack> {
        let mut tracks = self.tracks.iter_mut();
        tracks.find(|track| track.interval() == interval)
    }

    /// Its intervals of this length.
    pub(crate) fn track(&self, interval: Interval) -> Option<&LongTrack> {
        let mut tracks = self.tracks.iter();
        tracks.find(|track| track.interval() == interval)
    }

    /// All of its tracks.
    pub(crate) fn tracks(&self) -> &[LongTrack] {
        &self.tracks
    }

    /// When its source was away, as far as that touches the time between two others; ascending.
    pub(crate) fn outages_between(&self, from_ns: TimeNs, to_ns: TimeNs) -> Vec<(TimeNs, TimeNs)> {
        let all = self.tracks.iter().flat_map(LongTrack::outages);
        let all = all.filter(|outage| outage.0 < to_ns && outage.1 > from_ns);
        joined(all.copied().collect())
    }

    /// Forgets the intervals of this length.
    pub(crate) fn forget(&mut self, interval: Interval) {
        self.tracks.retain(|track| track.interval() != interval);
        self.stop_log();
    }

    /// Whether the server keeps long history.
    pub(crate) fn availability(&self) -> LongAvailability {
        self.availability
    }
}
