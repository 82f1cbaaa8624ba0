//! Asking the kernel over netlink: one question, its answers, and what the kernel says where it refuses.
//!
//! It relies on rustix for the socket and writes the few messages itself. The crates that offer whole families of messages were
//! tried first and set aside ([decision 9](../../../../docs/decisions/0009-asking-a-nic.md)).
//!
//! It leaves out notifications, and several questions at once.

use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;

use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, recv, send, socket_with, sockopt,
};

use super::attribute::{Attributes, Body};
use super::{Known, Unknown};

/// `nlmsghdr`: length u32, type u16, flags u16, sequence u32, port u32.
const HEAD: usize = 16;
/// `genlmsghdr`: command u8, version u8, two bytes unused.
const GENERIC_HEAD: usize = 4;

const ERROR: u16 = 2; // NLMSG_ERROR, also the acknowledgement
const DONE: u16 = 3; // NLMSG_DONE
const REQUEST: u16 = 0x001; // NLM_F_REQUEST
const ACK: u16 = 0x004; // NLM_F_ACK
const CAPPED: u16 = 0x100; // NLM_F_CAPPED: the error does not repeat the question
const EXTENDED: u16 = 0x200; // NLM_F_ACK_TLVS: attributes say more about the error
const DUMP: u16 = 0x300; // NLM_F_DUMP
const NEW: u16 = 0x600; // NLM_F_CREATE, NLM_F_EXCL
const ERROR_TEXT: u16 = 1; // NLMSGERR_ATTR_MSG

/// The family that tells the numbers of the others.
const CONTROLLER: u16 = 0x10;
const CONTROLLER_GET_FAMILY: u8 = 3;
const CONTROLLER_FAMILY_ID: u16 = 1;
const CONTROLLER_FAMILY_NAME: u16 = 2;

/// Nobody but the kernel answers, and it answers at once; more answers than this are no answer to our questions.
const MAX_MESSAGES: usize = 65_536;

/// Whether a question is about one thing or all there are, or asks for a new one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    One,
    All,
    New,
}

/// A socket to one of the kernel's netlink protocols.
pub(super) struct Netlink {
    socket: OwnedFd,
    sequence: u32,
    /// Numbers of the generic families that were asked for.
    families: HashMap<&'static str, u16>,
    buffer: Vec<u8>,
}

impl Netlink {
    /// Connected to the part that knows links and addresses.
    pub(super) fn route() -> Known<Self> {
        Self::open(None) // protocol 0
    }

    /// Connected to the part in which every subsystem has a family of its own.
    pub(super) fn generic() -> Known<Self> {
        Self::open(Some(netlink::GENERIC))
    }

    fn open(protocol: Option<rustix::net::Protocol>) -> Known<Self> {
        let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, protocol)?;
        // The kernel answers while the question is being sent; where it cannot, an error is better than waiting for ever.
        sockopt::set_socket_timeout(
            &socket,
            sockopt::Timeout::Recv,
            Some(std::time::Duration::from_secs(5)),
        )?;
        Ok(Self { socket, sequence: 0, families: HashMap::new(), buffer: Vec::new() })
    }

    /// Asks a generic family. `each` is shown the attributes of every answer.
    pub(super) fn ask_family(
        &mut self,
        family: &'static str,
        command: u8,
        about: About,
        body: &Body,
        mut each: impl FnMut(Attributes<'_>),
    ) -> Known<()> {
        let number = self.family(family)?;
        self.ask(number, about, &generic(command, body), |answer| {
            each(Attributes(answer.get(GENERIC_HEAD..).unwrap_or_default()));
        })
    }

    fn family(&mut self, name: &'static str) -> Known<u16> {
        if let Some(number) = self.families.get(name) {
            return Ok(*number);
        }
        let mut number = None;
        let body = Body::default().text(CONTROLLER_FAMILY_NAME, name);
        self.ask(CONTROLLER, About::One, &generic(CONTROLLER_GET_FAMILY, &body), |answer| {
            let list = Attributes(answer.get(GENERIC_HEAD..).unwrap_or_default());
            number = list.number(CONTROLLER_FAMILY_ID).and_then(|id| u16::try_from(id).ok());
        })?;
        let number = number.ok_or(Unknown::Untold)?;
        self.families.insert(name, number);
        Ok(number)
    }

    /// Sends one message and shows `each` the payload of every answer, until the kernel says that it is done.
    pub(super) fn ask(
        &mut self,
        kind: u16,
        about: About,
        payload: &[u8],
        mut each: impl FnMut(&[u8]),
    ) -> Known<()> {
        self.sequence = self.sequence.wrapping_add(1);
        let flags = REQUEST
            | ACK
            | match about {
                About::One => 0,
                About::All => DUMP,
                About::New => NEW,
            };
        let length = u32::try_from(HEAD + payload.len()).expect("questions are short");
        let mut message = Vec::with_capacity(HEAD + payload.len());
        message.extend(length.to_ne_bytes());
        message.extend(kind.to_ne_bytes());
        message.extend(flags.to_ne_bytes());
        message.extend(self.sequence.to_ne_bytes());
        message.extend([0; 4]);
        message.extend(payload);
        send(&self.socket, &message, SendFlags::empty())?;
        for _ in 0..MAX_MESSAGES {
            self.receive()?;
            if let Some(end) = read_answers(&self.buffer, self.sequence, &mut each) {
                return end;
            }
        }
        Err(Unknown::Refused("the kernel's answer has no end".to_owned()))
    }

    /// Takes one datagram into the buffer, whatever its size: tables of receive-side scaling outgrow a page.
    fn receive(&mut self) -> Known<()> {
        let peek = RecvFlags::PEEK | RecvFlags::TRUNC;
        let (_, length) = recv(&self.socket, &mut [0u8; 0][..], peek)?;
        self.buffer.resize(length, 0);
        recv(&self.socket, &mut self.buffer[..], RecvFlags::empty())?;
        Ok(())
    }
}

