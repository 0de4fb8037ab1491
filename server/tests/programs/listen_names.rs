//! Names and Unix sockets as the value of `--listen`.

use std::{ffi::OsString, net::TcpListener, process::Stdio};

use tickcast_server::{
    Endpoint, ListenSettings, Server, StartError,
    config::{self, Command},
};
use tickcast_server_testkit::{Program, command, raw::get, signal, soon, until};
use tokio::{
    net::{TcpStream, UnixStream},
    task::spawn_blocking,
};

use crate::listeners::{ask_on, header, publish_on};

/// A server that listens on all addresses of a name which no resolver knows.
fn start(addresses: &[&str], change: impl Fn(&mut ListenSettings)) -> Result<Server, StartError> {
    let flags = [
        "tickcast-server",
        "--feed=none",
        "--shards=2",
        "--drain=0s",
        "--trusted-proxies=127.0.0.1",
    ];
    let Ok(Command::Run(mut settings)) = config::load(flags.map(OsString::from), []) else {
        panic!("the settings are right");
    };
    let name = "two.example:0".to_owned();
    let addresses = addresses.iter().map(|address| address.parse().unwrap());
    let addresses = addresses.collect();
    let mut listener = ListenSettings::plain(Endpoint::Name { name, addresses });
    change(&mut listener);
    settings.listeners = vec![listener];
    Server::start(*settings)
}

async fn end(server: Server) {
    spawn_blocking(|| server.shutdown()).await.unwrap();
}

#[tokio::test]
async fn every_address_of_a_name_is_listened_on_at_one_port() {
    for is_proxied in [false, true] {
        let server = start(&["127.0.0.1:0", "127.0.0.2:0"], |listener| {
            listener.proxy_protocol = is_proxied;
        });
        let server = server.unwrap();
        let listening = server.listeners().iter();
        let addresses: Vec<_> = listening.flat_map(|one| one.endpoint.addresses()).collect();
        let [first, second] = addresses.as_slice() else {
            panic!("{addresses:?}");
        };
        assert_eq!(first.port(), second.port());
        assert_ne!(first.ip(), second.ip());
        assert_eq!(server.address(), **first);
        for address in addresses {
            if is_proxied {
                let mut stream = TcpStream::connect(address).await.unwrap();
                let bytes = header("127.0.0.9:40000");
                tokio::io::AsyncWriteExt::write_all(&mut stream, &bytes)
                    .await
                    .unwrap();
                assert_eq!(publish_on(stream, "").await, "published");
            } else {
                assert_eq!(get(*address, "/readyz").await.status, 200, "{address}");
            }
        }
        end(server).await;
    }
}

#[tokio::test]
async fn an_address_of_a_name_that_is_taken_is_told_with_the_name() {
    let taken = TcpListener::bind("127.0.0.2:0").unwrap();
    let second = taken.local_addr().unwrap().to_string();
    let first = second.replace("127.0.0.2", "127.0.0.1");
    let error = start(&[&first, &second], |_| ()).unwrap_err().to_string();
    let expected = format!("cannot listen on two.example:0: {second}: ");
    assert!(error.starts_with(&expected), "{error}");
}

#[tokio::test]
async fn loopback_of_ipv6_may_be_missing_beside_another_address() {
    let has_ipv6 = TcpListener::bind("[::1]:0").is_ok();
    let server = start(&["127.0.0.1:0", "[::1]:0"], |_| ()).unwrap();
    let listening = server.listeners().len();
    assert_eq!(listening, if has_ipv6 { 2 } else { 1 });
    assert_eq!(get(server.address(), "/readyz").await.status, 200);
    end(server).await;
    // Alone it must be there.
    match start(&["[::1]:0"], |_| ()) {
        Ok(server) if has_ipv6 => end(server).await,
        Err(error) if !has_ipv6 => assert!(error.to_string().contains("[::1]:0"), "{error}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_server_listens_on_localhost_and_reads_the_name_again_without_a_change() {
    let server = Program::start_at("localhost:0", &["--feed", "none"]).await;
    assert!(server.address.ip().is_loopback(), "{}", server.address);
    assert_eq!(get(server.address, "/readyz").await.status, 200);
    server.signal("HUP").await;
    let told = "SIGHUP: ignored, as no setting has changed";
    until("it is logged", async || server.log().contains(told)).await;
}

#[tokio::test]
async fn a_server_listens_on_a_unix_socket_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tickcast.sock");
    let listen = format!("unix:{}", path.display());
    let mut command = command(&["--listen", &listen, "--feed", "none"]);
    let mut server = command.stderr(Stdio::null()).spawn().unwrap();
    let connect = async || UnixStream::connect(&path).await;
    until("it listens", async || connect().await.is_ok()).await;
    let stream = connect().await.unwrap();
    assert_eq!(ask_on(stream, "/readyz").await.status, 200);
    signal(&server, "TERM").await;
    let status = soon("it ends", server.wait()).await.unwrap();
    assert!(status.success(), "{status}");
    assert!(!path.exists());
}
