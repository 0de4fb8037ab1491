//! How each contender is called.

use std::{fs, path::Path};

use anyhow::Context;

use super::{
    certificate::Certificate,
    places::{CONTENDER_CORE, beside, free_port, nats_program, node_folder, on_core},
};
use crate::compare::{
    contender::{Contender, other_build, uwebsockets_program},
    workload::Workload,
};

/// Program and arguments of a contender.
pub(super) fn command(
    contender: Contender,
    port: u16,
    workload: &Workload,
    folder: &Path,
    certificate: Option<&Certificate>,
) -> anyhow::Result<Vec<String>> {
    let ours = |name: &str| anyhow::Ok(beside(name)?.display().to_string());
    let words = match contender {
        Contender::Raw | Contender::RawBatching | Contender::RawRing => {
            let topics = workload.topics.to_string();
            let mut words = vec![ours("raw")?, port.to_string(), "--topics".into(), topics];
            if contender != Contender::Raw {
                words.push("--batch".into());
            }
            if contender == Contender::RawRing {
                words.push("--ring".into());
            }
            words
        }
        Contender::TickcastBincode
        | Contender::TickcastJson
        | Contender::TickcastOther
        | Contender::TickcastBincodeTls
        | Contender::TickcastBincodeLog
        | Contender::TickcastSocketIo => {
            let listen = match certificate {
                None => format!("--listen=127.0.0.1:{port}"),
                Some(certificate) => {
                    let file = folder.join("tickcast.toml");
                    fs::write(&file, tls_settings(port, certificate))?;
                    format!("--config={}", file.display())
                }
            };
            let program = match contender {
                Contender::TickcastOther => other_build().context("TICKCAST_OTHER is not set")?,
                _ => ours("tickcast-server")?,
            };
            let mut words = vec![
                program,
                listen,
                "--feed=none".into(),
                // As with the other servers, no client is pinged.
                "--ping=1h".into(),
                "--heartbeat=1h".into(),
                format!("--shards={}", workload.shards),
            ];
            if let Some(bytes) = workload.tape_bytes {
                words.push(format!("--tape={bytes}"));
            }
            if contender.has_log() {
                words.push(format!("--data={}", folder.join("data").display()));
            }
            words
        }
        Contender::Nats | Contender::NatsTls => {
            let file = folder.join("nats.conf");
            fs::write(&file, nats_settings(port, free_port()?, certificate))?;
            vec![
                nats_program().into(),
                "-c".into(),
                file.display().to_string(),
            ]
        }
        Contender::NodeWs => {
            let program = node_folder().join("broadcast.mjs");
            vec![
                "node".into(),
                program.display().to_string(),
                port.to_string(),
            ]
        }
        Contender::Tungstenite => vec![ours("tungstenite")?, port.to_string()],
        Contender::UWebSockets | Contender::UWebSocketsTls => {
            let program = uwebsockets_program().context("TICKCAST_UWEBSOCKETS is not set")?;
            let mut words = vec![program, port.to_string()];
            if let Some(Certificate { chain, key, .. }) = certificate {
                words.extend([chain, key].map(|file| file.display().to_string()));
            }
            words
        }
    };
    Ok(on_core(CONTENDER_CORE, words))
}

/// Settings of a server that speaks TLS on its only listener.
pub fn tls_settings(port: u16, Certificate { chain, key, .. }: &Certificate) -> String {
    format!("[[listen]]\naddress = \"127.0.0.1:{port}\"\ntls_cert = {chain:?}\ntls_key = {key:?}\n")
}

/// Settings of nats-server: no compression, no pings during a run, and a write deadline that a
/// workload without slow subscribers never reaches.
fn nats_settings(port: u16, client_port: u16, certificate: Option<&Certificate>) -> String {
    let tls = match certificate {
        None => "no_tls: true".to_owned(),
        Some(Certificate { chain, key, .. }) => {
            format!("tls {{ cert_file: {chain:?}, key_file: {key:?} }}")
        }
    };
    format!(
        "listen: \"127.0.0.1:{client_port}\"\n\
         ping_interval: \"1h\"\n\
         write_deadline: \"10s\"\n\
         websocket {{ listen: \"127.0.0.1:{port}\", compression: false\n {tls}\n }}\n"
    )
}
