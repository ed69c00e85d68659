"""Every file-name pattern reads its example, and docs/names.md shows what it reads."""

from __future__ import annotations

import pytest

from tests.support import ROOT
from thresher.catalog.provenance.name_patterns import PATTERNS, RUN_FOLDERS, Pattern
from thresher.catalog.provenance.provenance import infer
from thresher.catalog.provenance.sidecars import CHECKPOINT_SYNONYMS, SYNONYMS, TRANSPARENT

NAMES = (ROOT / "docs/names.md").read_text(encoding="utf-8")


def row_of(pattern: Pattern) -> str:
    """The pattern's row of the table in docs/names.md."""
    found = infer(f"/inbox/{pattern.example}".encode()).provenance
    read = {"run": found.run, "epoch": found.epoch, "step": found.step, **found.attributes}
    shown = ", ".join(f"{key} `{value}`" for key, value in read.items() if value is not None)
    return f"| {pattern.name} | `{pattern.example}` | {shown} |"


@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda pattern: pattern.example)
def test_every_pattern_reads_its_example_and_all_its_groups(pattern: Pattern) -> None:
    stem = pattern.example.rpartition(".")[0]
    match = pattern.regex.fullmatch(stem)
    assert match is not None
    assert all(match.groupdict().values()), "the example leaves a group empty"
    first = next(each for each in PATTERNS if each.regex.fullmatch(stem))
    assert first is pattern, f"{first.name} matches the example first"
    assert infer(f"/inbox/{pattern.example}".encode()).pattern == pattern.name


@pytest.mark.parametrize("pattern", RUN_FOLDERS, ids=lambda pattern: pattern.example)
def test_every_run_folder_names_the_run_of_its_example(pattern: Pattern) -> None:
    run = infer(f"/inbox/{pattern.example}".encode()).provenance.run
    assert run is not None
    assert "night" in run


def test_the_page_on_names_shows_every_pattern_in_order() -> None:
    rows = [line for line in NAMES.splitlines() if line.startswith("| ") and "`" in line]
    expected = [row_of(pattern) for pattern in (*PATTERNS, *RUN_FOLDERS)]
    assert rows[: len(expected)] == expected


def test_the_page_on_names_shows_the_special_keys_of_sidecars() -> None:
    for key in (*TRANSPARENT, *SYNONYMS, *SYNONYMS.values(), *CHECKPOINT_SYNONYMS):
        assert f"`{key}`" in NAMES, key


