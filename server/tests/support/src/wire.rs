//! A client that speaks the protocol, and can end its connection at any point and in any way.

use std::{io, net::SocketAddr, time::Duration};

use socket2::SockRef;
use tickcast_protocol::{
    client::TopicTable,
    codec::{self, Encoding},
    message::{ClientMessage, List, ServerMessage},
    topic::Topic,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpSocket, TcpStream},
    time::timeout,
};

use crate::{
    raw::{BINARY, CLOSE, PING, PONG, TEXT, masked, read_frame, shake_hands},
    waiting::DEADLINE,
};

/// Small, so that a server is soon blocked by a client that does not read.
const RECEIVE_BUFFER_BYTES: u32 = 16 * 1024;

/// Why there is no next message.
#[derive(Debug)]
pub enum End {
    /// The code of the server's close frame.
    Closed(u16),
    /// The connection ended without one.
    Lost(io::Error),
}

impl From<io::Error> for End {
    fn from(error: io::Error) -> Self {
        Self::Lost(error)
    }
}

/// How a client ends its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kill {
    /// By a reset: bytes in flight are dropped on both sides.
    Reset,
    /// By closing the socket without a close frame.
    Abrupt,
    /// Half-way through one of the client's frames.
    HalfSent,
    /// Half-way through one of the server's frames.
    HalfRead,
    /// By a close frame.
    Proper,
}

impl Kill {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Reset,
        Self::Abrupt,
        Self::HalfSent,
        Self::HalfRead,
        Self::Proper,
    ];
}

/// A connection with a small receive buffer.
#[derive(Debug)]
pub struct WireClient {
    stream: BufReader<TcpStream>,
    encoding: Encoding,
    topics: TopicTable,
}

impl WireClient {
    /// Connects and makes the handshake.
    ///
    /// # Errors
    ///
    /// If the server is gone.
    pub async fn connect(address: SocketAddr, encoding: Encoding) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES)?;
        let protocol = format!("Sec-WebSocket-Protocol: {}\r\n", encoding.subprotocol());
        let opened = async {
            let stream = socket.connect(address).await?;
            stream.set_nodelay(true)?;
            shake_hands(stream, "/ws", &protocol).await
        };
        let (stream, _) = timeout(DEADLINE, opened).await??;
        Ok(Self {
            stream,
            encoding,
            topics: TopicTable::default(),
        })
    }

    /// Gives it the topic names that an earlier connection has learnt.
    pub fn set_topics(&mut self, topics: TopicTable) {
        self.topics = topics;
    }

    /// Sends a message.
    ///
    /// # Errors
    ///
    /// If the connection is broken.
    pub async fn send(&mut self, message: &ClientMessage) -> io::Result<()> {
        let frame = self.frame_of(message);
        self.stream.write_all(&frame).await
    }

    fn frame_of(&self, message: &ClientMessage) -> Vec<u8> {
        let first = match self.encoding {
            Encoding::Bincode => BINARY,
            Encoding::Json => TEXT,
        };
        masked(first, &codec::encode_client(message, self.encoding))
    }

    /// The next message. Pings are answered.
    ///
    /// # Errors
    ///
    /// [`End`] if there is no next message.
    pub async fn next(&mut self) -> Result<ServerMessage<Topic>, End> {
        loop {
            let frame = timeout(DEADLINE, read_frame(&mut self.stream)).await;
            let (first, payload) = frame.expect("something comes in time")?;
            match first {
                PING => self.stream.write_all(&masked(PONG, &payload)).await?,
                CLOSE => return Err(End::Closed(u16::from_be_bytes([payload[0], payload[1]]))),
                _ => return Ok(self.decode(first, &payload)),
            }
        }
    }

    fn decode(&mut self, first: u8, payload: &[u8]) -> ServerMessage<Topic> {
        match self.encoding {
            Encoding::Bincode => {
                assert_eq!(first, BINARY);
                let message = codec::decode_server_bincode(payload).expect("a message");
                self.topics.resolve(message).expect("topics it knows")
            }
            Encoding::Json => {
                assert_eq!(first, TEXT);
                codec::decode_server_json(payload).expect("a message")
            }
        }
    }

    /// Ends the connection, and returns the topic names that it has learnt.
    pub async fn end(mut self, kill: Kill) -> TopicTable {
        // The server may be gone already.
        let _ = self.stop(kill).await;
        if !matches!(kill, Kill::Abrupt | Kill::Proper) {
            let socket = SockRef::from(self.stream.get_ref());
            socket.set_linger(Some(Duration::ZERO)).expect("a socket");
        }
        self.topics
    }

    async fn stop(&mut self, kill: Kill) -> io::Result<()> {
        match kill {
            Kill::Reset | Kill::Abrupt => {}
            Kill::HalfSent => {
                let frame = self.frame_of(&ClientMessage::List(List { id: 0 }));
                self.stream.write_all(&frame[..frame.len() / 2]).await?;
            }
            Kill::HalfRead => {
                let mut some = [0; 3];
                // Without bytes to read it is a plain reset.
                let read = self.stream.read_exact(&mut some);
                drop(timeout(Duration::from_millis(50), read).await);
            }
            Kill::Proper => {
                let frame = masked(CLOSE, &1000u16.to_be_bytes());
                self.stream.write_all(&frame).await?;
                let until_close = async {
                    while read_frame(&mut self.stream).await?.0 != CLOSE {}
                    io::Result::Ok(())
                };
                timeout(DEADLINE, until_close).await??;
            }
        }
        Ok(())
    }
}
