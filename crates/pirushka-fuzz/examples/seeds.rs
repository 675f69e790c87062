//! Writes what real encoders make into the corpora of the targets that read their input as it is:
//! `cargo run --release -p pirushka-fuzz --example seeds`. Everything is derived from constants.

use std::path::Path;

use pirushka_e2e::bundle::{Bundle, LookedUp};
use pirushka_e2e::content::{Body, Content, Expire, Hello, HomesNews, Profile, QueueGrant, Receipts, Text, TicketData};
use pirushka_e2e::intro::Intro;
use pirushka_e2e::sas::Verification;
use pirushka_identity::{Identity, IntroPolicy};
use pirushka_wire::handshake::{Hello as LinkHello, HelloAck, Retry, Terms, Welcome};
use pirushka_wire::plain::{Challenge, encode_register, encode_response};
use pirushka_wire::root::kind;
use pirushka_wire::{
    BootId, DeliveryId, Deposit, DepositId, Fingerprint, Frame, Incarnation, InstanceId, IntroId, IntroToken,
    InviteSecret, ObjectId, Params, PathData, PeerAddress, PeerId, QueueId, QueueSecret, RangeSet, Ranges, Reader,
    RequestId, Root, SessionId, Signature, WorkNonce,
};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

fn main() {
    let person = Identity::generate(&mut ChaCha20Rng::from_seed([1; 32]));
    write("root", roots(&person));
    write("payloads", payloads(&person));
    write("frames", frames(&person));
    write("address", addresses());
    write("certificate", vec![[&[0], person.certificate().der()].concat()]);
    write("content", contents(&person));
    write("intro", intros(&person));
    write("sas", vec![Verification::new(Fingerprint([1; 32]), Fingerprint([2; 32]), 1).to_bytes()]);
    write("settings", vec![pirushka_client::settings::example().replace("\n# ", "\n").into_bytes(), settings()]);
    write("peer_config", vec![peer_config()]);
}

fn write(target: &str, seeds: Vec<Vec<u8>>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    std::fs::create_dir_all(&folder).expect("a folder");
    for (n, seed) in seeds.iter().enumerate() {
        std::fs::write(folder.join(format!("seed-{n:02}")), seed).expect("a file");
    }
}

fn roots(person: &Identity) -> Vec<Vec<u8>> {
    let (register, challenge) = (person.plain_register(1_800_000_000), Challenge([3; 32]));
    let response = person.plain_response(&challenge, 1_800_000_000);
    let bare = Root {
        params: Params::TO_PEER,
        kind: kind::KEEPALIVE,
        signature: Signature::Absent,
        timestamp: 5,
        payload: b"",
    };
    let tagged = Root { signature: Signature::Tag(&[1; 16]), kind: kind::HELLO, payload: &[2; 80], ..bare };
    let asked = Root { params: Params::FROM_PEER, kind: kind::CHALLENGE, payload: &[3; 32], ..bare };
    let mut seeds = vec![];
    for root in [register.root(), response.root(), bare, tagged, asked] {
        let (mut plain, mut shifted) = (vec![], vec![]);
        root.encode(&mut plain);
        root.encode_shifted(3, &mut |gap| gap.fill(9), &mut shifted).expect("it fits");
        seeds.extend([plain, shifted]);
    }
    seeds
}

fn payloads(person: &Identity) -> Vec<Vec<u8>> {
    let mut seeds = vec![vec![]; 7];
    let client_session = SessionId([1; 8]);
    let hello = LinkHello { version: 1, flags: 0, client_session, cookie: None, noise: &[2; 48] };
    hello.encode(&mut seeds[0]);
    LinkHello { cookie: Some(&[3; 24]), ..hello }.encode(&mut seeds[1]);
    Retry { client_session, cookie: &[3; 24] }.encode(&mut seeds[2]);
    HelloAck { client_session, noise: &[4; 116] }.encode(&mut seeds[3]);
    let observed = "192.0.2.7:4000".parse().expect("an address");
    let (peer_session, boot, terms) = (SessionId([5; 8]), BootId([6; 8]), Terms::default());
    Welcome { peer_session, boot, observed, reset_token: [7; 16], terms }.encode(&mut seeds[4]);
    encode_register(person.certificate().der(), &mut seeds[5]);
    encode_response(&Challenge([8; 32]), person.certificate().der(), &mut seeds[6]);
    seeds
}

