//! Candles and rows of a real server.

use tickcast_monitor::testing::{BarSum, ChartStyle, LongBar};
use tickcast_protocol::{
    message::{CandleState, Candles, CandlesRequest, Interval},
    value::{Side, Trade},
};

use super::*;

pub(crate) const MARKET: &str = "market/BTC-USDT/trade";
pub(crate) const SECOND: i64 = 1_000_000_000;

/// A client that publishes, and asks the server without the monitor.
pub(crate) struct Publisher {
    runtime: tokio::runtime::Runtime,
    client: Client,
    handle: tickcast_protocol::client::ClientHandle,
    number: u64,
}

impl Publisher {
    pub(crate) fn new(server: &Server) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let options = ClientOptions::new(ConnectOptions::new(url(server), Encoding::Bincode));
        let (mut client, handle) = Client::new(options);
        runtime.block_on(async { while !matches!(client.next().await, Event::Connected(_)) {} });
        Self {
            runtime,
            client,
            handle,
            number: 0,
        }
    }

    fn publish(&mut self, topic: &str, value: Value) {
        let topic = topic.to_owned();
        let publication = Publication {
            topic,
            value,
            source_time_ns: None,
        };
        self.handle.publish(vec![publication]).unwrap();
        self.runtime
            .block_on(async { while !matches!(self.client.next().await, Event::Published(_)) {} });
    }

    /// Publishes trades for a while, some in each second.
    fn trade_for(&mut self, time: Duration) {
        let begun = Instant::now();
        while begun.elapsed() < time {
            self.number += 1;
            let price = format!("39484.{:02}", self.number * 7 % 100);
            let size = format!("0.{:03}", self.number % 999 + 1);
            let trade = Trade {
                price: price.parse().unwrap(),
                size: size.parse().unwrap(),
                side: Some(Side::Buy),
            };
            self.publish(MARKET, Value::Trade(trade));
            pause();
        }
    }

    /// All intervals that the server has.
    pub(crate) fn candles(&mut self, topic: &str, interval: Interval) -> Vec<LongBar> {
        let mut all: Vec<LongBar> = Vec::new();
        loop {
            let request = CandlesRequest {
                id: 0,
                topic: topic.to_owned(),
                interval,
                limit: None,
                from_ns: None,
                before_ns: all.first().map(|first| first.start_ns),
            };
            self.handle.candles(request).unwrap();
            let answer: Candles = self.runtime.block_on(async {
                loop {
                    match self.client.next().await {
                        Event::Candles(answer) => break answer,
                        Event::NoHistory { why, .. } => panic!("{why:?}"),
                        _ => {}
                    }
                }
            });
            let candles = answer.candles.into_iter().map(LongBar::from);
            let rows = answer.rows.into_iter().map(LongBar::from);
            all.splice(..0, candles.chain(rows));
            if !answer.more {
                return all;
            }
        }
    }
}

pub(crate) fn chart_of(listening: &mut Listening, topic: &str, candles_ns: i64) {
    let topic = Topic::new(topic).unwrap();
    let placement = Placement::Active;
    let monitor = &mut listening.monitor;
    monitor.execute(UiCommand::Chart { topic, placement });
    monitor.execute(UiCommand::Style(ChartStyle::Candles(candles_ns)));
}

fn count(bars: &[LongBar]) -> u64 {
    bars.iter().map(|bar| bar.count).sum()
}

/// The bars without their states: the clock may end the newest one between two looks.
fn plain(bars: &[LongBar]) -> Vec<(i64, u64, BarSum)> {
    let bars = bars.iter();
    bars.map(|bar| (bar.start_ns, bar.count, bar.sum)).collect()
}

/// Waits for the next second: two servers that share one have a part of its updates each.
fn next_second() {
    let now = clock_ns().div_euclid(SECOND);
    while clock_ns().div_euclid(SECOND) == now {
        pause();
    }
}

