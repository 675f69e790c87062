//! Waiting for a message to come as far as wished, or for a contact.

use std::time::Duration;

use pirushka_client_core::{Client, ContactId, Message, MessageId};
use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio::time::{Instant, timeout_at};

use super::answer::{find, no_message};
use super::core::Core;
use super::protocol::{ContactUntil, Done};

use crate::driver::Told;
use crate::error::{Code, Error, Result};
use crate::view::*;

/// The longest wait; a longer one is asked for again.
const PATIENCE_MAX: Duration = Duration::from_secs(24 * 3600);

pub(super) async fn send(core: &Core, who: String, text: String, wait: WaitFor, timeout_ms: u64) -> Result<Done> {
    let begun = Instant::now();
    // Before the command: no change of its message is missed.
    let told = core.driver.listen()?;
    let send = move |client: &mut Client, now| {
        let contact = find(client, &who)?;
        Ok(client.send_text(now, contact, &text)?)
    };
    let id = core.driver.call(send).await?;
    reach(core, told, id, wait, begun, timeout_ms).await
}

pub(super) async fn message(core: &Core, id: MessageId, wait: WaitFor, timeout_ms: u64) -> Result<Done> {
    let begun = Instant::now();
    let told = core.driver.listen()?;
    reach(core, told, id, wait, begun, timeout_ms).await
}

async fn reach(
    core: &Core,
    mut told: Receiver<Told>,
    id: MessageId,
    wait: WaitFor,
    begun: Instant,
    timeout_ms: u64,
) -> Result<Done> {
    let deadline = deadline(begun, timeout_ms);
    let mut current = read(core, id).await?;
    loop {
        let state = StateView::new(current.state, None);
        let over = matches!(state, StateView::Failed { .. } | StateView::Received);
        if over || state.reached(wait) {
            break;
        }
        match timeout_at(deadline, told.recv()).await {
            Ok(Ok(Told::Change(change))) if change.message.id == id => current = change.message.clone(),
            Ok(Ok(Told::Change(_) | Told::Event(_))) => {}
            Ok(Err(RecvError::Lagged(_))) => current = read(core, id).await?,
            Ok(Err(RecvError::Closed)) => return Err(stopped()),
            Err(_) => break,
        }
    }
    let reached = StateView::new(current.state, None).reached(wait);
    let took_us = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
    Ok(Done::Sent(Box::new(SentView { message: core.view(current), reached, took_us })))
}

async fn read(core: &Core, id: MessageId) -> Result<Message> {
    core.read(move |reader| reader.message(id)).await?.ok_or_else(|| no_message(id))
}

pub(super) async fn contact(core: &Core, who: String, until: ContactUntil, timeout_ms: u64) -> Result<Done> {
    let deadline = deadline(Instant::now(), timeout_ms);
    let mut told = core.driver.listen()?;
    let id = core.driver.call(move |client, _| find(client, &who)).await?;
    loop {
        let info = core.driver.call(move |client, _| Ok(client.contact(id))).await?;
        let view = ContactView::from(info.ok_or(pirushka_client_core::Misuse::NoSuchContact)?);
        if fits(&view, until) || !news_of(id, &mut told, deadline).await? {
            return Ok(Done::Contact(view));
        }
    }
}

fn fits(contact: &ContactView, until: ContactUntil) -> bool {
    match until {
        ContactUntil::Active => contact.state == ContactStateView::Active,
        ContactUntil::Code => contact.code != CodeView::Pending,
        ContactUntil::Receipted => contact.unreceipted == 0,
    }
}

/// Waits until something about this contact may have changed; false when the time is over.
async fn news_of(id: ContactId, told: &mut Receiver<Told>, deadline: Instant) -> Result<bool> {
    loop {
        match timeout_at(deadline, told.recv()).await {
            Ok(Ok(Told::Change(change))) if change.message.contact == id => return Ok(true),
            Ok(Ok(Told::Event(event))) => match &*event {
                EventView::Contact { contact } | EventView::CodeReady { contact } if contact.id == id.0 => {
                    return Ok(true);
                }
                EventView::ContactRemoved { id: removed } if *removed == id.0 => return Ok(true),
                EventView::Warning { contact: Some(about), .. } if *about == id.0 => return Ok(true),
                _ => {}
            },
            Ok(Ok(Told::Change(_))) => {}
            Ok(Err(RecvError::Lagged(_))) => return Ok(true),
            Ok(Err(RecvError::Closed)) => return Err(stopped()),
            Err(_) => return Ok(false),
        }
    }
}

fn deadline(begun: Instant, timeout_ms: u64) -> Instant {
    begun + Duration::from_millis(timeout_ms).min(PATIENCE_MAX)
}

fn stopped() -> Error {
    Error::new(Code::Engine, "the engine has stopped").with_remedy("run the command again; nothing is lost")
}
