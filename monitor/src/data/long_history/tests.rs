//! The long history of a topic against a model that keeps all updates.

use std::collections::VecDeque;

use proptest::prelude::*;
use tickcast_protocol::{
    message::{Candle, CandleState, Interval, Quality, Row, Update},
    value::{Trade, Value},
};

use super::{bar::LongSample, track::TRACK_MAX_BARS, *};
use crate::data::time::{MINUTE, SECOND};

const INTERVALS: [Interval; 3] = [Interval::Second, Interval::Seconds5, Interval::Minute];

/// When the model's server starts: not at the start of an interval.
const START_NS: i64 = 1_700_000_003 * SECOND + SECOND / 3;

/// A server of one topic, which knows all updates.
struct Model {
    now_ns: i64,
    position: u64,
    seq: u64,
    is_of_trades: bool,
    updates: Vec<Update<()>>,
    /// When updates were missing, each from one time up to another.
    outages: Vec<(i64, i64)>,
}

impl Model {
    fn new(is_of_trades: bool) -> Self {
        Self {
            now_ns: START_NS,
            position: 0,
            seq: 0,
            is_of_trades,
            updates: Vec::new(),
            outages: vec![(i64::MIN, START_NS)],
        }
    }

    fn publish(&mut self, number: i64, others: u64) -> Update<()> {
        self.position += 1 + others;
        self.seq += 1;
        let value = if self.is_of_trades {
            let price = format!("{}.{:02}", 100 + number % 7, number % 100);
            let size = format!(
                "0.{:0digits$}",
                number % 9 + 1,
                digits = number as usize % 5 + 1
            );
            Value::Trade(Trade {
                price: price.parse().unwrap(),
                size: size.parse().unwrap(),
                side: None,
            })
        } else {
            // Sums of quarters are exact in any order.
            Value::Reading(number as f64 / 4.0)
        };
        let update = Update {
            topic: (),
            position: self.position,
            seq: self.seq,
            source_time_ns: None,
            ingest_time_ns: self.now_ns,
            quality: if number % 11 == 0 {
                Quality::Historical
            } else {
                Quality::Live
            },
            value,
        };
        self.updates.push(update.clone());
        update
    }

    /// All intervals with the updates so far, made in the plainest way.
    fn bars(&self, interval: Interval) -> Vec<LongBar> {
        let nanos = interval.nanos();
        let mut bars: Vec<LongBar> = Vec::new();
        for update in &self.updates {
            let Some(sample) = LongSample::of(update) else {
                continue;
            };
            let start_ns = update.ingest_time_ns.div_euclid(nanos) * nanos;
            match bars.last_mut() {
                Some(bar) if bar.start_ns == start_ns => assert!(bar.add(sample)),
                _ => bars.push(LongBar::of(start_ns, sample)),
            }
        }
        for bar in &mut bars {
            let end_ns = bar.start_ns + nanos;
            let is_hit = |&(from, to): &(i64, i64)| from < end_ns && bar.start_ns < to;
            bar.state = match self.outages.iter().any(is_hit) {
                true => CandleState::Incomplete,
                false if end_ns > self.now_ns => CandleState::Open,
                false => CandleState::Complete,
            };
        }
        bars
    }

    /// The answer to a question, in the form in which it is sent.
    fn answer(&self, question: Question, limit: usize) -> Page {
        let mut bars = self.bars(question.interval);
        bars.retain(|bar| {
            question
                .from_ns
                .is_none_or(|from_ns| bar.start_ns >= from_ns)
                && question
                    .before_ns
                    .is_none_or(|before_ns| bar.start_ns < before_ns)
        });
        let surplus = bars.len().saturating_sub(limit);
        bars.drain(..surplus);
        Page {
            position: self.position,
            bars: bars.into_iter().map(sent).collect(),
            more: surplus > 0,
        }
    }
}

/// A bar after the way over the wire.
fn sent(bar: LongBar) -> LongBar {
    match bar.sum {
        BarSum::Trades {
            prices: [open, high, low, close],
            volume,
        } => Candle {
            start_ns: bar.start_ns,
            state: bar.state,
            open,
            high,
            low,
            close,
            volume: volume.and_then(|volume| volume.to_decimal()),
            count: bar.count,
        }
        .into(),
        BarSum::Readings {
            readings: [first, max, min, last],
            sum,
        } => Row {
            start_ns: bar.start_ns,
            state: bar.state,
            first,
            max,
            min,
            last,
            sum,
            count: bar.count,
        }
        .into(),
    }
}

