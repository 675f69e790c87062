//! The demo: every step holds, and it leaves nothing behind.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::stage::{Stage, until};

#[test]
fn every_step_of_the_demo_holds_and_no_process_stays() {
    let stage = Stage::new();
    let nobody = stage.nobody("nobody");
    let ended = nobody.json(&["demo"]);
    let steps = ended.objects();
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(steps.iter().all(|step| step["v"] == 1 && step["ok"] == true), "{steps:?}");
    let names: Vec<_> = steps.iter().filter_map(|step| step["step"].as_str()).collect();
    let expected = [
        "peers",
        "people",
        "first_contact",
        "code",
        "there",
        "back",
        "away",
        "restart",
        "returned",
        "dead_peer",
        "one_peer",
    ];
    assert_eq!(names, expected);
    let took = steps.last().unwrap()["took_us"].as_u64().unwrap();
    eprintln!("the demo took {} ms", took / 1000);
    let engines = steps[1]["alice"]["engine"].as_u64();
    assert!(engines.is_some_and(|pid| !is_alive(pid)), "the engine of the demo has ended");
}

#[test]
fn an_interrupted_demo_ends_every_process_that_it_started() {
    let stage = Stage::new();
    let nobody = stage.nobody("nobody");
    let mut child = nobody.command(&["demo", "--json"]).spawn().unwrap();
    let pid = child.id();
    let children = |pid: u32| -> Vec<u64> {
        let list = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        list.split_whitespace().filter_map(|word| word.parse().ok()).collect()
    };
    until("the first processes", || children(pid).len() >= 3 || child.try_wait().unwrap().is_some());
    let started = children(pid);
    let interrupt = std::process::Command::new("kill").args(["-INT", &pid.to_string()]).status().unwrap();
    assert!(interrupt.success());
    let start = Instant::now();
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(130));
    assert!(start.elapsed() < Duration::from_secs(5));
    until("the end of all", || started.iter().all(|&pid| !is_alive(pid)));
}

#[test]
fn a_demo_that_cannot_be_shown_fails_and_cleans_up() {
    let stage = Stage::new();
    let nobody = stage.nobody("nobody");
    let temp = stage.path().join("temp");
    std::fs::create_dir(&temp).unwrap();
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let ended = nobody.command(&["demo"]).env("TMPDIR", &temp).stdout(full).output().unwrap();
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    let left: Vec<_> = std::fs::read_dir(&temp).unwrap().flatten().map(|entry| entry.file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().starts_with("pirushka-demo-")), "{left:?}");
}

fn is_alive(pid: u64) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}

#[test]
fn the_demo_tells_its_story_in_both_languages() {
    let stage = Stage::new();
    let nobody = stage.nobody("nobody");
    let shown = nobody.plain(&["--lang", "ru", "demo"]);
    assert_eq!(shown.code, 0, "{shown:?}");
    for word in ["Алиса", "✓", "в очереди", "прочитано"] {
        assert!(shown.stdout.contains(word), "{word}: {}", shown.stdout);
    }
    let _: Vec<Value> = Vec::new();
}
