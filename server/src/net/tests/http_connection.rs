use std::time::Duration;

use hyper::{Request, StatusCode, body::Incoming};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    task::spawn_local,
};

use super::{connect, run};
use crate::{
    net::{answer::text, gate::closing, http_connection, http_stream::HttpStream},
    simulation::Faults,
};

/// What a client may have sent before it sees the answer.
const SENT_MAX_BYTES: usize = 262_144;

#[test]
fn a_client_reads_the_last_answer_although_it_was_sending_a_long_body() {
    run(async {
        let (mut client, stream) = connect(Faults::NONE);
        let serving = spawn_local(async {
            let answer = async |request: Request<Incoming>| {
                closing(text(StatusCode::FORBIDDEN, "no"), request.version())
            };
            let stream = HttpStream::new(stream);
            let rest = http_connection::serve(stream, Duration::from_secs(5), answer).await;
            let stream = rest.stream.into_inner().unwrap();
            http_connection::close(stream).await;
        });
        let head = format!(
            "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: {SENT_MAX_BYTES}\r\n\r\n"
        );
        client.write_all(head.as_bytes()).await.unwrap();
        client.write_all(&vec![7; SENT_MAX_BYTES]).await.unwrap();
        let mut answer = String::new();
        // Otherwise the server's kernel would reset the connection.
        client.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
        assert!(answer.ends_with("no\n"), "{answer}");
        drop(client);
        serving.await.unwrap();
    });
}