fn generic(command: u8, body: &Body) -> Vec<u8> {
    [&[command, 1, 0, 0], &body.0[..]].concat()
}

/// Goes through one datagram's messages. What it gives back, if anything, ends the conversation.
fn read_answers(mut bytes: &[u8], sequence: u32, each: &mut impl FnMut(&[u8])) -> Option<Known<()>> {
    while let Some((head, _)) = bytes.split_first_chunk::<HEAD>() {
        let word = |at: usize| u32::from_ne_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let (kind, flags) = (u16::from_ne_bytes([head[4], head[5]]), u16::from_ne_bytes([head[6], head[7]]));
        let length = word(0) as usize;
        let Some(payload) = bytes.get(HEAD..length) else { break };
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        if word(8) != sequence {
            continue; // the rest of an earlier answer
        }
        match kind {
            ERROR | DONE => return Some(read_end(kind, flags, payload)),
            _ => each(payload),
        }
    }
    None
}

/// What the end of an answer says: an error number, 0 where all is well, and perhaps a text.
fn read_end(kind: u16, flags: u16, payload: &[u8]) -> Known<()> {
    let number = payload.first_chunk().map_or(0, |bytes| i32::from_ne_bytes(*bytes));
    if number >= 0 {
        return Ok(());
    }
    let cause = io::Error::from_raw_os_error(number.saturating_neg());
    if number == -rustix::io::Errno::NODEV.raw_os_error() {
        return Err(Unknown::Gone);
    }
    if matches!(cause.kind(), io::ErrorKind::Unsupported | io::ErrorKind::NotFound) {
        return Err(Unknown::Untold); // EOPNOTSUPP of a driver; ENOENT of a kernel without the family
    }
    // Behind the number an error repeats the question, at least its head.
    let repeated = match (kind, payload.get(4..).and_then(|rest| rest.first_chunk())) {
        (ERROR, Some(length)) if flags & CAPPED == 0 => {
            (u32::from_ne_bytes(*length) as usize).next_multiple_of(4)
        }
        (ERROR, _) => HEAD,
        _ => 0,
    };
    let more = Attributes(payload.get(4 + repeated..).unwrap_or_default());
    let text = (flags & EXTENDED != 0).then(|| more.text(ERROR_TEXT)).flatten();
    Err(Unknown::Refused(text.map_or_else(|| cause.to_string(), |text| format!("{cause}: {text}"))))
}

impl From<rustix::io::Errno> for Unknown {
    fn from(errno: rustix::io::Errno) -> Self {
        if matches!(errno, rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::PROTONOSUPPORT) {
            return Self::Untold;
        }
        Self::Refused(io::Error::from(errno).to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u16, flags: u16, sequence: u32, payload: &[u8]) -> Vec<u8> {
        let mut bytes = (HEAD as u32 + payload.len() as u32).to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(flags.to_ne_bytes());
        bytes.extend(sequence.to_ne_bytes());
        bytes.extend([0; 4]);
        bytes.extend(payload);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    fn read(bytes: &[u8]) -> (Vec<Vec<u8>>, Option<Known<()>>) {
        let mut seen = Vec::new();
        let end = read_answers(bytes, 7, &mut |answer: &[u8]| seen.push(answer.to_vec()));
        (seen, end)
    }

    #[test]
    fn answers_end_with_the_acknowledgement() {
        let bytes =
            [message(40, 0, 7, b"abc"), message(40, 0, 6, b"old"), message(ERROR, 0, 7, &[0; 4])].concat();
        assert_eq!(read(&bytes), (vec![b"abc".to_vec()], Some(Ok(()))));
        assert_eq!(read(&message(40, 0, 7, b"abc")), (vec![b"abc".to_vec()], None), "more is to come");
    }

    #[test]
    fn a_refusal_says_why() {
        let question = message(40, 0, 7, b"question");
        let Body(text) = Body::default().text(ERROR_TEXT, "requested channel count exceeds maximum");
        let payload = [&(-22i32).to_ne_bytes()[..], &question, &text].concat();
        let (_, end) = read(&message(ERROR, EXTENDED, 7, &payload));
        assert_eq!(
            end,
            Some(Err(Unknown::Refused(
                "Invalid argument (os error 22): requested channel count exceeds maximum".to_owned()
            )))
        );
        let (_, end) = read(&message(ERROR, 0, 7, &(-95i32).to_ne_bytes()));
        assert_eq!(end, Some(Err(Unknown::Untold)));
        let (_, end) = read(&message(ERROR, 0, 7, &(-19i32).to_ne_bytes()));
        assert_eq!(end, Some(Err(Unknown::Gone)));
    }

    #[test]
    fn a_message_that_says_it_is_longer_than_it_is_ends_the_datagram() {
        let mut bytes = message(40, 0, 7, b"abc");
        bytes[0] = 200;
        assert_eq!(read(&bytes), (vec![], None));
    }

    #[test]
    fn the_kernel_knows_its_controller_and_no_family_of_miners() {
        let mut netlink = Netlink::generic().expect("a netlink socket needs no right");
        assert_eq!(netlink.family("nlctrl"), Ok(CONTROLLER));
        assert_eq!(netlink.family("pithead"), Err(Unknown::Untold));
    }
}
