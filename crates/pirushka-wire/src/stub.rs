//! Stand-ins for slow cryptography, for the simulator alone (`docs/TESTING.md`): with the feature `stub`, which no program
//! is built with, a thread can ask for signatures, key agreements and MLS that cost nothing and protect nothing.
//!
//! What stands in keeps the shape of the real thing: the same calls, lengths, order and refusals. Anybody could forge it;
//! what damages it by chance is found.

use std::cell::Cell;

thread_local! {
    static ON: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread uses stand-ins from here on. Keys and sessions of one kind mean nothing to the other.
pub fn set(on: bool) {
    ON.set(on);
}

/// Whether this thread uses stand-ins.
#[must_use]
pub fn is_on() -> bool {
    ON.get()
}
