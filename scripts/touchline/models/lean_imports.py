"""Imports of transformers and bitsandbytes without what only training and compiling need.

Two thirds of their import goes into torch's compiler, its collectives over several machines, and
scipy, of which a model that answers on one GPU uses nothing. The libraries run where torch was
built without collectives and where scipy is not installed, so they are told that this is so; and
the compiler comes with the first call of what they would compile.
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
    """Import a module without compiler, collectives and scipy; imports torch.

    If that fails for any reason, import the module with all of them.
    """
    try:
        with _without_compiler():
            return import_module(name)
    # Each version of torch and transformers can fail in its own way without its parts.
    except Exception as error:
        log.info("%s is imported in full, as the short way failed: %r.", name, error)
        return import_module(name)


@contextmanager
def without_collecting() -> Iterator[None]:
    """While in the block, nobody looks for garbage, and never among what was made in it.

    What is imported stays, and looking through it takes a fifth of the time of the imports.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


@contextmanager
def _without_compiler() -> Iterator[None]:
    """While in the block, what need not be imported is not; nothing to do where it is already."""
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
        if "transformers" not in sys.modules:  # else it has looked for them already
            hidden |= {"scipy": None, "torchvision": None}
        for name in hidden.keys() - sys.modules.keys():
            sys.modules[name] = hidden[name]  # type: ignore[assignment]  # None: not to be had
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
    """Of which nothing but decorators is used in imports."""
    module = ModuleType(_COMPILER)

    def decorator(name: str) -> Callable[..., Any]:
        if name.startswith("__"):
            raise AttributeError(name)

        def real(function: Callable[..., Any]) -> Any:
            return getattr(import_module(_COMPILER), name)(function)

        return _when_called(real)

    module.__getattr__ = decorator  # type: ignore[method-assign]
    return module


def _in_compiler() -> ModuleType:
    """With the context that transformers' masks import, and seldom enter."""
    module = ModuleType(_IN_COMPILER)
    module.TransformGetItemToIndex = lambda: (  # type: ignore[attr-defined]
        import_module(_IN_COMPILER).TransformGetItemToIndex()
    )
    return module


def _when_called(decorator: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator that waits for the first call of what it decorates."""
    return _put_off(decorator, lambda: True)


def _with_compiler(decorator: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator that does nothing until the compiler, which it is to keep out, is there."""
    return _put_off(decorator, lambda: _COMPILER in sys.modules)


def _put_off(decorator: Callable[..., Any], is_due: Callable[[], bool]) -> Callable[..., Any]:
    def decorate(function: Callable[..., Any] | None = None, *args: Any, **how: Any) -> Any:
        if function is None:
            return lambda given: decorate(given, *args, **how)
        decorated = cache(lambda: decorator(function, *args, **how))

        @wraps(function)
        def call(*arguments: Any, **named: Any) -> Any:
            return (decorated() if is_due() else function)(*arguments, **named)

        return call

    return decorate
