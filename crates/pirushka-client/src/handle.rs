//! The client as a face uses it: [`Handle`], a typed connection to the profile's engine.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, BufReader};
use zeroize::Zeroizing;

use crate::driver::Thread;
use crate::engine::core::Core;
use crate::engine::line::{self, Line};
use crate::engine::protocol::{
    Answer, AnswerLine, ContactUntil, Done, EventLine, Greeting, Hidden, PROTOCOL, Request, RequestLine, Since,
};
use crate::error::{Code, Error, Result};
use crate::lock::ProfileLock;
use crate::profile::Profile;
use crate::view::*;

/// The size of the pipe to an engine in the same process.
const PIPE: usize = 64 * 1024;

/// How often an engine that is ending is looked after.
const TURN: Duration = Duration::from_millis(10);

/// Asks the person for the passphrase; called at most once, and only when it is needed.
pub type AskPassphrase = Box<dyn FnOnce() -> std::io::Result<Zeroizing<String>> + Send>;

/// How to reach the engine.
#[derive(Default)]
pub struct Options {
    /// Whether the engine runs in a process of its own or inside this one (`--no-engine`).
    pub mode: EngineMode,
    /// Where to get the passphrase if the store has one and no engine is running.
    pub passphrase: Option<AskPassphrase>,
    /// The command that runs an engine in the background; by default `pirushka --profile NAME engine run --background`,
    /// as the PATH finds it.
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

/// A connection to the engine of one profile. Cloning is cheap; calls of clones run side by side.
#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
}

struct Shared {
    profile: Profile,
    place: Place,
    /// Connections that are waiting for a request. A call that finds none opens one.
    idle: Mutex<Vec<Connection>>,
}

/// Where the engine is.
enum Place {
    /// In a process of its own.
    #[cfg_attr(not(unix), allow(dead_code))]
    Elsewhere,
    /// In this process: the same server at the other end of a pipe in memory.
    Here { core: Arc<Core>, thread: Mutex<Option<Thread>> },
}

impl Drop for Shared {
    fn drop(&mut self) {
        if let Place::Here { core, .. } = &self.place {
            // Connections end, the last reference to the driver goes, and with it its thread.
            core.stop.send_replace(true);
        }
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("profile", &self.shared.profile).finish_non_exhaustive()
    }
}

impl Handle {
    /// Joins the engine that runs for `profile`, or starts one.
    ///
    /// # Errors
    /// [`Code::NoProfile`], [`Code::PassphraseNeeded`], [`Code::WrongKey`], [`Code::Damaged`], [`Code::NewerStore`],
    /// [`Code::ProfileLocked`], [`Code::Engine`].
    pub async fn join_or_start(profile: &Profile, options: Options) -> Result<Self> {
        profile.must_exist()?;
        #[cfg(unix)]
        if options.mode == EngineMode::Background {
            let connection =
                crate::engine::start::join_or_start(profile, options.passphrase, options.engine_command).await?;
            return Ok(Self::new(profile, Place::Elsewhere, Some(connection)));
        }
        let owned = profile.clone();
        let opening = tokio::task::spawn_blocking(move || Core::open(&owned, options.passphrase, false));
        let (core, thread) = opening.await.map_err(|_| Error::new(Code::Unexpected, "opening was broken off"))??;
        Ok(Self::new(profile, Place::Here { core, thread: Mutex::new(Some(thread)) }, None))
    }

    /// Joins the engine that runs for `profile`; `None` if there is none.
    ///
    /// # Errors
    /// [`Code::Engine`].
    pub async fn join(profile: &Profile) -> Result<Option<Self>> {
        #[cfg(unix)]
        if let Some(connection) = crate::engine::start::join(profile).await? {
            return Ok(Some(Self::new(profile, Place::Elsewhere, Some(connection))));
        }
        let _ = profile;
        Ok(None)
    }

    fn new(profile: &Profile, place: Place, connection: Option<Connection>) -> Self {
        let idle = Mutex::new(connection.into_iter().collect());
        Self { shared: Arc::new(Shared { profile: profile.clone(), place, idle }) }
    }

    /// One request, one answer, over a connection of its own for the time. A call that is dropped in the middle closes
    /// its connection, so that no answer ever goes to another question.
    pub(crate) async fn call(&self, request: Request) -> Result<Done> {
        let mut connection = self.connection().await?;
        let answer = connection.ask(request).await?;
        locked(&self.shared.idle).push(connection);
        match answer {
            Answer::Ok(done) => Ok(done),
            Answer::Error(error) => Err(error),
        }
    }

