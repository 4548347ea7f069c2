"""What a run shows and leaves behind: the progress line, the JSON record, the HTML report."""

from nst.report.html import write_report
from nst.report.progress import Progress
from nst.report.trace import Row, Trace, versions, write_json
from nst.report.words import duration

__all__ = ["Progress", "Row", "Trace", "duration", "versions", "write_json", "write_report"]
