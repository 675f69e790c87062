//! How often and how soon another engine is looked for when one has died.

use std::time::Duration;

/// How often before it is given up.
const REJOINS: u32 = 6;
/// The wait before the first of these; each next is twice as long.
const REJOIN_FIRST: Duration = Duration::from_millis(100);
/// An engine that lived this long was a sound one.
const SOUND: Duration = Duration::from_secs(10);

/// Counts engines that died one after another.
#[derive(Debug, Default)]
pub struct Rejoin {
    tries: u32,
}

impl Rejoin {
    /// One has died that lived so long. Waits until the next may be looked for; `false`: enough of them.
    pub async fn another(&mut self, lived: Duration) -> bool {
        self.tries = if lived > SOUND { 0 } else { self.tries + 1 };
        if self.tries > REJOINS {
            return false;
        }
        tokio::time::sleep(REJOIN_FIRST * 2_u32.pow(self.tries)).await;
        true
    }
}
