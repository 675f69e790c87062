//! Errors of the client library, as a person meets them.

use pirushka_client::{Code, ContactView, Error, TroubleView};

use crate::fault::{Exit, Fault};
use crate::lang::{self, Lang};
use crate::out::clean;

/// The fault that `error` is. English keeps the library's own words; Russian has its own for each kind.
#[must_use]
pub fn fault(error: Error) -> Fault {
    let (exit, key) = kind(error.code);
    let mut fault = Fault::new(exit, key, &[("detail", &clean(&error.message))]);
    if lang::current() == Lang::En
        && let Some(remedy) = error.remedy
    {
        fault.fix = clean(&remedy);
    }
    fault
}

fn kind(code: Code) -> (Exit, &'static str) {
    match code {
        Code::BadInput => (Exit::Usage, "fault.bad_input"),
        Code::Config => (Exit::Config, "fault.config"),
        Code::NoProfile => (Exit::Config, "fault.no_profile"),
        Code::ProfileExists => (Exit::Config, "fault.profile_exists"),
        Code::ProfileLocked => (Exit::Profile, "fault.profile_locked"),
        Code::PassphraseNeeded => (Exit::Profile, "fault.passphrase_needed"),
        Code::WrongKey => (Exit::Profile, "fault.wrong_key"),
        Code::KeyMissing => (Exit::Profile, "fault.key_missing"),
        Code::Damaged => (Exit::Profile, "fault.damaged"),
        Code::NewerStore => (Exit::Profile, "fault.newer_store"),
        Code::DiskFull => (Exit::Profile, "fault.disk_full"),
        Code::Dns => (Exit::Network, "fault.dns"),
        Code::NoAnswer => (Exit::Network, "fault.no_answer"),
        Code::PeerKey => (Exit::Network, "fault.peer_key"),
        Code::PeerVersion => (Exit::Network, "fault.peer_version"),
        Code::Refused => (Exit::Refused, "fault.refused"),
        Code::TimedOut => (Exit::WaitRanOut, "fault.timed_out"),
        Code::Security => (Exit::Security, "fault.security"),
        Code::NoSuchContact => (Exit::NotFound, "fault.no_such_contact"),
        Code::NoSuchMessage => (Exit::NotFound, "fault.no_such_message"),
        Code::NoSuchInvite => (Exit::NotFound, "fault.no_such_invite"),
        Code::Engine => (Exit::Unexpected, "fault.engine"),
        _ => (Exit::Unexpected, "fault.library"),
    }
}

/// Why a first contact does not get through, in a sentence.
#[must_use]
pub fn adding(trouble: TroubleView) -> String {
    let key = match trouble {
        TroubleView::NoAddress => "adding.no_address",
        TroubleView::NoKey => "adding.no_key",
        TroubleView::PeerUnavailable => "adding.peer_unavailable",
        TroubleView::UnknownUser => "adding.unknown_user",
        TroubleView::CardExpired => "adding.card_expired",
        TroubleView::BundleForged => "adding.bundle_forged",
        TroubleView::IntroRefused => "adding.intro_refused",
        TroubleView::InboxFull => "adding.inbox_full",
    };
    lang::text(key, &[])
}

/// The fault of a first contact that has not got through.
#[must_use]
pub fn not_added(contact: &ContactView, trouble: TroubleView) -> Fault {
    let exit = match trouble {
        TroubleView::NoAddress | TroubleView::NoKey | TroubleView::PeerUnavailable => Exit::Network,
        TroubleView::UnknownUser | TroubleView::CardExpired => Exit::WaitRanOut,
        TroubleView::IntroRefused | TroubleView::InboxFull => Exit::Refused,
        TroubleView::BundleForged => Exit::Security,
    };
    let arguments = [("name", &*clean(&contact.name)), ("reason", &*adding(trouble))];
    Fault::new(exit, "fault.not_added", &arguments)
}
