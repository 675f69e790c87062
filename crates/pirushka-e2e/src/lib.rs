//! From a text to an envelope and back: everything between two people that no peer may read.
//!
//! | module | what it does |
//! |---|---|
//! | [`content`] | what is said: texts, receipts, cards, queues |
//! | [`session`] | secrecy: one MLS group of two per contact |
//! | [`packages`] | what lets somebody write to us while we are away |
//! | [`bundle`] | the same, as our peer hands it out |
//! | [`intro`] | how a stranger begins |
//! | [`envelope`], [`chunks`] | how a message lies at a peer, and how its parts come together again |
//! | [`sas`], [`verify`] | how two people make sure that nobody is between them |
//!
//! A sender goes down the list, a recipient up:
//! ```text
//! Content -> encode -> Session::encrypt -> envelope::seal_parts -> deposits
//! pushes -> envelope::open -> Reassembly::insert -> Session::open -> Content::decode
//! ```
//! There is no clock, no disk and no hidden randomness here: time is told, changed rows are handed out
//! ([`Session::take_writes`]), and the generator comes from the caller, so that one seed gives one run.
//!
//! ```
//! use pirushka_e2e::{Session, packages::KeyPackages, session::Opened};
//! use pirushka_identity::Identity;
//! use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
//!
//! let rng = &mut ChaCha20Rng::from_seed([7; 32]);
//! let (alice, bob) = (Identity::generate(rng), Identity::generate(rng));
//!
//! // Bob's peer hands out what Bob published.
//! let mut bobs_packages = KeyPackages::new();
//! let published = bobs_packages.publish(&bob, rng, 1_800_000_000, 1).unwrap();
//!
//! // Alice begins, Bob joins and checks who she is.
//! let (mut at_alice, welcome) =
//!     Session::initiate(&alice, rng, bob.certificate(), &published.one_time[0], 1).unwrap();
//! let joined = Session::join(&bob, &mut bobs_packages, &welcome, 1_800_000_000).unwrap();
//! let mut at_bob = joined.session;
//! at_bob.check_certificate(alice.certificate()).unwrap();
//!
//! let sealed = at_alice.encrypt(&alice, rng, b"hello").unwrap();
//! let opened = at_bob.open(&sealed.bytes).unwrap();
//! assert_eq!(opened, Opened::Application { epoch: 1, plaintext: b"hello".to_vec() });
//! ```

#![forbid(unsafe_code)]

pub mod bundle;
pub mod chunks;
pub mod content;
pub mod envelope;
mod error;
#[cfg(feature = "stub")]
mod gears;
pub mod intro;
mod mls;
pub mod packages;
pub mod sas;
pub mod session;
#[cfg(feature = "stub")]
mod stub;
pub mod verify;

pub use content::{Body, Content};
pub use error::E2eError;
#[cfg(feature = "stub")]
pub use gears::Session;
pub use mls::RowWrites;
pub use packages::KeyPackages;
#[cfg(not(feature = "stub"))]
pub use session::Session;
