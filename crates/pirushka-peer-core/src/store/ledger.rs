//! The account over all memory that strangers can make the peer use: one number against one cap.

/// Bytes charged against the operator's `ram_bytes`.
#[derive(Debug)]
pub(crate) struct Ledger {
    cap: u64,
    used: u64,
}

impl Ledger {
    pub(crate) fn new(cap: u64) -> Self {
        Self { cap, used: 0 }
    }

    pub(crate) fn used(&self) -> u64 {
        self.used
    }

    pub(crate) fn cap(&self) -> u64 {
        self.cap
    }

    /// Whether `more` bytes would leave the account within `percent` of the cap.
    pub(crate) fn fits(&self, more: u64, percent: u64) -> bool {
        u128::from(self.used) + u128::from(more) <= u128::from(self.cap) * u128::from(percent) / 100
    }

    /// Replaces what one holder was charged by what it takes now.
    pub(crate) fn settle(&mut self, charged: &mut u64, takes: u64) {
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
}
