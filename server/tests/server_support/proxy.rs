//! A way to a server that does a client harm at a chosen moment: it knows the protocol well enough
//! to wait for that.

use std::{
    collections::VecDeque,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use socket2::SockRef;
use tickcast_protocol::{
    codec::{self, Encoding},
    message::{Batch, ServerMessage, Start, SubscribeResult, TopicId},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, BufReader},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::{JoinHandle, yield_now},
    time::sleep,
};

use super::raw::CLOSE;

/// What passes a proxy at the moment at which it strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// The client's part of the handshake.
    Request,
    /// The server's part of it.
    Response,
    Welcome,
    /// The client's first message.
    Subscribe,
    /// The answer that begins anew.
    Accepted,
    Snapshot,
    /// Another batch of the same snapshot.
    MoreSnapshot,
    Live,
    /// A live batch when all subscriptions of a few must have had some.
    MoreLive,
    /// The answer that goes on where the client was.
    Resumed,
    /// The first live batch after it.
    CatchUp,
    Gap,
    /// The snapshot after it.
    GapSnapshot,
    Heartbeat,
    Draining,
    /// The server's close frame.
    Close,
}

/// What a proxy does with the bytes of that moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Harm {
    /// They come late, and so does all that follows.
    Delay,
    /// They come one by one.
    Slice,
    /// So much of them comes, then the connection is reset on both sides.
    Cut(Part),
    /// So much of them comes, then the connection ends in order, as if that were all.
    End(Part),
    /// So much of them comes, then nothing any more, in neither direction.
    Stop(Part),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Nothing,
    OneByte,
    Half,
    AllButOne,
    All,
}

impl Part {
    fn of(self, len: usize) -> usize {
        match self {
            Self::Nothing => 0,
            Self::OneByte => 1,
            Self::Half => len / 2,
            Self::AllButOne => len - 1,
            Self::All => len,
        }
    }
}

/// How late something comes.
const DELAY: Duration = Duration::from_millis(100);

/// Bytes that come one by one, at most: more of them prove no more.
const SLICED_MAX_BYTES: usize = 4_000;

/// After so many live batches of all subscriptions together each of them has had some.
const MORE_LIVE_BATCHES: u32 = 40;

/// What is to happen, each thing once, in this order.
pub(crate) type Plan = VecDeque<(Moment, Harm)>;