    async fn connection(&self) -> Result<Connection> {
        let idle = locked(&self.shared.idle).pop();
        if let Some(connection) = idle {
            return Ok(connection);
        }
        match &self.shared.place {
            #[cfg(unix)]
            Place::Elsewhere => crate::engine::start::join(&self.shared.profile).await?.ok_or_else(gone),
            #[cfg(not(unix))]
            Place::Elsewhere => Err(gone()),
            Place::Here { core, .. } => {
                let (ours, theirs) = tokio::io::duplex(PIPE);
                tokio::spawn(crate::engine::server::serve(core.clone(), theirs));
                let mut connection = Connection::new(ours);
                connection.greeting().await?.ok_or_else(gone)?;
                Ok(connection)
            }
        }
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
        let mut connection = self.connection().await?;
        connection.say(Request::Subscribe { from }).await?;
        Ok(Subscription { connection, stopped: false })
    }

    /// Ends the engine and waits until the profile is free. What is in the outbox stays there.
    ///
    /// # Errors
    /// [`Code::Engine`].
    pub async fn stop(&self) -> Result<()> {
        self.nothing(Request::Stop).await?;
        if let Place::Here { .. } = &self.shared.place {
            return self.close().await;
        }
        for _ in 0..500 {
            match ProfileLock::take(&self.shared.profile) {
                Err(error) if error.code == Code::ProfileLocked => tokio::time::sleep(TURN).await,
                _ => return Ok(()),
            }
        }
        Err(Error::new(Code::Engine, "the engine was asked to stop, and has not yet").with_remedy("wait a little"))
    }

    /// Lets go of the engine. One inside this process ends, and its profile is free when this returns; one in a process
    /// of its own goes on.
    ///
    /// # Errors
    /// None at present.
    pub async fn close(&self) -> Result<()> {
        if let Place::Here { core, thread } = &self.shared.place {
            core.stop.send_replace(true);
            core.driver.quit().await;
            let thread = locked(thread).take();
            if let Some(thread) = thread {
                let _ = tokio::task::spawn_blocking(move || thread.join()).await;
            }
        }
        locked(&self.shared.idle).clear();
        Ok(())
    }

    async fn nothing(&self, request: Request) -> Result<()> {
        match self.call(request).await? {
            Done::Nothing => Ok(()),
            other => Err(unfitting(&other)),
        }
    }
}

/// A connection after its greeting.
pub(crate) struct Connection {
    pub(crate) reader: BufReader<Box<dyn AsyncRead + Send + Unpin>>,
    pub(crate) writer: Box<dyn AsyncWrite + Send + Unpin>,
}

