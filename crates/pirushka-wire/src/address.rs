//! Where a person or a peer is reached, as text: `host[:port]/<64 hex>?k=<base32 PeerId>[&t=<intro token>]` (fact 13).
//!
//! A peer alone is `host[:port]?k=<base32 PeerId>`; what the users of a private peer are given has `&i=<invite secret>`
//! behind it, and is a type of its own, so that the secret gets into nothing that others see. All may carry the scheme
//! `pirushka://`. Nothing is ever shortened.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use data_encoding::{BASE32_NOPAD, HEXLOWER_PERMISSIVE};

use crate::ids::{Fingerprint, IntroToken, InviteSecret, PeerId};
use crate::limits::DEFAULT_PORT;

const SCHEME: &str = "pirushka://";

/// Why a text is not an address. Each says what was expected and what came.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Nothing there.
    #[error("the address is empty; expected host/fingerprint?k=key")]
    Empty,
    /// Another scheme than ours.
    #[error("the link starts with \"{0}://\"; expected \"pirushka://\"")]
    Scheme(String),
    /// The host is not one.
    #[error("\"{0}\" is neither a host name nor an IP address")]
    Host(String),
    /// The port is not one.
    #[error("\"{0}\" is not a port; expected a number from 1 to 65535")]
    Port(String),
    /// The person is missing.
    #[error("the address names a peer but no person; expected host/ followed by 64 hexadecimal digits")]
    NoFingerprint,
    /// A person where a peer alone was expected.
    #[error("this is a person's address; expected a peer's, which has no / and no fingerprint")]
    NotAPeer,
    /// The fingerprint has the wrong number of digits.
    #[error("the fingerprint has {0} characters; expected all 64 hexadecimal digits")]
    FingerprintLength(usize),
    /// The fingerprint has something else than digits.
    #[error("the fingerprint contains something that is not a hexadecimal digit")]
    FingerprintDigits,
    /// `k=` is not 32 bytes of base32.
    #[error("the peer's key (k=) is damaged; expected 52 characters a-z and 2-7")]
    Key,
    /// The peer's key is missing.
    #[error("the peer's key (k=) is missing; ask for the full address")]
    NoKey,
    /// `t=` is not 16 bytes of base32.
    #[error("the invite (t=) is damaged; expected 26 characters a-z and 2-7")]
    Token,
    /// `i=` is not 15 bytes of base32.
    #[error("the invite secret (i=) is damaged; expected 24 characters a-z and 2-7")]
    Secret,
    /// `i=` where the secret would be given away.
    #[error("the address has an invite secret (i=), which is for users of that peer only; leave it out")]
    SecretShown,
    /// Something behind `?` that no version defines.
    #[error("\"{0}\" is not part of an address; after the ? only k= and t= (or i=) may stand, once each")]
    Parameter(String),
}

/// A host name or an IP address; always lower case, never empty, at most 253 bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Host(String);

impl Host {
    /// The text, an IPv6 address without brackets.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Host({})", self.0)
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.contains(':') { write!(f, "[{}]", self.0) } else { f.write_str(&self.0) }
    }
}

impl FromStr for Host {
    type Err = AddressError;

    fn from_str(s: &str) -> Result<Self, AddressError> {
        let refuse = || AddressError::Host(s.chars().take(80).collect());
        if let Some(inner) = s.strip_prefix('[').and_then(|s| s.strip_suffix(']')) {
            return inner.parse::<Ipv6Addr>().map(|ip| Self(ip.to_string())).map_err(|_| refuse());
        }
        if let Ok(ip) = s.parse::<Ipv6Addr>() {
            return Ok(Self(ip.to_string()));
        }
        let name = s.to_ascii_lowercase();
        let looks_numeric = name.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
        if looks_numeric {
            return name.parse::<Ipv4Addr>().map(|ip| Self(ip.to_string())).map_err(|_| refuse());
        }
        let label_ok = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        if name.len() <= 253 && name.split('.').all(label_ok) { Ok(Self(name)) } else { Err(refuse()) }
    }
}

/// Where a peer is reached and by which key it is known.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerAddress {
    #[allow(missing_docs)]
    pub host: Host,
    /// UDP port.
    pub port: u16,
    /// Pins the peer.
    pub peer_id: PeerId,
}

/// What a user is given to be served by a peer: the peer's address and, at a private one, the secret that lets newcomers
/// in. Only what the user keeps and what the peer prints is of this type; cards, grants and contacts have [`PeerAddress`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HomeAddress {
    /// What others may know.
    pub peer: PeerAddress,
    /// What they may not.
    pub invite: Option<InviteSecret>,
}

impl From<PeerAddress> for HomeAddress {
    fn from(peer: PeerAddress) -> Self {
        Self { peer, invite: None }
    }
}

