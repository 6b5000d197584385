"""Asking a model that a server has, TensorFlow Serving or one that speaks as it does: by REST or by gRPC."""
