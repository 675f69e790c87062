//! What a seed says: who lives where, how bad the network is, what breaks when, who writes what to whom.
//!
//! Limits are drawn too: one that is never reached is never tested.

use pirushka_netsim::{LinkConfig, NatConfig, NatKind};
use pirushka_peer_core::PeerConfig;
use pirushka_wire::time::{DAY, HOUR, SECOND};

use crate::hostile::Mischief;
use crate::rand::Rand;

/// One run, laid out before it begins.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Limits of each peer.
    pub peers: Vec<PeerConfig>,
    /// Each user's home peer, NAT and clock.
    pub users: Vec<UserPlan>,
    /// The network while faults last.
    pub weather: LinkConfig,
    /// What happens, by time.
    pub steps: Vec<(u64, Step)>,
    /// From here on nothing breaks any more.
    pub calm_us: u64,
    /// Then somebody may be away for long, while the others write.
    pub absence: Option<Absence>,
    /// A peer may mean ill while faults last.
    pub hostile: Option<Hostile>,
}

/// A peer in bad hands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hostile {
    /// Which.
    pub peer: usize,
    /// What it does.
    pub mischief: Mischief,
    /// It does so from the first moment on, and not only from some later one.
    pub always: bool,
    /// It does not end with the faults; its users move to another.
    pub is_left: bool,
}

/// A long time without a user's machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Absence {
    /// Who.
    pub user: usize,
    /// Between an hour and thirteen days.
    pub us: u64,
    /// Whether all peers restart in the meantime.
    pub peers_restart: bool,
}

/// A user of the plan.
#[derive(Debug, Clone)]
pub struct UserPlan {
    /// Number of its first home peer.
    pub home: usize,
    /// Further ones.
    pub more_homes: Vec<usize>,
    #[allow(missing_docs)]
    pub nat: NatKind,
    /// See [`NatConfig::timeout_us`].
    pub nat_timeout_us: u64,
    /// How wrong its clock is.
    pub skew_ms: i64,
}

impl UserPlan {
    /// The NAT in front of the user.
    #[must_use]
    pub fn nat(&self, public_ip: std::net::IpAddr) -> NatConfig {
        NatConfig { kind: self.nat, timeout_us: self.nat_timeout_us, ..NatConfig::new(public_ip) }
    }
}

/// Where in the making of a change a user's process dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CrashPoint {
    /// Between inputs.
    Idle,
    /// With the next change made and not committed.
    BeforeCommit,
    /// With the next change committed and no packet of it sent.
    AfterCommit,
}

/// What a person does about its home peers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum HomesChange {
    Add(usize),
    Remove(usize),
    Move { from: Option<usize>, to: usize },
}

/// One thing that happens.
#[derive(Debug, Clone, Copy, PartialEq)]
#[allow(missing_docs)]
pub enum Step {
    Send {
        from: usize,
        to: usize,
        size: usize,
    },
    CrashPeer(usize),
    /// Its operator asks it to end; what starts again later is the next run.
    DrainPeer(usize),
    StartPeer(usize),
    /// From now on it means ill.
    Corrupt {
        peer: usize,
        mischief: Mischief,
    },
    /// At such a moment, after so many commits.
    CrashUser(usize, CrashPoint, u8),
    StartUser(usize),
    Cut {
        user: usize,
        peer: usize,
        on: bool,
    },
    PeerOff {
        peer: usize,
        on: bool,
    },
    /// A person chooses other home peers (or, with a peer that it has or lacks already, does not).
    Homes {
        user: usize,
        change: HomesChange,
    },
    Rebind(usize),
    Roam {
        user: usize,
        away: bool,
    },
    /// Captured packets again, from other sources or the same.
    Replay {
        peer: usize,
        how_many: usize,
    },
    /// Bytes of no meaning, to a peer and to users in a peer's name.
    Junk {
        peer: usize,
        how_many: usize,
    },
}

/// How much of everything, at most. Most bugs need two people and one or two faults, and a run of those costs a tenth of
/// one with everything: so most runs are small.
#[derive(Debug, Clone, Copy)]
struct Scale {
    peers: u64,
    users: u64,
    messages: u64,
    faults: u64,
    faults_us: u64,
    /// How many runs in a hundred know a long absence, which costs days of keepalives.
    absent: u64,
    /// Whether envelopes (raw users) or texts (persons) are written.
    raw: bool,
}

