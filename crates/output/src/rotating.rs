//! A file that begins anew when it is large or old enough: `eve.json` becomes `eve.json.1`, what was that `.2`, and the oldest goes.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::sink::append;

/// When a file begins anew, and how many old ones are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// Once it holds so many bytes.
    pub bytes: Option<u64>,
    /// Once it is so old.
    pub every: Option<Duration>,
    /// How many old ones are kept; what is older is deleted.
    pub keep: u32,
}

impl Default for Rotation {
    /// Never by itself; and a week of daily files where it does.
    fn default() -> Self {
        Self { bytes: None, every: None, keep: 7 }
    }
}

/// Whole lines in, whole lines in each file: every write is expected to end with one.
#[derive(Debug)]
pub(crate) struct Rotating {
    path: PathBuf,
    file: File,
    rotation: Rotation,
    /// Whether it is a file with a name to give to an older one: pipes and devices stay where they are.
    regular: bool,
    bytes: u64,
    begun: Instant,
}

impl Rotating {
    /// Goes on with the file at its end, or begins it.
    pub(crate) fn open(path: &Path, rotation: Rotation) -> io::Result<Self> {
        let file = append(path)?;
        let meta = file.metadata()?;
        // An old file has been begun by an earlier run: its age counts as far as the file system tells it.
        let age = meta.created().ok().and_then(|created| created.elapsed().ok()).unwrap_or_default();
        let begun = Instant::now().checked_sub(age).unwrap_or_else(Instant::now);
        Ok(Self { path: path.to_owned(), regular: meta.is_file(), bytes: meta.len(), file, rotation, begun })
    }

    fn is_due(&self, more: usize) -> bool {
        let large = self.rotation.bytes.is_some_and(|most| self.bytes + more as u64 > most);
        let old = self.rotation.every.is_some_and(|most| self.begun.elapsed() >= most);
        self.regular && self.bytes > 0 && (large || old)
    }

    fn rotate(&mut self) -> io::Result<()> {
        let name = |number: u32| {
            let mut name = self.path.clone().into_os_string();
            name.push(format!(".{number}"));
            PathBuf::from(name)
        };
        for number in (1..self.rotation.keep).rev() {
            rename(&name(number), &name(number + 1))?;
        }
        if self.rotation.keep > 0 {
            rename(&self.path, &name(1))?;
        } else {
            std::fs::remove_file(&self.path)?;
        }
        self.file = append(&self.path)?;
        (self.bytes, self.begun) = (0, Instant::now());
        Ok(())
    }
}

/// Renames a file, if it is there.
fn rename(from: &Path, to: &Path) -> io::Result<()> {
    match std::fs::rename(from, to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

impl Write for Rotating {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        if self.is_due(lines.len()) {
            self.rotate()?;
        }
        // All of it, so that no line is torn between two files.
        self.file.write_all(lines)?;
        self.bytes += lines.len() as u64;
        Ok(lines.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_never_renamed() {
        let rotation = Rotation { bytes: Some(1), ..Rotation::default() };
        let mut sink = Rotating::open(Path::new("/dev/null"), rotation).unwrap();
        sink.write_all(b"one\n").unwrap();
        assert!(!sink.is_due(100));
    }

    fn all(folder: &Path) -> Vec<(String, String)> {
        let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
        let read = |entry: std::fs::DirEntry| {
            (entry.file_name().into_string().unwrap(), std::fs::read_to_string(entry.path()).unwrap())
        };
        let mut all: Vec<_> = entries.map(read).collect();
        all.sort();
        all
    }

    #[test]
    fn files_begin_anew_by_size_and_the_oldest_go() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("eve.json");
        let rotation = Rotation { bytes: Some(8), keep: 2, every: None };
        let mut file = Rotating::open(&path, rotation.clone()).unwrap();
        for line in ["one\n", "two\n", "three\n", "a line that is longer than a file\n", "five\n"] {
            file.write_all(line.as_bytes()).unwrap();
        }
        let name = |name: &str, text: &str| (name.to_owned(), text.to_owned());
        let expected = [
            name("eve.json", "five\n"),
            name("eve.json.1", "a line that is longer than a file\n"),
            name("eve.json.2", "three\n"),
        ];
        assert_eq!(all(folder.path()), expected);
        drop(file);
        let mut file = Rotating::open(&path, rotation).unwrap();
        file.write_all(b"6\n").unwrap();
        assert_eq!(all(folder.path())[0].1, "five\n6\n", "what an earlier run began counts");
    }

    #[test]
    fn files_begin_anew_by_age() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("eve.json");
        let rotation = Rotation { every: Some(Duration::from_nanos(1)), ..Rotation::default() };
        let mut file = Rotating::open(&path, rotation).unwrap();
        file.write_all(b"one\n").unwrap();
        file.write_all(b"two\n").unwrap();
        let names: Vec<_> = all(folder.path()).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["eve.json", "eve.json.1"]);
    }
}
