"""The policy on the page about access is one."""

from __future__ import annotations

import re
from pathlib import Path

from governance.domain.label import TOP
from governance.policy.access import Access
from governance.policy.parse import parse
from governance_mlflow.callers.served import PURPOSE


def test_the_policy_on_the_page(root: Path) -> None:
    """It has no mistakes, and its rules restrict what the page says they do."""
    page = (root / "docs/how-to/access.md").read_text("utf-8")
    (text,) = re.findall(r"^```yaml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)

    policy = parse(text, "page.yaml")

    assert {"patients": {Access.LOAD, Access.DOWNLOAD}, "entries": {Access.SEE}} == {
        rule.name: set(rule.actions) for rule in policy.access
    }
    assert "eu" == policy.regions.of(["mlflow-artifacts:/1/model"])
    assert {f"`{action.value}`" for action in Access} <= set(re.findall(r"^\| (`\w+`)", page, re.MULTILINE))
    assert f"`{PURPOSE}: care`" in page
    assert TOP.confidentiality.word == "restricted"
