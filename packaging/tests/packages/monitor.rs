//! The package of the monitor: what a desktop finds, and what the window needs.

use std::fs;

use tickcast_packaging::unit::Unit;

use crate::{
    built::{package, unpacked},
    root::Root,
};

#[test]
fn a_desktop_finds_the_program_and_its_icon() {
    let folder = unpacked("tickcast-monitor");
    let at = |path: &str| folder.path().join(path);
    let applications = "usr/share/applications/tickcast-monitor.desktop";
    // A desktop file has the form of a unit.
    let entry = Unit::parse(&fs::read_to_string(at(applications)).unwrap()).unwrap();
    let value = |key| entry.value("Desktop Entry", key).unwrap();
    assert_eq!(value("Type"), "Application");
    assert!(at(&format!("usr/bin/{}", value("Exec"))).exists());
    let icon = at(&format!(
        "usr/share/icons/hicolor/scalable/apps/{}.svg",
        value("Icon")
    ));
    assert!(fs::read_to_string(icon).unwrap().starts_with("<svg "));
    // The window has this name, by which a desktop joins it to the icon.
    let window = crate::built::project().join("monitor/src/app/window.rs");
    let window = fs::read_to_string(window).unwrap();
    assert!(window.contains(&format!("with_app_id(\"{}\")", value("StartupWMClass"))));
    for list in ["Categories", "Keywords"] {
        assert!(value(list).ends_with(';'), "{list} ends with a semicolon");
    }
}

/// Checks that the distribution has all that the packages depend on. Nothing is installed.
#[track_caller]
pub(crate) fn check_dependencies(root: &Root) {
    let packages = ["tickcast-server", "tickcast-monitor", "tickcast"];
    let brought = packages.map(|name| root.bring(&package(name)));
    let mut words = vec![
        "apt-get",
        "install",
        "--simulate",
        "--no-install-recommends",
    ];
    words.extend(brought.iter().map(String::as_str));
    let plan = root.run(&words);
    for name in packages {
        assert!(plan.contains(&format!("Conf {name} ")), "{plan}");
    }
    // The window's libraries come with it.
    assert!(plan.contains("Inst libgl1 "), "{plan}");
    for path in brought {
        fs::remove_file(root.path().join(&path[1..])).unwrap();
    }
}
