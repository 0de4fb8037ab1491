//! What can be observed from outside: processes and threads in /proc, and the server's counters.

pub mod process;
pub mod scrape;
