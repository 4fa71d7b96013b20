"""Capture filters as classic BPF: the built-in one, or pcap syntax that libpcap compiles where it is installed."""

import ctypes
import ctypes.util

from probe.bpf import Instruction
from probe.errors import UsageError
from probe.packet_socket import link_of
from probe.prefilter import BUILTIN, prefilter

__all__ = ["compile_filter", "filter_of"]

ETHERNET = 1
DLT_RAW = 12
SNAP_OCTETS = 262144
NO_NETMASK = 0xFFFFFFFF


class _Instruction(ctypes.Structure):
    _fields_ = (("code", ctypes.c_ushort), ("jt", ctypes.c_ubyte), ("jf", ctypes.c_ubyte), ("k", ctypes.c_uint))


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint), ("instructions", ctypes.POINTER(_Instruction)))


def _library() -> ctypes.CDLL:
    name = ctypes.util.find_library("pcap")
    if name is None:
        raise UsageError(
            "--filter needs libpcap to compile an expression: install it (Debian: libpcap0.8), or use --filter builtin."
        )
    library = ctypes.CDLL(name)
    library.pcap_open_dead.restype = ctypes.c_void_p
    library.pcap_geterr.restype = ctypes.c_char_p
    library.pcap_geterr.argtypes = library.pcap_close.argtypes = [ctypes.c_void_p]
    library.pcap_compile.argtypes = [
        ctypes.c_void_p, ctypes.POINTER(_Program), ctypes.c_char_p, ctypes.c_int, ctypes.c_uint,
    ]  # fmt: skip
    return library


def compile_filter(expression: str, link: int = ETHERNET) -> list[Instruction]:
    """The instructions of an expression for frames of a link type; UsageError in libpcap's words where it is wrong."""
    library = _library()
    handle = library.pcap_open_dead(link, SNAP_OCTETS)
    program = _Program()
    try:
        if library.pcap_compile(handle, ctypes.byref(program), expression.encode(), 1, NO_NETMASK):
            words = library.pcap_geterr(handle).decode("utf-8", "replace")
            raise UsageError(f"--filter {expression!r}: {words}")
        found = [program.instructions[i] for i in range(program.length)]
        code = [(each.code, each.jt, each.jf, each.k) for each in found]
        library.pcap_freecode(ctypes.byref(program))
        return code
    finally:
        library.pcap_close(handle)


def filter_of(expression: str | None, interface: str) -> list[Instruction]:
    """The instructions of an expression, or of the built-in filter, for the frames of an interface; none for None."""
    if not expression:
        return []
    link = link_of(interface)
    if expression.strip() == BUILTIN:
        return prefilter(link)
    return compile_filter(expression, link if link == ETHERNET else DLT_RAW)
