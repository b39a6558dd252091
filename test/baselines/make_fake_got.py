"""Writes a stand-in of GoT's checkout and of the libraries below it: the names, arguments and folders that the runner meets, no models.
The class's signatures are those of got/models/got_model.py (rongyaofang/GoT); its copy of the source stands for a picture."""

import json
import pathlib
import sys

checkout, libraries = (pathlib.Path(path) for path in sys.argv[1:])

FILES = {
    libraries / "torch.py": """
import json, os
bfloat16 = "bfloat16"
seeds = []
class Tensor:
    def __init__(self, name): self.name = name
    def data_ptr(self): return self.name
def load(path, map_location, weights_only):
    assert weights_only and map_location == "cpu"
    return {name: Tensor(name) for name in json.load(open(path)) if name != os.environ["LACKS"]}
def manual_seed(seed): seeds.append(seed)
def no_grad(): return lambda function: function
""",
    libraries / "PIL/__init__.py": "",
    libraries / "PIL/Image.py": """
import shutil
class Image:
    def __init__(self, path): self.path = path
    def convert(self, mode): return self
    def save(self, path): shutil.copyfile(self.path, path)
open = Image
""",
    libraries / "PIL/ImageOps.py": "def exif_transpose(image): return image",
    libraries / "diffusers.py": """
class Part:
    @classmethod
    def from_pretrained(cls, folder, subfolder):
        assert folder.name == "stable-diffusion-xl-base-1.0"
        return (cls.__name__, subfolder)
class AutoencoderKL(Part): pass
class UNet2DConditionModel(Part): pass
class DDPMScheduler(Part): pass
""",
    libraries / "transformers.py": """
class Qwen2_5_VLForConditionalGeneration:
    @classmethod
    def from_pretrained(cls, folder, torch_dtype):
        assert folder.name == "Qwen2.5-VL-3B-Instruct" and torch_dtype == "bfloat16"
        return cls()
    def resize_token_embeddings(self, count): self.count = count
""",
    checkout / "got/processer/qwen25_vl_processor.py": """
class Tokenizer:
    def __init__(self, added): self.names = [*range(151665), *added]
    def __len__(self): return len(self.names)
    def convert_tokens_to_ids(self, token): return self.names.index(token)
class Processor:
    def __init__(self, added): self.tokenizer = Tokenizer(added)
def get_processor(model_name, add_gen_token_num=64):
    assert model_name.name == "Qwen2.5-VL-3B-Instruct"
    return Processor(["<|im_gen_start|>", "<|im_gen_end|>", *(f"<|im_gen_{i:04d}|>" for i in range(add_gen_token_num))])
""",
    checkout / "got/models/projector.py": """
class LinearProjector:
    def __init__(self, in_hidden_size, out_hidden_size): self.sizes = in_hidden_size, out_hidden_size
""",
    checkout / "got/models/got_model.py": """
import torch
class GenCot:
    def __init__(self, mllm, output_projector, output_projector_add, scheduler, vae, unet, processor,
                 num_img_out_tokens=64, img_gen_start_id=151667, box_start_id=151648, box_end_id=151649):
        assert mllm.count == len(processor.tokenizer) and img_gen_start_id == 151667 and num_img_out_tokens == 64
        assert output_projector.sizes == (2048, 2048) and output_projector_add.sizes == (2048, 1280)
        assert [vae[1], unet[1], scheduler[1]] == ["vae", "unet", "scheduler"]
        self.state = {name: torch.Tensor(name) for name in ["mllm.weight", "unet.weight", "vae.weight"]}
    def state_dict(self): return self.state
    def load_state_dict(self, state, strict): assert not strict
    def to(self, device, dtype): return self
    def eval(self): return self
    def generate(self, text_input, image=None, max_new_tokens=1024, num_inference_steps=50, guidance_scale=7.5, image_guidance_scale=1.0,
                 cond_image_guidance_scale=4.0, height=1024, width=1024, prompt_type="t2i", random_seed=42):
        assert prompt_type == "edit" and random_seed == torch.seeds[-1] and len(set(torch.seeds)) == len(torch.seeds)
        return {"got_text": "", "images": [] if text_input.startswith("put 2") else [image]}
""",
    checkout / "pretrained/GoT-6B/pytorch_model.bin.index.json":
        json.dumps({"weight_map": {"mllm.weight": "1.bin", "unet.weight": "2.bin"}}),
    checkout / "pretrained/GoT-6B/1.bin": '["mllm.weight"]',
    checkout / "pretrained/GoT-6B/2.bin": '["unet.weight"]',
}

for path, text in FILES.items():
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
