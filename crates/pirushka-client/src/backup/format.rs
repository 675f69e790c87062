//! The file: a header that can be read without the secret, then sealed chunks.
//!
//! ```text
//! header   "PIRUSHKA-BACKUP\n" | version u8 (1) | secret u8 (0 recovery key, 1 passphrase)
//!          | Argon2id memory KiB u32 | passes u32 | lanes u32 | salt[16] | check[8] | sum[8]
//! key      Argon2id(secret, salt), 32 bytes;  check = derive_key("pirushka 2026 backup check", key)[..8]
//! chunks   AES-256-GCM of 64 KiB each, the last shorter or empty, tag at the end
//!          key derive_key("pirushka 2026 backup chunks", key | header), nonce u88 counter | last u8
//! inside   records: length u32 | CBOR
//! ```
//! `sum` (BLAKE3 of what stands before it) tells a damaged header from a wrong secret. The chunks are the STREAM
//! construction (Hoang, Reyhanitabar, Rogaway, Vizár 2015), as age uses it: none can be changed, swapped, left out or cut
//! off without notice. Numbers are big-endian. The key of the chunks is new with each file, since the salt is.

use std::io::{Read, Write};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use zeroize::Zeroizing;

use super::secret::{Secret, SecretKind};
use crate::error::{Code, Error, Result};
use crate::key::Argon2id;

const MAGIC: &[u8; 16] = b"PIRUSHKA-BACKUP\n";
const VERSION: u8 = 1;
const HEADER: usize = 16 + 1 + 1 + 12 + 16 + 8 + 8;
const CHUNK: usize = 64 * 1024;
const TAG: usize = 16;
/// The longest record: a row is at most a message of 64 KiB and what is around it.
const RECORD_MAX: usize = 16 * 1024 * 1024;

/// Seals what is written to it.
pub(super) struct Sealer<W> {
    to: W,
    key: ChunkKey,
    chunk: Zeroizing<Vec<u8>>,
    /// Bytes written to the file.
    pub(super) len: u64,
}

impl<W: Write> Sealer<W> {
    /// Writes the header. Takes the time of an Argon2id.
    pub(super) fn begin(mut to: W, secret: &Secret) -> Result<Self> {
        let argon2id = Argon2id::fresh()?;
        let key = argon2id.derive(&secret.bytes)?;
        let (memory_kib, passes, lanes, salt) = argon2id.parts()?;
        let mut header = Vec::with_capacity(HEADER);
        header.extend(MAGIC);
        header.extend([VERSION, secret.kind as u8]);
        [memory_kib, passes, lanes].iter().for_each(|number| header.extend(number.to_be_bytes()));
        header.extend(salt);
        header.extend(check(key.bytes()));
        header.extend(&blake3::hash(&header).as_bytes()[..8]);
        debug_assert_eq!(header.len(), HEADER);
        to.write_all(&header).map_err(cannot_write)?;
        let key = ChunkKey::new(key.bytes(), &header)?;
        Ok(Self { to, key, chunk: Zeroizing::new(Vec::with_capacity(CHUNK + TAG)), len: HEADER as u64 })
    }

    pub(super) fn record(&mut self, bytes: &[u8]) -> Result<()> {
        let len = u32::try_from(bytes.len()).ok().filter(|&len| len as usize <= RECORD_MAX);
        let len = len.ok_or_else(|| Error::new(Code::Unexpected, "a row is too long for a backup"))?;
        self.push(&len.to_be_bytes())?;
        self.push(bytes)
    }

    /// Seals the last chunk; gives back where it was written to.
    pub(super) fn finish(mut self) -> Result<(W, u64)> {
        self.seal(true)?;
        self.to.flush().map_err(cannot_write)?;
        Ok((self.to, self.len))
    }

    fn push(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            let room = CHUNK - self.chunk.len();
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.chunk.extend_from_slice(now);
            bytes = later;
            // A full chunk waits until something follows it: the last one is marked.
            if self.chunk.len() == CHUNK && !bytes.is_empty() {
                self.seal(false)?;
            }
        }
        Ok(())
    }

    fn seal(&mut self, last: bool) -> Result<()> {
        let nonce = self.key.nonce(last);
        let sealed = self.key.key.seal_in_place_append_tag(nonce, Aad::empty(), &mut *self.chunk);
        sealed.map_err(|_| Error::new(Code::Unexpected, "a chunk of the backup cannot be sealed"))?;
        self.to.write_all(&self.chunk).map_err(cannot_write)?;
        self.len += self.chunk.len() as u64;
        self.chunk.clear();
        Ok(())
    }
}

