//! Half an hour of the simulated feed, run by hand.

use std::collections::BTreeMap;

use tickcast_monitor::testing::{BarSum, LongBar};
use tickcast_protocol::message::{CandleState, Interval};

use super::{
    long_time::{MARKET, Publisher, SECOND, chart_of},
    *,
};

const MINUTE: i64 = 60 * SECOND;

/// Change it with `TICKCAST_FEED_MINUTES`.
const MINUTES: u64 = 31;

/// The bars that are over, by their start.
fn complete(bars: &[LongBar]) -> BTreeMap<i64, LongBar> {
    let bars = bars.iter();
    let bars = bars.filter(|bar| bar.state == CandleState::Complete);
    bars.map(|bar| (bar.start_ns, *bar)).collect()
}

/// The seconds of an interval as one bar, to the last digit; `None` if there is none.
fn sum_of<'b>(seconds: impl Iterator<Item = &'b LongBar>) -> Option<LongBar> {
    seconds.copied().reduce(|sum, second| {
        let trades = |bar: &LongBar| match bar.sum {
            BarSum::Trades { prices, volume } => (prices, volume.unwrap()),
            BarSum::Readings { .. } => panic!("{bar:?}"),
        };
        let ([open, high, low, _], volume) = trades(&sum);
        let ([_, second_high, second_low, close], more) = trades(&second);
        LongBar {
            count: sum.count + second.count,
            sum: BarSum::Trades {
                prices: [open, high.max(second_high), low.min(second_low), close],
                volume: volume.plus(more),
            },
            ..sum
        }
    })
}

#[test]
#[ignore = "it takes half an hour: run it by hand, see CONTRIBUTING.md"]
#[allow(clippy::print_stdout, reason = "its figures are its purpose")]
fn candles_of_half_an_hour_are_exact_and_the_same_after_a_restart() {
    let minutes = std::env::var("TICKCAST_FEED_MINUTES");
    let minutes = minutes.map_or(MINUTES, |text| text.parse().unwrap());
    let server = start("127.0.0.1:0", "simulated", &["--sim-rate", "1000"]).unwrap();
    let mut listening = Listening::to(&server);
    chart_of(&mut listening, MARKET, MINUTE);
    let end = Instant::now() + Duration::from_secs(60 * minutes);
    while Instant::now() < end {
        listening.repaint();
        for _ in 0..20 {
            pause();
        }
    }

    // The server's: each minute, and each five of them, is the sum of its seconds.
    let mut asking = Publisher::new(&server);
    let seconds = asking.candles(MARKET, Interval::Second);
    for (interval, length_ns) in [(Interval::Minute, MINUTE), (Interval::Minutes5, 5 * MINUTE)] {
        let servers = complete(&asking.candles(MARKET, interval));
        for (start_ns, bar) in &servers {
            let within = *start_ns..start_ns + length_ns;
            let within = seconds.iter().filter(|s| within.contains(&s.start_ns));
            let sum = sum_of(within).unwrap();
            assert_eq!((sum.count, sum.sum), (bar.count, bar.sum));
        }
        // The monitor's, from live updates only.
        chart_of(&mut listening, MARKET, length_ns);
        listening.until("the monitor has them", |monitor| {
            let ours = complete(&monitor.long_bars(MARKET, length_ns));
            servers.keys().all(|start_ns| ours.contains_key(start_ns))
        });
        let ours = complete(&listening.monitor.long_bars(MARKET, length_ns));
        for (start_ns, bar) in &servers {
            assert_eq!(ours[start_ns], *bar);
        }
        // Another monitor has them at once.
        let begun = Instant::now();
        let mut again = Listening::to(&server);
        chart_of(&mut again, MARKET, length_ns);
        again.until("the new monitor has them", |monitor| {
            let new = complete(&monitor.long_bars(MARKET, length_ns));
            ours.keys().all(|start_ns| new.contains_key(start_ns))
        });
        let took = begun.elapsed();
        let new = complete(&again.monitor.long_bars(MARKET, length_ns));
        for (start_ns, bar) in &ours {
            assert_eq!(new[start_ns], *bar);
        }
        println!(
            "{interval:?}: {} complete candles of {} seconds and {} trades, each the sum of its \
             seconds; a new monitor had the same {} ms after it started",
            servers.len(),
            seconds.len(),
            servers.values().map(|bar| bar.count).sum::<u64>(),
            took.as_millis(),
        );
        assert!(took < Duration::from_secs(1), "{took:?}");
        let expected = (minutes * 60 * 1_000_000_000) as i64 / length_ns - 1;
        assert!(servers.len() as i64 >= expected, "{}", servers.len());
    }
}
