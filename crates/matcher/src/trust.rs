//! Who may have written a file: this program's user and root, or somebody else as well.
//!
//! A compiled database is read back by a library that believes every offset in it, so whoever can write one can run code in this
//! process. No checksum helps against that, since whoever writes the file writes the checksum too. Hence a file counts only where
//! nobody but root and the user that this process runs as could have put it there: the file, its folder and every folder above
//! belong to one of the two, and neither group nor others may write to them. A folder above may be everybody's if it is sticky,
//! as `/tmp` is: there nobody can move what is not theirs.
//!
//! Since no one else can change what was looked at, it stays true between the look and the use.
//!
//! It relies on Unix owners and modes and on Linux's `/proc`. An access list that lets somebody else write shows as a group that
//! may write, and is refused as such. It leaves out what root does.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

const GROUP_OR_OTHERS_WRITE: u32 = 0o022;
const STICKY: u32 = 0o1000;

/// The folder with all links followed, if nobody else can change what is in it. Otherwise why not, and what helps.
pub(crate) fn folder(path: &Path) -> Result<PathBuf, String> {
    let real = path.canonicalize().map_err(|error| format!("{}: {error}", path.display()))?;
    for (above, place) in real.ancestors().enumerate() {
        let metadata = place.symlink_metadata().map_err(|error| format!("{}: {error}", place.display()))?;
        if !metadata.is_dir() {
            return Err(format!("{}: not a folder", place.display()));
        }
        if above == 0 || metadata.mode() & STICKY == 0 {
            unwritable(place, &metadata)?;
        }
        owned(place, &metadata)?;
    }
    Ok(real)
}

/// Whether this is a plain file that nobody else can change.
pub(crate) fn file(path: &Path, metadata: &Metadata) -> Result<(), String> {
    if !metadata.is_file() {
        return Err(format!("{}: not a file", path.display()));
    }
    unwritable(path, metadata)?;
    owned(path, metadata)
}

fn unwritable(path: &Path, metadata: &Metadata) -> Result<(), String> {
    if metadata.mode() & GROUP_OR_OTHERS_WRITE == 0 {
        return Ok(());
    }
    Err(format!("{0}: others may write to it (chmod go-w {0})", path.display()))
}

fn owned(path: &Path, metadata: &Metadata) -> Result<(), String> {
    let owner = metadata.uid();
    if owner == 0 || Some(owner) == us() {
        return Ok(());
    }
    Err(format!("{}: it belongs to user {owner}, who is not the one that runs this program", path.display()))
}

/// The user that this process runs as; root where it may do more than that user; `None` where that cannot be told.
///
/// The files in `/proc/self` belong to the effective user, and to root where the process holds more rights than the user who
/// started it: set-user-id, or capabilities on the program's file (`proc(5)`, on "dumpable"). That is the very distinction wanted
/// here: a user who may run a program with CAP_NET_ADMIN must not get to choose its code.
fn us() -> Option<u32> {
    Path::new("/proc/self/environ").metadata().ok().map(|metadata| metadata.uid())
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, chown, symlink};

    use super::*;

    fn mode(path: &Path, mode: u32) {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    /// A folder in a folder, both ours alone.
    fn nested() -> (tempfile::TempDir, PathBuf) {
        let scratch = tempfile::tempdir().unwrap();
        let inner = scratch.path().join("inner");
        fs::create_dir(&inner).unwrap();
        mode(&inner, 0o700);
        (scratch, inner)
    }

    #[test]
    fn a_folder_of_ours_counts() {
        let (scratch, inner) = nested();
        assert_eq!(folder(&inner), Ok(inner.canonicalize().unwrap()));
        mode(&inner, 0o755);
        let link = scratch.path().join("link");
        symlink(&inner, &link).unwrap();
        assert_eq!(folder(&link), Ok(inner.canonicalize().unwrap()));
    }

    #[test]
    fn a_folder_that_others_write_to_does_not() {
        let (scratch, inner) = nested();
        for open in [0o770, 0o720, 0o707, 0o702, 0o1777] {
            mode(&inner, open);
            let cause = folder(&inner).unwrap_err();
            assert!(cause.contains("others may write to it (chmod go-w "), "{open:o}: {cause}");
        }
        mode(&inner, 0o700);
        // Whoever may write above can put another folder in its place.
        mode(scratch.path(), 0o777);
        assert!(folder(&inner).is_err());
        mode(scratch.path(), 0o1777);
        assert!(folder(&inner).is_ok());
        mode(scratch.path(), 0o700);
    }

    #[test]
    fn a_folder_that_is_none_does_not() {
        let (_scratch, inner) = nested();
        assert!(folder(&inner.join("missing")).is_err());
        let plain = inner.join("plain");
        fs::write(&plain, "").unwrap();
        assert!(folder(&plain).unwrap_err().ends_with("not a folder"));
    }

    #[test]
    fn a_file_that_others_write_to_does_not() {
        let (_scratch, inner) = nested();
        let plain = inner.join("plain");
        fs::write(&plain, "").unwrap();
        for (bits, counts) in [(0o600, true), (0o644, true), (0o664, false), (0o602, false)] {
            mode(&plain, bits);
            assert_eq!(file(&plain, &plain.metadata().unwrap()).is_ok(), counts, "{bits:o}");
        }
        assert!(file(&inner, &inner.metadata().unwrap()).is_err());
    }

    #[test]
    fn what_another_user_owns_does_not() {
        let (_scratch, inner) = nested();
        let plain = inner.join("plain");
        fs::write(&plain, "").unwrap();
        mode(&plain, 0o644);
        if chown(&plain, Some(65534), None).is_err() {
            eprintln!("skipped: giving a file to another user needs root");
            return;
        }
        let cause = file(&plain, &plain.metadata().unwrap()).unwrap_err();
        assert!(cause.contains("belongs to user 65534"), "{cause}");
        chown(&inner, Some(65534), None).unwrap();
        assert!(folder(&inner).is_err());
    }

    #[test]
    fn we_know_who_we_are() {
        let (_scratch, inner) = nested();
        assert_eq!(us(), Some(inner.metadata().unwrap().uid()));
    }
}
