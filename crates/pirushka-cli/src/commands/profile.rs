//! `profile`: several identities side by side.

use pirushka_client::profiles::{self, ProfileView};
use pirushka_client::{Handle, Profile, salvage};

use crate::args;
use crate::ask;
use crate::context::Context;
use crate::fault::{Fault, Outcome};
use crate::lang::text;
use crate::out;
use crate::trouble::fault;

/// `profile list|salvage|remove`
///
/// # Errors
/// No such profile, or it cannot be removed.
pub async fn run(context: &Context, profile: args::Profile) -> Outcome {
    match profile {
        args::Profile::List => list(context).await,
        args::Profile::Salvage { yes } => salvage(context, yes).await,
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

async fn salvage(context: &Context, yes: bool) -> Outcome {
    let profile = &context.profile;
    profile.must_exist().map_err(fault)?;
    let question = text("profile.ask_salvage", &[("name", profile.name())]);
    ask::sure(yes, &question, &context.command("profile salvage --yes"))?;
    if let Some(engine) = Handle::join(profile).await.map_err(fault)? {
        engine.stop().await.map_err(fault)?;
    }
    let salvaged = salvage::salvage(profile, context.passphrase()).await.map_err(fault)?;
    if context.out.json {
        context.out.record("salvaged", &salvaged);
        return Ok(());
    }
    super::id::say(context.out, &salvaged.identity);
    let line = |label: &str, value: &str| context.out.say(format!("{} {value}", out::label(&text(label, &[]))));
    let counts = [("n", &*salvaged.messages.to_string()), ("contacts", &*salvaged.contacts.to_string())];
    line("label.saved", &text("backup.counts", &counts));
    let number = |n: u64| n.to_string();
    let lost = match salvaged.messages_lost {
        Some(n) => text("profile.lost", &[("n", &number(n))]),
        None => text("profile.lost_unknown", &[]),
    };
    let pages = [("n", &*number(salvaged.pages_damaged)), ("all", &*number(salvaged.pages))];
    let left_out = number(salvaged.rows_left_out as u64);
    let left_out = text("profile.left_out", &[("n", &left_out)]);
    line("label.lost", &[lost, left_out, text("profile.pages", &pages)].join(", "));
    context.out.say(text("backup.aside", &[("path", &salvaged.aside.display().to_string())]));
    let doubts = [(salvaged.may_stay, "profile.may_stay"), (salvaged.may_ask_again, "profile.may_ask_again")];
    for (_, key) in doubts.into_iter().filter(|(is_so, _)| *is_so) {
        context.out.warn(text(key, &[]));
    }
    context.out.advise(text("profile.heals", &[]));
    context.out.advise(text("ui.next", &[("command", &context.command("backup create"))]));
    Ok(())
}

async fn remove(context: &Context, name: &str, yes: bool) -> Outcome {
    let profile = Profile::resolve(Some(name)).map_err(fault)?;
    if !profile.dir().exists() {
        // Whoever wants one gone does not want one made.
        let list = || "pirushka profile list".to_owned();
        profile.must_exist().map_err(|error| Fault { fix: list(), ..fault(error) })?;
    }
    let command = format!("pirushka profile remove {name} --yes");
    ask::sure(yes, &text("profile.ask_remove", &[("name", name)]), &command)?;
    if let Some(engine) = Handle::join(&profile).await.map_err(fault)? {
        engine.stop().await.map_err(fault)?;
    }
    profiles::remove(&profile).map_err(fault)?;
    let fields = serde_json::json!({ "name": name });
    context.out.record_or_say("profile_removed", &fields, || text("profile.removed", &[("name", name)]));
    Ok(())
}
