//! The audit: which clients were let in, what each may do, which positions of which filter were
//! handed to whom, what was refused, and what operators have done.
//!
//! It is a file of JSON lines; docs/security.md describes them. Threads hand over lines without
//! waiting. A thread of its own writes them. If it cannot keep up, lines are dropped and counted,
//! and the file says how many. No line has a token.
//!
//! The files in reading order:
//!
//! * `line`: what a line says
//! * `waiting`: lines on their way to the thread
//! * `writer`: the thread, and the file with its bound
//! * `shared`: the audit of a server, for all threads
//! * `of_shard`: the facts that a shard tells

mod line;
mod of_shard;
mod shared;
mod waiting;
mod writer;

#[cfg(test)]
mod tests;

pub(crate) use of_shard::ShardAudit;
pub(crate) use shared::AuditLog;
pub(crate) use waiting::AuditStats;
