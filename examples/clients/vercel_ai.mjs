// The Vercel AI SDK: whole, streamed, a tool, embeddings.
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { embedMany, generateText, streamText, tool } from "ai";
import { z } from "zod";

const millrace = createOpenAICompatible({
  name: "millrace",
  baseURL: process.env.OPENAI_BASE_URL ?? "http://127.0.0.1:8000/v1",
  apiKey: process.env.OPENAI_API_KEY ?? "none",
  includeUsage: true,
});
const model = millrace("smollm2-135m");

const answer = await generateText({ model, prompt: "What is the capital of France?", maxOutputTokens: 20, temperature: 0 });
console.log("chat:", answer.text);

const stream = streamText({ model, prompt: "What is the capital of France?", maxOutputTokens: 20, temperature: 0 });
let text = "";
for await (const part of stream.textStream) text += part;
console.log("stream:", text, (await stream.usage).outputTokens, "tokens");

const asked = await generateText({
  model,
  prompt: "What is the weather in Rome?",
  tools: {
    weather: tool({
      description: "The weather in a city.",
      inputSchema: z.object({ city: z.string().max(20) }),
    }),
  },
  toolChoice: { type: "tool", toolName: "weather" },
  maxOutputTokens: 60,
  temperature: 0,
});
console.log("tool:", asked.toolCalls[0].toolName, asked.toolCalls[0].input);

const { embeddings } = await embedMany({
  model: millrace.textEmbeddingModel("minilm-l6"),
  values: ["a cat", "a kitten"],
});
console.log("embeddings:", embeddings.length, "of", embeddings[0].length, "numbers");
