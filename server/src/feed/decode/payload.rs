//! A payload of which only what is asked for is parsed, once.

use std::cell::OnceCell;

use super::{error::DecodeError, json::Document, parts::utf8};

/// A payload.
pub(super) struct Payload<'a> {
    pub(super) bytes: &'a [u8],
    document: OnceCell<Result<Document<'a>, DecodeError>>,
}

impl<'a> Payload<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            document: OnceCell::new(),
        }
    }

    pub(super) fn text(&self) -> Result<&'a str, DecodeError> {
        utf8(self.bytes)
    }

    /// The payload as JSON.
    pub(super) fn document(&self) -> Result<&Document<'a>, DecodeError> {
        let parse = || {
            let text = self.text()?;
            Document::parse(text).map_err(|error| DecodeError::not_json(text, &error))
        };
        self.document
            .get_or_init(parse)
            .as_ref()
            .map_err(Clone::clone)
    }
}
