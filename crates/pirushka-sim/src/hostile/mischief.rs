//! What a hostile peer does beside, or in the place of, what it should.

use pirushka_wire::time::{DAY, HOUR, MINUTE, SECOND};

use crate::rand::Rand;

/// Each field is one way to cheat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mischief {
    /// Says OK to every so-many-th message and forgets it for ever; 1 is every one, 0 none.
    pub forgets_every: u64,
    /// So many percent of its OKs are never said.
    pub silent_percent: u64,
    /// Acknowledgements are not taken notice of: everything is pushed without end.
    pub deaf: bool,
    /// Each message is held back for up to so long, each for another time.
    pub delays_us: u64,
    /// Everything that it ever took is pushed again so long after; 0 never.
    pub again_after_us: u64,
    /// What is pushed again goes into any queue of anybody.
    pub to_the_wrong: bool,
    /// So many percent of what is pushed has a byte changed; the true one comes too.
    pub alters_percent: u64,
    /// So many percent of deposits are refused, for any reason and any time.
    pub refuses_percent: u64,
    /// What it hands out to those who look somebody up.
    pub bundles: Bundles,
    /// Claims so often to have been restarted; 0 never.
    pub restarts_every_us: u64,
    /// Its tickets are good for nothing, and none is accepted.
    pub bad_tickets: bool,
    /// How long it says that it holds messages (s).
    pub hold_s: Option<u32>,
    /// Tells everybody who registers that another copy of the profile is in use.
    pub supersedes: bool,
    /// Answers POLL with numbers out of the air.
    pub invents_status: bool,
}

/// What becomes of bundles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Bundles {
    /// The newest; one-time packages once.
    #[default]
    True,
    /// Nobody is known.
    Withheld,
    /// The first that the person ever published.
    Oldest,
    /// Somebody else's.
    Swapped,
    /// The person's CARD with somebody else's package.
    Mixed,
    /// A byte is changed, each time another.
    Altered,
    /// The truth to some, nothing to others.
    ByTurns,
    /// The same one-time package to everybody.
    OneForAll,
}

impl Mischief {
    /// No cheating at all.
    pub const NONE: Self = Self {
        forgets_every: 0,
        silent_percent: 0,
        deaf: false,
        delays_us: 0,
        again_after_us: 0,
        to_the_wrong: false,
        alters_percent: 0,
        refuses_percent: 0,
        bundles: Bundles::True,
        restarts_every_us: 0,
        bad_tickets: false,
        hold_s: None,
        supersedes: false,
        invents_status: false,
    };

    /// A few kinds at once, of those that heal within hours. (Whoever is given a key package that was used up tries
    /// anew after a day.)
    #[must_use]
    pub fn of(rand: &mut Rand) -> Self {
        let mut mischief = Self::NONE;
        for _ in 0..rand.between(1, 5) {
            mischief.add(rand);
        }
        mischief
    }

    fn add(&mut self, rand: &mut Rand) {
        match rand.below(14) {
            0 => self.forgets_every = rand.between(1, 6),
            1 => self.silent_percent = *rand.pick(&[20, 60, 100]),
            2 => self.deaf = true,
            3 => self.delays_us = *rand.pick(&[SECOND, 20 * SECOND, 2 * MINUTE]),
            4 => self.again_after_us = *rand.pick(&[SECOND, MINUTE, HOUR, 7 * DAY]),
            5 => {
                self.again_after_us = rand.between(1, 30) * SECOND;
                self.to_the_wrong = true;
            }
            6 => self.alters_percent = *rand.pick(&[10, 100]),
            7 => self.refuses_percent = *rand.pick(&[20, 60, 100]),
            8 | 9 => {
                self.bundles = *rand.pick(&[
                    Bundles::Withheld,
                    Bundles::Oldest,
                    Bundles::Swapped,
                    Bundles::Mixed,
                    Bundles::Altered,
                    Bundles::ByTurns,
                ]);
            }
            10 => self.restarts_every_us = rand.between(2, 60) * SECOND,
            11 => self.bad_tickets = true,
            12 => self.hold_s = Some(*rand.pick(&[0, 1, 60, u32::MAX])),
            _ => {
                self.supersedes = rand.percent(50);
                self.invents_status = true;
            }
        }
    }
}
