//! The loop that gives the client sockets, clocks, names and a disk.
//!
//! One thread owns the client, the store's writing connection and the sockets. Each turn takes every input that is
//! ready, up to a budget, and then settles: all writes in ONE transaction, and only when that has returned do packets
//! leave, events go out and commands get their answers. If the transaction fails, the commands get the cause, the client
//! is dropped (with everything it had in memory only) and loaded again from what the disk has.
//!
//! Committing blocks this thread on purpose: nothing else could be done in between anyway, and what comes in waits in
//! the kernel's buffers and shares the next transaction.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pirushka_client_core::{Client, ClientConfig, ContactId, ContactInfo, Event, QueryId, Warning};
use pirushka_wire::{Now, PeerAddress, PeerId};
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::time::Instant;

use crate::clock::Clock;
use crate::dns::Dns;
use crate::error::{Code, Error, Result};
use crate::lock::ProfileLock;
use crate::net::{Net, Packet, source_addresses};
use crate::store::{Change, Store};
use crate::view::{EventView, HomeView, WarningView};
use crate::work::{Bench, Done};

/// How many inputs share a turn. 128 datagrams take about 10 ms at worst (each may be a decryption), so a command or a
/// timer is never late by more than that.
const TURN_BUDGET: usize = 128;

/// Commands that wait for their turn.
const COMMANDS: usize = 256;

/// What a slow face may miss before it is told that it lags; message changes it then reads from the store.
const TOLD: usize = 1024;

/// How often the routing table is asked whether the network is another one.
pub(crate) const NETWORK_CHECK: Duration = Duration::from_secs(5);

/// A wall clock that ran so much ahead of the other one: the machine slept.
const SLEPT_MS: u64 = 5_000;

/// Pauses between attempts to write to a store that refuses; doubles.
const STORE_RETRY: Duration = if cfg!(test) { Duration::from_millis(50) } else { Duration::from_secs(1) };
const STORE_RETRY_MAX: Duration = Duration::from_secs(60);

/// What the driver tells all faces.
#[derive(Debug, Clone)]
pub(crate) enum Told {
    /// A message was inserted or changed, and is on the disk.
    Change(Arc<Change>),
    /// Something else.
    Event(Arc<EventView>),
}

/// What faces may know without asking the driver.
#[derive(Debug, Default)]
pub(crate) struct Board {
    /// What I call each contact, and its fingerprint, 64 hexadecimal digits.
    people: Mutex<BTreeMap<ContactId, (String, String)>>,
    /// Where contacts are served: `host[:port]` by key.
    peers: Mutex<BTreeMap<[u8; 32], String>>,
    dns_errors: Mutex<BTreeMap<String, String>>,
}

impl Board {
    /// What I call this contact.
    pub(crate) fn name(&self, contact: ContactId) -> String {
        self.person(contact).0
    }

    /// What I call this contact, and its fingerprint.
    pub(crate) fn person(&self, contact: ContactId) -> (String, String) {
        locked(&self.people).get(&contact).cloned().unwrap_or_default()
    }

    /// Where the peer with this key is, if it serves a contact.
    pub(crate) fn peer(&self, key: &[u8; 32]) -> Option<String> {
        locked(&self.peers).get(key).cloned()
    }

    fn know_peers(&self, contact: &ContactInfo) {
        let place = |peer: &PeerAddress| peer.to_string().split('?').next().map(str::to_owned);
        let places = contact.homes.iter().filter_map(|peer| Some((peer.peer_id.0, place(peer)?)));
        locked(&self.peers).extend(places);
    }

    /// Why a host name has no address, if it was asked for last and has none.
    pub(crate) fn dns_error(&self, host: &str) -> Option<String> {
        locked(&self.dns_errors).get(host).cloned()
    }
}

/// What stands behind a lock here is whole at every moment, so a thread that panicked has left nothing half done.
fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A command on its way to the client and back.
trait Job: Send {
    fn run(&mut self, client: &mut Client, now: Now);
    /// The writes are on the disk, or not.
    fn finish(self: Box<Self>, outcome: &Result<()>);
}

enum Order {
    Run(Box<dyn Job>),
    Quit,
}

struct Call<F, T> {
    run: Option<F>,
    value: Option<Result<T>>,
    reply: oneshot::Sender<Result<T>>,
}

