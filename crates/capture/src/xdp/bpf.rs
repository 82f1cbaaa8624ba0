//! Programs for the kernel: put together from an object file, loaded and attached.
//!
//! `aya` reads the object and makes the maps. Loading and attaching are two calls of our own, since a program that calls functions of the
//! kernel, is bound to one device, or has a filter put into it at run time is beyond its loader.
#![allow(unsafe_code)]

use std::{
    collections::{HashMap, HashSet},
    error, io, mem,
    os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd},
    ptr,
};

use aya::maps::{Map, MapData, MapError};
use aya_obj::{
    Object,
    btf::{Btf, BtfKind},
    generated::bpf_insn,
};

/// The step at which the driver has its say.
pub(super) const ATTACH: &str = "attach the XDP program";

/// A step that failed, and what the system said.
#[derive(Debug)]
pub(super) struct Failure {
    pub what: &'static str,
    pub cause: io::Error,
}

/// The same for any error of the loader: what the system said lies somewhere in its chain of causes.
pub(super) fn failed<E: error::Error + 'static>(what: &'static str) -> impl Fn(E) -> Failure {
    move |error| {
        let mut link: Option<&(dyn error::Error + 'static)> = Some(&error);
        while let Some(error) = link {
            if let Some(number) = error.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error) {
                return Failure { what, cause: io::Error::from_raw_os_error(number) };
            }
            link = error.source();
        }
        Failure { what, cause: io::Error::other(error.to_string()) }
    }
}

/// Where the C files call a function of the kernel, and which.
const KERNEL_FUNCTIONS: [(i32, &str); 2] =
    [(0x7069_0001, "bpf_xdp_metadata_rx_timestamp"), (0x7069_0002, "bpf_xdp_metadata_rx_vlan_tag")];

const CALL: u8 = 0x85;
/// In the source register of a call: a function of the kernel, by its number there.
const KERNEL_FUNCTION: u8 = 2;

/// An object file, its maps made and its code ready to be loaded.
#[derive(Debug)]
pub(super) struct Code {
    object: Object,
    maps: HashMap<String, MapData>,
}

/// What a program is loaded for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Purpose {
    /// Whether it may be handed frames in several buffers.
    pub in_pieces: bool,
    /// The one interface that it may be attached to, and may ask about its frames.
    pub bound_to: Option<u32>,
}

impl Code {
    /// Reads an object file and makes its maps, of the sizes that `entries` names. `replaced` is the code of a function, instead of that in the
    /// file.
    pub(super) fn new(
        file: &[u8],
        entries: &[(&str, u32)],
        replaced: Option<(&str, &[bpf_insn])>,
    ) -> Result<Self, Failure> {
        let mut object = Object::parse(file).map_err(failed("read the XDP program"))?;
        if let Some((name, code)) = replaced {
            let function = object.functions.values_mut().find(|function| function.name == name);
            function.ok_or_else(|| missing(name))?.instructions = code.to_vec();
        }
        let mut made = HashMap::new();
        let definitions: Vec<_> = object.maps.drain().collect();
        for (name, definition) in &definitions {
            let asked = entries.iter().find(|(known, _)| known == name);
            let entries = asked.map_or(definition.max_entries(), |(_, entries)| *entries);
            // Without the types of its keys and values, which only a loaded BTF could name.
            let (kind, flags) = (definition.map_type(), definition.map_flags());
            let (key, value) = (definition.key_size(), definition.value_size());
            let bare = aya_obj::Map::new_from_params(kind, key, value, entries, flags);
            let map =
                MapData::create(bare, name, None).map_err(failed("make the maps of the XDP program"))?;
            made.insert(name.clone(), map);
        }
        let text: HashSet<usize> = object.functions.keys().map(|(section, _)| *section).collect();
        let maps = definitions.iter().filter_map(|(name, definition)| {
            Some((name.as_str(), made.get(name)?.fd().as_fd().as_raw_fd(), definition))
        });
        object.relocate_maps(maps, &text).map_err(failed("put the XDP program together"))?;
        object.relocate_calls(&text).map_err(failed("put the XDP program together"))?;
        Ok(Self { object, maps: made })
    }

