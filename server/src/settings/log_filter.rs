//! What `--log` accepts: directives of `tracing-subscriber` that can match a line of this program.
//! The library takes an unknown level for the name of a module, and an unknown module for one that
//! never logs. Then there would be no line at all.

use std::collections::BTreeSet;

use tracing_subscriber::{EnvFilter, filter::LevelFilter};

use super::field::nearest;

/// The modules that log. A module above them stands for all below it.
const MODULES: &[&str] = &[
    "tickcast_server::audit::writer",
    "tickcast_server::changing",
    "tickcast_server::cluster::checkpoints",
    "tickcast_server::cluster::engine",
    "tickcast_server::cluster::feeds",
    "tickcast_server::cluster::opening",
    "tickcast_server::cluster::stream_thread",
    "tickcast_server::cluster::tail",
    "tickcast_server::cluster::thread",
    "tickcast_server::data::failing",
    "tickcast_server::data::following",
    "tickcast_server::data::opening",
    "tickcast_server::data::reading",
    "tickcast_server::data::writing",
    "tickcast_server::entrances",
    "tickcast_server::feed::handover",
    "tickcast_server::feed::mqtt::announcements",
    "tickcast_server::feed::mqtt::intake",
    "tickcast_server::feed::program",
    "tickcast_server::feed::program::messages",
    "tickcast_server::feed::replay::merge",
    "tickcast_server::feed::replay::player",
    "tickcast_server::feed::stdin",
    "tickcast_server::feed::websocket",
    "tickcast_server::ingest::thread",
    "tickcast_server::log::panics",
    "tickcast_server::metrics::prometheus",
    "tickcast_server::net::acceptor",
    "tickcast_server::net::acceptor::failures",
    "tickcast_server::net::admin",
    "tickcast_server::net::admin_commands",
    "tickcast_server::net::binding",
    "tickcast_server::net::descriptors",
    "tickcast_server::net::gate",
    "tickcast_server::net::http_connection",
    "tickcast_server::net::other_nodes",
    "tickcast_server::net::ring_writer",
    "tickcast_server::net::routes",
    "tickcast_server::net::shard_thread",
    "tickcast_server::net::socket_io::exchange",
    "tickcast_server::net::socket_io::routes",
    "tickcast_server::net::stream::options",
    "tickcast_server::net::stream::secure",
    "tickcast_server::net::turned_away",
    "tickcast_server::net::unsent",
    "tickcast_server::output::grafana",
    "tickcast_server::output::mqtt",
    "tickcast_server::output::thread",
    "tickcast_server::program::manager",
    "tickcast_server::program::reload",
    "tickcast_server::program::signals",
    "tickcast_server::tasks::restart",
    "tickcast_server::tasks::task",
    "tickcast_server::threads",
];

const LEVELS: &str = "off, error, warn, info, debug or trace";

/// Checks a filter: directives that are separated by commas, each `LEVEL` or `MODULE=LEVEL`.
pub(crate) fn log_filter(text: &str) -> Result<String, String> {
    let mut directives = text.split(',').filter(|directive| !directive.is_empty());
    let first = directives.next().ok_or_else(|| {
        format!("an empty filter logs nothing: expected {LEVELS}, or MODULE=LEVEL")
    })?;
    for directive in [first].into_iter().chain(directives) {
        check(directive)?;
    }
    EnvFilter::try_new(text).map_err(|error| error.to_string())?;
    Ok(text.into())
}

fn check(directive: &str) -> Result<(), String> {
    let Some((target, level)) = directive.rsplit_once('=') else {
        return match directive.parse::<LevelFilter>() {
            Ok(_) => Ok(()),
            Err(_) => Err(format!(
                "{directive:?} is not a level: expected {LEVELS}, or MODULE=LEVEL as in \
                 tickcast_server::feed=debug"
            )),
        };
    };
    if level.is_empty() || level.parse::<LevelFilter>().is_err() {
        return Err(format!(
            "{directive:?}: {level:?} is not a level: expected {LEVELS}"
        ));
    }
    // `MODULE[{field}]=LEVEL` is for lines with such a field.
    let (module, rest) = target.split_at(target.find('[').unwrap_or(target.len()));
    if !(rest.is_empty() || rest.starts_with("[{") && rest.ends_with("}]")) {
        return Err(format!(
            "{directive:?} names a span, and the server has none: expected MODULE=LEVEL"
        ));
    }
    match module.is_empty() && !rest.is_empty() || is_known(module) {
        true => Ok(()),
        false => Err(format!(
            "{directive:?}: {module:?} is not a module that logs{}",
            instead(module)
        )),
    }
}

/// What to write instead of a module that does not log: the one that it resembles, or the parts of
/// the server.
fn instead(module: &str) -> String {
    let names = MODULES.iter().flat_map(|name| {
        let above = name.match_indices("::").map(|(at, _)| &name[..at]);
        above.chain([*name])
    });
    let names: BTreeSet<&str> = names.collect();
    if let Some(meant) = nearest(names.iter().copied(), module) {
        return format!("; did you mean {meant}?");
    }
    let parts = names.iter().filter(|name| name.matches("::").count() == 1);
    let parts: Vec<&str> = parts.copied().collect();
    format!(
        ": expected tickcast_server for all of them, or {}",
        parts.join(", ")
    )
}

fn is_known(module: &str) -> bool {
    let is_within = |inner: &str, outer: &str| {
        let rest = inner.strip_prefix(outer);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    };
    MODULES.iter().any(|known| is_within(known, module))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_filter_has_levels_that_exist_and_modules_that_log() {
        for text in ["off", "info", "warn,tickcast_server::feed=debug"] {
            assert_eq!(log_filter(text), Ok(text.to_owned()));
        }
        for text in [
            "verbose",
            "info,tickcast_server",
            "tickcast_server=loud",
            "[span]",
            "hyper=info",
        ] {
            assert!(log_filter(text).is_err(), "{text}");
        }
    }
}
