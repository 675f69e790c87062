//! The arguments of `search`.

use clap::Args;

use super::value::whole;

/// `pirushka search`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pirushka search station tomo           both words; the last may be a beginning
  pirushka search '\"see you\"' --in bob   the phrase, in one conversation
  pirushka chat history bob --around 42  what stands around the hit #42
Letter case and accents do not count; ё is е, й stays й.")]
pub struct Search {
    /// Words that must all be there; \"a phrase\" in quotes
    #[arg(value_name = "TEXT", required = true)]
    pub text: Vec<String>,
    /// Only in the conversation with this contact
    #[arg(long = "in", value_name = "NAME")]
    pub within: Option<String>,
    /// How many of the newest hits
    #[arg(long, short = 'n', default_value_t = 20, value_name = "N", value_parser = whole::<u32>(1, 1000))]
    pub last: u32,
    /// Only what is older than this message: its number, as hits show it
    #[arg(long, value_name = "ID", value_parser = whole::<u64>(0, u64::MAX))]
    pub before: Option<u64>,
}
