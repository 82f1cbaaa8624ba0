//! Records as lines, anywhere that bytes go.

use std::io::{self, BufWriter, Write};

use super::json;
use crate::record::Record;
use crate::sink::{Error, Sink};

/// Bytes collected before they are passed on. 64 KiB: some fifty events a system call.
const BUFFER: usize = 64 << 10;

/// Writes records as lines of EVE JSON.
///
/// Lines are passed on whole at a [`flush`](Sink::flush). What is not flushed when the sink goes is passed on too, but nobody
/// hears whether that succeeded.
#[derive(Debug)]
pub struct EveSink<W: Write> {
    target: String,
    out: BufWriter<W>,
    awaits_readers: bool,
}

impl<W: Write> EveSink<W> {
    /// A sink that writes to `out`; `target` is what errors call it.
    pub fn new(target: &str, out: W) -> Self {
        Self { target: target.to_owned(), out: BufWriter::with_capacity(BUFFER, out), awaits_readers: false }
    }

    /// The same, to which a reader may come back who has left.
    pub(crate) fn awaiting_readers(self) -> Self {
        Self { awaits_readers: true, ..self }
    }

    fn error(&self, cause: io::Error) -> Error {
        let target = self.target.clone();
        match cause.kind() {
            io::ErrorKind::BrokenPipe if self.awaits_readers => Error::Unread { target },
            io::ErrorKind::BrokenPipe => Error::Closed { target },
            _ => Error::Write { target, cause },
        }
    }
}

impl<W: Write + Send> Sink for EveSink<W> {
    fn write(&mut self, record: &Record) -> Result<(), Error> {
        let mut line = json(record);
        line.push('\n');
        self.out.write_all(line.as_bytes()).map_err(|cause| self.error(cause))
    }

    fn flush(&mut self) -> Result<(), Error> {
        self.out.flush().map_err(|cause| self.error(cause))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Origin, RecordBody};

    fn record() -> Record {
        let body = RecordBody::Stats(Box::default());
        Record { at: pithead_wire::Timestamp::default(), origin: Origin::default(), body }
    }

    /// Fails as it is told.
    struct Failing(io::ErrorKind);

    impl Write for Failing {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn each_record_is_one_line() {
        let mut bytes = Vec::new();
        let mut sink = EveSink::new("memory", &mut bytes);
        sink.write(&record()).unwrap();
        sink.write(&record()).unwrap();
        sink.flush().unwrap();
        drop(sink);
        let text = String::from_utf8(bytes).unwrap();
        assert_eq!(text.lines().count(), 2);
        assert!(text.ends_with('\n'));
    }

    #[test]
    fn nothing_is_kept_back_past_a_flush() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("eve.json");
        let mut sink = EveSink::new("file", std::fs::File::create(&path).unwrap());
        sink.write(&record()).unwrap();
        sink.flush().unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("{}\n", json(&record())));
    }

    #[test]
    fn a_reader_that_left_is_no_failure_to_write() {
        let mut sink = EveSink::new("standard output", Failing(io::ErrorKind::BrokenPipe));
        sink.write(&record()).unwrap();
        assert!(matches!(sink.flush(), Err(Error::Closed { .. })));
        let mut sink = EveSink::new("eve.json", Failing(io::ErrorKind::StorageFull));
        sink.write(&record()).unwrap();
        let Err(error @ Error::Write { .. }) = sink.flush() else { panic!("the disk is full") };
        assert!(error.to_string().starts_with("eve.json: "), "{error}");
    }
}
