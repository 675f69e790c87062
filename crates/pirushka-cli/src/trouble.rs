//! Errors of the client library, as a person meets them.

use pirushka_client::{Code, ContactView, Error, TroubleView};

use crate::commands::contact::named;
use crate::context::Context;
use crate::fault::{Exit, Fault};
use crate::lang::{self, Lang};
use crate::out::clean;
use crate::said;

/// The fault that `error` is, with what the library says of it in the language of the person.
#[must_use]
pub fn fault(error: Error) -> Fault {
    let (exit, key) = kind(error.code);
    let mut fault = Fault::new(exit, key, &[("detail", &reason(&error.message))]);
    // What the library advises fits this very case; the catalogue's advice fits the kind.
    if let Some(remedy) = error.remedy {
        fault.fix = reason(&remedy);
    }
    fault
}

/// What the library says, in the language of the person: harmless, in one line.
#[must_use]
pub fn reason(said: &str) -> String {
    let russian = (lang::current() == Lang::Ru).then(|| said::in_russian(said)).flatten();
    clean(&russian.unwrap_or_else(|| said.to_owned()))
}

fn kind(code: Code) -> (Exit, &'static str) {
    match code {
        Code::BadInput => (Exit::Usage, "fault.bad_input"),
        Code::Config => (Exit::Config, "fault.config"),
        Code::NotWritable => (Exit::Config, "fault.not_writable"),
        Code::NoProfile => (Exit::Config, "fault.no_profile"),
        Code::ProfileExists => (Exit::Config, "fault.profile_exists"),
        Code::ProfileLocked => (Exit::Profile, "fault.profile_locked"),
        Code::PassphraseNeeded => (Exit::Profile, "fault.passphrase_needed"),
        Code::BackupSecret => (Exit::Profile, "fault.backup_secret"),
        Code::BackupDamaged => (Exit::Profile, "fault.backup_damaged"),
        Code::BackupTruncated => (Exit::Profile, "fault.backup_truncated"),
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
        Code::InviteNeeded => (Exit::Refused, "fault.invite_needed"),
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
        TroubleView::InviteOnly => "adding.invite_only",
        TroubleView::Closed => "adding.closed",
        TroubleView::WorkTooHard => "adding.work_too_hard",
    };
    lang::text(key, &[])
}

/// The fault of a first contact that has not got through.
#[must_use]
pub fn not_added(context: &Context, contact: &ContactView, trouble: TroubleView) -> Fault {
    let exit = match trouble {
        TroubleView::NoAddress | TroubleView::NoKey | TroubleView::PeerUnavailable => Exit::Network,
        TroubleView::UnknownUser | TroubleView::CardExpired => Exit::WaitRanOut,
        TroubleView::IntroRefused
        | TroubleView::InboxFull
        | TroubleView::InviteOnly
        | TroubleView::Closed
        | TroubleView::WorkTooHard => Exit::Refused,
        TroubleView::BundleForged => Exit::Security,
    };
    let name = clean(&contact.name);
    let command = context.command(&format!("contact remove --yes {}", named(&name)));
    let arguments = [("name", &*name), ("reason", &*adding(trouble)), ("command", &*command)];
    Fault::new(exit, "fault.not_added", &arguments)
}
