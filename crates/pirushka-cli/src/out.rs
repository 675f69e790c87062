//! What is printed: data on stdout, everything else on stderr; texts from other people made harmless.

use std::io::{IsTerminal as _, Write as _};
use std::sync::OnceLock;

use owo_colors::OwoColorize as _;
use serde::Serialize;

/// Where and how this process prints.
#[derive(Debug, Clone, Copy)]
pub struct Out {
    /// `--json`
    pub json: bool,
}

impl Out {
    /// One JSON object with `"v":1` and its type as a line on stdout.
    pub fn record(self, kind: &str, value: &impl Serialize) {
        line(&record(kind, value));
    }

    /// A line of data for people, on stdout. Nothing under `--json`.
    pub fn say(self, text: impl AsRef<str>) {
        if !self.json {
            line(text.as_ref());
        }
    }

    /// The record under `--json`, else the line.
    pub fn record_or_say(self, kind: &str, value: &impl Serialize, text: impl FnOnce() -> String) {
        if self.json {
            self.record(kind, value);
        } else {
            self.say(text());
        }
    }

    /// A file to stdout: as it is for people, in a record for programs.
    pub fn file(self, kind: &str, content: &str) {
        if self.json {
            self.record(kind, &serde_json::json!({ "content": content }));
        } else {
            bytes(content.as_bytes());
        }
    }

    /// A remark that is no data: on stderr, and only when a person is looking.
    pub fn advise(self, text: impl AsRef<str>) {
        if !self.json && std::io::stderr().is_terminal() {
            let _ = writeln!(anstream::stderr(), "{}", text.as_ref().dimmed());
        }
    }

    /// The bell of the terminal, if there is one.
    pub fn ring(self) {
        if std::io::stderr().is_terminal() {
            let _ = std::io::stderr().write_all(b"\x07");
        }
    }

    /// A remark that must be seen even in a script's log: on stderr.
    pub fn warn(self, text: impl AsRef<str>) {
        if !self.json {
            let _ = writeln!(anstream::stderr(), "{} {}", "!".yellow().bold(), text.as_ref());
        }
    }
}

/// One JSON object as a line, `v` and `type` first; what is no object becomes the field `value`.
#[must_use]
pub fn record(kind: &str, value: &impl Serialize) -> String {
    let kind = serde_json::Value::from(kind);
    let fields = match serde_json::to_string(value) {
        Ok(object) if object.starts_with('{') => object[1..object.len() - 1].to_owned(),
        Ok(other) => format!("\"value\":{other}"),
        Err(_) => String::new(),
    };
    let comma = if fields.is_empty() { "" } else { "," };
    format!("{{\"v\":1,\"type\":{kind}{comma}{fields}}}")
}

/// The first failure to write to stdout; after it nothing more is written.
static LOST: OnceLock<std::io::Error> = OnceLock::new();

/// Writes a line to stdout. The command goes on if that fails, so that what it cleans up it cleans up and its exit code
/// stays its own; [`lost`] says in the end what was not printed.
fn line(text: &str) {
    let mut stdout = anstream::stdout();
    keep(|| writeln!(stdout, "{text}").and_then(|()| stdout.flush()));
}

/// Bytes as they are, to stdout.
pub fn bytes(bytes: &[u8]) {
    let mut stdout = std::io::stdout();
    keep(|| stdout.write_all(bytes).and_then(|()| stdout.flush()));
}

/// Notes how a write to stdout by somebody else went.
pub fn printed(result: std::io::Result<()>) {
    keep(|| result);
}

fn keep(write: impl FnOnce() -> std::io::Result<()>) {
    if LOST.get().is_none()
        && let Err(error) = write()
    {
        let _ = LOST.set(error);
    }
}

/// Whether stdout takes nothing any more: who only goes on to print may end.
#[must_use]
pub fn is_lost() -> bool {
    LOST.get().is_some()
}

/// Why not everything was printed, unless the reader closed the pipe: that is its right.
#[must_use]
pub fn lost() -> Option<&'static std::io::Error> {
    LOST.get().filter(|error| error.kind() != std::io::ErrorKind::BrokenPipe)
}

