//! The program without its window against a real server.
#![allow(clippy::unwrap_used, reason = "a failure is a failed test")]

mod half_hour;
mod login;
mod long_time;
mod restart;

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use tickcast_monitor::testing::{
    ConnectionState, ConnectionThread, IncomingQueue, LANE_MAIN, Login, Monitor, Obstacle,
    PastHistory, Placement, SavedState, UiCommand, ViewAction, clock_ns,
};
use tickcast_protocol::{
    client::{Client, ClientOptions, ConnectOptions, Event},
    codec::Encoding,
    message::{Publication, Status},
    tls::TlsOptions,
    topic::{Filter, Topic},
    value::{Trade, Value},
};
use tickcast_server::{Server, StartError, config};
use tickcast_server_testkit::{
    certificates::{Authority, Validity},
    tls_server::TlsServer,
};

const TOPIC: &str = "plant/line-1/temperature";

/// Far longer than anything here takes on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(60);

fn server(arguments: &[&str]) -> Server {
    start("127.0.0.1:0", "none", arguments).unwrap()
}

fn start(address: &str, feed: &str, arguments: &[&str]) -> Result<Server, StartError> {
    let fixed = ["tickcast-server", "--listen", address, "--feed", feed];
    let all = fixed.iter().chain(arguments).map(Into::into);
    match config::load(all, []).unwrap() {
        config::Command::Run(settings) => Server::start(*settings),
        config::Command::Print(text) => panic!("{text}"),
    }
}

/// Starts a server at the address of another one that is ending: its threads close their sockets
/// one by one.
fn successor(address: &str) -> Server {
    let begun = Instant::now();
    loop {
        match start(address, "none", &[]) {
            Ok(server) => return server,
            Err(error) => assert!(begun.elapsed() < TIMEOUT, "{error}"),
        }
        pause();
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "a test that waits for another thread"
)]
fn pause() {
    std::thread::sleep(Duration::from_millis(5));
}

fn url(server: &Server) -> String {
    format!("ws://{}/ws", server.address())
}

/// Puts readings on the tape, 1, 2, 3 ... up to `count`, and waits until they are there.
fn publish(server: &Server, count: usize) {
    publish_as(server, count, |number| Value::Reading(number as f64));
}

/// The same with other values, of which each is made from its number.
fn publish_as(server: &Server, count: usize, value: impl Fn(usize) -> Value) {
    publish_at(server.address(), TOPIC, count, value);
}

/// The same of a topic, at an address.
fn publish_at(address: SocketAddr, topic: &str, count: usize, value: impl Fn(usize) -> Value) {
    let url = format!("ws://{address}/ws");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let options = ClientOptions::new(ConnectOptions::new(&url, Encoding::Bincode));
        let (mut client, handle) = Client::new(options);
        let mut published = 0;
        loop {
            match client.next().await {
                Event::Connected(_) | Event::Published(_) if published < count => {
                    published += 1;
                    let update = Publication {
                        topic: topic.to_owned(),
                        value: value(published),
                        source_time_ns: None,
                    };
                    handle.publish(vec![update]).unwrap();
                }
                Event::Published(_) => break,
                Event::Unpublished { why, .. } => panic!("{why:?}"),
                _ => {}
            }
        }
    });
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) {
    let builder = std::thread::Builder::new().name(name.to_owned());
    builder.spawn(run).unwrap();
}

/// A proxy to a server that can be cut: both ends stay open, and no byte gets through.
struct Wire {
    address: SocketAddr,
    is_cut: Arc<AtomicBool>,
}

impl Wire {
    fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let is_cut = Arc::new(AtomicBool::new(false));
        let cut = is_cut.clone();
        spawn("accepts", move || {
            for near in listener.incoming().map_while(Result::ok) {
                let far = TcpStream::connect(server).unwrap();
                for (from, to) in [(&near, &far), (&far, &near)] {
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    let cut = cut.clone();
                    spawn("passes on", move || pass_on(from, to, &cut));
                }
            }
        });
        Self { address, is_cut }
    }

    fn set_cut(&self, is_cut: bool) {
        self.is_cut.store(is_cut, Ordering::SeqCst);
    }
}

