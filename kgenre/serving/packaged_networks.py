"""The networks of the package's models: waveform (batch, slice_samples) -> logits (batch, classes).

The layer "embedding" gives what a model says of a slice beside its genres; "features", what the head is fitted on.
"""


def compact(settings, n_classes: int):
    """`short_fcn` and a linear layer on its 128 values. Args: ModelSettings of it."""
    import keras
    from keras import layers

    from kgenre.archs.short_fcn import short_fcn
    from kgenre.model.build import front_end

    waveform = keras.Input((settings.audio.slice_samples,), name="waveform", dtype="float32")
    embedding = short_fcn(front_end(settings)(waveform), settings.network.weights, unfreeze=0)
    embedding = layers.Identity(name="embedding")(embedding)
    features = layers.Identity(name="features")(embedding)
    return keras.Model(waveform, layers.Dense(n_classes, name="logits")(features), name="compact")


def musicnn(settings, n_classes: int):
    """musicnn, and a linear layer on its 200-d embedding beside the mean over time of its 753 maps.

    The layer "embedding" gives the 200 values alone, of which musicnn's tags are a function. Args: ModelSettings of it.
    """
    import keras
    from keras import layers

    from kgenre.archs.musicnn import mel_of, pretrained
    from kgenre.model.build import front_end

    waveform = keras.Input((settings.audio.slice_samples,), name="waveform", dtype="float32")
    spectrogram = front_end(settings)(waveform)
    backbone = pretrained(spectrogram, settings.network.weights)
    pooled = backbone.get_layer("batch_normalization_9").output  # maximum and mean of each map, standardised
    taps = keras.Model(backbone.input, [backbone.output, pooled], name="musicnn")
    taps.trainable = False
    embedding, pooled = taps(mel_of(spectrogram))
    embedding = layers.Identity(name="embedding")(embedding)
    features = layers.Concatenate(name="features")([embedding, pooled])  # (batch, 1706)
    return keras.Model(waveform, layers.Dense(n_classes, name="logits")(features), name="musicnn")


# Rows of WEIGHTS with the networks of `best`, in the order of their values in its embedding.
BEST = ("fcn-msd", "tagger_crnn-msd", "fcn-jamendo")


def best(settings, n_classes: int):
    """Three published taggers side by side on one front end, and a linear layer on their 64 + 32 + 64 values.

    Args: ModelSettings of any of the three, which take the same slices and the same feature.

    Reference: the mixture of the three models, `mix:fcn-msd,crnn-msd,fcn-jamendo`, to 1e-4
    (tests/test_packaged_best.py).
    """
    import keras
    from keras import layers

    from kgenre.archs import ARCHS
    from kgenre.model.build import front_end
    from kgenre.weights import WEIGHTS

    def member(image, name: str):  # a model of its own, because layer names of two of them clash
        row, inputs = WEIGHTS[name], keras.Input(image.shape[1:])
        return keras.Model(inputs, ARCHS[row.arch].build([inputs], weights=row.value, unfreeze=0), name=name)(image)

    waveform = keras.Input((settings.audio.slice_samples,), name="waveform", dtype="float32")
    image = front_end(settings)(waveform)
    embedding = layers.Concatenate(name="embedding")([member(image, name) for name in BEST])  # (batch, 160)
    features = layers.Identity(name="features")(embedding)
    return keras.Model(waveform, layers.Dense(n_classes, name="logits")(features), name="best")
