//! How a client of Socket.IO becomes a connection of the shard.

use std::{
    io::{self, ErrorKind, IoSlice},
    rc::Rc,
    sync::Arc,
};

use tickcast_core::{
    Refusal,
    identity::{Standing, Who},
    shard::{ConnectionKey, Kept, Socket as _},
    wire::{self, NO_ACK, Offset, Wire},
};
use tickcast_protocol::{
    error::ErrorCode,
    message::{ClientMessage, Subscribe},
};
use tokio::{sync::Notify, time::timeout};

use super::{
    sessions::SessionId,
    talk::{self, Auth, Talk},
};
use crate::{
    metrics::RefusalReason,
    net::{
        gate::{Ends, Gate},
        outlet::Outlet,
        session::{Admitted, Ending},
        shard_handle::{Guest, ShardHandle},
    },
    settings::ServerSettings,
};

/// Longest `pid` that a client brings back. Those of this server have 32 characters.
const PID_MAX_BYTES: usize = 64;

/// A client that has not said yet who it is.
pub(super) struct Visitor {
    pub(super) shard: Rc<ShardHandle>,
    pub(super) settings: Arc<ServerSettings>,
    pub(super) gate: Arc<Gate>,
    pub(super) ends: Ends,
    /// Without its identity.
    pub(super) admitted: Admitted,
    /// The token in the header of its first request.
    pub(super) token: Option<String>,
}

/// A connection of the shard. It ends when this is dropped.
pub(super) struct Begun {
    pub(super) key: ConnectionKey,
    pub(super) broken: Rc<Notify>,
    _ending: Ending,
}

/// What becomes of a client that wants to connect.
pub(super) enum Connected {
    Yes(Begun),
    /// It may try again.
    Refused,
    /// It has gone, or tries too often.
    No,
}

/// Connects a client, or tells it why not. If it brings an offset, it goes on where it was.
pub(super) async fn connect(
    visitor: &mut Visitor,
    talk: &mut Talk,
    outlet: &Outlet,
    auth: Auth,
) -> Connected {
    let shard = Rc::clone(&visitor.shard);
    let standing = match standing(visitor, auth.token.as_deref()) {
        Ok(standing) => standing,
        Err(Refusal { code, reason }) => {
            let kind = match code {
                ErrorCode::TooManyConnections => RefusalReason::IdentityConnections,
                _ => RefusalReason::Token,
            };
            visitor.gate.note(kind, visitor.ends.peer, &reason);
            let refusal = talk::connect_error("/", &reason, Some(code.number()));
            let is_sent = send(outlet, &refusal, &visitor.settings).await.is_ok();
            return match is_sent && talk.note_refused() {
                true => Connected::Refused,
                false => Connected::No,
            };
        }
    };
    let offset = auth.offset.as_deref().and_then(wire::parse_offset);
    let kept = match &offset {
        None => Kept::Nothing,
        Some(parts) => kept(&shard, parts).await,
    };
    // The client library takes the same pid for the word that nothing was lost.
    let pid = match (kept, auth.pid) {
        (Kept::Whole, Some(pid)) if pid.len() <= PID_MAX_BYTES => pid,
        _ => SessionId::random().to_string(),
    };
    let answer = talk::connected(&SessionId::random().to_string(), &pid);
    if send(outlet, &answer, &visitor.settings).await.is_err() {
        return Connected::No;
    }
    talk.connected();
    let Guest {
        peer,
        ref name,
        access,
        ref address,
        ..
    } = visitor.admitted.guest;
    let guest = Guest {
        peer,
        name: name.clone(),
        access,
        standing,
        address: address.clone(),
    };
    let (key, broken) = shard.begin(outlet.clone(), Wire::SocketIo, guest);
    let begun = Begun {
        key,
        broken,
        _ending: Ending::new(&shard, key),
    };
    if kept != Kept::Nothing {
        for request in requests(offset.unwrap_or_default()) {
            // A subscription makes no work for the sequencer.
            let _ = shard.handle(key, ClientMessage::Subscribe(request)).await;
            shard.finished(key).await;
        }
    }
    Connected::Yes(begun)
}

