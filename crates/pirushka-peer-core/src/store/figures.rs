//! Figures, on demand: `cargo test -p pirushka-peer-core --release figures -- --ignored --nocapture --test-threads 1`.

use pirushka_identity::Certificate;

use super::stories::{Desk, SECRET, person};
use super::*;
use pirushka_wire::{DepositId, Fingerprint, Incarnation};

/// Resident bytes of this process (Linux).
fn resident() -> f64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<f64>().ok()).unwrap_or_default() * 4096.0
}

fn unlimited() -> PeerConfig {
    PeerConfig {
        ram_bytes: 1 << 40,
        queue_messages: u16::MAX,
        queue_bytes: u32::MAX,
        user_bytes: u32::MAX,
        ..PeerConfig::default()
    }
}

#[test]
#[ignore = "prints figures"]
fn figures_bytes_per_idle_user() {
    let mut store = Desk::new(&unlimited()).store;
    let certificate: Certificate = person(1).certificate().clone();
    let now = Now { mono_us: 10_000_000, wall_ms: 0 };
    let before = resident();
    const USERS: u32 = 200_000;
    for n in 0..USERS {
        let mut name = [0; 32];
        name[..4].copy_from_slice(&n.to_be_bytes());
        let mut user = User::new(Fingerprint(name), now.mono_us, Incarnation([0; 8]), &store.config);
        user.certificate = Some(certificate.der().into());
        let id = store.registry.insert(user);
        let queue = QueueId(name[..16].try_into().unwrap());
        let setting = QueueSetting { queue, secret_hash: [0; 32], quota_kib: 0 };
        store.queue_set(now, id, 1, setting).unwrap();
        store.leave(now, id);
    }
    let bytes = (resident() - before) / f64::from(USERS);
    println!(
        "an idle user with one queue: {bytes:.0} B resident, {} B accounted",
        store.ledger.used() / u64::from(USERS)
    );
}

#[test]
#[ignore = "prints figures"]
fn figures_bytes_per_held_message() {
    let mut kept = vec![];
    for size in pirushka_wire::limits::ENVELOPES {
        kept.push(Desk::new(&unlimited()));
        let Some(desk) = kept.last_mut() else { continue };
        let users: Vec<_> = (1..=50).map(|seed| (seed, desk.register(&person(seed)))).collect();
        for (seed, user) in &users {
            desk.queue(*user, *seed);
        }
        let before = resident();
        const EACH: u32 = 4_000;
        for n in 0..EACH {
            for (queue, _) in &users {
                let mut id = [0; 16];
                id[..4].copy_from_slice(&n.to_be_bytes());
                let queue = QueueId([*queue; 16]);
                desk.store.deposit(desk.now, queue, &SECRET, DepositId(id), false, &vec![1; size]).unwrap();
            }
        }
        let bytes = (resident() - before) / f64::from(EACH) / users.len() as f64;
        println!(
            "a held envelope of {size}: {bytes:.0} B resident, {} B accounted",
            desk.store.ledger.used() / u64::from(EACH) / users.len() as u64
        );
    }
}
