//! Names to addresses: SRV `_pirushka._udp.<host>`, then A and AAAA; TXT `_pirushka.<host>` for a peer's key.
//!
//! DNS is trusted for nothing but reachability, so a lie here costs a failed handshake and no more.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::net::NetError;
use hickory_resolver::proto::rr::{RData, RecordType};
use pirushka_wire::{PeerAddress, PeerId};

/// How many addresses of one name are tried at most.
const ADDRESSES_MAX: usize = 8;

/// How many SRV targets are followed at most.
const TARGETS_MAX: usize = 4;

/// When a name counts as not found.
const PATIENCE: Duration = Duration::from_secs(8);

/// Asks the name servers of the system. Made when the first name is asked for.
#[derive(Default, Clone)]
pub(crate) struct Dns {
    resolver: Arc<Mutex<Option<TokioResolver>>>,
}

impl Dns {
    /// The addresses of a peer's host, best first.
    ///
    /// # Errors
    /// The cause, for a person.
    pub(crate) async fn addresses(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, String> {
        if let Some(ips) = without_asking(host) {
            return Ok(ips.into_iter().map(|ip| SocketAddr::new(ip, port)).collect());
        }
        let resolver = self.resolver()?;
        let asking = async {
            let service = absolute(&format!("_pirushka._udp.{host}"));
            let (targets, plain) = tokio::join!(targets(&resolver, &service), ips(&resolver, host));
            let mut found = Vec::new();
            for (target, port) in targets {
                found.extend(ips(&resolver, &target).await.unwrap_or_default().into_iter().map(|ip| (ip, port)));
            }
            if found.is_empty() {
                found = plain?.into_iter().map(|ip| (ip, port)).collect();
            }
            Ok::<_, String>(found)
        };
        let found = tokio::time::timeout(PATIENCE, asking)
            .await
            .map_err(|_| format!("the name servers did not answer within {} s", PATIENCE.as_secs()))??;
        Ok(found.into_iter().take(ADDRESSES_MAX).map(|(ip, port)| SocketAddr::new(ip, port)).collect())
    }

    /// The key that a host publishes for its peer: an untrusted hint.
    pub(crate) async fn peer_key(&self, host: &str) -> Result<PeerId, String> {
        let resolver = self.resolver()?;
        let name = absolute(&format!("_pirushka.{host}"));
        let lookup = tokio::time::timeout(PATIENCE, resolver.lookup(name, RecordType::TXT))
            .await
            .map_err(|_| format!("the name servers did not answer within {} s", PATIENCE.as_secs()))?
            .map_err(|e| cause(&e))?;
        let texts = lookup.answers().iter().filter_map(|record| match &record.data {
            RData::TXT(txt) => Some(txt.txt_data.concat()),
            _ => None,
        });
        key_in(texts).ok_or_else(|| format!("no TXT record of _pirushka.{host} holds k="))
    }

    fn resolver(&self) -> Result<TokioResolver, String> {
        let mut kept = self.resolver.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(resolver) = &*kept {
            return Ok(resolver.clone());
        }
        let builder = TokioResolver::builder_tokio().map_err(|e| format!("the system's DNS settings: {e}"))?;
        let resolver = builder.build().map_err(|e| e.to_string())?;
        Ok(kept.insert(resolver).clone())
    }

    /// Forgets the system's settings and all answers: the network is another one.
    pub(crate) fn forget(&self) {
        *self.resolver.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// Addresses that no server needs to be asked for.
fn without_asking(host: &str) -> Option<Vec<IpAddr>> {
    if let Ok(ip) = host.parse() {
        return Some(vec![ip]);
    }
    let local = host == "localhost" || host.ends_with(".localhost");
    local.then(|| vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()])
}

/// A name with dots is meant as it stands: search domains are for names without.
fn absolute(name: &str) -> String {
    if name.contains('.') && !name.ends_with('.') { format!("{name}.") } else { name.to_owned() }
}

fn cause(error: &NetError) -> String {
    if error.is_nx_domain() {
        "the name does not exist".into()
    } else if error.is_no_records_found() {
        "the name servers know no such record".into()
    } else {
        error.to_string()
    }
}

async fn ips(resolver: &TokioResolver, host: &str) -> Result<Vec<IpAddr>, String> {
    let found = resolver.lookup_ip(absolute(host)).await.map_err(|e| cause(&e))?;
    let (v4, v6): (Vec<IpAddr>, Vec<IpAddr>) = found.iter().partition(IpAddr::is_ipv4);
    // Taken in turns: where one family does not work, the other comes soon.
    let mut turns = Vec::with_capacity(v4.len() + v6.len());
    let (mut v4, mut v6) = (v4.into_iter(), v6.into_iter());
    loop {
        let (a, b) = (v4.next(), v6.next());
        if a.is_none() && b.is_none() {
            return Ok(turns);
        }
        turns.extend(a.into_iter().chain(b));
    }
}

async fn targets(resolver: &TokioResolver, service: &str) -> Vec<(String, u16)> {
    let Ok(lookup) = resolver.lookup(service, RecordType::SRV).await else { return Vec::new() };
    let mut found: Vec<(u16, u16, String, u16)> = lookup
        .answers()
        .iter()
        .filter_map(|record| match &record.data {
            RData::SRV(srv) if !srv.target.is_root() && srv.port != 0 => {
                Some((srv.priority, u16::MAX - srv.weight, srv.target.to_string(), srv.port))
            }
            _ => None,
        })
        .collect();
    found.sort();
    found.into_iter().take(TARGETS_MAX).map(|(_, _, target, port)| (target, port)).collect()
}

fn key_in(texts: impl IntoIterator<Item = Vec<u8>>) -> Option<PeerId> {
    texts.into_iter().find_map(|text| {
        let text = String::from_utf8(text).ok()?;
        let key = text.split(|c: char| c == ';' || c.is_whitespace()).find_map(|field| field.strip_prefix("k="))?;
        // The only reader of keys in text is that of addresses.
        format!("h?k={key}").parse::<PeerAddress>().ok().map(|peer| peer.peer_id)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn localhost_and_addresses_need_no_server() {
        let dns = Dns::default();
        let found = dns.addresses("localhost", 7).await.unwrap();
        assert_eq!(found[0], "127.0.0.1:7".parse().unwrap());
        assert_eq!(dns.addresses("::1", 7).await.unwrap(), ["[::1]:7".parse().unwrap()]);
        assert!(dns.resolver.lock().unwrap().is_none());
    }

    #[test]
    fn a_key_is_found_among_other_fields_and_records() {
        let key = PeerId([7; 32]);
        let texts = [b"v=spf1 -all".to_vec(), format!("x=1; k={key}").into_bytes(), b"\xff".to_vec()];
        assert_eq!(key_in(texts), Some(key));
        assert_eq!(key_in([b"k=short".to_vec(), b"\xff\xfe".to_vec()]), None);
    }
}
