//! Networks that the operator has blocked: what comes from them is dropped before anything looks at it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A network: an address and how many of its leading bits count. IPv4 networks are kept as IPv6 has them, so that an
/// address is the same in either form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Block {
    first: u128,
    last: u128,
}

/// What somebody wrote is not a network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoBlock {
    /// No address, or no number behind the slash.
    #[error("expected a network like 192.0.2.0/24, 2001:db8::/48, or a single address")]
    Syntax,
    /// Bits beyond the length are set: one of the two is probably a slip.
    #[error("the address has bits beyond its length; {0} is the network")]
    BitsBeyond(Block),
    /// Everybody.
    #[error("this blocks everybody; stop the peer instead")]
    Everybody,
}

/// Networks, found in O(log n).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BlockList {
    /// Disjoint and ascending.
    ranges: Vec<Block>,
}

impl Block {
    fn of(ip: IpAddr, bits: u32) -> Option<Self> {
        let (width, bits) = match ip {
            IpAddr::V4(_) => (32, bits.checked_add(96)?),
            IpAddr::V6(_) => (128, bits),
        };
        let host_bits = 128_u32.checked_sub(bits).filter(|host_bits| *host_bits <= width)?;
        let mask = if host_bits == 128 { u128::MAX } else { (1 << host_bits) - 1 };
        let address = number(ip);
        Some(Self { first: address & !mask, last: address | mask })
    }
}

impl Block {
    fn contains(self, ip: Ipv4Addr) -> bool {
        (self.first..=self.last).contains(&number(ip.into()))
    }
}

impl FromStr for Block {
    type Err = NoBlock;

    fn from_str(text: &str) -> Result<Self, NoBlock> {
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let ip: IpAddr = address.parse().map_err(|_| NoBlock::Syntax)?;
        let all = if ip.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(all), |bits| bits.parse().map_err(|_| NoBlock::Syntax))?;
        let block = Self::of(ip, bits).ok_or(NoBlock::Syntax)?;
        // All of IPv4, in whatever form it is written, is everybody too.
        if block.contains(Ipv4Addr::UNSPECIFIED) && block.contains(Ipv4Addr::BROADCAST) {
            return Err(NoBlock::Everybody);
        }
        if block.first == number(ip) { Ok(block) } else { Err(NoBlock::BitsBeyond(block)) }
    }
}

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host_bits = (self.last - self.first).count_ones();
        let (ip, bits) = match Ipv6Addr::from(self.first).to_canonical() {
            IpAddr::V4(ip) if host_bits <= 32 => (IpAddr::V4(ip), 32 - host_bits),
            _ => (Ipv6Addr::from(self.first).into(), 128 - host_bits),
        };
        write!(f, "{ip}/{bits}")
    }
}

impl BlockList {
    /// Whether datagrams from this address are dropped.
    #[must_use]
    pub fn contains(&self, ip: IpAddr) -> bool {
        if self.ranges.is_empty() {
            return false;
        }
        let address = number(ip);
        let after = self.ranges.partition_point(|range| range.first <= address);
        self.ranges[..after].last().is_some_and(|range| address <= range.last)
    }
}

impl FromIterator<Block> for BlockList {
    /// Networks within others add nothing.
    fn from_iter<I: IntoIterator<Item = Block>>(blocks: I) -> Self {
        let mut all: Vec<Block> = blocks.into_iter().collect();
        all.sort();
        let mut ranges: Vec<Block> = Vec::with_capacity(all.len());
        for block in all {
            match ranges.last_mut() {
                Some(before) if block.first <= before.last => before.last = before.last.max(block.last),
                _ => ranges.push(block),
            }
        }
        Self { ranges }
    }
}

fn number(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().into(),
        IpAddr::V6(v6) => v6.into(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn list(texts: &[&str]) -> BlockList {
        texts.iter().map(|text| text.parse::<Block>().unwrap()).collect()
    }

    fn is_in(list: &BlockList, ip: &str) -> bool {
        list.contains(ip.parse().unwrap())
    }

    #[test]
    fn an_address_is_blocked_in_either_form_and_its_neighbours_are_not() {
        let list = list(&["192.0.2.0/24", "2001:db8:1::/48", "203.0.113.7"]);
        for blocked in ["192.0.2.0", "192.0.2.255", "::ffff:192.0.2.9", "2001:db8:1:ffff::1", "203.0.113.7"] {
            assert!(is_in(&list, blocked), "{blocked}");
        }
        for free in ["192.0.1.255", "192.0.3.0", "2001:db8:2::", "203.0.113.8", "::192.0.2.9", "::"] {
            assert!(!is_in(&list, free), "{free}");
        }
    }

    #[test]
    fn slips_are_refused_with_what_was_probably_meant() {
        let fault = |text: &str| text.parse::<Block>().unwrap_err().to_string();
        assert_eq!(fault("192.0.2.1/24"), "the address has bits beyond its length; 192.0.2.0/24 is the network");
        assert_eq!(fault("2001:db8::1/32"), "the address has bits beyond its length; 2001:db8::/32 is the network");
        assert_eq!(fault("0.0.0.0/0"), NoBlock::Everybody.to_string());
        for everybody in ["::/0", "::/1", "::ffff:0:0/96", "::ffff:0:0/95"] {
            assert!(everybody.parse::<Block>().is_err(), "{everybody}");
        }
        assert_eq!(fault("::/0"), NoBlock::Everybody.to_string());
        assert_eq!(fault("::ffff:0:0/96"), NoBlock::Everybody.to_string());
        for text in ["", "host.example", "192.0.2.0/33", "192.0.2.0/-1", "1.2.3", "::/129", "192.0.2.0/24/24"] {
            assert_eq!(text.parse::<Block>(), Err(NoBlock::Syntax), "{text}");
        }
    }

    #[test]
    fn a_network_is_shown_as_it_is_written() {
        for text in ["192.0.2.0/24", "10.0.0.0/8", "203.0.113.7/32", "2001:db8::/32", "::1/128"] {
            assert_eq!(text.parse::<Block>().unwrap().to_string(), text);
        }
    }

    proptest! {
        #[test]
        fn the_list_blocks_exactly_what_one_of_its_networks_contains(
            networks in prop::collection::vec((any::<u32>(), 1..=32u32), 0..20),
            addresses in prop::collection::vec(any::<u32>(), 1..50),
        ) {
            let of = |(ip, bits): &(u32, u32)| Block::of(IpAddr::from(ip.to_be_bytes()), *bits).unwrap();
            let list: BlockList = networks.iter().map(of).collect();
            let near = networks.iter().flat_map(|(ip, bits)| [*ip, ip ^ (1 << (32 - bits)), ip.wrapping_add(1)]);
            for address in addresses.iter().copied().chain(near) {
                let naive = networks.iter().any(|(ip, bits)| (ip ^ address).checked_shr(32 - bits).unwrap_or(0) == 0);
                prop_assert_eq!(list.contains(IpAddr::from(address.to_be_bytes())), naive);
            }
        }
    }
}
