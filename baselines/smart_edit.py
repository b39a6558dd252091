"""SmartEdit (Huang et al. 2024) on a bench: the row SE of Tables 2 and 3. It runs the authors' own test script, which reads a folder
of pictures and a file of instructions and draws all of them in one go: the bench is laid out as its "6-Reasoning" scenes.

    git clone https://github.com/TencentARC/SmartEdit && cd SmartEdit && git checkout 160dd21
    pip install -r ../baselines/smart_edit.txt
    python baselines/smart_edit.py --checkout SmartEdit --bench test.json --out runs/baselines/smartedit

The checkout's README says how its checkpoints are prepared: Vicuna 1.1, LLaVA 1.1 and SmartEdit-7B in SmartEdit/checkpoints.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import common


class Drawn:
    """A picture that is there already, with PIL's save()."""

    def __init__(self, path):
        self.path = path

    def save(self, path):
        shutil.copyfile(self.path, path)


def lay_out(items, folder):
    """Their order is that of the pictures' names, and a line each; "CLIP: " would end an instruction."""
    scenes = folder / "6-Reasoning"
    scenes.mkdir(parents=True)
    for number, item in enumerate(items):
        shutil.copyfile(item.source, scenes / f"{number:06d}.png")  # pictures are known by their content, whatever they are called
    lines = [" ".join(item.action.split()).replace("CLIP: ", "CLIP ") + "\n" for item in items]
    (scenes / "Reason_test.txt").write_text("".join(lines), "utf-8")


def draw_all(options, folder):
    checkpoints = options.checkout / "checkpoints"
    command = [sys.executable, "test/DS_SmartEdit_test.py", "--is_reasoning_scenes", "True", "--steps", "15000",
               "--sd_qformer_version", "v1.1-7b", "--resize_resolution", str(options.resolution),
               "--model_name_or_path", checkpoints / "vicuna-7b-v1-1", "--LLaVA_model_path", checkpoints / "LLaVA-7B-v1",
               "--total_dir", checkpoints / "SmartEdit-7B", "--ReasonEdit_benckmark_dir", folder, "--save_dir", folder / "drawn"]
    environment = {**os.environ, "PYTHONPATH": str(options.checkout)}
    code = subprocess.run([str(part) for part in command], cwd=options.checkout, env=environment).returncode
    if code != 0:
        sys.exit(f"Cannot go on as SmartEdit's script ended with code {code}; what it said stands above")


def main():
    arguments = common.parser(__doc__)
    arguments.add_argument("--checkout", required=True, type=lambda path: pathlib.Path(path).absolute(), help="the authors' repository")
    arguments.add_argument("--resolution", type=int, default=256)
    options = arguments.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    items, _ = common.open_items(options, options.out / "predictions.jsonl")
    with tempfile.TemporaryDirectory(dir=options.out) as name:
        folder = pathlib.Path(name).absolute()
        if items:
            lay_out(items, folder)
            draw_all(options, folder)
        place = {item.id: folder / f"drawn/Reasoning_metrics_1/{number + 1:04d}_T7.5_I1.5.png" for number, item in enumerate(items)}
        common.predict_images(options, lambda item, _: Drawn(place[item.id]))


if __name__ == "__main__":
    main()
