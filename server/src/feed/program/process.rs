//! A running program, with all that it has started.
//!
//! The program leads a process group of its own. Its number can be used as long as the program has
//! not been waited for, so a thread waits in two steps: it learns of the end first, and takes the
//! exit status last, after everything of the group has been killed.

use std::{
    io,
    os::unix::process::{CommandExt, ExitStatusExt},
    process::{Child, ExitStatus, Stdio},
    thread,
};

use rustix::{
    io::retry_on_intr,
    process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid},
};
use tokio::{
    process::{ChildStderr, ChildStdout},
    sync::oneshot,
};

use super::settings::ProgramSettings;

/// A running program.
#[derive(Debug)]
pub(super) struct Process {
    pid: Pid,
    pub(super) output: ChildStdout,
    pub(super) messages: ChildStderr,
    /// Completes when the program has ended.
    pub(super) ended: oneshot::Receiver<()>,
    /// Lets the thread take the exit status.
    release: Option<oneshot::Sender<()>>,
    status: oneshot::Receiver<ExitStatus>,
}

impl Process {
    /// Starts a program.
    pub(super) fn start(settings: &ProgramSettings) -> io::Result<Self> {
        let mut command = settings.command()?;
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        let mut child = command.spawn()?;
        let pid = Pid::from_child(&child);
        let (output, messages) = (child.stdout.take(), child.stderr.take());
        let (ended_sender, ended) = oneshot::channel();
        let (release, released) = oneshot::channel();
        let (status_sender, status) = oneshot::channel();
        let waiting = move || {
            // If waiting fails, the program is killed below.
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
            let _ = retry_on_intr(|| waitid(WaitId::Pid(pid), options));
            // The other ends are gone if the feed is.
            let _ = ended_sender.send(());
            let _ = released.blocking_recv();
            let _ = status_sender.send(end(pid, &mut child));
        };
        thread::Builder::new()
            .name("feed-program".into())
            .spawn(waiting)
            .inspect_err(|_| {
                let _ = kill_process_group(pid, Signal::KILL);
            })?;
        let pipe = || io::Error::other("it has no pipe");
        Ok(Self {
            pid,
            output: ChildStdout::from_std(output.ok_or_else(pipe)?)?,
            messages: ChildStderr::from_std(messages.ok_or_else(pipe)?)?,
            ended,
            release: Some(release),
            status,
        })
    }

    pub(super) fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    /// Asks the program and all that it has started to end.
    pub(super) fn ask_to_end(&self) {
        self.signal(Signal::TERM);
    }

    /// Kills the program and all that it has started.
    pub(super) fn kill(&self) {
        self.signal(Signal::KILL);
    }

    fn signal(&self, signal: Signal) {
        // An error means that there is nothing left of the group.
        let _ = kill_process_group(self.pid, signal);
    }

    /// Kills what is left, and returns the exit status.
    pub(super) async fn finish(mut self) -> ExitStatus {
        self.kill();
        drop(self.release.take());
        let status = (&mut self.status).await;
        // The thread always sends it, unless it panics.
        status.unwrap_or_else(|_| ExitStatus::from_raw(-1))
    }
}

/// A process that is dropped is killed with all that it has started.
impl Drop for Process {
    fn drop(&mut self) {
        if self.release.is_some() {
            self.kill();
        }
    }
}

/// Kills what is left of the group, and takes the exit status. Before it, the number of the group
/// cannot belong to another one.
fn end(pid: Pid, child: &mut Child) -> ExitStatus {
    let _ = kill_process_group(pid, Signal::KILL);
    child.wait().unwrap_or_else(|_| ExitStatus::from_raw(-1))
}
