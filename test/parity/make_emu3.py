"""Writes test/parity/reference/emu3/: a tiny random Emu3, a PEFT adapter, and what transformers, PEFT and PyTorch compute
from them. Run by hand: pip install -r test/parity/requirements.txt; python test/parity/make_emu3.py"""

import json
import pathlib

import numpy as np
import torch
import torch.nn.functional as F
from peft import LoraConfig, get_peft_model
from PIL import Image
from safetensors.torch import save_file
from transformers import (Emu3Config, Emu3ForConditionalGeneration, Emu3ImageProcessor, Emu3Processor,
                          PreTrainedTokenizerFast)
from transformers.convert_slow_tokenizer import bytes_to_unicode

OUT = pathlib.Path(__file__).parent / "reference" / "emu3"
CODES, SIDE = 64, 16
PROJECTIONS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
SPECIAL = ["<|endoftext|>", "<|extra_200|>", "<|extra_201|>", "<|extra_203|>", "<|extra_204|>", "<|image token|>",
           "<|image start|>", "<|image end|>"]
EXTRA = {"image_token": "<image>", "boi_token": "<|image start|>", "eoi_token": "<|image end|>",
         "image_wrapper_token": "<|image token|>", "eof_token": "<|extra_201|>"}


def make_tokenizer():
    """Bytes, then the special tokens in Emu3's order, then image codes."""
    names = list(bytes_to_unicode().values()) + SPECIAL + [f"<|visual token {code:06d}|>" for code in range(CODES)] + ["<image>"]
    vocab = {name: i for i, name in enumerate(names)}
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    added = [dict(id=i, content=name, single_word=False, lstrip=False, rstrip=False, normalized=False, special=True)
             for name, i in vocab.items() if i >= 256]
    json.dump({
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": None,
        "pre_tokenizer": level, "post_processor": None, "decoder": level,
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": "", "end_of_word_suffix": "",
                  "fuse_unk": False, "byte_fallback": False, "vocab": vocab, "merges": []},
    }, open(OUT / "tokenizer.json", "w"))
    return vocab


def make_model(vocab):
    config = Emu3Config(
        vocabulary_map={name: i for name, i in vocab.items() if i >= 256}, attn_implementation="eager",
        text_config=dict(vocab_size=len(vocab), hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
                         num_key_value_heads=2, max_position_embeddings=512, pad_token_id=256, bos_token_id=259, eos_token_id=260,
                         attn_implementation="eager"),
        vq_config=dict(codebook_size=CODES, embed_dim=4, latent_channels=4, base_channels=32, channel_multiplier=[1, 1],
                       num_res_blocks=1, attn_resolutions=[1], hidden_size=32, num_attention_heads=2, temporal_downsample_factor=4))
    torch.manual_seed(0)
    model = Emu3ForConditionalGeneration(config).eval()
    with torch.no_grad():
        for name, p in model.named_parameters():  # far from the initial values, so that every weight shows
            p.add_(torch.randn_like(p) * (0.1 if "norm" in name or "vqmodel" in name else 0.06))
        model.model.vqmodel.quantize.embedding.weight.normal_(0, 1)
        for name, buffer in model.named_buffers():
            if name.endswith("running_mean"):
                buffer.normal_(0, 0.3)
            if name.endswith("running_var"):
                buffer.uniform_(0.5, 1.5)
        for tensor in list(model.parameters()) + [b for n, b in model.named_buffers() if "running" in n]:
            tensor.copy_(tensor.bfloat16().float())  # stored in half the bytes
    return model


def save(model):
    state = {name: t.contiguous() if t.dtype == torch.long else t.bfloat16().contiguous() for name, t in model.state_dict().items()}
    save_file(state, OUT / "model.safetensors", {"format": "pt"})
    model.config.save_pretrained(OUT)


def picture_reference(model, g):
    vq = model.model.vqmodel
    images = torch.rand(6, 3, SIDE, SIDE, generator=g) * 2 - 1
    images[3:] = F.interpolate(images[3:, :, ::4, ::4], scale_factor=4.0, mode="bilinear")  # smooth ones too
    sizes = torch.tensor([[SIDE, SIDE]] * 6)
    encoded = vq.encode(images, sizes)
    features = vq.quant_conv(encoded.last_hidden_state.permute(0, 2, 1, 3, 4))[:, :, 0]  # B, E, h, w of the one time step
    codes = torch.stack(encoded.image_tokens)
    decoded = vq.decode(codes[:2])
    last = lambda x: x.permute(0, 2, 3, 1).contiguous()
    return {"images": last(images), "features": last(features), "codes": codes.reshape(6, -1).int(), "decoded": last(decoded),
            "ids": model.model.get_image_tokens(images[:1], sizes[:1]).int()}


