//! What is known of watched flows beside their shape, and what both come to.
//!
//! A worker sees a flow; what a host says to other servers, who mined where, and by which name an address was found is known here alone. Events come in
//! the order of their frames, so what is known at each does not depend on the number of workers.

use std::net::{IpAddr, SocketAddr};

use pithead_detect::behaviour::{Context, Hello, assess};
use pithead_flow::{Direction, Shape, Summary};
use pithead_output::Behaviour;

use crate::recent::Recent;

/// How many servers of one host and port are told apart.
const SERVERS: usize = 8;
/// Messages of the client before its size says something to others.
const STEADY: u16 = 5;
/// Sizes that differ by no more are one.
const ALIKE: u16 = 4;

/// A server and the commonest size of what is said to it.
type Told = (IpAddr, u16);

/// What is remembered for the assessment of flows.
#[derive(Debug)]
pub(crate) struct Behaviours {
    alert_at: f64,
    hellos: Recent<u64, Hello>,
    /// By host and port.
    told: Recent<(IpAddr, u16), Vec<Told>>,
    /// Who mined first at a server.
    mined: Recent<SocketAddr, IpAddr>,
    /// The latest assessment of each flow, until it ends.
    latest: Recent<u64, Box<Behaviour>>,
    /// The latest shape of a flow's half, until the flow ends; only where halves come apart.
    halves: Recent<u64, [Option<Shape>; 2]>,
}

impl Behaviours {
    pub(crate) fn new(alert_at: f64, capacity: usize) -> Self {
        Self {
            alert_at,
            hellos: Recent::new(capacity),
            told: Recent::new(capacity),
            mined: Recent::new(capacity),
            latest: Recent::new(capacity),
            halves: Recent::new(capacity),
        }
    }

    /// How much had to be forgotten.
    pub(crate) const fn forgotten(&self) -> u64 {
        self.hellos.forgotten()
            + self.told.forgotten()
            + self.mined.forgotten()
            + self.latest.forgotten()
            + self.halves.forgotten()
    }

    /// Notes what a client of TLS left out.
    pub(crate) fn greet(&mut self, flow: u64, hello: Hello) {
        self.hellos.put(flow, hello);
    }

    /// Notes that a host mines at a server.
    pub(crate) fn mines(&mut self, client: IpAddr, server: SocketAddr) {
        if self.mined.get(&server).is_none() {
            self.mined.put(server, client);
        }
    }

    /// Weighs what a flow looks like. The pool is the name by which the client came to the server, if it is listed. True when it is sure enough.
    pub(crate) fn weigh(&mut self, flow: &Summary, shape: Shape, pool: Option<String>, frame: u64) -> bool {
        let shape = self.whole(flow, shape);
        let (client, server) = ends(flow, shape.client);
        let alike = self.alike(client.ip(), server, &shape);
        let mined_by = self.mined.get(&server).copied().filter(|host| *host != client.ip());
        let hello = self.hellos.get(&flow.id).copied();
        let context = Context { port: server.port(), hello, pool, mined_by, alike };
        let Some(assessment) = assess(&shape, &context) else { return false };
        let sure = assessment.confidence >= self.alert_at;
        self.latest.put(flow.id, Box::new(Behaviour { shape, assessment, frame }));
        sure
    }

    /// What came of a flow's latest assessment.
    pub(crate) fn latest(&self, flow: u64) -> Option<&Behaviour> {
        self.latest.get(&flow).map(AsRef::as_ref)
    }

    /// Forgets a flow that has ended, and gives its last assessment.
    pub(crate) fn end(&mut self, flow: u64) -> Option<Box<Behaviour>> {
        self.hellos.remove(&flow);
        self.halves.remove(&flow);
        self.latest.remove(&flow)
    }

    /// The flow's shape, or what both halves of it show together.
    fn whole(&mut self, flow: &Summary, shape: Shape) -> Shape {
        let way = match flow.packets {
            [_, 0] => 0,
            [0, _] => 1,
            _ => return shape,
        };
        let mut halves = self.halves.get(&flow.id).copied().unwrap_or_default();
        halves[way] = Some(shape);
        self.halves.put(flow.id, halves);
        match halves {
            [Some(there), Some(back)] => there.with(&back),
            _ => shape,
        }
    }

    /// To how many other servers on the same port the host says messages of the same size.
    fn alike(&mut self, client: IpAddr, server: SocketAddr, shape: &Shape) -> usize {
        let said = shape.asks[0].said;
        if said.count < STEADY {
            return 0;
        }
        let key = (client, server.port());
        let mut told = self.told.remove(&key).unwrap_or_default();
        told.retain(|(address, _)| *address != server.ip());
        let alike = told.iter().filter(|(_, size)| size.abs_diff(said.size) <= ALIKE).count();
        if told.len() == SERVERS {
            told.remove(0);
        }
        told.push((server.ip(), said.size));
        self.told.put(key, told);
        alike
    }
}

/// The client and the server.
pub(crate) const fn ends(flow: &Summary, client: Direction) -> (SocketAddr, SocketAddr) {
    match client {
        Direction::Forward => (flow.source, flow.destination),
        Direction::Backward => (flow.destination, flow.source),
    }
}