/// Where a peer is reached, without its key: enough for the plain profile and for nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPort {
    #[allow(missing_docs)]
    pub host: Host,
    /// UDP port.
    pub port: u16,
}

/// Where a person is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The host of the person's peer.
    pub host: Host,
    /// UDP port.
    pub port: u16,
    /// Who.
    pub fingerprint: Fingerprint,
    /// Pins the peer; absent in the seed's form.
    pub peer_id: Option<PeerId>,
    /// An invite.
    pub token: Option<IntroToken>,
}

impl Address {
    /// The peer's part, if its key is known.
    #[must_use]
    pub fn peer(&self) -> Option<PeerAddress> {
        self.peer_id.map(|peer_id| PeerAddress { host: self.host.clone(), port: self.port, peer_id })
    }

    /// The same as a link that programs open.
    #[must_use]
    pub fn to_link(&self) -> String {
        format!("{SCHEME}{self}")
    }
}

impl fmt::Display for PeerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}?k={}", self.host, Port(self.port), self.peer_id)
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.host, Port(self.port))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}/{}", self.host, Port(self.port), self.fingerprint)?;
        let mut separator = '?';
        if let Some(peer_id) = self.peer_id {
            write!(f, "?k={peer_id}")?;
            separator = '&';
        }
        if let Some(token) = self.token {
            write!(f, "{separator}t={}", base32(&token.0))?;
        }
        Ok(())
    }
}

/// With the secret: for the user and for the peer's operator.
impl fmt::Display for HomeAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.peer.fmt(f)?;
        self.invite.iter().try_for_each(|invite| write!(f, "&i={}", invite.reveal()))
    }
}

impl FromStr for PeerAddress {
    type Err = AddressError;

    fn from_str(s: &str) -> Result<Self, AddressError> {
        let home: HomeAddress = s.parse()?;
        if home.invite.is_some() { Err(AddressError::SecretShown) } else { Ok(home.peer) }
    }
}

impl FromStr for HomeAddress {
    type Err = AddressError;

    fn from_str(s: &str) -> Result<Self, AddressError> {
        let parts = Parts::split(s)?;
        if parts.path.is_some() {
            return Err(AddressError::NotAPeer);
        }
        if parts.token.is_some() {
            return Err(AddressError::Parameter("t".into()));
        }
        let peer_id = parts.peer_id.ok_or(AddressError::NoKey)?;
        Ok(Self { peer: PeerAddress { host: parts.host, port: parts.port, peer_id }, invite: parts.invite })
    }
}

impl FromStr for HostPort {
    type Err = AddressError;

    /// `host[:port]`; a key behind it, as it stands in what a peer prints, is of no use and left out.
    fn from_str(s: &str) -> Result<Self, AddressError> {
        let parts = Parts::split(s)?;
        if parts.path.is_some() { Err(AddressError::NotAPeer) } else { Ok(Self { host: parts.host, port: parts.port }) }
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(s: &str) -> Result<Self, AddressError> {
        let parts = Parts::split(s)?;
        if parts.invite.is_some() {
            return Err(AddressError::SecretShown);
        }
        let hex = parts.path.filter(|path| !path.is_empty()).ok_or(AddressError::NoFingerprint)?;
        let digits = hex.chars().count();
        if digits != 64 {
            return Err(AddressError::FingerprintLength(digits));
        }
        let bytes = HEXLOWER_PERMISSIVE.decode(hex.as_bytes()).map_err(|_| AddressError::FingerprintDigits)?;
        let fingerprint = Fingerprint(bytes.try_into().map_err(|_| AddressError::FingerprintDigits)?);
        Ok(Self { host: parts.host, port: parts.port, fingerprint, peer_id: parts.peer_id, token: parts.token })
    }
}

/// Lower-case base32 without padding.
pub(crate) fn base32(bytes: &[u8]) -> String {
    BASE32_NOPAD.encode(bytes).to_ascii_lowercase()
}

struct Port(u16);

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == DEFAULT_PORT { Ok(()) } else { write!(f, ":{}", self.0) }
    }
}

struct Parts<'a> {
    host: Host,
    port: u16,
    path: Option<&'a str>,
    peer_id: Option<PeerId>,
    token: Option<IntroToken>,
    invite: Option<InviteSecret>,
}

impl<'a> Parts<'a> {
    fn split(s: &'a str) -> Result<Self, AddressError> {
        let s = without_scheme(s.trim())?;
        if s.is_empty() {
            return Err(AddressError::Empty);
        }
        let (place, query) = s.split_once('?').map_or((s, None), |(place, query)| (place, Some(query)));
        let (authority, path) =
            place.split_once('/').map_or((place, None), |(a, p)| (a, Some(p.trim_end_matches('/'))));
        let (host, port) = split_port(authority)?;
        let mut parts = Self { host: host.parse()?, port, path, peer_id: None, token: None, invite: None };
        for parameter in query.into_iter().flat_map(|q| q.split('&')) {
            parts.take(parameter)?;
        }
        Ok(parts)
    }

