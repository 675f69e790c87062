//! Payloads of the handshake packets. Authentication is the link's affair; here is only what stands where.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use crate::cursor::{Reader, UnexpectedEnd};
use crate::ids::{BootId, SessionId};
use crate::limits::ENVELOPES;

/// The version of the link that this code speaks.
pub const VERSION: u8 = 1;
/// Noise message 1: ephemeral key 32, tag 16.
pub const NOISE_1_LEN: usize = 48;
/// Cookie: epoch 4, MAC 20.
pub const COOKIE_LEN: usize = 24;

/// HELLO: `version u8 | flags u8 | client session id[8] | cookie length u8 | cookie | noise message 1[48] | padding`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hello<'a> {
    /// [`VERSION`].
    pub version: u8,
    /// None defined; others are ignored.
    pub flags: u8,
    /// The client's name for the session.
    pub client_session: SessionId,
    /// As RETRY gave it, or absent.
    pub cookie: Option<&'a [u8; COOKIE_LEN]>,
    /// First message of Noise_NK.
    pub noise: &'a [u8; NOISE_1_LEN],
}

impl<'a> Hello<'a> {
    /// Reads the front of the payload; padding is ignored.
    pub fn decode(payload: &'a [u8]) -> Result<Self, UnexpectedEnd> {
        let mut r = Reader::new(payload);
        let (version, flags, client_session) = (r.u8()?, r.u8()?, SessionId(r.array()?));
        let cookie = match usize::from(r.u8()?) {
            0 => None,
            COOKIE_LEN => Some(r.array_ref()?),
            _ => return Err(UnexpectedEnd),
        };
        Ok(Self { version, flags, client_session, cookie, noise: r.array_ref()? })
    }

    /// Appends the payload without padding.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend([self.version, self.flags]);
        out.extend(self.client_session.0);
        match self.cookie {
            None => out.push(0),
            Some(cookie) => {
                out.push(COOKIE_LEN as u8);
                out.extend(cookie);
            }
        }
        out.extend(self.noise);
    }
}

/// RETRY: `client session id[8] | cookie[24]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry<'a> {
    /// From the HELLO.
    pub client_session: SessionId,
    /// To be sent back.
    pub cookie: &'a [u8; COOKIE_LEN],
}

impl<'a> Retry<'a> {
    /// Reads the payload.
    pub fn decode(payload: &'a [u8]) -> Result<Self, UnexpectedEnd> {
        let mut r = Reader::new(payload);
        Ok(Self { client_session: SessionId(r.array()?), cookie: r.array_ref()? })
    }

    /// Appends the payload.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend(self.client_session.0);
        out.extend(self.cookie);
    }
}

/// HELLO_ACK: `client session id[8] | noise message 2`, whose own payload is [`Welcome`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HelloAck<'a> {
    /// From the HELLO.
    pub client_session: SessionId,
    /// Second message of Noise_NK.
    pub noise: &'a [u8],
}

impl<'a> HelloAck<'a> {
    /// Reads the payload.
    pub fn decode(payload: &'a [u8]) -> Result<Self, UnexpectedEnd> {
        let mut r = Reader::new(payload);
        Ok(Self { client_session: SessionId(r.array()?), noise: r.rest() })
    }

    /// Appends the payload.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend(self.client_session.0);
        out.extend(self.noise);
    }
}

/// What a peer tells everybody who completes a handshake, under the handshake's encryption.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Welcome {
    /// The peer's name for the session.
    pub peer_session: SessionId,
    /// This run of the peer.
    pub boot: BootId,
    /// The client's address as the peer saw it.
    pub observed: SocketAddr,
    /// Stands in a RESET for this session, should the peer forget it.
    pub reset_token: [u8; 16],
    /// Terms on which messages are held.
    pub terms: Terms,
}

/// The terms on which a peer holds messages. A sender computes expiry from them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// How long an envelope is held.
    pub hold_s: u32,
    /// The largest envelope taken.
    pub envelope_max: u16,
    /// Bytes per contact queue.
    pub queue_bytes: u32,
    /// Messages per contact queue.
    pub queue_messages: u16,
    /// Bytes per user.
    pub user_bytes: u32,
    /// Leading zero bits asked of introductions without a token.
    pub intro_difficulty: u8,
    /// Whether registration needs the operator's invite secret.
    pub private: bool,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            hold_s: 14 * 24 * 3600,
            envelope_max: ENVELOPES[2] as u16,
            queue_bytes: 1 << 20,
            queue_messages: 500,
            user_bytes: 8 << 20,
            intro_difficulty: 20,
            private: false,
        }
    }
}

impl Welcome {
    /// Reads the front; what follows is padding or belongs to later versions.
    pub fn decode(payload: &[u8]) -> Result<Self, UnexpectedEnd> {
        let mut r = Reader::new(payload);
        Ok(Self {
            peer_session: SessionId(r.array()?),
            boot: BootId(r.array()?),
            observed: socket_addr(&mut r)?,
            reset_token: r.array()?,
            terms: Terms {
                hold_s: r.u32()?,
                envelope_max: r.u16()?,
                queue_bytes: r.u32()?,
                queue_messages: r.u16()?,
                user_bytes: r.u32()?,
                intro_difficulty: r.u8()?,
                private: r.u8()? & 1 != 0,
            },
        })
    }

    /// Appends `peer session[8] | boot[8] | ip[16] | port u16 | reset token[16] | terms[18]`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend(self.peer_session.0);
        out.extend(self.boot.0);
        let ip = match self.observed.ip() {
            IpAddr::V4(v4) => v4.to_ipv6_mapped(),
            IpAddr::V6(v6) => v6,
        };
        out.extend(ip.octets());
        out.extend(self.observed.port().to_be_bytes());
        out.extend(self.reset_token);
        let t = &self.terms;
        out.extend(t.hold_s.to_be_bytes());
        out.extend(t.envelope_max.to_be_bytes());
        out.extend(t.queue_bytes.to_be_bytes());
        out.extend(t.queue_messages.to_be_bytes());
        out.extend(t.user_bytes.to_be_bytes());
        out.extend([t.intro_difficulty, u8::from(t.private)]);
    }
}

fn socket_addr(r: &mut Reader<'_>) -> Result<SocketAddr, UnexpectedEnd> {
    let ip = Ipv6Addr::from(r.array::<16>()?);
    Ok(SocketAddr::new(ip.to_canonical(), r.u16()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_welcome_decodes_to_itself_for_both_address_families() {
        for observed in ["192.0.2.7:5000", "[2001:db8::1]:443"] {
            let welcome = Welcome {
                peer_session: SessionId([1; 8]),
                boot: BootId([2; 8]),
                observed: observed.parse().unwrap(),
                reset_token: [3; 16],
                terms: Terms::default(),
            };
            let mut out = vec![];
            welcome.encode(&mut out);
            assert_eq!(Welcome::decode(&out), Ok(welcome));
        }
    }

    #[test]
    fn a_hello_decodes_to_itself_with_and_without_a_cookie_and_ignores_padding() {
        for cookie in [None, Some(&[4; COOKIE_LEN])] {
            let hello = Hello {
                version: VERSION,
                flags: 0,
                client_session: SessionId([1; 8]),
                cookie,
                noise: &[5; NOISE_1_LEN],
            };
            let mut out = vec![];
            hello.encode(&mut out);
            out.extend([9; 100]);
            assert_eq!(Hello::decode(&out), Ok(hello));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_decode_or_are_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            let _ = (Hello::decode(&bytes), Retry::decode(&bytes), HelloAck::decode(&bytes), Welcome::decode(&bytes));
        }
    }
}