impl Connection {
    pub(crate) fn new(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Self {
        let (reader, writer) = tokio::io::split(stream);
        Self { reader: BufReader::new(Box::new(reader)), writer: Box::new(writer) }
    }

    /// The engine speaks first; `None` if it ended before.
    pub(crate) async fn greeting(&mut self) -> Result<Option<Greeting>> {
        match line::read(&mut self.reader).await {
            Ok(Line::Object(Hello::Greeting(greeting))) => Ok(Some(greeting)),
            Ok(Line::Object(Hello::Refusal(AnswerLine { answer: Answer::Error(error), .. }))) => Err(error),
            Ok(Line::Cut | Line::End) | Err(_) => Ok(None),
            Ok(Line::Object(_) | Line::Nonsense(_) | Line::TooLong) => {
                Err(Error::new(Code::Engine, "what listens at the engine's socket is not an engine"))
            }
        }
    }

    async fn say(&mut self, request: Request) -> Result<()> {
        let line = RequestLine { v: PROTOCOL, request };
        line::write(&mut self.writer, &line).await.map_err(|_| gone())
    }

    async fn ask(&mut self, request: Request) -> Result<Answer> {
        self.say(request).await?;
        let mut whole: Option<Done> = None;
        loop {
            let line = self.answer_line().await?;
            let Answer::Ok(piece) = line.answer else { return Ok(line.answer) };
            let joined = match whole {
                None => piece,
                Some(before) => before.joined(piece).ok_or_else(|| damaged("its pieces do not fit together"))?,
            };
            if !line.more {
                return Ok(Answer::Ok(joined));
            }
            whole = Some(joined);
        }
    }

    async fn answer_line(&mut self) -> Result<AnswerLine> {
        match line::read::<AnswerLine>(&mut self.reader).await {
            Ok(Line::Object(line)) => Ok(line),
            Ok(Line::Nonsense(why)) => Err(damaged(&why)),
            Ok(Line::TooLong) => Err(damaged("a line is too long")),
            Ok(Line::Cut | Line::End) | Err(_) => Err(gone()),
        }
    }
}

/// The first line from an engine.
#[derive(serde::Deserialize)]
#[serde(untagged)]
enum Hello {
    Greeting(Greeting),
    Refusal(AnswerLine),
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
    /// The same with a first text, at most 1 KiB, which the person sees before saying yes.
    contact_add_saying(address: &str => address = address.to_owned(),
        name: Option<&str> => name = name.map(str::to_owned), text: &str => text = text.to_owned())
        ContactAddSaying -> Contact(ContactView);
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
    /// Lets a conversation disturb nobody until then, Unix milliseconds; 0: until it is unmuted; nothing: not any more.
    mute(who: &str => who = who.to_owned(), until_ms: Option<u64> => until_ms = until_ms) Mute -> Contact(ContactView);
    /// Lets messages from now on disappear so long after they were seen; zero: lets them stay.
    expire(who: &str => who = who.to_owned(), after: Duration => after_s = after.as_secs())
        Expire -> Contact(ContactView);
    /// All conversations, the newest first.
    chats() Chats -> Chats(Vec<ChatView>);
    /// The newest `limit` (1 to 1000) texts, of those before the id `before`, that hold every word and phrase of `text`,
    /// in one conversation or in all.
    search(text: &str => text = text.to_owned(), who: Option<&str> => who = who.map(str::to_owned),
        before: Option<u64> => before = before, limit: u32 => limit = limit) Search -> Found(FoundPage);
}

impl Handle {
    /// At most `limit` (1 to 1000) rows of a conversation before the id `before`, or the newest.
    ///
    /// # Errors
    /// What the engine answers; [`Code::Engine`] if it does not.
    pub async fn history(&self, who: &str, before: Option<u64>, limit: u32) -> Result<HistoryPage> {
        self.rows(Request::History { who: who.to_owned(), before, around: None, after: None, limit }).await
    }

    /// At most `limit` (1 to 1000) rows of a conversation with the row `id` in the middle: half of them before it.
    ///
    /// # Errors
    /// [`Code::NoSuchMessage`]: not in this conversation.
    pub async fn history_around(&self, who: &str, id: u64, limit: u32) -> Result<HistoryPage> {
        let request = Request::History { who: who.to_owned(), before: None, around: Some(id), after: None, limit };
        let HistoryPage { mut messages, mut more } = self.rows(request).await?;
        // The page may have ended early, at both ends.
        while more && let Some(first) = messages.first().map(|message| message.id) {
            let before = messages.iter().take_while(|message| message.id < id).count();
            let Some(left) = lacking(limit / 2, before) else { break };
            let older = self.history(who, Some(first), left).await?;
            more = older.more;
            messages.splice(0..0, older.messages);
        }
        while let (Some(left), Some(last)) = (lacking(limit, messages.len()), messages.last().map(|last| last.id)) {
            let newer = self.history_after(who, last, left).await?;
            messages.extend(newer.messages);
            if !newer.more {
                break;
            }
        }
        messages.truncate(limit as usize);
        Ok(HistoryPage { messages, more })
    }

    /// At most `limit` (1 to 1000) rows of a conversation behind the id `after`, oldest first.
    ///
    /// # Errors
    /// What the engine answers; [`Code::Engine`] if it does not.
    pub async fn history_after(&self, who: &str, after: u64, limit: u32) -> Result<HistoryPage> {
        self.rows(Request::History { who: who.to_owned(), before: None, around: None, after: Some(after), limit }).await
    }

