//! The six digits between two honest sides, and against everybody else.

use std::collections::HashMap;

use rand_core::SeedableRng;

use super::*;

fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

fn fp(n: u8) -> Fingerprint {
    Fingerprint([n; 32])
}

/// Two people; the first has the smaller fingerprint.
fn pair() -> (Verification, Verification) {
    (Verification::new(fp(1), fp(2), 0), Verification::new(fp(2), fp(1), 0))
}

fn run(i: &mut Verification, r: &mut Verification, rng: &mut ChaCha20Rng) -> (Code, Code) {
    let commit = i.start(rng).unwrap();
    let Reaction::Answer(answer) = r.handle(rng, &commit).unwrap() else { panic!("no answer") };
    let Reaction::OpenAndShow(open, at_i) = i.handle(rng, &answer).unwrap() else { panic!("no opening") };
    let Reaction::Show(at_r) = r.handle(rng, &open).unwrap() else { panic!("not shown") };
    (at_i, at_r)
}

#[test]
fn both_sides_see_the_same_six_digits() {
    let (mut a, mut b) = pair();
    let (at_a, at_b) = run(&mut a, &mut b, &mut rng(1));
    assert_eq!(at_a, at_b);
    assert_eq!((a.runs(), b.runs()), (1, 1));
    assert_eq!(a.confirm(true), Ok(true));
    assert_eq!(b.confirm(false), Ok(false));
    assert_eq!((a.phase(), b.phase()), (Phase::Confirmed(at_a), Phase::Broken));
}

#[test]
fn a_code_is_shown_as_three_and_three_digits() {
    assert_eq!(Code(42_817).to_string(), "042 817");
    assert_eq!(Code(0).to_string(), "000 000");
}

/// Values computed independently with Python's hashlib.
#[test]
fn the_code_is_the_one_of_the_formula() {
    let context = context(Vid([7; 16]), &[1; 32], &[2; 32], 1);
    let commitment = commit(&context, &[3; 32]);
    let hex: String = commitment.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, "8b39b9117076618a9bd504d269a9ef518a9199919a5b1e4e97ec1838c5aa13d2");
    assert_eq!(code(&context, &commitment, &[3; 32], &[4; 32]).to_string(), "107 538");
}

#[test]
fn when_both_start_the_smaller_fingerprint_leads_and_one_run_is_counted() {
    let (mut a, mut b, rng) = (pair().0, pair().1, &mut rng(2));
    let (from_a, from_b) = (a.start(rng).unwrap(), b.start(rng).unwrap());
    assert_eq!(a.handle(rng, &from_b), Ok(Reaction::Nothing));
    let Reaction::Answer(answer) = b.handle(rng, &from_a).unwrap() else { panic!("b does not follow") };
    let Reaction::OpenAndShow(open, at_a) = a.handle(rng, &answer).unwrap() else { panic!("a does not open") };
    assert_eq!(b.handle(rng, &open), Ok(Reaction::Show(at_a)));
    assert_eq!((a.runs(), b.runs()), (1, 1));
}

#[test]
fn a_stored_machine_goes_on_where_it_was() {
    let (mut a, mut b, rng) = (pair().0, pair().1, &mut rng(3));
    let store = |v: &mut Verification| *v = Verification::from_bytes(&v.to_bytes()).unwrap();
    let commit = a.start(rng).unwrap();
    store(&mut a);
    let Reaction::Answer(answer) = b.handle(rng, &commit).unwrap() else { panic!() };
    store(&mut b);
    let Reaction::OpenAndShow(open, code) = a.handle(rng, &answer).unwrap() else { panic!() };
    store(&mut a);
    assert_eq!(b.handle(rng, &open), Ok(Reaction::Show(code)));
    store(&mut b);
    assert_eq!((a.phase(), b.phase()), (Phase::Compare(code), Phase::Compare(code)));
    assert!(Verification::from_bytes(b"nonsense").is_err());
}

#[test]
fn copies_of_steps_change_nothing() {
    let (mut a, mut b, rng) = (pair().0, pair().1, &mut rng(4));
    let commit = a.start(rng).unwrap();
    let Reaction::Answer(answer) = b.handle(rng, &commit).unwrap() else { panic!() };
    assert_eq!(b.handle(rng, &commit), Ok(Reaction::Nothing));
    let Reaction::OpenAndShow(open, code) = a.handle(rng, &answer).unwrap() else { panic!() };
    assert_eq!(a.handle(rng, &answer), Ok(Reaction::Nothing));
    assert_eq!(b.handle(rng, &open), Ok(Reaction::Show(code)));
    assert_eq!(b.handle(rng, &open), Ok(Reaction::Nothing));
    assert_eq!(b.handle(rng, &commit), Ok(Reaction::Nothing));
}

