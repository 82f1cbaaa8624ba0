//! Compiled databases kept in files, so that the next start need not compile them.
//!
//! A file holds one database and says what it was made from: a digest of the patterns, the library's version and build, and the
//! CPU it was compiled for. One that says something else, is damaged or cut short is as good as none: the patterns are compiled
//! and the file is replaced. It is written beside its place and moved there, so that a reader meets a whole file or none.
//!
//! Bytes leave this file only as [`Trusted`], and only where `trust` says that nobody else could have written them. The digests
//! are there for damage and mix-ups, not against people, which is why SHA-1 does.
//!
//! It leaves out syncing to the disk: what a power cut leaves half written is found to be damaged, and compiled again.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use sha1::{Digest as _, Sha1};

use crate::{Pattern, trust};

/// The largest file that is read. 20 000 names make 3 MB.
const MAX_FILE_BYTES: u64 = 64 << 20;

/// What a file begins with. The number counts changes of the form.
const MAGIC: &[u8] = b"pithead-matcher 1\n";
const DIGEST_BYTES: usize = 20;

/// A folder in which compiled databases are kept.
///
/// What is in it is used only if nobody but root and this program's user could have written it: folder, file and the folders
/// above must belong to them, and no one else may write there. A process with more rights than the user who started it trusts
/// root's folders alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// The cache in this folder, which is made, for this user alone, when there is something to put there.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What is kept under this key; otherwise why there is nothing to be used.
    pub(crate) fn load(&self, key: &Key) -> Result<Trusted, String> {
        let path = trust::folder(&self.folder)?.join(&key.file);
        let fault = |error: io::Error| format!("{}: {error}", path.display());
        let file = File::open(&path).map_err(fault)?;
        // The file that is open, not the name, which may be another's by now.
        let metadata = file.metadata().map_err(fault)?;
        trust::file(&path, &metadata)?;
        let mut bytes = Vec::with_capacity(metadata.len().min(MAX_FILE_BYTES) as usize);
        file.take(MAX_FILE_BYTES).read_to_end(&mut bytes).map_err(fault)?;
        let content = key.content_of(&bytes).ok_or_else(|| {
            format!("{}: damaged, or made from other patterns or for another CPU or library", path.display())
        })?;
        Ok(Trusted(content.to_vec()))
    }

    /// Keeps this under the key, in place of what was there; otherwise why it cannot be kept.
    pub(crate) fn store(&self, key: &Key, content: &[u8]) -> Result<(), String> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.folder)
            .map_err(|error| format!("{}: {error}", self.folder.display()))?;
        // Nothing is written where it would not be read.
        let folder = trust::folder(&self.folder)?;
        let path = folder.join(&key.file);
        // Random, so that programs that start at the same time, and one that was killed half-way, are in nobody's way.
        let draft = folder.join(format!("{}.{:016x}.new", key.file, RandomState::new().hash_one(())));
        let written = write(&draft, &key.envelope(content)).and_then(|()| fs::rename(&draft, &path));
        written.map_err(|error| {
            let _ = fs::remove_file(&draft);
            format!("{}: {error}", path.display())
        })
    }
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?.write_all(bytes)
}

/// Bytes that only root or this program's user can have written, and that are what was written.
#[derive(Debug)]
pub(crate) struct Trusted(Vec<u8>);

impl Trusted {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// What a database is made from, and the file it is kept in.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    file: String,
    digest: [u8; DIGEST_BYTES],
}

impl Key {
    /// The key of these patterns, compiled for `target`: whatever else the outcome depends on, in words.
    ///
    /// `set` names the patterns and `label` the target, in short: together they name the file. So each set has one file for every
    /// kind of machine that shares the folder, and a new version of the program replaces the old one's.
    pub(crate) fn new(set: &str, label: &str, target: &str, patterns: &[Pattern]) -> Self {
        let mut digest = Sha1::new();
        let mut field = |bytes: &[u8]| {
            digest.update((bytes.len() as u64).to_le_bytes());
            digest.update(bytes);
        };
        field(target.as_bytes());
        for pattern in patterns {
            field(&[u8::from(pattern.caseless)]);
            field(&pattern.bytes);
        }
        let plain = |char: char| if char.is_ascii_alphanumeric() || char == '.' { char } else { '-' };
        let file = format!("{set}-{label}.db").chars().map(plain).collect();
        Self { file, digest: digest.finalize().into() }
    }

    /// A file's bytes: what it is, what it was made from, a digest of the content, and the content.
    fn envelope(&self, content: &[u8]) -> Vec<u8> {
        [MAGIC, &self.digest, &Sha1::digest(content), content].concat()
    }

