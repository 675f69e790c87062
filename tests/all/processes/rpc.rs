//! Programs in any language: JSON-RPC on stdin and stdout and at a socket, the Python package, the echo bots of `examples/`.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use serde_json::{Value, json};

use super::stage::{Following, Lines, Person, Stage, text_of, until};

/// A program at `pirushka rpc`.
struct Program {
    stdin: Option<ChildStdin>,
    following: Following,
}

impl Program {
    fn of(person: &Person) -> Self {
        let mut child = person.command(&["rpc"]).stdin(Stdio::piped()).spawn().unwrap();
        let lines = Lines::of(child.stdout.take().unwrap());
        Self { stdin: child.stdin.take(), following: Following { child, lines } }
    }

    fn say(&mut self, id: u32, method: &str, params: &Value) {
        let call = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        writeln!(self.stdin.as_mut().unwrap(), "{call}").unwrap();
    }

    fn hears(&self, what: &str) -> Value {
        self.following.lines.next(what)
    }

    /// The answer to a call, whatever else is told in between.
    fn answered(&self, id: u32) -> Value {
        loop {
            let said = self.hears("an answer");
            if said["id"] == id {
                return said;
            }
        }
    }

    /// The next message, whatever else is told in between.
    fn hears_text(&self) -> String {
        loop {
            let said = self.hears("a message");
            let message = &said["params"]["message"];
            if said["params"]["event"] == "message" && message["outgoing"] == false {
                return text_of(message);
            }
        }
    }

    /// Ends its side; what else it hears.
    fn ends(&mut self) -> Vec<Value> {
        self.stdin = None;
        let rest = self.following.lines.rest();
        assert!(self.following.child.wait().unwrap().success());
        rest
    }
}

#[test]
fn calls_keep_their_order_and_what_waits_for_others_holds_nobody_up() {
    let stage = Stage::new();
    let (_one, _two, alice, bob) = stage.two_friends();
    bob.ok(&["engine", "stop"]);
    let mut program = Program::of(&alice);
    program.say(1, "send", &json!({ "who": "bob", "text": "first", "wait": "delivered" }));
    program.say(2, "send", &json!({ "who": "bob", "text": "second" }));
    program.say(3, "history", &json!({ "who": "bob" }));
    let [second, history] = ["the second", "the history"].map(|what| program.hears(what));
    assert_eq!((&second["id"], &second["result"]["reached"]), (&json!(2), &json!(true)));
    let texts: Vec<String> = history["result"]["messages"].as_array().unwrap().iter().map(text_of).collect();
    assert_eq!(texts, ["first", "second"]);
    bob.ok(&["status"]);
    let first = program.hears("the first");
    assert_eq!((&first["id"], &first["result"]["message"]["state"]["state"]), (&json!(1), &json!("delivered")));
    until("both texts at bob", || bob.ok(&["status"])["unread"] == 2);
    assert_eq!(bob.recv(), ["first", "second"]);
}

