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
_APPEND = f"_tt_append({_RESULT})"

_ESCAPED, _RAW = "_tt_escaped", "_tt_raw"
_ENDINGS = {_ESCAPED: (_CONVERT, _ESCAPE, _APPEND), _RAW: (_CONVERT, _APPEND)}
"""What follows ``_tt_tmp = …``, by the function that takes its place."""

_REPLACED = frozenset({"str", "isinstance", "xhtml_escape", "_tt_utf8", "_tt_string_types"})
"""The names that Tornado's statements read and the shorter code does not: they must mean what they usually do."""

_TELLING = frozenset({"locals", "vars", "dir", "eval", "exec", "globals", "__builtins__", _RESULT, _ENTRY})
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
    if not names_in(compiled).isdisjoint(_ENDINGS) or any(isinstance(node, ast.Global) for node in ast.walk(entry)):
        return None
    _Shortener().visit(entry)
    entry.args.args = [ast.arg(_ESCAPED), ast.arg(_RAW)]
    shorter = compile(ast.fix_missing_locations(module), compiled.co_filename, "exec", dont_inherit=True)
    code = _codes(shorter)[0]
    return code if names_in(code).isdisjoint(_TELLING) and _bound(code).isdisjoint(_REPLACED) else None


def is_usual(namespace: Mapping[str, Any]) -> bool:
    """Whether the names that the shorter code does not read mean in *namespace* what they usually do."""
    return (
        namespace["xhtml_escape"] is xhtml_escape
        and namespace["_tt_utf8"] is utf8
        and namespace["_tt_string_types"] == (str, bytes)
        and "str" not in namespace
        and "isinstance" not in namespace
        and "__builtins__" not in namespace
    )


class _Shortener(ast.NodeTransformer):
    """Put one call in the place of the statements that an expression of the template has become."""

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        for field in ("body", "orelse", "finalbody"):
            statements = getattr(node, field, None)
            if isinstance(statements, list):
                setattr(node, field, list(_shortened(statements)))
        return node


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
    result = ast.Call(ast.Name(function, ast.Load()), [value], [])
    return ast.copy_location(ast.Expr(ast.Call(ast.Name("_tt_append", ast.Load()), [result], [])), place)


def _codes(code: CodeType) -> list[CodeType]:
    return [constant for constant in code.co_consts if isinstance(constant, CodeType)]


def names_in(code: CodeType) -> frozenset[str]:
    """Return all names that *code* and the functions in it read or write."""
    return _bound(code).union(code.co_names, *map(names_in, _codes(code)))


def _bound(code: CodeType) -> frozenset[str]:
    """Return the names of variables of *code* and of the functions in it."""
    own = frozenset((*code.co_varnames, *code.co_cellvars, *code.co_freevars))
    return own.union(*map(_bound, _codes(code)))