    /// The content of a file, if it is whole and was made from what this key stands for.
    fn content_of<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        let rest = bytes.strip_prefix(MAGIC)?.strip_prefix(&self.digest)?;
        let (digest, content) = rest.split_first_chunk::<DIGEST_BYTES>()?;
        (Sha1::digest(content)[..] == digest[..]).then_some(content)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn key(target: &str, patterns: &[Pattern]) -> Key {
        Key::new("words", "5.4/AVX2", target, patterns)
    }

    fn plain_key() -> Key {
        key("here", &[Pattern::exact("ab"), Pattern::exact("c")])
    }

    fn cache() -> (tempfile::TempDir, Cache) {
        let scratch = tempfile::tempdir().unwrap();
        let cache = Cache::new(scratch.path().join("deep/down"));
        (scratch, cache)
    }

    fn only_file(cache: &Cache) -> PathBuf {
        let mut files = fs::read_dir(cache.folder()).unwrap();
        let file = files.next().unwrap().unwrap().path();
        assert!(files.next().is_none(), "one file, and no draft left behind");
        file
    }

    #[test]
    fn what_was_kept_is_found_again() {
        let (_scratch, cache) = cache();
        assert!(cache.load(&plain_key()).is_err());
        for content in [b"first".as_slice(), b"", b"third"] {
            cache.store(&plain_key(), content).unwrap();
            assert_eq!(cache.load(&plain_key()).unwrap().bytes(), content);
        }
        assert_eq!(only_file(&cache).file_name().unwrap(), "words-5.4-AVX2.db");
        assert_eq!(only_file(&cache).metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(cache.folder().metadata().unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn what_was_made_from_something_else_is_not_found() {
        let (_scratch, cache) = cache();
        cache.store(&plain_key(), b"content").unwrap();
        let exact = Pattern::exact;
        for other in [
            key("there", &[exact("ab"), exact("c")]),
            key("here", &[exact("ab")]),
            key("here", &[exact("a"), exact("bc")]),
            key("here", &[exact("c"), exact("ab")]),
            key("here", &[exact("ab"), Pattern::caseless("c")]),
        ] {
            assert!(cache.load(&other).unwrap_err().contains("made from other patterns"));
        }
        assert!(cache.load(&plain_key()).is_ok());
    }

    #[test]
    fn a_damaged_file_is_not_believed() {
        let (_scratch, cache) = cache();
        cache.store(&plain_key(), b"some content").unwrap();
        let path = only_file(&cache);
        let whole = fs::read(&path).unwrap();
        let write = |bytes: &[u8]| fs::write(&path, bytes).unwrap();
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << (at % 8);
            write(&bytes);
            assert!(cache.load(&plain_key()).is_err(), "byte {at} changed");
            write(&whole[..at]);
            assert!(cache.load(&plain_key()).is_err(), "cut at {at}");
        }
        write(&[whole.as_slice(), b"!"].concat());
        assert!(cache.load(&plain_key()).is_err(), "a byte more");
        write(&whole);
        assert!(cache.load(&plain_key()).is_ok());
    }

    #[test]
    fn a_file_that_others_may_write_is_not_believed_and_gets_replaced() {
        let (_scratch, cache) = cache();
        cache.store(&plain_key(), b"content").unwrap();
        fs::set_permissions(only_file(&cache), Permissions::from_mode(0o666)).unwrap();
        assert!(cache.load(&plain_key()).unwrap_err().contains("others may write"));
        cache.store(&plain_key(), b"content").unwrap();
        assert!(cache.load(&plain_key()).is_ok());
    }

    #[test]
    fn nothing_is_kept_in_a_folder_that_others_may_write_to() {
        let (_scratch, cache) = cache();
        cache.store(&plain_key(), b"content").unwrap();
        fs::set_permissions(cache.folder(), Permissions::from_mode(0o777)).unwrap();
        assert!(cache.load(&plain_key()).is_err());
        assert!(cache.store(&plain_key(), b"content").unwrap_err().contains("others may write"));
    }

    #[test]
    fn a_place_that_cannot_be_written_says_so() {
        let (scratch, _) = cache();
        let file = scratch.path().join("file");
        fs::write(&file, "").unwrap();
        let cause = Cache::new(&file).store(&plain_key(), b"content").unwrap_err();
        assert!(cause.starts_with(&file.display().to_string()), "{cause}");
        assert!(Cache::new(file.join("below")).store(&plain_key(), b"content").is_err());
    }

    #[test]
    fn readers_meet_a_whole_file_or_none() {
        let (_scratch, cache) = cache();
        cache.store(&plain_key(), &[0; 4096]).unwrap();
        std::thread::scope(|scope| {
            for byte in 0..4 {
                let cache = &cache;
                scope.spawn(move || (0..50).for_each(|_| cache.store(&plain_key(), &[byte; 4096]).unwrap()));
            }
            for _ in 0..200 {
                let found = cache.load(&plain_key()).unwrap();
                assert!(found.bytes().iter().all(|byte| *byte == found.bytes()[0]));
            }
        });
        only_file(&cache);
    }
}
