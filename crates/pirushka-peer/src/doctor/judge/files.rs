//! The folder and the key in it: who can read them, who can replace them.

use std::path::PathBuf;

use crate::doctor::Finding;
use crate::failure::Failure;
use crate::key::remedy_for_wide;

/// Folder and key.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    pub(crate) dir: PathBuf,
    /// `None`: there is none yet.
    pub(crate) folder: Result<Option<Owned>, String>,
    /// `None`: there is none yet.
    pub(crate) key: Result<Option<Owned>, String>,
    /// What reading the key says.
    pub(crate) content: Result<(), Failure>,
    /// Who asks.
    pub(crate) me: u32,
    /// Whom the running peer belongs to.
    pub(crate) runs_as: Option<u32>,
}

/// Whose something is, and who else may do what.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Owned {
    pub(crate) user: u32,
    pub(crate) mode: u32,
}

impl Files {
    /// Whom the files should belong to: the running peer's user; for root, who looks at a service, the folder's owner;
    /// else whoever asks.
    fn user(&self) -> u32 {
        let of_folder = || self.folder.as_ref().ok().copied().flatten().map(|folder| folder.user);
        self.runs_as.or_else(|| if self.me == 0 { of_folder() } else { None }).unwrap_or(self.me)
    }

    fn is_for_somebody_else(&self) -> bool {
        self.me != 0 && self.user() != self.me
    }
}

pub(super) fn folder(facts: &Files) -> Finding {
    let place = Place { check: "data folder", path: facts.dir.display().to_string() };
    let folder = match &facts.folder {
        Ok(Some(folder)) => folder,
        Ok(None) => return place.fine("is not there yet; the first start makes it"),
        Err(error) => return place.unseen(error),
    };
    let user = facts.user();
    if folder.mode & 0o022 != 0 {
        let fix = remedy_for_wide(&facts.dir, folder.mode);
        return place.wide(folder, "others may write to it, so they could replace the key", fix);
    }
    if folder.user != 0 && folder.user != user {
        return place.foreign(folder, user, "its owner could replace the key; the peer refuses to start");
    }
    place.fine("is for its owner only to write to")
}

pub(super) fn key(facts: &Files) -> Finding {
    const CHECK: &str = "key";
    let place = Place { check: CHECK, path: facts.dir.join(crate::KEY_NAME).display().to_string() };
    let key = match &facts.key {
        Ok(Some(key)) => key,
        Ok(None) => return Finding::fine(CHECK, "there is none yet; the first start makes one"),
        Err(_) if facts.is_for_somebody_else() => {
            return Finding::not_applicable(CHECK, "only the peer's own user and root may look at it");
        }
        Err(error) => return place.unseen(error),
    };
    let user = facts.user();
    if key.mode & 0o077 != 0 {
        let fix = format!("chmod 600 {}", place.path);
        return place.wide(key, "others may read it, and whoever has the key can pretend to be this peer", fix);
    }
    if key.user != user && user != 0 {
        return place.foreign(key, user, "the peer cannot read it");
    }
    match &facts.content {
        Ok(()) => place.fine("is whole and for its owner only; keep a copy elsewhere"),
        Err(_) if facts.is_for_somebody_else() => {
            Finding::not_applicable(CHECK, "only the peer's own user and root may read it")
        }
        Err(failure) => Finding::problem(CHECK, &failure.what, &failure.cause, &failure.remedy),
    }
}

/// What can be said of a folder and of a file alike.
struct Place {
    check: &'static str,
    path: String,
}

impl Place {
    fn fine(&self, what: &str) -> Finding {
        Finding::fine(self.check, format!("{} {what}", self.path))
    }

    fn unseen(&self, error: &str) -> Finding {
        let what = format!("cannot look at {}: {error}", self.path);
        let fix = "ask as the user who runs the peer, or as root";
        Finding::problem(self.check, what, "without its key no peer starts", fix)
    }

    fn wide(&self, owned: &Owned, why: &str, fix: String) -> Finding {
        let what = format!("{} has mode {:04o}", self.path, owned.mode);
        Finding::problem(self.check, what, format!("{why}; the peer refuses to start"), fix)
    }

    fn foreign(&self, owned: &Owned, user: u32, why: &str) -> Finding {
        let what = format!("{} belongs to user {}, the peer runs as user {user}", self.path, owned.user);
        Finding::problem(self.check, what, why, format!("chown {user} {}", self.path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict::{Fine, NotApplicable, Problem};

    const ME: u32 = 1000;
    const SERVICE: u32 = 990;

    fn owned(user: u32, mode: u32) -> Result<Option<Owned>, String> {
        Ok(Some(Owned { user, mode }))
    }

    fn good() -> Files {
        Files {
            dir: "/d".into(),
            folder: owned(ME, 0o700),
            key: owned(ME, 0o600),
            content: Ok(()),
            me: ME,
            runs_as: None,
        }
    }

    #[test]
    fn a_folder_that_others_may_change_is_a_problem() {
        assert_eq!(folder(&good()).verdict, Fine);
        let wide = Files { folder: owned(ME, 0o770), ..good() };
        assert_eq!((folder(&wide).verdict, folder(&wide).fix.as_str()), (Problem, "chmod go-w /d"));
        let foreign = Files { folder: owned(4321, 0o700), ..good() };
        assert_eq!((folder(&foreign).verdict, folder(&foreign).fix.as_str()), (Problem, "chown 1000 /d"));
        let hidden = Files { folder: Err("Permission denied".into()), ..good() };
        assert_eq!(folder(&hidden).verdict, Problem);
        let none = Files { folder: Ok(None), key: Ok(None), ..good() };
        assert_eq!((folder(&none).verdict, key(&none).verdict), (Fine, Fine));
    }

    #[test]
    fn a_key_that_others_may_read_or_its_peer_may_not_is_a_problem() {
        assert_eq!(key(&good()).verdict, Fine);
        let wide = Files { key: owned(ME, 0o644), ..good() };
        assert_eq!((key(&wide).verdict, key(&wide).fix.as_str()), (Problem, "chmod 600 /d/key"));
        // Made by root before the service first started.
        let roots = Files { folder: owned(SERVICE, 0o700), key: owned(0, 0o600), me: 0, ..good() };
        assert_eq!((key(&roots).verdict, key(&roots).fix.as_str()), (Problem, "chown 990 /d/key"));
        let damaged = Failure::configuration("key.damaged", "the key file is damaged", "it is not text", "put it back");
        let damaged = Files { content: Err(damaged), ..good() };
        assert_eq!((key(&damaged).verdict, key(&damaged).fix.as_str()), (Problem, "put it back"));
        let hidden = Files { key: Err("Permission denied".into()), ..good() };
        assert_eq!(key(&hidden).verdict, Problem);
    }

    #[test]
    fn root_looks_at_a_service_with_the_eyes_of_the_service() {
        let service = Files { folder: owned(SERVICE, 0o700), key: owned(SERVICE, 0o600), me: 0, ..good() };
        assert_eq!((folder(&service).verdict, key(&service).verdict), (Fine, Fine));
        let running = Files { runs_as: Some(SERVICE), ..service };
        assert_eq!((folder(&running).verdict, key(&running).verdict), (Fine, Fine));
    }

    #[test]
    fn what_somebody_else_may_not_see_is_not_held_against_the_peer() {
        let seen = Files { runs_as: Some(SERVICE), folder: owned(SERVICE, 0o700), key: Err("denied".into()), ..good() };
        assert_eq!((folder(&seen).verdict, key(&seen).verdict), (Fine, NotApplicable));
    }
}
