//! Places that records go to.
//!
//! A sink is called on the control thread only, so one that is slow holds up no worker.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use rustix::io::Errno;

use crate::eve::EveSink;
use crate::record::Record;
use crate::rotating::{Rotating, Rotation};
use crate::syslog::{Address, SyslogSink, is_message};

/// A place that records go to.
pub trait Sink: Send {
    /// Takes a record. It may be kept back until the next flush.
    fn write(&mut self, record: &Record) -> Result<(), Error>;

    /// Passes on everything taken so far.
    fn flush(&mut self) -> Result<(), Error>;
}

/// Which sink, and where to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Config {
    /// EVE JSON, a line an event.
    Eve(Target),
    /// Alerts as syslog messages.
    Syslog(Address),
}

impl Config {
    /// Tells the records that such a sink passes on from those that are nothing to it.
    pub(crate) fn wanted(&self) -> fn(&Record) -> bool {
        match self {
            Self::Eve(_) => |_| true,
            Self::Syslog(_) => is_message,
        }
    }
}

/// Where lines go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Standard output.
    Stdout,
    /// A file. One that is there already is replaced.
    File(PathBuf),
    /// A file that goes on where it ended, on a line of its own should the last one have been torn, and begins anew at times.
    Append(PathBuf, Rotation),
}

/// Opens a sink.
pub fn open(config: &Config) -> Result<Box<dyn Sink>, Error> {
    match config {
        Config::Eve(Target::Stdout) => Ok(Box::new(EveSink::new("standard output", io::stdout()))),
        Config::Eve(Target::File(path)) => Ok(Box::new(eve(path, File::create(path))?)),
        Config::Eve(Target::Append(path, rotation)) => {
            Ok(Box::new(eve(path, Rotating::open(path, rotation.clone()))?.awaiting_readers()))
        }
        Config::Syslog(address) => Ok(Box::new(SyslogSink::open(address)?)),
    }
}

fn eve<W: Write>(path: &Path, file: io::Result<W>) -> Result<EveSink<W>, Error> {
    let target = path.display().to_string();
    match file {
        Ok(file) => Ok(EveSink::new(&target, file)),
        Err(cause) if cause.raw_os_error() == Some(Errno::NXIO.raw_os_error()) => {
            Err(Error::Unread { target })
        }
        Err(cause) => Err(Error::Open { target, cause }),
    }
}

/// Opens a file to write on at its end. A pipe that nobody reads from is an error (`ENXIO`), and not waited for.
pub(crate) fn append(path: &Path) -> io::Result<File> {
    if path.metadata().is_ok_and(|meta| meta.file_type().is_fifo()) {
        let file = File::options().write(true).custom_flags(OFlags::NONBLOCK.bits() as i32).open(path)?;
        // From here on a slow reader is waited for: half a line would be worse.
        rustix::fs::fcntl_setfl(&file, OFlags::empty())?;
        return Ok(file);
    }
    // Reading is for the last byte alone, and pipes would wait for a writer of our own.
    let regular = path.metadata().is_ok_and(|meta| meta.is_file());
    let mut file = File::options().append(true).create(true).read(regular).open(path)?;
    if regular && file.metadata()?.len() > 0 {
        let mut last = [0];
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            file.write_all(b"\n")?;
        }
    }
    Ok(file)
}

/// Why a sink could not take a record.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Who was reading has had enough, as `head` does. There is nothing wrong, and nothing more to do.
    #[error("{target}: closed by its reader")]
    Closed {
        /// What was written to.
        target: String,
    },
    /// The target could not be opened.
    #[error(
        "{target}: cannot be opened: {cause}; check that it is there, or can be made, and that you may use it"
    )]
    Open {
        /// What was to be written to.
        target: String,
        /// What the system said.
        cause: io::Error,
    },
    /// Nobody reads from a pipe.
    #[error("{target}: nobody reads from this pipe; start its reader, or name a file")]
    Unread {
        /// The pipe.
        target: String,
    },
    /// The target took no more.
    #[error("{target}: cannot be written on: {cause}; events are lost from here on, so {}", remedy(.cause))]
    Write {
        /// What was written to.
        target: String,
        /// What the system said.
        cause: io::Error,
    },
}

/// What is to be done about a target that takes no more.
fn remedy(cause: &io::Error) -> &'static str {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    match cause.kind() {
        StorageFull | QuotaExceeded | FileTooLarge => "make room there, or write to another place",
        _ => "see to what it is, or write to another place",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_cannot_be_made_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("missing/eve.json");
        let Err(error) = open(&Config::Eve(Target::File(path.clone()))) else {
            panic!("there is no such folder")
        };
        assert!(error.to_string().starts_with(&path.display().to_string()), "{error}");
    }

    fn pipe(folder: &Path) -> PathBuf {
        let path = folder.join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        path
    }

    #[test]
    fn a_pipe_without_a_reader_is_said_to_have_none_and_waited_for_by_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let path = pipe(folder.path());
        let config = Config::Eve(Target::Append(path.clone(), Rotation::default()));
        let Err(error) = open(&config) else { panic!("nobody reads") };
        let said = format!("{}: nobody reads from this pipe; ", path.display());
        assert!(matches!(error, Error::Unread { .. }) && error.to_string().starts_with(&said), "{error}");
    }

    #[test]
    fn a_reader_that_leaves_a_pipe_may_come_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = pipe(folder.path());
        // Both ends at once: who opens a pipe for reading waits for a writer otherwise.
        let reader = File::options().read(true).write(true).open(&path).unwrap();
        let mut sink = open(&Config::Eve(Target::Append(path, Rotation::default()))).unwrap();
        let record = Record {
            at: pithead_wire::Timestamp::default(),
            origin: crate::record::Origin::default(),
            body: crate::record::RecordBody::Stats(Box::default()),
        };
        sink.write(&record).unwrap();
        sink.flush().unwrap();
        drop(reader);
        sink.write(&record).unwrap();
        assert!(matches!(sink.flush(), Err(Error::Unread { .. })));
    }

    #[test]
    fn a_file_goes_on_on_a_line_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("eve.json");
        for (before, after) in [("", ""), ("whole\n", "whole\n"), ("torn", "torn\n")] {
            std::fs::write(&path, before).unwrap();
            open(&Config::Eve(Target::Append(path.clone(), Rotation::default()))).unwrap().flush().unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), after);
        }
    }

    #[test]
    fn a_file_that_is_there_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("eve.json");
        std::fs::write(&path, "old").unwrap();
        open(&Config::Eve(Target::File(path.clone()))).unwrap().flush().unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "");
    }
}