READ = """
sound_generated_after_10_epochs.wav                            | epoch 10
drums_100epochs.wav                                            | epoch 100
drums_100_epochs_3.wav                                         | epoch 100
100th_epoch.wav                                                | epoch 100
night_ep12_it30000.wav                                         | run night, epoch 12, step 30000
night_ep12_step3000_2.wav                                      | run night, epoch 12, step 3000, index 2
ep12_iter3000.wav                                              | epoch 12, step 3000
e12_step4000.wav                                               | epoch 12, step 4000
ep=12.wav                                                      | epoch 12
night_ep=12_seed=3.wav                                         | run night, epoch 12, seed 3
samples/seen_00100000/0003.wav                                 | step 100000, index 0003
exp/night/samples/unseen_libritts_00050000/0001.wav            | step 50000, index 0001
samples/pqmf_00050000/0001.wav                                 | step 50000, index 0001
ckpts/night/samples/update_50000_gen.wav                       | step 50000
update_400_gen.wav                                             | step 400
recon_00002001.wav                                             | step 2001
first_stage_00002001.wav                                       | step 2001
decoded_00002001.wav                                           | step 2001
3141592653_cfg_4.0.wav                                         | seed 3141592653, cfg 4.0
3141592653_cfg_4.0_2.wav                                       | seed 3141592653, cfg 4.0, index 2
03_cfg_7.wav                                                   | cfg 7
slow_rain.cfg7.0.123456.wav                                    | cfg 7.0, seed 123456
slow_rain.neg-drums.cfg7.123456.wav                            | cfg 7, seed 123456
val_100000_07-12-13:45_cfg_scale_3.5_ddim_200_n_cand_3/rain.wav | step 100000, cfg 3.5, steps 200, candidates 3
infer_07-12-13:45_cfg_scale_3.5_ddim_200_n_cand_1/Yabc.wav     | cfg 3.5, steps 200, candidates 1
1705312345_tango_full_steps_200_guidance_3/output_7.wav        | cfg 3, steps 200, index 7
outputs/1705312345_tango_full_steps_200_guidance_3/rank_1/output_7.wav | cfg 3, steps 200, index 7
100k_steps_1_gen_batched_target11000_overlap550.wav            | step 100000
__rain__100k_steps_gen_NOT_BATCHED.wav                         | step 100000
100k_steps_1_generated.wav                                     | step 100000
100k_steps_3_target.wav                                        | step 100000
2425k_steps_0_transferred.wav                                  | step 2425000
1k_steps.wav                                                   | step 1000
gen_p225_model_steps_250000.wav                                | step 250000
predictions/400000steps/1_gen.wav                              | step 400000
night_250000_steps.wav                                         | step 250000
night_steps_250000.wav                                         | run night, step 250000
rain_steps50_cfg3.wav                                          | cfg 3, steps 50
rain_50steps_cfg3.wav                                          | cfg 3
exp/night/waveforms/500k_3.wav                                 | step 500000, index 3
128_200_1000k_LJ001-0001.wav                                   | step 1000000, width 128, diffusion_steps 200
wandb/run-20240115_120000-1a2b3c4d/files/media/audio/samples_2000_0a1b2c3d4e5f60718293.wav | run 1a2b3c4d, step 2000
media/audio/samples_2000_0a1b2c3d4e5f60718293.wav              | step 2000
media/audio/demo/left_2000_9f86d081.wav                        | step 2000
files/media/audio/sample_0_sample_1500_0a1b2c3d4e5f60718293.wav | step 1500
wandb/offline-run-20240115_120000-abcd1234/files/media/audio/rain_7_0a1b2c3d.wav | run abcd1234, step 7
results/sample_1000.ema.flac                                   | step 1000
coarse.reconstructed_wave_0.1000.wav                           | step 1000, index 0
reconstructed_epoch3.wav                                       | epoch 3
reconstruction_epoch_3.wav                                     | epoch 3
original_epoch_3.wav                                           | epoch 3
validation_step_2000.wav                                       | step 2000
reconstructed_step2000.wav                                     | step 2000
original_step2000.wav                                          | step 2000
file_3_epoch_12.wav                                            | epoch 12
train/000010000_audio-r0.flac                                  | step 10000, rank 0
GENERATED_MUSIC_20240115_120000_seed42.wav                     | seed 42
outputs/ace_infer_step_60_guidance_15.0_seed_42.wav            | seed 42, cfg 15.0
rain_step50_cfg7.wav                                           | cfg 7
night_step_2000_cfg7_seed3.wav                                 | run night, step 2000, seed 3, cfg 7
night_step2000_cfg7.5_temp0.9.wav                              | run night, step 2000, temperature 0.9, cfg 7.5
night-epoch=12-step=4000_cfg7.wav                              | run night, epoch 12, step 4000, cfg 7
night_200e_14000s.wav                                          | run night, epoch 200, step 14000
night_200e_14000s_best_epoch.wav                               | run night, epoch 200, step 14000
night_e8_s200_l32.wav                                          | run night, epoch 8, step 200
ema_0.9999_100000.wav                                          | step 100000
nightEpoch12.wav                                               | epoch 12
LJ001epoch12.wav                                               | epoch 12
100000_iterations.wav                                          | step 100000
night_50k_iters.wav                                            | step 50000
100kiters.wav                                                  | step 100000
night_5000iters.wav                                            | step 5000
it100000.wav                                                   | step 100000
sample_it100k.wav                                              | step 100000
it=500.wav                                                     | step 500
night_120k_iter.wav                                            | step 120000
rain_seed42.wav                                                | seed 42
rain_seed_42.wav                                               | seed 42
rain-seed-42-2.wav                                             | seed 42, index 2
seed=42,temperature=0.9/x.wav                                  | seed 42, temperature 0.9
seed_42/gen_3.wav                                              | seed 42, index 3
rain_temp0.9_topk250_cfg3.wav                                  | temperature 0.9, cfg 3, top_k 250
rain_temperature_0.95.wav                                      | temperature 0.95
rain_temperature_1.wav                                         | temperature 1
rain_temp1.0.wav                                               | temperature 1.0
rain_top_k_250_top_p_0.95.wav                                  | top_k 250, top_p 0.95
rain_topp0.9.wav                                               | top_p 0.9
rain_guidance_scale_7.5_seed_1.wav                             | seed 1, cfg 7.5
rain_guidance3.5.wav                                           | cfg 3.5
rain_cfg_scale7.wav                                            | cfg 7
rain_cfg_coef_3.0.wav                                          | cfg 3.0
rain__cond__seed7.wav                                          | seed 7
01_rain_Am__mix__seed7.wav                                     | seed 7
base_lofi_seed123.wav                                          | seed 123
night_p3_seed123.wav                                           | seed 123
night_epoch_12_seed_42.wav                                     | run night, epoch 12, seed 42
checkpoint-5000/rain_seed42_cfg7.wav                           | step 5000, seed 42, cfg 7
night_step_2000_2024-01-15.wav                                 | run night, step 2000
night_step_2000_20240115_123000.wav                            | run night, step 2000
night_step_2000_1700000000.wav                                 | run night, step 2000
epoch_12/2024-01-15.wav                                        | epoch 12
epoch_12/clip_20240115.wav                                     | epoch 12
epoch_12/20240115_120000.wav                                   | epoch 12
epoch_12_44100.wav                                             | epoch 12
epoch_12_temp0.9.wav                                           | epoch 12, temperature 0.9
step_2000_17-19-52.wav                                         | step 2000
night/step_10000/prompt_3_seed_5.wav                           | step 10000, seed 5
predicted_epoch_12.wav                                         | epoch 12
prediction_step_2000.wav                                       | step 2000
target_step_2000.wav                                           | step 2000
synth_epoch_3.wav                                              | epoch 3
ema_step_2000.wav                                              | step 2000
music_step_2000.wav                                            | step 2000
inference_epoch_3.wav                                          | epoch 3
multirun/2024-05-01/12-00-00/3_seed=42,temperature=0.8/gen_1.wav | seed 42, temperature 0.8, index 1
night/seed42/temp0.8/gen_1.wav                                 | temperature 0.8, index 1
night/temp0.8/seed42/gen_1.wav                                 | seed 42, index 1
night/cfg3/seed_42.wav                                         | seed 42
night/epoch_10/cfg3.0/seed_42.wav                              | epoch 10, seed 42, cfg 3.0
facebook_musicgen-large_seed42_0.wav                           | seed 42, index 0
musicgen_medium_temp1.0_topk250_topp0.0_cfg3_dur10s.wav        | temperature 1.0, cfg 3, top_k 250, top_p 0.0
samples/epoch-10/iter-2000/0.wav                               | epoch 10, step 2000, index 0
epoch10/iter2000.wav                                           | epoch 10, step 2000
epoch_10_iter_2000.wav                                         | epoch 10, step 2000
epoch-10-iter-2000_0.wav                                       | epoch 10, step 2000, index 0
iter_2000_epoch_10.wav                                         | epoch 10, step 2000
e10_iter2000.wav                                               | epoch 10, step 2000
temperature 21.wav                                             | temperature 21
apple-seed-12.wav                                              | seed 12
cfg_3.wav                                                      | cfg 3
it10000.wav                                                    | step 10000
IT_100000_x.wav                                                | step 100000
update_2024_gen.wav                                            | step 2024
1999_cfg_3.wav                                                 | cfg 3
12345_cfg_3.wav                                                | seed 12345, cfg 3
x.cfg3.5.wav                                                   | cfg 3.5
s_200e_300s.wav                                                | run s, epoch 200, step 300
night_5e_10s.wav                                               | run night, epoch 5, step 10
seed_42_seed_43.wav                                            | seed 42
10th epoch.wav                                                 | epoch 10
3 epochs later.wav                                             | epoch 3
2_epochs_3.wav                                                 | epoch 2
1000_iterations.wav                                            | step 1000
2000_iter.wav                                                  | step 2000
1M_steps.wav                                                   | step 1000000
1.5M_steps_2.wav                                               | step 1500000
100k_iters_2.wav                                               | step 100000
10000 Steps.wav                                                | step 10000
epoch_12/rain_seed42.wav                                       | epoch 12, seed 42
epoch_12/rain_temp0.9.wav                                      | epoch 12, temperature 0.9
epoch_12/rain_cfg_7.wav                                        | epoch 12, cfg 7
epoch_12/night_v2.wav                                          | epoch 12
step_2000/x_top_k_250.wav                                      | step 2000
epoch_12/rain_12.wav                                           | epoch 12, index 12
sample5_epoch100.wav                                           | epoch 100
total_steps_100000.wav                                         | step 100000
bass_E2_step_3.wav                                             | step 3
ep_100_step_5000.wav                                           | epoch 100, step 5000
night_e12_iter2000.wav                                         | run night, epoch 12, step 2000
"""
"""Names that programs and people write, each with what it says."""

