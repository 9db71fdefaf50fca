"""The doctor finds nothing wrong with either host."""

from maptician_scim.doctor import Verdict, examine


def test_healthy_project_has_no_findings(acme, globex):
    report = examine(acme)
    assert report.findings == []
    assert {step.verdict for step in report.steps} == {Verdict.OK}
