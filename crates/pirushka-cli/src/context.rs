//! What every command needs: how to print, which profile, and the way to its engine.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use pirushka_client::settings::Key;
use pirushka_client::{AskPassphrase, EngineMode, Handle, Options, Profile, Protection, Settings};
use zeroize::Zeroizing;

use crate::args::Global;
use crate::ask;
use crate::fault::Outcome;
use crate::out::Out;
use crate::trouble::fault;

/// What every command needs.
#[derive(Debug, Clone)]
pub struct Context {
    #[allow(missing_docs)]
    pub out: Out,
    #[allow(missing_docs)]
    pub profile: Profile,
    /// `--no-engine`
    pub no_engine: bool,
    #[allow(missing_docs)]
    pub settings: Settings,
    passphrase_file: Option<PathBuf>,
    /// What a person typed for the profile that this command makes: not asked for again.
    typed: Arc<Mutex<Option<Zeroizing<String>>>>,
    /// Engines inside this process.
    inside: Arc<Mutex<Vec<Handle>>>,
}

impl Context {
    /// The context that the flags ask for. Touches no file.
    ///
    /// # Errors
    /// The profile's name cannot be one, or there is no home directory.
    pub fn new(global: &Global) -> Outcome<Self> {
        Self::with(global, Settings::load().map_err(fault)?)
    }

    /// The context where the settings may be at fault: for the command that mends them.
    ///
    /// # Errors
    /// As [`Context::new`], but for the settings.
    pub fn without_settings(global: &Global) -> Outcome<Self> {
        Self::with(global, Settings::load().unwrap_or_default())
    }

    fn with(global: &Global, settings: Settings) -> Outcome<Self> {
        let profile = global.profile.as_deref().unwrap_or_else(|| settings.get(Key::Profile));
        Ok(Self {
            out: Out { json: global.json },
            profile: Profile::resolve(Some(profile)).map_err(fault)?,
            no_engine: global.no_engine,
            settings: settings.clone(),
            passphrase_file: global.passphrase_file.clone(),
            typed: Arc::default(),
            inside: Arc::default(),
        })
    }

    /// Joins the engine of the profile, or starts one.
    ///
    /// # Errors
    /// As [`Handle::join_or_start`].
    pub async fn engine(&self) -> Outcome<Handle> {
        self.join_or_start().await.map_err(fault)
    }

    /// As [`Context::engine`], with the library's own error.
    ///
    /// # Errors
    /// As [`Handle::join_or_start`].
    pub async fn join_or_start(&self) -> pirushka_client::Result<Handle> {
        self.engine_in(if self.no_engine { EngineMode::InProcess } else { EngineMode::Background }).await
    }

    /// An engine that ends with this command.
    ///
    /// # Errors
    /// As [`Context::engine`].
    pub async fn engine_inside(&self) -> Outcome<Handle> {
        self.engine_in(EngineMode::InProcess).await.map_err(fault)
    }

    async fn engine_in(&self, mode: EngineMode) -> pirushka_client::Result<Handle> {
        let engine_command = Some(self.engine_command());
        let options = Options { mode, passphrase: self.passphrase(), engine_command };
        let engine = Handle::join_or_start(&self.profile, options).await?;
        if mode == EngineMode::InProcess {
            self.inside.lock().unwrap_or_else(PoisonError::into_inner).push(engine.clone());
        }
        Ok(engine)
    }

    /// This very program, as an engine of the profile.
    fn engine_command(&self) -> Vec<OsString> {
        let program = std::env::current_exe().map_or_else(|_| "pirushka".into(), PathBuf::into_os_string);
        let arguments = ["--profile", self.profile.name(), "engine", "run", "--background"];
        std::iter::once(program).chain(arguments.map(OsString::from)).collect()
    }

    /// Waits until the engines inside this process have ended. The libraries that they use free what they have when the
    /// process exits; a transaction that is under way then would crash.
    pub async fn leave(&self) {
        let inside = std::mem::take(&mut *self.inside.lock().unwrap_or_else(PoisonError::into_inner));
        for engine in inside {
            // It fails only when it has ended already.
            let _ = engine.close().await;
        }
    }

    /// Where the passphrase comes from if it is needed: the named file, or a person at a terminal, or nowhere.
    #[must_use]
    pub fn passphrase(&self) -> Option<AskPassphrase> {
        if let Some(path) = self.passphrase_file.clone() {
            return Some(Box::new(move || first_line(&path)));
        }
        if let Some(typed) = self.typed.lock().unwrap_or_else(PoisonError::into_inner).clone() {
            return Some(Box::new(move || Ok(typed)));
        }
        ask::somebody_is_there().then(|| Box::new(|| ask::passphrase("ui.passphrase")) as AskPassphrase)
    }

    /// How a new profile is to be protected. Whoever names a file with a passphrase wants to be protected by it;
    /// `command` is what can be done where nobody is at a terminal.
    ///
    /// # Errors
    /// As [`Context::new_passphrase`].
    pub fn protection(&self, passphrase: bool, key_file: bool, command: &str) -> Outcome<Protection> {
        match (key_file, passphrase || self.passphrase_file.is_some()) {
            (true, _) => Ok(Protection::KeyFile),
            (false, true) => self.new_passphrase(command).map(Protection::Passphrase),
            (false, false) => Ok(Protection::Auto),
        }
    }

    /// The file that `--passphrase-file` names.
    #[must_use]
    pub fn passphrase_file(&self) -> Option<&std::path::Path> {
        self.passphrase_file.as_deref()
    }

    /// The passphrase for a new profile: the named file, or a person at a terminal who types it twice.
    ///
    /// # Errors
    /// The file cannot be read, nobody is there, or the person typed two different ones.
    fn new_passphrase(&self, command: &str) -> Outcome<Zeroizing<String>> {
        match &self.passphrase_file {
            Some(path) => ask::checked(first_line(path).map_err(|error| ask::unreadable(path, &error))?),
            None => {
                let typed = ask::new_passphrase(&self.command(command))?;
                *self.typed.lock().unwrap_or_else(PoisonError::into_inner) = Some(typed.clone());
                Ok(typed)
            }
        }
    }

    /// What a person types to run `verb` with this profile.
    #[must_use]
    pub fn command(&self, verb: &str) -> String {
        if self.profile.name() == pirushka_client::DEFAULT_PROFILE {
            format!("pirushka {verb}")
        } else {
            format!("pirushka --profile {} {verb}", self.profile.name())
        }
    }
}

/// The first line of a file, as a secret.
///
/// # Errors
/// The file cannot be read.
pub fn first_line(path: &std::path::Path) -> std::io::Result<Zeroizing<String>> {
    let text = Zeroizing::new(std::fs::read_to_string(path)?);
    Ok(Zeroizing::new(text.lines().next().unwrap_or_default().to_owned()))
}
