"""The taggers of Won et al. 2020 in PyTorch, waveform to tags, from their layer tables, on a state dict of theirs.

Choi et al. 2016: five blocks of convolution 3 x 3, batch normalisation, relu and max-pool, dropout, a dense layer.
Choi et al. 2017: four blocks, two GRUs of 32 whose last state goes on. Before both: a power mel spectrogram in dB.
"""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

RATE, N_FFT, HOP, BANDS, TAGS = 16000, 512, 256, 96, 50
POOLS = {
    "fcn": ((64, (2, 4)), (128, (2, 4)), (128, (2, 4)), (128, (3, 5)), (64, (4, 4))),
    "tagger_crnn": ((64, (2, 2)), (128, (3, 3)), (128, (4, 4)), (128, (4, 4))),
}


class Block(nn.Module):
    def __init__(self, inputs: int, filters: int, pool: tuple):
        super().__init__()
        self.conv, self.bn = nn.Conv2d(inputs, filters, 3, padding=1), nn.BatchNorm2d(filters)
        self.pool = pool

    def forward(self, x):
        return F.max_pool2d(F.relu(self.bn(self.conv(x))), self.pool)


class Tagger(nn.Module):
    """Modules are named as in the published files."""

    def __init__(self, arch: str):
        super().__init__()
        self.spec_bn, self.blocks, inputs = nn.BatchNorm2d(1), len(POOLS[arch]), 1
        for number, (filters, pool) in enumerate(POOLS[arch], 1):
            self.add_module(f"layer{number}", Block(inputs, filters, pool))
            inputs = filters
        self.recurrent = arch == "tagger_crnn"
        if self.recurrent:
            self.layer5 = nn.GRU(128, 32, 2, batch_first=True)
        self.dense = nn.Linear(32 if self.recurrent else 64, TAGS)

    def forward(self, waveform):
        """(batch, samples) -> embedding (batch, d), probabilities (batch, 50)."""
        x = self.spec_bn(mel_db(waveform)[:, None])
        for number in range(1, self.blocks + 1):
            x = self.get_submodule(f"layer{number}")(x)
        if self.recurrent:
            x = self.layer5(x.squeeze(2).permute(0, 2, 1))[0][:, -1]
        x = x.flatten(1)
        return x, torch.sigmoid(self.dense(x))


def mel_db(waveform):
    """(batch, samples) -> (batch, 96, frames): torch.stft as torchaudio calls it, HTK filters by their definition."""
    window = torch.hann_window(N_FFT, dtype=waveform.dtype)
    spectrum = torch.stft(waveform, N_FFT, HOP, window=window, pad_mode="reflect", return_complex=True)
    power = spectrum.abs() ** 2
    return 10 * torch.log10(torch.clamp(filters().to(power.dtype) @ power, min=1e-10))


def filters():
    """Triangles of height 1 between points at equal distances on mel = 2595 log10(1 + f / 700), 0 to 8000 Hz."""
    top = 2595 * np.log10(1 + RATE / 2 / 700)
    edges = 700 * (10 ** (np.linspace(0, top, BANDS + 2) / 2595) - 1)
    hz = np.linspace(0, RATE / 2, N_FFT // 2 + 1)
    rising = (hz - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - hz) / np.diff(edges)[1:, None]
    return torch.from_numpy(np.maximum(0, np.minimum(rising, falling)))


def drawn(arch: str, seed: int = 0) -> Tagger:
    """A network with weights and statistics from a seed that keep activations about 1, as no fresh one has them."""
    network, rng = Tagger(arch), np.random.default_rng(seed)
    state = {}
    for name, value in network.state_dict().items():
        noise = rng.standard_normal(value.shape)
        if name.endswith("running_var"):
            noise = rng.uniform(0.5, 1.5, value.shape)
        elif value.ndim > 1:
            noise *= np.sqrt(2 / np.prod(value.shape[1:]))
        elif name.endswith("bn.weight"):
            noise = rng.uniform(0.5, 1.5, value.shape) * rng.choice([-1, 1, 1], value.shape)
        else:
            noise *= 0.1
        state[name] = torch.tensor(noise).to(value.dtype)
    # A spectrogram in dB, centred and scaled, as training leaves it.
    state |= {"spec_bn.running_mean": torch.tensor([-15.0]), "spec_bn.running_var": torch.tensor([400.0])}
    network.load_state_dict(state)
    return network.eval()