impl<F, T> Job for Call<F, T>
where
    F: FnOnce(&mut Client, Now) -> Result<T> + Send,
    T: Send,
{
    fn run(&mut self, client: &mut Client, now: Now) {
        self.value = self.run.take().map(|run| run(client, now));
    }

    fn finish(self: Box<Self>, outcome: &Result<()>) {
        let value = self.value.unwrap_or_else(|| Err(stopped()));
        // Whoever asked may be gone.
        let _ = self.reply.send(outcome.clone().and(value));
    }
}

/// Reaches the driver's thread. When the last one is dropped, the driver ends.
#[derive(Clone)]
pub(crate) struct Driver {
    jobs: mpsc::Sender<Order>,
    told: broadcast::WeakSender<Told>,
    board: Arc<Board>,
}

/// The driver's thread: when it has ended, the store is closed and the profile free.
pub(crate) type Thread = std::thread::JoinHandle<()>;

impl Driver {
    /// Loads the client and lets it talk, on a thread of its own that holds the profile's lock.
    pub(crate) fn start(store: Store, lock: ProfileLock, config: ClientConfig) -> Result<(Self, Thread)> {
        let (jobs, inbox) = mpsc::channel(COMMANDS);
        let (told, _) = broadcast::channel(TOLD);
        let board = Arc::new(Board::default());
        let driver = Self { jobs, told: told.downgrade(), board: board.clone() };
        let mut shell = Shell::new(store, told, board, config)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|e| Error::io(Code::Unexpected, "starting the client's loop", &e))?;
        let thread = std::thread::Builder::new()
            .name("pirushka-client".into())
            .spawn(move || {
                runtime.block_on(shell.run(inbox));
                drop(shell);
                drop(lock);
            })
            .map_err(|e| Error::io(Code::Unexpected, "starting the client's thread", &e))?;
        Ok((driver, thread))
    }

    /// Carries a command out; when this returns, what it changed is on the disk.
    pub(crate) async fn call<T, F>(&self, run: F) -> Result<T>
    where
        F: FnOnce(&mut Client, Now) -> Result<T> + Send + 'static,
        T: Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = Box::new(Call { run: Some(run), value: None, reply });
        self.jobs.send(Order::Run(job)).await.map_err(|_| stopped())?;
        answer.await.unwrap_or_else(|_| Err(stopped()))
    }

    /// What happens from now on.
    pub(crate) fn listen(&self) -> Result<broadcast::Receiver<Told>> {
        self.told.upgrade().map(|told| told.subscribe()).ok_or_else(stopped)
    }

    /// Ends the driver's thread, whoever else still holds a driver. What was not answered is answered with an error.
    pub(crate) async fn quit(&self) {
        let _ = self.jobs.send(Order::Quit).await;
    }

    /// Returns when the driver's thread has ended or is about to, for whatever reason: nothing is answered any more.
    pub(crate) async fn ended(&self) {
        self.jobs.closed().await;
    }

    pub(crate) fn board(&self) -> &Board {
        &self.board
    }
}

fn stopped() -> Error {
    Error::new(Code::Engine, "the engine has stopped").with_remedy("run the command again")
}

/// Answers of the DNS on their way back.
enum Named {
    Addresses(QueryId, String, std::result::Result<Vec<SocketAddr>, String>),
    Key(QueryId, String, std::result::Result<PeerId, String>),
}

/// Everything that the driver's thread owns.
struct Shell {
    config: ClientConfig,
    client: Client,
    store: Store,
    clock: Clock,
    net: Net,
    packets: mpsc::Receiver<Packet>,
    dns: Dns,
    named: (mpsc::Sender<Named>, mpsc::Receiver<Named>),
    bench: Bench,
    worked: (mpsc::Sender<Done>, mpsc::Receiver<Done>),
    told: broadcast::Sender<Told>,
    board: Arc<Board>,
    /// Commands whose writes are not on the disk yet.
    open: Vec<Box<dyn Job>>,
    /// While the store refuses: until when nothing is tried, and the next pause.
    refused: Option<(Instant, Error)>,
    pause: Duration,
    network: Network,
    /// Messages have disappeared, and the log may still remember them.
    gone: bool,
}

impl Shell {
    fn new(store: Store, told: broadcast::Sender<Told>, board: Arc<Board>, config: ClientConfig) -> Result<Self> {
        let clock = Clock::new();
        let (net, packets) = Net::new();
        let client = load(&store, config, clock.now())?;
        let mut shell = Self {
            config,
            client,
            store,
            clock,
            net,
            packets,
            dns: Dns::default(),
            named: mpsc::channel(64),
            bench: Bench::default(),
            worked: mpsc::channel(64),
            told,
            board,
            open: Vec::new(),
            refused: None,
            pause: STORE_RETRY,
            network: Network::new(clock.now()),
            gone: false,
        };
        shell.loaded()?;
        Ok(shell)
    }

