//! What is remembered of a fingerprint whether or not it is a contact: that it is blocked, and how often the six digits
//! were run with it. Removing a contact must not hand out three more runs.

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
