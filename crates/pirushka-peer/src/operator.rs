//! What the operator may ask of a running peer and tell it: its totals, other limits, blocked networks, to stop.
//!
//! Questions come from the control socket and from signals, so there is one lock; shards get orders and never wait here.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use pirushka_peer_core::{Block, BlockList};
use serde_json::{Value, json};

use crate::config::{Config, Reload};
use crate::failure::{Exit, Failure};
use crate::notify;
use crate::observer::Observer;
use crate::running::Process;
use crate::shard::{Line, Order};

/// Networks that may be blocked by command; a longer list belongs into the configuration.
const BLOCKS_MAX: usize = 10_000;
/// Networks in one answer; whoever wants more asks for the next ones.
const BLOCKS_PER_ANSWER: usize = 2_000;
/// The longest time that anybody may give a stopping peer.
const DRAIN_MAX: Duration = Duration::from_secs(3_600);

/// Reads the configuration again, from where it was read at the start.
pub(crate) type ReadAgain = Box<dyn Fn() -> Result<Config, Failure> + Send>;

/// One running peer, as its operator meets it. Cloned for each way to it.
#[derive(Debug, Clone)]
pub(crate) struct Operator {
    lines: Arc<Vec<Line>>,
    observer: Observer,
    /// Only a peer with a process of its own speaks to the service manager.
    process: Process,
    state: Arc<Mutex<State>>,
}

struct State {
    /// What is in force.
    config: Config,
    read_again: Option<ReadAgain>,
    /// Blocked by command, until the process ends.
    blocked: BTreeSet<Block>,
    /// When a stopping peer ends at the latest.
    ends: Option<Instant>,
}

/// What came of the wish that the peer stops.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Draining {
    /// How long it takes at most.
    pub(crate) within: Duration,
    /// Whether it was stopping already; then the earlier end counts.
    pub(crate) already: bool,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("blocked", &self.blocked.len()).finish_non_exhaustive()
    }
}

impl Operator {
    /// Of a peer that runs with this configuration.
    pub(crate) fn new(lines: Vec<Line>, observer: Observer, config: Config, process: Process) -> Self {
        let state = State { config, read_again: None, blocked: BTreeSet::new(), ends: None };
        let operator = Self { lines: Arc::new(lines), observer, process, state: Arc::new(Mutex::new(state)) };
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

    /// Answers one line of the control socket with one line of JSON.
    pub(crate) fn answer(&self, question: &str) -> String {
        let words: Vec<&str> = question.split_whitespace().collect();
        let answer = match words[..] {
            ["status"] => self.observer.status().and_then(|status| serde_json::to_value(status).ok()).ok_or_else(busy),
            ["limits"] => self.limits(),
            ["reload"] => self.reload().map(|reload| reload.to_json()),
            ["drain"] => Ok(self.drain(None).to_json()),
            ["drain", within] => {
                let within = within.parse().map(Duration::from_millis).map_err(|_| unknown(question));
                within.map(|within| self.drain(Some(within)).to_json())
            }
            ["block", "list"] => Ok(self.blocks(0)),
            ["block", "list", from] => from.parse().map(|from| self.blocks(from)).map_err(|_| unknown(question)),
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
            // A manager that knows of the end takes "ready" for a new beginning.
            let tells = self.process == Process::Own && state.ends.is_none();
            if tells {
                notify::reloading();
            }
            let read = read_again();
            if tells {
                notify::ready();
            }
            let reload = Reload::of(&state.config, read?);
            if !self.order(|| Order::Limits(Box::new(reload.config.peer.clone()))) {
                return Err(busy());
            }
            reload.changes.iter().for_each(|change| tracing::info!("{change}"));
            state.config = reload.config.clone();
            self.order_blocks(state);
            Ok(reload)
        })
    }

    /// Lets the peer take nothing new, hand out what there is for so long (without a time as configured), and end. Asked
    /// again, the earlier end counts.
    pub(crate) fn drain(&self, within: Option<Duration>) -> Draining {
        self.with(|state| {
            let asked = within.unwrap_or_else(|| Duration::from_micros(state.config.drain_us)).min(DRAIN_MAX);
            let (now, already) = (Instant::now(), state.ends.is_some());
            let left = state.ends.map(|ends| ends.saturating_duration_since(now));
            let within = left.map_or(asked, |left| left.min(asked));
            state.ends = Some(now + within);
            if self.process == Process::Own {
                notify::stopping(within);
            }
            tracing::info!(seconds = within.as_secs(), "stopping; taking nothing new");
            self.order(|| Order::Drain(within));
            Draining { within, already }
        })
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
            if changed {
                self.order_blocks(state);
                tracing::info!("a network was {}", if add { "blocked" } else { "let in again" });
            }
            let event = if add { "blocked" } else { "unblocked" };
            Ok(json!({"v": 1, "event": event, "network": block.to_string(), "changed": changed}))
        })
    }

    /// What is blocked, beginning with number `from`.
    fn blocks(&self, from: usize) -> Value {
        self.with(|state| {
            let row = |from: &'static str| move |block: &Block| json!({"network": block.to_string(), "from": from});
            let configured = state.config.blocks.iter().map(row("configuration"));
            let all = configured.chain(state.blocked.iter().map(row("command")));
            let blocks: Vec<_> = all.skip(from).take(BLOCKS_PER_ANSWER).collect();
            let after = from.saturating_add(blocks.len());
            let next = (after < state.config.blocks.len() + state.blocked.len()).then_some(after);
            json!({"v": 1, "event": "blocks", "blocks": blocks, "next": next})
        })
    }

    fn order_blocks(&self, state: &State) {
        let list: BlockList = state.config.blocks.iter().chain(&state.blocked).copied().collect();
        self.order(|| Order::Block(list.clone()));
    }

    /// `false`: a shard has ended.
    fn order(&self, order: impl Fn() -> Order) -> bool {
        // Every shard is told, whatever became of the one before.
        self.lines.iter().filter(|line| !line.order(order())).count() == 0
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        // Nothing that panics leaves a state half changed.
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Draining {
    fn to_json(self) -> Value {
        let Self { within, already } = self;
        json!({"v": 1, "event": "draining", "within_ms": within.as_millis() as u64, "was_draining": already})
    }
}

fn refused(code: &'static str, network: &str, cause: impl fmt::Display) -> Failure {
    let what = format!("{network}: nothing was changed");
    Failure::new(code, Exit::Usage, what, cause, "`pirushkad block list` shows what is blocked")
}

/// The code of a failure that means: there is a peer, and it has no time.
pub(crate) const BUSY: &str = "control.busy";

pub(crate) fn busy() -> Failure {
    Failure::new(BUSY, Exit::Network, "the running peer did not answer", "it is too busy, or ending", "ask again")
}

fn unknown(question: &str) -> Failure {
    Failure::new(
        "control.unknown_question",
        Exit::Network,
        "the running peer does not know this command",
        format!("it was asked {:?}", question.chars().take(40).collect::<String>()),
        "if the program was updated meanwhile, restart the peer",
    )
}
