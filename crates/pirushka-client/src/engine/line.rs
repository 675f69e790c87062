//! One JSON object per line, neither endless nor waited for without end.

use std::io;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::protocol::LINE_MAX;

/// How long a line may take to go out. A face that does not read for so long is cut off; it can come back and go on
/// from its cursor.
const WRITE_PATIENCE: Duration = Duration::from_secs(30);

/// What came.
#[derive(Debug)]
pub(crate) enum Line<T> {
    /// An object.
    Object(T),
    /// Something else; why.
    Nonsense(String),
    /// More than [`LINE_MAX`]: the rest of the connection cannot be understood.
    TooLong,
    /// The other side has ended in the middle of a line.
    Cut,
    /// The other side has ended.
    End,
}

pub(crate) async fn read<T: DeserializeOwned>(from: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Line<T>> {
    let mut line = Vec::new();
    from.take(LINE_MAX as u64 + 1).read_until(b'\n', &mut line).await?;
    if line.len() > LINE_MAX {
        return Ok(Line::TooLong);
    }
    match line.pop() {
        Some(b'\n') => {}
        Some(_) => return Ok(Line::Cut),
        None => return Ok(Line::End),
    }
    Ok(match serde_json::from_slice(&line) {
        Ok(object) => Line::Object(object),
        Err(error) => Line::Nonsense(error.to_string()),
    })
}

pub(crate) async fn write(to: &mut (impl AsyncWrite + Unpin), object: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(object)?;
    line.push(b'\n');
    let writing = async {
        to.write_all(&line).await?;
        to.flush().await
    };
    tokio::time::timeout(WRITE_PATIENCE, writing).await.map_err(|_| io::ErrorKind::TimedOut)?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_are_objects_nonsense_too_long_or_the_end() {
        let mut bytes: &[u8] = b"[1]\n{\n[2";
        assert!(matches!(read::<Vec<u8>>(&mut bytes).await.unwrap(), Line::Object(list) if list == [1]));
        assert!(matches!(read::<Vec<u8>>(&mut bytes).await.unwrap(), Line::Nonsense(_)));
        assert!(matches!(read::<Vec<u8>>(&mut bytes).await.unwrap(), Line::Cut));
        assert!(matches!(read::<Vec<u8>>(&mut bytes).await.unwrap(), Line::End));
        let long = vec![b'x'; LINE_MAX + 10];
        assert!(matches!(read::<Vec<u8>>(&mut long.as_slice()).await.unwrap(), Line::TooLong));
    }
}
