//! The Debian packages: what is in them, and that the peer serves by the command line of its own unit. `./test` builds
//! them and says in `$PIRUSHKA_DEBS` where they are.

use std::io::{BufRead as _, BufReader};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::stage::{PATIENCE, Stage, befriend};

/// A package that was built, or a note that it was not.
fn package(name: &str, test: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("PIRUSHKA_DEBS").map(PathBuf::from);
    let packages = folder.and_then(|folder| std::fs::read_dir(folder).ok()).into_iter().flatten();
    let is_meant = |path: &PathBuf| {
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        file.starts_with(&format!("{name}_")) && file.ends_with(".deb")
    };
    let found = packages.filter_map(|entry| Some(entry.ok()?.path())).find(is_meant);
    if found.is_none() {
        pirushka_tests::skipped(test, "the packages were not built");
    }
    found
}

fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The package's files below a folder, and its control files in `DEBIAN` beside them.
fn unpack(package: &Path, into: &Path) {
    let (package, into) = (package.to_str().unwrap(), into.to_str().unwrap());
    said("dpkg-deb", &["-R", package, into]);
}

fn has_files(root: &Path, files: &[&str]) {
    for file in files {
        let file = root.join(file);
        assert!(file.metadata().is_ok_and(|metadata| metadata.len() > 0), "{}", file.display());
    }
}

#[test]
fn the_package_of_the_peer_has_everything_that_an_operator_expects() {
    let Some(package) = package("pirushkad", "the_package_of_the_peer") else { return };
    let stage = Stage::new();
    let root = stage.path();
    unpack(&package, root);
    has_files(
        root,
        &[
            "usr/bin/pirushkad",
            "usr/lib/systemd/system/pirushkad.service",
            "usr/lib/sysusers.d/pirushkad.conf",
            "usr/share/bash-completion/completions/pirushkad",
            "usr/share/zsh/vendor-completions/_pirushkad",
            "usr/share/fish/vendor_completions.d/pirushkad.fish",
            "usr/share/man/man1/pirushkad.1.gz",
            "usr/share/man/man1/pirushkad-doctor.1.gz",
            "usr/share/doc/pirushkad/copyright",
            "usr/share/doc/pirushkad/changelog.Debian.gz",
            "usr/share/doc/pirushkad/OPERATING.md",
        ],
    );
    let read = |file: &str| std::fs::read_to_string(root.join(file)).unwrap();
    assert_eq!(read("DEBIAN/conffiles").trim(), "/etc/pirushkad/pirushkad.toml");
    let configuration = read("etc/pirushkad/pirushkad.toml");
    let active: Vec<&str> =
        configuration.lines().filter(|line| !line.starts_with(['#', '[']) && !line.is_empty()).collect();
    assert_eq!(active, ["data_dir = \"/var/lib/pirushkad\""], "so that root's `pirushkad status` finds the service");
    assert!(read("usr/lib/sysusers.d/pirushkad.conf").starts_with("u pirushkad "));
    let control = read("DEBIAN/control");
    assert!(control.contains("\nVersion: ") && control.contains("libc6"), "{control}");
    for script in ["postinst", "prerm", "postrm"] {
        said("sh", &["-n", root.join("DEBIAN").join(script).to_str().unwrap()]);
    }
    // The key is the peer: only a purge takes it away.
    let postrm = read("DEBIAN/postrm");
    let removes: Vec<&str> = postrm.split("\nfi\n").filter(|block| block.contains("rm -rf")).collect();
    assert!(removes.len() == 1 && removes[0].contains("if [ \"$1\" = purge ]; then\n    rm -rf /var/lib/pirushkad"));
    assert!(
        ["postinst", "prerm"].iter().all(|script| !read(&format!("DEBIAN/{script}")).contains("/var/lib/pirushkad"))
    );
    let unit = root.join("usr/lib/systemd/system/pirushkad.service");
    let unit = std::fs::read_to_string(unit).unwrap();
    for line in ["Type=notify", "NoNewPrivileges=yes", "LimitCORE=0", "LimitMEMLOCK=infinity", "CapabilityBoundingSet="]
    {
        assert!(unit.lines().any(|said| said == line), "{line}");
    }
    lint(&package);
}

/// What Debian's own checker calls an error, where it is installed.
fn lint(package: &Path) {
    match Command::new("lintian").arg("--fail-on=error").arg(package).output() {
        Ok(output) => assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout)),
        Err(_) => pirushka_tests::skipped("the packages are checked by lintian", "lintian is not here"),
    }
}

