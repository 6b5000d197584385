"""The table of sections, in the order of the page. To add one, write its file here and give it a row.

A section gets the Subject and an Output, writes the files behind it, and gives its HTML. It raises LeftOut, with the
reason in one line, where the report's model or data do not have what it needs.
"""

from kgenre.reporting.section import Section
from kgenre.reporting.sections import metrics

SECTIONS: dict[str, Section] = {
    "metrics": Section("Metrics", metrics.make),
}
