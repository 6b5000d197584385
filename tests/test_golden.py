"""Present values against those of tests/golden/*.npz, which tests/golden/update.py writes."""

import numpy as np
import pytest
from golden import update

# dB: float32 rounding 70 dB and more below the maximum. Pixels in [0, 1]: float32 coordinates under 20.
TOLERANCES = {"logmel": 1e-3, "zoom": 1e-5}


@pytest.mark.parametrize("name", update.GOLDEN)
def test_values_of_each_row_equal_the_golden_file(name):
    values, golden = update.GOLDEN[name](), update.load(name)
    assert np.ptp(golden) > 0.5  # a golden file of one value would agree with too much
    np.testing.assert_allclose(values, golden, rtol=0, atol=TOLERANCES[name])


def test_update_of_changed_values_prints_the_change_and_writes(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(update, "FOLDER", tmp_path)
    before = update.zoom() + np.float32(0.25) * (np.arange(720).reshape(3, 12, 20, 1) == 5)
    np.savez_compressed(tmp_path / "zoom.npz", values=before)
    update.main()
    assert capsys.readouterr().out.splitlines() == ["logmel: new, (130, 32)", "zoom: largest change 0.25"]
    np.testing.assert_array_equal(update.load("zoom"), update.zoom())
    np.testing.assert_array_equal(update.load("logmel"), update.logmel())
