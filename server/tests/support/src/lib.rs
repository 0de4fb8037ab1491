//! What the tests of the server share: the program and its broker, clients of all kinds, and the
//! ways that connections are broken.

mod boot;
mod daemon;
mod folder;
mod program;
mod waiting;

pub mod broker;
pub mod certificates;
pub mod feed;
pub mod nats;
pub mod network;
pub mod tls_server;

pub mod bystander;
pub mod raw;
pub mod subscriber;
pub mod watcher;
pub mod wire;

pub mod source;
pub mod tracked;
pub mod truth;

pub mod gate;
pub mod paced;
pub mod proxy;

pub use boot::Boot;
pub use folder::copy_folder;
pub use program::{Program, command, signal};
pub use waiting::{DEADLINE, STEP, soon, until, until_within};
