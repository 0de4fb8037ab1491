//! Topic names and topic filters, by the rules of MQTT (MQTT 5.0, section 4.7).

mod filter;
mod name;
mod rules;
mod text_type;

pub use filter::Filter;
pub use name::Topic;
pub use rules::{TOPIC_MAX_BYTES, TopicError};

#[cfg(test)]
mod tests;
