"""Network namespaces with a pair of interfaces, the probe and the replay tool in them, and what they say.

python -m tools.wire record IF FILE      packets of an interface to a pcap file of nanoseconds, until SIGTERM
"""

import ctypes
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from probe.packet_socket import PacketRing, RingOptions

ROOT = Path(__file__).parent.parent
COMMAND = [sys.executable, "-c", "from probe.cli import main; main()"]
PATIENCE_S = 120
COMPILING_S = 900
CLONE_NEWNET = 0x40000000


def why_not() -> str:
    """Why there can be no namespaces here; empty where there can."""
    if shutil.which("ip") is None:
        return "iproute2 is not installed"
    name = f"wiregauge-try-{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    if made.returncode:
        return f"no network namespaces: {made.stderr.strip()}"
    subprocess.run(["ip", "netns", "del", name], check=True)
    return ""


class Namespace:
    """Interfaces a0 and b0 (a1 and b1, ...), ends of a wire each: what is sent to a comes out of b."""

    def __init__(self, name: str, pairs: int = 1, mtu: int = 9000, queues: int = 1) -> None:
        self.name = name
        self.ip("netns", "add", name)
        for k in range(pairs):
            wide = ("numtxqueues", str(queues), "numrxqueues", str(queues))
            self.ip("-n", name, "link", "add", f"a{k}", *wide, "type", "veth", "peer", "name", f"b{k}", *wide)
            for end in (f"a{k}", f"b{k}"):
                self.quiet(end)
                self.ip("-n", name, "link", "set", end, "mtu", str(mtu), "up")

    def quiet(self, interface: str) -> None:
        """No frames of the host's own: no IPv6 neighbours, no multicast reports."""
        for what in ("disable_ipv6",):
            code = f"open('/proc/sys/net/ipv6/conf/{interface}/{what}','w').write('1')"
            self.run(sys.executable, "-c", code)

    @staticmethod
    def ip(*words: str) -> None:
        """Run ip(8)."""
        subprocess.run(["ip", *words], check=True, capture_output=True)

    @contextmanager
    def inside(self) -> Iterator[None]:
        """This thread in it: sockets that are made meanwhile belong to it."""
        with open("/proc/thread-self/ns/net") as before, open(f"/var/run/netns/{self.name}") as here:
            _enter(here.fileno())
            try:
                yield
            finally:
                _enter(before.fileno())

    def run(self, *command: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a command in it."""
        return subprocess.run(
            ["ip", "netns", "exec", self.name, *command], check=False, capture_output=True, text=True, cwd=ROOT,
            timeout=PATIENCE_S, **options,
        )  # fmt: skip

    def start(self, *command: str) -> "subprocess.Popen[str]":
        """Start a command in it."""
        return subprocess.Popen(
            ["ip", "netns", "exec", self.name, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            cwd=ROOT,
        )  # fmt: skip

    def replay(self, capture: Path, *options: str, interface: str = "a0") -> str:
        """Send a capture; what the tool said."""
        command = [sys.executable, "-m", "tools.replay", str(capture), "--interface", interface, *options]
        made = self.run(*command)
        assert made.returncode == 0, made.stderr
        return made.stdout

    def delete(self) -> None:
        """Remove it with all in it, processes too."""
        living = subprocess.run(["ip", "netns", "pids", self.name], check=False, capture_output=True, text=True)
        for pid in living.stdout.split():
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        subprocess.run(["ip", "netns", "del", self.name], check=False, capture_output=True)


def _enter(namespace: int) -> None:
    if ctypes.CDLL(None, use_errno=True).setns(namespace, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


class Probe:
    """`wiregauge live` in a namespace, started and listening."""

    def __init__(
        self, place: Namespace, out: Path, *options: str, interfaces: Sequence[str] = ("b0",), under: Sequence[str] = ()
    ) -> None:
        """`under`: a command that the probe is started by, as setpriv(1)."""
        self.out = out
        (out / ".status.json").unlink(missing_ok=True)
        named = [word for name in interfaces for word in ("--interface", name)]
        self.process = place.start(
            *under, *COMMAND, "live", *named, "--out", str(out), "--identities", "clear", *options
        )
        self.until(lambda status: True, COMPILING_S)

    def status(self) -> dict[str, Any] | None:
        """What it said last of itself."""
        try:
            return dict(json.loads((self.out / ".status.json").read_text()))
        except (OSError, ValueError):
            return None

    def until(self, holds: Callable[[dict[str, Any]], bool], patience_s: float = PATIENCE_S) -> dict[str, Any]:
        """Wait until its status is so."""
        end = time.monotonic() + patience_s
        while time.monotonic() < end and self.process.poll() is None:
            status = self.status()
            if status is not None and holds(status):
                return status
            time.sleep(0.02)
        self.process.kill()
        raise AssertionError(f"never came to that: {self.status()}\n{self.process.communicate()}")

    def seen(self, packets: int) -> dict[str, Any]:
        """Wait until it has read or lost so many packets."""
        return self.until(lambda status: status["packets"] + status["dropped"] >= packets)

    def stop(self, number: int = signal.SIGTERM) -> tuple[str, str]:
        """End it; what it said."""
        self.signal(number)
        out, err = self.process.communicate(timeout=PATIENCE_S)
        if number != signal.SIGKILL:
            assert self.process.returncode == 0, err
        return out, err

    def signal(self, number: int) -> None:
        """Send it a signal (`ip netns exec` becomes the command)."""
        os.kill(self.process.pid, number)


@contextmanager
def recording(place: Namespace, path: Path, interface: str = "b0") -> Iterator[None]:
    """Meanwhile the packets of an interface are kept in a file, with the same stamps."""
    path.unlink(missing_ok=True)
    process = place.start(sys.executable, "-m", "tools.wire", "record", interface, str(path))
    while not path.exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    yield
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE_S) == 0, process.communicate()


def record(interface: str, path: Path) -> None:
    """Packets to a pcap file until SIGTERM."""
    stopped: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: stopped.append(number))
    ring = PacketRing(interface, RingOptions(octets=256 << 20))
    _warm(ring)
    with path.open("wb", buffering=0) as file:
        file.write(struct.pack("=IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, 1))
        while True:
            block = ring.read()
            if block is None:
                if stopped:
                    break
                ring.wait(0.05)
                continue
            pieces = []
            for row in block.records:
                octets = block.data[row["offset"] : row["offset"] + row["captured"]].tobytes()
                stamp = divmod(int(row["ts"]), 10**9)
                pieces += [struct.pack("=IIII", *stamp, len(octets), int(row["wire"])), octets]
            file.write(b"".join(pieces))
            ring.release(block)
    assert ring.count().dropped == 0


def _warm(ring: PacketRing) -> None:
    from kernels.packet_ring import walk_block

    walk_block(ring.words, 0, 0, 1, 0, ring.records, 0)
    ring.read()


if __name__ == "__main__":
    record(sys.argv[2], Path(sys.argv[3]))
