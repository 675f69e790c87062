//! What the DNS says of a host: its addresses by the system's own way, and records that the system has no way to ask for.
//!
//! For SRV and TXT one question goes to each of the system's name servers in turn. A whole resolver (`hickory-resolver`,
//! which clients have) would bring a runtime and a cache along for two questions.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::time::Duration;

use hickory_proto::op::{Message, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};
use pirushka_wire::PeerAddress;

use super::judge::Service;

const PATIENCE: Duration = Duration::from_secs(2);
const DNS_PORT: u16 = 53;
/// How many name servers are asked.
const SERVERS_MAX: usize = 3;
const ANSWER_MAX: usize = 4096;

/// Where `host` leads, /etc/hosts included.
pub(super) fn addresses(host: &str) -> Result<Vec<IpAddr>, String> {
    let bare = host.trim_matches(['[', ']']);
    if let Ok(ip) = bare.parse() {
        return Ok(vec![ip]);
    }
    let found = (bare, 0).to_socket_addrs().map_err(|error| error.to_string())?;
    let mut ips: Vec<IpAddr> = found.map(|address| address.ip()).collect();
    ips.sort();
    ips.dedup();
    Ok(ips)
}

/// The system's name servers.
pub(super) fn servers() -> Vec<SocketAddr> {
    let Ok(text) = std::fs::read("/etc/resolv.conf") else { return Vec::new() };
    let Ok(settings) = resolv_conf::Config::parse(text) else { return Vec::new() };
    let ips = settings.nameservers.into_iter().map(IpAddr::from);
    ips.take(SERVERS_MAX).map(|ip| SocketAddr::new(ip, DNS_PORT)).collect()
}

/// SRV records of `_pirushka._udp.HOST`; `None`: nobody could be asked.
pub(super) fn services(servers: &[SocketAddr], host: &str) -> Option<Vec<Service>> {
    let records = ask(servers, &format!("_pirushka._udp.{host}"), RecordType::SRV)?;
    let services = records.into_iter().filter_map(|data| match data {
        RData::SRV(srv) => {
            let target = srv.target.to_string();
            Some(Service { target: target.trim_end_matches('.').to_owned(), port: srv.port })
        }
        _ => None,
    });
    Some(services.collect())
}

/// Keys in TXT records of `_pirushka.HOST`; `None`: nobody could be asked.
pub(super) fn keys(servers: &[SocketAddr], host: &str) -> Option<Vec<String>> {
    let records = ask(servers, &format!("_pirushka.{host}"), RecordType::TXT)?;
    let keys = records.into_iter().filter_map(|data| match data {
        RData::TXT(txt) => key_in(&txt.txt_data.concat()),
        _ => None,
    });
    Some(keys.collect())
}

/// `k=KEY` among other fields, as clients look for it.
fn key_in(text: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(text).ok()?;
    let key = text.split(|c: char| c == ';' || c.is_whitespace()).find_map(|field| field.strip_prefix("k="))?;
    // The only reader of keys in text is that of addresses.
    format!("h?k={key}").parse::<PeerAddress>().ok().map(|peer| peer.peer_id.to_base32())
}

fn ask(servers: &[SocketAddr], name: &str, kind: RecordType) -> Option<Vec<RData>> {
    let name = Name::from_ascii(format!("{}.", name.trim_end_matches('.'))).ok()?;
    let mut question = Message::query();
    question.metadata.recursion_desired = true;
    question.add_query(Query::query(name, kind));
    let bytes = question.to_vec().ok()?;
    servers.iter().find_map(|server| ask_one(*server, question.metadata.id, &bytes))
}

fn ask_one(server: SocketAddr, id: u16, question: &[u8]) -> Option<Vec<RData>> {
    let any = if server.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any).ok()?;
    socket.connect(server).ok()?;
    socket.set_read_timeout(Some(PATIENCE)).ok()?;
    socket.send(question).ok()?;
    let mut bytes = [0; ANSWER_MAX];
    let n = socket.recv(&mut bytes).ok()?;
    let answer = Message::from_vec(&bytes[..n]).ok().filter(|answer| answer.metadata.id == id)?;
    match answer.metadata.response_code {
        ResponseCode::NoError | ResponseCode::NXDomain => {
            Some(answer.answers.into_iter().map(|record| record.data).collect())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use hickory_proto::rr::Record;
    use hickory_proto::rr::rdata::{SRV, TXT};

    use super::*;

    /// A name server for one question, which it answers with `data` or, without, with NXDOMAIN.
    fn server(data: Option<RData>) -> (SocketAddr, std::thread::JoinHandle<String>) {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let at = socket.local_addr().unwrap();
        let thread = std::thread::spawn(move || {
            let mut bytes = [0; 1024];
            let (n, asker) = socket.recv_from(&mut bytes).unwrap();
            let question = Message::from_vec(&bytes[..n]).unwrap();
            let name = question.queries[0].name().clone();
            let asked = name.to_string();
            let mut answer = question.into_response();
            match data {
                Some(data) => drop(answer.add_answer(Record::from_rdata(name, 60, data))),
                None => answer.metadata.response_code = ResponseCode::NXDomain,
            }
            socket.send_to(&answer.to_vec().unwrap(), asker).unwrap();
            asked
        });
        (at, thread)
    }

    #[test]
    fn records_are_asked_for_under_their_names() {
        let target = Name::from_ascii("host.example.").unwrap();
        let (at, asked) = server(Some(RData::SRV(SRV::new(0, 0, 7117, target))));
        let found = services(&[at], "peer.example");
        assert_eq!(found, Some(vec![Service { target: "host.example".into(), port: 7117 }]));
        assert_eq!(asked.join().unwrap(), "_pirushka._udp.peer.example.");

        let key = pirushka_wire::PeerId([7; 32]).to_base32();
        let (at, asked) = server(Some(RData::TXT(TXT::new(vec![format!("v=1; k={key}")]))));
        assert_eq!(keys(&[at], "peer.example"), Some(vec![key]));
        assert_eq!(asked.join().unwrap(), "_pirushka.peer.example.");
    }

    #[test]
    fn a_name_without_records_is_told_from_nobody_to_ask() {
        let (at, asked) = server(None);
        assert_eq!(services(&[at], "peer.example"), Some(Vec::new()));
        asked.join().unwrap();
        assert_eq!(services(&[], "peer.example"), None);
    }

    #[test]
    fn addresses_need_no_server() {
        assert_eq!(addresses("192.0.2.7"), Ok(vec!["192.0.2.7".parse().unwrap()]));
        assert_eq!(addresses("[2001:db8::1]"), Ok(vec!["2001:db8::1".parse().unwrap()]));
    }
}
