//! The latencies that the pane shows.

use crate::{data::latency::LatencySummary, ui::scene::Scene};

/// The latencies of the selected topic if it is charted, else those of all charted topics.
pub(super) fn of_selected(scene: &Scene<'_>) -> Option<LatencySummary> {
    scene
        .selected
        .and_then(|topic| scene.health.topic_summary(topic))
        .or_else(|| scene.health.summary())
}
