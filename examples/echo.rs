//! A bot that says back what it hears: `cargo run --release -p pirushka-client --example echo`.

use std::time::Duration;

use pirushka_client::{BodyView, EventView, Handle, Options, Profile, Result, Since, WaitFor};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let me = Handle::join_or_start(&Profile::resolve(None)?, Options::default()).await?;
    let mut events = me.subscribe(Since::Unseen).await?;
    while let Some(event) = events.next().await? {
        let EventView::Message { message, .. } = event else { continue };
        if let (false, BodyView::Text { text }) = (message.outgoing, &message.body) {
            me.send(&message.fingerprint, text, WaitFor::Queued, Duration::ZERO).await?;
            me.mark_seen(&message.fingerprint, message.id).await?;
        }
    }
    Ok(())
}
