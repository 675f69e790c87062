//! `id export`, `id import`: the identity alone, as one file under a passphrase.

use std::path::{Path, PathBuf};

use pirushka_client::{InitOptions, identity_file};
use pirushka_wire::HomeAddress;
use zeroize::Zeroizing;

use super::contact::quoted;
use crate::ask;
use crate::context::{Context, first_line};
use crate::fault::{Exit, Fault, Outcome};
use crate::files;
use crate::lang::text;
use crate::out;
use crate::trouble::fault;

/// Where an export goes.
pub struct Destination {
    /// Without it, to stdout.
    pub output: Option<PathBuf>,
    /// Whether a file that is there may be replaced.
    pub yes: bool,
}

/// What the new profile is to be like.
pub struct Wish {
    #[allow(missing_docs)]
    pub name: Option<String>,
    #[allow(missing_docs)]
    pub peer: Option<HomeAddress>,
    /// `--key-file`
    pub key_file: bool,
}

/// `id export`
///
/// # Errors
/// Nobody is there to choose a passphrase, the file exists or cannot be written.
pub async fn export(context: &Context, to: Destination, secret_file: Option<PathBuf>, certificate: bool) -> Outcome {
    if let Some(path) = &to.output {
        files::may_write(path, to.yes, "id export")?;
    }
    let engine = context.engine().await?;
    let written = if certificate {
        Zeroizing::new(engine.identity().await.map_err(fault)?.certificate_pem)
    } else {
        let passphrase = match secret_file {
            Some(path) => ask::checked(read(&path)?)?,
            None => {
                let output =
                    to.output.as_ref().map(|path| format!(" --output {}", quoted(&path.display().to_string())));
                let command = format!("id export{} --secret-file FILE", output.unwrap_or_default());
                ask::new_passphrase(&context.command(&command))?
            }
        };
        engine.identity_export(&passphrase).await.map_err(fault)?
    };
    let Some(path) = &to.output else {
        if context.out.json {
            context.out.record("identity_export", &serde_json::json!({ "pem": written.as_str() }));
        } else {
            out::bytes(written.as_bytes());
        }
        return Ok(());
    };
    let write = |file: &mut dyn std::io::Write| {
        file.write_all(written.as_bytes()).map_err(|error| files::cannot_write(path, &error))
    };
    files::write_private(path, write)?;
    let shown = path.display().to_string();
    let fields = serde_json::json!({ "file": shown });
    context.out.record_or_say("identity_export", &fields, || text("id.exported", &[("path", &shown)]));
    Ok(())
}

/// `id import`
///
/// # Errors
/// There is a profile already, the passphrase is wrong, the file is damaged.
pub async fn import(context: &Context, file: &Path, secret_file: Option<PathBuf>, wish: Wish) -> Outcome {
    let sealed = std::fs::read_to_string(file).map_err(|error| ask::unreadable(file, &error))?;
    let passphrase = match secret_file {
        Some(path) => read(&path)?,
        None if ask::somebody_is_there() => ask::passphrase("ui.passphrase").map_err(Fault::unexpected)?,
        None => return Err(Fault::new(Exit::Profile, "fault.secret_needed", &[])),
    };
    let options = InitOptions {
        name: wish.name.unwrap_or_else(super::init::name_of_user),
        home: wish.peer.as_ref().map(ToString::to_string),
        protection: context.protection(false, wish.key_file, "")?,
    };
    let made = identity_file::import(&context.profile, &sealed, &passphrase, options).await.map_err(fault)?;
    if context.out.json {
        context.out.record("identity", &made.identity);
    } else {
        super::id::say(context.out, &made.identity);
        let next = if wish.peer.is_some() { "invite new" } else { "peer add ADDRESS" };
        context.out.advise(text("ui.next", &[("command", &context.command(next))]));
    }
    Ok(())
}

fn read(path: &Path) -> Outcome<Zeroizing<String>> {
    first_line(path).map_err(|error| ask::unreadable(path, &error))
}
