"""The rules that hold the house together, read from the files themselves."""

import ast
import importlib
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("probe", "kernels", "formats", "tools", "tests", "benchmarks")
MAY_IMPORT = {
    "formats": {"formats"},
    "kernels": {"kernels", "formats"},
    "probe": {"probe", "kernels", "formats", "tools"},
    "tools": {"tools", "probe", "kernels", "formats"},
    "tools/scenario": {"tools", "formats"},  # generators judge the decoder, so they share none of its code
    "tools/cdr": {"tools", "formats"},
}
OUTSIDE_WORLD = {
    "io",
    "logging",
    "os",
    "pathlib",
    "random",
    "shutil",
    "socket",
    "subprocess",
    "sys",
    "tempfile",
    "time",
}
LONGEST_FILE = 600
LONGEST_FUNCTION = 80
TEXT_SUFFIXES = {".py", ".md", ".toml", ".json", ".jsonl", ".txt", ".cfg", ""}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def sources(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py")) if "data" not in path.parts]


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def named(path: Path, node: ast.AST) -> str:
    return f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"


def imports(path: Path) -> Iterator[tuple[str, ast.AST]]:
    """Full names that a file imports, also inside functions."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{named(path, node)}: a relative import; name the package"
            yield (node.module or ""), node
            yield from ((f"{node.module}.{alias.name}", node) for alias in node.names)


def functions(path: Path) -> Iterator[Function]:
    return (node for node in ast.walk(tree(path)) if isinstance(node, Function))


def is_kernel(function: Function) -> bool:
    return any(isinstance(mark, ast.Name) and mark.id == "kernel" for mark in function.decorator_list)


# --- who may know whom ------------------------------------------------------------------------------------------


def test_imports_run_one_way() -> None:
    wrong = {
        f"{named(path, node)} imports {module}"
        for folder, allowed in MAY_IMPORT.items()
        for path in sources(folder)
        for module, node in imports(path)
        if module.split(".")[0] in set(FOLDERS) - allowed
    }
    assert not wrong, "imports go probe -> kernels -> formats, never back:\n" + "\n".join(sorted(wrong))


def test_numba_is_configured_in_one_place() -> None:
    compilers = {"njit", "jit", "vectorize", "guvectorize", "cfunc", "stencil", "generated_jit"}
    wrong = []
    for path in sources(*FOLDERS):
        if path.relative_to(ROOT).as_posix() == "kernels/jit.py":
            continue
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "numba":
                used = {alias.name for alias in node.names}
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "numba":
                used = {node.attr}
            else:
                continue
            wrong += [f"{named(path, node)} uses numba.{name}" for name in sorted(used & compilers)]
    assert not wrong, "only kernels/jit.py compiles; use its @kernel:\n" + "\n".join(wrong)


def test_kernels_know_no_outside_world() -> None:
    forbidden = OUTSIDE_WORLD | {"pyarrow", "click", "rich", "scapy", "datetime"}
    wrong = [
        f"{named(path, node)} imports {module}"
        for path in sources("kernels")
        if path.name != "jit.py"
        for module, node in imports(path)
        if module.split(".")[0] in forbidden
    ]
    assert not wrong, "kernels/ computes, nothing else:\n" + "\n".join(wrong)


def test_formats_only_say() -> None:
    wrong = [
        f"{named(path, node)} imports {module}"
        for path in sources("formats")
        for module, node in imports(path)
        if module.split(".")[0] in OUTSIDE_WORLD
    ]
    for path in sources("formats"):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"open", "print"}:
                wrong.append(f"{named(path, node)} calls {node.func.id}")
            if isinstance(node, ast.Global):
                wrong.append(f"{named(path, node)} keeps state: global {', '.join(node.names)}")
    assert not wrong, "formats/ declares; it opens no file, keeps no state, reads no clock:\n" + "\n".join(wrong)


def test_kernels_never_raise_or_print() -> None:
    wrong = [
        f"{named(path, node)} in {function.name}"
        for path in sources("kernels")
        for function in functions(path)
        if is_kernel(function)
        for node in ast.walk(function)
        if isinstance(node, ast.Raise | ast.Try | ast.Assert)
        or (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print")
    ]
    assert not wrong, "a kernel returns a reject code, never an exception:\n" + "\n".join(wrong)


# --- what fits a reader's head ----------------------------------------------------------------------------------


def test_files_fit_a_readers_head() -> None:
    lengths = sorted(((len(p.read_text(encoding="utf-8").splitlines()), p) for p in sources(*FOLDERS)), reverse=True)
    longest = [f"{lines} lines: {path.relative_to(ROOT)}" for lines, path in lengths[:5]]
    assert lengths[0][0] <= LONGEST_FILE, "the longest files:\n" + "\n".join(longest)


def test_functions_fit_a_screen() -> None:
    lengths = sorted(
        ((node.end_lineno or 0) - node.lineno + 1, f"{named(path, node)} {node.name}")
        for path in sources(*FOLDERS)
        for node in functions(path)
    )
    longest = [f"{lines} lines: {name}" for lines, name in lengths[:-8:-1]]
    assert lengths[-1][0] <= LONGEST_FUNCTION, "the longest functions:\n" + "\n".join(longest)


def test_what_is_public_is_explained() -> None:
    bare = []
    for path in sources("probe", "kernels", "formats", "tools", "benchmarks"):
        if ast.get_docstring(tree(path)) is None:
            bare.append(f"{path.relative_to(ROOT)}: the module")
        for node in tree(path).body:
            if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_"):
                bare += [f"{named(path, node)} {node.name}"] if ast.get_docstring(node) is None else []
    assert not bare, "no docstring:\n" + "\n".join(bare)


def test_every_kernel_module_is_tested() -> None:
    """Imported by a test, or by something that one imports."""
    modules = {module_name(path): path for path in sources(*FOLDERS)}
    reached: set[str] = set()
    waiting = [name for name in modules if name.startswith("tests.test_")]
    while waiting:
        name = waiting.pop()
        if name in modules and name not in reached:
            reached.add(name)
            waiting += [module for module, _ in imports(modules[name])]
    untested = [name for name in modules if name.startswith("kernels.") and name not in reached]
    assert not untested, "no test imports: " + ", ".join(untested)


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def test_project_names_no_place_of_its_making() -> None:
    places = re.compile("|".join([r"(?<![\w.\-])/" + f"(?:{name})" + r"(?=/|\b)" for name in ("work", "home", "root")]))
    wrong = []
    for path in project_texts():
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if places.search(line):
                wrong.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}")
    assert not wrong, "an absolute path of one machine:\n" + "\n".join(wrong)


def project_texts() -> Iterator[Path]:
    yield from (
        p for p in ROOT.iterdir() if p.is_file() and p.suffix in TEXT_SUFFIXES and p.name not in {".git", ".coverage"}
    )
    for folder in (*FOLDERS, ".ci"):
        for path in sorted((ROOT / folder).rglob("*")):
            skipped = {"__pycache__", "data", "results"} & set(path.parts)
            if path.is_file() and path.suffix in TEXT_SUFFIXES and not skipped:
                yield path


# --- what is declared once --------------------------------------------------------------------------------------


def test_columns_are_declared_once() -> None:
    from formats.xdr import TABLES

    assert len({table.name for table in TABLES}) == len(TABLES)
    for table in TABLES:
        names = [column.name for column in table.columns]
        assert len(set(names)) == len(names), f"{table.name}: a column twice"
        assert len(set(table.dtype.names)) == len(table.dtype.names)
        for column in table.columns:
            assert column.meaning, f"{table.name}.{column.name} has no meaning"
            assert len(set(column.values)) == len(column.values), f"{table.name}.{column.name}: a value twice"
            assert bool(column.values) == (column.kind == "enum"), f"{table.name}.{column.name}: values are for enums"
            assert not column.name.endswith("_ms") or column.unit == "ms"


def test_a_name_means_the_same_in_every_table() -> None:
    from formats.xdr import TABLES

    kinds: dict[str, set[tuple[str, str]]] = {}
    for table in TABLES:
        for column in table.columns:
            kinds.setdefault(column.name, set()).add((column.kind, column.unit))
    different = {name: found for name, found in kinds.items() if len(found) > 1 and name != "source"}
    assert not different


def test_reasons_are_declared_once() -> None:
    from formats.reasons import BY_CODE, CODES, REASONS

    assert len(BY_CODE) == len(REASONS)
    assert len({reason.name for reason in REASONS}) == len(REASONS)
    assert all(0 < reason.code < CODES and reason.meaning for reason in REASONS)
    assert {reason.stage for reason in REASONS} == {"decoded", "rejected", "dropped", "duplicate"}


# --- what the documents say -------------------------------------------------------------------------------------


def readmes() -> list[Path]:
    if not (ROOT / "README.md").exists():
        pytest.skip("README.md is not written yet")
    return [
        ROOT / "README.md",
        *sorted(p for f in FOLDERS for p in (ROOT / f).rglob("README.md") if "data" not in p.parts),
    ]


def fenced_lines(readme: Path) -> Iterator[str]:
    inside = False
    for line in readme.read_text(encoding="utf-8").splitlines():
        if line.lstrip().startswith("```"):
            inside = not inside
        elif inside:
            yield line.strip().removeprefix("$ ")


def test_each_folder_says_what_lives_in_it() -> None:
    readmes()
    missing = [f"{folder}/README.md" for folder in FOLDERS if not (ROOT / folder / "README.md").exists()]
    assert not missing, "no " + ", ".join(missing)


def test_paths_named_in_documents_exist() -> None:
    path_like = re.compile(r"`((?:probe|kernels|formats|tests|tools|benchmarks|\.ci)/[\w./*-]*)`")
    link = re.compile(r"\]\((?!https?:|#)([^)#]+)")
    wrong = []
    for readme in readmes():
        text = readme.read_text(encoding="utf-8")
        wrong += [f"{readme.relative_to(ROOT)}: {name}" for name in path_like.findall(text) if not any_path(ROOT, name)]
        wrong += [f"{readme.relative_to(ROOT)}: {to}" for to in link.findall(text) if not (readme.parent / to).exists()]
    assert not wrong, "named but not there:\n" + "\n".join(wrong)


def any_path(folder: Path, name: str) -> bool:
    if name.startswith(("benchmarks/data", "benchmarks/results")):
        return True  # made by `make bench`
    return any(folder.glob(name.rstrip("/"))) if "*" in name else (folder / name).exists()


def test_make_targets_named_in_documents_exist() -> None:
    targets = set(re.findall(r"^([a-z][\w-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for readme in [*readmes(), ROOT / "CHANGELOG.md"]:
        text = readme.read_text(encoding="utf-8")
        said = set(re.findall(r"`make ([a-z][\w-]*)`", text))
        said |= {m.group(1) for line in fenced_lines(readme) if (m := re.match(r"make ([a-z][\w-]*)", line))}
        assert said <= targets, f"{readme.relative_to(ROOT)} names make {', '.join(sorted(said - targets))}"


def test_commands_named_in_documents_exist() -> None:
    if not (ROOT / "probe" / "cli.py").exists():
        pytest.skip("probe/cli.py is not written yet")
    group = importlib.import_module("probe.cli").main
    wrong = []
    for readme in readmes():
        spans = re.findall(r"`(wiregauge [^`]+)`", readme.read_text(encoding="utf-8"))
        for line in [*fenced_lines(readme), *spans]:
            wrong += [f"{readme.relative_to(ROOT)}: {line}: {flaw}" for flaw in command_flaws(group, line)]
    assert not wrong, "\n".join(wrong)


def command_flaws(group: object, line: str) -> Iterator[str]:
    """What is wrong with a line such as `wiregauge run captures/ --out kpis/`."""
    words = line.split("#")[0].split()
    if len(words) < 2 or words[0] != "wiregauge" or words[1].startswith("-"):
        return
    commands = getattr(group, "commands", {})
    if words[1] not in commands:
        yield f"no command {words[1]}"
        return
    options = {opt for param in commands[words[1]].params for opt in (*param.opts, *param.secondary_opts)} | {"--help"}
    for option in re.findall(r"(?<![\w-])--[a-z][\w-]*", " ".join(words[2:])):
        if option not in options:
            yield f"no option {option}"


def test_ci_calls_make_test() -> None:
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o111, ".ci/run is not executable"
    assert "make test" in script.read_text(encoding="utf-8")


def test_licence_and_version_are_stated() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    version = re.search(r'^version = "([^"]+)"', project, re.MULTILINE)
    assert version is not None
    assert f"## {version.group(1)}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    licence = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in licence
    assert "END OF TERMS AND CONDITIONS" in licence
    for folder in ("probe", "kernels", "formats", "tools"):
        assert (ROOT / folder / "py.typed").exists()
