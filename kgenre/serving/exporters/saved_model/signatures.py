"""The signatures of an exported model, by name: the function and the tensors that it takes."""

from collections.abc import Callable
from dataclasses import dataclass

from kgenre.audio.inputs import WAVEFORM
from kgenre.audio.slicing import SliceSpec
from kgenre.serving.exporters.saved_model import resample, wav
from kgenre.serving.exporters.saved_model.answers import answering_graph

LENGTHS = {WAVEFORM: "num_samples", "spectrogram": "num_frames"}
OF_TRACKS = ("probabilities", "slice_probabilities", "embedding")
MASKED, WAV_BYTES, ABOUT_ROWS = "masked", "wav_bytes", "about_rows"


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
        return _chosen(answer(batch, _whole(batch)), OF_TRACKS)

    def serve_masked(batch, lengths):
        return _chosen(answer(batch, _checked(lengths, batch, spec)), (*OF_TRACKS, "num_slices"))

    def embed(batch):
        return _chosen(answer(batch, _whole(batch)), ("embedding", "slice_embeddings"))

    def serve_wav(files):
        batch, lengths = _decoded(files, spec)
        return _chosen(answer(batch, lengths), (*OF_TRACKS, "num_slices"))

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


def _decoded(files, spec: SliceSpec):
    """Waveforms (batch, samples) in [-1, 1] at the model's rate, with zeros behind the shorter ones, and lengths."""
    import tensorflow as tf

    decode = wav.graph()

    def waveform(item):
        return resample.resample(*decode(*item), spec.sample_rate)

    rows, ragged = tf.range(tf.size(files)), tf.RaggedTensorSpec((None,), tf.float32)
    waveforms = tf.map_fn(waveform, (files, rows), fn_output_signature=ragged, parallel_iterations=1)
    return waveforms.to_tensor(), tf.cast(waveforms.row_lengths(), tf.int32)


def _constant(value):
    """A float keeps its precision: it is part of the model's identity."""
    import tensorflow as tf

    floats = isinstance(value, float)
    return tf.constant(value, tf.float64 if floats else None)
