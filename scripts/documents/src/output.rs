//! Runs commands of a document: what they print, and waiting for it.

use std::{
    fs,
    io::Read,
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, MutexGuard, Once, PoisonError, atomic::AtomicBool},
    thread,
    time::{Duration, Instant},
};

use regex::Regex;
use rustix::process::{Pid, Signal, kill_process_group};
use signal_hook::{consts::SIGINT, flag};

/// Longest wait for something that must happen, on a machine that does much else.
pub const DEADLINE: Duration = Duration::from_secs(120);

/// Pause between two looks.
const STEP: Duration = Duration::from_millis(50);

/// What all commands of a block have printed so far.
#[derive(Debug, Clone, Default)]
pub struct Output(Arc<Mutex<String>>);

impl Output {
    /// All of it.
    pub fn text(&self) -> String {
        self.lock().clone()
    }

    /// Adds what was printed elsewhere.
    pub fn add(&self, text: &str) {
        self.lock().push_str(text);
    }

    /// Forgets what was printed before.
    pub fn clear(&self) {
        self.lock().clear();
    }

    /// The expressions that the output does not match.
    ///
    /// # Panics
    ///
    /// If one of them is no regular expression.
    pub fn lacks<'a>(&self, expressions: &'a [String]) -> Vec<&'a str> {
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
        let output = self.clone();
        let read = move || {
            let mut buffer = [0; 8192];
            while let Ok(len @ 1..) = source.read(&mut buffer) {
                let part = String::from_utf8_lossy(&buffer[..len]);
                output.add(&part);
            }
        };
        thread::Builder::new()
            .name("output".into())
            .spawn(read)
            .expect("a test may start a thread");
    }

    fn lock(&self) -> MutexGuard<'_, String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A command with everything that it has started. It is killed when it is dropped.
#[derive(Debug)]
pub struct Running(Child);

impl Running {
    /// Starts it in a process group of its own, with an open standard input. Ctrl+C ends it also
    /// where the tests run in the background of a shell.
    ///
    /// # Panics
    ///
    /// If it cannot be started.
    pub fn start(command: &mut Command, output: &Output) -> Self {
        no_longer_ignore_interrupts();
        let spawned = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn();
        let mut child = spawned.unwrap_or_else(|error| panic!("{command:?}: {error}"));
        if let Some(stdout) = child.stdout.take() {
            output.follow(stdout);
        }
        if let Some(stderr) = child.stderr.take() {
            output.follow(stderr);
        }
        Self(child)
    }

    /// The number of the process.
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Does what Ctrl+C does, and waits until everything that it has started has ended.
    pub fn stop(mut self) -> Result<(), String> {
        let group = Pid::from_child(&self.0);
        // It may have ended already.
        let _ = kill_process_group(group, Signal::INT);
        until(|| {
            self.ended();
            (!lives(group)).then_some(())
        })
    }

    /// Its exit code, if it has ended. A signal is -1.
    pub fn ended(&mut self) -> Option<i32> {
        let status = self.0.try_wait().ok().flatten()?;
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

/// A shell makes what it runs in the background ignore SIGINT, and all programs that are started
/// from there inherit that. They do not inherit a handler: so this process gets one. It does what
/// the signal does where it is not ignored.
fn no_longer_ignore_interrupts() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let always = Arc::new(AtomicBool::new(true));
        flag::register_conditional_default(SIGINT, always).expect("a process may handle SIGINT");
    });
}

/// Whether a process of a group runs. One that has ended may wait to be reaped for long, where its
/// parent is gone and the first process of the system is a simple one.
fn lives(group: Pid) -> bool {
    let processes = fs::read_dir("/proc").expect("Linux");
    let stats = processes
        .filter_map(Result::ok)
        .filter_map(|process| fs::read_to_string(process.path().join("stat")).ok());
    // The name may have spaces and brackets (proc(5)).
    let after_name = |stat: &str| stat.rsplit_once(") ").map(|(_, rest)| rest.to_owned());
    stats.filter_map(|stat| after_name(&stat)).any(|rest| {
        let mut fields = rest.split(' ');
        let (state, of) = (fields.next(), fields.nth(1));
        let is_over = matches!(state, Some("Z" | "X"));
        !is_over && of == Some(&*group.as_raw_pid().to_string())
    })
}

/// Waits until there is something. The error is the deadline's.
pub fn until<T>(mut found: impl FnMut() -> Option<T>) -> Result<T, String> {
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

#[cfg(test)]
mod tests {
    use std::env;

    use super::*;

    /// Set where the test runs with the signal ignored.
    const IGNORES: &str = "TICKCAST_TEST_IGNORES_SIGINT";

    #[test]
    fn a_command_can_be_stopped_where_the_signal_is_ignored() {
        if env::var_os(IGNORES).is_none() {
            let test = "output::tests::a_command_can_be_stopped_where_the_signal_is_ignored";
            let ignoring = Command::new("sh")
                .args(["-c", "trap '' INT; exec \"$0\" --exact \"$1\""])
                .args([env::current_exe().unwrap().as_os_str(), test.as_ref()])
                .env(IGNORES, "1")
                .output()
                .unwrap();
            let text = String::from_utf8_lossy(&ignoring.stdout);
            assert!(text.contains("1 passed"), "{text}");
            return;
        }
        let running = Running::start(Command::new("sleep").arg("600"), &Output::default());
        running.stop().unwrap();
    }
}
