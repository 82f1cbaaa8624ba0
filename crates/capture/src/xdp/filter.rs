//! Filter expressions, in the language of tcpdump, made to run in the XDP program.
//!
//! libpcap compiles an expression to the classic BPF of 1993; this file translates that to the kernel's, instruction by instruction, and the
//! result takes the place of a function of the program. So a frame that nobody asked for costs neither a copy nor a place in a ring, which
//! it would if the expression were asked in user space. Classic BPF is small: two registers, sixteen words of memory, jumps forward only.
//! See <https://www.kernel.org/doc/html/latest/networking/filter.html>.
//!
//! A look behind the end of the frame ends it with 0, as it does in the kernel. What lies behind the first buffer of a frame in several
//! is asked of the kernel.

use aya_obj::generated::bpf_insn;

use crate::Error;

/// An instruction of classic BPF.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Classic {
    /// What to do.
    pub code: u16,
    /// How many instructions to skip if it is true.
    pub jt: u8,
    /// How many if not.
    pub jf: u8,
    /// A number to do it with.
    pub k: u32,
}

impl Classic {
    /// One line of `tcpdump -ddd`: the four fields.
    pub fn parse(line: &str) -> Option<Self> {
        let mut fields = line.split_ascii_whitespace();
        let code = fields.next()?.parse().ok()?;
        let (jt, jf) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        let k = fields.next()?.parse().ok()?;
        fields.next().is_none().then_some(Self { code, jt, jf, k })
    }
}

/// Which frames are asked for.
#[derive(Clone, Debug)]
pub struct Filter {
    code: Vec<bpf_insn>,
}

impl Filter {
    /// What an expression asks for, such as `tcp port 3333 and not net 10.0.0.0/8`.
    ///
    /// Fails if libpcap does not understand it, and always where it was not built in.
    pub fn compile(expression: &str) -> Result<Self, Error> {
        let refused = |reason| Error::Refused { place: format!("filter '{expression}'"), reason };
        Self::from_classic(&compile(expression).map_err(refused)?)
    }

    /// What a program in classic BPF lets pass, for frames that begin with an Ethernet header.
    pub fn from_classic(code: &[Classic]) -> Result<Self, Error> {
        let refused = |reason| Error::Refused { place: "filter".into(), reason };
        Ok(Self { code: translate(code).map_err(refused)? })
    }

    /// The same for the kernel: a function of a frame that returns 0 for one that was not asked for.
    pub(super) fn program(&self) -> &[bpf_insn] {
        &self.code
    }
}

fn translate(code: &[Classic]) -> Result<Vec<bpf_insn>, String> {
    let mut writer = Writer::default();
    writer.mov_reg64(FRAME, 1);
    writer.mov(A, 0);
    writer.mov(X, 0);
    let mut starts = Vec::with_capacity(code.len());
    for (index, instruction) in code.iter().enumerate() {
        starts.push(writer.code.len());
        writer.translate(*instruction, index + 1).ok_or_else(|| {
            let Classic { code, k, .. } = instruction;
            format!("instruction {index} ({code:#x} {k:#x}) is none that can be translated")
        })?;
    }
    writer.finish(&starts).ok_or_else(|| "it jumps out of itself, or is too long".into())
}

#[cfg(feature = "pcap-filter")]
fn compile(expression: &str) -> Result<Vec<Classic>, String> {
    let dead = pcap::Capture::dead(pcap::Linktype::ETHERNET).map_err(|error| error.to_string())?;
    let program = dead.compile(expression, true).map_err(|error| error.to_string())?;
    // The library keeps the fields to itself, and shows them as tcpdump -ddd does.
    let shown = program.get_instructions().iter().map(ToString::to_string);
    shown.map(|line| Classic::parse(&line).ok_or_else(|| format!("libpcap said {line}"))).collect()
}

#[cfg(not(feature = "pcap-filter"))]
fn compile(_: &str) -> Result<Vec<Classic>, String> {
    Err("this pithead was built without libpcap, which reads such expressions: build it with the feature pcap-filter, or filter by ports and networks".into())
}

// Registers. 0 to 5 are lost in calls.
const FRAME: u8 = 6;
const A: u8 = 7;
const X: u8 = 8;
const STACK: u8 = 10;

/// Where a piece of the frame is copied to, below the sixteen words of memory.
const COPY: i16 = -72;

/// Behind this the verifier would not follow a fixed place in a frame.
const NEAR: u32 = 4096;

const LOAD_BYTES: i32 = 189;
const FRAME_LEN: i32 = 188;

/// Where a jump goes: to a classic instruction, or to the end that returns 0.
#[derive(Clone, Copy)]
enum Target {
    Classic(usize),
    No,
}

#[derive(Default)]
struct Writer {
    code: Vec<bpf_insn>,
    jumps: Vec<(usize, Target)>,
}