    /// A map of the object, which is the caller's from now on.
    pub(super) fn take_map<M: TryFrom<Map, Error = MapError>>(
        &mut self,
        name: &str,
        kind: fn(MapData) -> Map,
    ) -> Result<M, Failure> {
        let map = self.maps.remove(name).ok_or_else(|| missing(name))?;
        M::try_from(kind(map)).map_err(failed("use the maps of the XDP program"))
    }

    /// Loads one of the object's programs.
    pub(super) fn load(&self, name: &str, purpose: Purpose) -> Result<OwnedFd, Failure> {
        let function = self.object.programs.get(name);
        let function = function.and_then(|program| self.object.functions.get(&program.function_key()));
        let mut code = function.ok_or_else(|| missing(name))?.instructions.clone();
        if purpose.bound_to.is_some() {
            call_the_kernel(&mut code)?;
        }
        load(&code, &self.object.license, purpose).map_err(failed("load the XDP program"))
    }
}

fn missing(name: &str) -> Failure {
    let cause = io::Error::other(format!("there is no {name} in the object that was built in"));
    Failure { what: "find a part of the XDP program", cause }
}

/// Puts the running kernel's numbers into calls of its functions.
fn call_the_kernel(code: &mut [bpf_insn]) -> Result<(), Failure> {
    let calls = code.iter_mut().filter(|instruction| instruction.code == CALL);
    let calls: Vec<_> = calls
        .filter_map(|call| Some((KERNEL_FUNCTIONS.iter().find(|(mark, _)| *mark == call.imm)?.1, call)))
        .collect();
    let types = Btf::from_sys_fs().map_err(failed("read the types of the kernel"))?;
    let mut known: HashMap<&str, i32> = HashMap::new();
    for (name, call) in calls {
        let number = match known.get(name) {
            Some(number) => *number,
            None => {
                let number = types
                    .id_by_type_name_kind(name, BtfKind::Func)
                    .map_err(failed("find a function of the kernel"))?;
                known.insert(name, number as i32);
                number as i32
            }
        };
        call.set_src_reg(KERNEL_FUNCTION);
        call.imm = number;
    }
    Ok(())
}

const PROG_LOAD: libc::c_long = 5;
const PROG_TEST_RUN: libc::c_long = 10;
const LINK_CREATE: libc::c_long = 28;
const TYPE_XDP: u32 = 6;
const ATTACH_XDP: u32 = 37;
const HAS_FRAGS: u32 = 1 << 5;
const DEVICE_BOUND: u32 = 1 << 6;
const IN_DRIVER: u32 = 1 << 2;
const BEHIND_DRIVER: u32 = 1 << 1;
const LIVE_FRAMES: u32 = 1 << 1;

/// <https://github.com/torvalds/linux/blob/v6.6/include/uapi/linux/bpf.h#L1493>, as far as it is used.
#[repr(C)]
#[derive(Default)]
struct LoadRequest {
    kind: u32,
    instruction_count: u32,
    instructions: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log: u64,
    kernel_version: u32,
    flags: u32,
    name: [u8; 16],
    ifindex: u32,
    attach_type: u32,
}

#[repr(C)]
struct LinkRequest {
    program: u32,
    ifindex: u32,
    attach_type: u32,
    flags: u32,
}

#[repr(C)]
#[derive(Default)]
struct RunRequest {
    program: u32,
    verdict: u32,
    frame_len: u32,
    out_len: u32,
    frame: u64,
    out: u64,
    repeat: u32,
    duration: u32,
    context_len: u32,
    context_out_len: u32,
    context: u64,
    context_out: u64,
    flags: u32,
    cpu: u32,
    batch: u32,
    padding: u32,
}

/// One call. The request holds addresses of the caller's; they have to outlive the call, and the lengths beside them have to be true.
///
/// # Safety
///
/// As just said: the kernel reads and writes where the request says.
unsafe fn call<T>(command: libc::c_long, request: &mut T) -> io::Result<libc::c_int> {
    // SAFETY: the address and length are those of `request`; for what it names the caller answers.
    let result =
        unsafe { libc::syscall(libc::SYS_bpf, command, ptr::from_mut(request), mem::size_of::<T>()) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result as libc::c_int) }
}

