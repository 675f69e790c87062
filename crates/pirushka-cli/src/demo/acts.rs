//! The steps of the demo, in order. Each checks what it shows; none waits for a fixed time.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::show::Step;
use super::stage::{PATIENCE, Person, Stage};
use crate::fault::{Exit, Fault, Outcome};
use crate::lang::text;
use crate::when;

/// Two peers, nothing in their memory.
pub async fn peers(stage: &mut Stage, step: &mut Step) -> Outcome {
    stage.start_peer(|stage| &mut stage.peer_1).await?;
    stage.start_peer(|stage| &mut stage.peer_2).await?;
    for (peer, serves) in [(&stage.peer_1, "alice"), (&stage.peer_2, "bob")] {
        let pid = peer.pid().unwrap_or_default().to_string();
        step.line(peer.name, text("demo.peer", &[("place", &peer.place()), ("pid", &pid), ("serves", serves)]));
        step.field(&peer.name.replace(' ', "_"), peer.address.clone());
    }
    Ok(())
}

/// Each person has a key pair, a certificate and an address, made here and known to nobody.
pub async fn people(stage: &mut Stage, step: &mut Step) -> Outcome {
    let homes = [stage.peer_1.address.clone(), stage.peer_2.address.clone()];
    for (person, home) in [&mut stage.alice, &mut stage.bob].into_iter().zip(homes) {
        let made = person.run(&["init", "--name", person.name, "--peer", &home, "--key-file"]).await?;
        person.start_engine().await?;
        let address = made["address"].as_str().unwrap_or_default().to_owned();
        let engine = person.pid().unwrap_or_default();
        must(address.contains(made["fingerprint"].as_str().unwrap_or("?")), "the address names the fingerprint")?;
        step.line(person.name, &address);
        step.field(person.name, json!({ "address": address, "fingerprint": made["fingerprint"], "engine": engine }));
    }
    step.note("demo.note.address");
    Ok(())
}

/// An invite from Bob, and Alice introduces herself with it.
pub async fn first_contact(stage: &mut Stage, step: &mut Step) -> Outcome {
    let invite = stage.bob.run(&["invite", "new", "--label", "alice"]).await?;
    let address = invite["address"].as_str().unwrap_or_default().to_owned();
    step.line("bob", "pirushka invite new");
    step.line("alice", "pirushka contact add …");
    let start = Instant::now();
    let bob = stage.alice.run(&["contact", "add", &address, "--name", "bob"]).await?;
    step.measured(start.elapsed());
    must(bob["state"] == "active", "the contact is active")?;
    step.field("invite", address);
    step.note("demo.note.first_contact");
    Ok(())
}

/// Both see the same six digits, compare them, and say so.
pub async fn code(stage: &mut Stage, step: &mut Step) -> Outcome {
    let alices = digits(&stage.alice.run(&["contact", "verify", "bob"]).await?);
    let bobs = digits(&stage.bob.run(&["contact", "verify", "alice"]).await?);
    step.line("alice", &alices);
    step.line("bob", &bobs);
    step.field("alice", alices.clone());
    step.field("bob", bobs.clone());
    must(alices == bobs && alices.len() == 7, "both codes are six equal digits")?;
    for (person, contact) in [(&stage.alice, "bob"), (&stage.bob, "alice")] {
        let confirmed = person.run(&["contact", "verify", contact, "--matches"]).await?;
        must(confirmed["verified"] == true, "the contact is verified")?;
    }
    step.note("demo.note.code");
    Ok(())
}

fn digits(contact: &Value) -> String {
    contact["code"]["digits"].as_str().unwrap_or_default().to_owned()
}

/// A text from Alice to Bob, seen through all its states.
pub async fn there(stage: &mut Stage, step: &mut Step) -> Outcome {
    write(&stage.alice, &stage.bob, &text("demo.text.there", &[]), step).await
}

/// A text from Bob to Alice.
pub async fn back(stage: &mut Stage, step: &mut Step) -> Outcome {
    write(&stage.bob, &stage.alice, &text("demo.text.back", &[]), step).await
}

/// `to` listens, `from` writes and waits until it was read; all states in order, the text bit by bit the same.
async fn write(from: &Person, to: &Person, message: &str, step: &mut Step) -> Outcome {
    let mut listening = to.follow(&["recv", "--follow"])?;
    let sent = from.run(&["send", to.name, message, "--wait", "read", "--timeout", "10s"]).await?;
    let shown = listening.stream.next().await?;
    listening.end().await;
    must(text_of(&shown) == message, "the text arrived as it was written")?;
    must(sent["message"]["state"]["state"] == "read", "the message was read")?;
    step.line(from.name, format!("» {message}"));
    step.line("", states(&sent));
    step.field("states", sent["states"].clone());
    if let Some(last) = sent["states"].as_array().and_then(|states| states.last()) {
        step.measured(Duration::from_micros(last["after_us"].as_u64().unwrap_or_default()));
    }
    Ok(())
}

fn text_of(message: &Value) -> &str {
    message["body"]["text"].as_str().unwrap_or_default()
}

/// `queued 1.2 ms · held 3.1 ms · ...`
fn states(sent: &Value) -> String {
    let states = sent["states"].as_array().map(Vec::as_slice).unwrap_or_default();
    let name = |state: &Value| match state["state"].as_str() {
        Some(name @ ("queued" | "held" | "delivered" | "read")) => text(&format!("demo.state.{name}"), &[]),
        other => other.unwrap_or("?").to_owned(),
    };
    let one = |state: &Value| format!("{} {}", name(state), when::span(state["after_us"].as_u64().unwrap_or_default()));
    states.iter().map(one).collect::<Vec<_>>().join(" · ")
}