/// The code that looks right at first sight: a hash of both names.
fn static_code(a: &Fingerprint, b: &Fingerprint) -> u32 {
    let (low, high) = if a < b { (a, b) } else { (b, a) };
    let digest: [u8; 32] = Sha256::new().chain_update(low.0).chain_update(high.0).finalize().into();
    (u64::from_be_bytes(*digest.first_chunk().unwrap()) % 1_000_000) as u32
}

/// What a birthday search costs against the static code: two keys, one for each victim, that show the same digits.
fn birthday_search(alice: &Fingerprint, bob: &Fingerprint, rng: &mut ChaCha20Rng) -> usize {
    let (mut shown_to_alice, mut shown_to_bob) = (HashMap::new(), HashMap::new());
    let mut fresh = || {
        let mut key = [0; 32];
        rng.fill_bytes(&mut key);
        Fingerprint(key)
    };
    for keys in 1.. {
        let (as_bob, as_alice) = (fresh(), fresh());
        shown_to_alice.insert(static_code(alice, &as_bob), as_bob);
        shown_to_bob.insert(static_code(&as_alice, bob), as_alice);
        if shown_to_bob.contains_key(&static_code(alice, &as_bob))
            || shown_to_alice.contains_key(&static_code(&as_alice, bob))
        {
            return keys;
        }
    }
    unreachable!("the search ends")
}

#[test]
fn t35_the_birthday_attack_beats_a_static_code() {
    let rng = &mut rng(35);
    let tries: Vec<_> = (0..20).map(|_| birthday_search(&fp(1), &fp(2), rng)).collect();
    assert!(tries.iter().all(|keys| *keys < 10_000), "a search took {tries:?} keys");
}

#[test]
fn t35_the_birthday_attack_fails_against_commit_answer_open() {
    let rng = &mut rng(36);
    let (alice, bob, as_alice, as_bob) = (fp(1), fp(2), fp(3), fp(4));
    let mut equal = 0;
    for _ in 0..2_000 {
        // Mallory lets Alice start with "Bob", and starts with Bob as "Alice".
        let mut at_alice = Verification::new(alice, as_bob, 0);
        let mut at_bob = Verification::new(bob, as_alice, 0);
        let mut to_bob = Verification::new(as_alice, bob, 0);
        let commit_of_alice = at_alice.start(rng).unwrap();
        let commit_to_bob = to_bob.start(rng).unwrap();
        let Reaction::Answer(answer_of_bob) = at_bob.handle(rng, &commit_to_bob).unwrap() else { panic!() };
        let Reaction::OpenAndShow(open_to_bob, code_at_bob) = to_bob.handle(rng, &answer_of_bob).unwrap() else {
            panic!()
        };
        // The code at Bob is known, but whatever N_R Mallory picks for Alice, N_I of Alice comes afterwards.
        let SasStep::Commit { vid, .. } = commit_of_alice else { panic!() };
        let mut nonce = [0; 32];
        rng.fill_bytes(&mut nonce);
        let Reaction::OpenAndShow(_, code_at_alice) = at_alice.handle(rng, &SasStep::Answer { vid, nonce }).unwrap()
        else {
            panic!()
        };
        // Alice's code is out: another opening for Bob would be needed, and none fits.
        let SasStep::Commit { vid, .. } = commit_to_bob else { panic!() };
        rng.fill_bytes(&mut nonce);
        let forged = at_bob.clone().handle(rng, &SasStep::Open { vid, nonce });
        assert_eq!(forged, Err(SasError::OpeningDoesNotFit));
        assert_eq!(at_bob.handle(rng, &open_to_bob), Ok(Reaction::Show(code_at_bob)));
        equal += usize::from(code_at_alice == code_at_bob);
    }
    assert_eq!(equal, 0, "one run in a million may show equal codes");
}

#[test]
fn t36_a_second_commitment_in_one_attempt_is_refused() {
    let (mut b, rng) = (pair().1, &mut rng(5));
    let (first, second) = (pair().0.start(rng).unwrap(), pair().0.start(rng).unwrap());
    let Reaction::Answer(_) = b.handle(rng, &first).unwrap() else { panic!() };
    assert_eq!(b.handle(rng, &second), Err(SasError::WrongAttempt { expected: 2, got: 1 }));
    assert_eq!(b.phase(), Phase::AwaitingOpening);
}

