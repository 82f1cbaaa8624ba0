"""What the live tests share: links of their own, frames to send over them, the tap that watches, and events to compare."""

import os
import pathlib
import shutil
import subprocess

from .cable import Cable


def lacking():
    """Why nothing can be tried here, if so."""
    if os.geteuid() != 0:
        return "needs root, for network namespaces and AF_XDP"
    if shutil.which("ip") is None:
        return "needs ip; 'apt-get install iproute2' brings it"
    try:
        with Cable():
            return None
    except subprocess.CalledProcessError as error:
        return f"no network namespaces or no veth here: {error}"


def build(root):
    """The program as the tests build it, so that nothing is built twice."""
    subprocess.run(["cargo", "build", "--locked", "--quiet", "--package", "pithead"], cwd=root, check=True)
    return pathlib.Path(os.environ.get("CARGO_TARGET_DIR", root / "target")) / "debug/pithead"
