//! What a handle asks of a client.

use crate::{
    message::{BearerToken, CandlesRequest, HistoryRequest, Mode, Publication, RequestId},
    topic::Filter,
};

/// What a handle asks of a client. The methods of [`ClientHandle`](super::ClientHandle) describe
/// the commands.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum ClientCommand {
    Subscribe {
        filters: Vec<Filter>,
        mode: Mode,
        /// In mode `latest`: at most this many batches per second.
        max_rate_hz: Option<f64>,
    },
    Unsubscribe {
        filters: Vec<Filter>,
    },
    Publish {
        id: RequestId,
        updates: Vec<Publication>,
    },
    PublishOnce {
        id: RequestId,
        updates: Vec<Publication>,
    },
    History(HistoryRequest),
    Candles(CandlesRequest),
    List,
    Authenticate {
        id: RequestId,
        token: BearerToken,
    },
    Close,
}
