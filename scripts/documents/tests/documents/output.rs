//! What running commands print, and waiting for it.

use std::{
    io::Read,
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use regex::Regex;
use rustix::process::{Pid, Signal, kill_process_group};

/// Longest wait for something that must happen, on a machine that does much else.
pub(crate) const DEADLINE: Duration = Duration::from_secs(120);

/// Pause between two looks.
const STEP: Duration = Duration::from_millis(50);

/// What all commands of a block have printed so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Output(Arc<Mutex<String>>);

impl Output {
    pub(crate) fn text(&self) -> String {
        self.0.lock().unwrap().clone()
    }

    /// Forgets what was printed before.
    pub(crate) fn clear(&self) {
        self.0.lock().unwrap().clear();
    }

    /// The expressions that the output does not match.
    pub(crate) fn lacks<'a>(&self, expressions: &'a [String]) -> Vec<&'a str> {
        let text = self.text();
        let lacks = |expression: &&str| {
            let regex = Regex::new(expression).unwrap_or_else(|error| panic!("{error}"));
            !regex.is_match(&text)
        };
        expressions
            .iter()
            .map(String::as_str)
            .filter(lacks)
            .collect()
    }

    fn follow(&self, mut source: impl Read + Send + 'static) {
        let text = Arc::clone(&self.0);
        let read = move || {
            let mut buffer = [0; 8192];
            while let Ok(len @ 1..) = source.read(&mut buffer) {
                let part = String::from_utf8_lossy(&buffer[..len]);
                text.lock().unwrap().push_str(&part);
            }
        };
        thread::Builder::new()
            .name("output".into())
            .spawn(read)
            .unwrap();
    }
}

/// A command with everything that it has started. It is killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Running(Child);

impl Running {
    pub(crate) fn start(command: &mut Command, output: &Output) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap();
        output.follow(child.stdout.take().unwrap());
        output.follow(child.stderr.take().unwrap());
        Self(child)
    }

    /// Its exit code, if it has ended. A signal is -1.
    pub(crate) fn ended(&mut self) -> Option<i32> {
        let status = self.0.try_wait().unwrap()?;
        Some(status.code().unwrap_or(-1))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = kill_process_group(Pid::from_child(&self.0), Signal::KILL);
        let _ = self.0.wait();
    }
}

/// Waits until there is something. The error is the deadline's.
pub(crate) fn until<T>(mut found: impl FnMut() -> Option<T>) -> Result<T, String> {
    let start = Instant::now();
    loop {
        if let Some(found) = found() {
            return Ok(found);
        }
        if start.elapsed() > DEADLINE {
            return Err(format!("nothing within {} s", DEADLINE.as_secs()));
        }
        #[allow(clippy::disallowed_methods, reason = "a test may wait")]
        thread::sleep(STEP);
    }
}
