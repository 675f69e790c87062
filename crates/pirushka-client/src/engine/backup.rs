//! A backup of the store that the engine has open.

use std::path::PathBuf;

use super::core::Core;
use super::protocol::{Done, Hidden};
use crate::backup::{Secret, Whose};
use crate::error::{Code, Error, Result};
use crate::view::BackupView;

pub(super) async fn run(core: &Core, path: PathBuf, passphrase: Option<Hidden>, replace: bool) -> Result<Done> {
    if !path.is_absolute() {
        return Err(Error::new(Code::BadInput, "the engine stands in another directory; give the whole path"));
    }
    let whose = core.driver.call(|client, _| {
        let contacts = client.contacts().len() as u64;
        Ok(Whose { name: client.name().to_owned(), fingerprint: client.fingerprint().0, contacts })
    });
    let whose = whose.await?;
    let made = core.read_at_length(move |reader| {
        let (secret, typed, recovery_key) = match passphrase {
            Some(passphrase) => (Secret::passphrase(&passphrase.0)?, passphrase.0, None),
            None => {
                let (secret, written) = Secret::generate()?;
                let shown = Hidden(written.clone());
                (secret, written, Some(shown))
            }
        };
        let info = crate::backup::create(reader, whose, &path, (&secret, &typed), replace)?;
        Ok(BackupView { file: path, info, recovery_key })
    });
    Ok(Done::Backup(Box::new(made.await?)))
}