impl Scale {
    /// Drawn from a source of its own.
    fn of(seed: u64, raw: bool) -> Self {
        let (peers, faults_us) = if raw { (3, 240 * SECOND) } else { (5, 300 * SECOND) };
        let large =
            Self { peers, users: 4, messages: if raw { 60 } else { 40 }, faults: 12, faults_us, absent: 6, raw };
        match Rand::new(seed ^ 0x512e_0000_0000_0000).below(100) {
            0..90 => Self { peers: 2, users: 2, messages: 6, faults: 5, faults_us: 60 * SECOND, absent: 1, ..large },
            90..98 => Self { peers: 3, users: 3, messages: 15, faults: 8, faults_us: 150 * SECOND, absent: 3, ..large },
            _ => large,
        }
    }
}

impl Plan {
    /// What this seed says to raw users, or to persons.
    #[must_use]
    pub fn of(seed: u64, raw: bool) -> Self {
        let scale = Scale::of(seed, raw);
        let mut rand = Rand::new(seed ^ 0x5eed_0000_0000_0000);
        let peers = (0..rand.between(1, scale.peers)).map(|_| limits(&mut rand, scale.raw)).collect::<Vec<_>>();
        let users = (0..rand.between(2, scale.users)).map(|_| user(&mut rand, peers.len() as u64)).collect::<Vec<_>>();
        let calm_us = rand.between(20 * SECOND, scale.faults_us);
        let mut plan =
            Self { weather: weather(&mut rand), peers, users, steps: vec![], calm_us, absence: None, hostile: None };
        plan.messages(&mut rand, scale);
        plan.faults(&mut rand, scale);
        if !scale.raw {
            plan.moves(&mut rand);
        }
        plan.absence = rand.percent(scale.absent).then(|| Absence {
            user: rand.below(plan.users.len() as u64) as usize,
            us: if rand.percent(50) { rand.between(HOUR, DAY) } else { rand.between(DAY, 13 * DAY) },
            peers_restart: rand.percent(50),
        });
        if !scale.raw {
            plan.hostility(seed);
        }
        plan.steps.sort_by_key(|(at, _)| *at);
        plan
    }

    /// A quarter of the seeds know a peer that means ill. Drawn from a source of its own: the other seeds stay what they
    /// were.
    fn hostility(&mut self, seed: u64) {
        let rand = &mut Rand::new(seed ^ 0xbad0_0000_0000_0000);
        if !rand.percent(25) {
            return;
        }
        // Of the peers that somebody uses.
        let user = &self.users[rand.below(self.users.len() as u64) as usize];
        let hostile = Hostile {
            peer: user.home,
            mischief: Mischief::of(rand),
            always: rand.percent(50),
            is_left: rand.percent(50) && self.peers.len() > 1,
        };
        if !hostile.always {
            let step = Step::Corrupt { peer: hostile.peer, mischief: hostile.mischief };
            self.steps.push((rand.below(self.calm_us), step));
        }
        self.hostile = Some(hostile);
    }

    fn messages(&mut self, rand: &mut Rand, scale: Scale) {
        for _ in 0..rand.between(1, scale.messages) {
            let from = rand.below(self.users.len() as u64) as usize;
            let to = (from + 1 + rand.below(self.users.len() as u64 - 1) as usize) % self.users.len();
            let at = rand.below(self.calm_us);
            let burst = if rand.percent(10) { rand.between(2, 12) } else { 1 };
            for _ in 0..burst {
                let size = if scale.raw { *rand.pick(&[320, 576, 1088]) } else { text_size(rand) };
                self.steps.push((at, Step::Send { from, to, size }));
            }
        }
    }