/// See the module.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    plan: Arc<Mutex<Plan>>,
    to: watch::Sender<Option<SocketAddr>>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    pub(crate) async fn start(to: SocketAddr, encoding: Encoding, plan: Plan) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let plan = Arc::new(Mutex::new(plan));
        let (to, watched) = watch::channel(Some(to));
        let accepting = tokio::spawn({
            let plan = Arc::clone(&plan);
            async move {
                while let Ok((client, _)) = listener.accept().await {
                    tokio::spawn(pass(client, watched.clone(), encoding, Arc::clone(&plan)));
                }
            }
        });
        Self {
            address,
            plan,
            to,
            accepting,
        }
    }

    /// New connections lead to this server, and get nowhere until then.
    pub(crate) fn lead_to_after(
        &self,
        to: SocketAddr,
        wait: impl Future<Output = ()> + Send + 'static,
    ) {
        self.to.send_replace(None);
        let sender = self.to.clone();
        tokio::spawn(async move {
            wait.await;
            sender.send_replace(Some(to));
        });
    }

    /// So many things have still to happen.
    pub(crate) fn left(&self) -> usize {
        self.plan.lock().expect("nobody panics with it").len()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// How a direction ends.
enum End {
    /// There is nothing more to come.
    Eof,
    Harm(Harm),
}

async fn pass(
    client: TcpStream,
    mut to: watch::Receiver<Option<SocketAddr>>,
    encoding: Encoding,
    plan: Arc<Mutex<Plan>>,
) {
    let to = match to.wait_for(Option::is_some).await {
        Ok(to) => to.expect("it was waited for"),
        Err(_) => return,
    };
    let Ok(server) = TcpStream::connect(to).await else {
        return;
    };
    for stream in [&client, &server] {
        stream.set_nodelay(true).expect("an open socket");
    }
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let mut up = Way::new(from_client, to_server, Arc::clone(&plan));
    let mut down = Way::new(from_server, to_client, plan);
    let harm = {
        let up = async {
            match up.requests().await {
                Ok(End::Harm(harm)) => harm,
                // The other direction goes on.
                Ok(End::Eof) | Err(_) => {
                    let _ = up.to.shutdown().await;
                    std::future::pending().await
                }
            }
        };
        let down = async {
            match down.answers(encoding).await {
                Ok(End::Harm(harm)) => Some(harm),
                Ok(End::Eof) | Err(_) => None,
            }
        };
        tokio::select! {
            harm = up => Some(harm),
            harm = down => harm,
        }
    };
    match harm {
        Some(Harm::Cut(_)) => {
            for stream in [up.from.get_ref(), down.from.get_ref()] {
                // Without lingering, closing is a reset: what is under way is thrown away.
                let socket = SockRef::from(stream.as_ref());
                let lingering = socket.set_linger(Some(Duration::ZERO));
                lingering.expect("an open socket");
            }
        }
        Some(Harm::Stop(_)) => {
            // Until the end of the test: nobody is told anything.
            std::future::pending::<()>().await;
        }
        Some(Harm::End(_) | Harm::Delay | Harm::Slice) | None => {
            let _ = down.to.shutdown().await;
            // Unread bytes would make it a reset.
            let _ = tokio::io::copy(&mut up.from, &mut tokio::io::sink()).await;
        }
    }
}

/// One direction.
struct Way {
    from: BufReader<OwnedReadHalf>,
    to: OwnedWriteHalf,
    plan: Arc<Mutex<Plan>>,
}

impl Way {
    fn new(from: OwnedReadHalf, to: OwnedWriteHalf, plan: Arc<Mutex<Plan>>) -> Self {
        Self {
            from: BufReader::new(from),
            to,
            plan,
        }
    }

    /// From the client to the server.
    async fn requests(&mut self) -> io::Result<End> {
        let head = self.read_head().await?;
        if let Some(end) = self.hand_on(&head, &[Moment::Request]).await? {
            return Ok(end);
        }
        loop {
            let (_, frame) = self.read_raw_frame().await?;
            // Afterwards nothing waits for this moment any more.
            if let Some(end) = self.hand_on(&frame, &[Moment::Subscribe]).await? {
                return Ok(end);
            }
        }
    }

    /// From the server to the client.
    async fn answers(&mut self, encoding: Encoding) -> io::Result<End> {
        let head = self.read_head().await?;
        if let Some(end) = self.hand_on(&head, &[Moment::Response]).await? {
            return Ok(end);
        }
        let mut heard = Heard::default();
        loop {
            let (payload_at, frame) = self.read_raw_frame().await?;
            let moments = match frame[0] {
                CLOSE => vec![Moment::Close],
                first if first & 0x0f > 2 => vec![],
                _ => heard.moments(decode(encoding, &frame[payload_at..])),
            };
            if let Some(end) = self.hand_on(&frame, &moments).await? {
                return Ok(end);
            }
        }
    }

    async fn read_head(&mut self) -> io::Result<Vec<u8>> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.from.read_u8().await?);
        }
        Ok(head)
    }

    /// A frame as it is, and where its payload begins.
    async fn read_raw_frame(&mut self) -> io::Result<(usize, Vec<u8>)> {
        let mut frame = vec![0; 2];
        self.from.read_exact(&mut frame).await?;
        let more = match frame[1] & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let mask = if frame[1] & 0x80 == 0 { 0 } else { 4 };
        frame.resize(2 + more + mask, 0);
        self.from.read_exact(&mut frame[2..]).await?;
        let len = match more {
            0 => u64::from(frame[1] & 0x7f),
            _ => frame[2..2 + more]
                .iter()
                .fold(0, |len, byte| len << 8 | u64::from(*byte)),
        };
        let payload_at = frame.len();
        frame.resize(payload_at + len as usize, 0);
        self.from.read_exact(&mut frame[payload_at..]).await?;
        Ok((payload_at, frame))
    }

    /// Hands on what passes at some moments at once, unharmed if nothing is planned for any of
    /// them.
    async fn hand_on(&mut self, bytes: &[u8], moments: &[Moment]) -> io::Result<Option<End>> {
        let harm = self.take_harm(moments);
        let part = match harm {
            None => {
                self.to.write_all(bytes).await?;
                return Ok(None);
            }
            Some(Harm::Delay) => {
                sleep(DELAY).await;
                self.to.write_all(bytes).await?;
                return Ok(None);
            }
            Some(Harm::Slice) => {
                let (sliced, rest) = bytes.split_at(bytes.len().min(SLICED_MAX_BYTES));
                for byte in sliced {
                    self.to.write_all(&[*byte]).await?;
                    yield_now().await;
                }
                self.to.write_all(rest).await?;
                return Ok(None);
            }
            Some(Harm::Cut(part) | Harm::End(part) | Harm::Stop(part)) => part,
        };
        self.to.write_all(&bytes[..part.of(bytes.len())]).await?;
        Ok(harm.map(End::Harm))
    }

    fn take_harm(&self, moments: &[Moment]) -> Option<Harm> {
        let mut plan = self.plan.lock().expect("nobody panics with it");
        let (moment, _) = plan.front()?;
        if !moments.contains(moment) {
            return None;
        }
        plan.pop_front().map(|(_, harm)| harm)
    }
}

