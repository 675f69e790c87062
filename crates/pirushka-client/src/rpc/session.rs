//! One connection: calls are carried out in the order in which they came, so two texts never overtake one another.
//! What waits for other people (`wait`, `contact_wait`, the rest of a `send` with `wait`) waits beside, and is answered
//! when it is over. A batch is answered as a whole, its waits included.

use std::io;
use std::time::Duration;

use jsonrpsee_types::error::{SERVER_IS_BUSY_CODE, SERVER_IS_BUSY_MSG};
use jsonrpsee_types::{ErrorObjectOwned, Id};
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::io::{AsyncBufRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::task::{AbortHandle, JoinSet};

use super::calls::{self, Answer, Ask, Call, Outcome};
use super::events::{self, Follower};
use super::{Engine, WAITS_MAX, openrpc};
use crate::engine::line::{self, Line};
use crate::engine::protocol::{Done, LINE_MAX, Request};
use crate::view::WaitFor;

/// Lines that wait for a slow reader; beyond them calls and events wait too, however long: the engine keeps what it tells.
const LINES_MAX: usize = 64;
/// How long is waited for other people when the program has ended its side: it may be dead.
const END_PATIENCE: Duration = Duration::from_secs(30);

/// Serves one program until it ends its side and everything that it waits for is answered, or until it reads no more.
///
/// # Errors
/// The connection broke.
pub async fn serve(
    engine: Engine,
    mut reader: impl AsyncBufRead + Unpin,
    writer: impl AsyncWrite + Unpin + Send + 'static,
) -> io::Result<()> {
    let (out, lines) = mpsc::channel(LINES_MAX);
    let mut writing = tokio::spawn(write(lines, writer));
    let mut session = Session { engine, out, waits: JoinSet::new(), events: None };
    let reading = async {
        session.read(&mut reader).await?;
        session.end().await;
        Ok::<(), io::Error>(())
    };
    tokio::select! {
        ended = reading => { ended?; }
        written = &mut writing => return written.unwrap_or_else(|error| Err(io::Error::other(error))),
    }
    drop(session);
    writing.await.unwrap_or_else(|error| Err(io::Error::other(error)))
}

async fn write(mut lines: mpsc::Receiver<Vec<u8>>, mut writer: impl AsyncWrite + Unpin) -> io::Result<()> {
    while let Some(mut line) = lines.recv().await {
        // Whatever else is ready goes along: one call of the system for many answers.
        while line.len() < LINE_MAX
            && let Ok(next) = lines.try_recv()
        {
            line.extend(next);
        }
        writer.write_all(&line).await?;
        writer.flush().await?;
    }
    Ok(())
}

struct Session {
    engine: Engine,
    out: mpsc::Sender<Vec<u8>>,
    waits: JoinSet<()>,
    events: Option<AbortHandle>,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.follow_no_more();
    }
}

impl Session {
    async fn read(&mut self, reader: &mut (impl AsyncBufRead + Unpin)) -> io::Result<()> {
        loop {
            let (calls, is_batch) = match line::read::<Box<RawValue>>(reader).await? {
                Line::Object(line) => calls::of_line(&line),
                Line::Nonsense(why) => (vec![calls::nonsense(&why)], false),
                Line::TooLong => {
                    self.single(calls::too_long(LINE_MAX)).await;
                    return Ok(());
                }
                Line::Cut => {
                    self.single(calls::cut()).await;
                    return Ok(());
                }
                Line::End => return Ok(()),
            };
            if is_batch {
                self.batch(calls).await;
            } else {
                for call in calls {
                    self.single(call).await;
                }
            }
        }
    }

    /// No more calls will come: nothing is told any more, but what is waited for is answered.
    async fn end(&mut self) {
        self.follow_no_more();
        let all = async { while self.waits.join_next().await.is_some() {} };
        // Who waits longer than that stays without an answer.
        let _ = tokio::time::timeout(END_PATIENCE, all).await;
        self.waits.shutdown().await;
    }

    async fn single(&mut self, Call { id, what }: Call) {
        match self.begin(what).await {
            Begun::Over(outcome) => say(&self.out, id, outcome).await,
            Begun::Follows(follower) => {
                self.follow_no_more();
                say(&self.out, id, Ok(Value::Null)).await;
                self.follow(*follower);
            }
            Begun::Waits(wait) => {
                while self.waits.try_join_next().is_some() {}
                let (engine, out) = (self.engine.clone(), self.out.clone());
                self.waits.spawn(async move { say(&out, id, wait.over(&engine).await).await });
            }
        }
    }

