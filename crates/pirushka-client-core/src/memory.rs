//! What is remembered of a fingerprint whether or not it is a contact: that it is blocked or was refused, and how often the six digits
//! were run with it. Removing a contact must not hand out three more runs. And where its conversation stood: the other
//! side may know the removed one still, and would take whatever begins at 1 again for what it has had.

use pirushka_wire::Fingerprint;

use crate::api::Table;
use crate::client::Client;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, minicbor::Encode, minicbor::Decode)]
pub(crate) struct MemoryRow {
    #[n(0)]
    pub(crate) blocked: bool,
    /// Runs of the six digits, of any outcome.
    #[n(1)]
    pub(crate) code_runs: u8,
    /// The sequence number of my next content; 0 = never a contact.
    #[n(2)]
    pub(crate) next_seq: u64,
    /// The highest session number.
    #[n(3)]
    pub(crate) number: u64,
    /// The hello by which it introduced itself last: the same one again is not news.
    #[n(4)]
    #[cbor(with = "minicbor::bytes")]
    pub(crate) hello: Option<[u8; 16]>,
    /// Its request was refused: only invites made since then, numbered from this on, let it ask again.
    #[n(5)]
    pub(crate) refused: Option<u32>,
}

impl Client {
    pub(crate) fn memory_of(&self, fingerprint: &Fingerprint) -> MemoryRow {
        self.memory.get(fingerprint).copied().unwrap_or_default()
    }

    pub(crate) fn remember(&mut self, fingerprint: Fingerprint, change: impl FnOnce(&mut MemoryRow)) {
        let row = self.memory.entry(fingerprint).or_default();
        change(row);
        let row = *row;
        if row == MemoryRow::default() {
            self.memory.remove(&fingerprint);
            self.writes.delete(Table::Memory, fingerprint.0);
        } else {
            self.writes.put_row(Table::Memory, fingerprint.0, &row);
        }
    }
}
