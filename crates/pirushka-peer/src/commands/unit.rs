//! `pirushkad unit`: a service of this machine.

use std::path::PathBuf;

use crate::config::{Loaded, Origin};
use crate::failure::Failure;
use crate::output;
use crate::unit::Unit;

/// Where the service keeps its key when nobody says.
const DATA_DIR: &str = "/var/lib/pirushkad";

/// What the command line says about the service.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct UnitArgs {
    /// The program that the service starts [default: this one]
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// The user that it runs as
    #[arg(long, value_name = "NAME", default_value = "pirushkad", value_parser = user_name)]
    user: String,
}

/// Prints the unit; `config` is the file that the command line names.
pub(crate) fn unit(args: UnitArgs, loaded: &Loaded, config: Option<PathBuf>, json: bool) -> Result<(), Failure> {
    let absolute = |path: PathBuf| {
        std::path::absolute(&path)
            .map_err(|error| Failure::unexpected(format!("cannot tell where {} is", path.display()), error))
    };
    let program = match args.program {
        Some(program) => absolute(program)?,
        None => {
            std::env::current_exe().map_err(|error| Failure::unexpected("cannot tell where this program is", error))?
        }
    };
    // A user's own default folder is nothing for a service.
    let told = loaded.origins.get("data_dir").is_some_and(|origin| *origin != Origin::Default);
    let data_dir = loaded.config.data_dir.clone().filter(|_| told).unwrap_or_else(|| DATA_DIR.into());
    let unit = Unit {
        program,
        config: config.map(absolute).transpose()?,
        data_dir: absolute(data_dir)?,
        user: args.user,
        port: loaded.config.listen.port(),
    };
    let text = unit.render();
    if let Some(trouble) = unit.trouble() {
        output::warning(trouble);
    }
    if json {
        output::data(serde_json::json!({"v": 1, "event": "unit", "unit": text}));
        return Ok(());
    }
    output::data(text.trim_end());
    if output::is_terminal() {
        output::advice(format_args!(
            "\nTo install it (once: sudo useradd --system --shell /usr/sbin/nologin {}):\n  pirushkad unit | sudo tee \
             /etc/systemd/system/pirushkad.service\n  sudo systemctl daemon-reload && sudo systemctl enable --now \
             pirushkad",
            unit.user
        ));
    }
    Ok(())
}

fn user_name(text: &str) -> Result<String, String> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let is_name = !text.is_empty() && text.len() <= 31 && text.chars().all(is_allowed) && !text.starts_with('-');
    is_name.then(|| text.to_owned()).ok_or_else(|| format!("expected the name of a user, got {text:?}"))
}
