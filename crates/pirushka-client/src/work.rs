//! Proof of work, one piece at a time on a thread beside the client's: the other cores are the person's.

use std::sync::Arc;

use pirushka_client_core::{WorkClaim, WorkId};
use pirushka_wire::WorkNonce;
use tokio::sync::{Semaphore, mpsc};

/// Between two looks at whether anybody still waits: a tenth of a second.
const TRIES: u64 = 1 << 20;

/// A piece of work that is done.
pub(crate) type Done = (WorkId, WorkNonce);

/// Where work is done.
#[derive(Clone)]
pub(crate) struct Bench {
    place: Arc<Semaphore>,
}

impl Default for Bench {
    fn default() -> Self {
        Self { place: Arc::new(Semaphore::new(1)) }
    }
}

impl Bench {
    /// Begins as soon as the place is free; ends when the number is found or nobody waits for it any more.
    pub(crate) fn begin(&self, id: WorkId, claim: WorkClaim, bits: u8, done: mpsc::Sender<Done>) {
        let place = self.place.clone();
        tokio::spawn(async move {
            let Ok(_place) = place.acquire_owned().await else { return };
            let mut from = 1;
            while !done.is_closed() {
                let found = tokio::task::spawn_blocking(move || claim.solve(bits, from, TRIES)).await;
                match found {
                    Ok(Some(nonce)) => {
                        // Whoever waited may have left in between.
                        let _ = done.send((id, nonce)).await;
                        return;
                    }
                    Ok(None) => from += TRIES,
                    Err(_) => return,
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pirushka_wire::{Fingerprint, IntroId};

    fn claim(n: u8) -> WorkClaim {
        WorkClaim::introduction(&[n; 32], &Fingerprint([2; 32]), 1, &IntroId([3; 16]))
    }

    #[tokio::test]
    async fn work_is_done_and_work_that_nobody_waits_for_gives_its_place_to_the_next() {
        let bench = Bench::default();
        let (forgotten, nobody) = mpsc::channel(1);
        bench.begin(WorkId(1), claim(1), 64, forgotten);
        drop(nobody);
        let (done, mut results) = mpsc::channel(1);
        bench.begin(WorkId(2), claim(2), 10, done);
        let (id, nonce) = results.recv().await.unwrap();
        assert_eq!(id, WorkId(2));
        assert!(claim(2).bits(nonce) >= 10);
    }
}
