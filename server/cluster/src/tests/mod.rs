//! Random lives of several nodes on one stream, which loses, doubles, delays and forgets messages;
//! and what the book, the replica and a node do in single cases.

mod cases;
mod lives;
mod publishers;
mod world;
