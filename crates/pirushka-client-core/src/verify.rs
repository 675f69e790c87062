//! The six digits, as a client runs them (facts 7, 14): the machine of `pirushka_e2e::sas`, its row, and its effects.

use pirushka_e2e::content::Body;
use pirushka_e2e::sas::{Phase, Reaction, SasError, SasStep, Verification};
use pirushka_wire::Now;

use crate::api::{CodeState, ContactId, Event, Misuse, Warning};
use crate::client::Client;
use crate::outbox::ItemKind;

impl Client {
    /// The step that rides on my hello: a start, unless the contact has started already.
    pub(crate) fn first_code_step(&mut self, id: ContactId) -> Option<SasStep> {
        let mut verification = self.verification(id)?;
        if verification.phase() != Phase::Idle {
            return None;
        }
        let step = verification.start(&mut self.rng).ok()?;
        self.keep_verification(id, &verification);
        Some(step)
    }

    pub(crate) fn take_code_step(&mut self, now: Now, id: ContactId, step: &SasStep) {
        let Some(mut verification) = self.verification(id) else { return };
        let outcome = verification.handle(&mut self.rng, step);
        self.keep_verification(id, &verification);
        match outcome {
            Ok(Reaction::Answer(answer)) => self.send_code_step(now, id, answer),
            Ok(Reaction::OpenAndShow(opening, _)) => {
                self.send_code_step(now, id, opening);
                self.events.push_back(Event::CodeReady(id));
            }
            Ok(Reaction::Show(_)) => self.events.push_back(Event::CodeReady(id)),
            Ok(Reaction::Nothing) => {}
            Err(SasError::OpeningDoesNotFit) => self.events.push_back(Event::Warning(Warning::CodeForged(id))),
            Err(_) => self.count("step of the six digits that does not fit"),
        }
    }

    /// The person compared the six digits.
    ///
    /// # Errors
    /// There is no such contact, or no code to confirm.
    pub fn confirm_code(&mut self, now: Now, id: ContactId, matches: bool) -> Result<(), Misuse> {
        let mut verification = self.verification(id).ok_or(Misuse::NoSuchContact)?;
        let equal = verification.confirm(matches).map_err(|_| Misuse::NoCode)?;
        self.keep_verification(id, &verification);
        self.set_verified(id, equal);
        self.turn(now);
        Ok(())
    }

    /// Another run of the six digits, because the person asks for it.
    ///
    /// # Errors
    /// There is no such contact, it is blocked or not accepted, or it has had its three runs.
    pub fn rerun_code(&mut self, now: Now, id: ContactId) -> Result<(), Misuse> {
        self.writable(id)?;
        let mut verification = self.verification(id).ok_or(Misuse::NoSuchContact)?;
        let step = verification.start(&mut self.rng).map_err(|_| Misuse::CodeExhausted)?;
        self.keep_verification(id, &verification);
        self.send_code_step(now, id, step);
        self.turn(now);
        Ok(())
    }

    /// The person compared the whole fingerprint (QR code or 60 digits). Tells whether it is the contact's.
    ///
    /// # Errors
    /// There is no such contact.
    pub fn confirm_fingerprint(
        &mut self,
        now: Now,
        id: ContactId,
        fingerprint: &pirushka_wire::Fingerprint,
    ) -> Result<bool, Misuse> {
        let contact = self.contacts.get(&id).ok_or(Misuse::NoSuchContact)?;
        let equal = contact.fingerprint() == *fingerprint;
        if equal {
            self.set_verified(id, true);
        }
        self.turn(now);
        Ok(equal)
    }

    /// 30 digits of each fingerprint, the same at both ends.
    #[must_use]
    pub fn sixty_digits(&self, id: ContactId) -> Option<String> {
        let contact = self.contacts.get(&id)?;
        Some(pirushka_e2e::verify::sixty_digits(&self.identity.fingerprint(), &contact.fingerprint()))
    }

    pub(crate) fn code_state(&self, id: ContactId) -> CodeState {
        let Some(verification) = self.verification(id) else { return CodeState::Pending };
        match verification.phase() {
            Phase::Compare(code) | Phase::Confirmed(code) => CodeState::Ready(code.to_string()),
            Phase::Broken => CodeState::Forged,
            Phase::Idle if verification.runs() >= pirushka_e2e::sas::RUNS_MAX => CodeState::Exhausted,
            Phase::Idle | Phase::AwaitingAnswer | Phase::AwaitingOpening => CodeState::Pending,
        }
    }

    pub(crate) fn verification(&self, id: ContactId) -> Option<Verification> {
        let contact = self.contacts.get(&id)?;
        let kept = contact.row.code.as_ref().and_then(|bytes| Verification::from_bytes(bytes).ok());
        let fingerprint = contact.fingerprint();
        Some(kept.unwrap_or_else(|| {
            let runs = self.memory_of(&fingerprint).code_runs;
            Verification::new(self.identity.fingerprint(), fingerprint, runs)
        }))
    }

    fn keep_verification(&mut self, id: ContactId, verification: &Verification) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        contact.row.code = Some(verification.to_bytes());
        contact.changed = true;
        // A start that nobody answered has shown nobody anything: it counts while this contact is here, and not beyond.
        let unanswered = u8::from(verification.phase() == Phase::AwaitingAnswer);
        let (fingerprint, runs) = (contact.fingerprint(), verification.runs().saturating_sub(unanswered));
        if self.memory_of(&fingerprint).code_runs != runs {
            self.remember(fingerprint, |memory| memory.code_runs = runs);
        }
        self.dirty.insert(id);
    }

    fn set_verified(&mut self, id: ContactId, verified: bool) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        contact.row.verified = verified;
        contact.changed = true;
        self.events.push_back(Event::Contact(id));
        self.dirty.insert(id);
    }

    fn send_code_step(&mut self, now: Now, id: ContactId, step: SasStep) {
        self.enqueue(now, id, ItemKind::Content, Some(Body::Sas(step)), None);
    }
}
