"""The reading process: takes Settings and then Jobs from stdin on stdout, ends with its parent."""

import importlib
import os
import pickle
import signal
import sys
import threading
import time

from kgenre.core.priority import lower_process
from kgenre.library.scan.protocol import About, Failed, Free, Ready

PARENT_CHECK_SECONDS = 1.0


class Link:
    """The two pipes to the parent."""

    def __init__(self):
        self.inbox, self.outbox = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
        os.dup2(2, 1)  # whatever a library prints must not end up between the answers

    def send(self, message) -> None:
        try:
            pickle.dump(message, self.outbox, protocol=pickle.HIGHEST_PROTOCOL)
            self.outbox.flush()
        except BrokenPipeError:
            os._exit(1)

    def receive(self):
        try:
            return pickle.load(self.inbox)
        except EOFError:  # the parent has no more to do, or is gone
            os._exit(0)


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    threading.Thread(target=end_with, args=(os.getppid(),), daemon=True).start()
    link = Link()

    def send_failure(kind, error, _) -> None:
        link.send(Failed(f"its reader failed ({' '.join(f'{kind.__name__}: {error}'.split())})."))

    settings = link.receive()
    if getattr(settings, "niceness", 0):  # of a scan
        lower_process(settings.niceness)
    module, _, name = sys.argv[1].partition(":")
    analyse = getattr(importlib.import_module(module), name)
    link.send(Ready())
    sys.excepthook = send_failure
    while True:
        attend(link, analyse(link.receive(), settings))


def attend(link: Link, messages) -> None:
    """Sends the messages on one file, and the answer to About back."""
    answer = None
    try:
        while True:
            message = messages.send(answer)
            link.send(message)
            answer = link.receive() if isinstance(message, About) else None
    except StopIteration:
        link.send(Free())


def end_with(parent: int) -> None:
    """Ends this process when its parent is gone, which a decoder that hangs would never notice."""
    while os.getppid() == parent:
        time.sleep(PARENT_CHECK_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    main()
