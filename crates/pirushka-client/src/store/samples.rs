//! What tests put into a store.

use pirushka_client_core::{ContactId, Message, MessageBody, MessageId, MessageState};

/// A text that came in; everything about it follows from its id.
pub(crate) fn text(id: u64, contact: u32, text: &str) -> Message {
    Message {
        id: MessageId(id),
        contact: ContactId(contact),
        outgoing: false,
        content: [id as u8; 16],
        seq: id,
        sent_ms: 1000 + id,
        stored_ms: 2000 + id,
        state: MessageState::Received,
        body: MessageBody::Text(text.into()),
        seen: false,
    }
}
