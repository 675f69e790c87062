//! People who introduced themselves and wait for an answer: said wherever one looks for what is new.

use std::collections::BTreeSet;

use pirushka_client::{ContactStateView, ContactView};

use super::contact::{look_alike, named};
use crate::context::Context;
use crate::lang::text;
use crate::out::clean;

/// Announces those of `people` who wait for an answer, each once: in a line with the command that shows them, or as a
/// record for programs.
pub fn announce(context: &Context, people: &[ContactView], announced: &mut BTreeSet<u32>) {
    let waits = |person: &&ContactView| person.state == ContactStateView::Request;
    let waiting: Vec<_> = people.iter().filter(waits).filter(|person| announced.insert(person.id)).collect();
    if context.out.json {
        return waiting.iter().for_each(|person| context.out.record("request", person));
    }
    match waiting.as_slice() {
        [] => {}
        [person] => {
            let name = clean(&person.name);
            let command = context.command(&format!("contact show {}", named(&name)));
            context.out.warn(text("recv.request", &[("name", &name), ("command", &command)]));
        }
        several => say_count(context, several.len()),
    }
    waiting.iter().for_each(|person| look_alike(context.out, person));
}

/// How many wait, and the command that lists them.
pub fn say_count(context: &Context, count: usize) {
    if count > 0 {
        let arguments = [("n", &*count.to_string()), ("command", &*context.command("contact list"))];
        context.out.warn(text("recv.requests", &arguments));
    }
}
