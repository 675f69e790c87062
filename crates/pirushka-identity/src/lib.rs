//! Who somebody is: a signing key, the certificate made from it, and what is signed with it.
//!
//! A person of Pirushka is an Ed25519 key in a self-signed certificate; the person's name is the [`Fingerprint`], the
//! SHA-256 of that certificate. [`Identity`] owns the key. It signs two things here, and both name everything they are
//! good for, so that neither can be used as something else: the registration at a peer ([`Identity::register_packet`])
//! and the [`Card`], which tells the contacts where the person is reached.
//!
//! ```
//! use pirushka_identity::{Card, Identity, IntroPolicy};
//! use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
//!
//! let alice = Identity::generate(&mut ChaCha20Rng::from_seed([7; 32]));
//! let home = "peer.example?k=aebagbafaydqqcikbmga2dqpcaireeyuculbogazdinryhi6d4qa".parse().unwrap();
//! let card = alice.sign_card(vec![home], IntroPolicy::Token, 1, 1_800_000_000);
//! let read = Card::decode_verified(&card.encode(), Some(&alice.fingerprint())).unwrap();
//! assert_eq!(read.fingerprint(), alice.fingerprint());
//! ```
//!
//! | module | what it does |
//! |---|---|
//! | `identity` | owns the key; makes the certificate |
//! | `certificate` | believes a certificate or names the fault |
//! | `register` | the signed registration (fact 8), bound to one session |
//! | `plain` | the seed's bare registration, and the answer to a challenge: the plain profile |
//! | `card` | the signed statement "here I am reached" |
//! | [`proofs`] | what a peer keeps of secrets: hashes and tickets |
//! | `work` | proof of work, for strangers and newcomers |
//!
//! There is no clock here: dates of certificates are ignored, and freshness is judged by the caller's time.

#![forbid(unsafe_code)]

mod card;
mod certificate;
mod der;
mod identity;
mod plain;
pub mod proofs;
mod register;
#[cfg(feature = "stub")]
mod stub;
mod work;

pub use card::{CARD_SKEW_S, Card, CardError, HOMES_MAX, IntroPolicy};
pub use certificate::{Certificate, CertificateError, fingerprint_of};
pub use identity::{Identity, IdentityError};
pub use pirushka_wire::Fingerprint;
pub use plain::{PlainError, PlainPacket, plain_signature_input, verify_plain_register, verify_plain_response};
pub use register::{RegisterError, root_signature_input, verify_register};
pub use work::{WorkClaim, intro_id};
