//! Where the bytes of held messages lie: pages of equal slots without gaps between them, given back to the system when
//! they are empty.
//!
//! A message's bytes take the slot of the smallest class that holds them. When a slot in the middle becomes free, the
//! last message of its class moves into it, so each class has at most one page that is not full, whatever comes and
//! goes: no order of deposits and fetches can make the peer keep pages for a few survivors. Pages are mappings of their
//! own, since an allocator keeps what is freed below something that lives; and the system takes a mapping back even
//! when all memory is locked.

use std::fmt;

use memmap2::MmapMut;
use pirushka_wire::DeliveryId;
use zeroize::Zeroize as _;

use crate::store::user::UserId;

/// The longest body of each class. Envelopes and parts of introductions have classes that fit them.
const CLASSES: [usize; 9] = [48, 112, 176, 240, 320, 448, 576, 768, 1088];
/// Whose a slot is, and how long its body: user u32, delivery u64, length u16, filling.
const HEADER: usize = 16;
/// The smallest page; a multiple of every system's own.
const PAGE_MIN: usize = 64 << 10;
const PAGE_MAX: usize = 1 << 20;

/// All held messages' bytes.
pub(crate) struct Shelf {
    page_bytes: usize,
    classes: [Class; CLASSES.len()],
    /// An empty page kept for the next message, so that a mailbox at the edge of a page does not map and unmap it.
    spare: Option<MmapMut>,
}

/// Where one message's bytes are, until something is taken from the shelf.
///
/// The class is in the upper 4 bits, the slot's number in the others: of the longest class that is 280 GiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place(u32);

const INDEX_BITS: u32 = 28;

/// A message that was moved to close a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moved {
    pub(crate) user: UserId,
    pub(crate) delivery: DeliveryId,
    pub(crate) to: Place,
}

/// Slots of one size; the first `len` are taken.
#[derive(Default)]
struct Class {
    slot_bytes: usize,
    slots_per_page: usize,
    pages: Vec<MmapMut>,
    len: usize,
}

/// What the bytes of a message take: its slot, and the slot's share of what remains of a page.
pub(crate) fn slot_cost(bytes: usize) -> u64 {
    let slot = HEADER + CLASSES.iter().copied().find(|&most| bytes <= most).unwrap_or(bytes);
    (PAGE_MIN / (PAGE_MIN / slot).max(1)) as u64
}

impl Shelf {
    /// An empty one in a peer with this memory cap: pages are small enough that those not full do not count, and large
    /// enough that their number does not.
    pub(crate) fn new(ram_bytes: u64) -> Self {
        let page_bytes =
            usize::try_from(ram_bytes / 1024).unwrap_or(PAGE_MAX).next_power_of_two().clamp(PAGE_MIN, PAGE_MAX);
        let class = |body| {
            let slot_bytes = HEADER + body;
            Class { slot_bytes, slots_per_page: page_bytes / slot_bytes, pages: Vec::new(), len: 0 }
        };
        Self { page_bytes, classes: CLASSES.map(class), spare: None }
    }

    /// Puts a message's bytes down. `None` if they are too many, or the system has no memory.
    pub(crate) fn put(&mut self, user: UserId, delivery: DeliveryId, body: &[u8]) -> Option<Place> {
        let at = CLASSES.iter().position(|&most| body.len() <= most)?;
        let class = &mut self.classes[at];
        if class.len == class.pages.len() * class.slots_per_page {
            let page = self.spare.take().map_or_else(|| MmapMut::map_anon(self.page_bytes), Ok).ok()?;
            class.pages.push(page);
        }
        let index = u32::try_from(class.len).ok().filter(|index| *index < 1 << INDEX_BITS)?;
        class.len += 1;
        let slot = class.slot_mut(index);
        slot[..4].copy_from_slice(&user.0.to_le_bytes());
        slot[4..12].copy_from_slice(&delivery.0.to_le_bytes());
        slot[12..14].copy_from_slice(&(body.len() as u16).to_le_bytes());
        slot[HEADER..HEADER + body.len()].copy_from_slice(body);
        Some(Place((at as u32) << INDEX_BITS | index))
    }

    /// A message's bytes.
    pub(crate) fn get(&self, place: Place) -> &[u8] {
        let slot = self.classes[place.class()].slot(place.index());
        let length = u16::from_le_bytes([slot[12], slot[13]]);
        &slot[HEADER..HEADER + usize::from(length)]
    }

    /// Takes one message's bytes away and overwrites them. Whoever's bytes moved into the gap must be told.
    pub(crate) fn take(&mut self, place: Place) -> Option<Moved> {
        let class = &mut self.classes[place.class()];
        let last = class.len.checked_sub(1)? as u32;
        let moved = (place.index() != last).then(|| class.move_slot(last, place.index()));
        class.slot_mut(last).zeroize();
        class.len -= 1;
        if class.len <= (class.pages.len() - 1) * class.slots_per_page {
            self.spare = class.pages.pop();
        }
        moved.map(|(user, delivery)| Moved { user, delivery, to: place })
    }

    /// Takes several away. Places named before stay right, because the last ones go first.
    pub(crate) fn take_all(&mut self, places: &mut Vec<Place>, mut moved: impl FnMut(Moved)) {
        places.sort_unstable();
        for place in places.drain(..).rev() {
            if let Some(one) = self.take(place) {
                moved(one);
            }
        }
    }

    /// Bytes of all pages.
    #[cfg(test)]
    pub(crate) fn mapped_bytes(&self) -> u64 {
        let pages: usize = self.classes.iter().map(|class| class.pages.len()).sum();
        ((pages + usize::from(self.spare.is_some())) * self.page_bytes) as u64
    }

