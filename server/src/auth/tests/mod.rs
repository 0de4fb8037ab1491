//! Tests of tokens: what is genuine, and every way of the threat table in docs/security.md in which
//! one is not.

mod listed;
mod shared;
mod signed;
mod tickets;
