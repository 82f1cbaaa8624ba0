//! A page for those who come to read it: the least of an HTTP server that Prometheus needs.
//!
//! A reader may take two seconds in all and send 8 KiB; sixteen are served at a time, and one more is told to come again. So a slow reader holds
//! up nobody, and many cost no more than their threads. Whatever is asked for, by GET, there is one page. Of the small libraries none ends a reader who
//! sends a byte now and then; the large ones bring an executor for these hundred lines.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::sink::Error;

/// How long a reader may take, from the first byte of his question to the last of the answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// Readers at a time: more than any set of collectors asks with.
const READERS: usize = 16;
const HEAD_BYTES: usize = 8192;
const PAUSE: Duration = Duration::from_millis(100);

/// A page that is served until the program ends.
#[derive(Debug)]
pub struct Scrape {
    page: Arc<Mutex<String>>,
    at: SocketAddr,
}

impl Scrape {
    /// Listens at an address such as `127.0.0.1:9469`.
    ///
    /// # Errors
    /// An address that cannot be listened at.
    pub fn listen(address: &str) -> Result<Self, Error> {
        let failed = |cause| Error::Open { target: format!("metrics at {address}"), cause };
        let listener = TcpListener::bind(address).map_err(failed)?;
        let at = listener.local_addr().map_err(failed)?;
        let page = Arc::new(Mutex::new(String::new()));
        let served = page.clone();
        let serve = move || {
            for stream in listener.incoming() {
                match stream {
                    Ok(stream) => attend(stream, &served),
                    // Of descriptors there are too few just now: asked again at once, that would take a core.
                    Err(_) => thread::sleep(PAUSE),
                }
            }
        };
        thread::Builder::new().name("metrics".into()).spawn(serve).map_err(failed)?;
        Ok(Self { page, at })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.at
    }

    /// Serves this page from now on.
    pub fn show(&self, page: String) {
        *self.page.lock().unwrap_or_else(PoisonError::into_inner) = page;
    }
}

/// Answers on a thread of its own; a reader that goes away is his own loss.
fn attend(stream: TcpStream, page: &Arc<Mutex<String>>) {
    let mut reader = Reader { stream, until: Instant::now() + PATIENCE };
    // Each reader's thread holds the page once, as do this one and whoever changes it.
    if Arc::strong_count(page) >= READERS + 2 {
        let _ = reader.send(&head("503 Service Unavailable\r\nRetry-After: 2", 0));
        return;
    }
    let page = page.clone();
    let _ = thread::Builder::new().name("metrics".into()).spawn(move || reader.answer(&page));
}

fn head(status: &str, length: usize) -> String {
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    )
}

/// A reader, and until when he may take.
struct Reader {
    stream: TcpStream,
    until: Instant,
}

impl Reader {
    fn answer(mut self, page: &Mutex<String>) -> io::Result<()> {
        let Some(asked) = self.question()? else { return Ok(()) };
        if !asked.starts_with(b"GET ") {
            return self.send(&head("405 Method Not Allowed\r\nAllow: GET", 0));
        }
        let body = page.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.send(&(head("200 OK", body.len()) + &body))
    }

    /// The head of what is asked; `None` if it does not end, or is too long.
    fn question(&mut self) -> io::Result<Option<Vec<u8>>> {
        let (mut head, mut some) = (Vec::new(), [0; 1024]);
        while !head.windows(4).any(|end| end == b"\r\n\r\n") {
            self.stream.set_read_timeout(Some(self.left()?))?;
            let read = self.stream.read(&mut some)?;
            head.extend_from_slice(some.get(..read).unwrap_or_default());
            if read == 0 || head.len() > HEAD_BYTES {
                return Ok(None);
            }
        }
        Ok(Some(head))
    }

    fn send(&mut self, text: &str) -> io::Result<()> {
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            self.stream.set_write_timeout(Some(self.left()?))?;
            let written = self.stream.write(rest)?;
            rest = rest.get(written..).filter(|_| written > 0).ok_or(io::ErrorKind::WriteZero)?;
        }
        Ok(())
    }

    /// How much of his time is left.
    fn left(&self) -> io::Result<Duration> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(at: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(at).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn the_latest_page_is_served() {
        let scrape = Scrape::listen("127.0.0.1:0").unwrap();
        let get = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
        assert!(ask(scrape.address(), get).ends_with("Content-Length: 0\r\nConnection: close\r\n\r\n"));
        scrape.show("up 1\n".into());
        let answer = ask(scrape.address(), get);
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\nup 1\n"), "{answer}");
        assert!(ask(scrape.address(), "POST / HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 405 "));
    }

    #[test]
    fn a_reader_who_says_nothing_holds_up_nobody() {
        let scrape = Scrape::listen("127.0.0.1:0").unwrap();
        scrape.show("up 1\n".into());
        let _silent: Vec<_> =
            (0..READERS - 1).map(|_| TcpStream::connect(scrape.address()).unwrap()).collect();
        let begun = Instant::now();
        assert!(ask(scrape.address(), "GET / HTTP/1.1\r\n\r\n").ends_with("up 1\n"));
        assert!(begun.elapsed() < PATIENCE, "it was held up");
    }

    #[test]
    fn a_reader_who_sends_a_byte_now_and_then_is_let_go() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut slow = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        slow.write_all(b"G").unwrap();
        let stream = listener.accept().unwrap().0;
        // His time is over, and not only the time between two of his bytes.
        let reader = Reader { stream, until: Instant::now() };
        let kind = reader.answer(&Mutex::new(String::new())).unwrap_err().kind();
        assert_eq!(kind, io::ErrorKind::TimedOut);
    }

    #[test]
    fn one_reader_too_many_is_told_to_come_again() {
        let scrape = Scrape::listen("127.0.0.1:0").unwrap();
        let _held: Vec<_> = (0..READERS).map(|_| scrape.page.clone()).collect();
        assert!(ask(scrape.address(), "").starts_with("HTTP/1.1 503 "));
    }

    #[test]
    fn an_address_that_is_taken_is_named() {
        let first = Scrape::listen("127.0.0.1:0").unwrap();
        let error = Scrape::listen(&first.address().to_string()).unwrap_err().to_string();
        assert!(error.starts_with(&format!("metrics at {}: ", first.address())), "{error}");
    }
}
