"""The peer of `bench video`: OpenCV in Python, as a researcher would write it: frames 12 times a second at 160 pixels, flow
over half a second, the strongest moments an interval apart."""

import json
import resource
import sys
import time

import cv2
import numpy as np

cv2.setNumThreads(int(sys.argv[1]))
RATE, STRIDE, SIDE = 12, 6, 160


def motion(path):
    capture = cv2.VideoCapture(path)
    frames, times, due = [], [], 0.0
    values = []
    while True:
        ok, frame = capture.read()
        if not ok:
            break
        now = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        if now < due - 1e-6:
            continue
        due = now - (now - due) % (1 / RATE) + 1 / RATE
        scale = SIDE / max(frame.shape[:2])
        small = cv2.resize(frame, None, fx=min(1, scale), fy=min(1, scale), interpolation=cv2.INTER_AREA)
        frames.append(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY))
        times.append(now)
        if len(frames) > STRIDE:
            flow = cv2.calcOpticalFlowFarneback(frames[-1 - STRIDE], frames[-1], None, 0.5, 3, 15, 3, 5, 1.2, 0)
            values.append(float(np.hypot(flow[..., 0], flow[..., 1]).mean()))
            frames[-1 - STRIDE] = None
    return times, values


def strongest(values, count=2, interval=RATE):
    chosen = []
    for i in np.argsort(values)[::-1]:
        if len(chosen) < count and all(abs(i - j) >= interval for j in chosen):
            chosen.append(int(i))
    return sorted(chosen)


motion(sys.argv[2])
start, length = time.perf_counter(), 0.0
for path in sys.argv[2:]:
    times, values = motion(path)
    strongest(values)
    length += times[-1] if times else 0
print(json.dumps({"seconds": time.perf_counter() - start, "length": length,
                  "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))