impl Writer {
    fn put(&mut self, code: u8, to: u8, from: u8, off: i16, imm: i32) {
        let registers = bpf_insn::new_bitfield_1(to, from);
        self.code.push(bpf_insn { code, _bitfield_align_1: [], _bitfield_1: registers, off, imm });
    }

    fn mov(&mut self, to: u8, value: u32) {
        self.put(0xb4, to, 0, 0, value as i32);
    }

    fn mov_reg(&mut self, to: u8, from: u8) {
        self.put(0xbc, to, from, 0, 0);
    }

    fn mov_reg64(&mut self, to: u8, from: u8) {
        self.put(0xbf, to, from, 0, 0);
    }

    fn jump(&mut self, code: u8, register: u8, other: u8, value: u32, target: Target) {
        self.jumps.push((self.code.len(), target));
        self.put(code, register, other, 0, value as i32);
    }

    fn exit(&mut self) {
        self.put(0x95, 0, 0, 0, 0);
    }

    /// Translates one instruction; `next` is the one behind it. `None` if there is no such instruction.
    fn translate(&mut self, classic: Classic, next: usize) -> Option<()> {
        let Classic { code, jt, jf, k } = classic;
        match code & 7 {
            0 => self.load(code, k)?,
            1 => self.load_x(code, k)?,
            2 => self.put(0x63, STACK, A, word(k)?, 0),
            3 => self.put(0x63, STACK, X, word(k)?, 0),
            4 => self.calculate(code, k)?,
            5 => self.branch(code, k, next + usize::from(jt), next + usize::from(jf), next)?,
            6 => {
                match code & 0x18 {
                    0x00 => self.mov(0, k),
                    0x10 => self.mov_reg(0, A),
                    _ => return None,
                }
                self.exit();
            }
            _ => match code & 0xf8 {
                0x00 => self.mov_reg(X, A),
                0x80 => self.mov_reg(A, X),
                _ => return None,
            },
        }
        Some(())
    }

    fn load(&mut self, code: u16, k: u32) -> Option<()> {
        let size = match code & 0x18 {
            0x00 => 4,
            0x08 => 2,
            0x10 => 1,
            _ => return None,
        };
        match code & 0xe0 {
            0x00 => self.mov(A, k),
            0x20 => self.look(A, k, size)?,
            0x40 => self.look_from_x(k, size)?,
            0x60 => self.put(0x61, A, STACK, word(k)?, 0),
            0x80 => self.frame_len(A),
            _ => return None,
        }
        Some(())
    }

    fn load_x(&mut self, code: u16, k: u32) -> Option<()> {
        match code & 0xe0 {
            0x00 => self.mov(X, k),
            0x60 => self.put(0x61, X, STACK, word(k)?, 0),
            0x80 => self.frame_len(X),
            // Four times the low half of a byte: the length of an IPv4 header.
            0xa0 => {
                self.look(X, k, 1)?;
                self.put(0x54, X, 0, 0, 15);
                self.put(0x64, X, 0, 0, 2);
            }
            _ => return None,
        }
        Some(())
    }

    fn frame_len(&mut self, to: u8) {
        self.mov_reg64(1, FRAME);
        self.put(0x85, 0, 0, 0, FRAME_LEN);
        self.mov_reg(to, 0);
    }

    /// Reads `size` bytes at a fixed place: out of the first buffer if they lie there, otherwise through the kernel.
    fn look(&mut self, to: u8, at: u32, size: u8) -> Option<()> {
        if at > i32::MAX as u32 {
            return None; // asks about something else than the frame's bytes
        }
        if at > NEAR {
            self.mov(2, at);
            self.copy(to, size);
        } else {
            self.put(0x61, 2, FRAME, 0, 0); // data
            self.put(0x61, 3, FRAME, 4, 0); // data_end
            self.mov_reg64(1, 2);
            self.put(0x07, 1, 0, 0, (at + u32::from(size)) as i32);
            let far = self.code.len();
            self.put(0x2d, 1, 3, 0, 0);
            self.put(load_of(size), to, 2, at as i16, 0);
            let near = self.code.len();
            self.put(0x05, 0, 0, 0, 0);
            self.land(far);
            self.mov(2, at);
            self.copy(to, size);
            self.land(near);
        }
        self.swap(to, size);
        Some(())
    }

    /// Reads `size` bytes at a place that X moves.
    fn look_from_x(&mut self, k: u32, size: u8) -> Option<()> {
        if k > i32::MAX as u32 {
            return None;
        }
        self.mov_reg(2, X);
        self.put(0x04, 2, 0, 0, k as i32);
        self.copy(A, size);
        self.swap(A, size);
        Some(())
    }

    /// Has the kernel copy `size` bytes from the place in register 2, and reads them. Behind the end of the frame it is over.
    fn copy(&mut self, to: u8, size: u8) {
        self.mov_reg64(1, FRAME);
        self.mov_reg64(3, STACK);
        self.put(0x07, 3, 0, 0, COPY.into());
        self.mov(4, size.into());
        self.put(0x85, 0, 0, 0, LOAD_BYTES);
        self.jump(0x55, 0, 0, 0, Target::No);
        self.put(load_of(size), to, STACK, COPY, 0);
    }

