//! What to do when somebody asks the program to end, to open its outputs anew, or to read its lists anew.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::thread;

use anyhow::{Context, Result};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR2};
use signal_hook::iterator::{Handle, Signals};
use signal_hook::low_level::{emulate_default_handler, signal_name};

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// An orderly end: SIGINT or SIGTERM, for the first time.
    End,
    /// To open the outputs anew, and read what can be read anew: SIGHUP.
    Reopen,
    /// To read what can be read anew: SIGUSR2.
    Reload,
}

/// Waits for signals, until it is dropped. The first SIGINT or SIGTERM asks for an orderly end; another ends the program at once.
#[derive(Debug)]
pub(crate) struct Watch {
    first: Arc<AtomicI32>,
    handle: Handle,
}

impl Watch {
    /// Begins to wait; `obey` is called with what is asked for. SIGHUP and SIGUSR2 are left alone where there is nothing to do anew.
    pub(crate) fn new(anew: bool, obey: impl Fn(Order) + Send + 'static) -> Result<Self> {
        let awaited: &[_] = if anew { &[SIGINT, SIGTERM, SIGHUP, SIGUSR2] } else { &[SIGINT, SIGTERM] };
        let mut signals = Signals::new(awaited).context("cannot wait for signals")?;
        let handle = signals.handle();
        let first = Arc::new(AtomicI32::new(0));
        let noted = first.clone();
        let wait = move || {
            for signal in &mut signals {
                if signal == SIGHUP {
                    obey(Order::Reopen);
                } else if signal == SIGUSR2 {
                    obey(Order::Reload);
                } else if noted.compare_exchange(0, signal, Ordering::SeqCst, Ordering::SeqCst).is_ok() {
                    obey(Order::End);
                } else {
                    // As if nobody had waited. It cannot fail for these two.
                    let _ = emulate_default_handler(signal);
                }
            }
        };
        thread::Builder::new().name("signals".into()).spawn(wait).context("cannot wait for signals")?;
        Ok(Self { first, handle })
    }

    /// The first signal that asked for the end, if one has come.
    pub(crate) fn signal(&self) -> Option<Signal> {
        Some(self.first.load(Ordering::SeqCst)).filter(|signal| *signal != 0).map(Signal)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.handle.close();
    }
}

/// A signal that has asked for the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Signal(i32);

impl Signal {
    /// Its name, such as SIGINT.
    pub(crate) fn name(self) -> &'static str {
        signal_name(self.0).unwrap_or("a signal")
    }

    /// The exit status by which shells know that it ended a program: 130 for SIGINT, 143 for SIGTERM.
    pub(crate) fn status(self) -> u8 {
        u8::try_from(128 + self.0).unwrap_or(u8::MAX)
    }
}