#[test]
fn the_package_of_the_client_has_its_program_pages_and_completions() {
    let Some(package) = package("pirushka", "the_package_of_the_client") else { return };
    let stage = Stage::new();
    unpack(&package, stage.path());
    has_files(
        stage.path(),
        &[
            "usr/bin/pirushka",
            "usr/share/bash-completion/completions/pirushka",
            "usr/share/zsh/vendor-completions/_pirushka",
            "usr/share/fish/vendor_completions.d/pirushka.fish",
            "usr/share/man/man1/pirushka.1.gz",
            "usr/share/man/man1/pirushka-send.1.gz",
            "usr/share/doc/pirushka/copyright",
        ],
    );
    assert!(said(stage.path().join("usr/bin/pirushka").to_str().unwrap(), &["version"]).starts_with("pirushka "));
    lint(&package);
}

#[test]
fn the_packaged_peer_serves_by_the_command_line_of_its_unit() {
    let Some(package) = package("pirushkad", "the_packaged_peer_serves") else { return };
    let stage = Stage::new();
    let root = stage.path().join("root");
    std::fs::create_dir(&root).unwrap();
    unpack(&package, &root);
    let unit = std::fs::read_to_string(root.join("usr/lib/systemd/system/pirushkad.service")).unwrap();
    let start = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
    // Everything absolute lies in the scratch root.
    let words: Vec<String> = start
        .split(' ')
        .map(|word| if word.starts_with('/') { format!("{}{word}", root.display()) } else { word.to_owned() })
        .collect();
    let socket = stage.path().join("notify");
    let manager = UnixDatagram::bind(&socket).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    // The port is the system's choice, since somebody's peer may have the usual one.
    let mut daemon = Command::new(&words[0])
        .args(&words[1..])
        .args(["--json", "--listen", "127.0.0.1:0"])
        .env_clear()
        .env("PIRUSHKAD_CONFIG", root.join("etc/pirushkad/pirushkad.toml"))
        .envs([("NOTIFY_SOCKET", socket.as_os_str()), ("WATCHDOG_USEC", "30000000".as_ref())])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(daemon.stdout.take().unwrap()).lines().map(Result::unwrap);
    let hello: Value = serde_json::from_str(&lines.next().unwrap()).unwrap();
    let mut news = [0; 1024];
    let n = manager.recv(&mut news).expect("it says that it serves");
    assert!(news[..n].starts_with(b"READY=1\n"), "{}", String::from_utf8_lossy(&news[..n]));
    let people = ["alice", "bob"].map(|name| {
        let person = stage.nobody(name);
        person.ok(&["init", "--name", name, "--peer", hello["address"].as_str().unwrap(), "--key-file"]);
        person
    });
    befriend(&people[0], &people[1]);
    let state = root.join("var/lib/pirushkad");
    let status = said(&words[0], &["status", "--json", "--data-dir", state.to_str().unwrap()]);
    let status: Value = serde_json::from_str(&status).unwrap();
    assert_eq!((&status["clients"]["users"], &status["draining"]), (&2.into(), &false.into()), "{status}");
    drop(people);
    said("kill", &["-TERM", &daemon.id().to_string()]);
    assert!(daemon.wait().unwrap().success());
}

#[test]
fn the_package_installs_and_starts_where_systemd_runs() {
    const TEST: &str = "the_package_installs_and_starts_where_systemd_runs";
    let Some(package) = package("pirushkad", TEST) else { return };
    // Not on somebody's machine, where it would be a real installation, and its removal a real one.
    let is_free = !Path::new("/var/lib/pirushkad").exists() && !Path::new("/etc/pirushkad").exists();
    if !Path::new("/run/systemd/system").exists() || std::env::var_os("CI").is_none() || !is_free {
        return pirushka_tests::skipped(TEST, "systemd does not run here, or this is no CI");
    }
    said("dpkg", &["-i", package.to_str().unwrap()]);
    assert_eq!(said("systemctl", &["is-active", "pirushkad"]).trim(), "active");
    let status: Value = serde_json::from_str(&said("pirushkad", &["status", "--json"])).unwrap();
    assert_eq!(status["draining"], false);
    said("systemctl", &["reload", "pirushkad"]);
    said("dpkg", &["--purge", "pirushkad"]);
    assert!(!Path::new("/var/lib/pirushkad").exists());
}
