//! Engines that are killed again and again at random moments while two people write to each other.

use std::process::{Child, Command};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::stage::{Following, Person, Stage, text_of};

/// Receipts that were lost with an engine are asked for again after half a minute.
const PATIENCE: Duration = Duration::from_secs(100);

#[test]
fn whoever_is_killed_at_whatever_moment_nothing_is_lost_and_nothing_is_shown_twice() {
    let stage = Stage::new();
    let (_one, _two, alice, bob) = stage.two_friends();
    let people = [&alice, &bob];
    let mut listening = people.map(Listener::new);
    let mut dice = number("PIRUSHKA_CRASH_SEED", 0);
    let mut roll = move |limit: u64| {
        dice = dice.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        (dice >> 33) % limit
    };
    let (mut promised, mut refused) = ([vec![], vec![]], 0);
    let rounds = 80 * number("PIRUSHKA_CRASH_TIMES", 1);
    for round in 0..rounds {
        let victim = people[roll(2) as usize].engine_pid();
        let texts = [0, 1].map(|n| format!("{} {round} {}", people[n].name, "x".repeat(roll(3000) as usize)));
        let sending = [0, 1].map(|n| send(people[n], people[1 - n], &texts[n]));
        spin(Duration::from_micros(roll(60_000)));
        assert!(Command::new("kill").args(["-9", &victim.to_string()]).status().unwrap().success());
        for (n, (child, text)) in sending.into_iter().zip(texts).enumerate() {
            let output = child.wait_with_output().unwrap();
            if output.status.success() {
                promised[n].push(text);
            } else {
                refused += 1;
            }
        }
        listening.iter_mut().for_each(Listener::go_on);
    }
    let begun = Instant::now();
    // What was not promised may have come to the disk all the same, and then it arrives too.
    while (0..2).any(|n| sent(people[n]) != received(people[1 - n])) {
        assert!(begun.elapsed() < PATIENCE, "{:?} {:?}", people.map(sent), people.map(received));
        std::thread::sleep(Duration::from_millis(200));
    }
    for n in 0..2 {
        let (sent, received) = (sent(people[n]), received(people[1 - n]));
        let mut rest = sent.iter();
        assert!(promised[n].iter().all(|text| rest.any(|other| other == text)), "all that was promised, in its order");
        listening[1 - n].is_shown(&received);
        let mut different = received.clone();
        different.sort();
        different.dedup();
        assert_eq!(different.len(), received.len(), "nothing twice");
    }
    println!("{rounds} kills: {} texts promised and shown once, {refused} commands refused", promised.concat().len());
}

/// Somebody who listens all the time: `recv --follow` gives up when engines die one after another, and is then begun anew.
struct Listener<'a> {
    person: &'a Person,
    following: Following,
    shown: Vec<String>,
    /// The last text that one showed that has given up: the engine did not learn any more that it was shown.
    owed: Option<String>,
}

impl<'a> Listener<'a> {
    fn new(person: &'a Person) -> Self {
        Self { person, following: person.follow(&["recv", "--follow"]), shown: vec![], owed: None }
    }

    fn go_on(&mut self) {
        if self.following.child.try_wait().unwrap().is_none() {
            return;
        }
        let rest = self.following.lines.rest();
        rest.iter().for_each(|object| self.take(object));
        self.owed = self.shown.last().cloned();
        self.following = self.person.follow(&["recv", "--follow"]);
    }

    fn take(&mut self, object: &Value) {
        if object["type"] == "message" {
            let (text, owed) = (text_of(object), self.owed.take());
            self.shown.extend((owed.as_ref() != Some(&text)).then_some(text));
        }
    }

    /// It has shown these, each once, in this order.
    fn is_shown(&mut self, texts: &[String]) {
        while self.shown.len() < texts.len() {
            match self.following.lines.next_or_end("the texts") {
                Some(object) => self.take(&object),
                None => {
                    self.following.child.wait().unwrap();
                    self.go_on();
                }
            }
        }
        assert_eq!(self.shown, texts);
    }
}

fn send(from: &Person, to: &Person, text: &str) -> Child {
    from.command(&["send", &to.name, text, "--wait", "queued", "--json"]).spawn().unwrap()
}

fn sent(person: &Person) -> Vec<String> {
    history(person, true)
}

fn received(person: &Person) -> Vec<String> {
    history(person, false)
}

/// The texts of the only conversation, one way.
fn history(person: &Person, is_outgoing: bool) -> Vec<String> {
    let other = if person.name == "alice" { "bob" } else { "alice" };
    let ended = person.json(&["chat", "export", other]);
    let is_wanted = |object: &&Value| object["type"] == "message" && object["outgoing"] == is_outgoing;
    ended.objects().iter().filter(is_wanted).map(text_of).collect()
}

/// Waits awake, so that the moment is any.
fn spin(time: Duration) {
    let begun = Instant::now();
    while begun.elapsed() < time {
        std::hint::spin_loop();
    }
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}
