//! The six digits, made sound: commit, answer, open.
//!
//! A code computed from two public keys alone falls to a birthday search in milliseconds. Here both sides contribute a
//! random number, and the first one is fixed by a commitment before the second one is known:
//! ```text
//! ctx = "DCSC1-SAS" | vid[16] | fp_I | fp_R | attempt u8        I = initiator; if both start, the smaller fingerprint
//! 1 I->R  c = SHA-256("C" | ctx | N_I)      2 R->I  N_R      3 I->R  N_I   (R checks c)
//! code = BE64(SHA-256("D" | ctx | c | N_I | N_R)[0..8]) mod 10^6, shown "042 817"
//! ```
//! Somebody in the middle has to run it twice, and has fixed its own numbers in both runs before it can compare the
//! codes: it wins once in a million pairs of runs. So runs are counted:
//! - at most [`RUNS_MAX`] per fingerprint, whatever their outcome; then only the QR code or the sixty digits are left.
//!   The count is kept across deletion of the contact and in backups ([`Verification::runs`]);
//! - R takes a start only if its attempt is R's own count + 1. When both start the same attempt at once, the larger
//!   fingerprint's start is void and not counted;
//! - one run is alive at a time, with one N_R; a new start ends it. A start needs an action of the user;
//! - I shows the code after sending step 3, R after checking it. Both users must confirm.
//!
//! Steps travel inside the session. The machine is pure; its state is stored with [`Verification::to_bytes`] in the
//! transaction of the message that changed it, so that an answer is never given twice with different numbers.

use std::fmt;

use minicbor::{Decode, Encode};
use pirushka_wire::Fingerprint;
use rand_chacha::ChaCha20Rng;
use rand_core::Rng;
use sha2::{Digest, Sha256};
use zeroize::Zeroize;

const CONTEXT: &[u8] = b"DCSC1-SAS";
/// Runs of any outcome per fingerprint.
pub const RUNS_MAX: u8 = 3;

/// One of the three messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum SasStep {
    /// 1, I to R.
    #[n(1)]
    Commit {
        /// Names the run.
        #[cbor(n(0), with = "minicbor::bytes")]
        vid: [u8; 16],
        /// 1 to 3.
        #[n(1)]
        attempt: u8,
        /// The commitment c.
        #[cbor(n(2), with = "minicbor::bytes")]
        commitment: [u8; 32],
    },
    /// 2, R to I.
    #[n(2)]
    Answer {
        /// Names the run.
        #[cbor(n(0), with = "minicbor::bytes")]
        vid: [u8; 16],
        /// N_R.
        #[cbor(n(1), with = "minicbor::bytes")]
        nonce: [u8; 32],
    },
    /// 3, I to R.
    #[n(3)]
    Open {
        /// Names the run.
        #[cbor(n(0), with = "minicbor::bytes")]
        vid: [u8; 16],
        /// N_I.
        #[cbor(n(1), with = "minicbor::bytes")]
        nonce: [u8; 32],
    },
}

/// Six digits, shown as `042 817`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Code(#[n(0)] u32);

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:03} {:03}", self.0 / 1000, self.0 % 1000)
    }
}

/// What a received step asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reaction {
    /// R: send this answer.
    Answer(SasStep),
    /// I: send this opening; once it is queued durably, show the code.
    OpenAndShow(SasStep, Code),
    /// R: the opening fits; show the code.
    Show(Code),
    /// A copy, or the start that lost against ours.
    Nothing,
}

/// Why a step or a wish is refused. The state is unchanged, but for [`SasError::OpeningDoesNotFit`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SasError {
    /// Three runs were made.
    #[error("the six digits were tried {RUNS_MAX} times; compare the QR code or the sixty digits")]
    Exhausted,
    /// The two sides count differently, or somebody repeats a start.
    #[error("attempt {got}; expected {expected}")]
    WrongAttempt {
        #[allow(missing_docs)]
        expected: u8,
        #[allow(missing_docs)]
        got: u8,
    },
    /// A start under a name that was used before, possibly our own one sent back.
    #[error("the run's name was used before")]
    Reused,
    /// A second, different answer to one start.
    #[error("a second answer to the same start")]
    SecondAnswer,
    /// Belongs to no run that waits for it.
    #[error("the step belongs to no run that waits for it")]
    NotExpected,
    /// **Loud warning**: the other side's opening is not what it committed to. The run is over and counted.
    #[error("the opening does not fit the commitment: somebody may be in the middle")]
    OpeningDoesNotFit,
    /// Stored state is damaged.
    #[error("the stored verification is damaged")]
    Damaged,
}

