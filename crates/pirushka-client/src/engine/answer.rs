//! Requests to verbs of the client and questions to the store.

use std::collections::BTreeMap;
use std::str::FromStr;

use pirushka_client_core::{Client, ContactId, ContactState, HomeInfo, MessageId, Misuse};
use pirushka_wire::{Address, Fingerprint, HomeAddress, PeerId};

use super::core::Core;
use super::protocol::{Done, Hidden, ROWS_BYTES_MAX, Request, fitting, size};
use super::{backup, search, wait};

use crate::error::{Code, Error, Result};
use crate::view::*;

/// The most rows that one question gives.
const PAGE_MAX: u32 = 1000;

/// Carries a request out.
pub(crate) async fn answer(core: &Core, request: Request) -> Result<Done> {
    match request {
        Request::Status => status(core).await,
        Request::Identity => core.driver.call(|client, _| Ok(Done::Identity(identity(client)))).await,
        Request::RenameMe { name } => nothing(core, move |client, now| client.rename_me(now, &name)).await,
        Request::SetHome { peer } => {
            let peer = HomeAddress::from_str(&peer).map_err(bad_address)?;
            nothing(core, move |client, now| client.set_home(now, peer)).await
        }
        Request::HomeAdd { .. } | Request::HomeRemove { .. } | Request::HomeMove { .. } => homes(core, request).await,
        Request::PolicySet { policy } => {
            nothing(core, move |client, now| client.set_intro_policy(now, policy.into())).await
        }
        Request::InviteNew { .. } | Request::Invites | Request::InviteRevoke { .. } => invite(core, request).await,
        Request::Contacts => core.driver.call(|client, _| Ok(Done::Contacts(contacts(client)))).await,
        Request::Contact { who } => contact(core, who, |_, _, _| Ok(())).await,
        Request::ContactAdd { address, name } => add(core, &address, name, None).await,
        Request::ContactAddSaying { address, name, text } => add(core, &address, name, Some(text)).await,
        Request::ContactAccept { who } => contact(core, who, |client, now, id| Ok(client.accept(now, id)?)).await,
        Request::ContactRename { who, name } => {
            contact(core, who, move |client, now, id| Ok(client.rename(now, id, &name)?)).await
        }
        Request::ContactBlock { who } => contact(core, who, |client, now, id| Ok(client.block(now, id)?)).await,
        Request::ContactUnblock { who } => contact(core, who, |client, now, id| Ok(client.unblock(now, id)?)).await,
        Request::ContactRefuse { who } => found(core, who, |client, now, id| Ok(client.refuse(now, id)?)).await,
        Request::ContactRemove { who } => found(core, who, |client, now, id| Ok(client.remove(now, id)?)).await,
        Request::ContactWait { who, until, timeout_ms } => wait::contact(core, who, until, timeout_ms).await,
        Request::CodeConfirm { .. }
        | Request::CodeRerun { .. }
        | Request::FingerprintConfirm { .. }
        | Request::DigitsConfirm { .. }
        | Request::SixtyDigits { .. } => verify(core, request).await,
        Request::Send { who, text, wait, timeout_ms } => wait::send(core, who, text, wait, timeout_ms).await,
        Request::Wait { message, wait, timeout_ms } => wait::message(core, MessageId(message), wait, timeout_ms).await,
        Request::Chats => chats(core).await,
        Request::History { who, before, around, after, limit } => {
            let contact = core.driver.call(move |client, _| find(client, &who)).await?;
            history(core, contact, Stretch { before, around, after }, limit).await
        }
        Request::Mute { who, until_ms } => {
            let until_ms = until_ms.map_or(0, |until_ms| if until_ms == 0 { u64::MAX } else { until_ms });
            contact(core, who, move |client, now, id| Ok(client.mute(now, id, until_ms)?)).await
        }
        Request::IdentityExport { passphrase } => {
            let seal = move |client: &mut Client, _| {
                let sealed = crate::identity_file::seal(client.identity(), &passphrase.0)?;
                Ok(Done::Secret(Hidden(sealed)))
            };
            core.driver.call(seal).await
        }
        Request::BackupCreate { path, passphrase, replace } => backup::run(core, path, passphrase, replace).await,
        Request::Expire { who, after_s } => {
            contact(core, who, move |client, now, id| Ok(client.set_expiry(now, id, after_s).map(drop)?)).await
        }
        Request::Search { text, who, before, limit } => search::run(core, text, who, before, limit).await,
        Request::MarkSeen { who, up_to } => {
            found(core, who, move |client, now, id| Ok(client.mark_seen(now, id, MessageId(up_to))?)).await
        }
        Request::Subscribe { .. } | Request::Stop | Request::Unknown => {
            Err(Error::new(Code::BadInput, "this engine does not know that request")
                .with_remedy("`pirushka engine stop`, then try again"))
        }
    }
}

