//! `tickcast latest`: shows the newest value of each topic.

use clap::Args;
use tickcast_protocol::{
    message::{Status, TimeNs, Update},
    topic::{Filter, Topic},
};

use crate::{
    connection::{ConnectionArgs, Link},
    exit::{Exit, Failure},
    output::{
        Format, FormatArgs, Origin, Output, PIECE_BYTES, Printer, Taker, Terminal, age, grid,
        one_line,
    },
    snapshot::Snapshot,
    words::shown,
};

/// Show the newest value of each topic
#[derive(Debug, Args)]
pub(crate) struct LatestArgs {
    /// Topics, as MQTT filters such as 'plant/#'
    #[arg(value_name = "FILTER", required = true)]
    filters: Vec<Filter>,

    #[command(flatten)]
    format: FormatArgs,

    #[command(flatten)]
    connection: ConnectionArgs,
}

impl LatestArgs {
    pub(crate) async fn run(self) -> Result<Exit, Failure> {
        let mut link = Link::open(&self.connection).await?;
        let snapshot = Snapshot::ask(&mut link, &self.filters).await?;
        let now_ns = link.welcome().server_time_ns;
        link.close().await;
        let mut output = Output::stdout()?;
        if self.format.format() == Format::Pretty {
            let terminal = Terminal::of_stdout(self.format.color);
            let row = |update| row(&snapshot, update, now_ns);
            let rows: Vec<_> = snapshot.updates.iter().map(row).collect();
            let headings = ["TOPIC", "VALUE", ">AGE", "STATUS"];
            output
                .write(grid(&headings, &rows, terminal).into_bytes())
                .await?;
        } else {
            let mut printer = Printer::new(&self.format);
            let mut out = printer.heading();
            let origin = Origin {
                is_every: false,
                is_old: true,
            };
            for update in &snapshot.updates {
                let unit = snapshot.unit(&update.topic);
                printer.update(update.clone(), unit, origin, &mut out)?;
                if out.len() >= PIECE_BYTES {
                    output.write(std::mem::take(&mut out)).await?;
                }
            }
            output.write(out).await?;
        }
        output.finish().await?;
        Ok(Exit::Done)
    }
}

fn row(snapshot: &Snapshot, update: &Update<Topic>, now_ns: TimeNs) -> Vec<String> {
    let topic = &update.topic;
    let status = match snapshot.status(topic) {
        Status::Live => "",
        status => status.as_str(),
    };
    vec![
        shown(topic.as_str()).into_owned(),
        one_line(&update.value, snapshot.unit(topic)),
        age(update.ingest_time_ns, now_ns),
        status.to_owned(),
    ]
}
