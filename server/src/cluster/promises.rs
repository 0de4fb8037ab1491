//! What the engine promises, in sentences: printed at the start and told to operators.

use async_nats::{
    ServerInfo,
    jetstream::stream::{Config, DiscardPolicy, Info, Republish, RetentionPolicy, StorageType},
};
use tickcast_cluster::MESSAGE_MAX_BYTES;

/// The subject on which the stream tells of its messages.
pub(super) fn told(subject: &str) -> String {
    format!("{subject}.stored")
}

/// How the stream tells of its messages: only their headers, which have the sequence.
pub(super) fn republished(subject: &str) -> Republish {
    Republish {
        source: subject.to_owned(),
        destination: told(subject),
        headers_only: true,
    }
}

/// What the nodes need of a stream, or why it cannot be used.
pub(super) fn check(config: &Config, subject: &str) -> Result<(), String> {
    let name = &config.name;
    let needs = [
        (
            config.subjects == [subject],
            format!("its subjects must be {subject} alone"),
        ),
        (
            config.retention == RetentionPolicy::Limits,
            "its retention must be \"limits\"".to_owned(),
        ),
        (
            config.discard == DiscardPolicy::Old,
            "it must discard old messages when it is full".to_owned(),
        ),
        (
            config.max_messages_per_subject <= 0,
            "it must not limit the messages of a subject".to_owned(),
        ),
        (
            config.max_message_size < 0 || config.max_message_size as usize >= MESSAGE_MAX_BYTES,
            format!("it must take messages of {MESSAGE_MAX_BYTES} bytes"),
        ),
        (
            config.mirror.is_none() && config.sources.as_ref().is_none_or(Vec::is_empty),
            "it must have no mirror and no sources".to_owned(),
        ),
        (!config.sealed, "it must not be sealed".to_owned()),
        (
            config.allow_direct,
            "its messages must be readable at every server that keeps it (allow_direct)".to_owned(),
        ),
        (
            config.republish == Some(republished(subject)),
            format!(
                "it must republish {subject} as {} with headers only",
                told(subject)
            ),
        ),
        (
            !config.allow_rollup,
            "it must not allow that messages replace others (rollup)".to_owned(),
        ),
    ];
    let wrong: Vec<_> = needs
        .into_iter()
        .filter(|(is_right, _)| !is_right)
        .map(|(_, need)| need)
        .collect();
    match wrong.is_empty() {
        true => Ok(()),
        false => Err(format!(
            "the stream {name} cannot be used: {}",
            wrong.join("; ")
        )),
    }
}

/// The oldest version whose servers keep a stream in order through the loss of any of them, as
/// documented by their makers.
const RECOMMENDED: (u32, u32) = (2, 10);

/// What is promised, and what is not.
pub(super) fn sentences(server: &ServerInfo, info: &Info) -> Vec<String> {
    let config = &info.config;
    let mut all = vec![format!(
        "The stream {} is kept by NATS {}.",
        config.name, server.version
    )];
    if version(&server.version).is_some_and(|version| version < RECOMMENDED) {
        let (major, minor) = RECOMMENDED;
        all.push(format!(
            "NATS {} is old: {major}.{minor} or later is recommended.",
            server.version
        ));
    }
    all.push(match (config.storage, config.num_replicas) {
        (StorageType::Memory, 0 | 1) => "It is in the memory of one server: the end of that \
                                         server is the end of the epoch, and clients are told \
                                         so."
        .to_owned(),
        (StorageType::Memory, replicas) => format!(
            "It is in the memory of {replicas} servers: updates outlive the loss of {} of them.",
            (replicas - 1) / 2
        ),
        (StorageType::File, 0 | 1) => "It is on the disk of one server: while that server is \
                                       away nothing moves, and a power cut may cost what was not \
                                       synced (sync_interval, 2 minutes if it is not set, which \
                                       the server does not tell). Clients are told what was lost."
            .to_owned(),
        (StorageType::File, replicas) => format!(
            "It is on the disks of {replicas} servers: updates outlive the loss of {} of them.",
            (replicas - 1) / 2
        ),
    });
    let bytes = match config.max_bytes {
        ..=0 => "any number of bytes".to_owned(),
        bytes => format!("{} MiB", bytes >> 20),
    };
    let age = match config.max_age.as_secs() {
        0 => "of any age".to_owned(),
        seconds => format!("of the last {seconds} seconds"),
    };
    all.push(format!("It keeps {bytes} {age}."));
    if !config.deny_purge || !config.deny_delete {
        all.push(
            "Its messages can be deleted or purged by hand (deny_delete, deny_purge): the nodes \
             notice it, and an epoch ends."
                .to_owned(),
        );
    }
    all
}

fn version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.split('.').map(|number| number.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUBJECT: &str = "tickcast.s";

    fn config() -> Config {
        Config {
            name: "s".to_owned(),
            subjects: vec![SUBJECT.to_owned()],
            max_message_size: -1,
            republish: Some(republished(SUBJECT)),
            allow_direct: true,
            ..Config::default()
        }
    }

    #[test]
    fn a_stream_that_could_lose_or_change_messages_is_refused_with_all_reasons() {
        assert_eq!(check(&config(), SUBJECT), Ok(()));
        let wrong = Config {
            subjects: vec![SUBJECT.to_owned(), "b".to_owned()],
            discard: DiscardPolicy::New,
            max_message_size: 1000,
            allow_rollup: true,
            ..config()
        };
        let error = check(&wrong, SUBJECT).unwrap_err();
        for reason in ["tickcast.s alone", "discard old", "524288 bytes", "rollup"] {
            assert!(error.contains(reason), "{error}");
        }
        assert!(!error.contains("sealed"), "{error}");
    }

    #[test]
    fn versions_are_compared_as_numbers() {
        assert_eq!(version("2.9.10"), Some((2, 9)));
        assert!(version("2.9.10").unwrap() < RECOMMENDED);
        assert!(version("2.10.0-beta.1").unwrap() >= RECOMMENDED);
        assert_eq!(version("dev"), None);
    }
}