    fn take(&mut self, parameter: &str) -> Result<(), AddressError> {
        let unknown = || AddressError::Parameter(parameter.chars().take(20).collect());
        let (name, value) = parameter.split_once('=').ok_or_else(unknown)?;
        match name {
            "k" if self.peer_id.is_none() => self.peer_id = Some(PeerId(unbase32(value).ok_or(AddressError::Key)?)),
            "t" if self.token.is_none() => self.token = Some(IntroToken(unbase32(value).ok_or(AddressError::Token)?)),
            "i" if self.invite.is_none() => self.invite = Some(invite_secret(value)?),
            _ => return Err(unknown()),
        }
        Ok(())
    }
}

fn invite_secret(value: &str) -> Result<InviteSecret, AddressError> {
    let secret = InviteSecret(unbase32(value).ok_or(AddressError::Secret)?);
    // Zeros say "none" on the wire.
    if secret == InviteSecret::NONE { Err(AddressError::Secret) } else { Ok(secret) }
}

fn without_scheme(s: &str) -> Result<&str, AddressError> {
    match s.split_once("://") {
        None => Ok(s),
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("pirushka") => Ok(rest),
        Some((scheme, _)) => Err(AddressError::Scheme(scheme.chars().take(20).collect())),
    }
}

fn split_port(authority: &str) -> Result<(&str, u16), AddressError> {
    let colon_ends_host = |s: &str| s.ends_with(']') || !s.contains(':');
    match authority.rsplit_once(':') {
        Some((host, port)) if colon_ends_host(host) => {
            let number = port.parse().ok().filter(|&p: &u16| p != 0);
            Ok((host, number.ok_or_else(|| AddressError::Port(port.chars().take(20).collect()))?))
        }
        _ => Ok((authority, DEFAULT_PORT)),
    }
}

