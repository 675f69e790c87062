//! Reading, and the check at the end.

/// Appends the check of everything so far.
pub(super) fn check(key: &[u8; 32], mut bytes: Vec<u8>) -> Vec<u8> {
    let hash = blake3::keyed_hash(key, &bytes);
    bytes.extend_from_slice(&hash.as_bytes()[..16]);
    bytes
}

/// What stands before a check that holds.
pub(super) fn checked<'a>(key: &[u8; 32], bytes: &'a [u8]) -> Option<&'a [u8]> {
    let (rest, tail) = bytes.split_last_chunk::<16>()?;
    (blake3::keyed_hash(key, rest).as_bytes()[..16] == *tail).then_some(rest)
}

/// Takes the first `N` bytes.
pub(super) fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (first, behind) = rest.split_first_chunk::<N>()?;
    *rest = behind;
    Some(*first)
}
