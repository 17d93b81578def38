"""Which modules a request meets, and in which order."""

from __future__ import annotations

import logging
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tornadopy.exceptions import ConfigError
from tornadopy.httpmodule import BaseHttpModule
from tornadopy.httpmodule.base import PHASES
from tornadopy.httpmodule.rules import PLANS_KEPT, Plan, compile_rules


def make(name: str) -> type[BaseHttpModule]:
    """Return a module class with every hook."""

    def hook(self: object, handler: Any, clear: Any, *args: Any, **kwargs: Any) -> None: ...

    return type(name, (BaseHttpModule,), {"__module__": __name__, "__qualname__": name, **dict.fromkeys(PHASES, hook)})


A, B, C, D, E, F = ALL = tuple(make(name) for name in "ABCDEF")
PREFIX = f"{__name__}."


def names(plan: Plan) -> str:
    """Return the names of the plan's modules, which are the same in every phase."""
    orders = {"".join(type(hook.__self__).__name__ for hook in getattr(plan, phase)) for phase in PHASES}
    assert orders == {"".join(type(module).__name__ for module in plan.modules)}
    return orders.pop()


def test_common_modules_run_in_declaration_order_in_every_phase() -> None:
    rules = compile_rules([B, A, C], {}, ())
    assert names(rules.plan(None, "/")) == "BAC"
    assert names(rules.plan("index", "/")) == "BAC"


def test_dotted_names_do_as_well() -> None:
    rules = compile_rules((f"{PREFIX}B", f"{PREFIX}A"), {"^/x": (f"{PREFIX}C", f"!{PREFIX}B")}, ())
    assert names(rules.plan(None, "/x")) == "AC"
    assert names(rules.plan(None, "/y")) == "BA"


def test_a_phase_holds_only_the_hooks_that_modules_write() -> None:
    class Once(BaseHttpModule):
        def begin_response(self, handler: Any, clear: Any, chunk: list[Any]) -> None: ...

    plan = compile_rules([Once], {}, ()).plan(None, "/")
    assert plan.begin_response == (plan.modules[0].begin_response,)
    assert plan.begin_request == plan.begin_render == plan.complete_response == ()


def test_a_name_brings_its_modules_to_its_route_alone() -> None:
    rules = compile_rules([A], {"Index": [B]}, {"Index", "other"})
    assert names(rules.plan("Index", "/")) == "AB"
    assert names(rules.plan("other", "/Index")) == "A"
    assert names(rules.plan(None, "/Index")) == "A"


def test_a_name_is_taken_literally_whatever_it_looks_like() -> None:
    rules = compile_rules([], {"shop-(item": [A], "a.c": [B]}, {"shop-(item", "a.c"})
    assert names(rules.plan("shop-(item", "/")) == "A"
    assert names(rules.plan("abc", "/abc")) == ""


def test_an_expression_is_searched_in_the_path() -> None:
    rules = compile_rules([A], {"^/user/.*$": [B], "admin": [C]}, ())
    assert names(rules.plan(None, "/user/1")) == "AB"
    assert names(rules.plan(None, "/my/user/1")) == "A"
    assert names(rules.plan("any", "/user/administrate")) == "ABC"


def test_several_matching_entries_follow_each_other_in_the_order_of_the_setting() -> None:
    rules = compile_rules([A], {"^/": [D, C], "item": [B], "/x$": [E]}, ["item"])
    assert names(rules.plan("item", "/x")) == "ADCBE"
    assert names(rules.plan("item", "/y")) == "ADCB"
    assert names(rules.plan(None, "/x")) == "ADCE"


def test_a_module_named_twice_runs_once_at_its_first_place() -> None:
    rules = compile_rules([A, B, A], {"^/": [C, A, C], "x": [B, C, D]}, ())
    assert names(rules.plan(None, "/x")) == "ABCD"
    assert len(rules.modules) == 4


def test_an_exclamation_mark_keeps_a_common_module_away_from_the_matching_requests() -> None:
    rules = compile_rules([A, B, C], {"Index": [f"!{PREFIX}A"], "^/user": [D, f"!{PREFIX}B"]}, ["Index"])
    assert names(rules.plan("Index", "/")) == "BC"
    assert names(rules.plan("other", "/user")) == "ACD"
    assert names(rules.plan("Index", "/user")) == "CD"
    assert names(rules.plan("other", "/")) == "ABC"


def test_all_keeps_every_common_module_away() -> None:
    rules = compile_rules([A, B], {"^/user": [D, "!all", C]}, ())
    assert names(rules.plan(None, "/user")) == "DC"
    assert names(rules.plan(None, "/")) == "AB"


def test_all_is_fine_without_common_modules() -> None:
    assert names(compile_rules([], {"^/": ["!all", A]}, ()).plan(None, "/")) == "A"


def test_a_route_may_name_a_common_module_as_its_own_to_move_it() -> None:
    """The exclusion takes the common module away, not the route's own."""
    rules = compile_rules([A, B], {"^/": [C, f"!{PREFIX}A", A]}, ())
    assert names(rules.plan(None, "/")) == "BCA"
    rules = compile_rules([A, B], {"one": [C, A], "^/": ["!all"]}, ["one"])
    assert names(rules.plan("one", "/")) == "CA"


def test_a_common_module_is_excluded_by_the_spelling_of_the_setting_or_by_its_full_name() -> None:
    class Inner(A):  # type: ignore[valid-type,misc]
        pass

    full_name = f"{Inner.__module__}.{Inner.__qualname__}"
    assert names(compile_rules([Inner], {"^/": [f"!{full_name}"]}, ()).plan(None, "/")) == ""
    spelling = "tornadopy.httpmodule.rules_alias"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tornadopy.httpmodule.rules_alias", A, raising=False)
        rules = compile_rules([spelling, B], {"x": [f"!{spelling}"], "y": [f"!{PREFIX}A"]}, ())
    assert names(rules.plan(None, "/x")) == "B"
    assert names(rules.plan(None, "/y")) == "B"


