"""A guest whose virtio network card has zero copy: the one place where that mode can be tried without hardware for it.

Made of Debian's packages: QEMU, which emulates the processor as well where it has to, a kernel from backports (virtio-net announces
zero copy since 7.2), and busybox. The kernel is unpacked into a cache folder and nothing is installed from backports. The guest has two
processors, two queues and no disk; what it runs is driven line by line over its second serial port.

Leaves out any network but the cable: the guest's card ends in a namespace of the test's own.
"""

import gzip
import os
import pathlib
import platform
import queue
import re
import shutil
import subprocess
import tempfile
import threading

from .cable import Namespace, Sender

MODULES = ("net/core/failover", "drivers/net/net_failover", "drivers/net/virtio_net")
OLDEST_KERNEL = (7, 2)
DEVICE = "guest0"
QUEUES = 2
# Without iommu_platform the driver has no DMA interface, and zero copy is refused. What merges frames in the card is off.
CARD = (
    "virtio-net-pci,netdev=n0,mq=on,vectors=6,disable-legacy=on,iommu_platform=on,mrg_rxbuf=on,romfile=,rx_queue_size=1024,"
    "guest_tso4=off,guest_tso6=off,guest_ecn=off,guest_ufo=off,guest_csum=off"
)
INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev; mount -t tmpfs tmp /tmp
for module in {modules}; do insmod /modules/$module.ko; done
exec </dev/ttyS1 >/dev/ttyS1 2>&1
stty raw -echo
echo ready
while read -r line; do eval "$line"; echo "=== $?"; done
poweroff -f
"""


class Missing(Exception):
    """Something that the guest is made of and this machine lacks."""


def kernel(cache):
    """The folder with `vmlinuz` and the modules in it, fetched unless it is there."""
    folder = cache / "kernel"
    if not (folder / "vmlinuz").exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as scratch:
            try:
                made = _fetch(pathlib.Path(scratch))
            except (OSError, subprocess.CalledProcessError) as error:
                raise Missing(f"the guest's kernel cannot be fetched: {error}") from error
            shutil.rmtree(folder, ignore_errors=True)
            made.rename(folder)
    return folder


def _fetch(scratch):
    apt = _apt(scratch)
    subprocess.run(["apt-get", *apt, "-qq", "update"], check=True, stdin=subprocess.DEVNULL)
    names = subprocess.run(["apt-cache", *apt, "pkgnames", "linux-binary-"], capture_output=True, text=True, check=True).stdout
    newest = max((found for found in map(_version, names.split()) if found[0] >= OLDEST_KERNEL), default=None)
    if newest is None:
        raise Missing("no kernel from 7.2 on among Debian's backports")
    packages = [newest[1], newest[1].replace("linux-binary-", "linux-modules-")]
    subprocess.run(["apt-get", *apt, "-qq", "download", *packages], cwd=scratch, check=True, stdin=subprocess.DEVNULL)
    root, made = scratch / "root", scratch / "made"
    for package in scratch.glob("*.deb"):
        subprocess.run(["dpkg", "-x", package, root], check=True)
    made.mkdir()
    # Since 7.3 the kernel lies with its modules.
    found = next((path for pattern in ("usr/lib/modules/*/vmlinuz", "boot/vmlinuz-*") for path in root.glob(pattern)), None)
    if found is None:
        raise Missing(f"no kernel in {packages[0]}")
    shutil.copy(found, made / "vmlinuz")
    for module in MODULES:
        packed = next(root.glob(f"**/kernel/{module}.ko.xz"), None)
        if packed is None:
            raise Missing(f"no module {module} in {packages[1]}")
        with open(made / f"{pathlib.Path(module).name}.ko", "wb") as file:
            subprocess.run(["xz", "-dc", packed], stdout=file, check=True)
    return made


def _version(name):
    match = re.fullmatch(r"linux-binary-(\d+)\.(\d+)\.(\d+)\S*-cloud-amd64", name)
    return (tuple(map(int, match.groups())), name) if match else ((), name)


def _apt(scratch):
    """Options with which apt looks at the backports of the next release alone, and touches nothing of the system's."""
    words = ["apt-get", "indextargets", "--format", "$(REPO_URI) $(ORIGIN)", "Created-By: Packages"]
    lines = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split("\n")
    # An origin may be of several words: that of backports is "Debian Backports".
    sources = (line.partition(" ") for line in lines)
    mirror = next((uri for uri, _, origin in sources if origin.startswith("Debian") and "security" not in uri), None)
    if mirror is None:
        raise Missing("apt knows no mirror of Debian's")
    for folder in ("lists/partial", "cache/archives/partial", "preferences"):
        (scratch / folder).mkdir(parents=True)
    (scratch / "status").touch()
    (scratch / "sources").write_text(f"deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] {mirror} trixie-backports main\n")
    places = {
        "Dir::State::lists": "lists",
        "Dir::State::status": "status",
        "Dir::Cache": "cache",
        "Dir::Etc::sourcelist": "sources",
        "Dir::Etc::sourceparts": "preferences",
        "Dir::Etc::preferencesparts": "preferences",
    }
    return ["-o", "APT::Sandbox::User=root", *(word for option, place in places.items() for word in ("-o", f"{option}={scratch / place}"))]


