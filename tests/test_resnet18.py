"""ResNet18 with a state dict of torchvision's network, read without PyTorch: the answer is that of its modules."""

import keras
import numpy as np
import pytest

from kgenre import train
from kgenre.archs import ARCHS
from kgenre.archs.resnet18 import resnet18
from kgenre.core.errors import KgenreError

torch = pytest.importorskip("torch", reason="PyTorch is not installed, which answers beside Keras")
nn = torch.nn
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Block(nn.Module):
    """A basic block, with torchvision's names."""

    def __init__(self, inputs: int, filters: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, filters, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(filters)
        self.conv2 = nn.Conv2d(filters, filters, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(filters)
        self.downsample = None
        if stride > 1:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, filters, 1, stride, bias=False), nn.BatchNorm2d(filters))

    def forward(self, x):
        y = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        return torch.relu(y + (self.downsample(x) if self.downsample else x))


class Network(nn.Module):
    """He et al. 2016, table 1, with torchvision's names."""

    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64)
        self.layer1 = nn.Sequential(Block(64, 64, 1), Block(64, 64, 1))
        self.layer2 = nn.Sequential(Block(64, 128, 2), Block(128, 128, 1))
        self.layer3 = nn.Sequential(Block(128, 256, 2), Block(256, 256, 1))
        self.layer4 = nn.Sequential(Block(256, 512, 2), Block(512, 512, 1))
        self.fc = nn.Linear(512, 1000)

    def forward(self, x):
        x = nn.functional.max_pool2d(torch.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        return self.layer4(self.layer3(self.layer2(self.layer1(x)))).mean((2, 3))


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """A network of random weights and statistics, and the file of its state dict."""
    torch.manual_seed(0)
    made = Network().eval()
    with torch.no_grad():
        for module in made.modules():
            if isinstance(module, nn.BatchNorm2d):
                for value, low in ((module.weight, 0.5), (module.bias, -0.5), (module.running_mean, -0.5)):
                    value.uniform_(low, low + 1)
                module.running_var.uniform_(0.5, 1.5)
    path = tmp_path_factory.mktemp("weights") / "resnet18.pth"
    torch.save(made.state_dict(), path)
    return made, str(path)


def answer(images: np.ndarray, **options) -> np.ndarray:
    inputs = keras.Input(images.shape[1:])
    model = keras.Model(inputs, resnet18(inputs, **options))
    return keras.ops.convert_to_numpy(model(images, training=False))


def expected(made, images: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return made(torch.from_numpy(images.transpose(0, 3, 1, 2).copy())).numpy()


def is_close(found, wanted) -> bool:
    return np.ptp(wanted) > 0.1 and np.abs(found - wanted).max() < 1e-5 * np.abs(wanted).max()


def pictures(channels: int) -> np.ndarray:
    return np.random.default_rng(0).random((2, 65, 96, channels)).astype("float32")


def test_answer_is_that_of_pytorch_on_scaled_images(network):
    made, path = network
    images = pictures(3)
    scaled = ((images - MEAN) / DEVIATION).astype("float32")
    assert is_close(answer(images, weights=path, scaling="imagenet"), expected(made, scaled))
    assert is_close(answer(images, weights=path), expected(made, images))


def test_one_channel_is_three_equal_ones(network):
    made, path = network
    images = pictures(1)
    assert is_close(answer(images, weights=path), expected(made, images.repeat(3, axis=3)))


def test_frozen_network_keeps_what_the_file_has(network):
    inputs = keras.Input((64, 64, 3))
    model = keras.Model(inputs, resnet18(inputs, weights=network[1], unfreeze=0))
    assert not model.trainable_weights and len(model.weights) == 100


def test_wrong_files_and_channels_are_told(network, tmp_path):
    state = network[0].state_dict()
    del state["layer3.1.bn2.bias"]
    torch.save(state, tmp_path / "part.pth")
    words = (
        "does not hold the weights of resnet18 without its top .layer3_1_bn2/beta needs .256,., and there it is none"
    )
    with pytest.raises(KgenreError, match=words):
        answer(pictures(3), weights=str(tmp_path / "part.pth"))
    with pytest.raises(KgenreError, match="Received: 2. Set --image-channels 3, or --scaling unit."):
        answer(pictures(2), scaling="imagenet")
    torch.save({"conv1.weight": state["conv1.weight"].double()}, tmp_path / "one.pt")
    with pytest.raises(KgenreError, match="bn1/gamma needs .64,., and there it is none"):
        answer(pictures(3), weights=str(tmp_path / "one.pt"))


def test_missing_file_is_told_before_the_collection_is_read(tmp_path, capsys):
    arguments = ["--config", "atml_gtzan/resnet18/fixed", "--data", str(tmp_path / "none.csv"), "--out", str(tmp_path)]
    assert train.main([*arguments[:-1], str(tmp_path / "run")]) == 2
    line = "Received: resnet18-f37072fd.pth, which is no file. Name one with --weights."
    assert line in capsys.readouterr().err


def test_run_keeps_the_place_of_its_file(network, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.pth").write_bytes(b"")
    settings = ARCHS["resnet18"].settings
    assert ARCHS["resnet18"].resolve(settings(weights="own.pth")) == {"weights": str(tmp_path / "own.pth")}
    assert ARCHS["resnet18"].resolve(settings(weights="none")) == {}
