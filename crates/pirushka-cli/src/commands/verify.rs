//! `contact verify`: comparing the six digits, the 60 digits, or a QR code.

use std::time::Duration;

use pirushka_client::{CodeView, ContactUntil, ContactView, Handle};
use pirushka_wire::Address;

use super::contact::{named, show};
use crate::args::Verify;
use crate::context::Context;
use crate::fault::{Exit, Fault, Outcome};
use crate::lang::text;
use crate::out::clean;
use crate::trouble::fault;

/// How long to wait for the digits if they are not there yet.
const CODE_MAX: Duration = Duration::from_secs(5);

/// `contact verify`
///
/// # Errors
/// The digits are not there, they differ, or what was scanned is somebody else's.
pub async fn run(context: &Context, verify: Verify) -> Outcome {
    let engine = context.engine().await?;
    let who = &verify.who.name;
    let contact = engine.contact(who).await.map_err(fault)?;
    if let Some(scanned) = &verify.scanned {
        return compare(context, &engine, &contact, scanned).await;
    }
    if verify.differs {
        let changed = engine.code_confirm(who, false).await.map_err(fault)?;
        show(context.out, &changed);
        return Err(differs(context, &contact));
    }
    let changed = match (verify.matches, verify.digits, verify.again, verify.qr) {
        (_, _, _, true) => return super::id::qr(context).await,
        (false, true, _, _) => return digits(context, &engine, &contact).await,
        (true, true, _, _) => engine.digits_confirm(who).await.map_err(fault)?,
        (true, false, _, _) => engine.code_confirm(who, true).await.map_err(fault)?,
        (false, false, true, _) => {
            engine.code_rerun(who).await.map_err(fault)?;
            engine.contact_wait(who, ContactUntil::Code, CODE_MAX).await.map_err(fault)?
        }
        (false, false, false, false) => engine.contact_wait(who, ContactUntil::Code, CODE_MAX).await.map_err(fault)?,
    };
    shown(context, &changed)
}

/// Shows where the comparison stands and what to say next.
fn shown(context: &Context, contact: &ContactView) -> Outcome {
    show(context.out, contact);
    if contact.verified {
        return Ok(());
    }
    let name = clean(&contact.name);
    match contact.code {
        CodeView::Ready { .. } => {
            let command = context.command(&format!("contact verify --matches {}", named(&name)));
            context.out.advise(text("verify.read_aloud", &[("name", &name), ("command", &command)]));
            Ok(())
        }
        CodeView::Pending => Err(unequal(context, contact, Exit::WaitRanOut, "fault.no_code_yet")),
        CodeView::Exhausted => {
            context.out.advise(text("contact.code_exhausted", &[]));
            Ok(())
        }
        CodeView::Forged => Err(unequal(context, contact, Exit::Security, "fault.code_forged")),
    }
}

async fn digits(context: &Context, engine: &Handle, contact: &ContactView) -> Outcome {
    let digits = engine.sixty_digits(&contact.fingerprint).await.map_err(fault)?;
    let fields = serde_json::json!({ "name": contact.name, "fingerprint": contact.fingerprint, "digits": digits });
    context.out.record_or_say("digits", &fields, || rows(&digits));
    Ok(())
}

/// Two rows of six groups of five.
fn rows(digits: &str) -> String {
    let digits: Vec<char> = digits.chars().filter(char::is_ascii_digit).collect();
    let groups: Vec<String> = digits.chunks(5).map(|group| group.iter().collect()).collect();
    groups.chunks(6).map(|row| row.join(" ")).collect::<Vec<_>>().join("\n")
}

async fn compare(context: &Context, engine: &Handle, contact: &ContactView, scanned: &str) -> Outcome {
    let fingerprint = fingerprint_in(scanned)?;
    if !engine.fingerprint_confirm(&contact.fingerprint, &fingerprint).await.map_err(fault)? {
        return Err(differs(context, contact));
    }
    let changed = engine.contact(&contact.fingerprint).await.map_err(fault)?;
    show(context.out, &changed);
    Ok(())
}

/// What a QR reader gives: a link, an address, or the bare fingerprint as we or openssl print it.
fn fingerprint_in(scanned: &str) -> Outcome<String> {
    let bare: String = scanned.chars().filter(|c| *c != ':' && !c.is_whitespace()).collect();
    if bare.len() == 64 && bare.chars().all(|c| c.is_ascii_hexdigit()) {
        return Ok(bare.to_ascii_lowercase());
    }
    let address: Address = scanned.parse().map_err(|error| {
        let detail = crate::lang::address_error(&error);
        Fault::new(Exit::Usage, "fault.bad_scan", &[("detail", &detail)])
    })?;
    Ok(address.fingerprint.to_hex())
}

fn differs(context: &Context, contact: &ContactView) -> Fault {
    unequal(context, contact, Exit::Security, "fault.code_differs")
}

/// The six digits do not serve; the sixty do.
fn unequal(context: &Context, contact: &ContactView, exit: Exit, key: &'static str) -> Fault {
    let name = clean(&contact.name);
    let command = context.command(&format!("contact verify --digits {}", named(&name)));
    Fault::new(exit, key, &[("name", &name), ("command", &command)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixty_digits_are_two_rows_of_six_groups() {
        assert_eq!(rows(&"12345".repeat(12)), format!("{0}\n{0}", ["12345"; 6].join(" ")));
    }

    #[test]
    fn a_fingerprint_is_found_in_whatever_a_reader_gives() {
        let hex = "a4".repeat(32);
        let colons = vec!["A4"; 32].join(":");
        for scanned in [hex.clone(), colons, format!("peer.example/{hex}"), format!("pirushka://peer.example/{hex}")] {
            assert_eq!(fingerprint_in(&scanned).unwrap(), hex);
        }
        assert_eq!(fingerprint_in("a4f5").unwrap_err().code, "bad_scan");
    }
}
