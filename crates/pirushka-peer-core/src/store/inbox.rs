//! One user's intro inbox: introductions of strangers, put together from their parts.
//!
//! An introduction begins with part 0, which carries its admission (see [`super::intro`]); parts without it are refused.
//! Complete within a minute or dropped; once complete its parts move to the mailbox and are delivered, and the inbox
//! keeps the slot until all are acknowledged or a day is over. Then the id is remembered for a minute, so that repeats on
//! the way are answered and not delivered again.
//!
//! Those let in by a token and those let in by work have slots of their own. When all of the latter are taken, the
//! cheapest proof of the busiest source gives way, so that whoever wants to keep everybody else out must do more work
//! than they do, from more networks than they come from.

use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};

use pirushka_wire::limits::{INTRO_PART_MAX, INTRO_PARTS_MAX};
use pirushka_wire::time::SECOND;
use pirushka_wire::{DeliveryId, IntroId};

use crate::config::PeerConfig;
use crate::limits::{ACKED_MEMORY_S, INTRO_INCOMPLETE_US, INTRO_OVERHEAD, INTRO_REORDER_MS};
use crate::refusal::Refusal;
use crate::store::sources::Source;

const REMEMBERED_MAX: usize = 64;
const REMEMBERED_COST: u64 = 48;

#[derive(Debug, Default)]
pub(crate) struct Inbox {
    intros: Vec<Intro>,
    remembered: VecDeque<(u64, IntroId)>,
}

/// One part as it came.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part<'a> {
    pub(crate) intro: IntroId,
    pub(crate) parts: u8,
    pub(crate) index: u8,
    pub(crate) bytes: &'a [u8],
}

/// What [`Inbox::check`] finds out about a part that would be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fit {
    /// Here already; the answer is OK.
    Repeat,
    /// Belongs to an introduction that has begun.
    Continues,
    /// Part 0 of a new one, which needs admission and a slot.
    Begins,
}

/// Which kind of slot an introduction has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AdmittedBy {
    Token,
    Work { bits: u8 },
}

/// All slots of this kind are taken by others who did no less for theirs.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full;

/// An introduction of which every part is there.
#[derive(Debug)]
pub(crate) struct Whole<'a> {
    pub(crate) admitted: AdmittedBy,
    pub(crate) parts: Vec<&'a [u8]>,
}

#[derive(Debug)]
struct Intro {
    id: IntroId,
    source: Source,
    admitted: AdmittedBy,
    parts: Vec<Option<Box<[u8]>>>,
    bytes: usize,
    deadline_us: u64,
    /// The token, by its hash, of which a use was counted for it.
    spent: Option<[u8; 32]>,
    /// Set once complete.
    delivered: Option<Delivered>,
}

/// The deliveries of a complete introduction: as many consecutive ones as it has parts.
#[derive(Debug)]
struct Delivered {
    first: DeliveryId,
    parts: u8,
    /// Not yet acknowledged.
    left: u8,
}

/// An introduction that the inbox gave up.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Dropped {
    pub(crate) intro: IntroId,
    pub(crate) source: Source,
    /// What it counted with its source.
    pub(crate) bytes: u64,
    /// Deliveries to take out of the mailbox.
    pub(crate) deliveries: Vec<DeliveryId>,
    /// Not all parts of it had come: the use of this token that was counted for it is there again.
    pub(crate) give_back: Option<[u8; 32]>,
}

impl Inbox {
    pub(crate) fn footprint(&self) -> u64 {
        let intros: u64 = self.intros.iter().map(Intro::footprint).sum();
        intros + self.remembered.len() as u64 * REMEMBERED_COST
    }

