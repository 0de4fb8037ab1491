//! The packets of MQTT 5.

use std::time::Duration;

use bytes::BytesMut;
use rumqttc::v5::mqttbytes::{self as library, v5};

use super::outgoing::Will;
use super::types::{
    ConnAck, Connect, Goodbye, Malformed, Packet, Subscribe, is_from_broker, seconds, unexpected,
    unreadable,
};
use super::v3;

/// The code of a granted subscription is its quality of service.
const UNKNOWN: &str = "unknown";

const NOT_VERSION_5: &str = "it does not speak MQTT 5: try version 3.1.1";

pub(super) fn read(mut packet: BytesMut) -> Result<Packet, Malformed> {
    // The decoder of packets that only clients send is not made for strangers.
    if !is_from_broker(packet[0]) {
        return Err(unexpected(packet[0]));
    }
    // A disconnection without a reason is the shortest packet, which the library refuses.
    if packet[..] == [0xe0, 0] {
        return Ok(Packet::Disconnect(Goodbye {
            reason: UNKNOWN.into(),
            is_taken_over: false,
        }));
    }
    // A broker of an older version answers as that version does (MQTT 5.0, 3.1.2.2).
    if let [0x20, 2, flags, code] = packet[..] {
        return match code {
            0 | 1 => Ok(Packet::ConnAck(ConnAck {
                refusal: Some(NOT_VERSION_5.into()),
                has_session: flags & 1 == 1,
                has_identifiers: false,
                keep_alive: None,
            })),
            _ => v3::read(packet),
        };
    }
    let first = packet[0];
    let packet = v5::Packet::read(&mut packet, None);
    Ok(match packet.map_err(|error| unreadable(first, &error))? {
        v5::Packet::ConnAck(answer) => Packet::ConnAck(connack(answer)),
        v5::Packet::SubAck(answer) => Packet::SubAck {
            id: answer.pkid,
            answer: match answer.return_codes.first() {
                Some(v5::SubscribeReasonCode::Success(qos)) => Ok(*qos as u8),
                code => {
                    let properties = answer.properties.and_then(|all| all.reason_string);
                    Err(said(code.map(subscription), properties))
                }
            },
        },
        v5::Packet::UnsubAck(answer) => Packet::UnsubAck {
            id: answer.pkid,
            existed: answer
                .reasons
                .iter()
                .map(|reason| *reason == v5::UnsubAckReason::Success)
                .collect(),
        },
        v5::Packet::PubRel(release) => Packet::PubRel(release.pkid),
        v5::Packet::PingResp(_) => Packet::PingResp,
        v5::Packet::Disconnect(packet) => {
            let properties = packet.properties.and_then(|all| all.reason_string);
            let code = packet.reason_code;
            Packet::Disconnect(Goodbye {
                reason: said(Some(words(&format!("{code:?}"))), properties),
                is_taken_over: code == v5::DisconnectReasonCode::SessionTakenOver,
            })
        }
        other => return Err(format!("the packet {other:?} is not expected")),
    })
}

fn connack(answer: v5::ConnAck) -> ConnAck {
    let properties = answer.properties;
    let (mut text, mut keep_alive, mut has_identifiers) = (None, None, true);
    if let Some(all) = properties {
        keep_alive = all.server_keep_alive;
        has_identifiers = all.subscription_identifiers_available != Some(0);
        text = all.reason_string;
    }
    ConnAck {
        refusal: refusal(answer.code).map(|reason| said(Some(reason), text)),
        has_session: answer.session_present,
        has_identifiers,
        keep_alive: keep_alive.map(|seconds| Duration::from_secs(seconds.into())),
    }
}

fn refusal(code: v5::ConnectReturnCode) -> Option<String> {
    use v5::ConnectReturnCode as Code;

    Some(match code {
        Code::Success => return None,
        Code::RefusedProtocolVersion | Code::UnsupportedProtocolVersion => NOT_VERSION_5.into(),
        Code::BadClientId | Code::ClientIdentifierNotValid => {
            "it does not accept the client id: use another".into()
        }
        Code::BadUserNamePassword => "the user name or the password is wrong".into(),
        Code::NotAuthorized => {
            "the client may not connect: check user name, password and client id".into()
        }
        other => words(&format!("{other:?}")),
    })
}

fn subscription(code: &v5::SubscribeReasonCode) -> String {
    use v5::SubscribeReasonCode as Code;

    match code {
        Code::NotAuthorized => "the user may not read it".into(),
        Code::WildcardSubscriptionsNotSupported => "the broker has no wildcards".into(),
        other => words(&format!("{other:?}")),
    }
}

/// `SessionTakenOver` as `session taken over`.
fn words(code: &str) -> String {
    let mut words = String::new();
    for letter in code.chars() {
        if letter.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(letter.to_lowercase());
    }
    words
}

fn said(reason: Option<String>, text: Option<String>) -> String {
    let reason = reason.unwrap_or_else(|| UNKNOWN.into());
    match text {
        Some(text) => format!("{reason} ({text})"),
        None => reason,
    }
}

pub(super) fn write_connect(connect: &Connect, out: &mut BytesMut) {
    let has_session = !connect.session_expiry.is_zero();
    let expiry = u32::try_from(connect.session_expiry.as_secs()).unwrap_or(u32::MAX);
    let properties = v5::ConnectProperties {
        session_expiry_interval: has_session.then_some(expiry),
        max_packet_size: Some(connect.packet_max_bytes),
        ..v5::ConnectProperties::new()
    };
    let packet = v5::Connect {
        keep_alive: seconds(connect.keep_alive),
        client_id: connect.client_id.clone(),
        clean_start: !has_session || connect.is_new,
        properties: Some(properties),
    };
    let login = connect.login.as_ref();
    let login = login.map(|(user, password)| v5::Login::new(user.clone(), password.clone()));
    let will = connect.will.as_ref().map(|Will { topic, payload }| {
        let qos = library::QoS::AtLeastOnce;
        v5::LastWill::new(topic.clone(), payload.clone(), qos, true, None)
    });
    write(v5::Packet::Connect(packet, will, login), out);
}

pub(super) fn write_subscribe(subscribe: Subscribe<'_>, out: &mut BytesMut) {
    let qos = library::qos(subscribe.qos).unwrap_or(library::QoS::AtMostOnce);
    let properties = subscribe
        .identifier
        .map(|identifier| v5::SubscribeProperties {
            id: Some(identifier as usize),
            user_properties: Vec::new(),
        });
    let mut packet = v5::Subscribe::new(v5::Filter::new(subscribe.filter, qos), properties);
    packet.pkid = subscribe.id;
    write(v5::Packet::Subscribe(packet), out);
}

pub(super) fn write_unsubscribe(id: u16, filters: Vec<String>, out: &mut BytesMut) {
    let packet = v5::Unsubscribe {
        pkid: id,
        filters,
        properties: None,
    };
    write(v5::Packet::Unsubscribe(packet), out);
}

fn write(packet: v5::Packet, out: &mut BytesMut) {
    let written = packet.write(out, None);
    written.expect("settings have bounds, so packets are short");
}
