//! Merges the workers' reports into one stream of records, in the order of the frames that caused them.
//!
//! Reports come an epoch at a time, the same frames from every worker, so nothing here depends on who was faster. What one worker cannot
//! know is joined here: a name's look-up and the session that follows it may be different workers' flows.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use pithead_detect::pools::{Entry, Pools};
use pithead_detect::{App, Body, DetectCounters, Event, Facts, Mining, Oddities, Sighting, Where};
use pithead_flow::{
    Direction, End, FragmentCounters, HostTable, Shape, Summary, TableCounters, WatchCounters,
};
use pithead_output::{
    AlertRecord, Blocked, CaptureStats, FlowRecord, Frames, HostCounters, HostRecord, Listing, NameRecord,
    NameSource, Origin, Pool, Record, RecordBody, Signature, StatsRecord, Verdict,
};
use pithead_wire::Timestamp;

use crate::behaviour::{Behaviours, ends};
use crate::config::Config;
use crate::halves::Halves;
use crate::names::Names;
use crate::recent::Recent;
use crate::report::{Counters, Report};

/// How far apart the times may be of what came to two live workers at once: each reads the clock when it takes a batch, which is later
/// for one that was kept from running. Events wait for so long, so that a name's look-up is known before the session that follows it.
const JITTER: Duration = Duration::from_millis(250);

/// Merges reports into records.
#[derive(Debug)]
pub struct Aggregator {
    pools: Arc<Pools>,
    files: Vec<Arc<str>>,
    /// The sequence at which each file began, in order.
    begins: Vec<(u64, usize)>,
    /// Capture files opened.
    opened: u64,
    /// Names of the interfaces by number.
    interfaces: Vec<Option<Arc<str>>>,
    /// What live links are called now that were renamed, by the names that workers know.
    renamed: HashMap<Arc<str>, Arc<str>>,
    names: Names,
    /// Names that were spoken in a flow, until it ends.
    spoken: Recent<u64, (String, NameSource, Option<u16>)>,
    /// What was said of flows that were alerted, until they end.
    alerted: Recent<u64, Pool>,
    /// Whose connections to which pool were reported as blocked.
    blocked: Recent<(IpAddr, SocketAddr, String), ()>,
    /// Flows whose end has been told with their alert; only where every flow is told of does another word come.
    told: Recent<u64, ()>,
    /// What watched flows are thought to be.
    behaviours: Behaviours,
    all_flows: bool,
    hosts: Option<HostTable>,
    counters: Vec<Counters>,
    alerts: u64,
    now: Timestamp,
    /// The account of live links, as it was told last.
    capture: Option<CaptureStats>,
    /// Events of a live link that wait for their turn.
    held: Vec<Event>,
    /// How far each worker of a live link has come, until its last report; a replay's workers keep the same time.
    times: Vec<Option<Timestamp>>,
    live: bool,
    /// Where several workers may each see half of a flow.
    halves: Option<Halves>,
}

impl Aggregator {
    /// An aggregator for so many workers reading these files.
    pub fn new(config: &Config, pools: Arc<Pools>, files: Vec<Arc<str>>, workers: usize) -> Self {
        Self {
            pools,
            files,
            begins: Vec::new(),
            opened: 0,
            interfaces: Vec::new(),
            renamed: HashMap::new(),
            names: Names::new(config.max_names),
            spoken: Recent::new(config.max_names),
            alerted: Recent::new(config.max_names),
            blocked: Recent::new(config.max_names),
            told: Recent::new(config.max_names),
            behaviours: Behaviours::new(config.alert_at, config.max_names),
            all_flows: config.settings.all_flows,
            hosts: config.settings.hosts.then(|| HostTable::new(config.max_hosts)),
            counters: vec![Counters::default(); workers],
            alerts: 0,
            now: Timestamp::default(),
            capture: None,
            held: Vec::new(),
            times: vec![Some(Timestamp::from_nanos(i64::MIN)); workers],
            live: false,
            halves: None,
        }
    }

