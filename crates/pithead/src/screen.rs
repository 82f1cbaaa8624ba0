//! The live screen: how a tap goes, drawn once a second on a terminal.
//!
//! It asks for a [`Status`] wherever that comes from, a tap in this process or one behind a socket, and draws it. Workers know nothing of it.

pub(crate) mod notes;
mod terminal;
mod view;

use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use self::terminal::Screen;
use self::view::View;
use crate::status::Status;

/// Time between two looks.
const LOOK: Duration = Duration::from_secs(1);
/// The longest wait for a key before it is looked whether something else has come.
const WAIT: Duration = Duration::from_millis(100);

/// Says why nothing can be drawn here, if so.
pub(crate) fn check() -> Result<()> {
    if !std::io::stdout().is_terminal() {
        bail!(
            "standard output is no terminal, so nothing can be drawn on it; programs read 'pithead tap --metrics', --eve, or the control socket"
        );
    }
    if std::env::var("TERM").is_ok_and(|term| term == "dumb") {
        bail!("this terminal can draw nothing (TERM=dumb)");
    }
    Ok(())
}

/// Draws what `ask` answers until somebody wants no more of it, or `over` is set. An answer that does not come ends it.
pub(crate) fn run(ask: &mut dyn FnMut() -> Result<Status>, over: &AtomicBool) -> Result<()> {
    let mut view = View::new(std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()));
    view.take(ask()?);
    let mut looked = Instant::now();
    let mut screen = Screen::enter()?;
    let mut stale = true;
    while !over.load(Ordering::Relaxed) && screen.is_up() {
        if looked.elapsed() >= LOOK {
            looked = Instant::now();
            if !view.paused {
                view.take(ask()?);
            }
            stale = true;
        }
        stale |= screen.attend()?;
        if std::mem::take(&mut stale) {
            screen.draw(|frame| view.draw(frame))?;
        }
        if !event::poll(WAIT.min(LOOK.saturating_sub(looked.elapsed())))? {
            continue;
        }
        match event::read()? {
            Event::Key(key) if key.kind != KeyEventKind::Release => match pressed(&mut view, key) {
                Pressed::Leave => return Ok(()),
                Pressed::Stop => screen.stop()?,
                Pressed::Redraw => screen.clear()?,
                Pressed::Nothing => {}
            },
            _ => {}
        }
        stale = true;
    }
    Ok(())
}

/// What a key asks of the screen; what it asks of the view is done.
enum Pressed {
    Leave,
    Stop,
    Redraw,
    Nothing,
}

fn pressed(view: &mut View, key: KeyEvent) -> Pressed {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    match key.code {
        KeyCode::Char('c') if control => return Pressed::Leave,
        KeyCode::Char('z') if control => return Pressed::Stop,
        KeyCode::Char('l') if control => return Pressed::Redraw,
        KeyCode::Char('q') => return Pressed::Leave,
        // Whatever key closes the help.
        _ if view.help => view.help = false,
        KeyCode::Esc => return Pressed::Leave,
        KeyCode::Char('?' | 'h') | KeyCode::F(1) => view.help = true,
        KeyCode::Char('s') => view.sort = view.sort.next(),
        KeyCode::Char('r') => view.reversed = !view.reversed,
        KeyCode::Char('p' | ' ') => view.paused = !view.paused,
        KeyCode::Up | KeyCode::Char('k') => view.scroll(-1),
        KeyCode::Down | KeyCode::Char('j') => view.scroll(1),
        KeyCode::PageUp => view.page(-1),
        KeyCode::PageDown => view.page(1),
        KeyCode::Home | KeyCode::Char('g') => view.scroll(isize::MIN),
        KeyCode::End | KeyCode::Char('G') => view.scroll(isize::MAX),
        _ => {}
    }
    Pressed::Nothing
}
