//! Identities: what a client may do because of the token that it has shown.
//!
//! A token says who its bearer is and which role it has ([`Claims`]); the shell checks that the
//! token is genuine. The role's filters ([`Role`]) for this subject, less what the token leaves
//! out, are the [`Identity`]. So a token narrows what its role allows and never widens it.
//! [`Authority`] has the roles and the revocations, and decides which claims become an identity,
//! now and when something changes later. [`Standing`] is one connection's state: whether its client
//! is known, and until when.
//!
//! The files in reading order:
//!
//! | file | job |
//! |---|---|
//! | `pattern` | a filter of a role, in which `{sub}` stands for the subject |
//! | `rights` | filters for each action, and their intersection; limits |
//! | `role` | what the bearers of a role may do |
//! | `claims` | what a token says |
//! | `known` | an identity: claims, and the rights that result |
//! | `authority` | which claims become an identity; revocations |
//! | `standing` | the identity of one connection, and its end |
//! | `verify` | how a shard asks the shell about a token |

mod authority;
mod claims;
mod known;
mod pattern;
mod rights;
mod role;
mod standing;
#[cfg(test)]
mod tests;
mod verify;

pub use authority::{Authority, Denied, REVOCATIONS_MAX, Review, Revocations, Revoked};
pub use claims::{Claims, Source};
pub use known::Identity;
pub use pattern::{Pattern, PatternError, SUBJECT_MAX_BYTES};
pub use rights::{FILTERS_MAX, Limits, Narrowing, Rights};
pub(crate) use rights::{include, select};
pub use role::{Role, RoleError};
pub use standing::{Due, Standing, Who};
pub use verify::{Admitted, Seat, Verify};
