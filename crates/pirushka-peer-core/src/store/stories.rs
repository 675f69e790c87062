//! Stories over the store alone: several commands, virtual time, no sessions.

use pirushka_identity::{Identity, proofs};
use pirushka_wire::frame::error_code;
use pirushka_wire::time::{DAY, HOUR, MINUTE, SECOND};
use pirushka_wire::{DeliveryId, DepositId, IntroId, IntroToken, Now, QueueId, QueueSecret, WorkNonce};

use super::bundle::bundle_bytes;
use super::*;

pub(super) const SECRET: QueueSecret = QueueSecret([7; 16]);
const TOKEN: IntroToken = IntroToken([9; 16]);
const BINDING: [u8; 32] = [0xb1; 32];
const START_S: u64 = 1_700_000_000;

pub(super) struct Desk {
    pub(super) store: Store,
    pub(super) now: Now,
}

impl Desk {
    pub(super) fn new(config: &PeerConfig) -> Self {
        let now = Now { mono_us: 5_000_000, wall_ms: START_S * 1000 };
        let keys = LastingKeys { ticket: [1; 32], invite: [3; 32] };
        Self { store: Store::new(config, keys, [2; 32], now), now }
    }

    pub(super) fn pass(&mut self, us: u64) {
        self.now.mono_us += us;
        self.now.wall_ms += us / 1000;
        self.store.handle_timeout(self.now);
        self.check();
    }

    pub(super) fn check(&self) {
        self.store.check(0);
        assert!(self.store.poll_timeout().is_none_or(|at| at > self.now.mono_us));
    }

    pub(super) fn register(&mut self, person: &Identity) -> Registered {
        self.store.register(self.now, Source(1), person.certificate(), &Newcomer::default()).unwrap()
    }

    pub(super) fn newcomer(&mut self, source: u64, seed: u8, newcomer: &Newcomer) -> Result<Registered, Refusal> {
        let done = self.store.register(self.now, Source(source), person(seed).certificate(), newcomer);
        self.check();
        done
    }

    pub(super) fn queue(&mut self, r: Registered, queue: u8) -> TicketGrant {
        let setting = setting(queue);
        self.store.queue_set(self.now, r.user, r.round, setting).unwrap()
    }

    pub(super) fn deposit(&mut self, queue: u8, deposit: u64, bulk: bool, len: usize) -> Result<bool, Refusal> {
        let mut id = [queue; 16];
        id[..8].copy_from_slice(&deposit.to_be_bytes());
        let envelope = vec![deposit as u8; len];
        let (queue, deposit) = (QueueId([queue; 16]), DepositId(id));
        let done = self.store.deposit(self.now, queue, &SECRET, deposit, bulk, &envelope);
        self.check();
        done.map(|fresh| fresh.is_some())
    }

    pub(super) fn held(&self, user: UserId) -> Vec<DeliveryId> {
        let mut from = DeliveryId(0);
        let step = || {
            let found = self.store.first_from(user, from)?;
            from = DeliveryId(found.0 + 1);
            Some(found)
        };
        std::iter::from_fn(step).collect()
    }

    pub(super) fn ack_all(&mut self, r: Registered) -> usize {
        let mut taken = 0;
        self.store.acknowledge(self.now, r.user, r.incarnation, std::iter::once((0, u64::MAX)), |_| taken += 1);
        self.check();
        taken
    }

    pub(super) fn intro(
        &mut self,
        person: &Identity,
        intro: u8,
        n: u8,
        i: u8,
        source: Source,
    ) -> Result<bool, Refusal> {
        let part = Part { intro: IntroId([intro; 16]), parts: n, index: i, bytes: &[intro; 1000] };
        let deposit = IntroDeposit {
            fingerprint: person.fingerprint(),
            part,
            token: TOKEN,
            work: WorkNonce(0),
            binding: BINDING,
        };
        let done = self.store.deposit_intro(self.now, source, &deposit);
        self.check();
        done.map(|user| user.is_some())
    }

    pub(super) fn token(&mut self, r: Registered, uses: u16) {
        let expiry = self.now.wall_s() + 7 * 86_400;
        self.store.token_set(self.now, r.user, r.round, proofs::token_hash(&TOKEN), uses, expiry).unwrap();
    }
}

