//! `pirushkad address`: what users are given.

use std::net::SocketAddr;

use pirushka_wire::{HomeAddress, InviteSecret, PeerAddress};

use crate::advertise::{Advertisement, advertise, trouble};
use crate::cli::data_dir;
use crate::config::Config;
use crate::failure::{Exit, Failure};
use crate::{commands, key, output};

/// Prints the address: the running peer's own word if one runs, else what the configuration says.
pub(crate) fn address(config: &Config, qr: bool, json: bool) -> Result<(), Failure> {
    let Advertisement { address: peer, note } = find(config)?;
    let invite = invite_secret(config)?;
    let address = HomeAddress { peer, invite };
    if json {
        let peer = &address.peer;
        output::data(serde_json::json!({
            "v": 1, "event": "address", "address": address.to_string(), "host": peer.host.to_string(),
            "port": peer.port, "peer_id": peer.peer_id.to_base32(), "private": invite.is_some(), "note": note,
        }));
        return Ok(());
    }
    if let Some(note) = note {
        output::advice(format_args!("Note: {note}."));
    }
    if invite.is_some() {
        output::advice("Note: this peer is private; whoever has this address can become its user.");
    }
    output::data(&address);
    if qr {
        commands::run::print_qr(&address);
    }
    Ok(())
}

/// The secret of a private peer is made from its key, which is read for nothing else.
fn invite_secret(config: &Config) -> Result<Option<InviteSecret>, Failure> {
    if !config.peer.private {
        return Ok(None);
    }
    Ok(config.peer.invite_secret(&key::read_or_create(&data_dir(config)?)?.key))
}

fn find(config: &Config) -> Result<Advertisement, Failure> {
    let dir = data_dir(config)?;
    let local = config.listen;
    let told: Option<PeerAddress> = commands::running(&dir).ok().and_then(|status| status.address.parse().ok());
    let peer_id = match told {
        Some(address) if config.host.is_none() || local.port() == 0 => {
            return Ok(Advertisement { note: trouble(&address.host), address });
        }
        // Root, who may ask a service, should not read its key.
        Some(address) => address.peer_id,
        None => key::read_or_create(&dir)?.key.peer_id(),
    };
    if local.port() == 0 {
        return Err(no_port_yet(local));
    }
    Ok(advertise(config, local, peer_id))
}

fn no_port_yet(local: SocketAddr) -> Failure {
    Failure::new(
        "address.no_port",
        Exit::Network,
        "the address is not known yet",
        format!("the system chooses the port when the peer starts (it is to listen on {local}), and none runs"),
        "start it, or choose a port: pirushkad address --listen ADDR",
    )
}