/// Where a verification stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// No run is alive.
    Idle,
    /// We started; the other side has to answer.
    AwaitingAnswer,
    /// The other side started; it has to open.
    AwaitingOpening,
    /// Both users compare.
    Compare(Code),
    /// Our user said that the codes are equal.
    Confirmed(Code),
    /// Our user said that they differ, or the opening did not fit. **Loud warning.**
    Broken,
}

/// The machine for one contact.
#[derive(Clone, Encode, Decode)]
#[cbor(map)]
pub struct Verification {
    #[cbor(n(0), with = "minicbor::bytes")]
    me: [u8; 32],
    #[cbor(n(1), with = "minicbor::bytes")]
    them: [u8; 32],
    #[n(2)]
    runs: u8,
    #[n(3)]
    state: State,
    /// Names of earlier runs, at most [`NAMES_MAX`].
    #[n(4)]
    used: Vec<Vid>,
}

/// Three counted runs and as many lost starts, and some.
const NAMES_MAX: usize = 16;

#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
struct Vid(#[cbor(n(0), with = "minicbor::bytes")] [u8; 16]);

#[derive(Clone, PartialEq, Eq, Encode, Decode)]
enum State {
    #[n(0)]
    Idle,
    #[n(1)]
    AwaitingAnswer(#[n(0)] Run, #[n(1)] Secret),
    #[n(2)]
    AwaitingOpening(#[n(0)] Run, #[n(1)] Secret),
    /// As I; N_R is kept to tell a copy from a second answer.
    #[n(3)]
    Opened(#[n(0)] Run, #[n(1)] Secret, #[n(2)] Code),
    #[n(4)]
    Checked(#[n(0)] Run, #[n(1)] Code),
    #[n(5)]
    Confirmed(#[n(0)] Code),
    #[n(6)]
    Broken,
}

#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode)]
struct Run {
    #[n(0)]
    vid: Vid,
    #[n(1)]
    attempt: u8,
    #[cbor(n(2), with = "minicbor::bytes")]
    commitment: [u8; 32],
}

/// A random number that is not out yet.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
struct Secret(#[cbor(n(0), with = "minicbor::bytes")] [u8; 32]);

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Verification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { me: _, them: _, runs, state: _, used: _ } = self;
        write!(f, "Verification {{ runs: {runs}, phase: {:?}, .. }}", self.phase())
    }
}

impl Verification {
    /// For a contact with whom `runs` runs were made before, 0 for a new one.
    #[must_use]
    pub fn new(me: Fingerprint, them: Fingerprint, runs: u8) -> Self {
        Self { me: me.0, them: them.0, runs, state: State::Idle, used: vec![] }
    }

    /// How many runs were made. Keep it when the contact is deleted.
    #[must_use]
    pub fn runs(&self) -> u8 {
        self.runs
    }

    /// Where it stands.
    #[must_use]
    pub fn phase(&self) -> Phase {
        match &self.state {
            State::Idle => Phase::Idle,
            State::AwaitingAnswer(..) => Phase::AwaitingAnswer,
            State::AwaitingOpening(..) => Phase::AwaitingOpening,
            State::Opened(_, _, code) | State::Checked(_, code) => Phase::Compare(*code),
            State::Confirmed(code) => Phase::Confirmed(*code),
            State::Broken => Phase::Broken,
        }
    }

    /// Starts a run, because the user asked for it or because this is a first contact. Ends a run that is alive.
    pub fn start(&mut self, rng: &mut ChaCha20Rng) -> Result<SasStep, SasError> {
        if self.runs >= RUNS_MAX {
            return Err(SasError::Exhausted);
        }
        self.runs += 1;
        let (mut vid, mut nonce) = ([0; 16], Secret([0; 32]));
        rng.fill_bytes(&mut vid);
        rng.fill_bytes(&mut nonce.0);
        let (vid, attempt) = (Vid(vid), self.runs);
        let commitment = commit(&context(vid, &self.me, &self.them, attempt), &nonce.0);
        self.remember(vid);
        self.state = State::AwaitingAnswer(Run { vid, attempt, commitment }, nonce);
        Ok(SasStep::Commit { vid: vid.0, attempt, commitment })
    }

    /// Takes a step of the other side.
    pub fn handle(&mut self, rng: &mut ChaCha20Rng, step: &SasStep) -> Result<Reaction, SasError> {
        match *step {
            SasStep::Commit { vid, attempt, commitment } => {
                self.handle_commit(rng, Run { vid: Vid(vid), attempt, commitment })
            }
            SasStep::Answer { vid, nonce } => self.handle_answer(Vid(vid), nonce),
            SasStep::Open { vid, nonce } => self.handle_open(Vid(vid), nonce),
        }
    }

    /// The user compared. Tells whether the contact is verified now.
    pub fn confirm(&mut self, equal: bool) -> Result<bool, SasError> {
        let Phase::Compare(code) = self.phase() else { return Err(SasError::NotExpected) };
        self.state = if equal { State::Confirmed(code) } else { State::Broken };
        Ok(equal)
    }

    /// For the store.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        // Encoding into memory does not fail.
        minicbor::to_vec(self).unwrap_or_default()
    }

    /// From the store.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SasError> {
        minicbor::decode(bytes).map_err(|_| SasError::Damaged)
    }

    fn handle_commit(&mut self, rng: &mut ChaCha20Rng, run: Run) -> Result<Reaction, SasError> {
        if matches!(&self.state, State::AwaitingOpening(alive, _) | State::Checked(alive, _) if *alive == run) {
            return Ok(Reaction::Nothing);
        }
        if self.used.contains(&run.vid) {
            return Err(SasError::Reused);
        }
        let both_started = matches!(&self.state, State::AwaitingAnswer(ours, _) if ours.attempt == run.attempt);
        if both_started && self.me < self.them {
            return Ok(Reaction::Nothing);
        }
        let counted = if both_started { self.runs.saturating_sub(1) } else { self.runs };
        if counted >= RUNS_MAX {
            return Err(SasError::Exhausted);
        }
        if run.attempt != counted + 1 {
            return Err(SasError::WrongAttempt { expected: counted + 1, got: run.attempt });
        }
        let mut nonce = Secret([0; 32]);
        rng.fill_bytes(&mut nonce.0);
        let answer = SasStep::Answer { vid: run.vid.0, nonce: nonce.0 };
        self.runs = run.attempt;
        self.remember(run.vid);
        self.state = State::AwaitingOpening(run, nonce);
        Ok(Reaction::Answer(answer))
    }

    fn handle_answer(&mut self, vid: Vid, theirs: [u8; 32]) -> Result<Reaction, SasError> {
        match &self.state {
            State::AwaitingAnswer(run, ours) if run.vid == vid => {
                let context = context(vid, &self.me, &self.them, run.attempt);
                let code = code(&context, &run.commitment, &ours.0, &theirs);
                let opening = SasStep::Open { vid: vid.0, nonce: ours.0 };
                self.state = State::Opened(*run, Secret(theirs), code);
                Ok(Reaction::OpenAndShow(opening, code))
            }
            State::Opened(run, first, _) if run.vid == vid => {
                if first.0 == theirs {
                    Ok(Reaction::Nothing)
                } else {
                    Err(SasError::SecondAnswer)
                }
            }
            _ => Err(SasError::NotExpected),
        }
    }

    fn handle_open(&mut self, vid: Vid, theirs: [u8; 32]) -> Result<Reaction, SasError> {
        match &self.state {
            State::AwaitingOpening(run, ours) if run.vid == vid => {
                let context = context(vid, &self.them, &self.me, run.attempt);
                if commit(&context, &theirs) != run.commitment {
                    self.state = State::Broken;
                    return Err(SasError::OpeningDoesNotFit);
                }
                let code = code(&context, &run.commitment, &theirs, &ours.0);
                self.state = State::Checked(*run, code);
                Ok(Reaction::Show(code))
            }
            State::Checked(run, _) if run.vid == vid => {
                let context = context(vid, &self.them, &self.me, run.attempt);
                let copy = commit(&context, &theirs) == run.commitment;
                if copy { Ok(Reaction::Nothing) } else { Err(SasError::NotExpected) }
            }
            _ => Err(SasError::NotExpected),
        }
    }

    fn remember(&mut self, vid: Vid) {
        if self.used.len() >= NAMES_MAX {
            self.used.remove(0);
        }
        self.used.push(vid);
    }
}

fn context(vid: Vid, initiator: &[u8; 32], responder: &[u8; 32], attempt: u8) -> Vec<u8> {
    [CONTEXT, &vid.0, initiator, responder, &[attempt]].concat()
}

fn commit(context: &[u8], nonce: &[u8; 32]) -> [u8; 32] {
    Sha256::new().chain_update(b"C").chain_update(context).chain_update(nonce).finalize().into()
}

fn code(context: &[u8], commitment: &[u8; 32], initiator: &[u8; 32], responder: &[u8; 32]) -> Code {
    let parts = [b"D", context, commitment, initiator, responder];
    let digest: [u8; 32] = parts.iter().fold(Sha256::new(), Digest::chain_update).finalize().into();
    let head = digest.first_chunk().map_or(0, |head| u64::from_be_bytes(*head));
    Code(u32::try_from(head % 1_000_000).unwrap_or_default())
}

#[cfg(test)]
mod tests;
