//! `invite`: addresses that let people in.

use std::time::Duration;

use pirushka_client::{InviteView, PolicyView};

use crate::args::{Invite, Strangers};
use crate::context::Context;
use crate::fault::{Exit, Fault, Outcome};
use crate::lang::text;
use crate::out::{self, clean};
use crate::trouble::fault;
use crate::when;

/// `invite new|list|policy|revoke`
///
/// # Errors
/// No home peer, no such invite, no engine.
pub async fn run(context: &Context, invite: Invite) -> Outcome {
    match invite {
        Invite::New { label, uses, expires, ask, qr } => new(context, &label, uses, expires, ask, qr).await,
        Invite::List => list(context).await,
        Invite::Policy { who, bits } => policy(context, who, bits).await,
        Invite::Revoke { id } => revoke(context, id).await,
    }
}

async fn new(context: &Context, label: &str, uses: u16, expires: Duration, ask: bool, qr: bool) -> Outcome {
    let engine = context.engine().await?;
    if engine.identity().await.map_err(fault)?.address.is_none() {
        return Err(super::id::no_peer());
    }
    super::peer::must_take_us(&engine, Duration::from_secs(1)).await?;
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

/// What strangers are asked for unless the person says otherwise: what peers ask for by themselves.
const BITS: u8 = 20;

async fn policy(context: &Context, who: Option<Strangers>, bits: Option<u8>) -> Outcome {
    if bits.is_some() && who != Some(Strangers::Open) {
        let arguments =
            [("given", "--bits"), ("other", if who == Some(Strangers::Closed) { "closed" } else { "invites" })];
        return Err(Fault::new(Exit::Usage, "fault.bad_input", &[("detail", &*text("usage.conflict", &arguments))]));
    }
    let engine = context.engine().await?;
    if let Some(who) = who {
        let policy = match who {
            Strangers::Closed => PolicyView::Closed,
            Strangers::Invites => PolicyView::Invites,
            Strangers::Open => PolicyView::Open { bits: bits.unwrap_or(BITS) },
        };
        engine.set_policy(policy).await.map_err(fault)?;
    }
    let identity = engine.identity().await.map_err(fault)?;
    context.out.record_or_say("policy", &identity.policy, || in_words(identity.policy));
    if let (PolicyView::Open { .. }, Some(address)) = (identity.policy, &identity.address) {
        context.out.advise(text("policy.address", &[("address", address)]));
    }
    Ok(())
}

/// Who may introduce themselves, in a few words.
#[must_use]
pub fn in_words(policy: PolicyView) -> String {
    match policy {
        PolicyView::Closed => text("policy.closed", &[]),
        PolicyView::Invites => text("policy.invites", &[]),
        PolicyView::Open { bits } => text("policy.open", &[("bits", &bits.to_string())]),
    }
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