impl Store {
    /// The ledger, the counts and the indices agree with what is there. `sessions` = what sessions were charged.
    pub(crate) fn check(&self, sessions: u64) {
        let (mut queues, mut messages, mut bundles, mut intros) = (0, 0, 0, 0);
        let mut bytes = sessions + self.tables_charged;
        assert!(
            self.tables_charged
                >= self.new_users.footprint() + self.worked_intros.footprint() + self.one_time_packages.footprint()
        );
        for user in self.registry.iter() {
            bytes += user.footprint();
            queues += user.queues.len();
            messages += user.mailbox.messages();
            bundles += usize::from(user.bundle.is_some());
            intros += user.inbox.bytes();
            assert_eq!(user.charged, user.footprint());
            for id in user.queues.ids() {
                let (owner, slot) = self.by_queue[&id];
                assert_eq!(self.registry.find(&user.fingerprint), Some(owner));
                assert_eq!(user.queues.get(slot).map(|q| q.id()), Some(id));
            }
        }
        assert_eq!(self.ledger.used(), bytes);
        assert_eq!(self.by_queue.len(), queues);
        assert_eq!(self.bundles.len(), bundles);
        assert_eq!(self.intro_sources.bytes(), intros);
        assert_eq!(self.totals.messages_held, messages as u64);
        assert_eq!(self.shelf.len(), messages);
        assert!(self.ledger.fits(0, 100));
    }
}

pub(super) fn person(seed: u8) -> Identity {
    Identity::generate(&mut ChaCha20Rng::from_seed([seed; 32]))
}

pub(super) fn setting(queue: u8) -> QueueSetting {
    QueueSetting { queue: QueueId([queue; 16]), secret_hash: proofs::queue_secret_hash(&SECRET), quota_kib: 0 }
}

fn restore(desk: &mut Desk, of: &Identity, queue: u8, ticket: TicketGrant) -> Result<(), Refusal> {
    let setting = QueueSetting { quota_kib: ticket.quota_kib, ..setting(queue) };
    let done = desk.store.queue_restore(desk.now, of.fingerprint(), setting, ticket.expiry, &ticket.mac);
    desk.check();
    done
}

#[test]
fn fact_09_the_peer_keeps_the_certificate_under_its_fingerprint() {
    let (mut desk, bob) = (Desk::new(&PeerConfig::default()), person(1));
    let registered = desk.register(&bob);
    let user = desk.store.registry.get(registered.user).unwrap();
    assert_eq!(desk.store.registry.find(&bob.fingerprint()), Some(registered.user));
    assert_eq!(user.certificate.as_deref(), Some(bob.certificate().der()));
}

#[test]
fn fact_03_what_was_left_while_the_user_was_away_is_there_when_it_comes_back() {
    let (mut desk, bob) = (Desk::new(&PeerConfig::default()), person(1));
    let registered = desk.register(&bob);
    desk.queue(registered, 1);
    desk.store.leave(desk.now, registered.user);
    desk.pass(MINUTE);
    for n in 0..3 {
        assert_eq!(desk.deposit(1, n, false, 320), Ok(true));
    }
    desk.pass(2 * DAY);
    let again = desk.register(&bob);
    assert_eq!(again.incarnation, registered.incarnation);
    let status = desk.store.status(desk.now, again.user).unwrap();
    assert_eq!((status.messages, status.oldest_s), (3, 2 * 86_400));
    assert_eq!(desk.held(again.user).len(), 3);
    assert_eq!(desk.ack_all(again), 3);
}

#[test]
fn fact_04_a_restarted_peer_remembers_nothing() {
    let (mut desk, bob) = (Desk::new(&PeerConfig::default()), person(1));
    let registered = desk.register(&bob);
    desk.queue(registered, 1);
    desk.deposit(1, 1, false, 320).unwrap();
    let mut restarted = Desk::new(&PeerConfig::default());
    assert_eq!(restarted.deposit(1, 1, false, 320), Err(Refusal::UNKNOWN_QUEUE));
    assert_eq!(restarted.store.stats(Stats::default()).messages_held, 0);
}

