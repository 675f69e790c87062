//! `pirushkad unit`: a service of this machine.

use std::path::{Component, Path, PathBuf};

use crate::config::{Loaded, Origin, SETTINGS, Setting};
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

/// Prints the unit; `config` is the file that the service reads, if it has to be told.
pub(crate) fn unit(args: UnitArgs, loaded: &Loaded, config: Option<PathBuf>, json: bool) -> Result<(), Failure> {
    let program = match args.program {
        Some(program) => absolute(&program)?,
        None => {
            std::env::current_exe().map_err(|error| Failure::unexpected("cannot tell where this program is", error))?
        }
    };
    // A user's own default folder is nothing for a service.
    let told = loaded.origins.get("data_dir").is_some_and(|origin| *origin != Origin::Default);
    let data_dir = loaded.config.data_dir.clone().filter(|_| told).unwrap_or_else(|| DATA_DIR.into());
    let unit = Unit {
        program,
        config: config.as_deref().map(absolute).transpose()?,
        data_dir: absolute(&data_dir)?,
        user: args.user,
        port: loaded.config.listen.port(),
        arguments: flags(loaded),
    };
    if let Some((path, why)) = unit.impossible() {
        let what = format!("no unit can name {path:?}");
        return Err(Failure::configuration("unit.path", what, why, "give it another name"));
    }
    if let Some(missing) = unit.config.as_ref().filter(|file| matches!(file.try_exists(), Ok(false))) {
        let missing = missing.display();
        output::warning(format_args!(
            "{missing} is not there yet, and without it the service does not start: pirushkad config example | sudo tee \
             {missing}"
        ));
    }
    let variables = in_environment(loaded);
    if !variables.is_empty() {
        output::warning(format_args!(
            "the service does not have the variables of this shell: {}. Say it in the configuration, or with --set",
            variables.join(", ")
        ));
    }
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

/// Where a path leads to from here, without `.` and `..`, which no unit may have.
fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    let whole = std::path::absolute(path)
        .map_err(|error| Failure::unexpected(format!("cannot tell where {} is", path.display()), error))?;
    let mut plain = PathBuf::new();
    for part in whole.components() {
        if part == Component::ParentDir {
            // Above a link is what is above the place that it leads to.
            plain = plain.canonicalize().unwrap_or(plain);
            plain.pop();
        } else {
            plain.push(part);
        }
    }
    Ok(plain)
}

/// What flags say, for the service to be told it too. The folder has its place.
fn flags(loaded: &Loaded) -> Vec<String> {
    let of = |setting: &Setting| match loaded.origins.get(setting.key)? {
        Origin::Flag(_) if setting.key == "data_dir" => None,
        Origin::Flag(flag) if flag == "--plain" => Some(vec![flag.clone()]),
        Origin::Flag(flag) if flag.starts_with("--set") => {
            Some(vec!["--set".into(), format!("{}={}", setting.key, setting.plain(&loaded.config))])
        }
        Origin::Flag(flag) => Some(vec![flag.clone(), setting.plain(&loaded.config)]),
        Origin::Default | Origin::File { .. } | Origin::Environment(_) => None,
    };
    SETTINGS.iter().filter_map(of).flatten().collect()
}

/// Variables that say something here. The folder is told.
fn in_environment(loaded: &Loaded) -> Vec<String> {
    let told = loaded.origins.iter().filter(|(key, _)| **key != "data_dir");
    told.filter(|(_, origin)| matches!(origin, Origin::Environment(_))).map(|(_, origin)| origin.to_string()).collect()
}

fn user_name(text: &str) -> Result<String, String> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let is_name = !text.is_empty() && text.len() <= 31 && text.chars().all(is_allowed) && !text.starts_with('-');
    is_name.then(|| text.to_owned()).ok_or_else(|| format!("expected the name of a user, got {text:?}"))
}
