//! What can go wrong with a source, by what the caller can do about it.

use std::{fmt, io, path::Path, path::PathBuf, sync::Arc};

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
    #[error("{}: cannot read on from {at}: {cause}; {}; check the disk, or the program that writes to this pipe", shown(.path), at.kept())]
    Read {
        /// The file, as it was given.
        path: PathBuf,
        /// How far frames were read.
        at: Place,
        /// What the system said.
        cause: Arc<io::Error>,
    },
    /// A file contradicts its own format. Every whole frame before this place has been lent.
    #[error("{}: damaged at {at}: {reason}; {}, to get {} copy or capture it again", shown(.path), at.kept(), if at.frames == 0 { "any" } else { "the rest" })]
    Damaged {
        /// The file, as it was given.
        path: PathBuf,
        /// Where the record lies that makes no sense.
        at: Place,
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
    /// There is no link of this name.
    #[error("{name}: no such interface; 'ip -brief link' lists those there are")]
    NoSuchLink {
        /// The name, as it was given.
        name: String,
    },
    /// The kernel does not tell of its links.
    #[error(
        "{name}: cannot be asked about: {cause}; netlink sockets may be forbidden here (a container, seccomp)"
    )]
    Link {
        /// The name, as it was given.
        name: String,
        /// What the kernel said.
        cause: String,
    },
    /// A live link could not be opened, or stopped being one.
    #[error("{place}: cannot {what}: {cause}; {remedy}")]
    Live {
        /// The interface, and the queue where it is about one: `eth1 queue 3`.
        place: String,
        /// What was tried, such as `bind the AF_XDP socket`.
        what: &'static str,
        /// What the system said.
        cause: Arc<io::Error>,
        /// What can be done about it.
        remedy: String,
    },
    /// An interface that was listened to is not there any more. Its frames so far have been lent; other interfaces go on.
    #[error("{interface}: the interface is gone; bring it back and start again")]
    Gone {
        /// Its name.
        interface: Arc<str>,
    },
    /// What was asked for makes no sense, or not together.
    #[error("{place}: {reason}")]
    Refused {
        /// What it is about: an interface or a setting.
        place: String,
        /// What does not fit, and what would.
        reason: String,
    },
    /// A NIC did not take a setting. Those made before it have been taken back, or the cause says which not.
    #[error(
        "{name}: cannot be set to {change}: {cause}; try without --setup-nic, or set it by hand ('pithead doctor {name}' shows how)"
    )]
    Setup {
        /// The link.
        name: String,
        /// What it was to be set to.
        change: String,
        /// What the driver said.
        cause: String,
    },
    /// A cable of our own cannot be laid.
    #[error("{what}: {cause}; this needs root, and a kernel with network namespaces and veth")]
    Cable {
        /// What was to be made.
        what: &'static str,
        /// What the kernel said.
        cause: String,
    },
    /// The thread that reads on behalf of several receivers could not start, or ended early.
    #[error("reading thread: {reason}")]
    Thread {
        /// What happened to it, and what can be done.
        reason: String,
    },
}

/// A place in a file, and what lies before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Bytes of the file, or of what it unpacks to, before this place.
    pub offset: u64,
    /// Whether the offset is one of unpacked bytes, which a look at the file itself would not find.
    pub unpacked: bool,
    /// Whole frames before it, all of which have been lent.
    pub frames: u64,
}

impl Place {
    fn kept(&self) -> String {
        match self.frames {
            0 => "no frame of it was read".to_owned(),
            1 => "1 frame before this was read".to_owned(),
            frames => format!("{frames} frames before this were read"),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}byte {}", if self.unpacked { "unpacked " } else { "" }, self.offset)
    }
}

/// A path as people know it: `-` is a name that only command lines use.
fn shown(path: &Path) -> std::path::Display<'_> {
    if path == Path::new("-") { Path::new("standard input").display() } else { path.display() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_before_the_damage_is_said_as_it_is() {
        let damage = |offset, unpacked, frames| {
            let (path, reason) = ("x.pcap".into(), "why".to_owned());
            Error::Damaged { path, at: Place { offset, unpacked, frames }, reason }.to_string()
        };
        let nothing =
            "x.pcap: damaged at byte 0: why; no frame of it was read, to get any copy or capture it again";
        assert_eq!(damage(0, false, 0), nothing);
        assert_eq!(
            damage(77, true, 1),
            "x.pcap: damaged at unpacked byte 77: why; 1 frame before this was read, to get the rest copy or capture it again"
        );
        assert!(damage(77, false, 12).contains("at byte 77: why; 12 frames before this were read"));
    }

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