    async fn run(&mut self, mut jobs: mpsc::Receiver<Order>) {
        self.client.start(self.clock.now());
        self.settle().await;
        while self.take_inputs(&mut jobs).await {
            if self.refused.is_none() {
                self.settle().await;
            }
        }
        if self.refused.is_none() {
            self.client.stop(self.clock.now());
            self.settle().await;
        }
    }

    /// Waits for an input, then takes what else is ready. False: nobody is left to drive for.
    async fn take_inputs(&mut self, jobs: &mut mpsc::Receiver<Order>) -> bool {
        let due = self.due();
        tokio::select! {
            biased;
            job = jobs.recv() => match job {
                Some(Order::Run(job)) => self.begin(job),
                Some(Order::Quit) | None => return false,
            },
            Some(packet) = self.packets.recv() => self.take_packet(packet),
            Some(answer) = self.named.1.recv() => self.take_answer(answer),
            Some(done) = self.worked.1.recv() => self.take_work(done),
            () = tokio::time::sleep_until(due) => {}
        }
        for _ in 0..TURN_BUDGET {
            if let Ok(order) = jobs.try_recv() {
                match order {
                    Order::Run(job) => self.begin(job),
                    Order::Quit => return false,
                }
            } else if let Ok(packet) = self.packets.try_recv() {
                self.take_packet(packet);
            } else if let Ok(answer) = self.named.1.try_recv() {
                self.take_answer(answer);
            } else {
                break;
            }
        }
        self.take_time();
        true
    }

    fn due(&self) -> Instant {
        if let Some((until, _)) = &self.refused {
            return *until;
        }
        let timer = self.client.poll_timeout().map(|at| Instant::from_std(self.clock.instant(at)));
        timer.map_or(self.network.check_at, |timer| timer.min(self.network.check_at))
    }

    fn begin(&mut self, mut job: Box<dyn Job>) {
        if let Some((_, error)) = &self.refused {
            job.finish(&Err(error.clone()));
            return;
        }
        job.run(&mut self.client, self.clock.now());
        self.open.push(job);
    }

    fn take_packet(&mut self, mut packet: Packet) {
        if self.refused.is_none() {
            self.client.handle_datagram(self.clock.now(), packet.socket, packet.remote, &mut packet.bytes);
        }
    }

    fn take_work(&mut self, (id, nonce): Done) {
        if self.refused.is_none() {
            self.client.handle_work(self.clock.now(), id, nonce);
        }
    }

    fn take_answer(&mut self, answer: Named) {
        if self.refused.is_some() {
            return;
        }
        let now = self.clock.now();
        match answer {
            Named::Addresses(query, host, found) => {
                let addresses = self.note(host, found).unwrap_or_default();
                self.client.handle_resolved(now, query, addresses);
            }
            Named::Key(query, host, found) => {
                let key = self.note(host, found);
                self.client.handle_peer_key(now, query, key);
            }
        }
    }

    /// Remembers why a name has no answer.
    fn note<T>(&self, host: String, found: std::result::Result<T, String>) -> Option<T> {
        let mut errors = locked(&self.board.dns_errors);
        match found {
            Ok(found) => {
                errors.remove(&host);
                Some(found)
            }
            Err(cause) => {
                tracing::debug!(%host, %cause, "a name has no answer");
                errors.insert(host, cause);
                None
            }
        }
    }

    fn take_time(&mut self) {
        let now = self.clock.now();
        if self.refused.as_ref().is_some_and(|(until, _)| *until <= Instant::now()) {
            self.try_again();
        }
        if self.refused.is_some() {
            return;
        }
        if self.client.poll_timeout().is_some_and(|at| at <= now.mono_us) {
            self.client.handle_timeout(now);
        }
        if self.network.changed(now) {
            self.dns.forget();
            self.client.network_changed(now);
        }
    }

