//! A terminal that is given back as it was, however this ends: by a key, an error, a panic on any thread, or being stopped for a while.

use std::io::{self, Stdout, stdout};
use std::sync::Arc;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::{Frame, Terminal};
use signal_hook::consts::{SIGCONT, SIGTSTP};
use signal_hook::low_level::{emulate_default_handler, unregister};
use signal_hook::{SigId, flag};

use super::notes;

/// Whether a screen is drawn: taken down once, by whoever comes first.
static UP: AtomicBool = AtomicBool::new(false);

/// A terminal in full use.
pub(super) struct Screen {
    terminal: Terminal<CrosstermBackend<Stdout>>,
    stopped: Arc<AtomicBool>,
    continued: Arc<AtomicBool>,
    handlers: Vec<SigId>,
}

impl Screen {
    /// Takes the terminal.
    pub(super) fn enter() -> Result<Self> {
        restore_at_panics();
        let (stopped, continued) = (Arc::default(), Arc::default());
        let mut screen = Self {
            terminal: Terminal::new(CrosstermBackend::new(stdout()))
                .context("this terminal cannot be used")?,
            handlers: Vec::new(),
            stopped,
            continued,
        };
        for (signal, flag) in [(SIGTSTP, &screen.stopped), (SIGCONT, &screen.continued)] {
            screen.handlers.push(flag::register(signal, flag.clone()).context("cannot wait for signals")?);
        }
        screen.raise()?;
        Ok(screen)
    }

    /// Whether it is still ours to draw on.
    pub(super) fn is_up(&self) -> bool {
        UP.load(Ordering::Acquire)
    }

    pub(super) fn draw(&mut self, draw: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        if self.is_up() {
            self.terminal.draw(draw)?;
        }
        Ok(())
    }

    /// Draws all of it anew at the next time.
    pub(super) fn clear(&mut self) -> io::Result<()> {
        self.terminal.clear()
    }

    /// Obeys what a signal asked for: to stop, or to go on after having been stopped by force. Whether all is to be drawn anew.
    pub(super) fn attend(&mut self) -> Result<bool> {
        if self.stopped.swap(false, Ordering::Relaxed) {
            self.stop()?;
            return Ok(true);
        }
        if self.continued.swap(false, Ordering::Relaxed) {
            // Nobody has asked before, so the shell has made of the terminal what it likes.
            lower();
            self.raise()?;
            return Ok(true);
        }
        Ok(false)
    }

    /// Gives the terminal back and stops the program, until it is told to go on.
    pub(super) fn stop(&mut self) -> Result<()> {
        lower();
        emulate_default_handler(SIGTSTP).context("cannot stop")?;
        self.continued.store(false, Ordering::Relaxed);
        self.raise()
    }

    fn raise(&mut self) -> Result<()> {
        UP.store(true, Ordering::Release);
        notes::hold();
        enable_raw_mode()
            .and_then(|()| execute!(stdout(), EnterAlternateScreen))
            .context("this terminal cannot be used")?;
        self.terminal.clear()?;
        self.terminal.hide_cursor()?;
        Ok(())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        lower();
        for handler in self.handlers.drain(..) {
            unregister(handler);
        }
    }
}

/// Gives the terminal back, if it is in use.
fn lower() {
    if UP.swap(false, Ordering::AcqRel) {
        // What cannot be undone cannot be helped either.
        let _ = disable_raw_mode();
        let _ = execute!(stdout(), LeaveAlternateScreen, Show);
        notes::release();
    }
}

/// A panic's words are for the terminal as it was.
fn restore_at_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            lower();
            before(panic);
        }));
    });
}