#[test]
fn a_repeated_deposit_is_held_once_also_a_moment_after_its_acknowledgement() {
    let (mut desk, bob) = (Desk::new(&PeerConfig::default()), person(1));
    let registered = desk.register(&bob);
    desk.queue(registered, 1);
    assert_eq!(desk.deposit(1, 1, false, 320), Ok(true));
    assert_eq!(desk.deposit(1, 1, false, 320), Ok(false));
    desk.ack_all(registered);
    desk.pass(59 * SECOND);
    assert_eq!(desk.deposit(1, 1, false, 320), Ok(false));
    desk.pass(2 * SECOND);
    assert_eq!(desk.deposit(1, 1, false, 320), Ok(true), "forgotten; the recipient will know it");
}

#[test]
fn deposit_ids_are_scoped_to_their_queue() {
    let (mut desk, bob) = (Desk::new(&PeerConfig::default()), person(1));
    let registered = desk.register(&bob);
    desk.queue(registered, 1);
    desk.queue(registered, 2);
    let id = DepositId([5; 16]);
    for queue in [1, 2] {
        let fresh = desk.store.deposit(desk.now, QueueId([queue; 16]), &SECRET, id, false, b"x").unwrap();
        assert!(fresh.is_some());
    }
}

#[test]
fn a_wrong_secret_looks_like_a_queue_that_is_not_there() {
    let (mut desk, bob) = (Desk::new(&PeerConfig::default()), person(1));
    let registered = desk.register(&bob);
    desk.queue(registered, 1);
    let id = DepositId([5; 16]);
    let wrong = desk.store.deposit(desk.now, QueueId([1; 16]), &QueueSecret([8; 16]), id, false, b"x");
    let absent = desk.store.deposit(desk.now, QueueId([2; 16]), &SECRET, id, false, b"x");
    assert_eq!((wrong, absent), (Err(Refusal::UNKNOWN_QUEUE), Err(Refusal::UNKNOWN_QUEUE)));
}

#[test]
fn t15_one_contact_floods_and_the_others_are_unaffected_and_full_is_said() {
    let (mut desk, bob) = (Desk::new(&PeerConfig::default()), person(1));
    let registered = desk.register(&bob);
    for queue in 1..=20 {
        desk.queue(registered, queue);
    }
    for queue in 1..=19 {
        let mut held = 0;
        let full = loop {
            match desk.store.deposit(desk.now, QueueId([queue; 16]), &SECRET, id(queue, held), false, &[0; 1088]) {
                Ok(_) => held += 1,
                Err(refusal) => break refusal,
            }
        };
        assert_eq!(full.code, error_code::FULL);
        assert!(full.retry_after_ms > 0);
        assert!((13..=500).contains(&held), "{held}");
    }
    desk.check();
    let held = desk.held(registered.user).len();
    assert_eq!(desk.deposit(20, 1, false, 1088), Ok(true), "the quiet contact's text fits");
    assert_eq!(desk.held(registered.user).len(), held + 1, "nothing else gave way for it");

    fn id(queue: u8, n: u64) -> DepositId {
        let mut id = [queue; 16];
        id[8..].copy_from_slice(&n.to_be_bytes());
        DepositId(id)
    }
}

#[test]
fn what_was_acknowledged_makes_room_in_its_queue() {
    let config = PeerConfig { queue_messages: 3, ..PeerConfig::default() };
    let (mut desk, bob) = (Desk::new(&config), person(1));
    let registered = desk.register(&bob);
    desk.queue(registered, 1);
    for n in 0..3 {
        assert_eq!(desk.deposit(1, n, false, 320), Ok(true));
    }
    assert_eq!(desk.deposit(1, 3, false, 320), Err(Refusal::full(true)));
    desk.ack_all(registered);
    assert_eq!(desk.deposit(1, 3, false, 320), Ok(true));
}

