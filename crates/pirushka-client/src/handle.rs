//! The client as a face uses it: [`Handle`], a typed connection to the profile's engine.

use std::time::Duration;

use zeroize::Zeroizing;

use crate::engine::protocol::{ContactUntil, Done, Request, Since};
use crate::error::{Code, Error, Result};
use crate::profile::Profile;
use crate::view::*;

/// Asks the person for the passphrase; called at most once, and only when it is needed.
pub type AskPassphrase = Box<dyn FnOnce() -> std::io::Result<Zeroizing<String>> + Send>;

/// How to reach the engine.
#[derive(Default)]
pub struct Options {
    /// Whether the engine runs in a process of its own or inside this one (`--no-engine`).
    pub mode: EngineMode,
    /// Where to get the passphrase if the store has one and no engine is running.
    pub passphrase: Option<AskPassphrase>,
    /// The command that runs an engine in the background; by default this program with
    /// `--profile NAME engine run --background`.
    pub engine_command: Option<Vec<std::ffi::OsString>>,
}

/// Where the engine runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EngineMode {
    /// In a process of its own that other commands join.
    #[default]
    Background,
    /// Inside this process, which owns the store until the handle is dropped.
    InProcess,
}

/// How the store's key shall be kept.
pub enum Protection {
    /// The keyring of the system if it answers, else a key file.
    Auto,
    /// A file that only this user may read. Who has the disk has the messages.
    KeyFile,
    /// The keyring of the system.
    Keyring,
    /// A passphrase, asked at each start of the engine.
    Passphrase(Zeroizing<String>),
}

/// What a new profile is made of.
pub struct InitOptions {
    /// As I call myself.
    pub name: String,
    /// The address of my peer, `host[:port]?k=...`.
    pub home: Option<String>,
    #[allow(missing_docs)]
    pub protection: Protection,
}

/// What `init` made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Initialized {
    #[allow(missing_docs)]
    pub identity: IdentityView,
    /// `keyring`, `file` or `passphrase`.
    pub protection: String,
    /// What that means, in one line.
    pub protection_note: String,
}

/// Makes a profile. Nothing is left behind if it fails.
///
/// # Errors
/// [`Code::ProfileExists`], [`Code::BadInput`] for a bad name or address, [`Code::DiskFull`] and [`Code::Config`].
pub async fn init(profile: &Profile, options: InitOptions) -> Result<Initialized> {
    let _ = (profile, options);
    Err(unfinished())
}

/// A connection to the engine of one profile. Cloning is cheap; calls of clones run side by side.
#[derive(Clone)]
pub struct Handle {}

impl Handle {
    /// Joins the engine that runs for `profile`, or starts one.
    ///
    /// # Errors
    /// [`Code::NoProfile`], [`Code::PassphraseNeeded`], [`Code::WrongKey`], [`Code::Damaged`], [`Code::NewerStore`],
    /// [`Code::ProfileLocked`], [`Code::Engine`].
    pub async fn join_or_start(profile: &Profile, options: Options) -> Result<Self> {
        let _ = options;
        profile.must_exist()?;
        Err(unfinished())
    }

    /// Joins the engine that runs for `profile`; `None` if there is none.
    ///
    /// # Errors
    /// [`Code::Engine`].
    pub async fn join(profile: &Profile) -> Result<Option<Self>> {
        let _ = profile;
        Err(unfinished())
    }

    /// One request, one answer.
    async fn call(&self, request: Request) -> Result<Done> {
        let _ = request;
        Err(unfinished())
    }

    /// Everything `status` shows.
    ///
    /// # Errors
    /// [`Code::Engine`], as of every call.
    pub async fn status(&self) -> Result<StatusView> {
        match self.call(Request::Status).await? {
            Done::Status(status) => Ok(*status),
            other => Err(unfitting(&other)),
        }
    }

    /// Follows what happens, beginning at `from`, over a connection of its own.
    ///
    /// # Errors
    /// [`Code::Engine`].
    pub async fn subscribe(&self, from: Since) -> Result<Subscription> {
        let _ = from;
        Err(unfinished())
    }

