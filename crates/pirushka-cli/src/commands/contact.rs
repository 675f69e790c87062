//! `contact`: the people one writes to. Comparing the code has its own file.

use std::time::{Duration, Instant};

use owo_colors::OwoColorize as _;
use pirushka_client::{CodeView, ContactStateView, ContactUntil, ContactView, Handle, HomeStateView, TroubleView};
use pirushka_wire::Address;

use crate::args::Contact;
use crate::ask;
use crate::context::Context;
use crate::fault::Outcome;
use crate::lang::text;
use crate::out::{self, Out, clean};
use crate::trouble::{self, fault};

/// How long `contact add` waits for the other side by itself.
const ANSWER_MAX: Duration = Duration::from_secs(15);
/// How often it looks whether waiting still makes sense.
const GLANCE: Duration = Duration::from_millis(250);

/// `contact add|list|show|...`
///
/// # Errors
/// No such contact, no engine, or what the verb refuses.
pub async fn run(context: &Context, contact: Contact) -> Outcome {
    let changed = match contact {
        Contact::Add { address, name, text, no_wait } => {
            return add(context, &address, name.as_deref(), text.as_deref(), !no_wait).await;
        }
        Contact::List => return list(context).await,
        Contact::Verify(verify) => return super::verify::run(context, verify).await,
        Contact::Refuse(who) => return refuse(context, &who.name, who.yes).await,
        Contact::Remove(who) => return remove(context, &who.name, who.yes).await,
        Contact::Show(who) => {
            let contact = context.engine().await?.contact(&who.name).await.map_err(fault)?;
            show(context.out, &contact);
            if contact.state == ContactStateView::Request {
                let command = context.command(&format!("contact accept {}", named(&clean(&contact.name))));
                context.out.advise(text("contact.answer", &[("command", &command)]));
            }
            return Ok(());
        }
        Contact::Accept(who) => context.engine().await?.contact_accept(&who.name).await,
        Contact::Rename { who, new } => context.engine().await?.contact_rename(&who.name, &new).await,
        Contact::Unblock(who) => context.engine().await?.contact_unblock(&who.name).await,
        Contact::Block(who) => {
            let engine = context.engine().await?;
            let contact = engine.contact(&who.name).await.map_err(fault)?;
            sure(context, who.yes, "contact.ask_block", "contact block", &contact)?;
            engine.contact_block(&who.name).await
        }
    };
    show(context.out, &changed.map_err(fault)?);
    Ok(())
}

async fn add(
    context: &Context,
    address: &Address,
    name: Option<&str>,
    first_text: Option<&str>,
    wait: bool,
) -> Outcome {
    let engine = context.engine().await?;
    let address = address.to_string();
    let added = match first_text {
        Some(first_text) => engine.contact_add_saying(&address, name, first_text).await,
        None => engine.contact_add(&address, name).await,
    };
    let added = added.map_err(fault)?;
    let contact = if wait { introduced(&engine, &added).await? } else { added };
    show(context.out, &contact);
    if let (ContactStateView::Adding, Some(trouble)) = (contact.state, contact.trouble) {
        return Err(trouble::not_added(context, &contact, trouble));
    }
    if wait && contact.state == ContactStateView::Adding {
        context.out.advise(text("contact.still_adding", &[]));
    }
    Ok(())
}

/// The contact when the other side has answered and the code is there, or as far as it is when the wait is over.
async fn introduced(engine: &Handle, added: &ContactView) -> Outcome<ContactView> {
    let who = &added.fingerprint;
    let deadline = Instant::now() + ANSWER_MAX;
    let mut contact = added.clone();
    while contact.state == ContactStateView::Adding && !is_final(contact.trouble) && Instant::now() < deadline {
        contact = engine.contact_wait(who, ContactUntil::Active, GLANCE).await.map_err(fault)?;
        // Nobody can answer whom no peer serves, and that does not mend itself.
        let homes = engine.status().await.map_err(fault)?.homes;
        let is_served = homes.iter().any(|home| home.state == HomeStateView::Online);
        if let Some(refusal) = super::peer::refusal(&homes).filter(|_| !is_served) {
            return Err(refusal);
        }
    }
    if contact.state != ContactStateView::Active {
        return Ok(contact);
    }
    engine.contact_wait(who, ContactUntil::Code, ANSWER_MAX).await.map_err(fault)
}

/// Trouble that waiting does not mend.
fn is_final(trouble: Option<TroubleView>) -> bool {
    use TroubleView::{BundleForged, Closed, IntroRefused, InviteOnly, NoKey, WorkTooHard};
    matches!(trouble, Some(NoKey | BundleForged | IntroRefused | InviteOnly | Closed | WorkTooHard))
}

async fn list(context: &Context) -> Outcome {
    let contacts = context.engine().await?.contacts().await.map_err(fault)?;
    let out = context.out;
    if out.json {
        contacts.iter().for_each(|contact| out.record("contact", contact));
    } else if contacts.is_empty() {
        out.advise(text("contact.none", &[("command", &context.command("contact add ADDRESS"))]));
    } else {
        let head = ["label.name", "label.state", "label.code", "label.fingerprint"].map(|key| text(key, &[]));
        let row = |contact: &ContactView| {
            // A table counts colours as letters.
            let code = anstream::adapter::strip_str(&code(contact)).to_string();
            vec![clean(&contact.name), state(contact), code, contact.fingerprint.clone()]
        };
        out.say(out::table(&head, &contacts.iter().map(row).collect::<Vec<_>>()));
    }
    Ok(())
}