    /// Turns what lies in a frame into a number.
    fn swap(&mut self, register: u8, size: u8) {
        if size > 1 {
            self.put(0xdc, register, 0, 0, i32::from(size) * 8);
        }
    }

    /// Lets a jump within one instruction go to here.
    fn land(&mut self, jump: usize) {
        let here = self.code.len();
        if let Some(instruction) = self.code.get_mut(jump) {
            instruction.off = (here - jump - 1) as i16;
        }
    }

    fn calculate(&mut self, code: u16, k: u32) -> Option<()> {
        let operation = (code & 0xf0) as u8;
        let by_x = code & 8 != 0;
        if operation == 0x80 {
            self.put(0x84, A, 0, 0, 0); // negation
            return Some(());
        }
        if operation > 0xa0 {
            return None;
        }
        let divides = matches!(operation, 0x30 | 0x90);
        let shifts = matches!(operation, 0x60 | 0x70);
        if by_x {
            if divides {
                self.jump(0x16, X, 0, 0, Target::No); // as classic BPF has it
            }
            self.put(operation | 0x0c, A, X, 0, 0);
        } else if divides && k == 0 || shifts && k > 31 {
            return None;
        } else {
            self.put(operation | 0x04, A, 0, 0, k as i32);
        }
        Some(())
    }

    fn branch(&mut self, code: u16, k: u32, yes: usize, no: usize, next: usize) -> Option<()> {
        let condition = match code & 0xf0 {
            0x00 => {
                self.jump(0x05, 0, 0, 0, Target::Classic(next.checked_add(k as usize)?));
                return Some(());
            }
            0x10 => 0x10, // equal
            0x20 => 0x20, // greater
            0x30 => 0x30, // greater or equal
            0x40 => 0x40, // has some of these bits
            _ => return None,
        };
        match code & 8 {
            0 => self.jump(condition | 0x06, A, 0, k, Target::Classic(yes)),
            _ => self.jump(condition | 0x0e, A, X, 0, Target::Classic(yes)),
        }
        if no != next {
            self.jump(0x05, 0, 0, 0, Target::Classic(no));
        }
        Some(())
    }

    /// Puts the end that returns 0 behind where it is needed, and lets all jumps go where they should.
    fn finish(mut self, starts: &[usize]) -> Option<Vec<bpf_insn>> {
        let end = self.code.len();
        // The verifier refuses what nothing leads to.
        if self.jumps.iter().any(|(_, target)| matches!(target, Target::No)) {
            self.mov(0, 0);
            self.exit();
        }
        for (at, target) in self.jumps {
            let to = match target {
                Target::Classic(index) => *starts.get(index)?,
                Target::No => end,
            };
            self.code.get_mut(at)?.off = i16::try_from(to.checked_sub(at + 1)?).ok()?;
        }
        Some(self.code)
    }
}

const fn load_of(size: u8) -> u8 {
    match size {
        4 => 0x61,
        2 => 0x69,
        _ => 0x71,
    }
}

/// Where a word of the sixteen lies on the stack.
fn word(k: u32) -> Option<i16> {
    (k < 16).then_some(-4 * (k as i16 + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(lines: &str) -> Result<Filter, Error> {
        let code: Vec<_> = lines.lines().map(|line| Classic::parse(line).unwrap()).collect();
        Filter::from_classic(&code)
    }

    #[test]
    fn what_is_no_program_is_refused() {
        for (lines, reason) in [
            ("40 0 0 4294963200", "instruction 0 (0x28 0xfffff000) is none that can be translated"), // protocol of the kernel
            ("52 0 0 0", "instruction 0 (0x34 0x0) is none that can be translated"), // division by 0
            ("96 0 0 16", "instruction 0 (0x60 0x10) is none that can be translated"), // a seventeenth word
            ("21 5 0 1\n6 0 0 0", "it jumps out of itself, or is too long"),
            ("5 0 0 4294967295", "it jumps out of itself, or is too long"),
        ] {
            assert_eq!(filter(lines).unwrap_err().to_string(), format!("filter: {reason}"), "{lines}");
        }
        assert_eq!(Classic::parse("1 2 3"), None);
        assert_eq!(Classic::parse("1 2 3 4 5"), None);
        filter("6 0 0 1").unwrap();
    }

    #[cfg(not(feature = "pcap-filter"))]
    #[test]
    fn without_libpcap_it_is_said() {
        let error = Filter::compile("tcp").unwrap_err().to_string();
        assert!(error.starts_with("filter 'tcp': this pithead was built without libpcap"), "{error}");
    }

    #[cfg(feature = "pcap-filter")]
    #[test]
    fn what_libpcap_does_not_understand_is_said() {
        let error = Filter::compile("tcp prot 3").unwrap_err().to_string();
        assert!(error.starts_with("filter 'tcp prot 3': ") && error.contains("syntax error"), "{error}");
    }
}
