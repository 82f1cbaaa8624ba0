//! The control socket of a tap: a unix socket on which one asks in a line of JSON and is answered in one (`docs/control.md`).
//!
//! Each client has a thread, of which there are few; it passes questions to the control thread and waits. No worker knows of it.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use crossbeam::channel::{Sender, bounded};
use serde_json::{Value, json};

use crate::live::{Ask, Question};

/// Where the service has it, and where clients look.
pub(crate) const USUAL: &str = "/run/pithead/control.sock";

/// Clients at a time: a few screens and whoever else asks.
const CLIENTS: usize = 16;
/// Longer questions are none.
const LINE_BYTES: u64 = 4096;
/// How long a client may be silent between two questions.
const SILENCE: Duration = Duration::from_secs(300);
/// How long the control thread may take to answer, and a client to take what it is told. Reading a long pool list is the longest.
const PATIENCE: Duration = Duration::from_secs(30);

/// What can be asked, by the names that Suricata's socket has where it has one.
const COMMANDS: [(&str, Option<Question>); 7] = [
    ("command-list", None),
    ("version", None),
    ("uptime", None),
    ("status", Some(Question::Status)),
    ("dump-counters", Some(Question::Counters)),
    ("reopen-log-files", Some(Question::Reopen)),
    ("reload", Some(Question::Reload)),
];

/// A socket that listens until it is dropped.
#[derive(Debug)]
pub(crate) struct Socket {
    path: PathBuf,
}

impl Socket {
    /// Listens there. A socket left behind by a tap that is gone is replaced, anything else that is there is not.
    pub(crate) fn listen(path: &Path, asks: Sender<Ask>) -> Result<Self> {
        let shown = path.display();
        if path.symlink_metadata().is_ok_and(|meta| meta.file_type().is_socket()) {
            if UnixStream::connect(path).is_ok() {
                bail!("{shown}: another tap listens there; give this one another --control");
            }
            std::fs::remove_file(path).with_context(|| format!("{shown}: cannot be replaced"))?;
        }
        let listener = UnixListener::bind(path).with_context(|| {
            format!("{shown}: cannot listen there; check that its folder is there and may be written to")
        })?;
        let socket = Self { path: path.to_owned() };
        // For the owner and the group: who may ask may also see who mines.
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660))
            .with_context(|| format!("{shown}: its mode cannot be set"))?;
        let started = Instant::now();
        thread::Builder::new()
            .name("control".into())
            .spawn(move || accept(&listener, &asks, started))
            .context("no thread can be started for the control socket")?;
        Ok(socket)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // Its thread ends with the program. Somebody may have removed it already.
        let _ = std::fs::remove_file(&self.path);
    }
}

fn accept(listener: &UnixListener, asks: &Sender<Ask>, started: Instant) {
    let clients = Arc::new(AtomicUsize::new(0));
    for mut stream in listener.incoming().map_while(Result::ok) {
        let guest = Guest::new(&clients);
        let prepared =
            stream.set_read_timeout(Some(SILENCE)).and_then(|()| stream.set_write_timeout(Some(PATIENCE)));
        if prepared.is_err() {
            continue;
        }
        if clients.load(Ordering::Relaxed) > CLIENTS {
            let _ = say(&mut stream, &no(&format!("{CLIENTS} clients are connected already")));
            continue;
        }
        let asks = asks.clone();
        let serve = move || {
            let _guest = guest;
            // Whoever left has no further questions.
            let _ = serve(stream, &asks, started);
        };
        let _ = thread::Builder::new().name("client".into()).spawn(serve);
    }
}

/// A client among so many.
struct Guest(Arc<AtomicUsize>);

