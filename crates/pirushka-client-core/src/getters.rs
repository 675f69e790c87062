//! What can be asked of a client without changing it.

use pirushka_identity::IntroPolicy;
use pirushka_wire::{Address, Fingerprint};

use crate::api::{ContactId, ContactInfo, HomeInfo, InviteInfo, Waiting};
use crate::client::Client;
use crate::contact::Contact;
use crate::outbox::ItemKind;

impl Client {
    /// Who I am.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.identity.fingerprint()
    }

    /// The identity itself, to be kept by the person. It holds the signing key.
    #[must_use]
    pub fn identity(&self) -> &pirushka_identity::Identity {
        &self.identity
    }

    /// My certificate, DER.
    #[must_use]
    pub fn certificate_der(&self) -> &[u8] {
        self.identity.certificate().der()
    }

    /// My certificate, PEM.
    #[must_use]
    pub fn certificate_pem(&self) -> String {
        self.identity.certificate().to_pem()
    }

    /// How I call myself; may be empty.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.profile.name
    }

    /// My address without an invite, once a home peer is chosen.
    #[must_use]
    pub fn address(&self) -> Option<Address> {
        let peer = self.address_home()?;
        Some(Address {
            host: peer.host.clone(),
            port: peer.port,
            fingerprint: self.fingerprint(),
            peer_id: Some(peer.peer_id),
            token: None,
        })
    }

    /// Who may introduce itself to me.
    #[must_use]
    pub fn intro_policy(&self) -> IntroPolicy {
        self.profile.policy()
    }

    /// Everybody, by id.
    #[must_use]
    pub fn contacts(&self) -> Vec<ContactInfo> {
        self.contacts.values().map(|contact| self.info(contact)).collect()
    }

    /// One person.
    #[must_use]
    pub fn contact(&self, id: ContactId) -> Option<ContactInfo> {
        self.contacts.get(&id).map(|contact| self.info(contact))
    }

    /// Whom the person means: by name (letter case does not matter), whole fingerprint, or address.
    #[must_use]
    pub fn find(&self, who: &str) -> Option<ContactId> {
        let who = who.trim();
        let lower = who.to_lowercase();
        if let Ok(address) = who.parse::<Address>() {
            return self.by_fingerprint.get(&address.fingerprint).copied();
        }
        // A fingerprint before a name: nobody may stand for somebody else by the name he chose.
        let by_fingerprint = self.contacts.values().find(|c| c.fingerprint().to_hex() == lower);
        let by_name = || self.named(who);
        by_fingerprint.or_else(by_name).map(Contact::id)
    }

    /// What waits for the receipts of all contacts.
    #[must_use]
    pub fn waiting(&self) -> Waiting {
        let mut waiting = Waiting::default();
        for item in self.contacts.values().flat_map(|contact| contact.outbox.values()) {
            *match item.row.kind {
                ItemKind::Content => &mut waiting.contents,
                ItemKind::Commit => &mut waiting.commits,
                ItemKind::Intro | ItemKind::Welcome => &mut waiting.introductions,
            } += 1;
        }
        waiting
    }

    /// All invites, used ones too.
    #[must_use]
    pub fn invites(&self) -> Vec<InviteInfo> {
        (self.invites.values())
            .map(|invite| InviteInfo {
                id: invite.id,
                label: invite.label.clone(),
                expiry_s: invite.expiry_s,
                uses_left: invite.uses_left,
                ask: invite.ask,
                address: self.invite_address(invite.id).map(|address| address.to_link()),
            })
            .collect()
    }

    /// The address to hand to whom an invite is for.
    #[must_use]
    pub fn invite_address(&self, id: u32) -> Option<Address> {
        let token = self.invites.get(&id)?.token();
        Some(Address { token: Some(token), ..self.address()? })
    }

    /// My home peers: those of the CARD in its order, then those that join, then those that I leave.
    #[must_use]
    pub fn homes(&self) -> Vec<HomeInfo> {
        let order = self.home_order();
        (order.iter().filter_map(|id| self.homes.get(id)))
            .map(|home| HomeInfo {
                peer: home.dial.peer.clone(),
                role: home.row.role(),
                state: home.state,
                moving_to: home.trial.as_ref().map(|trial| trial.dial.peer.clone()),
                moving_fails: home.trial.as_ref().is_some_and(|trial| trial.fails),
                since_ms: (home.since_ms > 0).then_some(home.since_ms),
                rtt_us: home.dial.link.rtt_us(),
                observed: home.observed,
                keepalive_s: home.keepalive_us / pirushka_wire::time::SECOND,
                holds: home.holds.map(|(messages, _)| messages),
                restarts: home.row.restarts,
                restarted_ms: home.row.restarted_ms,
            })
            .collect()
    }

    /// The other contact whose name looks like what this one calls itself.
    fn looked_like(&self, contact: &Contact) -> Option<String> {
        // Whoever was compared is who it is; of two that were not, the one that came later is to be doubted.
        if contact.row.verified {
            return None;
        }
        let claimed = contact.claimed_likeness.of(&contact.row.claimed_name);
        let others = self.contacts.values().filter(|other| other.row.verified || other.id() < contact.id());
        let mut alike = others.filter(|other| other.likeness.of(&other.row.name).is_like(&claimed));
        alike.next().map(|other| other.row.name.clone())
    }

    fn info(&self, contact: &Contact) -> ContactInfo {
        let row = &contact.row;
        let looks_like = self.looked_like(contact);
        let homes = contact.card().map(|card| card.homes().to_vec());
        let homes = homes.unwrap_or_else(|| contact.peers());
        ContactInfo {
            id: row.id,
            name: row.name.clone(),
            claimed_name: row.claimed_name.clone(),
            name_conflict: looks_like.is_some(),
            looks_like,
            first_text: row.first.as_ref().map(|first| first.body.text().to_owned()),
            fingerprint: contact.fingerprint(),
            state: row.state,
            verified: row.verified,
            code: self.code_state(row.id),
            homes,
            knows_homes: self.knows_homes(contact),
            unreceipted: contact.outbox.values().filter(|item| item.row.message.is_some()).count(),
            trouble: contact.trouble,
            muted_until_ms: contact.conversation.muted_until_ms,
            expire_s: contact.conversation.expire_s,
        }
    }
}
