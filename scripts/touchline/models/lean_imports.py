"""Import transformers and bitsandbytes without the parts that only training and compiling need.

Two thirds of their import time goes into torch's compiler, its multi-machine collectives, and
scipy. A model that answers on one GPU uses none of them. The libraries also work without scipy and
with a torch that has no collectives, so both are hidden during the import. The compiler is imported
at the first call of a function that must be compiled.
"""

from __future__ import annotations

import gc
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache, wraps
from importlib import import_module
from types import ModuleType
from typing import Any
from unittest.mock import patch

log = logging.getLogger(__name__)

_COMPILER = "torch._dynamo"
_IN_COMPILER = "torch._dynamo._trace_wrapped_higher_order_op"


def lean_import(name: str) -> ModuleType:
    """Import a module without compiler, collectives and scipy. Import torch first.

    If this reduced import fails for any reason, import the module in full.
    """
    try:
        with _without_compiler():
            return import_module(name)
    # Without its parts, each version of torch and transformers can fail in its own way.
    except Exception as error:
        log.info(
            "%s is imported with all its modules, because importing only some of them failed: %r.",
            name,
            error,
        )
        return import_module(name)


@contextmanager
def without_collecting() -> Iterator[None]:
    """Disable garbage collection within the block, and exclude its objects from later collections.

    Imported objects stay alive, and searching them for garbage takes a fifth of the import time.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


@contextmanager
def _without_compiler() -> Iterator[None]:
    """Hide the unneeded modules within the block, unless they are already imported."""
    import torch
    from torch._compile import _disable_dynamo

    if _COMPILER in sys.modules:
        yield
        return
    with ExitStack() as stack:
        hidden: dict[str, ModuleType | None] = {
            _COMPILER: _compiler(),
            _IN_COMPILER: _in_compiler(),
        }
        if "transformers" not in sys.modules:  # otherwise it has already looked for them
            hidden |= {"scipy": None, "torchvision": None}
        for name in hidden.keys() - sys.modules.keys():
            sys.modules[name] = hidden[name]  # type: ignore[assignment]  # None makes an import fail
            stack.callback(sys.modules.pop, name)
        for of, name, instead in (
            (torch, "compile", _when_called(torch.compile)),
            (torch.compiler, "disable", _with_compiler(torch.compiler.disable)),
            (torch, "_disable_dynamo", _with_compiler(_disable_dynamo)),
            (torch.distributed, "is_available", lambda: False),
        ):
            stack.enter_context(patch.object(of, name, instead))
        yield


def _compiler() -> ModuleType:
    """Return a stand-in for the compiler's module. Imports use only its decorators."""
    module = ModuleType(_COMPILER)

    def decorator(name: str) -> Callable[..., Any]:
        """Return a decorator that imports the compiler on the first call."""
        if name.startswith("__"):
            raise AttributeError(name)

        def real(function: Callable[..., Any]) -> Any:
            return getattr(import_module(_COMPILER), name)(function)

        return _when_called(real)

    module.__getattr__ = decorator  # type: ignore[method-assign]
    return module


def _in_compiler() -> ModuleType:
    """Return a stand-in for a module of torch.

    Transformers imports one context manager of that module for attention masks, and rarely enters
    it.
    """
    module = ModuleType(_IN_COMPILER)
    module.TransformGetItemToIndex = lambda: (  # type: ignore[attr-defined]
        import_module(_IN_COMPILER).TransformGetItemToIndex()
    )
    return module


def _when_called(decorator: Callable[..., Any]) -> Callable[..., Any]:
    """Delay a decorator until the first call of the decorated function."""
    return _put_off(decorator, lambda: True)


def _with_compiler(decorator: Callable[..., Any]) -> Callable[..., Any]:
    """Delay a decorator that sets up torch's compiler until the compiler is imported."""
    return _put_off(decorator, lambda: _COMPILER in sys.modules)


def _put_off(decorator: Callable[..., Any], is_due: Callable[[], bool]) -> Callable[..., Any]:
    """Delay a decorator until a condition holds."""

    def decorate(function: Callable[..., Any] | None = None, *args: Any, **how: Any) -> Any:
        if function is None:
            return lambda given: decorate(given, *args, **how)
        decorated = cache(lambda: decorator(function, *args, **how))

        @wraps(function)
        def call(*arguments: Any, **named: Any) -> Any:
            return (decorated() if is_due() else function)(*arguments, **named)

        return call

    return decorate
