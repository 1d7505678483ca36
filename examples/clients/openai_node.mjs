// OpenAI's Node client: whole, streamed, a tool, embeddings.
import OpenAI from "openai";

const client = new OpenAI({
  baseURL: process.env.OPENAI_BASE_URL ?? "http://127.0.0.1:8000/v1",
  apiKey: process.env.OPENAI_API_KEY ?? "none",
});
const model = "smollm2-135m";
const messages = [{ role: "user", content: "What is the capital of France?" }];

const answer = await client.chat.completions.create({
  model,
  messages,
  max_tokens: 20,
  temperature: 0,
});
console.log("chat:", answer.choices[0].message.content);

let text = "";
const stream = await client.chat.completions.create({
  model,
  messages,
  max_tokens: 20,
  temperature: 0,
  stream: true,
});
for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? "";
console.log("stream:", text);

const asked = await client.chat.completions.create({
  model,
  messages: [{ role: "user", content: "What is the weather in Rome?" }],
  tools: [
    {
      type: "function",
      function: {
        name: "weather",
        description: "The weather in a city.",
        parameters: {
          type: "object",
          properties: { city: { type: "string", maxLength: 20 } },
          required: ["city"],
        },
      },
    },
  ],
  tool_choice: "required",
  parallel_tool_calls: false,
  max_tokens: 60,
  temperature: 0,
});
const call = asked.choices[0].message.tool_calls[0].function;
console.log("tool:", call.name, JSON.parse(call.arguments));

const vectors = await client.embeddings.create({ model: "minilm-l6", input: ["a cat", "a kitten"] });
console.log("embeddings:", vectors.data.length, "of", vectors.data[0].embedding.length, "numbers");