    /// Goes on with another pool list, as the pipelines do. A name that it does not hold any more is no longer told of, whoever
    /// met it before.
    pub fn take_pools(&mut self, pools: Arc<Pools>) {
        self.pools = pools;
    }

    /// An aggregator for so many workers on live links.
    pub fn live(config: &Config, pools: Arc<Pools>, workers: usize) -> Self {
        let halves = (workers > 1).then(|| Halves::new(config.max_names, config.settings.all_flows));
        Self { live: true, halves, ..Self::new(config, pools, Vec::new(), workers) }
    }

    /// Takes in a live worker's report. Its events wait until [`emit`](Self::emit): those of others may come before them.
    pub fn absorb(&mut self, worker: usize, report: &mut Report) {
        for mut event in report.events.drain(..) {
            let name = report.interfaces.get(usize::from(event.flow.interface)).cloned().flatten();
            event.flow.interface =
                self.interface(name.map(|name| self.renamed.get(&name).cloned().unwrap_or(name)));
            self.held.push(event);
        }
        if let Some(table) = &mut self.hosts {
            table.merge(&report.hosts);
        }
        self.counters[worker] = report.counters;
        self.now = self.now.max(report.now);
        self.times[worker] = (!report.last).then_some(report.now);
    }

    /// Hands over the events of live workers up to the time that all of those have reached that report, in the order of their times. Of those
    /// for which `late` holds nothing is awaited.
    pub fn emit(&mut self, late: impl Fn(usize) -> bool, sink: &mut dyn FnMut(Record)) {
        let awaited = self.times.iter().enumerate().filter(|(worker, _)| !late(*worker));
        let reached = awaited.filter_map(|(_, time)| *time).min();
        let mut due: Vec<Event> = match reached {
            Some(reached) => {
                let kept = if self.times.len() > 1 { JITTER } else { Duration::ZERO };
                // A name is needed by whatever comes after it, however the clocks of two workers stand.
                let is_due = |event: &Event| {
                    event.at.after(kept) <= reached || matches!(event.body, Body::Resolved(_))
                };
                self.held.extract_if(.., |event| is_due(event)).collect()
            }
            None => std::mem::take(&mut self.held),
        };
        let is_use = |event: &Event| !matches!(event.body, Body::Resolved(_));
        // As in a file: by the frame that caused them, which for a flow that ran out of time is its last. Workers number frames for
        // themselves, so its time stands for it.
        due.sort_by_key(|event| {
            (is_use(event), event.flow.last, rank(&event.body), event.cause, event.flow.id)
        });
        let now = self.now;
        for event in due {
            match &mut self.halves {
                Some(halves) => {
                    for event in halves.take(event, now) {
                        self.event(event, sink);
                    }
                }
                None => self.event(event, sink),
            }
        }
        self.release(Some(now), sink);
    }

    /// Tells of halves of flows whose other half has not come in time; without a time, of all that wait.
    pub fn release(&mut self, now: Option<Timestamp>, sink: &mut dyn FnMut(Record)) {
        let alone = self.halves.as_mut().map(|halves| halves.release(now)).unwrap_or_default();
        for event in alone {
            self.event(event, sink);
        }
    }

    /// Flows that two workers saw half of each.
    pub fn halves_joined(&self) -> u64 {
        self.halves.as_ref().map_or(0, Halves::joined)
    }

    /// Calls a link from here on as it is called now, whatever it was called when it was opened.
    pub fn rename(&mut self, opened: Arc<str>, now: Arc<str>) {
        self.renamed.insert(opened, now);
    }

    /// The number of an interface by its name: workers number those that they read from on their own.
    fn interface(&mut self, name: Option<Arc<str>>) -> u16 {
        let known = self.interfaces.iter().position(|known| *known == name);
        let number = known.unwrap_or_else(|| {
            self.interfaces.push(name);
            self.interfaces.len() - 1
        });
        u16::try_from(number).unwrap_or(u16::MAX)
    }

