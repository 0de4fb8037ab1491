//! Topics that are made of parts of a payload: `market/{/symbol}/trade`.

use std::{fmt, str::FromStr};

use super::{
    error::TemplateError,
    json::{Document, Pointer, Scalar},
    pattern::TextPattern,
};

/// A topic with places for parts of the payload.
#[derive(Debug, Clone, PartialEq)]
pub struct TopicTemplate {
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq)]
enum Piece {
    Text(String),
    /// A part of the payload, or what the `*` of a pattern stands for in it.
    Part(Pointer, Option<TextPattern>),
}

impl FromStr for TopicTemplate {
    type Err = TemplateError;

    fn from_str(text: &str) -> Result<Self, TemplateError> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (inside, after) = after.split_once('}').ok_or(TemplateError::Brace)?;
            let (pointer, pattern) = match inside.split_once('=') {
                Some((pointer, pattern)) => (pointer, Some(TextPattern::from(pattern))),
                None => (inside, None),
            };
            if pattern.as_ref().is_some_and(|pattern| !pattern.has_star()) {
                return Err(TemplateError::NoStar(inside.to_owned()));
            }
            let pointer = pointer.parse().map_err(|reason| TemplateError::Pointer {
                text: inside.to_owned(),
                reason,
            })?;
            pieces.push(Piece::Text(before.to_owned()));
            pieces.push(Piece::Part(pointer, pattern));
            rest = after;
        }
        if rest.contains('}') {
            return Err(TemplateError::Brace);
        }
        pieces.push(Piece::Text(rest.to_owned()));
        let texts = pieces.iter().filter_map(|piece| match piece {
            Piece::Text(text) => Some(text),
            Piece::Part(..) => None,
        });
        let is_wrong = |c: &char| matches!(c, '+' | '#') || c.is_control();
        match texts.flat_map(|text| text.chars()).find(is_wrong) {
            Some(wrong) => Err(TemplateError::Character(wrong)),
            None => Ok(Self { pieces }),
        }
    }
}

impl TopicTemplate {
    /// The topic for a sample. A part is looked up in the sample first, then in the whole payload.
    pub(super) fn fill(
        &self,
        sample: &Document<'_>,
        whole: &Document<'_>,
    ) -> Result<String, TemplateError> {
        let mut topic = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => topic.push_str(text),
                Piece::Part(pointer, pattern) => {
                    let raw = sample.find(pointer).or_else(|| whole.find(pointer));
                    let missing = || TemplateError::Missing(pointer.to_string());
                    let part = match raw.map(Scalar::of).ok_or_else(missing)? {
                        Scalar::Text(text) => text,
                        Scalar::Number(text) => text.into(),
                        _ => return Err(missing()),
                    };
                    let part = match pattern {
                        Some(pattern) => pattern.star(&part).ok_or_else(missing)?,
                        None => &*part,
                    };
                    // A part is one level: "X/USD" does not make two.
                    topic.extend(part.chars().map(|character| match character {
                        '/' | '+' | '#' => '-',
                        control if control.is_control() => '-',
                        other => other,
                    }));
                }
            }
        }
        Ok(topic)
    }
}

impl fmt::Display for TopicTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => f.write_str(text)?,
                Piece::Part(pointer, None) => write!(f, "{{{pointer}}}")?,
                Piece::Part(pointer, Some(pattern)) => write!(f, "{{{pointer}={pattern}}}")?,
            }
        }
        Ok(())
    }
}
