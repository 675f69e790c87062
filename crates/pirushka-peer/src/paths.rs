//! Which folder and which file are meant when nobody says.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use etcetera::base_strategy::{BaseStrategy, choose_base_strategy};

use crate::failure::Failure;

/// Name of the configuration file within its folder.
const CONFIG_NAME: &str = "pirushkad.toml";
/// Where distributions put it.
const CONFIG_SYSTEM: &str = "/etc/pirushkad/pirushkad.toml";

fn home() -> Option<PathBuf> {
    std::env::var_os("PIRUSHKAD_HOME").filter(|home| !home.is_empty()).map(PathBuf::from)
}

/// The folder of the key: what the configuration says, else `$PIRUSHKAD_HOME`, else the user's data folder.
///
/// # Errors
/// When there is neither.
pub(crate) fn data_dir(configured: Option<&Path>) -> Result<PathBuf, Failure> {
    if let Some(dir) = configured.map(Path::to_path_buf).or_else(home) {
        return Ok(dir);
    }
    let strategy = choose_base_strategy().map_err(|error| {
        Failure::configuration(
            "data_dir.unknown",
            "there is no folder for the key",
            format!("this user has no home folder ({error})"),
            "name one: pirushkad --data-dir DIR",
        )
    })?;
    Ok(strategy.data_dir().join("pirushkad"))
}

/// Whether a service finds this file without being told.
pub(crate) fn is_usual(file: &Path) -> bool {
    file == Path::new(CONFIG_SYSTEM)
}

/// The configuration file that somebody names: by flag, else by `$PIRUSHKAD_CONFIG`.
fn config_named(flag: Option<PathBuf>) -> Option<PathBuf> {
    let variable = || std::env::var_os("PIRUSHKAD_CONFIG").filter(|path: &OsString| !path.is_empty());
    flag.or_else(|| variable().map(PathBuf::from))
}

/// The configuration file: the one named by flag or `$PIRUSHKAD_CONFIG` whether it exists or not, else the first of the
/// usual places that exists.
pub(crate) fn config_file(flag: Option<PathBuf>) -> Option<PathBuf> {
    if let Some(path) = config_named(flag) {
        return Some(path);
    }
    if let Some(home) = home() {
        return Some(home.join(CONFIG_NAME)).filter(|path| path.exists());
    }
    let user = choose_base_strategy().ok().map(|strategy| strategy.config_dir().join("pirushkad").join(CONFIG_NAME));
    user.into_iter().chain([PathBuf::from(CONFIG_SYSTEM)]).find(|path| path.exists())
}
