"""Test functions that can not fail, found in their source: `pass`, `assert True`, a swallowed failure. Pure.

A mark for the reader, never a verdict: a fixture may assert, a decorator may. So whatever could raise counts as
something that could fail, and only what surely can not is named.
"""

import ast
import warnings
from collections.abc import Iterator, Mapping, Sequence

EMPTY = "its body is empty"
ALWAYS_TRUE = "asserts only what is always true"
SWALLOWED = "catches every failure of its own"
NOTHING = "nothing in it can fail"

HARMLESS_CALLS = frozenset({"print", "sleep", "time.sleep"})
_CATCH_ALL = frozenset({"Exception", "BaseException", "AssertionError"})
Function = ast.FunctionDef | ast.AsyncFunctionDef


def blind(source: str) -> dict[str, str]:
    """`TestClass::test_name` -> why it can not fail. Empty for a file that Python can not read."""
    return {name: why for name, function in _functions(source).items() if (why := _why(function.body))}


def emptied(before: str, after: str) -> tuple[str, ...]:
    """Tests that could fail before and can not now."""
    then, now = _functions(before), blind(after)
    return tuple(name for name in now if name in then and not _why(then[name].body))


def function_of(nodeid: str) -> tuple[str, str]:
    """pytest's `tests/test_a.py::TestX::test_y[1-a]` as file and `TestX::test_y`."""
    file, _, name = nodeid.partition("::")
    return file, name.partition("[")[0]


def _functions(source: str) -> Mapping[str, Function]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {}
    return dict(_named(tree.body, ""))


def _named(body: Sequence[ast.stmt], prefix: str) -> Iterator[tuple[str, Function]]:
    for statement in body:
        if isinstance(statement, Function):
            yield prefix + statement.name, statement
        elif isinstance(statement, ast.ClassDef):
            yield from _named(statement.body, f"{prefix}{statement.name}::")


def _why(body: Sequence[ast.stmt]) -> str:
    """Empty where something in it could fail."""
    reached = list(_reached(body))
    if not all(_harmless(statement) for statement in reached):
        return ""
    if any(isinstance(statement, ast.Try) for statement in reached):
        return SWALLOWED
    if any(isinstance(statement, ast.Assert) for statement in reached):
        return ALWAYS_TRUE
    return EMPTY if all(_says_nothing(statement) for statement in reached) else NOTHING


def _reached(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    for statement in body:
        yield statement
        if isinstance(statement, ast.Return):
            return


def _says_nothing(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Pass) or (
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    )


def _harmless(statement: ast.stmt) -> bool:
    match statement:
        case ast.Pass() | ast.Global() | ast.Nonlocal():
            return True
        case ast.Assert(test=test):
            return _always_true(test)
        case ast.Expr(value=ast.Call(func=called, args=arguments, keywords=[])):
            return ast.unparse(called) in HARMLESS_CALLS and all(map(_plain, arguments))
        case ast.Expr(value=value) | ast.Return(value=value):
            return _plain(value)
        case ast.Assign(targets=targets, value=value):
            return _plain(value) and all(isinstance(target, ast.Name) for target in targets)
        case ast.Try():
            return _swallows(statement)
        case _:
            return False


def _swallows(statement: ast.Try) -> bool:
    """A bare except, or one of Exception, that does nothing; pytest's own outcomes pass through the latter."""
    rest = (*statement.orelse, *statement.finalbody, *(s for h in statement.handlers for s in h.body))
    if not all(map(_harmless, rest)):
        return False
    names = {ast.unparse(h.type) if h.type else "BaseException" for h in statement.handlers}
    if "BaseException" in names:
        return True
    asserts = all(isinstance(s, ast.Assert) or _harmless(s) for s in statement.body)
    if names & {"AssertionError"} and asserts:
        return not any(isinstance(node, ast.Call) for s in statement.body for node in ast.walk(s))
    return "Exception" in names and not _speaks_pytest(statement.body)


def _speaks_pytest(body: Sequence[ast.stmt]) -> bool:
    return any(isinstance(node, ast.Name) and node.id == "pytest" for statement in body for node in ast.walk(statement))


def _plain(value: ast.expr | None) -> bool:
    """Evaluating it can not fail."""
    match value:
        case None | ast.Constant():
            return True
        case ast.Name():
            return True
        case ast.FormattedValue(value=inner, format_spec=None):
            return _plain(inner)
        case ast.JoinedStr(values=parts) | ast.Tuple(elts=parts) | ast.List(elts=parts):
            return all(map(_plain, parts))
        case _:
            return False


def _always_true(test: ast.expr) -> bool:
    match test:
        case ast.Constant(value=value):
            return bool(value)
        case ast.Tuple(elts=parts):
            return bool(parts) and all(map(_plain, parts))
        case ast.BoolOp(op=ast.Or(), values=[first, *rest]):
            return _always_true(first) or (_plain(first) and any(map(_always_true, rest)))
        case ast.BoolOp(op=ast.And(), values=values):
            return all(map(_always_true, values))
        case ast.UnaryOp(op=ast.Not(), operand=ast.Constant(value=value)):
            return not value
        case ast.Compare(left=left, ops=[ast.Eq()], comparators=[right]):
            return isinstance(left, ast.Constant | ast.Name) and ast.dump(left) == ast.dump(right)
        case _:
            return False
