//! Topics that the monitor computes from others.

use tickcast_protocol::message::TopicInfo;

use super::*;

const PRESSURE: &str = "plant/line-1/pressure";
const MEAN: &str = "derived/mean/plant/line-1/pressure";

fn opened(topic: &str) -> Harness<'static, Bench> {
    let mut harness = filled(&[topic]);
    readings(&mut harness, &[2.0, 3.0, 4.0]);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::D);
    harness.run_steps(3);
    harness
}

fn readings(harness: &mut Harness<'_, Bench>, values: &[f64]) {
    let script = &mut harness.state_mut().script;
    for &value in values {
        script.now_ns += SECOND;
        script.every("building/power/main", Value::Reading(48.2));
        script.every(PRESSURE, Value::Reading(value));
    }
    harness.run_steps(2);
}

fn number(harness: &Harness<'_, Bench>, topic: &str) -> Option<f64> {
    harness.state().monitor.store().topic_named(topic)?.number
}

fn type_into(harness: &mut Harness<'_, Bench>, field: &str, text: &str) {
    harness.get_by_label(field).focus();
    harness.run_steps(1);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::A);
    write(harness, text);
}

fn close(harness: &mut Harness<'_, Bench>) {
    harness.key_press(Key::Escape);
    harness.run_steps(3);
}

#[test]
fn a_mean_of_the_selected_topic_is_listed_charted_and_stored() {
    let mut harness = opened(PRESSURE);
    assert!(sees(&harness, "mean of plant/line-1/pressure over 30.0 s"));
    harness.key_press(Key::Enter);
    harness.run_steps(3);
    close(&mut harness);
    assert_eq!(number(&harness, MEAN), Some(3.0));
    assert!(is_listed(&harness, MEAN), "a row in the list");
    readings(&mut harness, &[5.0]);
    assert_eq!(number(&harness, MEAN), Some(3.5), "live");
    row(&harness, MEAN).click_modifiers(Modifiers::SHIFT);
    harness.run_steps(3);
    assert_eq!(charted(&harness), [MEAN, PRESSURE]);
    // The unit of a source may come later.
    let script = &mut harness.state_mut().script;
    script.tell(TopicInfo {
        unit: Some("bar".to_owned()),
        ..TopicInfo::new(1, PRESSURE.parse().unwrap())
    });
    harness.run_steps(2);
    assert!(painted(&harness, "3.5 bar"), "in the unit of its source");
    // A gap of the source is one of the mean.
    harness.state_mut().script.skip(PRESSURE, 3);
    readings(&mut harness, &[9.0]);
    assert_eq!(number(&harness, MEAN), Some(9.0));
    let gaps = |topic: &str| {
        let store = harness.state().monitor.store();
        let series = store.topic_named(topic).unwrap().series.as_ref();
        series
            .unwrap()
            .gaps()
            .map(|gap| gap.lost)
            .collect::<Vec<_>>()
    };
    assert_eq!(gaps(MEAN), [Some(3)]);
    let script = &mut harness.state_mut().script;
    script.now_ns += SECOND;
    script.every(PRESSURE, Value::Absent("unavailable".to_owned()));
    harness.run_steps(2);
    assert!(painted(&harness, "not a number"), "hatched while it lasts");
    let mut again = restarted(&mut harness);
    again.run_steps(2);
    assert_eq!(charted(&again), [MEAN, PRESSURE]);
    assert_eq!(number(&again, MEAN), None, "its source has not come");
    readings(&mut again, &[7.0]);
    assert_eq!(number(&again, MEAN), Some(7.0));
}

#[test]
fn what_cannot_be_derived_is_said_while_it_is_typed() {
    let mut harness = opened(PRESSURE);
    type_into(&mut harness, "Over", "soon");
    assert!(sees(&harness, "a window lasts from 0.1 s to 1 day"));
    type_into(&mut harness, "Over", "10 s");
    type_into(&mut harness, "Topic", "plant/line-1/pres");
    assert!(sees(&harness, "unknown topic plant/line-1/pres"));
    // A topic that is offered is taken with a click.
    let offered = harness
        .query_all_by_label(PRESSURE)
        .rfind(|node| node.accesskit_node().role() == egui::accesskit::Role::Button);
    offered.unwrap().click();
    harness.run_steps(3);
    assert!(!sees(&harness, "Not yet"));
    harness.get_by_label("Formula").click();
    harness.run_steps(3);
    type_into(&mut harness, "Text", "{plant/line-1/pressure} / foo");
    assert!(sees(&harness, "unknown name \"foo\""));
    type_into(
        &mut harness,
        "Text",
        "{plant/line-1/pressure} * 2 - {building/power/main}",
    );
    harness.get_by_label("Add").click();
    harness.run_steps(3);
    close(&mut harness);
    let value = number(&harness, "derived/formula").unwrap();
    assert!((value - (8.0 - 48.2)).abs() < 1e-9, "{value}");
}