/// How much of what an offset stands for is still there, in memory or in the log.
async fn kept(shard: &Rc<ShardHandle>, offset: &[Offset]) -> Kept {
    shard.reach_handoff().await;
    let kept = shard.with(|shard, _| shard.kept(offset));
    match (kept, &shard.log_reads) {
        (Kept::BeyondTape { from, until }, Some(reads)) if reads.has_all(from, until).await => {
            Kept::Whole
        }
        _ => kept,
    }
}

/// The standing of a client by its token.
fn standing(visitor: &Visitor, token: Option<&str>) -> Result<Option<Standing>, Refusal> {
    let Some(auth) = &visitor.shard.auth else {
        return Ok(None);
    };
    let token = token.or(visitor.token.as_deref());
    let standing = auth.begin(token, visitor.shard.clock.now())?;
    if matches!(standing.who(), Who::Unknown) {
        let reason = "this server needs a token: connect with io(url, { auth: { token } })";
        return Err(Refusal::new(ErrorCode::NotAuthenticated, reason));
    }
    Ok(Some(standing))
}

/// The requests that bring subscriptions back: one for each mode and rate.
fn requests(offset: Vec<Offset>) -> Vec<Subscribe> {
    let mut requests: Vec<Subscribe> = Vec::new();
    for Offset {
        request,
        mode,
        max_rate_hz,
    } in offset
    {
        let is_same =
            |other: &&mut Subscribe| (other.mode, other.max_rate_hz) == (mode, max_rate_hz);
        match requests.iter_mut().find(is_same) {
            Some(same) => same.filters.push(request),
            None => requests.push(Subscribe {
                id: NO_ACK,
                filters: vec![request],
                mode,
                max_rate_hz,
            }),
        }
    }
    requests
}

/// Sends a packet to a client that is not connected yet.
pub(super) async fn send(
    outlet: &Outlet,
    packet: &str,
    settings: &ServerSettings,
) -> io::Result<()> {
    send_frame(outlet, &wire::text_frame(packet.as_bytes()), settings).await
}

/// Sends a frame to such a client, which has the write timeout to take it.
pub(super) async fn send_frame(
    outlet: &Outlet,
    frame: &[u8],
    settings: &ServerSettings,
) -> io::Result<()> {
    timeout(settings.write_timeout, write_all(outlet, frame)).await?
}

async fn write_all(outlet: &Outlet, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() || outlet.is_holding() {
        let written = match bytes.is_empty() {
            true => outlet.try_flush().map(|()| 0),
            false => outlet.try_write(&[IoSlice::new(bytes)]),
        };
        match written {
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                if !outlet.writable().await {
                    return Err(ErrorKind::BrokenPipe.into());
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use tickcast_protocol::message::{FilterRequest, Mode};

    use super::*;

    #[test]
    fn subscriptions_of_one_pace_come_back_in_one_request() {
        let part = |filter: &str, mode, max_rate_hz| Offset {
            request: FilterRequest {
                filter: filter.to_owned(),
                resume: None,
            },
            mode,
            max_rate_hz,
        };
        let requests = requests(vec![
            part("a", Mode::Every, None),
            part("b", Mode::Latest, Some(2.0)),
            part("c", Mode::Every, None),
            part("d", Mode::Latest, None),
        ]);
        let filters = |request: &Subscribe| {
            let filters = request.filters.iter().map(|filter| filter.filter.clone());
            filters.collect::<Vec<_>>().join(" ")
        };
        let found: Vec<_> = requests.iter().map(filters).collect();
        assert_eq!(found, ["a c", "b", "d"]);
        assert_eq!(requests[1].max_rate_hz, Some(2.0));
        assert!(requests.iter().all(|request| request.id == NO_ACK));
    }
}
