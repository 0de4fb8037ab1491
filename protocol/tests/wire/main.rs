//! The wire format: golden files, properties, a second implementation, the document.

#![allow(clippy::unwrap_used)]

mod samples;

mod dependencies;
mod document;
mod golden;
mod properties;
mod random_messages;
mod second_implementation;
