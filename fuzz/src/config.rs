//! Settings.

use std::ffi::OsString;

use tickcast_server::{
    config::{self, Command},
    testing::Source,
};

use super::file::with_file;

/// A settings file, then flags and variables, divided by zero bytes. Variables contain `=` and do
/// not start with `-`.
pub fn config(bytes: &[u8]) {
    let mut parts = bytes.split(|byte| *byte == 0);
    let content = parts.next().unwrap_or_default();
    let mut flags: Vec<OsString> = vec!["tickcast-server".into()];
    let mut environment: Vec<(OsString, OsString)> = Vec::new();
    for part in parts {
        let part = String::from_utf8_lossy(part);
        match part.split_once('=') {
            Some((name, value)) if !name.starts_with('-') => {
                environment.push((format!("TICKCAST_{name}").into(), value.into()));
            }
            _ => flags.push(part.as_ref().into()),
        }
    }
    let load = |content: &[u8], flags: &[OsString], environment: &[(OsString, OsString)]| {
        with_file(content, |path| {
            let file = ["--config".into(), path.into()];
            let flags = flags[..1].iter().chain(&file).chain(&flags[1..]);
            config::load(flags.cloned(), environment.iter().cloned())
        })
    };
    let settings = match load(content, &flags, &environment) {
        Ok(Command::Run(settings)) => settings,
        Ok(Command::Print(_)) => return,
        Err(error) => {
            assert!(!error.problems.is_empty());
            return;
        }
    };
    // The output of `--print-config` is a file with the same settings, except for secrets.
    flags.insert(1, "--print-config".into());
    let Ok(Command::Print(printed)) = load(content, &flags, &environment) else {
        panic!("valid settings cannot be printed");
    };
    let has_secret = settings.feeds.iter().any(|feed| match &feed.source {
        Source::Mqtt(mqtt) => mqtt.password.is_some() || mqtt.url.password.is_some(),
        _ => false,
    });
    if has_secret {
        return;
    }
    match load(printed.as_bytes(), &flags[..1], &[]) {
        Ok(Command::Run(read)) => {
            let mut expected = settings;
            expected.warnings.clear();
            assert_eq!(read, expected, "{printed}");
        }
        other => panic!("{other:?} from the printed settings\n{printed}"),
    }
}