async fn refuse(context: &Context, who: &str, yes: bool) -> Outcome {
    let engine = context.engine().await?;
    let contact = engine.contact(who).await.map_err(fault)?;
    sure(context, yes, "contact.ask_refuse", "contact refuse", &contact)?;
    engine.contact_refuse(who).await.map_err(fault)?;
    gone(context.out, "contact.refused", &contact);
    Ok(())
}

async fn remove(context: &Context, who: &str, yes: bool) -> Outcome {
    let engine = context.engine().await?;
    let contact = engine.contact(who).await.map_err(fault)?;
    sure(context, yes, "contact.ask_remove", "contact remove", &contact)?;
    engine.contact_remove(who).await.map_err(fault)?;
    gone(context.out, "contact.removed", &contact);
    Ok(())
}

fn sure(context: &Context, yes: bool, question: &str, verb: &str, contact: &ContactView) -> Outcome {
    let name = clean(&contact.name);
    ask::sure(yes, &text(question, &[("name", &name)]), &context.command(&format!("{verb} --yes {}", named(&name))))
}

fn gone(out: Out, key: &str, contact: &ContactView) {
    let fields = serde_json::json!({ "id": contact.id, "name": contact.name, "fingerprint": contact.fingerprint });
    out.record_or_say("contact_removed", &fields, || text(key, &[("name", &clean(&contact.name))]));
}

/// A name as a shell takes it.
#[must_use]
pub fn quoted(name: &str) -> String {
    let plain = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || "-_.@/:+,=%".contains(c));
    if plain { name.to_owned() } else { format!("'{}'", name.replace('\'', r"'\''")) }
}

/// A contact's name at the end of a command that is advised: behind `--` where it would else be an option.
#[must_use]
pub fn named(name: &str) -> String {
    format!("{}{}", if name.starts_with('-') { "-- " } else { "" }, quoted(name))
}

/// One contact, in lines for people or as JSON.
pub fn show(out: Out, contact: &ContactView) {
    if out.json {
        out.record("contact", contact);
        return;
    }
    let line = |label: &str, value: &str| out.say(format!("{} {value}", out::label(&text(label, &[]))));
    line("label.name", &clean(&contact.name));
    if !contact.claimed_name.is_empty() && contact.claimed_name != contact.name {
        line("label.calls_itself", &clean(&contact.claimed_name));
    }
    line("label.state", &state(contact));
    line("label.code", &code(contact));
    line("label.fingerprint", &contact.fingerprint);
    contact.homes.iter().for_each(|home| line("label.peer", home));
    if contact.unreceipted > 0 {
        line("label.waiting", &text("contact.waiting", &[("n", &contact.unreceipted.to_string())]));
    }
    if let Some(first) = &contact.first_text {
        line("label.says", &out::clean_lines(first, 14));
    }
    look_alike(out, contact);
    if let Some(trouble) = contact.trouble {
        line("label.trouble", &trouble::adding(trouble));
    }
}

/// Warns of somebody whose name looks like that of a contact.
pub fn look_alike(out: Out, contact: &ContactView) {
    if let Some(known) = &contact.looks_like {
        let names = [("claimed", &*clean(&contact.claimed_name)), ("known", &*clean(known))];
        out.warn(text("contact.name_conflict", &names));
    }
}

/// Where the contact stands, and whom it may be taken for.
fn state(contact: &ContactView) -> String {
    format!("{}{}", plain_state(contact), mark(contact.looks_like.as_deref()))
}

/// Somebody who takes a contact's name is marked wherever it is listed, until it is verified.
#[must_use]
pub fn mark(looks_like: Option<&str>) -> String {
    let mark = |known| format!(" ({})", text("contact.looks_like", &[("known", &clean(known))]));
    looks_like.map(mark).unwrap_or_default()
}

fn plain_state(contact: &ContactView) -> String {
    let key = match contact.state {
        ContactStateView::Adding => "contact.adding",
        ContactStateView::Request => "contact.request",
        ContactStateView::Active => "contact.active",
        ContactStateView::Blocked => "contact.blocked",
    };
    text(key, &[])
}

/// What is to be said of the six digits.
#[must_use]
pub fn code(contact: &ContactView) -> String {
    match &contact.code {
        _ if contact.verified => format!("{}", text("contact.verified", &[]).green()),
        CodeView::Ready { digits } => format!("{} ({})", digits.bold(), text("contact.unverified", &[])),
        CodeView::Pending => text("contact.code_pending", &[]),
        CodeView::Exhausted => text("contact.code_exhausted", &[]),
        CodeView::Forged => format!("{}", text("contact.code_forged", &[]).red().bold()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_spaces_or_quotes_is_one_word_for_the_shell() {
        assert_eq!(quoted("bob"), "bob");
        assert_eq!(quoted("Боб"), "Боб");
        assert_eq!(quoted("bob o'neil; rm"), r"'bob o'\''neil; rm'");
        assert_eq!(quoted(""), "''");
    }

    #[test]
    fn a_name_that_looks_like_an_option_is_advised_as_a_name() {
        assert_eq!(named("--help"), "-- --help");
        assert_eq!(named("-x y"), "-- '-x y'");
        assert_eq!(named("bob"), "bob");
    }
}