class Guest:
    """A running guest with `program` in its /bin, for as long as the `with` lasts."""

    def __init__(self, cache, program, rss=False):
        self.cache, self.program, self.card = cache, program, CARD + (",rss=on" if rss else "")

    def __enter__(self):
        if platform.machine() != "x86_64":
            raise Missing(f"the guest is for x86_64, and this is {platform.machine()}")
        missing = [name for name in ("qemu-system-x86_64", "busybox", "xz") if shutil.which(name) is None]
        if missing:
            raise Missing(f"{', '.join(missing)}: 'scripts/setup --live' brings them")
        self.scratch = tempfile.TemporaryDirectory()
        self.namespace = Namespace().__enter__()
        try:
            self._boot()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _boot(self):
        folder = kernel(self.cache)
        initramfs = pathlib.Path(self.scratch.name) / "initramfs.gz"
        _pack(self._tree(folder), initramfs)
        self.console = pathlib.Path(self.scratch.name) / "console"
        self.namespace.ip("tuntap", "add", "dev", DEVICE, "mode", "tap", "multi_queue")
        self.namespace.ip("link", "set", DEVICE, "arp", "off", "txqueuelen", 4096, "up")
        words = ["qemu-system-x86_64", "-nodefaults", "-display", "none", "-no-reboot", "-accel", "tcg,thread=multi", "-cpu", "max"]
        words += ["-smp", str(QUEUES), "-m", "768", "-kernel", folder / "vmlinuz", "-initrd", initramfs]
        words += ["-append", "console=ttyS0 quiet panic=-1", "-serial", f"file:{self.console}", "-serial", "stdio"]
        words += ["-netdev", f"tap,id=n0,ifname={DEVICE},script=no,downscript=no,queues={QUEUES},vhost=off", "-device", self.card]
        command = self.namespace.command(*words)
        self.qemu = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.lines = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()
        self._until(lambda line: line == "ready", 180)

    def _listen(self):
        for line in self.qemu.stdout:
            self.lines.put(line.decode(errors="replace").rstrip("\r\n"))
        self.lines.put(None)

    def _tree(self, folder):
        tree = pathlib.Path(self.scratch.name) / "tree"
        for name in ("bin", "dev", "proc", "sys", "tmp", "modules"):
            (tree / name).mkdir(parents=True)
        shutil.copy(shutil.which("busybox"), tree / "bin/busybox")
        for module in folder.glob("*.ko"):
            shutil.copy(module, tree / "modules")
        subprocess.run(["strip", "-o", tree / "bin/pithead", self.program], check=True)
        for library in re.findall(r"(/\S+) \(0x", subprocess.run(["ldd", self.program], capture_output=True, text=True, check=True).stdout):
            (tree / library[1:]).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(library, tree / library[1:])
        modules = " ".join(pathlib.Path(module).name for module in MODULES)
        (tree / "init").write_text(INIT.format(modules=modules))
        (tree / "init").chmod(0o755)
        return tree

    def __exit__(self, *_):
        if hasattr(self, "qemu"):
            self.qemu.kill()
            self.qemu.wait()
        self.namespace.__exit__()
        self.scratch.cleanup()

    def run(self, line, seconds=120):
        """Runs a line of shell in the guest; what it said, and its status."""
        self.start(line)
        return self.finish(seconds)

    def start(self, line):
        self.qemu.stdin.write(f"{line}\n".encode())
        self.qemu.stdin.flush()

    def finish(self, seconds=120):
        said = self._until(lambda line: line.startswith("=== "), seconds)
        return "\n".join(said[:-1]), int(said[-1].split()[1])

    def _until(self, end, seconds):
        said = []
        while True:
            try:
                line = self.lines.get(timeout=seconds)
            except queue.Empty:
                raise TimeoutError(self._plight(f"nothing for {seconds} s", said)) from None
            if line is None:
                raise RuntimeError(self._plight("it ended", said))
            said.append(line)
            if end(line):
                return said

    def _plight(self, what, said):
        console = self.console.read_text(errors="replace") if self.console.exists() else ""
        return "\n".join([f"the guest: {what}; it said last:", *said[-20:], *console.splitlines()[-20:]])

    def sender(self):
        return Sender(self.namespace, DEVICE)


def _pack(tree, path):
    names = subprocess.run(["find", "."], cwd=tree, capture_output=True, check=True).stdout
    archive = subprocess.run(["busybox", "cpio", "-o", "-H", "newc"], cwd=tree, input=names, capture_output=True, check=True).stdout
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(archive)


def cache_folder(root):
    """Where what was fetched is kept: $PITHEAD_CACHE, else with what cargo builds."""
    target = os.environ.get("CARGO_TARGET_DIR", root / "target")
    return pathlib.Path(os.environ.get("PITHEAD_CACHE", pathlib.Path(target) / "guest"))
