//! `chat export`: conversations written out of the encrypted store, as text, as JSON, or as a page.

use std::io::Write;

use pirushka_client::{ContactView, Handle, MessageView};

use super::recv;
use crate::args::{Export, Format};
use crate::context::Context;
use crate::fault::Outcome;
use crate::files;
use crate::lang::text;
use crate::out::{self, clean};
use crate::trouble::fault;
use crate::when;

/// Rows asked for at once.
const PAGE: u32 = 500;

/// `chat export`
///
/// # Errors
/// No such contact, no engine, the file exists or cannot be written.
pub async fn run(context: &Context, export: Export) -> Outcome {
    let engine = context.engine().await?;
    let contacts = match &export.name {
        Some(name) => vec![engine.contact(name).await.map_err(fault)?],
        None => engine.contacts().await.map_err(fault)?,
    };
    if let Some(path) = &export.output {
        files::may_write(path, export.yes, "chat export")?;
    }
    let mut written = Vec::new();
    let mut messages = 0;
    // What programs read is JSON, unless they wish for something else inside of it.
    let usual = if context.out.json && export.output.is_none() { Format::Json } else { Format::Text };
    let format = export.format.unwrap_or(usual);
    open(&mut written, format);
    for contact in &contacts {
        messages += conversation(&engine, contact, format, &mut written).await?;
    }
    close(&mut written, format);
    let Some(path) = &export.output else {
        if context.out.json && format != Format::Json {
            let content = String::from_utf8_lossy(&written);
            context.out.record("export", &serde_json::json!({ "format": format.name(), "content": content }));
        } else {
            out::bytes(&written);
        }
        return Ok(());
    };
    files::write_private(path, |file| file.write_all(&written).map_err(|error| files::cannot_write(path, &error)))?;
    let shown = path.display().to_string();
    let fields = serde_json::json!({ "file": shown, "conversations": contacts.len(), "messages": messages });
    let arguments = [("n", &*messages.to_string()), ("path", &*shown)];
    context.out.record_or_say("exported", &fields, || text("chat.exported", &arguments));
    Ok(())
}

/// Writes one conversation, oldest first; gives the number of its rows.
async fn conversation(engine: &Handle, contact: &ContactView, format: Format, to: &mut Vec<u8>) -> Outcome<usize> {
    begin(to, contact, format);
    let (mut after, mut rows) = (0, 0);
    loop {
        // By fingerprint: a name may change meanwhile.
        let page = engine.history_after(&contact.fingerprint, after, PAGE).await.map_err(fault)?;
        page.messages.iter().for_each(|message| row(to, message, format));
        rows += page.messages.len();
        after = page.messages.last().map_or(after, |message| message.id);
        if !page.more {
            return Ok(rows);
        }
    }
}

fn begin(to: &mut Vec<u8>, contact: &ContactView, format: Format) {
    let name = clean(&contact.name);
    let begun = match format {
        Format::Text => format!("{name}  ({})\n", contact.fingerprint),
        Format::Json => out::record("contact", contact),
        Format::Html => format!("<h2>{}</h2>\n<p class=fingerprint>{}</p>", escaped(&name), contact.fingerprint),
    };
    line(to, &begun);
}

fn row(to: &mut Vec<u8>, message: &MessageView, format: Format) {
    let who = if message.outgoing { text("ui.me", &[]) } else { clean(&message.name) };
    let (when, body) = (when::full(message.sent_ms), recv::body(message));
    let row = match format {
        Format::Text => format!("{when}  {who}  {body}"),
        Format::Json => out::record("message", message),
        Format::Html => {
            let class = if message.outgoing { "mine" } else { "theirs" };
            let (who, body) = (escaped(&who), escaped(&body));
            format!("<p class={class}><time>{when}</time> <b>{who}</b> <span>{body}</span></p>")
        }
    };
    line(to, &row);
}

fn open(to: &mut Vec<u8>, format: Format) {
    match format {
        Format::Text | Format::Json => {}
        Format::Html => line(to, HEAD),
    }
}

fn close(to: &mut Vec<u8>, format: Format) {
    match format {
        Format::Text | Format::Json => {}
        Format::Html => line(to, "</html>"),
    }
}

/// A page that loads nothing and runs nothing.
const HEAD: &str = r#"<!doctype html>
<html><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Pirushka</title>
<style>
body { font-family: sans-serif; max-width: 50em; margin: 2em auto }
time, .fingerprint { color: #777; font-size: small }
p span { white-space: pre-wrap; unicode-bidi: isolate }
.mine { background: #eef }
</style>"#;

/// Writing into memory does not fail.
fn line(to: &mut Vec<u8>, text: &str) {
    let _ = writeln!(to, "{text}");
}

fn escaped(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_cannot_become_a_part_of_the_page() {
        assert_eq!(escaped("<img src=x onerror='a'>&\""), "&lt;img src=x onerror=&#39;a&#39;&gt;&amp;&quot;");
    }
}