    /// Bytes of all introductions as their sources are charged.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> u64 {
        self.intros.iter().map(|i| i.bytes as u64).sum()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.intros.is_empty()
    }

    pub(crate) fn is_waiting(&self, intro: &IntroId) -> bool {
        self.intros.iter().any(|i| i.id == *intro)
    }

    /// Whether the part fits, before anybody asks for its admission.
    pub(crate) fn check(&self, part: &Part<'_>, config: &PeerConfig) -> Result<Fit, Refusal> {
        if part.parts == 0 || part.parts > INTRO_PARTS_MAX || part.index >= part.parts || part.bytes.is_empty() {
            return Err(Refusal::MALFORMED);
        }
        if part.bytes.len() > INTRO_PART_MAX {
            return Err(Refusal::TOO_LARGE);
        }
        if self.remembered.iter().any(|(_, id)| *id == part.intro) {
            return Ok(Fit::Repeat);
        }
        match self.intros.iter().find(|i| i.id == part.intro) {
            Some(intro) => intro.check(part, config),
            None if part.index != 0 => Err(Refusal::slow_down(INTRO_REORDER_MS)),
            None => Ok(Fit::Begins),
        }
    }

    /// Whether there is a slot for one more; which introduction is to leave it, if any.
    pub(crate) fn slot(
        &self,
        admitted: AdmittedBy,
        source: Source,
        config: &PeerConfig,
    ) -> Result<Option<IntroId>, Full> {
        let most = usize::from(config.intros_max);
        match admitted {
            AdmittedBy::Token => {
                let taken = self.intros.iter().filter(|i| i.admitted == AdmittedBy::Token).count();
                if taken < most { Ok(None) } else { Err(Full) }
            }
            AdmittedBy::Work { bits } => self.slot_by_work(bits, source, most),
        }
    }

    /// Gives an introduction its slot; `spent` is the token, by its hash, of which a use was counted for it.
    pub(crate) fn begin(
        &mut self,
        now_us: u64,
        part: &Part<'_>,
        source: Source,
        admitted: AdmittedBy,
        spent: Option<[u8; 32]>,
    ) {
        self.intros.push(Intro { spent, ..Intro::new(now_us, part, source, admitted) });
    }

    /// Takes a part of an introduction that has begun. Gives the source that the whole introduction counts with: the one
    /// that its first part came from, wherever its sender has roamed since.
    pub(crate) fn take(&mut self, part: &Part<'_>) -> Option<Source> {
        let intro = self.intros.iter_mut().find(|i| i.id == part.intro)?;
        *intro.parts.get_mut(usize::from(part.index))? = Some(part.bytes.into());
        intro.bytes += part.bytes.len();
        Some(intro.source)
    }

    /// The introduction, if every part of it is there and none is on its way to the user.
    pub(crate) fn whole(&self, intro: IntroId) -> Option<Whole<'_>> {
        let intro = self.intros.iter().find(|i| i.id == intro && i.delivered.is_none())?;
        let parts: Option<Vec<&[u8]>> = intro.parts.iter().map(Option::as_deref).collect();
        Some(Whole { admitted: intro.admitted, parts: parts? })
    }

    /// The parts of a whole introduction as they will be pushed: `intro id[16] | n u8 | i u8 | part`.
    pub(crate) fn completed(&mut self, intro: IntroId) -> Vec<Box<[u8]>> {
        let Some(intro) = self.intros.iter_mut().find(|i| i.id == intro) else { return vec![] };
        let n = intro.parts.len() as u8;
        let parts = std::mem::take(&mut intro.parts).into_iter().flatten().zip(0u8..);
        parts.map(|(part, i)| [&intro.id.0[..], &[n, i], &part].concat().into()).collect()
    }

    /// The parts of a complete introduction are in the mailbox from `first` on.
    pub(crate) fn deliver(&mut self, intro: IntroId, first: DeliveryId, parts: u8, deadline_us: u64) {
        if let Some(intro) = self.intros.iter_mut().find(|i| i.id == intro) {
            intro.delivered = Some(Delivered { first, parts, left: parts });
            intro.deadline_us = deadline_us;
        }
    }

    /// A part was acknowledged; gives the introduction when it was the last one.
    pub(crate) fn acknowledged(&mut self, now_us: u64, delivery: DeliveryId) -> Option<Dropped> {
        let at = self.intros.iter().position(|i| i.deliveries().any(|d| d == delivery))?;
        let delivered = self.intros[at].delivered.as_mut()?;
        delivered.left -= 1;
        if delivered.left > 0 {
            return None;
        }
        let mut dropped = self.drop_at(at);
        dropped.deliveries.clear();
        self.remembered.push_back((now_us + u64::from(ACKED_MEMORY_S) * SECOND, dropped.intro));
        if self.remembered.len() > REMEMBERED_MAX {
            self.remembered.pop_front();
        }
        Some(dropped)
    }

    /// Gives up one introduction, whatever its state.
    pub(crate) fn evict(&mut self, intro: IntroId) -> Option<Dropped> {
        let at = self.intros.iter().position(|i| i.id == intro)?;
        Some(self.drop_at(at))
    }

    /// Gives up one introduction whose time is over.
    pub(crate) fn pop_expired(&mut self, now_us: u64) -> Option<Dropped> {
        while self.remembered.front().is_some_and(|(until, _)| *until <= now_us) {
            self.remembered.pop_front();
        }
        let at = self.intros.iter().position(|i| i.deadline_us <= now_us)?;
        Some(self.drop_at(at))
    }

    /// Gives up everything.
    pub(crate) fn clear(&mut self) -> Vec<Dropped> {
        (0..self.intros.len()).rev().map(|at| self.drop_at(at)).collect()
    }

    pub(crate) fn next_us(&self) -> Option<u64> {
        let remembered = self.remembered.front().map(|(until, _)| *until);
        self.intros.iter().map(|i| i.deadline_us).chain(remembered).min()
    }

    /// The newcomer counts with its source: from the busiest one it must have done more work than one that is there.
    fn slot_by_work(&self, bits: u8, source: Source, most: usize) -> Result<Option<IntroId>, Full> {
        let worked = || self.intros.iter().filter_map(|i| Some((i, i.bits()?)));
        if worked().count() < most {
            return Ok(None);
        }
        let mut by_source = BTreeMap::from([(source, 1_usize)]);
        worked().for_each(|(i, _)| *by_source.entry(i.source).or_default() += 1);
        let weight = |source: Source, bits: u8| (by_source.get(&source).copied(), Reverse(bits));
        let leaves = worked().max_by_key(|(i, bits)| weight(i.source, *bits));
        match leaves {
            Some((i, theirs)) if weight(i.source, theirs) > weight(source, bits) => Ok(Some(i.id)),
            _ => Err(Full),
        }
    }

    fn drop_at(&mut self, at: usize) -> Dropped {
        let intro = self.intros.remove(at);
        Dropped {
            intro: intro.id,
            source: intro.source,
            bytes: intro.bytes as u64,
            deliveries: intro.deliveries().collect(),
            give_back: intro.spent.filter(|_| intro.delivered.is_none()),
        }
    }
}

