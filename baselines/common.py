"""What the baselines share: reading a bench as Worldstrap does, and leaving what its tasks read. The standard library alone.

A bench is an AURORA list (test.json). A system of images leaves predictions.jsonl and images/ID.png, one of actions leaves
actions.jsonl with "id" and "action" a line. Lines are appended when their picture is whole: the same command goes on after a
stop. What fails is named in failed.jsonl and tried again by the next start.
"""

import argparse
import hashlib
import json
import os
import pathlib
import re
import sys
import unicodedata
from collections import namedtuple

Item = namedtuple("Item", "id subset source action target")  # source and target are paths


def parser(description):
    """The arguments that all baselines take."""
    arguments = argparse.ArgumentParser(description=description)
    arguments.add_argument("--bench", required=True, nargs="+", help="AURORA lists, as test.json")
    arguments.add_argument("--out", required=True, type=pathlib.Path, help="the folder of the predictions")
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--limit", type=int, default=0, help="take only so many; 0: all")
    return arguments


def read_bench(paths, limit=0):
    """The trajectories of AURORA lists, with the ids that Worldstrap gives them; entries that it cannot use are left out."""
    items, seen = [], set()
    for number, path in enumerate(paths):
        for index, entry in enumerate(read_list(path)):
            item = parse_entry(entry, index, pathlib.Path(path))
            if item:
                items.append(item._replace(id=f"{item.id}@{number}" if item.id in seen else item.id))
                seen.add(items[-1].id)
    if not items:
        sys.exit(f"Cannot work on {', '.join(paths)}: none of its trajectories has an instruction and both images")
    return items[:limit] if limit else items


def read_list(path):
    try:
        entries = json.loads(pathlib.Path(path).read_text("utf-8-sig"))
    except (OSError, ValueError) as error:
        sys.exit(f"Cannot read {path} as an AURORA list: {error}")
    if not isinstance(entries, list):
        sys.exit(f"Cannot read {path} as an AURORA list: it must hold a JSON list")
    return entries


def parse_entry(entry, index, path):
    entry = entry if isinstance(entry, dict) else {}
    task = entry["task"] if isinstance(entry.get("task"), str) else path.absolute().parent.name
    instruction = entry.get("instruction")
    action = instruction[0] if isinstance(instruction, list) and instruction else instruction
    source, target = (locate(entry.get(key), path) for key in ("input", "output"))
    if not isinstance(action, str) or not action.strip() or not source or not target:
        return None
    subset = plain_name(task)[:64]
    return Item(f"{subset}-{index}", subset, source, action.strip(), target)


def locate(name, path):
    """A listed file below the list's folder or one of the three above it; it may not lead out of that folder."""
    if not isinstance(name, str) or re.match(r"[\\/]|[a-z]:", name, re.I):
        return None
    parts = [part for part in re.split(r"[\\/]+", name) if part not in ("", ".", "..")]
    folder = path.absolute().parent
    for root in [folder, *folder.parents][:4]:
        file = root.joinpath(*parts)
        if file.is_file() and root.resolve() in file.resolve().parents:
            return file
    return None


def plain_name(text):
    """Worldstrap's plainName(): what is no letter or digit of any script and none of _.@- becomes an underscore."""
    kept = (char if char in "_.@-" or unicodedata.category(char)[0] in "LMN" else "\0" for char in text)
    return re.sub("\0+", "_", "".join(kept))


def file_name(text, most=200):
    """Worldstrap's fileNameOf(): no two ids share it; a name that is not the id itself ends in the id's digest."""
    plain = plain_name(text).encode()
    if plain == text.encode() and len(plain) <= most:
        return text
    return f"{plain[: most - 13].decode(errors='ignore')}~{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def seed_of(seed, item):
    """A seed for each trajectory, so that a run that was stopped draws the same."""
    return int.from_bytes(hashlib.sha256(f"{seed} {item.id}".encode()).digest()[:4], "big") >> 1


def open_items(arguments, log):
    """The trajectories that are still to be done; a last line that was cut off is taken off the log."""
    items = read_bench(arguments.bench, arguments.limit)
    text = log.read_text("utf-8") if log.exists() else ""
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        write_whole(log, whole.encode())
    done = {json.loads(line)["id"] for line in whole.splitlines()}
    return [item for item in items if item.id not in done], len(items)


def predict_images(arguments, draw):
    """Draws every trajectory's picture: draw(item, seed) gives something with PIL's save()."""

    def one(item):
        image = f"images/{file_name(item.id)}.png"
        save_whole(arguments.out / image, draw(item, seed_of(arguments.seed, item)))
        return {"id": item.id, "subset": item.subset, "action": item.action, "image": image, "seed": arguments.seed}

    predict(arguments, arguments.out / "predictions.jsonl", one)


def predict_actions(arguments, say):
    """Asks for every trajectory's action: say(item) gives a text."""
    predict(arguments, arguments.out / "actions.jsonl", lambda item: {"id": item.id, "subset": item.subset, "action": say(item).strip()})


def predict(arguments, log, one):
    log.parent.mkdir(parents=True, exist_ok=True)
    items, total = open_items(arguments, log)
    failed = []
    for number, item in enumerate(items, total - len(items) + 1):
        try:
            line = one(item)
        except Exception as error:  # a model may fail on one picture; the others go on
            failed.append({"id": item.id, "reason": f"{type(error).__name__}: {error}"[:500]})
            continue
        with log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
        print(f"{number}/{total} {item.id}", file=sys.stderr)
    write_whole(log.with_name("failed.jsonl"), "".join(json.dumps(line) + "\n" for line in failed).encode())
    print(f"{total - len(failed)} of {total} predictions in {log}")
    if failed:
        sys.exit(f"{len(failed)} failed, the first with {failed[0]['reason']}; see failed.jsonl, and start again to try them again")


def save_whole(path, picture):
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp.png")
    picture.save(temporary)
    os.replace(temporary, path)


def write_whole(path, content):
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    temporary.write_bytes(content)
    os.replace(temporary, path)