/// What may happen.
#[derive(Debug, Clone)]
enum Step {
    /// Time passes, then an update is published.
    Publish {
        after_ns: i64,
        number: i64,
        others: u64,
    },
    /// The next updates come.
    Deliver(usize),
    /// The oldest answer comes.
    Answer,
    /// A chart looks at a stretch of time, which ends this long ago.
    Want {
        interval: usize,
        ago_ns: i64,
        span_ns: i64,
    },
    /// The next updates never come.
    Lose(usize),
    /// The feed was down, and is up again.
    Outage { for_ns: i64 },
    /// The connection is lost, and the next one resumes.
    Reconnect,
}

fn step() -> impl Strategy<Value = Step> {
    let short = || 0..3 * SECOND;
    prop_oneof![
        12 => (short(), 0i64..1_000, 0u64..3)
            .prop_map(|(after_ns, number, others)| Step::Publish { after_ns, number, others }),
        8 => (1usize..6).prop_map(Step::Deliver),
        6 => Just(Step::Answer),
        6 => (0..INTERVALS.len(), 0..2 * MINUTE, 1..3 * MINUTE)
            .prop_map(|(interval, ago_ns, span_ns)| Step::Want { interval, ago_ns, span_ns }),
        1 => (1usize..4).prop_map(Step::Lose),
        1 => (0..20 * SECOND).prop_map(|for_ns| Step::Outage { for_ns }),
        1 => Just(Step::Reconnect),
    ]
}

/// What is on the way to the client.
struct OnTheWay {
    /// When the earliest of what it tells about was: it may tell that updates before it were lost.
    since_ns: i64,
    what: What,
}