    /// Takes in one epoch's reports, one of each worker, and hands over its records in order.
    pub fn merge(&mut self, reports: Vec<Report>, sink: &mut dyn FnMut(Record)) {
        let mut events = Vec::new();
        let mut hosts = HostTable::new(usize::MAX);
        for (worker, report) in reports.into_iter().enumerate() {
            // Every worker meets every file and keeps the same clock; one of them is enough.
            if worker == 0 {
                self.begins.extend(&report.files);
                self.opened = report.opened;
                self.interfaces = report.interfaces;
                self.now = report.now;
            }
            events.extend(report.events);
            hosts.merge(&report.hosts);
            self.counters[worker] = report.counters;
        }
        if let Some(table) = &mut self.hosts {
            table.merge(&hosts);
        }
        events.sort_by_key(|event: &Event| (event.cause, rank(&event.body), event.flow.id));
        for event in events {
            self.event(event, sink);
        }
    }

    /// Says what is said at the end, and on live links in between: hosts and statistics.
    pub fn finish(&mut self, elapsed: Duration, sink: &mut dyn FnMut(Record)) {
        let at = self.now;
        let record = |body| Record { at, origin: Origin::default(), body };
        if let Some(hosts) = &self.hosts {
            for (address, stats) in hosts.iter() {
                let host = HostRecord { address: Some(address), stats: stats.clone() };
                sink(record(RecordBody::Host(Box::new(host))));
            }
            let others = HostRecord { address: None, stats: hosts.others().clone() };
            sink(record(RecordBody::Host(Box::new(others))));
        }
        sink(record(RecordBody::Stats(Box::new(self.stats(elapsed)))));
    }

    /// Totals over all workers.
    pub fn stats(&self, elapsed: Duration) -> StatsRecord {
        let mut stats = StatsRecord {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            elapsed,
            capture: self.capture.clone(),
            files: (!self.live).then_some(self.opened),
            hosts: self
                .hosts
                .as_ref()
                .map(|hosts| HostCounters { known: hosts.len() as u64, refused: hosts.refused() }),
            alerts: self.alerts,
            forgotten: self.forgotten(),
            ..StatsRecord::default()
        };
        for counters in &self.counters {
            add_frames(&mut stats.frames, &counters.frames);
            add_flows(&mut stats.flows, &counters.flows);
            add_detect(&mut stats.detect, &counters.detect);
            add_watch(&mut stats.watch, &counters.watch);
            stats.flows_ended += counters.flows_ended;
            if self.live {
                add_fragments(&mut stats.fragments, &counters.fragments);
                stats.jumps_back += counters.jumps_back;
            } else {
                // All of them see all of it.
                stats.fragments = counters.fragments;
                stats.jumps_back = counters.jumps_back;
            }
        }
        stats
    }

    /// Takes in the account of live links, for the sums that come next.
    pub fn set_capture(&mut self, capture: Option<CaptureStats>) {
        self.capture = capture;
    }

    /// Events that live workers gave up for want of room.
    pub fn events_dropped(&self) -> u64 {
        self.counters.iter().map(|counters| counters.events_dropped).sum()
    }

    /// Frames that live workers have told of.
    pub fn frames_read(&self) -> u64 {
        self.counters.iter().map(|counters| counters.frames.read).sum()
    }

    /// How much had to be forgotten for want of room: names, and what is remembered of flows between their events.
    fn forgotten(&self) -> u64 {
        let flows = self.spoken.forgotten() + self.alerted.forgotten() + self.told.forgotten();
        let halves = self.halves.as_ref().map_or(0, Halves::forgotten);
        self.names.forgotten() + self.blocked.forgotten() + self.behaviours.forgotten() + flows + halves
    }

