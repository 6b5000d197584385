"""The scan of a folder of music: new files are analysed, moved ones recognised, missing ones marked.

Files are read in processes of their own (worker_pool.py, analysis.py); the model computes here, in batches that
several tracks share. All that a batch completes is one transaction, so that a kill costs the tracks in flight
and nothing else.
"""

import os
from pathlib import Path

from kgenre.audio.decoders import decoder_versions
from kgenre.audio.inputs import WAVEFORM
from kgenre.audio.policy import DEFAULT_POLICY, ReadPolicy
from kgenre.audio.walk import walk
from kgenre.core.errors import KgenreError
from kgenre.core.progress import SILENT, Progress
from kgenre.core.text import count
from kgenre.library.head import save_rule
from kgenre.library.scan.comparison import (
    drop_roots,
    drop_unchanged,
    find_gone,
    find_lost,
    paths_to_analyse,
    save_changes,
)
from kgenre.library.scan.protocol import Background, Settings
from kgenre.library.scan.report import Report
from kgenre.library.scan.results import AnalysisResults
from kgenre.library.scan.worker_pool import ANALYSER, Workers
from kgenre.library.store import Library

BESIDE_NOTHING = Background()
LIMIT_SECONDS = 60.0  # a disk that must spin up takes ten; a decoder that hangs never ends


def scan(
    library: Library,
    folder,
    model,
    policy: ReadPolicy = DEFAULT_POLICY,
    workers: int | None = None,
    limit_seconds: float = LIMIT_SECONDS,
    retry: bool = False,
    progress: Progress = SILENT,
    analyser: str = ANALYSER,
    first: bool = False,
    background: Background = BESIDE_NOTHING,
) -> Report:
    """Brings a library up to date with a folder, in one pass.

    Args:
        library: where results are kept, in the space of this model and this policy.
        folder: of music.
        model: as open_model gives: slices (n, slice_samples) -> probabilities, embeddings; labels, slice_spec,
            name, identity, unsure.
        policy: how tracks are read.
        workers: reading processes, at least 1; as many as there are cores if not given.
        limit_seconds: a file of which nothing comes for this time is given up.
        retry: try files again that failed and have not changed since; a scan with another decoder than the last does.
        progress: is shown the files done and the files to do.
        analyser: what the reading processes call, "module:function"; for tests.
        first: analyse `policy.first_slices` of each new track, and keep tracks that have more as provisional. A later
            scan without `first` analyses these whole, and leaves what it would have left without a first pass.
        background: how the scan goes on beside other work.

    Raises:
        KgenreError: no such folder; or it is empty, and the library holds tracks in it; or a number below 1.
    """
    if not Path(folder).is_dir():
        raise KgenreError(f"{folder}: no such folder. Name a folder of music.")
    if model.slice_spec.input != WAVEFORM:
        raise KgenreError(f"{model.name}: takes spectrograms, and a library is of songs. Name another --model.")
    if workers is not None and workers < 1:
        raise KgenreError(f"`workers` must be at least 1. Received: workers={workers}.")
    root = os.fsencode(os.path.realpath(folder))  # one name for a folder, whichever link led to it
    found = walk(root)
    retry = retry or any(one.policy.decoder != policy.decoder for one in library.spaces()[:1])  # another may read more
    space = library.open_space(model, policy, decoder_versions(policy.decoder))
    save_rule(library, space, model.unsure)
    report = Report(space)
    known = drop_unchanged(found, library.known_files(space), retry, first, report)
    gone = find_gone(library.path, root, found, known, report.counts["unchanged"])
    todo = paths_to_analyse(found, known, retry, first, report)
    save_changes(library, root, found, known, gone, report)
    lost = find_lost(root, found, known, gone) if todo else []
    settings = Settings(model.slice_spec, policy.first if first else policy, background.niceness)
    processes = min(workers or os.cpu_count() or 1, len(todo))
    title = f"first {count(policy.first_slices, 'slice')}" if first else "analysing"
    with progress.task(title, len(todo), "tracks") as advance:
        results = AnalysisResults(library, space, model, known, lost, report, advance, first, background.changed)
        with Workers(processes, settings, limit_seconds, analyser) as pool:
            for worker, job, message in pool.messages(results.jobs(todo, found.files), background.check):
                results.receive(worker, job, message)
            results.flush()
    drop_roots(library, space)
    return report