    /// Makes what the inputs changed durable, then lets it be seen.
    async fn settle(&mut self) {
        loop {
            let writes = self.client.take_writes();
            let changes = match self.store.commit(&writes) {
                Ok(changes) => changes,
                Err(error) => return self.give_up(error),
            };
            if !writes.is_empty() {
                self.pause = STORE_RETRY;
                self.client.committed();
            }
            self.transmit().await;
            for change in changes {
                let _ = self.told.send(Told::Change(Arc::new(change)));
            }
            while let Some(event) = self.client.poll_event() {
                if let Err(error) = self.take_event(event) {
                    return self.give_up(error);
                }
            }
            for job in self.open.drain(..) {
                job.finish(&Ok(()));
            }
            if writes.is_empty() {
                if std::mem::take(&mut self.gone) {
                    self.store.forget();
                }
                return;
            }
        }
    }

    async fn transmit(&mut self) {
        let mut datagram = Vec::with_capacity(1200);
        while let Some(transmit) = self.client.poll_transmit(self.clock.now(), &mut datagram) {
            self.net.send(transmit, &datagram).await;
        }
    }

    fn take_event(&mut self, event: Event) -> Result<()> {
        match event {
            Event::Resolve { query, host, port } => self.resolve(query, host, port),
            Event::ResolveKey { query, host } => self.resolve_key(query, host),
            Event::Work { id, claim, bits } => self.bench.begin(id, claim, bits, self.worked.0.clone()),
            Event::CloseSocket { socket } => self.net.close(socket),
            // Told from the commit already.
            Event::Message(_) | Event::MessageState { .. } => {}
            Event::MessageGone { contact, id } => {
                self.gone = true;
                self.tell(EventView::MessageGone { contact: contact.0, id: id.0 });
            }
            Event::Contact(id) => self.contact_changed(id)?,
            Event::CodeReady(id) => {
                if let Some(contact) = self.client.contact(id) {
                    self.tell(EventView::CodeReady { contact: contact.into() });
                }
            }
            Event::Home { peer, state } => {
                tracing::info!(?state, "home peer");
                if let Some(home) = self.client.homes().iter().find(|home| home.peer == peer) {
                    let dns_error = self.board.dns_error(peer.host.as_str());
                    self.tell(EventView::Home { home: HomeView::new(home, dns_error) });
                }
            }
            Event::Warning(warning) => self.warn(&warning),
        }
        Ok(())
    }

    fn resolve(&self, query: QueryId, host: String, port: u16) {
        let (dns, answers) = (self.dns.clone(), self.named.0.clone());
        tokio::spawn(async move {
            let found = dns.addresses(&host, port).await;
            let _ = answers.send(Named::Addresses(query, host, found)).await;
        });
    }

    fn resolve_key(&self, query: QueryId, host: String) {
        let (dns, answers) = (self.dns.clone(), self.named.0.clone());
        tokio::spawn(async move {
            let found = dns.peer_key(&host).await;
            let _ = answers.send(Named::Key(query, host, found)).await;
        });
    }

    fn contact_changed(&mut self, id: ContactId) -> Result<()> {
        let Some(contact) = self.client.contact(id) else {
            locked(&self.board.people).remove(&id);
            self.store.purge(id)?;
            self.tell(EventView::ContactRemoved { id: id.0 });
            return Ok(());
        };
        locked(&self.board.people).insert(id, (contact.name.clone(), contact.fingerprint.to_hex()));
        self.board.know_peers(&contact);
        self.tell(EventView::Contact { contact: contact.into() });
        Ok(())
    }

    fn warn(&self, warning: &Warning) {
        let name = |id: &ContactId| self.board.name(*id);
        let (warning, contact, text) = match warning {
            Warning::CodeForged(id) => (
                WarningView::CodeForged,
                Some(id.0),
                format!("the six digits with {} do not open: somebody may stand in between", name(id)),
            ),
            Warning::Superseded => (
                WarningView::Superseded,
                None,
                "another copy of this profile is running: messages arrive there and not here".into(),
            ),
            Warning::AddingDelayed { contact, reason } => {
                let why = crate::view::TroubleView::from(*reason).explain();
                (WarningView::AddingDelayed, Some(contact.0), format!("{}: {why}; it is tried again", name(contact)))
            }
            Warning::SessionRenewed(id) => (
                WarningView::SessionRenewed,
                Some(id.0),
                format!("messages of {} could not be read; a new encrypted session was started", name(id)),
            ),
        };
        self.tell(EventView::Warning { warning, contact, text });
    }

    fn tell(&self, event: EventView) {
        // Nobody may be listening.
        let _ = self.told.send(Told::Event(Arc::new(event)));
    }

