//! Bounds that keep memory and disk finite whatever comes in. Each has a reason and a behaviour when reached.

/// The longest text that travels as a text. Longer ones are refused with a hint to send a file.
pub const TEXT_MAX: usize = 64 * 1024;
/// The longest name, in characters.
pub const NAME_MAX: usize = 64;
/// Messages that disappear do so at the latest after this long, seconds: 366 days.
pub const EXPIRE_MAX_S: u64 = 366 * 24 * 3600;
/// People. A request beyond is left unanswered at the peer.
pub const CONTACTS_MAX: usize = 1000;
/// Open requests of strangers; further ones are dropped and counted.
pub const REQUESTS_MAX: usize = 64;
/// Bits of work that a person may ask of strangers, as much as a peer may.
pub const WORK_BITS_MAX: u8 = 40;
/// Open invites; a peer keeps 128 by default. One more is refused, until one is used, revoked or expires.
pub const INVITES_MAX: usize = 100;
/// Queues of a contact that are known: those of the four homes of a CARD, and those of a CARD that is on its way.
pub const GRANTS_MAX: usize = 8;
/// Sessions kept per contact: the current one and those that late messages may still belong to.
pub const SESSIONS_MAX: usize = 4;
/// Group ids remembered per contact, so that a Welcome played again revives nothing.
pub const GROUPS_MAX: usize = 32;
/// Ranges of received sequence numbers kept per contact; the lowest are forgotten.
pub const RECEIVED_RANGES_MAX: usize = 512;
/// Messages of a contact that wait for a commit. Beyond, they are acknowledged and dropped; the sender offers again.
pub const UNREADABLE_MAX: usize = 256;
/// Likewise in bytes: as much as a peer holds in one queue.
pub const UNREADABLE_BYTES_MAX: usize = 1024 * 1024;
/// Jumps in a contact's numbers that are not passed by the display yet; the oldest are forgotten.
pub const JUMPS_MAX: usize = 16;
/// Gap markers per contact; older gaps are no longer filled in place.
pub const GAPS_MAX: usize = 64;
/// Places kept in a gap. In a wider one the sender's numbers have jumped, and it is not known where.
pub const GAP_WIDTH_MAX: u64 = 1024;
/// Late messages of a wide gap that stand far from its ends and from each other; one more is shown behind the gap.
pub const GAP_ANCHORS_MAX: usize = 8;
/// Sockets open at the same time towards contacts' peers.
pub const ROUTES_MAX: usize = 64;
/// Ranges in one receipt.
pub const RECEIPT_RANGES_MAX: usize = 32;
/// Delivered texts whose reading is still awaited, per contact; older ones stay "delivered".
pub const UNREAD_MAX: usize = 256;
/// Texts of a contact that I have not seen; of older ones no read receipt is sent.
pub const UNSEEN_MAX: usize = 1024;
/// Deposits to one contact that are asked at the same time.
pub const DEPOSITS_MAX: usize = 64;
/// Texts of a contact that wait for an earlier one. Beyond, the gap is shown at once.
pub const WAITING_MAX: usize = 64;
