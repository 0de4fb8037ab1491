use std::{rc::Rc, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::Semaphore,
    task::{JoinHandle, spawn_local},
    time::Instant,
};

use super::{connect, ends, peer, refused, routes, run};
use crate::{
    net::{
        arrival::{Admission, ListenerInfo},
        descriptors::Descriptors,
        routes::Routes,
    },
    settings::{
        ServerSettings,
        listen::{ListenSettings, OffPath},
    },
    simulation::{Faults, Socket},
};

/// What the simulated network and the steps of the clock add to a time.
const MORE: Duration = Duration::from_millis(20);

fn info() -> Arc<ListenerInfo> {
    info_without(&[])
}

fn info_without(off: &[OffPath]) -> Arc<ListenerInfo> {
    let settings = ListenSettings {
        off: off.to_vec(),
        ..ListenSettings::plain(ends().local)
    };
    ListenerInfo::new(&settings, false)
}

/// Sends something, and reads until the server ends its side.
async fn ask(client: &mut Socket, sent: &str) -> String {
    client.write_all(sent.as_bytes()).await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    answer
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

/// Parts of requests that are never complete.
const PARTS: [&str; 2] = ["", "GET /healthz HTTP/1.1\r\nHost: localhost\r\n"];

#[track_caller]
fn is_about(elapsed: Duration, expected_ms: u64) {
    let expected = Duration::from_millis(expected_ms);
    assert!(
        (expected..expected + MORE).contains(&elapsed),
        "{elapsed:?} instead of {expected:?}"
    );
}

#[test]
fn a_client_that_is_turned_away_is_told_why_in_an_answer_to_its_request() {
    run(async {
        let routes = routes(ServerSettings::default(), None);
        let places = Arc::new(Semaphore::new(1));
        for version in ["1.0", "1.1"] {
            let (mut client, stream) = connect(Faults::NONE);
            let place = Arc::clone(&places).try_acquire_owned().unwrap();
            let routes = Rc::clone(&routes);
            let turned = routes.turn_away(stream, info(), "too many".to_owned(), place);
            let turned = spawn_local(turned);
            // It gets no other answer for another path, host or method.
            let request = format!("DELETE /x HTTP/{version}\r\nHost: other.example\r\n\r\n");
            let answer = ask(&mut client, &request).await;
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            assert!(head.starts_with(&format!("HTTP/{version} 429 ")), "{head}");
            assert!(head.contains("\r\nretry-after: 5"), "{head}");
            assert!(head.contains("\r\nconnection: close"), "{head}");
            assert_eq!(body, "too many\n");
            drop(client);
            turned.await.unwrap();
            assert_eq!(places.available_permits(), 1, "the place is free again");
        }
    });
}

#[test]
fn a_client_that_is_turned_away_has_a_second_for_its_request() {
    run(async {
        let routes = routes(ServerSettings::default(), None);
        for part in PARTS {
            let (mut client, stream) = connect(Faults::NONE);
            let place = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
            let begun = Instant::now();
            let routes = Rc::clone(&routes);
            spawn_local(routes.turn_away(stream, info(), String::new(), place));
            assert_eq!(ask(&mut client, part).await, "");
            is_about(begun.elapsed(), 1_000);
        }
    });
}

#[test]
fn of_all_that_are_one_too_many_a_shard_tells_32_at_a_time() {
    run(async {
        let routes = routes(ServerSettings::default(), None);
        let accept = || {
            let (client, stream) = connect(Faults::NONE);
            routes.accepted(stream, peer(), &info(), Admission::TooMany);
            client
        };
        let mut told: Vec<_> = (0..32).map(|_| accept()).collect();
        let mut cut = accept();
        let begun = Instant::now();
        assert_eq!(ask(&mut cut, "").await, "");
        is_about(begun.elapsed(), 0);
        assert_eq!(refused(&routes), [("connections", 33)]);
        for client in &mut told {
            let answer = ask(client, &get("/v1/latest")).await;
            assert!(answer.starts_with("HTTP/1.1 429 "), "{answer}");
            let reason = "too many connections from 203.0.113.7 (limit 256)";
            assert!(answer.contains(reason), "{answer}");
        }
        // The places are free when the clients have ended their sides.
        drop(told);
        let all = routes.turned_away.acquire_many(32).await;
        assert!(all.is_ok());
    });
}

/// Serves a connection as one for which descriptors are short.
fn tell_short(
    routes: &Rc<Routes>,
    descriptors: &Descriptors,
    info: Arc<ListenerInfo>,
    of_server: Faults,
) -> (Socket, JoinHandle<()>) {
    let (client, stream) = connect(of_server);
    let place = descriptors.refuse().unwrap();
    let told = Rc::clone(routes).tell_short(stream, peer(), info, place);
    (client, spawn_local(told))
}

#[test]
fn while_descriptors_are_short_health_is_answered_and_nothing_else() {
    run(async {
        let routes = routes(ServerSettings::default(), None);
        let descriptors = Descriptors::new(Arc::default());
        let without_metrics = info_without(&[OffPath::Metrics]);
        let short = "the server is short of file descriptors; try again later\n";
        let foreign = "GET /healthz HTTP/1.1\r\nHost: other.example\r\n\r\n".to_owned();
        for (info, request, status, told) in [
            (info(), get("/healthz"), 200, "\r\n\r\nok\n"),
            (info(), get("/readyz"), 200, "\r\n\r\nready\n"),
            (info(), get("/metrics"), 200, "tickcast_accept_errors"),
            (info(), get("/v1/latest"), 503, short),
            (info(), get("/"), 503, short),
            (info(), get("/nothing"), 503, short),
            (without_metrics, get("/metrics"), 503, short),
            (
                info(),
                get("/healthz").replace("GET", "POST"),
                405,
                "use GET",
            ),
            (info(), foreign, 421, "other.example"),
        ] {
            let (mut client, told_it) = tell_short(&routes, &descriptors, info, Faults::NONE);
            let answer = ask(&mut client, &request).await;
            let is_told = answer.starts_with(&format!("HTTP/1.1 {status} "));
            assert!(is_told && answer.contains(told), "{request}: {answer}");
            assert!(answer.contains("\r\nconnection: close"), "{answer}");
            assert_eq!(answer.contains("\r\nretry-after: 5"), status == 503);
            drop(client);
            told_it.await.unwrap();
        }
        assert_eq!(refused(&routes), [("host", 1), ("method", 1)]);
        let places: Vec<_> = (0..16).map(|_| descriptors.refuse()).collect();
        assert!(places.iter().all(Option::is_some), "all places are free");
    });
}

#[test]
fn while_descriptors_are_short_a_client_has_a_quarter_of_a_second_for_its_request() {
    run(async {
        let routes = routes(ServerSettings::default(), None);
        let descriptors = Descriptors::new(Arc::default());
        for part in PARTS {
            let begun = Instant::now();
            let (mut client, told) = tell_short(&routes, &descriptors, info(), Faults::NONE);
            assert_eq!(ask(&mut client, part).await, "");
            // It has not ended its side, and the descriptor is free all the same.
            told.await.unwrap();
            is_about(begun.elapsed(), 250);
        }
    });
}

#[test]
fn while_descriptors_are_short_a_client_has_as_much_time_again_for_the_answer() {
    run(async {
        let routes = routes(ServerSettings::default(), None);
        let descriptors = Descriptors::new(Arc::default());
        // It ends neither its side nor reads.
        let begun = Instant::now();
        let full = Faults {
            capacity: 64,
            window: 64,
            ..Faults::NONE
        };
        let (mut client, told) = tell_short(&routes, &descriptors, info(), full);
        client.write_all(get("/healthz").as_bytes()).await.unwrap();
        told.await.unwrap();
        is_about(begun.elapsed(), 500);
        // It reads, but does not end its side.
        let begun = Instant::now();
        let (mut client, told) = tell_short(&routes, &descriptors, info(), Faults::NONE);
        let answer = ask(&mut client, &get("/healthz")).await;
        assert!(answer.ends_with("ok\n"), "{answer}");
        is_about(begun.elapsed(), 0);
        told.await.unwrap();
        is_about(begun.elapsed(), 500);
    });
}

#[test]
fn a_client_that_holds_the_last_descriptor_is_cut_off_for_the_next_one() {
    run(async {
        let routes = routes(ServerSettings::default(), None);
        let descriptors = Descriptors::new(Arc::default());
        let begun = Instant::now();
        let (_client, told) = tell_short(&routes, &descriptors, info(), Faults::NONE);
        descriptors.make_room(Duration::from_secs(60)).await;
        told.await.unwrap();
        is_about(begun.elapsed(), 20);
    });
}
