use std::collections::HashMap;

use proptest::prelude::*;
use tickcast_protocol::value::Value;

use super::*;

/// 2024-03-01T12:00:00Z
const START_NS: TimeNs = 1_709_294_400_000_000_000;

fn first_updates(settings: &SimulatedSettings, count: usize) -> Vec<NewUpdate> {
    let mut simulation = Simulation::new(settings, START_NS);
    (0..count).map(|_| simulation.make()).collect()
}

/// The updates of ten minutes, by topic.
fn by_topic(settings: &SimulatedSettings) -> HashMap<String, Vec<NewUpdate>> {
    let mut simulation = Simulation::new(settings, START_NS);
    let mut updates: HashMap<String, Vec<NewUpdate>> = HashMap::new();
    while simulation.due_ns() < START_NS + 600_000_000_000 {
        let update = simulation.make();
        updates
            .entry(update.topic.as_str().into())
            .or_default()
            .push(update);
    }
    updates
}

#[test]
fn the_same_seed_makes_the_same_updates_and_another_seed_makes_others() {
    let settings = SimulatedSettings::default();
    let updates = first_updates(&settings, 10_000);
    assert_eq!(updates, first_updates(&settings, 10_000));
    let other = SimulatedSettings {
        seed: 2,
        ..settings
    };
    assert_ne!(updates, first_updates(&other, 10_000));
}

#[test]
fn the_default_is_24_instruments_and_16_sensors_with_1000_updates_per_second() {
    let updates = by_topic(&SimulatedSettings::default());
    let count = |start: &str| {
        updates
            .keys()
            .filter(|topic| topic.starts_with(start))
            .count()
    };
    assert_eq!(count("market/"), 48);
    assert_eq!(count("plant/") + count("building/"), 16);
    let per_second = updates.values().map(Vec::len).sum::<usize>() as f64 / 600.0;
    assert!((950.0..1050.0).contains(&per_second), "{per_second}");
    // The tail is heavy: the busiest topic has many times the updates of the median.
    let mut counts: Vec<usize> = updates.values().map(Vec::len).collect();
    counts.sort_unstable();
    assert!(counts[counts.len() - 1] > 10 * counts[counts.len() / 2]);
}

#[test]
fn prices_move_in_ticks_of_their_market_and_stay_near_their_level() {
    let updates = by_topic(&SimulatedSettings::default());
    let quotes = &updates["market/EUR-USD/quote"];
    let mut changes = 0;
    let mut last_bid = None;
    for update in quotes {
        let Value::Quote(quote) = &update.value else {
            panic!("{update:?} is no quote");
        };
        let (bid, ask) = quote.bid.zip(quote.ask).expect("both sides");
        assert!(bid < ask, "{quote:?}");
        assert_eq!((bid.scale(), ask.scale()), (5, 5));
        assert!((1.05..1.12).contains(&bid.to_f64()), "{quote:?}");
        changes += usize::from(last_bid.replace(bid) != Some(bid));
    }
    assert!(changes > quotes.len() / 4, "{changes} of {}", quotes.len());

    for update in &updates["market/BTC-USDT/trade"] {
        let Value::Trade(trade) = &update.value else {
            panic!("{update:?} is no trade");
        };
        assert_eq!((trade.price.scale(), trade.size.scale()), (2, 5));
        assert!(trade.size.mantissa() > 0 && trade.side.is_some());
        assert!((60_000.0..75_000.0).contains(&trade.price.to_f64()));
    }
}

#[test]
fn sensors_have_units_and_realistic_values_and_doors_open_and_close() {
    let updates = by_topic(&SimulatedSettings::default());
    let check = |topic: &str, unit: &str, range: std::ops::Range<f64>| {
        for update in &updates[topic] {
            assert_eq!(update.unit.as_deref(), Some(unit), "{topic}");
            let value = update.value.as_f64().unwrap();
            assert!(range.contains(&value), "{topic}: {value}");
        }
    };
    check("plant/line-1/temperature", "°C", 45.0..90.0);
    check("plant/line-2/pressure", "bar", 4.0..9.0);
    check("plant/line-1/vibration", "mm/s", 0.0..8.0);
    check("building/floor-1/co2", "ppm", 399.0..1500.0);
    let mut is_open = false;
    for update in &updates["building/floor-2/door"] {
        is_open = !is_open;
        let expected = if is_open { "open" } else { "closed" };
        assert_eq!(update.value, Value::Text(expected.into()));
    }
}

#[test]
fn one_sensor_falls_silent_now_and_then_and_the_others_never_do() {
    let settings = SimulatedSettings::default();
    let mut simulation = Simulation::new(&settings, START_NS);
    let mut last_ns = std::collections::HashMap::new();
    let mut silent = std::collections::BTreeMap::<String, u32>::new();
    while simulation.due_ns() < START_NS + 300_000_000_000 {
        let now_ns = simulation.due_ns();
        let update = simulation.make();
        let before_ns = last_ns.insert(update.topic.clone(), now_ns);
        if update.topic.as_str().starts_with("plant/")
            && before_ns.is_some_and(|t| now_ns - t > 10_000_000_000)
        {
            *silent.entry(update.topic.as_str().into()).or_default() += 1;
        }
    }
    assert_eq!(silent.keys().collect::<Vec<_>>(), ["plant/line-1/pressure"]);
    assert!(
        (1..=8).contains(&silent["plant/line-1/pressure"]),
        "{silent:?}"
    );
}

#[test]
fn settings_outside_their_bounds_are_refused() {
    let check = |change: &dyn Fn(&mut SimulatedSettings), part: &str| {
        let mut settings = SimulatedSettings::default();
        change(&mut settings);
        let (_, error) = settings.check().unwrap_err();
        assert!(error.contains(part), "{error}");
    };
    check(
        &|s| (s.instruments, s.sensors) = (0, 0),
        "neither an instrument nor a sensor",
    );
    check(&|s| s.sensors = usize::MAX, "too many");
    for rate in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        check(&|s| s.rate = rate, "the rate");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases / 8))]

    #[test]
    fn time_advances_and_the_number_of_topics_is_as_configured(
        instruments in 0usize..40, sensors in 0usize..40, seed: u64, rate in 1.0f64..1e6
    ) {
        prop_assume!(instruments + sensors > 0);
        let settings = SimulatedSettings { instruments, sensors, rate, seed };
        settings.check().unwrap();
        let mut simulation = Simulation::new(&settings, START_NS);
        let mut last_ns = START_NS;
        let mut topics = std::collections::HashSet::new();
        for _ in 0..2_000 {
            let due_ns = simulation.due_ns();
            let update = simulation.make();
            prop_assert!(due_ns >= last_ns);
            prop_assert_eq!(update.source_time_ns, Some(due_ns));
            last_ns = due_ns;
            topics.insert(update.topic);
        }
        prop_assert!(topics.len() <= 2 * instruments + sensors);
    }
}
