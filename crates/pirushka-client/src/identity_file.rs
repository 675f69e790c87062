//! The identity alone, as a file that a person keeps: private key and certificate, and nothing else of a profile.
//!
//! Standard formats, so that other programs read it too (`openssl pkey -in FILE`): the key as PKCS #8 under PBES2
//! (scrypt, AES-256-CBC) in a PEM block `ENCRYPTED PRIVATE KEY`, the certificate as another. PBES2 does not authenticate,
//! but what comes out must be the key of the certificate beside it, which no change to either survives.
//! scrypt: N 2^14, r 8, p 10: twice what OWASP asks for, and within the 32 MiB that OpenSSL allows.

use pirushka_identity::Identity;
use pkcs8::der::asn1::OctetStringRef;
use pkcs8::der::pem::LineEnding;
use pkcs8::der::{Decode, Encode};
use pkcs8::pkcs5::{EncryptionScheme, pbes2, scrypt};
use pkcs8::spki::AlgorithmIdentifierRef;
use pkcs8::{EncryptedPrivateKeyInfoRef, ObjectIdentifier, PrivateKeyInfoRef, SecretDocument};
use zeroize::Zeroizing;

use crate::error::{Code, Error, Result};
use crate::init::{InitOptions, Initialized, exists, make_as};
use crate::profile::Profile;

/// id-Ed25519 (RFC 8410).
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const KEY: &str = "ENCRYPTED PRIVATE KEY";
const CERTIFICATE: &str = "CERTIFICATE";

/// The file of an identity.
///
/// # Errors
/// [`Code::BadInput`]: the passphrase is empty.
pub fn seal(identity: &Identity, passphrase: &str) -> Result<Zeroizing<String>> {
    if passphrase.is_empty() {
        return Err(Error::new(Code::BadInput, "the passphrase is empty"));
    }
    let failed = |e: &dyn std::fmt::Display| Error::new(Code::Unexpected, format!("sealing the identity: {e}"));
    let secret = identity.secret_bytes();
    let inner = Zeroizing::new(OctetStringRef::new(&secret[..]).and_then(|key| key.to_der()).map_err(|e| failed(&e))?);
    let outer = OctetStringRef::new(&inner).map_err(|e| failed(&e))?;
    let info = PrivateKeyInfoRef::new(AlgorithmIdentifierRef { oid: ED25519, parameters: None }, outer);
    let (mut salt, mut iv) = ([0; 16], [0; 16]);
    getrandom::fill(&mut salt).and_then(|()| getrandom::fill(&mut iv)).map_err(|e| failed(&e))?;
    let cost = scrypt::Params::new(14, 8, 10).map_err(|e| failed(&e))?;
    let parameters = pbes2::Parameters::generate_scrypt_aes256cbc(cost, &salt, iv).map_err(|e| failed(&e))?;
    let sealed = info.encrypt_with_params(parameters, passphrase).map_err(|e| failed(&e))?;
    let key = sealed.to_pem(KEY, LineEnding::LF).map_err(|e| failed(&e))?;
    Ok(Zeroizing::new(format!("{}{}", *key, identity.certificate().to_pem())))
}

/// The identity in a file.
///
/// # Errors
/// [`Code::BackupSecret`] for a wrong passphrase, [`Code::BackupDamaged`] for what is no such file or was changed.
pub fn open(text: &str, passphrase: &str) -> Result<Identity> {
    let key = SecretDocument::from_pem(block(text, KEY)?).map_err(|e| damaged(&e.to_string()))?;
    let certificate = SecretDocument::from_pem(block(text, CERTIFICATE)?).map_err(|e| damaged(&e.to_string()))?;
    let sealed = EncryptedPrivateKeyInfoRef::from_der(key.1.as_bytes()).map_err(|e| damaged(&e.to_string()))?;
    must_be_bearable(&sealed.encryption_algorithm)?;
    let wrong = || {
        Error::new(Code::BackupSecret, "that is not the passphrase of this identity, or the file was changed")
            .with_remedy("try again")
    };
    let opened = sealed.decrypt(passphrase).map_err(|_| wrong())?;
    let info = PrivateKeyInfoRef::from_der(opened.as_bytes()).map_err(|_| wrong())?;
    if info.algorithm.oid != ED25519 {
        return Err(damaged("its key is not an Ed25519 key"));
    }
    let inner = <&OctetStringRef>::from_der(info.private_key.as_bytes()).map_err(|_| wrong())?;
    let secret = Zeroizing::new(<[u8; 32]>::try_from(inner.as_bytes()).map_err(|_| wrong())?);
    Identity::from_parts(&secret, certificate.1.as_bytes())
        .map_err(|e| damaged(&format!("key and certificate do not belong together: {e}")))
}

