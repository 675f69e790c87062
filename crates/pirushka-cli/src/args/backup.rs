//! The arguments of `backup`.

use std::path::PathBuf;

use clap::{Subcommand, ValueHint};

/// `pirushka backup`
#[derive(Debug, Subcommand)]
pub enum Backup {
    /// Write everything but the session keys into one encrypted file, while you stay reachable
    #[command(after_help = "\
Examples:
  pirushka backup create                          makes a recovery key and shows it once
  pirushka backup create my.backup --passphrase   asks for a passphrase instead
Keep the recovery key apart from the file: with both, anybody can be you;
without it, nobody can open the file. The file is read back whole before it
gets its name.")]
    Create {
        /// Where to; by default pirushka-PROFILE-DATE.backup in this folder
        #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
        file: Option<PathBuf>,
        /// Protect it with a passphrase, asked for now, instead of a recovery key
        #[arg(long, conflicts_with = "secret_file")]
        passphrase: bool,
        /// Protect it with the passphrase in the first line of this file
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        secret_file: Option<PathBuf>,
        /// Replace an existing file without asking
        #[arg(long, short = 'y')]
        yes: bool,
    },
    /// Read a backup to the last byte, and say what is in it
    #[command(after_help = "\
Example:
  pirushka backup check my.backup
It says apart whether the secret is wrong, something was changed, or the end is
missing.")]
    Check {
        /// The backup
        #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
        file: PathBuf,
        /// Its recovery key or passphrase stands in the first line of this file
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        secret_file: Option<PathBuf>,
    },
    /// Make a profile from a backup, however old
    #[command(after_help = "\
Examples:
  pirushka backup restore my.backup
  pirushka --profile second backup restore my.backup
Contacts, verification, blocks and everything said come back; new encrypted
sessions begin by themselves, and what was on its way is sent anew. What you
received after the backup was made is lost: a line in the conversation shows
where. A profile that is there is moved aside with --yes, never deleted. Do not
go on using the old copy elsewhere.")]
    Restore {
        /// The backup
        #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
        file: PathBuf,
        /// Its recovery key or passphrase stands in the first line of this file
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        secret_file: Option<PathBuf>,
        /// Protect the restored data with a passphrase, asked for now
        #[arg(long, conflicts_with = "key_file")]
        passphrase: bool,
        /// Keep the key in a file of mode 0600 even if there is a keyring
        #[arg(long)]
        key_file: bool,
        /// Move a profile that is there aside without asking
        #[arg(long, short = 'y')]
        yes: bool,
    },
}