    fn event(&mut self, event: Event, sink: &mut dyn FnMut(Record)) {
        let Event { mut cause, at, flow, app, body } = event;
        let number = (!self.live).then_some(cause.number);
        if self.live {
            // Nobody could find a frame of a link by its number again.
            cause.number = 0;
        }
        let interface = self.interfaces.get(usize::from(flow.interface)).cloned().flatten();
        let origin = Origin { file: self.file(cause.sequence), interface, number };
        let body = match body {
            Body::Alert(mining) => {
                let pool = self.pool(&flow, &mining);
                self.alerted.put(flow.id, pool.clone());
                self.alerts += 1;
                let (client, server) = ends(&flow, mining.client);
                self.behaviours.mines(client.ip(), server);
                let verdict = Verdict::Session(self.told_of(mining, Some(&pool)));
                let signature = Signature::of(&verdict);
                RecordBody::Alert(Box::new(AlertRecord { flow, app, verdict, pool: Some(pool), signature }))
            }
            Body::Flow { end: Some(_), .. } if self.told.remove(&flow.id).is_some() => return,
            Body::Flow { end, mining, oddities } => {
                let mut pool = mining.as_ref().map(|mining| self.pool_at_end(&flow, mining));
                let mut watched = self.behaviours.latest(flow.id).cloned().map(Box::new);
                let mut verdict = mining.map(|mining| Verdict::Session(self.told_of(mining, pool.as_ref())));
                if verdict.is_none() {
                    // Its worker does not know that it was alerted for what it looks like.
                    pool = self.alerted.get(&flow.id).cloned();
                    verdict = watched.take_if(|_| pool.is_some()).map(Verdict::Behaviour);
                }
                if end.is_some() {
                    self.alerted.remove(&flow.id);
                    self.spoken.remove(&flow.id);
                    self.behaviours.end(flow.id);
                }
                RecordBody::Flow(Box::new(FlowRecord { flow, app, end, verdict, pool, watched, oddities }))
            }
            Body::Greeted(hello) => return self.behaviours.greet(flow.id, hello),
            Body::Watched(shape) => match self.behave(&flow, *shape, cause.number) {
                Some((verdict, pool)) => {
                    self.alerted.put(flow.id, pool.clone());
                    self.alerts += 1;
                    let signature = Signature::of(&verdict);
                    RecordBody::Alert(Box::new(AlertRecord {
                        flow,
                        app,
                        verdict,
                        pool: Some(pool),
                        signature,
                    }))
                }
                None => return,
            },
            Body::Named(sighting) => {
                self.speak(&flow, &sighting);
                let Some(entry) = self.pools.find(sighting.name.as_bytes()) else { return };
                let listing = Listing::from(entry);
                let Sighting { name, place, port } = *sighting;
                RecordBody::Name(Box::new(NameRecord {
                    flow,
                    app,
                    place,
                    name: name.to_string(),
                    port,
                    listing,
                }))
            }
            Body::Resolved(resolution) => return self.names.learn(&resolution, at, cause.number),
            Body::Unanswered { reset, end } => {
                let Some((blocked, pool)) = self.block(&flow, reset) else { return };
                self.alerts += 1;
                // Its worker does not know that it was alerted, so its end is told of here.
                if self.all_flows {
                    self.told.put(flow.id, ());
                }
                let (alert, end) = blocked_records(flow, app, blocked, pool, end);
                sink(Record { at, origin: origin.clone(), body: alert });
                end
            }
        };
        sink(Record { at, origin, body });
    }

    /// The file in which a frame lies.
    fn file(&self, sequence: u64) -> Option<Arc<str>> {
        let place = self.begins.partition_point(|(begin, _)| *begin <= sequence).checked_sub(1)?;
        let (_, file) = self.begins.get(place)?;
        self.files.get(*file).cloned()
    }

