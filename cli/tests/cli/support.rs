//! The command `tickcast`, run by a test.

use std::{
    env,
    process::{Output, Stdio},
};

use tickcast_server_testkit::{Program, soon};
use tokio::{
    io::AsyncWriteExt,
    process::{Child, Command},
};

/// How a command has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ended {
    /// Its output, if its exit code is right.
    #[track_caller]
    pub(crate) fn with(self, code: i32) -> String {
        assert_eq!(self.code, code, "{}\n{}", self.out, self.err);
        self.out
    }

    /// What it has said, if its exit code is right.
    #[track_caller]
    pub(crate) fn said(self, code: i32) -> String {
        assert_eq!(self.code, code, "{}\n{}", self.out, self.err);
        self.err
    }

    pub(crate) fn lines(&self) -> usize {
        self.out.lines().count()
    }
}

/// The command with arguments, in words, and piped outputs. Settings come from the test only.
pub(crate) fn tickcast(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tickcast"));
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    for (name, _) in env::vars_os() {
        if name.to_string_lossy().starts_with("TICKCAST_") {
            command.env_remove(name);
        }
    }
    command
}

/// The command with the URL of a server.
pub(crate) fn tickcast_at(server: &Program, arguments: &[&str]) -> Command {
    let mut command = tickcast(arguments);
    command.env("TICKCAST_URL", server.url());
    command
}

/// Waits until a command ends.
pub(crate) async fn end(child: Child) -> Ended {
    let output = soon("the command ends", child.wait_with_output()).await;
    let Output {
        status,
        stdout,
        stderr,
    } = output.unwrap();
    Ended {
        code: status.code().unwrap_or(-1),
        out: String::from_utf8(stdout).unwrap(),
        err: String::from_utf8(stderr).unwrap(),
    }
}

/// Runs the command to its end.
pub(crate) async fn run(server: &Program, arguments: &[&str]) -> Ended {
    end(tickcast_at(server, arguments).spawn().unwrap()).await
}

/// Runs the command with standard input.
pub(crate) async fn run_with(server: &Program, arguments: &[&str], input: &str) -> Ended {
    let mut command = tickcast_at(server, arguments);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    // The command may write before it has read everything.
    tokio::spawn(async move {
        let _ = stdin.write_all(input.as_bytes()).await;
    });
    end(child).await
}

/// Publishes a value until a command ends.
pub(crate) async fn publish_until_it_ends(server: &Program, child: Child) -> Ended {
    let ended = end(child);
    tokio::pin!(ended);
    let mut number = 0;
    loop {
        number += 1;
        let value = number.to_string();
        let arguments = ["pub", "a/counter", &value];
        let publish = run(server, &arguments);
        tokio::select! {
            ended = &mut ended => return ended,
            published = publish => published.with(0),
        };
    }
}
