"""The report of a run: one self-contained page."""

from tfdml.experiment.report.data import ReportData
from tfdml.experiment.report.page import report_html, write_report

__all__ = ["ReportData", "report_html", "write_report"]
