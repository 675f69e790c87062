//! `id`: who I am.

use pirushka_client::IdentityView;

use super::invite::in_words;
use crate::context::Context;
use crate::fault::{Exit, Fault, Outcome};
use crate::lang::text;
use crate::out::{self, Out, clean};
use crate::trouble::fault;

/// `id show`
///
/// # Errors
/// The engine cannot be reached.
pub async fn show(context: &Context, certificate: bool) -> Outcome {
    let identity = context.engine().await?.identity().await.map_err(fault)?;
    match (context.out.json, certificate) {
        (true, _) => context.out.record("identity", &identity),
        (false, true) => context.out.say(identity.certificate_pem.trim_end()),
        (false, false) => {
            say(context.out, &identity);
            context.out.say(format!("{} {}", out::label(&text("label.strangers", &[])), in_words(identity.policy)));
        }
    }
    Ok(())
}

/// `id qr`
///
/// # Errors
/// There is no home peer yet, so there is no address.
pub async fn qr(context: &Context) -> Outcome {
    let identity = context.engine().await?.identity().await.map_err(fault)?;
    let Some(address) = identity.address else {
        return Err(no_peer());
    };
    let link = format!("pirushka://{address}");
    if context.out.json {
        context.out.record("qr", &serde_json::json!({ "link": link }));
    } else {
        context.out.say(drawn(&link)?);
        context.out.say(link);
    }
    Ok(())
}

/// A QR code for the terminal.
///
/// # Errors
/// The text is too long for one.
pub fn drawn(text: &str) -> Outcome<String> {
    out::qr(text).ok_or_else(|| Fault::unexpected("too long for a QR code"))
}

/// There is no home peer, and the command needs one.
#[must_use]
pub fn no_peer() -> Fault {
    Fault::new(Exit::Config, "fault.no_peer", &[])
}

/// The identity in lines for people.
pub fn say(out: Out, identity: &IdentityView) {
    let line = |label: &str, value: &str| out.say(format!("{} {value}", out::label(&text(label, &[]))));
    line("label.name", &clean(&identity.name));
    line("label.fingerprint", &identity.fingerprint);
    line("label.address", identity.address.as_deref().unwrap_or(&text("ui.no_address_yet", &[])));
}