/// One of each.
fn frames(person: &Identity) -> Vec<Vec<u8>> {
    let mut bytes = vec![];
    RangeSet::from_iter([1, 2, 3, 7]).encode(&mut bytes);
    let ranges = Ranges::decode(&mut Reader::new(&bytes)).expect("ranges");
    let (request, queue, object) = (RequestId(7), QueueId([1; 16]), ObjectId(9));
    let (fingerprint, hash, mac, part) = (person.fingerprint(), [2; 32], [3; 16], &[4; 20][..]);
    let (quota_kib, expiry) = (64, 1_900_000_000);
    let root = person.register_packet(PeerId([5; 32]), &[6; 32], 1_800_000_000);
    let contact = Deposit::Contact {
        queue,
        secret: QueueSecret([7; 16]),
        deposit: DepositId([8; 16]),
        flags: 1,
        envelope: &[9; 320],
    };
    let intro = Deposit::Intro {
        fingerprint,
        intro: IntroId([1; 16]),
        parts: 2,
        index: 1,
        token: IntroToken([2; 16]),
        work: WorkNonce(3),
        part,
    };
    let all = [
        Frame::Ok { requests: ranges },
        Frame::Register {
            request,
            instance: InstanceId([1; 16]),
            invite: InviteSecret([2; 15]),
            work: WorkNonce(4),
            root: &root,
        },
        Frame::Error { request, code: 4, retry_after_ms: 500 },
        Frame::Poll { request },
        Frame::Deposit { request, deposit: contact },
        Frame::Deposit { request, deposit: intro },
        Frame::Push { delivery: DeliveryId(5), class: 0, queue, body: part },
        Frame::Ack { incarnation: Incarnation([6; 8]), deliveries: ranges },
        Frame::Mailbox { request, incarnation: Incarnation([6; 8]) },
        Frame::Status { request, boot: BootId([7; 8]), messages: 8, bytes: 9, oldest_s: 10 },
        Frame::Lookup { request, fingerprint },
        Frame::Fetch { request, object, offset: 1024 },
        Frame::Body { request, object, offset: 0, total: 20, part },
        Frame::Put { request, object, offset: 0, total: 20, kind: 1, part },
        Frame::QueueSet { request, queue, secret_hash: hash, quota_kib },
        Frame::QueueDrop { request, queue },
        Frame::QueueRestore { request, fingerprint, queue, secret_hash: hash, quota_kib, expiry, mac },
        Frame::ListEnd { request },
        Frame::TokenSet { request, token_hash: hash, uses: 3, expiry },
        Frame::TokenDrop { request, token_hash: hash },
        Frame::PathChallenge { data: PathData([1; 8]) },
        Frame::PathResponse { data: PathData([1; 8]) },
        Frame::Superseded,
        Frame::Close,
        Frame::Later { request, delay_s: 60 },
        Frame::Ticket { request, quota_kib, expiry, mac },
        Frame::IntroPolicy { request, policy: 20 },
    ];
    let encoded = |frames: &[Frame<'_>]| {
        let mut out = vec![];
        frames.iter().for_each(|frame| frame.encode(&mut out));
        out.extend([0, 0, 200, 0, 2, 1, 2]);
        out
    };
    all.chunks(4).map(encoded).collect()
}

fn addresses() -> Vec<Vec<u8>> {
    let (hex, key) = ("a4".repeat(32), PeerId([7; 32]).to_base32());
    let (token, invite) = ("bcqvcbqiaqdqkcqjbcqvcbqiaq", "aebagbafaydqqcikbmga2dqp");
    [
        format!("peer.example/{hex}"),
        format!("pirushka://peer.example:99/{hex}?k={key}&t={token}"),
        format!("[2001:db8::1]:99?k={key}"),
        format!("192.0.2.1?k={key}&i={invite}"),
        format!("xn--per-hlc.example?k={key}"),
    ]
    .map(String::into_bytes)
    .into()
}

