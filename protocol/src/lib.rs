#![doc = include_str!("../README.md")]

pub mod topic;

pub mod decimal;
pub mod decimal_total;
pub mod value;

pub mod error;
pub mod message;

pub mod codec;
mod json;
mod strict_json;

pub mod recording;

pub mod token_file;

pub mod backoff;

#[cfg(feature = "tls")]
pub mod tls;

#[cfg(feature = "websocket")]
pub mod websocket;

#[cfg(feature = "client")]
pub mod client;
