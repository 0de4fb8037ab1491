//! The ids of an event stream with several filters.
//!
//! The shard writes the same bytes to every subscriber of a filter, and so the id of an event is
//! the position of that filter alone. A client sends only the last id when it comes back: on a
//! stream with several filters it must have the positions of all of them. So each id on its way to
//! the client is replaced by the ids of all filters, in the order of the request, with commas
//! between them.

use tickcast_core::wire::{event_id, parse_event_id};
use tickcast_protocol::{
    codec::decode_server_json,
    message::{ChannelId, Resume, ServerMessage, SubscribeResult},
};

/// Between the ids of two filters.
const COMMA: char = ',';

/// How lines begin (HTML Living Standard, section 9.2.5).
const DATA: &[u8] = b"data: ";
const ID: &[u8] = b"id: ";

/// How the answer to the request begins.
const SUBSCRIBED: &[u8] = b"data: {\"type\":\"subscribed\"";

/// What stands before the channel of a message.
const CHANNEL: &[u8] = b"\"channel\":";

/// Bytes of the beginning of a message in which its channel is: the longest type that has one, and
/// ten digits.
const CHANNEL_WITHIN_BYTES: usize = 64;

/// Reads the id of an event of a stream with this many filters. A filter that has had no position
/// begins afresh.
pub(super) fn parse(id: &str, filters: usize) -> Result<Vec<Option<Resume>>, String> {
    let ids: Vec<_> = id.split(COMMA).collect();
    if ids.len() != filters {
        let found = ids.len();
        return Err(format!(
            "{id:?} has the positions of {found} filters, and the stream has {filters}: use the \
             filters of the stream that it is from, in the same order"
        ));
    }
    let parse = |id: &str| match id {
        // Of one filter alone there is no empty id.
        "" if filters > 1 => Ok(None),
        _ => {
            let resume = parse_event_id(id);
            let resume = resume.ok_or_else(|| format!("{id:?} is not the id of an event"));
            resume.map(Some)
        }
    };
    ids.into_iter().map(parse).collect()
}

/// Replaces the ids of a stream; see the module.
#[derive(Debug)]
pub(super) struct JointIds {
    /// The channel of each filter, once it is known, and the newest id.
    filters: Vec<(Option<ChannelId>, String)>,
    /// The line that has begun, as far as it is needed.
    line: Vec<u8>,
    /// Whether some bytes of the line have been left out of `line`.
    is_cut: bool,
    /// The channel of the event.
    channel: Option<ChannelId>,
}

impl JointIds {
    /// The ids of a stream whose filters go on at these positions.
    pub(super) fn new(resume: &[Option<Resume>]) -> Self {
        let id = |resume: &Option<Resume>| resume.as_ref().map_or_else(String::new, event_id);
        Self {
            filters: resume.iter().map(|resume| (None, id(resume))).collect(),
            line: Vec::new(),
            is_cut: false,
            channel: None,
        }
    }