fn pass_on(mut from: TcpStream, mut to: TcpStream, cut: &AtomicBool) {
    let mut buffer = [0; 16 * 1024];
    loop {
        match from.read(&mut buffer) {
            Ok(0) | Err(_) => return,
            Ok(len) => {
                while cut.load(Ordering::SeqCst) {
                    pause();
                }
                if to.write_all(&buffer[..len]).is_err() {
                    return;
                }
            }
        }
    }
}

/// A monitor that listens to a server.
struct Listening {
    monitor: Monitor,
    ctx: egui::Context,
    _connection: ConnectionThread,
}

impl Listening {
    fn to(server: &Server) -> Self {
        Self::at(server.address())
    }

    fn at(address: SocketAddr) -> Self {
        Self::with_tls(&format!("ws://{address}/ws"), TlsOptions::default())
    }

    fn with_tls(url: &str, tls: TlsOptions) -> Self {
        Self::with_login(url, tls, Login::default())
    }

    pub(crate) fn with_login(url: &str, tls: TlsOptions, login: Login) -> Self {
        let queue = IncomingQueue::new(|| {});
        let (connection, requests) =
            ConnectionThread::start(url, tls, &login, vec![Filter::all()], queue.clone()).unwrap();
        let mut monitor = Monitor::new(url.to_owned(), queue, requests, SavedState::default(), &[]);
        monitor.set_login(login);
        let ctx = egui::Context::default();
        Monitor::prepare(&ctx);
        Self {
            monitor,
            ctx,
            _connection: connection,
        }
    }

    /// Repaints until a condition holds.
    #[track_caller]
    fn until(&mut self, what: &str, holds: impl Fn(&Monitor) -> bool) {
        let begun = Instant::now();
        while !holds(&self.monitor) {
            assert!(begun.elapsed() < TIMEOUT, "timed out: {what}");
            self.repaint();
            pause();
        }
    }

    fn repaint(&mut self) {
        self.monitor.receive(clock_ns());
        let mut output = self
            .ctx
            .run_ui(egui::RawInput::default(), |ui| self.monitor.ui(ui));
        // It is not drawn.
        output.textures_delta.clear();
    }

    fn chart(&mut self) {
        let topic = Topic::new(TOPIC).unwrap();
        let placement = Placement::Active;
        self.monitor.execute(UiCommand::Chart { topic, placement });
    }
}

fn values(monitor: &Monitor) -> Vec<f64> {
    let Some(topic) = monitor.store().topic_named(TOPIC) else {
        return Vec::new();
    };
    let Some(series) = &topic.series else {
        return Vec::new();
    };
    let range = series.start()..series.end();
    range.map(|index| series.value(LANE_MAIN, index)).collect()
}

#[test]
fn a_new_chart_is_filled_with_history_and_continues_without_a_gap() {
    let server = server(&[]);
    publish(&server, 40);
    let mut listening = Listening::to(&server);
    listening.until("the newest value comes", |monitor| {
        matches!(monitor.connection(), ConnectionState::Connected { .. })
            && !values(monitor).is_empty()
    });
    assert_eq!(
        values(&listening.monitor),
        [40.0],
        "all that the list needs"
    );
    listening.chart();
    // History older than the visible minute is paged in.
    listening
        .monitor
        .execute(UiCommand::View(ViewAction::Farther));
    listening.until("the past is filled in", |monitor| {
        values(monitor).len() == 40
    });
    let topic = listening.monitor.store().topic_named(TOPIC).unwrap();
    assert_eq!(topic.past(), PastHistory::Complete);
    publish(&server, 3);
    listening.until("what comes later follows", |monitor| {
        values(monitor).len() == 43
    });
    let mut expected: Vec<f64> = (1..=40).map(f64::from).collect();
    expected.extend([1.0, 2.0, 3.0]);
    assert_eq!(values(&listening.monitor), expected);
    let topic = listening.monitor.store().topic_named(TOPIC).unwrap();
    assert_eq!(topic.missing.lost, 0);
    assert_eq!(topic.series.as_ref().unwrap().gaps().len(), 0);
}

