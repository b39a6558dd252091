"""Writes test/parity/reference/: a tiny random Chameleon, a PEFT adapter, and what transformers, PEFT, PyTorch and
Pillow compute from them. Run by hand: pip install -r test/parity/requirements.txt; python test/parity/make_reference.py"""

import pathlib

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import save_file
from transformers import ChameleonConfig, ChameleonForConditionalGeneration

OUT = pathlib.Path(__file__).parent / "reference"
CODES, FIRST, VOCAB = 64, 4, 96
PROJECTIONS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def image_name(code):
    return "IMGIMG" + "".join(chr(65 + int(digit)) for digit in str(code)) + "Z"


def make_model(swin_norm):
    vocabulary = {image_name(code): FIRST + code for code in range(CODES)} | {"<image>": VOCAB - 1}
    config = ChameleonConfig(
        vocab_size=VOCAB, hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=512, swin_norm=swin_norm, vocabulary_map=vocabulary,
        attn_implementation="eager",
        vq_config=dict(embed_dim=8, num_embeddings=CODES, base_channels=32, channel_multiplier=[1, 2], num_res_blocks=1,
                       resolution=32, latent_channels=16, attn_type="vanilla"))
    torch.manual_seed(0)
    model = ChameleonForConditionalGeneration(config).eval()
    with torch.no_grad():
        for name, p in model.named_parameters():  # far from the initial values, so that every weight shows
            p.add_(torch.randn_like(p) * (0.1 if "norm" in name else 0.06))
        model.model.vqmodel.quantize.embedding.weight.normal_(0, 1)
    return model


def decoder_weights():
    """Random weights of a decoder with the encoder's shape."""
    torch.manual_seed(1)
    w = {}

    def conv(name, cin, cout, k):
        w[f"{name}.weight"], w[f"{name}.bias"] = torch.randn(cout, cin, k, k) * (cin * k * k) ** -0.5, torch.randn(cout) * 0.1

    def norm(name, c):
        w[f"{name}.weight"], w[f"{name}.bias"] = 1 + 0.1 * torch.randn(c), 0.1 * torch.randn(c)

    def block(name, cin, cout):
        norm(f"{name}.norm1", cin), conv(f"{name}.conv1", cin, cout, 3), norm(f"{name}.norm2", cout)
        conv(f"{name}.conv2", cout, cout, 3)
        if cin != cout:
            conv(f"{name}.nin_shortcut", cin, cout, 1)

    conv("decoder.conv_in", 16, 64, 3)
    block("decoder.mid.block_1", 64, 64), block("decoder.mid.block_2", 64, 64), norm("decoder.mid.attn_1.norm", 64)
    for part in ["q", "k", "v", "proj_out"]:
        conv(f"decoder.mid.attn_1.{part}", 64, 64, 1)
    block("decoder.up.1.block.0", 64, 64), block("decoder.up.1.block.1", 64, 64), conv("decoder.up.1.upsample.conv", 64, 64, 3)
    block("decoder.up.0.block.0", 64, 32), block("decoder.up.0.block.1", 32, 32)
    norm("decoder.norm_out", 32), conv("decoder.conv_out", 32, 3, 3)
    return w


