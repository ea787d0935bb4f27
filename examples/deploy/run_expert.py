"""An expert that `hyperdyn export` wrote, run with NumPy alone: python run_expert.py DIR"""

import json
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np

ACTIVATIONS = {
    "silu": lambda h: h * (0.5 + 0.5 * np.tanh(0.5 * h)),  # h * sigmoid(h), without an overflow
    "relu": lambda h: np.maximum(h, 0),
    "leaky_relu": lambda h: np.where(h > 0, h, 0.01 * h),
    "tanh": np.tanh,
}


def load(folder):
    raw = (folder / "expert.safetensors").read_bytes()
    start = 8 + int.from_bytes(raw[:8], "little")  # a JSON header of this length, then the numbers
    entries = {name: entry for name, entry in json.loads(raw[8:start]).items() if name != "__metadata__"}
    spans = {name: (e["shape"], *e["data_offsets"]) for name, e in entries.items()}
    arrays = {n: np.frombuffer(raw[start + a : start + b], np.float32).reshape(s) for n, (s, a, b) in spans.items()}
    return json.loads((folder / "expert.json").read_text()), arrays


def step(about, p, obs, action):
    """obs [N,S] and action [N,A] to the next observations [N,S]."""
    angles = obs[:, about["state"]["angles"]]
    x = np.concatenate([obs[:, about["plain"]], np.sin(angles), np.cos(angles), action], axis=1)
    h = (x - p["input_mean"]) / p["input_std"]
    for i in range(len(about["sizes"]) - 1):
        h = (ACTIVATIONS[about["activation"]](h) if i else h) @ p[f"weight{i}"] + p[f"bias{i}"]
    return obs + p["change_mean"] + p["change_std"] * h


def report(name, run, N):
    run()
    times = []
    for _ in range(200):
        begin = time.perf_counter()
        run()
        times.append(time.perf_counter() - begin)
    print(f"{name}: {1e6 * np.median(times):.0f} us a step of {N} rows")


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    about, p = load(folder)
    rng = np.random.default_rng(0)
    for N in (1, 150):
        obs = rng.normal(size=(N, about["state"]["obs_dim"])).astype(np.float32)
        action = rng.uniform(-1, 1, (N, about["state"]["action_dim"])).astype(np.float32)
        report("numpy", partial(step, about, p, obs, action), N)
        if (folder / "expert.onnx").exists():
            try:
                import onnxruntime
            except ImportError:
                continue
            session = onnxruntime.InferenceSession(folder / "expert.onnx")
            feed = {"obs": obs, "action": action}
            report("onnxruntime", partial(session.run, None, feed), N)
            print(f"largest difference: {np.abs(session.run(None, feed)[0] - step(about, p, obs, action)).max():.1e}")
    print("next observation:", step(about, p, obs, action)[0])