/// One of them is not there.
#[test]
fn of_several_nodes_one_that_is_there_is_shown() {
    let server = server(&[]);
    publish(&server, 1);
    let url = format!("ws://127.0.0.1:9/ws, ws://{}/ws", server.address());
    let mut listening = Listening::with_tls(&url, TlsOptions::default());
    listening.until("its value comes", |monitor| values(monitor) == [1.0]);
}

#[test]
fn a_log_and_a_list_of_trades_begin_with_what_the_server_keeps() {
    let trade = |number: usize| {
        Value::Trade(Trade {
            price: number.to_string().parse().unwrap(),
            size: "1".parse().unwrap(),
            side: None,
        })
    };
    for pane in [UiCommand::ToggleLog, UiCommand::OpenTrades] {
        let server = server(&[]);
        publish_as(&server, 40, trade);
        let mut listening = Listening::to(&server);
        listening.until("the newest trade comes", |monitor| {
            !values(monitor).is_empty()
        });
        let topic = Topic::new(TOPIC).unwrap();
        listening.monitor.execute(UiCommand::Select(topic));
        listening.monitor.execute(pane);
        listening.until("those before it come too", |monitor| {
            values(monitor).len() == 40
        });
    }
}

#[test]
fn a_silent_source_is_stale_and_live_again_with_its_next_update() {
    let server = server(&["--liveness", "plant/#=1s"]);
    publish(&server, 1);
    let mut listening = Listening::to(&server);
    let status = |monitor: &Monitor| {
        let topic = monitor.store().topic_named(TOPIC);
        topic.map(|topic| topic.status)
    };
    listening.until("it is stale", |monitor| {
        status(monitor) == Some(Status::Stale)
    });
    publish(&server, 1);
    listening.until("it is live again", |monitor| {
        status(monitor) == Some(Status::Live)
    });
}

#[test]
fn the_end_of_a_server_is_shown_and_its_successor_is_found() {
    let first = server(&[]);
    let address = first.address().to_string();
    publish(&first, 2);
    let mut listening = Listening::to(&first);
    listening.chart();
    listening.until("connected", |monitor| !values(monitor).is_empty());
    drop(first);
    listening.until("backing off", |monitor| {
        matches!(
            monitor.connection(),
            ConnectionState::BackingOff { .. } | ConnectionState::Connecting { .. }
        )
    });
    let second = successor(&address);
    listening.until("connected again", |monitor| {
        matches!(monitor.connection(), ConnectionState::Connected { .. })
    });
    publish(&second, 1);
    listening.until("its values come", |monitor| {
        values(monitor).last() == Some(&1.0)
    });
    assert_eq!(listening.monitor.store().totals().restarts, 1);
}

#[test]
fn a_server_with_tls_is_shown_if_its_authority_is_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("ours");
    let certificate = authority.issue(&["localhost"], Validity::Now);
    let (cert, key) = certificate.write(folder.path(), "server");
    let (ca, config) = (
        folder.path().join("ca.pem"),
        folder.path().join("tickcast.toml"),
    );
    std::fs::write(&ca, authority.pem()).unwrap();
    let text =
        format!("[[listen]]\naddress = \"127.0.0.1:0\"\ntls_cert = {cert:?}\ntls_key = {key:?}\n");
    std::fs::write(&config, text).unwrap();
    let server = server(&["--config", config.to_str().unwrap()]);
    publish(&server, 2);
    let secure = server.listeners().iter().find(|listening| listening.is_tls);
    let endpoint = secure.unwrap().endpoint.to_string();
    let (_, port) = endpoint.rsplit_once(':').unwrap();
    let url = format!("wss://localhost:{port}/ws");
    let trusting = TlsOptions {
        ca: Some(ca),
        ..TlsOptions::named_as_flags()
    };
    let mut listening = Listening::with_tls(&url, trusting);
    listening.chart();
    listening.until("connected", |monitor| !values(monitor).is_empty());
    // The authority is none that the system trusts.
    let mut listening = Listening::with_tls(&url, TlsOptions::named_as_flags());
    listening.until("refused", |monitor| {
        let state = monitor.connection();
        matches!(state, ConnectionState::BackingOff { why, obstacle, .. }
            if why.contains("authority") && *obstacle == Obstacle::Unreachable)
    });
}

