"""The code that Tornado generates for a template, made shorter where no page can tell the difference.

Used by `tornado_loader`. Tornado turns each expression into several statements, which look up global names and call
functions of Python's. Here they become one call. Lines keep their numbers, so that tracebacks show Tornado's text of
the code. A template that could tell the difference keeps the code that Tornado made.

PERF: the benchmark's case of a page shows what this saves.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from types import CodeType
from typing import Any

from tornado import escape
from tornado.escape import utf8, xhtml_escape

_ENTRY = "_tt_execute"
_RESULT = "_tt_tmp"
_CONVERT = f"""
if isinstance({_RESULT}, _tt_string_types):
    {_RESULT} = _tt_utf8({_RESULT})
else:
    {_RESULT} = _tt_utf8(str({_RESULT}))
""".strip()
_ESCAPE = f"{_RESULT} = _tt_utf8(xhtml_escape({_RESULT}))"
_TAKE_APPEND = "_tt_append = _tt_buffer.append"
_APPEND = f"_tt_append({_RESULT})"

_ESCAPED, _RAW = "_tt_escaped", "_tt_raw"
_ENDINGS = {_ESCAPED: (_CONVERT, _ESCAPE, _APPEND), _RAW: (_CONVERT, _APPEND)}
"""What follows ``_tt_tmp = …``, by the function that takes its place."""

_REPLACED = frozenset({"str", "isinstance", "xhtml_escape", "_tt_utf8", "_tt_string_types"})
"""The names that Tornado's statements read and the shorter code does not: they must mean what they usually do."""

NAMES_THAT_COUNT = _REPLACED | {"__builtins__"}
"""The names that a namespace must not give another meaning, or Tornado's code runs; see `is_usual`."""

_IS_TORNADOS_ESCAPE = xhtml_escape.__module__ == escape.__name__  # another may have been put in its place before

_FIELDS_OF_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")

_SEEING = {"locals", "vars", "dir", "eval", "exec", "globals", "__builtins__", "__globals__"}
_SEEING_FRAMES = {"_getframe", "currentframe", "f_globals", "f_locals"}
_TELLING = frozenset({*_SEEING, *_SEEING_FRAMES, _RESULT, _ENTRY})
"""Names by which a template can see how its code is made, and with `_RESULT` the statements that are left."""


def shorten(source: str, compiled: CodeType) -> CodeType | None:
    """Return the code of a function that makes the page, or None if the template needs Tornado's own.

    Args:
        source: The module that Tornado has generated.
        compiled: The same, compiled.

    Returns:
        The code; its function takes `_tornado_values.escaped` and `_tornado_values.raw`, in this order.

    .. versionadded:: 2.0
    """
    try:
        return _shorten(source, compiled)
    except RecursionError:  # trees of Python's stand less depth than its compiler
        return None


def _shorten(source: str, compiled: CodeType) -> CodeType | None:
    module = ast.parse(source, compiled.co_filename)
    entry = module.body[0]
    # A template may write past the end of the function, by an expression over several lines.
    if len(module.body) != 1 or not isinstance(entry, ast.FunctionDef) or entry.name != _ENTRY:
        return None
    blocks = list(_blocks(entry))
    has_globals = any(isinstance(statement, ast.Global) for _, _, block in blocks for statement in block)
    if has_globals or _binds_append(entry) or not names_in(compiled).isdisjoint(_ENDINGS):
        return None
    for node, field, block in blocks:
        setattr(node, field, list(_shortened(block)))
    entry.args.args = [ast.copy_location(ast.arg(name), entry) for name in (_ESCAPED, _RAW)]
    shorter = compile(module, compiled.co_filename, "exec", dont_inherit=True)
    code = _codes(shorter)[0]
    return code if names_in(code).isdisjoint(_TELLING) and _bound(code).isdisjoint(_REPLACED) else None


def is_usual(namespace: Mapping[str, Any]) -> bool:
    """Whether the names that the shorter code does not read mean in *namespace* what they usually do."""
    return (
        _IS_TORNADOS_ESCAPE
        and namespace["xhtml_escape"] is xhtml_escape is escape.xhtml_escape
        and namespace["_tt_utf8"] is utf8
        and namespace["_tt_string_types"] == (str, bytes)
        and "str" not in namespace
        and "isinstance" not in namespace
        and "__builtins__" not in namespace
    )


def _blocks(node: ast.AST) -> Iterator[tuple[ast.AST, str, list[ast.stmt]]]:
    """Yield the statements in *node*, block by block, with the node and the field that they are in."""
    for field in _FIELDS_OF_BLOCKS:
        children = getattr(node, field, None)
        if isinstance(children, list):
            yield node, field, children
            for child in children:
                yield from _blocks(child)


def _shortened(statements: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    index = 0
    while index < len(statements):
        statement = statements[index]
        value = _value_of_expression(statement)
        function = _function_instead_of(statements[index + 1 :]) if value else None
        if value is None or function is None:
            yield statement
            index += 1
        else:
            yield _call(function, value, place=_text_of_object(statements[index + 1]))
            index += 1 + len(_ENDINGS[function])


def _binds_append(entry: ast.FunctionDef) -> bool:
    """Whether a template gives ``_tt_append`` another meaning than Tornado does, at the start of each function."""
    usual = bound = 0
    for node in ast.walk(entry):
        match node:
            case ast.Name(id="_tt_append", ctx=ast.Store() | ast.Del()):
                bound += 1
            case ast.ExceptHandler(name="_tt_append") | ast.arg(arg="_tt_append") | ast.alias(asname="_tt_append"):
                bound += 1
            case ast.alias(name="_tt_append", asname=None) | ast.MatchAs(name="_tt_append"):
                bound += 1
            case ast.Assign() if ast.unparse(node) == _TAKE_APPEND:
                usual += 1
    return bound != usual


def _value_of_expression(statement: ast.stmt) -> ast.expr | None:
    """Return what a statement assigns to ``_tt_tmp``, if it does that alone."""
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)], value=value) if name == _RESULT:
            return value
    return None


def _function_instead_of(statements: Sequence[ast.stmt]) -> str | None:
    """Return the name of the function that does what the first of *statements* do."""
    for function, ending in _ENDINGS.items():
        if tuple(map(ast.unparse, statements[: len(ending)])) == ending:
            return function
    return None


def _text_of_object(convert: ast.stmt) -> ast.stmt:
    """Return the statement that calls ``str``: of all that becomes of a value, this is what can fail."""
    return convert.orelse[0] if isinstance(convert, ast.If) else convert


def _call(function: str, value: ast.expr, *, place: ast.stmt) -> ast.stmt:
    """Return ``_tt_append(function(value))``, which stands where *place* stood."""

    def at_place(node: ast.expr) -> ast.expr:
        return ast.copy_location(node, place)

    def name(text: str) -> ast.expr:
        return at_place(ast.Name(text, ast.Load()))

    result = at_place(ast.Call(name(function), [value], []))
    return ast.copy_location(ast.Expr(at_place(ast.Call(name("_tt_append"), [result], []))), place)


def _codes(code: CodeType) -> list[CodeType]:
    return [constant for constant in code.co_consts if isinstance(constant, CodeType)]


def names_in(code: CodeType) -> frozenset[str]:
    """Return all names that *code* and the functions in it read or write."""
    return _bound(code).union(code.co_names, *map(names_in, _codes(code)))


def _bound(code: CodeType) -> frozenset[str]:
    """Return the names of variables of *code* and of the functions in it."""
    own = frozenset((*code.co_varnames, *code.co_cellvars, *code.co_freevars))
    return own.union(*map(_bound, _codes(code)))
