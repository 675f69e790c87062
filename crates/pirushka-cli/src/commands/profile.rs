//! `profile`: several identities side by side.

use pirushka_client::profiles::{self, ProfileView};
use pirushka_client::{Handle, Profile};

use crate::args;
use crate::ask;
use crate::context::Context;
use crate::fault::Outcome;
use crate::lang::text;
use crate::out;
use crate::trouble::fault;

/// `profile list|remove`
///
/// # Errors
/// No such profile, or it cannot be removed.
pub async fn run(context: &Context, profile: args::Profile) -> Outcome {
    match profile {
        args::Profile::List => list(context).await,
        args::Profile::Remove { name, yes } => remove(context, &name, yes).await,
    }
}

async fn list(context: &Context) -> Outcome {
    let found = profiles::list(&context.profile).await.map_err(fault)?;
    if context.out.json {
        found.iter().for_each(|profile| context.out.record("profile", profile));
    } else if found.is_empty() {
        context.out.advise(text("status.no_profile", &[]));
    } else {
        let head = ["label.name", "label.protection", "label.engine"].map(|key| text(key, &[]));
        context.out.say(out::table(&head, &found.iter().map(row).collect::<Vec<_>>()));
    }
    Ok(())
}

fn row(profile: &ProfileView) -> Vec<String> {
    let running = if profile.running { "profile.running" } else { "profile.resting" };
    let chosen = if profile.chosen { "*" } else { "" };
    let kept = profile.protection.as_deref().map(super::status::kept).unwrap_or_else(|| "?".into());
    vec![format!("{}{chosen}", profile.name), kept, text(running, &[])]
}

async fn remove(context: &Context, name: &str, yes: bool) -> Outcome {
    let profile = Profile::resolve(Some(name)).map_err(fault)?;
    if !profile.dir().exists() {
        profile.must_exist().map_err(fault)?;
    }
    let command = format!("pirushka profile remove {name}");
    ask::sure(yes, &text("profile.ask_remove", &[("name", name)]), &command)?;
    if let Some(engine) = Handle::join(&profile).await.map_err(fault)? {
        engine.stop().await.map_err(fault)?;
    }
    profiles::remove(&profile).map_err(fault)?;
    let fields = serde_json::json!({ "name": name });
    context.out.record_or_say("profile_removed", &fields, || text("profile.removed", &[("name", name)]));
    Ok(())
}
