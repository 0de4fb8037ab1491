//! The publisher's connection, and how updates look on it.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
    time::Duration,
};

use tickcast_protocol::{
    codec::{self, Encoding},
    message::{ClientMessage, Publication, Publish, ServerMessage},
    value::Value,
};

use super::{Outlet, PublishError};
use crate::{
    inbox::{Inbox, InboxError},
    mqtt,
    websocket::{self, Opcode},
};

/// Longest wait for an answer while connecting.
const CONNECT_MAX: Duration = Duration::from_secs(10);

/// The largest message that a server may have for a publisher.
const ANSWER_MAX_BYTES: usize = 1 << 20;

/// See the module.
pub(super) struct Link {
    pub(super) stream: TcpStream,
    pub(super) is_websocket: bool,
    inbox: Inbox,
}

impl Link {
    pub(super) fn connect(outlet: &Outlet) -> Result<Self, PublishError> {
        let (Outlet::WebSocket { address, .. } | Outlet::Mqtt { address, .. }) = outlet;
        let mut stream = TcpStream::connect_timeout(address, CONNECT_MAX)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(CONNECT_MAX))?;
        let mut inbox = Inbox::default();
        match outlet {
            Outlet::WebSocket { host, path, .. } => {
                let subprotocol = Some(Encoding::Bincode.subprotocol());
                let request = websocket::handshake_request(host, path, subprotocol);
                stream.write_all(request.as_bytes())?;
                let mut buffer = [0; 4096];
                loop {
                    let len = stream.read(&mut buffer)?;
                    if len == 0 {
                        return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
                    }
                    let answer = inbox.keep(&buffer[..len]);
                    if let Some(len) = websocket::handshake_response(answer, subprotocol)? {
                        let rest = inbox.split_off(len);
                        inbox.keep(&rest);
                        break;
                    }
                }
            }
            Outlet::Mqtt { login, .. } => {
                let login = login.as_ref().map(|(user, pass)| (&**user, &**pass));
                let client_id = format!("tickcast-loadtest-{}", std::process::id());
                stream.write_all(&mqtt::connect(&client_id, login))?;
                let mut answer = [0; mqtt::CONNACK_BYTES];
                stream.read_exact(&mut answer)?;
                mqtt::check_connack(answer)?;
            }
        }
        stream.set_nonblocking(true)?;
        Ok(Self {
            stream,
            is_websocket: matches!(outlet, Outlet::WebSocket { .. }),
            inbox,
        })
    }

    pub(super) fn append(&self, topic: &str, payload: &[u8], out: &mut Vec<u8>) {
        if !self.is_websocket {
            mqtt::append_publish(topic, payload, out);
            return;
        }
        append_publication(topic, payload, out);
    }

    /// Looks at what the other side has to say, without waiting for it. What is to be answered is
    /// appended to `out`.
    pub(super) fn listen(&mut self, out: &mut Vec<u8>) -> Result<(), PublishError> {
        let mut buffer = [0; 4096];
        loop {
            let len = match self.stream.read(&mut buffer) {
                Ok(0) => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
                Ok(len) => len,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            if !self.is_websocket {
                continue;
            }
            let mut handle = |opcode, payload: &[u8]| answer(opcode, payload, out);
            let fed = self
                .inbox
                .feed(&buffer[..len], ANSWER_MAX_BYTES, &mut handle);
            fed.map_err(|error| match error {
                InboxError::WebSocket(error) => error.into(),
                InboxError::Handler(error) => error,
            })?;
        }
    }
}

/// Appends the frame that publishes one update, in bincode.
pub fn append_publication(topic: &str, payload: &[u8], out: &mut Vec<u8>) {
    let message = ClientMessage::Publish(Publish {
        id: None,
        updates: vec![Publication {
            topic: topic.to_owned(),
            value: Value::Bytes(payload.to_vec()),
            source_time_ns: None,
        }],
    });
    let message = codec::encode_client(&message, Encoding::Bincode);
    websocket::append_frame(Opcode::Binary, &message, out);
}

/// What a server's message means to a publisher.
fn answer(opcode: Opcode, payload: &[u8], out: &mut Vec<u8>) -> Result<(), PublishError> {
    match opcode {
        Opcode::Ping => websocket::append_frame(Opcode::Pong, payload, out),
        Opcode::Close => return Err(PublishError::Closed(websocket::close_code(payload))),
        Opcode::Binary => {
            if let Ok(ServerMessage::Error(error)) = codec::decode_server_bincode(payload) {
                return Err(PublishError::Refused(error.reason));
            }
        }
        Opcode::Text | Opcode::Continuation | Opcode::Pong => {}
    }
    Ok(())
}
