//! Where compiled patterns are kept from one start to the next, unless somebody says otherwise.
//!
//! Whether what is there can be believed is `matcher`'s to say, whoever named the place.

use std::ffi::OsString;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use pithead_matcher::Cache;

/// What stands for no cache, on the command line and in the configuration.
const NONE: &str = "none";

/// The cache in this folder, or none where it is called so. A folder of that name is `./none`.
pub(crate) fn in_folder(folder: &Path) -> Option<Cache> {
    (folder != Path::new(NONE)).then(|| Cache::new(folder))
}

/// The cache in its usual place, if there is one.
pub(crate) fn usual() -> Option<Cache> {
    let root = Path::new("/proc/self").metadata().is_ok_and(|metadata| metadata.uid() == 0);
    place(root, |name| std::env::var_os(name)).map(Cache::new)
}

/// Where systemd says (`CacheDirectory=`), where the system keeps such things for root, else where the user does.
fn place(root: bool, variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    // A path that is not absolute counts as none, as the XDG base directory specification has it.
    let absolute = |name| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    if let Some(folder) = absolute("CACHE_DIRECTORY") {
        return Some(folder);
    }
    if root {
        return Some(PathBuf::from("/var/cache/pithead"));
    }
    let user = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")));
    Some(user?.join("pithead"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_place_depends_on_who_runs_it() {
        let at = |root, variables: &[(&str, &str)]| {
            place(root, |name| {
                variables.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value))
            })
        };
        let home = ("HOME", "/home/a");
        assert_eq!(at(false, &[home]), Some("/home/a/.cache/pithead".into()));
        assert_eq!(at(false, &[home, ("XDG_CACHE_HOME", "/x")]), Some("/x/pithead".into()));
        assert_eq!(at(false, &[home, ("XDG_CACHE_HOME", "x")]), Some("/home/a/.cache/pithead".into()));
        assert_eq!(at(true, &[home, ("XDG_CACHE_HOME", "/x")]), Some("/var/cache/pithead".into()));
        assert_eq!(at(false, &[home, ("CACHE_DIRECTORY", "/c/p")]), Some("/c/p".into()));
        assert_eq!(at(false, &[]), None);
    }

    #[test]
    fn none_is_no_folder() {
        assert_eq!(in_folder(Path::new("none")), None);
        assert_eq!(in_folder(Path::new("./none")), Some(Cache::new("./none")));
    }
}
