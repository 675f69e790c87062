//! Bytes of the wire: what is accepted was written in the one way there is, and is written so again.

use std::collections::BTreeSet;

use pirushka_wire::handshake::{Hello, HelloAck, Retry, Welcome};
use pirushka_wire::limits::RANGES_MAX;
use pirushka_wire::{
    Address, Frame, Frames, HomeAddress, HostPort, PeerAddress, RangeSet, Ranges, Reader, Root, dissect, plain,
};

use crate::script::Script;

/// A packet is its fields without gaps, and the fields make the packet again, junk included.
pub(crate) fn root(input: &[u8]) {
    let Ok(root) = Root::decode(input) else { return assert!(dissect::fields(input).is_err()) };
    let fields = dissect::fields(input).expect("what decodes has fields");
    let end = fields.iter().fold(0, |at, field| {
        assert_eq!(field.bytes.start, at, "a gap before {}", field.name);
        field.bytes.end
    });
    assert_eq!(end, input.len());
    let mut again = vec![];
    match Root::shift_of(input) {
        None => root.encode(&mut again),
        Some(shift) => {
            let mut junk = fields.iter().filter(|field| field.name == "shift").map(|field| field.bytes.clone());
            let mut fill = |gap: &mut [u8]| {
                if !gap.is_empty() {
                    gap.copy_from_slice(&input[junk.next().expect("as many gaps as before")]);
                }
            };
            root.encode_shifted(shift, &mut fill, &mut again).expect("it fitted before");
        }
    }
    assert_eq!(again, input);
}

/// Payloads of the handshake and of the plain profile: those that may be padded stand at the front, the others alone.
pub(crate) fn payloads(input: &[u8]) {
    let mut again = vec![];
    if let Ok(hello) = Hello::decode(input) {
        hello.encode(&mut again);
        assert!(input.starts_with(&again), "{hello:?}");
    }
    again.clear();
    if let Ok(retry) = Retry::decode(input) {
        retry.encode(&mut again);
        assert!(input.starts_with(&again), "{retry:?}");
    }
    again.clear();
    if let Ok(ack) = HelloAck::decode(input) {
        ack.encode(&mut again);
        assert_eq!(again, input);
    }
    again.clear();
    if let Ok(welcome) = Welcome::decode(input) {
        welcome.encode(&mut again);
        assert_eq!(Welcome::decode(&again), Ok(welcome));
    }
    again.clear();
    if let Ok(certificate) = plain::decode_register(input) {
        plain::encode_register(certificate, &mut again);
        assert_eq!(again, input);
    }
    again.clear();
    if let Ok((challenge, certificate)) = plain::decode_response(input) {
        plain::encode_response(&challenge, certificate, &mut again);
        assert_eq!(again, input);
    }
}

/// Each known frame is written as it came; what an unknown one holds is skipped by its length.
pub(crate) fn frames(input: &[u8]) {
    let (mut at, mut known, mut list) = (0, vec![], vec![]);
    for frame in Frames::new(input) {
        at += input[at..].iter().take_while(|byte| **byte == 0).count();
        let Ok(frame) = frame else { break };
        let length = usize::from(u16::from_be_bytes([input[at + 1], input[at + 2]]));
        let bytes = &input[at..at + 3 + length];
        at += bytes.len();
        assert_eq!(frame.kind(), bytes[0]);
        if matches!(frame, Frame::Unknown { .. }) {
            continue;
        }
        let before = known.len();
        frame.encode(&mut known);
        assert_eq!(known[before..], *bytes, "{frame:?}");
        if let Frame::Ok { requests: ranges } | Frame::Ack { deliveries: ranges, .. } = frame {
            assert!(ranges.iter().all(|(first, last)| first <= last));
        }
        list.push(frame);
    }
    let again: Result<Vec<_>, _> = Frames::new(&known).collect();
    assert_eq!(again.as_deref(), Ok(&list[..]));
}

/// A set of numbers against the plain list of what was put into it, close to both ends of what a `u64` holds.
pub(crate) fn ranges(input: &[u8]) {
    let mut script = Script::new(input);
    let (mut set, mut put) = (RangeSet::new(), Vec::<(u64, u64)>::new());
    let number = |script: &mut Script<'_>| match script.u8() % 4 {
        0 => u64::MAX - u64::from(script.u8()),
        1 => u64::from(u32::MAX) - 100 + u64::from(script.u8()),
        _ => u64::from(script.u8()),
    };
    while !script.is_over() && put.len() < 200 {
        let first = number(&mut script);
        if script.flag() {
            let is_new = !put.iter().any(|(a, b)| (*a..=*b).contains(&first));
            assert_eq!(set.insert(first), is_new);
            put.push((first, first));
        } else {
            let last = number(&mut script);
            set.insert_range(first, last);
            put.extend((first <= last).then_some((first, last)));
        }
    }
    let listed: Vec<_> = set.iter().collect();
    assert!(listed.iter().all(|(first, last)| first <= last));
    assert!(listed.iter().zip(listed.iter().skip(1)).all(|(a, b)| a.1 < b.0 && a.1 + 1 != b.0), "{listed:?}");
    let ends = put.iter().flat_map(|(a, b)| [*a, *b, a.wrapping_sub(1), b.wrapping_add(1)]);
    for n in ends.collect::<BTreeSet<_>>() {
        assert_eq!(set.contains(n), put.iter().any(|(a, b)| (*a..=*b).contains(&n)), "{n}");
    }
    let mut bytes = vec![];
    set.encode(&mut bytes);
    let back = Ranges::decode(&mut Reader::new(&bytes)).expect("what is encoded decodes");
    assert!(back.iter().all(|(first, last)| set.contains(first) && set.contains(last)));
    let pieces: u128 = listed.iter().map(|(a, b)| (u128::from(b - a) + 1).div_ceil(u128::from(u32::MAX))).sum();
    if pieces <= RANGES_MAX as u128 {
        let mut joined = RangeSet::new();
        back.iter().for_each(|(first, last)| joined.insert_range(first, last));
        assert_eq!(joined, set);
    }
    let kept = usize::from(script.u8());
    set.keep_highest(kept);
    assert_eq!(set.iter().collect::<Vec<_>>(), listed[listed.len().saturating_sub(kept)..]);
}

/// Addresses are shown in one way, and what is shown reads back as the same.
pub(crate) fn address(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    if let Ok(address) = text.parse::<Address>() {
        let shown = address.to_string();
        assert_eq!(shown.parse().as_ref(), Ok(&address));
        assert_eq!(address.to_link().parse().as_ref(), Ok(&address));
        assert_eq!(shown, shown.to_lowercase());
        assert!(shown.contains(&address.fingerprint.to_hex()), "never shortened");
        if let Some(peer) = address.peer() {
            assert_eq!(peer.to_string().parse(), Ok(peer));
        }
    }
    let home = text.parse::<HomeAddress>();
    let peer = text.parse::<PeerAddress>();
    if let Ok(home) = &home {
        assert_eq!(home.to_string().parse().as_ref(), Ok(home));
        assert_eq!(peer.is_ok(), home.invite.is_none(), "a secret gets into no address that others see");
        assert!(text.parse::<HostPort>().is_ok());
        assert!(text.parse::<Address>().is_err(), "a peer is no person");
    }
    if let Ok(peer) = peer {
        assert_eq!(home, Ok(peer.into()));
    }
    if let Ok(place) = text.parse::<HostPort>() {
        assert_eq!(place.to_string().parse(), Ok(place));
    }
}