#[test]
fn a_message_is_held_for_the_hold_time_and_not_longer() {
    let config = PeerConfig { hold_s: 3600, ..PeerConfig::default() };
    let (mut desk, bob) = (Desk::new(&config), person(1));
    let registered = desk.register(&bob);
    desk.queue(registered, 1);
    desk.deposit(1, 1, false, 320).unwrap();
    desk.store.leave(desk.now, registered.user);
    desk.pass(HOUR);
    assert_eq!(desk.held(registered.user).len(), 1);
    desk.pass(2 * SECOND);
    assert_eq!(desk.held(registered.user).len(), 0);
    assert_eq!(desk.store.totals.expired, 1);
}

#[test]
fn an_acknowledgement_for_another_life_of_the_mailbox_is_ignored() {
    let (mut desk, bob) = (Desk::new(&PeerConfig::default()), person(1));
    let registered = desk.register(&bob);
    desk.queue(registered, 1);
    desk.deposit(1, 1, false, 320).unwrap();
    let other = Registered { incarnation: pirushka_wire::Incarnation([0; 8]), ..registered };
    assert_eq!(desk.ack_all(other), 0);
    assert_eq!(desk.held(registered.user).len(), 1);
}

#[test]
fn an_entry_with_an_empty_mailbox_lives_as_long_again_as_it_had_lived_at_most_14_days() {
    for (lived, lives) in [(MINUTE, HOUR), (6 * HOUR, 6 * HOUR), (40 * DAY, 14 * DAY)] {
        let (mut desk, bob) = (Desk::new(&PeerConfig::default()), person(1));
        let registered = desk.register(&bob);
        desk.pass(lived);
        desk.store.leave(desk.now, registered.user);
        desk.pass(lives - SECOND);
        assert!(desk.store.registry.find(&bob.fingerprint()).is_some());
        desk.pass(SECOND);
        assert!(desk.store.registry.find(&bob.fingerprint()).is_none());
        assert_eq!(desk.store.ledger.used(), desk.store.tables_charged);
    }
}

#[test]
fn an_entry_with_messages_lives_until_they_are_fetched_or_expired() {
    let (mut desk, bob) = (Desk::new(&PeerConfig::default()), person(1));
    let registered = desk.register(&bob);
    desk.queue(registered, 1);
    desk.store.leave(desk.now, registered.user);
    desk.deposit(1, 1, false, 320).unwrap();
    desk.pass(14 * DAY);
    assert!(desk.store.registry.find(&bob.fingerprint()).is_some());
    desk.pass(2 * SECOND);
    assert!(desk.store.registry.find(&bob.fingerprint()).is_none());
}

#[test]
fn a_ticket_brings_a_queue_back_after_a_restart_until_the_users_own_list() {
    let (mut desk, bob) = (Desk::new(&PeerConfig::default()), person(1));
    let registered = desk.register(&bob);
    let ticket = desk.queue(registered, 1);
    let mut restarted = Desk::new(&PeerConfig::default());
    assert_eq!(restore(&mut restarted, &bob, 1, ticket), Ok(()));
    assert_eq!(restore(&mut restarted, &bob, 1, ticket), Ok(()), "asking twice is asking once");
    assert_eq!(restarted.deposit(1, 1, false, 320), Ok(true));
    let back = restarted.register(&bob);
    assert_eq!(restarted.held(back.user).len(), 1);
    restarted.queue(back, 1);
    restarted.store.list_end(back.user, back.round).unwrap();
    restarted.check();
    assert_eq!(restarted.held(back.user).len(), 1);
}

