//! Invites: secrets that let their holders introduce themselves, each as often as I said.

use pirushka_wire::{Frame, IntroToken, RequestId};

use crate::api::Table;
use crate::rows::WriteSet;

#[derive(Clone, minicbor::Encode, minicbor::Decode)]
pub(crate) struct InviteRow {
    #[n(0)]
    pub(crate) id: u32,
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub(crate) token: [u8; 16],
    #[n(2)]
    pub(crate) label: String,
    /// Unix seconds.
    #[n(3)]
    pub(crate) expiry_s: u64,
    #[n(4)]
    pub(crate) uses_left: u16,
    #[n(5)]
    pub(crate) ask: bool,
}

impl Drop for InviteRow {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.token);
    }
}

impl InviteRow {
    pub(crate) fn token(&self) -> IntroToken {
        IntroToken(self.token)
    }

    pub(crate) fn token_hash(&self) -> [u8; 32] {
        pirushka_identity::proofs::token_hash(&self.token())
    }

    /// What lets its holders introduce themselves at the home peer.
    pub(crate) fn frame(&self) -> Frame<'static> {
        let (token_hash, uses, expiry) = (self.token_hash(), self.uses_left, self.expiry_s);
        Frame::TokenSet { request: RequestId(0), token_hash, uses, expiry }
    }

    pub(crate) fn is_open(&self, unix_s: u64) -> bool {
        self.uses_left > 0 && unix_s < self.expiry_s
    }

    pub(crate) fn save(&self, writes: &mut WriteSet) {
        writes.put_row(Table::Invite, self.id.to_be_bytes(), self);
    }

    pub(crate) fn delete(&self, writes: &mut WriteSet) {
        writes.delete(Table::Invite, self.id.to_be_bytes());
    }
}
