"""Writes test/parity/reference/clip/: a tiny random CLIP as ONNX, and what transformers embeds with it.
Run by hand: pip install -r test/parity/requirements.txt; python test/parity/make_image_encoders.py"""

import pathlib

import numpy as np
import torch
from PIL import Image
from safetensors.numpy import save_file
from transformers import CLIPImageProcessor, CLIPVisionConfig, CLIPVisionModelWithProjection

OUT = pathlib.Path(__file__).parent / "reference" / "clip"
OUT.joinpath("onnx").mkdir(parents=True, exist_ok=True)
torch.manual_seed(0)
config = CLIPVisionConfig(hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2, image_size=32, patch_size=8,
                          projection_dim=12, attn_implementation="eager")
model = CLIPVisionModelWithProjection(config).eval()
with torch.no_grad():
    for p in model.parameters():
        p.add_(torch.randn_like(p) * 0.2)
processor = CLIPImageProcessor(size={"shortest_edge": 36}, crop_size={"height": 32, "width": 32})
processor.save_pretrained(OUT)
rng = np.random.default_rng(1)
shapes = [(40, 70), (64, 36), (20, 24), (37, 37)]
images = [rng.integers(0, 256, (*shape, 3), dtype=np.uint8) for shape in shapes]
embeds = []
for image in images:
    pixels = processor(images=Image.fromarray(image), return_tensors="pt")["pixel_values"]
    with torch.no_grad():
        vector = model(pixel_values=pixels).image_embeds[0]
    embeds.append((vector / vector.norm()).numpy())


class Vision(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.model = model

    def forward(self, pixel_values):
        return self.model(pixel_values=pixel_values).image_embeds


torch.onnx.export(Vision().eval(), (torch.zeros(1, 3, 32, 32),), str(OUT / "onnx" / "vision_model.onnx"), dynamo=False, opset_version=17,
                  input_names=["pixel_values"], output_names=["image_embeds"])
save_file({f"image.{i}": x for i, x in enumerate(images)} | {f"embeds.{i}": x for i, x in enumerate(embeds)}, OUT / "embeddings.safetensors")
print([e[:3] for e in embeds])
