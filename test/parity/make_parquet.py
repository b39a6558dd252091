"""Records a tiny parquet file as Hugging Face's datasets library writes flwrlabs/ucf101: a row a frame, an image as a record of bytes and
path, the classes' names in the file's metadata, row groups of a few rows.

    python -m pip install pyarrow pillow
    python test/parity/make_parquet.py

Written with pyarrow 26.0.1.
"""

import io
import json
import pathlib

import pyarrow
import pyarrow.parquet
from PIL import Image, ImageDraw

CLASSES = ["ApplyEyeMakeup", "Archery"]


def frame(clip: int, number: int) -> bytes:
    image = Image.new("RGB", (48, 32), (40, 60 + 60 * clip, 80))
    ImageDraw.Draw(image).ellipse([2 + 3 * number, 8, 18 + 3 * number, 24], fill=(220, 200, 40))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=80)
    return out.getvalue()


rows = [(clip, number) for clip in range(2) for number in range(8)]
names = [f"v_{CLASSES[clip]}_g01" for clip, _ in rows]
table = pyarrow.table(
    {
        "image": pyarrow.array(
            [{"bytes": frame(clip, number), "path": f"frame_{number}.jpg"} for clip, number in rows],
            pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())]),
        ),
        "video_id": pyarrow.array(names),
        "clip_id": pyarrow.array(["c01"] * len(rows)),
        "frame": pyarrow.array([number for _, number in rows], pyarrow.int64()),
        "label": pyarrow.array([clip for clip, _ in rows], pyarrow.int64()),
    }
)
features = {
    "image": {"_type": "Image"},
    "video_id": {"dtype": "string", "_type": "Value"},
    "clip_id": {"dtype": "string", "_type": "Value"},
    "frame": {"dtype": "int64", "_type": "Value"},
    "label": {"names": CLASSES, "_type": "ClassLabel"},
}
table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
path = pathlib.Path(__file__).parent / "reference" / "frames.parquet"
pyarrow.parquet.write_table(table, path, row_group_size=5, compression="snappy")
print(path, path.stat().st_size, "bytes")
