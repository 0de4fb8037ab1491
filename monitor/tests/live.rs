//! The program without its window against a real server: what only the two together can show.
#![allow(clippy::unwrap_used, reason = "a failure is a failed test")]

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use tickcast_monitor::{
    app::Monitor,
    connection::{Connection, clock_ns},
    inbox::{Inbox, Link},
    scene::{Command, Place, ViewStep},
    settings::Settings,
    store::{LANE_MAIN, Past},
};
use tickcast_protocol::{
    client::{Client, ClientOptions, ConnectOptions, Event},
    codec::Encoding,
    message::{Publication, Status},
    topic::{Filter, Topic},
    value::Value,
};
use tickcast_server::{Server, StartError, config};

const TOPIC: &str = "plant/line-1/temperature";

/// Far longer than anything here takes on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(60);

fn server(arguments: &[&str]) -> Server {
    start("127.0.0.1:0", arguments).unwrap()
}

fn start(address: &str, arguments: &[&str]) -> Result<Server, StartError> {
    let fixed = ["tickcast-server", "--listen", address, "--feed", "none"];
    let all = fixed.iter().chain(arguments).map(Into::into);
    match config::load(all, []).unwrap() {
        config::Command::Run(settings) => Server::start(*settings),
        config::Command::Print(text) => panic!("{text}"),
    }
}

/// A server where another one is ending: its threads close their sockets one by one.
fn successor(address: &str) -> Server {
    let begun = Instant::now();
    loop {
        match start(address, &[]) {
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
    let url = url(server);
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
                    let value = Value::Reading(published as f64);
                    let update = Publication {
                        topic: TOPIC.to_owned(),
                        value,
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

/// A way to a server that can be cut: both ends stay open, and nothing comes through any more.
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
    _connection: Connection,
}

impl Listening {
    fn to(server: &Server) -> Self {
        Self::at(server.address())
    }

    fn at(address: SocketAddr) -> Self {
        let inbox = Inbox::new(|| {});
        let url = format!("ws://{address}/ws");
        let (connection, requests) =
            Connection::start(&url, vec![Filter::all()], inbox.clone()).unwrap();
        let monitor = Monitor::new(url, inbox, requests, Settings::default(), &[]);
        let ctx = egui::Context::default();
        Monitor::prepare(&ctx);
        Self {
            monitor,
            ctx,
            _connection: connection,
        }
    }

    /// Repaints until something is so.
    #[track_caller]
    fn until(&mut self, what: &str, is_so: impl Fn(&Monitor) -> bool) {
        let begun = Instant::now();
        while !is_so(&self.monitor) {
            assert!(begun.elapsed() < TIMEOUT, "waited in vain: {what}");
            self.monitor.take_in(clock_ns());
            let mut output = self
                .ctx
                .run_ui(egui::RawInput::default(), |ui| self.monitor.ui(ui));
            // Nobody draws.
            output.textures_delta.clear();
            pause();
        }
    }

    fn chart(&mut self) {
        let topic = Topic::new(TOPIC).unwrap();
        let place = Place::Active;
        self.monitor.execute(Command::Chart { topic, place });
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
fn a_chart_that_is_opened_is_filled_with_the_past_and_goes_on_without_a_seam() {
    let server = server(&[]);
    publish(&server, 40);
    let mut listening = Listening::to(&server);
    listening.until("the newest value comes", |monitor| {
        matches!(monitor.link(), Link::Connected { .. }) && !values(monitor).is_empty()
    });
    assert_eq!(
        values(&listening.monitor),
        [40.0],
        "all that the list needs"
    );
    listening.chart();
    // All history is within the first minute that a chart shows; what is not is paged in.
    listening.monitor.execute(Command::View(ViewStep::Farther));
    listening.until("the past is filled in", |monitor| {
        values(monitor).len() == 40
    });
    let topic = listening.monitor.store().topic_named(TOPIC).unwrap();
    assert_eq!(topic.past(), Past::Complete);
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

#[test]
fn a_source_that_falls_silent_is_stale_and_live_again_when_it_speaks() {
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
fn a_server_that_is_killed_is_told_and_another_one_in_its_place_is_found() {
    let first = server(&[]);
    let address = first.address().to_string();
    publish(&first, 2);
    let mut listening = Listening::to(&first);
    listening.chart();
    listening.until("connected", |monitor| !values(monitor).is_empty());
    drop(first);
    listening.until("backing off", |monitor| {
        matches!(
            monitor.link(),
            Link::BackingOff { .. } | Link::Connecting { .. }
        )
    });
    let second = successor(&address);
    listening.until("connected again", |monitor| {
        matches!(monitor.link(), Link::Connected { .. })
    });
    publish(&second, 1);
    listening.until("its values come", |monitor| {
        values(monitor).last() == Some(&1.0)
    });
    assert_eq!(listening.monitor.store().totals().restarts, 1);
}

#[test]
fn a_network_that_is_cut_is_told_as_silence_then_as_no_connection_and_heals_by_itself() {
    let server = server(&["--heartbeat", "1s"]);
    publish(&server, 1);
    let wire = Wire::to(server.address());
    let mut listening = Listening::at(wire.address);
    listening.chart();
    listening.until("connected", |monitor| !values(monitor).is_empty());
    wire.set_cut(true);
    listening.until("silent", |monitor| {
        matches!(monitor.link(), Link::Silent { .. })
    });
    // A cut that ends before the server is given up costs nothing.
    wire.set_cut(false);
    listening.until("heard again", |monitor| {
        matches!(monitor.link(), Link::Connected { .. })
    });
    publish(&server, 1);
    listening.until("it goes on", |monitor| values(monitor).len() == 2);
    wire.set_cut(true);
    listening.until("given up", |monitor| {
        matches!(
            monitor.link(),
            Link::BackingOff { .. } | Link::Connecting { .. }
        )
    });
    publish(&server, 1);
    wire.set_cut(false);
    listening.until("connected again", |monitor| values(monitor).len() == 3);
    assert_eq!(listening.monitor.store().totals().lost, 0);
    assert_eq!(listening.monitor.store().totals().restarts, 0);
}
