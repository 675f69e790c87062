//! `backup`: everything of a profile in one encrypted file, and back.

use std::path::{Path, PathBuf};

use pirushka_client::backup::{self, BackupInfo, RestoreOptions, Restored, SecretKind};
use pirushka_client::key::{KeyHeader, Kind};
use pirushka_client::{Handle, Profile, Protection};
use zeroize::Zeroizing;

use super::contact::quoted;
use crate::args::Backup;
use crate::ask;
use crate::context::{Context, first_line};
use crate::fault::{Exit, Fault, Outcome};
use crate::files;
use crate::lang::text;
use crate::out::{self, Out, clean};
use crate::trouble::fault;
use crate::when;

/// `backup create|check|restore`
///
/// # Errors
/// The file is there or cannot be written, the secret is wrong, the backup is damaged or cut off.
pub async fn run(context: &Context, backup: Backup) -> Outcome {
    match backup {
        Backup::Create { file, passphrase, secret_file, yes } => {
            let secret = match (secret_file, passphrase) {
                (Some(path), _) => Some(ask::checked(read(&path)?)?),
                (None, true) => {
                    let file = file.as_ref().map(|file| format!(" {}", quoted(&file.display().to_string())));
                    let command = format!("backup create{} --secret-file FILE", file.unwrap_or_default());
                    Some(ask::new_passphrase(&context.command(&command))?)
                }
                (None, false) => None,
            };
            create(context, file, secret, yes).await
        }
        Backup::Check { file, secret_file } => {
            let secret = secret_of(&file, secret_file.as_deref())?;
            let info = backup::check(&file, &secret).map_err(fault)?;
            context.out.record_or_say("backup_check", &info, || text("backup.sound", &[]));
            say(context.out, &info);
            Ok(())
        }
        Backup::Restore { file, secret_file, passphrase, key_file, yes } => {
            let word = |path: &Path| quoted(&path.display().to_string());
            let secret = secret_file.as_deref().map_or_else(|| "FILE".to_owned(), word);
            let command = format!("backup restore {} --secret-file {secret} --passphrase-file FILE", word(&file));
            // A passphrase is not lost in silence by bringing back a copy of what it protected.
            let wants = passphrase || had_passphrase(&context.profile);
            let protection = context.protection(wants, key_file, &command)?;
            let from = context.passphrase_file().map(|path| format!(" --passphrase-file {}", word(path)));
            let flags = [(passphrase, " --passphrase"), (key_file, " --key-file")];
            let flags = flags.into_iter().filter(|(set, _)| *set).map(|(_, flag)| flag.to_owned());
            let flags: String = flags.chain(from).collect();
            restore(context, &file, secret_file.as_deref(), (protection, &flags), yes).await
        }
    }
}

/// Whether the profile that a restored one takes the place of is protected by a passphrase.
fn had_passphrase(profile: &Profile) -> bool {
    KeyHeader::read(profile).is_ok_and(|header| header.kind() == Kind::Passphrase)
}

async fn create(context: &Context, file: Option<PathBuf>, secret: Option<Zeroizing<String>>, yes: bool) -> Outcome {
    let file = file.unwrap_or_else(|| format!("pirushka-{}-{}.backup", context.profile.name(), when::today()).into());
    let path = std::path::absolute(&file).map_err(|error| files::cannot_write(&file, &error))?;
    files::may_write(&path, yes, "backup create")?;
    let replace = path.exists();
    let engine = context.engine().await?;
    let made = engine.backup_create(&path, secret.as_ref().map(|secret| secret.as_str()), replace).await;
    let made = made.map_err(fault)?;
    if context.out.json {
        context.out.record("backup", &made);
        return Ok(());
    }
    let line = |label: &str, value: &str| context.out.say(format!("{} {value}", out::label(&text(label, &[]))));
    line("label.file", &made.file.display().to_string());
    say(context.out, &made.info);
    if let Some(key) = &made.recovery_key {
        line("label.recovery_key", &key.0);
        context.out.advise(text("backup.keep_key", &[]));
    }
    Ok(())
}

async fn restore(
    context: &Context,
    file: &Path,
    secret_file: Option<&Path>,
    (protection, flags): (Protection, &str),
    yes: bool,
) -> Outcome {
    let secret = secret_of(file, secret_file)?;
    let there = context.profile.dir().exists();
    if there {
        // First whether it can be read at all: nobody should be asked in vain.
        backup::check(file, &secret).map_err(fault)?;
        let question = text("backup.ask_aside", &[("profile", context.profile.name())]);
        // What begins with a dash would be an option.
        let word = |path: &Path| {
            let shown = path.display().to_string();
            quoted(&if shown.starts_with('-') { format!("./{shown}") } else { shown })
        };
        let from = secret_file.map(|path| format!(" --secret-file {}", word(path))).unwrap_or_default();
        ask::sure(yes, &question, &context.command(&format!("backup restore {}{from}{flags} --yes", word(file))))?;
        if let Some(engine) = Handle::join(&context.profile).await.map_err(fault)? {
            engine.stop().await.map_err(fault)?;
        }
    }
    let options = RestoreOptions { protection, replace: there };
    let restored = backup::restore(&context.profile, file, &secret, options).await.map_err(fault)?;
    if context.out.json {
        context.out.record("restored", &restored);
        return Ok(());
    }
    report(context, &restored);
    Ok(())
}

fn report(context: &Context, restored: &Restored) {
    super::id::say(context.out, &restored.identity);
    let counts = [("n", &*restored.messages.to_string()), ("contacts", &*restored.contacts.to_string())];
    context.out.say(format!("{} {}", out::label(&text("label.messages", &[])), text("backup.counts", &counts)));
    if let Some(aside) = &restored.aside {
        context.out.say(text("backup.aside", &[("path", &aside.display().to_string())]));
    }
    context.out.advise(text("backup.heals", &[("when", &when::full(restored.created_ms))]));
    context.out.advise(text("ui.next", &[("command", &context.command("recv --follow"))]));
}

fn say(out: Out, info: &BackupInfo) {
    let line = |label: &str, value: &str| out.say(format!("{} {value}", out::label(&text(label, &[]))));
    line("label.made", &when::full(info.created_ms));
    line("label.name", &clean(&info.name));
    line("label.fingerprint", &info.fingerprint);
    let counts = [("n", &*info.messages.to_string()), ("contacts", &*info.contacts.to_string())];
    line("label.messages", &text("backup.counts", &counts));
}

/// What opens a backup: from the file that was named, or from a person at a terminal.
fn secret_of(backup: &Path, file: Option<&Path>) -> Outcome<Zeroizing<String>> {
    let kind = backup::wants(backup).map_err(fault)?;
    if let Some(path) = file {
        return read(path);
    }
    if !ask::somebody_is_there() {
        return Err(Fault::new(Exit::Profile, "fault.secret_needed", &[]));
    }
    let prompt = match kind {
        SecretKind::RecoveryKey => "ui.recovery_key",
        SecretKind::Passphrase => "ui.backup_passphrase",
    };
    ask::passphrase(prompt).map_err(Fault::unexpected)
}

fn read(path: &Path) -> Outcome<Zeroizing<String>> {
    first_line(path).map_err(|error| ask::unreadable(path, &error))
}