def prompt_reference(model):
    """Ids of a picture in a sentence, as the processor and the model lay them."""
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(OUT / "tokenizer.json"), bos_token="<|extra_203|>", eos_token="<|extra_204|>",
                                        pad_token="<|endoftext|>", extra_special_tokens=EXTRA)
    images = Emu3ImageProcessor(min_pixels=SIDE * SIDE, max_pixels=SIDE * SIDE, spatial_factor=2, image_mean=[0.5] * 3, image_std=[0.5] * 3)
    images.save_pretrained(OUT)
    processor = Emu3Processor(images, tokenizer)
    processor.downsample_ratio = 2
    pixels = np.random.default_rng(4).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    inputs = processor(text="You are a helpful assistant. USER: <image>open the door. ASSISTANT:", images=Image.fromarray(pixels), return_tensors="pt")
    ids = inputs.input_ids[0].clone()
    own = model.model.get_image_tokens(inputs.pixel_values, inputs.image_sizes)
    ids[ids == tokenizer.convert_tokens_to_ids("<image>")] = own.long()
    drawn = processor(text="open the door", return_for_image_generation=True, ratio="1:1", image_area=SIDE * SIDE, return_tensors="pt")
    return {"pixels": torch.from_numpy(pixels), "prompt": ids.int(), "drawing_prompt": drawn.input_ids[0].int()}


def adapted_reference(model, ref):
    torch.manual_seed(3)
    adapted = get_peft_model(model, LoraConfig(r=4, lora_alpha=8, lora_dropout=0.0, target_modules=PROJECTIONS, task_type="CAUSAL_LM",
                                               exclude_modules=".*vqmodel.*"))
    for name, p in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(p, 0, 0.1)
    adapted.save_pretrained(OUT / "adapter")
    (OUT / "adapter" / "README.md").unlink(missing_ok=True)
    logits = adapted(input_ids=ref["tokens"].long()).logits
    ref["logits_lora"] = logits.detach()
    first = 256 + len(SPECIAL)
    losses = F.cross_entropy(logits[:, -10:, first:first + CODES].reshape(-1, CODES), ref["labels"].reshape(-1).long(), reduction="none")
    loss = (losses * ref["weights"].reshape(-1)).mean()
    loss.backward()
    ref["loss"] = loss.detach().reshape(1)
    ref |= {"grad." + name.replace(".default", ""): p.grad for name, p in adapted.named_parameters() if p.grad is not None}
    return ref


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    vocab = make_tokenizer()
    model = make_model(vocab)
    save(model)
    g = torch.Generator().manual_seed(2)
    tokens = torch.randint(0, len(vocab) - 1, (2, 24), generator=g)
    mask = torch.ones_like(tokens)
    mask[0, :5] = 0
    ref = {"tokens": tokens.int(), "mask": mask.int(), "labels": torch.randint(0, CODES, (2, 10), generator=g).int(),
           "weights": torch.rand(2, 10, generator=g)}
    with torch.no_grad():
        ref["logits"] = model(input_ids=tokens).logits
        ref["logits_padded"] = model(input_ids=tokens, attention_mask=mask).logits
        ref["text_likelihoods"] = torch.log_softmax(ref["logits"], -1)[:, :-1].gather(2, tokens[:, 1:, None])[..., 0]
        text = model.generate(tokens[:, :8], attention_mask=torch.ones_like(tokens[:, :8]), max_new_tokens=12, do_sample=False,
                              eos_token_id=None, pad_token_id=256)
        ref["greedy_text"] = text[:, 8:].int()
        ref |= picture_reference(model, g) | prompt_reference(model)
    ref = adapted_reference(model, ref)
    save_file({k: v.contiguous() for k, v in ref.items()}, OUT / "reference.safetensors")
    print(f"{len(ref)} tensors, loss {ref['loss'].item():.6f}, torch {torch.__version__}")


main()
