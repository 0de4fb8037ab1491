//! The packets of MQTT 3.1.1.

use bytes::BytesMut;
use rumqttc::mqttbytes::{self as library, v4};

use super::outgoing::Will;
use super::types::{
    ConnAck, Connect, Malformed, PACKET_MAX_BYTES, Packet, Subscribe, is_from_broker, seconds,
    unexpected, unreadable,
};

pub(super) fn read(mut packet: BytesMut) -> Result<Packet, Malformed> {
    // The decoder of packets that only clients send is not made for strangers.
    if !is_from_broker(packet[0]) {
        return Err(unexpected(packet[0]));
    }
    let first = packet[0];
    let packet = v4::Packet::read(&mut packet, PACKET_MAX_BYTES);
    Ok(match packet.map_err(|error| unreadable(first, &error))? {
        v4::Packet::ConnAck(answer) => Packet::ConnAck(ConnAck {
            refusal: refusal(answer.code).map(Into::into),
            has_session: answer.session_present,
            has_identifiers: false,
            keep_alive: None,
        }),
        v4::Packet::SubAck(answer) => Packet::SubAck {
            id: answer.pkid,
            answer: match answer.return_codes.first() {
                Some(v4::SubscribeReasonCode::Success(qos)) => Ok(*qos as u8),
                _ => Err("it gives no reason; the user may lack the right to read it".into()),
            },
        },
        v4::Packet::UnsubAck(answer) => Packet::UnsubAck {
            id: answer.pkid,
            existed: Vec::new(),
        },
        v4::Packet::PubRel(release) => Packet::PubRel(release.pkid),
        v4::Packet::PingResp => Packet::PingResp,
        other => return Err(format!("the packet {other:?} is not expected")),
    })
}

fn refusal(code: v4::ConnectReturnCode) -> Option<&'static str> {
    use v4::ConnectReturnCode as Code;

    match code {
        Code::Success => None,
        Code::RefusedProtocolVersion => Some("it does not speak MQTT 3.1.1: try version 5"),
        Code::BadClientId => Some("it does not accept the client id: use another"),
        Code::ServiceUnavailable => Some("it is not available now"),
        Code::BadUserNamePassword => Some("the user name or the password is wrong"),
        Code::NotAuthorized => {
            Some("the client may not connect: check user name, password and client id")
        }
    }
}

pub(super) fn write_connect(connect: &Connect, out: &mut BytesMut) {
    let mut packet = v4::Connect::new(connect.client_id.clone());
    packet.keep_alive = seconds(connect.keep_alive);
    packet.clean_session = connect.session_expiry.is_zero();
    if let Some(Will { topic, payload }) = &connect.will {
        let qos = library::QoS::AtLeastOnce;
        let will = v4::LastWill::new(topic.clone(), payload.clone(), qos, true);
        packet.last_will = Some(will);
    }
    if let Some((user, password)) = &connect.login {
        packet.set_login(user.clone(), password.clone());
    }
    write(v4::Packet::Connect(packet), out);
}

pub(super) fn write_subscribe(subscribe: Subscribe<'_>, out: &mut BytesMut) {
    let qos = library::qos(subscribe.qos).unwrap_or(library::QoS::AtMostOnce);
    let mut packet = v4::Subscribe::new(subscribe.filter, qos);
    packet.pkid = subscribe.id;
    write(v4::Packet::Subscribe(packet), out);
}

pub(super) fn write_unsubscribe(id: u16, filters: Vec<String>, out: &mut BytesMut) {
    let packet = v4::Unsubscribe {
        pkid: id,
        topics: filters,
    };
    write(v4::Packet::Unsubscribe(packet), out);
}

fn write(packet: v4::Packet, out: &mut BytesMut) {
    let written = packet.write(out, PACKET_MAX_BYTES);
    written.expect("settings have bounds, so packets are short");
}
