"""Reading RIFF/WAVE bytes in a TensorFlow graph: 16-bit PCM of any number of channels, at 1 kHz to 1 MHz.

`tf.audio.decode_wav` is not used: it holds the rate to be known, stops at chunks that it does not know, and reads
a truncated file as far as it goes. Whatever cannot be read raises InvalidArgumentError with the rule and what was
received, which TF Serving answers as INVALID_ARGUMENT.
"""

import functools

LOWEST_RATE, HIGHEST_RATE = 1000, 1_000_000  # Hz; an absurd rate would make gigabytes of a few bytes
MAX_SECONDS = 3600
MAX_CHUNKS = 1000  # before the samples; a file of nothing else must not keep a server busy
BEHIND = 64  # zeros behind the bytes: a header is read before it is known to be whole

PCM, EXTENSIBLE = 1, 0xFFFE
PCM_GUID_TAIL = bytes.fromhex("000000001000800000aa00389b71")  # of WAVE_FORMAT_EXTENSIBLE, behind the format's number
TO_THE_END = 0xFFFFFFFF  # the size that is written where the output cannot be sought, as by `ffmpeg ... -f wav -`
CONVERT = "Convert it: ffmpeg -i SONG -c:a pcm_s16le SONG.wav"


@functools.cache
def graph():
    """The function of (bytes (), row ()) -> samples float32 (frames,), the mean of the channels, and rate int32 ().

    `row` is the number of the file in its request, for messages.

    It raises InvalidArgumentError where the bytes are not such a file, hold no audio or end before their header says.
    """
    import tensorflow as tf

    @tf.function(input_signature=[tf.TensorSpec((), tf.string), tf.TensorSpec((), tf.int32)], autograph=False)
    def decode(data, row):
        size = tf.strings.length(data)
        raw = tf.pad(tf.io.decode_raw(data, tf.uint8), [[0, BEHIND]])
        size = tf.cast(size, tf.int64)
        header, body, length = _find_chunks(raw, size)
        code, channels, rate, bits, block = (
            _number(raw, header + offset, n) for offset, n in ((0, 2), (2, 2), (4, 4), (14, 2), (12, 2))
        )
        extensible = tf.equal(code, EXTENSIBLE) & tf.reduce_all(
            tf.equal(raw[header + 26 : header + 40], tf.constant(list(PCM_GUID_TAIL), tf.uint8))
        )
        code = tf.where(extensible, _number(raw, header + 24, 2), code)
        length = tf.where(tf.equal(length, TO_THE_END), size - body, length)
        frame = tf.maximum(2 * channels, 1)
        frames = length // frame
        seconds = tf.cast(frames, tf.float64) / tf.cast(tf.maximum(rate, 1), tf.float64)
        form = _text("format ", code, ", ", bits, " bits, ", channels, " channels, ", rate, " Hz")
        whole = _text(size - body, " of ", length, " bytes of samples")
        rules = (
            (_is(raw, 0, "RIFF") & _is(raw, 8, "WAVE"), "must be a RIFF/WAVE file", _text(size, " bytes"), CONVERT),
            (body > 0, "must have a fmt and a data chunk", _text(size, " bytes"), "Send the whole file"),
            (tf.equal(code, PCM) & tf.equal(bits, 16), "must be 16-bit PCM", form, CONVERT),
            ((channels > 0) & tf.equal(block, frame), "must have 2 bytes a sample and channel", form, CONVERT),
            (
                (rate >= LOWEST_RATE) & (rate <= HIGHEST_RATE),
                f"must be {LOWEST_RATE} to {HIGHEST_RATE} Hz",
                form,
                CONVERT,
            ),
            (body + length <= size, "must not be truncated", whole, "Send the whole file"),
            (frames > 0, "must hold audio", whole, "Leave it out"),
            (seconds <= MAX_SECONDS, f"must be at most {MAX_SECONDS} s long", _text(seconds, " s"), "Send it in parts"),
        )
        kept = tf.stack([rule[0] for rule in rules])
        lines = tf.stack([_text("wav_bytes[", row, "] ", rule, ". Received: ", got, ". ", step, ".")
                          for _, rule, got, step in rules])  # fmt: skip
        first = tf.argmin(tf.cast(kept, tf.int32))
        with tf.control_dependencies([tf.debugging.Assert(tf.reduce_all(kept), [lines[first]])]):
            values = tf.bitcast(tf.reshape(raw[body : body + frames * frame], (-1, 2)), tf.int16)
        channels = tf.maximum(channels, 1)
        samples = tf.reshape(tf.cast(values, tf.float32) / 32768.0, tf.stack([-1, channels]))  # (frames, channels)
        return tf.reduce_mean(samples, axis=1), tf.cast(rate, tf.int32)

    return decode


def _find_chunks(raw, size):
    """Places of the fmt chunk's and the samples' first bytes, 0 where there are none, and the length of the samples."""
    import tensorflow as tf

    @tf.function
    def walk(raw, size):
        zero = tf.constant(0, tf.int64)
        place, header, body, length, chunks = zero + 12, zero, zero, zero, 0
        while tf.equal(body, 0) & (place + 8 <= size) & (chunks < MAX_CHUNKS):
            length, start = _number(raw, place + 4, 4), place + 8
            if _is(raw, place, "fmt ") & (length >= 16) & (start + length <= size):
                header = start
            if _is(raw, place, "data") & (header > 0):
                body = start
            place, chunks = start + length + length % 2, chunks + 1  # a chunk of odd length has a byte behind it
        return header, body, length

    return walk(raw, size)


def _number(raw, place, n: int):
    """The unsigned little-endian number of `n` bytes, int64."""
    import tensorflow as tf

    weights = tf.constant([256**power for power in range(n)], tf.int64)
    return tf.reduce_sum(tf.cast(raw[place : place + n], tf.int64) * weights)


def _is(raw, place, name: str):
    import tensorflow as tf

    return tf.reduce_all(tf.equal(raw[place : place + 4], tf.constant(list(name.encode()), tf.uint8)))


def _text(*parts):
    import tensorflow as tf

    return tf.strings.join([part if isinstance(part, str) else _string(part) for part in parts])


def _string(value):
    import tensorflow as tf

    return value if value.dtype == tf.string else tf.strings.as_string(value)
