//! Capture files: no panic, no hang, every frame inside its file; and a file reads the same mapped as it does unpacked.
//!
//! Input: the file.
#![no_main]

use flate2::{Compression, write::GzEncoder};
use pithead_capture::{Error, FileSource, PacketSource};
use pithead_fuzz::Said;
use std::{fs, io::Write, path::PathBuf, sync::LazyLock};

/// A file of this process, in memory where there is such a file system.
static SCRATCH: LazyLock<PathBuf> = LazyLock::new(|| {
    let memory = PathBuf::from("/dev/shm");
    let folder = if memory.is_dir() { memory } else { std::env::temp_dir() };
    folder.join(format!("pithead-fuzz-{}", std::process::id()))
});

/// Packed bombs are cut off here; reading on would find nothing new.
const MOST_FRAMES: usize = 10_000;

pithead_fuzz::target!(|input| {
    let plain = read(input);
    if input.starts_with(&[0x1f, 0x8b]) || input.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        return; // packed already, and packed twice is no capture
    }
    let mut packer = GzEncoder::new(Vec::new(), Compression::none());
    packer.write_all(input).expect("memory takes all");
    assert_eq!(plain, read(&packer.finish().expect("memory takes all")));
});

/// All that a source says of a file with this content.
fn read(content: &[u8]) -> Said {
    fs::write(&*SCRATCH, content).expect("a scratch file can be written");
    let mut said = Said::default();
    let mut source = FileSource::open(std::slice::from_ref(&*SCRATCH)).expect("the file was just written");
    let mut frames = 0;
    loop {
        match source.next_batch() {
            Ok(Some(batch)) => {
                for frame in batch.frames() {
                    frames += 1;
                    assert_eq!(frame.number, frames as u64);
                    said.note((frame.at, frame.link, frame.interface, frame.wire_len));
                    said.piece("frame", frame.bytes);
                }
            }
            Ok(None) => break,
            Err(
                error @ (Error::Damaged { .. } | Error::UnsupportedLink { .. } | Error::NotACapture { .. }),
            ) => {
                // Where the damage lies is said of the unpacked bytes, in so many words.
                said.note(error.to_string().replace("unpacked byte", "byte"));
            }
            Err(error) => panic!("{error}"),
        }
        if frames > MOST_FRAMES {
            break;
        }
    }
    said.note(source.interfaces());
    let _ = fs::remove_file(&*SCRATCH);
    said
}
