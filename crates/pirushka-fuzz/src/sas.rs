//! The six digits: two people start, answer and confirm as they like, and somebody carries their steps.

use pirushka_e2e::sas::{Phase, RUNS_MAX, SasError, SasStep, Verification};
use pirushka_e2e::verify::{compare_qr, qr_payload};
use pirushka_wire::Fingerprint;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

use crate::script::Script;

const NAMES: [Fingerprint; 2] = [Fingerprint([1; 32]), Fingerprint([2; 32])];

pub(crate) fn steps(input: &[u8]) {
    stored(input);
    let mut script = Script::new(input);
    let mut rng = ChaCha20Rng::from_seed([6; 32]);
    let mut sides = [0, 1].map(|n| Verification::new(NAMES[n], NAMES[1 - n], 0));
    let (mut sent, mut is_forged): ([Vec<SasStep>; 2], bool) = ([vec![], vec![]], false);
    for _ in 0..64 {
        if script.is_over() {
            break;
        }
        let act = script.u8();
        let me = usize::from(act >> 7);
        let before = sides[me].to_bytes();
        match act % 8 {
            0 | 1 => match sides[me].start(&mut rng) {
                Ok(step) => sent[me].push(step),
                Err(reason) => assert_eq!((reason, sides[me].to_bytes()), (SasError::Exhausted, before)),
            },
            2 => {
                let was = sides[me].phase();
                let confirmed = sides[me].confirm(script.flag());
                assert_eq!(confirmed.is_ok(), matches!(was, Phase::Compare(_)));
            }
            3 => sides[me] = Verification::from_bytes(&before).expect("what was stored"),
            how => {
                let steps = &sent[1 - me];
                if steps.is_empty() {
                    continue;
                }
                let mut step = steps[script.below(steps.len())];
                if how == 4 {
                    is_forged |= forge(&mut step, &mut script);
                }
                match sides[me].handle(&mut rng, &step) {
                    Ok(reaction) => sent[me].extend(answer(reaction)),
                    Err(SasError::OpeningDoesNotFit) => {
                        assert!(is_forged, "nobody lied");
                        assert_eq!(sides[me].phase(), Phase::Broken);
                    }
                    Err(reason) => assert_eq!(sides[me].to_bytes(), before, "{reason} changed something"),
                }
            }
        }
        assert!(sides.iter().all(|side| side.runs() <= RUNS_MAX));
        if let ([Phase::Compare(a), Phase::Compare(b)], false) = ([sides[0].phase(), sides[1].phase()], is_forged) {
            assert_eq!(a, b, "two people whom nobody stands between see the same");
        }
    }
}

fn answer(reaction: pirushka_e2e::sas::Reaction) -> Option<SasStep> {
    use pirushka_e2e::sas::Reaction;
    match reaction {
        Reaction::Answer(step) | Reaction::OpenAndShow(step, _) => Some(step),
        Reaction::Show(_) | Reaction::Nothing => None,
    }
}

fn forge(step: &mut SasStep, script: &mut Script<'_>) -> bool {
    let before = *step;
    let (at, flip) = (script.below(48), script.u8());
    let (SasStep::Commit { vid, commitment: number, .. }
    | SasStep::Answer { vid, nonce: number }
    | SasStep::Open { vid, nonce: number }) = step;
    match at {
        0..16 => vid[at] ^= flip,
        _ => number[at - 16] ^= flip,
    }
    if let SasStep::Commit { attempt, .. } = step {
        *attempt = attempt.wrapping_add(script.u8() % 4);
    }
    *step != before
}

/// Any bytes in the place of a stored verification, and any text in the place of a code.
fn stored(input: &[u8]) {
    let [me, them] = NAMES;
    let code = String::from_utf8_lossy(input);
    assert_eq!(compare_qr(&code, &me, &them).is_ok(), *code == *qr_payload(&them, &me));
    let Ok(mut machine) = Verification::from_bytes(input) else { return };
    let rng = &mut ChaCha20Rng::from_seed([7; 32]);
    for attempt in [1, 3, u8::MAX] {
        let _ = machine.handle(rng, &SasStep::Commit { vid: [attempt; 16], attempt, commitment: [0; 32] });
        let _ = machine.start(rng);
        let _ = machine.confirm(true);
    }
    assert!(Verification::from_bytes(&machine.to_bytes()).is_ok());
}