impl Intro {
    fn new(now_us: u64, part: &Part<'_>, source: Source, admitted: AdmittedBy) -> Self {
        Self {
            id: part.intro,
            source,
            admitted,
            parts: vec![None; usize::from(part.parts)],
            bytes: 0,
            deadline_us: now_us + INTRO_INCOMPLETE_US,
            spent: None,
            delivered: None,
        }
    }

    fn check(&self, part: &Part<'_>, config: &PeerConfig) -> Result<Fit, Refusal> {
        if self.delivered.is_some() {
            return Ok(Fit::Repeat);
        }
        match self.parts.get(usize::from(part.index)) {
            _ if self.parts.len() != usize::from(part.parts) => Err(Refusal::MALFORMED),
            Some(Some(_)) => Ok(Fit::Repeat),
            _ if self.bytes + part.bytes.len() > config.intro_bytes as usize => Err(Refusal::TOO_LARGE),
            _ => Ok(Fit::Continues),
        }
    }

    /// The work that was done for it, if that is what let it in.
    fn bits(&self) -> Option<u8> {
        match self.admitted {
            AdmittedBy::Token => None,
            AdmittedBy::Work { bits } => Some(bits),
        }
    }

    fn footprint(&self) -> u64 {
        // Each part that waits is a block of its own.
        let waiting = if self.delivered.is_some() { 0 } else { self.bytes + 24 * self.parts.len() };
        INTRO_OVERHEAD + waiting as u64
    }

    /// All deliveries this introduction was given, acknowledged or not.
    fn deliveries(&self) -> impl Iterator<Item = DeliveryId> + use<> {
        let span = self.delivered.as_ref().map_or(0..0, |d| d.first.0..d.first.0 + u64::from(d.parts));
        span.map(DeliveryId)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: IntroId = IntroId([5; 16]);
    const NOWHERE: Source = Source(0);

    fn part(parts: u8, index: u8) -> Part<'static> {
        Part { intro: ID, parts, index, bytes: &[6; 1000] }
    }

    fn give(inbox: &mut Inbox, now_us: u64, part: Part<'_>) -> Result<Fit, Refusal> {
        let fit = inbox.check(&part, &PeerConfig::default())?;
        if fit == Fit::Begins {
            inbox.begin(now_us, &part, NOWHERE, AdmittedBy::Token, None);
        }
        if fit != Fit::Repeat {
            inbox.take(&part);
        }
        Ok(fit)
    }

    fn worked(inbox: &mut Inbox, id: u8, source: u64, bits: u8) -> Result<Option<IntroId>, Full> {
        let config = PeerConfig { intros_max: 4, ..PeerConfig::default() };
        let (admitted, source) = (AdmittedBy::Work { bits }, Source(source));
        let displaced = inbox.slot(admitted, source, &config)?;
        displaced.and_then(|intro| inbox.evict(intro));
        inbox.begin(0, &Part { intro: IntroId([id; 16]), ..part(2, 0) }, source, admitted, None);
        Ok(displaced)
    }

    #[test]
    fn parts_without_part_0_are_refused_and_leave_nothing() {
        let mut inbox = Inbox::default();
        assert_eq!(give(&mut inbox, 0, part(3, 1)), Err(Refusal::slow_down(INTRO_REORDER_MS)));
        assert_eq!(inbox.footprint(), 0);
    }

