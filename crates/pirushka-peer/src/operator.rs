//! What the operator may ask of a running peer and tell it: its totals, other limits, blocked networks, to stop.
//!
//! Questions come from the control socket and from signals, so there is one lock; shards get orders and never wait here.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pirushka_peer_core::{Block, BlockList};
use serde_json::{Value, json};

use crate::config::{Config, Reload};
use crate::failure::{Exit, Failure};
use crate::notify;
use crate::observer::Observer;
use crate::shard::{Line, Order};

/// Networks that may be blocked by command; a longer list belongs into the configuration.
const BLOCKS_MAX: usize = 10_000;

/// Reads the configuration again, from where it was read at the start.
pub(crate) type ReadAgain = Box<dyn Fn() -> Result<Config, Failure> + Send>;

/// One running peer, as its operator meets it. Cloned for each way to it.
#[derive(Debug, Clone)]
pub(crate) struct Operator {
    lines: Arc<Vec<Line>>,
    observer: Observer,
    state: Arc<Mutex<State>>,
}

struct State {
    /// What is in force.
    config: Config,
    read_again: Option<ReadAgain>,
    /// Blocked by command, until the process ends.
    blocked: BTreeSet<Block>,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("blocked", &self.blocked.len()).finish_non_exhaustive()
    }
}

impl Operator {
    /// Of a peer that runs with this configuration.
    pub(crate) fn new(lines: Vec<Line>, observer: Observer, config: Config) -> Self {
        let state = State { config, read_again: None, blocked: BTreeSet::new() };
        let operator = Self { lines: Arc::new(lines), observer, state: Arc::new(Mutex::new(state)) };
        operator.with(|state| operator.order_blocks(state));
        operator
    }

    /// From where [`Self::reload`] reads.
    pub(crate) fn reads_again_with(&self, read_again: ReadAgain) {
        self.with(|state| state.read_again = Some(read_again));
    }

    /// Who only looks.
    pub(crate) fn observer(&self) -> Observer {
        self.observer.clone()
    }

    /// How long the peer may go on handing out what it holds when it is asked to end.
    pub(crate) fn drain_time(&self) -> Duration {
        self.with(|state| Duration::from_micros(state.config.drain_us))
    }

    /// Answers one line of the control socket with one line of JSON.
    pub(crate) fn answer(&self, question: &str) -> String {
        let words: Vec<&str> = question.split_whitespace().collect();
        let answer = match words[..] {
            ["status"] => self.observer.status().and_then(|status| serde_json::to_value(status).ok()).ok_or_else(busy),
            ["limits"] => self.limits(),
            ["reload"] => self.reload().map(|reload| reload.to_json()),
            ["drain"] => Ok(self.drain(None)),
            ["drain", within] => within.parse().map(|ms| self.drain(Some(ms))).map_err(|_| unknown(question)),
            ["block", "list"] => Ok(self.blocks()),
            ["block", "add", network] => self.block(network, true),
            ["block", "remove", network] => self.block(network, false),
            _ => Err(unknown(question)),
        };
        answer.unwrap_or_else(|failure| failure.to_json()).to_string()
    }

    /// Reads the configuration again and applies what can be applied while running. A configuration that is not valid
    /// changes nothing.
    pub(crate) fn reload(&self) -> Result<Reload, Failure> {
        self.with(|state| {
            let Some(read_again) = &state.read_again else {
                return Err(Failure::unexpected("there is no configuration to read again", "this peer was given one"));
            };
            notify::reloading();
            let read = read_again();
            notify::ready();
            let reload = Reload::of(&state.config, read?);
            reload.changes.iter().for_each(|change| tracing::info!("{change}"));
            state.config = reload.config.clone();
            for line in self.lines.iter() {
                line.order(Order::Limits(Box::new(state.config.peer.clone())));
            }
            self.order_blocks(state);
            Ok(reload)
        })
    }

    fn drain(&self, within_ms: Option<u64>) -> Value {
        let within = within_ms.map_or_else(|| self.drain_time(), Duration::from_millis);
        tracing::info!(seconds = within.as_secs(), "asked to stop; taking nothing new");
        for line in self.lines.iter() {
            line.order(Order::Drain(within));
        }
        json!({"v": 1, "event": "draining", "within_ms": within.as_millis() as u64})
    }

    fn limits(&self) -> Result<Value, Failure> {
        let status = self.observer.status().ok_or_else(busy)?;
        let config = self.with(|state| state.config.clone());
        let limits = crate::limits::Limits::of(&config, &status);
        serde_json::to_value(limits).map_err(|error| Failure::unexpected("cannot write JSON", error))
    }

    fn block(&self, network: &str, add: bool) -> Result<Value, Failure> {
        let block: Block = network.parse().map_err(|error| refused("block.no_network", network, error))?;
        self.with(|state| {
            let is_configured = state.config.blocks.contains(&block);
            if !add && is_configured {
                return Err(refused(
                    "block.configured",
                    network,
                    "it stands in the configuration: take it out of block.networks, then say pirushkad reload",
                ));
            }
            if add && state.blocked.len() >= BLOCKS_MAX {
                return Err(refused(
                    "block.too_many",
                    network,
                    format_args!("{BLOCKS_MAX} are blocked by command already; larger networks do with fewer"),
                ));
            }
            let changed = match add {
                true => !is_configured && state.blocked.insert(block),
                false => state.blocked.remove(&block),
            };
            self.order_blocks(state);
            tracing::info!(changed, "a network was {}", if add { "blocked" } else { "let in again" });
            let event = if add { "blocked" } else { "unblocked" };
            Ok(json!({"v": 1, "event": event, "network": block.to_string(), "changed": changed}))
        })
    }

    fn blocks(&self) -> Value {
        self.with(|state| {
            let row = |from: &'static str| move |block: &Block| json!({"network": block.to_string(), "from": from});
            let configured = state.config.blocks.iter().map(row("configuration"));
            let commanded = state.blocked.iter().map(row("command"));
            json!({"v": 1, "event": "blocks", "blocks": configured.chain(commanded).collect::<Vec<_>>()})
        })
    }

    fn order_blocks(&self, state: &State) {
        let list: BlockList = state.config.blocks.iter().chain(&state.blocked).copied().collect();
        for line in self.lines.iter() {
            line.order(Order::Block(list.clone()));
        }
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        // Nothing that panics leaves a state half changed.
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn refused(code: &'static str, network: &str, cause: impl fmt::Display) -> Failure {
    Failure {
        code,
        exit: Exit::Usage,
        what: format!("{network}: nothing was changed"),
        cause: cause.to_string(),
        remedy: "`pirushkad block list` shows what is blocked".into(),
    }
}

fn busy() -> Failure {
    Failure {
        code: "control.busy",
        exit: Exit::Network,
        what: "the running peer did not answer".into(),
        cause: "it is too busy, or ending".into(),
        remedy: "ask again".into(),
    }
}

fn unknown(question: &str) -> Failure {
    Failure {
        code: "control.unknown_question",
        exit: Exit::Network,
        what: "the running peer does not know this command".into(),
        cause: format!("it was asked {:?}", question.chars().take(40).collect::<String>()),
        remedy: "if the program was updated meanwhile, restart the peer".into(),
    }
}