#[test]
fn t24_a_revoked_queue_answers_like_one_that_never_was_and_its_ticket_ends_with_the_list() {
    let (mut desk, bob) = (Desk::new(&PeerConfig::default()), person(1));
    let registered = desk.register(&bob);
    let ticket = desk.queue(registered, 1);
    desk.queue(registered, 2);
    desk.deposit(1, 1, false, 320).unwrap();
    desk.store.list_end(registered.user, registered.round).unwrap();
    desk.store.queue_drop(registered.user, QueueId([1; 16])).unwrap();
    assert_eq!(desk.held(registered.user).len(), 0, "what it held is forgotten");
    assert_eq!(desk.deposit(1, 2, false, 320), Err(Refusal::UNKNOWN_QUEUE));
    assert_eq!(restore(&mut desk, &bob, 1, ticket), Err(Refusal::UNKNOWN_QUEUE));

    let mut restarted = Desk::new(&PeerConfig::default());
    restore(&mut restarted, &bob, 1, ticket).unwrap();
    restarted.deposit(1, 3, false, 320).unwrap();
    let back = restarted.register(&bob);
    restarted.queue(back, 2);
    restarted.store.list_end(back.user, back.round).unwrap();
    assert_eq!(restarted.held(back.user).len(), 0);
    assert_eq!(restore(&mut restarted, &bob, 1, ticket), Err(Refusal::UNKNOWN_QUEUE));
    assert_eq!(restarted.deposit(1, 4, false, 320), Err(Refusal::UNKNOWN_QUEUE));
    assert_eq!(restarted.deposit(2, 4, false, 320), Ok(true));
}

#[test]
fn a_ticket_that_is_forged_expired_or_for_something_else_opens_nothing() {
    let (mut desk, bob, eve) = (Desk::new(&PeerConfig::default()), person(1), person(2));
    let registered = desk.register(&bob);
    let ticket = desk.queue(registered, 1);
    let mut restarted = Desk::new(&PeerConfig::default());
    let mut forged = ticket;
    forged.mac[3] ^= 1;
    assert_eq!(restore(&mut restarted, &bob, 1, forged), Err(Refusal::BAD_PROOF));
    assert_eq!(restore(&mut restarted, &bob, 2, ticket), Err(Refusal::BAD_PROOF));
    assert_eq!(restore(&mut restarted, &eve, 1, ticket), Err(Refusal::BAD_PROOF));
    let larger = TicketGrant { quota_kib: ticket.quota_kib + 1, ..ticket };
    assert_eq!(restore(&mut restarted, &bob, 1, larger), Err(Refusal::BAD_PROOF));
    restarted.now.wall_ms = ticket.expiry * 1000;
    assert_eq!(restore(&mut restarted, &bob, 1, ticket), Err(Refusal::BAD_PROOF));
    assert_eq!(restarted.store.stats(Stats::default()).users, 0);
}

#[test]
fn a_queue_cannot_be_taken_over_by_another_user() {
    let (mut desk, bob, eve) = (Desk::new(&PeerConfig::default()), person(1), person(2));
    let (of_bob, of_eve) = (desk.register(&bob), desk.register(&eve));
    desk.queue(of_bob, 1);
    let taken = desk.store.queue_set(desk.now, of_eve.user, of_eve.round, setting(1));
    assert_eq!(taken, Err(Refusal::REFUSED));
    desk.store.queue_drop(of_eve.user, QueueId([1; 16])).unwrap();
    assert_eq!(desk.deposit(1, 1, false, 320), Ok(true));
}

#[test]
fn a_user_has_at_most_so_many_queues_and_hears_it() {
    let config = PeerConfig { queues_max: 3, ..PeerConfig::default() };
    let (mut desk, bob) = (Desk::new(&config), person(1));
    let registered = desk.register(&bob);
    for queue in 1..=3 {
        desk.queue(registered, queue);
    }
    let fourth = desk.store.queue_set(desk.now, registered.user, registered.round, setting(4));
    assert_eq!(fourth.map_err(|r| r.code), Err(error_code::FULL));
    desk.store.queue_drop(registered.user, QueueId([2; 16])).unwrap();
    desk.queue(registered, 4);
    desk.check();
}

#[test]
fn an_introduction_counts_with_one_source_though_its_sender_roams_between_two_parts() {
    let (mut desk, bob) = (Desk::new(&PeerConfig::default()), person(1));
    let registered = desk.register(&bob);
    desk.token(registered, 2);
    desk.store.list_end(registered.user, registered.round).unwrap();
    assert_eq!(desk.intro(&bob, 1, 2, 0, Source(5)), Ok(false));
    assert_eq!(desk.intro(&bob, 1, 2, 1, Source(6)), Ok(true));
    assert_eq!(desk.ack_all(registered), 2);
    assert_eq!(desk.store.intro_sources.len(), 0);
    assert_eq!(desk.intro(&bob, 2, 3, 0, Source(5)), Ok(false));
    assert_eq!(desk.intro(&bob, 2, 3, 1, Source(6)), Ok(false));
    desk.pass(61 * SECOND);
    assert_eq!((desk.store.intro_sources.len(), desk.store.intro_sources.bytes()), (0, 0), "never finished, forgotten");
}

