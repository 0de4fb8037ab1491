//! Listening sockets that a service manager passes, as sd_listen_fds(3) says.

use std::{
    fs::{self, File},
    net::{SocketAddr, TcpListener, UdpSocket},
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::UnixListener,
    },
    process::Stdio,
};

use tickcast_server_testkit::{
    command,
    raw::{RawSocket, get},
    signal, soon, until,
};
use tokio::{
    net::UnixStream,
    process::{Child, Command},
};

use crate::listeners::ask_on;

/// The program, which a shell becomes after it has moved its input and its output to the first
/// descriptors that are passed.
fn activated(sockets: &[&dyn AsFd], environment: &str, arguments: &[&str]) -> Command {
    let program = command(arguments);
    let program = program.as_std();
    let mut shell = Command::new("sh");
    let line = format!("{environment} exec \"$0\" \"$@\" 3<&0 4<&1 </dev/null >/dev/null");
    shell.args(["-c", &line]).arg(program.get_program());
    shell.args(program.get_args());
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    let copy = |socket: &&dyn AsFd| -> Stdio {
        let copy: OwnedFd = socket.as_fd().try_clone_to_owned().unwrap();
        copy.into()
    };
    let mut sockets = sockets.iter().map(copy);
    shell.stdin(sockets.next().unwrap_or_else(Stdio::null));
    shell.stdout(sockets.next().unwrap_or_else(Stdio::null));
    shell.stderr(Stdio::piped()).kill_on_drop(true);
    shell
}

fn tcp() -> (TcpListener, SocketAddr) {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

async fn end(mut server: Child) {
    signal(&server, "TERM").await;
    let status = soon("it ends", server.wait()).await.unwrap();
    assert!(status.success(), "{status}");
}

/// Why a server does not start.
async fn refused(mut command: Command) -> String {
    // `output` would replace the standard output, which may be a socket here.
    let running = command.spawn().unwrap();
    let output = soon("it ends", running.wait_with_output()).await.unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[tokio::test]
async fn all_shards_serve_a_passed_socket_which_stays_open_between_two_servers() {
    let (socket, address) = tcp();
    let environment = "LISTEN_PID=$$ LISTEN_FDS=1";
    let arguments = ["--listen", "systemd", "--feed", "none", "--shards", "3"];
    let start = || {
        activated(&[&socket], environment, &arguments)
            .spawn()
            .unwrap()
    };
    let server = start();
    let mut clients = Vec::new();
    for _ in 0..6 {
        clients.push(RawSocket::open(address, "/ws", "").await);
    }
    let connections = async |shard: u32| -> u32 {
        let metrics = get(address, "/metrics").await.body;
        let row = format!("\ntickcast_connections{{shard=\"{shard}\"}} ");
        let (_, rest) = metrics.split_once(&row).unwrap();
        rest.lines().next().unwrap().parse().unwrap()
    };
    for shard in 0..3 {
        let has_two = async || connections(shard).await >= 2;
        until("it has its part of the clients", has_two).await;
    }
    drop(clients);
    end(server).await;
    // The connection waits for the next server.
    let (answer, server) = tokio::join!(get(address, "/readyz"), async { start() });
    assert_eq!(answer.status, 200);
    end(server).await;
}

#[tokio::test]
async fn each_listener_takes_the_passed_socket_that_it_names() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("local.sock");
    let (socket, address) = tcp();
    let local = UnixListener::bind(&path).unwrap();
    let config = folder.path().join("tickcast.toml");
    fs::write(
        &config,
        "[[listen]]\naddress = \"systemd:local\"\n\
         [[listen]]\naddress = \"systemd:web\"\noff = [\"/metrics\"]\n",
    )
    .unwrap();
    let config = config.to_str().unwrap();
    let mut server = activated(
        &[&socket, &local],
        "LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=web:local",
        &["--config", config, "--feed", "none", "--acceptors", "2"],
    );
    let server = server.spawn().unwrap();
    for _ in 0..4 {
        assert_eq!(get(address, "/readyz").await.status, 200);
        assert_eq!(get(address, "/metrics").await.status, 404);
        let stream = UnixStream::connect(&path).await.unwrap();
        assert_eq!(ask_on(stream, "/metrics").await.status, 200);
    }
    end(server).await;
    assert!(path.exists(), "its file belongs to the manager");
}

#[tokio::test]
async fn sockets_that_do_not_fit_the_listeners_are_errors_at_start() {
    let (socket, _) = tcp();
    let (other, _) = tcp();
    let none = ["--feed", "none", "--listen"];
    let check = async |sockets: &[&dyn AsFd], environment: &str, listen: &str, expected: &str| {
        let arguments = [&none[..], &[listen]].concat();
        let error = refused(activated(sockets, environment, &arguments)).await;
        assert!(error.contains(expected), "{environment} {listen}: {error}");
    };
    let one = "LISTEN_PID=$$ LISTEN_FDS=1";
    let named = "LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=web:local";
    check(
        &[&socket],
        one,
        "127.0.0.1:0",
        "no listener uses these passed sockets: unknown. Listen on systemd:NAME",
    )
    .await;
    check(
        &[&socket, &other],
        named,
        "systemd:web",
        "no listener uses these passed sockets: local.",
    )
    .await;
    check(
        &[&socket, &other],
        "LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=web:web",
        "systemd:local",
        "no listener uses these passed sockets: web, web.",
    )
    .await;
    let nothing = "no socket was passed (LISTEN_FDS and LISTEN_PID)";
    check(
        &[],
        "true;",
        "systemd",
        &format!("cannot listen on systemd: {nothing}"),
    )
    .await;
    check(&[], "true;", "systemd:web", nothing).await;
    // They are for another process.
    check(&[&socket], "LISTEN_PID=1 LISTEN_FDS=1", "systemd", nothing).await;
    check(
        &[&socket],
        "LISTEN_PID=$$ LISTEN_FDS=65",
        "systemd",
        "LISTEN_FDS is \"65\": expected a number up to 64",
    )
    .await;
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let file = File::open("/etc/passwd").unwrap();
    let stream = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let wrong: [&dyn AsFd; 3] = [&udp, &file, &stream];
    for wrong in wrong {
        check(
            &[wrong],
            "LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=web",
            "systemd:web",
            "the passed socket \"web\" (descriptor 3) cannot be used: expected a listening socket",
        )
        .await;
    }
}

#[tokio::test]
async fn a_listener_without_its_socket_is_an_error_although_another_takes_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tickcast.toml");
    fs::write(&path, "[[listen]]\naddress = \"systemd:web\"\n").unwrap();
    let (socket, _) = tcp();
    let server = activated(
        &[&socket],
        "LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=local",
        &["--config", path.to_str().unwrap(), "--listen", "systemd"],
    );
    let error = refused(server).await;
    let expected = "cannot listen on systemd:web: the passed sockets are local";
    assert!(error.contains(expected), "{error}");
}

