//! Draws a pane with a chart.

use egui::{Align, Layout, Rect, Sense, Ui, UiBuilder, vec2};
use tickcast_protocol::topic::Topic;

use super::{
    canvas::Areas,
    cursor_table, dropping, header, input, legend, menu,
    pane::{ChartPane, Drag, PaneResponse},
    picture,
    plot::Plot,
    pointer::{Crosshair, PointerInput},
    readout, source_time, view,
};
use crate::{
    data::{format, history::SampleSeries},
    ui::{command::UiCommand, scene::Scene, theme, widgets::styled},
};

/// Draws the pane.
pub(crate) fn show(
    pane: &mut ChartPane,
    ui: &mut Ui,
    scene: &Scene<'_>,
    crosshair: &mut Crosshair,
    is_active: bool,
) -> PaneResponse {
    let mut done = PaneResponse::default();
    let by_arrival = scene;
    let scene = &source_time::scene_of(pane, by_arrival);
    pane.state.scale.set_mode(pane.scale_mode);
    pane.state.second_scale.set_mode(pane.scale_mode);
    let area = ui.max_rect();
    let is_picture = scene.is_picture && is_active;
    let header_height = if is_picture {
        let window = pane.view.window(scene.now_ns);
        picture::title(pane, ui, scene, area, window)
    } else {
        theme::PANE_HEADER_HEIGHT
    };
    let (header, body) = area.split_top_bottom_at_y(area.top() + header_height);
    if !is_picture {
        let has_legend = legend::is_shown(pane, scene, body);
        header::show(
            pane,
            ui,
            by_arrival,
            header,
            (is_active, has_legend),
            &mut done,
        );
    }
    let table_height = cursor_table::height(pane, scene, body);
    let (body, table) = body.split_top_bottom_at_y(body.bottom() - table_height);
    let axis_width = pane.has_values(scene).then_some(pane.state.axis_width);
    let areas = Areas::of(body, axis_width, pane.state.second_width);
    let response = ui.interact(
        areas.plot,
        ui.scope_id().with("plot"),
        Sense::click_and_drag(),
    );
    let name = pane.topics.first().map_or("", Topic::as_str);
    response.widget_info(|| {
        egui::WidgetInfo::labeled(egui::Role::Figure, true, format!("Chart of {name}"))
    });
    let axis = ui.interact(
        areas.axis,
        ui.scope_id().with("axis"),
        Sense::click_and_drag(),
    );
    axis.widget_info(|| {
        egui::WidgetInfo::labeled(egui::Role::Slider, true, format!("Value axis of {name}"))
    });
    let second = ui.interact(
        areas.second,
        ui.scope_id().with("second axis"),
        Sense::click_and_drag(),
    );
    second.widget_info(|| {
        egui::WidgetInfo::labeled(egui::Role::Slider, true, format!("Second axis of {name}"))
    });
    done.is_activated |= response.is_pointer_button_down_on() || axis.clicked();
    let view_before = pane.view;
    input::handle_pointer(pane, ui, scene, &areas, &response, [&axis, &second]);
    done.is_touched = pane.view != view_before;

    let ruler = input::ruler(pane, &response);
    let hovered = response
        .hover_pos()
        .filter(|_| pane.state.drag != Some(Drag::Pan) && !is_picture);
    let mut no_crosshair = Crosshair::default();
    let crosshair = if is_picture {
        &mut no_crosshair
    } else {
        crosshair
    };
    let plot = view::draw(
        ui,
        scene,
        pane,
        &areas,
        if is_picture {
            0.0
        } else {
            legend::height(pane, scene, body)
        },
        PointerInput {
            hovered,
            ruler,
            crosshair,
        },
    );
    if let (Some(Drag::Box { from }), Some(to)) = (pane.state.drag, response.interact_pointer_pos())
    {
        readout::draw_box(ui.painter(), &areas, from, to, scene.theme);
        if response.drag_stopped() {
            input::zoom_to_box(pane, &plot, from, to);
        }
    }
    let all = [&response, &axis, &second];
    if all.into_iter().any(egui::Response::drag_stopped) {
        pane.state.drag = None;
    }
    page_back(pane, scene, &plot, &mut done);
    if !is_picture {
        paused_chip(pane, ui, scene, &areas);
        dropping::show(pane, ui, scene, &areas, &response, &mut done);
        if legend::is_shown(pane, scene, body)
            && let Some(topic) = legend::show(pane, ui, scene, &areas)
        {
            done.is_activated = true;
            done.commands.push(UiCommand::Select(topic));
        }
    }
    if table_height > 0.0 && cursor_table::show(pane, ui, scene, table) {
        pane.toggle_cursors(scene.now_ns);
    }
    menu::show(pane, &response, scene, &plot, &mut done);
    done
}

/// Asks for older history of the time that is shown.
fn page_back(pane: &mut ChartPane, scene: &Scene<'_>, plot: &Plot, done: &mut PaneResponse) {
    // What is computed gets older with the topics that it is made of.
    let missing = pane.topics.iter().flat_map(|name| {
        let topic = scene.store.topic_named(name.as_str());
        let drawn = topic.and_then(|topic| scene.drawn(topic));
        let first_ns = drawn.and_then(SampleSeries::first_time);
        let wanted = source_time::wanted_past(scene, first_ns, plot.start_ns);
        let roots = wanted.map(|from_ns| (scene.derived.roots(name), from_ns));
        roots.into_iter().flat_map(|(roots, from_ns)| {
            roots.into_iter().filter(move |name| {
                let topic = scene.store.topic_named(name.as_str());
                topic.is_some_and(|topic| topic.wants_past(from_ns))
            })
        })
    });
    done.commands.extend(missing.map(UiCommand::PageBack));
    done.commands.append(&mut pane.state.requests);
}

/// Draws a button that says that the chart is paused, and how far it lags.
fn paused_chip(pane: &mut ChartPane, ui: &mut Ui, scene: &Scene<'_>, areas: &Areas) {
    let view = &pane.view;
    if view.is_following() {
        return;
    }
    let theme = scene.theme;
    let (_, end_ns) = view.window(scene.now_ns);
    let new = pane
        .main(scene)
        .and_then(|topic| scene.drawn(topic))
        .map_or(0, |series| series.end() - series.index_at(end_ns + 1));
    let text = format!(
        "Paused, +{} new, {} behind",
        format::count(new),
        format::duration(view.lag_ns(scene.now_ns))
    );
    let width = 300.0f32.min(areas.plot.width() - 16.0);
    let place = Rect::from_min_size(
        egui::pos2(areas.plot.right() - width - 8.0, areas.plot.bottom() - 36.0),
        vec2(width, 26.0),
    );
    let mut ui = ui.new_child(
        UiBuilder::new()
            .max_rect(place)
            .layout(Layout::right_to_left(Align::Center)),
    );
    let button = egui::Button::new(styled(text, theme::small(), theme.warning))
        .fill(theme.raised)
        .stroke(theme.hairline_stroke());
    let response = ui.add(button).on_hover_text("Follow again (End or Space)");
    if response.clicked() {
        pane.follow(scene.now_ns);
    }
}
