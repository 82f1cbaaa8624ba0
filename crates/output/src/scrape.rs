//! A page for those who come to read it: the least of an HTTP server that Prometheus needs.
//!
//! One thread serves one reader at a time, who may take two seconds and send 8 KiB; whatever is asked for, by GET, there is one page. A library
//! would bring an executor or a parser of all of HTTP for these sixty lines.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::sink::Error;

const PATIENCE: Duration = Duration::from_secs(2);
const HEAD_BYTES: usize = 8192;

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
            for stream in listener.incoming().flatten() {
                // A reader that goes away is its own loss.
                let _ = answer(stream, &served);
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

fn answer(mut stream: TcpStream, page: &Mutex<String>) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut head = Vec::new();
    let mut some = [0; 1024];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let read = stream.read(&mut some)?;
        head.extend_from_slice(some.get(..read).unwrap_or_default());
        if read == 0 || head.len() > HEAD_BYTES {
            return Ok(());
        }
    }
    let (status, body) = if head.starts_with(b"GET ") {
        ("200 OK", page.lock().unwrap_or_else(PoisonError::into_inner).clone())
    } else {
        ("405 Method Not Allowed\r\nAllow: GET", String::new())
    };
    let length = body.len();
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())
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
    fn an_address_that_is_taken_is_named() {
        let first = Scrape::listen("127.0.0.1:0").unwrap();
        let error = Scrape::listen(&first.address().to_string()).unwrap_err().to_string();
        assert!(error.starts_with(&format!("metrics at {}: ", first.address())), "{error}");
    }
}