    #[test]
    fn an_introduction_is_complete_with_its_last_part_in_whatever_order() {
        let mut inbox = Inbox::default();
        for index in [0, 2, 0, 1] {
            assert!(inbox.whole(ID).is_none());
            give(&mut inbox, 0, part(3, index)).unwrap();
        }
        assert_eq!(inbox.whole(ID).unwrap().parts.len(), 3);
        let parts = inbox.completed(ID);
        assert_eq!(parts.len(), 3);
        assert_eq!(parts[2][16..18], [3, 2]);
        inbox.deliver(ID, DeliveryId(10), 3, 99);
        assert_eq!(give(&mut inbox, 0, part(3, 1)), Ok(Fit::Repeat));
    }

    #[test]
    fn a_slot_is_free_when_all_parts_are_acknowledged_and_repeats_are_known_for_a_minute() {
        let mut inbox = Inbox::default();
        for index in 0..2 {
            give(&mut inbox, 0, part(2, index)).unwrap();
        }
        inbox.completed(ID);
        inbox.deliver(ID, DeliveryId(10), 2, u64::MAX);
        assert_eq!(inbox.acknowledged(0, DeliveryId(12)), None);
        assert_eq!(inbox.acknowledged(0, DeliveryId(11)), None);
        assert!(inbox.acknowledged(0, DeliveryId(10)).is_some());
        assert!(inbox.is_empty());
        assert_eq!(give(&mut inbox, 0, part(2, 0)), Ok(Fit::Repeat));
        assert_eq!(inbox.pop_expired(60 * SECOND), None);
        assert_eq!(give(&mut inbox, 0, part(2, 0)), Ok(Fit::Begins));
    }

    #[test]
    fn an_incomplete_introduction_is_dropped_after_a_minute() {
        let mut inbox = Inbox::default();
        give(&mut inbox, 0, part(2, 0)).unwrap();
        assert_eq!(inbox.next_us(), Some(INTRO_INCOMPLETE_US));
        assert_eq!(inbox.pop_expired(INTRO_INCOMPLETE_US - 1), None);
        assert_eq!(inbox.pop_expired(INTRO_INCOMPLETE_US).map(|d| d.deliveries), Some(vec![]));
        assert_eq!(inbox.footprint(), 0);
    }

    #[test]
    fn more_than_eight_parts_or_eight_kilobytes_are_refused() {
        let mut inbox = Inbox::default();
        assert_eq!(give(&mut inbox, 0, part(9, 0)), Err(Refusal::MALFORMED));
        assert_eq!(give(&mut inbox, 0, part(2, 2)), Err(Refusal::MALFORMED));
        let large = Part { bytes: &[0; INTRO_PART_MAX], ..part(8, 0) };
        for index in 0..7 {
            give(&mut inbox, 0, Part { index, ..large }).unwrap();
        }
        assert_eq!(give(&mut inbox, 0, Part { index: 7, ..large }), Err(Refusal::TOO_LARGE));
    }

    #[test]
    fn a_full_inbox_says_so_and_still_takes_the_parts_of_what_it_has() {
        let (mut inbox, config) = (Inbox::default(), PeerConfig::default());
        for i in 0..16 {
            assert_eq!(inbox.slot(AdmittedBy::Token, NOWHERE, &config), Ok(None));
            give(&mut inbox, 0, Part { intro: IntroId([i; 16]), ..part(2, 0) }).unwrap();
        }
        assert_eq!(inbox.slot(AdmittedBy::Token, NOWHERE, &config), Err(Full));
        assert_eq!(inbox.slot(AdmittedBy::Work { bits: 2 }, NOWHERE, &config), Ok(None), "work has slots of its own");
        assert_eq!(give(&mut inbox, 0, Part { intro: IntroId([3; 16]), ..part(2, 1) }), Ok(Fit::Continues));
    }

    #[test]
    fn when_the_slots_are_taken_the_cheapest_proof_of_the_busiest_source_goes() {
        let mut inbox = Inbox::default();
        for (id, source, bits) in [(1, 1, 21), (2, 1, 20), (3, 1, 23), (4, 2, 20)] {
            assert_eq!(worked(&mut inbox, id, source, bits), Ok(None));
        }
        assert_eq!(worked(&mut inbox, 5, 3, 20), Ok(Some(IntroId([2; 16]))), "not the as cheap one of a quiet source");
        assert_eq!(worked(&mut inbox, 6, 1, 21), Err(Full), "the busiest source gains nothing without more work");
        assert_eq!(worked(&mut inbox, 7, 1, 22), Ok(Some(IntroId([1; 16]))));
    }

    #[test]
    fn among_equally_busy_sources_more_work_wins_and_as_much_does_not() {
        let mut inbox = Inbox::default();
        for id in 1..=4 {
            assert_eq!(worked(&mut inbox, id, id.into(), 20 + id), Ok(None));
        }
        assert_eq!(worked(&mut inbox, 5, 5, 21), Err(Full));
        assert_eq!(worked(&mut inbox, 6, 6, 22), Ok(Some(IntroId([1; 16]))));
    }
}
