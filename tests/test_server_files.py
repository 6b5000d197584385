"""The files beside the versions of a model: what TF Serving reads, parsed with its own messages."""

import shutil
import subprocess
from pathlib import Path

import pytest
import tf_serving_messages
import yaml
from google.protobuf import text_format

from kgenre.serving.exporters import EXPORTERS
from kgenre.serving.exporters.tf_serving import FILES, model_name, write_server_files


def test_server_files_parse_and_name_one_model(tmp_path):
    from tensorflow_serving.config import model_server_config_pb2

    folder = tmp_path / "my genres: 2"
    folder.mkdir()
    assert [path.name for path in write_server_files(folder)] == list(FILES)
    name = "my_genres__2"
    config = text_format.Parse(
        (folder / "models.config").read_text(), model_server_config_pb2.ModelServerConfig()
    ).model_config_list.config
    assert [(one.name, one.base_path, one.model_platform) for one in config] == [
        (name, f"/models/{name}", "tensorflow")
    ]
    assert config[0].model_version_policy.latest.num_versions == 1
    batching = text_format.Parse((folder / "batching.config").read_text(), tf_serving_messages.batching_parameters())
    assert batching.pad_variable_length_inputs and batching.max_batch_size.value == 16
    service = yaml.safe_load((folder / "docker-compose.yml").read_text())["services"]["tensorflow-serving"]
    assert service["volumes"] == [f".:{config[0].base_path}:ro"]
    assert f"--model_config_file={config[0].base_path}/models.config" in service["command"]
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])


def test_models_config_with_two_versions_parses_as_its_comment_says(tmp_path):
    from tensorflow_serving.config import model_server_config_pb2

    write_server_files(tmp_path)
    text = (tmp_path / "models.config").read_text()
    before, commented = text.split("replace the policy by:\n")
    policy = before[before.index("model_version_policy {") : before.index("# To serve")]
    text = before.replace(policy, "") + "\n" + commented.replace("# ", "")
    config = text_format.Parse(text, model_server_config_pb2.ModelServerConfig()).model_config_list.config[0]
    assert list(config.model_version_policy.specific.versions) == [1, 2]
    assert dict(config.version_labels) == {"stable": 1, "canary": 2}


def test_server_files_that_are_there_are_left_alone(tmp_path):
    (tmp_path / "models.config").write_text("mine")
    assert [path.name for path in write_server_files(tmp_path)] == ["batching.config", "docker-compose.yml"]
    assert (tmp_path / "models.config").read_text() == "mine"
    assert EXPORTERS["saved_model"].write_server_files(tmp_path) == []


@pytest.mark.parametrize(
    "folder, name", [("genres", "genres"), ("a b", "a_b"), ("v1.2-x_y", "v1.2-x_y"), ("é:/x", "x")]
)
def test_model_name_needs_no_quoting(tmp_path, folder, name):
    assert model_name(tmp_path / folder) == name


def test_rest_recipe_without_ffmpeg_writes_and_sends_no_request(tmp_path):
    text = (Path(__file__).parent.parent / "docs" / "serving.md").read_text(encoding="utf-8")
    recipe = next(block for block in text.split("```") if "request.json" in block and "ffmpeg -i" in block)
    (tmp_path / "curl").write_text("#!/bin/sh\necho sent >> sent\n")
    (tmp_path / "curl").chmod(0o755)
    done = subprocess.run([shutil.which("bash"), "-c", recipe], cwd=tmp_path, env={"PATH": str(tmp_path)}, check=False,
                          capture_output=True, text=True)  # fmt: skip
    assert done.returncode != 0 and "ffmpeg" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["curl"]
