"""What a run shows and leaves behind: the progress line, the JSON record, the HTML report."""

from nst.report.html import write_report
from nst.report.progress import Progress
from nst.report.trace import Row, Trace, versions, write_json

__all__ = ["Progress", "Row", "Trace", "versions", "write_json", "write_report"]
