//! Whether two names look alike: somebody who wants to be taken for a contact of mine calls itself "Аlice" with a
//! Cyrillic А, or "a1ice".
//!
//! Each name is reduced to its skeleton (Unicode Technical Standard 39), from the small and from the capital letters:
//! `в` and `b` differ, `В` and `B` do not. Spaces and marks between the letters do not count.

use std::cell::{Ref, RefCell};

use unicode_security::confusable_detection::skeleton;

/// What a name looks like; two names look alike if one of their forms is the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Likeness {
    small: String,
    capital: String,
}

impl Likeness {
    pub(crate) fn of(name: &str) -> Self {
        Self { small: form(&name.to_lowercase()), capital: form(&name.to_uppercase()) }
    }

    pub(crate) fn is_like(&self, other: &Self) -> bool {
        !self.small.is_empty() && (self.small == other.small || self.capital == other.capital)
    }
}

/// What a name looks like, worked out when it is first asked for and when the name is another.
#[derive(Debug, Default)]
pub(crate) struct Remembered(RefCell<Option<(String, Likeness)>>);

impl Remembered {
    pub(crate) fn of(&self, name: &str) -> Ref<'_, Likeness> {
        if self.0.borrow().as_ref().is_none_or(|(known, _)| known != name) {
            *self.0.borrow_mut() = Some((name.to_owned(), Likeness::of(name)));
        }
        // It was just put there.
        Ref::map(self.0.borrow(), |known| &known.as_ref().expect("a likeness").1)
    }
}

fn form(name: &str) -> String {
    // The skeleton of a small letter may be a capital one and the other way round. It is taken apart, so that marks can
    // be left out like everything that is no letter.
    let once = skeleton(name).collect::<String>().to_lowercase();
    skeleton(&once).filter(|c| c.is_alphanumeric()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alike(a: &str, b: &str) -> bool {
        Likeness::of(a).is_like(&Likeness::of(b))
    }

    #[test]
    fn letters_of_other_alphabets_case_digits_and_spaces_do_not_make_another_name() {
        for (known, claimed) in [
            ("alice", "Alice"),
            ("alice", "\u{430}li\u{441}\u{435}"),
            ("Alice", "\u{410}LICE"),
            ("Bob", "\u{412}\u{41e}\u{412}"),
            ("alice", "a1ice"),
            ("bob", "b0b"),
            ("Alice", "A l i c e"),
            ("anna", "a.n-n_a"),
            ("Анна", "\u{410}HHA"),
            ("Иван", "ИВАН"),
            ("élan", "e\u{301}lan"),
            ("\u{ff21}lice", "alice"),
        ] {
            assert!(alike(known, claimed), "{known} {claimed}");
            assert!(alike(claimed, known), "{claimed} {known}");
        }
    }

    #[test]
    fn what_is_remembered_is_of_the_name_that_is_asked_for() {
        let remembered = Remembered::default();
        for name in ["alice", "alice", "bob", "alice"] {
            assert_eq!(*remembered.of(name), Likeness::of(name));
        }
    }

    #[test]
    fn other_names_are_other_names() {
        for (known, other) in [("alice", "alicia"), ("bob", "rob"), ("Анна", "Алла"), ("", ""), ("...", "!!")] {
            assert!(!alike(known, other), "{known} {other}");
        }
    }
}