#[test]
fn whoever_ends_his_side_still_hears_what_he_waited_for_and_bad_lines_are_told_one_by_one() {
    let stage = Stage::new();
    let (_one, _two, alice, _bob) = stage.two_friends();
    let mut program = Program::of(&alice);
    let stdin = program.stdin.as_mut().unwrap();
    writeln!(stdin, "no json").unwrap();
    writeln!(stdin, r#"[{{"jsonrpc":"2.0","id":"a","method":"identity"}},{{"jsonrpc":"2.0","method":"status"}},5]"#)
        .unwrap();
    program.say(1, "send", &json!({ "who": "nobody", "text": "x" }));
    program.say(2, "send", &json!({ "who": "bob", "text": "x", "wait": "delivered" }));
    write!(program.stdin.as_mut().unwrap(), r#"{{"jsonrpc":"2.0","id":3,"method":"identity"}}"#).unwrap();
    let heard = program.ends();
    assert_eq!(heard[0]["error"]["code"], -32700);
    assert_eq!(heard[1][0]["result"]["name"], "alice");
    assert_eq!((heard[1].as_array().unwrap().len(), &heard[1][1]["error"]["code"]), (2, &json!(-32600)));
    assert_eq!(heard[2]["error"]["data"]["code"], "no_such_contact");
    // The last line did not end; it may be answered before the wait is over.
    let (cut, waited): (Vec<&Value>, _) = heard[3..].iter().partition(|said| said["id"].is_null());
    assert!(cut.len() == 1 && cut[0]["error"]["code"] == -32700, "{cut:?}");
    assert!(waited.len() == 1 && waited[0]["id"] == 2 && waited[0]["result"]["reached"] == true, "{waited:?}");
}

#[test]
fn what_is_sent_after_a_subscription_was_answered_is_told_and_a_cursor_ahead_of_all_is_refused() {
    let stage = Stage::new();
    let (_one, _two, alice, _bob) = stage.two_friends();
    let mut program = Program::of(&alice);
    for round in 0..20 {
        program.say(1, "subscribe", &json!({ "from": "now" }));
        program.say(2, "send", &json!({ "who": "bob", "text": round.to_string() }));
        let mine = |said: &Value| {
            said["params"]["event"] == "message" && text_of(&said["params"]["message"]) == round.to_string()
        };
        let (mut told, mut answered) = (false, false);
        while !(told && answered) {
            let said = program.hears("the answer and the message");
            told |= mine(&said);
            answered |= said["id"] == 2;
        }
    }
    program.say(3, "subscribe", &json!({ "from": { "cursor": 1_000_000_000 } }));
    assert_eq!(program.answered(3)["error"]["data"]["code"], "bad_input");
}

#[test]
fn when_too_many_wait_nothing_is_sent_that_is_answered_with_busy() {
    let stage = Stage::new();
    let (_one, _two, alice, bob) = stage.two_friends();
    bob.ok(&["engine", "stop"]);
    let mut program = Program::of(&alice);
    for n in 0..26 {
        program.say(n, "send", &json!({ "who": "bob", "text": n.to_string(), "wait": "delivered" }));
    }
    for n in [24, 25] {
        let busy = program.hears("busy");
        assert_eq!((&busy["id"], &busy["error"]["code"]), (&json!(n), &json!(-32009)));
    }
    program.say(100, "history", &json!({ "who": "bob" }));
    assert_eq!(program.hears("the history")["result"]["messages"].as_array().unwrap().len(), 24);
    bob.ok(&["status"]);
    assert!((0..24).all(|_| program.hears("an answer")["result"]["reached"] == true));
}

#[test]
fn a_subscription_outlives_engines_that_are_killed_and_tells_each_message_once() {
    let stage = Stage::new();
    let (_one, _two, alice, bob) = stage.two_friends();
    alice.send(&bob, "before", "delivered");
    let mut program = Program::of(&bob);
    program.say(1, "subscribe", &json!({ "from": "unseen" }));
    assert_eq!(program.hears("the answer")["result"], Value::Null);
    assert_eq!(program.hears_text(), "before");
    for round in 0..3 {
        let victim = bob.engine_pid();
        assert!(Command::new("kill").args(["-9", &victim.to_string()]).status().unwrap().success());
        let text = format!("round {round}");
        alice.ok(&["send", "bob", &text]);
        assert_eq!(program.hears_text(), text);
    }
    program.say(2, "identity", &json!({}));
    program.ends();
}

#[test]
fn a_socket_serves_several_programs_of_its_owner_and_goes_when_it_ends() {
    let stage = Stage::new();
    let alice = stage.nobody("alice");
    alice.ok(&["init", "--name", "alice", "--key-file"]);
    let path = stage.path().join("rpc.sock");
    let at = ["rpc", "--socket", path.to_str().unwrap()];
    let mut server = alice.command(&at).spawn().unwrap();
    until("the socket", || path.exists() && UnixStream::connect(&path).is_ok());
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let mut programs = [0, 1].map(|_| UnixStream::connect(&path).unwrap());
    for program in &mut programs {
        writeln!(program, r#"{{"jsonrpc":"2.0","id":1,"method":"identity"}}"#).unwrap();
        let answer = BufReader::new(&*program).lines().next().unwrap().unwrap();
        assert_eq!(serde_json::from_str::<Value>(&answer).unwrap()["result"]["name"], "alice");
    }
    let second = alice.json(&at);
    assert_eq!((second.code, second.error().as_str()), (3, "config"));
    assert!(Command::new("kill").arg(server.id().to_string()).status().unwrap().success());
    assert!(server.wait().unwrap().success() && !path.exists());
    std::fs::write(&path, "a diary").unwrap();
    assert_eq!(alice.json(&at).error(), "config");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "a diary");
}

#[test]
fn the_description_of_the_methods_and_the_python_package_are_those_of_this_program() {
    let stage = Stage::new();
    let described = stage.nobody("nobody").plain(&["rpc", "--openrpc"]);
    let mut maker = Command::new("python3");
    maker.arg(root().join("tools/python_methods.py")).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut maker = maker.spawn().unwrap();
    maker.stdin.take().unwrap().write_all(described.stdout.as_bytes()).unwrap();
    let made = String::from_utf8(maker.wait_with_output().unwrap().stdout).unwrap();
    let methods = root().join("python/pirushka/methods.py");
    assert!(
        std::fs::read_to_string(&methods).unwrap() == made,
        "run: pirushka rpc --openrpc | tools/python_methods.py > python/pirushka/methods.py"
    );
}

#[test]
fn a_python_program_hears_why_something_was_not_done_and_calls_from_several_threads() {
    let stage = Stage::new();
    let (_one, _two, alice, _bob) = stage.two_friends();
    let program = "
from concurrent.futures import ThreadPoolExecutor
from pirushka import Pirushka, PirushkaError
with Pirushka() as me:
    try:
        me.send(who='nobody', text='x')
    except PirushkaError as error:
        assert error.code == 'no_such_contact' and error.remedy, error
    try:
        me.call('sned', {})
    except PirushkaError as error:
        assert 'send' in str(error), error
    with ThreadPoolExecutor(8) as threads:
        sent = list(threads.map(lambda n: me.send(who='bob', text=str(n), wait='delivered'), range(16)))
    assert all(one['reached'] for one in sent), sent
    assert len(me.history(who='bob')['messages']) == 16
    first = me.events('now')
    second = me.events('now')
    sent = me.send(who='bob', text='after both')['message']['id']
    assert [event for event in first if event['event'] == 'message'] == []
    assert next(event['message']['id'] for event in second if event['event'] == 'message') == sent
    try:
        me.send(who='bob', text='x' * 600_000)
    except PirushkaError as error:
        assert error.code == 'bad_input', error
try:
    me.status()
except PirushkaError as error:
    assert error.code == 'engine'
else:
    raise AssertionError('a closed connection answers')
";
    let mut python = bot(&stage, &alice, "python3");
    let output = python.args(["-c", program]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn each_echo_bot_says_back_what_it_hears_and_has_at_most_twenty_lines() {
    let examples = root().join("examples");
    let rust = Path::new(env!("CARGO_BIN_EXE_pirushka-under-test")).parent().unwrap().join("examples/echo");
    let bots: [(&str, Vec<PathBuf>); 3] = [
        ("echo.py", vec!["python3".into(), examples.join("echo.py")]),
        ("echo.sh", vec!["sh".into(), examples.join("echo.sh")]),
        ("echo.rs", vec![rust]),
    ];
    for (source, command) in bots {
        let lines = std::fs::read_to_string(examples.join(source)).unwrap().lines().count();
        assert!(lines <= 20, "{source} has {lines} lines");
        let stage = Stage::new();
        let (_one, _two, alice, bob) = stage.two_friends();
        alice.send(&bob, "said before the bot came", "delivered");
        let mut running = Ended(bot(&stage, &bob, command[0].to_str().unwrap()).args(&command[1..]).spawn().unwrap());
        let mut listener = Program::of(&alice);
        listener.say(1, "subscribe", &json!({ "from": "unseen" }));
        assert_eq!(listener.hears_text(), "said before the bot came", "{source}");
        for text in ["-n \"quoted\" $HOME", "два\nстрочки"] {
            assert_eq!(alice.plain(&["send", "bob", "--", text]).code, 0);
            assert_eq!(listener.hears_text(), text, "{source}");
        }
        until("everything is marked as read", || bob.ok(&["status"])["unread"] == 0);
        assert!(running.0.try_wait().unwrap().is_none(), "{source} goes on");
    }
}

/// Ended with what is around it.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A program that finds `pirushka` on its path and the package in the repository.
fn bot(stage: &Stage, person: &Person, program: &str) -> Command {
    let bin = stage.path().join("bin");
    std::fs::create_dir_all(&bin).unwrap();
    let _ = symlink(env!("CARGO_BIN_EXE_pirushka-under-test"), bin.join("pirushka"));
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let mut command = Command::new(program);
    command.env_clear().env("PATH", path).env("LANG", "C").env("HOME", &person.home).env("PIRUSHKA_HOME", &person.home);
    command.env("PYTHONPATH", root().join("python")).env("PYTHONDONTWRITEBYTECODE", "1");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}
