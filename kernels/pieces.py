"""Kernels that call kernels: each function compiled once, all of a call tree optimised together, once.

Numba optimises a function and makes machine code of it, then does so again within every caller, and within each
caller's caller: ten levels deep that is most of the time that compiling takes. Here a function that another kernel
calls is a *piece*: typed and lowered to LLVM's intermediate form, no further. The *entry*, which Python calls, links
the pieces below it, makes them private to itself, and optimises the whole as one module, as a C compiler does with
one file.

This reaches into Numba's compiler (written for 0.68; `pyproject.toml` bounds the version).
"""

from collections.abc import Callable, Iterable
from functools import cached_property, update_wrapper
from typing import Any

from numba.core import compiler, event, sigutils
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import cpu_target
from numba.core.types import Dispatcher, unliteral
from numba.extending import typeof_impl

__all__ = ["Kernel"]


def _closure(libraries: Iterable[Any]) -> list[Any]:
    """The libraries, and those that they call, each once."""
    seen: dict[Any, None] = {}
    waiting = list(libraries)
    while waiting:
        library = waiting.pop()
        if library not in seen:
            seen[library] = None
            waiting += library._linking_libraries
    return list(seen)


class _Piece(JITCodeLibrary):  # type: ignore[misc, unused-ignore]
    """The code of a piece: kept as it was lowered, for entries to link."""

    def finalize(self) -> None:
        """Nothing: only entries become machine code."""
        self._finalized = True


class _Entry(JITCodeLibrary):  # type: ignore[misc, unused-ignore]
    """The code of a function that Python calls, and of all that it calls: linked, optimised, emitted."""

    def finalize(self) -> None:
        """Link every piece below, not just those that are called directly, then as ever."""
        self._linking_libraries = _closure(self._linking_libraries)
        super().finalize()

    def _optimize_final_module(self) -> None:
        for function in self._final_module.functions:
            if not function.is_declaration and function.linkage.name == "linkonce_odr":
                function.linkage = "internal"
        manager, builder = self._codegen._module_pass_manager()
        manager.run(self._final_module, builder)


cpu_target.target_context.codegen()._library_class = _Entry


class _Token:
    """Stands for the compiled form of a piece where Numba looks up what a call calls."""


class _Compiler:
    """Compiles the overloads of one function as pieces."""

    def __init__(self, dispatcher: Any) -> None:
        self.dispatcher = dispatcher
        self.overloads: dict[Any, _Token] = {}

    def compile(self, signature: Any) -> _Token:
        """The overload for these argument types, compiled where it is new."""
        types, _ = sigutils.normalize_signature(signature)
        with global_compiler_lock:
            if types not in self.overloads:
                with event.trigger_event("numba:compile", data={"dispatcher": self.dispatcher, "args": types}):
                    self._add(types)
            return self.overloads[types]

    def _add(self, types: Any) -> None:
        flags: Any = compiler.Flags()
        own = self.dispatcher._compiler
        own.targetdescr.options.parse_as_flags(flags, own.targetoptions)
        flags.no_cpython_wrapper = flags.no_cfunc_wrapper = flags.no_compile = True
        context = own.targetdescr.target_context
        library = _Piece(context.codegen(), own.py_func.__qualname__)
        made = compiler.compile_extra(
            own.targetdescr.typing_context, context, own.py_func, args=types, return_type=None, flags=flags,
            locals=own.locals, library=library, pipeline_class=own.pipeline_class,
        )  # fmt: skip
        token = _Token()
        context.insert_user_function(token, made.fndesc, [made.library])
        self.dispatcher.overloads[types] = made
        self.overloads[types] = token


class Kernel:
    """A function of machine code. What Numba needs of it is made when it is first called: imports stay cheap."""

    def __init__(self, function: Callable[..., Any], make: Callable[..., Any]) -> None:
        """make: (cache=bool) -> Numba's decorator, as `kernels.jit` configures it."""
        self.py_func, self._make = function, make
        update_wrapper(self, function)

    @cached_property
    def entry(self) -> Any:
        """The dispatcher through which Python calls it, cached on disk."""
        return self._make(cache=True)(self.py_func)

    @cached_property
    def piece(self) -> Any:
        """The dispatcher through which kernels call it.

        Constants are taken for what they are of: one overload for all integers, not one for each.
        """
        pieces = self._make(cache=False)(self.py_func)
        made = _Compiler(pieces)
        template: Callable[..., Any] = pieces.get_call_template

        def plain(args: Any, kws: Any) -> Any:
            return template(tuple(map(unliteral, args)), {name: unliteral(t) for name, t in kws.items()})

        pieces.compile = pieces.get_overload = made.compile
        pieces.get_call_template = plain
        return pieces

    def __call__(self, *args: Any) -> Any:
        """Call it from Python: compiled for the types of `args` where they are new."""
        return self.entry(*args)


@typeof_impl.register(Kernel)
def _typeof(value: Kernel, _context: Any) -> Any:
    return Dispatcher(value.piece)
