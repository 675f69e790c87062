//! The address as a picture that a phone reads off a terminal.

use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};

/// Two rows of squares per line of text. With `colours` it is black on white whatever the terminal's colours are;
/// without, it is light on dark as most terminals are.
pub(crate) fn render(text: &str, colours: bool) -> Option<String> {
    let code = QrCode::with_error_correction_level(text, EcLevel::L).ok()?;
    let mut renderer = code.render::<Dense1x2>();
    if !colours {
        return Some(renderer.dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).build());
    }
    let picture = renderer.build();
    let lines: Vec<_> = picture.lines().map(|line| format!("\x1b[38;5;16;48;5;231m{line}\x1b[0m")).collect();
    Some(lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_fits_a_terminal_of_80_by_24() {
        let text = format!("pirushka://peer.example.org?k={}", "a".repeat(52));
        let picture = render(&text, false).unwrap();
        assert!(picture.lines().count() <= 24, "{}", picture.lines().count());
        assert!(picture.lines().all(|line| line.chars().count() <= 80));
        assert!(render(&text, true).unwrap().starts_with("\x1b["));
    }
}
