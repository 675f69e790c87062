//! The tokens by which strangers may introduce themselves to one user. A use is spent once per introduction, however
//! many parts and repeats it has.

use pirushka_wire::IntroId;
use subtle::ConstantTimeEq as _;

use crate::limits::TOKEN_OVERHEAD;

/// Introductions remembered per token as having used it; beyond it the oldest go, and their repeats cost a use again.
const SPENT_MAX: usize = 64;

#[derive(Debug, Default)]
pub(crate) struct Tokens {
    list: Vec<Token>,
}

#[derive(Debug)]
struct Token {
    hash: [u8; 32],
    /// Below zero when more wait than the user takes.
    uses: i32,
    /// Unix seconds.
    expiry: u64,
    round: u32,
    spent: Vec<IntroId>,
}

impl Tokens {
    pub(crate) fn footprint(&self) -> u64 {
        self.list.iter().map(Token::footprint).sum()
    }

    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    pub(crate) fn contains(&self, hash: &[u8; 32]) -> bool {
        self.list.iter().any(|t| t.hash == *hash)
    }

    /// Sets a token. `uses` is how many more introductions the user takes beyond those it has acknowledged, so those
    /// that are `waiting` for it in the inbox still count.
    pub(crate) fn set(
        &mut self,
        hash: [u8; 32],
        uses: u16,
        expiry: u64,
        round: u32,
        waiting: impl Fn(&IntroId) -> bool,
    ) {
        match self.list.iter_mut().find(|t| t.hash == hash) {
            Some(token) => {
                let waiting = token.spent.iter().filter(|id| waiting(id)).count();
                token.uses = i32::from(uses) - waiting as i32;
                (token.expiry, token.round) = (expiry, round);
            }
            None => self.list.push(Token { hash, uses: uses.into(), expiry, round, spent: Vec::new() }),
        }
    }

    pub(crate) fn remove(&mut self, hash: &[u8; 32]) {
        self.list.retain(|t| t.hash != *hash);
    }

    /// Forgets tokens that were not named in registration `round`, and those past their time.
    pub(crate) fn keep_listed(&mut self, round: u32) {
        self.list.retain(|t| t.round == round);
    }

    pub(crate) fn forget_expired(&mut self, unix_s: u64) {
        self.list.retain(|t| t.expiry > unix_s);
    }

    /// Whether the token lets this introduction in. All tokens are compared, each in constant time.
    pub(crate) fn permits(&self, hash: &[u8; 32], intro: &IntroId, unix_s: u64) -> bool {
        self.find(hash).is_some_and(|at| {
            let token = &self.list[at];
            token.expiry > unix_s && (token.uses > 0 || token.spent.contains(intro))
        })
    }

    /// Counts the introduction's one use; tells whether it had not been counted before.
    pub(crate) fn spend(&mut self, hash: &[u8; 32], intro: IntroId) -> bool {
        let Some(at) = self.find(hash) else { return false };
        let token = &mut self.list[at];
        if token.spent.contains(&intro) {
            return false;
        }
        token.uses -= 1;
        if token.spent.len() == SPENT_MAX {
            token.spent.remove(0);
        }
        token.spent.push(intro);
        true
    }

    /// An introduction for which a use was counted was never finished: the use is there for another.
    pub(crate) fn give_back(&mut self, hash: &[u8; 32], intro: &IntroId) {
        let Some(at) = self.find(hash) else { return };
        let token = &mut self.list[at];
        if let Some(at) = token.spent.iter().position(|spent| spent == intro) {
            token.spent.remove(at);
            token.uses += 1;
        }
    }

    fn find(&self, hash: &[u8; 32]) -> Option<usize> {
        let mut found = None;
        for (at, token) in self.list.iter().enumerate() {
            if token.hash.ct_eq(hash).into() {
                found = Some(at);
            }
        }
        found
    }
}

impl Token {
    fn footprint(&self) -> u64 {
        (1 + self.spent.len()) as u64 * TOKEN_OVERHEAD
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: [u8; 32] = [7; 32];

    fn one(uses: u16) -> Tokens {
        let mut tokens = Tokens::default();
        tokens.set(HASH, uses, 1_000, 1, |_| false);
        tokens
    }

    #[test]
    fn a_use_is_spent_once_per_introduction() {
        let mut tokens = one(1);
        tokens.spend(&HASH, IntroId([1; 16]));
        tokens.spend(&HASH, IntroId([1; 16]));
        assert!(tokens.permits(&HASH, &IntroId([1; 16]), 0), "the parts and repeats of the same introduction");
        assert!(!tokens.permits(&HASH, &IntroId([2; 16]), 0), "another one");
    }

    #[test]
    fn a_use_that_was_given_back_is_there_for_another_and_given_back_once() {
        let mut tokens = one(1);
        tokens.spend(&HASH, IntroId([1; 16]));
        tokens.give_back(&HASH, &IntroId([1; 16]));
        tokens.give_back(&HASH, &IntroId([1; 16]));
        assert_eq!(tokens.list[0].uses, 1);
        tokens.spend(&HASH, IntroId([2; 16]));
        assert!(!tokens.permits(&HASH, &IntroId([1; 16]), 0));
    }

    #[test]
    fn what_is_given_back_never_makes_more_uses_than_the_user_takes() {
        let mut tokens = one(3);
        (0..3).for_each(|n| assert!(tokens.spend(&HASH, IntroId([n; 16]))));
        // Three wait, and the user takes one more at most.
        tokens.set(HASH, 1, 1_000, 1, |_| true);
        (0..3).for_each(|n| tokens.give_back(&HASH, &IntroId([n; 16])));
        assert_eq!(tokens.list[0].uses, 1);
    }

    #[test]
    fn an_expired_or_unknown_token_permits_nothing() {
        let tokens = one(5);
        assert!(tokens.permits(&HASH, &IntroId([1; 16]), 999));
        assert!(!tokens.permits(&HASH, &IntroId([1; 16]), 1_000));
        assert!(!tokens.permits(&[8; 32], &IntroId([1; 16]), 0));
    }

    #[test]
    fn setting_a_token_again_counts_what_waits_in_the_inbox_and_not_what_was_fetched() {
        let (waiting, fetched) = (IntroId([1; 16]), IntroId([2; 16]));
        let mut tokens = one(3);
        tokens.spend(&HASH, waiting);
        tokens.spend(&HASH, fetched);
        tokens.set(HASH, 2, 1_000, 2, |id| *id == waiting);
        assert_eq!(tokens.list[0].uses, 1);
    }

    #[test]
    fn what_is_not_listed_again_is_forgotten() {
        let mut tokens = one(3);
        tokens.set([9; 32], 1, 1_000, 2, |_| false);
        tokens.keep_listed(2);
        assert!(!tokens.contains(&HASH) && tokens.contains(&[9; 32]));
    }

    #[test]
    fn what_is_remembered_of_a_token_is_bounded() {
        let mut tokens = one(u16::MAX);
        for i in 0..1000u16 {
            tokens.spend(&HASH, IntroId([i.to_be_bytes()[0]; 16].map(|b| b ^ i as u8)));
        }
        assert!(tokens.footprint() <= (1 + SPENT_MAX as u64) * TOKEN_OVERHEAD);
    }
}
