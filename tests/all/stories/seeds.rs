//! Random seeds with all invariants: as many as fit the suite. `PIRUSHKA_SIM_SEEDS` multiplies their number.

use pirushka_sim::random::{Gear, run};

fn times() -> u64 {
    std::env::var("PIRUSHKA_SIM_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(1)
}

#[test]
fn no_seed_breaks_a_rule_of_link_and_peer() {
    for seed in 0..40 * times() {
        let outcome = run(Gear::Raw, seed, false);
        assert!(outcome.violations.is_empty(), "seed {seed}: {:?}", outcome.violations);
    }
}

#[test]
fn one_seed_is_one_run() {
    for seed in [3, 64] {
        assert_eq!(run(Gear::Raw, seed, false), run(Gear::Raw, seed, false));
    }
}

#[test]
fn no_seed_breaks_a_rule_of_the_whole_messenger() {
    for seed in 1_000..1_000 + 60 * times() {
        let outcome = run(Gear::Real, seed, false);
        assert!(outcome.violations.is_empty(), "seed {seed}: {:?}", outcome.violations);
    }
}

#[test]
fn one_seed_is_one_run_with_real_encryption() {
    for seed in [24, 64] {
        assert_eq!(run(Gear::Real, seed, false), run(Gear::Real, seed, false));
    }
}
