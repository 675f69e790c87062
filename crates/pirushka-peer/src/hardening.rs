//! What keeps the peer's memory away from disks and from other programs.
//!
//! Everything here is about the whole process, so it is done by the program and not by [`crate::spawn`]. What the system
//! refuses becomes a warning: a peer in a container still serves.

/// What could not be done and what to do about it.
pub(crate) type Warnings = Vec<String>;

/// Forbids core dumps and debuggers, and locks the memory if `lock_memory`.
pub(crate) fn apply(lock_memory: bool) -> Warnings {
    let mut warnings = Warnings::new();
    #[cfg(unix)]
    no_core_dumps(&mut warnings);
    #[cfg(target_os = "linux")]
    linux::apply(lock_memory, &mut warnings);
    #[cfg(not(target_os = "linux"))]
    if lock_memory {
        warnings.push("memory is not locked on this system, so parts of it may be written to swap".into());
    }
    warnings
}

/// How many bytes a process may lock (`None`: all), and whether it may lock all in spite of that.
#[cfg(target_os = "linux")]
pub(crate) fn lock_rights() -> (Option<u64>, bool) {
    use rustix::process::{Resource, getrlimit};
    let limit = getrlimit(Resource::Memlock);
    // A peer raises the soft limit by itself.
    (limit.maximum, linux::has_lock_capability())
}

/// Elsewhere memory is not locked.
#[cfg(not(target_os = "linux"))]
pub(crate) fn lock_rights() -> (Option<u64>, bool) {
    (Some(0), false)
}

#[cfg(unix)]
fn no_core_dumps(warnings: &mut Warnings) {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    if let Err(error) = setrlimit(Resource::Core, none) {
        warnings.push(format!("core dumps could not be forbidden ({error})"));
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use rustix::mm::{MlockAllFlags, mlockall};
    use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};
    use rustix::thread::{CapabilitySet, capabilities};

    use super::Warnings;

    pub(super) fn apply(lock_memory: bool, warnings: &mut Warnings) {
        if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
            warnings.push(format!("debuggers could not be kept away ({error})"));
        }
        if lock_memory && !try_to_lock() {
            warnings.push(
                "memory is not locked, so parts of it may be written to swap: allow it (LimitMEMLOCK=infinity in the \
                 unit, or ulimit -l unlimited), or say process.lock_memory = false"
                    .into(),
            );
        }
    }

    /// Locking under a limit would make a later allocation fail, and a failed allocation ends the process: so only where
    /// there is no limit. Pages are locked as they are first used; reserved ones cost nothing.
    fn try_to_lock() -> bool {
        is_unlimited() && mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT).is_ok()
    }

    pub(super) fn has_lock_capability() -> bool {
        capabilities(None).is_ok_and(|sets| sets.effective.contains(CapabilitySet::IPC_LOCK))
    }

    fn is_unlimited() -> bool {
        if has_lock_capability() {
            return true;
        }
        let limit = getrlimit(Resource::Memlock);
        if limit.maximum.is_none() && limit.current.is_some() {
            let _ = setrlimit(Resource::Memlock, Rlimit { current: None, maximum: None });
        }
        getrlimit(Resource::Memlock).current.is_none()
    }
}
