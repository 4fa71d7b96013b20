"""Who a connection of S1AP or NGAP belongs to, as NAS tells: IMSI, IMEI, temporary identities.

An IMSI comes from an Attach, a Registration (SUCI of the null scheme) or an Identity Response; else from the temporary
identity that the device names itself by, if the IMSI behind it was seen before; else from the UE that the endpoints
of its bearers belong to. What is learnt is bound to the S-TMSI, also to the one that an accept assigns.
"""

import numpy as np

from formats.ran import INITIATING
from formats.ran_procedures import Op
from formats.state import NO_ROW, TMSI_BOUND, TMSI_NEW, TMSI_UNKNOWN
from kernels import ran_contexts, sessions, temporary_identities
from kernels import shard as own
from kernels.heard import nas as nas_rows
from kernels.jit import part
from kernels.ran_contexts import NO_IDENTITY

INITIAL_UE, NAS, CONTEXT_SETUP, BEARER_SETUP = (
    int(op) for op in (Op.INITIAL_UE, Op.NAS, Op.CONTEXT_SETUP, Op.BEARER_SETUP)
)
NOT_DELIVERED = (16, 19)
"""Procedure codes of NAS Non Delivery Indication in S1AP and NGAP: the message comes back."""


@part
def carries(m, op):  # type: ignore[no-untyped-def]
    """Whether the NAS messages in `m` are on their way, and not returned or quoted."""
    if m.nas_count == 0 or m.pdu != INITIATING:
        return False
    if op == NAS:
        return m.procedure != NOT_DELIVERED[0] if m.protocol == 1 else m.procedure != NOT_DELIVERED[1]
    return True


@part
def be_named(shard, c, row, imsi):  # type: ignore[no-untyped-def]
    """The device has told its IMSI: a UE that was taken for it under another is not its own."""
    if c.imsi == imsi:
        return
    ue_row = ran_contexts.ue_of(shard, c)
    if ue_row >= 0 and own.ues(shard, 0)[ue_row].imsi != NO_IDENTITY:
        if own.ues(shard, 0)[ue_row].imsi == imsi:
            return
        if own.ues(shard, 0)[ue_row].serving == row:
            own.ues(shard, 0)[ue_row].serving = NO_ROW
        c.ue = NO_ROW
    c.imsi, c.tmsi_state = imsi, TMSI_NEW


@part
def be_called(c, n, by_core):  # type: ignore[no-untyped-def]
    """A temporary identity in NAS message `n`: the core's is new, the device's counts where S1AP told none."""
    if n.tmsi < 0 or n.guti_code < 0:
        return
    here = temporary_identities.network_of(c.cell)
    if (by_core or c.s_tmsi < 0) and (n.guti_plmn < 0 or here == 0 or n.guti_plmn == here):
        c.s_tmsi = (np.int64(n.guti_code) << 32) | np.int64(n.tmsi)
        c.tmsi_state = TMSI_NEW


@part
def read(shard, c, row, n, by_core):  # type: ignore[no-untyped-def]
    """The identities in NAS message `n`."""
    if n.imsi != NO_IDENTITY and not by_core:
        be_named(shard, c, row, n.imsi)
    if n.imei != NO_IDENTITY and not by_core:
        c.imei = n.imei
    be_called(c, n, by_core)


@part
def remember(shard, c, ts):  # type: ignore[no-untyped-def]
    """IMSI and S-TMSI of the context: the one from the other, or bound to it."""
    if c.s_tmsi < 0 or c.tmsi_state == TMSI_BOUND or temporary_identities.network_of(c.cell) == 0:
        return
    if c.imsi == NO_IDENTITY and c.tmsi_state == TMSI_UNKNOWN:
        return
    hashed = temporary_identities.hash_of(np.int64(c.protocol), c.cell, c.s_tmsi)
    if c.imsi == NO_IDENTITY:
        c.imsi = temporary_identities.imsi_of(shard, hashed, ts)
        c.tmsi_state = TMSI_UNKNOWN if c.imsi == NO_IDENTITY else TMSI_BOUND
    else:
        temporary_identities.bind(shard, hashed, c.imsi, ts)
        c.tmsi_state = TMSI_BOUND


@part
def name_sessions(shard, ue_row, imei):  # type: ignore[no-untyped-def]
    """The UE, and sessions of it without one, have this IMEI."""
    ue = own.ues(shard, 0)[ue_row]
    ue.imei = imei
    for k in range(16):
        bearer_row = np.int64(ue.bearer[k])
        if bearer_row >= 0:
            s = own.sessions(shard, 0)[own.bearers(shard, 0)[bearer_row].session]
            if s.imei == NO_IDENTITY:
                s.imei = imei


@part
def name_ue(shard, c, row, ts):  # type: ignore[no-untyped-def]
    """What the context knows, its UE knows; a UE that is known by the IMSI is the context's."""
    ue_row = ran_contexts.ue_of(shard, c)
    if ue_row < 0:
        ue_row = sessions.find_imsi(shard, c.imsi)
        if ue_row >= 0:
            ran_contexts.join(shard, row, ue_row, ts)
    elif own.ues(shard, 0)[ue_row].imsi == NO_IDENTITY and c.imsi != NO_IDENTITY:
        if sessions.find_imsi(shard, c.imsi) < 0:
            sessions.name_ue(shard, ue_row, c.imsi)
    if ue_row >= 0 and c.imei != NO_IDENTITY and own.ues(shard, 0)[ue_row].imei == NO_IDENTITY:
        name_sessions(shard, ue_row, c.imei)


@part
def identify(shard, heard, m, row, op, by_core):  # type: ignore[no-untyped-def]
    """Take over the identities in RAN message `m` of context `row`."""
    c = own.rans(shard, 0)[row]
    if carries(m, op):
        for k in range(m.first_nas, m.first_nas + m.nas_count):
            read(shard, c, row, nas_rows(heard, 0)[k], by_core)
    ue_row = ran_contexts.ue_of(shard, c)
    if ue_row >= 0 and own.ues(shard, 0)[ue_row].imsi != NO_IDENTITY and own.ues(shard, 0)[ue_row].imsi != c.imsi:
        c.imsi, c.tmsi_state = own.ues(shard, 0)[ue_row].imsi, TMSI_NEW
    remember(shard, c, m.ts)
    name_ue(shard, c, row, m.ts)
