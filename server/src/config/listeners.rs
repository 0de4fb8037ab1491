//! The listeners: `listen`, and tables `[[listen]]` in the file.
//!
//! Tables replace the default of `listen`. A flag or variable adds its listener to them: a file
//! cannot have both, because the key and the tables have the same name.

use super::{
    entry::Section,
    file::Table,
    problem::Problem,
    rules::{build_rules, read_rules},
    section::{Draft, commented},
    text::written,
};
use crate::{
    settings::{
        ServerSettings,
        endpoint::Endpoint,
        listen::{ListenKeys, ListenSettings},
        overlap,
    },
    tls,
};

/// The tables of the file.
pub(super) fn read(file: &[Table]) -> Vec<Draft> {
    // A flag `--listen` is an address, not a table in one line.
    read_rules::<ListenKeys>(Section::Listen, &[], file)
}

/// All listeners. What is wrong with them is a problem.
pub(super) fn build(
    drafts: &[Draft],
    top: &Draft,
    server: &ServerSettings,
    problems: &mut Vec<Problem>,
) -> Vec<ListenSettings> {
    let mut listeners = Vec::<ListenSettings>::new();
    if drafts.is_empty() || !top.origin_of("listen").is_default() {
        listeners.push(ListenSettings::plain(server.listen.clone()));
    }
    for draft in drafts {
        let built =
            build_rules::<ListenKeys, ListenSettings>(std::slice::from_ref(draft), problems);
        for listener in built {
            if let Err((key, reason)) = check(&listener, &listeners, server) {
                let mut keys = [key, "unix"].into_iter();
                let is_set = |key: &&str| !draft.origin_of(key).is_default();
                let key = keys.find(is_set).unwrap_or(key);
                let origin = draft.origin_of(key);
                let place = origin.place(Section::Listen, key);
                problems.push(Problem::new(&origin, format!("{place}: {reason}")));
            }
            listeners.push(listener);
        }
    }
    listeners
}

/// Reads the certificates, after everything else is right.
pub(super) fn check_files(
    drafts: &[Draft],
    listeners: &[ListenSettings],
    problems: &mut Vec<Problem>,
) {
    // Those of tables come last.
    let of_tables = listeners.len().saturating_sub(drafts.len());
    for (draft, listener) in drafts.iter().zip(&listeners[of_tables..]) {
        if let Some(tls) = &listener.tls
            && let Err((key, reason)) = tls::check(tls)
        {
            let mut origin = draft.origin_of(key);
            if origin.is_default() {
                origin = draft.origin_of("tls_cert");
            }
            let place = origin.place(Section::Listen, key);
            problems.push(Problem::new(&origin, format!("{place}: {reason}")));
        }
    }
}

/// Tables that can be read again.
pub(super) fn print(drafts: &[Draft], top: &Draft) -> String {
    let origin = top.origin_of("listen");
    let mut text = String::new();
    if let Some(address) = top.text_of("listen").filter(|_| !drafts.is_empty()) {
        let line = format!("address = {}", written(address));
        let heading = commented("[[listen]]", &origin);
        text = format!("\n{heading}{}", commented(&line, &origin));
    }
    text.extend(drafts.iter().map(Draft::print_table));
    text
}

/// Checks a listener against the settings and the listeners before it.
fn check(
    listener: &ListenSettings,
    others: &[ListenSettings],
    server: &ServerSettings,
) -> Result<(), (&'static str, String)> {
    let endpoint = &listener.endpoint;
    let is_same = |other: &&ListenSettings| match (&other.endpoint, endpoint) {
        (Endpoint::Unix { path: one, .. }, Endpoint::Unix { path: other, .. }) => one == other,
        (Endpoint::Passed { .. }, _) => other.endpoint == *endpoint,
        (one, other) => {
            let mut pairs = other
                .addresses()
                .iter()
                .flat_map(|other| one.addresses().iter().map(move |one| (*one, *other)));
            pairs.any(|(one, other)| overlap(one, other))
        }
    };
    if let Some(other) = others.iter().find(is_same) {
        let other = &other.endpoint;
        return Err((
            "address",
            format!("another listener has {other} already, so {endpoint} cannot be had"),
        ));
    }
    if listener.proxy_protocol && server.trusted_proxies.is_empty() {
        let reason = "a PROXY header names the client, and no proxy is trusted to do so: set \
                      trusted_proxies to the proxy's address, or to unix"
            .into();
        return Err(("proxy_protocol", reason));
    }
    Ok(())
}
