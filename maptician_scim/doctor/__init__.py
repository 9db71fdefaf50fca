"""The doctor: plays an identity provider to a tenant, and says what is wrong."""

from maptician_scim.doctor.examination import examine
from maptician_scim.doctor.report import Finding, Report, Severity, Step, Verdict
from maptician_scim.doctor.surroundings import address

__all__ = ["Finding", "Report", "Severity", "Step", "Verdict", "address", "examine"]
