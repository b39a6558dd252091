"""Exports the layer of an encoder that BERTScore compares, so that --evaluate.bertModel reads it: the first layers of the model as
onnx/model.onnx in its folder, the last hidden state as its one output.

    python -m pip install torch transformers onnx onnxscript
    python data/export_bert.py data/roberta-large
"""

import argparse
import pathlib

import torch
from transformers import AutoModel

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("folder", type=pathlib.Path, help="the model in Hugging Face's layout")
parser.add_argument("--layers", type=int, default=17, help="layers to keep; bert_score takes 17 of roberta-large")
options = parser.parse_args()


class Encoder(torch.nn.Module):
    """The hidden state behind the last layer that is kept."""

    def __init__(self, model: torch.nn.Module):
        super().__init__()
        self.model = model

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        return self.model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state  # [B, T, D]


model = AutoModel.from_pretrained(options.folder, add_pooling_layer=False, attn_implementation="eager").float()
if len(model.encoder.layer) < options.layers:
    raise SystemExit(f"Cannot keep {options.layers} layers: the model has {len(model.encoder.layer)}")
model.encoder.layer = model.encoder.layer[: options.layers]
out = options.folder / "onnx" / "model.onnx"
out.parent.mkdir(exist_ok=True)
names = ["input_ids", "attention_mask"]
axes = {name: {0: "batch", 1: "tokens"} for name in [*names, "last_hidden_state"]}
torch.onnx.export(
    Encoder(model).eval(),
    (torch.ones(1, 8, dtype=torch.int64), torch.ones(1, 8, dtype=torch.int64)),
    out,
    input_names=names,
    output_names=["last_hidden_state"],
    dynamic_axes=axes,
    dynamo=False,
)
print(f"{out}: {options.layers} layers, {out.stat().st_size} bytes")