fn load(code: &[bpf_insn], license: &std::ffi::CStr, purpose: Purpose) -> io::Result<OwnedFd> {
    let mut name = [0; 16];
    name[..7].copy_from_slice(b"pithead");
    let mut request = LoadRequest {
        kind: TYPE_XDP,
        instruction_count: code.len() as u32,
        instructions: code.as_ptr() as u64,
        license: license.as_ptr() as u64,
        flags: if purpose.in_pieces { HAS_FRAGS } else { 0 },
        name,
        attach_type: ATTACH_XDP,
        ..LoadRequest::default()
    };
    if let Some(ifindex) = purpose.bound_to {
        request.flags |= DEVICE_BOUND;
        request.ifindex = ifindex;
    }
    // SAFETY: code and licence are the caller's, with their true lengths (the licence ends in 0), and outlive the call.
    let loaded = unsafe { call(PROG_LOAD, &mut request) };
    let error = match loaded {
        // SAFETY: the kernel has just given us this descriptor, and nobody else knows it.
        Ok(fd) => return Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
        Err(error) => error,
    };
    if !matches!(error.raw_os_error(), Some(libc::EINVAL | libc::EACCES)) {
        return Err(error);
    }
    Err(explained(request).unwrap_or(error))
}

/// Asks again, for the verifier's last words; none if it has no objection to the code.
fn explained(mut request: LoadRequest) -> Option<io::Error> {
    let mut log = vec![0u8; 1 << 16];
    request.log_level = 1;
    request.log_size = log.len() as u32;
    request.log = log.as_mut_ptr() as u64;
    // SAFETY: as before, and the log is a buffer of that length.
    let error = match unsafe { call(PROG_LOAD, &mut request) } {
        Err(error) => error,
        // SAFETY: the kernel has just given us this descriptor; it is closed again.
        Ok(fd) => return Some(io::Error::other(drop_quietly(unsafe { OwnedFd::from_raw_fd(fd) }))),
    };
    let end = log.iter().position(|&byte| byte == 0)?;
    let said = String::from_utf8_lossy(&log[..end]).into_owned();
    let words = said.lines().rev().find(|line| !line.starts_with("processed") && !line.is_empty())?;
    Some(io::Error::other(format!("{error}; the verifier says: {words}")))
}

fn drop_quietly(fd: OwnedFd) -> &'static str {
    drop(fd);
    "the kernel refused it once and took it the second time"
}

/// Attaches a program to an interface, in its driver or behind it, until the descriptor is closed.
///
/// There is no older way beside it: what is attached without a link outlives a process that is killed.
pub(super) fn attach(program: BorrowedFd<'_>, ifindex: u32, in_driver: bool) -> io::Result<OwnedFd> {
    let mut request = LinkRequest {
        program: program.as_raw_fd() as u32,
        ifindex,
        attach_type: ATTACH_XDP,
        flags: if in_driver { IN_DRIVER } else { BEHIND_DRIVER },
    };
    // SAFETY: the request names no address.
    let fd = unsafe { call(LINK_CREATE, &mut request) }?;
    // SAFETY: the kernel has just given us this descriptor, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Runs a program on so many copies of a frame as if they had just come in on an interface, 64 at a time. What it says becomes of
/// them does happen.
pub(super) fn run_live(program: BorrowedFd<'_>, ifindex: u32, frame: &[u8], repeat: u32) -> io::Result<()> {
    let context: [u32; 6] = [0, frame.len() as u32, 0, ifindex, 0, 0];
    let mut request = RunRequest {
        program: program.as_raw_fd() as u32,
        frame_len: frame.len() as u32,
        frame: frame.as_ptr() as u64,
        context_len: mem::size_of_val(&context) as u32,
        context: context.as_ptr() as u64,
        repeat,
        flags: LIVE_FRAMES,
        batch: 64,
        ..RunRequest::default()
    };
    // SAFETY: frame and context are locals or the caller's, with their true lengths, and outlive the call; nothing is written back.
    unsafe { call(PROG_TEST_RUN, &mut request) }.map(drop)
}

/// Runs a program once on a copy of a frame, from which nothing follows; gives what it said.
#[cfg(test)]
pub(super) fn run_once(program: BorrowedFd<'_>, frame: &[u8]) -> io::Result<u32> {
    let mut request = RunRequest {
        program: program.as_raw_fd() as u32,
        frame_len: frame.len() as u32,
        frame: frame.as_ptr() as u64,
        ..RunRequest::default()
    };
    // SAFETY: the frame is the caller's, with its true length; the kernel writes the verdict into the request, which is ours alone.
    unsafe { call(PROG_TEST_RUN, &mut request) }?;
    Ok(request.verdict)
}
