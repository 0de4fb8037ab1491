//! A newcomer does everything that README.md, docs/install.md and docs/cli.md show, from their text
//! alone: on a fresh system, with the packages, block by block as they are written.
//!
//! The rules of README.md hold: the server of the quick start runs, unless a block starts one of
//! its own, which takes its place.

mod system;

use std::{collections::BTreeSet, fs, path::Path};

use regex::Regex;
use tickcast_documents::{
    Block, Marker, Run, commands, documents,
    output::{Output, Running, until},
    starts_server,
};

use crate::built::project;
use system::{System, listening};

/// This test, as the documents name it.
const THIS: &str = "packaging/tests/packages/newcomer/mod.rs";

/// What is in no package, or needs a window: it has tests of its own.
const ELSEWHERE: [&str; 2] = ["tickcast-loadtest", "tickcast-monitor"];

/// A part of each block whose comment does not say what it shows, and that. Blocks of a server show
/// nothing.
const EXPECTED: [(&str, &str); 9] = [
    (
        "install ./target/packages",
        "Setting up tickcast-server|tickcast-server is already the newest",
    ),
    (
        "tickcast pub lab/scale 0.25\ntickcast latest '#'",
        "lab/scale",
    ),
    (
        "apt-get install curl",
        "mosquitto is already the newest|Setting up",
    ),
    (
        "pip install ./clients/python",
        "Successfully installed .*tickcast",
    ),
    ("import tickcast.sync", r"(?m)^market/\S+/trade \d"),
    (
        "python -m websockets",
        r#""type":"batch".*"topic":"market/"#,
    ),
    ("'socket.io-client'", r"(?m)^market/\S+/trade \d"),
    (
        "apt-get purge",
        "(?s)Removing tickcast-server.*Purging configuration files",
    ),
    // It is silent. What is left is looked at afterwards.
    ("sudo userdel tickcast", "^$"),
];

/// What goes on until Ctrl+C. Everything else ends.
const ENDLESS: [&str; 4] = ["trades.mjs", "trades.py", "--no-buffer", "mosquitto_sub"];

/// What a browser shows at each address of README.md: values that have come, or what to do.
const PAGES: [(&str, &str); 2] = [
    ("http://127.0.0.1:7400/", "market/[A-Z-]+/trade"),
    ("http://127.0.0.1:7400/try", "Adds a line to the chat"),
];

/// Fewest blocks of README.md, so that none is lost without notice.
const README_MIN: usize = 20;

/// A newcomer at work.
struct Newcomer {
    server: Option<Running>,
    /// The command of the quick start, once it was read.
    first: Option<String>,
    is_first: bool,
    broker: Option<Running>,
    /// It ends after its processes.
    system: System,
}

impl Newcomer {
    fn new() -> Self {
        Self {
            server: None,
            first: None,
            is_first: false,
            broker: None,
            system: System::start(),
        }
    }

    /// Does what a block says.
    fn block(&mut self, block: &Block, run: &Run) -> Result<(), String> {
        let replaced = run.replace.iter();
        let text = replaced.fold(block.text.clone(), |text, (from, to)| {
            text.replace(from, to)
        });
        match block.language.as_str() {
            "js" => {
                self.system.save("trades.mjs", &text);
                self.look("node trades.mjs", run)
            }
            "python" => {
                self.system.save("trades.py", &text);
                self.look("venv/bin/python -u trades.py", run)
            }
            _ if commands("sh", &text)
                .iter()
                .any(|command| starts_server(command)) =>
            {
                self.serve(&commands("sh", &text), run)
            }
            // apt-get asks whether to go on.
            _ if text.contains("apt-get") => self.look(&format!("yes | {{\n{text}}}"), run),
            _ => self.look(&text, run),
        }?;
        if text.contains("apt-get install") && text.contains("mosquitto") {
            self.broker = Some(self.system.broker());
        }
        Ok(())
    }

    /// A block for the second terminal: the server of the quick start runs.
    fn look(&mut self, text: &str, run: &Run) -> Result<(), String> {
        self.return_to_first()?;
        let output = Output::default();
        self.foreground(text, run, &output)?;
        self.until_shown(run, &run.shows, &output)
    }

    /// Opens an address in a browser.
    fn browse(&mut self, address: &str) -> Result<(), String> {
        self.return_to_first()?;
        let mut pages = PAGES.iter();
        let page = pages.find(|(page, _)| *page == address);
        let (_, shown) = page.ok_or("what does it show?")?;
        let shown = Regex::new(shown).unwrap();
        let mut text = String::new();
        let found = until(|| {
            text = self.system.browser(address);
            shown.is_match(&text).then_some(())
        });
        found.map_err(|error| format!("{error} of: {shown}\n{text}"))
    }

    /// Starts the server of the quick start again, if another one has taken its place.
    fn return_to_first(&mut self) -> Result<(), String> {
        if let Some(first) = self.first.clone()
            && !self.is_first
        {
            self.start_server(&first)?;
            self.is_first = true;
        }
        Ok(())
    }

    /// A block with servers, each in place of the one before.
    fn serve(&mut self, commands: &[String], run: &Run) -> Result<(), String> {
        let output = Output::default();
        let mut servers = 0;
        for command in commands {
            if !starts_server(command) {
                self.foreground(command, run, &output)?;
                continue;
            }
            self.start_server(command)?;
            self.is_first = self.first.is_none();
            if self.is_first {
                self.first = Some(command.clone());
            }
            if let Some(expression) = run.each.get(servers) {
                output.clear();
                self.until_shown(run, std::slice::from_ref(expression), &output)?;
            }
            servers += 1;
        }
        match run.each.is_empty() {
            true => self.until_shown(run, &run.shows, &output),
            false => Ok(()),
        }
    }

