#!/usr/bin/env bash
# The command `llm`: whole, and streamed into a pipe. Needs `pip install llm`.
set -euo pipefail

base_url="${OPENAI_BASE_URL:-http://127.0.0.1:8000/v1}"
export LLM_USER_PATH="${LLM_USER_PATH:-$(mktemp -d)}"
cat >"$LLM_USER_PATH/extra-openai-models.yaml" <<YAML
- model_id: millrace
  model_name: smollm2-135m
  api_base: $base_url
  api_key_name: millrace
YAML

key="${OPENAI_API_KEY:-none}"
echo "chat: $(llm -m millrace --key "$key" --no-stream -o max_tokens 20 -o temperature 0 'What is the capital of France?')"
echo "stream: $(llm -m millrace --key "$key" -o max_tokens 20 -o temperature 0 'What is the capital of France?')"
