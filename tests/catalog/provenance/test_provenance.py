"""What is inferred from paths, sidecars and flags, which takes precedence, and which names match no pattern."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thresher.catalog.provenance.name_patterns import PATTERNS
from thresher.catalog.provenance.provenance import (
    CHECKPOINT_KEYS,
    Inference,
    Provenance,
    check_key,
    compile_pattern,
    infer,
    is_reserved,
    is_skipped,
    reserved_keys,
    run_of_folder,
    whole_number,
)
from thresher.catalog.queries.fields import FIELDS

SAMPLERNN_FOLDER = (
    "models-three_tier-expskeletal-domain_experiment-n_frames64-frame_size16"
    "-which_setskeletal-domain-lr0.001/samples"
)
UUID = "0f8fad5bd9cb469fa16570867728950e"


def inferred(path: str, **options: object) -> Inference:
    return infer(f"/data/inbox/{path}".encode(), **options)  # type: ignore[arg-type]


# Every row of the table of generators' names: path, pattern, run, epoch, step, attributes.
NAMES = [
    (
        "sample_e10_i220001_20_17:19:52_0.wav",
        "dadabots SampleRNN",
        (None, 10, 220001, {"seconds": "20", "clock": "17:19:52", "index": "0"}),
    ),
    (
        "sample_e10_i220001_20_7_9_2_199.flac",
        "dadabots SampleRNN",
        (None, 10, 220001, {"seconds": "20", "clock": "7_9_2", "index": "199"}),
    ),
    (
        "sample_e10_i220001_20_17-19-52_0.mp3",
        "dadabots SampleRNN",
        (None, 10, 220001, {"seconds": "20", "clock": "17-19-52", "index": "0"}),
    ),
    (
        "sample_e29_i79751_t44.10_tr1.2345_v1.3456_best_3.wav",
        "SampleRNN training",
        (
            None,
            29,
            79751,
            {"hours": "44.10", "train_loss": "1.2345", "valid_loss": "1.3456", "index": "3"},
        ),
    ),
    (
        f"{SAMPLERNN_FOLDER}/sample_e1_i1_t0.10_trnan_vinf_0.wav",
        "SampleRNN training",
        (
            "skeletal-domain_experiment",
            1,
            1,
            {"hours": "0.10", "train_loss": "nan", "valid_loss": "inf", "index": "0"},
        ),
    ),
    (
        f"{SAMPLERNN_FOLDER}/sample_e10_i220001_20_17:19:52_0.wav",
        "dadabots SampleRNN",
        ("skeletal-domain_experiment", 10, 220001, {"seconds": "20", "clock": "17:19:52", "index": "0"}),
    ),
    ("default_e=10_t=0.95.wav", "PRiSM SampleRNN", ("default", 10, None, {"temperature": "0.95"})),
    ("id_e=25(3)_t=0.95.wav", "PRiSM SampleRNN", ("id", 25, None, {"temperature": "0.95", "index": "3"})),
    ("my_id_e=10.index_t=0.9.wav", "PRiSM SampleRNN", ("my_id", 10, None, {"temperature": "0.9"})),
    ("id_e=3_t=1.ogg", "PRiSM SampleRNN", ("id", 3, None, {"temperature": "1"})),
    ("aamgen_epoch_45.wav", "PRiSM SampleRNN 2020, training", ("aamgen", 45, None, {})),
    ("aamgen_epoch_45_2.wav", "PRiSM SampleRNN 2020, training", ("aamgen", 45, None, {"index": "2"})),
    (
        "periphery_epoch_83_linear.wav",
        "PRiSM SampleRNN 2020, training",
        ("periphery", 83, None, {"variant": "linear"}),
    ),
    (
        "periphery_only_epoch_230.ogg",
        "PRiSM SampleRNN 2020, training",
        ("periphery_only", 230, None, {}),
    ),
    (
        "to-curate-periphery-epoch-83-2/gen_64.wav",
        "PRiSM SampleRNN 2020",
        ("to-curate-periphery", 83, None, {"part": "2", "index": "64"}),
    ),
    ("mestiphery-epoch-92/gen_0.wav", "PRiSM SampleRNN 2020", ("mestiphery", 92, None, {"index": "0"})),
    (
        "exp:TEST-frame_size:16-dim:208/samples/ep12-s1.wav",
        "samplernn-pytorch",
        ("exp:TEST-frame_size:16-dim:208", 12, None, {"index": "1"}),
    ),
    (
        "exp:TEST-frame_size:16/kept/ep12-s1.wav",
        "samplernn-pytorch",
        ("exp:TEST-frame_size:16", 12, None, {"index": "1"}),
    ),
    ("jazz/samples/ep1-s1.wav", "samplernn-pytorch", ("jazz", 1, None, {"index": "1"})),
    ("ep12-s1.wav", "samplernn-pytorch", (None, 12, None, {"index": "1"})),
    (f"xps/9357d0f2/samples/40/noinput_{UUID}.wav", "audiocraft", ("9357d0f2", 40, None, {})),
    ("demo_00002001.wav", "Dance Diffusion", (None, None, 2001, {})),
    ("demo_cfg_7_00002001.wav", "Dance Diffusion", (None, None, 2001, {"cfg": "7"})),
    (
        "demo_drums_cfg_4.5_123456789.wav",
        "Dance Diffusion",
        (None, None, 123456789, {"condition": "drums", "cfg": "4.5"}),
    ),
    ("train/preview/00012345.wav", "WaveGAN", ("train", None, 12345, {})),
    ("sample_5b/level_0/item_3.wav", "Jukebox", ("sample_5b", None, None, {"level": "0", "index": "3"})),
    (
        "sample_5b_rank_2/level_1/item_3.wav",
        "Jukebox",
        ("sample_5b", None, None, {"level": "1", "index": "3"}),
    ),
    ("level_2/item_0.wav", "Jukebox", ("inbox", None, None, {"level": "2", "index": "0"})),
    ("wgan_epochs/epoch_100.wav", "epoch", (None, 100, None, {})),
    ("epoch_400_demo_07.mp3", "epoch", (None, 400, None, {"variant": "demo", "index": "07"})),
    (
        "256_200_1000k_0.wav",
        "DiffWave, unconditional",
        (None, None, 1_000_000, {"width": "256", "diffusion_steps": "200", "index": "0"}),
    ),
    ("weights-523456.wav", "DiffWave", (None, None, 523456, {})),
    ("night_9f86d081ab/version_0/epoch-epoch=0199.wav", "RAVE", ("night_9f86d081ab", 199, None, {})),
    ("night_9f86d081ab/version_0/checkpoints/best.wav", None, ("night_9f86d081ab", None, None, {})),
    ("night_2023110112/best.wav", None, (None, None, None, {})),
    ("epoch=12-step=4000.wav", "Lightning", (None, 12, 4000, {})),
    ("my-night-epoch=12-step=4000-v1.wav", "Lightning", ("my-night", 12, 4000, {})),
    ("night-epoch=12-step=4000/gen_3.wav", "Lightning", ("night", 12, 4000, {"index": "3"})),
    ("epoch_12_step_4000.wav", "Lightning", (None, 12, 4000, {})),
    ("step_4000_epoch_12.wav", "Lightning", (None, 12, 4000, {})),
    ("epoch=3-val_loss=0.23.wav", "epoch word", (None, 3, None, {})),
    ("epoch_12/kept/step_4000.wav", "epoch folder", (None, 12, 4000, {})),
    ("checkpoint-5000.wav", "Hugging Face", (None, None, 5000, {})),
    ("night/checkpoint-5000/sample_3.wav", "Hugging Face", (None, None, 5000, {"index": "3"})),
    ("step_0002000.wav", "step", (None, None, 2000, {})),
    ("step_0002000_3.wav", "step", (None, None, 2000, {"index": "3"})),
    ("step1-s1.wav", "step", (None, None, 1, {})),
    ("sample_step_0002000_sample_3.wav", "step", (None, None, 2000, {"index": "3"})),
    ("run_7_step_2000.wav", "step", ("run_7", None, 2000, {})),
    ("a dark forest step 2000.wav", "step", (None, None, 2000, {})),
    ("global_step=4999.wav", "step", (None, None, 4999, {})),
    ("checkpoint_step000100000_ema.wav", "step", (None, None, 100_000, {})),
    ("step000001000_predicted.wav", "step", (None, None, 1000, {})),
    ("model_48k_step_2000_16k.wav", "step", (None, None, 2000, {})),
    ("step_1.5k.wav", "step", (None, None, 1500, {})),
    ("iter100k_07.wav", "iter", (None, None, 100_000, {"index": "07"})),
    ("Iteration 3000.wav", "iter", (None, None, 3000, {})),
    ("iter3M.wav", "iter", (None, None, 3_000_000, {})),
    ("model_120k.wav", "model", (None, None, 120_000, {})),
    ("model_120k/out3.wav", "model", (None, None, 120_000, {"index": "3"})),
    ("best_model_12345.wav", "model", (None, None, 12345, {})),
    ("ckpt120k_16k.wav", "ckpt", (None, None, 120_000, {})),
    ("night_ckpt_128k_44.1k.mp3", "ckpt", ("night", None, 128_000, {})),
    ("model.ckpt-12345/x.wav", "ckpt", (None, None, 12345, {})),
    ("checkpoint-400000steps/x.wav", "ParallelWaveGAN", (None, None, 400_000, {})),
    ("song_G_4000_0key.wav", "HiFi-GAN, VITS, so-vits-svc", (None, None, 4000, {})),
    ("g_02500000/LJ001-0001.wav", "HiFi-GAN, VITS, so-vits-svc", (None, None, 2_500_000, {"index": "0001"})),
    ("my voice_e200_s14000.wav", "RVC", ("my voice", 200, 14000, {})),
    ("checkpoint_epoch_10.wav", "epoch word", (None, 10, None, {})),
    ("steps50_cfg3.wav", "parameters", (None, None, None, {"steps": "50", "cfg": "3"})),
    ("periphery-epoch-83/sub/gen_64.wav", "epoch word", ("periphery", 83, None, {"index": "64"})),
]


@pytest.mark.parametrize(("path", "pattern", "expected"), NAMES, ids=[name for name, *_ in NAMES])
def test_generators_names(
    path: str, pattern: str | None, expected: tuple[str | None, int | None, int | None, dict[str, str]]
) -> None:
    assert inferred(path) == Inference(Provenance(*expected), pattern)


@pytest.mark.parametrize(
    "path",
    [
        "song_2020.wav",
        "demo_12.wav",
        "best_of_e10.wav",
        "sample_e10.wav",
        "my_sample_e10_i220001_20_17:19:52_0.wav",
        "sample_e10_i220001_20_17:19:52_0_edit.wav",
        "noise_16k.wav",
        "night_128k.mp3",
        "model_16k.wav",
        "model_128k.mp3",
        "step_16kHz.wav",
        "footstep_3.wav",
        "steps50.wav",
        "epoch=12.5.wav",
        "step_2000.5.wav",
        "model_2.wav",
        "g_12.wav",
        "9357d0f2/samples/prompt.wav",
        "9357d0fg/samples/40/a.wav",
        "gen_64.wav",
        "preview/00012345/kept.wav",
        "an_epoch_of_jazz.wav",
        "samples.ep1-s1/x.wav",
    ],
)
def test_other_names_match_no_pattern(path: str) -> None:
    assert inferred(path) == Inference(Provenance(), None)


def test_real_names(corpus: Path) -> None:
    neural = (corpus / "neural").resolve()
    patterns: dict[str, set[str | None]] = {}
    for file in neural.rglob("*.*"):
        if file.is_file():
            top = file.relative_to(neural).parts[0]
            patterns.setdefault(top, set()).add(infer(os.fsencode(file)).pattern)
    assert patterns == {
        "jazz_samplernn": {"samplernn-pytorch", None},  # jazz_rnn.wav is a song
        "1000sharks": {"PRiSM SampleRNN 2020, training", None},
        "noise2music": {None},
        "odd": {"epoch", "DiffWave, unconditional", None},
        "mrcqtdiff": {None},
        "samplernn_checkpoints": {"samplernn-pytorch"},
    }


def test_only_folders_of_known_generators_name_the_run() -> None:
    assert inferred("night/a.wav").provenance.run is None
    assert inferred("night/epoch_3.wav").provenance == Provenance(None, 3, None, {})
    assert inferred(f"{SAMPLERNN_FOLDER}/a.wav").provenance.run == "skeletal-domain_experiment"
    assert inferred("a.wav", sidecar={"run": ""}).provenance.run is None


def test_the_nearest_run_folder_names_the_run() -> None:
    assert inferred("exp:far/exp:near-x/a.wav").provenance.run == "exp:near-x"


def test_options_take_precedence_over_names_and_names_over_sidecars() -> None:
    name = "default_e=10_t=0.95.wav"
    sidecar = {
        "run": "beside",
        "epoch": "7",
        "step": "300",
        "temperature": "0.5",
        "prompt": "rain",
    }
    assert inferred(name, sidecar=sidecar).provenance == Provenance(
        "default", 10, 300, {"temperature": "0.95", "prompt": "rain"}
    )
    overrides = Provenance("flag", 0, None, {"prompt": "snow"})
    assert inferred(name, sidecar=sidecar, overrides=overrides).provenance == Provenance(
        "flag", 0, 300, {"temperature": "0.95", "prompt": "snow"}
    )
    assert inferred("a.wav", sidecar=sidecar).provenance.run == "beside"
    assert inferred("exp:x/a.wav", sidecar=sidecar).provenance.run == "exp:x"


def test_a_users_pattern_comes_first() -> None:
    mine = compile_pattern("mine", r"default_e=(?P<step>\d+)_t=(?P<heat>.+)")
    result = inferred("default_e=10_t=0.95.wav", patterns=(mine, *PATTERNS))
    assert result == Inference(Provenance(None, None, 10, {"heat": "0.95"}), "mine")


@pytest.mark.parametrize(
    "regex",
    [
        r"(?P<run>.+)-ep(?P<epoch>\d+)",
        r"^(?P<run>.+)-ep(?P<epoch>\d+)$",
        r"(?P<run>.+)-ep(?P<epoch>\d+)\.wav",
        r"(?i)(?P<run>.+)-EP(?P<epoch>\d+)",
        r"(?:(?P<other>nothing)|(?P<run>.+)-ep(?P<epoch>\d+))",
        r"nights/(?P<run>.+)-ep(?P<epoch>\d+)",
    ],
)
def test_valid_patterns_of_users(regex: str) -> None:
    pattern = compile_pattern("mine", regex)
    result = inferred("nights/night.two-ep3.wav", patterns=[pattern])
    assert result == Inference(Provenance("night.two", 3, None, {}), "mine")


@pytest.mark.parametrize(
    ("regex", "message"),
    [
        (r"(?P<epoch>\d+", "not a regular expression"),
        (r"epoch_\d+", "it has no named group"),
        (
            r"(?P<Epoch>\d+)",
            'group "Epoch" differs from a query field only in its case; did you mean "epoch"?',
        ),
        (r"(?P<LENGTH>\d+)", 'group "LENGTH" is already a query field; "file_LENGTH" is free'),
        (r"(?P<epoch>\d+)(?P<length>\d+)", 'group "length" is already a query field; "file_length" is free'),
    ],
)
def test_invalid_patterns_of_users_are_refused(regex: str, message: str) -> None:
    with pytest.raises(ValueError, match=r"regular|names|group") as error:
        compile_pattern("mine", regex)
    assert message in str(error.value)


def test_reserved_keys_are_refused_and_groups_of_patterns_are_not() -> None:
    for key in reserved_keys():
        with pytest.raises(ValueError, match=key):
            check_key(key)
    groups = {group for pattern in PATTERNS for group in pattern.regex.groupindex}
    assert groups > {"index", "temperature", "seed", *CHECKPOINT_KEYS}
    for group in groups:
        check_key(group)


def test_no_attribute_has_the_name_of_a_field() -> None:
    assert set(FIELDS) - set(CHECKPOINT_KEYS) <= reserved_keys()
    assert is_reserved("RATING")
    assert not is_reserved("seed2")


@pytest.mark.parametrize("key", ["", " ", "a\nb", "k" * 201])
def test_invalid_names_of_attributes_are_refused(key: str) -> None:
    with pytest.raises(ValueError, match="printable characters"):
        check_key(key)


@pytest.mark.parametrize("key", ["lora2", "Top-K", "температура", "a b", "a.b:c"])
def test_an_attribute_may_have_any_printable_name(key: str) -> None:
    check_key(key)


def test_epochs_and_steps_that_are_not_integers_are_kept_as_text_and_reported() -> None:
    assert inferred(f"a_epoch_{2**63 - 1}.wav").provenance.epoch == 2**63 - 1
    assert inferred(f"a_epoch_{2**63}.wav").provenance == Provenance("a", None, None, {"epoch": str(2**63)})
    assert inferred(f"a_epoch_{'9' * 5000}.wav").provenance.attributes == {"epoch": "9" * 5000}
    assert inferred(f"a_epoch_{'0' * 5000}1.wav").provenance.epoch == 1
    steps = compile_pattern("mine", r"a_(?P<step>[\w.]+)")
    final = inferred("a_final.wav", patterns=[steps])
    assert final.provenance.attributes == {"step": "final"}
    assert final.problems == (f'step "final" in the name is not a whole number from 0 to {2**63 - 1}',)
    assert inferred("a_final.wav", patterns=[steps], overrides=Provenance(step=5)) == Inference(
        Provenance(step=5), "mine"
    )
    by_sidecar = inferred("a_final.wav", patterns=[steps], sidecar={"step": "7", "epoch": "-1"})
    assert (by_sidecar.provenance.step, by_sidecar.provenance.epoch) == (7, None)
    assert len(by_sidecar.problems) == 2


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("007", 7),
        ("12.0", 12),
        ("120k", 120_000),
        ("120K", 120_000),
        ("1.5M", 1_500_000),
        ("1.2345k", None),
        ("12.5", None),
        ("120m", None),
        ("-1", None),
        ("k", None),
        (str(2**63 - 1), 2**63 - 1),
        ("9223372036854775808", None),
        ("9223372036854776k", None),
        ("", None),
    ],
)
def test_whole_numbers_may_end_with_k_or_m(text: str, number: int | None) -> None:
    assert whole_number(text) == number
    steps = compile_pattern("mine", r"a_(?P<step>.*)")
    assert inferred(f"a_{text}.wav", patterns=[steps]).provenance.step == number
    assert inferred("b.wav", sidecar={"step": text}).provenance.step == number


@pytest.mark.parametrize(
    ("path", "root", "run"),
    [
        ("/data/runs/run7/samples/a.wav", "/data/runs", "run7"),
        ("/data/runs/a.wav", "/data/runs", "runs"),
        ("/data/runs/checkpoint-5000/a.wav", "/data/runs", "runs"),
        ("/data/runs/epoch_3/a.wav", "/data/runs", "runs"),
        ("/elsewhere/a.wav", "/data/runs", "runs"),  # where a symlink led
        ("/run7/a.wav", "/", "run7"),
        ("/a.wav", "/", None),
    ],
)
def test_the_run_of_a_file_without_one_is_its_sub_folder(path: str, root: str, run: str | None) -> None:
    assert run_of_folder(path.encode(), root.encode()) == run


def test_what_workers_return_can_be_pickled() -> None:
    result = inferred("default_e=10_t=0.95.wav")
    assert pickle.loads(pickle.dumps(result)) == result
    assert pickle.loads(pickle.dumps(PATTERNS)) == PATTERNS


@pytest.mark.parametrize(
    ("path", "skipped"),
    [
        ("/x/9357d0f2/samples/40/prompt/a.wav", True),
        ("9357d0f2/samples/40/reference/a.wav", True),
        ("/x/9357d0f2/samples/reference/a.wav", True),  # where audiocraft really writes them
        ("/x/9357d0f2/samples/40/a.wav", False),
        ("/x/9357d0f2/samples/40/prompt.wav", False),
        ("/x/jazz/samples/40/prompt/a.wav", False),
        ("/x/prompt/a.wav", False),
    ],
)
def test_audio_that_no_checkpoint_wrote_is_skipped(path: str, skipped: bool) -> None:
    assert is_skipped(path) is skipped


@given(st.binary(max_size=40).filter(lambda name: b"\0" not in name))
@settings(max_examples=50, deadline=None)
def test_any_path_can_be_read_and_stored(name: bytes) -> None:
    provenance = infer(b"/data/" + name + b"x_epoch_3.wav").provenance
    assert provenance.epoch == 3
    assert "\n" not in (provenance.run or "")
    (provenance.run or "").encode("utf-8")
