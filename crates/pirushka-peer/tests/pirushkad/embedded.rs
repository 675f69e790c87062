//! A peer inside this process.

use pirushka_peer::{Config, spawn};

use crate::daemon::listing;
use crate::wire::Client;

fn config(dir: &std::path::Path) -> Config {
    Config { listen: "127.0.0.1:0".parse().unwrap(), data_dir: Some(dir.into()), ..Config::default() }
}

#[test]
fn it_serves_tells_its_totals_stops_and_starts_again_as_the_same_peer() {
    let dir = tempfile::tempdir().unwrap();
    let first = spawn(config(dir.path())).unwrap();
    let (peer_id, boot) = (first.address().peer_id, first.boot());
    assert!(Client::of(&first.address().to_string()).connects());
    assert_eq!(first.status().unwrap().network.handshakes, 1);
    first.stop().unwrap();
    assert_eq!(listing(dir.path()), ["key"]);

    let second = spawn(config(dir.path())).unwrap();
    assert_eq!(second.address().peer_id, peer_id);
    assert_ne!(second.boot(), boot);
    assert!(Client::of(&second.address().to_string()).connects());
    second.kill().unwrap();
    assert_eq!(listing(dir.path()), ["key"]);
}

#[test]
fn two_peers_live_in_one_process_but_not_in_one_folder() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let one = spawn(config(here.path())).unwrap();
    let two = spawn(config(there.path())).unwrap();
    assert_ne!(one.address(), two.address());
    assert_eq!(spawn(config(here.path())).unwrap_err().code, "data_dir.in_use");
    assert!(Client::of(&one.address().to_string()).connects());
    assert!(Client::of(&two.address().to_string()).connects());
}
