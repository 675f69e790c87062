//! Many things asked of the real program at once: users, messages, introductions, bundles, sessions.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use pirushka_identity::{Identity, proofs};
use pirushka_link::{Answer, Class, ClientLink, ClientLinkEvent};
use pirushka_wire::frame::error_code;
use pirushka_wire::{
    Deposit, DepositId, Frame, Incarnation, InstanceId, IntroId, IntroToken, InviteSecret, Now, ObjectId, QueueId,
    QueueSecret, RequestId, WorkNonce,
};
use rand_core::SeedableRng as _;

use crate::daemon::Daemon;
use crate::wire::Client;

/// Overwritten by the link with an id of its own.
const ANY: RequestId = RequestId(0);
const SECRET: QueueSecret = QueueSecret([2; 16]);
const TOKEN: IntroToken = IntroToken([9; 16]);
/// Things asked at once.
const WINDOW: usize = 48;
/// As long as nothing at all is answered.
const PATIENCE: Duration = Duration::from_secs(20);

/// Asks `count` things, many at a time, and gives the answers in their order.
pub(crate) fn ask_many(
    client: &mut Client,
    count: usize,
    mut ask: impl FnMut(usize, &mut ClientLink, Now) -> RequestId,
) -> Vec<Answer> {
    let mut answers: Vec<Option<Answer>> = vec![None; count];
    let (mut open, mut next, mut progress) = (BTreeMap::new(), 0, Instant::now());
    while next < count || !open.is_empty() {
        while next < count && open.len() < WINDOW {
            let now = client.now();
            open.insert(ask(next, &mut client.link, now), next);
            next += 1;
        }
        client.pump(|event| {
            if let ClientLinkEvent::Answered { request, answer } = event
                && let Some(n) = open.remove(&request)
            {
                answers[n] = Some(answer);
                progress = Instant::now();
            }
        });
        assert!(progress.elapsed() < PATIENCE, "{} of {next} things are not answered", open.len());
    }
    answers.into_iter().flatten().collect()
}

/// A user with queues of its own.
pub(crate) struct User {
    pub(crate) identity: Identity,
    pub(crate) client: Client,
    incarnation: Incarnation,
    number: u32,
}

impl User {
    /// Registers. The same number is the same person.
    pub(crate) fn registers(daemon: &Daemon, number: u32) -> Option<Self> {
        let mut seed = [5; 32];
        seed[..4].copy_from_slice(&number.to_be_bytes());
        let identity = Identity::generate(&mut rand_chacha::ChaCha20Rng::from_seed(seed));
        let mut client = Client::of(daemon.text("address"));
        if !client.connects() {
            return None;
        }
        let root = identity.register_packet(client.peer_id, client.link.binding()?, client.now().wall_s());
        let (instance, invite, work) = (InstanceId([3; 16]), InviteSecret::NONE, WorkNonce(0));
        match client.ask(&Frame::Register { request: ANY, instance, invite, work, root: &root }) {
            Answer::Mailbox { incarnation } => Some(Self { identity, client, incarnation, number }),
            _ => None,
        }
    }

    pub(crate) fn queue(&self, n: u16) -> QueueId {
        queue_of(self.number, n)
    }

    pub(crate) fn opens_queues(&mut self, count: u16) -> usize {
        let (number, secret_hash) = (self.number, proofs::queue_secret_hash(&SECRET));
        let answers = ask_many(&mut self.client, count.into(), |n, link, now| {
            let queue = queue_of(number, n as u16);
            link.request(now, &Frame::QueueSet { request: ANY, queue, secret_hash, quota_kib: 0 }, Class::Control)
        });
        answers.iter().filter(|answer| matches!(answer, Answer::Ticket(_))).count()
    }

    pub(crate) fn sets_tokens(&mut self, count: u16) -> usize {
        let expiry = self.client.now().wall_s() + 86_400;
        let answers = ask_many(&mut self.client, count.into(), |n, link, now| {
            let mut token_hash = proofs::token_hash(&TOKEN);
            token_hash[0] ^= n as u8;
            link.request(now, &Frame::TokenSet { request: ANY, token_hash, uses: 500, expiry }, Class::Control)
        });
        answers.iter().filter(|answer| **answer == Answer::Ok).count()
    }

    /// Publishes a bundle with packages of this size; with `parts` fewer than all it never becomes whole.
    pub(crate) fn publishes(&mut self, package: usize, parts: usize) -> bool {
        let mut body = Vec::new();
        for (len, byte) in [(400, 1_u8), (package, 2)] {
            body.extend((len as u16).to_be_bytes());
            body.extend(std::iter::repeat_n(byte, len));
        }
        body.push(1);
        body.extend((package as u16).to_be_bytes());
        body.extend(std::iter::repeat_n(3, package));
        let total = body.len() as u32;
        let chunks: Vec<&[u8]> = body.chunks(1024).take(parts).collect();
        let answers = ask_many(&mut self.client, chunks.len(), |n, link, now| {
            let (offset, part) = (n as u32 * 1024, chunks[n]);
            let put = Frame::Put { request: ANY, object: ObjectId(1), offset, total, kind: 1, part };
            link.request(now, &put, Class::Control)
        });
        answers.iter().all(|answer| *answer == Answer::Ok)
    }

