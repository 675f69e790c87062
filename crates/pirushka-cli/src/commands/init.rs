//! `init`: an identity and the peer that serves it.

use std::time::Duration;

use pirushka_client::{Handle, InitOptions};

use crate::args::Init;
use crate::context::Context;
use crate::fault::Outcome;
use crate::lang::text;
use crate::out::clean;
use crate::trouble::fault;

/// How long a new peer gets to say whether it takes us.
const REGISTERING: Duration = Duration::from_secs(3);

/// Makes the profile, or changes what is named in one that is there.
///
/// # Errors
/// See [`pirushka_client::init`].
pub async fn run(context: &Context, init: Init) -> Outcome {
    if context.profile.exists() && (init.name.is_some() || init.peer.is_some()) && !init.passphrase && !init.key_file {
        return change(context, &init).await;
    }
    let protection = context.protection(init.passphrase, init.key_file, "init --passphrase-file FILE")?;
    let options = InitOptions {
        name: init.name.unwrap_or_else(name_of_user),
        home: init.peer.as_ref().map(ToString::to_string),
        protection,
    };
    let made = pirushka_client::init(&context.profile, options).await.map_err(fault)?;
    let out = context.out;
    if out.json {
        let mut record = serde_json::json!({ "profile": context.profile.name(), "protection": made.protection });
        merge(&mut record, &made.identity);
        out.record("profile", &record);
    } else {
        super::id::say(out, &made.identity);
        out.advise(protection_note(&made.protection));
    }
    if init.peer.is_some() {
        // The profile is made; whether the peer takes it is better known now than when a friend waits.
        super::peer::must_take_us(&context.engine_inside().await?, REGISTERING).await?;
    }
    let next = if init.peer.is_some() { "invite new" } else { "peer add ADDRESS" };
    out.advise(text("ui.next", &[("command", &context.command(next))]));
    Ok(())
}

async fn change(context: &Context, init: &Init) -> Outcome {
    let engine: Handle = context.engine().await?;
    if let Some(name) = &init.name {
        engine.rename_me(name).await.map_err(fault)?;
    }
    if let Some(peer) = &init.peer {
        engine.set_home(&peer.to_string()).await.map_err(fault)?;
        super::peer::must_take_us(&engine, REGISTERING).await?;
    }
    super::id::show(context, false).await
}

fn protection_note(protection: &str) -> String {
    match protection {
        "keyring" => text("init.keyring", &[]),
        "passphrase" => text("init.passphrase", &[]),
        _ => text("init.key_file", &[]),
    }
}

/// The login name, which is what most people would type.
pub(super) fn name_of_user() -> String {
    let login = ["USER", "LOGNAME", "USERNAME"].into_iter().find_map(|name| std::env::var(name).ok());
    let login: String = clean(login.unwrap_or_default().trim()).chars().take(64).collect();
    if login.is_empty() { "me".into() } else { login }
}

/// Adds the fields of `other` to an object.
fn merge(object: &mut serde_json::Value, other: &impl serde::Serialize) {
    if let (Some(fields), Ok(serde_json::Value::Object(others))) = (object.as_object_mut(), serde_json::to_value(other))
    {
        fields.extend(others);
    }
}