    /// The store refused: whoever waits is told, and what was not written is forgotten.
    fn give_up(&mut self, error: Error) {
        tracing::warn!(%error, "the store cannot be written");
        let outcome = Err(error.clone());
        for job in self.open.drain(..) {
            job.finish(&outcome);
        }
        let text = format!("{error}; it is tried again in {} s", self.pause.as_secs());
        self.tell(EventView::Warning { warning: WarningView::StoreTrouble, contact: None, text });
        self.net.close_all();
        self.refused = Some((Instant::now() + self.pause, error));
        self.pause = (self.pause * 2).min(STORE_RETRY_MAX);
    }

    /// Loads the client again from what the disk has.
    fn try_again(&mut self) {
        let now = self.clock.now();
        // Datagrams and answers for the client that is gone would mean other things to the new one.
        while self.packets.try_recv().is_ok() {}
        self.named = mpsc::channel(64);
        self.worked = mpsc::channel(64);
        match load(&self.store, self.config, now) {
            Ok(client) => {
                self.client = client;
                self.refused = None;
                if let Err(error) = self.loaded() {
                    return self.give_up(error);
                }
                self.client.start(now);
            }
            Err(error) => self.give_up(error),
        }
    }

    /// Brings what depends on the client up to date with it.
    fn loaded(&mut self) -> Result<()> {
        let contacts = self.client.contacts();
        contacts.iter().for_each(|contact| self.board.know_peers(contact));
        let people: BTreeMap<_, _> = contacts.into_iter().map(|c| (c.id, (c.name, c.fingerprint.to_hex()))).collect();
        self.store.keep_conversations(&people.keys().copied().collect())?;
        *locked(&self.board.people) = people;
        Ok(())
    }
}

pub(crate) fn load(store: &Store, config: ClientConfig, now: Now) -> Result<Client> {
    let rows = store.load()?;
    Client::load(config, seed()?, now, rows).map_err(|e| {
        Error::new(Code::Damaged, format!("the store does not hold a whole profile: {e}"))
            .with_remedy(crate::store::salvage_or_restore(store.path()))
    })
}

pub(crate) fn seed() -> Result<[u8; 32]> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed)
        .map_err(|e| Error::new(Code::Unexpected, format!("the system gives no random bytes: {e}")))?;
    Ok(seed)
}

/// Notices that the machine slept or has another network.
pub(crate) struct Network {
    check_at: Instant,
    sources: [Option<std::net::IpAddr>; 2],
    seen: Now,
}

impl Network {
    pub(crate) fn new(now: Now) -> Self {
        Self { check_at: Instant::now() + NETWORK_CHECK, sources: source_addresses(), seen: now }
    }

