//! Real proxies with the configurations of `docs/proxies.md`: what works through them, and what
//! breaks when a line is missing.

mod addresses;
mod checks;
mod process;

use std::{fs, path::Path, time::Duration};

use checks::{DASH, check_all, check_stream, handshake, is_open_after, open};
use process::Proxy;
use rustix::process::Signal;
use tickcast_server_testkit::{
    Program,
    raw::{RawSocket, exchange},
    until,
};
use tokio::time::sleep;

/// Where the configurations of the document have the server.
const SERVER: &str = "127.0.0.1:7400";

/// Idle time in the document, and the short one in the tests of idle connections.
const IDLE: &str = "60s";
const SHORT_IDLE: &str = "2s";

/// Silent connections are looked at after this time, which is longer than the short idle time.
const SILENCE: Duration = Duration::from_secs(6);

/// The server with the settings of the document, but for the permission to publish.
async fn server(more: &[&str]) -> Program {
    let settings = ["--feed", "none", "--shards", "1", "--hosts", "dash.example"];
    Program::start(&[&settings, more].concat()).await
}

fn document() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/proxies.md");
    fs::read_to_string(path).unwrap()
}

/// The only block of the document in this language.
fn configuration(language: &str) -> String {
    let document = document();
    let (_, from) = document.split_once(&format!("```{language}\n")).unwrap();
    let (block, rest) = from.split_once("```").unwrap();
    assert!(!rest.contains(&format!("```{language}\n")), "one block");
    block.to_owned()
}

/// Replaces a part of a configuration, which must be there.
fn replaced(configuration: &str, part: &str, by: &str) -> String {
    assert!(configuration.contains(part), "{part} in {configuration}");
    configuration.replace(part, by)
}

/// Starts nginx with a configuration like that of the document.
async fn nginx(server: &Program, configuration: &str) -> Proxy {
    let configuration = replaced(configuration, SERVER, &server.address.to_string());
    Proxy::start(|port, folder| {
        let sites = replaced(
            &configuration,
            "listen 80;",
            &format!("listen 127.0.0.1:{port};"),
        );
        let folder = folder.display();
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|name| format!("{name}_temp_path {folder}/{name};"))
            .concat();
        let text = format!(
            "daemon off; pid {folder}/pid; error_log {folder}/log;\nevents {{}}\n\
             http {{ access_log off; {temporary}\n{sites}\n}}\n"
        );
        ("nginx", text, vec!["-e", "log", "-p", "./", "-c"])
    })
    .await
}

/// Starts HAProxy with a configuration like that of the document.
async fn haproxy(server: &Program, configuration: &str) -> Proxy {
    let configuration = replaced(configuration, SERVER, &server.address.to_string());
    Proxy::start(|port, _| {
        let text = replaced(
            &configuration,
            "bind :80",
            &format!("bind 127.0.0.1:{port}"),
        );
        ("haproxy", text, vec!["-W", "-f"])
    })
    .await
}

/// Starts Caddy with a configuration like that of the document.
async fn caddy(server: &Program, configuration: &str) -> Proxy {
    let configuration = replaced(configuration, SERVER, &server.address.to_string());
    Proxy::start(|port, _| {
        let sites = replaced(
            &configuration,
            "dash.example:80",
            &format!("dash.example:{port}"),
        );
        let text = format!("{{\n\tadmin off\n}}\n{sites}");
        (
            "caddy",
            text,
            vec!["run", "--adapter", "caddyfile", "--config"],
        )
    })
    .await
}

#[tokio::test]
async fn everything_works_through_each_proxy_as_documented() {
    let server = server(&[]).await;
    for proxy in [
        nginx(&server, &configuration("nginx")).await,
        haproxy(&server, &configuration("haproxy")).await,
        caddy(&server, &configuration("caddyfile")).await,
    ] {
        check_all(&server, &proxy).await;
    }
}

#[tokio::test]
async fn the_settings_of_the_document_are_settings_of_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tickcast.toml");
    fs::write(&file, configuration("toml")).unwrap();
    let arguments = [
        "--feed",
        "none",
        "--config",
        file.to_str().unwrap(),
        "--check",
    ];
    let status = tickcast_server_testkit::command(&arguments).status().await;
    assert!(status.unwrap().success());
    // Without the first of them nothing is answered.
    let server = Program::start(&["--feed", "none"]).await;
    let proxy = nginx(&server, &configuration("nginx")).await;
    let refused = handshake(&proxy, DASH, "").await;
    assert_eq!(refused.status, 421, "{refused:?}");
    assert!(
        refused.body.contains("--hosts dash.example"),
        "{}",
        refused.body
    );
}

#[tokio::test]
async fn without_one_of_these_lines_nginx_breaks_the_handshake_and_the_refusal_says_why() {
    let server = server(&[]).await;
    let whole = configuration("nginx");
    let document = document();
    let rows = document.lines().filter_map(|row| {
        let (line, rest) = row.strip_prefix("| `proxy_")?.split_once("` | ")?;
        let (status, _) = rest.split_once(" | ")?;
        Some((format!("proxy_{line}"), status.parse::<u16>().ok()?))
    });
    let mut count = 0;
    for (line, status) in rows {
        let proxy = nginx(&server, &replaced(&whole, &line, "")).await;
        let refused = handshake(&proxy, DASH, "").await;
        assert_eq!(refused.status, status, "{line}: {refused:?}");
        let told = match (status, &*line) {
            (426, "proxy_http_version 1.1;") => &line,
            (426, _) => "let the proxy pass on both",
            _ => "`hosts` (--hosts tickcast)",
        };
        assert!(refused.body.contains(told), "{line}: {}", refused.body);
        count += 1;
    }
    assert_eq!(count, 4);
}

