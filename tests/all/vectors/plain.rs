//! Vectors of the plain profile: each packet, with and without shifts, and what a peer must not believe.

use pirushka_identity::{PlainPacket, verify_plain_register, verify_plain_response};
use pirushka_wire::plain::{Challenge, decode_challenge};
use pirushka_wire::root::kind;
use pirushka_wire::{Params, Root, Signature};
use serde_json::{Value, json};

use super::{TIME_S, hex_of, merged, person};

const CHALLENGE: Challenge = Challenge([0xc4; 32]);

pub(super) fn packets() -> Vec<Value> {
    let (alice, bob) = (person(1), person(2));
    let (register, response) =
        (encoded(&alice.plain_register(TIME_S)), encoded(&alice.plain_response(&CHALLENGE, TIME_S)));
    let of_bob = encoded(&bob.plain_register(TIME_S));
    let flipped = |packet: &[u8], at: usize| {
        let mut packet = packet.to_vec();
        packet[at] ^= 1;
        packet
    };
    let longer = |packet: &[u8]| [packet, &[0]].concat();
    let unsigned = [&[0x02, 0x02, 0, 0][..], &register[68..]].concat();
    let ok = answer(kind::OK, &[]);
    let keepalive = Root {
        params: Params::TO_PEER,
        kind: kind::KEEPALIVE,
        signature: Signature::Absent,
        timestamp: 0,
        payload: &[],
    };
    let good = [
        ("REGISTER", register.clone()),
        ("REGISTER with shifts of 5 bytes", shifted(&alice.plain_register(TIME_S).root(), 5)),
        ("REGISTER with shifts of 0 bytes", shifted(&alice.plain_register(TIME_S).root(), 0)),
        ("OK, with the timestamp of what it answers", plain(&ok)),
        ("OK with shifts of 5 bytes", shifted(&ok, 5)),
        ("CHALLENGE", plain(&answer(kind::CHALLENGE, &CHALLENGE.0))),
        ("RESPONSE", response.clone()),
        ("RESPONSE with shifts of 5 bytes", shifted(&alice.plain_response(&CHALLENGE, TIME_S).root(), 5)),
        ("KEEPALIVE", plain(&keepalive)),
        ("KEEPALIVE with shifts of 5 bytes", shifted(&keepalive, 5)),
    ];
    let bad = [
        ("REGISTER without a signature", unsigned),
        ("REGISTER with another time than the signed one", flipped(&register, 75)),
        ("REGISTER with a flipped bit in its signature", flipped(&register, 4)),
        ("REGISTER with somebody else's certificate", [&register[..76], &of_bob[76..]].concat()),
        ("REGISTER with a byte behind the certificate", longer(&register)),
        ("REGISTER with the signature of a RESPONSE", [&register[..4], &response[4..68], &register[68..]].concat()),
        ("RESPONSE with another challenge than the signed one", flipped(&response, 76)),
        ("RESPONSE with the signature of a REGISTER", [&response[..4], &register[4..68], &response[68..]].concat()),
        ("CHALLENGE of 31 bytes", plain(&answer(kind::CHALLENGE, &CHALLENGE.0[1..]))),
        ("OK with a payload", longer(&plain(&ok))),
        ("KEEPALIVE with a payload", longer(&plain(&keepalive))),
    ];
    let valid = good.map(|(name, packet)| {
        let root = Root::decode(&packet).unwrap();
        let common = json!({ "name": name, "packet": hex_of(&packet), "valid": true, "type": root.kind,
            "timestamp": root.timestamp, "shift": Root::shift_of(&packet) });
        merged(common, believed(&root).unwrap_or_else(|why| panic!("{name}: {why}")))
    });
    let invalid = bad.map(|(name, packet)| {
        let why = believed(&Root::decode(&packet).unwrap()).unwrap_err();
        json!({ "name": name, "packet": hex_of(&packet), "valid": false, "error": why })
    });
    [&valid[..], &invalid].concat()
}

/// What a packet says if it holds, or the rule that it breaks.
fn believed(root: &Root<'_>) -> Result<Value, String> {
    match root.kind {
        kind::REGISTER => verify_plain_register(root)
            .map(|certificate| json!({ "fingerprint": certificate.fingerprint().to_hex() }))
            .map_err(|e| e.to_string()),
        kind::RESPONSE => verify_plain_response(root)
            .map(|certificate| {
                json!({ "fingerprint": certificate.fingerprint().to_hex(), "challenge": hex_of(&root.payload[..32]) })
            })
            .map_err(|e| e.to_string()),
        kind::CHALLENGE => decode_challenge(root.payload)
            .map(|challenge| json!({ "challenge": hex_of(&challenge.0) }))
            .map_err(|e| e.to_string()),
        _ if root.payload.is_empty() => Ok(json!({})),
        _ => Err("the packet has a payload".into()),
    }
}

fn answer(kind: u8, payload: &[u8]) -> Root<'_> {
    Root { params: Params::FROM_PEER, kind, signature: Signature::Absent, timestamp: TIME_S, payload }
}

fn encoded(packet: &PlainPacket) -> Vec<u8> {
    plain(&packet.root())
}

fn plain(root: &Root<'_>) -> Vec<u8> {
    let mut out = vec![];
    root.encode(&mut out);
    out
}

fn shifted(root: &Root<'_>, shift: u8) -> Vec<u8> {
    let mut out = vec![];
    root.encode_shifted(shift, &mut |gap| gap.fill(0x5a), &mut out).unwrap();
    out
}
