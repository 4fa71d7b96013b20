"""The one place where the harness meets the decoder: its kernels on data in memory, on one core, warm."""

from importlib import import_module, util
from pathlib import Path


def measure_kernels(path: Path) -> dict[str, float] | None:
    """Decode, join and follow the flows of the capture `path`, once it lies in memory and everything is compiled.

    Returns `packets` and `seconds` (of the kernels alone: no file, no Parquet), and any stage of its own as
    `seconds_<stage>`; None while there is nothing to measure.
    """
    if util.find_spec("probe.pipeline") is None:
        return None
    measure = getattr(import_module("probe.pipeline"), "measure_in_memory", None)
    return None if measure is None else dict(measure(path))
