//! The dashboard and the alerts, with a real Prometheus that scrapes a real server.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::PathBuf,
    process::Stdio,
};

use serde_json::Value as Json;
use tempfile::TempDir;
use tickcast_server_testkit::{Program, raw::get, until};
use tokio::{
    net::TcpStream,
    process::{Child, Command},
};

/// Debian installs both programs with its package `prometheus`.
const INSTALLED: &str = "Debian's package prometheus is installed";

/// Units of Grafana that the dashboard uses (`valueFormats/categories.ts` in its sources).
const UNITS: [&str; 5] = ["short", "ops", "Bps", "bytes", "ms"];

fn path(name: &str) -> PathBuf {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../dashboards");
    PathBuf::from(folder).join(name)
}

fn dashboard() -> Json {
    let text = fs::read_to_string(path("grafana.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The expressions of a dashboard, with what Grafana would put in place of its variables.
fn dashboard_queries() -> Vec<String> {
    let dashboard = dashboard();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels
        .iter()
        .filter_map(|panel| panel["targets"].as_array());
    let queries = targets.flatten().map(|target| {
        let query = target["expr"].as_str().unwrap();
        let query = query.replace("$__rate_interval", "10s");
        query.replace("$instance", ".*")
    });
    let queries: Vec<_> = queries.collect();
    assert!(queries.iter().all(|query| !query.contains('$')));
    queries
}

/// The expressions of the alerts, one line each.
fn alert_queries() -> Vec<String> {
    let text = fs::read_to_string(path("alerts.yaml")).unwrap();
    let mut lines = text.lines().map(str::trim);
    let mut queries = Vec::new();
    while let Some(line) = lines.next() {
        match line.strip_prefix("expr: ") {
            Some(">-") => queries.push(lines.next().unwrap().to_owned()),
            Some(query) => queries.push(query.to_owned()),
            None => {}
        }
    }
    assert_eq!(queries.len(), text.matches("- alert: ").count());
    queries
}

/// What a server shows: the labels of each metric. A metric without rows has none.
fn shown(metrics: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut shown = BTreeMap::<String, BTreeSet<String>>::new();
    for line in metrics.lines() {
        if let Some(typed) = line.strip_prefix("# TYPE ") {
            let (name, kind) = typed.split_once(' ').unwrap();
            let end = if kind == "counter" { "_total" } else { "" };
            shown.insert(format!("{name}{end}"), BTreeSet::new());
        } else if let Some((name, rest)) = line.split_once('{') {
            let (labels, _) = rest.rsplit_once('}').unwrap();
            let names = labels
                .split("\",")
                .filter_map(|label| label.split_once('='));
            let names = names.map(|(name, _)| name.to_owned());
            shown.get_mut(name).unwrap().extend(names);
        }
    }
    shown
}

/// The metrics in an expression, each with the labels in its braces.
fn used(query: &str) -> Vec<(String, Vec<String>)> {
    let mut used = Vec::new();
    let mut rest = query;
    while let Some(at) = rest.find("tickcast_") {
        rest = &rest[at..];
        let is_part = |char: char| char.is_ascii_alphanumeric() || char == '_';
        let end = rest.find(|char| !is_part(char)).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        let inside = after.strip_prefix('{');
        let inside = inside.and_then(|inside| inside.split_once('}'));
        let labels = inside.map(|(labels, _)| {
            let names = labels.split(", ").map(|label| {
                let end = label.find(['=', '!']).unwrap();
                label[..end].to_owned()
            });
            names.collect()
        });
        used.push((name.to_owned(), labels.unwrap_or_default()));
        rest = after;
    }
    used
}

/// The labels that an expression groups by.
fn groups(query: &str) -> Vec<String> {
    let parts = query.split("by (").skip(1);
    let names = parts.filter_map(|part| part.split_once(')'));
    let names = names.flat_map(|(names, _)| names.split(", "));
    names.map(str::to_owned).collect()
}

/// A Prometheus that scrapes one server.
struct Prometheus {
    address: SocketAddr,
    _child: Child,
    _folder: TempDir,
}

impl Prometheus {
    async fn start(server: SocketAddr) -> Self {
        // Another process may take the port before it does.
        for _ in 0..5 {
            let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            let address = socket.local_addr().unwrap();
            drop(socket);
            let folder = tempfile::tempdir().unwrap();
            let config = folder.path().join("prometheus.yaml");
            let alerts = path("alerts.yaml");
            let text = format!(
                "global: {{scrape_interval: 250ms, scrape_timeout: 250ms, evaluation_interval: 1s}}\n\
                 rule_files: [\"{}\"]\n\
                 scrape_configs:\n\
                 - job_name: tickcast\n  static_configs: [{{targets: [\"{server}\"]}}]\n",
                alerts.display()
            );
            fs::write(&config, text).unwrap();
            let mut child = Command::new("prometheus")
                .arg(format!("--config.file={}", config.display()))
                .arg(format!("--storage.tsdb.path={}", folder.path().display()))
                .arg(format!("--web.listen-address={address}"))
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .kill_on_drop(true)
                .spawn()
                .expect(INSTALLED);
            let mut has_ended = false;
            until("Prometheus listens", async || {
                has_ended = child.try_wait().unwrap().is_some();
                has_ended || TcpStream::connect(address).await.is_ok()
            })
            .await;
            if !has_ended {
                return Self {
                    address,
                    _child: child,
                    _folder: folder,
                };
            }
        }
        panic!("prometheus does not start");
    }

    /// The result of an expression, or why there is none.
    async fn query(&self, query: &str) -> Result<Vec<Json>, String> {
        let query: String = form_urlencoded::byte_serialize(query.as_bytes()).collect();
        let path = format!("/api/v1/query?query={query}");
        let answer = get(self.address, &path).await;
        let json: Json = serde_json::from_str(&answer.body).map_err(|_| answer.body.clone())?;
        match json["status"] == "success" {
            true => Ok(json["data"]["result"].as_array().unwrap().clone()),
            false => Err(answer.body),
        }
    }
}

#[tokio::test]
async fn every_query_names_metrics_and_labels_that_a_server_shows_and_prometheus_answers_it() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("server.toml");
    let tables = "[[feed]]\nkind = \"simulated\"\n\
                  [[output]]\nmqtt = \"127.0.0.1:9\"\n";
    fs::write(&config, tables).unwrap();
    let data = folder.path().join("data");
    let server = Program::start(&[
        "--config",
        config.to_str().unwrap(),
        "--data",
        data.to_str().unwrap(),
    ])
    .await;
    // It is refused, and closed: both have a row then.
    let _ = get(server.address, "/v1/latest?filter=a/").await;
    let metrics = get(server.address, "/metrics").await.body;
    let shown = shown(&metrics);
    let queries = [dashboard_queries(), alert_queries()].concat();
    for query in &queries {
        let used = used(query);
        assert!(!used.is_empty() || query.starts_with("up"), "{query}");
        let mut grouped = BTreeSet::from(["instance".to_owned(), "job".to_owned()]);
        let mut has_rows = false;
        for (name, labels) in used {
            let Some(known) = shown.get(&name) else {
                panic!("no metric {name}: {query}");
            };
            has_rows |= !known.is_empty();
            for label in labels.iter().filter(|label| *label != "instance") {
                assert!(
                    known.is_empty() || known.contains(label),
                    "{label}: {query}"
                );
            }
            grouped.extend(known.iter().cloned());
        }
        for label in groups(query) {
            assert!(!has_rows || grouped.contains(&label), "{label}: {query}");
        }
    }

    let prometheus = Prometheus::start(server.address).await;
    let rate = "rate(tickcast_updates_total[10s]) > 0";
    until("it has scraped twice", async || {
        prometheus
            .query(rate)
            .await
            .is_ok_and(|rows| !rows.is_empty())
    })
    .await;
    for query in &queries {
        let rows = prometheus.query(query).await;
        let rows = rows.unwrap_or_else(|error| panic!("{query}: {error}"));
        // What has no rows is a failure that did not happen, or an alert.
        let may_be_empty = query.contains(" > ") || query.contains(" == ") || query.contains(" < ");
        let has_happened = used(query)
            .iter()
            .all(|(name, _)| metrics.lines().any(|line| line.starts_with(name.as_str())));
        assert!(may_be_empty || !has_happened || !rows.is_empty(), "{query}");
    }
    let healthy = prometheus.query("up{job=\"tickcast\"}").await.unwrap();
    assert_eq!(healthy[0]["value"][1], "1");
}

#[test]
fn the_dashboard_can_be_provisioned_and_its_panels_do_not_overlap() {
    let dashboard = dashboard();
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    let kinds: Vec<_> = variables.iter().map(|one| &one["type"]).collect();
    assert_eq!(kinds, ["datasource", "query"]);
    assert!(dashboard["uid"].as_str().unwrap().len() <= 40);
    assert!(dashboard.get("id").is_none(), "the id is of one Grafana");
    let panels = dashboard["panels"].as_array().unwrap();
    let mut ids = BTreeSet::new();
    let mut cells = BTreeSet::new();
    for panel in panels {
        let title = panel["title"].as_str().unwrap();
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{title}");
        let number = |key: &str| panel["gridPos"][key].as_u64().unwrap();
        let (x, y) = (number("x"), number("y"));
        assert!(x + number("w") <= 24, "{title} is wider than the grid");
        for cell in (x..x + number("w")).flat_map(|x| (y..y + number("h")).map(move |y| (x, y))) {
            assert!(cells.insert(cell), "{title} overlaps another panel");
        }
        if panel["type"] == "row" {
            continue;
        }
        assert!(["timeseries", "stat"].contains(&panel["type"].as_str().unwrap()));
        assert!(
            !panel["description"].as_str().unwrap().is_empty(),
            "{title}"
        );
        let unit = panel["fieldConfig"]["defaults"]["unit"].as_str().unwrap();
        assert!(UNITS.contains(&unit), "{title}: {unit}");
        let targets = panel["targets"].as_array().unwrap();
        let names: BTreeSet<_> = targets.iter().map(|one| one["refId"].as_str()).collect();
        assert_eq!(names.len(), targets.len(), "{title}");
        for source in targets.iter().chain([panel]).map(|one| &one["datasource"]) {
            assert_eq!(source["type"], "prometheus", "{title}");
            assert_eq!(source["uid"], "${datasource}", "{title}");
        }
    }
}

#[tokio::test]
async fn the_alerts_fire_when_they_should() {
    for arguments in [["check", "alerts.yaml"], ["test", "alerts_test.yaml"]] {
        let [what, file] = arguments;
        let output = Command::new("promtool")
            .args([what, "rules", file])
            .current_dir(path(""))
            .output();
        let output = output.await.expect(INSTALLED);
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{what} {file}: {text}");
    }
}
