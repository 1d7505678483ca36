#!/usr/bin/env bash
# A streamed answer as it comes over the wire. Needs `make run`.
# Usage: examples/stream.sh ["a question in plain words"]
set -euo pipefail

base_url="${OPENAI_BASE_URL:-http://127.0.0.1:8000/v1}"
question="${1:-Explain what a message queue is in one sentence.}"
question="${question//\\/\\\\}"

curl -sN "$base_url/chat/completions" \
  -H 'Content-Type: application/json' \
  -d '{
    "model": "smollm2-135m",
    "messages": [{"role": "user", "content": "'"${question//\"/\\\"}"'"}],
    "temperature": 0,
    "stream": true,
    "stream_options": {"include_usage": true}
  }'
