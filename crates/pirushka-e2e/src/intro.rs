//! An introduction: how somebody we do not know yet begins a session with us.
//!
//! ```text
//! introduction  Welcome length u16 | Welcome | first length u16 | first MLS message        about 7 KB
//! pushed part   intro id[16] | n u8 | i u8 | part                        n <= 8, part <= 1040
//! ```
//! The first message carries the sender's CARD, so the certificate that the Welcome's leaf must match. Parts go in the
//! clear: the Welcome is sealed to the key package, the message to the session. [`IntroReassembly`] holds at most
//! [`UNFINISHED_MAX`] unfinished introductions; a new one displaces the one that has waited longest.

use std::collections::BTreeMap;

use pirushka_identity::intro_id;
use pirushka_wire::limits::{INTRO_PART_MAX, INTRO_PARTS_MAX};
use pirushka_wire::{IntroId, Reader};

/// The longest introduction.
pub const INTRO_MAX: usize = INTRO_PART_MAX * INTRO_PARTS_MAX as usize;
/// Unfinished introductions kept, as many as a peer keeps for a user.
pub const UNFINISHED_MAX: usize = 16;

/// Why an introduction cannot be made or read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IntroError {
    /// Shorten the first text; the rest follows on the contact queue.
    #[error("the introduction would have {0} bytes; at most {INTRO_MAX} fit")]
    TooLong(usize),
    /// Does not have the shape above.
    #[error("the introduction is malformed")]
    Malformed,
}

/// A Welcome and the first message of its session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intro {
    /// For [`crate::Session::join`].
    pub welcome: Vec<u8>,
    /// An MLS message of that session; its content is a `Hello`.
    pub first: Vec<u8>,
}

impl Intro {
    /// As bytes; also what an envelope of kind `WELCOME` carries.
    pub fn encode(&self) -> Result<Vec<u8>, IntroError> {
        let total = 4 + self.welcome.len() + self.first.len();
        let length = |field: &[u8]| u16::try_from(field.len()).map_err(|_| IntroError::TooLong(total));
        let mut out = Vec::with_capacity(total);
        out.extend(length(&self.welcome)?.to_be_bytes());
        out.extend(&self.welcome);
        out.extend(length(&self.first)?.to_be_bytes());
        out.extend(&self.first);
        Ok(out)
    }

    /// The two fields.
    pub fn decode(bytes: &[u8]) -> Result<Self, IntroError> {
        let mut r = Reader::new(bytes);
        let mut field = || r.u16().and_then(|length| r.bytes(usize::from(length))).map_err(|_| IntroError::Malformed);
        let (welcome, first) = (field()?.to_vec(), field()?.to_vec());
        if r.is_empty() { Ok(Self { welcome, first }) } else { Err(IntroError::Malformed) }
    }

    /// The parts for the intro inbox, 1 to 8.
    pub fn parts(&self) -> Result<Vec<Vec<u8>>, IntroError> {
        let bytes = self.encode()?;
        if bytes.len() > INTRO_MAX {
            return Err(IntroError::TooLong(bytes.len()));
        }
        Ok(bytes.chunks(INTRO_PART_MAX).map(<[u8]>::to_vec).collect())
    }
}

/// One pushed part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IntroPart<'a> {
    /// The same for all parts.
    pub intro: IntroId,
    /// How many there are, 1 to 8.
    pub n: u8,
    /// Which one this is, from 0.
    pub i: u8,
    #[allow(missing_docs)]
    pub bytes: &'a [u8],
}

impl<'a> IntroPart<'a> {
    /// The body of a PUSH of class INTRO.
    pub fn decode(body: &'a [u8]) -> Result<Self, IntroError> {
        let mut r = Reader::new(body);
        let fields = (|| Ok::<_, pirushka_wire::UnexpectedEnd>((r.array()?, r.u8()?, r.u8()?)))();
        let (intro, n, i) = fields.map_err(|_| IntroError::Malformed)?;
        let bytes = r.rest();
        let sound = (1..=INTRO_PARTS_MAX).contains(&n) && i < n && bytes.len() <= INTRO_PART_MAX;
        if sound { Ok(Self { intro: IntroId(intro), n, i, bytes }) } else { Err(IntroError::Malformed) }
    }
}

/// Unfinished introductions.
#[derive(Debug, Clone, Default)]
pub struct IntroReassembly {
    unfinished: BTreeMap<IntroId, Unfinished>,
    clock: u64,
}

#[derive(Debug, Clone)]
struct Unfinished {
    n: u8,
    parts: BTreeMap<u8, Vec<u8>>,
    touched: u64,
}

