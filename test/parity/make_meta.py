"""Writes test/parity/reference/meta/: two tiny random Chameleons in Meta's layout (7b in one file, 30b in two model-parallel
ones with grouped keys and norms after the sublayers), and the logits and image codes of what transformers' own conversion
makes of them. Needs transformers' conversion script, which its wheels had until 4.46:

    pip install -r test/parity/requirements.txt accelerate pyyaml requests
    pip download --no-deps transformers==4.46.3
    python test/parity/make_meta.py transformers-4.46.3-py3-none-any.whl
"""

import gzip
import importlib.util
import json
import pathlib
import sys
import tempfile
import zipfile

import torch
from safetensors.torch import save_file
from transformers import ChameleonForConditionalGeneration

OUT = pathlib.Path(__file__).parent / "reference" / "meta"
CODES, FIRST, VOCAB = 64, 4, 96
SCRIPT = "transformers/models/chameleon/convert_chameleon_weights_to_hf.py"
CONFIG = """model:
  target: taming.models.vqgan.VQModel
  params:
    ckpt_path: null
    embed_dim: 8
    n_embed: 64
    ddconfig:
      {double_z: false, z_channels: 16, resolution: 32, in_channels: 3, out_ch: 3, ch: 32, ch_mult: [1, 1],
       num_res_blocks: 1, attn_resolutions: [8], dropout: 0.0}
    lossconfig: {target: taming.modules.losses.DummyLoss}
"""


class Stop(Exception):
    pass


def ternary(*shape, scale):
    """Weights of -1, 0 and 1 times a scale: random, and small once compressed."""
    return torch.randint(-1, 2, shape) * scale