#[tokio::test]
async fn a_proxy_that_passes_on_another_host_than_the_pages_has_pages_refused() {
    let server = server(&[]).await;
    let without_port = replaced(&configuration("nginx"), "$http_host", "$host");
    let other_host = replaced(
        &configuration("caddyfile"),
        &format!("reverse_proxy {SERVER}"),
        &format!("reverse_proxy {SERVER} {{\n\t\theader_up Host {{upstream_hostport}}\n\t}}"),
    );
    for proxy in [
        nginx(&server, &without_port).await,
        caddy(&server, &other_host).await,
    ] {
        let host = format!("{DASH}:{}", proxy.address.port());
        let page = format!("Origin: http://{host}\r\n");
        let refused = handshake(&proxy, &host, &page).await;
        assert_eq!(refused.status, 403, "{refused:?}");
        // Programs send no origin.
        drop(open(&proxy, &host, "").await);
    }
}

#[tokio::test]
async fn heartbeats_and_pings_keep_silent_connections_through_short_idle_times() {
    let often = ["--heartbeat", "200ms", "--ping", "200ms"];
    let never = ["--heartbeat", "1h", "--ping", "1h"];
    let (chatty, silent) = tokio::join!(server(&often), server(&never));
    let nginx_short = replaced(&configuration("nginx"), IDLE, SHORT_IDLE);
    let haproxy_short = replaced(&configuration("haproxy"), IDLE, SHORT_IDLE);
    // Without a time of its own a WebSocket has those of other connections.
    let without_tunnel = replaced(&haproxy_short, "timeout tunnel", "# timeout tunnel");
    for configuration in [&haproxy_short, &without_tunnel] {
        let [kept, cut] = [&chatty, &silent];
        let proxies = [
            nginx(kept, &nginx_short).await,
            haproxy(kept, configuration).await,
            nginx(cut, &nginx_short).await,
            haproxy(cut, configuration).await,
        ];
        let [one, two, three, four] = &proxies;
        let looks = tokio::join!(
            is_open_after(one, SILENCE),
            is_open_after(two, SILENCE),
            is_open_after(three, SILENCE),
            is_open_after(four, SILENCE),
        );
        assert_eq!(looks, (true, true, false, false));
    }
    until("the server counts them", async || {
        silent.metric("tickcast_closes_total{code=\"none\"").await >= 4
    })
    .await;
}

#[tokio::test]
async fn without_its_check_haproxy_sends_new_clients_to_a_server_that_drains() {
    const CHECK: &str = "option httpchk GET /readyz";
    let often = replaced(&configuration("haproxy"), "inter 1s", "inter 50ms");
    for (configuration, is_told) in [(often.clone(), false), (replaced(&often, CHECK, ""), true)] {
        let server = server(&["--drain", "5s"]).await;
        let proxy = haproxy(&server, &configuration).await;
        let mut clients = Vec::new();
        for _ in 0..20 {
            clients.push(RawSocket::open(server.address, "/ws", "").await);
        }
        server.terminate().await;
        // Three failed checks, 50 ms apart. The clients above take seconds to leave.
        sleep(Duration::from_secs(1)).await;
        let refused = handshake(&proxy, DASH, "").await;
        assert_eq!(refused.status, 503, "{refused:?}");
        assert_eq!(refused.body.contains("draining"), is_told, "{refused:?}");
    }
}

#[tokio::test]
async fn haproxy_warns_without_its_timeouts_and_works_on_plain_bytes() {
    let server = server(&[]).await;
    let whole = configuration("haproxy");
    for line in ["timeout client 60s", "timeout server 60s"] {
        let proxy = haproxy(&server, &replaced(&whole, line, "")).await;
        assert!(
            proxy.output().contains("missing timeouts"),
            "{}",
            proxy.output()
        );
    }
    let proxy = haproxy(&server, &replaced(&whole, "mode http", "mode tcp")).await;
    check_all(&server, &proxy).await;
}

#[tokio::test]
async fn nginx_and_haproxy_keep_connections_through_a_reload() {
    let server = server(&[]).await;
    for (proxy, signal) in [
        (nginx(&server, &configuration("nginx")).await, Signal::HUP),
        (
            haproxy(&server, &configuration("haproxy")).await,
            Signal::USR2,
        ),
    ] {
        let mut before = open(&proxy, DASH, "").await;
        let workers = proxy.workers();
        proxy.signal(signal);
        until("there is a new worker", async || {
            proxy
                .workers()
                .iter()
                .any(|worker| !workers.contains(worker))
        })
        .await;
        // The new worker has to take over the listening socket.
        sleep(Duration::from_millis(300)).await;
        check_stream(&server, &proxy).await;
        before
            .send_json(&serde_json::json!({"type": "list", "id": 7}))
            .await;
        assert_eq!(
            before.json("subscriptions").await["id"],
            7,
            "{}",
            proxy.name
        );
    }
}

#[tokio::test]
async fn the_check_of_haproxy_decides_whether_the_server_gets_clients() {
    const CHECKS: &str = "inter 1s";
    let server = server(&[]).await;
    let often = replaced(&configuration("haproxy"), CHECKS, "inter 50ms");
    let proxy = haproxy(&server, &often).await;
    // Three failed checks would take the server out.
    sleep(Duration::from_secs(1)).await;
    check_stream(&server, &proxy).await;
    let wrong = replaced(&often, "/readyz", "/nowhere");
    let proxy = haproxy(&server, &wrong).await;
    until("the server is taken out", async || {
        let request = format!("GET /healthz HTTP/1.1\r\nHost: {DASH}\r\nConnection: close\r\n\r\n");
        exchange(proxy.address, &request).await.status == 503
    })
    .await;
}
