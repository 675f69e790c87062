//! The crate's promises on real sockets over loopback.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use pirushka_udp::{Batch, BindError, Interest, Options, Sleeper, UdpSocket, Waker, wait};

fn any(ip: &str) -> UdpSocket {
    let local = SocketAddr::new(ip.parse().unwrap(), 0);
    UdpSocket::bind(local, &Options::default()).unwrap()
}

/// Receives until `wanted` datagrams are there or two seconds have passed.
fn collect(socket: &UdpSocket, sleeper: &Sleeper, wanted: usize) -> Vec<(SocketAddr, Vec<u8>)> {
    let mut batch = Batch::for_socket(socket);
    let mut got = Vec::new();
    let end = Instant::now() + Duration::from_secs(2);
    while got.len() < wanted && Instant::now() < end {
        wait(socket, sleeper, Interest::default(), Some(end - Instant::now())).unwrap();
        while socket.receive(&mut batch).unwrap() {
            got.extend(batch.datagrams().map(|(remote, bytes)| (remote, bytes.to_vec())));
        }
    }
    got
}

#[test]
fn a_train_arrives_as_the_datagrams_it_was_made_of() {
    let (a, b) = (any("127.0.0.1"), any("127.0.0.1"));
    let (_waker, sleeper) = Waker::pair().unwrap();
    let train: Vec<u8> = (0..100u8).flat_map(|i| [i; 1000]).chain([200; 37]).collect();
    assert_eq!(a.send(b.local_addr(), &train, Some(1000)).unwrap(), train.len());

    let got = collect(&b, &sleeper, 101);
    assert_eq!(got.len(), 101);
    for (i, (remote, bytes)) in got.iter().enumerate().take(100) {
        assert_eq!((*remote, bytes), (a.local_addr(), &vec![i as u8; 1000]));
    }
    assert_eq!(got[100].1, [200; 37]);
}

