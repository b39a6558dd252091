"""Writes test/parity/reference/flow.safetensors: textured frames that move, and OpenCV's Farneback flow between them.
Run by hand: pip install -r test/parity/requirements.txt; python test/parity/make_flow.py"""

import pathlib

import cv2
import numpy as np
from safetensors.numpy import save_file

rng = np.random.default_rng(0)
noise = cv2.GaussianBlur(rng.integers(0, 256, (120, 140)).astype(np.float32), (0, 0), 2.5)
noise = ((noise - noise.min()) / (noise.max() - noise.min()) * 255).astype(np.uint8)
frames = [noise[20:84, 20:116].copy()]
for dx, dy in [(3, 2), (-2, 1)]:
    frames.append(noise[20 - dy:84 - dy, 20 - dx:116 - dx].copy())
moved = frames[0].copy()
moved[20:44, 40:64] = frames[0][20:44, 34:58]  # one thing moves by six pixels
frames.append(moved)
flows = [cv2.calcOpticalFlowFarneback(frames[0], after, None, 0.5, 3, 15, 3, 5, 1.2, 0) for after in frames[1:]]
out = pathlib.Path(__file__).parent / "reference" / "flow.safetensors"
save_file({f"frame.{i}": f for i, f in enumerate(frames)} | {f"flow.{i + 1}": f for i, f in enumerate(flows)}, out)
print(cv2.__version__, [f.mean((0, 1)) for f in flows])