/// Bob's program ends; three messages for him wait in the memory of his peer.
pub async fn away(stage: &mut Stage, step: &mut Step) -> Outcome {
    stage.bob.stop_engine().await?;
    let start = Instant::now();
    for message in three() {
        let sent = stage.alice.run(&["send", "bob", &message, "--wait", "held", "--timeout", "10s"]).await?;
        step.line("alice", format!("» {message}   {}", states(&sent)));
    }
    step.measured(start.elapsed());
    step.field("held", 3);
    Ok(())
}

fn three() -> [String; 3] {
    ["demo.text.one", "demo.text.two", "demo.text.three"].map(|key| text(key, &[]))
}

/// Peer 2 is killed with the three messages in its memory, and starts again with nothing but its key. Alice's program
/// notices by itself at the next packet, and offers everything again.
pub async fn restart(stage: &mut Stage, step: &mut Step) -> Outcome {
    let (before, killed) = (stage.peer_2.address.clone(), stage.peer_2.pid().unwrap_or_default());
    stage.peer_2.kill().await;
    stage.start_peer(|stage| &mut stage.peer_2).await?;
    must(stage.peer_2.address == before, "the peer has its port and its key again")?;
    let pid = stage.peer_2.pid().unwrap_or_default().to_string();
    step.line("peer 2", text("demo.killed", &[("killed", &killed.to_string()), ("pid", &pid)]));
    let start = Instant::now();
    let fourth = text("demo.text.four", &[]);
    let sent = stage.alice.run(&["send", "bob", &fourth, "--wait", "held", "--timeout", "10s"]).await?;
    step.line("alice", format!("» {fourth}   {}", states(&sent)));
    all_held(&stage.alice, 4).await?;
    step.measured(start.elapsed());
    step.field("held", 4);
    step.note("demo.note.restart");
    Ok(())
}

/// Waits until the last `count` messages to Bob are held.
async fn all_held(alice: &Person, count: usize) -> Outcome {
    let last = count.to_string();
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        let (messages, _) = alice.try_run(&["chat", "history", "bob", "--last", &last]).await?;
        if messages.len() == count && messages.iter().all(|message| message["state"]["state"] == "held") {
            return Ok(());
        }
    }
    must(false, "all messages are held again")
}

/// Bob comes back and has all four, once each and in order.
pub async fn returned(stage: &mut Stage, step: &mut Step) -> Outcome {
    let start = Instant::now();
    stage.bob.start_engine().await?;
    let mut listening = stage.bob.follow(&["recv", "--follow"])?;
    let mut expected = three().to_vec();
    expected.push(text("demo.text.four", &[]));
    for message in &expected {
        let shown = listening.stream.next().await?;
        must(text_of(&shown) == message, "the messages arrive once each and in order")?;
        step.line("bob", format!("« {message}"));
    }
    step.measured(start.elapsed());
    stage.bob.has_read_all().await?;
    listening.end().await;
    step.field("received", expected);
    Ok(())
}

/// Peer 1 is dead: Alice can still write, and cannot be written to (fact 5).
pub async fn dead_peer(stage: &mut Stage, step: &mut Step) -> Outcome {
    stage.peer_1.kill().await;
    step.line("peer 1", text("demo.dead", &[]));
    let mut listening = stage.bob.follow(&["recv", "--follow"])?;
    let out = text("demo.text.out", &[]);
    let sent = stage.alice.run(&["send", "bob", &out, "--wait", "held", "--timeout", "10s"]).await?;
    let shown = listening.stream.next().await?;
    stage.bob.has_read_all().await?;
    listening.end().await;
    must(text_of(&shown) == out, "what Alice writes arrives")?;
    step.line("alice", format!("» {out}   {}", states(&sent)));
    let waits = text("demo.text.waits", &[]);
    let (answer, code) = stage.bob.try_run(&["send", "alice", &waits, "--wait", "held", "--timeout", "500ms"]).await?;
    must(code == i32::from(Exit::WaitRanOut as u8), "what Bob writes waits in his outbox")?;
    let answer = answer.first().cloned().unwrap_or_default();
    must(answer["message"]["state"]["state"] == "queued", "what Bob writes is queued")?;
    step.line("bob", format!("» {waits}   {}", states(&answer)));
    step.note("demo.note.dead_peer");
    Ok(())
}

/// Alice moves to peer 2, Bob's peer: his message finds her, and both are on one peer (fact 1).
pub async fn one_peer(stage: &mut Stage, step: &mut Step) -> Outcome {
    let start = Instant::now();
    let mut listening = stage.alice.follow(&["recv", "--follow"])?;
    stage.alice.run(&["peer", "move", &stage.peer_2.address]).await?;
    step.line("alice", format!("pirushka peer move {}", stage.peer_2.address));
    step.field("peer", stage.peer_2.address.clone());
    let shown = listening.stream.next().await?;
    must(text_of(&shown) == text("demo.text.waits", &[]), "the waiting message arrives")?;
    step.line("alice", format!("« {}   {}", text_of(&shown), when::span(super::show::micros(start.elapsed()))));
    stage.alice.has_read_all().await?;
    listening.end().await;
    write(&stage.alice, &stage.bob, &text("demo.text.last", &[]), step).await?;
    step.measured(start.elapsed());
    Ok(())
}

fn must(holds: bool, what: &str) -> Outcome {
    if holds { Ok(()) } else { Err(Fault::new(Exit::Unexpected, "fault.demo", &[("reason", what)])) }
}