    async fn batch(&mut self, calls: Vec<Call>) {
        let mut answers: Vec<Answer> = vec![];
        let mut follows = None;
        for Call { id, what } in calls {
            let outcome = match self.begin(what).await {
                Begun::Over(outcome) => outcome,
                Begun::Follows(follower) => {
                    follows = Some(follower);
                    Ok(Value::Null)
                }
                Begun::Waits(wait) => wait.over(&self.engine).await,
            };
            answers.extend(id.map(|id| calls::answer(id, outcome)));
        }
        if follows.is_some() {
            self.follow_no_more();
        }
        if !answers.is_empty() {
            // A reader that has gone is noticed by who writes.
            let _ = self.out.send(calls::line(&answers)).await;
        }
        if let Some(follower) = follows {
            self.follow(*follower);
        }
    }

    /// Carries out what can be done at once.
    async fn begin(&self, what: Result<Ask, ErrorObjectOwned>) -> Begun {
        match what {
            Err(refusal) => Begun::Over(Err(refusal)),
            Ok(Ask::Discover) => Begun::Over(Ok(openrpc::document().clone())),
            Ok(Ask::Engine(Request::Subscribe { from })) => match events::begin(self.engine.clone(), from).await {
                Ok(follower) => Begun::Follows(Box::new(follower)),
                Err(failure) => Begun::Over(Err(calls::failed(&failure))),
            },
            Ok(Ask::Engine(Request::Send { who, text, wait, timeout_ms })) if wait > WaitFor::Queued => {
                self.send_and_wait(who, text, wait, timeout_ms).await
            }
            Ok(Ask::Engine(request @ (Request::Wait { .. } | Request::ContactWait { .. }))) => {
                let Some(permit) = self.engine.patience() else { return Begun::Over(Err(busy())) };
                Begun::Waits(Box::new(Wait { request, otherwise: None, _permit: permit }))
            }
            Ok(Ask::Engine(request)) => Begun::Over(heard(self.engine.call(request).await)),
        }
    }

    /// Nothing is sent when nobody may wait for it: whoever is told "busy" tries again.
    async fn send_and_wait(&self, who: String, text: String, wait: WaitFor, timeout_ms: u64) -> Begun {
        let Some(permit) = self.engine.patience() else { return Begun::Over(Err(busy())) };
        let send = Request::Send { who, text, wait: WaitFor::Queued, timeout_ms: 0 };
        match self.engine.call(send).await {
            Ok(Done::Sent(mut sent)) => {
                let request = Request::Wait { message: sent.message.id, wait, timeout_ms };
                sent.reached = false;
                Begun::Waits(Box::new(Wait { request, otherwise: Some(Done::Sent(sent)), _permit: permit }))
            }
            outcome => Begun::Over(heard(outcome)),
        }
    }

    fn follow(&mut self, follower: Follower) {
        self.events = Some(tokio::spawn(follower.tell(self.out.clone())).abort_handle());
    }

    fn follow_no_more(&mut self) {
        if let Some(before) = self.events.take() {
            before.abort();
        }
    }
}

/// How far a call has come.
enum Begun {
    Over(Outcome),
    /// Answered, and then events are told.
    Follows(Box<Follower>),
    /// To be answered when this is over.
    Waits(Box<Wait>),
}

/// What waits for other people.
struct Wait {
    request: Request,
    /// The answer if nobody can be asked any more: what was sent is sent.
    otherwise: Option<Done>,
    _permit: OwnedSemaphorePermit,
}

impl Wait {
    async fn over(self, engine: &Engine) -> Outcome {
        heard(match (engine.call(self.request).await, self.otherwise) {
            (Err(_), Some(sent)) => Ok(sent),
            (outcome, _) => outcome,
        })
    }
}

fn busy() -> ErrorObjectOwned {
    let busy = format!("{SERVER_IS_BUSY_MSG}: {WAITS_MAX} calls wait already; nothing was done");
    ErrorObjectOwned::owned(SERVER_IS_BUSY_CODE, busy, None::<()>)
}

fn heard(outcome: crate::Result<Done>) -> Outcome {
    outcome.map(|done| calls::result(&done)).map_err(|failure| calls::failed(&failure))
}

async fn say(out: &mpsc::Sender<Vec<u8>>, id: Option<Id<'static>>, outcome: Outcome) {
    if let Some(id) = id {
        // A reader that has gone is noticed by who writes.
        let _ = out.send(calls::line(&calls::answer(id, outcome))).await;
    }
}
