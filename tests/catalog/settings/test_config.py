"""catalog.toml: its defaults, every key read, every mistake named; where it lies; how lengths are read."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from tests.support import ROOT
from thresher.catalog.provenance.name_patterns import PATTERNS
from thresher.catalog.provenance.provenance import Provenance, infer
from thresher.catalog.settings import config
from thresher.catalog.settings.config import STARTER, find_catalog, load_settings
from thresher.catalog.settings.sections import SECTIONS, Settings
from thresher.errors import CatalogError, ConfigError, UsageError
from thresher.formatting import any_of
from thresher.signal.metrics.registry import METRICS
from thresher.signal.ordering.orderings import parse_ordering

EXAMPLE = ROOT / "catalog.example.toml"


def written(folder: Path, content: str | bytes) -> Path:
    path = folder / "catalog.toml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def message_for(folder: Path, content: str | bytes) -> str:
    with pytest.raises(ConfigError) as error:
        load_settings(written(folder, content))
    return str(error.value)


def without_patterns(loaded: Settings) -> dict[str, object]:
    return {section: getattr(loaded, section) for section in SECTIONS}


@pytest.mark.parametrize(
    ("text", "now", "former"),
    [
        ("", "likeness", "prefix"),
        ('default = "prefix"', "prefix", None),
        ('default = "aligned"', "aligned", None),
        ('use = ["prefix", "aligned"]', "prefix", None),
        ('use = ["aligned"]\ndefault = "aligned"', "aligned", None),
    ],
)
def test_the_default_metric_is_likeness_where_it_is_in_use(
    tmp_path: Path, text: str, now: str, former: str | None
) -> None:
    metrics = load_settings(written(tmp_path, f"[metrics]\n{text}\n")).metrics
    assert (metrics.default_metric, metrics.former_default) == (now, former)


def test_every_default_is_itself_allowed() -> None:
    for name, section in SECTIONS.items():
        default = getattr(Settings(), name)
        assert TypeAdapter(section).validate_python(asdict(default)) == default


@pytest.mark.parametrize("content", ["", STARTER, "[trim]\n[song]\n"], ids=["empty", "starter", "sections"])
def test_settings_that_are_not_in_the_file_have_their_defaults(tmp_path: Path, content: str) -> None:
    assert load_settings(written(tmp_path, content)) == Settings()


def test_the_commented_settings_of_the_starter_file_load(tmp_path: Path) -> None:
    lines = [
        line.removeprefix("# ") if "=" in line or "[[" in line else line for line in STARTER.splitlines()
    ]
    loaded = load_settings(written(tmp_path, "\n".join(lines)))
    assert without_patterns(loaded) == without_patterns(Settings())
    assert [pattern.name for pattern in loaded.provenance] == ["my network"]


def test_the_example_has_every_key_with_its_default() -> None:
    loaded = load_settings(EXAMPLE)
    effective = replace(Settings().metrics, default=Settings().metrics.default_metric)
    assert without_patterns(loaded) == {**without_patterns(Settings()), "metrics": effective}
    document = tomllib.loads(EXAMPLE.read_text(encoding="utf-8"))
    assert document.keys() == SECTIONS.keys() | {"roots", "provenance", "recipe"}
    for section, keys in SECTIONS.items():
        assert list(document[section]) == [key.name for key in fields(keys)]


def test_the_pattern_of_the_example_reads_the_name_in_its_comment() -> None:
    patterns = (*load_settings(EXAMPLE).provenance, *PATTERNS)
    name = "night_ep12_it30000_z7.wav"
    assert name in EXAMPLE.read_text(encoding="utf-8")
    result = infer(f"/data/{name}".encode(), patterns=patterns)
    assert result.pattern == "my network"
    assert result.provenance == Provenance("night", 12, 30000, {"seed": "7"})


def test_the_template_of_the_example_has_every_key() -> None:
    (entry,) = tomllib.loads(EXAMPLE.read_text(encoding="utf-8"))["recipe"]
    (template,) = load_settings(EXAMPLE).recipe
    assert entry.keys() == {key.name for key in fields(template)}
    assert template.names == ("seed", "temperature", "run", "epoch")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('[[recipe]]\ncommand = "g"', "catalog.toml, [[recipe]] number 1: name is missing"),
        ('[[recipe]]\nname = "a"\ncomand = "g"', '[[recipe]] "a", comand: no such key; did you mean "command"'),
        ('[[recipe]]\nname = "a"\ncommand = "g {seed"', '[[recipe]] "a", command: a "{" is not closed'),
        ('[[recipe]]\nname = "a"\ncommand = 3', '[[recipe]] "a", command: 3 is not text'),
        ('[recipe]\nname = "a"', "write [[recipe]], with name and command below it"),
        ('[[recipes]]\nname = "a"', 'did you mean "recipe"?'),
        ('[[recipe]]\nname = "a"\ncommand = "g"\n' * 2, '[[recipe]] "a": another template has this name'),
    ],
)  # fmt: skip
def test_a_mistake_in_a_recipe_is_named(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        load_settings(written(tmp_path, content))
    assert message in str(raised.value)


def test_roots_are_names_of_folders(tmp_path: Path) -> None:
    loaded = load_settings(written(tmp_path, '[roots]\ncorpus = "/mnt/audio"\nnew-1 = "clips"'))
    assert loaded.roots == {"corpus": "/mnt/audio", "new-1": "clips"}
    assert Settings().roots == {}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('roots = "/mnt"', 'catalog.toml, roots: "/mnt" is not a section; write [roots]'),
        ('[roots]\n"a:b" = "/mnt"', "[roots] a:b: the name of a root has letters, digits, - and _ only"),
        ("[roots]\ncorpus = 3", '[roots] corpus: 3 is not a folder such as "/mnt/audio"'),
        ('[roots]\ncorpus = ""', '[roots] corpus: "" is not a folder'),
        ('[roots]\na = "clips"\nb = "x/../clips"', '[roots] b: "x/../clips" is the folder of the root a already'),
        ('[root]\na = "/mnt"', 'unknown section "root"; did you mean "roots"?'),
    ],
)  # fmt: skip
def test_a_mistake_in_a_root_is_named(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        load_settings(written(tmp_path, content))
    assert message in str(raised.value)


def test_every_key_is_read(tmp_path: Path) -> None:
    values: dict[str, dict[str, Any]] = {
        "catalog": {"database": "sqlite:////data/a.db", "busy_timeout": 1},
        "trim": {
            "top_db": 40,
            "frame_length": 512,
            "hop_length": 128,
            "floor_db": -60.5,
            "split": True,
            "split_seconds": 1,
        },
        "fingerprint": {"backend": "fpcalc"},
        "audio": {"max_length": "5:00"},
        "metrics": {"use": ["likeness", "aligned"], "default": "aligned"},
        "dupes": {"score": 0.9, "words": 20, "cover": 1},
        "suspect": {"likeness": 0.8},
        "ingest": {"executor": "threads:4", "group": 1, "settle": 0, "measure": False},
        "song": {"order": "epoch+", "metric": "aligned", "fade": 0},
        "listen": {"player": "mpv"},
        "backup": {"folder": "copies", "keep": 3, "weeks": 0},
    }
    assert values.keys() == SECTIONS.keys()
    text = "".join(
        f"[{section}]\n"
        + "".join(
            f"{key} = {str(value).lower() if isinstance(value, bool) else repr(value)}\n"
            for key, value in keys.items()
        )
        for section, keys in values.items()
    )
    loaded = load_settings(written(tmp_path, text))
    values["audio"]["max_length"] = 300.0
    values["metrics"]["use"] = ("likeness", "aligned")
    for section, keys in values.items():
        assert {key.name for key in fields(SECTIONS[section])} == keys.keys()
        for key, value in keys.items():
            assert getattr(getattr(loaded, section), key) == value
    assert isinstance(loaded.trim.top_db, float)


@pytest.mark.parametrize(
    "executor",
    ["serial", "threads", "threads:1", "processes:16", "dask", "dask:2", "dask:tls://box.lan:8786"],
)
def test_executors(tmp_path: Path, executor: str) -> None:
    assert load_settings(written(tmp_path, f'[ingest]\nexecutor = "{executor}"')).ingest.executor == executor


@pytest.mark.parametrize(
    "order", ["pairs", "chain", "shuffle:7", "shuffle:-7", "epoch+", "valid_loss-", "score@prefix-"]
)
def test_orders(tmp_path: Path, order: str) -> None:
    assert load_settings(written(tmp_path, f'[song]\norder = "{order}"')).song.order == order
    assert str(parse_ordering(order)) == order


@pytest.mark.parametrize(
    "order",
    ["chain:", "manual+-", "shuffle", "shuffle:", "shuffle:x", "shuffle:٣", "epoch", "+", "a@+", "pairs\\n"],
)
def test_invalid_orders_are_refused(tmp_path: Path, order: str) -> None:
    message = message_for(tmp_path, f'[song]\norder = "{order}"')
    assert message.endswith("is not an ordering: pairs, chain, shuffle:SEED, FIELD+ or FIELD-")
    with pytest.raises(UsageError):
        parse_ordering(order)


def test_the_manual_order_cannot_be_a_default(tmp_path: Path) -> None:
    assert "is not an ordering" in message_for(tmp_path, '[song]\norder = "manual"')


@pytest.mark.parametrize("key", ["[trim]\ntop_db", "[trim]\nframe_length", "[audio]\nmax_length"])
@pytest.mark.parametrize("value", ["true", "nan", "-inf", '"fifty"', "[1]", "{ a = 1 }", "2024-01-01"])
def test_values_that_are_not_numbers_are_not_converted(tmp_path: Path, key: str, value: str) -> None:
    assert " is not a " in message_for(tmp_path, f"{key} = {value}")


def test_a_number_in_quotes_is_accepted_only_as_a_length(tmp_path: Path) -> None:
    assert load_settings(written(tmp_path, '[audio]\nmax_length = "90"')).audio.max_length == 90
    assert '"90" is not a number of seconds' in message_for(tmp_path, '[ingest]\nsettle = "90"')


MISTAKES = [
    ('[trim]\ntop_db = "fifty"', '[trim] top_db: "fifty" is not a number of decibels'),
    ("[trim]\ntop_db = true", "[trim] top_db: true is not a number of decibels"),
    ("[trim]\ntop_db = nan", "[trim] top_db: NaN is not a number of decibels from 0 to 1000"),
    ("[trim]\nfloor_db = 72.0", "[trim] floor_db: 72.0 is not a number of decibels from -1000 to 0"),
    ("[trim]\nhop_length = 0", "[trim] hop_length: 0 is not a number of samples from 1 to 524,288"),
    ("[trim]\nhop_length = 64.0", "[trim] hop_length: 64.0 is not a whole number of samples"),
    (
        "[trim]\nhop_length = 100",
        "[trim] frame_length: 256 is not a multiple of twice the hop_length, which is 100",
    ),
    ("[trim]\nframe_length = 192", "192 is not a multiple of twice the hop_length, which is 64"),
    ("[trim]\nhop_length = true", "[trim] hop_length: true is not a whole number of samples"),
    ('[trim]\nhop_length = "64"', '[trim] hop_length: "64" is not a whole number of samples'),
    ("[trim]\ntop_bd = 50", '[trim] top_bd: no such key; did you mean "top_db"?'),
    ("[audio]\nfloor_db = 50", "[audio] floor_db: no such key; it belongs below [trim]"),
    ("[audio]\nxyzzy = 50", "[audio] xyzzy: no such key (expected max_length)"),
    ("[tirm]\ntop_db = 50", '"tirm"; did you mean "trim"?'),
    ("top_db = 50", '"top_db" belongs below [trim]'),
    ("trim = 50", "trim: 50 is not a section; write [trim] and its keys below it"),
    ("[[trim]]\ntop_db = 50", "write [trim]"),
    ('[catalog]\ndatabase = "sqlite:///a\\u0000b"', 'b" is not the address of a database'),
    ('[catalog]\ndatabase = "catalog.db"', '"catalog.db" is not the address of a database'),
    ("[catalog]\nbusy_timeout = -1", "-1 is not a number of seconds from 0"),
    (
        '[fingerprint]\nbackend = "fpclac"',
        '"fpclac" is not auto, libchromaprint, ffmpeg or fpcalc; did you mean',
    ),
    ("[fingerprint]\nbackend = []", "[fingerprint] backend: [] is not auto"),
    (
        '[metrics]\nuse = ["prefix"]\ndefault = "aligned"',
        '[metrics] default: "aligned" is not among those in use: prefix',
    ),
    ('[metrics]\nuse = ["ears"]', f'[metrics] use: "ears" is not {any_of(METRICS)}'),
    ("[metrics]\nuse = [7]", f"[metrics] use: 7 is not {any_of(METRICS)}"),
    (
        '[metrics]\nuse = "prefix"',
        f'[metrics] use: "prefix" is not a list of {any_of(METRICS)}, such as ["prefix"]',
    ),
    ('[metrics]\nuse = ["prefix", "prefix"]', '[metrics] use: "prefix" is listed twice'),
    ('[metrics]\ndefault = "ears"', f'[metrics] default: "ears" is not {any_of(METRICS)}'),
    ('[audio]\nmax_length = "2 hours"', '"2 hours" is not a length such as "2:00:00"'),
    ("[audio]\nmax_length = 0", "0 is not a length"),
    ("[audio]\nmax_length = inf", "Infinity is not a length"),
    ("[audio]\nmax_length = 2024-01-01", '"2024-01-01" is not a length'),
    ('[ingest]\nexecutor = "threads:0"', '"threads:0" is not serial, threads[:N], processes[:N], dask[:N]'),
    ("[ingest]\ngroup = 0", "0 is not a number of files from 1"),
    (f"[ingest]\nsettle = 1{'0' * 400}", "is not a number of seconds from 0"),
    ('[song]\norder = "par"', '"par" is not an ordering: pairs'),
    ("[song]\nfade = 61", "61 is not a number of seconds from 0 to 60"),
    ('[provenance]\nname = "a"', "provenance: write [[provenance]]"),
    ("provenance = 3", "provenance: write [[provenance]]"),
    ("[[provenance]]\npattern = '(?P<run>x)'", "[[provenance]] number 1: name is missing"),
    ("[[provenance]]\nname = 'a'", '[[provenance]] "a": pattern is missing'),
    ("[[provenance]]\nname = 'a'\npattern = 3", '[[provenance]] "a", pattern: 3 is not text'),
    (
        "[[provenance]]\nname = 'a'\npatern = 'x'",
        '[[provenance]] "a", patern: no such key; did you mean "pattern"?',
    ),
    (
        "[[provenance]]\nname = 'a'\npattern = '(?P<run>x'",
        '"a", pattern: "(?P<run>x": not a regular expression',
    ),
    ("[[provenance]]\nname = ''\npattern = '(?P<run>x)'", '[[provenance]] number 1, name: "" is not text'),
    ("[[provenance]]\nname = 'a'\npattern = 'x'", '"a", pattern: "x": it has no named group'),
    (
        "[[provenance]]\nname = 'a'\npattern = '(?P<Epoch>x)'",
        'group "Epoch" differs from a query field only in its case; did you mean "epoch"?',
    ),
    ("[[provenance]]\nname = 'a'\npattern = '(?P<rating>x)'", 'group "rating" is already a query field'),
    (
        "[trim\ntop_db = 50",
        "is not valid TOML: Expected ']' at the end of a table declaration (at line 1, column 6)",
    ),
    (b"[trim]\n# \xff", "is not UTF-8 text (at line 2, column 3)"),
    ("a = " + "[" * 20_000, "is not valid TOML"),
]


@pytest.mark.parametrize(("content", "expected"), MISTAKES, ids=[words[:60] for _, words in MISTAKES])
def test_mistakes_name_file_section_key_value_and_remedy(
    tmp_path: Path, content: str | bytes, expected: str
) -> None:
    message = message_for(tmp_path, content)
    assert message.startswith("catalog.toml")
    assert expected in message
    assert "\n" not in message
    assert len(message) < 300


def test_the_exact_words_of_a_mistake(tmp_path: Path) -> None:
    assert (
        message_for(tmp_path, '[trim]\ntop_db = "fifty"')
        == 'catalog.toml, [trim] top_db: "fifty" is not a number of decibels'
    )


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="thresher init"):
        load_settings(tmp_path / "catalog.toml")
    (tmp_path / "catalog.toml").mkdir()
    with pytest.raises(ConfigError, match="could not be read"):
        load_settings(tmp_path / "catalog.toml")


@pytest.mark.parametrize(
    ("content", "imported"),
    [
        ("", ""),
        (STARTER, ""),
        ("[trim]\n[song]\n", ""),
        ("[trim]\ntop_db = 40\n", ""),
        ('[catalog]\ndatabase = "postgresql+psycopg://host/name"\n[metrics]\nuse = ["prefix"]\n', ""),
        ('[audio]\nmax_length = "1:00"\n', "pydantic"),
        # The groups of a pattern are checked against the query fields, which every opened catalog loads anyway.
        (EXAMPLE.read_text(encoding="utf-8"), "pydantic sqlalchemy"),
    ],
    ids=["empty", "starter", "sections", "a number", "a server", "a length", "example"],
)
def test_pydantic_is_loaded_only_for_values_that_need_it(tmp_path: Path, content: str, imported: str) -> None:
    program = (
        "import sys; from pathlib import Path; from thresher.catalog.settings.config import load_settings;"
        "load_settings(Path(sys.argv[1]));"
        "print(*sorted({'pydantic', 'numpy', 'sqlalchemy', 'librosa', 'scipy'} & sys.modules.keys()))"
    )
    environ = os.environ | {"PYTHONPATH": str(Path(config.__file__).parents[3])}
    run = subprocess.run(
        [sys.executable, "-c", program, str(written(tmp_path, content))],
        capture_output=True,
        text=True,
        check=True,
        env=environ,
    )
    assert run.stdout.strip() == imported


# --- finding the catalog ---


def test_the_order_in_which_a_catalog_is_searched_for(tmp_path: Path) -> None:
    explicit, named = tmp_path / "explicit.toml", tmp_path / "named.toml"
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    for path in (explicit, named, tmp_path / "catalog.toml"):
        path.touch()
    environ = {"THRESHER_CATALOG": str(named)}
    assert find_catalog(explicit, environ, deep) == explicit
    assert find_catalog(None, environ, deep) == named
    assert find_catalog(None, {"THRESHER_CATALOG": ""}, deep) == tmp_path / "catalog.toml"
    (tmp_path / "a" / "catalog.toml").touch()
    assert find_catalog(None, {}, deep) == tmp_path / "a" / "catalog.toml"
    assert find_catalog(None, {}, tmp_path) == tmp_path / "catalog.toml"


def test_a_catalog_that_does_not_exist(tmp_path: Path) -> None:
    (tmp_path / "catalog.toml").touch()
    gone = tmp_path / "gone.toml"
    with pytest.raises(CatalogError, match=r"--catalog: .*gone\.toml.*thresher init"):
        find_catalog(gone, {}, tmp_path)
    with pytest.raises(CatalogError, match=r"\$THRESHER_CATALOG: .*gone\.toml.*thresher init"):
        find_catalog(None, {"THRESHER_CATALOG": str(gone)}, tmp_path)


def test_no_catalog_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "FILE_NAME", "nowhere-catalog.toml")
    with pytest.raises(CatalogError, match="thresher init") as error:
        find_catalog(None, {}, tmp_path)
    assert str(tmp_path) in str(error.value)