impl Guest {
    fn new(clients: &Arc<AtomicUsize>) -> Self {
        clients.fetch_add(1, Ordering::Relaxed);
        Self(clients.clone())
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn serve(stream: UnixStream, asks: &Sender<Ask>, started: Instant) -> io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut stream = stream;
    loop {
        let mut line = Vec::new();
        let read = reader.by_ref().take(LINE_BYTES).read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(());
        }
        if read as u64 == LINE_BYTES && line.last() != Some(&b'\n') {
            return say(&mut stream, &no(&format!("a question has at most {LINE_BYTES} bytes")));
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        let answer = answer(&line, asks, started);
        say(&mut stream, &answer)?;
    }
}

fn answer(line: &[u8], asks: &Sender<Ask>, started: Instant) -> Value {
    let asked: Value = match serde_json::from_slice(line) {
        Ok(asked) => asked,
        Err(error) => return no(&format!("not JSON: {error}")),
    };
    let Some(command) = asked["command"].as_str() else {
        return no("an object with a text named command is expected, such as {\"command\": \"status\"}");
    };
    let known = COMMANDS.iter().find(|(name, _)| *name == command);
    match known {
        Some((_, Some(question))) => match put(*question, asks) {
            Ok(message) => yes(&message),
            Err(why) => no(&why),
        },
        Some(("version", None)) => yes(&json!(env!("CARGO_PKG_VERSION"))),
        Some(("uptime", None)) => yes(&json!(started.elapsed().as_secs())),
        Some((_, None)) => {
            let names = COMMANDS.map(|(name, _)| name);
            yes(&json!({ "count": names.len(), "commands": names }))
        }
        None => no(&format!("unknown command \"{command}\"; command-list tells those there are")),
    }
}

/// Puts a question to the control thread.
pub(crate) fn put(question: Question, asks: &Sender<Ask>) -> Result<Value, String> {
    let (reply, answer) = bounded(1);
    asks.send(Ask::Question(question, reply)).map_err(|_| "the tap has ended".to_owned())?;
    answer.recv_timeout(PATIENCE).unwrap_or_else(|_| Err("the tap does not answer, or is ending".to_owned()))
}

fn yes(message: &Value) -> Value {
    json!({ "return": "OK", "message": message })
}

fn no(why: &str) -> Value {
    json!({ "return": "NOK", "message": why })
}

fn say(stream: &mut UnixStream, answer: &Value) -> io::Result<()> {
    let mut line = answer.to_string();
    line.push('\n');
    stream.write_all(line.as_bytes())
}

/// A client's end.
#[derive(Debug)]
pub(crate) struct Client {
    path: PathBuf,
    stream: BufReader<UnixStream>,
}

impl Client {
    /// Connects to the tap that listens there.
    pub(crate) fn connect(path: &Path) -> Result<Self> {
        let stream = UnixStream::connect(path).map_err(|error| {
            let remedy = match error.kind() {
                io::ErrorKind::PermissionDenied => "you may not use it: try as root",
                _ => {
                    "no tap listens there: start one with --control PATH or with socket in [control] of its configuration, and name the same path here"
                }
            };
            anyhow!("{}: {error}; {remedy}", path.display())
        })?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { path: path.to_owned(), stream: BufReader::new(stream) })
    }

