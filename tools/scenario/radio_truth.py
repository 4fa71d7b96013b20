"""What the network between radio and core experienced: part of the truth where such signalling is in the scenario.

Meanings (times int64 ns since 1970 UTC, as the capture shows them):

- A `connection` is the context of a device on S1 or N2: from its Initial UE Message (`start`). `answered`: the first
  message of the core to it. `established`: the Initial Context Setup Response, null where there was none.
  `release_requested`: the UE Context Release Request of the radio node, or its Reset; null where the core released.
  `release_commanded`, `end`: UE Context Release Command and Complete (of a Reset: its acknowledgement, both).
  `cause_family`, `cause_code`: of the request of the radio node where there was one, else of the command.
  `abnormal`: released by the radio node for a cause that is neither user inactivity nor a handover.
  `stays`: [cell, from, until]; a cell is left at the Path Switch Request or Handover Notify; the last until is `end`.
  The context that a handover leaves behind in the source is not a connection of its own.
  `captured` is false where it began before the capture of signalling did: then its cell cannot be known from the start.
- A `bearer` is an E-RAB or PDU session resource of a connection: `start` the response that said it was set up, `end`
  the message that ended it: release response or indication, else the `end` of its connection. `kind`: initial, added.
  A bearer is `abnormal` with its connection, by a release indication, by a release command that says so, or by a path
  switch that failed, which ends it.
- Procedures of the control plane stand among `procedures`, with the interface's name. Their `imsi` is who it was,
  whether the messages say so or not. `signalling_connection`: Initial UE Message to the first message of the core.
  `e_rab_establishment_*` and `pdu_session_resource_establishment`: one for each bearer asked for.
  `handover_execution`: Handover Command to Handover Notify, or to the message of the source that gave it up (Handover
  Cancel, UE Context Release Request), at the source cell; `target` is the other one.
  `handover_resource_allocation` and `path_switch_request` are asked for at the target cell.
  NAS procedures count from their request to the message that ends them: attach to Attach Complete or Reject, and so on;
  `service_request` to Initial Context Setup Response, reject or failure. `ciphered` says whether the end of a NAS
  procedure was hidden by ciphering, and with it the outcome.
  `paging`: one for each device asked for, in the cell where it answered (null: no answer); `outcome` success if it did.
- `radio_cells`: per window and cell, sums of these. An attempt and its outcome count where and when it was asked for;
  a release counts where and when it was requested (by the core: commanded). `connected_ns`, `bearer_ns`: time in the
  cell and window from `established` (`start` of a bearer) to `end`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

NORMAL_S1 = {("s1ap_radio", 20), ("s1ap_radio", 2), ("s1ap_radio", 23), ("s1ap_radio", 24), ("s1ap_radio", 36),
             ("s1ap_radio", 28), ("s1ap_nas", 4)}  # fmt: skip
NORMAL_NG = {("ngap_radio", 20), ("ngap_radio", 2), ("ngap_radio", 36)}


@dataclass
class Connection:
    """A device's context on S1 or N2; the docstring of the module says what the fields mean."""

    number: int
    interface: str
    rat: str
    imsi: str
    core: str
    reason: int
    start: int
    stays: list[list[Any]]
    captured: bool = True
    answered: int | None = None
    established: int | None = None
    release_requested: int | None = None
    release_commanded: int | None = None
    end: int | None = None
    cause_family: str | None = None
    cause_code: int | None = None
    abnormal: bool = False

    @property
    def cell(self) -> str:
        """The cell that it is in."""
        return str(self.stays[-1][0])

    def move(self, cell: str, ts: int) -> None:
        """From `ts` on it is in `cell`."""
        self.stays[-1][2] = ts
        self.stays.append([cell, ts, None])


@dataclass
class RadioBearer:
    """An E-RAB or a PDU session resource. `identity`: E-RAB or PDU session identity; `qos`: QCI or 5QI."""

    connection: int
    imsi: str
    session: int | None
    identity: int
    qos: int
    kind: str
    start: int
    slice: str | None = None
    end: int | None = None
    cause_family: str | None = None
    cause_code: int | None = None
    abnormal: bool = False


@dataclass
class RadioTruth:
    """Connections and bearers, and what they come to per window and cell."""

    window_ns: int
    connections: list[Connection] = field(default_factory=list)
    bearers: list[RadioBearer] = field(default_factory=list)

    def by_cell(self, procedures: list[dict[str, Any]], until: int) -> list[dict[str, Any]]:
        """Counters of each (window, cell); what lasts longer counts until `until`."""
        groups: dict[tuple[int, str], dict[str, Any]] = {}

        def group(ts: int, cell: str | None) -> dict[str, Any]:
            key = (ts - ts % self.window_ns, cell or "")
            if key not in groups:
                groups[key] = {"window_start": key[0], "cell": key[1] or None, "procedures": {}, "releases": {},
                               "bearer_releases": {}, "connected_ns": 0, "bearer_ns": {}}  # fmt: skip
            return groups[key]

        for p in procedures:
            if p["interface"] in ("s1mme", "n2"):
                _count(group(p["start"], p["cell"])["procedures"], p["procedure"], _outcome(p))
        own: dict[int, list[RadioBearer]] = {}
        for b in self.bearers:
            own.setdefault(b.connection, []).append(b)
        for c in self.connections:
            self._add_connection(c, own.get(c.number, []), group, until)
        return [groups[key] for key in sorted(groups)]

    def _add_connection(self, c: Connection, own: list[RadioBearer], group: Any, until: int) -> None:
        when = c.release_requested if c.release_requested is not None else c.release_commanded
        if when is not None:
            row = group(when, c.cell)
            _count(row["releases"], "abnormal" if c.abnormal else "normal", f"{c.cause_family}/{c.cause_code}")
        for b in own:
            if b.end is not None and b.cause_family is not None:
                at = b.end if b.end != c.end or when is None else when
                _count(
                    group(at, _cell_at(c, at))["bearer_releases"], "abnormal" if b.abnormal else "normal", str(b.qos)
                )
        if c.established is not None:
            for cell, ts, span in self._spans(c, c.established, c.end or until):
                group(ts, cell)["connected_ns"] += span
        for b in own:
            for cell, ts, span in self._spans(c, b.start, b.end or until):
                times = group(ts, cell)["bearer_ns"]
                times[str(b.qos)] = times.get(str(b.qos), 0) + span

    def _spans(self, c: Connection, begin: int, end: int) -> Iterator[tuple[str, int, int]]:
        for cell, since, until in c.stays:
            low, high = max(begin, since), min(end, end if until is None else until)
            while low < high:
                stop = min(high, low - low % self.window_ns + self.window_ns)
                yield cell, low, stop - low
                low = stop


def _cell_at(c: Connection, ts: int) -> str:
    return str([cell for cell, since, _ in c.stays if since <= ts][-1])


def _outcome(p: dict[str, Any]) -> str:
    if p["outcome"] != "failure":
        return str(p["outcome"])
    return f"failure {p['cause_family']}/{p['cause_code']}"


def _count(table: dict[str, dict[str, int]], kind: str, outcome: str) -> None:
    row = table.setdefault(kind, {})
    row[outcome] = row.get(outcome, 0) + 1