#[test]
fn a_ratio_by_zero_has_no_value_and_the_list_says_why() {
    let mut harness = opened("building/power/main");
    harness.get_by_label("Ratio").click();
    harness.run_steps(3);
    type_into(&mut harness, "B", PRESSURE);
    type_into(&mut harness, "Name", "load");
    harness.get_by_label("Add to the active chart").click();
    harness.run_steps(3);
    let power = "building/power/main";
    assert_eq!(charted(&harness), [power, "derived/load"]);
    assert_eq!(number(&harness, "derived/load"), Some(48.2 / 4.0));
    readings(&mut harness, &[0.0]);
    assert_eq!(number(&harness, "derived/load"), None);
    assert!(painted(&harness, "division by zero"));
    // It is removed with its series' source kept.
    harness.key_press_modifiers(Modifiers::COMMAND, Key::D);
    harness.run_steps(3);
    harness.get_by_label("Delete derived/load").click();
    harness.run_steps(3);
    close(&mut harness);
    assert!(!is_listed(&harness, "derived/load"));
    assert!(is_listed(&harness, PRESSURE));
}

#[test]
fn a_layout_brings_its_derived_topics_along() {
    let mut harness = opened(PRESSURE);
    harness.get_by_label("Add to the active chart").click();
    harness.run_steps(3);
    let monitor = &mut harness.state_mut().monitor;
    monitor.execute(UiCommand::SaveLayout("mine".to_owned()));
    monitor.execute(UiCommand::RemoveDerived(MEAN.parse().unwrap()));
    harness.run_steps(2);
    assert_eq!(number(&harness, MEAN), None);
    let load = UiCommand::LoadLayout("mine".to_owned());
    harness.state_mut().monitor.execute(load);
    readings(&mut harness, &[4.0]);
    assert!(number(&harness, MEAN).is_some());
}

#[test]
fn a_mean_of_a_number_of_updates_begins_when_there_are_that_many() {
    let mut harness = opened(PRESSURE);
    type_into(&mut harness, "Over", "1 updates");
    harness.run_steps(2);
    assert!(sees(&harness, "a window has 2 to 100000 updates"));
    type_into(&mut harness, "Over", "4 updates");
    harness.run_steps(2);
    assert!(sees(
        &harness,
        "mean of the last 4 updates of plant/line-1/pressure"
    ));
    harness.key_press(Key::Enter);
    harness.run_steps(3);
    close(&mut harness);
    assert_eq!(number(&harness, MEAN), None, "three of four");
    readings(&mut harness, &[5.0]);
    assert_eq!(number(&harness, MEAN), Some(3.5));
    readings(&mut harness, &[9.0]);
    assert_eq!(number(&harness, MEAN), Some(5.25), "the first has left");
    // What came before a gap says nothing about what comes after it.
    harness.state_mut().script.skip(PRESSURE, 3);
    readings(&mut harness, &[1.0, 2.0, 3.0]);
    assert_eq!(number(&harness, MEAN), Some(5.25));
    readings(&mut harness, &[4.0]);
    assert_eq!(number(&harness, MEAN), Some(2.5));
    let mut again = restarted(&mut harness);
    readings(&mut again, &[4.0, 4.0, 4.0, 4.0]);
    assert_eq!(number(&again, MEAN), Some(4.0), "after a restart");
}