    fn faults(&mut self, rand: &mut Rand, scale: Scale) {
        let (peers, users) = (self.peers.len() as u64, self.users.len() as u64);
        for _ in 0..rand.below(scale.faults) {
            let at = rand.below(self.calm_us);
            let until = (at + rand.between(SECOND / 2, 60 * SECOND)).min(self.calm_us);
            let (peer, user) = (rand.below(peers) as usize, rand.below(users) as usize);
            let how_many = rand.between(1, 60) as usize;
            let pair = match rand.below(10) {
                0 | 1 if how_many.is_multiple_of(3) => [Some(Step::DrainPeer(peer)), Some(Step::StartPeer(peer))],
                0 | 1 => [Some(Step::CrashPeer(peer)), Some(Step::StartPeer(peer))],
                2..=4 => {
                    let point = *rand.pick(&[CrashPoint::Idle, CrashPoint::BeforeCommit, CrashPoint::AfterCommit]);
                    // Few, so that most happen before it is started again.
                    let commits = if rand.percent(70) { rand.below(2) } else { rand.below(8) } as u8;
                    [Some(Step::CrashUser(user, point, commits)), Some(Step::StartUser(user))]
                }
                5 => [Some(Step::Cut { user, peer, on: true }), Some(Step::Cut { user, peer, on: false })],
                6 => [Some(Step::PeerOff { peer, on: true }), Some(Step::PeerOff { peer, on: false })],
                7 => [Some(Step::Rebind(user)), None],
                8 => [Some(Step::Roam { user, away: true }), Some(Step::Roam { user, away: false })],
                _ => [Some(Step::Replay { peer, how_many }), Some(Step::Junk { peer, how_many })],
            };
            self.steps.extend([at, until].into_iter().zip(pair).filter_map(|(at, step)| Some((at, step?))));
        }
    }
}

impl Plan {
    /// Half of the seeds know people with several homes, and people who move.
    fn moves(&mut self, rand: &mut Rand) {
        let peers = self.peers.len() as u64;
        if peers < 2 || rand.percent(50) {
            return;
        }
        for user in &mut self.users {
            user.more_homes = (0..rand.below(4)).map(|_| rand.below(peers) as usize).collect();
        }
        for _ in 0..rand.below(5) {
            let user = rand.below(self.users.len() as u64) as usize;
            let (peer, other) = (rand.below(peers) as usize, rand.below(peers) as usize);
            let change = match rand.below(4) {
                0 => HomesChange::Add(peer),
                1 => HomesChange::Remove(peer),
                2 => HomesChange::Move { from: None, to: peer },
                _ => HomesChange::Move { from: Some(other), to: peer },
            };
            self.steps.push((rand.below(self.calm_us), Step::Homes { user, change }));
        }
    }
}

fn limits(rand: &mut Rand, raw: bool) -> PeerConfig {
    let mut config = PeerConfig::default();
    if rand.percent(30) {
        config.queue_messages = rand.between(2, 12) as u16;
    }
    if rand.percent(20) {
        // A bundle takes 10 KiB of a peer, a user a tenth of that.
        config.ram_bytes = if rand.percent(20) { rand.between(64, 160) } else { rand.between(160, 600) } << 10;
    }
    // Work is done in no time of the world's, so little is as good as much. Raw users know no secrets.
    config.intro_difficulty = rand.between(2, 8) as u8;
    config.register_difficulty = rand.between(2, 8) as u8;
    config.private = rand.percent(20) && !raw;
    if !raw && rand.percent(15) {
        config.hold_s = rand.between(60, 1_800) as u32;
        config.intro_hold_s = rand.between(60, 1_800) as u32;
    }
    // Enough for one run; that of the product is 100 times as large, and is cleared at every start.
    config.link.filter_bits = 15;
    config
}

fn user(rand: &mut Rand, peers: u64) -> UserPlan {
    UserPlan {
        home: rand.below(peers) as usize,
        more_homes: vec![],
        nat: *rand.pick(&[NatKind::FullCone, NatKind::PortRestricted, NatKind::Symmetric]),
        nat_timeout_us: *rand.pick(&[30, 30, 60, 120]) * SECOND,
        skew_ms: rand.below(7_200_001) as i64 - 3_600_000,
    }
}

fn weather(rand: &mut Rand) -> LinkConfig {
    let latency_us = rand.between(200, 400_000);
    let mut some = |max: f64| if rand.percent(50) { rand.up_to(max) } else { 0.0 };
    let (loss, duplicate, corrupt, reorder) = (some(0.3), some(0.2), some(0.05), some(0.3));
    LinkConfig {
        latency_us,
        jitter_us: if rand.percent(50) { rand.below(latency_us) } else { 0 },
        loss,
        duplicate,
        corrupt,
        reorder,
        bandwidth_bps: rand.percent(20).then(|| rand.between(200_000, 5_000_000)),
        ..LinkConfig::default()
    }
}

fn text_size(rand: &mut Rand) -> usize {
    match rand.below(20) {
        0 => rand.between(1_000, 8_000) as usize,
        1 => rand.between(8_000, 65_536) as usize,
        _ => rand.between(1, 400) as usize,
    }
}
