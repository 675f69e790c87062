//! The key made from a passphrase by Argon2id (RFC 9106).
//!
//! 64 MiB and 3 passes is the RFC's second recommended choice, for machines where 2 GiB is too much; one lane instead of
//! four, since the crate computes lanes one after the other. A guess costs an attacker the same 64 MiB.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::StoreKey;
use crate::error::{Code, Error, Result};

/// Parameters and salt, as they stand in the key header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Argon2id {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    salt: String,
}

impl Argon2id {
    /// Bounds for what a header may ask for, so that a damaged one cannot take all memory or never end.
    const MEMORY_KIB: std::ops::RangeInclusive<u32> = 8 * 1024..=1024 * 1024;
    const PASSES: std::ops::RangeInclusive<u32> = 1..=64;
    const LANES: std::ops::RangeInclusive<u32> = 1..=16;
    const SALT_LEN: usize = 16;

    pub(crate) fn fresh() -> Result<Self> {
        let salt = StoreKey::random()?;
        let salt = data_encoding::HEXLOWER.encode(&salt.bytes()[..Self::SALT_LEN]);
        Ok(Self { memory_kib: 64 * 1024, passes: 3, lanes: 1, salt })
    }

    pub(super) fn check(&self) -> std::result::Result<(), String> {
        let bounded = |name: &str, value: u32, range: std::ops::RangeInclusive<u32>| {
            if range.contains(&value) {
                return Ok(());
            }
            Err(format!("{name} is {value}; expected {} to {}", range.start(), range.end()))
        };
        bounded("memory_kib", self.memory_kib, Self::MEMORY_KIB)?;
        bounded("passes", self.passes, Self::PASSES)?;
        bounded("lanes", self.lanes, Self::LANES)?;
        match data_encoding::HEXLOWER.decode(self.salt.as_bytes()) {
            Ok(salt) if salt.len() == Self::SALT_LEN => Ok(()),
            _ => Err("salt: expected 32 hexadecimal digits".into()),
        }
    }

    /// Memory, passes, lanes and salt, for a header that is not TOML.
    pub(crate) fn parts(&self) -> Result<(u32, u32, u32, Vec<u8>)> {
        let salt = data_encoding::HEXLOWER
            .decode(self.salt.as_bytes())
            .map_err(|e| Error::new(Code::Unexpected, format!("salt: {e}")))?;
        Ok((self.memory_kib, self.passes, self.lanes, salt))
    }

    /// Checked as what stands in `key.toml` is.
    pub(crate) fn from_parts(
        memory_kib: u32,
        passes: u32,
        lanes: u32,
        salt: &[u8],
    ) -> std::result::Result<Self, String> {
        let read = Self { memory_kib, passes, lanes, salt: data_encoding::HEXLOWER.encode(salt) };
        read.check().map(|()| read)
    }

    pub(crate) fn derive(&self, secret: &[u8]) -> Result<StoreKey> {
        let bad = |e: argon2::Error| Error::new(Code::Damaged, format!("Argon2id: {e}"));
        let salt = data_encoding::HEXLOWER
            .decode(self.salt.as_bytes())
            .map_err(|e| Error::new(Code::Damaged, format!("salt: {e}")))?;
        let parameters = argon2::Params::new(self.memory_kib, self.passes, self.lanes, Some(32)).map_err(bad)?;
        let argon2 = argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, parameters);
        let mut key = Zeroizing::new([0; 32]);
        argon2.hash_password_into(secret, &salt, key.as_mut()).map_err(bad)?;
        Ok(StoreKey(key))
    }
}
