//! Key packages: what lets somebody write to us while we are away.
//!
//! A package has a public part, which our peer hands out, and a private part, which never leaves this machine. Policy:
//! - one *last-resort* package may be used by anybody any number of times; it is replaced after [`LAST_RESORT_FRESH_S`];
//! - a *one-time* package serves one introduction, and its private part is deleted by the join that uses it;
//! - each [`KeyPackages::publish`] makes new one-time packages, because the peer may have handed out the earlier ones
//!   before it forgot us; the private parts of those stay, for introductions that are still on their way;
//! - inside MLS a package never expires (openmls would read the system clock). Its age is kept here, next to it, and the
//!   private part is deleted after [`KEPT_S`]: the 14 days a card is good for, the 14 days a peer may hold the
//!   introduction, 2 days for clocks. Senders refuse a bundle with an old card, see [`crate::bundle`];
//! - at most [`PARTS_MAX`] private parts are kept; beyond that the oldest one-time packages go.

use std::collections::{BTreeMap, BTreeSet};

use minicbor::{Decode, Encode};
use openmls::prelude::{
    BasicCredential, Capabilities, CredentialWithKey, ExtensionType, KeyPackage, KeyPackageBundle, KeyPackageIn,
    Lifetime, ProtocolVersion,
};
use pirushka_identity::{Certificate, Identity};
use rand_chacha::ChaCha20Rng;
use tls_codec::{Deserialize as _, Serialize as _};
use zeroize::{Zeroize, Zeroizing};

use crate::error::E2eError;
use crate::mls::{LeafSigner, Provider, RowWrites, Rows, SUITE, Source, to_cbor};

/// A last-resort package is published again until it is this old.
pub const LAST_RESORT_FRESH_S: u64 = 7 * 86_400;
/// How long a private part is kept after it was made.
pub const KEPT_S: u64 = (14 + 14 + 2) * 86_400;
/// How many private parts are kept: about 12 KiB each on disk.
pub const PARTS_MAX: usize = 64;

/// Our own packages with their private parts. Every part is one row: `reference -> CBOR`.
#[derive(Default)]
pub struct KeyPackages {
    parts: BTreeMap<Vec<u8>, Part>,
    changed: BTreeSet<Vec<u8>>,
}

/// The public parts to hand to our peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    #[allow(missing_docs)]
    pub last_resort: Vec<u8>,
    #[allow(missing_docs)]
    pub one_time: Vec<Vec<u8>>,
}

#[derive(Clone, Encode, Decode)]
#[cbor(map)]
struct Part {
    #[n(0)]
    made_s: u64,
    #[n(1)]
    last_resort: bool,
    #[cbor(n(2), with = "minicbor::bytes")]
    public: Vec<u8>,
    /// openmls's bundle as CBOR.
    #[cbor(n(3), with = "minicbor::bytes")]
    private: Vec<u8>,
}

impl Drop for Part {
    fn drop(&mut self) {
        self.private.zeroize();
    }
}

/// A private part that fits a Welcome, ready to be lent to a join.
pub(crate) struct Fitting {
    pub(crate) reference: Vec<u8>,
    pub(crate) row: Vec<u8>,
    pub(crate) last_resort: bool,
}

impl KeyPackages {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// As they are on disk.
    pub fn load(rows: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>) -> Result<Self, E2eError> {
        let parts = rows.into_iter().map(|(key, value)| {
            let value = Zeroizing::new(value);
            Ok((key, minicbor::decode::<Part>(&value).map_err(|_| E2eError::Damaged)?))
        });
        Ok(Self { parts: parts.collect::<Result<_, E2eError>>()?, changed: BTreeSet::new() })
    }

    /// What changed since the last call; commit it before the public parts leave.
    pub fn take_writes(&mut self) -> RowWrites {
        let changed = std::mem::take(&mut self.changed);
        let row = |reference: &Vec<u8>| self.parts.get(reference).and_then(|part| minicbor::to_vec(part).ok());
        changed.into_iter().map(|reference| (reference.clone(), row(&reference))).collect()
    }

    /// The packages for a new bundle: the last-resort one, new if need be, and `one_time` new one-time packages. Forgets
    /// what is too old. About 0.3 ms per new package.
    pub fn publish(
        &mut self,
        id: &Identity,
        rng: &mut ChaCha20Rng,
        now_s: u64,
        one_time: usize,
    ) -> Result<Published, E2eError> {
        self.forget_old(now_s);
        let last_resort = match self.fresh_last_resort(now_s) {
            Some(public) => public,
            None => self.make(id, rng, now_s, true)?,
        };
        let one_time = (0..one_time).map(|_| self.make(id, rng, now_s, false)).collect::<Result<_, _>>()?;
        self.keep_within_limit();
        Ok(Published { last_resort, one_time })
    }