#[test]
fn a_server_whose_certificate_is_of_another_name_or_has_expired_is_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("ours");
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, authority.pem()).unwrap();
    for (name, validity, expected) in [
        ("other.example", Validity::Now, "not for localhost"),
        ("localhost", Validity::Past, "expired at 2020-12-31"),
    ] {
        let server = TlsServer::start(folder.path(), &authority.issue(&[name], validity));
        let trusting = TlsOptions {
            ca: Some(ca.clone()),
            ..TlsOptions::named_as_flags()
        };
        let mut listening = Listening::with_tls(&server.url(), trusting);
        listening.until("refused", |monitor| {
            let state = monitor.connection();
            matches!(state, ConnectionState::BackingOff { why, .. } if why.contains(expected))
        });
    }
}

#[test]
fn a_cut_network_is_shown_as_silence_then_as_no_connection_and_recovers() {
    let server = server(&["--heartbeat", "1s"]);
    publish(&server, 1);
    let wire = Wire::to(server.address());
    let mut listening = Listening::at(wire.address);
    listening.chart();
    listening.until("connected", |monitor| !values(monitor).is_empty());
    wire.set_cut(true);
    listening.until("silent", |monitor| {
        matches!(monitor.connection(), ConnectionState::Silent { .. })
    });
    // A cut that ends before the server is given up costs nothing.
    wire.set_cut(false);
    listening.until("heard again", |monitor| {
        matches!(monitor.connection(), ConnectionState::Connected { .. })
    });
    publish(&server, 1);
    listening.until("it goes on", |monitor| values(monitor).len() == 2);
    wire.set_cut(true);
    listening.until("given up", |monitor| {
        matches!(
            monitor.connection(),
            ConnectionState::BackingOff { .. } | ConnectionState::Connecting { .. }
        )
    });
    publish(&server, 1);
    wire.set_cut(false);
    listening.until("connected again", |monitor| values(monitor).len() == 3);
    assert_eq!(listening.monitor.store().totals().lost, 0);
    assert_eq!(listening.monitor.store().totals().restarts, 0);
}

#[test]
fn a_published_value_is_answered_by_the_server_in_words() {
    let server = server(&["--publish-allow", "plant/#"]);
    let mut listening = Listening::to(&server);
    listening.until("it is connected", |monitor| {
        matches!(monitor.connection(), ConnectionState::Connected { .. })
    });
    let topic = Topic::new(TOPIC).unwrap();
    listening
        .monitor
        .execute(UiCommand::Publish(topic, Value::Reading(21.5)));
    let is_answered = |monitor: &Monitor, words: &str| {
        let published = monitor.published();
        published.is_some_and(|published| published.contains(words))
    };
    listening.until("the server has the value", |monitor| {
        is_answered(monitor, "= 21.5: the server has it, at position 1")
    });
    listening.until("the value comes back", |monitor| values(monitor) == [21.5]);
    let other = Topic::new("other/topic").unwrap();
    listening
        .monitor
        .execute(UiCommand::Publish(other, Value::Text("on".to_owned())));
    listening.until("the refusal is said", |monitor| {
        is_answered(monitor, "other/topic = \"on\": refused: ")
    });
}
