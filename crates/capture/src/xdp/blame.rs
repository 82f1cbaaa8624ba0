//! What the kernel's bare error numbers mean at each step, and what can be done.

use std::{io, sync::Arc};

use crate::Error;

/// A step on the way to a live link: the same number means something else at each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Find,
    Load,
    AttachInDriver,
    Attach,
    Promiscuous,
    Socket,
    Memory,
    BindZeroCopy,
    Bind,
    Admit,
}

/// An error with its remedy.
pub(super) fn error(place: String, step: Step, what: &'static str, cause: io::Error) -> Error {
    let remedy = remedy(step, cause.raw_os_error().unwrap_or(0)).to_owned();
    Error::Live { place, what, cause: Arc::new(cause), remedy }
}

fn remedy(step: Step, number: i32) -> &'static str {
    match (step, number) {
        (Step::Find, _) => "'ethtool -l IFACE' may know; what an unwatched queue gets would pass unseen",
        (_, libc::EPERM | libc::EACCES) => {
            "a live tap needs the capabilities CAP_NET_ADMIN, CAP_NET_RAW, CAP_BPF and CAP_PERFMON: start it as root, or by its systemd unit"
        }
        // What the verifier says has no number.
        (Step::Load, 0) => "Linux 5.11 or newer is needed, and CAP_PERFMON beside CAP_BPF",
        (Step::AttachInDriver | Step::Attach, libc::EBUSY | libc::EEXIST) => {
            "another XDP program is attached: end its program ('bpftool net' names it), or take it off ('ip link set dev IFACE xdp off')"
        }
        (Step::AttachInDriver, libc::EOPNOTSUPP) => "the driver runs no XDP programs: use the mode skb",
        (Step::AttachInDriver, libc::EINVAL | libc::ERANGE) => {
            "the driver cannot run XDP at this MTU or with LRO on: lower the MTU, switch LRO off ('ethtool -K IFACE lro off'), or use the mode skb"
        }
        (Step::Memory, libc::ENOBUFS | libc::ENOMEM | libc::EAGAIN) => {
            "too little memory may be locked: raise it (LimitMEMLOCK=infinity in a systemd unit, 'ulimit -l unlimited' in a shell), or ask for fewer frames"
        }
        (Step::BindZeroCopy | Step::Bind, libc::EBUSY) => {
            "another program listens on this queue: end it ('ss --xdp' shows sockets)"
        }
        (Step::BindZeroCopy, libc::EOPNOTSUPP) => "the driver cannot do zero copy: use the mode native",
        (Step::BindZeroCopy, libc::EINVAL) => {
            "the driver cannot do zero copy as it is set up: use larger chunks, a smaller MTU or fewer frames, or the mode native"
        }
        (Step::Bind, libc::EINVAL) => "check the number of the queue, and that the MTU fits a chunk",
        (Step::Bind | Step::BindZeroCopy, libc::ENETDOWN | libc::ENXIO | libc::ENODEV) => {
            "the interface is down: set it up ('ip link set IFACE up')"
        }
        (Step::Socket, libc::EAFNOSUPPORT) => {
            "this kernel has no AF_XDP: it needs CONFIG_XDP_SOCKETS and Linux 5.11 or newer"
        }
        _ => "Linux 5.11 or newer is needed; 'pithead doctor' says more about this interface",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_place_cause_and_remedy() {
        let said = |step, number| {
            error("eth1 queue 3".into(), step, "bind the AF_XDP socket", io::Error::from_raw_os_error(number))
                .to_string()
        };
        assert_eq!(
            said(Step::Bind, libc::EBUSY),
            "eth1 queue 3: cannot bind the AF_XDP socket: Device or resource busy (os error 16); another program listens on this queue: end it ('ss --xdp' shows sockets)"
        );
        assert!(
            said(Step::BindZeroCopy, libc::EOPNOTSUPP)
                .ends_with("the driver cannot do zero copy: use the mode native")
        );
        assert!(said(Step::Memory, libc::ENOBUFS).contains("ulimit -l unlimited"));
        assert!(said(Step::AttachInDriver, libc::ERANGE).contains("lower the MTU"));
        assert!(said(Step::Socket, libc::EPERM).contains("CAP_NET_RAW"));
    }
}
