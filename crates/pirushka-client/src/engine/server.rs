//! One connection of a face: greeting, then request and answer by turns, or a stream of events.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncWrite, BufReader};

use super::answer::answer;
use super::core::Core;
use super::line::{self, Line};
use super::protocol::{Answer, AnswerLine, Done, Greeting, PROTOCOL, Request, RequestLine};
use super::stream;
use crate::error::{Code, Error, Result};

/// Faces at once. Each may cost a line of [`super::protocol::LINE_MAX`] in and one out.
pub(crate) const FACES_MAX: usize = 64;

/// Counts a face while it is connected.
struct Present<'a>(&'a Core);

impl<'a> Present<'a> {
    fn new(core: &'a Core) -> Option<Self> {
        let entered = core.faces.send_if_modified(|faces| {
            let room = *faces < FACES_MAX;
            *faces += usize::from(room);
            room
        });
        entered.then_some(Self(core))
    }
}

impl Drop for Present<'_> {
    fn drop(&mut self) {
        self.0.faces.send_modify(|faces| *faces -= 1);
    }
}

/// Serves one face until it goes or the engine stops.
pub(crate) async fn serve(core: Arc<Core>, stream: impl AsyncRead + AsyncWrite) {
    let (reader, mut writer) = tokio::io::split(stream);
    let mut reader = BufReader::new(reader);
    let Some(_present) = Present::new(&core) else {
        let full = Error::new(Code::Engine, format!("{FACES_MAX} programs are connected to this engine already"));
        let _ = say(&mut writer, Err(full)).await;
        return;
    };
    let ended = tokio::select! {
        // First, so that a follower is still told that the engine stops.
        biased;
        ended = converse(&core, &mut reader, &mut writer) => ended,
        // A request that is being answered is broken off: its effect is on the disk or it has none.
        () = core.stopping() => Ok(()),
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a face went away");
    }
}

async fn converse(
    core: &Arc<Core>,
    reader: &mut (impl AsyncBufRead + Unpin),
    writer: &mut (impl AsyncWrite + Unpin),
) -> io::Result<()> {
    let greeting = Greeting { v: PROTOCOL, engine: env!("CARGO_PKG_VERSION").to_owned(), pid: std::process::id() };
    line::write(writer, &greeting).await?;
    loop {
        let outcome = match line::read(reader).await? {
            Line::Object(RequestLine { v: PROTOCOL, request: Request::Subscribe { from } }) => {
                return stream::run(core, from, reader, writer).await;
            }
            Line::Object(RequestLine { v: PROTOCOL, request: Request::Stop }) => {
                say(writer, Ok(Done::Nothing)).await?;
                core.stop.send_replace(true);
                return Ok(());
            }
            Line::Object(RequestLine { v: PROTOCOL, request }) => {
                tokio::select! {
                    biased;
                    outcome = answer(core, request) => outcome,
                    // Nothing may come before the answer, so it is the end or misuse.
                    _ = reader.fill_buf() => return Ok(()),
                }
            }
            // Of a newer or older face, all that is understood is that the engine shall make room.
            Line::Object(RequestLine { request: Request::Stop, .. }) => {
                say(writer, Ok(Done::Nothing)).await?;
                core.stop.send_replace(true);
                return Ok(());
            }
            Line::Object(RequestLine { v, .. }) => Err(bad(format!("version {v} of the engine's protocol"))),
            Line::Nonsense(why) => Err(bad(format!("not a request: {why}"))),
            Line::TooLong => {
                return say(writer, Err(bad("a line is too long"))).await;
            }
            // What is cut in the middle by the end of the connection is nothing.
            Line::Cut | Line::End => return Ok(()),
        };
        say(writer, outcome).await?;
    }
}

fn bad(what: impl Into<String>) -> Error {
    Error::new(Code::BadInput, what)
}

/// An answer, in as many lines as it needs.
async fn say(writer: &mut (impl AsyncWrite + Unpin), outcome: Result<Done>) -> io::Result<()> {
    let pieces = match outcome {
        Ok(done) => done.into_pieces(),
        Err(error) => return line::write(writer, &AnswerLine::of(Answer::Error(error))).await,
    };
    let last = pieces.len().saturating_sub(1);
    for (n, piece) in pieces.into_iter().enumerate() {
        line::write(writer, &AnswerLine { more: n < last, ..AnswerLine::of(Answer::Ok(piece)) }).await?;
    }
    Ok(())
}
