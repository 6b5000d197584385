"""What joins the vectors of a slice's patches or frames into one."""


def mean(x):
    """(batch, patches, d) -> (batch, d)."""
    from keras import layers

    return layers.GlobalAveragePooling1D()(x)


def concat(x):
    """(batch, patches, d) -> (batch, patches * d), as Genre_Pred."""
    from keras import layers

    return layers.Flatten()(x)


def attention(x):
    """Mean weighted by the softmax of learnt scores (Ilse et al. 2018): (batch, patches, d) -> (batch, d)."""
    from keras import layers, ops

    scores = layers.Dense(1, use_bias=False)(layers.Dense(128, activation="tanh")(x))  # (batch, patches, 1)
    return ops.sum(x * layers.Softmax(axis=1)(scores), axis=1)


POOLS = {"mean": mean, "concat": concat, "attention": attention}
