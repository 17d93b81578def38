"""Where tornadopy differs from Tornado on purpose: the tests of Tornado's that fail, each with the reason.

The list is exact: a test that fails and is not here is a defect, and so is one that is here and passes.
``docs/tornado.md`` names the same tests.
"""

from __future__ import annotations

OURS = ("none", "sync", "async", "plain", "whole")
"""Configurations with tornadopy's application."""

SERVER = ("server", "whole")
"""Configurations with tornadopy's HTTP server."""

_WORDING = "refused all the same; the reason in the log is in llhttp's words"
_LINE_FEED = "the request's lines end in LF alone, which RFC 9112 §2.2 lets a server refuse"

DIFFERENCES: dict[str, tuple[tuple[str, ...], str]] = {
    "web_test.CrossOriginProtectionDisabledTest.test_disabled_by_default": (
        OURS,
        "Tornado's cross_origin_protection is on by default",
    ),
    "web_test.Default404Test.test_404": (
        OURS,
        "the test compares the whole error page, and tornadopy has its own, with a request id",
    ),
    "web_test.ErrorResponseTest.test_failed_write_error": (
        OURS,
        "when write_error itself fails the client gets the plain page, where Tornado sends an empty body",
    ),
    "web_test.IncorrectContentLengthTest.test_content_length_too_high": (
        ("async",),
        "finish() has returned before an asynchronous hook is through: the error is logged and in its Future",
    ),
    "web_test.IncorrectContentLengthTest.test_content_length_too_low": (
        ("async",),
        "finish() has returned before an asynchronous hook is through: the error is logged and in its Future",
    ),
    "web_test.CrossOriginProtectionBeforePrepareTest.test_websocket_upgrade_header_not_checked": (
        ("plain",),
        "the test's handler writes to type(self): a handler class that is not ours is served through a subclass",
    ),
    "template_test.ParseErrorDetailTest.test_details": (
        OURS,
        "the test compares the text of an error, and ours names the file with its folder: the search path has several",
    ),
    "httpserver_test.HTTPConnectionTest.test_newlines": (SERVER, _LINE_FEED),
    "httpserver_test.HTTPServerRawTest.test_chunked_request_body_duplicate_header": (SERVER, _LINE_FEED),
    "httpserver_test.HTTPServerRawTest.test_chunked_request_body_transfer_encoding_and_content_length": (
        SERVER,
        _LINE_FEED,
    ),
    "httpserver_test.HTTPServerRawTest.test_chunked_request_body_unsupported_transfer_encoding": (SERVER, _LINE_FEED),
    "httpserver_test.HTTPServerRawTest.test_chunked_request_body_invalid_size": (SERVER, _WORDING),
    "httpserver_test.HTTPServerRawTest.test_content_length_list_whitespace": (SERVER, _WORDING),
    "httpserver_test.HTTPServerRawTest.test_invalid_content_length": (SERVER, _WORDING),
    "httpserver_test.HTTPServerRawTest.test_malformed_headers": (SERVER, _WORDING),
    "httpserver_test.KeepAliveTest.test_keepalive_chunked": (
        SERVER,
        "a request of HTTP/1.0 with a Transfer-Encoding, whose framing RFC 9112 §6.1 calls faulty, is refused",
    ),
}


def expected(module: str, configuration: str) -> set[str]:
    """Return the tests of *module* that are to fail in *configuration*."""
    return {
        test
        for test, (configurations, _) in DIFFERENCES.items()
        if test.startswith(f"{module}.") and configuration in configurations
    }