    /// Writes a backup to `path`, which is absolute; without a passphrase, with a new recovery key that the answer holds.
    ///
    /// # Errors
    /// The file exists and is not to be replaced, it cannot be written, or there is no room.
    pub async fn backup_create(
        &self,
        path: &std::path::Path,
        passphrase: Option<&str>,
        replace: bool,
    ) -> Result<BackupView> {
        let passphrase = passphrase.map(|passphrase| Hidden(Zeroizing::new(passphrase.to_owned())));
        match self.call(Request::BackupCreate { path: path.to_owned(), passphrase, replace }).await? {
            Done::Backup(made) => Ok(*made),
            other => Err(unfitting(&other)),
        }
    }

    /// The identity alone as a file, sealed with a passphrase (see [`crate::identity_file`]).
    ///
    /// # Errors
    /// [`Code::BadInput`]: the passphrase is empty.
    pub async fn identity_export(&self, passphrase: &str) -> Result<Zeroizing<String>> {
        let passphrase = Hidden(Zeroizing::new(passphrase.to_owned()));
        match self.call(Request::IdentityExport { passphrase }).await? {
            Done::Secret(sealed) => Ok(sealed.0),
            other => Err(unfitting(&other)),
        }
    }

    async fn rows(&self, request: Request) -> Result<HistoryPage> {
        match self.call(request).await? {
            Done::History(page) => Ok(page),
            other => Err(unfitting(&other)),
        }
    }

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

    /// One more peer (`host[:port]?k=...`) that serves me. Contacts learn of it when it has served me once.
    ///
    /// # Errors
    /// [`Code::BadInput`], [`Code::Refused`].
    pub async fn home_add(&self, peer: &str) -> Result<()> {
        self.nothing(Request::HomeAdd { peer: peer.to_owned() }).await
    }

    /// Leaves a home peer, named by its address or by `host[:port]`. It serves me until everybody knows.
    ///
    /// # Errors
    /// [`Code::BadInput`], [`Code::Refused`].
    pub async fn home_remove(&self, peer: &str) -> Result<()> {
        self.nothing(Request::HomeRemove { peer: peer.to_owned() }).await
    }

    /// Moves from one home peer, or from all, to another.
    ///
    /// # Errors
    /// [`Code::BadInput`].
    pub async fn home_move(&self, from: Option<&str>, to: &str) -> Result<()> {
        self.nothing(Request::HomeMove { from: from.map(str::to_owned), to: to.to_owned() }).await
    }

    /// Says who may introduce itself to me.
    ///
    /// # Errors
    /// [`Code::BadInput`] for bits that cannot be asked for.
    pub async fn set_policy(&self, policy: PolicyView) -> Result<()> {
        self.nothing(Request::PolicySet { policy }).await
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
pub struct Subscription {
    connection: Connection,
    stopped: bool,
}

impl Subscription {
    /// The next event; `None` when the engine has stopped.
    ///
    /// # Errors
    /// [`Code::Engine`] when the engine went away without a word.
    pub async fn next(&mut self) -> Result<Option<EventView>> {
        if self.stopped {
            return Ok(None);
        }
        match line::read::<StreamLine>(&mut self.connection.reader).await {
            Ok(Line::Object(StreamLine::Event(line))) => {
                self.stopped = line.event == EventView::Stopping;
                Ok(Some(line.event))
            }
            Ok(Line::Object(StreamLine::Answer(AnswerLine { answer: Answer::Error(error), .. }))) => Err(error),
            Ok(Line::Object(StreamLine::Answer(_)) | Line::Nonsense(_) | Line::TooLong) => {
                Err(Error::new(Code::Engine, "the engine's stream of events is damaged"))
            }
            Ok(Line::Cut | Line::End) | Err(_) => Err(gone()),
        }
    }
}

#[derive(serde::Deserialize)]
#[serde(untagged)]
enum StreamLine {
    Event(EventLine),
    Answer(AnswerLine),
}

/// How many rows are still to come, if any.
fn lacking(limit: u32, rows: usize) -> Option<u32> {
    limit.checked_sub(u32::try_from(rows).unwrap_or(u32::MAX)).filter(|&left| left > 0)
}

/// What stands behind these locks is whole at every moment.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn gone() -> Error {
    Error::new(Code::Engine, "the engine has gone away").with_remedy("run the command again; nothing is lost")
}

fn damaged(why: &str) -> Error {
    Error::new(Code::Engine, format!("the engine's answer is damaged: {why}"))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn unfitting(done: &Done) -> Error {
    Error::new(Code::Engine, format!("the engine answered something else than was asked: {done:?}"))
        .with_remedy("`pirushka engine stop`, then try again")
}