    pub(crate) fn changed(&mut self, now: Now) -> bool {
        let mono_ms = now.mono_us.saturating_sub(self.seen.mono_us) / 1000;
        let slept = now.wall_ms.saturating_sub(self.seen.wall_ms) > mono_ms + SLEPT_MS;
        self.seen = now;
        if self.check_at > Instant::now() && !slept {
            return false;
        }
        self.check_at = Instant::now() + NETWORK_CHECK;
        let sources = source_addresses();
        std::mem::replace(&mut self.sources, sources) != sources || slept
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering::SeqCst;

    use super::*;
    use crate::{InitOptions, Profile, Protection};

    struct Bench {
        _home: tempfile::TempDir,
        profile: Profile,
    }

    async fn bench() -> Bench {
        let home = tempfile::tempdir().unwrap();
        let profile = Profile::at(home.path(), None).unwrap();
        let peer = format!("127.0.0.1:9?k={}", PeerId([1; 32]));
        let options = InitOptions { name: "alice".into(), home: Some(peer), protection: Protection::KeyFile };
        crate::init(&profile, options).await.unwrap();
        Bench { _home: home, profile }
    }

    impl Bench {
        fn store(&self) -> Store {
            let key = crate::key::KeyHeader::read(&self.profile).unwrap().unlock(&self.profile, None).unwrap();
            Store::open(&self.profile.store_path(), &key).unwrap()
        }
    }

    async fn invite(driver: &Driver, label: &'static str) -> Result<u32> {
        driver.call(move |client, now| Ok(client.new_invite(now, label, 1, 3600, false)?)).await
    }

    async fn labels(driver: &Driver) -> Vec<String> {
        driver.call(|client, _| Ok(client.invites().into_iter().map(|i| i.label).collect())).await.unwrap()
    }

    #[tokio::test]
    async fn what_the_disk_refused_is_answered_with_the_cause_and_forgotten() {
        let bench = bench().await;
        let store = bench.store();
        let refuse = store.refuse.clone();
        let (driver, thread) =
            Driver::start(store, ProfileLock::take(&bench.profile).unwrap(), ClientConfig::default()).unwrap();
        let mut told = driver.listen().unwrap();
        invite(&driver, "before").await.unwrap();
        refuse.store(true, SeqCst);
        assert_eq!(invite(&driver, "refused").await.unwrap_err().code, Code::DiskFull);
        assert_eq!(invite(&driver, "at once again").await.unwrap_err().code, Code::DiskFull);
        refuse.store(false, SeqCst);
        let warned = async {
            loop {
                if let Told::Event(event) = told.recv().await.unwrap()
                    && let EventView::Warning { warning: WarningView::StoreTrouble, .. } = &*event
                {
                    return;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(5), warned).await.unwrap();
        let again = async {
            while invite(&driver, "after").await.is_err() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(5), again).await.unwrap();
        assert_eq!(labels(&driver).await, ["before", "after"]);
        driver.quit().await;
        thread.join().unwrap();
        let (driver, thread) =
            Driver::start(bench.store(), ProfileLock::take(&bench.profile).unwrap(), ClientConfig::default()).unwrap();
        assert_eq!(labels(&driver).await, ["before", "after"]);
        driver.quit().await;
        thread.join().unwrap();
    }

    /// T33: a real store that finds no room at any moment of what one writes.
    #[tokio::test]
    async fn t33_a_disk_without_room_refuses_by_name_and_what_was_said_before_and_after_is_all_there() {
        let bench = bench().await;
        let store = bench.store();
        let (room, path) = (store.room.clone(), store.path().to_owned());
        let (driver, thread) =
            Driver::start(store, ProfileLock::take(&bench.profile).unwrap(), ClientConfig::default()).unwrap();
        let address = format!("127.0.0.1:9/{}?k={}", "a4".repeat(32), PeerId([1; 32]));
        let address: pirushka_wire::Address = address.parse().unwrap();
        let bob = driver.call(move |client, now| Ok(client.add_contact(now, &address, Some("bob"))?)).await.unwrap();
        let (mut said, mut refused) = (0, 0);
        for round in 0..8_u32 {
            let pages = u32::try_from(std::fs::metadata(&path).unwrap().len() / 4096).unwrap();
            room.store(pages + 3 * round, SeqCst);
            let deadline = Instant::now() + Duration::from_secs(20);
            let mut was_refused = false;
            while !(was_refused && said % 10 == 0) {
                assert!(Instant::now() < deadline, "round {round}");
                let text = format!("text {said} {}", "x".repeat(900));
                match driver.call(move |client, now| Ok(client.send_text(now, bob, &text)?)).await {
                    Ok(_) => said += 1,
                    Err(error) => {
                        assert_eq!(error.code, Code::DiskFull, "{error}");
                        (was_refused, refused) = (true, refused + 1);
                        room.store(0, SeqCst);
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                }
            }
        }
        assert!(refused >= 8, "{refused}");
        driver.quit().await;
        thread.join().unwrap();
        let store = bench.store();
        store.check().unwrap();
        let told = store.reader().unwrap().history(bob, None, 1000).unwrap().messages;
        let numbers = told.iter().map(|message| match &message.body {
            pirushka_client_core::MessageBody::Text(text) => text.split(' ').nth(1).unwrap().parse::<u32>().unwrap(),
            other => panic!("{other:?}"),
        });
        assert_eq!(numbers.collect::<Vec<_>>(), (0..said).collect::<Vec<_>>(), "each once, in order, none besides");
        load(&store, ClientConfig::default(), Clock::new().now()).unwrap();
    }

    #[tokio::test]
    async fn commands_that_come_together_share_a_transaction() {
        let bench = bench().await;
        let (driver, thread) =
            Driver::start(bench.store(), ProfileLock::take(&bench.profile).unwrap(), ClientConfig::default()).unwrap();
        let calls: Vec<_> = (0..50)
            .map(|_| {
                let driver = driver.clone();
                tokio::spawn(async move { invite(&driver, "x").await.unwrap() })
            })
            .collect();
        let mut ids = Vec::new();
        for call in calls {
            ids.push(call.await.unwrap());
        }
        ids.sort_unstable();
        ids.dedup();
        assert_eq!((ids.len(), labels(&driver).await.len()), (50, 50));
        driver.quit().await;
        thread.join().unwrap();
        assert_eq!(driver.call(|_, _| Ok(())).await.unwrap_err().code, Code::Engine);
    }
}
