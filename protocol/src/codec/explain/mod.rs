//! Explains what is wrong with a request that cannot be decoded, in the words of docs/protocol.md.
//!
//! The decoders are fast and say only that a request is wrong. This room reads the bytes a second
//! time, by a table of all requests and their members, and stops at the first member that is wrong.
//! The files in reading order:
//!
//! * `schema`: the table
//! * `problem`: the place of a member, and texts
//! * `json_id`, `json_tree`, `json_syntax`, `json`: requests in JSON
//! * `bincode`: requests in bincode

mod problem;
mod schema;

mod json;
mod json_id;
mod json_syntax;
mod json_tree;

mod bincode;

use self::problem::Problem;
use super::{encoding::Encoding, limits::CLIENT_MESSAGE_MAX_BYTES};
use crate::{error::ErrorCode, message::RequestId};

/// What the answer to a request that cannot be decoded says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// The request's id, if the bytes have one.
    pub id: Option<RequestId>,
    /// [`ErrorCode::Malformed`] or [`ErrorCode::UnknownMessage`].
    pub code: ErrorCode,
    /// The member that is wrong, what it is, and what it must be.
    pub reason: String,
}

/// Explains why [`decode_client`](super::decode_client) refuses a request.
///
/// In JSON the id is the first member `id` of the outermost object, also if the text is not
/// complete or is wrong elsewhere. In bincode it follows the number of the message.
pub fn explain_request(bytes: &[u8], encoding: Encoding) -> Unreadable {
    let id = match encoding {
        Encoding::Json => json_id::find(bytes),
        Encoding::Bincode => bincode::find_id(bytes),
    };
    let Problem { code, reason } = if bytes.len() > CLIENT_MESSAGE_MAX_BYTES {
        let len = bytes.len();
        let reason = format!("the message has {len} bytes (limit {CLIENT_MESSAGE_MAX_BYTES})");
        Problem::malformed(reason)
    } else {
        let found = match encoding {
            Encoding::Json => json::check(bytes),
            Encoding::Bincode => bincode::check(bytes),
        };
        match found {
            Err(problem) => problem,
            // The table and the decoders agree, which tests check, so this is not reached.
            Ok(()) => Problem::malformed(ErrorCode::Malformed.text()),
        }
    };
    Unreadable { id, code, reason }
}

/// Explains why a publish without a type cannot be read.
pub(super) fn explain_publish(bytes: &[u8]) -> String {
    explain_object(bytes, &schema::PUBLISH)
}

/// Explains why an update by itself cannot be read.
pub(super) fn explain_update(bytes: &[u8]) -> String {
    explain_object(bytes, &schema::UPDATE)
}

/// Explains why a value by itself cannot be read: `{"reading":21.5}` and the like.
pub fn explain_value(bytes: &[u8]) -> String {
    match json::check_part(bytes, schema::VALUE) {
        Err(Problem { reason, .. }) => renamed(&reason, "it"),
        // As above.
        Ok(()) => "it is no value".to_owned(),
    }
}

/// Explains why a line cannot be read as one of a recording. `None` if the table finds nothing
/// wrong with it.
pub(crate) fn explain_recorded(bytes: &[u8]) -> Option<String> {
    let begin = bytes.trim_ascii();
    if !begin.starts_with(b"{") {
        let begin = begin.get(..BEGIN_BYTES).unwrap_or(begin);
        let begin = problem::shown_text(&String::from_utf8_lossy(begin));
        return Some(format!(
            "it begins with {begin}: a line of a recording is an object in JSON with topic, time, \
             and value or status"
        ));
    }
    let problem = json::check_open(bytes, &schema::RECORDED_LINE).err()?;
    Some(renamed(&problem.reason, "it"))
}

/// Why a text is not JSON, from the error of its parser: "it is not JSON from byte 3 on" and so on.
pub fn explain_json(bytes: &[u8], error: &serde_json::Error) -> String {
    json_syntax::said("it", bytes, error)
}

/// Why a text does not have a form, from the error of its parser. `form` says what the text must
/// be. That is all if the text is JSON of another form; else it is followed by what
/// [`explain_json`] says.
pub fn explain_form(form: &str, bytes: &[u8], error: &serde_json::Error) -> String {
    match error.is_data() {
        true => form.to_owned(),
        false => format!("{form}: {}", explain_json(bytes, error)),
    }
}

/// Bytes that are shown of a line that is no object.
const BEGIN_BYTES: usize = 20;

/// A reason with another name for what is wrong as a whole.
fn renamed(reason: &str, name: &str) -> String {
    match reason.strip_prefix(problem::THE_MESSAGE) {
        Some(rest) => format!("{name}{rest}"),
        None => match reason.strip_suffix(problem::THE_MESSAGE) {
            Some(begin) => format!("{begin}{name}"),
            None => reason.to_owned(),
        },
    }
}

fn explain_object(bytes: &[u8], object: &'static schema::Object) -> String {
    match json::check_part(bytes, schema::Kind::Object(object)) {
        Err(Problem { reason, .. }) => reason,
        // As above.
        Ok(()) => ErrorCode::Malformed.text().to_owned(),
    }
}

/// Whether the table finds nothing wrong with a request.
#[cfg(test)]
fn is_readable(bytes: &[u8], encoding: Encoding) -> bool {
    match encoding {
        Encoding::Json => json::check(bytes).is_ok(),
        Encoding::Bincode => bincode::check(bytes).is_ok(),
    }
}

#[cfg(test)]
mod own_words;
#[cfg(test)]
mod tests;
