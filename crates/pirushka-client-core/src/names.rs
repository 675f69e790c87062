//! What can be the name of a contact, and when two names are the same one.

use icu_normalizer::ComposingNormalizerBorrowed;
use pirushka_wire::Fingerprint;

use crate::api::{ContactId, Misuse};
use crate::client::Client;
use crate::contact::Contact;
use crate::contents::cleaned;
use crate::limits::NAME_MAX;

/// What two names have in common that are one to a person: letters composed, and small.
pub(crate) fn folded(name: &str) -> String {
    let composing = ComposingNormalizerBorrowed::new_nfc();
    // Small letters of a composed text may be apart again.
    composing.normalize(&composing.normalize(name).to_lowercase()).into_owned()
}

/// A name that a person chose: trimmed, not empty, not too long, nothing invisible in it; and not a fingerprint, which
/// would stand for somebody else.
pub(crate) fn checked_name(name: &str) -> Result<String, Misuse> {
    let trimmed = name.trim();
    let sound = !trimmed.is_empty() && trimmed.chars().count() <= NAME_MAX && cleaned(trimmed) == trimmed;
    let looks_like_fingerprint =
        trimmed.len() == 2 * Fingerprint::LEN && trimmed.bytes().all(|b| b.is_ascii_hexdigit());
    if sound && !looks_like_fingerprint {
        Ok(trimmed.to_owned())
    } else {
        Err(Misuse::BadName(name.chars().take(80).collect()))
    }
}

impl Client {
    /// The name that a person wishes for a contact, if no other contact than `except` has it.
    pub(crate) fn unused_name(&self, name: &str, except: Option<ContactId>) -> Result<String, Misuse> {
        let name = checked_name(name)?;
        if self.is_taken(&name, except) { Err(Misuse::NameTaken(name)) } else { Ok(name) }
    }

    /// A name that no contact has: the wished one, or with a number behind it.
    pub(crate) fn free_name(&self, wished: &str) -> String {
        let wished = checked_name(&cleaned(wished)).unwrap_or_else(|_| "guest".into());
        if !self.is_taken(&wished, None) {
            return wished;
        }
        let numbered = (2u32..).map(|n| format!("{wished}-{n}"));
        numbered.into_iter().find(|name| !self.is_taken(name, None)).unwrap_or(wished)
    }

    /// The contact that a person calls so: exactly, or else but for the case of letters. Profiles of older versions may
    /// hold two names that are one now.
    pub(crate) fn named(&self, name: &str) -> Option<&Contact> {
        let exactly = self.contacts.values().find(|contact| contact.row.name == name);
        exactly.or_else(|| {
            let folded_name = folded(name);
            self.contacts.values().find(|contact| folded(&contact.row.name) == folded_name)
        })
    }

    fn is_taken(&self, name: &str, except: Option<ContactId>) -> bool {
        let name = folded(name);
        self.contacts.values().any(|contact| Some(contact.id()) != except && folded(&contact.row.name) == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_composition_make_no_other_name_and_other_letters_do() {
        for (one, other) in [
            ("Алиса", "алиса"),
            ("ÉLAN", "e\u{301}lan"),
            ("ЙОД", "и\u{306}од"),
            ("Ёлка", "Е\u{308}лка"),
            ("ΟΔΥΣΣΕΥΣ", "οδυσσευς"),
            ("\u{212a}ate", "kate"),
        ] {
            assert_eq!(folded(one), folded(other), "{one} {other}");
        }
        for (one, other) in [("Алиса", "Алина"), ("елка", "ёлка"), ("elan", "élan"), ("a", "а")] {
            assert_ne!(folded(one), folded(other), "{one} {other}");
        }
    }
}
