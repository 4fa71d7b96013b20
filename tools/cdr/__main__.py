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
    records = list(written(Scenario(sessions=given.sessions, calls=given.calls, seed=given.seed)))
    parts = [cdr_header(record) + record for record in records] if given.framed else records
    body = b"".join(parts)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_bytes((file_header(len(records), len(body)) if given.framed else b"") + body)
    print(f"{given.out}: {len(records):,} records")


if __name__ == "__main__":
    main()
