"""A Dask cluster of this machine: a scheduler and some workers of one thread each, processes of their own.

with local_cluster(2, folder) as address:
    ...

python -m tools.cluster 2          prints the address, stays until Ctrl-C
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["local_cluster"]

START_S = 90


@contextmanager
def local_cluster(workers: int, folder: Path) -> Iterator[str]:
    """Within, the address of a scheduler that has so many workers; `folder` is for what they put on disk.

    RuntimeError where it does not come up within START_S.
    """
    told = folder / "scheduler.json"
    common = ["--scheduler-file", str(told), "--no-dashboard"]
    scheduler, worker = ([sys.executable, "-m", f"distributed.cli.dask_{what}"] for what in ("scheduler", "worker"))
    more = ["--nthreads", "1", "--nworkers", str(workers), "--local-directory", str(folder), "--host", "127.0.0.1"]
    processes = [_start([*scheduler, "--port", "0", "--host", "127.0.0.1", *common])]
    try:
        processes.append(_start([*worker, *more, *common]))
        yield _address(told, workers)
    finally:
        for process in reversed(processes):  # the workers' parent first: it takes them along
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _start(words: list[str]) -> subprocess.Popen[bytes]:
    here = str(Path(__file__).resolve().parent.parent)
    path = os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH", "")]))
    quiet = subprocess.DEVNULL
    return subprocess.Popen(words, stdout=quiet, stderr=quiet, env={**os.environ, "PYTHONPATH": path})


def _address(told: Path, workers: int) -> str:
    from distributed import Client

    end = time.monotonic() + START_S
    while time.monotonic() < end:
        if told.exists():
            address = str(json.loads(told.read_text())["address"])
            with Client(address, set_as_default=False) as client:
                client.wait_for_workers(workers, timeout=START_S)
            return address
        time.sleep(0.1)
    raise RuntimeError("the scheduler did not start")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place, local_cluster(int(sys.argv[1]), Path(place)) as where:
        print(where, flush=True)
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            pass