    /// Messages lying here.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.classes.iter().map(|class| class.len).sum()
    }
}

impl Place {
    fn class(self) -> usize {
        (self.0 >> INDEX_BITS) as usize
    }

    fn index(self) -> u32 {
        self.0 & ((1 << INDEX_BITS) - 1)
    }

    /// A place where nothing lies.
    #[cfg(test)]
    pub(crate) fn nowhere(n: u32) -> Self {
        Self(n)
    }
}

impl Class {
    fn position(&self, index: u32) -> (usize, usize) {
        let index = index as usize;
        (index / self.slots_per_page, index % self.slots_per_page * self.slot_bytes)
    }

    fn slot(&self, index: u32) -> &[u8] {
        let (page, start) = self.position(index);
        &self.pages[page][start..start + self.slot_bytes]
    }

    fn slot_mut(&mut self, index: u32) -> &mut [u8] {
        let (page, start) = self.position(index);
        &mut self.pages[page][start..start + self.slot_bytes]
    }

    /// Gives whose slot it was.
    fn move_slot(&mut self, from: u32, to: u32) -> (UserId, DeliveryId) {
        let mut bytes = [0; HEADER + CLASSES[CLASSES.len() - 1]];
        let bytes = &mut bytes[..self.slot_bytes];
        bytes.copy_from_slice(self.slot(from));
        self.slot_mut(to).copy_from_slice(bytes);
        let (mut user, mut delivery) = ([0; 4], [0; 8]);
        user.copy_from_slice(&bytes[..4]);
        delivery.copy_from_slice(&bytes[4..12]);
        (UserId(u32::from_le_bytes(user)), DeliveryId(u64::from_le_bytes(delivery)))
    }
}

impl fmt::Debug for Shelf {
    /// What lies here is nobody's business.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lens: Vec<usize> = self.classes.iter().map(|class| class.len).collect();
        f.debug_struct("Shelf").field("messages", &lens).finish_non_exhaustive()
    }
}

impl Drop for Shelf {
    /// Memory that goes back to the system is not ours to keep clean, but what was held is; free slots are clean already.
    fn drop(&mut self) {
        for class in &mut self.classes {
            (0..class.len as u32).for_each(|index| class.slot_mut(index).zeroize());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn body(n: u64, len: usize) -> Vec<u8> {
        (0..len).map(|i| (n as usize * 31 + i) as u8).collect()
    }

    proptest! {
        #[test]
        fn every_message_is_found_where_it_lies_whatever_came_and_went(
            steps in prop::collection::vec((0..1089usize, any::<bool>(), any::<prop::sample::Index>()), 1..600)
        ) {
            let mut shelf = Shelf::new(0);
            let mut places: BTreeMap<u64, (Place, usize)> = BTreeMap::new();
            for (n, (len, takes, which)) in (0u64..).zip(steps) {
                if takes && !places.is_empty() {
                    let id = *places.keys().nth(which.index(places.len())).unwrap();
                    let (place, _) = places.remove(&id).unwrap();
                    if let Some(moved) = shelf.take(place) {
                        places.get_mut(&moved.delivery.0).unwrap().0 = moved.to;
                    }
                } else {
                    let place = shelf.put(UserId(n as u32), DeliveryId(n), &body(n, len)).unwrap();
                    places.insert(n, (place, len));
                }
                prop_assert_eq!(shelf.len(), places.len());
                for (id, (place, len)) in &places {
                    prop_assert_eq!(shelf.get(*place), body(*id, *len));
                }
            }
        }
    }

    #[test]
    fn survivors_do_not_hold_pages() {
        let mut shelf = Shelf::new(64 << 20);
        let mut places: BTreeMap<u64, Place> =
            (0..50_000).map(|n| (n, shelf.put(UserId(1), DeliveryId(n), &body(n, 1000)).unwrap())).collect();
        assert!(shelf.mapped_bytes() >= 50_000 * 1000);
        let goers: Vec<u64> = (0..50_000).filter(|n| n % 60 != 0).collect();
        let mut gone: Vec<Place> = goers.iter().filter_map(|n| places.remove(n)).collect();
        shelf.take_all(&mut gone, |moved| *places.get_mut(&moved.delivery.0).unwrap() = moved.to);
        assert_eq!(shelf.len(), places.len());
        for (n, place) in &places {
            assert_eq!(shelf.get(*place), body(*n, 1000));
        }
        let costs = places.len() as u64 * slot_cost(1000);
        assert!(shelf.mapped_bytes() <= costs + 2 * PAGE_MIN as u64, "{} for {costs}", shelf.mapped_bytes());
    }

    #[test]
    fn what_is_taken_away_is_overwritten() {
        let mut shelf = Shelf::new(0);
        let first = shelf.put(UserId(1), DeliveryId(1), b"first").unwrap();
        let second = shelf.put(UserId(1), DeliveryId(2), b"second").unwrap();
        assert_eq!(shelf.take(first), Some(Moved { user: UserId(1), delivery: DeliveryId(2), to: first }));
        assert_eq!(shelf.get(first), b"second");
        let class = &shelf.classes[0];
        assert!(class.slot(second.index()).iter().all(|byte| *byte == 0));
    }

    #[test]
    fn the_cost_of_a_message_covers_its_share_of_a_page() {
        for page in [PAGE_MIN, PAGE_MAX] {
            for body in CLASSES {
                let per_slot = page.div_ceil(page / (HEADER + body)) as u64;
                assert!(slot_cost(body) + 1 >= per_slot, "{body} in {page}");
            }
        }
    }

    #[test]
    fn a_body_that_no_class_holds_is_refused() {
        assert_eq!(Shelf::new(0).put(UserId(1), DeliveryId(1), &[0; 1089]), None);
    }
}
