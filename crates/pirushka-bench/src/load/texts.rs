//! Texts on their way: who wrote which to whom, and what is known of each.

use std::time::{Duration, Instant};

use super::port::Who;

/// A text, as it stands in its envelope: `sender u32 | number u32 | due u64 (ns since the run began)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Text {
    pub(crate) sender: u32,
    pub(crate) number: u32,
    pub(crate) due_ns: u64,
}

impl Text {
    pub(crate) const LEN: usize = 16;

    pub(crate) fn write(self, out: &mut [u8]) {
        out[..4].copy_from_slice(&self.sender.to_be_bytes());
        out[4..8].copy_from_slice(&self.number.to_be_bytes());
        out[8..16].copy_from_slice(&self.due_ns.to_be_bytes());
    }

    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let word = |at: usize| Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?));
        let due_ns = u64::from_be_bytes(*bytes.get(8..)?.first_chunk()?);
        Some(Self { sender: word(0)?, number: word(4)?, due_ns })
    }
}

/// A text that goes out now, and to whom.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outgoing {
    pub(crate) text: Text,
    pub(crate) to: Who,
}

/// What a sender has on its way: at most [`Sender::MOST`] texts.
#[derive(Debug, Clone)]
pub(crate) struct Sender {
    next: u32,
    /// By number modulo [`Sender::MOST`]: which text, and what of it is done.
    slots: Vec<Option<(u32, Done)>>,
    busy: u32,
    /// Somebody is there to be given them; else a text is over when it is held.
    arrive: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Done {
    is_held: bool,
    has_arrived: bool,
}

impl Sender {
    /// As far as texts of one sender can be apart.
    pub(crate) const MOST: usize = 4096;

    pub(crate) fn new(arrive: bool) -> Self {
        Self { next: 0, slots: vec![None; Self::MOST], busy: 0, arrive }
    }

    /// The number of a new text; `None` while the one that had its place is under way.
    pub(crate) fn begin(&mut self) -> Option<u32> {
        let number = self.next;
        let slot = &mut self.slots[number as usize % Self::MOST];
        if slot.is_some() {
            return None;
        }
        *slot = Some((number, Done::default()));
        self.next = number.wrapping_add(1);
        self.busy += 1;
        Some(number)
    }

    pub(crate) fn under_way(&self) -> u32 {
        self.busy
    }

    /// The peer holds it. `true`: that was the last that was missing.
    pub(crate) fn held(&mut self, number: u32) -> bool {
        self.note(number, |done| done.is_held = true)
    }

    /// The recipient has it. `true`: that was the last that was missing.
    pub(crate) fn arrived(&mut self, number: u32) -> bool {
        self.note(number, |done| done.has_arrived = true)
    }

    fn note(&mut self, number: u32, note: impl FnOnce(&mut Done)) -> bool {
        let slot = &mut self.slots[number as usize % Self::MOST];
        let Some((_, done)) = slot.as_mut().filter(|(present, _)| *present == number) else { return false };
        note(done);
        let is_over = done.is_held && (done.has_arrived || !self.arrive);
        if is_over {
            *slot = None;
            self.busy -= 1;
        }
        is_over
    }
}

/// Time since a run began.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Watch(Instant);

impl Watch {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }

    pub(crate) fn ns(self) -> u64 {
        self.0.elapsed().as_nanos() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_over_when_it_is_held_and_has_arrived_in_either_order() {
        let mut sender = Sender::new(true);
        let (a, b) = (sender.begin().unwrap(), sender.begin().unwrap());
        assert!(!sender.held(a) && sender.arrived(a));
        assert!(!sender.arrived(b) && !sender.arrived(b) && sender.held(b));
        assert!(!sender.held(b) && !sender.arrived(7));
        assert_eq!(sender.under_way(), 0);
    }

    #[test]
    fn a_text_to_somebody_absent_is_over_when_it_is_held() {
        let mut sender = Sender::new(false);
        let text = sender.begin().unwrap();
        assert!(sender.held(text) && sender.under_way() == 0);
    }

    #[test]
    fn what_a_text_says_of_itself_comes_back() {
        let text = Text { sender: 7, number: 8, due_ns: 1 << 40 };
        let mut bytes = [0; 320];
        text.write(&mut bytes);
        assert_eq!((Text::read(&bytes), Text::read(&bytes[..15])), (Some(text), None));
    }
}
