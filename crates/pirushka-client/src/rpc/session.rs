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
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};

use super::calls::{self, Answer, Ask, Call, Outcome};
use super::{Engine, events, openrpc};
use crate::engine::line::{self, Line};
use crate::engine::protocol::{Done, LINE_MAX, Request};
use crate::view::WaitFor;

/// Lines that wait for a slow reader; beyond them calls wait too.
const LINES_MAX: usize = 64;
/// Waits beside the calls. Each has a connection to the engine, which takes 64 from all faces together.
const WAITS_MAX: usize = 24;
/// How long a line may take to go out before the reader is given up.
const WRITE_PATIENCE: Duration = Duration::from_secs(30);

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
        let writing = async {
            writer.write_all(&line).await?;
            writer.flush().await
        };
        tokio::time::timeout(WRITE_PATIENCE, writing).await.map_err(|_| io::ErrorKind::TimedOut)??;
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
        if let Some(events) = self.events.take() {
            events.abort();
        }
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
        if let Some(events) = self.events.take() {
            events.abort();
        }
        while self.waits.join_next().await.is_some() {}
    }

    async fn single(&mut self, Call { id, what }: Call) {
        let begun = match what {
            Ok(ask) => self.begin(ask).await,
            Err(refusal) => Begun::Over(Err(refusal)),
        };
        match begun {
            Begun::Over(outcome) => say(&self.out, id, outcome).await,
            Begun::Follows(from) => {
                say(&self.out, id, Ok(Value::Null)).await;
                self.follow(from);
            }
            Begun::Waits(request) => self.wait(id, request).await,
        }
    }

    async fn batch(&mut self, calls: Vec<Call>) {
        let mut answers: Vec<Answer> = vec![];
        let mut follows = None;
        for Call { id, what } in calls {
            let begun = match what {
                Ok(ask) => self.begin(ask).await,
                Err(refusal) => Begun::Over(Err(refusal)),
            };
            let outcome = match begun {
                Begun::Over(outcome) => outcome,
                Begun::Follows(from) => {
                    follows = Some(from);
                    Ok(Value::Null)
                }
                Begun::Waits(request) => run(&self.engine, request).await,
            };
            answers.extend(id.map(|id| calls::answer(id, outcome)));
        }
        if !answers.is_empty() {
            // A reader that has gone is noticed by who writes.
            let _ = self.out.send(calls::line(&answers)).await;
        }
        if let Some(from) = follows {
            self.follow(from);
        }
    }

    /// Carries out what can be done at once.
    async fn begin(&self, ask: Ask) -> Begun {
        match ask {
            Ask::Discover => Begun::Over(Ok(openrpc::document().clone())),
            Ask::Engine(Request::Subscribe { from }) => Begun::Follows(from),
            Ask::Engine(request @ (Request::Wait { .. } | Request::ContactWait { .. })) => Begun::Waits(request),
            Ask::Engine(Request::Send { who, text, wait, timeout_ms }) => {
                let send = Request::Send { who, text, wait: WaitFor::Queued, timeout_ms: 0 };
                match self.engine.call(send).await {
                    Ok(Done::Sent(sent)) if wait > WaitFor::Queued => {
                        Begun::Waits(Request::Wait { message: sent.message.id, wait, timeout_ms })
                    }
                    outcome => Begun::Over(heard(outcome)),
                }
            }
            Ask::Engine(request) => Begun::Over(run(&self.engine, request).await),
        }
    }

    async fn wait(&mut self, id: Option<Id<'static>>, request: Request) {
        while self.waits.try_join_next().is_some() {}
        if self.waits.len() >= WAITS_MAX {
            let busy = format!("{SERVER_IS_BUSY_MSG}: {WAITS_MAX} calls of this connection wait already");
            return say(&self.out, id, Err(ErrorObjectOwned::owned(SERVER_IS_BUSY_CODE, busy, None::<()>))).await;
        }
        let (engine, out) = (self.engine.clone(), self.out.clone());
        self.waits.spawn(async move {
            let outcome = run(&engine, request).await;
            say(&out, id, outcome).await;
        });
    }

    /// Another subscription takes the place of the one before.
    fn follow(&mut self, from: crate::Since) {
        let task = tokio::spawn(events::tell(self.engine.clone(), from, self.out.clone()));
        if let Some(before) = self.events.replace(task.abort_handle()) {
            before.abort();
        }
    }
}

/// How far a call has come.
enum Begun {
    Over(Outcome),
    /// Answered, and then events are told.
    Follows(crate::Since),
    /// To be answered when this is over.
    Waits(Request),
}

async fn run(engine: &Engine, request: Request) -> Outcome {
    heard(engine.call(request).await)
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
