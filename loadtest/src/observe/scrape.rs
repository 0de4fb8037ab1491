//! The server's own counters, from its `/metrics` (Prometheus text format 0.0.4).

use std::{
    collections::BTreeMap,
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use rustls::StreamOwned;
use tickcast_protocol::tls::TlsClient;

/// Updates handed to connections, summed over subscribers.
pub const DELIVERIES: &str = "tickcast_deliveries_total";
/// Updates put on the tape.
pub const UPDATES: &str = "tickcast_updates_total";
/// Updates from the server's feeds, without those of clients.
pub const FEED_UPDATES: &str = "tickcast_feed_submitted_total";
/// Updates that newer ones replaced before a subscriber in mode `latest` got them.
pub const CONFLATED: &str = "tickcast_conflated_total";
/// Updates lost in gaps.
pub const GAP_UPDATES: &str = "tickcast_gap_updates_total";
/// Open connections.
pub const CONNECTIONS: &str = "tickcast_connections";

/// Longest wait for the page.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// Longest page. Tickcast's has some KiB.
const PAGE_MAX_BYTES: u64 = 4 << 20;

/// Values by name, summed over labels.
pub type Counters = BTreeMap<String, f64>;

/// Fetches the page over HTTP/1.0, so that the answer ends with the connection. `tls` speaks TLS,
/// if the server does.
pub fn fetch(
    address: SocketAddr,
    tls: Option<&TlsClient>,
    host: &str,
    path: &str,
) -> io::Result<Counters> {
    let stream = TcpStream::connect_timeout(&address, WAIT_MAX)?;
    stream.set_read_timeout(Some(WAIT_MAX))?;
    let request = format!("GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n");
    let answer = match tls {
        None => exchange(stream, &request)?,
        Some(tls) => {
            let session = tls.session().map_err(io::Error::other)?;
            let answer = exchange(StreamOwned::new(session, stream), &request);
            answer.map_err(|error| tls.explain(&error).map_or(error, io::Error::other))?
        }
    };
    let answer = String::from_utf8_lossy(&answer);
    let status = answer.lines().next().unwrap_or_default();
    match answer.split_once("\r\n\r\n") {
        Some((_, page)) if status.split(' ').nth(1) == Some("200") => Ok(parse(page)),
        _ => Err(io::Error::other(format!("{path}: {status}"))),
    }
}

fn exchange(mut stream: impl Read + Write, request: &str) -> io::Result<Vec<u8>> {
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(PAGE_MAX_BYTES).read_to_end(&mut answer)?;
    Ok(answer)
}

/// Sums up the samples of each name. Lines that are no sample are skipped.
fn parse(page: &str) -> Counters {
    let mut counters = Counters::new();
    for line in page.lines().filter(|line| !line.starts_with('#')) {
        let name_end = line.find(['{', ' ']).unwrap_or(line.len());
        let (name, rest) = line.split_at(name_end);
        let values = rest.rsplit_once('}').map_or(rest, |(_, values)| values);
        let value = values.split_whitespace().next();
        if let Some(value) = value.and_then(|value| value.parse::<f64>().ok()) {
            *counters.entry(name.to_owned()).or_default() += value;
        }
    }
    counters
}

/// The growth of a counter. `None` if one side does not have it.
pub fn growth(name: &str, before: &Counters, after: &Counters) -> Option<u64> {
    let growth = after.get(name)? - before.get(name)?;
    (growth >= 0.0).then_some(growth as u64)
}

#[cfg(test)]
mod tests {
    use std::{net::TcpListener, thread};

    use super::*;

    const PAGE: &str = "# HELP tickcast_deliveries_total Updates handed to connections.\n\
        # TYPE tickcast_deliveries_total counter\n\
        tickcast_deliveries_total{shard=\"0\"} 40\n\
        tickcast_deliveries_total{shard=\"1\",note=\"a } b\"} 2 1700000000\n\
        tickcast_connections 7\n\
        # EOF\n";

    #[test]
    fn samples_of_all_labels_are_summed() {
        let counters = parse(PAGE);
        assert_eq!(counters[DELIVERIES], 42.0);
        assert_eq!(counters[CONNECTIONS], 7.0);
        assert_eq!(counters.len(), 2);
    }

    #[test]
    fn growth_needs_a_value_on_both_sides() {
        let before = Counters::from([("a".into(), 5.0), ("b".into(), 9.0)]);
        let after = Counters::from([("a".into(), 12.0), ("c".into(), 1.0)]);
        assert_eq!(growth("a", &before, &after), Some(7));
        assert_eq!(growth("b", &before, &after), None);
        assert_eq!(growth("c", &before, &after), None);
        assert_eq!(growth("a", &after, &before), None);
    }

    #[test]
    fn the_page_is_fetched_over_plain_http() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::Builder::new()
            .name("server".into())
            .spawn(move || {
                for status in ["200 OK", "404 Not Found"] {
                    let (mut stream, _) = listener.accept().unwrap();
                    let mut request = [0; 1024];
                    let len = stream.read(&mut request).unwrap();
                    assert!(request[..len].starts_with(b"GET /metrics HTTP/1.0\r\n"));
                    write!(stream, "HTTP/1.0 {status}\r\n\r\n{PAGE}").unwrap();
                }
            })
            .unwrap();
        let counters = fetch(address, None, "localhost", "/metrics").unwrap();
        assert_eq!(counters[DELIVERIES], 42.0);
        let error = fetch(address, None, "localhost", "/metrics").unwrap_err();
        assert!(error.to_string().contains("404"), "{error}");
        server.join().unwrap();
    }
}
