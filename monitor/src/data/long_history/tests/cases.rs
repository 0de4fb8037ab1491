//! Restarts, losses and limits.

use tickcast_protocol::message::{CandleState, Interval};

use super::{
    super::track::TRACK_MAX_BARS,
    client::Client,
    model::{Model, sent},
    *,
};
use crate::data::time::{MINUTE, SECOND};

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
