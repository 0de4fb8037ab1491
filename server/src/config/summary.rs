//! What the server will do with its settings, for `--check`.

use std::fmt::Display;

use crate::{
    feed::{FeedSettings, Source},
    output::settings::{OutputSettings, Target, Updates},
    settings::{PublishFrom, Settings},
};

/// One line for each thing that an operator may have meant otherwise.
pub(super) fn summary(settings: &Settings) -> String {
    let server = &settings.server;
    let subscribe = all(&server.subscribe_allow, ", ");
    let (who, publish) = match server.publish_from {
        _ if server.publish_allow.is_empty() => ("clients", None),
        PublishFrom::Nobody => ("clients", None),
        PublishFrom::Loopback => ("clients on this machine", all(&server.publish_allow, ", ")),
        PublishFrom::Anybody => ("clients", all(&server.publish_allow, ", ")),
    };
    let nothing = || "nothing".to_owned();
    let listeners = settings.listeners.iter().map(|listener| {
        let what = match (listener.tls.is_some(), listener.proxy_protocol) {
            (false, false) => "",
            (true, false) => " with TLS",
            (false, true) => " behind the PROXY protocol",
            (true, true) => " with TLS, behind the PROXY protocol",
        };
        format!(
            "listen on {}{what} (shards: {})",
            listener.endpoint, server.shards
        )
    });
    let mut lines: Vec<_> = listeners.collect();
    lines.push(match server.admin {
        Some(admin) => format!("answer operators on {admin}"),
        None => "answer operators on the same address".to_owned(),
    });
    lines.extend(settings.feeds.iter().map(feed));
    if settings.feeds.is_empty() {
        lines.push("run no feed: only clients publish".to_owned());
    }
    lines.extend(settings.outputs.iter().map(output));
    lines.push(format!(
        "let clients subscribe to {}",
        subscribe.unwrap_or_else(nothing)
    ));
    lines.push(format!(
        "let {who} publish to {}",
        publish.unwrap_or_else(nothing)
    ));
    lines.push(match all(&server.origins, ", ") {
        Some(origins) => format!("let web pages of {origins} connect"),
        None => "let no web page of another site connect".to_owned(),
    });
    for (count, what) in [
        (settings.decode.len(), "decode"),
        (settings.liveness.silence.len(), "liveness"),
        (settings.liveness.wills.len(), "wills"),
    ] {
        if count > 0 {
            lines.push(format!("follow {count} of the rules [[{what}]]"));
        }
    }
    if let Some(path) = &settings.data.data {
        lines.push(format!("keep updates on disk in {}", path.display()));
    }
    let cluster = &settings.cluster;
    if let Some(servers) = all(&cluster.servers, ", ") {
        let stream = &cluster.stream;
        lines.push(format!(
            "share the stream {stream} of {servers} with other nodes"
        ));
    }
    lines.push(format!("log {}", settings.log.filter));
    let lines: Vec<_> = lines.iter().map(|line| format!("  {line}\n")).collect();
    format!(
        "The settings are right. The server will\n{}",
        lines.concat()
    )
}

fn feed(feed: &FeedSettings) -> String {
    let what = match &feed.source {
        Source::Simulated(settings) => format!(
            "{} instruments and {} sensors, {} updates per second",
            settings.instruments, settings.sensors, settings.rate
        ),
        Source::Mqtt(settings) => {
            let filters = all(&settings.filters, ", ").unwrap_or_default();
            format!("{filters} at {}", settings.url)
        }
        Source::Replay(settings) => {
            let files = settings.files.iter().map(|file| {
                let path = file.path.display();
                match settings.told(file) {
                    Ok(told) => format!("\n    {path}: {told}"),
                    Err(reason) => format!("\n    {path}: {reason}"),
                }
            });
            files.collect()
        }
        Source::Stdin => "lines on standard input".to_owned(),
        Source::Websocket(settings) => {
            let url = settings.url.as_ref();
            let url = url.map(ToString::to_string).unwrap_or_default();
            format!("messages of {url}")
        }
        Source::Program(settings) => format!("lines that {} prints", settings.shown()),
    };
    let (name, kind) = (&feed.name, feed.source.kind());
    let name = if name == kind {
        String::new()
    } else {
        format!(" {name:?}")
    };
    format!("run the feed {kind}{name}: {what}")
}

fn output(output: &OutputSettings) -> String {
    let filters = all(&output.filters, ", ").unwrap_or_default();
    let name = &output.name;
    let target = match &output.target {
        Target::Mqtt(target) => format!("{} at {:?}", target.url, target.topic.as_str()),
        Target::Grafana(target) => target.url.to_string(),
    };
    let updates = match output.updates {
        Updates::Latest { every } => format!("each topic every {every:?} at most"),
        Updates::Every { queue_max } => format!("each update, of which {queue_max} may wait"),
    };
    format!("send {filters} to {target} as the output {name:?}, {updates}")
}

/// All members, if there are any.
fn all(members: &[impl Display], separator: &str) -> Option<String> {
    let texts: Vec<_> = members.iter().map(ToString::to_string).collect();
    (!texts.is_empty()).then(|| texts.join(separator))
}