async fn status(core: &Core) -> Result<Done> {
    let (identity, people, homes) =
        core.driver.call(|client, _| Ok((identity(client), client.contacts(), client.homes()))).await?;
    let (unread, cursor) = core.read(|reader| Ok((reader.unread()?, reader.cursor()?))).await?;
    let in_state = |state| people.iter().filter(|contact| contact.state == state).count();
    let board = core.driver.board();
    Ok(Done::Status(Box::new(StatusView {
        profile: core.profile.clone(),
        name: identity.name,
        fingerprint: identity.fingerprint,
        address: identity.address,
        policy: identity.policy,
        homes: homes.iter().map(|home| HomeView::new(home, board.dns_error(home.peer.host.as_str()))).collect(),
        contacts: in_state(ContactState::Active),
        requests: in_state(ContactState::Request),
        unread,
        unreceipted: people.iter().map(|contact| contact.unreceipted).sum(),
        engine: core.engine_view(),
        cursor,
    })))
}

pub(crate) fn identity(client: &Client) -> IdentityView {
    IdentityView {
        name: client.name().to_owned(),
        fingerprint: client.fingerprint().to_hex(),
        address: client.address().map(|address| address.to_string()),
        policy: client.intro_policy().into(),
        certificate_pem: client.certificate_pem(),
    }
}

fn contacts(client: &Client) -> Vec<ContactView> {
    let mut contacts: Vec<ContactView> = client.contacts().into_iter().map(Into::into).collect();
    contacts.sort_by_cached_key(|contact| (contact.name.to_lowercase(), contact.id));
    contacts
}

async fn homes(core: &Core, request: Request) -> Result<Done> {
    match request {
        Request::HomeAdd { peer } => {
            let peer = HomeAddress::from_str(&peer).map_err(bad_address)?;
            nothing(core, move |client, now| client.add_home(now, peer)).await
        }
        Request::HomeRemove { peer } => {
            nothing(core, move |client, now| client.remove_home(now, home_named(client, &peer)?)).await
        }
        Request::HomeMove { from, to } => {
            let to = HomeAddress::from_str(&to).map_err(bad_address)?;
            let go = move |client: &mut Client, now| {
                let from = from.map(|from| home_named(client, &from)).transpose()?;
                client.move_home(now, from, to)
            };
            nothing(core, go).await
        }
        _ => Err(Error::new(Code::Unexpected, "not about home peers")),
    }
}

/// The home peer that a text names: its address, or the part before the key.
fn home_named(client: &Client, text: &str) -> std::result::Result<PeerId, Misuse> {
    let key = HomeAddress::from_str(text).ok().map(|home| home.peer.peer_id);
    let names = |home: &&HomeInfo| match key {
        Some(key) => home.peer.peer_id == key,
        None => home.peer.to_string().split('?').next() == Some(text),
    };
    client.homes().iter().find(names).map(|home| home.peer.peer_id).ok_or(Misuse::NoSuchHome)
}

async fn invite(core: &Core, request: Request) -> Result<Done> {
    match request {
        Request::InviteNew { uses: 0, .. } => Err(Error::new(Code::BadInput, "an invite lets in at least one person")),
        Request::InviteNew { expiry_s: 0, .. } => Err(Error::new(Code::BadInput, "an invite holds for at least 1 s")),
        Request::InviteNew { label, uses, expiry_s, ask } => {
            let make = move |client: &mut Client, now| {
                let id = client.new_invite(now, &label, uses, expiry_s, ask)?;
                let made = client.invites().into_iter().find(|invite| invite.id == id);
                made.map(|invite| Done::Invite(invite.into())).ok_or_else(|| Misuse::NoSuchInvite.into())
            };
            core.driver.call(make).await
        }
        Request::InviteRevoke { id } => nothing(core, move |client, now| client.revoke_invite(now, id)).await,
        _ => {
            let list =
                |client: &mut Client, _| Ok(Done::Invites(client.invites().into_iter().map(Into::into).collect()));
            core.driver.call(list).await
        }
    }
}

