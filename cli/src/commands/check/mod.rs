//! `tickcast check`: tells whether the server can be reached, and what it allows.
//!
//! * this file: one line for each fact
//! * `certificate`: what TLS has agreed on

mod certificate;

use std::time::{Duration, Instant};

use clap::Args;
use jiff::Timestamp;
use tickcast_protocol::{
    client::{ClockEstimate, Event, NoAnswer},
    message::{Authenticated, Limits, TimeNs},
    tls::TlsClient,
    topic::Topic,
    websocket::connect,
};
use tokio::time::timeout;

use crate::{
    connection::{ConnectionArgs, Link},
    exit::{Exit, Failure},
    output::Output,
    words::{say, shown},
};

/// A topic that is asked for, because a server tells by its answer whether it wants a login. It
/// need not exist.
const PROBE: &str = "tickcast/check";

/// Columns of the names of facts.
const NAME_COLUMNS: usize = 11;

/// Tell whether the server can be reached, what it allows, and how its clock goes
///
/// There is one line for each fact, as far as it gets. Exit code 0 means that a client can work.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    connection: ConnectionArgs,
}

impl CheckArgs {
    pub(crate) async fn run(self) -> Result<Exit, Failure> {
        let mut output = Output::stdout()?;
        let checked = self.check_each(&mut output).await;
        // What is known so far is written before the failure is told.
        let written = output.finish().await;
        checked.and_then(|()| written.map(|()| Exit::Done))
    }

    /// A client works if one of several servers does. Those that do not are told.
    async fn check_each(&self, output: &mut Output) -> Result<(), Failure> {
        // All URLs and options are right, or none is asked.
        self.connection.servers()?;
        let (mut works, mut failures) = (false, Vec::new());
        for connection in self.connection.each() {
            let one = Self { connection };
            match one.check(output).await {
                Ok(()) => works = true,
                Err(Failure::Closed) => return Err(Failure::Closed),
                Err(failure) => failures.push(failure),
            }
        }
        let last = if works { None } else { failures.pop() };
        for failure in failures {
            say(&failure.to_string());
        }
        last.map_or(Ok(()), Err)
    }

    async fn check(&self, output: &mut Output) -> Result<(), Failure> {
        let server = self.connection.server()?;
        output.write(fact("server", &server.to_string())).await?;
        self.reach(output).await?;

        let start = Instant::now();
        let mut link = Link::open(&self.connection).await?;
        let welcome = link.welcome().clone();
        let took = shown_duration(start.elapsed());
        let version = shown(&welcome.server);
        let text = format!("{version}, connected and greeted within {took}");
        output.write(fact("version", &text)).await?;
        let text = format!("{}, position {}", welcome.epoch, welcome.position);
        output.write(fact("epoch", &text)).await?;

        let (clock, identity) = facts(&mut link).await?;
        link.close().await;
        for (name, text) in rights(identity.as_ref()) {
            output.write(fact(name, &text)).await?;
        }
        output
            .write(fact("limits", &limits(&welcome.limits)))
            .await?;
        let round_trip = Duration::from_nanos(clock.round_trip_ns.unsigned_abs());
        output
            .write(fact("round trip", &shown_duration(round_trip)))
            .await?;
        output.write(fact("clock", &clock_text(clock))).await
    }

    /// Tells about the connection below the WebSocket, which is made for that alone.
    async fn reach(&self, output: &mut Output) -> Result<(), Failure> {
        let server = self.connection.server()?;
        let limit = self.connection.timeout;
        let late = |_| Failure::NotConnected(format!("{server}: no connection within {limit:?}"));
        let failed = |reason: String| Failure::NotConnected(format!("{server}: {reason}"));
        let start = Instant::now();
        let stream = timeout(limit, connect(&server, None)).await.map_err(late)?;
        let stream = stream.map_err(|error| failed(error.to_string()))?;
        let took = shown_duration(start.elapsed());
        let address = stream.peer_addr().map(|address| address.to_string());
        let address = address.unwrap_or_else(|error| error.to_string());
        output
            .write(fact(
                "address",
                &format!("{address}, reached within {took}"),
            ))
            .await?;
        if !server.is_tls {
            return output
                .write(fact("TLS", "none: anyone between can read and change it"))
                .await;
        }
        let options = self.connection.tls();
        let tls = TlsClient::new(&options, &server.host);
        let tls = tls.map_err(|bad| failed(bad.said(&options)))?;
        let stream = timeout(limit, tls.connect(stream)).await.map_err(late)?;
        let stream = stream.map_err(failed)?;
        let (_, session) = stream.get_ref();
        output
            .write(fact("TLS", &certificate::agreed(session)))
            .await?;
        output
            .write(fact(
                "certificate",
                &certificate::shown_certificate(session),
            ))
            .await
    }
}

