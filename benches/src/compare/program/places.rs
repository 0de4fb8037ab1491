//! Where programs and folders are, and which core and port programs get.

use std::{
    io,
    net::TcpListener,
    path::{Path, PathBuf},
};

/// The core of the contenders.
pub const CONTENDER_CORE: usize = 0;

/// The core of the load.
pub const LOAD_CORE: usize = 1;

/// Program and arguments that keep another program on a core. `taskset` becomes that program, so
/// the process stays the same.
pub fn on_core(core: usize, words: Vec<String>) -> Vec<String> {
    let taskset = ["taskset".to_owned(), "-c".to_owned(), core.to_string()];
    taskset.into_iter().chain(words).collect()
}

/// A program that was built beside this one.
pub fn beside(program: &str) -> io::Result<PathBuf> {
    Ok(std::env::current_exe()?.with_file_name(program))
}

/// The folder of the Node program and its package.
pub fn node_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("node")
}

/// The checkout from which this program was built.
pub fn project_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The program of nats-server. Debian installs it in a folder that is only in root's PATH.
pub fn nats_program() -> &'static str {
    let sbin = "/usr/sbin/nats-server";
    if Path::new(sbin).exists() {
        sbin
    } else {
        "nats-server"
    }
}

/// A port that is free at the moment.
pub fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
