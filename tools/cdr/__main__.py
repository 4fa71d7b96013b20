"""Write an archive of a seeded network: `python -m tools.cdr --out archive/day.ber --sessions 1000`."""

import argparse
from pathlib import Path

from tools.cdr.records import cdr_header, file_header
from tools.cdr.simulate import Scenario, written


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tools.cdr", description="Write charging records with known truth.")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE")
    parser.add_argument("--sessions", type=int, default=1000)
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--framed", action="store_true", help="with the file and record headers of TS 32.297")
    given = parser.parse_args()
    given.out.parent.mkdir(parents=True, exist_ok=True)
    count = octets = 0
    with given.out.open("wb") as file:
        if given.framed:
            file.write(file_header(0, 0))
        for record in written(Scenario(sessions=given.sessions, calls=given.calls, seed=given.seed)):
            octets += file.write(cdr_header(record) + record if given.framed else record)
            count += 1
        if given.framed:
            file.seek(0)
            file.write(file_header(count, octets))
    print(f"{given.out}: {count:,} records")


if __name__ == "__main__":
    main()
