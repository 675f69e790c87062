//! Errors of the client library, as a person meets them.

use pirushka_client::{Code, ContactView, Error, TroubleView};

use crate::fault::{Exit, Fault};
use crate::lang::{self, Lang};
use crate::out::clean;

/// The fault that `error` is. English keeps the library's own words; Russian has its own for each kind.
#[must_use]
pub fn fault(error: Error) -> Fault {
    let (exit, key) = kind(error.code);
    let detail = clean(&rule(&error.message).unwrap_or_else(|| error.message.clone()));
    let mut fault = Fault::new(exit, key, &[("detail", &detail)]);
    if lang::current() == Lang::En
        && let Some(remedy) = error.remedy
    {
        fault.fix = clean(&remedy);
    }
    fault
}

/// The rules of the client that a person can break: how the library says so (`*` stands for the name or number in it),
/// and our own text.
const RULES: &[(&str, &str)] = &[
    ("there is no word to look for", "rule.no_word"),
    ("messages may stay for at most 366 days", "rule.expiry_too_long"),
    ("there is no such contact", "rule.no_such_contact"),
    ("there is no contact \"*\"", "rule.no_contact"),
    ("another contact is already called \"*\"", "rule.name_taken"),
    ("\"*\" cannot be a name: 1 to 64 characters, no control characters", "rule.bad_name"),
    ("this is your own address", "rule.own_address"),
    ("this person is already a contact, called \"*\"", "rule.already_contact"),
    ("\"*\" is blocked", "rule.blocked"),
    ("\"*\" is not a request", "rule.not_a_request"),
    ("\"*\" is a request; accept it first", "rule.not_accepted"),
    ("no home peer is set", "rule.no_home"),
    ("you take no strangers at all, so an invite would let nobody in", "rule.takes_nobody"),
    ("* bits of work cannot be asked for; at least 2 and at most 40", "rule.bad_bits"),
    ("the first text has * bytes; at most 1024 travel with an introduction", "rule.first_text_too_long"),
    ("there are * open invites already; revoke one first", "rule.too_many_invites"),
    ("there is no such invite", "rule.no_such_invite"),
    ("there is no code to confirm yet", "rule.no_code"),
    (
        "the six digits have been tried three times with this person; compare the QR code or the 60 digits",
        "rule.code_exhausted",
    ),
    ("\"*\" cannot be the name of a profile: 1 to 32 of a-z, 0-9, - and _, not beginning with -", "rule.bad_profile"),
];

/// The broken rule in the language of the person, if the library's sentence is known.
#[must_use]
pub fn rule(sentence: &str) -> Option<String> {
    RULES.iter().find_map(|(pattern, key)| {
        let given = match pattern.split_once('*') {
            None => (*pattern == sentence).then_some("")?,
            Some((before, after)) => sentence.strip_prefix(before)?.strip_suffix(after)?,
        };
        Some(lang::text(key, &[("given", given)]))
    })
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
pub fn not_added(contact: &ContactView, trouble: TroubleView) -> Fault {
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
    let arguments = [("name", &*clean(&contact.name)), ("reason", &*adding(trouble))];
    Fault::new(exit, "fault.not_added", &arguments)
}
