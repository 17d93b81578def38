"""Where tornadopy differs from Tornado on purpose: the tests of Tornado's that fail, each with the reason.

The list is exact: a test that fails and is not here is a defect, and so is one that is here and passes.
``docs/tornado.md`` names the same tests.
"""

from __future__ import annotations

EVERYWHERE = ("none", "sync", "async", "plain")

DIFFERENCES: dict[str, tuple[tuple[str, ...], str]] = {
    "web_test.CrossOriginProtectionDisabledTest.test_disabled_by_default": (
        EVERYWHERE,
        "Tornado's cross_origin_protection is on by default",
    ),
    "web_test.Default404Test.test_404": (
        EVERYWHERE,
        "the test compares the whole error page, and tornadopy has its own, with a request id",
    ),
    "web_test.ErrorResponseTest.test_failed_write_error": (
        EVERYWHERE,
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
        EVERYWHERE,
        "the test compares the text of an error, and ours names the file with its folder: the search path has several",
    ),
}


def expected(module: str, configuration: str) -> set[str]:
    """Return the tests of *module* that are to fail in *configuration*."""
    return {
        test
        for test, (configurations, _) in DIFFERENCES.items()
        if test.startswith(f"{module}.") and configuration in configurations
    }
