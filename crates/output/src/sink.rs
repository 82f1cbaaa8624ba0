//! Places that records go to.
//!
//! A sink is called on the control thread only, so one that is slow holds up no worker.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::eve::EveSink;
use crate::record::Record;
use crate::rotating::{Rotating, Rotation};
use crate::syslog::{Address, SyslogSink};

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
        Config::Eve(Target::File(path)) => eve(path, File::create(path)),
        Config::Eve(Target::Append(path, rotation)) => eve(path, Rotating::open(path, rotation.clone())),
        Config::Syslog(address) => Ok(Box::new(SyslogSink::open(address)?)),
    }
}

fn eve<W: Write + Send + 'static>(path: &Path, file: io::Result<W>) -> Result<Box<dyn Sink>, Error> {
    let target = path.display().to_string();
    match file {
        Ok(file) => Ok(Box::new(EveSink::new(&target, file))),
        Err(cause) => Err(Error::Open { target, cause }),
    }
}

/// Opens a file to write on at its end.
pub(crate) fn append(path: &Path) -> io::Result<File> {
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
    /// The target took no more.
    #[error(
        "{target}: cannot be written on: {cause}; events from here on are lost, so make room and run again"
    )]
    Write {
        /// What was written to.
        target: String,
        /// What the system said.
        cause: io::Error,
    },
}

impl Error {
    /// The error for what the system said while `target` was written to.
    pub(crate) fn writing(target: &str, cause: io::Error) -> Self {
        let target = target.to_owned();
        match cause.kind() {
            io::ErrorKind::BrokenPipe => Self::Closed { target },
            _ => Self::Write { target, cause },
        }
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