/// Opens a file, record by record.
pub(super) struct Opener<R> {
    from: R,
    key: ChunkKey,
    /// The next sealed chunk, read ahead: the last one can be told by what follows it.
    ahead: Vec<u8>,
    open: Zeroizing<Vec<u8>>,
    at: usize,
    over: bool,
}

/// What stands in a header, as far as it can be read without the secret.
pub(super) struct Header {
    bytes: Vec<u8>,
    argon2id: Argon2id,
    pub(super) kind: SecretKind,
}

impl Header {
    /// # Errors
    /// [`Code::BackupDamaged`], [`Code::BackupTruncated`], [`Code::NewerStore`].
    pub(super) fn read(from: &mut impl Read) -> Result<Self> {
        let mut bytes = vec![0; HEADER];
        let len = fill(from, &mut bytes)?;
        if len < MAGIC.len() || &bytes[..MAGIC.len()] != MAGIC {
            return Err(damaged("it does not begin like a backup of pirushka"));
        }
        if len > MAGIC.len() && bytes[MAGIC.len()] > VERSION {
            return Err(Error::new(Code::NewerStore, "the backup was made by a newer version of pirushka")
                .with_remedy("install that version"));
        }
        if len < HEADER {
            return Err(truncated());
        }
        let (said, sum) = bytes.split_at(HEADER - 8);
        if sum != &blake3::hash(said).as_bytes()[..8] {
            return Err(damaged("its first bytes were changed"));
        }
        let number = |at: usize| u32::from_be_bytes([said[at], said[at + 1], said[at + 2], said[at + 3]]);
        let kind = SecretKind::of(said[17]).ok_or_else(|| damaged("it wants a secret of an unknown kind"))?;
        let argon2id = Argon2id::from_parts(number(18), number(22), number(26), &said[30..46]);
        let argon2id = argon2id.map_err(|what| damaged(&what))?;
        Ok(Self { bytes, argon2id, kind })
    }

    fn check(&self) -> &[u8] {
        &self.bytes[46..54]
    }
}

impl<R: Read> Opener<R> {
    /// Takes the time of an Argon2id.
    ///
    /// # Errors
    /// [`Code::BackupSecret`]: another secret than the file was made with.
    pub(super) fn begin(from: R, header: &Header, typed: &str) -> Result<Self> {
        let secret = Secret::typed(typed, header.kind)?;
        let key = header.argon2id.derive(&secret.bytes)?;
        Self::unlocked(from, header, key.bytes())
    }

    /// With what Argon2id makes of the secret.
    ///
    /// # Errors
    /// As [`Opener::begin`].
    pub(super) fn unlocked(mut from: R, header: &Header, key: &[u8; 32]) -> Result<Self> {
        if check(key) != *header.check() {
            let what = match header.kind {
                SecretKind::Passphrase => "that is not the passphrase of this backup",
                SecretKind::RecoveryKey => "that is the recovery key of another backup",
            };
            return Err(
                Error::new(Code::BackupSecret, what).with_remedy("try again; the backup itself is sound so far")
            );
        }
        let key = ChunkKey::new(key, &header.bytes)?;
        let ahead = chunk(&mut from)?;
        Ok(Self { from, key, ahead, open: Zeroizing::new(Vec::new()), at: 0, over: false })
    }

    /// The next record; `None` behind the last.
    ///
    /// # Errors
    /// [`Code::BackupDamaged`], [`Code::BackupTruncated`].
    pub(super) fn record(&mut self) -> Result<Option<Zeroizing<Vec<u8>>>> {
        if self.at == self.open.len() && !self.next_chunk()? {
            return Ok(None);
        }
        let mut len = [0; 4];
        self.take(&mut len)?;
        let len = u32::from_be_bytes(len) as usize;
        if len > RECORD_MAX {
            return Err(damaged("a record is longer than any can be"));
        }
        let mut bytes = Zeroizing::new(Vec::new());
        // Grows with what is really there, not with what a length says.
        while bytes.len() < len {
            let from = bytes.len();
            let step = (len - from).min(CHUNK);
            bytes.resize(from + step, 0);
            self.take(&mut bytes[from..])?;
        }
        Ok(Some(bytes))
    }

