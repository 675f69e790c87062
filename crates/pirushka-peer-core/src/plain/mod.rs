//! The plain profile: the seed's own bare packets (facts 6 to 11, 18, 19), for study and for other implementations of
//! the seed. `spec/plain.md` is the text that this follows.
//!
//! | packet | from | answered by |
//! |---|---|---|
//! | REGISTER | client | OK at once; CHALLENGE, unless the address is proven already |
//! | RESPONSE | client | OK; from now on the address counts |
//! | KEEPALIVE | client | nothing |
//!
//! REGISTER is anybody's to repeat and its source anybody's to forge, so nothing is kept for it but that it was said.
//! The challenge comes back signed, with the certificate, from the address that it was sent to: only then there is an
//! entry. Who stands in this table gets no deliveries and never touches a user of the sealed link; this file knows
//! neither the link nor the store.
//!
//! What it costs is bounded in each direction: signatures checked per second, statements remembered, entries per prefix
//! and in all, answers waiting. No answer, and not both answers together, is larger than its question.

mod challenges;
mod checks;
mod config;
mod seen;
mod stats;
mod table;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::net::SocketAddr;

use pirushka_identity::{PlainError, fingerprint_of, verify_plain_register, verify_plain_response};
use pirushka_wire::plain::{decode_register, decode_response};
use pirushka_wire::root::kind;
use pirushka_wire::{Fingerprint, Now, Params, Root, Signature};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};

use crate::store::Source;
use challenges::Challenges;
use checks::Checks;
pub use config::PlainConfig;
use seen::{Novelty, Seen, Statement, TOLERANCE_S};
pub use stats::{PlainDrop, PlainStats};
use table::Table;

/// Answers that wait to be sent at most; they are sent after each batch of receiving.
const ANSWERS_MAX: usize = 1024;
/// The longest shifts of an answer. So OK and CHALLENGE together stay below any REGISTER with shifts as long.
const SHIFT_MAX: u8 = 32;

/// All that a peer knows of the plain profile.
pub(crate) struct PlainPeer {
    source_key: [u8; 32],
    challenges: Challenges,
    checks: Checks,
    seen: Seen,
    table: Table,
    rng: ChaCha20Rng,
    answers: VecDeque<(SocketAddr, Vec<u8>)>,
    stats: PlainStats,
}

/// A packet, and what its answers depend on.
#[derive(Clone, Copy)]
struct Question<'a> {
    root: Root<'a>,
    remote: SocketAddr,
    source: Source,
    shift: Option<u8>,
    length: usize,
}

impl PlainPeer {
    /// Nobody registered; `seed` is all its randomness.
    pub(crate) fn new(config: &PlainConfig, seed: [u8; 32]) -> Self {
        let mut rng = ChaCha20Rng::from_seed(seed);
        let mut draw = || {
            let mut key = [0; 32];
            rng.fill_bytes(&mut key);
            key
        };
        Self {
            source_key: draw(),
            challenges: Challenges::new(draw()),
            checks: Checks::new(config.checks_per_s),
            seen: Seen::new(config.checks_per_s),
            table: Table::new(config),
            rng,
            answers: VecDeque::new(),
            stats: PlainStats::default(),
        }
    }

    /// Takes a datagram that is no packet of the link. `None`: it is none of the plain profile either.
    pub(crate) fn handle_datagram(
        &mut self,
        now: Now,
        remote: SocketAddr,
        datagram: &[u8],
    ) -> Option<Result<(), PlainDrop>> {
        let root = Root::decode(datagram).ok().filter(|root| root.params == Params::TO_PEER)?;
        let source = Source::of(&self.source_key, remote);
        let question = Question { root, remote, source, shift: Root::shift_of(datagram), length: datagram.len() };
        let result = match root.kind {
            kind::KEEPALIVE => self.keepalive(now, question),
            kind::REGISTER => self.register(now, question),
            kind::RESPONSE => self.response(now, question),
            _ => return None,
        };
        if let Err(reason) = result {
            self.stats.count(reason);
        }
        Some(result)
    }

    /// Ends what has been silent too long.
    pub(crate) fn handle_timeout(&mut self, now: Now) {
        self.stats.expired += self.table.expire(now);
    }

    /// Clears `out`, puts the next answer into it and says where it goes.
    pub(crate) fn poll_transmit(&mut self, out: &mut Vec<u8>) -> Option<SocketAddr> {
        let (to, datagram) = self.answers.pop_front()?;
        out.clear();
        out.extend(datagram);
        self.stats.packets_out += 1;
        self.stats.bytes_out += out.len() as u64;
        Some(to)
    }

    /// When [`Self::handle_timeout`] wants to be called (mono µs).
    pub(crate) fn poll_timeout(&self) -> Option<u64> {
        self.table.next_us()
    }

    pub(crate) fn stats(&self) -> PlainStats {
        PlainStats { users: self.table.len() as u64, ..self.stats }
    }

