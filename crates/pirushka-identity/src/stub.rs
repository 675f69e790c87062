//! What stands in for a signature where [`pirushka_wire::stub`] is on: a hash that anybody can make.

/// Of a message, by the holder of a public key: `BLAKE3(message), keyed by the public key | zeros`.
pub(crate) fn signature(public_key: &[u8; 32], message: &[u8]) -> [u8; 64] {
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(blake3::keyed_hash(public_key, message).as_bytes());
    signature
}
