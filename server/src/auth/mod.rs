//! Identities: the file that names roles and tokens, and the checks of what clients show.
//!
//! The core decides what an identity may do (`tickcast_core::identity`). This room finds out
//! whether a token is genuine: a token of the file by its hash, a signed one (JWT) by its key. All
//! shards share one [`Auth`]; it is asked when a client authenticates, never for an update.
//!
//! The files in reading order:
//!
//! * `bounded`: reads files up to a length
//! * `secret`: random tokens, their hashes, and `--make-token`
//! * `file`: the identities file, as it is written; `words`: what is wrong with it
//! * `state`: what the file says, checked
//! * `listed`: the tokens of the file
//! * `signed`: signed tokens; `provider` has the cryptography
//! * `operators`: which roles may send commands to the admin address
//! * `seats`: the connections of each identity
//! * `tickets`: what stands once for an identity, for event streams of pages
//! * `revoked`: the file of revocations
//! * `shared`: all of it, for all threads

mod bounded;
mod file;
mod listed;
mod operators;
mod provider;
mod revoked;
mod seats;
mod secret;
mod shared;
mod signed;
mod state;
mod tickets;
mod words;

#[cfg(test)]
mod tests;

pub(crate) use operators::OperatorError;
pub(crate) use revoked::read_again as read_revocations;
pub(crate) use secret::make_token;
pub(crate) use shared::{Auth, Verifier};
pub use state::State;
pub(crate) use state::check_file;
pub use tickcast_protocol::token_file::TOKEN_MAX_BYTES;
pub use tickets::{TICKET_LIFE, TicketError, Tickets};