def decode(w, z):
    """The VQGAN's decoder, written down from its description (Esser et al. 2021; Chameleon's vqgan.yaml)."""
    conv = lambda name, x: F.conv2d(x, w[f"{name}.weight"], w[f"{name}.bias"], padding=w[f"{name}.weight"].shape[-1] // 2)
    norm = lambda name, x: F.group_norm(x, 32, w[f"{name}.weight"], w[f"{name}.bias"], 1e-6)

    def block(name, x):
        h = conv(f"{name}.conv1", F.silu(norm(f"{name}.norm1", x)))
        h = conv(f"{name}.conv2", F.silu(norm(f"{name}.norm2", h)))
        return h + (conv(f"{name}.nin_shortcut", x) if f"{name}.nin_shortcut.weight" in w else x)

    def attention(name, x):
        n, c, height, width = x.shape
        h = norm(f"{name}.norm", x)
        q, k, v = (conv(f"{name}.{part}", h).reshape(n, c, -1) for part in "qkv")
        p = torch.softmax(q.transpose(1, 2) @ k * c ** -0.5, -1)
        return x + conv(f"{name}.proj_out", (v @ p.transpose(1, 2)).reshape(n, c, height, width))

    x = conv("decoder.conv_in", conv("post_quant_conv", z))
    x = block("decoder.mid.block_2", attention("decoder.mid.attn_1", block("decoder.mid.block_1", x)))
    x = block("decoder.up.1.block.1", block("decoder.up.1.block.0", x))
    x = conv("decoder.up.1.upsample.conv", F.interpolate(x, scale_factor=2.0, mode="nearest"))
    x = block("decoder.up.0.block.1", block("decoder.up.0.block.0", x))
    return conv("decoder.conv_out", F.silu(norm("decoder.norm_out", x)))


def unmasked(model, tokens, mask=None):
    """Logits before forward() hides the image tokens."""
    base = model.get_base_model() if isinstance(model, PeftModel) else model
    return base.lm_head(base.model(input_ids=tokens, attention_mask=mask).last_hidden_state)


def main():
    OUT.mkdir(exist_ok=True)
    model = make_model(False)
    decoder = decoder_weights()
    state = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    save_file(state | {f"model.vqmodel.{k}": v for k, v in decoder.items()}, OUT / "model.safetensors", {"format": "pt"})
    model.config.save_pretrained(OUT)
    ref = {}
    g = torch.Generator().manual_seed(2)
    tokens = torch.randint(0, VOCAB - 1, (2, 24), generator=g)
    mask = torch.ones_like(tokens)
    mask[0, :5] = 0
    labels = torch.randint(0, CODES, (2, 10), generator=g)
    weights = torch.rand(2, 10, generator=g)
    with torch.no_grad():
        ref |= {"tokens": tokens.int(), "mask": mask.int(), "labels": labels.int(), "weights": weights}
        ref["logits"] = unmasked(model, tokens)
        ref["logits_masked"] = model(input_ids=tokens).logits
        ref["logits_padded"] = unmasked(model, tokens, mask)
        ref["text_likelihoods"] = torch.log_softmax(ref["logits"], -1)[:, :-1].gather(2, tokens[:, 1:, None])[..., 0]
        drawn = tokens[:, :8].clone()
        for _ in range(12):  # the likeliest image token, again and again
            image = unmasked(model, drawn)[:, -1, FIRST:FIRST + CODES].argmax(-1, keepdim=True) + FIRST
            drawn = torch.cat([drawn, image], 1)
        ref["greedy_images"] = drawn[:, 8:].int()
        text = model.generate(tokens[:, :8], attention_mask=torch.ones_like(tokens[:, :8]), max_new_tokens=12, do_sample=False,
                              eos_token_id=None, pad_token_id=1)
        ref["greedy_text"] = text[:, 8:].int()
        swin = make_model(True)
        swin.load_state_dict(model.state_dict())
        ref["logits_swin"] = unmasked(swin, tokens)

        images = torch.rand(10, 3, 32, 32, generator=g) * 2 - 1
        images[5:] = F.interpolate(images[5:, :, ::8, ::8], scale_factor=8.0, mode="bilinear")  # smooth ones too
        vq = model.model.vqmodel
        features = vq.quant_conv(vq.encoder(images))
        ref |= {"images": images.permute(0, 2, 3, 1).contiguous(), "features": features.permute(0, 2, 3, 1).contiguous()}
        ref["codes"] = vq.encode(images).image_tokens.reshape(10, -1).int()
        vectors = vq.quantize.embedding(ref["codes"][:2].long()).reshape(2, 16, 16, -1).permute(0, 3, 1, 2)
        all_weights = decoder | {"post_quant_conv.weight": state["model.vqmodel.post_quant_conv.weight"], "post_quant_conv.bias": state["model.vqmodel.post_quant_conv.bias"]}
        ref["decoded"] = decode(all_weights, vectors).permute(0, 2, 3, 1).contiguous()

    torch.manual_seed(3)
    adapted = get_peft_model(model, LoraConfig(r=4, lora_alpha=8, lora_dropout=0.0, target_modules=PROJECTIONS, task_type="CAUSAL_LM"))
    for name, p in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(p, 0, 0.1)
    adapted.save_pretrained(OUT / "adapter")
    (OUT / "adapter" / "README.md").unlink(missing_ok=True)
    logits = unmasked(adapted, tokens)
    ref["logits_lora"] = logits.detach()
    image_logits = logits[:, -10:, FIRST:FIRST + CODES]
    losses = F.cross_entropy(image_logits.reshape(-1, CODES), labels.reshape(-1).long(), reduction="none")
    loss = (losses * weights.reshape(-1)).mean()
    loss.backward()
    ref["loss"] = loss.detach().reshape(1)
    for name, p in adapted.named_parameters():
        if p.grad is not None:
            ref["grad." + name.replace(".default", "")] = p.grad
    text_labels = torch.where((tokens >= FIRST) & (tokens < FIRST + CODES), -100, tokens)
    ref["text_labels"], ref["text_loss"] = text_labels.int(), adapted(input_ids=tokens, labels=text_labels).loss.detach().reshape(1)

    pixels = np.random.default_rng(4).integers(0, 256, (37, 53, 3), dtype=np.uint8)
    ref["pixels"] = torch.from_numpy(pixels)
    for kernel, flag in [("lanczos", Image.LANCZOS), ("bicubic", Image.BICUBIC), ("bilinear", Image.BILINEAR)]:
        for width, height in [(20, 14), (64, 64), (53, 90), (7, 37)]:
            resized = np.asarray(Image.fromarray(pixels).resize((width, height), flag))
            ref[f"{kernel}.{width}x{height}"] = torch.from_numpy(resized.copy())
    save_file({k: v.contiguous() for k, v in ref.items()}, OUT / "reference.safetensors")
    print(f"{len(ref)} tensors, loss {loss.item():.6f}, text loss {ref['text_loss'].item():.6f}, torch {torch.__version__}")


main()
