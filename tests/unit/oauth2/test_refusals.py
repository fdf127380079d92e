"""What the words of real authorisation servers are taken for.

Microsoft: learn.microsoft.com/entra/identity-platform/reference-error-codes, and the answers quoted
in public issues (OAuth2 with Exchange Online). Google: answers of oauth2.googleapis.com quoted in
the issues of googleapis/google-api-nodejs-client (#1256) and google-api-php-client (#2266).
"""

import json
from pathlib import Path

import pytest

from listbridge.oauth2 import TokenRefused, TokenUnavailable
from listbridge.oauth2.refusals import understood

USER = "list@example.org"
CASES = json.loads(
    (Path(__file__).parents[3] / "fixtures/oauth2/refusals.json").read_text(encoding="utf-8")
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["cause"])
def test_a_refusal_is_told_by_its_cause_and_cure(case: dict[str, object]) -> None:
    table = case["answer"]
    assert isinstance(table, dict)

    error = understood(400, table, "Provider", USER, [])

    assert isinstance(error, TokenRefused)
    assert str(case["cause"]) in error.fault
    assert str(case["cure"]).format(USER) in (error.cure or "")
    assert "Trace ID" not in str(error)


@pytest.mark.parametrize(
    ("status", "table"),
    [
        (500, {"error": "invalid_grant"}),
        (503, None),
        (429, {"error": "rate_limit"}),
        (400, {"error": "temporarily_unavailable"}),
        (200, None),
    ],
)
def test_what_passes_is_no_refusal(status: int, table: dict[str, object] | None) -> None:
    assert isinstance(understood(status, table, "Provider", USER, []), TokenUnavailable)


def test_an_unknown_error_is_quoted_clean_and_short() -> None:
    words = "line\r\nbreak \x1b[31m" + "x" * 500

    error = understood(400, {"error": "odd", "error_description": words}, "P", USER, [])

    assert '"odd: line break [31m' in error.fault
    assert len(error.fault) < 350
