//! Looking for texts by what stands in them, over all conversations or in one.

use pirushka_client_core::{ContactId, Message, MessageBody, MessageId};

use super::reader::Reader;
use super::words::{Piece, Question};
use crate::error::Result;

/// Hits, oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    #[allow(missing_docs)]
    pub hits: Vec<Hit>,
    /// Whether there are older ones: a page may end before the wished number of hits.
    pub more: bool,
}

/// A text that was looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    #[allow(missing_docs)]
    pub message: Message,
    /// The stretch around the first hit; true = this was looked for.
    pub snippet: Vec<Piece>,
}

impl Reader {
    /// The newest `limit` texts, of those before the id `before`, that hold every word and phrase of `text`; fewer
    /// of long ones.
    ///
    /// # Errors
    /// [`crate::Code::BadInput`] where there is no word to look for; else as [`Reader::cursor`].
    pub fn search(
        &self,
        text: &str,
        contact: Option<ContactId>,
        before: Option<MessageId>,
        limit: u32,
    ) -> Result<Found> {
        let question = Question::read(text)?;
        let before = before.and_then(|id| i64::try_from(id.0).ok()).unwrap_or(i64::MAX);
        let sql = "SELECT m.value, m.state, m.seen FROM word JOIN message AS m ON m.id = word.rowid
                   WHERE word MATCH ?1 AND word.rowid < ?2 AND (?3 IS NULL OR m.contact = ?3)
                   ORDER BY word.rowid DESC LIMIT ?4";
        let parameters = (question.expression(), before, contact.map(|contact| contact.0), i64::from(limit) + 1);
        let (rows, more) = self.first_rows(sql, parameters, limit)?;
        let mut hits = Vec::with_capacity(rows.len());
        for parts in &rows {
            let message = self.message_of(parts)?;
            let snippet = match &message.body {
                MessageBody::Text(text) => question.snippet(text),
                MessageBody::Gap { .. } | MessageBody::NeedsNewerVersion { .. } | MessageBody::Expire { .. } => vec![],
            };
            hits.push(Hit { message, snippet });
        }
        hits.reverse();
        Ok(Found { hits, more })
    }
}
