//! Requests for tickets, and what becomes of the tickets.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use tickcast_server::testing::identities::{TICKET_LIFE, Tickets, bearer, identity};

use super::header::{fields, values};

/// Most tickets of one subject within their life.
const PER_SUBJECT_MAX: usize = 100;

/// A query in the first line, fields of a header up to an empty line, and then steps: each byte
/// has tickets made or used, or lets time pass.
pub fn tickets(bytes: &[u8]) {
    let head = bytes.windows(2).position(|two| two == b"\n\n");
    let (head, steps) = match head {
        Some(end) => (&bytes[..end], &bytes[end + 2..]),
        None => (bytes, &[][..]),
    };
    let mut lines = head.split(|byte| *byte == b'\n');
    let query = String::from_utf8_lossy(lines.next().unwrap_or_default());
    shown(&query, lines);
    used(steps);
}

/// The token that a request shows is a part of its header, alone, and not in the URL.
fn shown<'a>(query: &str, lines: impl Iterator<Item = &'a [u8]>) {
    let fields = fields(lines);
    let offers = values(&fields, "sec-websocket-protocol").join(&b","[..]);
    let offers = String::from_utf8_lossy(&offers);
    let offered = offers.matches("tickcast.bearer.").count();
    let headers = values(&fields, "authorization");
    match bearer::token(&fields, Some(query)) {
        Ok(Some(token)) => {
            let is_in = |header: &&[u8]| String::from_utf8_lossy(header).contains(token);
            assert!(headers.iter().any(is_in) || offers.contains(token));
            assert!(!token.is_empty() && !token.contains(char::is_whitespace));
            for name in ["token", "access_token", "bearer", "jwt"] {
                let is_named = query.split('&').any(|pair| {
                    pair.strip_prefix(name)
                        .is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
                });
                assert!(!is_named, "{query}");
            }
        }
        Ok(None) => {
            let is_bearer = |header: &&[u8]| header.to_ascii_lowercase().starts_with(b"bearer ");
            assert!(!headers.iter().any(is_bearer));
            // An offer begins with it, or it is a part of another one.
            assert!(offered == 0 || !offers.trim_start().starts_with("tickcast.bearer."));
        }
        Err(error) => {
            assert!(error.status().is_client_error());
            let reason = error.to_string();
            assert!(!reason.is_empty());
            for header in headers.iter().filter(|header| header.len() > 40) {
                assert!(!reason.contains(&*String::from_utf8_lossy(header)));
            }
        }
    }
}

/// A ticket is good once, for its subject, up to its end.
fn used(steps: &[u8]) {
    let identities = ["alice", "bob", "carol"].map(identity);
    let mut tickets = Tickets::default();
    let mut uptime = Duration::ZERO;
    let mut made: Vec<(String, usize, Duration)> = Vec::new();
    let mut used = HashSet::new();
    let mut ends: HashMap<usize, Vec<Duration>> = HashMap::new();
    for &step in steps {
        let number = usize::from(step >> 2);
        match step & 3 {
            0 => uptime += TICKET_LIFE / 60 * u32::from(step >> 2),
            1 => {
                let subject = number % identities.len();
                let of_subject = ends.entry(subject).or_default();
                of_subject.retain(|end| *end > uptime);
                for _ in 0..=number {
                    let issued = tickets.issue(Arc::clone(&identities[subject]), uptime);
                    let may = of_subject.len() < PER_SUBJECT_MAX;
                    assert_eq!(issued.is_ok(), may, "{issued:?}");
                    if let Ok(ticket) = issued {
                        of_subject.push(uptime + TICKET_LIFE);
                        made.push((ticket, subject, uptime + TICKET_LIFE));
                    }
                }
            }
            _ => {
                let Some(nth) = made.len().checked_sub(1 + number) else {
                    assert_eq!(tickets.redeem("tck_unknown", uptime), None);
                    continue;
                };
                let (ticket, subject, end) = &made[nth];
                let is_good = *end > uptime && used.insert(nth);
                let expected = is_good.then(|| Arc::clone(&identities[*subject]));
                assert_eq!(tickets.redeem(ticket, uptime), expected);
                // One byte less is another ticket.
                assert_eq!(tickets.redeem(&ticket[1..], uptime), None);
            }
        }
    }
    let different: HashSet<_> = made.iter().map(|(ticket, ..)| ticket).collect();
    assert_eq!(different.len(), made.len());
}
