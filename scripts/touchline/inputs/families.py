"""Names of the model families that can run.

This module contains only names, so that settings can be checked without the packages of models.
"""

# Class names by family. The class is in the module touchline/models/families/{family}.py.
FAMILIES = {
    "llava_next_video": "LlavaNextVideo",
    "qwen2_5_vl": "Qwen25VL",
    "qwen3_vl": "Qwen3VL",
}

# Any checkpoint that transformers loads. It runs through the generate method of transformers.
GENERIC = "generic"

# A model behind an OpenAI-compatible endpoint. It is not loaded here.
SERVER = "server"