/// One line of somebody else's making: control and bidirectional characters shown as what they are, so that it can
/// neither move the cursor nor turn the line round.
#[must_use]
pub fn clean(text: &str) -> String {
    text.chars().map(|c| if is_harmless(c) { Ok(c) } else { Err(c) }).fold(String::new(), |mut clean, c| {
        match c {
            Ok(c) => clean.push(c),
            Err('\n') => clean.push('⏎'),
            Err('\t') => clean.push(' '),
            Err(c) => clean.push_str(&format!("<U+{:04X}>", u32::from(c))),
        }
        clean
    })
}

/// The same for a text of several lines: line breaks stay, the lines after the first are indented.
#[must_use]
pub fn clean_lines(text: &str, indent: usize) -> String {
    let lines: Vec<String> = text.lines().map(clean).collect();
    lines.join(&format!("\n{}", " ".repeat(indent)))
}

fn is_harmless(c: char) -> bool {
    let bidi = matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let invisible = matches!(c, '\u{200b}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{2060}'..='\u{2064}');
    !c.is_control() && !bidi && !invisible && !matches!(c, '\u{e0000}'..='\u{e007f}')
}

/// A QR code of `text` for a terminal, two modules to a character, readable on dark and on light ground.
#[must_use]
pub fn qr(text: &str) -> Option<String> {
    let code = qrcode::QrCode::with_error_correction_level(text.as_bytes(), qrcode::EcLevel::L).ok()?;
    let width = code.width();
    let dark = |x: isize, y: isize| {
        let inside = |v: isize| usize::try_from(v).ok().filter(|&v| v < width);
        inside(x).zip(inside(y)).is_some_and(|(x, y)| code[(x, y)] == qrcode::Color::Dark)
    };
    let side = isize::try_from(width).ok()?;
    let mut drawn = String::new();
    for y in (-2..side + 2).step_by(2) {
        for x in -2..side + 2 {
            drawn.push(match (dark(x, y), dark(x, y + 1)) {
                (false, false) => '█',
                (false, true) => '▀',
                (true, false) => '▄',
                (true, true) => ' ',
            });
        }
        drawn.push('\n');
    }
    drawn.pop();
    Some(drawn)
}

/// A label in front of a value, as wide as all labels.
#[must_use]
pub fn label(text: &str) -> String {
    format!("{}", format!("{text:<13}").dimmed())
}

/// A table without lines: columns aligned, two spaces between.
#[must_use]
pub fn table(head: &[String], rows: &[Vec<String>]) -> String {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_content_arrangement(comfy_table::ContentArrangement::Disabled);
    table.set_header(head.iter().map(|cell| cell.to_uppercase()));
    table.add_rows(rows);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let text = table.to_string();
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_can_neither_move_the_cursor_nor_turn_the_line() {
        assert_eq!(clean("a\x1b[2Jb"), "a<U+001B>[2Jb");
        assert_eq!(clean("\u{202e}evil\u{2066}"), "<U+202E>evil<U+2066>");
        assert_eq!(clean("one\r\ntwo"), "one<U+000D>⏎two");
        assert_eq!(clean("\u{9b}31m\u{7f}"), "<U+009B>31m<U+007F>");
        assert_eq!(clean("Боб 👩‍👩‍👧 שלום"), "Боб 👩‍👩‍👧 שלום");
    }

    #[test]
    fn lines_after_the_first_are_indented_so_that_none_poses_as_a_new_message() {
        assert_eq!(clean_lines("hi\nbob 12:00  send money", 4), "hi\n    bob 12:00  send money");
    }

    #[test]
    fn a_record_begins_with_version_and_type() {
        assert_eq!(record("sent", &serde_json::json!({"id": 7})), r#"{"v":1,"type":"sent","id":7}"#);
        assert_eq!(record("nothing", &serde_json::json!({})), r#"{"v":1,"type":"nothing"}"#);
        assert_eq!(record("list", &[1, 2]), r#"{"v":1,"type":"list","value":[1,2]}"#);
    }

    #[test]
    fn an_address_fits_a_qr_code() {
        assert!(qr(&"x".repeat(200)).unwrap().lines().count() < 40);
    }
}
