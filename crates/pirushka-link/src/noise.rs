//! Noise_NK_25519_AESGCM_BLAKE2s: the client knows the peer's static key, the peer learns nothing about the client.
//!
//! `snow` keeps the handshake's order, aws-lc-rs does its X25519 and AES-GCM (16 µs against 37 for one agreement). The
//! state lives only as long as the handshake; what remains is [`Secrets`].

use std::sync::{Arc, LazyLock};

use aws_lc_rs::{aead, agreement};
use pirushka_wire::handshake::NOISE_1_LEN;
use pirushka_wire::{PeerId, SessionId};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use snow::params::{CipherChoice, DHChoice, HashChoice, NoiseParams};
use snow::resolvers::{CryptoResolver, DefaultResolver};
use snow::types::{Cipher, Dh, Hash, Random};
use snow::{Builder, Error, HandshakeState};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::keys::{PeerKey, parse};

/// Bytes that noise message 2 adds to its payload: ephemeral key 32, tag 16.
pub(crate) const NOISE_2_OVERHEAD: usize = 48;

static SUITE: LazyLock<NoiseParams> = LazyLock::new(|| {
    // The name is a constant that a test of this file parses.
    "Noise_NK_25519_AESGCM_BLAKE2s".parse().expect("the suite's name is known to snow")
});

/// What a handshake leaves behind.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct Secrets {
    pub(crate) to_peer: [u8; 32],
    pub(crate) to_client: [u8; 32],
    /// The handshake hash; public, but worth nothing to others.
    pub(crate) binding: [u8; 32],
}

/// `"DCSC1" | PeerId | version | flags | client session id`: what both sides must agree on.
pub(crate) fn prologue(peer_id: PeerId, version: u8, flags: u8, client_session: SessionId) -> [u8; 47] {
    let mut out = [0; 47];
    out[..5].copy_from_slice(b"DCSC1");
    out[5..37].copy_from_slice(&peer_id.0);
    out[37] = version;
    out[38] = flags;
    out[39..].copy_from_slice(&client_session.0);
    out
}

/// The client's half of a handshake.
pub(crate) struct Initiator(Box<HandshakeState>);

impl Initiator {
    /// Begins; also gives noise message 1.
    pub(crate) fn start(peer_id: PeerId, prologue: &[u8], seed: [u8; 32]) -> Result<(Self, [u8; NOISE_1_LEN]), Error> {
        let mut state = Builder::with_resolver(SUITE.clone(), Box::new(Resolver { seed, known: None }))
            .remote_public_key(&peer_id.0)?
            .prologue(prologue)?
            .build_initiator()?;
        let mut message = [0; NOISE_1_LEN];
        state.write_message(&[], &mut message)?;
        Ok((Self(Box::new(state)), message))
    }

    /// Ends it with noise message 2, whose payload lands in `payload`. A message that does not decrypt changes nothing.
    pub(crate) fn finish(&mut self, message: &[u8], payload: &mut [u8]) -> Result<(usize, Secrets), Error> {
        let length = self.0.read_message(message, payload)?;
        Ok((length, secrets(&mut self.0)))
    }
}

impl std::fmt::Debug for Initiator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Initiator(..)")
    }
}

/// The peer's half: message 1 in, message 2 with `payload` appended to `out`.
pub(crate) fn respond(
    key: &PeerKey,
    prologue: &[u8],
    message: &[u8; NOISE_1_LEN],
    payload: &[u8],
    seed: [u8; 32],
    out: &mut Vec<u8>,
) -> Result<Secrets, Error> {
    let secret = key.to_bytes();
    let known = Some(key.clone());
    let mut state = Builder::with_resolver(SUITE.clone(), Box::new(Resolver { seed, known }))
        .local_private_key(secret.as_slice())?
        .prologue(prologue)?
        .build_responder()?;
    state.read_message(message, &mut [0; 16])?;
    let at = out.len();
    out.resize(at + NOISE_2_OVERHEAD + payload.len(), 0);
    state.write_message(payload, &mut out[at..])?;
    Ok(secrets(&mut state))
}

fn secrets(state: &mut HandshakeState) -> Secrets {
    let mut binding = [0; 32];
    binding.copy_from_slice(state.get_handshake_hash());
    let (to_peer, to_client) = state.dangerously_get_raw_split();
    Secrets { to_peer, to_client, binding }
}

struct Resolver {
    seed: [u8; 32],
    /// The static key, which need not be taken apart again.
    known: Option<PeerKey>,
}

impl CryptoResolver for Resolver {
    fn resolve_rng(&self) -> Option<Box<dyn Random>> {
        Some(Box::new(Source(ChaCha20Rng::from_seed(self.seed))))
    }

    fn resolve_dh(&self, choice: &DHChoice) -> Option<Box<dyn Dh>> {
        let dh = X25519 { secret: Zeroizing::new([0; 32]), public: [0; 32], parsed: None, known: self.known.clone() };
        matches!(choice, DHChoice::Curve25519).then(|| Box::new(dh) as _)
    }

    fn resolve_hash(&self, choice: &HashChoice) -> Option<Box<dyn Hash>> {
        DefaultResolver.resolve_hash(choice)
    }

    fn resolve_cipher(&self, choice: &CipherChoice) -> Option<Box<dyn Cipher>> {
        matches!(choice, CipherChoice::AESGCM).then(|| Box::new(AesGcm(Zeroizing::new([0; 32]))) as _)
    }
}

struct Source(ChaCha20Rng);

impl Random for Source {
    fn try_fill_bytes(&mut self, dest: &mut [u8]) -> Result<(), Error> {
        self.0.fill_bytes(dest);
        Ok(())
    }
}

