//! The life of the packages in a small system: as in docs/install.md.

use std::{collections::BTreeSet, fs, process::Command, thread::sleep, time::Duration};

use tickcast_packaging::{
    calls::{allowed, recorded},
    unit::Unit,
};

use crate::{
    built::{package, run},
    monitor::check_dependencies,
    root::Root,
    service::Service,
    unit::{self, UNIT},
};

const SETTINGS: &str = "etc/tickcast/server.toml";
const LINK: &str = "etc/systemd/system/multi-user.target.wants/tickcast-server.service";

/// How long the record of system calls may take to be complete after the end.
const RECORD_TRIES: usize = 500;

#[test]
fn packages_install_run_and_leave_nothing_but_data() {
    check_life(&Root::new());
}

#[test]
fn packages_of_an_older_release_do_the_same_on_a_newer_one() {
    if let Some(root) = Root::newer() {
        check_life(&root);
    }
}

#[track_caller]
fn check_life(root: &Root) {
    let before = root.files();
    check_dependencies(root);

    let server = root.bring(&package("tickcast-server"));
    let command = root.bring(&package("tickcast"));
    root.run(&["dpkg", "--install", &server, &command]);
    assert!(root.exists(LINK), "the unit is enabled");
    assert_eq!(
        root.owner_and_mode(SETTINGS),
        ("root:tickcast".into(), 0o640)
    );
    root.run(&["dpkg", "--verify", "tickcast-server", "tickcast"]);
    root.run(&["tickcast", "--version"]);
    unit::check(root);

    let record = live(root);
    check_calls(root, &record);

    // An update leaves settings that were changed as they are, and who may read them.
    let own = format!("{}\n# own\n", root.read(SETTINGS));
    fs::write(root.path().join(SETTINGS), &own).unwrap();
    root.run(&["chmod", "0600", &format!("/{SETTINGS}")]);
    root.run(&["dpkg", "--install", &server]);
    assert_eq!(root.read(SETTINGS), own);
    assert_eq!(root.owner_and_mode(SETTINGS).1, 0o600);

    root.run(&["dpkg", "--remove", "tickcast-server", "tickcast"]);
    assert!(root.exists(SETTINGS), "settings stay until the purge");
    assert!(!root.exists("usr/bin/tickcast-server"));
    root.run(&["dpkg", "--purge", "tickcast-server", "tickcast"]);
    for path in [&server, &command] {
        fs::remove_file(root.path().join(&path[1..])).unwrap();
    }
    let mut after = root.files();
    let data: BTreeSet<String> = after
        .keys()
        .filter(|path| path.starts_with("var/lib/tickcast"))
        .cloned()
        .collect();
    assert!(data.len() > 1, "the data stays: {data:?}");
    after.retain(|path, _| !data.contains(path));
    let news = after.iter().filter(|(path, _)| !before.contains_key(*path));
    let news: Vec<_> = news.collect();
    assert!(news.is_empty(), "left behind: {news:?}");
    assert_eq!(before, after, "what was there is as it was");
}

/// Start, a client, reload and end of the service. Returns the record of its system calls.
fn live(root: &Root) -> String {
    let mut service = Service::start(root, UNIT);
    let ready = service.told();
    let address = ready.strip_prefix("READY=1\nSTATUS=Listening on ");
    let address = address.unwrap_or_else(|| panic!("{ready}"));
    let address = address.split([',', ' ', '\n']).next().unwrap();
    let url = format!("ws://{address}/ws");
    root.run(&["tickcast", "check", "--url", &url]);
    root.run(&["tickcast", "pub", "--url", &url, "lab/scale", "0.25"]);
    let latest = root.run(&["tickcast", "latest", "--url", &url, "#"]);
    assert!(latest.contains("lab/scale"), "{latest}");
    service.is_alive();

    service.reload();
    assert!(service.told().starts_with("RELOADING=1\n"));
    assert_eq!(service.told(), ready);
    service.stop();
    assert_eq!(service.told(), "STOPPING=1\nSTATUS=Draining");
    let status = service.ended();
    assert!(status.success(), "{status}");
    finished(&service)
}

/// The record, as soon as it tells of the end.
fn finished(service: &Service<'_>) -> String {
    for _ in 0..RECORD_TRIES {
        let record = fs::read_to_string(&service.record).unwrap();
        if record.trim_end().ends_with("+++") {
            return record;
        }
        sleep(Duration::from_millis(20));
    }
    panic!("the record of the system calls does not end");
}

/// The unit allows every system call that the server has made, and no memory is both written and
/// executed.
fn check_calls(root: &Root, record: &str) {
    let unit = Unit::parse(&root.read(UNIT)).unwrap();
    let values = unit.values("Service", "SystemCallFilter");
    let members = |group: &str| {
        let text = run(Command::new("systemd-analyze").args(["syscall-filter", group]));
        let lines = text.lines().skip(1).map(str::trim);
        let names = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        names.map(str::to_owned).collect()
    };
    let allowed = allowed(&values, &members);
    let made = recorded(record, "/usr/bin/tickcast-server");
    let names: BTreeSet<&str> = made.iter().map(|call| call.name).collect();
    assert!(names.contains("epoll_wait"), "{names:?}");
    let mut refused = names;
    refused.retain(|name| !allowed.contains(*name));
    assert!(refused.is_empty(), "the unit refuses {refused:?}");
    for name in ["io_uring_setup", "io_uring_enter", "io_uring_register"] {
        assert!(allowed.contains(name), "the unit refuses {name}");
    }
    let is_both = |rest: &str| rest.contains("PROT_WRITE|PROT_EXEC");
    let mut both = made.iter().filter(|call| is_both(call.rest));
    assert_eq!(both.next(), None, "MemoryDenyWriteExecute refuses this");
}