    /// Ends the engine. What is in the outbox stays there.
    ///
    /// # Errors
    /// [`Code::Engine`].
    pub async fn stop(&self) -> Result<()> {
        self.nothing(Request::Stop).await
    }

    async fn nothing(&self, request: Request) -> Result<()> {
        match self.call(request).await? {
            Done::Nothing => Ok(()),
            other => Err(unfitting(&other)),
        }
    }
}

/// Defines calls that differ in nothing but their request and the kind of answer.
macro_rules! calls {
    ($($(#[$doc:meta])* $name:ident($($arg:ident: $type:ty => $field:ident = $value:expr),*)
        $request:ident -> $done:ident($out:ty);)*) => {
        impl Handle {$(
            $(#[$doc])*
            ///
            /// # Errors
            /// What the engine answers; [`Code::Engine`] if it does not.
            pub async fn $name(&self $(, $arg: $type)*) -> Result<$out> {
                match self.call(Request::$request { $($field: $value),* }).await? {
                    Done::$done(value) => Ok(value),
                    other => Err(unfitting(&other)),
                }
            }
        )*}
    };
}

calls! {
    /// Who I am.
    identity() Identity -> Identity(IdentityView);
    /// Makes an invite for `uses` people, valid for `valid` from now; `ask`: whoever comes waits to be accepted.
    invite_new(label: &str => label = label.to_owned(), uses: u16 => uses = uses,
        valid: Duration => expiry_s = valid.as_secs(), ask: bool => ask = ask) InviteNew -> Invite(InviteView);
    /// All invites that still let somebody in.
    invites() Invites -> Invites(Vec<InviteView>);
    /// Everybody, by name.
    contacts() Contacts -> Contacts(Vec<ContactView>);
    /// One contact by name, fingerprint or address.
    contact(who: &str => who = who.to_owned()) Contact -> Contact(ContactView);
    /// Introduces me to the person at `address` (with an invite's token, if it has one).
    contact_add(address: &str => address = address.to_owned(),
        name: Option<&str> => name = name.map(str::to_owned)) ContactAdd -> Contact(ContactView);
    /// Answers a request.
    contact_accept(who: &str => who = who.to_owned()) ContactAccept -> Contact(ContactView);
    /// Gives a contact another name of mine.
    contact_rename(who: &str => who = who.to_owned(), name: &str => name = name.to_owned())
        ContactRename -> Contact(ContactView);
    /// Takes nothing from this person any more; holds over restarts of everything.
    contact_block(who: &str => who = who.to_owned()) ContactBlock -> Contact(ContactView);
    /// Lifts a block.
    contact_unblock(who: &str => who = who.to_owned()) ContactUnblock -> Contact(ContactView);
    /// Waits until the contact is as wished, and gives it as it is then, or when the time is over.
    contact_wait(who: &str => who = who.to_owned(), until: ContactUntil => until = until,
        timeout: Duration => timeout_ms = millis(timeout)) ContactWait -> Contact(ContactView);
    /// The person says whether the six digits are equal at both ends.
    code_confirm(who: &str => who = who.to_owned(), matches: bool => matches = matches)
        CodeConfirm -> Contact(ContactView);
    /// Begins another run of the six digits.
    code_rerun(who: &str => who = who.to_owned()) CodeRerun -> Contact(ContactView);
    /// Compares a whole fingerprint (from a QR code); true makes the contact verified.
    fingerprint_confirm(who: &str => who = who.to_owned(), fingerprint: &str => fingerprint = fingerprint.to_owned())
        FingerprintConfirm -> Compared(bool);
    /// The person says that the sixty digits are equal at both ends.
    digits_confirm(who: &str => who = who.to_owned()) DigitsConfirm -> Contact(ContactView);
    /// The sixty digits of the two of us.
    sixty_digits(who: &str => who = who.to_owned()) SixtyDigits -> Digits(String);
    /// All conversations, the newest first.
    chats() Chats -> Chats(Vec<ChatView>);
    /// At most `limit` (1 to 1000) rows of a conversation before the id `before`, or the newest.
    history(who: &str => who = who.to_owned(), before: Option<u64> => before = before, limit: u32 => limit = limit)
        History -> History(HistoryPage);
    /// The newest `limit` texts that contain `text`, in one conversation or in all.
    search(text: &str => text = text.to_owned(), who: Option<&str> => who = who.map(str::to_owned),
        limit: u32 => limit = limit) Search -> History(HistoryPage);
}

impl Handle {
    /// Calls myself something else.
    ///
    /// # Errors
    /// [`Code::BadInput`].
    pub async fn rename_me(&self, name: &str) -> Result<()> {
        self.nothing(Request::RenameMe { name: name.to_owned() }).await
    }

    /// Makes `peer` (`host[:port]?k=...`) the peer that serves me.
    ///
    /// # Errors
    /// [`Code::BadInput`] for what is no peer's address.
    pub async fn set_home(&self, peer: &str) -> Result<()> {
        self.nothing(Request::SetHome { peer: peer.to_owned() }).await
    }

    /// Revokes an invite; holds even while the peer is down.
    ///
    /// # Errors
    /// [`Code::NoSuchInvite`].
    pub async fn invite_revoke(&self, id: u32) -> Result<()> {
        self.nothing(Request::InviteRevoke { id }).await
    }

    /// Turns a request down.
    ///
    /// # Errors
    /// [`Code::NoSuchContact`].
    pub async fn contact_refuse(&self, who: &str) -> Result<()> {
        self.nothing(Request::ContactRefuse { who: who.to_owned() }).await
    }

    /// Forgets a contact and its conversation.
    ///
    /// # Errors
    /// [`Code::NoSuchContact`].
    pub async fn contact_remove(&self, who: &str) -> Result<()> {
        self.nothing(Request::ContactRemove { who: who.to_owned() }).await
    }

    /// The person has seen this message and all before it.
    ///
    /// # Errors
    /// [`Code::NoSuchContact`].
    pub async fn mark_seen(&self, who: &str, up_to: u64) -> Result<()> {
        self.nothing(Request::MarkSeen { who: who.to_owned(), up_to }).await
    }

    /// Sends a text: it is on the disk when this returns, and has come as far as `wait` if `reached` says so.
    ///
    /// # Errors
    /// [`Code::NoSuchContact`], [`Code::Refused`], [`Code::BadInput`]. A wait that runs out is no error.
    pub async fn send(&self, to: &str, text: &str, wait: WaitFor, timeout: Duration) -> Result<SentView> {
        let request = Request::Send { who: to.to_owned(), text: text.to_owned(), wait, timeout_ms: millis(timeout) };
        self.sent(request).await
    }

    /// Waits for a message that was sent before.
    ///
    /// # Errors
    /// [`Code::NoSuchMessage`]. A wait that runs out is no error.
    pub async fn wait(&self, message: u64, wait: WaitFor, timeout: Duration) -> Result<SentView> {
        self.sent(Request::Wait { message, wait, timeout_ms: millis(timeout) }).await
    }

    async fn sent(&self, request: Request) -> Result<SentView> {
        match self.call(request).await? {
            Done::Sent(sent) => Ok(*sent),
            other => Err(unfitting(&other)),
        }
    }
}

/// A stream of events.
pub struct Subscription {}

impl Subscription {
    /// The next event; `None` when the engine has stopped.
    ///
    /// # Errors
    /// [`Code::Engine`] when the engine went away without a word.
    pub async fn next(&mut self) -> Result<Option<EventView>> {
        Err(unfinished())
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn unfitting(done: &Done) -> Error {
    Error::new(Code::Engine, format!("the engine answered something else than was asked: {done:?}"))
        .with_remedy("`pirushka engine stop`, then try again")
}

fn unfinished() -> Error {
    Error::new(Code::Unexpected, "not finished yet")
}
