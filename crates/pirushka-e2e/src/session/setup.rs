//! How a session begins: one side makes it from the other's key package, the other joins it from the Welcome.

use openmls::prelude::{
    BasicCredential, Credential, MlsGroup, MlsGroupJoinConfig, MlsMessageBodyIn, MlsMessageIn,
    PURE_CIPHERTEXT_WIRE_FORMAT_POLICY, SenderRatchetConfiguration, StagedWelcome, Welcome, WelcomeError,
};
use pirushka_identity::{Certificate, Identity};
use pirushka_wire::Fingerprint;
use rand_chacha::ChaCha20Rng;
use rand_core::Rng;
use tls_codec::{Deserialize as _, Serialize as _};

use super::{Contact, FORWARD, GroupName, Meta, OUT_OF_ORDER, PAST_EPOCHS, Session};
use crate::error::E2eError;
use crate::mls::{Label, LeafSigner, Provider, Rows, SUITE, Source, keyed, only};
use crate::packages::{self, KeyPackages};

/// A Welcome names at most this many recipients before we stop looking.
const RECIPIENTS_MAX: usize = 1;

/// A session somebody began with us.
pub struct Joined {
    /// Ready to open the first message. Its CARD brings the certificate for [`Session::check_certificate`].
    pub session: Session,
    /// Who the initiator claims to be.
    pub fingerprint: Fingerprint,
    /// The session's number, authenticated by the initiator's signature.
    pub number: u64,
}

impl Session {
    /// Begins a session with the holder of `certificate`, whose key package it is. `number` is
    /// [`super::next_number`]. Returns the session and its Welcome, about 5.5 KB.
    pub fn initiate(
        id: &Identity,
        rng: &mut ChaCha20Rng,
        certificate: &Certificate,
        package: &[u8],
        number: u64,
    ) -> Result<(Self, Vec<u8>), E2eError> {
        let name = name_for(id, rng, certificate, number)?;
        let rows = Rows::default();
        let (group, welcome) = {
            let provider = Provider::new(&rows, Source::from_rng(rng));
            let package = packages::check(&provider, package, certificate)?;
            let mut group = create(id, &provider, name)?;
            let (_, welcome, _) = group
                .add_members(&provider, &LeafSigner(id), &[package])
                .map_err(|_| E2eError::Library("adding the contact"))?;
            group.merge_pending_commit(&provider).map_err(|_| E2eError::Library("entering the first epoch"))?;
            (group, welcome.tls_serialize_detached().map_err(|_| E2eError::Library("encoding a Welcome"))?)
        };
        Ok((Self::assemble(group, rows, name)?, welcome))
    }

    /// Joins the session that a Welcome begins. The one-time package it used is deleted from `packages`: commit both
    /// write sets in one transaction. On an error nothing changed.
    pub fn join(id: &Identity, packages: &mut KeyPackages, welcome: &[u8], now_s: u64) -> Result<Joined, E2eError> {
        let welcome = parse(welcome)?;
        packages.forget_old(now_s);
        let references = welcome.secrets().iter().map(|secret| secret.new_member());
        let fitting = references.take(RECIPIENTS_MAX).find_map(|reference| {
            let fitting = packages.fitting(reference.as_slice())?;
            Some((keyed(Label::KeyPackage, &reference).ok()?, fitting))
        });
        let (loan, fitting) = fitting.ok_or(E2eError::UnknownPackage)?;

        let rows = Rows::default();
        rows.lend(loan.clone(), fitting.row);
        let group = {
            let provider = Provider::new(&rows, Source::none());
            let staged = StagedWelcome::build_from_welcome(&provider, &join_config(), welcome).map_err(refused)?;
            let staged = staged.skip_lifetime_validation().build().map_err(refused)?;
            check_staged(id, &staged)?;
            staged.into_group(&provider).map_err(refused)?
        };
        rows.return_loan(&loan);
        let name = GroupName::from_slice(group.group_id().as_slice()).ok_or(E2eError::BadWelcome("group id"))?;
        let session = Self::assemble(group, rows, name)?;
        if !fitting.last_resort {
            packages.forget(&fitting.reference);
        }
        Ok(Joined { fingerprint: session.contact.fingerprint, number: name.number(), session })
    }

    fn assemble(group: MlsGroup, rows: Rows, name: GroupName) -> Result<Self, E2eError> {
        let contact = contact_of(&group).ok_or(E2eError::BadWelcome("members"))?;
        let meta = Meta { group: name.0.to_vec(), sent: 0 };
        rows.write(only(Label::Session), &meta)?;
        Ok(Self { group, rows, meta, name, contact })
    }
}

/// A new name for a session with the holder of `certificate`, who is somebody else.
pub(crate) fn name_for(
    id: &Identity,
    rng: &mut ChaCha20Rng,
    certificate: &Certificate,
    number: u64,
) -> Result<GroupName, E2eError> {
    if certificate.fingerprint() == id.fingerprint() {
        return Err(E2eError::OwnPackage);
    }
    let mut random = [0; 16];
    rng.fill_bytes(&mut random);
    Ok(GroupName::new(random, number))
}

