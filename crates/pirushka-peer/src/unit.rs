//! The systemd unit: a service that may do what a peer does and nothing else.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Where services keep their state.
const STATE_ROOT: &str = "/var/lib";
/// Ports below this one are for those with a capability.
const PORT_UNPRIVILEGED_MIN: u16 = 1024;

/// What differs from machine to machine.
#[derive(Debug, Clone)]
pub(crate) struct Unit {
    /// The program, absolute.
    pub(crate) program: PathBuf,
    /// The configuration file, when it is not where the program looks by itself.
    pub(crate) config: Option<PathBuf>,
    /// The folder of the key, absolute.
    pub(crate) data_dir: PathBuf,
    /// The user that the service runs as.
    pub(crate) user: String,
    /// The port that it listens on.
    pub(crate) port: u16,
    /// What the service is told beside configuration and folder.
    pub(crate) arguments: Vec<String>,
}

impl Unit {
    /// The unit file.
    pub(crate) fn render(&self) -> String {
        let mut out = String::from(HEAD);
        let _ = writeln!(out, "User={}\n{}", self.user, self.state());
        let _ = writeln!(out, "ExecStart={}", self.command());
        out.push_str(REST);
        // No capability at all, unless the port asks for one.
        let _ = match (1..PORT_UNPRIVILEGED_MIN).contains(&self.port) {
            true => write!(
                out,
                "CapabilityBoundingSet=CAP_NET_BIND_SERVICE\nAmbientCapabilities=CAP_NET_BIND_SERVICE\n{TAIL}"
            ),
            false => write!(out, "CapabilityBoundingSet=\n{TAIL}"),
        };
        out
    }

    fn command(&self) -> String {
        // Variables are not looked for in the program's name, so a dollar stays one there.
        let mut command = format!("{} run", argument(&text(&self.program)).replace("$$", "$"));
        if let Some(config) = &self.config {
            let _ = write!(command, " --config {}", argument(&text(config)));
        }
        let _ = write!(command, " --data-dir {}", argument(&text(&self.data_dir)));
        for word in &self.arguments {
            let _ = write!(command, " {}", argument(word));
        }
        command
    }

    /// A folder below the usual place is made and owned by the service manager; another one is opened in the sandbox.
    fn state(&self) -> String {
        // A colon has a meaning of its own there.
        let is_simple = |c: char| is_plain(c) && c != ':' || " %".contains(c);
        let below = self.data_dir.strip_prefix(STATE_ROOT).ok().map(text);
        match below.filter(|below| !below.is_empty() && below.chars().all(is_simple)) {
            Some(below) => format!("StateDirectory={}\nStateDirectoryMode=0700", path(&below)),
            None => format!("ReadWritePaths={}", path(&text(&self.data_dir))),
        }
    }

    /// A path that no unit can name, and why.
    pub(crate) fn impossible(&self) -> Option<(&Path, &'static str)> {
        let paths = [Some(&self.program), self.config.as_ref(), Some(&self.data_dir)];
        paths.into_iter().flatten().find_map(|path| match path.to_str() {
            None => Some((path.as_path(), "it is not text (UTF-8)")),
            Some(text) if text.contains(char::is_control) => Some((path, "there is a control character in it")),
            Some(text) if text.contains('"') && text.contains('\'') => {
                Some((path, "there are quotes of both kinds in it"))
            }
            Some(_) => None,
        })
    }