    /// Where this person was last proven to be.
    pub(crate) fn remote(&self, fingerprint: &Fingerprint) -> Option<SocketAddr> {
        self.table.remote(fingerprint)
    }

    /// Fact 11: no payload, no answer, and whoever can forge its source can do no more than keep an entry alive.
    fn keepalive(&mut self, now: Now, question: Question<'_>) -> Result<(), PlainDrop> {
        if !question.root.payload.is_empty() {
            return Err(PlainDrop::Malformed);
        }
        if !self.table.heard(now, question.remote) {
            return Err(PlainDrop::UnknownSource);
        }
        self.stats.keepalives += 1;
        Ok(())
    }

    /// Facts 8, 9 and 18. The cheap questions first: a signature is checked only for what is fresh and new.
    fn register(&mut self, now: Now, question: Question<'_>) -> Result<(), PlainDrop> {
        let der = decode_register(question.root.payload).map_err(|_| PlainDrop::Malformed)?;
        if now.wall_s().abs_diff(question.root.timestamp) > TOLERANCE_S {
            return Err(PlainDrop::Stale);
        }
        let fingerprint = fingerprint_of(der);
        let statement = self.new_statement(now, &question, fingerprint)?;
        self.may_check(now, &question)?;
        verify_plain_register(&question.root).map_err(refused)?;
        self.seen.remember(now, statement);
        self.stats.registrations += 1;
        self.answer(&question, kind::OK, &[]);
        if self.table.remote(&fingerprint) == Some(question.remote) {
            self.table.heard(now, question.remote);
        } else {
            let challenge = self.challenges.make(now, question.remote, &fingerprint);
            self.answer(&question, kind::CHALLENGE, &challenge.0);
        }
        Ok(())
    }

    /// The source is proven, and bound to the signature: now it is written down.
    fn response(&mut self, now: Now, question: Question<'_>) -> Result<(), PlainDrop> {
        let (challenge, der) = decode_response(question.root.payload).map_err(|_| PlainDrop::Malformed)?;
        let fingerprint = fingerprint_of(der);
        if !self.challenges.is_good(now, &challenge, question.remote, &fingerprint) {
            return Err(PlainDrop::BadChallenge);
        }
        let statement = self.new_statement(now, &question, fingerprint)?;
        self.table.has_room(&fingerprint, question.remote, question.source)?;
        self.may_check(now, &question)?;
        let certificate = verify_plain_response(&question.root).map_err(refused)?;
        self.seen.remember(now, statement);
        self.table.insert(now, question.remote, question.source, certificate);
        self.stats.proven += 1;
        self.answer(&question, kind::OK, &[]);
        Ok(())
    }

    fn new_statement(&mut self, now: Now, question: &Question<'_>, who: Fingerprint) -> Result<Statement, PlainDrop> {
        let Root { kind, timestamp, .. } = question.root;
        let statement = Statement { signer: who, timestamp, kind };
        match self.seen.novelty(now, &statement) {
            Novelty::New => Ok(statement),
            Novelty::Known => Err(PlainDrop::Replayed),
            Novelty::NoRoom => Err(PlainDrop::SeenFull),
        }
    }

    /// Whether there is a signature to check, time for it, and room for the answers.
    fn may_check(&mut self, now: Now, question: &Question<'_>) -> Result<(), PlainDrop> {
        match question.root.signature {
            Signature::Ed25519(_) => {}
            Signature::Absent | Signature::Tag(_) => return Err(PlainDrop::Malformed),
        }
        if self.answers.len() + 2 > ANSWERS_MAX {
            return Err(PlainDrop::Overloaded);
        }
        if self.checks.allows(now, question.source) { Ok(()) } else { Err(PlainDrop::SlowedDown) }
    }

    /// Queues an answer: with the timestamp of its question, so that the client knows which one is answered, and with
    /// shifts if the question had some.
    fn answer(&mut self, question: &Question<'_>, kind: u8, payload: &[u8]) {
        let timestamp = question.root.timestamp;
        let root = Root { params: Params::FROM_PEER, kind, signature: Signature::Absent, timestamp, payload };
        let mut datagram = vec![];
        match question.shift {
            None => root.encode(&mut datagram),
            Some(shift) => {
                let junk = &mut |gap: &mut [u8]| self.rng.fill_bytes(gap);
                // At most 32 + 13 + 4 x 32 bytes, so this never fails.
                let _ = root.encode_shifted(shift.min(SHIFT_MAX), junk, &mut datagram);
            }
        }
        debug_assert!(datagram.len() <= question.length);
        self.answers.push_back((question.remote, datagram));
    }
}

fn refused(error: PlainError) -> PlainDrop {
    match error {
        PlainError::Shape => PlainDrop::Malformed,
        PlainError::Certificate(_) => PlainDrop::BadCertificate,
        PlainError::BadSignature => PlainDrop::BadSignature,
    }
}