SILENT = """
e12_s4000.wav
x_ep12.wav
my_ep_3.wav
EP 3 - Night.wav
Episode_12.wav
bass_e12.wav
best_of_e10.wav
gt_seen/0003.wav
shoot_20240115/0003.wav
shoot_15012024/0003.wav
LJ001-0001_generated_e2e.wav
update_400_ref.wav
update_3.wav
infer_cli_20240115_120000.wav
reals_00002001.wav
demo_20240115.wav
demo_20240115_00.wav
demo_20240115123000.wav
demo_12.wav
preview/20240115.wav
train/preview/20240115.wav
output.wav
1234_0_outwav.wav
05_02_2024_13_12_11/rain_0.wav
__input_hello worl_wavernn_batched_350k.wav
1_batchedTrue_350k.wav
39_steps.wav
3_steps_to_heaven.wav
cover_30s_steps8.wav
interp_3_of_50.wav
engine_en_steps32.wav
tts_steps_8.wav
steps_3.wav
waveforms/128k_3.wav
500k_3.wav
night_500k.wav
night_500k_3.wav
media/audio/kick_01.wav
media/audio/kick_2000_loop.wav
media/audio/rain_2024_12345678.wav
results/sample_1000.flac
sample_3.wav
val_2000.wav
Generated_12.wav
noisy_3.wav
streaming_out_3.wav
train/000010000_audio-gt-r0.flac
val/000010000/abc.flac
unconditional_sc09_sashimi_len_1.00s_gen_3.wav
generated_3.wav
fake@16000Hz.wav
output_20250512123456_0.wav
generated_20250512123456_42.wav
rain_infer_step_60.wav
rain_sampling_step_50.wav
rain_ddim_step_50.wav
rain_inference_step_27.wav
num_step_50.wav
diffusion_step_100.wav
outputs/2024-01-15_12-00-00__musicgen__lofi_beat/2024-01-15_12-00-00__musicgen__lofi_beat.wav
outputs-rvc/audio__bark__None__2023-05-30_12-00-00__n1.wav
output/2024-01-15/music/wav/1234567.wav
output/2024-01-15/music/wav/1234567(1).wav
night-e15.wav
song_voice_p0_i0.5_fr3_rms0.25_pro0.33_rmvpe.wav
Kick_Loop_G_128.wav
Bass_D_140.wav
Bass_D_090_Loop.wav
song_G_120/x.wav
model_48000.wav
model_44100_3.wav
model_22050.wav
my_model_16000.wav
model_20240115.wav
model_20240115_123000.wav
model-2024.wav
musicgen_model_300M.wav
model_1.5B.wav
model_12345678-90ab-4cde-8f01-23456789abcd.wav
checkpoint-12345678-90ab-4cde-8f01-23456789abcd.wav
checkpoint_20240115.wav
ckpt_20240115_120000.wav
best_model_9999.wav
best_model_2024.wav
epoch_1700000000.wav
rain_epoch_1700000000123.wav
step_1700000000.wav
step_20240115.wav
step_1,000.wav
step 10,000.wav
epoch_1,5.wav
2-step_03.wav
two_step_4.wav
Two Step 3.wav
dub_step_140.wav
dub-step 3.wav
foot_step_3.wav
FootStep_3.wav
foot step 2.wav
footstep_3.wav
half_step_2.wav
whole step 3.wav
quick-step-3.wav
16-step-120.wav
16_step_120bpm.wav
doorstep_2.wav
side step 1.wav
griffinlim_60_iterations.wav
60_iters.wav
it_2.wav
it_2024.wav
it2.wav
epoch=12.5.wav
step_1e5.wav
step_-1.wav
temp_3.wav
temp12.wav
temp_1_temp_2.wav
grape seed 3.wav
Poppy Seed 2.wav
seedling_3.wav
reseed_4.wav
Seedbed 2.wav
tempo_120.wav
tempo120.wav
template_3.wav
temple 2.wav
top_10.wav
top10_3.wav
Top Kicks 3.wav
guide_3.wav
config_3.wav
cfg.wav
rain_seed-1.wav
song_2020.wav
Night Drive (2024).wav
night_drive_v2.wav
night_drive_v2.1.mp3
night take 2.wav
take_02.wav
01 - Night.wav
Track 03.mp3
2024-01-15.wav
2024-01-15_12-00-00.wav
20240115_120000.wav
1700000000.wav
rain_120bpm_Am.wav
loop_140_C#m.wav
0f8fad5b-d9cb-469f-a165-70867728950e.wav
Night (0f8fad5b-d9cb-469f-a165-70867728950e).mp3
9f86d081884c7d659a2feaa0c55ad015a3bf4f1b.wav
tmpab12cd34.wav
gradio/9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08/audio.wav
ComfyUI_00012_.flac
audio/ComfyUI_00012_.mp3
musicgen_out_3.wav
musicgen-large_0.wav
audio_0.wav
bark_generation.wav
Night ext v2.2.1.2.mp3
Suno - Night (v4).mp3
night_44100Hz_16bit.wav
night_44.1k_320k.mp3
noise_16k.wav
clip 00:12-00:45.wav
clip_0012-0045.wav
12_00_45.wav
30s.wav
rain_30s_3.wav
rain_30sec.wav
mix_final_2.wav
final_final_3.wav
master 24bit 48k.wav
IMG_1234.wav
R09_0012.wav
ZOOM0003.wav
LJ001-0001.wav
p225_001.wav
A1.wav
Kick 12.wav
C3_127.wav
A4-440Hz.wav
x-3.wav
batch_3.wav
batch3_item7.wav
part_2.wav
chunk_12.wav
segment_0003.wav
seg12.wav
level_2.wav
output (3).wav
output_3 copy 2.wav
night-2024-01-15T12:00:00Z.wav
s1.wav
s1e2.wav
S01E02.wav
e1.wav
night_i3.wav
night_t3.wav
night_T0.9.wav
rain_n3_k2.wav
night_lr0.001_bs16.wav
iterative_3.wav
reiter_3.wav
models/night/3.wav
my_model_v3_2.wav
modelling_3.wav
checkpoint.wav
checkpoints/3.wav
samples/100/3.wav
weights_3.wav
updates_3.wav
0001.wav
00012345.wav
000000012.wav
night/00012000_0.wav
outputs/2024-05-01/12-00-00/gen_0.wav
lofi-beat_30s_s42.wav
lofi-beat-42.wav
stable_audio_lofi_42_7.0_100.wav
night-e=10.wav
night_e10_i220001.wav
night e10 t0.9.wav
train_samples/ep010/0.wav
samples/ep-10/0.wav
samples/e10/0.wav
samples/10/0.wav
The Last Epoch.wav
epoch.wav
Epoch Times 12.wav
steps to 3.wav
one step 3.wav
first step 2.wav
next_step_2.wav
lockstep 3.wav
step-sequencer 120.wav
Model 3.wav
Model T 1908.wav
model_v2.wav
model1.wav
supermodel_12345.wav
model_1999.wav
Checkpoint Charlie 3.wav
G_minor_120.wav
C_120.wav
D_major_4000.wav
G_2024.wav
drum_G_1999.wav
Temp 0.5.wav
room_temperature.wav
seed.wav
seeds_3.wav
Guidance 3.wav
top_k.wav
laptop_k3.wav
it_is_2000.wav
it's 5.wav
hit100000.wav
iTunes 3.wav
Itinerary 3.wav
kit_100000.wav
decoded_12.wav
recon_3.wav
update_12_ref.wav
node_ema_0.wav
ema_0.999_20240115.wav
0.9_temp.wav
42_seed.wav
seed42seed43.wav
epochs.wav
12_iterations.wav
500000it.wav
50k_step_3.wav
20240115_steps.wav
2_step_132.wav
2-Step Garage 132 BPM.wav
footsteps 10000.wav
steps_wood_12345.wav
Sesame Seed 3 (Remix).wav
total_steps_500.wav
trainstep5000.wav
ep3_it_hurts.wav
rain_it_10.wav
D_minor_4000.wav
Roland Model 808.wav
audio/media/audio/x_3_abc.wav
"""
"""Names that say nothing for certain about an epoch, a step or a parameter."""


def lines_of(table: str) -> list[str]:
    return table.strip().splitlines()


@pytest.mark.parametrize("line", lines_of(READ))
def test_what_a_name_says(line: str) -> None:
    path, _, values = line.rpartition("|")
    found = infer(f"/data/inbox/{path.strip()}".encode()).provenance.values()
    assert ", ".join(f"{key} {value}" for key, value in found.items()) == values.strip()


@pytest.mark.parametrize("path", lines_of(SILENT))
def test_a_name_that_may_mean_something_else_says_nothing(path: str) -> None:
    assert infer(f"/data/inbox/{path}".encode()).provenance.values() == {}


def test_the_texts_that_a_pattern_needs_are_in_lower_case() -> None:
    for pattern in PATTERNS:
        assert pattern.needed == tuple(text.lower() for text in pattern.needed)
        assert pattern.may_match(f"/inbox/{pattern.example}".lower())
        assert not pattern.may_match("/inbox/x.wav")