#[tokio::test]
async fn a_name_that_is_listed_twice_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tickcast.toml");
    let table = "[[listen]]\naddress = \"systemd:web\"\n";
    fs::write(&path, [table, table].concat()).unwrap();
    let error = refused(command(&["--config", path.to_str().unwrap(), "--check"])).await;
    let expected = "tickcast.toml:4:1: listen.address: another listener has systemd:web already";
    assert!(error.contains(expected), "{error}");
}

#[tokio::test]
async fn systemd_starts_the_server_with_the_first_connection() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tickcast.sock");
    let program = command(&["--listen", "systemd:web", "--feed", "none"]);
    let program = program.as_std();
    let mut manager = Command::new("systemd-socket-activate");
    manager.arg(format!("--listen={}", path.display()));
    manager.arg("--fdname=web").arg(program.get_program());
    manager.args(program.get_args());
    manager.stdin(Stdio::null()).stderr(Stdio::null());
    let server = manager.kill_on_drop(true).spawn().unwrap();
    let connect = async || UnixStream::connect(&path).await;
    until("the manager listens", async || connect().await.is_ok()).await;
    let stream = connect().await.unwrap();
    assert_eq!(ask_on(stream, "/readyz").await.status, 200);
    // The manager has become the server.
    end(server).await;
}

#[tokio::test]
async fn a_program_of_a_feed_gets_nothing_that_is_for_the_server() {
    let (socket, address) = tcp();
    let line = "env | sed -n 's/^\\(LISTEN\\|NOTIFY\\|WATCHDOG\\)_.*/env\\/secret 1/p'; \
                test -e /proc/$$/fd/3 && echo env/socket 1; \
                echo env/shown $SHOWN; sleep 60";
    let mut server = activated(
        &[&socket],
        "LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=web NOTIFY_SOCKET=/no/such/socket \
         WATCHDOG_USEC=60000000 WATCHDOG_PID=$$ SHOWN=7",
        &[
            "--listen",
            "systemd",
            "--feed",
            "program",
            "--program-shell",
            line,
        ],
    );
    let server = server.spawn().unwrap();
    let latest = async || get(address, "/v1/latest?filter=%23").await.body;
    // Its lines stay in order.
    let shown = "\"env/shown\"";
    until("the program has told all", async || {
        latest().await.contains(shown)
    })
    .await;
    let told = latest().await;
    assert!(told.contains("\"reading\":7"), "{told}");
    for secret in ["env/secret", "env/socket"] {
        assert!(!told.contains(secret), "{told}");
    }
    end(server).await;
}
