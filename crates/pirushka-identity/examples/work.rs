//! What a try at proof of work costs here: `cargo run --release -p pirushka-identity --example work`.

#![allow(clippy::disallowed_methods, reason = "an example that measures needs a clock")]

use std::time::Instant;

use pirushka_identity::WorkClaim;
use pirushka_wire::{Fingerprint, IntroId};

fn main() {
    let claim = WorkClaim::introduction(&[1; 32], &Fingerprint([2; 32]), 8, &IntroId([3; 16]));
    let tries = 1 << 24;
    let begun = Instant::now();
    assert_eq!(claim.solve(64, 1, tries), None);
    let ns = begun.elapsed().as_nanos() as f64 / tries as f64;
    println!("one try: {ns:.0} ns");
    for bits in [16, 20, 22, 24, 26] {
        println!("{bits} bits: {:.2} s on average, on one core", ns * 2f64.powi(bits) / 1e9);
    }
}
