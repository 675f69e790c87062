//! The arguments of `profile`.

use clap::Subcommand;

/// `pirushka profile`
#[derive(Debug, Subcommand)]
pub enum Profile {
    /// All profiles of yours on this computer
    #[command(after_help = "\
Example:
  pirushka --profile work init --peer ADDRESS     makes a second one beside the first
  pirushka config set profile work                uses it when none is named
Each has its own identity, contacts, messages, key and engine; engines of
several run side by side.")]
    List,
    /// Make a profile whose data is damaged anew from what can still be read of it
    #[command(after_help = "\
Example:
  pirushka profile salvage
A backup is better: `pirushka backup restore`. Where there is none, this takes
over every contact, message and setting that lies on a sound page, and says how
much was lost. New encrypted sessions begin by themselves, as after a restore.
The damaged profile is moved aside, never changed.")]
    Salvage {
        /// Do not ask
        #[arg(long, short = 'y')]
        yes: bool,
    },
    /// Delete a profile with everything in it, for good
    #[command(after_help = "\
Example:
  pirushka profile remove work
Make a backup first if you may ever want to be this person again: pirushka
--profile work backup create")]
    Remove {
        /// As `profile list` shows it
        #[arg(value_name = "NAME")]
        name: String,
        /// Do not ask
        #[arg(long, short = 'y')]
        yes: bool,
    },
}