#[test]
fn an_introduction_with_a_token_is_delivered_whole_and_a_use_is_spent_once() {
    let (mut desk, bob) = (Desk::new(&PeerConfig::default()), person(1));
    let registered = desk.register(&bob);
    desk.token(registered, 1);
    desk.store.list_end(registered.user, registered.round).unwrap();
    assert_eq!(desk.intro(&bob, 1, 3, 0, Source(5)), Ok(false));
    assert_eq!(desk.intro(&bob, 1, 3, 0, Source(5)), Ok(false));
    assert_eq!(desk.intro(&bob, 1, 3, 2, Source(5)), Ok(false));
    assert_eq!(desk.held(registered.user), []);
    assert_eq!(desk.intro(&bob, 1, 3, 1, Source(5)), Ok(true));
    assert_eq!(desk.held(registered.user).len(), 3);
    assert_eq!(desk.intro(&bob, 2, 1, 0, Source(5)), Err(Refusal::INTRO_REFUSED));
    assert_eq!(desk.ack_all(registered), 3);
    assert_eq!(desk.intro(&bob, 1, 3, 0, Source(5)), Ok(false), "known for a moment, not delivered again");
    assert_eq!(desk.held(registered.user), []);
    assert_eq!(desk.store.intro_sources.largest(), None);
}

#[test]
fn an_introduction_without_a_token_is_refused_and_one_to_a_user_whose_list_is_missing_waits() {
    let (mut desk, bob) = (Desk::new(&PeerConfig::default()), person(1));
    assert_eq!(desk.intro(&bob, 1, 1, 0, Source(5)), Err(Refusal::UNKNOWN_USER));
    let registered = desk.register(&bob);
    assert_eq!(desk.intro(&bob, 1, 1, 0, Source(5)), Err(Refusal::UNKNOWN_USER));
    desk.store.list_end(registered.user, registered.round).unwrap();
    assert_eq!(desk.intro(&bob, 1, 1, 0, Source(5)), Err(Refusal::INTRO_REFUSED));
    desk.token(registered, 1);
    assert_eq!(desk.intro(&bob, 1, 1, 0, Source(5)), Ok(true));
}

#[test]
fn a_full_intro_inbox_does_not_touch_contacts() {
    let (mut desk, bob) = (Desk::new(&PeerConfig::default()), person(1));
    let registered = desk.register(&bob);
    desk.queue(registered, 1);
    desk.token(registered, 1000);
    let taken = (0..40).filter(|&i| desk.intro(&bob, i, 1, 0, Source(u64::from(i))).is_ok()).count();
    assert_eq!(taken, 16);
    assert_eq!(desk.deposit(1, 1, false, 1088), Ok(true));
    desk.store.leave(desk.now, registered.user);
    desk.pass(DAY + SECOND);
    assert_eq!(desk.held(registered.user).len(), 1, "introductions are held for a day, messages longer");
}

#[test]
fn a_memory_cap_refuses_introductions_at_80_percent_and_drops_those_of_the_largest_source_at_90() {
    let config = PeerConfig { ram_bytes: 100_000, ..PeerConfig::default() };
    let (mut desk, bob) = (Desk::new(&config), person(1));
    let registered = desk.register(&bob);
    desk.queue(registered, 1);
    desk.token(registered, 1000);
    desk.store.publish(desk.now, registered.user, &bundle_bytes(&[1; 400], &[2; 2700], &[])).unwrap();
    let (large, small) = (Source(1), Source(2));
    for i in 0..6 {
        desk.intro(&bob, i, 1, 0, large).unwrap();
    }
    desk.intro(&bob, 99, 1, 0, small).unwrap();
    let mut n = 0;
    while desk.store.ledger.fits(1088 + 128, 80) {
        n += 1;
        desk.deposit(1, n, false, 1088).unwrap();
    }
    assert_eq!(desk.intro(&bob, 50, 1, 0, small), Err(Refusal::PEER_FULL));
    while desk.store.totals.evicted < 3 {
        n += 1;
        desk.deposit(1, n, false, 1088).unwrap();
    }
    assert!(desk.store.registry.get(registered.user).unwrap().inbox.is_waiting(&IntroId([99; 16])));
    while desk.store.bundles.len() == 1 {
        n += 1;
        desk.deposit(1, n, false, 1088).unwrap();
    }
    assert_eq!(desk.store.totals.evicted, 8, "all introductions, then the bundle");
    let full = loop {
        n += 1;
        if let Err(refusal) = desk.deposit(1, n, false, 1088) {
            break refusal;
        }
    };
    assert_eq!(full, Refusal::PEER_FULL);
    assert_eq!(desk.held(registered.user).len(), n as usize - 1, "no message of a contact gave way");
}

