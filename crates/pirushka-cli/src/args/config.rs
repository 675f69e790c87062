//! The arguments of `config`.

use clap::Subcommand;

/// `pirushka config`
#[derive(Debug, Subcommand)]
pub enum Config {
    /// Every setting and its value
    #[command(after_help = "\
Example:
  pirushka config show --origin
Defaults < the file < the environment < flags.")]
    Show {
        /// Where each comes from: default, file and line, or variable
        #[arg(long)]
        origin: bool,
    },
    /// Whether the file and the environment are sound
    Check,
    /// Where the file is
    Path,
    /// Change one setting in the file; remarks in it stay
    #[command(after_help = "\
Examples:
  pirushka config set language ru
  pirushka config set read_receipts false
The engine takes a change up when it starts next: pirushka engine stop")]
    Set {
        /// As `config show` names it
        #[arg(value_name = "KEY")]
        key: String,
        /// The new value
        #[arg(value_name = "VALUE")]
        value: String,
    },
    /// A file with every setting, its meaning and default, to stdout
    #[command(after_help = "\
Example:
  pirushka config example > ~/.config/pirushka/config.toml")]
    Example,
}
