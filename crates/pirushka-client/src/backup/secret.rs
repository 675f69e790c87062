//! What opens a backup: a recovery key that this program made, or a passphrase that a person chose.
//!
//! A recovery key is 18 random bytes and two that find typing errors, in base32 (letters and 2 to 7, so that nothing
//! looks like anything else), in eight groups of four. 144 bits cannot be guessed, whoever has the file.

use zeroize::Zeroizing;

use crate::error::{Code, Error, Result};

const RANDOM: usize = 18;
const SUM: usize = 2;

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum SecretKind {
    /// Made by this program.
    RecoveryKey = 0,
    /// Chosen by a person.
    Passphrase = 1,
}

impl SecretKind {
    pub(super) fn of(byte: u8) -> Option<Self> {
        [Self::RecoveryKey, Self::Passphrase].into_iter().find(|kind| *kind as u8 == byte)
    }
}

/// Secret bytes of either kind. Never printed, zeroised when dropped.
#[derive(Clone)]
pub struct Secret {
    pub(super) kind: SecretKind,
    pub(super) bytes: Zeroizing<Vec<u8>>,
}

impl Secret {
    /// A new recovery key, and how it is written.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub fn generate() -> Result<(Self, Zeroizing<String>)> {
        let mut bytes = Zeroizing::new(vec![0; RANDOM]);
        getrandom::fill(&mut bytes)
            .map_err(|e| Error::new(Code::Unexpected, format!("the system gives no random bytes: {e}")))?;
        let sum = sum(&bytes);
        let whole = Zeroizing::new([&bytes[..], &sum].concat());
        let digits = Zeroizing::new(data_encoding::BASE32_NOPAD.encode(&whole));
        let groups: Vec<&str> = (0..digits.len()).step_by(4).map(|at| &digits[at..at + 4]).collect();
        let written = Zeroizing::new(groups.join("-"));
        Ok((Self { kind: SecretKind::RecoveryKey, bytes }, written))
    }

    /// A passphrase.
    ///
    /// # Errors
    /// [`Code::BadInput`]: it is empty.
    pub fn passphrase(text: &str) -> Result<Self> {
        if text.is_empty() {
            return Err(Error::new(Code::BadInput, "the passphrase is empty"));
        }
        Ok(Self { kind: SecretKind::Passphrase, bytes: Zeroizing::new(text.as_bytes().to_vec()) })
    }

    /// What a person typed, read as what the backup wants.
    ///
    /// # Errors
    /// [`Code::BackupSecret`]: it is no recovery key, and one is wanted.
    pub(super) fn typed(text: &str, kind: SecretKind) -> Result<Self> {
        match kind {
            SecretKind::Passphrase => Self::passphrase(text),
            SecretKind::RecoveryKey => recovery_key(text),
        }
    }
}

/// Blanks, dashes and letter case do not count.
fn recovery_key(text: &str) -> Result<Secret> {
    let wrong = || {
        Error::new(Code::BackupSecret, "that is no recovery key: a character is wrong or missing")
            .with_remedy("it has eight groups of four: ABCD-EFGH-... with A to Z and 2 to 7")
    };
    let kept = text.chars().filter(|c| !c.is_whitespace() && *c != '-').map(|c| match c.to_ascii_uppercase() {
        '0' => 'O',
        '1' => 'I',
        '8' => 'B',
        c => c,
    });
    let digits = Zeroizing::new(kept.collect::<String>());
    let whole = Zeroizing::new(data_encoding::BASE32_NOPAD.decode(digits.as_bytes()).map_err(|_| wrong())?);
    let Some((bytes, given)) = whole.split_at_checked(RANDOM) else { return Err(wrong()) };
    if given != sum(bytes) {
        return Err(wrong());
    }
    Ok(Secret { kind: SecretKind::RecoveryKey, bytes: Zeroizing::new(bytes.to_vec()) })
}

fn sum(bytes: &[u8]) -> [u8; SUM] {
    let hash = blake3::derive_key("pirushka 2026 recovery key check", bytes);
    [hash[0], hash[1]]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recovery_key_is_read_however_it_is_typed_and_a_typing_error_is_found() {
        let (secret, written) = Secret::generate().unwrap();
        assert_eq!(written.len(), 39);
        let sloppy = written.to_lowercase().replace('-', "  ");
        for text in [written.as_str(), &sloppy] {
            assert_eq!(Secret::typed(text, SecretKind::RecoveryKey).unwrap().bytes, secret.bytes);
        }
        let other = if written.starts_with('A') { "B" } else { "A" };
        for wrong in ["", "hello", &format!("{other}{}", &written[1..]), &written[..38]] {
            let error = Secret::typed(wrong, SecretKind::RecoveryKey).err().unwrap();
            assert_eq!(error.code, Code::BackupSecret);
        }
    }
}
