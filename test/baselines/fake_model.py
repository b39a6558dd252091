"""A model for tests, which gives the source back; it fails for the id that FAIL names, and is killed before the one that KILL does."""

import os
import pathlib
import shutil
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "baselines"))
import common


class Copy:
    def __init__(self, path):
        self.path = path

    def save(self, path):
        shutil.copyfile(self.path, path)


def draw(item, seed):
    if item.id == os.environ.get("KILL"):
        os.kill(os.getpid(), signal.SIGKILL)
    if item.id == os.environ.get("FAIL"):
        raise ValueError(f"cannot draw with seed {seed}")
    return Copy(item.source)


common.predict_images(common.parser(__doc__).parse_args(), draw)