struct X25519 {
    secret: Zeroizing<[u8; 32]>,
    public: [u8; 32],
    parsed: Option<Arc<agreement::PrivateKey>>,
    known: Option<PeerKey>,
}

impl Dh for X25519 {
    fn name(&self) -> &'static str {
        "25519"
    }

    fn pub_len(&self) -> usize {
        32
    }

    fn priv_len(&self) -> usize {
        32
    }

    fn set(&mut self, secret: &[u8]) {
        self.secret.copy_from_slice(secret);
        (self.parsed, self.public) = match &self.known {
            Some(known) if *known.to_bytes() == *self.secret => (known.parsed(), known.peer_id().0),
            _ => parse(&self.secret),
        };
    }

    fn generate(&mut self, rng: &mut dyn Random) -> Result<(), Error> {
        rng.try_fill_bytes(self.secret.as_mut_slice())?;
        (self.parsed, self.public) = parse(&self.secret);
        Ok(())
    }

    fn pubkey(&self) -> &[u8] {
        &self.public
    }

    fn privkey(&self) -> &[u8] {
        self.secret.as_slice()
    }

    fn dh(&self, public: &[u8], out: &mut [u8]) -> Result<(), Error> {
        #[cfg(feature = "stub")]
        if pirushka_wire::stub::is_on() {
            let public = public.first_chunk().ok_or(Error::Dh)?;
            out.get_mut(..32).ok_or(Error::Dh)?.copy_from_slice(&crate::stub::agree(&self.secret, public));
            return Ok(());
        }
        let public = public.get(..32).ok_or(Error::Dh)?;
        let secret = self.parsed.as_ref().ok_or(Error::Dh)?;
        let public = agreement::UnparsedPublicKey::new(&agreement::X25519, public);
        agreement::agree(secret, public, Error::Dh, |shared| {
            out.get_mut(..32).ok_or(Error::Dh)?.copy_from_slice(shared);
            Ok(())
        })
    }
}

struct AesGcm(Zeroizing<[u8; 32]>);

impl AesGcm {
    fn key(&self) -> aead::LessSafeKey {
        // AES-256-GCM takes any 32 bytes.
        let key = aead::UnboundKey::new(&aead::AES_256_GCM, self.0.as_slice()).expect("32 bytes are an AES-256 key");
        aead::LessSafeKey::new(key)
    }
}

fn nonce(n: u64) -> aead::Nonce {
    let mut bytes = [0; 12];
    bytes[4..].copy_from_slice(&n.to_be_bytes());
    aead::Nonce::assume_unique_for_key(bytes)
}

impl Cipher for AesGcm {
    fn name(&self) -> &'static str {
        "AESGCM"
    }

    fn set(&mut self, key: &[u8; 32]) {
        *self.0 = *key;
    }

    fn encrypt(&self, n: u64, aad: &[u8], plaintext: &[u8], out: &mut [u8]) -> usize {
        let (text, tail) = out.split_at_mut(plaintext.len());
        text.copy_from_slice(plaintext);
        // snow gives room for the tag; sealing fails only for lengths beyond 64 GiB.
        let tag = self.key().seal_in_place_separate_tag(nonce(n), aead::Aad::from(aad), text).expect("a short text");
        tail[..16].copy_from_slice(tag.as_ref());
        plaintext.len() + 16
    }

    fn decrypt(&self, n: u64, aad: &[u8], ciphertext: &[u8], out: &mut [u8]) -> Result<usize, Error> {
        let (text, tag) = ciphertext.split_last_chunk::<16>().ok_or(Error::Decrypt)?;
        let out = out.get_mut(..text.len()).ok_or(Error::Decrypt)?;
        self.key().open_separate_gather(nonce(n), aead::Aad::from(aad), text, tag, out).map_err(|_| Error::Decrypt)?;
        Ok(text.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_leave_with_the_same_secrets_and_a_forged_answer_does_not_spoil_it() {
        let key = PeerKey::generate([1; 32]);
        let prologue = prologue(key.peer_id(), 1, 0, SessionId([2; 8]));
        let (mut initiator, message_1) = Initiator::start(key.peer_id(), &prologue, [3; 32]).unwrap();
        let mut message_2 = vec![];
        let peers = respond(&key, &prologue, &message_1, b"welcome", [4; 32], &mut message_2).unwrap();
        let mut payload = [0; 64];
        let mut forged = message_2.clone();
        forged[3] ^= 1;
        assert!(initiator.finish(&forged, &mut payload).is_err());
        let (length, ours) = initiator.finish(&message_2, &mut payload).unwrap();
        assert_eq!(&payload[..length], b"welcome");
        assert_eq!((ours.to_peer, ours.to_client, ours.binding), (peers.to_peer, peers.to_client, peers.binding));
        assert_ne!(ours.to_peer, ours.to_client);
    }

    #[test]
    fn another_prologue_or_another_key_does_not_decrypt() {
        let (key, other) = (PeerKey::generate([1; 32]), PeerKey::generate([9; 32]));
        let ours = prologue(key.peer_id(), 1, 0, SessionId([2; 8]));
        let (_, message_1) = Initiator::start(key.peer_id(), &ours, [3; 32]).unwrap();
        let theirs = prologue(key.peer_id(), 1, 1, SessionId([2; 8]));
        assert!(respond(&key, &theirs, &message_1, b"", [4; 32], &mut vec![]).is_err());
        assert!(respond(&other, &ours, &message_1, b"", [4; 32], &mut vec![]).is_err());
    }
}