fn unbase32<const N: usize>(s: &str) -> Option<[u8; N]> {
    if s.len() > 64 {
        return None;
    }
    BASE32_NOPAD.decode(s.to_ascii_uppercase().as_bytes()).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hex() -> String {
        "a4".repeat(32)
    }

    #[test]
    fn a_host_and_a_port_are_read_with_and_without_the_key_that_a_peer_prints() {
        let shown = |text: &str| text.parse::<HostPort>().map(|place| place.to_string());
        assert_eq!(shown("Peer.Example"), Ok("peer.example".into()));
        assert_eq!(shown("127.0.0.1:99"), Ok("127.0.0.1:99".into()));
        assert_eq!(shown("[::1]:99"), Ok("[::1]:99".into()));
        let key = PeerId([7; 32]).to_base32();
        assert_eq!(shown(&format!("peer.example:7117?k={key}")), Ok("peer.example".into()));
        assert_eq!(shown(&format!("peer.example/{}", "a".repeat(64))), Err(AddressError::NotAPeer));
        assert_eq!(shown("peer.example:0"), Err(AddressError::Port("0".into())));
    }

    #[test]
    fn a_full_address_reads_back_as_it_was_written() {
        for host in ["peer.example", "192.0.2.1:99", "[2001:db8::1]:99", "[2001:db8::1]"] {
            let key = PeerId([7; 32]).to_base32();
            let text = format!("{host}/{}?k={key}&t={}", hex(), base32(&[9; 16]));
            let address: Address = text.parse().unwrap();
            assert_eq!(address.to_string(), text);
            assert_eq!(address.to_link().parse(), Ok(address.clone()));
            assert_eq!(address.peer().unwrap().to_string(), format!("{host}?k={key}"));
        }
    }

    #[test]
    fn the_address_that_users_of_a_private_peer_are_given_holds_its_secret_and_nothing_else_takes_it() {
        let text = format!("peer.example?k={}&i={}", PeerId([7; 32]).to_base32(), "aebagbafaydqqcikbmga2dqp");
        let home: HomeAddress = text.parse().unwrap();
        assert_eq!(home.to_string(), text);
        assert_eq!(format!("pirushka://{text}").parse(), Ok(home.clone()));
        assert_eq!(home.invite, Some(InviteSecret(std::array::from_fn(|i| i as u8 + 1))));
        assert_eq!(format!("{:?}", home.invite), "Some(InviteSecret(..))");
        assert!(!home.peer.to_string().contains("i="));
        assert_eq!(text.parse::<PeerAddress>(), Err(AddressError::SecretShown));
        let person = text.replace('?', &format!("/{}?", hex()));
        assert_eq!(person.parse::<Address>(), Err(AddressError::SecretShown));
        assert_eq!(person.parse::<HomeAddress>(), Err(AddressError::NotAPeer));
        let zeros = format!("h?k={}&i={}", PeerId([7; 32]), "a".repeat(24));
        assert_eq!(zeros.parse::<HomeAddress>(), Err(AddressError::Secret));
        assert_eq!(text.trim_end_matches('p').parse::<HomeAddress>(), Err(AddressError::Secret));
        assert_eq!(format!("{text}&i=x").parse::<HomeAddress>(), Err(AddressError::Parameter("i=x".into())));
    }

    #[test]
    fn fact_13_an_address_is_host_and_fingerprint_and_the_seeds_form_is_understood() {
        let address: Address = format!("myprivate.peer.com/{}", hex()).parse().unwrap();
        assert_eq!((address.port, address.peer_id), (DEFAULT_PORT, None));
    }

    #[test]
    fn t38_a_shortened_fingerprint_is_refused_by_name() {
        assert_eq!("h.example/a4f5c".parse::<Address>(), Err(AddressError::FingerprintLength(5)));
        assert_eq!(format!("h/{}", "z".repeat(64)).parse::<Address>(), Err(AddressError::FingerprintDigits));
        assert_eq!("h.example".parse::<Address>(), Err(AddressError::NoFingerprint));
    }

    #[test]
    fn t38_a_fingerprint_in_mixed_case_is_the_same_person_and_written_in_one_way() {
        let mixed: Address = format!("h/{}", hex().to_uppercase()).parse().unwrap();
        let plain: Address = format!("h/{}", hex()).parse().unwrap();
        assert_eq!((mixed.fingerprint, mixed.to_string()), (plain.fingerprint, plain.to_string()));
    }

    #[test]
    fn t38_a_host_that_only_looks_like_another_is_refused_or_shown_as_what_it_is() {
        let of = |host: &str| format!("{host}/{}", hex()).parse::<Address>().map(|address| address.host.to_string());
        let letters = ["p\u{435}er.example", "peer.ex\u{430}mple", "\u{ff50}eer.example", "peer\u{3002}example"];
        let invisible = ["peer\u{200b}.example", "pe\u{ad}er.example", "\u{202e}elpmaxe.reep", "peer.example\u{feff}"];
        let links =
            ["peer.example@evil.example", "peer.example\\.evil.example", "peer.example%2eevil", "peer.example#evil"];
        let dots = ["peer..example", ".peer.example", "peer.example.", "peer_example", "peer.example "];
        let numbers = ["127.1", "0x7f.0.0.1", "2130706433", "0177.0.0.1", "\u{ff11}27.0.0.1", "127.0.0.1."];
        for host in [&letters[..], &invisible, &links, &dots, &numbers].concat() {
            assert!(matches!(of(host), Err(AddressError::Host(_))), "{host:?}: {:?}", of(host));
        }
        assert_eq!(
            of("xn--per-hlc.example"),
            Ok("xn--per-hlc.example".into()),
            "never shown as letters of another script"
        );
        assert_eq!(of("PEER.Example"), Ok("peer.example".into()));
    }

    #[test]
    fn every_fault_has_its_name() {
        let full = |query: &str| format!("h.example/{}?{query}", hex()).parse::<Address>();
        assert_eq!("".parse::<Address>(), Err(AddressError::Empty));
        assert_eq!("https://h/x".parse::<Address>(), Err(AddressError::Scheme("https".into())));
        assert_eq!("-h/x".parse::<Address>(), Err(AddressError::Host("-h".into())));
        assert_eq!("1.2.3.400/x".parse::<Address>(), Err(AddressError::Host("1.2.3.400".into())));
        assert_eq!("h:0/x".parse::<Address>(), Err(AddressError::Port("0".into())));
        assert_eq!("h:70000/x".parse::<Address>(), Err(AddressError::Port("70000".into())));
        assert_eq!(full("k=abc"), Err(AddressError::Key));
        assert_eq!(full("t=abc"), Err(AddressError::Token));
        assert_eq!(full("x=abc"), Err(AddressError::Parameter("x=abc".into())));
        assert_eq!("h.example".parse::<PeerAddress>(), Err(AddressError::NoKey));
        assert_eq!(format!("h/{}", hex()).parse::<PeerAddress>(), Err(AddressError::NotAPeer));
    }

    proptest! {
        #[test]
        fn any_text_parses_or_is_refused_without_a_panic(text in "\\PC{0,200}") {
            if let Ok(address) = text.parse::<Address>() {
                prop_assert_eq!(address.to_string().parse(), Ok(address));
            }
            if let Ok(home) = text.parse::<HomeAddress>() {
                prop_assert_eq!(home.to_string().parse(), Ok(home));
            }
        }
    }
}