#[test]
fn many_remotes_are_received_in_one_batch_and_empty_datagrams_are_left_out() {
    let b = any("127.0.0.1");
    let (_waker, sleeper) = Waker::pair().unwrap();
    let senders: Vec<_> = (0..40).map(|_| std::net::UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
    for (i, sender) in senders.iter().enumerate() {
        sender.send_to(&[], b.local_addr()).unwrap();
        sender.send_to(&[i as u8; 300], b.local_addr()).unwrap();
    }
    let got = collect(&b, &sleeper, 40);
    let remotes: Vec<_> = got.iter().map(|(remote, _)| *remote).collect();
    assert_eq!(remotes, senders.iter().map(|s| s.local_addr().unwrap()).collect::<Vec<_>>());
}

#[test]
fn a_socket_for_both_families_shows_ipv4_remotes_as_ipv4() {
    let Ok(b) = UdpSocket::bind("[::]:0".parse().unwrap(), &Options::default()) else {
        eprintln!("skipped: no IPv6 here");
        return;
    };
    let a = any("127.0.0.1");
    let (_waker, sleeper) = Waker::pair().unwrap();
    a.send(SocketAddr::new("127.0.0.1".parse().unwrap(), b.local_addr().port()), b"hello", None).unwrap();
    let got = collect(&b, &sleeper, 1);
    assert_eq!(got, [(a.local_addr(), b"hello".to_vec())]);
    b.send(a.local_addr(), b"back", None).unwrap();
    assert_eq!(collect(&a, &sleeper, 1)[0].1, b"back");
}

#[test]
fn a_closed_remote_does_not_harm_the_socket() {
    let a = any("127.0.0.1");
    let (_waker, sleeper) = Waker::pair().unwrap();
    let gone = any("127.0.0.1").local_addr();
    for _ in 0..3 {
        let _ = a.send(gone, b"anybody?", None);
    }
    let b = any("127.0.0.1");
    b.send(a.local_addr(), b"still here", None).unwrap();
    assert_eq!(collect(&a, &sleeper, 1)[0].1, b"still here");
}

#[test]
fn an_impossible_remote_is_an_error_of_that_send_only() {
    let (a, b) = (any("127.0.0.1"), any("127.0.0.1"));
    let (_waker, sleeper) = Waker::pair().unwrap();
    assert!(a.send("127.0.0.1:0".parse().unwrap(), b"nowhere", None).is_err());
    assert_eq!(a.send(b.local_addr(), b"somewhere", None).unwrap(), 9);
    assert_eq!(collect(&b, &sleeper, 1)[0].1, b"somewhere");
}

#[test]
fn a_call_from_another_thread_ends_the_wait_once() {
    let socket = any("127.0.0.1");
    let (waker, sleeper) = Waker::pair().unwrap();
    let caller = std::thread::spawn(move || {
        for _ in 0..10_000 {
            waker.wake();
        }
        waker
    });
    assert!(wait(&socket, &sleeper, Interest::default(), Some(Duration::from_secs(5))).unwrap().woken);
    let _waker = caller.join().unwrap();
    while wait(&socket, &sleeper, Interest::default(), Some(Duration::ZERO)).unwrap().woken {}
    assert!(!wait(&socket, &sleeper, Interest::default(), Some(Duration::from_millis(1))).unwrap().woken);
}

#[test]
fn a_taken_port_and_a_foreign_address_are_named() {
    let taken = any("127.0.0.1");
    let bind = |addr| UdpSocket::bind(addr, &Options::default());
    assert!(matches!(bind(taken.local_addr()), Err(BindError::InUse(_))));
    assert!(matches!(bind("192.0.2.1:0".parse().unwrap()), Err(BindError::NotOurs(_))));
}

#[test]
fn sharing_a_port_is_possible_only_when_asked_for() {
    let options = Options { share_port: true, ..Options::default() };
    let one = UdpSocket::bind("127.0.0.1:0".parse().unwrap(), &options).unwrap();
    assert!(UdpSocket::bind(one.local_addr(), &options).is_ok());
    assert!(matches!(UdpSocket::bind(one.local_addr(), &Options::default()), Err(BindError::InUse(_))));
}

#[test]
fn what_the_system_grants_is_reported() {
    let options = Options { receive_buffer: 64 << 10, send_buffer: 64 << 10, share_port: false };
    let socket = UdpSocket::bind("127.0.0.1:0".parse().unwrap(), &options).unwrap();
    assert_eq!(socket.granted().receive_buffer, 64 << 10);
    assert_eq!(socket.granted().send_buffer, 64 << 10);
}

#[test]
fn datagrams_to_many_remotes_go_in_order_and_a_remote_that_fails_stops_only_itself() {
    let a = any("127.0.0.1");
    let (_waker, sleeper) = Waker::pair().unwrap();
    let remotes: Vec<_> = (0..70).map(|_| any("127.0.0.1")).collect();
    let bytes: Vec<_> = (0..70u8).map(|i| vec![i; 100 + usize::from(i)]).collect();
    let mut all: Vec<_> = remotes.iter().zip(&bytes).map(|(r, b)| (r.local_addr(), b.as_slice())).collect();
    assert_eq!(a.send_each(&all).unwrap(), 70);
    for (remote, bytes) in remotes.iter().zip(&bytes) {
        assert_eq!(collect(remote, &sleeper, 1), [(a.local_addr(), bytes.clone())]);
    }
    assert_eq!(a.send_each(&[]).unwrap(), 0);

    // Port 0 is nobody's.
    all[40].0.set_port(0);
    assert_eq!(a.send_each(&all).unwrap(), 40);
    assert!(a.send_each(&all[40..]).is_err());
    assert_eq!(a.send_each(&all[41..]).unwrap(), 29);
}

#[test]
#[cfg(target_os = "linux")]
fn who_has_several_addresses_says_from_which_and_learns_to_which() {
    let (a, b) = (any("0.0.0.0"), any("127.0.0.1"));
    let (_waker, sleeper) = Waker::pair().unwrap();
    let local = "127.0.0.7".parse().unwrap();
    a.send_from(Some(local), b.local_addr(), &[1; 10], None).unwrap();
    let (remote, _) = collect(&b, &sleeper, 1).remove(0);
    assert_eq!(remote, SocketAddr::new(local, a.local_addr().port()));

    b.send(remote, &[2; 20], None).unwrap();
    let mut batch = Batch::for_socket(&a);
    wait(&a, &sleeper, Interest::default(), Some(Duration::from_secs(2))).unwrap();
    assert!(a.receive(&mut batch).unwrap());
    let told: Vec<_> = batch.arrivals().map(|arrival| (arrival.remote, arrival.local)).collect();
    assert_eq!(told, [(b.local_addr(), Some(local))]);
}
