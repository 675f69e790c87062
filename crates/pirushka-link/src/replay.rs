//! The replay window: which packet numbers have been believed. 256 of them, marked only once the tag has verified.

const WORDS: usize = 4;
const WIDTH: u64 = 64 * WORDS as u64;

/// A sliding window over packet numbers. Number `n` is bit `n % 256`; bits above the highest are zero.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ReplayWindow {
    highest: u64,
    seen: [u64; WORDS],
}

impl ReplayWindow {
    /// The highest number marked so far; 0 = none.
    pub(crate) fn highest(&self) -> u64 {
        self.highest
    }

    /// Whether the number may still be believed. 0 never is.
    pub(crate) fn is_fresh(&self, n: u64) -> bool {
        if n > self.highest {
            return true;
        }
        n != 0 && self.highest - n < WIDTH && self.seen[word(n)] & bit(n) == 0
    }

    /// Marks a number as seen.
    pub(crate) fn mark(&mut self, n: u64) {
        if n > self.highest {
            self.slide_to(n);
        }
        if self.highest - n < WIDTH {
            self.seen[word(n)] |= bit(n);
        }
    }

    fn slide_to(&mut self, n: u64) {
        if n - self.highest >= WIDTH {
            self.seen = [0; WORDS];
        } else {
            for m in self.highest + 1..=n {
                self.seen[word(m)] &= !bit(m);
            }
        }
        self.highest = n;
    }
}

fn word(n: u64) -> usize {
    (n / 64 % WORDS as u64) as usize
}

fn bit(n: u64) -> u64 {
    1 << (n % 64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn the_window_agrees_with_a_plain_set_of_numbers(
            steps in prop::collection::vec(prop_oneof![0u64..40, 0u64..600, Just(5_000u64)], 1..300)
        ) {
            let (mut window, mut model, mut base) = (ReplayWindow::default(), BTreeSet::new(), 300u64);
            for step in steps {
                let n = if step % 3 == 0 { base.saturating_sub(step) } else { base + step };
                base = base.max(n);
                let highest = model.last().copied().unwrap_or(0);
                let fresh = n != 0 && (n > highest || (highest - n < 256 && !model.contains(&n)));
                prop_assert_eq!(window.is_fresh(n), fresh, "number {}", n);
                if fresh {
                    window.mark(n);
                    model.insert(n);
                }
            }
        }
    }
}
