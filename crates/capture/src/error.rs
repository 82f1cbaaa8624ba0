//! What can go wrong with a source, by what the caller can do about it.

use std::{io, path::Path, path::PathBuf, sync::Arc};

use pithead_wire::LinkType;

/// Why a source could not lend what comes next. The call after it goes on with the next file, if there is one.
///
/// Each message is one line with the thing, the cause and a remedy. It can be cloned, since with several receivers each
/// gets its own; that is why causes are shared.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be opened.
    #[error("{}: cannot open: {cause}; check the name, and that it is a file which you may read", shown(.path))]
    Open {
        /// The file, as it was given.
        path: PathBuf,
        /// What the system said.
        cause: Arc<io::Error>,
    },
    /// A file could be opened, but not read to its end.
    #[error("{}: cannot read on from byte {offset}: {cause}; check the disk, or the program that writes to this pipe", shown(.path))]
    Read {
        /// The file, as it was given.
        path: PathBuf,
        /// How far into the file (once decompressed) frames were read.
        offset: u64,
        /// What the system said.
        cause: Arc<io::Error>,
    },
    /// A file contradicts its own format. Every whole frame before this place has been lent.
    #[error("{}: damaged at byte {offset}: {reason}; frames before this were read, to get the rest copy or capture it again", shown(.path))]
    Damaged {
        /// The file, as it was given.
        path: PathBuf,
        /// Where in the file (once decompressed) the record lies that makes no sense.
        offset: u64,
        /// What does not fit.
        reason: String,
    },
    /// A file is in no format that this crate knows.
    #[error("{}: not a capture: it begins with {found}; pcap and pcapng can be read, plain or packed with gzip or zstd", shown(.path))]
    NotACapture {
        /// The file, as it was given.
        path: PathBuf,
        /// Its first bytes, in hexadecimal.
        found: String,
    },
    /// A file holds frames of a link that cannot be decoded.
    #[error("{}: frames of {link} cannot be decoded; capture on an Ethernet, PPP or IP interface, or on 'any'", shown(.path))]
    UnsupportedLink {
        /// The file, as it was given.
        path: PathBuf,
        /// The link type.
        link: LinkType,
    },
    /// The thread that reads on behalf of several receivers could not start, or ended early.
    #[error("reading thread: {reason}")]
    Thread {
        /// What happened to it, and what can be done.
        reason: String,
    },
}

/// A path as people know it: `-` is a name that only command lines use.
fn shown(path: &Path) -> std::path::Display<'_> {
    if path == Path::new("-") { Path::new("standard input").display() } else { path.display() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_one_line_with_thing_cause_and_remedy() {
        let cause = Arc::new(io::Error::from_raw_os_error(2));
        let open = Error::Open { path: "office.pcap".into(), cause };
        assert_eq!(
            open.to_string(),
            "office.pcap: cannot open: No such file or directory (os error 2); check the name, and that it is a file which you may read"
        );
        let link = Error::UnsupportedLink { path: "-".into(), link: LinkType(105) };
        assert_eq!(
            link.to_string(),
            "standard input: frames of IEEE802_11 (105) cannot be decoded; capture on an Ethernet, PPP or IP interface, or on 'any'"
        );
    }
}