def test_one_object_serves_however_often_its_class_is_named() -> None:
    rules = compile_rules([A], {"x": [A, B], "y": [f"{PREFIX}B"]}, ())
    assert rules.plan(None, "/x").modules[1] is rules.plan(None, "/y").modules[1]
    assert len(rules.modules) == 2


def test_equal_requests_share_their_plan() -> None:
    rules = compile_rules([A], {"^/user": [B], "item": [C]}, ["item"])
    assert rules.plan("item", "/user/1") is rules.plan("item", "/user/2")
    assert rules.plan("item", "/1") is rules.plan("item", "/2")
    assert rules.plan("unknown", "/") is rules.plan(None, "/")
    assert rules.plan("unknown", "/user") is rules.plan(None, "/user")


def test_remembered_plans_are_bounded() -> None:
    """Clients choose paths, and so which expressions match together."""
    bits = 11
    rules = compile_rules([A], {f"x{bit:02}": [B] for bit in range(bits)}, ())
    for number in range(2**bits):
        rules.plan(None, "/" + "".join(f"x{bit:02}" for bit in range(bits) if number >> bit & 1))
    remembered = rules._combined.cache_info()
    assert remembered.misses > PLANS_KEPT
    assert remembered.currsize == PLANS_KEPT


def test_a_plan_cannot_be_changed() -> None:
    plan = compile_rules([A], {}, ()).plan(None, "/")
    with pytest.raises(AttributeError):
        plan.begin_request = ()  # type: ignore[misc]


@pytest.mark.parametrize(
    ("entry", "hint"),
    [
        (f"!{PREFIX}AA", f"did you mean '!{PREFIX}A'?"),
        ("!All", f"it has {PREFIX}A"),
        ("!", f"it has {PREFIX}A"),
    ],
)
def test_excluding_what_is_no_common_module_is_an_error(entry: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        compile_rules([A], {"^/user/.*$": [B, entry]}, ())
    message = str(caught.value)
    assert message.startswith(f"ROUTE_MODULES['^/user/.*$'][1]: '{entry}' names no module of COMMON_MODULES; ")
    assert hint in message


def test_excluding_without_common_modules_says_that_there_are_none() -> None:
    with pytest.raises(ConfigError, match="it has no modules"):
        compile_rules([], {"x": [f"!{PREFIX}A"]}, ())


def test_errors_of_entries_say_where_they_stand() -> None:
    with pytest.raises(ConfigError, match=r"^COMMON_MODULES\[1\]: cannot import 'no\.such'"):
        compile_rules([A, "no.such"], {}, ())
    with pytest.raises(ConfigError, match=re.escape("ROUTE_MODULES['Index'][1]: expected a class")):
        compile_rules([A], {"Index": [B, 3]}, ["Index"])  # type: ignore[list-item]


def test_an_expression_that_does_not_compile_is_an_error() -> None:
    with pytest.raises(ConfigError) as caught:
        compile_rules([], {"^/user/(": [A]}, ())
    assert str(caught.value).startswith("ROUTE_MODULES['^/user/(']: neither the name of a route nor a regular expressi")
    assert isinstance(caught.value.__cause__, re.error)


def test_a_key_that_seems_a_mistyped_route_name_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        rules = compile_rules([], {"Index": [A]}, ["index"])
    assert "ROUTE_MODULES['Index']: no route has this name" in caplog.text
    assert "'index'" in caplog.text
    assert names(rules.plan("index", "/")) == ""


def test_an_expression_is_not_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    compile_rules([], {"^/index": [A], "/index": [A], "user": [A]}, ["index"])
    assert caplog.text == ""


entries = st.lists(st.sampled_from([*ALL, "!all", *(f"!{PREFIX}{each}" for each in "ABC")]), max_size=6)
settings = st.dictionaries(st.sampled_from(["one", "two", "x", "y$", "^/z"]), entries, max_size=5)
requests = st.tuples(
    st.sampled_from([None, "one", "two", "three"]),
    st.text("xyz/", max_size=5).map(lambda path: f"/{path}"),
)


@given(
    common=st.permutations([A, B, C]).flatmap(lambda each: st.tuples(st.just(each), st.lists(st.sampled_from(ALL)))),
    routes=settings,
    request=requests,
)
def test_order_and_exclusion(
    common: tuple[list[type], list[type]], routes: dict[str, list[Any]], request: tuple[str | None, str]
) -> None:
    """Common modules in their order, then the route's own in theirs, whatever is excluded; each once."""
    declared = list(dict.fromkeys([*common[0], *common[1]]))
    route_names = {"one", "two", "three"}
    rules = compile_rules(declared, routes, route_names)
    name, path = request
    matching = [names for key, names in routes.items() if (key == name if key in route_names else re.search(key, path))]
    listed = [entry for names in matching for entry in names]
    own = [entry for entry in listed if not isinstance(entry, str)]
    kept = [each for each in declared if "!all" not in listed and f"!{PREFIX}{each.__name__}" not in listed]

    met = [type(module) for module in rules.plan(name, path).modules]

    assert len(met) == len(set(met)), "each module runs once"
    assert met[: len(kept)] == kept, "the common modules come first, in their order"
    assert set(own) <= set(met), "an exclusion never takes a route's own module away"
    assert met[len(kept) :] == [each for each in dict.fromkeys(own) if each not in kept], "own modules keep their order"
    assert names(rules.plan(name, path)) == "".join(each.__name__ for each in met), "every phase has the same order"
