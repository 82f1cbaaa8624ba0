//! Links tapped by AF_XDP, as the control thread knows them: their counters, and how to let no more frames come.

use std::sync::Arc;

use pithead_capture::Error;
use pithead_capture::nic::{Gauge, Statistics, Unknown};
use pithead_capture::xdp::{Account, Control};
use pithead_output::{CaptureStats, NicAccount, QueueAccount, Terms};

use super::{News, Taps};

/// Links that are tapped.
pub(crate) struct Links {
    control: Control,
    nics: Vec<Nic>,
}

struct Nic {
    /// The name by which it was opened.
    interface: Arc<str>,
    /// The name that it goes by now.
    called: Arc<str>,
    /// Whether it was up when it was looked at last; `None` once it is gone.
    up: Option<bool>,
    gauge: Option<Gauge>,
    /// Its counters when the tap began.
    before: Statistics,
}

impl Links {
    pub(crate) fn new(control: Control) -> Self {
        let nics = control.ports().iter().map(|port| {
            let mut gauge = Gauge::new(port.interface()).ok();
            let before = gauge.as_mut().and_then(|gauge| gauge.read().ok()).unwrap_or_default();
            let interface = port.interface().clone();
            Nic { called: interface.clone(), interface, up: Some(true), gauge, before }
        });
        Self { nics: nics.collect(), control }
    }
}

impl Taps for Links {
    fn account(&mut self) -> Option<CaptureStats> {
        let called = |opened: &Arc<str>| {
            let nic = self.nics.iter().find(|nic| &nic.interface == opened);
            nic.map_or_else(|| opened.clone(), |nic| nic.called.clone())
        };
        let accounts = self.control.accounts();
        let queues =
            accounts.iter().map(|account| queue(account, called(&account.place.interface))).collect();
        let nics = self.nics.iter_mut().map(Nic::account).collect();
        Some(CaptureStats { queues, nics, ..CaptureStats::default() })
    }

    fn look_after(&mut self) -> Vec<News> {
        self.nics.iter_mut().flat_map(Nic::look_after).collect()
    }

    fn stop(&mut self) {
        self.control.stop();
    }
}

fn queue(account: &Account, interface: Arc<str>) -> QueueAccount {
    let (seen, taken) = (account.seen, account.taken);
    QueueAccount {
        interface,
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
    /// What has become of it since it was looked at last.
    fn look_after(&mut self) -> Vec<News> {
        let mut news = Vec::new();
        let (Some(was_up), Some(gauge)) = (self.up, &mut self.gauge) else { return news };
        match gauge.link() {
            Ok(link) => {
                if *link.name != *self.called {
                    let before = std::mem::replace(&mut self.called, link.name.into());
                    let (opened, now) = (self.interface.clone(), self.called.clone());
                    news.push(News::Renamed { opened, before, now });
                }
                if link.up != was_up {
                    let interface = self.called.clone();
                    news.push(if link.up { News::Up { interface } } else { News::Down { interface } });
                }
                self.up = Some(link.up);
            }
            Err(Unknown::Gone) => {
                self.up = None;
                news.push(News::Gone(Error::Gone { interface: self.interface.clone() }));
            }
            // Asked again in a second.
            Err(Unknown::Untold | Unknown::Refused(_)) => {}
        }
        news
    }

    fn account(&mut self) -> NicAccount {
        let now = self.gauge.as_mut().and_then(|gauge| gauge.read().ok()).unwrap_or_default();
        let since = now.since(&self.before);
        NicAccount {
            interface: self.called.clone(),
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