def rank_weights(dim, heads, keys, ffn, layers, ranks):
    head = dim // heads
    norm = lambda size: 1 + 0.25 * torch.randint(-2, 3, (size,))
    state = {"tok_embeddings.weight": ternary(VOCAB, dim // ranks, scale=0.5), "norm.weight": norm(dim),
             "output.weight": ternary(VOCAB // ranks, dim, scale=0.25), "rope.freqs": torch.ones(head // 2)}
    for i in range(layers):
        matrices = {"attention.wq": (dim // ranks, dim), "attention.wk": (keys * head // ranks, dim), "attention.wv": (keys * head // ranks, dim),
                    "attention.wo": (dim, dim // ranks), "feed_forward.w1": (ffn // ranks, dim), "feed_forward.w3": (ffn // ranks, dim),
                    "feed_forward.w2": (dim, ffn // ranks)}
        state |= {f"layers.{i}.{name}.weight": ternary(*shape, scale=0.25) for name, shape in matrices.items()}
        for name in "qk":
            state[f"layers.{i}.attention.{name}_normalization.weight"] = norm(head)
            state[f"layers.{i}.attention.{name}_normalization.bias"] = norm(head) - 1
        state |= {f"layers.{i}.attention_norm.weight": norm(dim), f"layers.{i}.ffn_norm.weight": norm(dim)}
    return {name: tensor.bfloat16() for name, tensor in state.items()}


def vqgan_weights():
    """All of the VQGAN, decoder and a tensor of its training's loss included; transformers' model gives the encoder's shapes."""
    w = {}

    def conv(name, cin, cout, k):
        w[f"{name}.weight"], w[f"{name}.bias"] = ternary(cout, cin, k, k, scale=(cin * k * k) ** -0.5), ternary(cout, scale=0.25)

    def norm(name):
        w[f"{name}.weight"], w[f"{name}.bias"] = 1 + ternary(32, scale=0.25), ternary(32, scale=0.25)

    def block(name):
        norm(f"{name}.norm1"), conv(f"{name}.conv1", 32, 32, 3), norm(f"{name}.norm2"), conv(f"{name}.conv2", 32, 32, 3)

    def middle(name):
        block(f"{name}.block_1"), block(f"{name}.block_2"), norm(f"{name}.attn_1.norm")
        for part in ["q", "k", "v", "proj_out"]:
            conv(f"{name}.attn_1.{part}", 32, 32, 1)

    conv("encoder.conv_in", 3, 32, 3), block("encoder.down.0.block.0"), conv("encoder.down.0.downsample.conv", 32, 32, 3)
    block("encoder.down.1.block.0"), middle("encoder.mid"), norm("encoder.norm_out"), conv("encoder.conv_out", 32, 16, 3)
    conv("quant_conv", 16, 8, 1), conv("post_quant_conv", 8, 16, 1)
    w["quantize.embedding.weight"] = torch.randn(CODES, 8)
    conv("decoder.conv_in", 16, 32, 3), middle("decoder.mid")
    for level in [0, 1]:
        block(f"decoder.up.{level}.block.0"), block(f"decoder.up.{level}.block.1")
    conv("decoder.up.1.upsample.conv", 32, 32, 3), norm("decoder.norm_out"), conv("decoder.conv_out", 32, 3, 3)
    w["loss.logvar"] = torch.zeros(1)
    return w


def tokenizer():
    image = lambda code: "IMGIMG" + "".join(chr(65 + int(digit)) for digit in str(code)) + "Z"
    special = ["<s>", "<pad>", "</s>", "<unk>", *(image(code) for code in range(CODES)), "<eoss>", "<racm3:break>", "<reserved08706>", "<reserved08707>"]
    added = [dict(id=i, content=token, single_word=False, lstrip=False, rstrip=False, normalized=False, special=True) for i, token in enumerate(special)]
    letters = [*"abcdefghijklmnopqrs", "Ġ", "Ġa"]
    vocab = {token: i for i, token in enumerate([*special, *letters])}
    level = dict(type="ByteLevel", add_prefix_space=True, trim_offsets=True, use_regex=True)
    model = dict(type="BPE", dropout=None, unk_token=None, fuse_unk=False, byte_fallback=False, vocab=vocab, merges=["Ġ a"])
    return dict(version="1.0", truncation=None, padding=None, added_tokens=added, normalizer=None, pre_tokenizer=level, post_processor=None,
                decoder=level, model=model)


def write_meta(folder):
    (folder / "tokenizer").mkdir(parents=True)
    torch.manual_seed(5)
    shapes = dict(dim=32, n_layers=2, n_heads=4, norm_eps=1e-5, multiple_of=16, qk_normalization=True)
    for name, ranks, more in [("7b", 1, dict(swin_norm=False)), ("30b", 2, dict(swin_norm=True, n_kv_heads=2))]:
        models = folder / "models" / name
        models.mkdir(parents=True)
        (models / "params.json").write_text(json.dumps({"model": shapes | more, "model_parallel_size": 8}))
        (models / "consolidate_params.json").write_text(json.dumps({"model_parallel_size": ranks}))
        for rank in range(ranks):
            state = rank_weights(32, 4, more.get("n_kv_heads", 4), 96, 2, ranks)
            torch.save(state, models / f"consolidated.{rank:02d}.pth")
    lightning = {"epoch": 0, "global_step": 190000, "pytorch-lightning_version": "1.9.0", "state_dict": vqgan_weights(), "lr_schedulers": [],
                 "optimizer_states": [{"state": {}, "param_groups": [{"lr": 4.5e-6, "betas": (0.5, 0.9), "params": [0, 1]}]}]}
    torch.save(lightning, folder / "tokenizer" / "vqgan.ckpt")
    (folder / "tokenizer" / "vqgan.yaml").write_text(CONFIG)
    (folder / "tokenizer" / "text_tokenizer.json").write_text(json.dumps(tokenizer()))


def conversion_script(wheel, folder):
    """transformers' own conversion, its constants for this size, stopped where it would go on to the processor."""
    path = folder / "convert.py"
    path.write_bytes(zipfile.ZipFile(wheel).read(SCRIPT))
    spec = importlib.util.spec_from_file_location("convert", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.NUM_SHARDS, module.VOCAB_SIZE = {"7B": 1, "30B": 2}, VOCAB

    def stop(*_, **__):
        raise Stop

    module.LlamaTokenizerFast = stop
    return module


def record(module, meta, out):
    tokens = torch.randint(0, VOCAB, (1, 24), generator=torch.Generator().manual_seed(6))
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(7)) * 2 - 1
    ref = {"tokens": tokens.int(), "images": images.permute(0, 2, 3, 1).contiguous()}
    for size in ["7B", "30B"]:
        try:
            module.write_model(out / size, meta, size)
        except Stop:
            pass
        model = ChameleonForConditionalGeneration.from_pretrained(out / size, dtype=torch.float32, attn_implementation="eager").eval()
        with torch.no_grad():
            ref[f"logits_{size.lower()}"] = model.lm_head(model.model(input_ids=tokens).last_hidden_state)
            ref["codes"] = model.model.vqmodel.encode(images).image_tokens.reshape(2, -1).int()
    return ref


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        write_meta(folder / "meta")
        for path in sorted((folder / "meta").rglob("*")):
            if path.is_file():
                target = OUT / f"{path.relative_to(folder / 'meta')}.gz"
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(gzip.compress(path.read_bytes(), mtime=0))
        ref = record(conversion_script(sys.argv[1], folder), str(folder / "meta"), folder)
        save_file(ref, OUT / "reference.safetensors")
        size = sum(path.stat().st_size for path in OUT.rglob("*") if path.is_file())
        print(f"{size} bytes, codes {ref['codes'].unique().numel()} of {CODES}, largest logit {ref['logits_7b'].abs().max():.2f}")


main()
