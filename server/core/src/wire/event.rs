//! Server-sent events (HTML Living Standard, section 9.2), for clients without WebSocket.
//!
//! The codec writes JSON without line breaks, so one `data` field holds a message (section 9.2.5).
//! The id of an event is the client's position after it.

use bytes::Bytes;
use tickcast_protocol::message::Resume;

/// The bytes in front of a message.
pub(super) const EVENT_PREFIX: &[u8] = b"data: ";

/// A subscription's position as the id of an event: `epoch:position:count:snapshot`. The last two
/// may be missing.
pub fn event_id(resume: &Resume) -> String {
    let Resume {
        epoch,
        position,
        count,
        snapshot,
    } = resume;
    let mut id = format!("{epoch}:{position}");
    if count.is_some() || snapshot.is_some() {
        id.push(':');
        id.extend(count.map(|count| count.to_string()));
    }
    if let Some(snapshot) = snapshot {
        id.push_str(&format!(":{snapshot}"));
    }
    id
}

/// Parses an id that [`event_id`] wrote. Any other spelling of it is not one.
pub fn parse_event_id(id: &str) -> Option<Resume> {
    let optional = |part: Option<&str>| match part {
        None | Some("") => Some(None),
        Some(number) => number.parse().ok().map(Some),
    };
    let mut parts = id.split(':');
    let resume = Resume {
        epoch: parts.next()?.parse().ok()?,
        position: parts.next()?.parse().ok()?,
        count: optional(parts.next())?,
        snapshot: optional(parts.next())?,
    };
    (event_id(&resume) == id).then_some(resume)
}

/// The end of an event, with its id if it has one.
pub(super) fn event_end(resume: Option<&Resume>) -> String {
    match resume {
        Some(resume) => format!("\nid: {}\n\n", event_id(resume)),
        None => "\n\n".to_owned(),
    }
}

/// One message as an event.
pub(super) fn event(payload: &[u8], resume: Option<&Resume>) -> Bytes {
    [EVENT_PREFIX, payload, event_end(resume).as_bytes()]
        .concat()
        .into()
}

#[cfg(test)]
mod tests {
    use tickcast_protocol::message::Epoch;

    use super::*;

    const RESUME: Resume = Resume {
        epoch: Epoch(0x18c5_04b1_f00d_0001),
        position: 4713,
        count: Some(615),
        snapshot: None,
    };

    #[test]
    fn the_id_of_an_event_is_the_position_after_it() {
        let text = event(b"{}", Some(&RESUME));
        assert_eq!(text, "data: {}\nid: 18c504b1f00d0001:4713:615\n\n");
    }

    #[test]
    fn an_event_id_is_parsed_as_it_was_written() {
        for (count, snapshot, text) in [
            (None, None, "18c504b1f00d0001:4713"),
            (Some(615), None, "18c504b1f00d0001:4713:615"),
            (Some(615), Some(0), "18c504b1f00d0001:4713:615:0"),
            (None, Some(250), "18c504b1f00d0001:4713::250"),
        ] {
            let resume = Resume {
                count,
                snapshot,
                ..RESUME
            };
            assert_eq!(event_id(&resume), text);
            assert_eq!(parse_event_id(text), Some(resume));
        }
        for wrong in [
            "",
            "18c504b1f00d0001",
            "18c504b1f00d0001:",
            "18c504b1f00d0001:-1",
            "18c5:1",
            "+8c504b1f00d0001:1",
            "18c504b1f00d0001:1:2:3:4",
            "18c504b1f00d0001:1:x",
            "18c504b1f00d0001:+1",
            "18c504b1f00d0001:01",
            "18c504b1f00d0001:1:",
            "18C504B1f00d0001:1",
        ] {
            assert_eq!(parse_event_id(wrong), None, "{wrong}");
        }
    }
}