pub(super) fn create(id: &Identity, provider: &Provider<'_>, name: GroupName) -> Result<MlsGroup, E2eError> {
    MlsGroup::builder()
        .with_group_id(name.to_mls())
        .ciphersuite(SUITE)
        .lifetime(packages::unlimited())
        .with_capabilities(packages::capabilities())
        .with_wire_format_policy(PURE_CIPHERTEXT_WIRE_FORMAT_POLICY)
        .max_past_epochs(PAST_EPOCHS as usize)
        .use_ratchet_tree_extension(true)
        .sender_ratchet_configuration(SenderRatchetConfiguration::new(OUT_OF_ORDER, FORWARD))
        .build(provider, &LeafSigner(id), packages::credential(id))
        .map_err(|_| E2eError::Library("making a group"))
}

fn join_config() -> MlsGroupJoinConfig {
    MlsGroupJoinConfig::builder()
        .wire_format_policy(PURE_CIPHERTEXT_WIRE_FORMAT_POLICY)
        .max_past_epochs(PAST_EPOCHS as usize)
        .use_ratchet_tree_extension(true)
        .sender_ratchet_configuration(SenderRatchetConfiguration::new(OUT_OF_ORDER, FORWARD))
        .build()
}

/// Exactly one Welcome, in our suite.
fn parse(bytes: &[u8]) -> Result<Welcome, E2eError> {
    let message = MlsMessageIn::tls_deserialize_exact(bytes).map_err(|_| E2eError::Malformed("Welcome"))?;
    match message.extract() {
        MlsMessageBodyIn::Welcome(welcome) => Ok(welcome),
        _ => Err(E2eError::Malformed("Welcome")),
    }
}

/// What a Welcome may make us join: two members, the initiator leaf 0, we leaf 1, first epoch, no extensions.
fn check_staged(id: &Identity, staged: &StagedWelcome) -> Result<(), E2eError> {
    let context = staged.group_context();
    if context.ciphersuite() != SUITE {
        return Err(E2eError::WrongSuite(context.ciphersuite().into()));
    }
    if context.epoch().as_u64() != 1 || context.extensions().iter().next().is_some() {
        return Err(E2eError::BadWelcome("group context"));
    }
    let mut members = staged.members();
    let (Some(first), Some(second), None) = (members.next(), members.next(), members.next()) else {
        return Err(E2eError::BadWelcome("members"));
    };
    if (first.index.u32(), second.index.u32()) != (0, 1)
        || staged.own_leaf_index().u32() != 1
        || staged.welcome_sender_index().u32() != 0
    {
        return Err(E2eError::BadWelcome("members"));
    }
    check_leaf(&second.credential, &second.signature_key, id.certificate())?;
    let initiator = fingerprint_of(&first.credential).ok_or(E2eError::WrongFingerprint)?;
    if initiator == id.fingerprint() { Err(E2eError::OwnPackage) } else { Ok(()) }
}

/// Credential and key of a leaf are those of `certificate`.
pub(crate) fn check_leaf(credential: &Credential, key: &[u8], certificate: &Certificate) -> Result<(), E2eError> {
    let fingerprint = fingerprint_of(credential).ok_or(E2eError::WrongFingerprint)?;
    check_holder(fingerprint, key, certificate)
}

/// This name and this key are those of `certificate`.
pub(crate) fn check_holder(fingerprint: Fingerprint, key: &[u8], certificate: &Certificate) -> Result<(), E2eError> {
    if fingerprint != certificate.fingerprint() {
        return Err(E2eError::WrongFingerprint);
    }
    if key != certificate.public_key() {
        return Err(E2eError::WrongKey);
    }
    Ok(())
}

pub(super) fn fingerprint_of(credential: &Credential) -> Option<Fingerprint> {
    let basic = BasicCredential::try_from(credential.clone()).ok()?;
    basic.identity().try_into().ok().map(Fingerprint)
}

/// The other one of two members.
pub(super) fn contact_of(group: &MlsGroup) -> Option<Contact> {
    let mut others = group.members().filter(|member| member.index != group.own_leaf_index());
    let (Some(other), None) = (others.next(), others.next()) else { return None };
    Some(Contact { fingerprint: fingerprint_of(&other.credential)?, key: other.signature_key.try_into().ok()? })
}

fn refused<S>(error: WelcomeError<S>) -> E2eError {
    match error {
        WelcomeError::UnsupportedCiphersuite(suite) => E2eError::WrongSuite(suite.into()),
        WelcomeError::CiphersuiteMismatch => E2eError::BadWelcome("cipher suite"),
        WelcomeError::NoMatchingKeyPackage | WelcomeError::JoinerSecretNotFound => E2eError::UnknownPackage,
        WelcomeError::MissingRatchetTree => E2eError::BadWelcome("no ratchet tree"),
        WelcomeError::StorageError(_) => E2eError::Library("storing"),
        _ => E2eError::BadWelcome("decryption or signature"),
    }
}