async fn add(core: &Core, address: &str, name: Option<String>, text: Option<String>) -> Result<Done> {
    let address = Address::from_str(address).map_err(bad_address)?;
    let add = move |client: &mut Client, now| {
        let id = client.add_contact_saying(now, &address, name.as_deref(), text.as_deref())?;
        shown(client, id)
    };
    core.driver.call(add).await
}

async fn verify(core: &Core, request: Request) -> Result<Done> {
    match request {
        Request::CodeConfirm { who, matches } => {
            contact(core, who, move |client, now, id| Ok(client.confirm_code(now, id, matches)?)).await
        }
        Request::CodeRerun { who } => contact(core, who, |client, now, id| Ok(client.rerun_code(now, id)?)).await,
        Request::FingerprintConfirm { who, fingerprint } => {
            let fingerprint = fingerprint_of(&fingerprint)?;
            let confirm = move |client: &mut Client, now| {
                let id = find(client, &who)?;
                Ok(Done::Compared(client.confirm_fingerprint(now, id, &fingerprint)?))
            };
            core.driver.call(confirm).await
        }
        Request::DigitsConfirm { who } => {
            let confirm = |client: &mut Client, now, id| {
                let fingerprint = client.contact(id).ok_or(Misuse::NoSuchContact)?.fingerprint;
                client.confirm_fingerprint(now, id, &fingerprint)?;
                Ok(())
            };
            contact(core, who, confirm).await
        }
        Request::SixtyDigits { who } => {
            let digits = move |client: &mut Client, _| {
                let id = find(client, &who)?;
                let digits = client.sixty_digits(id).ok_or(Misuse::NoSuchContact)?;
                Ok(Done::Digits(digits))
            };
            core.driver.call(digits).await
        }
        _ => Err(Error::new(Code::Unexpected, "not a verification")),
    }
}

/// A fingerprint alone, or an address that holds one: what a QR code gives.
fn fingerprint_of(text: &str) -> Result<Fingerprint> {
    let text = text.trim();
    if let Ok(address) = Address::from_str(text) {
        return Ok(address.fingerprint);
    }
    Address::from_str(&format!("localhost/{text}")).map(|address| address.fingerprint).map_err(bad_address)
}

async fn chats(core: &Core) -> Result<Done> {
    let chats = core.read(|reader| reader.chats()).await?;
    let people = core.driver.call(|client, _| Ok(client.contacts())).await?;
    let people: BTreeMap<ContactId, ContactView> = people.into_iter().map(|info| (info.id, info.into())).collect();
    let view = |chat: crate::store::Chat| {
        let contact = people.get(&chat.contact);
        ChatView {
            contact: chat.contact.0,
            name: contact.map(|contact| contact.name.clone()).unwrap_or_default(),
            looks_like: contact.and_then(|contact| contact.looks_like.clone()),
            unread: chat.unread,
            last: Some(core.view(chat.last)),
            muted_until_ms: contact.and_then(|contact| contact.muted_until_ms),
            expire_s: contact.and_then(|contact| contact.expire_s),
        }
    };
    Ok(Done::Chats(chats.into_iter().map(view).collect()))
}

/// Where in a conversation rows are asked for; nothing: the newest.
struct Stretch {
    before: Option<u64>,
    around: Option<u64>,
    after: Option<u64>,
}

async fn history(core: &Core, contact: ContactId, stretch: Stretch, limit: u32) -> Result<Done> {
    let limit = bounded(limit)?;
    let Stretch { before, around, after } = stretch;
    let page = match (around.map(MessageId), after.map(MessageId)) {
        (Some(id), _) => {
            let there = core.read(move |reader| reader.message(id)).await?;
            there.filter(|message| message.contact == contact).ok_or_else(|| no_message(id))?;
            core.read(move |reader| reader.around(contact, id, limit)).await?
        }
        (None, Some(after)) => core.read(move |reader| reader.history_after(contact, after, limit)).await?,
        (None, None) => core.read(move |reader| reader.history(contact, before.map(MessageId), limit)).await?,
    };
    let messages = page.messages.into_iter().map(|message| core.view(message)).collect();
    let page = HistoryPage { messages, more: page.more };
    Ok(Done::History(match (around, after) {
        (Some(id), _) => nearest(page, id),
        (None, Some(_)) => oldest(page),
        (None, None) => newest(page),
    }))
}