    /// Passes on bytes of the stream up to the end of a line, and returns how many it has taken:
    /// at least one, if there is one.
    pub(super) fn pass(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> usize {
        let end = bytes.iter().position(|&byte| byte == b'\n');
        let taken = end.map_or(bytes.len(), |end| end + 1);
        let part = &bytes[..taken];
        let was_held = self.is_held();
        let before = self.line.len();
        self.keep(part);
        if !self.is_held() {
            if was_held {
                out.extend_from_slice(&self.line[..before]);
            }
            out.extend_from_slice(part);
        }
        if end.is_some() {
            self.end_line(out);
        }
        taken
    }

    /// Whether the line may be an id, which is held back until it is complete.
    fn is_held(&self) -> bool {
        let most = self.line.len().min(ID.len());
        !self.is_cut && self.line[..most] == ID[..most]
    }

    /// Keeps what is needed of a line: all of an id and of the answer to the request, and the
    /// beginning of other messages.
    fn keep(&mut self, part: &[u8]) {
        let needs_all = |line: &[u8]| line.starts_with(SUBSCRIBED) || line.starts_with(ID);
        let first = part
            .len()
            .min(CHANNEL_WITHIN_BYTES.saturating_sub(self.line.len()));
        if !self.is_cut {
            self.line.extend_from_slice(&part[..first]);
            if needs_all(&self.line) {
                self.line.extend_from_slice(&part[first..]);
            } else {
                self.is_cut = first < part.len();
            }
        }
    }

    fn end_line(&mut self, out: &mut Vec<u8>) {
        let line = std::mem::take(&mut self.line);
        self.is_cut = false;
        if let Some(message) = line.strip_prefix(DATA) {
            match line.starts_with(SUBSCRIBED) {
                true => self.begin(message),
                false => self.channel = channel(message),
            }
        } else if let Some(id) = line.strip_prefix(ID) {
            self.replace(id, out);
        }
    }

    /// Learns the channels of the filters, and where they begin.
    fn begin(&mut self, message: &[u8]) {
        self.channel = None;
        let Ok(ServerMessage::Subscribed(subscribed)) = decode_server_json(message) else {
            return;
        };
        for (filter, result) in self.filters.iter_mut().zip(subscribed.results) {
            if let SubscribeResult::Accepted(accepted) = result {
                let begin = event_id(&Resume {
                    epoch: accepted.epoch,
                    position: accepted.position,
                    count: Some(accepted.count),
                    snapshot: accepted.snapshot,
                });
                *filter = (Some(accepted.channel), begin);
            }
        }
    }

    /// Writes the ids of all filters in the place of one.
    fn replace(&mut self, id: &[u8], out: &mut Vec<u8>) {
        let of_event = self.channel.take();
        let filter = self
            .filters
            .iter_mut()
            .find(|(channel, _)| of_event.is_some() && *channel == of_event);
        if let Some((_, newest)) = filter {
            *newest = String::from_utf8_lossy(id.trim_ascii_end()).into_owned();
        }
        out.extend_from_slice(ID);
        for (index, (_, id)) in self.filters.iter().enumerate() {
            if index > 0 {
                out.push(COMMA as u8);
            }
            out.extend_from_slice(id.as_bytes());
        }
        out.push(b'\n');
    }
}

/// The channel that a message names.
fn channel(message: &[u8]) -> Option<ChannelId> {
    let head = &message[..message.len().min(CHANNEL_WITHIN_BYTES)];
    let at = head
        .windows(CHANNEL.len())
        .position(|part| part == CHANNEL)?;
    let rest = &head[at + CHANNEL.len()..];
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(&rest[..digits]).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const EPOCH: &str = "18c504b1f00d0001";

    /// A stream of two filters whose second one resumes, as the shard writes it, and as it must be.
    fn streams() -> (String, String) {
        let accepted = |filter: &str, channel: u32, more: &str| {
            format!(
                "{{\"filter\":\"{filter}\",\"channel\":{channel},\"mode\":\"every\",\
                 \"epoch\":\"{EPOCH}\",\"position\":9,{more}}}"
            )
        };
        let results = [
            accepted("a/#", 4, "\"count\":5,\"snapshot\":0,\"start\":\"fresh\""),
            accepted("b\\\"/#", 17, "\"count\":2,\"start\":\"resumed\""),
        ]
        .join(",");
        let subscribed =
            format!("data: {{\"type\":\"subscribed\",\"id\":0,\"results\":[{results}]}}\n");
        let batch = |channel: u32, text: &str| {
            format!(
                "data: {{\"type\":\"batch\",\"channel\":{channel},\"from\":9,\"to\":12,\
                 \"updates\":[\"{text} id: x\"]}}\n"
            )
        };
        let mut streams = (String::new(), String::new());
        let mut add = |event: &str, own: &str, joint: &str| {
            let id = |id: &str| match id {
                "" => String::new(),
                id => format!("id: {id}\n"),
            };
            streams.0.push_str(&format!("{event}{}\n", id(own)));
            streams.1.push_str(&format!("{event}{}\n", id(joint)));
        };
        let (a, b) = (format!("{EPOCH}:9:5:0"), format!("{EPOCH}:9:2"));
        let (a2, b2) = (format!("{EPOCH}:12:8"), format!("{EPOCH}:12:3"));
        add("retry: 700\n", "", "");
        add("data: {\"type\":\"welcome\"}\n", "", "");
        add(&subscribed, &a, &format!("{a},{b}"));
        add(&batch(17, "x"), &b2, &format!("{a},{b2}"));
        add(": {\"type\":\"heartbeat\"}\n", "", "");
        add(&batch(4, &"y".repeat(500)), &a2, &format!("{a2},{b2}"));
        add(
            "data: {\"type\":\"gap\",\"channel\":17,\"from\":12,\"to\":20}\n",
            &format!("{EPOCH}:20:9:12"),
            &format!("{a2},{EPOCH}:20:9:12"),
        );
        streams
    }

    #[test]
    fn each_id_becomes_the_ids_of_all_filters_however_the_bytes_are_cut() {
        let (own, joint) = streams();
        for cut in 1..=own.len() {
            let resume = parse_event_id(&format!("{EPOCH}:9:2"));
            let mut ids = JointIds::new(&[None, resume]);
            let mut out = Vec::new();
            for mut part in own.as_bytes().chunks(cut) {
                while !part.is_empty() {
                    let taken = ids.pass(part, &mut out);
                    part = &part[taken..];
                }
            }
            assert_eq!(std::str::from_utf8(&out), Ok(&*joint), "{cut}");
        }
    }

    #[test]
    fn an_id_is_read_for_as_many_filters_as_it_was_written_for() {
        let (one, other) = (format!("{EPOCH}:9:5:0"), format!("{EPOCH}:9"));
        let resume = |id: &str| parse_event_id(id);
        assert_eq!(parse(&one, 1), Ok(vec![resume(&one)]));
        let joint = format!("{one},,{other}");
        assert_eq!(
            parse(&joint, 3),
            Ok(vec![resume(&one), None, resume(&other)])
        );
        assert_eq!(parse(",", 2), Ok(vec![None, None]));
        for (id, filters, told) in [
            (
                &*joint,
                2,
                "the positions of 3 filters, and the stream has 2",
            ),
            (&one, 2, "the positions of 1 filters"),
            ("", 1, "\"\" is not the id of an event"),
            ("x,", 2, "\"x\" is not"),
        ] {
            let error = parse(id, filters).unwrap_err();
            assert!(error.contains(told), "{id}: {error}");
        }
    }
}
