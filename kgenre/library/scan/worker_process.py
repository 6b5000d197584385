"""The reading process: takes Settings and then Jobs from stdin, answers on stdout, ends with its parent."""

import importlib
import os
import pickle
import signal
import sys
import threading
import time

from kgenre.library.scan.messages import About, Failed, Free, Ready

PARENT_CHECK_SECONDS = 1.0


class Line:
    """The two pipes to the parent."""

    def __init__(self):
        self.inbox, self.outbox = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
        os.dup2(2, 1)  # whatever a library prints must not end up between the answers

    def say(self, message) -> None:
        try:
            pickle.dump(message, self.outbox, protocol=pickle.HIGHEST_PROTOCOL)
            self.outbox.flush()
        except BrokenPipeError:
            os._exit(1)

    def take(self):
        try:
            return pickle.load(self.inbox)
        except EOFError:  # the parent has no more to do, or is gone
            os._exit(0)


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    threading.Thread(target=end_with, args=(os.getppid(),), daemon=True).start()
    line = Line()

    def last_words(kind, error, _) -> None:
        line.say(Failed(f"its reader failed ({' '.join(f'{kind.__name__}: {error}'.split())})."))

    module, _, name = sys.argv[1].partition(":")
    listen = getattr(importlib.import_module(module), name)
    settings = line.take()
    line.say(Ready())
    sys.excepthook = last_words
    while True:
        attend(line, listen(line.take(), settings))


def attend(line: Line, answers) -> None:
    """Hands on all that is said of one file."""
    told = None
    try:
        while True:
            message = answers.send(told)
            line.say(message)
            told = line.take() if isinstance(message, About) else None
    except StopIteration:
        line.say(Free())


def end_with(parent: int) -> None:
    """Ends this process when its parent is gone, which a decoder that hangs would never notice."""
    while os.getppid() == parent:
        time.sleep(PARENT_CHECK_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    main()