/// The newest rows, as many as fit a line.
fn newest(HistoryPage { mut messages, more }: HistoryPage) -> HistoryPage {
    let left_out = messages.len().saturating_sub(fitting(messages.iter().rev()));
    messages.drain(..left_out);
    HistoryPage { messages, more: more || left_out > 0 }
}

/// The oldest rows, as many as fit a line.
fn oldest(HistoryPage { mut messages, more }: HistoryPage) -> HistoryPage {
    let fitting = fitting(&messages);
    let more = more || fitting < messages.len();
    messages.truncate(fitting);
    HistoryPage { messages, more }
}

/// The row `id` and those next to it, as many as fit a line.
fn nearest(HistoryPage { mut messages, mut more }: HistoryPage, id: u64) -> HistoryPage {
    let sizes: Vec<usize> = messages.iter().map(|message| 1 + size(message)).collect();
    let middle = messages.iter().position(|message| message.id == id).unwrap_or(0);
    let (mut from, mut to) = (0, messages.len());
    while to - from > 1 && sizes[from..to].iter().sum::<usize>() > ROWS_BYTES_MAX {
        if middle - from >= to - middle {
            (from, more) = (from + 1, true);
        } else {
            to -= 1;
        }
    }
    messages.truncate(to);
    messages.drain(..from);
    HistoryPage { messages, more }
}

/// No message of this id, or none of this conversation.
pub(super) fn no_message(id: MessageId) -> Error {
    Error::new(Code::NoSuchMessage, format!("there is no message {}", id.0))
        .with_remedy("see `pirushka chat history NAME`")
}

pub(super) fn bounded(limit: u32) -> Result<u32> {
    if (1..=PAGE_MAX).contains(&limit) {
        return Ok(limit);
    }
    Err(Error::new(Code::BadInput, format!("{limit} rows at once; expected 1 to {PAGE_MAX}")))
}

/// A verb without a contact and without an answer.
async fn nothing<F>(core: &Core, verb: F) -> Result<Done>
where
    F: FnOnce(&mut Client, pirushka_wire::Now) -> std::result::Result<(), Misuse> + Send + 'static,
{
    core.driver.call(move |client, now| Ok(verb(client, now).map(|()| Done::Nothing)?)).await
}

/// A verb about a contact that is still there afterwards.
async fn contact<F>(core: &Core, who: String, verb: F) -> Result<Done>
where
    F: FnOnce(&mut Client, pirushka_wire::Now, ContactId) -> Result<()> + Send + 'static,
{
    let run = move |client: &mut Client, now| {
        let id = find(client, &who)?;
        verb(client, now, id)?;
        shown(client, id)
    };
    core.driver.call(run).await
}

/// A verb about a contact that may be gone afterwards.
async fn found<F>(core: &Core, who: String, verb: F) -> Result<Done>
where
    F: FnOnce(&mut Client, pirushka_wire::Now, ContactId) -> Result<()> + Send + 'static,
{
    let run = move |client: &mut Client, now| {
        let id = find(client, &who)?;
        verb(client, now, id).map(|()| Done::Nothing)
    };
    core.driver.call(run).await
}

fn shown(client: &Client, id: ContactId) -> Result<Done> {
    let info = client.contact(id).ok_or(Misuse::NoSuchContact)?;
    Ok(Done::Contact(info.into()))
}

/// The contact that `who` names.
pub(crate) fn find(client: &Client, who: &str) -> Result<ContactId> {
    if let Some(id) = client.find(who) {
        return Ok(id);
    }
    let shown: String = who.chars().take(80).collect();
    let error = Error::new(Code::NoSuchContact, format!("there is no contact \"{shown}\""));
    let names = client.contacts().into_iter().map(|contact| contact.name);
    let near = names.map(|name| (strsim::damerau_levenshtein(&name, &shown), name)).min();
    Err(match near {
        Some((distance, name)) if distance <= 2 => error.with_remedy(format!("did you mean \"{name}\"?")),
        _ => error.with_remedy("see `pirushka contact list`"),
    })
}

pub(crate) fn bad_address(error: pirushka_wire::AddressError) -> Error {
    Error::new(Code::BadInput, error.to_string())
        .with_remedy("paste the whole address, as `pirushka id show` or `invite new` printed it, in quotes")
}
