//! What the inspector shows of a message: lines, made once for each message.

use egui::Color32;
use tickcast_protocol::{message::Position, topic::Topic, value::Value};

use crate::{
    data::{
        payload::{DifferenceLine, HEX_ROW_BYTES, difference, hex_row, pretty},
        topics::Message,
    },
    ui::theme::Theme,
};

/// How a payload is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub(super) enum PayloadView {
    /// JSON laid out, texts as they are, bytes as a picture or in hexadecimal digits.
    #[default]
    Payload,
    /// The bytes as they were sent.
    Raw,
    /// What differs from the message before.
    Difference,
    /// In hexadecimal digits.
    Hex,
}

impl PayloadView {
    pub(super) const ALL: [(&str, Self, &str); 4] = [
        ("Payload", Self::Payload, "JSON laid out, pictures drawn"),
        ("Raw", Self::Raw, "As it was sent"),
        ("Difference", Self::Difference, "To the message before"),
        ("Hex", Self::Hex, "The bytes in hexadecimal digits"),
    ];
}

/// A line, and the colour of its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ink {
    Same,
    Added,
    Removed,
}

impl Ink {
    pub(super) fn color(self, theme: &Theme) -> Color32 {
        match self {
            Self::Same => theme.text,
            Self::Added => theme.up,
            Self::Removed => theme.down,
        }
    }
}

/// The content that was made last.
#[derive(Debug, Clone, Default)]
pub(super) struct Content {
    of: Option<(Topic, Position, PayloadView)>,
    pub(super) lines: Vec<(String, Ink)>,
    /// Bytes that are shown in hexadecimal digits, row by row.
    pub(super) bytes: Vec<u8>,
}

/// A payload as text; of numbers the text of the value.
pub(in crate::ui::panes) fn text_of(value: &Value) -> String {
    match value {
        Value::Text(text) | Value::Absent(text) => text.clone(),
        Value::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::Reading(reading) => reading.to_string(),
        // These have no payload of one form: shown as they are on the wire.
        value => serde_json::to_string(value).unwrap_or_default(),
    }
}

/// The bytes of a payload.
pub(super) fn bytes_of(value: &Value) -> Vec<u8> {
    match value {
        Value::Bytes(bytes) => bytes.clone(),
        value => text_of(value).into_bytes(),
    }
}

/// A payload laid out for reading.
pub(super) fn laid_out(value: &Value) -> String {
    let text = text_of(value);
    pretty(&text).unwrap_or(text)
}

impl Content {
    /// Makes the content, unless it is the one that was made last.
    pub(super) fn make(
        &mut self,
        topic: &Topic,
        message: &Message,
        before: Option<&Message>,
        view: PayloadView,
    ) {
        let of = Some((topic.clone(), message.position, view));
        if self.of == of {
            return;
        }
        self.of = of;
        self.lines.clear();
        self.bytes.clear();
        let is_bytes = matches!(message.value, Value::Bytes(_));
        match view {
            PayloadView::Hex => self.bytes = bytes_of(&message.value),
            PayloadView::Payload if is_bytes => self.bytes = bytes_of(&message.value),
            PayloadView::Payload => self.text(&laid_out(&message.value)),
            PayloadView::Raw => self.text(&text_of(&message.value)),
            PayloadView::Difference => {
                let before = before.map(|before| laid_out(&before.value));
                let lines = difference(&before.unwrap_or_default(), &laid_out(&message.value));
                self.lines = lines
                    .into_iter()
                    .map(|line| match line {
                        DifferenceLine::Same(text) => (format!("  {text}"), Ink::Same),
                        DifferenceLine::Removed(text) => (format!("− {text}"), Ink::Removed),
                        DifferenceLine::Added(text) => (format!("+ {text}"), Ink::Added),
                    })
                    .collect();
            }
        }
    }

    fn text(&mut self, text: &str) {
        let lines = text.lines().map(|line| (line.to_owned(), Ink::Same));
        self.lines = lines.collect();
    }

    /// How many rows there are.
    pub(super) fn rows(&self) -> usize {
        self.lines.len() + self.bytes.len().div_ceil(HEX_ROW_BYTES)
    }

    /// A row: its text and its colour.
    pub(super) fn row(&self, at: usize) -> (String, Ink) {
        match self.lines.get(at) {
            Some((text, ink)) => (text.clone(), *ink),
            None => (hex_row(&self.bytes, at - self.lines.len()), Ink::Same),
        }
    }
}