    /// How many private parts there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.parts.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Deletes private parts older than [`KEPT_S`]. A clock that went back deletes nothing.
    pub fn forget_old(&mut self, now_s: u64) {
        let old = |part: &Part| now_s.saturating_sub(part.made_s) > KEPT_S;
        let old: Vec<_> = self.parts.iter().filter(|(_, part)| old(part)).map(|(key, _)| key.clone()).collect();
        old.iter().for_each(|reference| self.forget(reference));
    }

    pub(crate) fn fitting(&self, reference: &[u8]) -> Option<Fitting> {
        let part = self.parts.get(reference)?;
        Some(Fitting { reference: reference.to_vec(), row: part.private.clone(), last_resort: part.last_resort })
    }

    pub(crate) fn forget(&mut self, reference: &[u8]) {
        if self.parts.remove(reference).is_some() {
            self.changed.insert(reference.to_vec());
        }
    }

    fn fresh_last_resort(&self, now_s: u64) -> Option<Vec<u8>> {
        let fresh = |part: &&Part| part.last_resort && now_s.abs_diff(part.made_s) < LAST_RESORT_FRESH_S;
        self.parts.values().filter(fresh).max_by_key(|part| part.made_s).map(|part| part.public.clone())
    }

    fn make(
        &mut self,
        id: &Identity,
        rng: &mut ChaCha20Rng,
        now_s: u64,
        last_resort: bool,
    ) -> Result<Vec<u8>, E2eError> {
        let NewPackage { reference, public, private } = new_package(id, rng, last_resort)?;
        self.parts.insert(reference.clone(), Part { made_s: now_s, last_resort, public: public.clone(), private });
        self.changed.insert(reference);
        Ok(public)
    }

    fn keep_within_limit(&mut self) {
        while self.parts.len() > PARTS_MAX {
            let oldest = self.parts.iter().min_by_key(|(_, part)| (part.last_resort, part.made_s));
            let Some(oldest) = oldest.map(|(key, _)| key.clone()) else { return };
            self.forget(&oldest);
        }
    }
}

struct NewPackage {
    reference: Vec<u8>,
    public: Vec<u8>,
    private: Vec<u8>,
}

fn new_package(id: &Identity, rng: &mut ChaCha20Rng, last_resort: bool) -> Result<NewPackage, E2eError> {
    #[cfg(feature = "stub")]
    if pirushka_wire::stub::is_on() {
        let (reference, public) = crate::stub::package(id, rng);
        return Ok(NewPackage { private: reference.clone(), reference, public });
    }
    let scratch = Rows::default();
    let provider = Provider::new(&scratch, Source::from_rng(rng));
    let mut builder = KeyPackage::builder().key_package_lifetime(unlimited()).leaf_node_capabilities(capabilities());
    if last_resort {
        builder = builder.mark_as_last_resort();
    }
    let bundle = builder
        .build(SUITE, &provider, &LeafSigner(id), credential(id))
        .map_err(|_| E2eError::Library("making a key package"))?;
    let (reference, public) = public_parts(&provider, &bundle)?;
    let private = to_cbor(&bundle)?;
    Ok(NewPackage { reference, public, private })
}

fn public_parts(provider: &Provider<'_>, bundle: &KeyPackageBundle) -> Result<(Vec<u8>, Vec<u8>), E2eError> {
    use openmls_traits::OpenMlsProvider as _;
    let package = bundle.key_package();
    let reference = package.hash_ref(provider.crypto()).map_err(|_| E2eError::Library("naming a key package"))?;
    let public = package.tls_serialize_detached().map_err(|_| E2eError::Library("encoding a key package"))?;
    Ok((reference.as_slice().to_vec(), public))
}

/// Believes a stranger's package, or names the rule it breaks: well formed, self-signed, our suite, and made by the
/// holder of `certificate`.
pub(crate) fn check(provider: &Provider<'_>, bytes: &[u8], certificate: &Certificate) -> Result<KeyPackage, E2eError> {
    use openmls_traits::OpenMlsProvider as _;
    let package = KeyPackageIn::tls_deserialize_exact(bytes).map_err(|_| E2eError::Malformed("key package"))?;
    let package =
        package.validate(provider.crypto(), ProtocolVersion::Mls10).map_err(|_| E2eError::Malformed("key package"))?;
    if package.ciphersuite() != SUITE {
        return Err(E2eError::WrongSuite(package.ciphersuite().into()));
    }
    let leaf = package.leaf_node();
    crate::session::check_leaf(leaf.credential(), leaf.signature_key().as_slice(), certificate)?;
    Ok(package)
}

/// The credential is the fingerprint, raw.
pub(crate) fn credential(id: &Identity) -> CredentialWithKey {
    CredentialWithKey {
        credential: BasicCredential::new(id.fingerprint().0.to_vec()).into(),
        signature_key: id.certificate().public_key().to_vec().into(),
    }
}

pub(crate) fn capabilities() -> Capabilities {
    Capabilities::builder().ciphersuites(vec![SUITE]).extensions(vec![ExtensionType::LastResort]).build()
}

/// For ever: expiry is ours.
pub(crate) fn unlimited() -> Lifetime {
    Lifetime::init(0, u64::MAX)
}
