"""Writes a random InstructPix2Pix of the real architecture at small size, for the runner: python make_tiny_pix2pix.py FOLDER"""

import json
import pathlib
import sys
import tempfile

import torch
from diffusers import AutoencoderKL, EulerAncestralDiscreteScheduler, StableDiffusionInstructPix2PixPipeline, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

torch.manual_seed(1)
letters = [*"abcdefghijklmnopqrstuvwxyz", *(f"{letter}</w>" for letter in "abcdefghijklmnopqrstuvwxyz"), "<|startoftext|>", "<|endoftext|>"]
with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    (folder / "vocab.json").write_text(json.dumps({token: i for i, token in enumerate(letters)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    tokenizer = CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=77)
text = CLIPTextConfig(vocab_size=len(letters), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
                      max_position_embeddings=77, bos_token_id=len(letters) - 2, eos_token_id=len(letters) - 1)
blocks = dict(block_out_channels=(32, 64), layers_per_block=1)
unet = UNet2DConditionModel(sample_size=8, in_channels=8, out_channels=4, cross_attention_dim=32, attention_head_dim=8,
                            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"), **blocks)
vae = AutoencoderKL(latent_channels=4, down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
                    block_out_channels=(32, 32, 32, 32), layers_per_block=1)
pipe = StableDiffusionInstructPix2PixPipeline(vae=vae, text_encoder=CLIPTextModel(text), tokenizer=tokenizer, unet=unet,
                                              scheduler=EulerAncestralDiscreteScheduler(beta_schedule="scaled_linear"),
                                              safety_checker=None, feature_extractor=None, requires_safety_checker=False)
pipe.save_pretrained(sys.argv[1])
