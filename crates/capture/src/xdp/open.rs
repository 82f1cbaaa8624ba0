//! A tap in one process: ports opened, queues bound, sources shared out.

use std::os::fd::AsFd;

use super::{Meter, Mode, Options, Port, Queue, Seen, Taken, XdpSource};
use crate::Error;

/// Interfaces that are listened to.
#[derive(Debug)]
pub struct Tap {
    /// A source for each worker.
    pub sources: Vec<XdpSource>,
    /// What keeps the accounts, and ends it all when dropped.
    pub control: Control,
    /// What is not as good as it could be, each with its reason: a line for people.
    pub warnings: Vec<String>,
}

/// What became of the frames of one queue.
#[derive(Clone, Debug)]
pub struct Account {
    /// The queue's place and mode.
    pub place: super::Place,
    /// What the program counted; `None` if that cannot be known.
    pub seen: Option<Seen>,
    /// What became of the frames that it sent to the queue's socket; `None` if that cannot be known.
    pub taken: Option<Taken>,
}

/// The ports of a tap and its meters, for the thread that keeps the accounts.
#[derive(Debug)]
pub struct Control {
    ports: Vec<Port>,
    meters: Vec<Meter>,
}

impl Control {
    /// What became of the frames of every queue so far.
    ///
    /// While traffic flows, frames that are on their way between two counters are in the first of them only.
    pub fn accounts(&self) -> Vec<Account> {
        // Later stations first: a frame that moves on meanwhile is then missing at the earlier one's expense, never counted twice.
        let taken: Vec<_> = self.meters.iter().map(Meter::read).collect();
        let seen = |meter: &Meter| {
            let place = meter.place();
            self.ports.iter().find(|port| port.interface() == &place.interface)?.seen(place.queue)
        };
        let accounts = self.meters.iter().zip(taken);
        accounts
            .map(|(meter, taken)| Account { place: meter.place().clone(), seen: seen(meter), taken })
            .collect()
    }

    /// Takes the programs off the interfaces: no more frames come, and those that have come can still be lent. Counters stay readable.
    pub fn stop(&mut self) {
        for port in &mut self.ports {
            port.detach();
        }
    }

    /// The ports.
    pub fn ports(&self) -> &[Port] {
        &self.ports
    }
}

/// Listens to every queue of every interface, in the best mode that works or the one that was asked for, and shares the queues out to so
/// many workers: queue `k` of each interface to worker `k` modulo their number, so that the two fibres of one link meet.
///
/// With 0 workers there is one for each queue of the interface that has most. Either every queue has its socket, or it fails.
pub fn open<S: AsRef<str>>(interfaces: &[S], workers: usize, options: &Options) -> Result<Tap, Error> {
    options.check()?;
    let (mut ports, mut queues, mut warnings) = (Vec::new(), Vec::new(), Vec::new());
    for interface in interfaces {
        let (port, bound) = open_port(interface.as_ref(), options, &mut warnings)?;
        if options.huge_pages && bound.iter().any(|queue| !queue.has_huge_pages()) {
            warnings.push(format!(
                "{}: memory for frames is not in huge pages: too few are set aside (vm.nr_hugepages)",
                port.interface()
            ));
        }
        ports.push(port);
        queues.extend(bound);
    }
    let most = ports.iter().map(Port::queues).max().unwrap_or(0) as usize;
    let workers = if workers == 0 { most } else { workers.min(most) };
    let meters = queues.iter().map(Queue::meter).collect();
    let mut shares: Vec<Vec<Queue>> = (0..workers).map(|_| Vec::new()).collect();
    for queue in queues {
        let worker = queue.place().queue as usize % workers;
        shares[worker].push(queue);
    }
    let sources = shares.into_iter().map(|share| XdpSource::new(share, options)).collect();
    for port in &mut ports {
        port.begin()?;
    }
    Ok(Tap { sources, control: Control { ports, meters }, warnings })
}

/// One interface in the best mode that works.
fn open_port(
    interface: &str,
    options: &Options,
    warnings: &mut Vec<String>,
) -> Result<(Port, Vec<Queue>), Error> {
    let modes = options.mode.map_or(Mode::ALL.to_vec(), |mode| vec![mode]);
    let mut attached: Option<Port> = None;
    for (index, &mode) in modes.iter().enumerate() {
        let in_driver = mode != Mode::Skb;
        let port = match attached.take().filter(|port| port.is_in_driver() == in_driver) {
            Some(port) => Ok(port),
            None => Port::attach(interface, in_driver, options),
        };
        let tried = port.and_then(|mut port| match bind_all(&mut port, mode, options) {
            Ok(queues) => Ok((port, queues)),
            Err(error) => {
                attached = Some(port);
                Err(error)
            }
        });
        match (tried, modes.get(index + 1)) {
            (Err(error), Some(next)) if another_mode_may_do(&error) => {
                warnings.push(format!("{interface}: going on with the mode {next}: {error}"));
            }
            (tried, _) => return tried,
        }
    }
    unreachable!("the last mode returns")
}

fn bind_all(port: &mut Port, mode: Mode, options: &Options) -> Result<Vec<Queue>, Error> {
    let bind = |queue| Queue::bind(port.socket(options)?, port.place(queue, mode), options);
    let queues = (0..port.queues()).map(bind).collect::<Result<Vec<_>, _>>()?;
    for queue in &queues {
        port.admit(queue.place().queue, queue.socket().as_fd())?;
    }
    Ok(queues)
}

/// Whether this error is about what the driver can do, and not about what we may do or who was here first.
fn another_mode_may_do(error: &Error) -> bool {
    let Error::Live { cause, .. } = error else { return false };
    !matches!(
        cause.raw_os_error(),
        Some(
            libc::EPERM
                | libc::EACCES
                | libc::EBUSY
                | libc::EEXIST
                | libc::ENODEV
                | libc::ENETDOWN
                | libc::ENOBUFS
        )
    )
}
