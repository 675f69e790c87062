//! What stands in for X25519 where [`pirushka_wire::stub`] is on: Diffie-Hellman in a group that a pocket calculator
//! breaks. Keys are 32 bytes all the same, and a damaged one gives another secret.

/// The Mersenne prime 2^61 - 1.
const P: u64 = (1 << 61) - 1;
/// Generates most of the group, which is enough.
const G: u64 = 37;

/// The public key: `G^secret u64 | hash of it, 24 bytes`.
pub(crate) fn public(secret: &[u8; 32]) -> [u8; 32] {
    let element = power(G, exponent(secret)).to_be_bytes();
    let mut public = [0; 32];
    public[..8].copy_from_slice(&element);
    public[8..].copy_from_slice(&blake3::hash(&element).as_bytes()[..24]);
    public
}

/// What both sides come to; whoever is given a damaged key comes to something else.
pub(crate) fn agree(secret: &[u8; 32], public: &[u8; 32]) -> [u8; 32] {
    let (mut element, mut tail) = ([0; 8], [0; 24]);
    element.copy_from_slice(&public[..8]);
    tail.copy_from_slice(&public[8..]);
    let shared = power(u64::from_be_bytes(element) % P, exponent(secret)).to_be_bytes();
    let sound = blake3::hash(&element).as_bytes()[..24] == tail;
    *blake3::Hasher::new().update(&shared).update(&[u8::from(sound)]).finalize().as_bytes()
}

fn exponent(secret: &[u8; 32]) -> u64 {
    secret.first_chunk().map_or(1, |bytes| u64::from_be_bytes(*bytes) | 1)
}

fn power(mut base: u64, mut exponent: u64) -> u64 {
    let mut product = 1;
    while exponent > 0 {
        if exponent & 1 == 1 {
            product = times(product, base);
        }
        base = times(base, base);
        exponent >>= 1;
    }
    product
}

fn times(a: u64, b: u64) -> u64 {
    (u128::from(a) * u128::from(b) % u128::from(P)) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_come_to_the_same_and_whoever_got_a_damaged_key_does_not() {
        let (a, b) = ([7; 32], [9; 32]);
        assert_eq!(agree(&a, &public(&b)), agree(&b, &public(&a)));
        for at in 0..32 {
            let mut damaged = public(&b);
            damaged[at] ^= 1;
            assert_ne!(agree(&a, &damaged), agree(&b, &public(&a)), "byte {at}");
        }
    }
}
