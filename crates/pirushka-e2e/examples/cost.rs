//! What end-to-end encryption costs: `cargo run -p pirushka-e2e --example cost`.
//!
//! Prints sizes, times per operation (median of several hundred), and what each operation writes to disk.

use std::time::{Duration, Instant};

use pirushka_e2e::{KeyPackages, RowWrites, Session, envelope};
use pirushka_identity::Identity;
use pirushka_wire::QueueId;
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

const NOW_S: u64 = 1_800_000_000;
const ROUNDS: usize = 200;

struct Figures(Vec<Duration>, RowWrites);

impl Figures {
    fn print(mut self, what: &str, size: Option<usize>) {
        self.0.sort();
        let bytes: usize = self.1.iter().map(|(_, value)| value.as_ref().map_or(0, Vec::len)).sum();
        let size = size.map_or(String::new(), |size| format!("{size} B"));
        println!("{what:<22} {:>9.1?} {size:>8}   {} rows, {bytes} B", self.0[self.0.len() / 2], self.1.len());
    }
}

/// The example is no core: here a clock may be read.
#[allow(clippy::disallowed_methods)]
fn timed<T>(times: &mut Vec<Duration>, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let out = work();
    times.push(start.elapsed());
    out
}

fn main() {
    let rng = &mut ChaCha20Rng::from_seed([1; 32]);
    let (alice, bob) = (Identity::generate(rng), Identity::generate(rng));
    let mut t: [Vec<Duration>; 8] = Default::default();
    let mut w: [RowWrites; 8] = Default::default();
    let mut sizes = [0; 8];

    for _ in 0..ROUNDS {
        let mut packages = KeyPackages::new();
        let package = timed(&mut t[0], || packages.publish(&bob, rng, NOW_S, 0)).unwrap().last_resort;
        w[0] = packages.take_writes();
        let begun = timed(&mut t[1], || Session::initiate(&alice, rng, bob.certificate(), &package, 1));
        let (mut a, welcome) = begun.unwrap();
        w[1] = a.take_writes();
        let mut b = timed(&mut t[2], || Session::join(&bob, &mut packages, &welcome, NOW_S)).unwrap().session;
        w[2] = b.take_writes();
        let commit = timed(&mut t[3], || b.commit(&bob, rng)).unwrap();
        w[3] = b.take_writes();
        timed(&mut t[4], || a.open(&commit)).unwrap();
        w[4] = a.take_writes();
        let message = timed(&mut t[5], || a.encrypt(&alice, rng, &[b'x'; 100])).unwrap().bytes;
        w[5] = a.take_writes();
        timed(&mut t[6], || b.open(&message)).unwrap();
        w[6] = b.take_writes();
        let (queue, key) = (QueueId([1; 16]), [2; 32]);
        timed(&mut t[7], || {
            let sealed = envelope::seal_parts(&queue, &key, envelope::kind::MLS, &message, rng).unwrap();
            envelope::open(&queue, &key, &sealed[0]).unwrap()
        });
        sizes = [package.len(), welcome.len(), 0, commit.len(), 0, message.len(), 0, 320];
    }

    let names = [
        "key package",
        "initiate",
        "join",
        "commit",
        "open a commit",
        "encrypt 100 B",
        "open a message",
        "envelope, both ways",
    ];
    for (((name, times), writes), size) in names.into_iter().zip(t).zip(w).zip(sizes) {
        Figures(times, writes).print(name, (size > 0).then_some(size));
    }
}
