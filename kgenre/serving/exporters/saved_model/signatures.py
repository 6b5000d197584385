"""The signatures of an exported model, by name: the function and the tensors that it takes."""

from collections.abc import Callable
from dataclasses import dataclass

from kgenre.audio.inputs import WAVEFORM
from kgenre.audio.slicing import SliceSpec, plan_in_graph
from kgenre.serving.exporters.saved_model import resample, wav
from kgenre.serving.exporters.saved_model.answers import answering_graph

LENGTHS = {WAVEFORM: "num_samples", "spectrogram": "num_frames"}
OF_TRACKS = ("probabilities", "slice_probabilities", "embedding")
MASKED, WAV_BYTES, ABOUT_ROWS = "masked", "wav_bytes", "about_rows"
MOST_VALUES = 2**26  # of slice_probabilities, 256 MiB: files of 40 bytes beside an hour would make gigabytes of it


@dataclass(frozen=True)
class Signature:
    """What ExportArchive.add_endpoint takes: a function of the tensors, a TensorSpec for each."""

    function: Callable
    inputs: tuple


def masked_name(spec: SliceSpec) -> str:
    return f"{spec.input}_{MASKED}"


def make_signatures(network, spec: SliceSpec, about: dict) -> dict[str, Signature]:
    """All signatures of a model.

    Args:
        network: keras.Model, slices (n, *spec.shape) -> probabilities (n, classes) and embeddings (n, d).
        about: the values of the signature `about`, by name: numbers, texts and lists of these.
    """
    import tensorflow as tf

    answer = answering_graph(network, spec)
    tracks = tf.TensorSpec((None, None, *spec.shape[1:]), tf.float32, name=spec.input)
    lengths = tf.TensorSpec((None,), tf.int32, name=LENGTHS[spec.input])

    def serve(batch):
        return _chosen(answer(*_in_a_row(batch), _whole(batch)), OF_TRACKS)

    def serve_masked(batch, lengths):
        return _chosen(answer(*_in_a_row(batch), _checked(lengths, batch, spec)), (*OF_TRACKS, "num_slices"))

    def embed(batch):
        return _chosen(answer(*_in_a_row(batch), _whole(batch)), ("embedding", "slice_embeddings"))

    def serve_wav(files):
        samples, firsts, lengths = _decoded(files, spec)
        lengths = _limited(lengths, spec, network.outputs[0].shape[-1])
        return _chosen(answer(samples, firsts, lengths), (*OF_TRACKS, "num_slices"))

    def describe():
        return {name: _constant(value) for name, value in about.items()}

    def describe_rows(rows):
        return {name: tf.repeat(value[None], tf.size(rows), axis=0) for name, value in describe().items()}

    found = {
        "serving_default": Signature(serve, (tracks,)),
        masked_name(spec): Signature(serve_masked, (tracks, lengths)),
        "embed": Signature(embed, (tracks,)),
        "about": Signature(describe, ()),
        ABOUT_ROWS: Signature(describe_rows, (tf.TensorSpec((None,), tf.int32, name="row"),)),
    }
    if spec.input == WAVEFORM:
        found[WAV_BYTES] = Signature(serve_wav, (tf.TensorSpec((None,), tf.string, name=WAV_BYTES),))
    # There is no Python control flow to convert, and looking for it in all that is called takes seconds.
    plain = tf.autograph.experimental.do_not_convert
    return {name: Signature(plain(one.function), one.inputs) for name, one in found.items()}


def _chosen(answers: dict, names) -> dict:
    return {name: answers[name] for name in names}


def _in_a_row(batch):
    """(batch, samples, ...) -> (batch * samples, ...) and where each track begins, int64 (batch,)."""
    import tensorflow as tf

    size = tf.shape(batch, tf.int64)
    return tf.reshape(batch, tf.concat([[size[0] * size[1]], size[2:]], axis=0)), tf.range(size[0]) * size[1]


def _whole(batch):
    import tensorflow as tf

    return tf.fill(tf.shape(batch)[:1], tf.shape(batch)[1])


def _checked(lengths, batch, spec: SliceSpec):
    """The lengths; raises InvalidArgumentError where they do not belong to the batch."""
    import tensorflow as tf

    name, most = LENGTHS[spec.input], tf.shape(batch)[1]
    rule = f"`{name}` must have one number from 0 to the second dimension of `{spec.input}` for each of its rows."
    rows = tf.equal(tf.size(lengths), tf.shape(batch)[0])
    within = tf.reduce_all((lengths >= 0) & (lengths <= most))
    got = [f"{rule} Received: {name} =", lengths, f"and {spec.input} of the shape", tf.shape(batch)]
    with tf.control_dependencies([tf.debugging.Assert(rows & within, got, summarize=8)]):
        return tf.identity(lengths)


def _limited(lengths, spec: SliceSpec, n_classes: int):
    """The lengths; raises InvalidArgumentError where `slice_probabilities` would have more than MOST_VALUES.

    It has as many slices for every track as the longest has.
    """
    import tensorflow as tf

    slices = tf.reduce_max(tf.concat([plan_in_graph(lengths, spec)[2], [0]], axis=0))
    size = tf.shape(lengths, tf.int64)[0] * slices * n_classes
    rule = (
        f"`{WAV_BYTES}` must have at most {MOST_VALUES} probabilities, of files times slices of the longest times "
        "genres. Send the long files and the short ones apart. Received: files and slices ="
    )
    got = [rule, tf.size(lengths), slices]
    with tf.control_dependencies([tf.debugging.Assert(size <= MOST_VALUES, got)]):
        return tf.identity(lengths)


def _decoded(files, spec: SliceSpec):
    """Waveforms in [-1, 1] at the model's rate, one behind the other, where each begins, and its length.

    They are not padded: beside an hour, a thousand files of a few bytes would be a thousand hours.
    """
    import tensorflow as tf

    decode = wav.graph()

    def waveform(item):
        return resample.resample(*decode(*item), spec.sample_rate)

    rows, ragged = tf.range(tf.size(files)), tf.RaggedTensorSpec((None,), tf.float32)
    waveforms = tf.map_fn(waveform, (files, rows), fn_output_signature=ragged, parallel_iterations=1)
    return waveforms.flat_values, waveforms.row_starts(), tf.cast(waveforms.row_lengths(), tf.int32)


def _constant(value):
    """A float keeps its precision: it is part of the model's identity."""
    import tensorflow as tf

    floats = isinstance(value, float)
    return tf.constant(value, tf.float64 if floats else None)
