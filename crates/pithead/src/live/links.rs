//! Links tapped by AF_XDP, as the control thread knows them: their counters, and how to let no more frames come.

use std::sync::Arc;

use pithead_capture::nic::{Gauge, Statistics};
use pithead_capture::xdp::{Account, Control};
use pithead_output::{CaptureStats, NicAccount, QueueAccount, Terms};

use super::Taps;

/// Links that are tapped.
pub(crate) struct Links {
    control: Control,
    nics: Vec<Nic>,
}

struct Nic {
    interface: Arc<str>,
    gauge: Option<Gauge>,
    /// Its counters when the tap began.
    before: Statistics,
}

impl Links {
    pub(crate) fn new(control: Control) -> Self {
        let nics = control.ports().iter().map(|port| {
            let mut gauge = Gauge::new(port.interface()).ok();
            let before = gauge.as_mut().and_then(|gauge| gauge.read().ok()).unwrap_or_default();
            Nic { interface: port.interface().clone(), gauge, before }
        });
        Self { nics: nics.collect(), control }
    }
}

impl Taps for Links {
    fn account(&mut self) -> Option<CaptureStats> {
        let queues = self.control.accounts().iter().map(queue).collect();
        let nics = self.nics.iter_mut().map(Nic::account).collect();
        Some(CaptureStats { queues, nics, ..CaptureStats::default() })
    }

    fn stop(&mut self) {
        self.control.stop();
    }
}

fn queue(account: &Account) -> QueueAccount {
    let (seen, taken) = (account.seen, account.taken);
    QueueAccount {
        interface: account.place.interface.clone(),
        queue: account.place.queue,
        mode: account.place.mode.name(),
        terms: Terms {
            seen: seen.map(|seen| seen.seen),
            to_sockets: seen.map(|seen| seen.to_socket),
            no_socket: seen.map(|seen| seen.no_socket),
            filtered: seen.map(|seen| seen.filtered),
            received: taken.map(|taken| taken.received),
            rx_dropped: taken.map(|taken| taken.rx_dropped),
            rx_ring_full: taken.map(|taken| taken.rx_ring_full),
            invalid: taken.map(|taken| taken.invalid),
            fill_ring_empty: taken.map(|taken| taken.fill_ring_empty),
        },
    }
}

impl Nic {
    fn account(&mut self) -> NicAccount {
        let now = self.gauge.as_mut().and_then(|gauge| gauge.read().ok()).unwrap_or_default();
        let since = now.since(&self.before);
        NicAccount {
            interface: self.interface.clone(),
            received: since.received,
            missed: since.missed,
            no_buffer: since.no_buffer,
            fifo: since.fifo,
            over: since.over,
            dropped: since.dropped,
            crc: since.crc,
            length: since.length,
        }
    }
}
