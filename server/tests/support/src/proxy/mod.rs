//! A proxy that harms a connection at a chosen moment. It knows the protocol well enough to
//! recognise the moment.

mod moments;
mod plan;

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use socket2::SockRef;
use tickcast_protocol::codec::Encoding;
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

use crate::raw::CLOSE;
use moments::{Kind, Progress};

pub use plan::{Harm, Moment, Part, Plan};

/// How long bytes are delayed.
const DELAY: Duration = Duration::from_millis(100);

/// At most this many bytes are sent one by one: more of them prove no more.
const SLICED_MAX_BYTES: usize = 4_000;

/// A proxy with a plan.
#[derive(Debug)]
pub struct Proxy {
    /// Where it listens.
    pub address: SocketAddr,
    plan: Arc<Mutex<Plan>>,
    to: watch::Sender<Option<SocketAddr>>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// Listens on a free port. `encoding` is that of its clients.
    pub async fn start(to: SocketAddr, encoding: Encoding, plan: Plan) -> Self {
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

    /// Holds new connections until `wait` completes. Then they lead to `to`.
    pub fn lead_to_after(&self, to: SocketAddr, wait: impl Future<Output = ()> + Send + 'static) {
        self.to.send_replace(None);
        let sender = self.to.clone();
        tokio::spawn(async move {
            wait.await;
            sender.send_replace(Some(to));
        });
    }

    /// How many steps of the plan are left.
    pub fn left(&self) -> usize {
        self.plan.lock().expect("no thread panics with it").len()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
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
                Ok(harm) => harm,
                // The other direction continues.
                Err(_) => {
                    let _ = up.to.shutdown().await;
                    std::future::pending().await
                }
            }
        };
        let down = async { down.answers(encoding).await.ok() };
        tokio::select! {
            harm = up => Some(harm),
            harm = down => harm,
        }
    };
    match harm {
        Some(Harm::Cut(_)) => {
            for stream in [up.from.get_ref(), down.from.get_ref()] {
                // Closing without lingering resets the connection and drops bytes in flight.
                let socket = SockRef::from(stream.as_ref());
                let lingering = socket.set_linger(Some(Duration::ZERO));
                lingering.expect("an open socket");
            }
        }
        Some(Harm::Stop(_)) => {
            // Both sides stay connected and silent until the end of the test.
            std::future::pending::<()>().await;
        }
        Some(Harm::End(_) | Harm::Delay | Harm::Slice) | None => {
            let _ = down.to.shutdown().await;
            // Unread bytes would turn the end into a reset.
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

    /// Forwards from the client to the server until a harm ends the connection.
    async fn requests(&mut self) -> io::Result<Harm> {
        let head = self.read_head().await?;
        if let Some(harm) = self.forward(&head, &[Moment::Request]).await? {
            return Ok(harm);
        }
        loop {
            let (_, frame) = self.read_raw_frame().await?;
            // Only the first frame finds this moment planned.
            if let Some(harm) = self.forward(&frame, &[Moment::Subscribe]).await? {
                return Ok(harm);
            }
        }
    }

    /// Forwards from the server to the client until a harm ends the connection.
    async fn answers(&mut self, encoding: Encoding) -> io::Result<Harm> {
        let head = self.read_head().await?;
        if let Some(harm) = self.forward(&head, &[Moment::Response]).await? {
            return Ok(harm);
        }
        let mut progress = Progress::default();
        loop {
            let (payload_at, frame) = self.read_raw_frame().await?;
            let moments = match frame[0] {
                CLOSE => vec![Moment::Close],
                first if first & 0x0f > 2 => vec![],
                _ => progress.moments(Kind::decode(encoding, &frame[payload_at..])),
            };
            if let Some(harm) = self.forward(&frame, &moments).await? {
                return Ok(harm);
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

    /// Reads a frame. Returns the offset of its payload, and the frame.
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

    /// Forwards bytes that are all the given moments at once: unharmed if the plan's next step is
    /// for none of them. Returns the harm if it ends the connection.
    async fn forward(&mut self, bytes: &[u8], moments: &[Moment]) -> io::Result<Option<Harm>> {
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
        Ok(harm)
    }

    fn take_harm(&self, moments: &[Moment]) -> Option<Harm> {
        let mut plan = self.plan.lock().expect("no thread panics with it");
        let (moment, _) = plan.front()?;
        if !moments.contains(moment) {
            return None;
        }
        plan.pop_front().map(|(_, harm)| harm)
    }
}