    /// What keeps the service from starting, with the remedy.
    pub(crate) fn trouble(&self) -> Option<String> {
        let hidden = |path: &Path| ["/home", "/root", "/run/user"].iter().any(|folder| path.starts_with(folder));
        let files = [Some(&self.program), self.config.as_ref(), Some(&self.data_dir)];
        let path = files.into_iter().flatten().find(|path| hidden(path))?;
        Some(format!(
            "{} lies in a home folder, which the service cannot see. Put the program into /usr/local/bin (sudo install \
             -m 755), the configuration into /etc/pirushkad and the data into /var/lib/pirushkad, and name them: \
             pirushkad unit --program FILE --config FILE --data-dir DIR",
            path.display()
        ))
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

fn is_plain(c: char) -> bool {
    c.is_alphanumeric() || "/._-+@:,=".contains(c)
}

/// One word of a command: quoted where it must be, and nothing in it is expanded.
fn argument(text: &str) -> String {
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    let escaped: String = text
        .chars()
        .map(|c| match c {
            '%' => "%%".to_owned(),
            '$' => "$$".to_owned(),
            '"' | '\\' => format!("\\{c}"),
            c => c.to_string(),
        })
        .collect();
    format!("\"{escaped}\"")
}

/// A path in a setting that takes paths: there a backslash is only that, and a dollar too.
fn path(text: &str) -> String {
    let escaped = text.replace('%', "%%");
    match text.chars().all(is_plain) {
        true => escaped,
        false if text.contains('"') => format!("'{escaped}'"),
        false => format!("\"{escaped}\""),
    }
}

const HEAD: &str = "\
[Unit]
Description=Pirushka peer
Documentation=man:pirushkad(1)
# An address that the network has not given yet cannot be listened on.
Wants=network-online.target
After=network-online.target

[Service]
# It says by itself when it serves, how it does, and that it stops; a peer whose loop stands still is started again.
Type=notify
NotifyAccess=main
WatchdogSec=30s
Restart=on-failure
RestartSec=5s
# A command line that makes no sense makes no more sense the next time.
RestartPreventExitStatus=2
# A stopping peer hands out what it holds; while it does, it asks for more time than this by itself.
TimeoutStopSec=30s
ExecReload=/bin/kill -HUP $MAINPID
";

const REST: &str = "
# What it holds is in memory only: never in swap, never in a core dump.
LimitMEMLOCK=infinity
MemorySwapMax=0
LimitCORE=0

# Everything that a peer does not need is taken away.
UMask=0077
NoNewPrivileges=yes
";

const TAIL: &str = "\
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectControlGroups=yes
ProtectProc=invisible
ProcSubset=pid
KeyringMode=private
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged
SystemCallErrorNumber=EPERM
TasksMax=64

[Install]
WantedBy=multi-user.target
";

#[cfg(test)]
mod tests {
    use super::*;

    fn unit() -> Unit {
        Unit {
            program: "/usr/bin/pirushkad".into(),
            config: None,
            data_dir: "/var/lib/pirushkad".into(),
            user: "pirushkad".into(),
            port: 7117,
            arguments: Vec::new(),
        }
    }

    #[test]
    fn the_unit_is_what_it_was() {
        insta::assert_snapshot!(unit().render());
    }

    #[test]
    fn a_low_port_gets_the_one_capability_that_it_needs_and_no_other() {
        let low = Unit { port: 443, ..unit() }.render();
        assert!(
            low.contains("\nCapabilityBoundingSet=CAP_NET_BIND_SERVICE\nAmbientCapabilities=CAP_NET_BIND_SERVICE\n")
        );
        for port in [0, 1024, 7117] {
            let unit = Unit { port, ..unit() }.render();
            assert!(unit.contains("\nCapabilityBoundingSet=\n") && !unit.contains("Ambient"), "{port}");
        }
    }

    #[test]
    fn paths_are_taken_as_they_are_whatever_is_in_them() {
        let odd = Unit { config: Some("/etc/my peer/100%.toml".into()), data_dir: r#"/srv/a"b$c\d"#.into(), ..unit() };
        let text = odd.render();
        let command = "\nExecStart=/usr/bin/pirushkad run --config \"/etc/my peer/100%%.toml\" --data-dir \
                       \"/srv/a\\\"b$$c\\\\d\"\n";
        assert!(text.contains(command), "{text}");
        assert!(text.contains("\nReadWritePaths='/srv/a\"b$c\\d'\n") && !text.contains("StateDirectory"), "{text}");
        let spaced = Unit { data_dir: "/var/lib/my peer/100%".into(), program: "/opt/a$b/p".into(), ..unit() }.render();
        assert!(spaced.contains("\nStateDirectory=\"my peer/100%%\"\n"), "{spaced}");
        assert!(spaced.contains("\nExecStart=\"/opt/a$b/p\" run --data-dir \"/var/lib/my peer/100%%\"\n"), "{spaced}");
        let colon = Unit { data_dir: "/var/lib/a:b".into(), ..unit() }.render();
        assert!(colon.contains("\nReadWritePaths=/var/lib/a:b\n"), "{colon}");
        let told = Unit { arguments: vec!["--set".into(), "messages.hold=3 days".into()], ..unit() }.render();
        assert!(told.contains("/pirushkad --set \"messages.hold=3 days\"\n"), "{told}");
    }

    #[test]
    fn a_path_that_no_unit_can_name_is_found() {
        assert_eq!(unit().impossible(), None);
        for bad in ["/srv/a\nUser=root", "/srv/a\"b'c"] {
            let unit = Unit { data_dir: bad.into(), ..unit() };
            assert_eq!(unit.impossible().unwrap().0, Path::new(bad));
        }
    }

    #[test]
    fn what_the_sandbox_hides_is_said_before_the_service_fails() {
        assert_eq!(unit().trouble(), None);
        let at_home = Unit { program: Path::new("/home").join("o/.cargo/bin/pirushkad"), ..unit() };
        assert!(at_home.trouble().unwrap().contains("lies in a home folder"));
    }
}