#[test]
fn candles_fill_a_chart_after_a_restart_and_go_on_from_the_live_updates() {
    let server = server(&["--history-updates", "0"]);
    let mut publisher = Publisher::new(&server);
    publisher.trade_for(Duration::from_millis(2_500));

    let mut listening = Listening::to(&server);
    chart_of(&mut listening, MARKET, SECOND);
    listening.until("the past comes", |monitor| {
        count(&monitor.long_bars(MARKET, SECOND)) > 0
    });
    // It goes on without the server's help, second after second.
    publisher.trade_for(Duration::from_millis(2_500));
    let published = publisher.number;
    listening.until("all updates are counted", |monitor| {
        count(&monitor.long_bars(MARKET, SECOND)) == published
    });
    let seconds = listening.monitor.long_bars(MARKET, SECOND);
    assert!(seconds.len() >= 5, "{}", seconds.len());
    assert_eq!(seconds[0].state, CandleState::Incomplete, "it began within");
    for bar in &seconds[1..seconds.len() - 1] {
        assert_eq!(bar.state, CandleState::Complete, "{bar:?}");
    }
    let same = |ours: &[LongBar], servers: &[LongBar]| {
        // The newest one may have ended meanwhile.
        assert_eq!(ours.len(), servers.len());
        for (ours, servers) in ours.iter().zip(servers) {
            let (ours, servers) = ((ours.count, ours.sum), (servers.count, servers.sum));
            assert_eq!(ours, servers);
        }
    };
    same(&seconds, &publisher.candles(MARKET, Interval::Second));

    // The seconds are the minute, to the last digit.
    let style = ChartStyle::Candles(60 * SECOND);
    listening.monitor.execute(UiCommand::Style(style));
    listening.until("the minute comes", |monitor| {
        count(&monitor.long_bars(MARKET, 60 * SECOND)) == published
    });
    let minutes = listening.monitor.long_bars(MARKET, 60 * SECOND);
    same(&minutes, &publisher.candles(MARKET, Interval::Minute));
    let [minute] = minutes[..] else {
        return; // It became another minute on the way.
    };
    let BarSum::Trades { volume, .. } = minute.sum else {
        panic!("{minute:?}");
    };
    let volumes = seconds.iter().map(|bar| match bar.sum {
        BarSum::Trades { volume, .. } => volume.unwrap(),
        BarSum::Readings { .. } => panic!("{bar:?}"),
    });
    assert_eq!(volume, volumes.reduce(|a, b| a.plus(b).unwrap()));

    // Another monitor has the same within a second.
    let mut again = Listening::to(&server);
    chart_of(&mut again, MARKET, SECOND);
    let begun = Instant::now();
    again.until("the same comes", |monitor| {
        count(&monitor.long_bars(MARKET, SECOND)) == published
    });
    assert!(begun.elapsed() < Duration::from_secs(20), "a busy machine");
    same(&again.monitor.long_bars(MARKET, SECOND), &seconds);
}

#[test]
fn a_reconnect_asks_again_and_counts_nothing_twice() {
    let server = server(&["--heartbeat", "1s"]);
    let mut publisher = Publisher::new(&server);
    let wire = Wire::to(server.address());
    let mut listening = Listening::at(wire.address);
    publisher.trade_for(Duration::from_millis(1_200));
    chart_of(&mut listening, MARKET, SECOND);
    let published = publisher.number;
    listening.until("the past comes", |monitor| {
        count(&monitor.long_bars(MARKET, SECOND)) == published
    });
    wire.set_cut(true);
    publisher.trade_for(Duration::from_millis(1_200));
    listening.until("given up", |monitor| {
        matches!(
            monitor.connection(),
            ConnectionState::BackingOff { .. } | ConnectionState::Connecting { .. }
        )
    });
    wire.set_cut(false);
    publisher.trade_for(Duration::from_millis(1_200));
    let published = publisher.number;
    listening.until("all updates are counted", |monitor| {
        count(&monitor.long_bars(MARKET, SECOND)) >= published
    });
    let ours = listening.monitor.long_bars(MARKET, SECOND);
    let servers = publisher.candles(MARKET, Interval::Second);
    assert_eq!(plain(&ours), plain(&servers));
}

#[test]
fn a_new_epoch_is_asked_about_again() {
    let first = server(&[]);
    let address = first.address().to_string();
    Publisher::new(&first).trade_for(Duration::from_millis(1_200));
    let mut listening = Listening::to(&first);
    chart_of(&mut listening, MARKET, SECOND);
    listening.until("the past comes", |monitor| {
        !monitor.long_bars(MARKET, SECOND).is_empty()
    });
    drop(first);
    listening.until("the connection is lost", |monitor| {
        !matches!(monitor.connection(), ConnectionState::Connected { .. })
    });
    let second = successor(&address);
    let mut publisher = Publisher::new(&second);
    next_second();
    publisher.trade_for(Duration::from_millis(1_200));
    let servers = plain(&publisher.candles(MARKET, Interval::Second));
    listening.until("the new server's candles come", |monitor| {
        plain(&monitor.long_bars(MARKET, SECOND)).ends_with(&servers)
    });
}

#[test]
fn readings_come_as_rows_when_the_view_is_long_and_words_say_when_there_are_none() {
    let server = server(&["--history-updates", "0"]);
    let mut publisher = Publisher::new(&server);
    for number in 0..40 {
        publisher.publish(TOPIC, Value::Reading(f64::from(number)));
    }
    let mut listening = Listening::to(&server);
    listening.chart();
    // A minute, an hour, and more.
    for _ in 0..7 {
        let farther = UiCommand::View(ViewAction::Farther);
        listening.monitor.execute(farther);
    }
    let has_rows = |monitor: &Monitor| {
        let lengths = [1, 5, 15, 60, 300].map(|seconds| seconds * SECOND);
        let found = lengths.map(|length| monitor.long_bars(TOPIC, length));
        found.iter().any(|bars| count(bars) == 40)
    };
    listening.until("the rows come", has_rows);

    let none = super::server(&["--long-history-memory", "0"]);
    Publisher::new(&none).trade_for(Duration::from_millis(100));
    let mut listening = Listening::to(&none);
    chart_of(&mut listening, MARKET, 60 * SECOND);
    let until = Instant::now() + Duration::from_secs(3);
    listening.until("it is not asked again and again", |monitor| {
        assert!(monitor.candles_asked().len() <= 1);
        Instant::now() > until
    });
    assert!(listening.monitor.long_bars(MARKET, 60 * SECOND).is_empty());
}