    /// Asks, and waits for the answer.
    pub(crate) fn ask(&mut self, command: &str) -> Result<Value> {
        let gone = || format!("{}: the tap has ended, or does not answer", self.path.display());
        let line = format!("{}\n", json!({ "command": command }));
        self.stream.get_mut().write_all(line.as_bytes()).with_context(gone)?;
        let mut line = String::new();
        let read = self.stream.read_line(&mut line).with_context(gone)?;
        if read == 0 {
            bail!(gone());
        }
        let mut answer: Value = serde_json::from_str(&line)
            .with_context(|| format!("{}: what listens there is no tap", self.path.display()))?;
        match answer["return"].as_str() {
            Some("OK") => Ok(answer["message"].take()),
            _ => Err(anyhow!("{}", answer["message"].as_str().unwrap_or("refused without a reason"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use crossbeam::channel::unbounded;

    use super::*;

    /// A socket behind which everything is answered with its question's name.
    fn echo(folder: &tempfile::TempDir) -> (Socket, PathBuf) {
        let path = folder.path().join("control.sock");
        let (asks, asked) = unbounded();
        let socket = Socket::listen(&path, asks).expect("it listens");
        thread::spawn(move || {
            while let Ok(Ask::Question(question, reply)) = asked.recv() {
                let _ = reply.send(match question {
                    Question::Reload => Err("not today".to_owned()),
                    other => Ok(json!(format!("{other:?}"))),
                });
            }
        });
        (socket, path)
    }

    #[test]
    fn questions_are_answered_one_by_one_on_one_connection() {
        let folder = tempfile::tempdir().expect("a folder");
        let (_socket, path) = echo(&folder);
        let mut client = Client::connect(&path).expect("it listens");
        assert_eq!(client.ask("status").expect("an answer"), "Status");
        assert_eq!(client.ask("dump-counters").expect("an answer"), "Counters");
        assert_eq!(client.ask("reload").expect_err("it was refused").to_string(), "not today");
        assert_eq!(client.ask("version").expect("an answer"), env!("CARGO_PKG_VERSION"));
        assert_eq!(client.ask("command-list").expect("an answer")["count"], COMMANDS.len());
        let unknown = client.ask("explode").expect_err("no such command").to_string();
        assert!(unknown.contains("\"explode\"") && unknown.contains("command-list"), "{unknown}");
        let mode = std::fs::metadata(&path).expect("a socket").permissions().mode();
        assert_eq!(mode & 0o777, 0o660);
    }

    #[test]
    fn what_is_no_question_is_refused_and_the_next_one_is_answered() {
        let folder = tempfile::tempdir().expect("a folder");
        let (_socket, path) = echo(&folder);
        let mut stream = UnixStream::connect(&path).expect("it listens");
        stream.write_all(b"hello\n\n[1]\n{\"command\": 7}\n{\"command\": \"status\"}\n").expect("it reads");
        let answers: Vec<Value> = BufReader::new(stream)
            .lines()
            .take(4)
            .map(|line| serde_json::from_str(&line.expect("a line")).expect("JSON"))
            .collect();
        let returns: Vec<_> =
            answers.iter().map(|answer| answer["return"].as_str().expect("a text")).collect();
        assert_eq!(returns, ["NOK", "NOK", "NOK", "OK"], "{answers:?}");
    }

    #[test]
    fn a_question_without_an_end_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let (_socket, path) = echo(&folder);
        let mut stream = UnixStream::connect(&path).expect("it listens");
        stream.write_all(&[b'x'; LINE_BYTES as usize]).expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer, and the end");
        assert!(answer.contains("at most 4096 bytes"), "{answer}");
    }

    #[test]
    fn a_path_is_taken_over_from_nobody_who_lives() {
        let folder = tempfile::tempdir().expect("a folder");
        let (socket, path) = echo(&folder);
        let (asks, _asked) = unbounded();
        let error = format!("{:#}", Socket::listen(&path, asks.clone()).expect_err("it is taken"));
        assert!(error.contains("another tap"), "{error}");
        drop(socket);
        assert!(!path.exists());
        // One that nobody listens at any more.
        drop(UnixListener::bind(&path).expect("a socket"));
        let again = Socket::listen(&path, asks.clone()).expect("it is replaced");
        drop(again);
        std::fs::write(&path, "mine").expect("a file");
        Socket::listen(&path, asks).expect_err("a file is not replaced");
        assert_eq!(std::fs::read_to_string(&path).expect("it is there"), "mine");
    }

    #[test]
    fn beyond_so_many_clients_the_next_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let (_socket, path) = echo(&folder);
        let mut here: Vec<Client> =
            (0..CLIENTS).map(|_| Client::connect(&path).expect("it listens")).collect();
        for client in &mut here {
            client.ask("status").expect("an answer");
        }
        let mut late = BufReader::new(UnixStream::connect(&path).expect("it listens"));
        let mut answer = String::new();
        late.read_line(&mut answer).expect("an answer");
        assert!(answer.contains("16 clients"), "{answer}");
    }
}
