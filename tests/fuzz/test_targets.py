"""A few cases of each target of the fuzzer: all of it works, and cases depend on their number alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz import audio
from tests.fuzz.target import Target, chance_of
from tests.fuzz.targets import TARGETS
from tests.fuzz.watched import Watched

CASES = {"audio": 10, "queries": 40, "documents": 9, "names": 3}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> dict[type[Target], Path]:
    """What targets share, by the class that prepares it; audio files of few kinds are enough here."""
    made = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(audio, "SECONDS", (0.3,))
        patch.setattr(audio, "OTHERS", audio.OTHERS[:3])
        for kind in {_preparing(kind) for kind in TARGETS.values()}:
            made[kind] = tmp_path_factory.mktemp(kind.__name__)
            kind.prepare(made[kind])
    return made


def _preparing(kind: type[Target]) -> type[Target]:
    return next(each for each in kind.mro() if "prepare" in vars(each))


@pytest.mark.parametrize("name", TARGETS)
def test_the_first_cases_keep_their_promises(
    tmp_path: Path, prepared: dict[type[Target], Path], name: str
) -> None:
    kind = TARGETS[name]
    target = kind(_made(tmp_path / "one"), prepared[_preparing(kind)])
    target.megabytes = 100_000  # of all the tests in this process
    watched = Watched(target, seed=0)
    assert [(n, problem) for n in range(CASES[name]) if (problem := watched.run(n).problem)] == []


@pytest.mark.parametrize("name", TARGETS)
def test_a_case_depends_on_its_number_alone_and_is_kept(
    tmp_path: Path, prepared: dict[type[Target], Path], name: str
) -> None:
    kind = TARGETS[name]
    one, other = (kind(_made(tmp_path / each), prepared[_preparing(kind)]) for each in ("one", "other"))
    for number in range(3):
        case = one.make(chance_of(name, 0, number))
        assert other.make(chance_of(name, 0, number)) == case
        one.store(case, kept := _made(tmp_path / str(number)))
        assert list(kept.iterdir())


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