#[test]
fn t36_a_second_answer_is_refused() {
    let (mut a, rng) = (pair().0, &mut rng(6));
    let SasStep::Commit { vid, .. } = a.start(rng).unwrap() else { panic!() };
    let Reaction::OpenAndShow(_, code) = a.handle(rng, &SasStep::Answer { vid, nonce: [1; 32] }).unwrap() else {
        panic!()
    };
    assert_eq!(a.handle(rng, &SasStep::Answer { vid, nonce: [2; 32] }), Err(SasError::SecondAnswer));
    assert_eq!(a.phase(), Phase::Compare(code));
}

#[test]
fn t36_reflected_steps_are_refused() {
    for (me, them) in [(1, 2), (2, 1)] {
        let (mut a, rng) = (Verification::new(fp(me), fp(them), 0), &mut rng(7));
        let commit = a.start(rng).unwrap();
        assert_eq!(a.handle(rng, &commit), Err(SasError::Reused));
        let SasStep::Commit { vid, .. } = commit else { panic!() };
        let Reaction::OpenAndShow(open, _) = a.handle(rng, &SasStep::Answer { vid, nonce: [1; 32] }).unwrap() else {
            panic!()
        };
        assert_eq!(a.handle(rng, &open), Err(SasError::NotExpected));
    }
}

#[test]
fn t36_an_old_run_cannot_be_used_again() {
    let (mut a, mut b, rng) = (pair().0, pair().1, &mut rng(8));
    let SasStep::Commit { vid, commitment, .. } = a.start(rng).unwrap() else { panic!() };
    let first = SasStep::Commit { vid, attempt: 1, commitment };
    b.handle(rng, &first).unwrap();
    let second = a.start(rng).unwrap();
    let Reaction::Answer(_) = b.handle(rng, &second).unwrap() else { panic!() };
    assert_eq!(b.handle(rng, &first), Err(SasError::Reused));
    let again = SasStep::Commit { vid, attempt: 3, commitment };
    assert_eq!(b.handle(rng, &again), Err(SasError::Reused));
    // The answer to the first run comes late, too.
    assert_eq!(a.handle(rng, &SasStep::Answer { vid, nonce: [1; 32] }), Err(SasError::NotExpected));
}

#[test]
fn t36_an_opening_that_does_not_fit_ends_the_run_loudly() {
    let (mut a, mut b, rng) = (pair().0, pair().1, &mut rng(9));
    let commit = a.start(rng).unwrap();
    b.handle(rng, &commit).unwrap();
    let SasStep::Commit { vid, .. } = commit else { panic!() };
    assert_eq!(b.handle(rng, &SasStep::Open { vid, nonce: [0; 32] }), Err(SasError::OpeningDoesNotFit));
    assert_eq!((b.phase(), b.runs()), (Phase::Broken, 1));
    assert_eq!(b.confirm(true), Err(SasError::NotExpected));
}

#[test]
fn t37_after_three_runs_of_any_outcome_no_more_are_made() {
    let (mut a, mut b, rng) = (pair().0, pair().1, &mut rng(10));
    let abandoned = a.start(rng).unwrap();
    b.handle(rng, &abandoned).unwrap();
    run(&mut b, &mut a, rng);
    run(&mut a, &mut b, rng);
    assert_eq!((a.runs(), b.runs()), (3, 3));
    assert_eq!(a.start(rng), Err(SasError::Exhausted));
    let mut cheat = Verification::new(fp(1), fp(2), 2);
    let start = cheat.start(rng).unwrap();
    assert_eq!(b.handle(rng, &start), Err(SasError::Exhausted));
    // Deleting the contact does not give new runs.
    let mut again = Verification::new(fp(2), fp(1), b.runs());
    assert_eq!(again.start(rng), Err(SasError::Exhausted));
    assert_eq!(again.handle(rng, &start), Err(SasError::Exhausted));
}

#[test]
fn t37_losing_starts_do_not_give_extra_runs() {
    let (mut b, rng) = (pair().1, &mut rng(11));
    let mut shown = 0;
    for _ in 0..10 {
        let attempt = b.runs() + 1;
        if b.start(rng).is_err() {
            break;
        }
        let mut mallory = Verification::new(fp(1), fp(2), attempt - 1);
        let Ok(start) = mallory.start(rng) else { break };
        let Ok(Reaction::Answer(answer)) = b.handle(rng, &start) else { break };
        let Ok(Reaction::OpenAndShow(open, _)) = mallory.handle(rng, &answer) else { break };
        shown += usize::from(matches!(b.handle(rng, &open), Ok(Reaction::Show(_))));
    }
    assert_eq!((shown, b.runs()), (3, 3));
}