/// A line.
fn fact(name: &str, text: &str) -> Vec<u8> {
    format!("{name:<NAME_COLUMNS$} {text}\n").into_bytes()
}

/// The first estimate of the clock, and the identity if the server has any. It tells that right
/// after its welcome, so it is there before the answer to a request.
async fn facts(link: &mut Link) -> Result<(ClockEstimate, Option<Authenticated>), Failure> {
    let topic = Topic::new(PROBE).expect("it has no wildcard");
    let asked = link.handle().history(&topic, Some(1), None);
    asked.map_err(|error| Failure::Failed(error.to_string()))?;
    let (mut clock, mut identity, mut is_answered) = (None, None, false);
    loop {
        match link.answer().await? {
            Event::Clock(estimate) => clock = Some(estimate),
            Event::Authenticated(authenticated) => identity = Some(authenticated),
            Event::History(_) => is_answered = true,
            Event::NoHistory {
                why: NoAnswer::Refused(error),
                ..
            } => match Failure::refused(PROBE, error.code, &error.reason) {
                failure @ Failure::NotConnected(_) => return Err(failure),
                // The identity may not read it, or there is no history. It is known.
                _ => is_answered = true,
            },
            _ => {}
        }
        if let (Some(clock), true) = (clock, is_answered) {
            return Ok((clock, identity));
        }
    }
}

fn rights(identity: Option<&Authenticated>) -> Vec<(&'static str, String)> {
    let Some(identity) = identity else {
        let text = "none: the server's settings say what all clients may do";
        return vec![("identity", text.to_owned())];
    };
    let who = match identity.subject.as_str() {
        "" => "no token".to_owned(),
        subject => shown(subject).into_owned(),
    };
    let mut text = format!("{who}, role {}", shown(&identity.role));
    if let Some(expires_ns) = identity.expires_ns {
        text.push_str(&format!(", until {}", time(expires_ns)));
    }
    if let Some(rate) = identity.max_rate_hz {
        text.push_str(&format!(", newest values at most {rate} times per second"));
    }
    let filters = |filters: &[String]| match filters.is_empty() {
        true => "nothing".to_owned(),
        false => shown(&filters.join("  ")).into_owned(),
    };
    vec![
        ("identity", text),
        ("subscribe", filters(&identity.subscribe)),
        ("history", filters(&identity.history)),
        ("publish", filters(&identity.publish)),
    ]
}

fn limits(limits: &Limits) -> String {
    let limit = |number: u32| match number {
        0 => "no limit of".to_owned(),
        number => number.to_string(),
    };
    format!(
        "{} subscriptions, {} requests/s, {} published updates/s, {} bytes of a message",
        limit(limits.subscriptions),
        limit(limits.requests_per_s),
        limit(limits.publish_updates_per_s),
        limit(limits.message_bytes),
    )
}

fn clock_text(clock: ClockEstimate) -> String {
    let offset = Duration::from_nanos(clock.offset_ns.unsigned_abs());
    let error = Duration::from_nanos(clock.round_trip_ns.unsigned_abs() / 2);
    let side = if clock.offset_ns < 0 {
        "behind"
    } else {
        "ahead of"
    };
    let (offset, error) = (shown_duration(offset), shown_duration(error));
    format!("the server's is {offset} {side} this machine's, give or take {error}")
}

fn time(ns: TimeNs) -> String {
    Timestamp::from_nanosecond(i128::from(ns))
        .unwrap_or_default()
        .to_string()
}

/// A duration with three digits.
fn shown_duration(duration: Duration) -> String {
    let s = duration.as_secs_f64();
    let (number, unit) = match s {
        _ if s < 1e-3 => (s * 1e6, "µs"),
        _ if s < 1.0 => (s * 1e3, "ms"),
        _ => (s, "s"),
    };
    let digits = match number {
        _ if number < 10.0 => 2,
        _ if number < 100.0 => 1,
        _ => 0,
    };
    format!("{number:.digits$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_three_digits() {
        let shown = [123, 45_678, 999_400, 1_500_000, 61_000_000_000]
            .map(|ns| shown_duration(Duration::from_nanos(ns)));
        assert_eq!(shown, ["0.12 µs", "45.7 µs", "999 µs", "1.50 ms", "61.0 s"]);
    }

    #[test]
    fn the_clock_says_which_one_is_ahead() {
        let clock = ClockEstimate {
            offset_ns: -2_000_000,
            round_trip_ns: 200_000,
        };
        let text = "the server's is 2.00 ms behind this machine's, give or take 100 µs";
        assert_eq!(clock_text(clock), text);
    }
}
