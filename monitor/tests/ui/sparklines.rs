//! The sparklines of a dashboard, and their past on the server.

use tickcast_protocol::topic::Topic;

use super::{long_time::started, *};
use crate::support::START_NS;

const MINUTE: i64 = 60 * SECOND;
const SENSOR: &str = "plant/line-1/temperature";

/// The x of all points of lines and meshes within an area.
fn drawn_x(harness: &Harness<'_, Bench>, area: egui::Rect) -> Vec<f32> {
    let accent = Theme::of(ThemeChoice::Dark).accent;
    let mut all = Vec::new();
    for clipped in &harness.output().shapes {
        match &clipped.shape {
            egui::Shape::Path(path) if area.contains_rect(path.visual_bounding_rect()) => {
                all.extend(path.points.iter().map(|point| point.x));
            }
            egui::Shape::Mesh(mesh) => {
                let own = mesh.vertices.iter().filter(|vertex| vertex.color == accent);
                all.extend(
                    own.map(|vertex| vertex.pos)
                        .filter(|&pos| area.contains(pos))
                        .map(|pos| pos.x),
                );
            }
            _ => {}
        }
    }
    all
}

#[test]
fn the_sparkline_of_a_tile_opens_full_and_asks_for_its_past_once() {
    let (mut harness, mut server) = started(&[], |server| {
        server.fill(SENSOR, START_NS - 30 * MINUTE, SECOND);
    });
    // Beside others a tile is as narrow as usual.
    for topic in [
        BTC,
        "market/ETH-USDT/trade",
        "plant/line-1/pressure",
        "plant/line-1/vibration",
        "building/power/main",
        SENSOR,
    ] {
        let select = UiCommand::Select(Topic::new(topic).unwrap());
        harness.state_mut().monitor.execute(select);
        harness.state_mut().monitor.execute(UiCommand::AddTile);
    }
    harness.run_steps(2);
    assert_eq!(
        harness.state().monitor.candles_asked(),
        [],
        "a number needs no past"
    );
    for _ in 0..2 {
        harness.state_mut().monitor.execute(UiCommand::NextTileKind);
    }
    harness.run_steps(2);
    let label = format!("Tile {SENSOR}");
    let tile = harness.query_all_by_label_contains(&label).next().unwrap();
    let area = tile.rect();
    let reach = |harness: &Harness<'_, Bench>| {
        let all = drawn_x(harness, area);
        let left = all.iter().copied().fold(f32::MAX, f32::min);
        (left - area.left()) / area.width()
    };
    assert!(
        reach(&harness) > 0.5,
        "nothing is known yet: {}",
        reach(&harness)
    );
    assert_eq!(harness.state().monitor.candles_asked().len(), 1);
    server.serve_newest(&mut harness);
    assert!(reach(&harness) < 0.1, "{}", reach(&harness));
    // The last seconds before the first value follow when they are over, and then nothing.
    for _ in 0..60 {
        let script = &mut harness.state_mut().script;
        script.now_ns += SECOND;
        script.reading(SENSOR, "°C", 20.5);
        harness.run_steps(2);
        server.serve_newest(&mut harness);
    }
    assert!(server.answers <= 4, "{} questions", server.answers);
    assert!(reach(&harness) < 0.1);
    // A connection that was lost leaves no hole.
    let answers = server.answers;
    let lost = ConnectionState::Connecting { attempt: 1 };
    harness.state().script.connection(lost);
    harness.run_steps(2);
    harness.state_mut().script.now_ns += MINUTE;
    harness.state().script.connected();
    harness.state_mut().script.skip(SENSOR, 60);
    let script = &mut harness.state_mut().script;
    script.reading(SENSOR, "°C", 20.5);
    script.now_ns += 10 * SECOND;
    harness.run_steps(2);
    server.serve_newest(&mut harness);
    assert!((1..=2).contains(&(server.answers - answers)));
}
