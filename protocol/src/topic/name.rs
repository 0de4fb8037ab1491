//! Topic names.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    rules::{TopicError, check_common},
    text_type::text_type,
};

/// A checked topic name: UTF-8 levels separated by `/`, without wildcards. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Topic(Arc<str>);

impl Topic {
    /// Checks `name` by the rules for topic names.
    pub fn new(name: &str) -> Result<Self, TopicError> {
        check_common(name)?;
        match name.find(['+', '#']) {
            Some(at) => Err(TopicError::WildcardInName(at)),
            None => Ok(Self(name.into())),
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

text_type!(Topic);
