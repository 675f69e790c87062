//! How types of the wire stand in CBOR: identifiers as byte strings, ranges as flat pairs, a peer as `[host, port, id]`.

use minicbor::{Decode, decode::Error as DecodeError};

use super::ContentError;

/// Decodes all of `bytes`.
pub(super) fn exact<'b, T: Decode<'b, ()>>(bytes: &'b [u8]) -> Result<T, ContentError> {
    let mut d = minicbor::Decoder::new(bytes);
    let value = d.decode().map_err(|_| ContentError::Malformed)?;
    if d.position() == bytes.len() { Ok(value) } else { Err(ContentError::Malformed) }
}

fn array<const N: usize>(d: &mut minicbor::Decoder<'_>) -> Result<[u8; N], DecodeError> {
    d.bytes()?.try_into().map_err(|_| DecodeError::message("a byte string of another length was expected"))
}

macro_rules! id {
    ($module:ident, $id:ident) => {
        pub(super) mod $module {
            use minicbor::{
                Decoder, Encoder, decode::Error as DecodeError, encode::Error as EncodeError, encode::Write,
            };
            use pirushka_wire::$id;

            pub(crate) fn encode<C, W: Write>(
                id: &$id,
                e: &mut Encoder<W>,
                _: &mut C,
            ) -> Result<(), EncodeError<W::Error>> {
                e.bytes(&id.0)?.ok()
            }

            pub(crate) fn decode<C>(d: &mut Decoder<'_>, _: &mut C) -> Result<$id, DecodeError> {
                super::array(d).map($id)
            }
        }
    };
}
id!(queue_id, QueueId);
id!(queue_secret, QueueSecret);

/// An invite's token, if there is one.
pub(super) mod intro_token {
    use minicbor::{Decoder, Encoder, decode::Error as DecodeError, encode::Error as EncodeError, encode::Write};
    use pirushka_wire::IntroToken;

    pub(crate) fn encode<C, W: Write>(
        token: &Option<IntroToken>,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), EncodeError<W::Error>> {
        match token {
            Some(token) => e.bytes(&token.0)?.ok(),
            None => e.null()?.ok(),
        }
    }

    pub(crate) fn decode<C>(d: &mut Decoder<'_>, _: &mut C) -> Result<Option<IntroToken>, DecodeError> {
        if d.datatype()? == minicbor::data::Type::Null {
            return d.skip().map(|()| None);
        }
        super::array(d).map(|token| Some(IntroToken(token)))
    }

    pub(crate) fn nil() -> Option<Option<IntroToken>> {
        Some(None)
    }

    pub(crate) fn is_nil(token: &Option<IntroToken>) -> bool {
        token.is_none()
    }
}

/// `[host, port, peer id]`.
pub(super) mod peer_address {
    use minicbor::{Decoder, Encoder, decode::Error as DecodeError, encode::Error as EncodeError, encode::Write};
    use pirushka_wire::{PeerAddress, PeerId};

    pub(crate) fn encode<C, W: Write>(
        peer: &PeerAddress,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), EncodeError<W::Error>> {
        e.array(3)?.str(peer.host.as_str())?.u16(peer.port)?.bytes(&peer.peer_id.0)?.ok()
    }

    pub(crate) fn decode<C>(d: &mut Decoder<'_>, _: &mut C) -> Result<PeerAddress, DecodeError> {
        let Some(3) = d.array()? else { return Err(DecodeError::message("a peer is [host, port, id]")) };
        let host = d.str()?.parse().map_err(|_| DecodeError::message("not a host"))?;
        let port = d.u16()?;
        if port == 0 {
            return Err(DecodeError::message("port 0"));
        }
        Ok(PeerAddress { host, port, peer_id: PeerId(super::array(d)?) })
    }
}

/// Grants as an array; left out where there are none.
pub(super) mod grants {
    use minicbor::{Decoder, Encoder, decode::Error as DecodeError, encode::Error as EncodeError, encode::Write};
    use pirushka_identity::HOMES_MAX;

    use crate::content::QueueGrant;

    pub(crate) fn encode<C, W: Write>(
        grants: &[QueueGrant],
        e: &mut Encoder<W>,
        ctx: &mut C,
    ) -> Result<(), EncodeError<W::Error>> {
        e.array(grants.len() as u64)?;
        grants.iter().try_for_each(|grant| e.encode_with(grant, ctx).map(drop))
    }

    pub(crate) fn decode<C>(d: &mut Decoder<'_>, ctx: &mut C) -> Result<Vec<QueueGrant>, DecodeError> {
        let items = d.array()?.filter(|&items| items <= HOMES_MAX as u64);
        let items = items.ok_or_else(|| DecodeError::message("not as many grants as homes"))?;
        (0..items).map(|_| d.decode_with(ctx)).collect()
    }

    pub(crate) fn nil() -> Option<Vec<QueueGrant>> {
        Some(vec![])
    }

    pub(crate) fn is_nil(grants: &[QueueGrant]) -> bool {
        grants.is_empty()
    }
}

/// `[first, length - 1, first, length - 1, ...]`, the highest ranges if there are too many.
pub(super) mod ranges {
    use minicbor::{Decoder, Encoder, decode::Error as DecodeError, encode::Error as EncodeError, encode::Write};
    use pirushka_wire::RangeSet;

    use crate::content::RECEIPT_RANGES_MAX;

    pub(crate) fn encode<C, W: Write>(
        set: &RangeSet,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), EncodeError<W::Error>> {
        let mut set = set.clone();
        set.keep_highest(RECEIPT_RANGES_MAX);
        e.array(2 * set.range_count() as u64)?;
        for (first, last) in set.iter() {
            e.u64(first)?.u64(last - first)?;
        }
        Ok(())
    }

    pub(crate) fn decode<C>(d: &mut Decoder<'_>, _: &mut C) -> Result<RangeSet, DecodeError> {
        let bad = || DecodeError::message("not ranges");
        let items = d.array()?.ok_or_else(bad)?;
        if items % 2 != 0 || items > 2 * RECEIPT_RANGES_MAX as u64 {
            return Err(bad());
        }
        let mut set = RangeSet::new();
        for _ in 0..items / 2 {
            let first = d.u64()?;
            set.insert_range(first, first.checked_add(d.u64()?).ok_or_else(bad)?);
        }
        Ok(set)
    }

    pub(crate) fn nil() -> Option<RangeSet> {
        Some(RangeSet::new())
    }

    pub(crate) fn is_nil(set: &RangeSet) -> bool {
        set.is_empty()
    }
}
