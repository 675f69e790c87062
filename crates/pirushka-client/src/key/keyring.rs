//! The key in the keyring of the system (feature `keyring`). Its absence is never fatal: `init` then makes a key file.

use super::StoreKey;
use crate::error::{Code, Error, Result};

#[cfg(feature = "keyring")]
const SERVICE: &str = "pirushka";

#[cfg(feature = "keyring")]
pub(super) fn keep(account: &str, key: &StoreKey) -> Result<()> {
    let entry = keyring::Entry::new(SERVICE, account).map_err(no_answer)?;
    entry.set_secret(key.bytes()).map_err(no_answer)?;
    // A keyring that forgets at once is none.
    fetch(account).map(drop)
}

#[cfg(feature = "keyring")]
pub(super) fn fetch(account: &str) -> Result<StoreKey> {
    let entry = keyring::Entry::new(SERVICE, account).map_err(no_answer)?;
    let secret = zeroize::Zeroizing::new(entry.get_secret().map_err(no_answer)?);
    let Ok(bytes) = <[u8; 32]>::try_from(secret.as_slice()) else {
        return Err(Error::new(Code::Damaged, "the keyring's entry \"pirushka\" does not hold 32 bytes"));
    };
    Ok(StoreKey(zeroize::Zeroizing::new(bytes)))
}

#[cfg(feature = "keyring")]
fn no_answer(error: keyring::Error) -> Error {
    Error::new(Code::KeyMissing, format!("the system's keyring: {error}"))
        .with_remedy("unlock the keyring (log in to your desktop), then try again")
}

#[cfg(not(feature = "keyring"))]
pub(super) fn keep(_: &str, _: &StoreKey) -> Result<()> {
    Err(not_built())
}

#[cfg(not(feature = "keyring"))]
pub(super) fn fetch(_: &str) -> Result<StoreKey> {
    Err(not_built())
}

#[cfg(not(feature = "keyring"))]
fn not_built() -> Error {
    Error::new(Code::KeyMissing, "this program was built without support for keyrings")
        .with_remedy("build it with `--features keyring`, or choose a key file or a passphrase")
}
