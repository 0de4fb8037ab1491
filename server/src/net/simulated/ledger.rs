//! What a subscriber to everything has got. It knows the protocol's document, and no code of the
//! server or of its clients.

use serde_json::{Value, json};

/// The ledger of one subscription to `#`, over all its connections. Each update's value is its
/// position.
#[derive(Debug)]
pub(super) struct Ledger {
    is_every: bool,
    epoch: Option<String>,
    position: u64,
    count: u64,
    /// Where the snapshot under way is, and where it ends.
    snapshot: Option<(u64, u64)>,
    /// Updates that were announced as lost.
    pub(super) lost: u64,
    /// How often the server went on where the last connection had ended.
    pub(super) resumes: u64,
    /// Position of the newest value of each topic.
    newest: std::collections::BTreeMap<String, u64>,
}

impl Ledger {
    pub(super) fn new(is_every: bool) -> Self {
        Self {
            is_every,
            epoch: None,
            position: 0,
            count: 0,
            snapshot: None,
            lost: 0,
            resumes: 0,
            newest: Default::default(),
        }
    }

    /// The request that goes on where the last connection ended.
    pub(super) fn subscribe(&self) -> Value {
        let mut filter = json!({"filter": "#"});
        if let Some(epoch) = &self.epoch {
            let mut resume = json!({"epoch": epoch, "position": self.position});
            if self.is_every {
                resume["count"] = self.count.into();
            }
            if let Some((at, _)) = self.snapshot {
                resume["snapshot"] = at.into();
            }
            filter["resume"] = resume;
        }
        let mode = if self.is_every { "every" } else { "latest" };
        json!({"type": "subscribe", "id": 1, "filters": [filter], "mode": mode})
    }

    /// Takes a message of the server.
    pub(super) fn take(&mut self, message: &Value) {
        match message["type"].as_str().expect("each message has a type") {
            "subscribed" => self.accepted(&message["results"][0]),
            "batch" if message["snapshot"] == true => self.of_snapshot(message),
            "batch" => self.live(message),
            "gap" => self.gap(message),
            "heartbeat" => {
                for channel in message["channels"].as_array().expect("a list") {
                    assert_eq!(number(&channel["position"]), self.position, "{message}");
                }
            }
            "welcome" | "draining" | "status" => {}
            other => panic!("{other}: {message}"),
        }
    }

    fn accepted(&mut self, accepted: &Value) {
        let (position, count) = (number(&accepted["position"]), number(&accepted["count"]));
        match accepted["start"].as_str().expect("a start") {
            "fresh" => assert_eq!(self.epoch, None, "{accepted}"),
            "resumed" => {
                // It may go back a little: what comes again is the same.
                assert!(position <= self.position, "{accepted} {self:?}");
                if self.is_every {
                    let back = self.position - position;
                    assert_eq!(count, self.count - back, "{accepted} {self:?}");
                }
                self.resumes += 1;
            }
            other => panic!("{other} in one life of a server: {accepted}"),
        }
        self.epoch = Some(accepted["epoch"].as_str().expect("an epoch").to_owned());
        let snapshot = accepted["snapshot"].as_u64();
        if let (Some(from), Some((at, _))) = (snapshot, self.snapshot) {
            assert!(from <= at, "a hole in the snapshot: {accepted} {self:?}");
        }
        (self.position, self.count) = (position, count);
        self.snapshot = snapshot
            .filter(|at| *at < position)
            .map(|at| (at, position));
    }

    fn live(&mut self, batch: &Value) {
        let (from, to) = (number(&batch["from"]), number(&batch["to"]));
        assert_eq!(self.snapshot, None, "a snapshot is cut off: {batch}");
        assert_eq!(from, self.position, "{batch}");
        let positions = self.updates(batch);
        if self.is_every {
            let all: Vec<u64> = (from + 1..=to).collect();
            assert_eq!(positions, all, "every update comes, once and in order");
        }
        assert!(positions.iter().all(|at| (from + 1..=to).contains(at)));
        self.count += positions.len() as u64;
        self.position = to;
    }

    fn of_snapshot(&mut self, batch: &Value) {
        let (from, to) = (number(&batch["from"]), number(&batch["to"]));
        let (at, end) = self.snapshot.unwrap_or((from, self.position));
        assert_eq!(from, at, "{batch} {self:?}");
        assert!(to <= end, "{batch} {self:?}");
        self.snapshot = (to < end).then_some((to, end));
        self.updates(batch);
    }

    fn gap(&mut self, gap: &Value) {
        let (from, to) = (number(&gap["from"]), number(&gap["to"]));
        assert!(self.is_every, "mode latest has no gaps: {gap}");
        assert_eq!(from, self.position, "{gap}");
        assert_eq!(number(&gap["lost"]), to - from, "the count is exact: {gap}");
        let at = self.snapshot.map_or(from, |(at, _)| at);
        assert!(number(&gap["snapshot"]) <= at, "{gap} {self:?}");
        self.lost += to - from;
        self.count += to - from;
        self.position = to;
        self.snapshot = Some((number(&gap["snapshot"]), to));
    }

    fn updates(&mut self, batch: &Value) -> Vec<u64> {
        let updates = batch["updates"].as_array().expect("a list");
        let positions = updates.iter().map(|update| {
            let position = number(&update["position"]);
            let value = update["value"]["reading"].as_f64();
            assert_eq!(value, Some(position as f64), "{update}");
            let topic = update["topic"].as_str().expect("a topic").to_owned();
            self.newest.insert(topic, position);
            position
        });
        positions.collect()
    }

    /// Whether it has everything up to a position.
    pub(super) fn has_all(&self, last: u64) -> bool {
        self.position == last && self.snapshot.is_none()
    }

    /// Checks that each update up to a position was received or announced, but for those before
    /// the first connection.
    pub(super) fn check(&self, last: u64) {
        assert_eq!(self.newest.values().max(), Some(&last), "{self:?}");
        if self.is_every {
            assert_eq!(
                self.count, last,
                "the server's count is the position: {self:?}"
            );
        }
    }
}

#[track_caller]
fn number(value: &Value) -> u64 {
    value
        .as_u64()
        .unwrap_or_else(|| panic!("{value} is no number"))
}
