"""Writes test/parity/reference/janus/: a tiny random Janus, a PEFT adapter, and what transformers, PEFT and PyTorch compute
from them. Run by hand: pip install -r test/parity/requirements.txt; python test/parity/make_janus.py"""

import pathlib

import torch
import torch.nn.functional as F
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from transformers import JanusConfig, JanusForConditionalGeneration

OUT = pathlib.Path(__file__).parent / "reference" / "janus"
CODES, SIDE, VOCAB, PLACES = 64, 8, 96, 16
PLACEHOLDER = VOCAB - 1
PROJECTIONS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def make_model():
    text = dict(model_type="llama", vocab_size=VOCAB, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
                num_key_value_heads=4, max_position_embeddings=512, tie_word_embeddings=False, attn_implementation="eager")
    vision = dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=4, image_size=SIDE, patch_size=2, mlp_ratio=2.0, projection_dim=32,
                  depth=2, num_image_tokens=PLACES)
    vq = dict(embed_dim=8, num_embeddings=CODES, latent_channels=16, base_channels=32, channel_multiplier=[1, 1], num_res_blocks=1,
              projection_dim=32, image_token_embed_dim=32, num_hidden_layers=2)
    config = JanusConfig(text_config=text, vision_config=vision, vq_config=vq, image_token_id=PLACEHOLDER, tie_word_embeddings=False,
                         attn_implementation="eager")
    torch.manual_seed(0)
    model = JanusForConditionalGeneration(config).eval()
    with torch.no_grad():
        for name, p in model.named_parameters():  # far from the initial values, so that every weight shows
            p.add_(torch.randn_like(p) * (0.1 if "norm" in name or "vqmodel" in name else 0.06))
        model.model.vqmodel.quantize.embedding.weight.normal_(0, 1)
        model.model.generation_embeddings.weight.normal_(0, 1)
        for p in model.parameters():
            p.copy_(p.bfloat16().float())  # stored in half the bytes
    return model


def hidden_states(model, tokens):
    """Ids from the vocabulary's end on are image codes, which have embeddings of their own."""
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    text = base.get_input_embeddings()(tokens.clamp(max=VOCAB - 1))
    image = base.prepare_embeddings_for_image_generation((tokens - VOCAB).clamp(min=0))
    embeds = torch.where((tokens < VOCAB)[..., None], text, image)
    return base.model.language_model(inputs_embeds=embeds).last_hidden_state


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    model = make_model()
    save_file({name: t.bfloat16().contiguous() for name, t in model.state_dict().items()}, OUT / "model.safetensors", {"format": "pt"})
    model.config.save_pretrained(OUT)
    g = torch.Generator().manual_seed(2)
    tokens = torch.randint(0, VOCAB - 1, (2, 24), generator=g)
    seen = tokens.clone()
    seen[:, 3:3 + PLACES] = PLACEHOLDER
    drawn = tokens.clone()
    drawn[:, 8:] = VOCAB + torch.randint(0, CODES, (2, 16), generator=g)
    images = torch.rand(6, 3, SIDE, SIDE, generator=g) * 2 - 1
    last = lambda x: x.permute(0, 2, 3, 1).contiguous()
    ref = {"tokens": tokens.int(), "seen": seen.int(), "drawn": drawn.int(), "images": last(images),
           "labels": torch.randint(0, CODES, (2, 10), generator=g).int(), "weights": torch.rand(2, 10, generator=g)}
    with torch.no_grad():
        ref["logits"] = model(input_ids=tokens).logits
        ref["understood"] = model.model.get_image_features(images[:2]).pooler_output
        ref["logits_seen"] = model(input_ids=seen, pixel_values=images[:2]).logits
        ref["image_logits"] = model.model.generation_head(hidden_states(model, drawn))
        vq = model.model.vqmodel
        ref["features"] = last(vq.quant_conv(vq.encoder(images)))
        ref["codes"] = vq.encode(images).image_tokens.reshape(6, -1).int()
        ref["decoded"] = last(vq.decode(ref["codes"][:2].long()))

    torch.manual_seed(3)
    adapted = get_peft_model(model, LoraConfig(r=4, lora_alpha=8, lora_dropout=0.0, task_type="CAUSAL_LM",
                                               target_modules=PROJECTIONS,
                                               exclude_modules=".*(vqmodel|vision_model).*"))
    for name, p in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(p, 0, 0.1)
    adapted.save_pretrained(OUT / "adapter")
    (OUT / "adapter" / "README.md").unlink(missing_ok=True)
    logits = model.model.generation_head(hidden_states(adapted, drawn))[:, -10:]
    losses = F.cross_entropy(logits.reshape(-1, CODES), ref["labels"].reshape(-1).long(), reduction="none")
    loss = (losses * ref["weights"].reshape(-1)).mean()
    loss.backward()
    ref["loss"] = loss.detach().reshape(1)
    ref |= {"grad." + name.replace(".default", ""): p.grad for name, p in adapted.named_parameters() if p.grad is not None}
    save_file({k: v.contiguous() for k, v in ref.items()}, OUT / "reference.safetensors")
    print(f"{len(ref)} tensors, loss {ref['loss'].item():.6f}, torch {torch.__version__}")


main()
