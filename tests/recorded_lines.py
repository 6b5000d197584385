"""A progress that keeps the lines that it is told."""

from kgenre.core.progress import Progress


class RecordedLines(Progress):
    def __init__(self):
        self.lines = []

    def line(self, text):
        self.lines.append(text)