fn decode(encoding: Encoding, payload: &[u8]) -> Kind {
    match encoding {
        Encoding::Bincode => {
            let message = codec::decode_server_bincode(payload);
            Kind::of::<TopicId>(&message.expect("a message"))
        }
        Encoding::Json => {
            let message = codec::decode_server_json(payload);
            Kind::of(&message.expect("a message"))
        }
    }
}

/// What a proxy has to know of a message.
enum Kind {
    Welcome,
    Accepted(Start),
    Batch { snapshot: bool },
    Gap,
    Heartbeat,
    Draining,
    Other,
}

impl Kind {
    fn of<T>(message: &ServerMessage<T>) -> Self {
        match message {
            ServerMessage::Welcome(_) => Self::Welcome,
            ServerMessage::Subscribed(subscribed) => match subscribed.results.first() {
                Some(SubscribeResult::Accepted(accepted)) => Self::Accepted(accepted.start),
                _ => Self::Other,
            },
            ServerMessage::Batch(Batch { snapshot, .. }) => Self::Batch {
                snapshot: *snapshot,
            },
            ServerMessage::Gap(_) => Self::Gap,
            ServerMessage::Heartbeat(_) => Self::Heartbeat,
            ServerMessage::Draining(_) => Self::Draining,
            _ => Self::Other,
        }
    }
}

/// What has passed on a connection.
#[derive(Default)]
struct Heard {
    has_snapshot: bool,
    has_resumed: bool,
    live_batches: u32,
    has_gap: bool,
}

impl Heard {
    fn moments(&mut self, kind: Kind) -> Vec<Moment> {
        match kind {
            Kind::Welcome => vec![Moment::Welcome],
            Kind::Accepted(Start::Resumed) => {
                self.has_resumed = true;
                vec![Moment::Resumed]
            }
            Kind::Accepted(_) => vec![Moment::Accepted],
            Kind::Batch { snapshot: true } if self.has_gap => vec![Moment::GapSnapshot],
            Kind::Batch { snapshot: true } => {
                let is_first = !std::mem::replace(&mut self.has_snapshot, true);
                vec![match is_first {
                    true => Moment::Snapshot,
                    false => Moment::MoreSnapshot,
                }]
            }
            Kind::Batch { snapshot: false } => {
                self.live_batches += 1;
                let mut moments = vec![Moment::Live];
                if self.live_batches == 1 && self.has_resumed {
                    moments.push(Moment::CatchUp);
                }
                if self.live_batches >= MORE_LIVE_BATCHES {
                    moments.push(Moment::MoreLive);
                }
                moments
            }
            Kind::Gap => {
                self.has_gap = true;
                vec![Moment::Gap]
            }
            Kind::Heartbeat => vec![Moment::Heartbeat],
            Kind::Draining => vec![Moment::Draining],
            Kind::Other => vec![],
        }
    }
}
