"""The families of models that run: our own, by the model_type of their checkpoints, and generic.

Here are their names alone, so that settings can be checked where no model can be loaded.
"""

# The class in the module touchline/models/families/{family}.py.
FAMILIES = {
    "llava_next_video": "LlavaNextVideo",
    "qwen2_5_vl": "Qwen25VL",
    "qwen3_vl": "Qwen3VL",
}

# Any checkpoint that transformers loads, through the library's own generate.
GENERIC = "generic"

# A model behind an OpenAI-compatible endpoint, which is asked and not loaded.
SERVER = "server"
