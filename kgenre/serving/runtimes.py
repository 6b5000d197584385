"""What computes a model's answers: the values of --runtime. Importing this brings neither NumPy nor TensorFlow."""

AUTO, LITERT, TENSORFLOW = "auto", "litert", "tensorflow"
RUNTIMES = {
    AUTO: "LiteRT where it is installed and the model has a .tflite file, else TensorFlow",
    LITERT: "LiteRT, without TensorFlow",
    TENSORFLOW: "TensorFlow",
}