    /// Keeps a name that says whom a flow speaks to.
    fn speak(&mut self, flow: &Summary, sighting: &Sighting) {
        if !matches!(sighting.place, Where::DnsQuery | Where::DnsAnswer) {
            let source = NameSource::from(sighting.place);
            self.spoken.put(flow.id, (sighting.name.to_string(), source, sighting.port));
        }
    }

    /// Whom a miner mines for: by what was said in the session, else in its flow, else by what DNS said of the address.
    fn pool(&self, flow: &Summary, mining: &Mining) -> Pool {
        self.pool_of(flow, mining.client, Some(&mining.facts))
    }

    /// The same, of a flow of which nothing else may be known.
    fn pool_of(&self, flow: &Summary, client: Direction, facts: Option<&Facts>) -> Pool {
        let (client, server) = ends(flow, client);
        let mut pool = Pool::at(server);
        let said = facts
            .and_then(|facts| facts.pool_host.as_ref())
            .filter(|host| host.contains('.') && host.parse::<IpAddr>().is_err());
        let spoken = self.spoken.get(&flow.id);
        // What stands at the other end of a proxied connection is the proxy.
        let proxied =
            spoken.filter(|(_, source, _)| matches!(source, NameSource::Socks | NameSource::Connect));
        if let Some((name, source, port)) = proxied {
            (pool.name, pool.source) = (Some(name.clone()), *source);
            (pool.address, pool.port) = (None, port.or(facts.and_then(|facts| facts.pool_port)));
        } else if let Some(host) = said {
            pool.name = Some(host.to_ascii_lowercase());
            pool.source = NameSource::Session;
        } else if let Some((name, source, _)) = spoken {
            pool.name = Some(name.clone());
            pool.source = *source;
        } else if let Some(known) = self.names.find(client.ip(), server.ip()) {
            pool.name = Some(known.name.clone());
            pool.source = NameSource::Dns;
        }
        pool.listing = pool.name.as_ref().and_then(|name| self.pools.find(name)).map(Listing::from);
        pool
    }

    /// Whether a watched flow looks like mining, for the first time.
    fn behave(&mut self, flow: &Summary, shape: Shape, frame: u64) -> Option<(Verdict, Pool)> {
        let (client, server) = ends(flow, shape.client);
        let pool = self.pool_of(flow, shape.client, None);
        let mines = |name: &String| self.pools.find(name).is_some_and(|entry| mines_at(entry, server.port()));
        let listed = match &pool.name {
            Some(name) if mines(name) => Some(name.clone()),
            _ => {
                let known = self.names.find(client.ip(), server.ip());
                known.and_then(|known| known.listed.clone()).filter(mines)
            }
        };
        let sure = self.behaviours.weigh(flow, shape, listed, frame);
        if !sure || self.alerted.get(&flow.id).is_some() {
            return None;
        }
        self.behaviours.mines(client.ip(), server);
        let behaviour = self.behaviours.latest(flow.id)?.clone();
        Some((Verdict::Behaviour(Box::new(behaviour)), pool))
    }

    /// The pool as it was alerted, unless the session has named it since.
    fn pool_at_end(&self, flow: &Summary, mining: &Mining) -> Pool {
        let now = self.pool(flow, mining);
        match self.alerted.get(&flow.id) {
            Some(before) if now.source != NameSource::Session => before.clone(),
            _ => now,
        }
    }

    /// What was found, as it is told.
    fn told_of(&self, mining: Box<Mining>, pool: Option<&Pool>) -> Box<Mining> {
        let mut mining = match pool {
            Some(pool) => self.with_coin(mining, pool),
            None => mining,
        };
        if self.live {
            mining.evidence.frame = 0;
        }
        mining
    }

    /// The coin, where neither the wallet nor the session told it but the pool's name does.
    fn with_coin(&self, mut mining: Box<Mining>, pool: &Pool) -> Box<Mining> {
        if mining.facts.coin.is_none() {
            mining.facts.coin = pool.coin().map(str::to_owned);
        }
        mining
    }