fn peer(n: u8) -> PeerAddress {
    PeerAddress { host: format!("peer-{n}.example").parse().expect("a host"), port: 7117, peer_id: PeerId([n; 32]) }
}

fn contents(person: &Identity) -> Vec<Vec<u8>> {
    let ticket = Some(TicketData { quota_kib: 64, expiry: 1_900_000_000, mac: [1; 16] });
    let grant = |n| QueueGrant {
        peer: peer(n),
        queue: QueueId([n; 16]),
        secret: QueueSecret([2; 16]),
        seal_key: [3; 32],
        ticket,
    };
    let card = person.sign_card(vec![peer(1), peer(2)], IntroPolicy::Token, 1, 1_900_000_000).encode();
    let sas = Verification::new(Fingerprint([1; 32]), Fingerprint([2; 32]), 0)
        .start(&mut ChaCha20Rng::from_seed([4; 32]))
        .expect("the first run");
    let hello = Hello {
        card: card.clone(),
        grant: Some(grant(1)),
        name: "alice".into(),
        sas: Some(sas),
        token: Some(IntroToken([5; 16])),
        text: Some("hello".into()),
        more_grants: vec![grant(2)],
    };
    let receipts = Receipts { delivered: [1, 2, 3, 9].into_iter().collect(), read: [1].into_iter().collect() };
    let bodies = [
        Body::Receipt,
        Body::Text(Text { text: "hello".into(), reply_to: Some([6; 16]), expire_s: Some(60) }),
        Body::Hello(Box::new(hello)),
        Body::Grant(grant(1)),
        Body::Card(HomesNews { card, grants: vec![grant(1), grant(2)] }),
        Body::Sas(sas),
        Body::OfferAgain,
        Body::PleaseCommit,
        Body::Profile(Profile { name: "alice".into() }),
        Body::Expire(Expire { after_s: 60, version: 2 }),
        Body::Unknown { kind: 99, raw: vec![0xa0] },
    ];
    let content = |(n, body)| {
        let (jump, receipts) = ((n == 1).then_some((5, 9)), (n % 2 == 0).then(|| receipts.clone()));
        let content = Content { id: [n as u8; 16], seq: n, jump, time_ms: 1_800_000_000_000, receipts, body };
        content.encode().expect("within the limits")
    };
    (0u64..).zip(bodies).map(content).collect()
}

fn intros(person: &Identity) -> Vec<Vec<u8>> {
    let card = person.sign_card(vec![peer(1)], IntroPolicy::Token, 1, 1_900_000_000).encode();
    let package = [7; 40];
    vec![
        Intro { welcome: vec![1; 60], first: vec![2; 30] }.encode().expect("short"),
        Bundle { card: &card, last_resort: &package, one_time: vec![&package, &[]] }.encode().expect("short"),
        LookedUp { card: &card, package: &package }.encode().expect("short"),
    ]
}

fn settings() -> Vec<u8> {
    b"# mine\nlanguage = \"ru\"\nsend_timeout = \"5m\"\nread_receipts = false\nengine_idle = 12.5\nkeepalive = '40s'\n"
        .to_vec()
}

fn peer_config() -> Vec<u8> {
    let loaded = pirushka_peer::config::parse(Path::new("pirushkad.toml"), "").expect("nothing is a configuration");
    let example = pirushka_peer::config::example(&loaded);
    // Every setting said, without the remarks.
    let is_said = |line: &&str| line.starts_with('[') || (line.starts_with('#') && !line.starts_with("# "));
    let lines: Vec<&str> = example.lines().filter(is_said).map(|line| line.trim_start_matches('#')).collect();
    (lines.join("\n") + "\n").into_bytes()
}
