//! One interface that is listened to: what needs privileges about it.
//!
//! A port loads and attaches the program, keeps the interface promiscuous, makes the sockets, and lets the program send frames to
//! them. It sees no frame. Whoever reads frames is handed a bare socket and needs no privilege to bind it (`queue.rs`).

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    sync::Arc,
};

use super::{
    blame::{self, Step},
    bpf::{self, Failure},
    options::{Mode, Options},
    program::{Program, Seen},
    syscall,
};
use crate::{Error, nic};

/// Which queue of which interface, and how it is listened to: all that a reader has to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The interface's name.
    pub interface: Arc<str>,
    /// The kernel's number for it.
    pub ifindex: u32,
    /// The queue, counted from 0.
    pub queue: u32,
    /// How frames come.
    pub mode: Mode,
    /// Whether frames come in several chunks where one is too small.
    pub in_pieces: bool,
    /// Whether the program writes down ahead of each frame what the driver knows of it.
    pub tells: bool,
}

impl Place {
    pub(super) fn name(&self) -> String {
        format!("{} queue {}", self.interface, self.queue)
    }
}

/// An interface with the program attached. Dropped, it takes the program off and gives promiscuity back.
#[derive(Debug)]
pub struct Port {
    interface: Arc<str>,
    ifindex: u32,
    queues: u32,
    in_driver: bool,
    in_pieces: bool,
    tells: bool,
    program: Program,
    /// Keeps the interface promiscuous while it is open.
    _promiscuous: Option<OwnedFd>,
}

impl Port {
    /// Loads the program and attaches it, in the driver or (where `in_driver` is false) behind it. Frames go their usual way
    /// until [`begin`](Self::begin).
    ///
    /// Needs CAP_NET_ADMIN, CAP_BPF and CAP_NET_RAW.
    pub fn attach(interface: &str, in_driver: bool, options: &Options) -> Result<Self, Error> {
        options.check()?;
        let nic = nic::survey(interface)?;
        let ifindex = nic.link.index;
        let blamed = |failure: Failure| {
            let step = match failure.what {
                bpf::ATTACH if in_driver => Step::AttachInDriver,
                bpf::ATTACH => Step::Attach,
                _ => Step::Load,
            };
            blame::error(interface.into(), step, failure.what, failure.cause)
        };
        let queues = nic.rx_queues.map_err(|unknown| {
            blame::error(
                interface.into(),
                Step::Find,
                "count the queues",
                io::Error::other(unknown.to_string()),
            )
        })?;
        let in_pieces = options.in_pieces(nic.link.mtu.unwrap_or(0));
        let mut program = Program::new(queues, options).map_err(blamed)?;
        let tells = program.attach(ifindex, in_driver, in_pieces).map_err(blamed)?;
        let promiscuous = options.promiscuous.then(|| promiscuous(ifindex)).transpose().map_err(|cause| {
            blame::error(interface.into(), Step::Promiscuous, "make the interface promiscuous", cause)
        })?;
        let interface = interface.into();
        Ok(Self {
            interface,
            ifindex,
            queues,
            in_driver,
            in_pieces,
            tells,
            program,
            _promiscuous: promiscuous,
        })
    }

    /// The interface's name.
    pub fn interface(&self) -> &Arc<str> {
        &self.interface
    }

    /// How many queues it receives on. Each must get a socket, or the frames of the others would pass unseen.
    pub const fn queues(&self) -> u32 {
        self.queues
    }

    /// Whether the program runs in the driver.
    pub const fn is_in_driver(&self) -> bool {
        self.in_driver
    }

    /// A queue of it, to be listened to in this mode.
    pub fn place(&self, queue: u32, mode: Mode) -> Place {
        let (interface, ifindex) = (Arc::clone(&self.interface), self.ifindex);
        Place { interface, ifindex, queue, mode, in_pieces: self.in_pieces, tells: self.tells }
    }

    /// A socket that is bound to nothing yet, for whoever will read from it. Needs CAP_NET_RAW, with busy polling CAP_NET_ADMIN.
    pub fn socket(&self, options: &Options) -> Result<OwnedFd, Error> {
        let blamed = |what| move |cause| blame::error(self.interface.to_string(), Step::Socket, what, cause);
        let socket = syscall::xdp_socket().map_err(blamed("open an AF_XDP socket"))?;
        if let Some(busy) = options.busy_poll {
            let set = syscall::prefer_busy_poll(socket.as_fd(), busy.time, busy.budget);
            set.map_err(blamed("switch on busy polling"))?;
        }
        Ok(socket)
    }

    /// Sends the frames of a queue to a socket that has been bound to it.
    pub fn admit(&mut self, queue: u32, socket: BorrowedFd<'_>) -> Result<(), Error> {
        let admitted = self.program.set_socket(queue, socket);
        admitted.map_err(|failure| {
            blame::error(
                format!("{} queue {queue}", self.interface),
                Step::Admit,
                failure.what,
                failure.cause,
            )
        })
    }

    /// Starts to count frames and to hand them out: when every queue has its socket.
    pub fn begin(&mut self) -> Result<(), Error> {
        let begun = self.program.begin();
        begun.map_err(|failure| {
            blame::error(self.interface.to_string(), Step::Admit, failure.what, failure.cause)
        })
    }

    /// What the program counted for a queue since [`begin`](Self::begin); `None` if that cannot be read.
    pub fn seen(&self, queue: u32) -> Option<Seen> {
        self.program.seen(queue).ok()
    }

    /// Takes the program off the interface: no more frames come. What was counted can still be read.
    pub fn detach(&mut self) {
        self.program.detach();
    }
}

fn promiscuous(ifindex: u32) -> io::Result<OwnedFd> {
    let socket = syscall::packet_socket()?;
    syscall::join_promiscuous(socket.as_fd(), ifindex)?;
    Ok(socket)
}
