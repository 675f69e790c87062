//! `config`: settings, where they come from, and how to change them.

use pirushka_client::{Handle, Settings, settings};

use crate::args::Config;
use crate::context::Context;
use crate::fault::Outcome;
use crate::lang::text;
use crate::out::{self, Out, clean};
use crate::trouble::fault;

/// `config show|check|path|set|example`
///
/// # Errors
/// A setting that does not exist or cannot be so, with its place.
pub async fn run(context: &Context, config: Config) -> Outcome {
    match config {
        Config::Show { origin } => show(context.out, origin),
        Config::Check => check(context.out),
        Config::Path => path(context.out),
        Config::Set { key, value } => set(context, &key, &value).await,
        Config::Example => {
            context.out.file("config_example", &settings::example());
            Ok(())
        }
    }
}

fn show(out: Out, with_origin: bool) -> Outcome {
    let all = Settings::load().map_err(fault)?.all();
    if out.json {
        for setting in all {
            let origin = setting.origin.to_string();
            let fields = serde_json::json!({ "name": setting.name, "value": setting.value, "origin": origin });
            out.record("setting", &fields);
        }
        return Ok(());
    }
    let mut head = vec![text("label.setting", &[]), text("label.value", &[])];
    head.extend(with_origin.then(|| text("label.origin", &[])));
    let row = |setting: settings::Setting| {
        let mut row = vec![setting.name.to_owned(), clean(&setting.value)];
        row.extend(with_origin.then(|| clean(&setting.origin.to_string())));
        row
    };
    out.say(out::table(&head, &all.into_iter().map(row).collect::<Vec<_>>()));
    Ok(())
}

fn check(out: Out) -> Outcome {
    Settings::load().map_err(fault)?;
    let path = settings::path().map_err(fault)?;
    let fields = serde_json::json!({ "file": path, "exists": path.exists() });
    out.record_or_say("config_check", &fields, || text("config.sound", &[]));
    Ok(())
}

fn path(out: Out) -> Outcome {
    let path = settings::path().map_err(fault)?;
    out.record_or_say("config_path", &serde_json::json!({ "file": path }), || path.display().to_string());
    Ok(())
}

async fn set(context: &Context, key: &str, value: &str) -> Outcome {
    let path = settings::path().map_err(fault)?;
    settings::set(&path, key, value).map_err(fault)?;
    let fields = serde_json::json!({ "name": key, "value": value, "origin": path.display().to_string() });
    context.out.record_or_say("setting", &fields, || format!("{key} = {}", clean(value)));
    if context.profile.exists() && Handle::join(&context.profile).await.is_ok_and(|engine| engine.is_some()) {
        context.out.advise(text("config.restart", &[("command", &context.command("engine stop"))]));
    }
    // Other faults of the file stay until they are mended, and stop every other command.
    if let Err(left) = Settings::load() {
        let left = fault(left);
        context.out.warn(format!("{}: {}", text("config.still_faulty", &[]), left.why));
        context.out.warn(left.fix);
    }
    Ok(())
}
