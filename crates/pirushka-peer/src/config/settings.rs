//! The table of all settings: name, meaning, default, price. Everything else (file, environment, flags, example,
//! checks) is derived from it.

use super::setting::{Setting, flag, number, take};
use super::value::{Kind, Value};
use super::{Advertised, listen_address};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const SECOND: u64 = 1_000_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Networks in the configuration: lists of whole countries are shorter, and what a reload reads stays below some MB.
const BLOCKS_MAX: usize = 50_000;

/// All settings, in the order of the example file.
pub const SETTINGS: &[Setting] = &[
    Setting {
        key: "listen",
        kind: Kind::Text,
        meaning: "Where to listen: IP address and perhaps UDP port. [::] means every address, IPv6 and IPv4; port 0 lets the \
                  system\nchoose. On a machine with several addresses name the one that clients are given.",
        memory: "",
        instead_of_nothing: "",
        get: |config| Value::Text(config.listen.to_string()),
        set: |config, value| {
            config.listen = listen_address(text(value))?;
            Ok(())
        },
        take: |mine, theirs| take(&mut mine.listen, &theirs.listen),
    },
    Setting {
        key: "host",
        kind: Kind::Text,
        meaning: "What addresses name: the host name or IP address under which clients find this peer, with :port \
                  only when a\nrouter forwards from another one. Without it the address of the interface towards \
                  the internet is named.",
        memory: "",
        instead_of_nothing: "\"peer.example.org\"",
        get: |config| Value::Text(config.host.as_ref().map(ToString::to_string).unwrap_or_default()),
        set: |config, value| {
            config.host = Some(text(value).parse::<Advertised>()?);
            Ok(())
        },
        take: |mine, theirs| take(&mut mine.host, &theirs.host),
    },
    Setting {
        key: "data_dir",
        kind: Kind::Text,
        meaning: "The folder of the key, the only thing that this program ever keeps on disk, and of the socket that \
                  `status`\nasks. Without it: $PIRUSHKAD_HOME, else the user's data folder.",
        memory: "",
        instead_of_nothing: "\"/var/lib/pirushkad\"",
        get: |config| Value::Text(config.data_dir.as_ref().map(|dir| dir.display().to_string()).unwrap_or_default()),
        set: |config, value| {
            if text(value).is_empty() {
                return Err("expected the path of a folder, got nothing".into());
            }
            config.data_dir = Some(text(value).into());
            Ok(())
        },
        take: |mine, theirs| take(&mut mine.data_dir, &theirs.data_dir),
    },
    Setting {
        key: "log",
        kind: Kind::Text,
        meaning: "What to write to stderr: off, error, warn, info, debug or trace. Addresses and identifiers appear at \
                  debug and\nbelow only.",
        memory: "",
        instead_of_nothing: "",
        get: |config| Value::Text(config.log.clone()),
        set: |config, value| {
            if !["off", "error", "warn", "info", "debug", "trace"].contains(&text(value)) {
                return Err(format!("expected off, error, warn, info, debug or trace, got {:?}", text(value)));
            }
            config.log = text(value).to_owned();
            Ok(())
        },
        take: |mine, theirs| take(&mut mine.log, &theirs.log),
    },
    number!(
        "socket.receive_buffer",
        Kind::Bytes(16 * KIB, GIB),
        receive_buffer,
        "What the kernel keeps until we read it. It may grant less (sysctl net.core.rmem_max); the start says so.",
        "the kernel's, as much as this"
    ),
    number!(
        "socket.send_buffer",
        Kind::Bytes(16 * KIB, GIB),
        send_buffer,
        "What the kernel keeps until the network takes it. It may grant less (sysctl net.core.wmem_max).",
        "the kernel's, as much as this"
    ),
    flag!(
        "process.lock_memory",
        lock_memory,
        "Keep all memory out of swap, where the system allows it (a warning says when it does not)."
    ),
    number!(
        "process.drain",
        Kind::Time(0, HOUR),
        drain_us,
        "How long a stopping peer (SIGTERM, SIGINT) goes on handing out what it holds for users who are there. It \
         takes no\nnew messages meanwhile and ends as soon as nothing is left. A second signal ends it at once.",
        ""
    ),
    Setting {
        key: "admin.listen",
        kind: Kind::Text,
        meaning:
            "Where monitoring asks over HTTP: /metrics for Prometheus, /healthz, /readyz. Totals only, and nothing \
                  can be
changed there. Off without it: every program of this machine can ask a port, while `status` \
                  answers the
operator only, and a second peer would find the port taken.",
        memory: "about 500 KiB when it is on",
        instead_of_nothing: "\"127.0.0.1:7118\"",
        get: |config| Value::Text(config.admin_listen.map(|listen| listen.to_string()).unwrap_or_default()),
        set: |config, value| {
            config.admin_listen = match text(value) {
                "" | "off" => None,
                address => Some(address.parse().map_err(|_| {
                    format!("expected an IP address with a port, like 127.0.0.1:7118, or off, got {address:?}")
                })?),
            };
            Ok(())
        },
        take: |mine, theirs| take(&mut mine.admin_listen, &theirs.admin_listen),
    },
    flag!(
        "admin.allow_remote",
        admin_allow_remote,
        "Let admin.listen be an address that other machines reach. Whoever reaches it learns the totals; a \
                  firewall is
then yours to keep. Requests must name an IP address, localhost, or what `host` says."
    ),
    Setting {
        key: "block.networks",
        kind: Kind::Text,
        meaning: "Networks whose datagrams are dropped unread, as a list, or separated by commas or spaces. `pirushkad \
                  block add`\nblocks until the process ends; what stands here is blocked after a restart too. At most 50000.",
        memory: "about 100 bytes for each",
        instead_of_nothing: "\"192.0.2.0/24, 2001:db8::/32\"",
        get: |config| Value::Text(config.blocks.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
        set: |config, value| {
            let is_between = |c: char| c == ',' || c.is_whitespace();
            let networks = || text(value).split(is_between).filter(|network| !network.is_empty());
            let count = networks().count();
            if count > BLOCKS_MAX {
                return Err(format!(
                    "expected at most {BLOCKS_MAX} networks, got {count}; larger networks do with fewer, and a packet \
                     filter takes more"
                ));
            }
            let read = networks().map(|network| network.parse().map_err(|error| format!("{network}: {error}")));
            config.blocks = read.collect::<Result<_, String>>()?;
            Ok(())
        },
        take: |mine, theirs| take(&mut mine.blocks, &theirs.blocks),
    },
    number!(
        "memory.total",
        Kind::Bytes(16 * MIB, 1 << 44),
        peer.ram_bytes,
        "What the process may take, everything counted: program, sessions, users, messages, the allocator's losses. \
         At 70 % new\nusers are taken slowly, at 80 % introductions by strangers are refused, at 90 % those of the \
         largest sources and the\noldest key packages are dropped, at 100 % the answer is \"full\" and senders keep \
         their messages. The program itself\nneeds about 10 MiB.",
        "this"
    ),
    number!(
        "memory.user",
        Kind::Bytes(64 * KIB, GIB),
        peer.user_bytes,
        "What one user's queues and key packages share.",
        "24 MiB per user together with every queue's reserve, within memory.total"
    ),
    number!(
        "memory.queue",
        Kind::Bytes(16 * KIB, GIB),
        peer.queue_bytes,
        "What one contact's queue may hold; a user may ask for less.",
        "within memory.user"
    ),
    number!(
        "memory.queue_reserve",
        Kind::Bytes(0, MIB),
        peer.queue_reserve_bytes,
        "What every queue has for itself beside memory.user, so that eight hostile contacts cannot starve the ninth.",
        "16 MiB per user with all queues in use, within memory.total"
    ),
    number!(
        "messages.hold",
        Kind::Time(MINUTE, 365 * DAY),
        peer.hold_s,
        SECOND,
        "How long a message is held for a user who is away. Every sender is told and keeps the message anyway.",
        ""
    ),
    number!(
        "messages.per_queue",
        Kind::Count(1, 65_535),
        peer.queue_messages,
        "How many messages one contact's queue holds.",
        "within memory.queue"
    ),
    number!(
        "users.queues",
        Kind::Count(1, 65_535),
        peer.queues_max,
        "Contact queues per user: how many contacts can write.",
        "about 250 bytes each when empty, within memory.total"
    ),
    number!(
        "users.new_per_prefix_and_hour",
        Kind::Count(1, 4_000_000_000),
        peer.new_users_per_prefix_hour,
        "Users that one source network (/24, /56) may create per hour, a sixteenth of it when memory.total is 70 % \
         used.\nComing back is never limited. Offices and carriers put thousands behind one address.",
        ""
    ),
    number!(
        "users.difficulty",
        Kind::Count(0, 40),
        peer.register_difficulty,
        "Proof of work asked of new users when memory.total is 70 % used, in bits: 22 are half a second of one core, \
         one more\nis twice that. Coming back costs nothing. Clients do at most 26.",
        ""
    ),
    flag!(
        "users.private",
        peer.private,
        "Whether only those become users who hold this peer's invite secret: it stands in what `pirushkad \
                  address` prints,\nand nowhere else. Who is a user comes back without it, until this peer restarts \
                  or the user stays away for long."
    ),
    number!(
        "users.invite_generation",
        Kind::Count(1, 4_000_000_000),
        peer.invite_generation,
        "Which invite secret is in force. The secret is made from the key and this number, so nothing else is kept, and \
         a\nhigher number is a new secret: raise it when the old one has got into wrong hands.",
        ""
    ),
    number!(
        "users.invite_overlap",
        Kind::Count(0, 100),
        peer.invite_overlap,
        "How many earlier generations of the secret let people in as well: users who have an old address need it after \
         a\nrestart of this peer.",
        ""
    ),
    number!(
        "users.prefixes",
        Kind::Count(16, 100_000_000),
        peer.prefixes_max,
        "Source networks remembered for limits per hour, fewer where memory.total is small; further ones share one \
         account.",
        "12 MiB, within memory.total, and a tenth of it at most"
    ),
    number!(
        "users.life_min",
        Kind::Time(MINUTE, 365 * DAY),
        peer.user_life_min_s,
        SECOND,
        "A user for whom nothing is held is forgotten this long after the last visit at the earliest; beyond it, as \
         long\nagain as the entry had lived.",
        ""
    ),
    number!(
        "users.life_max",
        Kind::Time(MINUTE, 365 * DAY),
        peer.user_life_max_s,
        SECOND,
        "And this long after it at the latest.",
        ""
    ),
    number!(
        "users.ticket_life",
        Kind::Time(DAY, 3_650 * DAY),
        peer.ticket_life_s,
        SECOND,
        "How long a contact's ticket brings its queue back after a restart of this peer, before the user is there \
         again.",
        "none; tickets are kept by the contacts"
    ),
    number!(
        "users.one_time_packages",
        Kind::Count(0, 100),
        peer.one_time_packages_max,
        "One-time key packages kept per user, for people who write for the first time.",
        "2.7 KiB each, within memory.user"
    ),
    number!(
        "introductions.per_user",
        Kind::Count(1, 65_535),
        peer.intros_max,
        "Introductions by strangers waiting for one user: so many by invite, and so many by proof of work.",
        "256 KiB per user, within memory.total"
    ),
    number!(
        "introductions.per_prefix_and_hour",
        Kind::Count(1, 4_000_000_000),
        peer.intros_per_prefix_hour,
        "Introductions by proof of work that one source network (/24, /56) may begin per hour. Those by invite are \
         limited by\ntheir invites.",
        "see users.prefixes"
    ),
    number!(
        "introductions.size",
        Kind::Bytes(KIB, 8 * 1_040),
        peer.intro_bytes,
        "The largest introduction, all its parts.",
        "see introductions.per_user"
    ),
    number!(
        "introductions.hold",
        Kind::Time(MINUTE, 365 * DAY),
        peer.intro_hold_s,
        SECOND,
        "How long an introduction is held.",
        ""
    ),
    number!(
        "introductions.tokens",
        Kind::Count(1, 65_535),
        peer.tokens_max,
        "Invites per user that are open at the same time.",
        "160 bytes each, and again for each introduction that used one, within memory.total"
    ),
    number!(
        "introductions.difficulty",
        Kind::Count(0, 40),
        peer.intro_difficulty,
        "Proof of work asked at least of strangers who write to a user without an invite, in bits: 20 are a tenth of a \
         second\nof one core, one more is twice that. Users decide whether they take such strangers, and may ask for \
         more.\nClients do at most 26.",
        ""
    ),
    number!(
        "sessions.total",
        Kind::Count(1, 100_000_000),
        peer.link.sessions_max,
        "Sessions at the same time, registered and anonymous.",
        "about 110 MiB when all are idle, within memory.total, an eighth of which is kept free for them"
    ),
    number!(
        "sessions.outbox",
        Kind::Bytes(4 * KIB, 16 * MIB),
        peer.link.outbox_max,
        "Answers and messages that may wait in one session for the network.",
        "this for each session that reads slowly, within memory.total"
    ),
    number!(
        "sessions.per_prefix_and_second",
        Kind::Count(1, 1_000_000),
        peer.link.prefix_rate,
        "New sessions per second that one source network (/24, /56) may make in the long run. Beyond it creation is \
         slowed\ndown, never refused for good.",
        "see users.prefixes"
    ),
    number!(
        "sessions.per_prefix_burst",
        Kind::Count(1, 100_000_000),
        peer.link.prefix_burst,
        "New sessions that one source network may make at once.",
        "see users.prefixes"
    ),
    number!(
        "sessions.per_prefix_live",
        Kind::Count(1, 100_000_000),
        peer.link.prefix_live,
        "Beyond so many live sessions, a source network's rate is an eighth.",
        ""
    ),
    number!(
        "sessions.per_prefix_unfinished",
        Kind::Count(1, 100_000_000),
        peer.link.prefix_unfinished,
        "Beyond so many unfinished handshakes, a source network's rate is an eighth.",
        ""
    ),
    number!(
        "sessions.resets_per_second",
        Kind::Count(1, 1_000_000),
        peer.link.resets_per_s,
        "How many clients per second are told that their session is gone, after a restart. The others find out by \
         silence.",
        ""
    ),
    number!(
        "sessions.anonymous_idle",
        Kind::Time(10 * SECOND, DAY),
        peer.link.anonymous_idle_us,
        "A silent session that never registered (a sender's) ends after this.",
        ""
    ),
    number!(
        "sessions.unreachable_after",
        Kind::Time(10 * SECOND, HOUR),
        peer.link.unreachable_us,
        "A registered session that has been silent for this gets nothing pushed until it is heard again. At least \
         three\nkeepalives.",
        ""
    ),
    number!(
        "sessions.registered_idle",
        Kind::Time(MINUTE, DAY),
        peer.link.registered_idle_us,
        "A silent registered session ends after this.",
        ""
    ),
    number!(
        "sessions.longest",
        Kind::Time(HOUR, DAY),
        peer.link.session_max_us,
        "Any session ends after this; the client makes a new one by itself.",
        ""
    ),
    number!(
        "sessions.replay_filter_bits",
        Kind::Count(16, 32),
        peer.link.filter_bits,
        "Size of the filter that keeps a repeated first packet of somebody else from being answered, as a power of \
         two\nin bits. Two of them.",
        "1 MiB"
    ),
    flag!(
        "plain.enabled",
        peer.plain.is_enabled,
        "Also speak the plain profile, the seed's bare packets, on the same port: for study and for other \
                  implementations.\nIt is in the clear, tells everybody that there is a peer, and delivers nothing. \
                  Users of the sealed link keep\nwhat they have. The flag is --plain."
    ),
    number!(
        "plain.users",
        Kind::Count(1, 10_000_000),
        peer.plain.users_max,
        "People registered in the plain profile at the same time. When it is full, newcomers get no answer.",
        "8 MiB, 16 MiB with the largest certificates; nothing while plain.enabled is false"
    ),
    number!(
        "plain.users_per_prefix",
        Kind::Count(1, 10_000_000),
        peer.plain.prefix_users_max,
        "Of these, from one source network (/24, /56).",
        "within plain.users"
    ),
    number!(
        "plain.silence",
        Kind::Time(MINUTE, DAY),
        peer.plain.silence_us,
        "A plain registration from which nothing is heard for this long ends. The seed's keepalive comes every couple \
         of\nminutes.",
        ""
    ),
    number!(
        "plain.checks_per_second",
        Kind::Count(1, 10_000),
        peer.plain.checks_per_s,
        "Signatures of plain users that are checked per second, an eighth of it for one source network. One costs some \
         60 us\nof the thread that serves everybody.",
        "2.4 MiB, to remember for four minutes what was said; nothing while plain.enabled is false"
    ),
];

fn text(value: &Value) -> &str {
    if let Value::Text(text) = value { text } else { "" }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use pirushka_peer_core::{PeerConfig, PeerLinkConfig, PlainConfig};

    use super::*;
    use crate::config::Config;

    /// What a setting takes over from another configuration is its own value and nothing else, also one that no text
    /// can say.
    #[test]
    fn all_settings_together_take_over_everything() {
        let mut other = Config::default();
        for setting in SETTINGS {
            match setting.kind {
                Kind::Count(min, _) | Kind::Bytes(min, _) | Kind::Time(min, _) => {
                    (setting.set)(&mut other, &Value::Number(min)).unwrap();
                }
                Kind::Flag => {
                    let is_set = (setting.get)(&other) == Value::Flag(true);
                    (setting.set)(&mut other, &Value::Flag(!is_set)).unwrap();
                }
                Kind::Text => {}
            }
        }
        other.listen = "127.0.0.1:9".parse().unwrap();
        other.data_dir = Some("/srv/\u{fffd}".into());
        other.log = "warn".into();
        other.admin_listen = "127.0.0.1:7118".parse().ok();
        other.blocks = vec!["192.0.2.0/24".parse().unwrap()];
        // No text can set these two back to nothing.
        let mut mine = Config { host: "h.example".parse().ok(), data_dir: Some("/d".into()), ..Config::default() };
        for setting in SETTINGS {
            (setting.take)(&mut mine, &other);
            assert!(!(setting.take)(&mut mine, &other), "{}", setting.key);
        }
        assert_eq!(format!("{mine:?}"), format!("{other:?}"));
    }

    /// A new limit of the cores does not compile here before somebody has decided whether operators may change it.
    #[test]
    fn every_limit_of_the_cores_is_a_setting_or_has_a_reason_not_to_be_one() {
        let PeerConfig {
            // The protocol's, not the operator's.
            envelope_max: _,
            link:
                PeerLinkConfig {
                    // The process decides these.
                    node: _,
                    shard: _,
                    boot: _,
                    train_max: _,
                    // Follows from the other settings.
                    terms: _,
                    // Clients that the product has know no other way.
                    veiled: _,
                    sessions_max: _,
                    prefix_rate: _,
                    prefix_burst: _,
                    prefix_live: _,
                    prefix_unfinished: _,
                    resets_per_s: _,
                    anonymous_idle_us: _,
                    unreachable_us: _,
                    registered_idle_us: _,
                    session_max_us: _,
                    outbox_max: _,
                    filter_bits: _,
                },
            ram_bytes: _,
            hold_s: _,
            intro_hold_s: _,
            queue_bytes: _,
            queue_messages: _,
            queue_reserve_bytes: _,
            user_bytes: _,
            queues_max: _,
            intros_max: _,
            intro_bytes: _,
            tokens_max: _,
            one_time_packages_max: _,
            new_users_per_prefix_hour: _,
            prefixes_max: _,
            user_life_min_s: _,
            user_life_max_s: _,
            ticket_life_s: _,
            intro_difficulty: _,
            intros_per_prefix_hour: _,
            register_difficulty: _,
            private: _,
            invite_generation: _,
            invite_overlap: _,
            plain: PlainConfig { is_enabled: _, users_max: _, prefix_users_max: _, silence_us: _, checks_per_s: _ },
        } = PeerConfig::default();
        // Twenty-three of the peer's, five of the plain profile, twelve of its link's, eleven of the process.
        assert_eq!(SETTINGS.len(), 23 + 5 + 12 + 11);
    }

    #[test]
    fn no_two_settings_share_a_name_in_the_file_or_in_the_environment() {
        assert_eq!(SETTINGS.iter().map(|setting| setting.key).collect::<BTreeSet<_>>().len(), SETTINGS.len());
        assert_eq!(SETTINGS.iter().map(Setting::variable).collect::<BTreeSet<_>>().len(), SETTINGS.len());
    }

    #[test]
    fn every_bound_can_be_set() {
        for setting in SETTINGS {
            let (Kind::Count(min, max) | Kind::Bytes(min, max) | Kind::Time(min, max)) = setting.kind else { continue };
            for number in [min, max] {
                let mut config = Config::default();
                (setting.set)(&mut config, &Value::Number(number)).unwrap();
                assert_eq!((setting.get)(&config), Value::Number(number), "{}", setting.key);
            }
        }
    }
}
