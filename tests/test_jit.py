"""The cache of machine code: a new folder for every change of what it is made of; and parts that allocate nothing."""

import ast
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import llvmlite
import numba
import numpy as np
import pytest
from numba import config

import kernels
from kernels import jit
from kernels.group import slots_for

KERNELS = Path(kernels.__file__).parent


UPDATE = KERNELS / "update.py"


def test_the_digest_is_stable(monkeypatch: pytest.MonkeyPatch) -> None:
    assert jit._digest(UPDATE) == jit._digest(UPDATE)
    monkeypatch.setenv("WIREGAUGE_CACHE", "/some/where")
    assert jit.cache_folder(UPDATE) == Path("/some/where/wiregauge/kernels") / f"update-{jit._digest(UPDATE)}"


@pytest.mark.skipif(bool(config.DISABLE_JIT), reason="needs the compiler")
def test_an_entry_is_kept_in_the_folder_of_its_module() -> None:
    kernel: Any = slots_for
    assert Path(kernel.entry._cache.cache_path).is_relative_to(jit.cache_folder(KERNELS / "group.py"))


@pytest.mark.parametrize("switch", ["NUMBA_BOUNDSCHECK", "NUMBA_OPT", "NUMBA_CPU_NAME"])
def test_a_switch_changes_the_folder(monkeypatch: pytest.MonkeyPatch, switch: str) -> None:
    monkeypatch.delenv(switch, raising=False)
    before = jit.cache_folder(UPDATE)
    monkeypatch.setenv(switch, "1")
    assert jit.cache_folder(UPDATE) != before


@pytest.mark.parametrize("module", [numba, llvmlite, np])
def test_a_version_changes_the_folder(monkeypatch: pytest.MonkeyPatch, module: object) -> None:
    before = jit.cache_folder(UPDATE)
    monkeypatch.setattr(module, "__version__", "0.0.1")
    assert jit.cache_folder(UPDATE) != before


def _loaded_by(module: str) -> set[str]:
    """Python's own account of the files of these packages that a module needs."""
    code = (
        f"import sys, {module}\n"
        "print(*[m for m in sys.modules if m.split('.')[0] in ('formats', 'kernels') and '.' in m])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=KERNELS.parent, check=True)
    return {f"{name.replace('.', '/')}.py" for name in run.stdout.split()}


@pytest.mark.parametrize("module", ["update", "update_heard", "ber", "group"])
def test_the_sources_of_a_module_are_all_that_it_imports(module: str) -> None:
    told = {str(p.relative_to(KERNELS.parent)) for p in jit._sources(KERNELS / f"{module}.py")}
    assert told == _loaded_by(f"kernels.{module}") | {"kernels/jit.py", "kernels/pieces.py"}


@pytest.mark.parametrize("folder", ["kernels", "formats"])
def test_a_source_changes_the_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, folder: str) -> None:
    """Of any file that the module imports, and of no other."""
    for name in ("kernels", "formats"):
        shutil.copytree(KERNELS.parent / name, tmp_path / name)
    monkeypatch.setattr(jit, "__file__", str(tmp_path / "kernels" / "jit.py"))
    file = tmp_path / "kernels" / "update.py"
    mine = jit._sources(file)
    seen, changes = {jit._digest(file)}, 0
    for path in sorted((tmp_path / folder).glob("*.py")):
        path.write_bytes(path.read_bytes() + b"\n")
        jit._source.cache_clear()
        seen.add(jit._digest(file))
        changes += path in mine
        assert len(seen) == 1 + changes, path
    assert changes > 10


def test_where_the_cache_lies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WIREGAUGE_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    assert jit.cache_folder(UPDATE).parent == Path("/x/wiregauge/kernels")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert jit.cache_folder(UPDATE).parent == Path.home() / ".cache/wiregauge/kernels"


def test_compiled_before_tells(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WIREGAUGE_CACHE", str(tmp_path))
    assert not jit.compiled_before("update")
    folder = jit.cache_folder(UPDATE) / "a"
    folder.mkdir(parents=True)
    assert not jit.compiled_before("update")
    (folder / "b.nbi").touch()
    assert jit.compiled_before("update")


def _parts() -> list[tuple[str, ast.FunctionDef]]:
    out = []
    for path in sorted(KERNELS.glob("*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef):
                names = {d.id for d in node.decorator_list if isinstance(d, ast.Name)}
                if names & {"part", "inlined"}:
                    out.append((path.name, node))
    return out


def test_parts_call_nothing_that_allocates() -> None:
    """By their source: no array, list, set, dict or string is made in a part."""
    makers = {"zeros", "empty", "ones", "full", "array", "arange", "concatenate", "append", "zeros_like", "empty_like"}
    makers = {f"np.{name}" for name in makers} | {"list", "set", "dict", "str", "bytes", "bytearray"}
    displays = (ast.List, ast.Set, ast.Dict, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.JoinedStr)
    parts = _parts()
    assert len(parts) > 100
    for file, function in parts:
        for node in (n for statement in function.body for n in ast.walk(statement)):
            assert not isinstance(node, displays), f"{file}: {function.name} line {node.lineno}"
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                assert called not in makers, f"{file}: {function.name} line {node.lineno}"


@pytest.mark.skipif(bool(config.DISABLE_JIT), reason="needs the compiler")
def test_a_part_cannot_allocate() -> None:
    """The compiler refuses it, so this holds for every part that compiles."""
    code = (
        "import numpy as np\n"
        "def bad(n):\n    return np.zeros(n).sum()\n"
        "import numba\ntry:\n    numba.njit(nogil=True, _nrt=False)(bad)(3)\n"
        "except Exception as e:\n    print('refused')\n"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=KERNELS.parent, check=False)
    assert out.stdout.strip() == "refused", out.stderr