    /// Runs commands until they have ended, or have shown everything if they go on.
    fn foreground(&self, text: &str, run: &Run, output: &Output) -> Result<(), String> {
        let mut running = Running::start(&mut self.system.shell(text), output);
        let goes_on = ENDLESS.iter().any(|part| text.contains(part));
        let is_shown = || goes_on && output.lacks(&run.shows).is_empty();
        let code = until(|| match running.ended() {
            Some(code) => Some(Some(code)),
            None => is_shown().then_some(None),
        });
        match code {
            Ok(None | Some(0)) => Ok(()),
            Ok(Some(code)) => Err(format!("exit code {code}\n{}", output.text())),
            Err(error) => Err(format!("{error}\n{}", output.text())),
        }
    }

    /// Looks again and again, as the comment of the block says, until everything is shown.
    fn until_shown(&self, run: &Run, shows: &[String], output: &Output) -> Result<(), String> {
        let shown = until(|| {
            if let Some(then) = &run.then
                && !output.lacks(shows).is_empty()
            {
                let found = self.system.shell(then).output().unwrap();
                output.add(&String::from_utf8_lossy(&found.stdout));
            }
            output.lacks(shows).is_empty().then_some(())
        });
        let lacks = output.lacks(shows).join(", ");
        shown.map_err(|error| format!("{error} of: {lacks}\n{}", output.text()))
    }

    /// Stops the server that runs, and starts another one.
    fn start_server(&mut self, command: &str) -> Result<(), String> {
        if let Some(server) = self.server.take() {
            server.stop()?;
        }
        self.server = Some(listening(&mut self.system.shell(command))?);
        if command.contains("mqtt") {
            let is_up = Regex::new(r#"feed_state\{[^}]*state="up"[^}]*\} 1"#).unwrap();
            let metrics = "curl --silent http://127.0.0.1:7400/metrics";
            until(|| {
                let output = self.system.shell(metrics).output().unwrap();
                let text = String::from_utf8_lossy(&output.stdout).into_owned();
                is_up.is_match(&text).then_some(())
            })
            .map_err(|error| format!("{command}: the feed is not up: {error}"))?;
        }
        Ok(())
    }
}

/// The blocks of a document that a newcomer runs, and what each must show.
fn blocks(path: &str) -> Vec<(Block, Run)> {
    let all = documents(&project()).unwrap();
    let document = all.iter().find(|document| document.path == Path::new(path));
    let mut found = Vec::new();
    for block in document.unwrap().blocks() {
        let comment = block.comment.as_deref().unwrap_or_default();
        if ELSEWHERE.iter().any(|program| block.text.contains(program)) {
            continue;
        }
        let run = match Marker::parse(comment).unwrap() {
            Some(Marker::Run(run)) => run,
            Some(Marker::RunBy(test)) if test == Path::new(THIS) || block.language == "python" => {
                let mut expected = EXPECTED.iter();
                let shown = expected.find(|(part, _)| block.text.contains(part));
                let shows = shown.map(|(_, expression)| (*expression).to_owned());
                let shows: Vec<String> = shows.into_iter().collect();
                let is_server = commands("sh", &block.text)
                    .iter()
                    .all(|each| starts_server(each));
                assert!(is_server || !shows.is_empty(), "{path}:{}", block.line);
                Run {
                    shows,
                    ..Run::default()
                }
            }
            _ => continue,
        };
        found.push((block, run));
    }
    found
}

/// Does what some blocks of a document say. Panics with all that is wrong.
#[track_caller]
fn follow(newcomer: &mut Newcomer, path: &str, blocks: &[(Block, Run)]) {
    let problems = blocks.iter().filter_map(|(block, run)| {
        let problem = newcomer.block(block, run).err()?;
        Some(format!("{path}:{}: {problem}\n{}", block.line, block.text))
    });
    let problems: Vec<String> = problems.collect();
    assert!(problems.is_empty(), "\n{}", problems.join("\n\n"));
}

/// The addresses that a document has for browsers.
fn addresses(path: &str) -> BTreeSet<String> {
    let address = Regex::new(r"<(http://127\.0\.0\.1:7400/[^>]*)>").unwrap();
    let text = fs::read_to_string(project().join(path)).unwrap();
    let found = address.captures_iter(&text);
    found.map(|found| found[1].to_owned()).collect()
}

#[test]
fn a_newcomer_does_everything_from_the_text_of_the_documents() {
    let mut newcomer = Newcomer::new();
    let path = "docs/install.md";
    let install = blocks(path);
    assert_eq!(install.len(), 4, "install, look, remove, remove the data");
    follow(&mut newcomer, path, &install[..1]);
    newcomer.server = Some(newcomer.system.service());
    follow(&mut newcomer, path, &install[1..2]);
    newcomer.server.take().unwrap().stop().unwrap();

    let readme = blocks("README.md");
    assert!(readme.len() >= README_MIN, "only {} blocks", readme.len());
    follow(&mut newcomer, "README.md", &readme);
    let addresses = addresses("README.md");
    assert_eq!(addresses.len(), PAGES.len(), "{addresses:?}");
    for address in addresses {
        let shown = newcomer.browse(&address);
        shown.unwrap_or_else(|problem| panic!("README.md: {address}: {problem}"));
    }
    follow(&mut newcomer, "docs/cli.md", &blocks("docs/cli.md"));
    newcomer.server.take().unwrap().stop().unwrap();
    // Their order: the packages leave the data and its user, and the last block does not.
    follow(&mut newcomer, path, &install[2..3]);
    assert!(newcomer.system.has_data());
    follow(&mut newcomer, path, &install[3..]);
    assert!(!newcomer.system.has_data());
}
