use tickcast_server::{
    config::{self, Command},
    log::LogFormat,
    testing::panic_in,
};
use tokio::time::timeout;

use super::*;

fn settings(flags: &[&str]) -> Settings {
    let listen = [
        "tickcast-server",
        "--listen",
        "127.0.0.1:0",
        "--drain",
        "0s",
    ];
    let flags = listen.iter().chain(flags).map(Into::into);
    match config::load(flags, []).unwrap() {
        Command::Run(settings) => *settings,
        Command::Print(text) => panic!("{text}"),
    }
}

/// The exit code, if the program ends soon after a shard has failed.
async fn exit_code(flags: &[&str], log: &Log) -> Option<u8> {
    let mut settings = settings(flags);
    let server = Server::start(settings.clone()).unwrap();
    let mut signals = Signals::new().unwrap();
    panic_in(&server, "shard-0");
    let mut manager = Manager::default();
    let end = until_the_end(&server, &mut settings, &mut signals, log, &mut manager);
    let end = timeout(Duration::from_secs(3), end).await.ok();
    let code = end.map(|end| match end {
        End::Exit(code) => code,
        End::Restart(reason) => panic!("{reason}"),
    });
    let down = spawn_blocking(move || server.shutdown());
    timeout(Duration::from_secs(30), down)
        .await
        .unwrap()
        .unwrap();
    code
}

#[tokio::test]
async fn a_failed_shard_ends_the_program_with_70_unless_it_is_to_stay() {
    let log = Log::start("error", LogFormat::Text, false).unwrap();
    assert_eq!(exit_code(&[], &log).await, Some(FAILED));
    assert_eq!(exit_code(&["--on-failure", "stay"], &log).await, None);
}
