//! The round trip time and the retransmission timeout made from it (RFC 6298 section 2, with a lower floor).

/// Before the first sample.
const RTO_INITIAL_US: u64 = 1_000_000;
/// RFC 6298 says 1 s; answers here are never delayed by the other side, so what QUIC stacks do is enough.
const RTO_MIN_US: u64 = 200_000;
/// Requests and pushes are repeated at least this often.
const RTO_MAX_US: u64 = 4_000_000;
/// So many answers to repeated things in a row end the backing off. A path that loses a fifth each way asks for more than
/// these between two measurements once in some thousands; one that has become longer than the timeout always does.
const UNMEASURED_MAX: u8 = 8;

/// Smoothed round trip and its variation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Rtt {
    smoothed_us: Option<u32>,
    variation_us: u32,
    backoff: u8,
    /// Answers to repeated things since the last sample.
    unmeasured: u8,
}

impl Rtt {
    /// A measured round trip. Also ends the backing off.
    pub(crate) fn sample(&mut self, us: u64) {
        let us = u32::try_from(us).unwrap_or(u32::MAX);
        match &mut self.smoothed_us {
            None => {
                self.smoothed_us = Some(us);
                self.variation_us = us / 2;
            }
            Some(smoothed) => {
                let error = smoothed.abs_diff(us);
                self.variation_us = ((3 * u64::from(self.variation_us) + u64::from(error)) / 4) as u32;
                *smoothed = ((7 * u64::from(*smoothed) + u64::from(us)) / 8) as u32;
            }
        }
        self.backoff = 0;
        self.unmeasured = 0;
    }

    /// Something that was sent more than once is answered. To which sending this is the answer is not known (Karn), so it
    /// measures nothing; but the path carries packets, and the backing off ends (RFC 9002 section 6.2.1). Not for ever:
    /// where the round trip has grown beyond the timeout, all is repeated until the backing off has gone far enough.
    pub(crate) fn answered_unmeasured(&mut self) {
        if self.unmeasured < UNMEASURED_MAX {
            self.unmeasured += 1;
            self.backoff = 0;
        }
    }

    /// The timeout passed without an answer: the next one is twice as long.
    pub(crate) fn back_off(&mut self) {
        self.backoff = (self.backoff + 1).min(8);
    }

    /// How often the timeout passed in a row.
    pub(crate) fn backoff(&self) -> u8 {
        self.backoff
    }

    /// Smoothed round trip, once there is a sample.
    pub(crate) fn smoothed_us(&self) -> Option<u64> {
        self.smoothed_us.map(u64::from)
    }

    /// How long to wait for an answer.
    pub(crate) fn rto_us(&self) -> u64 {
        let base = match self.smoothed_us {
            None => RTO_INITIAL_US,
            Some(smoothed) => u64::from(smoothed) + 4 * u64::from(self.variation_us),
        };
        (base.max(RTO_MIN_US) << self.backoff).min(RTO_MAX_US)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_timeout_follows_the_samples_doubles_when_unanswered_and_recovers() {
        let mut rtt = Rtt::default();
        assert_eq!(rtt.rto_us(), 1_000_000);
        rtt.sample(100_000);
        assert_eq!(rtt.rto_us(), 300_000);
        rtt.back_off();
        assert_eq!(rtt.rto_us(), 600_000);
        (0..10).for_each(|_| rtt.back_off());
        assert_eq!(rtt.rto_us(), 4_000_000);
        (0..50).for_each(|_| rtt.sample(100_000));
        assert_eq!(rtt.rto_us(), 200_000);
    }

    #[test]
    fn answers_that_measure_nothing_end_the_backing_off_but_not_for_ever() {
        let mut rtt = Rtt::default();
        rtt.sample(1_000);
        for _ in 0..UNMEASURED_MAX {
            (0..2).for_each(|_| rtt.back_off());
            rtt.answered_unmeasured();
            assert_eq!(rtt.rto_us(), 200_000);
        }
        // The round trip may have become longer than the timeout: without longer ones it would never be measured.
        (0..2).for_each(|_| rtt.back_off());
        rtt.answered_unmeasured();
        assert_eq!(rtt.rto_us(), 800_000);
        rtt.sample(1_000);
        rtt.back_off();
        rtt.answered_unmeasured();
        assert_eq!(rtt.rto_us(), 200_000);
    }
}
