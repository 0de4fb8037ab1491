//! Where a block runs: a folder, a server and a broker on free ports, and its commands.

use std::{
    fs,
    net::{SocketAddr, TcpListener, TcpStream},
    os::unix::fs::symlink,
    path::Path,
    process::Command,
};

use regex::Regex;
use tempfile::TempDir;
use tickcast_documents::{
    Run,
    output::{Output, Running, until},
    starts_server,
};

use crate::programs::{node, programs, root, shell};

/// See the module.
pub(crate) struct Stage<'a> {
    run: &'a Run,
    folder: TempDir,
    output: Output,
    broker: Option<(Running, u16)>,
    server: Option<Running>,
    /// The server's address, and that for operators.
    address: Option<SocketAddr>,
    admin: Option<SocketAddr>,
    servers: usize,
}

impl<'a> Stage<'a> {
    /// A folder that shows the project's files, and what the marker asks for.
    pub(crate) fn new(run: &'a Run) -> Result<Self, String> {
        let folder = tempfile::tempdir().unwrap();
        for entry in fs::read_dir(root()).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name();
            if name != "target" && name != ".git" {
                symlink(entry.path(), folder.path().join(name)).unwrap();
            }
        }
        for (name, source) in &run.files {
            fs::copy(root().join(source), folder.path().join(name))
                .map_err(|error| format!("{}: {error}", source.display()))?;
        }
        let mut stage = Self {
            run,
            folder,
            output: Output::default(),
            broker: None,
            server: None,
            address: None,
            admin: None,
            servers: 0,
        };
        if run.broker {
            stage.start_broker()?;
        }
        if let Some(flags) = &run.server {
            stage.start_server(&format!("tickcast-server {flags}"))?;
        }
        Ok(stage)
    }

    /// Runs commands one after the other. A server goes on in the background until the next one.
    pub(crate) fn commands(&mut self, commands: &[String]) -> Result<(), String> {
        for command in commands {
            let replaced = self.run.replace.iter();
            let command = replaced.fold(command.clone(), |text, (from, to)| text.replace(from, to));
            let command = &self.translate(&command);
            if !starts_server(command) {
                self.foreground(command)?;
                continue;
            }
            self.start_server(command)?;
            if let Some(expression) = self.run.each.get(self.servers) {
                self.output.clear();
                self.until_shown(std::slice::from_ref(expression))?;
            }
            self.servers += 1;
        }
        if self.run.each.len() > self.servers {
            return Err(format!("only {} servers were started", self.servers));
        }
        match self.run.each.is_empty() {
            true => self.until_shown(&self.run.shows),
            false => Ok(()),
        }
    }

    /// Runs `then` until everything is shown.
    fn until_shown(&mut self, expressions: &[String]) -> Result<(), String> {
        let then = self.run.then.as_ref().map(|then| self.translate(then));
        let shown = until(|| {
            if let Some(then) = &then {
                let mut command = self.shell(then);
                let running = Running::start(&mut command, &self.output);
                wait(running, || self.output.lacks(expressions).is_empty()).ok();
            }
            self.output.lacks(expressions).is_empty().then_some(())
        });
        let lacks = self.output.lacks(expressions).join(", ");
        shown.map_err(|error| format!("{error} of: {lacks}\n{}", self.output.text()))
    }

    fn foreground(&mut self, command: &str) -> Result<(), String> {
        let running = Running::start(&mut self.shell(command), &self.output);
        let shows = &self.run.shows;
        let is_shown = || !shows.is_empty() && self.output.lacks(shows).is_empty();
        let failed = |why: String| format!("{command}: {why}\n{}", self.output.text());
        let code = wait(running, is_shown).map_err(failed)?;
        let is_right = match (code, self.run.exit.as_slice()) {
            (None, _) => true,
            (Some(code), []) => code == 0,
            (Some(code), codes) => codes.contains(&code),
        };
        match is_right {
            true => Ok(()),
            false => Err(failed(format!("exit code {}", code.unwrap_or_default()))),
        }
    }

    fn start_server(&mut self, command: &str) -> Result<(), String> {
        // The port is that of the one before.
        self.server = None;
        let command = Regex::new(r"\b740[01]\b")
            .unwrap()
            .replace_all(command, "0");
        let log = Output::default();
        let mut shell = self.shell(&command);
        shell.env("TICKCAST_LISTEN", "127.0.0.1:0");
        if let Some((_, port)) = &self.broker
            && command.contains("--feed mqtt")
            && !command.contains("--mqtt-url")
        {
            shell.env("TICKCAST_MQTT_URL", format!("mqtt://127.0.0.1:{port}"));
        }
        let mut server = Running::start(&mut shell, &log);
        let find = |start: &str, text: &str| {
            let (_, rest) = text.split_once(start)?;
            rest.split_once('/')?.0.parse().ok()
        };
        let listens = || match (find("ws://", &log.text()), server.ended()) {
            (Some(address), _) => Some(Ok(address)),
            (None, Some(code)) => Some(Err(format!("exit code {code}"))),
            (None, None) => None,
        };
        let address = until(listens).flatten();
        let text = log.text();
        let address = address.map_err(|error| format!("{command}: {error}\n{text}"))?;
        (self.address, self.admin) = (Some(address), find("operators: http://", &text));
        self.server = Some(server);
        if self.broker.is_some() {
            let is_up = Regex::new(r#"feed_state\{[^}]*state="up"[^}]*\} 1"#).unwrap();
            let metrics = format!("curl --silent http://{address}/metrics");
            until(|| {
                let output = self.shell(&metrics).output().unwrap();
                is_up
                    .is_match(&String::from_utf8_lossy(&output.stdout))
                    .then_some(())
            })
            .map_err(|error| format!("{command}: the feed is not up: {error}\n{}", log.text()))?;
        }
        Ok(())
    }

    fn start_broker(&mut self) -> Result<(), String> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let file = self.folder.path().join("mosquitto.conf");
        let text = format!("listener {port} 127.0.0.1\nallow_anonymous true\n");
        fs::write(&file, text).unwrap();
        let mut places = ["/usr/sbin/mosquitto", "/usr/bin/mosquitto"].into_iter();
        let program = places.find(|program| Path::new(program).exists());
        let program = program.ok_or("mosquitto must be installed (Debian: package mosquitto)")?;
        let mut command = Command::new(program);
        let running = Running::start(command.arg("-c").arg(file), &Output::default());
        self.broker = Some((running, port));
        until(|| TcpStream::connect(("127.0.0.1", port)).ok()).map(|_| ())
    }

    fn shell(&self, command: &str) -> Command {
        let mut shell = shell(command, self.folder.path());
        if let Some(address) = self.address {
            for variable in ["TICKCAST_URL", "TICKCAST_MONITOR_URL"] {
                shell.env(variable, format!("ws://{address}/ws"));
            }
        }
        shell
    }

    /// The command with programs that are built already, and with ports that are free.
    fn translate(&self, command: &str) -> String {
        let replace = |pattern: &str, with: &str, text: &str| {
            let regex = Regex::new(pattern).unwrap();
            regex.replace_all(text, with).into_owned()
        };
        let examples = format!("{}/examples/$1", programs().display());
        let run = "cargo run (?:--release )?(?:-p|--package)";
        let text = replace(&format!(r"{run} \S+ --example (\w+)"), &examples, command);
        let text = replace(&format!(r"{run} (tickcast-\w+) --"), "$1", &text);
        let text = replace(r"\bnode -e", &format!("{} -e", node()), &text);
        let text = match self.address {
            Some(address) => {
                let load = format!("tickcast-loadtest --url ws://{address}/ws --");
                let text = replace("tickcast-loadtest --", &load, &text);
                replace(r"\b7400\b", &address.port().to_string(), &text)
            }
            None => text,
        };
        let text = match self.admin {
            Some(admin) => replace(r"\b7401\b", &admin.port().to_string(), &text),
            None => text,
        };
        match &self.broker {
            Some((_, port)) => {
                let client = format!("mosquitto_$1 -p {port}");
                let text = replace(r"\bmosquitto_(pub|sub)\b", &client, &text);
                replace(r"\b1883\b", &port.to_string(), &text)
            }
            None => text,
        }
    }
}

/// Waits until a command has ended, or is not needed any more. Returns its exit code if it ended.
fn wait(mut running: Running, is_done: impl Fn() -> bool) -> Result<Option<i32>, String> {
    until(|| match running.ended() {
        Some(code) => Some(Some(code)),
        None => is_done().then_some(None),
    })
}