#[test]
fn updates_that_a_derived_topic_hides_have_a_count_of_their_own() {
    let mut harness = opened(PRESSURE);
    harness.key_press(Key::Enter);
    harness.run_steps(3);
    close(&mut harness);
    let shown = number(&harness, MEAN);
    for _ in 0..7 {
        let script = &mut harness.state_mut().script;
        script.latest(MEAN, Value::Reading(-1.0));
    }
    harness.run_steps(2);
    assert_eq!(number(&harness, MEAN), shown, "the user's own topic stays");
    let totals = harness.state().monitor.store().totals();
    assert_eq!((totals.hidden, totals.dropped), (7, 0));
    assert!(sees(&harness, "7 hidden by derived topics"));
    assert!(!sees(&harness, "more topics than the monitor keeps"));
}

#[test]
fn an_alert_watches_a_derived_topic() {
    let mut harness = opened(PRESSURE);
    harness.key_press(Key::Enter);
    harness.run_steps(3);
    close(&mut harness);
    let alert = UiCommand::AddAlert {
        topic: MEAN.parse().unwrap(),
        condition: AlertCondition::Above(10.0),
    };
    harness.state_mut().monitor.execute(alert);
    readings(&mut harness, &[30.0, 60.0]);
    assert_eq!(harness.state().monitor.alerts().unseen().count(), 1);
}

#[test]
fn the_dialog_fits_every_size() {
    for size in [[720.0, 420.0], [1000.0, 700.0]] {
        let mut harness = harness_of(size, SavedState::default(), &[PRESSURE]);
        fill(&mut harness.state_mut().script);
        harness.run_steps(2);
        for _ in 0..2 {
            harness.key_press_modifiers(Modifiers::COMMAND, Key::D);
            harness.run_steps(3);
            let field = harness.get_by_label("Name").rect();
            assert!(whole(&harness).contains_rect(field), "{size:?} {field:?}");
            harness.get_by_label("Spread").click();
            harness.run_steps(3);
            let field = harness.get_by_label("Name").rect();
            assert!(whole(&harness).contains_rect(field), "{size:?} {field:?}");
        }
    }
}

#[test]
fn the_average_price_and_the_rate_of_change_are_live_and_charted_from_the_dialog() {
    let mut harness = opened(BTC);
    harness.get_by_label("VWAP").click();
    harness.run_steps(3);
    harness.get_by_label("Add to the active chart").click();
    harness.run_steps(3);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::D);
    harness.run_steps(3);
    harness.get_by_label("Rate").click();
    harness.run_steps(3);
    type_into(&mut harness, "Topic", PRESSURE);
    type_into(&mut harness, "Over", "2 s");
    harness.get_by_label("Add").click();
    harness.run_steps(3);
    close(&mut harness);
    let vwap = format!("derived/vwap/{BTC}");
    assert_eq!(charted(&harness), [vwap.as_str(), BTC]);
    let script = &mut harness.state_mut().script;
    // The first trade is out of the window then.
    script.now_ns += 60 * SECOND;
    script.every(BTC, trade("100", "1"));
    script.every(BTC, trade("106", "2"));
    harness.run_steps(2);
    assert_eq!(number(&harness, &vwap), Some(104.0), "weighted by size");
    readings(&mut harness, &[1.0, 4.0]);
    let rate = number(&harness, &format!("derived/rate/{PRESSURE}"));
    assert_eq!(rate, Some(3.0), "per second");
}

#[test]
fn a_spread_follows_both_topics_and_has_the_gaps_of_each() {
    const POWER: &str = "building/power/main";
    let mut harness = opened(PRESSURE);
    harness.get_by_label("Spread").click();
    harness.run_steps(3);
    type_into(&mut harness, "A", PRESSURE);
    type_into(&mut harness, "B", POWER);
    harness.get_by_label("Add to the active chart").click();
    harness.run_steps(3);
    close(&mut harness);
    let charts = charted(&harness);
    let [spread, other] = &charts[..] else {
        panic!("{charts:?}");
    };
    assert_eq!(other, PRESSURE);
    assert!(painted(&harness, spread), "in the legend");
    readings(&mut harness, &[50.2]);
    let shown = number(&harness, spread).unwrap();
    assert!((shown - 2.0).abs() < 1e-9, "both are live: {shown}");
    assert!(painted(&harness, "2.0"), "the newest value on its axis");
    for topic in [PRESSURE, POWER] {
        harness.state_mut().script.skip(topic, 3);
        readings(&mut harness, &[49.2]);
    }
    let store = harness.state().monitor.store();
    let series = store.topic_named(spread).unwrap().series.as_ref();
    assert_eq!(series.unwrap().gaps().count(), 2, "one of each");
}
