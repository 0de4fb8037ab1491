//! What can break, and how each thing breaks and is mended.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context, bail};
use rand::{Rng, RngExt, seq::IndexedRandom};
use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    time::{Instant, sleep},
};

use crate::{
    broker::Broker,
    link::{Behaviour, Link},
    server::{Log, Server},
    socket::{Socket, connect, status},
};

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fault {
    /// The server's process is killed.
    Kill,
    /// The server is asked to end, and started again.
    Restart,
    /// The server does not run for a while.
    Pause,
    /// The server gets SIGHUP.
    Hangup,
    /// Links break.
    CutLinks,
    /// Links pass nothing.
    StallLinks,
    /// Links pass little.
    SlowLinks,
    /// The broker is killed and started again.
    KillBroker,
    /// Nothing reads the log.
    UnreadLog,
    /// The reader of the log is gone, until the server is started again.
    ClosedLog,
    /// The log's disk is full, until the server is started again.
    FullLog,
    /// The server may open no more files.
    FewFiles,
    /// The clock is set forth or back.
    Clock,
    /// A program writes nonsense to standard input.
    BadLines,
    /// Clients connect and say nothing, or half a request.
    SilentClients,
    /// Clients send messages to `/echo` that do not end, and ask without reading the answers.
    GreedyClients,
}

impl Fault {
    /// All kinds.
    pub const ALL: [Self; 16] = [
        Self::Kill,
        Self::Restart,
        Self::Pause,
        Self::Hangup,
        Self::CutLinks,
        Self::StallLinks,
        Self::SlowLinks,
        Self::KillBroker,
        Self::UnreadLog,
        Self::ClosedLog,
        Self::FullLog,
        Self::FewFiles,
        Self::Clock,
        Self::BadLines,
        Self::SilentClients,
        Self::GreedyClients,
    ];
}

/// What faults act on.
#[derive(Debug)]
pub struct World {
    /// The server.
    pub server: Server,
    /// The broker of its feed.
    pub broker: Broker,
    /// The links of the subscribers.
    pub links: Vec<Link>,
}

/// Connections of each kind of bad client.
const BAD_CLIENTS: usize = 40;

/// Time within which a server that runs answers.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// A client's request that does not end.
const HALF_A_REQUEST: &[u8] = b"GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\n";

impl World {
    /// Breaks something, waits, and mends it. An error is a finding.
    pub async fn strike(&mut self, fault: Fault, random: &mut impl Rng) -> anyhow::Result<()> {
        let some_time = Duration::from_millis(random.random_range(500..3000));
        match fault {
            Fault::Kill => {
                self.server.kill().await?;
                self.server.start(Log::Read).await?;
            }
            Fault::Restart => self.restart(Log::Read).await?,
            Fault::FullLog => self.restart(Log::Full).await?,
            Fault::Pause => {
                self.server.signal("STOP").await?;
                sleep(some_time).await;
                self.server.signal("CONT").await?;
            }
            Fault::Hangup => self.server.signal("HUP").await?,
            Fault::CutLinks => self.links(Behaviour::Cut, some_time / 4, random).await,
            Fault::StallLinks => self.links(Behaviour::Stalled, some_time * 2, random).await,
            Fault::SlowLinks => {
                let bytes_per_s = random.random_range(4_000..60_000);
                let slow = Behaviour::Slow(bytes_per_s);
                self.links(slow, some_time * 2, random).await;
            }
            Fault::KillBroker => {
                self.broker.kill().await?;
                sleep(some_time).await;
                self.broker.start_again().await?;
            }
            Fault::UnreadLog => {
                self.server.read_log(false);
                sleep(some_time).await;
                self.answers().await?;
                self.server.read_log(true);
            }
            Fault::ClosedLog => {
                self.server.close_log();
                self.server.write_line("a line that is no update").await?;
            }
            Fault::FewFiles => self.few_files(some_time).await?,
            Fault::Clock => {
                self.server.step_clock(random.random_range(-90..90))?;
                sleep(some_time).await;
            }
            Fault::BadLines => {
                for line in ["", "{", "topic", "a/+ 1", "\u{1}", "{\"topic\":7}"] {
                    self.server.write_line(line).await?;
                }
            }
            Fault::SilentClients => silent(self.server.address, some_time).await?,
            Fault::GreedyClients => greedy(self.server.address, some_time).await?,
        }
        self.answers().await?;
        self.server.ready(ANSWER_MAX * 2).await
    }

    async fn restart(&mut self, log: Log) -> anyhow::Result<()> {
        let status = self.server.end().await?;
        if !status.success() {
            bail!("the server ended with {status}");
        }
        self.server.start(log).await
    }

    async fn links(&mut self, behaviour: Behaviour, time: Duration, random: &mut impl Rng) {
        let count = random.random_range(1..=self.links.len());
        let some = self.links.sample(random, count);
        let some: Vec<_> = some.collect();
        for link in &some {
            link.behave(behaviour);
        }
        sleep(time).await;
        for link in some {
            link.behave(Behaviour::Open);
        }
    }

    async fn few_files(&mut self, time: Duration) -> anyhow::Result<()> {
        const ENOUGH: usize = 20_000;

        let open = self.server.open_files()?;
        self.server.limit_files(open + 2).await?;
        let mut clients = Vec::new();
        for _ in 0..BAD_CLIENTS {
            clients.extend(connect(self.server.address).await);
        }
        sleep(time / 2).await;
        let health = status(self.server.admin, "/healthz").await;
        let client_health = status(self.server.address, "/healthz").await;
        self.server.limit_files(ENOUGH).await?;
        health.context("/healthz of the admin address with few files")?;
        client_health.context("/healthz with few files")?;
        Ok(())
    }

    /// Fails if the server, which runs, does not answer in time.
    async fn answers(&mut self) -> anyhow::Result<()> {
        if let Some(status) = self.server.ended() {
            bail!("the server ended by itself: {status}");
        }
        let end = Instant::now() + ANSWER_MAX;
        loop {
            match status(self.server.address, "/healthz").await {
                Ok(200) => return Ok(()),
                Ok(code) if Instant::now() > end => bail!("/healthz answers {code}"),
                Err(error) if Instant::now() > end => return Err(error.context("/healthz")),
                _ => sleep(Duration::from_millis(50)).await,
            }
        }
    }
}

async fn silent(address: SocketAddr, time: Duration) -> anyhow::Result<()> {
    let mut clients: Vec<TcpStream> = Vec::new();
    for index in 0..BAD_CLIENTS {
        let mut client = connect(address).await?;
        if index % 2 == 0 {
            client.write_all(HALF_A_REQUEST).await?;
        }
        clients.push(client);
    }
    sleep(time).await;
    Ok(())
}

async fn greedy(address: SocketAddr, time: Duration) -> anyhow::Result<()> {
    const QUESTIONS: u32 = 80;

    let mut clients = Vec::new();
    let part = vec![b'x'; 1024 * 1024];
    for index in 0..BAD_CLIENTS {
        if index % 2 == 0 {
            let mut client = Socket::open_at(address, "/echo").await?;
            // The server may have ended the connection, which is its right.
            let _ = client.send_part(&part).await;
            clients.push(client);
        } else {
            let mut client = Socket::open(address).await?;
            for id in 0..QUESTIONS {
                let question =
                    format!("{{\"type\":\"history\",\"id\":{id},\"topic\":\"sensor/counter\"}}");
                let _ = client.send(&question).await;
            }
            clients.push(client);
        }
    }
    sleep(time).await;
    Ok(())
}
