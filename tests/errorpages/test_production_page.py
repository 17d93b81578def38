"""What the error page of production says, and that it says nothing else."""

from __future__ import annotations

import json
import re
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tornadopy.errorpages import production_page


def test_the_page_names_status_reason_and_request_id_and_nothing_else() -> None:
    content_type, body = production_page(404, "Not Found", "4f9d0c2a", fmt="html")
    assert content_type == "text/html; charset=UTF-8"
    visible = re.sub(r"<style>.*?</style>|<title>.*?</title>|<[^>]*>", " ", body.decode(), flags=re.DOTALL)
    assert visible.split() == ["404", "Not", "Found", "Request", "id", "4f9d0c2a"]
    assert b"<title>404: Not Found</title>" in body
    assert b"ornado" not in body
    assert b"<script" not in body


def test_without_a_request_id_the_page_does_not_speak_of_one() -> None:
    assert b"Request id" not in production_page(400, "Bad Request", "", fmt="html")[1]


def test_json_has_three_members() -> None:
    content_type, body = production_page(500, "Internal Server Error", "4f9d0c2a", fmt="json")
    assert content_type == "application/json; charset=UTF-8"
    assert json.loads(body) == {"status": 500, "reason": "Internal Server Error", "request_id": "4f9d0c2a"}


def test_text_has_two_lines() -> None:
    content_type, body = production_page(503, "Service Unavailable", "4f9d0c2a", fmt="text")
    assert content_type == "text/plain; charset=UTF-8"
    assert body == b"503 Service Unavailable\nRequest id: 4f9d0c2a\n"


@given(reason=st.text(), request_id=st.text(), fmt=st.sampled_from(["html", "json", "text"]))
def test_any_reason_and_id_make_a_page(reason: str, request_id: str, fmt: Literal["html", "json", "text"]) -> None:
    """Lone surrogates and controls included; markup is escaped."""
    _, body = production_page(500, reason, f"<script>{request_id}", fmt=fmt)
    body.decode("utf-8")
    if fmt == "html":
        assert b"<script" not in body


@pytest.mark.parametrize("fmt", ["html", "json"])
def test_markup_in_the_reason_is_inert(fmt: Literal["html", "json"]) -> None:
    _, body = production_page(500, "</title><script>alert(1)</script>", "x", fmt=fmt)
    assert b"</title><script>" not in body
    assert b"</script>" not in body
