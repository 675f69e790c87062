//! The account over all memory that strangers can make the peer use: one number against one cap.
//!
//! What is counted is what things take, container by container. Beside it stands what the process takes without them
//! (the program, its buffers, tables of fixed size), which the shell measures; and when the process nevertheless grows
//! beyond the cap, because freed memory lies in pieces that nothing fits, the difference stands beside it too, until it
//! is gone: whatever happens, the process does not grow further.

use pirushka_wire::planted::{self, Bug};

/// Bytes charged against the operator's `ram_bytes`.
#[derive(Debug)]
pub(crate) struct Ledger {
    cap: u64,
    used: u64,
    /// What the process takes with nothing held; 0 when nobody measures.
    base: u64,
    /// What it takes beyond `base` and `used` while it is above the cap.
    beyond: u64,
    /// Of `used`, what sessions take.
    sessions: u64,
    /// Kept free for sessions, as far as sessions do not use it.
    share: u64,
}

impl Ledger {
    pub(crate) fn new(cap: u64) -> Self {
        Self { cap, used: 0, base: 0, beyond: 0, sessions: 0, share: 0 }
    }

    pub(crate) fn used(&self) -> u64 {
        self.used
    }

    pub(crate) fn cap(&self) -> u64 {
        self.cap
    }

    /// Another cap; below what is used nothing new fits until enough has gone.
    pub(crate) fn set_cap(&mut self, cap: u64) {
        self.cap = cap;
    }

    /// What the process takes beside what is counted here.
    pub(crate) fn beside(&self) -> u64 {
        self.base + self.beyond
    }

    /// The process takes so much in all. The first measure, with nothing held, says what it takes anyway.
    pub(crate) fn measured(&mut self, resident: u64) {
        let beside = resident.saturating_sub(self.used);
        if self.base == 0 {
            self.base = beside;
        }
        self.beyond = if resident > self.cap { beside.saturating_sub(self.base) } else { 0 };
    }

    /// Whether `more` bytes would leave the account within `percent` of the cap.
    pub(crate) fn fits(&self, more: u64, percent: u64) -> bool {
        self.taken().saturating_add(more) <= self.part(percent)
    }

    /// So much of the cap, in percent.
    fn part(&self, percent: u64) -> u64 {
        self.cap / 100 * percent + self.cap % 100 * percent / 100
    }

    fn taken(&self) -> u64 {
        self.used + self.beside() + self.share
    }

    /// How much of the cap is taken, in percent, as [`Self::fits`] has it.
    pub(crate) fn percent(&self) -> u64 {
        self.taken().saturating_mul(100) / self.cap.max(1)
    }

    /// As [`Self::fits`], for what may use the share.
    pub(crate) fn fits_in_share(&self, more: u64, percent: u64) -> bool {
        more <= self.room_in_share(percent)
    }

    /// The most that fits so.
    pub(crate) fn room_in_share(&self, percent: u64) -> u64 {
        self.share + self.part(percent).saturating_sub(self.taken())
    }

    /// As [`Self::settle`], for sessions, which use their share first. `share` = all of it.
    pub(crate) fn settle_in_share(&mut self, charged: &mut u64, takes: u64, share: u64) {
        self.sessions = self.sessions - *charged + takes;
        self.settle(charged, takes);
        self.share = share.saturating_sub(self.sessions);
    }

    /// Replaces what one holder was charged by what it takes now.
    pub(crate) fn settle(&mut self, charged: &mut u64, takes: u64) {
        let takes = match takes.cmp(charged) {
            std::cmp::Ordering::Less if planted::is(Bug::MemoryNotReleased) => *charged,
            std::cmp::Ordering::Greater if planted::is(Bug::MemoryNotCounted) => *charged,
            _ => takes,
        };
        self.used = self.used - *charged + takes;
        *charged = takes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_account_is_the_sum_of_what_its_holders_take() {
        let mut ledger = Ledger::new(1000);
        let (mut a, mut b) = (0, 0);
        ledger.settle(&mut a, 300);
        ledger.settle(&mut b, 400);
        ledger.settle(&mut a, 100);
        assert_eq!((ledger.used(), a, b), (500, 100, 400));
        assert!(ledger.fits(300, 80) && !ledger.fits(301, 80));
        assert!(!ledger.fits(u64::MAX, 100));
    }

    #[test]
    fn sessions_use_their_share_and_others_do_not() {
        let mut ledger = Ledger::new(1000);
        let (mut sessions, mut messages) = (0, 0);
        ledger.settle_in_share(&mut sessions, 0, 100);
        assert!(ledger.fits(900, 100) && !ledger.fits(901, 100));
        ledger.settle(&mut messages, 900);
        assert!(!ledger.fits(1, 100) && ledger.fits_in_share(100, 100) && !ledger.fits_in_share(101, 100));
        ledger.settle_in_share(&mut sessions, 60, 100);
        assert!(!ledger.fits(1, 100) && ledger.fits_in_share(40, 100) && !ledger.fits_in_share(41, 100));
        ledger.settle(&mut messages, 500);
        ledger.settle_in_share(&mut sessions, 300, 100);
        assert_eq!(ledger.used(), 800);
        assert!(ledger.fits(200, 100) && !ledger.fits(201, 100));
    }

    #[test]
    fn a_process_that_is_too_large_takes_nothing_until_it_is_smaller() {
        let mut ledger = Ledger::new(1000);
        ledger.measured(100);
        let mut held = 0;
        ledger.settle(&mut held, 600);
        ledger.measured(950);
        assert!(ledger.fits(300, 100), "freed memory that is used again does not count");
        ledger.measured(1010);
        assert!(!ledger.fits(0, 100));
        ledger.settle(&mut held, 500);
        assert!(ledger.fits(90, 100) && !ledger.fits(91, 100), "what was freed may be used again");
        ledger.measured(1000);
        assert!(ledger.fits(400, 100));
    }
}
