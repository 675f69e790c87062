//! Random seeds with all invariants: as many as fit the suite. `PIRUSHKA_SIM_SEEDS` multiplies their number.

use pirushka_sim::random;

fn times() -> u64 {
    std::env::var("PIRUSHKA_SIM_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(1)
}

#[test]
fn no_seed_breaks_a_rule_of_link_and_peer() {
    for seed in 0..40 * times() {
        let outcome = random::run_raw(seed, false);
        assert!(outcome.violations.is_empty(), "seed {seed}: {:?}", outcome.violations);
    }
}

#[test]
fn one_seed_is_one_run() {
    for seed in [3, 64] {
        assert_eq!(random::run_raw(seed, false), random::run_raw(seed, false));
    }
}
