"""SAFENET_* variables: all documented, unknown ones refused, bad ones named."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from service import cli
from service.errors import SettingsError
from service.middleware.api_keys import key_digest
from service.settings import PREFIX, Settings, read_settings

DOCS = Path(__file__).parent.parent / "docs" / "settings.md"


def test_every_setting_is_documented_with_its_default() -> None:
    lines = DOCS.read_text().splitlines()
    for name, field in Settings.model_fields.items():
        row = [line for line in lines if line.startswith(f"| `{PREFIX}{name.upper()}` |")]
        assert len(row) == 1, name
        default = "" if field.default in (None, "") else str(field.default).lower()
        assert f"| {f'`{default}`' if default else 'unset'} |" in row[0].lower(), name


def test_no_documented_setting_is_gone() -> None:
    named = [line.split("`")[1] for line in DOCS.read_text().splitlines() if line.startswith("| `")]
    assert named == [f"{PREFIX}{name.upper()}" for name in Settings.model_fields]


def test_values_are_read_and_empty_ones_ignored() -> None:
    settings = read_settings({"SAFENET_PORT": "9000", "SAFENET_WEIGHTS": "", "HOME": "/root"})
    assert settings.port == 9000
    assert settings.weights is None


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("SAFENET_PROT", "9000", "did you mean SAFENET_PORT?"),
        ("SAFENET_COLOUR_OF_THE_SKY", "1", "is not a setting"),
        ("SAFENET_PORT", "70000", "'70000'"),
        ("SAFENET_MAX_WAIT_MS", "-1", "greater than or equal to 0"),
        ("SAFENET_KEYS", "maybe", "SAFENET_KEYS"),
        ("SAFENET_HOST", "http://x", "without scheme"),
    ],
)
def test_bad_variables_are_refused_by_name(name: str, value: str, said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings({name: value})
    assert name in str(caught.value)
    assert said in str(caught.value)


def test_keys_are_required_away_from_loopback() -> None:
    assert not Settings(host="127.0.0.1").keys_required
    assert not Settings(host="::1").keys_required
    assert not Settings(host="localhost").keys_required
    assert Settings(host="0.0.0.0").keys_required
    assert Settings(host="example.org").keys_required
    assert Settings(host="127.0.0.1", api_keys="a=sha256:" + "0" * 64).keys_required
    assert not Settings(host="0.0.0.0", keys="off").keys_required


def test_command_refuses_an_unknown_setting_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAFENET_STOER", "x")
    result = CliRunner().invoke(cli.app, [])
    assert result.exit_code == 1
    assert "SAFENET_STORE?" in result.stderr
    assert result.stderr.count("\n") == 1


def test_command_refuses_an_unknown_precision_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAFENET_PRECISION", "fp8")
    result = CliRunner().invoke(cli.app, [])
    assert result.exit_code == 1
    assert "SAFENET_PRECISION: 'fp8' is refused" in result.stderr
    assert result.stderr.count("\n") == 1


def test_command_refuses_an_open_address_without_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAFENET_HOST", "0.0.0.0")
    result = CliRunner().invoke(cli.app, [])
    assert result.exit_code == 1
    assert "new-key" in result.stderr


def test_new_key_prints_the_key_and_the_entry_for_it() -> None:
    lines = CliRunner().invoke(cli.app, ["new-key", "tower"]).stdout.splitlines()
    key = lines[0].split(": ")[1]
    assert lines[1].endswith(f"tower=sha256:{key_digest(key)}")


def test_help_names_every_setting_as_an_option() -> None:
    text = CliRunner().invoke(cli.app, ["--help"]).stdout
    for name in Settings.model_fields:
        assert f"--{name.replace('_', '-')} VALUE" in text
        assert f"{PREFIX}{name.upper()}" in text.replace("\n", "")


def test_an_option_comes_before_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAFENET_PORT", "8000")
    result = CliRunner().invoke(cli.app, ["--port", "70000", "--store", "somewhere"])
    assert result.exit_code == 1
    assert "SAFENET_PORT: '70000'" in result.stderr