impl IntroReassembly {
    /// Takes one part; gives the introduction when it is whole. A part that contradicts earlier ones is ignored.
    pub fn insert(&mut self, part: &IntroPart<'_>) -> Result<Option<Intro>, IntroError> {
        self.clock += 1;
        let fresh = Unfinished { n: part.n, parts: BTreeMap::new(), touched: 0 };
        let entry = self.unfinished.entry(part.intro).or_insert(fresh);
        if entry.n == part.n {
            entry.touched = self.clock;
            entry.parts.entry(part.i).or_insert_with(|| part.bytes.to_vec());
        }
        if entry.parts.len() < usize::from(entry.n) {
            self.make_room(part.intro);
            return Ok(None);
        }
        let whole = self.unfinished.remove(&part.intro).map(|entry| entry.parts.into_values().flatten().collect());
        whole.map(|bytes: Vec<u8>| Intro::decode(&bytes)).transpose()
    }

    /// Whether this part says otherwise than those that are here.
    #[must_use]
    pub fn contradicts(&self, part: &IntroPart<'_>) -> bool {
        let Some(entry) = self.unfinished.get(&part.intro) else { return false };
        entry.n != part.n || entry.parts.get(&part.i).is_some_and(|held| held != part.bytes)
    }

    /// Whether it is whole with this part, and is not the one that its id names.
    #[must_use]
    pub fn is_altered(&self, part: &IntroPart<'_>) -> bool {
        let mut parts = BTreeMap::from([(part.i, part.bytes)]);
        if let Some(entry) = self.unfinished.get(&part.intro).filter(|entry| entry.n == part.n) {
            parts.extend(entry.parts.iter().map(|(i, bytes)| (*i, &**bytes)));
        }
        let parts: Vec<&[u8]> = parts.into_values().collect();
        parts.len() == usize::from(part.n) && intro_id(&parts) != part.intro
    }

    /// Introductions that lack parts.
    pub fn unfinished(&self) -> impl Iterator<Item = IntroId> + '_ {
        self.unfinished.keys().copied()
    }

    /// Forgets one.
    pub fn forget(&mut self, intro: &IntroId) {
        self.unfinished.remove(intro);
    }

    fn make_room(&mut self, newest: IntroId) {
        while self.unfinished.len() > UNFINISHED_MAX {
            let others = self.unfinished.iter().filter(|(id, _)| **id != newest);
            let Some(oldest) = others.min_by_key(|(_, u)| u.touched).map(|(id, _)| *id) else { return };
            self.unfinished.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pushed(id: u8, n: u8, i: u8, bytes: &[u8]) -> Vec<u8> {
        [&[id; 16][..], &[n, i], bytes].concat()
    }

    #[test]
    fn an_introduction_travels_in_parts_and_comes_back_whole() {
        let intro = Intro { welcome: vec![1; 5527], first: vec![2; 1500] };
        let parts = intro.parts().unwrap();
        assert_eq!(parts.len(), 7);
        let mut inbox = IntroReassembly::default();
        for i in (0..7u8).rev() {
            let body = pushed(9, 7, i, &parts[usize::from(i)]);
            let got = inbox.insert(&IntroPart::decode(&body).unwrap()).unwrap();
            assert_eq!(got, (i == 0).then(|| intro.clone()));
        }
        assert_eq!(inbox.unfinished().count(), 0);
    }

    #[test]
    fn an_introduction_longer_than_eight_parts_is_refused() {
        let intro = Intro { welcome: vec![1; 5527], first: vec![2; 2800] };
        assert_eq!(intro.parts(), Err(IntroError::TooLong(8331)));
    }

    #[test]
    fn t20_unfinished_introductions_are_bounded() {
        let mut inbox = IntroReassembly::default();
        for id in 0..200 {
            let body = pushed(id, 8, 0, &[0; 1040]);
            assert_eq!(inbox.insert(&IntroPart::decode(&body).unwrap()), Ok(None));
        }
        assert_eq!(inbox.unfinished().count(), UNFINISHED_MAX);
    }

    #[test]
    fn a_part_that_lies_about_itself_is_refused() {
        for body in [pushed(1, 0, 0, b""), pushed(1, 9, 0, b""), pushed(1, 2, 2, b""), pushed(1, 1, 0, &[0; 1041])] {
            assert_eq!(IntroPart::decode(&body), Err(IntroError::Malformed));
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            if let Ok(intro) = Intro::decode(&bytes) {
                prop_assert_eq!(intro.encode().unwrap(), bytes.clone());
            }
            if let Ok(part) = IntroPart::decode(&bytes) {
                let _ = IntroReassembly::default().insert(&part);
            }
        }
    }
}
