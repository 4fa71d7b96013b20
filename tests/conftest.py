"""Options of the test run: where the real captures and charging records are, and whether goldens are written anew."""

from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--captures", metavar="DIR", default=None, help="folder with real captures (files/, truth/)")
    parser.addoption("--cdr", metavar="DIR", default=None, help="folder with real charging records (files/, truth/)")
    parser.addoption("--update-goldens", action="store_true", help="write the goldens anew; read the diff")


def _folder(request: pytest.FixtureRequest, option: str, what: str) -> Path:
    """The folder that an option names; the test is skipped where it was not named or is not there."""
    folder = request.config.getoption(option)
    if folder is None:
        pytest.skip(f"needs {what}: run with {option} DIR")
    if not Path(folder).is_dir():
        pytest.skip(f"needs {what}: {folder} is no folder")
    return Path(folder)


@pytest.fixture(scope="session")
def captures(request: pytest.FixtureRequest) -> Path:
    """The folder of real captures; tests that ask for it are skipped where it was not named or is not there."""
    return _folder(request, "--captures", "real captures")


@pytest.fixture(scope="session")
def archives(request: pytest.FixtureRequest) -> Path:
    """The folder of real charging records; skipped as above."""
    return _folder(request, "--cdr", "real charging records")


@pytest.fixture
def update_goldens(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--update-goldens"))