    /// A connection to a pool's address that was not let through, if its name had been looked up: once for each host and pool.
    fn block(&mut self, flow: &Summary, reset: bool) -> Option<(Blocked, Pool)> {
        let (client, server) = (flow.source, flow.destination);
        let known = self.names.find(client.ip(), server.ip()).filter(|known| known.at <= flow.first)?;
        let listed = known.listed.clone()?;
        let entry = self.pools.find(&listed)?;
        if !mines_at(entry, server.port()) {
            return None;
        }
        let blocked = Blocked { reset, name: known.name.clone(), frame: known.frame };
        let pool = Pool {
            name: Some(known.name.clone()),
            listing: Some(Listing::from(entry)),
            source: NameSource::Dns,
            ..Pool::at(server)
        };
        self.blocked.put((client.ip(), server, listed), ()).then_some((blocked, pool))
    }
}

/// The alert of a blocked flow, and its end.
fn blocked_records(
    flow: Summary,
    app: App,
    blocked: Blocked,
    pool: Pool,
    end: End,
) -> (RecordBody, RecordBody) {
    let (verdict, pool) = (Verdict::Blocked(Box::new(blocked)), Some(pool));
    let alert = AlertRecord {
        flow: flow.clone(),
        app,
        signature: Signature::of(&verdict),
        verdict: verdict.clone(),
        pool: pool.clone(),
    };
    let (end, verdict, oddities) = (Some(end), Some(verdict), Oddities::default());
    let end = FlowRecord { flow, app, end, verdict, pool, watched: None, oddities };
    (RecordBody::Alert(Box::new(alert)), RecordBody::Flow(Box::new(end)))
}

/// Whether a connection to this port of a listed name is to a miner's door: its web site is another thing.
fn mines_at(entry: Entry<'_>, port: u16) -> bool {
    use pithead_detect::pools::Kind;
    match entry.kind {
        Kind::Pool | Kind::Proxy | Kind::Market => entry.lists_port(port) || !matches!(port, 80 | 443),
        _ => false,
    }
}

/// What comes first where one frame causes several things.
const fn rank(body: &Body) -> u8 {
    match body {
        Body::Resolved(_) => 0,
        Body::Named(_) => 1,
        Body::Greeted(_) => 2,
        Body::Alert(_) => 3,
        Body::Watched(_) => 4,
        Body::Unanswered { .. } => 5,
        Body::Flow { .. } => 6,
    }
}

const fn add_watch(sum: &mut WatchCounters, more: &WatchCounters) {
    sum.watched += more.watched;
    sum.full += more.full;
    sum.busy += more.busy;
}

fn add_frames(sum: &mut Frames, more: &Frames) {
    sum.read += more.read;
    sum.bytes += more.bytes;
    sum.decoded += more.decoded;
    for (sum, more) in sum.discarded.iter_mut().zip(more.discarded) {
        *sum += more;
    }
    sum.in_flows += more.in_flows;
    sum.fragments += more.fragments;
    sum.other_protocols += more.other_protocols;
    sum.refused += more.refused;
}

const fn add_flows(sum: &mut TableCounters, more: &TableCounters) {
    sum.flows += more.flows;
    sum.packets += more.packets;
    sum.refused += more.refused;
}

const fn add_fragments(sum: &mut FragmentCounters, more: &FragmentCounters) {
    sum.received += more.received;
    sum.completed += more.completed;
    sum.expired += more.expired;
    sum.evicted += more.evicted;
    sum.overlaps += more.overlaps;
    sum.conflicts += more.conflicts;
    sum.invalid += more.invalid;
}

const fn add_detect(sum: &mut DetectCounters, more: &DetectCounters) {
    sum.inspected += more.inspected;
    sum.resumed += more.resumed;
    sum.records_full += more.records_full;
    sum.messages_full += more.messages_full;
    sum.windows_full += more.windows_full;
    sum.readings_full += more.readings_full;
    sum.oddities.add(more.oddities);
}
