//! What is logged, and how.

use clap::{
    Args,
    builder::{PossibleValuesParser, TypedValueParser},
};

use super::{log_filter::log_filter, values::defaults};
use crate::log::LogFormat;

/// What is logged.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(next_help_heading = "Log")]
pub struct LogSettings {
    /// What is logged: off, error, warn, info, debug or trace, also by module as in
    /// warn,tickcast_server::feed=debug. SIGHUP reads it again.
    #[arg(id = "log", value_name = "FILTER", default_value = "info", value_parser = log_filter)]
    pub filter: String,
    /// How a line of the log is written: as text, or as a JSON object with time, level, target,
    /// message and fields.
    #[arg(id = "log_format", value_name = "FORMAT", default_value = "text")]
    #[arg(value_parser = format())]
    pub format: LogFormat,
}

impl Default for LogSettings {
    fn default() -> Self {
        defaults()
    }
}

fn format() -> impl TypedValueParser<Value = LogFormat> {
    let names = PossibleValuesParser::new(["text", "json"]);
    names.map(|name| match &*name {
        "json" => LogFormat::Json,
        _ => LogFormat::Text,
    })
}
