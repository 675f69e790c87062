//! Distinguished encoding in its plainest form: a tree that is read, changed and written.

use crate::script::Script;

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Der {
    Primitive(u8, Vec<u8>),
    Constructed(u8, Vec<Self>),
}

impl Der {
    /// One value and nothing behind it, lengths in any form of up to two bytes.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let (value, behind) = Self::take(bytes)?;
        behind.is_empty().then_some(value)
    }

    fn take(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (&[tag, first], rest) = bytes.split_first_chunk()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81 => (usize::from(*rest.first()?), &rest[1..]),
            0x82 => (usize::from(u16::from_be_bytes(*rest.first_chunk()?)), &rest[2..]),
            _ => return None,
        };
        let (mut content, behind) = rest.split_at_checked(length)?;
        if tag & 0x20 == 0 {
            return Some((Self::Primitive(tag, content.to_vec()), behind));
        }
        let mut inner = vec![];
        while !content.is_empty() {
            let (value, rest) = Self::take(content)?;
            inner.push(value);
            content = rest;
        }
        Some((Self::Constructed(tag, inner), behind))
    }

    /// As bytes, lengths in the shortest form.
    pub(crate) fn write(&self) -> Vec<u8> {
        let (tag, content) = match self {
            Self::Primitive(tag, content) => (*tag, content.clone()),
            Self::Constructed(tag, inner) => (*tag, inner.iter().flat_map(Self::write).collect()),
        };
        let mut out = vec![tag];
        match content.len() {
            n @ 0..=0x7f => out.push(n as u8),
            n @ 0x80..=0xff => out.extend([0x81, n as u8]),
            n => {
                out.push(0x82);
                out.extend((n as u16).to_be_bytes());
            }
        }
        out.extend(content);
        out
    }

    /// Changes one value somewhere inside.
    pub(crate) fn change(&mut self, script: &mut Script<'_>) {
        match self {
            Self::Primitive(tag, content) => match script.u8() % 4 {
                0 => *tag = script.u8() & !0x20,
                1 => {
                    let length = script.below(40);
                    *content = script.bytes(length).to_vec();
                }
                _ => drop(script.damage(content)),
            },
            Self::Constructed(tag, inner) => match script.u8() % 8 {
                0 => *tag ^= script.u8() & !0x20,
                1 if !inner.is_empty() => drop(inner.remove(script.below(inner.len()))),
                2 if !inner.is_empty() => {
                    let copy = inner[script.below(inner.len())].clone();
                    inner.insert(script.below(inner.len() + 1), copy);
                }
                3 => {
                    let length = script.below(16);
                    inner.push(Self::Primitive(script.u8() & !0x20, script.bytes(length).to_vec()));
                }
                4 => *self = Self::Constructed(script.u8() | 0x20, vec![self.clone()]),
                _ if !inner.is_empty() => {
                    let at = script.below(inner.len());
                    inner[at].change(script);
                }
                _ => {}
            },
        }
    }
}