    pub(crate) fn ends_the_list(&mut self) {
        assert_eq!(self.client.ask(&Frame::ListEnd { request: ANY }), Answer::Ok);
    }

    /// Takes everything that is held, and gives the bodies' sizes.
    pub(crate) fn takes_all(&mut self) -> Vec<usize> {
        let (mut sizes, mut seen, incarnation) = (Vec::new(), std::collections::BTreeSet::new(), self.incarnation);
        loop {
            let Answer::Status(mailbox) = self.client.ask(&Frame::Poll { request: ANY }) else { panic!("no status") };
            if mailbox.messages == 0 {
                return sizes;
            }
            let end = Instant::now() + Duration::from_millis(50);
            while Instant::now() < end {
                let mut taken = Vec::new();
                self.client.pump(|event| {
                    if let ClientLinkEvent::Pushed { delivery, body, .. } = event {
                        taken.push((delivery, body.len()));
                    }
                });
                for (delivery, size) in taken {
                    if seen.insert(delivery) {
                        sizes.push(size);
                    }
                    self.client.link.acknowledge(incarnation, delivery);
                }
            }
        }
    }

    /// Takes everything that is held from a peer that ends when it has been handed out; gives how many.
    pub(crate) fn takes_all_until_it_ends(&mut self) -> usize {
        let (mut taken, incarnation) = (std::collections::BTreeSet::new(), self.incarnation);
        let end = Instant::now() + Duration::from_secs(2);
        while Instant::now() < end {
            let mut pushed = Vec::new();
            self.client.pump(|event| {
                if let ClientLinkEvent::Pushed { delivery, .. } = event {
                    pushed.push(delivery);
                }
            });
            for delivery in pushed {
                taken.insert(delivery);
                self.client.link.acknowledge(incarnation, delivery);
            }
        }
        taken.len()
    }

    /// Says goodbye.
    pub(crate) fn leaves(mut self) {
        let now = self.client.now();
        self.client.link.close(now);
        self.client.flush();
    }
}

fn queue_of(user: u32, n: u16) -> QueueId {
    let mut id = [7; 16];
    // The first byte names a shard.
    id[1..5].copy_from_slice(&user.to_be_bytes());
    id[5..7].copy_from_slice(&n.to_be_bytes());
    QueueId(id)
}

/// What became of messages that were left.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Left {
    pub(crate) held: usize,
    pub(crate) full: usize,
    pub(crate) other: usize,
}

/// A user who is here, and somebody who has left so many small envelopes for it.
pub(crate) fn holding(daemon: &Daemon, count: usize) -> (User, Client) {
    let mut user = User::registers(daemon, 1).unwrap();
    assert_eq!(user.opens_queues(1), 1);
    let mut sender = Client::of(daemon.text("address"));
    assert!(sender.connects());
    assert_eq!(leave(&mut sender, user.queue(0), 0, count, &[320]).held, count);
    (user, sender)
}

/// Leaves envelopes in a queue, of these sizes in turn.
pub(crate) fn leave(sender: &mut Client, queue: QueueId, first: u64, count: usize, sizes: &[usize]) -> Left {
    let envelope = vec![0x5a; 1088];
    let answers = ask_many(sender, count, |n, link, now| {
        let mut id = queue.0;
        id[8..].copy_from_slice(&(first + n as u64).to_be_bytes());
        let envelope = &envelope[..sizes[n % sizes.len()]];
        let deposit = Deposit::Contact { queue, secret: SECRET, deposit: DepositId(id), flags: 0, envelope };
        link.request(now, &Frame::Deposit { request: ANY, deposit }, Class::Bulk)
    });
    count_answers(&answers)
}

/// Introduces `count` strangers to a user, each in `parts` parts, of which the last does not come unless `whole`.
pub(crate) fn introduce(sender: &mut Client, to: &User, count: usize, parts: u8, whole: bool) -> Left {
    let (part, fingerprint) = ([0x77; 1000], to.identity.fingerprint());
    let sent = if whole { parts } else { parts - 1 };
    let answers = ask_many(sender, count * usize::from(sent), |n, link, now| {
        let mut intro = [3; 16];
        intro[..8].copy_from_slice(&((n / usize::from(sent)) as u64).to_be_bytes());
        let (intro, index) = (IntroId(intro), (n % usize::from(sent)) as u8);
        let deposit =
            Deposit::Intro { fingerprint, intro, parts, index, token: TOKEN, work: WorkNonce(0), part: &part };
        link.request(now, &Frame::Deposit { request: ANY, deposit }, Class::Bulk)
    });
    count_answers(&answers)
}

/// Looks a user up in the first part only: the peer keeps the rest to be fetched.
pub(crate) fn look_up(client: &mut Client, who: &User) -> Answer {
    client.ask(&Frame::Lookup { request: ANY, fingerprint: who.identity.fingerprint() })
}

fn count_answers(answers: &[Answer]) -> Left {
    let mut left = Left::default();
    for answer in answers {
        match answer {
            Answer::Ok => left.held += 1,
            Answer::Error { code: error_code::FULL, retry_after_ms } if *retry_after_ms > 0 => left.full += 1,
            _ => left.other += 1,
        }
    }
    left
}
