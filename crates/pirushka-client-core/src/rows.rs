//! The write set: what changed since the last commit. A row written twice is one write; the shell commits all at once.

use std::collections::BTreeMap;

use crate::api::{DamagedRow, Table, Write};

/// Changes that are not on disk yet.
#[derive(Debug, Default)]
pub(crate) struct WriteSet {
    open: BTreeMap<(Table, Vec<u8>), Option<Vec<u8>>>,
    taken: bool,
}

impl WriteSet {
    pub(crate) fn put(&mut self, table: Table, key: impl Into<Vec<u8>>, value: Vec<u8>) {
        self.open.insert((table, key.into()), Some(value));
    }

    pub(crate) fn put_row<T: minicbor::Encode<()>>(&mut self, table: Table, key: impl Into<Vec<u8>>, row: &T) {
        self.put(table, key, encode(row));
    }

    pub(crate) fn delete(&mut self, table: Table, key: impl Into<Vec<u8>>) {
        self.open.insert((table, key.into()), None);
    }

    /// Whether packets and events must wait.
    pub(crate) fn is_pending(&self) -> bool {
        self.taken || !self.open.is_empty()
    }

    pub(crate) fn take(&mut self) -> Vec<Write> {
        let open = std::mem::take(&mut self.open);
        self.taken |= !open.is_empty();
        open.into_iter().map(|((table, key), value)| Write { table, key, value }).collect()
    }

    pub(crate) fn committed(&mut self) {
        self.taken = false;
    }
}

/// CBOR of a row.
pub(crate) fn encode<T: minicbor::Encode<()>>(row: &T) -> Vec<u8> {
    let mut out = Vec::new();
    // Writing into memory cannot fail, and our Encode impls report no errors of their own.
    let done = minicbor::encode(row, &mut out);
    debug_assert!(done.is_ok());
    out
}

/// A row from its CBOR.
pub(crate) fn decode<'b, T: minicbor::Decode<'b, ()>>(table: Table, value: &'b [u8]) -> Result<T, DamagedRow> {
    minicbor::decode(value).map_err(|_| DamagedRow(table))
}
