"""An expert that `hyperdyn export` wrote, run with NumPy alone: python run_expert.py DIR"""

import json
import sys
import timeit
from pathlib import Path

import numpy as np

about = json.loads(Path(sys.argv[1], "expert.json").read_text())
raw = Path(sys.argv[1], "expert.safetensors").read_bytes()
begin = 8 + int.from_bytes(raw[:8], "little")  # the numbers follow a JSON header of this length
entries = json.loads(raw[8:begin])
p = {n: np.frombuffer(raw[begin:][slice(*e["data_offsets"])], "f4").reshape(e["shape"]) for n, e in entries.items()}
bent = {"silu": lambda h: h / (1 + np.exp(-h)), "relu": lambda h: np.maximum(h, 0), "tanh": np.tanh}
bent = {**bent, "leaky_relu": lambda h: np.where(h > 0, h, 0.01 * h)}[about["activation"]]


def step(obs, action):  # [N,S] and [N,A] to the next observations [N,S]
    angles = obs[:, about["state"]["angles"]]
    x = np.concatenate([obs[:, about["plain"]], np.sin(angles), np.cos(angles), action], axis=1)
    h = (x - p["input_mean"]) / p["input_std"]
    for i in range(len(about["sizes"]) - 1):
        h = (bent(h) if i else h) @ p[f"weight{i}"] + p[f"bias{i}"]
    return obs + p["change_mean"] + p["change_std"] * h


for rows in (1, 150):
    sizes = (about["state"][n] for n in ("obs_dim", "action_dim"))
    obs, action = (np.tile(np.linspace(-1, 1, size, dtype="f4"), (rows, 1)) for size in sizes)
    seconds = min(timeit.repeat(lambda: step(obs, action), number=100)) / 100  # noqa: B023
    print(f"{1e6 * seconds:.0f} us a step of {rows} rows")
print("next observation:", step(obs, action)[0].tolist())
