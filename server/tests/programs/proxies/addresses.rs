//! What proxies say about their clients, and what the server makes of it.

use std::{net::SocketAddr, time::Duration};

use tickcast_server_testkit::Program;
use tokio::{
    net::{TcpSocket, TcpStream},
    time::sleep,
};

use super::{SERVER, configuration, haproxy, nginx, process::Proxy, replaced};
use crate::listeners::{publish_on, second_address, server};

/// A server that trusts the proxies of this machine, with a second listener behind the PROXY
/// protocol.
const SETTINGS: &str = "trusted_proxies = [\"127.0.0.1\"]\nhosts = [\"dash.example\"]\n\
                        [[listen]]\naddress = \"127.0.0.1:0\"\nproxy_protocol = \"v2\"\n";

/// A client with another address of this machine than the proxies.
async fn local(proxy: &Proxy) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    let own: SocketAddr = "127.0.0.2:0".parse().unwrap();
    socket.bind(own).unwrap();
    socket.connect(proxy.address).await.unwrap()
}

/// A client of this machine is local, and one that claims another address is believed as far as
/// that takes a permission away.
async fn check(proxy: &Proxy) {
    let name = proxy.name;
    assert_eq!(
        publish_on(local(proxy).await, "").await,
        "published",
        "{name}"
    );
    let stream = TcpStream::connect(proxy.address).await.unwrap();
    let claimed = "X-Forwarded-For: 203.0.113.5\r\n";
    assert_eq!(publish_on(stream, claimed).await, "error", "{name}");
}

#[tokio::test]
async fn proxies_that_name_their_clients_are_believed() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(&folder, SETTINGS).await;
    check(&nginx(&server, &configuration("nginx")).await).await;
    check(&haproxy(&server, &configuration("haproxy")).await).await;
}

#[tokio::test]
async fn a_proxy_that_does_not_name_its_clients_makes_none_of_them_local() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(&folder, SETTINGS).await;
    let line = "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;";
    let silent = replaced(&configuration("nginx"), line, "");
    let proxy = nginx(&server, &silent).await;
    assert_eq!(publish_on(local(&proxy).await, "").await, "error");
    let silent = replaced(&configuration("haproxy"), "option forwardfor", "");
    let proxy = haproxy(&server, &silent).await;
    assert_eq!(publish_on(local(&proxy).await, "").await, "error");
}

/// HAProxy that passes on bytes, with a PROXY header in front. Its checks of the server have one,
/// too.
async fn passing(server: &Program, address: SocketAddr) -> Proxy {
    let text = configuration("haproxy");
    let text = replaced(&text, "mode http", "mode tcp");
    let text = replaced(&text, "option forwardfor", "");
    let line = format!("server one {SERVER} check inter 1s");
    let text = replaced(
        &text,
        &line,
        &format!("server one {address} check inter 1s send-proxy-v2"),
    );
    // It has no address of the server's first listener left to replace.
    haproxy(server, &format!("# {SERVER}\n{text}")).await
}

#[tokio::test]
async fn haproxy_names_its_clients_in_headers_of_the_proxy_protocol() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(&folder, SETTINGS).await;
    let address = second_address(&server).await;
    let proxy = passing(&server, address).await;
    assert_eq!(publish_on(local(&proxy).await, "").await, "published");
    // Its own checks come once a second, and have a header as well.
    sleep(Duration::from_millis(2_500)).await;
    assert_eq!(server.metric("tickcast_handshakes_failed_total").await, 0);
}
