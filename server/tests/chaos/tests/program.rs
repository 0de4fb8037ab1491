//! The program itself. That it finds what it looks for is tested with the ledger.

use std::process::Command;

#[test]
fn a_server_that_is_not_there_is_named() {
    let program = env!("CARGO_BIN_EXE_tickcast-chaos");
    let output = Command::new(program)
        .args(["--server", "no/such/server", "--seconds", "1"])
        .output()
        .expect("it starts");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{error}");
    assert!(error.contains("cannot start no/such/server"), "{error}");
}
