//! Tests of the host without a broker.

mod histories;
mod messages;
mod sender;
mod values;