enum What {
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

struct Client {
    history: TopicLongHistory,
    /// The newest update that came.
    position: u64,
    on_the_way: VecDeque<OnTheWay>,
    answers: VecDeque<(Interval, Page)>,
}

impl Client {
    fn new(model: &Model) -> Self {
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

    fn deliver(&mut self) {
        match self.on_the_way.pop_front().map(|item| item.what) {
            Some(What::Update(update)) => {
                self.position = update.position;
                self.history.update(&update);
            }
            Some(What::Status) => self.history.doubt(),
            None => {}
        }
    }

    fn send_status(&mut self, now_ns: i64) {
        self.on_the_way.push_back(OnTheWay {
            since_ns: now_ns,
            what: What::Status,
        });
    }

    /// The next updates never come. The first one after them tells of it by its seq.
    fn lose(&mut self, count: usize) {
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

    fn want(
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

    fn answer(&mut self, model: &Model) {
        if let Some((interval, page)) = self.answers.pop_front() {
            self.history.answer(interval, page, model.now_ns);
        }
    }
}

fn run(steps: Vec<Step>, is_of_trades: bool, limit: usize) -> (Model, Client) {
    let mut model = Model::new(is_of_trades);
    for number in 0..5 {
        model.now_ns += SECOND;
        model.publish(number + 1, 1);
    }
    let mut client = Client::new(&model);
    for step in steps {
        match step {
            Step::Publish {
                after_ns,
                number,
                others,
            } => {
                model.now_ns += after_ns;
                let update = model.publish(number, others);
                client.on_the_way.push_back(update.into());
            }
            Step::Deliver(count) => (0..count).for_each(|_| client.deliver()),
            Step::Answer => client.answer(&model),
            Step::Want {
                interval,
                ago_ns,
                span_ns,
            } => {
                let end_ns = model.now_ns - ago_ns + SECOND;
                client.want(
                    &model,
                    INTERVALS[interval],
                    (end_ns - span_ns, end_ns),
                    limit,
                );
            }
            Step::Lose(count) => {
                // After a loss the server sends the newest value.
                let update = model.publish(1, 0);
                let on_the_way = client.on_the_way.iter();
                let updates = on_the_way.filter(|item| matches!(item.what, What::Update(_)));
                let count = count.min(updates.count());
                client.on_the_way.push_back(update.into());
                client.lose(count);
            }
            Step::Outage { for_ns } => {
                client.send_status(model.now_ns);
                model.outages.push((model.now_ns, model.now_ns + for_ns));
                model.now_ns += for_ns;
                let update = model.publish(3, 0);
                client.send_status(model.now_ns);
                client.on_the_way.push_back(update.into());
            }
            Step::Reconnect => {
                client.answers.clear();
                client.history.disconnected();
                client.history.every_from(client.position);
            }
        }
    }
    (model, client)
}

/// The intervals in plain numbers, with the states that a chart shows.
fn shown(client: &Client, interval: Interval, now_ns: i64) -> Vec<LongBar> {
    let track = client.history.track(interval).unwrap();
    folded(track, interval.nanos(), (0, i64::MAX - 1), now_ns)
}

proptest! {
    #[test]
    fn pages_and_live_updates_join_to_what_the_server_knows(
        steps in prop::collection::vec(step(), 0..120),
        is_of_trades in any::<bool>(),
        limit in 1usize..9,
    ) {
        let (mut model, mut client) = run(steps, is_of_trades, limit);
        while !client.on_the_way.is_empty() {
            client.deliver();
        }
        while !client.answers.is_empty() {
            client.answer(&model);
        }
        for interval in INTERVALS {
            let expected = model.bars(interval);
            let most = expected.len().div_ceil(limit) * 2 + 6;
            let mut questions = 0;
            loop {
                let wanted = (START_NS - MINUTE, model.now_ns + SECOND);
                if client.want(&model, interval, wanted, limit) {
                    questions += 1;
                    client.answer(&model);
                    prop_assert!(questions <= most, "{questions} questions");
                } else if client.history.track(interval).unwrap().covers(wanted.0, i64::MAX) {
                    break;
                } else {
                    // It rests.
                    model.now_ns += SECOND / 2;
                }
            }
            let expected = model.bars(interval);
            prop_assert_eq!(shown(&client, interval, model.now_ns), expected);
        }
        // And it goes on without questions.
        for number in 0..10 {
            model.now_ns += SECOND * 7 / 10;
            let update = model.publish(number * 3 + 1, 1);
            client.history.update(&update);
        }
        for interval in INTERVALS {
            let wanted = (START_NS, model.now_ns);
            prop_assert!(client.history.want(interval, wanted, model.now_ns).is_none());
            prop_assert_eq!(shown(&client, interval, model.now_ns), model.bars(interval));
        }
    }

    #[test]
    fn an_interval_that_counts_as_complete_at_any_moment_is_what_the_server_has(
        steps in prop::collection::vec(step(), 0..60),
        is_of_trades in any::<bool>(),
        limit in 1usize..9,
    ) {
        let (model, client) = run(steps, is_of_trades, limit);
        // What is on the way has no influence on what was complete before it.
        let first_ns = client.on_the_way.iter().map(|item| item.since_ns).min();
        let known_to_ns = first_ns.unwrap_or(model.now_ns);
        for interval in INTERVALS {
            if client.history.track(interval).is_none() {
                continue;
            }
            let expected = model.bars(interval);
            for bar in shown(&client, interval, known_to_ns) {
                if bar.state == CandleState::Complete {
                    let same = expected.iter().find(|same| same.start_ns == bar.start_ns);
                    prop_assert_eq!(Some(&bar), same);
                }
            }
        }
    }
}

/// A client that has the newest minute in seconds.
fn joined() -> (Model, Client) {
    let mut model = Model::new(true);
    let mut client = Client::new(&model);
    for number in 0..200 {
        model.now_ns += SECOND / 3;
        let update = model.publish(number, 1);
        client.history.update(&update);
    }
    let wanted = (model.now_ns - MINUTE, model.now_ns);
    for interval in INTERVALS {
        assert!(client.want(&model, interval, wanted, 1_000));
        client.answer(&model);
    }
    (model, client)
}

#[test]
fn the_seconds_add_up_to_the_minute_exactly() {
    let (mut model, mut client) = joined();
    for number in 0..400 {
        model.now_ns += SECOND / 5;
        let update = model.publish(number, 0);
        client.history.update(&update);
    }
    let history = &client.history;
    let (second, minute) = (Interval::Second, Interval::Minute);
    let range = (0, i64::MAX - 1);
    let of_seconds = folded(history.track(second).unwrap(), MINUTE, range, model.now_ns);
    let of_minutes = folded(history.track(minute).unwrap(), MINUTE, range, model.now_ns);
    assert_eq!(of_seconds, of_minutes);
    assert_eq!(of_minutes, model.bars(minute));
    assert_eq!(of_minutes.len(), 3);
}

/// The server has another epoch. The client asks again, and this is what it shows when it has got
/// the answer.
fn shown_after_a_restart(
    model: &Model,
    client: &mut Client,
    answer: impl FnOnce(Question) -> Page,
) -> Vec<LongBar> {
    client.history.disconnected();
    client.history.epoch_changed();
    client.history.every_from(0);
    let now_ns = model.now_ns + SECOND;
    let wanted = (model.now_ns - MINUTE, now_ns);
    let question = client.history.want(Interval::Second, wanted, now_ns);
    let question = question.expect("it asks again");
    assert_eq!((question.from_ns, question.before_ns), (None, None));
    client.history.asked(question);
    client
        .history
        .answer(Interval::Second, answer(question), now_ns);
    shown(client, Interval::Second, now_ns)
}

#[test]
fn a_new_epoch_that_knows_nothing_keeps_what_is_known_and_marks_its_end() {
    let (model, mut client) = joined();
    let mut before = shown(&client, Interval::Second, model.now_ns);
    let begun = LongBar {
        start_ns: before.last().unwrap().start_ns + 3 * SECOND,
        state: CandleState::Incomplete,
        ..before[0]
    };
    let after = shown_after_a_restart(&model, &mut client, |_| Page {
        position: 1,
        bars: vec![begun],
        more: false,
    });
    before.last_mut().unwrap().state = CandleState::Incomplete;
    before.push(begun);
    assert_eq!(after, before);
}

#[test]
fn marks_of_an_earlier_epoch_give_way_to_what_the_server_knows_now() {
    let (mut model, mut client) = joined();
    let before = shown(&client, Interval::Second, model.now_ns);
    // It has read more than was delivered: the second half of the last interval.
    model.now_ns += SECOND / 4;
    model.publish(1, 0);
    let mut expected = model.bars(Interval::Second);
    for bar in &mut expected[20..25] {
        bar.state = CandleState::Incomplete;
    }
    let known = expected.clone();
    let after = shown_after_a_restart(&model, &mut client, |_| Page {
        position: model.position,
        bars: known.into_iter().map(sent).collect(),
        more: false,
    });
    assert_ne!(after[20..25], before[20..25]);
    let last = expected.len() - 1;
    assert_eq!(after[..last], expected[..last]);
    assert_eq!(after[last].count, expected[last].count);
}

#[test]
fn a_lost_update_is_found_by_its_seq_and_asked_for() {
    let (mut model, mut client) = joined();
    let now_ns = model.now_ns + 3 * SECOND;
    model.now_ns = now_ns;
    model.publish(1, 0);
    let update = model.publish(2, 0);
    client.history.update(&update);
    let wanted = (now_ns - MINUTE, now_ns);
    assert!(client.want(&model, Interval::Second, wanted, 1_000));
    client.answer(&model);
    assert_eq!(
        shown(&client, Interval::Second, now_ns),
        model.bars(Interval::Second)
    );
}

#[test]
fn a_server_that_keeps_none_is_not_asked_again_on_this_connection() {
    let mut history = TopicLongHistory::default();
    history.every_from(0);
    let ask = |history: &mut TopicLongHistory, now_ns| {
        history.want(Interval::Minute, (0, MINUTE), now_ns)
    };
    let question = ask(&mut history, MINUTE).unwrap();
    history.asked(question);
    history.no_answer(Interval::Minute, false, MINUTE);
    assert_eq!(ask(&mut history, MINUTE), None, "it rests");
    let question = ask(&mut history, 2 * MINUTE).unwrap();
    history.asked(question);
    history.no_answer(Interval::Minute, true, 2 * MINUTE);
    assert_eq!(history.availability(), LongAvailability::NotKept);
    assert_eq!(ask(&mut history, 9 * MINUTE), None);
    history.disconnected();
    history.every_from(0);
    assert!(ask(&mut history, 9 * MINUTE).is_some());
}

#[test]
fn without_every_update_the_server_is_asked_now_and_then() {
    let mut model = Model::new(false);
    let mut client = Client::new(&model);
    client.history.newest_only();
    let mut questions = 0;
    for number in 0..600 {
        model.now_ns += SECOND / 10;
        model.publish(number, 0);
        let wanted = (model.now_ns - MINUTE, model.now_ns);
        if client.want(&model, Interval::Second, wanted, 1_000) {
            questions += 1;
            client.answer(&model);
        }
    }
    assert!((5..=13).contains(&questions), "{questions} in a minute");
}

#[test]
fn a_full_track_forgets_what_is_far_from_the_time_that_is_wanted() {
    let (mut model, mut client) = joined();
    for number in 0..TRACK_MAX_BARS as i64 + 10 {
        model.now_ns += SECOND;
        let update = model.publish(number, 0);
        client.history.update(&update);
    }
    let track = client.history.track(Interval::Second).unwrap();
    assert!(track.len() <= TRACK_MAX_BARS, "{}", track.len());
    let wanted = (model.now_ns - MINUTE, model.now_ns);
    assert_eq!(
        client.history.want(Interval::Second, wanted, model.now_ns),
        None
    );
    let minutes = client.history.track(Interval::Minute).unwrap();
    assert!(minutes.begins_ns().is_some());
}

#[test]
fn an_answer_with_what_was_not_asked_for_changes_nothing_else() {
    let (model, mut client) = joined();
    let before = shown(&client, Interval::Second, model.now_ns);
    client.history.doubt();
    let now_ns = model.now_ns + 2 * SECOND;
    let wanted = (now_ns - MINUTE, now_ns);
    let question = client
        .history
        .want(Interval::Second, wanted, now_ns)
        .unwrap();
    client.history.asked(question);
    let mut page = model.answer(question, 10);
    let mut odd = before[0];
    odd.start_ns += 1;
    page.bars.insert(0, odd);
    page.bars.insert(0, before[2]);
    client.history.answer(Interval::Second, page, now_ns);
    assert_eq!(shown(&client, Interval::Second, model.now_ns), before);
}
