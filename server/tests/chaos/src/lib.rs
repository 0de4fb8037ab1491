//! A long test of one running server. Everything around it breaks at random: clients' links, the
//! broker, the log, file descriptors, the clock, the process itself. Meanwhile publishers publish
//! and subscribers of several kinds keep a ledger.
//!
//! The checker follows `docs/protocol.md` and shares no code with the server or its clients:
//!
//! * Each subscription follows its chain, and in mode `every` its count.
//! * Each position of an epoch has one content, whichever subscriber sees it.
//! * Each update that a publisher got acknowledged is on the tape at the acknowledged position.
//! * In the end every subscriber has the newest value of every topic.
//! * The server answers while it should, ends with code 0, and stays within a memory bound.

pub mod broker;
pub mod fault;
pub mod ledger;
pub mod link;
pub mod message;
pub mod publisher;
pub mod run;
pub mod server;
pub mod socket;
pub mod stream;
pub mod subscriber;
