"""Options of the test run: where the real captures are, and whether goldens are written anew."""

from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--captures", metavar="DIR", default=None, help="folder with real captures (files/, truth/)")
    parser.addoption("--update-goldens", action="store_true", help="write the goldens anew; read the diff")


@pytest.fixture(scope="session")
def captures(request: pytest.FixtureRequest) -> Path:
    """The folder of real captures; tests that ask for it are skipped where it was not named or is not there."""
    folder = request.config.getoption("--captures")
    if folder is None:
        pytest.skip("needs real captures: run with --captures DIR")
    if not Path(folder).is_dir():
        pytest.skip(f"needs real captures: {folder} is no folder")
    return Path(folder)


@pytest.fixture
def update_goldens(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--update-goldens"))
