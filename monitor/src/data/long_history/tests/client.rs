//! A client of the model: what is on the way to it, and what it asks.

use std::collections::VecDeque;

use tickcast_protocol::message::{Interval, Update};

use super::{model::Model, *};

/// What is on the way to the client.
pub(super) struct OnTheWay {
    /// When the earliest of what it tells about was: it may tell that updates before it were lost.
    pub(super) since_ns: i64,
    pub(super) what: What,
}

pub(super) enum What {
    Update(Update<()>),
    Status,
}

impl From<Update<()>> for OnTheWay {
    fn from(update: Update<()>) -> Self {
        Self {
            since_ns: update.ingest_time_ns,
            what: What::Update(update),
        }
    }
}

pub(super) struct Client {
    pub(super) history: TopicLongHistory,
    /// The newest update that came.
    pub(super) position: u64,
    pub(super) on_the_way: VecDeque<OnTheWay>,
    pub(super) answers: VecDeque<(Interval, Page)>,
}

impl Client {
    pub(super) fn new(model: &Model) -> Self {
        let mut history = TopicLongHistory::default();
        history.every_from(model.position);
        if let Some(newest) = model.updates.last() {
            // The snapshot.
            history.update(newest);
        }
        Self {
            history,
            position: model.position,
            on_the_way: VecDeque::new(),
            answers: VecDeque::new(),
        }
    }

    pub(super) fn deliver(&mut self) {
        match self.on_the_way.pop_front().map(|item| item.what) {
            Some(What::Update(update)) => {
                self.position = update.position;
                self.history.update(&update);
            }
            Some(What::Status) => self.history.doubt(),
            None => {}
        }
    }

    pub(super) fn send_status(&mut self, now_ns: i64) {
        self.on_the_way.push_back(OnTheWay {
            since_ns: now_ns,
            what: What::Status,
        });
    }

    /// The next updates never come. The first one after them tells of it by its seq.
    pub(super) fn lose(&mut self, count: usize) {
        let mut left = count;
        let mut lost_ns = i64::MAX;
        let mut is_told = false;
        self.on_the_way.retain_mut(|item| {
            let is_update = matches!(item.what, What::Update(_));
            if is_update && left > 0 {
                left -= 1;
                lost_ns = lost_ns.min(item.since_ns);
                return false;
            }
            if !is_told {
                item.since_ns = item.since_ns.min(lost_ns);
            }
            is_told |= is_update;
            true
        });
    }

    pub(super) fn want(
        &mut self,
        model: &Model,
        interval: Interval,
        wanted: (i64, i64),
        limit: usize,
    ) -> bool {
        let Some(question) = self.history.want(interval, wanted, model.now_ns) else {
            return false;
        };
        let known = self.history.track(interval).unwrap();
        assert!(!known.is_asking(), "one question at a time");
        let (from_ns, before_ns) = (question.from_ns, question.before_ns);
        let from_ns = from_ns.unwrap_or(i64::MIN);
        assert!(
            !known.covers(from_ns, before_ns.unwrap_or(i64::MAX)),
            "it is known"
        );
        self.history.asked(question);
        self.answers
            .push_back((interval, model.answer(question, limit)));
        true
    }

    pub(super) fn answer(&mut self, model: &Model) {
        if let Some((interval, page)) = self.answers.pop_front() {
            self.history.answer(interval, page, model.now_ns);
        }
    }
}
