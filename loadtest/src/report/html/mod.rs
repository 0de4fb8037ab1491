//! The report as one page that needs no other file.
//!
//! The pages are written with `maud`: its templates are checked when the program is compiled, and
//! every text is escaped unless it is markup. A template engine with files (`askama`) would add a
//! second language for what is a few tables and charts.

mod charts;
mod costs;
mod overview;
mod tables;

use maud::{DOCTYPE, PreEscaped, html as markup};

use crate::run::Finished;

/// The page.
pub fn html(finished: &Finished) -> String {
    let summary = &finished.summary;
    let settings = &summary.settings;
    let title = format!(
        "{} subscribers, {:.0} updates/s",
        settings.subscribers, summary.load.offered_per_s
    );
    let page = markup! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width";
                title { (title) }
                style { (PreEscaped(include_str!("style.css"))) }
            }
            body {
                h1 { (title) }
                p {
                    (settings.mode) " in " (settings.encoding) ", " (settings.timing)
                    " timing, published by " (settings.source) ", " (summary.load.steady_s)
                    " s from " (summary.environment.started)
                }
                (overview::verdict(summary))
                (overview::tiles(summary))
                h2 { "Charts" }
                div class="charts" {
                    (charts::percentiles(finished))
                    (charts::latency(&summary.seconds))
                    (charts::rate(&summary.seconds))
                    (charts::server(&summary.seconds))
                }
                (tables::latencies(summary))
                div class="columns" {
                    (tables::integrity(summary))
                    (costs::costs(summary))
                }
                (tables::search(summary))
                (tables::phases(summary))
                (costs::environment(summary))
            }
        }
    };
    page.into_string()
}
