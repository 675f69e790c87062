//! Processes that are killed at random moments, and files as a power cut leaves them.
//!
//! | file | what |
//! |---|---|
//! | `model` | seeded steps of a writer, and what the store should hold after each |
//! | `victim` | the process that is killed: this test program, started again with a task |
//! | `commits` | a writer that is killed anywhere within a commit, a checkpoint, an opening |
//! | `profiles` | making, salvaging, backing up, restoring, migrating and removing, killed anywhere |
//! | `torn` | database files cut, or written in part |
//!
//! `PIRUSHKA_CRASH_TIMES=n` does everything n times as often, and `PIRUSHKA_CRASH_SEED` begins at another seed;
//! without them a run is short and always of the same seeds. The moment of a kill is the machine's, so that a seed replays the
//! steps and not the kill.

mod commits;
mod model;
mod profiles;
mod torn;
mod victim;

/// So many rounds in an ordinary run, more in a long one.
fn rounds(ordinary: u64) -> u64 {
    ordinary * number("PIRUSHKA_CRASH_TIMES", 1)
}

/// As many seeds.
fn seeds(ordinary: u64) -> std::ops::Range<u64> {
    first_seed()..first_seed() + rounds(ordinary)
}

fn first_seed() -> u64 {
    number("PIRUSHKA_CRASH_SEED", 0)
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}
