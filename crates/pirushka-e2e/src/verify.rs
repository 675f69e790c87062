//! Comparing full fingerprints: sixty digits to read aloud, and a QR code to scan.
//!
//! Both bind all of a fingerprint, so there is nothing to guess and nothing to count. Thirty digits belong to each
//! person and stand in the order of the fingerprints, so both see the same text:
//! `30 digits = 6 groups of BE40(5 bytes) mod 100000` over `SHA-256("DCSC1-DIGITS" | fingerprint)[0..30]`.

use pirushka_wire::Fingerprint;
use sha2::{Digest, Sha256};

const QR_PREFIX: &str = "pirushka://verify/";

/// Twelve groups of five digits, the same for both people.
#[must_use]
pub fn sixty_digits(a: &Fingerprint, b: &Fingerprint) -> String {
    let (low, high) = if a <= b { (a, b) } else { (b, a) };
    format!("{} {}", thirty_digits(low), thirty_digits(high))
}

/// Six groups of five digits for one person: about 99 bits.
#[must_use]
pub fn thirty_digits(fingerprint: &Fingerprint) -> String {
    let digest = Sha256::new().chain_update(b"DCSC1-DIGITS").chain_update(fingerprint.0).finalize();
    let number = |five: &[u8]| five.iter().fold(0u64, |n, byte| n << 8 | u64::from(*byte)) % 100_000;
    let groups: Vec<_> = digest.chunks_exact(5).map(|five| format!("{:05}", number(five))).collect();
    groups.join(" ")
}

/// What a scanned code says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum QrError {
    /// Not a code of ours, or not with two full fingerprints in lower case.
    #[error("this is not a verification code")]
    NotOurs,
    /// **Loud warning**: the person who shows it is not the contact.
    #[error("the person who shows this code is not the one of this contact")]
    OtherPerson,
    /// **Loud warning**: they have somebody else's key in our place.
    #[error("the person who shows this code knows somebody else under your name")]
    OtherMe,
}

/// What `me` shows to `them`: both full fingerprints, the shower's first.
#[must_use]
pub fn qr_payload(me: &Fingerprint, them: &Fingerprint) -> String {
    format!("{QR_PREFIX}{me}/{them}")
}

/// Compares a scanned code, exactly and in full, with who we believe both to be.
pub fn compare_qr(scanned: &str, me: &Fingerprint, them: &Fingerprint) -> Result<(), QrError> {
    let rest = scanned.strip_prefix(QR_PREFIX).ok_or(QrError::NotOurs)?;
    let (shower, scanner) = rest.split_once('/').ok_or(QrError::NotOurs)?;
    let full = |s: &str| s.len() == 64 && s.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if !full(shower) || !full(scanner) {
        return Err(QrError::NotOurs);
    }
    if shower != them.to_hex() {
        return Err(QrError::OtherPerson);
    }
    if scanner != me.to_hex() { Err(QrError::OtherMe) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Fingerprint = Fingerprint([0xa1; 32]);
    const B: Fingerprint = Fingerprint([0xb2; 32]);
    const C: Fingerprint = Fingerprint([0xc3; 32]);

    #[test]
    fn sixty_digits_are_the_same_for_both_and_thirty_are_each_ones_own() {
        let digits = sixty_digits(&A, &B);
        assert_eq!(digits, sixty_digits(&B, &A));
        assert_eq!(digits, format!("{} {}", thirty_digits(&A), thirty_digits(&B)));
        assert_eq!(digits.split(' ').count(), 12);
        assert!(digits.split(' ').all(|group| group.len() == 5 && group.bytes().all(|b| b.is_ascii_digit())));
        assert_ne!(thirty_digits(&A), thirty_digits(&B));
    }

    /// Computed independently with Python's hashlib.
    #[test]
    fn thirty_digits_are_those_of_the_formula() {
        assert_eq!(thirty_digits(&A), "16187 78979 24912 61793 59590 59385");
    }

    #[test]
    fn a_scanned_code_must_name_both_exactly() {
        let shown_by_b = qr_payload(&B, &A);
        assert_eq!(compare_qr(&shown_by_b, &A, &B), Ok(()));
        assert_eq!(compare_qr(&qr_payload(&C, &A), &A, &B), Err(QrError::OtherPerson));
        assert_eq!(compare_qr(&qr_payload(&B, &C), &A, &B), Err(QrError::OtherMe));
        assert_eq!(compare_qr(&qr_payload(&A, &B), &A, &B), Err(QrError::OtherPerson));
    }

    #[test]
    fn t38_shortened_and_mixed_case_fingerprints_are_refused() {
        let shown = qr_payload(&B, &A);
        for wrong in
            [shown[..shown.len() - 1].to_string(), shown.to_uppercase(), shown.replace("a1", "A1"), String::new()]
        {
            assert_eq!(compare_qr(&wrong, &A, &B), Err(QrError::NotOurs), "{wrong}");
        }
    }
}