/// Makes a new profile of the identity in a file: no contacts, no messages, no peer unless one is named.
///
/// # Errors
/// As [`open`] and [`crate::init()`].
pub async fn import(profile: &Profile, text: &str, passphrase: &str, options: InitOptions) -> Result<Initialized> {
    let (profile, text, passphrase) =
        (profile.clone(), Zeroizing::new(text.to_owned()), Zeroizing::new(passphrase.to_owned()));
    let making = tokio::task::spawn_blocking(move || {
        if profile.exists() {
            return Err(exists(&profile).with_remedy("import beside it with --profile NAME"));
        }
        make_as(&profile, options, Some(open(&text, &passphrase)?))
    });
    making.await.unwrap_or_else(|_| Err(Error::new(Code::Unexpected, "importing was broken off")))
}

/// A file from elsewhere must not take all memory or never end.
fn must_be_bearable(scheme: &EncryptionScheme) -> Result<()> {
    let bearable = match scheme {
        EncryptionScheme::Pbes2(pbes2::Parameters { kdf: pbes2::Kdf::Scrypt(scrypt), .. }) => {
            scrypt.cost_parameter <= 1 << 17 && scrypt.block_size <= 16 && scrypt.parallelization <= 64
        }
        EncryptionScheme::Pbes2(pbes2::Parameters { kdf: pbes2::Kdf::Pbkdf2(pbkdf2), .. }) => {
            pbkdf2.iteration_count <= 10_000_000
        }
        _ => false,
    };
    if bearable { Ok(()) } else { Err(damaged("its passphrase is stretched in a way that is not supported")) }
}

/// One PEM block of the file; what stands around it does not count.
fn block<'a>(text: &'a str, label: &str) -> Result<&'a str> {
    let (begin, end) = (format!("-----BEGIN {label}-----"), format!("-----END {label}-----"));
    let from = text.find(&begin).ok_or_else(|| damaged(&format!("it has no block {label}")))?;
    let len = text[from..].find(&end).ok_or_else(|| damaged(&format!("its block {label} is cut off")))?;
    Ok(&text[from..from + len + end.len()])
}

fn damaged(what: &str) -> Error {
    Error::new(Code::BackupDamaged, format!("the identity file is damaged: {what}"))
        .with_remedy("take another copy of it; nothing was changed")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{InitOptions, Protection};

    #[tokio::test(flavor = "multi_thread")]
    async fn an_identity_goes_into_a_file_and_comes_back_and_a_changed_file_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let profile = |name| Profile::at(home.path(), Some(name)).unwrap();
        let options = || InitOptions { name: "alice".into(), home: None, protection: Protection::KeyFile };
        let made = crate::init(&profile("one"), options()).await.unwrap();
        let in_process = crate::Options { mode: crate::EngineMode::InProcess, ..crate::Options::default() };
        let handle = crate::Handle::join_or_start(&profile("one"), in_process).await.unwrap();
        let file = handle.identity_export("horse").await.unwrap();
        handle.close().await.unwrap();
        let imported = import(&profile("two"), &file, "horse", options()).await.unwrap();
        assert_eq!(imported.identity.fingerprint, made.identity.fingerprint);
        assert_eq!(import(&profile("two"), &file, "horse", options()).await.unwrap_err().code, Code::ProfileExists);
        assert_eq!(open(&file, "house").err().unwrap().code, Code::BackupSecret);
        assert_eq!(open("hello", "horse").err().unwrap().code, Code::BackupDamaged);
        assert_eq!(open(&file[..file.len() / 2], "horse").err().unwrap().code, Code::BackupDamaged);
        // Another's certificate beside the key.
        let other = crate::init(&profile("three"), options()).await.unwrap();
        let swapped = format!("{}{}", block(&file, KEY).unwrap(), other.identity.certificate_pem);
        assert_eq!(open(&swapped, "horse").err().unwrap().code, Code::BackupDamaged);
    }
}