#[test]
fn new_users_of_one_network_are_limited_and_those_who_come_back_are_not() {
    let config = PeerConfig { new_users_per_prefix_hour: 3, ..PeerConfig::default() };
    let mut desk = Desk::new(&config);
    for seed in 1..=3 {
        desk.register(&person(seed));
    }
    let fourth = desk.newcomer(1, 4, &Newcomer::default());
    assert_eq!(fourth.map_err(|r| r.code), Err(error_code::SLOW_DOWN));
    desk.register(&person(2));
    assert!(desk.newcomer(2, 5, &Newcomer::default()).is_ok());
    desk.pass(HOUR);
    desk.register(&person(4));
}

#[test]
fn t18_one_time_packages_are_handed_out_once_per_session_and_per_network_and_hour() {
    let (mut desk, bob) = (Desk::new(&PeerConfig::default()), person(1));
    let registered = desk.register(&bob);
    let bytes = bundle_bytes(b"card", b"last", &[b"one", b"two"]);
    desk.store.publish(desk.now, registered.user, &bytes).unwrap();
    let look = |desk: &mut Desk, source, may| {
        let found = desk.store.lookup(desk.now, Source(source), bob.fingerprint(), may).unwrap();
        desk.check();
        found.one_time
    };
    assert!(!look(&mut desk, 1, false), "this session had one");
    assert!(look(&mut desk, 1, true));
    assert!(!look(&mut desk, 1, true), "this network had one");
    assert!(look(&mut desk, 2, true));
    assert!(!look(&mut desk, 3, true), "there are no more, and the last resort serves");
}

#[test]
fn a_draining_peer_takes_nothing_new_and_gives_out_what_it_holds() {
    let (mut desk, bob) = (Desk::new(&PeerConfig::default()), person(1));
    let registered = desk.register(&bob);
    desk.queue(registered, 1);
    desk.deposit(1, 1, false, 320).unwrap();
    desk.store.drain(desk.now, 20 * SECOND);
    assert_eq!(desk.deposit(1, 1, false, 320), Ok(false), "what is held is held");
    let refused = Refusal { code: error_code::DRAINING, retry_after_ms: 20_000 };
    assert_eq!(desk.deposit(1, 2, false, 320), Err(refused));
    assert_eq!(desk.newcomer(1, 2, &Newcomer::default()), Err(refused));
    let again = desk.register(&bob);
    assert_eq!(desk.ack_all(again), 1);
}

#[test]
fn t17_users_are_told_apart_by_the_whole_fingerprint() {
    use super::registry::Registry;
    use super::user::User;
    use pirushka_wire::{Fingerprint, Incarnation};
    let mut registry = Registry::default();
    let alike = |n: u32| {
        let mut bytes = [0xab; 32];
        bytes[28..].copy_from_slice(&n.to_be_bytes());
        Fingerprint(bytes)
    };
    let ids: Vec<_> = (0..5_000)
        .map(|n| registry.insert(User::new(alike(n), 0, Incarnation([0; 8]), &PeerConfig::default())))
        .collect();
    assert!((0..5_000).all(|n| registry.find(&alike(n)) == Some(ids[n as usize])));
    assert_eq!(registry.find(&alike(5_001)), None);
}
