"""The list of captures. A family module adds its scripts with `@capture`; nothing else has to know them."""

import dataclasses
import importlib
import pkgutil
import sys
import typing

FAMILIES = "pcaps.families"


@dataclasses.dataclass
class Capture:
    """One file under pcaps/."""

    name: str
    script: typing.Callable
    by: str
    source: str
    vlan: int | None
    late: bool

    @property
    def summary(self):
        """The first sentence of the script's description."""
        return " ".join((self.script.__doc__ or "").split())


CAPTURES = {}
OURS = "our script"


def capture(name, source="", by=OURS, vlan=None, late=False):
    """Marks a script as the maker of pcaps/<name>.pcap. `by` says which program speaks, `source` where its protocol is described."""

    def register(script):
        CAPTURES[name] = Capture(name, script, by, source, vlan, late)
        return script

    return register


def load():
    """Every capture there is, in the order of the family modules."""
    package = importlib.import_module(FAMILIES)
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{FAMILIES}.{module.name}")
    return CAPTURES


def choose(wanted):
    """The captures whose folder or full name is wanted; all when nothing is."""
    captures = list(load().values())
    known = {word for capture in captures for word in (capture.name, capture.name.split("/")[0])}
    unknown = sorted(set(wanted) - known)
    if unknown:
        sys.exit(f"make-pcaps: no capture called {', '.join(unknown)}; see --list")
    return [c for c in captures if not wanted or c.name in wanted or c.name.split("/")[0] in wanted]
