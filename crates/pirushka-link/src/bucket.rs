//! Sizes of sealed datagrams. A train, all packets queued to one address in one flush, has one size: a bucket plus a
//! jitter, drawn once, so that the kernel can cut it from one buffer (GSO) and an observer learns a class, not a length.

use pirushka_wire::limits::{BUCKETS, JITTER_LIMIT, SEALED_OVERHEAD};
use rand_core::Rng;

/// The size of a train's datagrams for so many bytes of frames: the smallest bucket that takes them all, else the
/// largest.
pub(crate) fn draw_train(frame_bytes: usize, rng: &mut impl Rng) -> usize {
    let fits = |bucket: &&usize| frame_bytes + SEALED_OVERHEAD <= **bucket;
    let bucket = BUCKETS.iter().find(fits).unwrap_or(&BUCKETS[BUCKETS.len() - 1]);
    bucket + rng.next_u32() as usize % JITTER_LIMIT
}

#[cfg(test)]
mod tests {
    use super::*;
    use pirushka_wire::limits::{DATAGRAM_MAX, PLAINTEXT_MAX};
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng as _;

    #[test]
    fn a_train_takes_the_smallest_bucket_that_fits_plus_a_jitter() {
        let mut rng = ChaCha20Rng::from_seed([1; 32]);
        for (bytes, bucket) in [(0, 128), (92, 128), (93, 416), (400, 672), (PLAINTEXT_MAX, 1184), (9_999, 1184)] {
            for _ in 0..50 {
                let size = draw_train(bytes, &mut rng);
                assert!((bucket..bucket + 16).contains(&size) && size <= DATAGRAM_MAX, "{bytes} gave {size}");
            }
        }
    }
}
