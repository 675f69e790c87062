//! `invite`: addresses that let people in.

use std::time::Duration;

use pirushka_client::InviteView;

use crate::args::Invite;
use crate::context::Context;
use crate::fault::Outcome;
use crate::lang::text;
use crate::out::{self, clean};
use crate::trouble::fault;
use crate::when;

/// `invite new|list|revoke`
///
/// # Errors
/// No home peer, no such invite, no engine.
pub async fn run(context: &Context, invite: Invite) -> Outcome {
    match invite {
        Invite::New { label, uses, expires, ask, qr } => new(context, &label, uses, expires, ask, qr).await,
        Invite::List => list(context).await,
        Invite::Revoke { id } => revoke(context, id).await,
    }
}

async fn new(context: &Context, label: &str, uses: u16, expires: Duration, ask: bool, qr: bool) -> Outcome {
    let engine = context.engine().await?;
    if engine.identity().await.map_err(fault)?.address.is_none() {
        return Err(super::id::no_peer());
    }
    let invite = engine.invite_new(label, uses, expires, ask).await.map_err(fault)?;
    let out = context.out;
    if out.json {
        out.record("invite", &invite);
        return Ok(());
    }
    let address = invite.address.as_deref().ok_or_else(super::id::no_peer)?;
    if qr {
        out.say(super::id::drawn(address)?);
    }
    out.say(address);
    let until = when::moment(invite.expiry_s.saturating_mul(1000));
    out.advise(text("invite.made", &[("n", &uses.to_string()), ("until", &until), ("id", &invite.id.to_string())]));
    out.advise(text("invite.hand_over", &[]));
    Ok(())
}

async fn list(context: &Context) -> Outcome {
    let mut invites = context.engine().await?.invites().await.map_err(fault)?;
    let now_s = when::now_s();
    invites.retain(|invite| invite.uses_left > 0 && invite.expiry_s > now_s);
    let out = context.out;
    if out.json {
        invites.iter().for_each(|invite| out.record("invite", invite));
    } else if invites.is_empty() {
        out.advise(text("invite.none", &[("command", &context.command("invite new"))]));
    } else {
        let head = ["ID", "label.label", "label.uses", "label.until", "label.address"];
        let head = head.map(|key| if key == "ID" { key.to_owned() } else { text(key, &[]) });
        out.say(out::table(&head, &invites.iter().map(row).collect::<Vec<_>>()));
    }
    Ok(())
}

fn row(invite: &InviteView) -> Vec<String> {
    vec![
        invite.id.to_string(),
        clean(&invite.label),
        if invite.ask {
            format!("{} ({})", invite.uses_left, text("invite.asks", &[]))
        } else {
            invite.uses_left.to_string()
        },
        when::moment(invite.expiry_s.saturating_mul(1000)),
        invite.address.clone().unwrap_or_default(),
    ]
}

async fn revoke(context: &Context, id: u32) -> Outcome {
    context.engine().await?.invite_revoke(id).await.map_err(fault)?;
    context.out.record_or_say("invite_revoked", &serde_json::json!({ "id": id }), || {
        text("invite.revoked", &[("id", &id.to_string())])
    });
    Ok(())
}
