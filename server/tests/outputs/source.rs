//! A server with an output, which takes lines on its standard input.

use std::fs;

use tempfile::TempDir;
use tickcast_server_testkit::{Program, until};
use tokio::{io::AsyncWriteExt, process::ChildStdin};

/// The server.
pub(crate) struct Source {
    pub(crate) program: Program,
    input: ChildStdin,
    _folder: TempDir,
}

impl Source {
    /// Starts it with tables of the file.
    pub(crate) async fn start(tables: &str) -> Self {
        Self::start_with("", tables).await
    }

    /// The same with settings above all tables.
    pub(crate) async fn start_with(top: &str, tables: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("server.toml");
        fs::write(
            &path,
            format!("{top}\n[[feed]]\nkind = \"stdin\"\n{tables}"),
        )
        .unwrap();
        let mut program = Program::start(&["--config", path.to_str().unwrap()]).await;
        let input = program.take_input();
        Self {
            program,
            input,
            _folder: folder,
        }
    }

    /// Passes lines to the feed.
    pub(crate) async fn put(&mut self, lines: &str) {
        self.input.write_all(lines.as_bytes()).await.unwrap();
    }

    /// Waits until the server has taken this many updates in.
    pub(crate) async fn until_in(&self, updates: u64) {
        let row = "tickcast_updates_total";
        let what = format!("{updates} updates are in");
        until(&what, async || self.program.metric(row).await == updates).await;
    }

    /// Waits until a metric of the output is at least this; the name of a counter ends with total.
    pub(crate) async fn until(&self, metric: &str, least: u64) {
        let row = format!("tickcast_output_{metric}{{");
        let what = format!("{metric} is {least}");
        until(&what, async || self.program.metric(&row).await >= least).await;
    }

    /// Waits until a gauge of the output is 0.
    pub(crate) async fn until_none(&self, metric: &str) {
        let row = format!("tickcast_output_{metric}{{");
        let what = format!("{metric} is 0");
        until(&what, async || self.program.metric(&row).await == 0).await;
    }
}
