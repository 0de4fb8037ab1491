use std::{
    cell::{Cell, RefCell},
    io::ErrorKind,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use socket2::SockRef;
use tickcast_core::shard::UNSENT_START_BYTES;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Notify,
    time::Instant,
};

use super::on_sockets;
use crate::{
    clock::Clock,
    metrics::Metrics,
    net::{
        arrival::{Admission, ListenerInfo},
        descriptors::Descriptors,
        listener::{Accept, accept_with, admit, set_options},
        peer::Peer,
        permits::Permits,
    },
    settings::{
        ServerSettings,
        listen::{ListenSettings, trusted_proxy},
    },
};

/// The pause after an error that would recur at once.
const PAUSE: Duration = Duration::from_millis(100);

fn descriptors() -> (Descriptors, Arc<Metrics>) {
    let metrics = Arc::<Metrics>::default();
    (Descriptors::new(Arc::clone(&metrics)), metrics)
}

#[test]
fn a_connection_that_arrives_is_served_with_a_permit() {
    on_sockets(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let settings = Arc::<ServerSettings>::default();
        let accept = Accept {
            listener,
            info: ListenerInfo::new(&ListenSettings::plain(address), false),
            permits: Permits::new(1, Clock::start()),
            settings,
            descriptors: Arc::new(descriptors().0),
        };
        let (served, all) = (RefCell::new(Vec::new()), Notify::new());
        let run = accept.run(|_, peer, admission| {
            let is_granted = matches!(admission, Admission::Granted(_));
            served.borrow_mut().push((peer.ip(), is_granted));
            if served.borrow().len() == 2 {
                all.notify_one();
            }
        });
        let clients = async {
            let _first = TcpStream::connect(address).await.unwrap();
            let _second = TcpStream::connect(address).await.unwrap();
            all.notified().await;
        };
        tokio::select! {
            () = run => panic!("it accepts without end"),
            () = clients => {}
        }
        let local = Some(Ipv4Addr::LOCALHOST.into());
        assert_eq!(served.into_inner(), [(local, true); 2]);
    });
}

#[test]
fn an_address_has_as_many_connections_as_the_settings_allow_and_a_proxy_has_all() {
    let settings = ServerSettings {
        trusted_proxies: vec![trusted_proxy("10.0.0.1").unwrap()],
        ..ServerSettings::default()
    };
    let permits = Permits::new(1, Clock::start());
    let admit = |ip: &str| {
        let peer = Peer::tcp(SocketAddr::new(ip.parse().unwrap(), 1));
        admit(peer, &settings, &permits)
    };
    let first = admit("10.0.0.2");
    assert!(matches!(first, Admission::Granted(_)));
    assert!(matches!(admit("10.0.0.2"), Admission::TooMany));
    drop(first);
    assert!(matches!(admit("10.0.0.2"), Admission::Granted(_)));
    let of_proxy = [(); 2].map(|()| admit("10.0.0.1"));
    let is_uncounted = |admission: &Admission| match admission {
        Admission::Granted(permit) => permit.totals().is_none(),
        _ => false,
    };
    assert!(of_proxy.iter().all(is_uncounted));
}

#[test]
fn a_client_that_has_gone_is_no_error_and_after_an_error_there_is_a_pause() {
    on_sockets(async {
        let (descriptors, metrics) = descriptors();
        let errors = [ErrorKind::ConnectionAborted, ErrorKind::Other];
        for (error, counted) in errors.into_iter().zip([0, 1]) {
            let attempts = Cell::new(0);
            let attempt = async || {
                attempts.set(attempts.get() + 1);
                match attempts.get() {
                    1 => Err(error.into()),
                    number => Ok(number),
                }
            };
            let begun = Instant::now();
            assert_eq!(accept_with(attempt, &descriptors).await, 2);
            assert_eq!(metrics.accept_errors.get(), counted, "{error}");
            assert_eq!(descriptors.is_short(), counted > 0);
            assert!(counted == 0 || begun.elapsed() >= PAUSE);
        }
    });
}

#[test]
fn a_socket_sends_at_once_and_holds_little_and_not_for_long() {
    on_sockets(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap());
        let stream = client.await.unwrap();
        set_options(&stream, Duration::from_secs(7)).unwrap();
        assert!(stream.nodelay().unwrap());
        let socket = SockRef::from(&stream);
        let timeout = socket.tcp_user_timeout().unwrap();
        assert_eq!(timeout, Some(Duration::from_secs(14)));
        let unsent = socket.tcp_notsent_lowat().unwrap();
        assert_eq!(unsent, UNSENT_START_BYTES);
    });
}
