//! What files tell of a link: its driver, its place among processors and memory, its interrupts and who serves them.
//!
//! sysfs shows the links of the network namespace in which it was mounted. `ip netns exec` mounts it anew; a program that changes
//! its namespace by itself sees the old links here, so nothing that netlink tells as well is read from files.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::{Known, Unknown};

const LINKS: &str = "/sys/class/net";

/// A place of the kernel's own files: one line, without the line's end.
pub(super) fn line(path: impl AsRef<Path>) -> Known<String> {
    let path = path.as_ref();
    match fs::read_to_string(path) {
        Ok(text) => Ok(text.trim_end().to_owned()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(Unknown::Untold),
        Err(error) => Err(Unknown::Refused(format!("{}: {error}", path.display()))),
    }
}

/// The driver of a link that has hardware, or is given some by a hypervisor.
pub(super) fn driver(name: &str) -> Option<String> {
    let driver = fs::read_link(device(name).join("driver")).ok()?;
    Some(driver.file_name()?.to_str()?.to_owned())
}

/// The memory that is nearest to a NIC. A machine with one node may say that it has none.
pub(super) fn numa_node(name: &str) -> Known<u32> {
    // What a hypervisor gives is a device on a device: the outer one knows.
    let found =
        [device(name), outer_device(name)].into_iter().find_map(|device| line(device.join("numa_node")).ok());
    found.and_then(|node| node.parse().ok()).ok_or(Unknown::Untold)
}

/// How many receive queues are in use: folders `rx-0`, `rx-1`, ...
pub(super) fn rx_queues(name: &str) -> Known<u32> {
    let entries = fs::read_dir(Path::new(LINKS).join(name).join("queues")).map_err(|_| Unknown::Untold)?;
    let queues =
        entries.flatten().filter(|entry| entry.file_name().as_encoded_bytes().starts_with(b"rx-")).count();
    u32::try_from(queues).ok().filter(|queues| *queues > 0).ok_or(Unknown::Untold)
}

/// All interrupts of a NIC, those of its queues among them.
pub(super) fn interrupts(name: &str) -> Known<BTreeSet<u32>> {
    let folder = [device(name), outer_device(name)]
        .into_iter()
        .find_map(|device| fs::read_dir(device.join("msi_irqs")).ok());
    let numbers =
        folder.ok_or(Unknown::Untold)?.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    Ok(numbers.collect())
}

/// The processors that an interrupt may wake.
pub(super) fn affinity(interrupt: u32) -> Known<BTreeSet<u32>> {
    let folder = PathBuf::from(format!("/proc/irq/{interrupt}"));
    let list = line(folder.join("effective_affinity_list")).ok().filter(|list| !list.is_empty());
    let list = list.map_or_else(|| line(folder.join("smp_affinity_list")), Ok)?;
    read_list(&list).ok_or(Unknown::Untold)
}

/// The processors of a memory node.
pub(super) fn processors(node: u32) -> Known<BTreeSet<u32>> {
    let list = line(format!("/sys/devices/system/node/node{node}/cpulist"))?;
    read_list(&list).ok_or(Unknown::Untold)
}

/// A list as the kernel writes it: `0-3,8,10-11`.
fn read_list(list: &str) -> Option<BTreeSet<u32>> {
    /// More processors than Linux can have; a list is never trusted to be short.
    const MOST: u32 = 8192;
    let mut numbers = BTreeSet::new();
    for part in list.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
        numbers.extend(first..=last.min(MOST));
    }
    Some(numbers)
}

fn device(name: &str) -> PathBuf {
    Path::new(LINKS).join(name).join("device")
}

fn outer_device(name: &str) -> PathBuf {
    // Through the real path: what lies above a symbolic link is not what lies above its target.
    fs::canonicalize(device(name)).ok().and_then(|path| path.parent().map(Path::to_owned)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_processors() {
        assert_eq!(read_list("0-2,8"), Some(BTreeSet::from([0, 1, 2, 8])));
        assert_eq!(read_list(""), Some(BTreeSet::new()));
        assert_eq!(read_list("0-x"), None);
        assert!(read_list("0-4294967295").is_some_and(|list| list.len() < 10_000));
    }

    #[test]
    fn the_loopback_link_has_no_hardware() {
        assert_eq!(driver("lo"), None);
        assert_eq!(interrupts("lo"), Err(Unknown::Untold));
        assert_eq!(numa_node("lo"), Err(Unknown::Untold));
        assert_eq!(rx_queues("lo"), Ok(1));
    }
}