    fn take(&mut self, mut to: &mut [u8]) -> Result<()> {
        while !to.is_empty() {
            if self.at == self.open.len() && !self.next_chunk()? {
                return Err(damaged("it ends in the middle of a record"));
            }
            let n = to.len().min(self.open.len() - self.at);
            let (now, later) = to.split_at_mut(n);
            now.copy_from_slice(&self.open[self.at..self.at + n]);
            self.at += n;
            to = later;
        }
        Ok(())
    }

    /// False behind the last chunk.
    fn next_chunk(&mut self) -> Result<bool> {
        if self.over {
            return Ok(false);
        }
        let next = chunk(&mut self.from)?;
        let mut sealed = std::mem::replace(&mut self.ahead, next);
        self.over = self.ahead.is_empty();
        let (number, seen) = (self.key.counter, sealed.clone());
        let nonce = self.key.nonce(self.over);
        let opened = self.key.key.open_in_place(nonce, Aad::empty(), &mut sealed);
        let Ok(opened) = opened else {
            // A chunk that is sound but was not meant to be the last one: the file was cut off behind it.
            let cut = self.over && self.key.opens(number, false, seen);
            let at = HEADER as u64 + number * (CHUNK + TAG) as u64;
            let short = self.over && sealed.len() < TAG;
            return Err(if cut || short {
                truncated()
            } else {
                damaged(&format!("bytes behind {at} were changed or are missing"))
            });
        };
        self.open = Zeroizing::new(opened.to_vec());
        self.at = 0;
        Ok(!self.open.is_empty())
    }
}

struct ChunkKey {
    key: LessSafeKey,
    counter: u64,
}

impl ChunkKey {
    fn new(key: &[u8; 32], header: &[u8]) -> Result<Self> {
        let material = Zeroizing::new([&key[..], header].concat());
        let derived = Zeroizing::new(blake3::derive_key("pirushka 2026 backup chunks", &material));
        let key = UnboundKey::new(&AES_256_GCM, derived.as_ref());
        let key = key.map_err(|_| Error::new(Code::Unexpected, "the backup's cipher is not there"))?;
        Ok(Self { key: LessSafeKey::new(key), counter: 0 })
    }

    /// The nonce of the next chunk; none is ever given twice.
    fn nonce(&mut self, last: bool) -> Nonce {
        self.counter += 1;
        numbered(self.counter - 1, last)
    }

    fn opens(&self, number: u64, last: bool, mut sealed: Vec<u8>) -> bool {
        self.key.open_in_place(numbered(number, last), Aad::empty(), &mut sealed).is_ok()
    }
}

fn numbered(number: u64, last: bool) -> Nonce {
    let mut nonce = [0; 12];
    nonce[3..11].copy_from_slice(&number.to_be_bytes());
    nonce[11] = u8::from(last);
    Nonce::assume_unique_for_key(nonce)
}

fn check(key: &[u8; 32]) -> [u8; 8] {
    let hash = blake3::derive_key("pirushka 2026 backup check", key);
    let mut check = [0; 8];
    check.copy_from_slice(&hash[..8]);
    check
}

/// A sealed chunk, or nothing at the end of the file.
fn chunk(from: &mut impl Read) -> Result<Vec<u8>> {
    let mut bytes = vec![0; CHUNK + TAG];
    let len = fill(from, &mut bytes)?;
    bytes.truncate(len);
    Ok(bytes)
}

fn fill(from: &mut impl Read, to: &mut [u8]) -> Result<usize> {
    let mut len = 0;
    while len < to.len() {
        match from.read(&mut to[len..]) {
            Ok(0) => break,
            Ok(n) => len += n,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(Error::io(Code::BackupDamaged, "reading the backup", &e)),
        }
    }
    Ok(len)
}

pub(super) fn damaged(what: &str) -> Error {
    Error::new(Code::BackupDamaged, format!("the backup is damaged: {what}"))
        .with_remedy("take another copy of it, or an older backup; nothing was changed")
}

fn truncated() -> Error {
    Error::new(Code::BackupTruncated, "the backup is cut off: its end is missing")
        .with_remedy("copy it again from where it is whole, or take an older backup; nothing was changed")
}

fn cannot_write(error: std::io::Error) -> Error {
    Error::io(Code::Config, "writing the backup", &error)
}
