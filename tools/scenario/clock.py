"""A subscriber's own clock, which stands still while signalling moves its bearers.

User traffic is modelled on local time. Mapped to real time it keeps clear of every moment at which it could be argued
which cell or tunnel a packet belongs to.
"""

from bisect import bisect_right


class Clock:
    """Local to real time, given the real spans [begin, end) in which nothing is sent. Spans are sorted, apart."""

    def __init__(self, spans: list[tuple[int, int]]) -> None:
        self.begins: list[int] = []
        self.shifts = [0]
        for begin, end in spans:
            self.begins.append(begin - self.shifts[-1])
            self.shifts.append(self.shifts[-1] + end - begin)

    def real(self, local: int) -> int:
        """Real time of a local time."""
        return local + self.shifts[bisect_right(self.begins, local)]

    def unbroken(self, a: int, b: int) -> bool:
        """Whether the clock runs through from local time `a` to `b`."""
        return bisect_right(self.begins, a) == bisect_right(self.begins, b)
