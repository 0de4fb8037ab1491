//! The login at a server: who the user is, what is not allowed, and the dialog.

use tickcast_monitor::testing::{IncomingItem, Overlay};
use tickcast_protocol::message::Authenticated;

use super::*;

const ETH: &str = "market/ETH-USDT/trade";
const SECRET: &str = "tct_a-secret-token";

fn told(subscribe: &[&str], lasts_s: Option<i64>) -> IncomingItem {
    IncomingItem::Identity(Authenticated {
        id: None,
        subject: "alice".to_owned(),
        role: "trader".to_owned(),
        expires_ns: lasts_s.map(|s| support::START_NS + s * SECOND),
        subscribe: subscribe.iter().map(ToString::to_string).collect(),
        history: vec!["#".to_owned()],
        publish: Vec::new(),
        max_rate_hz: None,
    })
}

fn put(harness: &mut Harness<'_, Bench>, item: IncomingItem) {
    assert!(harness.state().script.queue.try_put(item));
    harness.run_steps(2);
}

fn open(harness: &mut Harness<'_, Bench>) {
    let login = UiCommand::Overlay(Some(Overlay::Login));
    harness.state_mut().monitor.execute(login);
    harness.run_steps(2);
}

/// The field for the token. Its label has the same words.
fn field<'h>(harness: &'h Harness<'_, Bench>) -> egui_kittest::Node<'h> {
    harness.get_by_role_and_label(egui::accesskit::Role::TextInput, "Token")
}

#[test]
fn without_identities_nothing_is_said_about_logins() {
    let harness = filled(&[BTC]);
    assert!(!sees(&harness, "Log in"));
    assert!(!painted(&harness, "denied"));
}

#[test]
fn the_login_is_in_the_bar_and_its_dialog_says_what_is_allowed_and_for_how_long() {
    let mut harness = filled(&[BTC]);
    put(&mut harness, told(&["market/#"], Some(125)));
    harness.get_by_label("alice").click();
    harness.run_steps(6);
    for part in [
        "Logged in as \"alice\" with the role \"trader\". It lasts for 2",
        "market/#",
        "everything",
        "nothing",
    ] {
        assert!(sees(&harness, part), "{part}");
    }
}

#[test]
fn a_topic_that_is_not_allowed_any_more_says_so_in_the_list_and_on_its_chart() {
    let mut harness = filled(&[BTC, ETH]);
    put(&mut harness, told(&["#"], None));
    assert!(!painted(&harness, "denied"));
    put(&mut harness, told(&["market/ETH-USDT/#"], None));
    let ended = IncomingItem::Ended {
        filter: "#".parse().unwrap(),
        position: 4711,
        reason: "subscribing to \"#\" is not allowed for \"alice\"".to_owned(),
    };
    put(&mut harness, ended);
    assert!(sees(
        &harness,
        "The server has ended # after position 4711: subscribing"
    ));
    harness.state_mut().script.now_ns += 12 * SECOND;
    harness.run_steps(2);
    assert!(painted(&harness, "denied 12"));
    for part in [
        "Not allowed since 12:00:00",
        "subscribing to \"#\" is not allowed for \"alice\". Everything up to position 4",
    ] {
        assert!(painted(&harness, part), "{part}");
    }
    assert!(sees(&harness, "not allowed for 12"));
    // What is allowed again says nothing.
    put(&mut harness, told(&["#"], None));
    assert!(!painted(&harness, "denied"));
    assert!(!painted(&harness, "Not allowed since"));
}

#[test]
fn a_server_that_wants_a_token_opens_the_dialog_and_what_is_typed_is_never_shown() {
    let mut harness = harness(SavedState::default(), &[]);
    harness.state().script.connected();
    let problem = "this server wants a token".to_owned();
    put(&mut harness, IncomingItem::LoginProblem(problem));
    assert!(sees(&harness, "This server wants a token."));
    harness.run_steps(2);
    field(&harness).type_text(&format!("{SECRET} and more"));
    harness.run_steps(2);
    assert!(!painted(&harness, "tct_"));
    harness.key_press(Key::Enter);
    harness.run_steps(2);
    assert!(sees(&harness, "The token must hold one token on one line"));
    assert!(harness.state_mut().monitor.take_reconnect().is_none());
    harness.key_press(Key::Escape);
    harness.run_steps(2);
    open(&mut harness);
    field(&harness).type_text(SECRET);
    harness.run_steps(2);
    harness.key_press(Key::Enter);
    harness.run_steps(2);
    let monitor = &mut harness.state_mut().monitor;
    let url = monitor.take_reconnect().unwrap();
    let login = monitor.login_for(&url);
    assert!(!format!("{login:?} {monitor:?}").contains("tct_"));
    assert_eq!(
        login,
        tickcast_monitor::testing::Login::typed(SECRET, "").unwrap()
    );
    // It is for this server alone, and is never saved.
    assert_ne!(monitor.login_for("ws://elsewhere/ws"), login);
    let saved = serde_json::to_string(&monitor.saved_state()).unwrap();
    assert!(!saved.contains("tct_"), "{saved}");
}

#[test]
fn a_person_who_looks_at_data_is_not_interrupted_by_a_login_that_ends() {
    let mut harness = filled(&[BTC]);
    put(&mut harness, told(&["#"], Some(30)));
    let problem = "token expired (4002); no other token yet".to_owned();
    put(&mut harness, IncomingItem::LoginProblem(problem));
    assert!(!sees(&harness, "Token"));
    open(&mut harness);
    field(&harness);
    assert!(sees(&harness, "Token expired (4002); no other token yet."));
}
